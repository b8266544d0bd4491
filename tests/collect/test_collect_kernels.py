"""Every kernel against a twin in plain Python."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from stillhunt.collect.decode.json_documents import array_elements
from stillhunt.collect.history import kernels as kernels_history
from stillhunt.collect.normalise.identity import random_words
from stillhunt.collect.values import kernels

MASK = 2**64 - 1
M1, M2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53


def mix(value: int) -> int:
    value = (value ^ value >> 33) * M1 & MASK
    value = (value ^ value >> 33) * M2 & MASK
    return value ^ value >> 33


def chain(state: int, block: int) -> int:
    state = (state ^ block) * M1 & MASK
    return state ^ state >> 31


def block_hash(data: bytes, keys: list[int]) -> int:
    total = 0
    for i, key in enumerate(keys):
        word = int.from_bytes(data[8 * i : 8 * i + 8].ljust(8, b"\0"), "little")
        low = (word + key) % 2**32
        high = ((word >> 32) + (key >> 32)) % 2**32
        total += low * high
    return total & MASK


def row_hash(data: bytes, keys: list[int], running: int = 0) -> int:
    state = mix(running + 1 & MASK)
    whole = len(data) // 64 * 64
    for start in range(0, whole, 64):
        state = chain(state, block_hash(data[start : start + 64], keys))
    return mix(chain(state, block_hash(data[whole:], keys)) ^ len(data))


def buffers(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
    return offsets, np.frombuffer(b"".join(texts), np.uint8)


def test_row_hashes() -> None:
    draw = random.Random(1)
    texts = [draw.randbytes(n) for n in (0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 200, 1000)]
    secret = random_words(kernels.KEYS)
    hashes = np.zeros(len(texts), np.uint64)
    kernels.hash_rows(*buffers(texts), secret, hashes)
    keys = [int(k) for k in secret]
    assert hashes.tolist() == [row_hash(t, keys) for t in texts]
    kernels.hash_rows(*buffers(texts[::-1]), secret, hashes)
    assert hashes.tolist() == [row_hash(b, keys, row_hash(a, keys)) for a, b in zip(texts, texts[::-1], strict=True)]


def test_trailing_zeros_are_part_of_a_text() -> None:
    texts = [b"ab", b"ab\0", b"ab\0\0", b"x" * 64, b"x" * 64 + b"\0", b""]
    hashes = np.zeros(len(texts), np.uint64)
    kernels.hash_rows(*buffers(texts), random_words(kernels.KEYS), hashes)
    assert len(set(hashes.tolist())) == len(texts)


def test_seen_maps_have_no_false_negatives() -> None:
    draw = random.Random(2)
    names = [draw.randrange(2**64) for _ in range(500)]
    stream = names + names[:100]
    once, twice = np.zeros(64, np.uint64), np.zeros(64, np.uint64)
    several = [kernels.mark_seen(np.array(part, np.uint64), once, twice) for part in (stream[:300], stream[300:])]
    bits = [name % 4096 for name in stream]
    assert sum(several) == sum(bits.count(bit) > 1 for bit in bits)
    found = np.zeros(len(names), np.bool_)
    kernels.was_seen(np.array(names, np.uint64), twice, found)
    assert found.tolist() == [bits.count(name % 4096) > 1 for name in names]


def test_tables_find_what_was_entered() -> None:
    draw = random.Random(3)
    names = np.array([0, 1, *(draw.randrange(2, 2**64) for _ in range(300))], np.uint64)[1:]
    keys, indices = np.zeros(1024, np.uint64), np.zeros(1024, np.int64)
    kernels.enter(names, np.arange(names.size), keys, indices)
    found = np.zeros(names.size + 1, np.int64)
    kernels.look_up(np.append(names, np.uint64(77)), keys, indices, found)
    assert found.tolist() == [*range(names.size), -1]


def test_resent_prefixes_are_cut() -> None:
    texts = [b"abc", b"", b"defgh", b"x"]
    offsets, data = buffers(texts)
    cuts = np.array([1, 0, 5, 0], np.int64)
    new_offsets, new_data = np.zeros(5, np.int64), np.zeros(len(data) - 6, np.uint8)
    kernels_history.cut_prefixes(offsets, data, cuts, new_offsets, new_data)
    assert new_offsets.tolist() == [0, 2, 2, 2, 3]
    assert new_data.tobytes() == b"bcx"


def test_children_are_counted_strictly_by_time() -> None:
    children = kernels_history.Children(*(np.zeros(4, np.int64) for _ in range(4)))
    parents = np.array([2, 2, -1, 2, 2, 3], np.int64)
    orders = np.array([5, 5, 6, 7, 8, 8], np.int64)
    cuts = np.full(6, 9, np.int64)
    assert kernels_history.count_children(parents[:4], orders[:4], 2, children, cuts[:4]) == 1
    larger = kernels_history.Children(*(np.zeros(16, np.int64) for _ in range(4)))
    kernels_history.move_children(children, larger)
    assert kernels_history.count_children(parents[4:], orders[4:], 2, larger, cuts[4:]) == 1
    assert cuts.tolist() == [9, 9, 9, 0, 0, 9]


@pytest.mark.parametrize("seed", range(5))
def test_arrays_are_split_as_json_reads_them(seed: int) -> None:
    draw = random.Random(seed)
    values = [draw.choice([1, "a,]", 'q"\\', {"k": ["]", {"x": "}"}]}, [1, [2]], None]) for _ in range(30)]
    text = (json.dumps(values, indent=draw.choice([None, 2]))).encode()
    size = draw.randrange(1, 9)
    pieces = iter([b"  " + text[:1], *(text[n : n + size] for n in range(1, len(text), size))])
    elements = [line.data for line in array_elements(pieces, 1000)]
    assert [json.loads(element) for element in elements] == values
