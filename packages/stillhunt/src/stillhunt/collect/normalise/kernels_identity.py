"""Kernels of keyed hashes on bytes: SipHash-2-4, and the canonical text of plain client addresses.

SipHash: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); why it is used here: docs/adr/0013.
"""

import numpy as np

from stillhunt.base.arrays import I64, U8, U64
from stillhunt.collect.values.kernels import Flags, allocating_kernel, inline, kernel, load_word

LONGEST_ADDRESS = 64
"""Bytes of scratch space; the canonical text of any address or prefix fits."""
_U0, _U1 = np.uint64(0), np.uint64(1)
_START = tuple(np.uint64(n) for n in (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573))
_S0, _S1, _S2, _S3 = _START
_FINAL = np.uint64(0xFF)
_COLON, _DOT, _SLASH, _ZERO, _OPEN, _CLOSE = 0x3A, 0x2E, 0x2F, 0x30, 0x5B, 0x5D
_MAPPED = 0xFFFF


@inline
def _rotate_bits(value: np.uint64, bits: int) -> np.uint64:
    return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))


@inline
def _mix_sip_round(
    a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    a = a + b
    b = _rotate_bits(b, 13) ^ a
    a = _rotate_bits(a, 32)
    c = c + d
    d = _rotate_bits(d, 16) ^ c
    a = a + d
    d = _rotate_bits(d, 21) ^ a
    c = c + b
    b = _rotate_bits(b, 17) ^ c
    c = _rotate_bits(c, 32)
    return a, b, c, d


@kernel
def siphash(data: U8, start: int, size: int, low: np.uint64, high: np.uint64) -> np.uint64:
    """SipHash-2-4 of some bytes under a key of two words."""
    a, b, c, d = low ^ _S0, high ^ _S1, low ^ _S2, high ^ _S3
    words = size // 8
    for i in range(words):
        word = load_word(data, start + 8 * i)
        d ^= word
        a, b, c, d = _mix_sip_round(a, b, c, d)
        a, b, c, d = _mix_sip_round(a, b, c, d)
        a ^= word
    word = np.uint64(size) << np.uint64(56)
    for i in range(size - 8 * words):
        word |= np.uint64(data[start + 8 * words + i]) << np.uint64(8 * i)
    d ^= word
    a, b, c, d = _mix_sip_round(a, b, c, d)
    a, b, c, d = _mix_sip_round(a, b, c, d)
    a ^= word
    c ^= _FINAL
    for _ in range(4):
        a, b, c, d = _mix_sip_round(a, b, c, d)
    return a ^ b ^ c ^ d


@inline
def _not_zero(value: np.uint64) -> np.uint64:
    return value if value != _U0 else _U1


@kernel
def hash_texts(offsets: I64, data: U8, key: U64, limit: int, hashes: U64, unusual: Flags) -> None:
    """Hash each text of at most `limit` bytes that needs no trimming, and mark the others.

    Hashes are 1 to 2^64 - 1, and 0 for empty and for unusual texts, which begin or end with other than visible ASCII.
    """
    for row in range(offsets.size - 1):
        start, end = offsets[row], offsets[row + 1]
        hashes[row] = _U0
        unusual[row] = False
        if start == end:
            continue
        first, last = data[start], data[end - 1]
        if end - start > limit or first <= 0x20 or first >= 0x7F or last <= 0x20 or last >= 0x7F:
            unusual[row] = True
        else:
            hashes[row] = _not_zero(siphash(data, start, end - start, key[0], key[1]))


@kernel
def hash_all(offsets: I64, data: U8, key: U64, hashes: U64) -> None:
    """Hash each text as it stands: 1 to 2^64 - 1, 0 for empty ones."""
    for row in range(offsets.size - 1):
        size = offsets[row + 1] - offsets[row]
        hashes[row] = _not_zero(siphash(data, offsets[row], size, key[0], key[1])) if size else _U0


@kernel
def _after_ipv4(data: U8, start: int, end: int) -> int:
    """Place after a dotted address without leading zeros, or -1."""
    place = start
    for part in range(4):
        if part:
            if place >= end or data[place] != _DOT:
                return -1
            place += 1
        value = digits = 0
        while place < end and digits < 4 and _ZERO <= data[place] <= 0x39:
            value = value * 10 + (data[place] - _ZERO)
            digits += 1
            place += 1
        if digits == 0 or value > 255 or (digits > 1 and data[place - digits] == _ZERO):
            return -1
    return place


@kernel
def read_ipv4(offsets: I64, data: U8, numbers: I64, unusual: Flags) -> None:
    """Read each text that is one IPv4 address, with or without a port, and mark all others.

    Args:
        offsets: of the texts in `data`.
        numbers: result: 0 to 2^32 - 1; 0 where the text is something else.
        unusual: result: it is something else.
    """
    for row in range(offsets.size - 1):
        after = _after_ipv4(data, offsets[row], offsets[row + 1])
        unusual[row] = after < 0 or not _is_port(data, after, offsets[row + 1])
        numbers[row] = 0
        if unusual[row]:
            continue
        part = 0
        for place in range(offsets[row], after):
            if data[place] == _DOT:
                numbers[row] = numbers[row] * 256 + part
                part = 0
            else:
                part = part * 10 + (data[place] - _ZERO)
        numbers[row] = numbers[row] * 256 + part


@kernel
def _is_port(data: U8, start: int, end: int) -> bool:
    """Whether nothing, or a colon and digits, stands between two places."""
    if start < end and data[start] != _COLON:
        return False
    for place in range(start + 1, end):  # noqa: SIM110  # numba knows no generators
        if not _ZERO <= data[place] <= 0x39:
            return False
    return True


@kernel
def _hex_digit(byte: int) -> int:
    if _ZERO <= byte <= 0x39:
        return byte - _ZERO
    if 0x61 <= byte <= 0x66:
        return byte - 0x57
    if 0x41 <= byte <= 0x46:
        return byte - 0x37
    return -1


@kernel
def _read_ipv6(data: U8, start: int, end: int, groups: I64) -> bool:
    """Read hexadecimal groups with at most one gap; False for all that is no such address."""
    count, gap, place = 0, -1, start
    if end - start >= 2 and data[start] == _COLON and data[start + 1] == _COLON:
        gap, place = 0, start + 2
    while place < end:
        value = digits = 0
        while place < end and digits < 5 and _hex_digit(data[place]) >= 0:
            value = value * 16 + _hex_digit(data[place])
            digits += 1
            place += 1
        if digits == 0 or digits > 4 or count == 8:
            return False
        groups[count] = value
        count += 1
        if place == end:
            break
        if data[place] != _COLON or place + 1 == end:
            return False
        place += 1
        if data[place] == _COLON:
            if gap >= 0:
                return False
            gap = count
            place += 1
    if gap < 0:
        return count == 8
    if count > 7:
        return False
    tail = count - gap
    for i in range(tail):
        groups[7 - i] = groups[count - 1 - i]
    for i in range(gap, 8 - tail):
        groups[i] = 0
    return True


@kernel
def _write_ipv6(groups: I64, text: U8) -> int:
    """Canonical text (RFC 5952: lower case, the first longest run of zero groups folded); its size."""
    best_start, best_size, run = -1, 1, 0
    for i in range(8):
        run = run + 1 if groups[i] == 0 else 0
        if run > best_size:
            best_start, best_size = i - run + 1, run
    size = i = 0
    while i < 8:
        if i == best_start:
            text[size] = text[size + 1] = _COLON
            size += 2
            i += best_size
            continue
        if i and (best_start < 0 or i != best_start + best_size):
            text[size] = _COLON
            size += 1
        started = False
        for shift in (12, 8, 4, 0):
            digit = (groups[i] >> shift) & 15
            if digit or started or shift == 0:
                text[size] = digit + (_ZERO if digit < 10 else 0x57)
                size += 1
                started = True
        i += 1
    return size


@kernel
def _ipv4_pair(data: U8, start: int, end: int, keys: U64, text: U8) -> tuple[np.uint64, np.uint64]:
    """Hashes of a dotted address and of its /24."""
    size = dots = 0
    while dots < 3:
        text[size] = data[start + size]
        dots += data[start + size] == _DOT
        size += 1
    text[size], text[size + 1], text[size + 2], text[size + 3] = _ZERO, _SLASH, 0x32, 0x34
    words = siphash(data, start, end - start, keys[0], keys[1])
    return _not_zero(words), _not_zero(siphash(text, 0, size + 4, keys[2], keys[3]))


@kernel
def _ipv6_pair(groups: I64, keys: U64, text: U8) -> tuple[np.uint64, np.uint64]:
    """Hashes of an address in groups and of its /48."""
    words = siphash(text, 0, _write_ipv6(groups, text), keys[0], keys[1])
    for i in range(3, 8):
        groups[i] = 0
    size = _write_ipv6(groups, text)
    text[size], text[size + 1], text[size + 2] = _SLASH, 0x34, 0x38
    return _not_zero(words), _not_zero(siphash(text, 0, size + 3, keys[2], keys[3]))


@allocating_kernel
def hash_addresses(offsets: I64, data: U8, keys: U64, limit: int, pairs: U64, unusual: Flags) -> None:
    """Hash each plain address and its prefix, and mark all other texts.

    Plain is one IPv4 address, or one IPv6 address in hexadecimal that holds no IPv4 address, with or without a port.

    Args:
        offsets: of the texts in `data`.
        keys: two words for addresses, two for prefixes.
        limit: bytes of the longest text that may be plain.
        pairs: result (rows, 2): hashes of address and prefix, 1 to 2^64 - 1; 0 for empty and for unusual texts.
        unusual: result: not plain.
    """
    text, groups = np.zeros(LONGEST_ADDRESS, np.uint8), np.zeros(8, np.int64)
    for row in range(offsets.size - 1):
        start, end = offsets[row], offsets[row + 1]
        pairs[row, 0] = pairs[row, 1] = _U0
        unusual[row] = start < end
        if start == end or end - start > limit or end - start > LONGEST_ADDRESS:
            continue
        after = _after_ipv4(data, start, end)
        if after >= 0:
            if _is_port(data, after, end):
                pairs[row, 0], pairs[row, 1] = _ipv4_pair(data, start, after, keys, text)
                unusual[row] = False
            continue
        after = end
        if data[start] == _OPEN:
            start += 1
            after = start
            while after < end and data[after] != _CLOSE:
                after += 1
            if after == end or not _is_port(data, after + 1, end):
                continue
        if _read_ipv6(data, start, after, groups):
            mapped = groups[5] == _MAPPED
            for i in range(5):
                mapped = mapped and groups[i] == 0
            if not mapped:
                pairs[row, 0], pairs[row, 1] = _ipv6_pair(groups, keys, text)
                unusual[row] = False
