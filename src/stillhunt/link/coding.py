"""Sketches as integer arrays: the form in which this room computes.

Rows come in canonical order (account, time, source, id), so codes, and with them everything later, do not
depend on the order or the split of the input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_MIX = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


@dataclass(frozen=True)
class Coded:
    """Sketches as arrays, one entry per request unless said otherwise.

    Attributes:
        account_ids: distinct account ids, ascending.
        account: code of the account, ascending along the rows.
        half: 0 or 1, drawn by a keyed hash of the conversation; groups found on one half are judged on the other.
        fresh: False where the account already sent the very same prompt.
        phrase_row, phrase: each distinct phrase of each request, rows ascending.
        word_row, word: each topic word bucket of each request, rows ascending.
    """

    account_ids: list[str]
    account: Ints
    half: Ints
    fresh: Flags
    phrase_row: Ints
    phrase: Hashes
    word_row: Ints
    word: Ints

    @property
    def rows(self) -> int:
        """Number of requests."""
        return len(self.account)


def code_sketches(sketches: pa.Table, *, seed: int) -> Coded:
    """Arrays of a SKETCHES table in canonical order.

    Args:
        sketches: SKETCHES, sorted by account, timestamp, source and request id.
        seed: key of the split into halves.
    """
    encoded = sketches.column("account_id").combine_chunks().dictionary_encode()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    account_ids: list[str] = encoded.dictionary.to_pylist()
    account = encoded.indices.to_numpy().astype(np.int64)
    conversation = sketches.column("conversation").to_numpy()
    whole = sketches.column("whole").to_numpy()
    rows, phrases = _lists(sketches, "phrases")
    system_rows, system_phrases = _lists(sketches, "system_phrases")
    phrase_row, phrase = _distinct_pairs(
        np.concatenate([rows, system_rows]), np.concatenate([phrases, system_phrases]).astype(np.uint64)
    )
    word_row, word = _lists(sketches, "topic_words")
    return Coded(
        account_ids=account_ids,
        account=account,
        half=keyed_bit(conversation, seed),
        fresh=_first_of(account, whole),
        phrase_row=phrase_row,
        phrase=phrase,
        word_row=word_row,
        word=word.astype(np.int64),
    )


def keyed_bit(values: Hashes, seed: int) -> Ints:
    """0 or 1 for each 64-bit value, the same for equal values and seed."""
    # Multiplied as Python integers: a scalar product that wraps would warn on the user's screen.
    mixed = values ^ np.uint64((seed + 1) * _MIX & _WORD)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(_MIX)
    return ((mixed >> np.uint64(40)) & np.uint64(1)).astype(np.int64)


def _lists(sketches: pa.Table, name: str) -> tuple[Ints, npt.NDArray[np.generic]]:
    column = sketches.column(name).combine_chunks()
    array = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
    lengths = np.diff(array.offsets.to_numpy())
    rows = np.repeat(np.arange(len(array), dtype=np.int64), lengths)
    return rows, array.flatten().to_numpy()


def _distinct_pairs(rows: Ints, values: Hashes) -> tuple[Ints, Hashes]:
    order = np.lexsort((values, rows))
    rows, values = rows[order], values[order]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:] != rows[:-1]) | (values[1:] != values[:-1])
    return rows[first], values[first]


def _first_of(account: Ints, whole: Hashes) -> Flags:
    """True at the first row of each (account, prompt); rows without a prompt are never fresh."""
    order = np.lexsort((np.arange(len(account)), whole, account))
    first = np.ones(len(account), bool)
    first[1:] = (account[order][1:] != account[order][:-1]) | (whole[order][1:] != whole[order][:-1])
    fresh = np.empty(len(account), bool)
    fresh[order] = first
    answer: Flags = fresh & (whole != 0)
    return answer
