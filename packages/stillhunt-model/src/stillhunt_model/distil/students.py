"""The student before it learns, and whether it speaks the teacher's tokens."""

import copy
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from stillhunt import ConfigError
from stillhunt.tools import shorten
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
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

    `rows`: the models must also have the same number of rows, as TRL asks. Raises ConfigError: the vocabularies differ.
    """
    difference = vocabulary_difference(teacher, student)
    sizes = [one.model.get_output_embeddings().weight.shape[0] for one in (teacher, student)]
    if not difference and rows and sizes[0] != sizes[1]:
        difference = f"the teacher's model has {sizes[0]:,} rows for tokens, the student's {sizes[1]:,}"
    if difference:
        raise ConfigError(
            f"teacher and student speak different vocabularies, so that their logits cannot be compared: {difference}",
            next_step="store the likeliest tokens, or distil at sequence level, or take a student with the teacher's "
            "tokenizer",
            command_step="use --method logits with --top-logits 20, or --method sequence, or a student with the "
            "teacher's tokenizer, such as --student tiny",
        )


def check_lengths(teacher: Net, encoded: Sequence[EncodedPair]) -> None:
    """Refuse answers that are too long for the teacher.

    Raises ConfigError: one is longer than what the teacher takes.
    """
    longest = max(len(one.tokens) for one in encoded)
    if longest > teacher.longest:
        raise ConfigError(
            f"a prompt with its answer has {longest:,} tokens, and the teacher takes {teacher.longest:,}",
            next_step="leave out the longest rows",
        )


_SHAPE = re.compile(r"tiny(?::(\d+)x(\d+))?", re.ASCII)
_WIDEST, _DEEPEST = 9999, 99
_WIDTH, _LAYERS, _HEAD = 64, 2, 16
_LONGEST = 1024
"""Most tokens of prompt and answer of a tiny student; its memory grows with them only where they are used."""
_DIGITS = 9
"""Of a number in a shape; longer ones are too large whatever they are."""
_BLOCK = 1 << 20


def new_student(wanted: str, teacher: Net | None, seed: int) -> Net:
    """A student that has learned nothing from the teacher yet.

    Args:
        wanted: `tiny`, `tiny:WIDTHxLAYERS`, or a model folder or GGUF file.
        teacher: whose tokens a tiny student has; None for one token for each byte.

    Raises:
        ConfigError: the shape is not one.
        InputError: the folder holds no model.
    """
    shape = _SHAPE.fullmatch(wanted)
    if shape is None:
        return load_net(Path(wanted), "student")
    numbers = (shape[1], shape[2]) if shape[1] else (str(_WIDTH), str(_LAYERS))
    width, layers = (int(one) if len(one) <= _DIGITS else _WIDEST + 1 for one in numbers)
    if not 1 <= layers <= _DEEPEST or not _HEAD <= width <= _WIDEST or width % _HEAD:
        noun = "layer" if numbers[1] == "1" else "layers"
        raise ConfigError(
            f"a tiny student of width {numbers[0][:_DIGITS]} and {numbers[1][:_DIGITS]} {noun} cannot be built",
            next_step=f"name a width that is a multiple of {_HEAD} and at most {_WIDEST:,}, and 1 to {_DEEPEST} "
            "layers, such as tiny:64x2",
        )
    longest, tokenizer = (_LONGEST, byte_tokenizer()) if teacher is None else (teacher.longest, teacher.tokenizer)
    return tiny_net(TinySize(width, layers, width // _HEAD, min(_LONGEST, longest)), tokenizer, seed, "student")


def copy_of(net: Net, name: str) -> Net:
    """The same model with weights of its own."""
    return Net(copy.deepcopy(net.model), net.tokenizer, name)


def model_hash(path: Path) -> str:
    """SHA-256 over the weights and the configuration of a model folder or GGUF file."""
    digest = hashlib.sha256()
    files = [path] if path.is_file() else sorted([*path.glob("*.safetensors"), *path.glob("*.json")])
    for file in files:
        digest.update(f"{file.name if path.is_dir() else ''}:{file.stat().st_size};".encode())
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def weights_hash(net: Net) -> str:
    """SHA-256 over the weights of a model as it is now."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()
