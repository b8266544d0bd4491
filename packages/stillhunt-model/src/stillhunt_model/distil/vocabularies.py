"""Whether teacher and student speak the same tokens."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt import ConfigError
from stillhunt.tools import shorten
from stillhunt_model.nets.net import Net
from stillhunt_model.training.pairs import EncodedPair


def vocabulary_difference(teacher: Net, student: Net) -> str:
    """How two vocabularies differ, in words; empty where they do not."""
    here, there = student.tokenizer.get_vocab(), teacher.tokenizer.get_vocab()
    if here == there:
        return ""
    if len(here) != len(there):
        return f"the teacher has {len(there):,} tokens, the student {len(here):,}"
    token = min(token for token in there if here.get(token) != there[token])
    other = f"token {here[token]:,}" if token in here else "none of its tokens"
    return f"{shorten(repr(token), 30)} is token {there[token]:,} of the teacher and {other} of the student"


def check_vocabularies(teacher: Net, student: Net, *, rows: bool = False) -> None:
    """Refuse to compare logits over different vocabularies.

    Args:
        rows: the models must also have the same number of rows, as TRL asks.

    Raises:
        ConfigError: the vocabularies differ.
    """
    difference = vocabulary_difference(teacher, student)
    sizes = [one.model.get_output_embeddings().weight.shape[0] for one in (teacher, student)]
    if not difference and rows and sizes[0] != sizes[1]:
        difference = f"the teacher's model has {sizes[0]:,} rows for tokens, the student's {sizes[1]:,}"
    if difference:
        raise ConfigError(
            f"teacher and student speak different vocabularies, so that their logits cannot be compared: {difference}",
            next_step="distil at sequence level, which needs no common vocabulary, or take a student with the "
            "teacher's tokenizer",
            command_step="use --method sequence, which needs no common vocabulary, or a student with the teacher's "
            "tokenizer, such as --student tiny",
        )


def check_lengths(teacher: Net, encoded: Sequence[EncodedPair]) -> None:
    """Refuse answers that are too long for the teacher.

    Raises:
        ConfigError: one is longer than what the teacher takes.
    """
    longest = max(len(one.tokens) for one in encoded)
    if longest > teacher.longest:
        raise ConfigError(
            f"a prompt with its answer has {longest:,} tokens, and the teacher takes {teacher.longest:,}",
            next_step="leave out the longest rows",
        )
