"""Tokens of replies that may be scored under a key: each pair of context and token once, and none that was shown.

The trap that this avoids: a model that repeats one green pair of tokens a thousand times, or that copies what stood in
the question, looks guilty to whoever counts each repetition (Sander et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.hashing import Tokens


def distinct_tokens(gate: Gate, replies: Iterable[tuple[str, str, str]], width: int) -> tuple[Tokens, Tokens]:
    """Distinct pairs of context and token that a suspect wrote, of tokens on which a mark may have acted.

    A context that was shown in the question is left out with whatever followed: what a marked text shows of a context
    says which of its tokens are green. Under the null hypothesis, that the suspect knows nothing of the key, the key's
    numbers of all pairs that remain are independent and uniform.

    Args:
        gate: of the teacher's tokenizer, in whose tokens marks are.
        replies: prompt, beginning, and how the suspect went on.
        width: tokens of a context; all of them are of the answer.

    Returns:
        Contexts, rows x width, and the token after each, sorted.
    """
    found: set[tuple[int, ...]] = set()
    plain = gate.plain.tolist()
    for prompt, begun, reply in replies:
        glue = " " if begun and reply and not reply[0].isspace() else ""
        encoded = gate.tokenizer(begun + glue + reply, add_special_tokens=False, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        # A token that reaches over the edge counts as shown.
        edge = sum(start < len(begun) for start, _ in encoded["offset_mapping"])
        before = gate.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        shown = _windows(before, width) | _windows(ids[:edge], width)
        for place in range(max(edge, width), len(ids)):
            context = tuple(ids[place - width : place])
            if plain[ids[place]] and context not in shown:
                found.add((*context, ids[place]))
    rows = np.array(sorted(found), dtype=np.int64).reshape(len(found), width + 1)
    return rows[:, :-1], rows[:, -1]


def _windows(tokens: list[int], width: int) -> set[tuple[int, ...]]:
    """Contexts that are followed by another token."""
    return {tuple(tokens[place - width : place]) for place in range(width, len(tokens))}
