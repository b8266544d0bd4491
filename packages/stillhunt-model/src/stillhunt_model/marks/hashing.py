"""Numbers that a key gives to tokens in their contexts: the same for numpy, which scores, and torch, which generates.

BLAKE2b under the key turns a context into a seed, once for each distinct context; a 64-bit mixer turns the seed into a
number for each token of the vocabulary. Whoever lacks the key sees uniform numbers, and those of two keys are
independent.
"""

import hashlib
import struct
from collections.abc import Sequence
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


def mark_key(secret: bytes, name: str, kind: str) -> bytes:
    """A key that follows from a secret.

    `secret`: 32 secret bytes. `kind`: what the name is, so that equal names of two kinds have independent keys.
    """
    content = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=MARK_KEY_BYTES, key=secret, person=b"stillhunt-marks").digest()


def context_seeds(key: bytes, contexts: Tokens) -> Seeds:
    """A seed for each context.

    `contexts`: rows x tokens before the one that is marked, the latest last. Returns one seed a row, uniform over 64
    bits; equal contexts have equal seeds.
    """
    rows = np.ascontiguousarray(contexts, dtype="<i8")
    if not rows.size:
        return np.full(len(rows), _derive_keyed_seed(key, b""), np.uint64)
    joined = rows.view(f"V{8 * rows.shape[1]}").ravel()
    distinct, place = np.unique(joined, return_inverse=True)
    return np.array([_derive_keyed_seed(key, one.tobytes()) for one in distinct], np.uint64)[place.ravel()]


def context_seed(key: bytes, context: Sequence[int]) -> int:
    """The seed of one context, as `context_seeds` has it."""
    return _derive_keyed_seed(key, struct.pack(f"<{len(context)}q", *context))


def _derive_keyed_seed(key: bytes, content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=key).digest(), "little")


def token_numbers(seeds: Seeds, tokens: Tokens) -> Seeds:
    """The number of a token after each context: uniform over 64 bits."""
    mixed = seeds + (np.asarray(tokens).astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
    mixed ^= mixed >> np.uint64(_SHIFTS[0])
    mixed *= np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(_SHIFTS[1])
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(_SHIFTS[2])
    return mixed


def candidate_numbers(seeds: Seeds, candidates: Any) -> Any:
    """The numbers of some tokens after each context, as a tensor.

    `candidates`: int64, rows x tokens. Returns int64 of the same shape, with the bits of `token_numbers`: torch has no
    arithmetic on unsigned numbers.
    """
    start = torch.from_numpy(seeds.view(np.int64).copy()).to(candidates.device)
    mixed = start[:, None] + (candidates + 1) * _wrap_signed_number(_GOLDEN)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[0])
    mixed *= _wrap_signed_number(_FIRST)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[1])
    mixed *= _wrap_signed_number(_SECOND)
    mixed ^= _shift_numbers_right(mixed, _SHIFTS[2])
    return mixed


def _wrap_signed_number(number: int) -> int:
    return number - 2**NUMBER_BITS if number >= 2 ** (NUMBER_BITS - 1) else number


def _shift_numbers_right(numbers: Any, bits: int) -> Any:
    """Shifted to the right as unsigned numbers are: with zeros from the left."""
    return (numbers >> bits) & (2 ** (NUMBER_BITS - bits) - 1)
