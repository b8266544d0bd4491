"""Numbers that a key gives to tokens in their contexts: the same for numpy, which scores, and torch, which generates.

BLAKE2b under the key turns a context into a seed, once for each distinct context; a 64-bit mixer turns the seed into a
number for each token of the vocabulary. Whoever lacks the key sees uniform numbers, and those of two keys are
independent.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

MARK_KEY_BYTES = 32
NUMBER_BITS = 64
Seeds = npt.NDArray[np.uint64]
Tokens = npt.NDArray[np.int64]

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""Constants of SplitMix64 (Steele, Lea, Flood 2014)."""
_SHIFTS = (30, 27, 31)
_UNIT_BITS = 52
"""One bit less than double precision has, so that the middle between two numbers is kept and none becomes 1."""


def mark_key(secret: bytes, campaign_id: str, scheme: str) -> bytes:
    """The key of one campaign and scheme, from the secret of an order.

    Args:
        secret: 32 secret bytes.
        scheme: name of the scheme, so that two schemes under one secret are independent.
    """
    content = f"{scheme}\0{campaign_id}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=MARK_KEY_BYTES, key=secret, person=b"stillhunt-marks").digest()


def context_seeds(key: bytes, contexts: Tokens) -> Seeds:
    """A seed for each context.

    Args:
        contexts: rows x tokens before the one that is marked, the latest last.

    Returns:
        One seed a row, uniform over 64 bits; equal contexts have equal seeds.
    """
    rows = np.ascontiguousarray(contexts, dtype="<i8")
    if not rows.size:
        return np.full(len(rows), _derive_keyed_seed(key, b""), np.uint64)
    joined = rows.view(f"V{8 * rows.shape[1]}").ravel()
    distinct, place = np.unique(joined, return_inverse=True)
    return np.array([_derive_keyed_seed(key, one.tobytes()) for one in distinct], np.uint64)[place.ravel()]


def _derive_keyed_seed(key: bytes, content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=key).digest(), "little")


def token_numbers(seeds: Seeds, tokens: Tokens | None = None, vocabulary: int = 0) -> Seeds:
    """The number of a token after each context.

    Args:
        tokens: one for each row; None for the whole vocabulary after each context.
        vocabulary: number of tokens where `tokens` is None.

    Returns:
        Uniform numbers of 64 bits, one a row, or rows x vocabulary.
    """
    if tokens is None:
        steps = np.arange(1, vocabulary + 1, dtype=np.uint64)[None, :]
        mixed = seeds[:, None] + steps * np.uint64(_GOLDEN)
    else:
        mixed = seeds + (np.asarray(tokens).astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    mixed ^= mixed >> np.uint64(_SHIFTS[0])
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(_SHIFTS[1])
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(_SHIFTS[2])
    return mixed


def vocabulary_numbers(seeds: Seeds, vocabulary: int, device: Any = "cpu") -> Any:
    """The numbers of the whole vocabulary after each context, as a tensor.

    Returns:
        int64, rows x vocabulary, with the bits of `token_numbers`: torch has no arithmetic on unsigned numbers.
    """
    start = torch.from_numpy(seeds.view(np.int64).copy()).to(device)
    steps = torch.arange(1, vocabulary + 1, dtype=torch.int64, device=device)
    mixed = start[:, None] + steps[None, :] * _wrap_signed_number(_GOLDEN)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[0])
    mixed *= _wrap_signed_number(_FIRST)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[1])
    mixed *= _wrap_signed_number(_SECOND)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[2])
    return mixed


def numbers_below(numbers: Any, share: float) -> Any:
    """Which numbers are in the lowest share of all 64-bit numbers.

    Args:
        share: between 0 and 1, both left out.
    """
    bound = int(share * 2**NUMBER_BITS)
    if isinstance(numbers, np.ndarray):
        return numbers < np.uint64(bound)
    lowest = -(2 ** (NUMBER_BITS - 1))
    return (numbers ^ lowest) < bound + lowest  # the flipped sign puts signed numbers in the order of unsigned ones


def unit_numbers(numbers: Any) -> Any:
    """Numbers as shares of 2^64, never 0 or 1."""
    dropped = NUMBER_BITS - _UNIT_BITS
    if isinstance(numbers, np.ndarray):
        kept = (numbers >> np.uint64(dropped)).astype(np.float64)
    else:
        kept = _shift_numbers_right(numbers, dropped).to(torch.float64)
    return (kept + 0.5) * 2.0**-_UNIT_BITS


def _wrap_signed_number(number: int) -> int:
    return number - 2**NUMBER_BITS if number >= 2 ** (NUMBER_BITS - 1) else number


def _shift_numbers_right(numbers: Any, bits: int) -> Any:
    """Shifted to the right as unsigned numbers are: with zeros from the left."""
    return (numbers >> bits) & (2 ** (NUMBER_BITS - bits) - 1)
