"""Plain-Python twin of the text kernels: slow, obvious, written from the description and not from the kernels.

It shares with them only the constant tables (stop words, lexicon, code points), and states the numbers once more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from stillhunt.base.conduct_flags import BITS
from stillhunt.extract.lexicon import all_stop_words, phrases_by_feature
from stillhunt.extract.text.conduct import PAIR_RULES, PROMPT_RULES, SINGLE_RULES
from stillhunt.extract.text.tables import ASKED_FLAGS, asked_data
from stillhunt.extract.text.words import CHARACTER, IGNORED, LETTER, SCRIPTS, SEPARATOR, code_point_table

MASK = (1 << 64) - 1
P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
M1, M2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
NUMBER = 0x8E5D3A6FB1C24796
PHRASE_KEY, SHORT_KEY, TOPIC_KEY = 0xA0761D6478BD642F, 0xE7037ED1A0B428DB, 0x2545F4914F6CDD1D
OTHER, CONTENT, CHAR = 0, 1, 3
HEAD, MIDDLE, TAIL = 96, 48, 48
WIDE_HEAD, WIDE_MIDDLE, WIDE_TAIL = 400, 200, 200
BOUNDED = 800
TABLE = code_point_table().tolist()


@dataclass(frozen=True)
class Token:
    """A token with the folded bytes around it."""

    hash: int
    before: int
    after: int

    @property
    def kind(self) -> int:
        return self.hash & 3


def mix(h: int) -> int:
    h ^= h >> 33
    h = h * M1 & MASK
    h ^= h >> 33
    h = h * M2 & MASK
    return h ^ (h >> 33)


def hash_bytes(data: bytes, seed: int) -> int:
    lanes = [(seed + P1) & MASK, (seed + P2) & MASK, seed ^ P3, (seed - P1) & MASK]
    factors, shifts = (P1, P2, P1, P2), (32, 29, 32, 29)
    body = len(data) // 32 * 32
    for at in range(0, body, 32):
        for lane in range(4):
            word = int.from_bytes(data[at + 8 * lane : at + 8 * lane + 8], "little")
            lanes[lane] = (lanes[lane] ^ word) * factors[lane] & MASK
            lanes[lane] ^= lanes[lane] >> shifts[lane]
    a, b, c, d = lanes
    h = (mix(a) + mix((b + P3) & MASK) * P2 + mix(c ^ P2) * P3 + mix((d + P1) & MASK) * P1 + len(data)) & MASK
    rest = data[body:]
    for at in range(0, len(rest) // 8 * 8, 8):
        h = mix(h ^ int.from_bytes(rest[at : at + 8], "little")) * P1 & MASK
    return mix(h ^ int.from_bytes(rest[len(rest) // 8 * 8 :], "little"))


def hash_word(word: bytes) -> int:
    h = len(word) * P1 & MASK
    for at in range(0, len(word), 16):
        x = int.from_bytes(word[at : at + 8], "little")
        y = int.from_bytes(word[at + 8 : at + 16], "little")
        h = (h ^ x) * P2 & MASK
        h ^= h >> 32
        h = (h ^ y) * P3 & MASK
        h ^= h >> 29
    plain = all(b >= 128 or ord("a") <= b <= ord("z") for b in word)
    points = sum(b & 0xC0 != 0x80 for b in word)
    return mix(h) & ~3 | (CONTENT if plain and points >= 3 else OTHER)


def look_up(point: int) -> tuple[int, int, int]:
    """Class, script, folded code point."""
    if point < 0x10000 or 0x1D400 <= point < 0x1D800:
        entry = TABLE[point if point < 0x10000 else 0x10000 + point - 0x1D400]
        return entry >> 21 & 7, entry >> 24 & 15, entry & 0x1FFFFF
    if 0x1B000 <= point < 0x1B170:
        return CHARACTER, SCRIPTS.index("japanese"), point
    if 0x1D000 <= point < 0x1FC00 or point >= 0xF0000:
        return SEPARATOR, 0, point
    if 0x20000 <= point < 0x40000:
        return CHARACTER, SCRIPTS.index("han"), point
    if 0xE0000 <= point < 0xE1000:
        return IGNORED, 0, point
    return LETTER, SCRIPTS.index("other"), point


def runs(data: bytes) -> tuple[list[tuple[bytes, bool, int, int]], list[int], int]:
    """Maximal tokens as (folded bytes, is a character, byte before, byte after), letters by script, code marks."""
    text, spans, open_at = bytearray(b" "), [], None
    scripts, marks = [0] * 16, 0
    for character in data.decode("utf-8", errors="replace"):
        kind, script, folded = look_up(ord(character))
        if kind == LETTER:
            if open_at is None:
                open_at = len(text)
            text += chr(folded).encode()
            scripts[script] += 1
            continue
        if kind == IGNORED:
            continue
        if open_at is not None:
            spans.append((open_at, len(text), False))
            open_at = None
        if kind == SEPARATOR:
            text += character.encode() if ord(character) < 128 else b" "
            marks += script
        else:
            spans.append((len(text), len(text) + len(chr(folded).encode()), True))
            text += chr(folded).encode()
            scripts[script] += 1
    if open_at is not None:
        spans.append((open_at, len(text), False))
    text += b" "
    return [(bytes(text[s:e]), character, text[s - 1], text[e]) for s, e, character in spans], scripts, marks


def tokens(data: bytes) -> tuple[list[Token], list[int], int]:
    found, scripts, marks = runs(data)
    result: list[Token] = []
    for word, character, before, after in found:
        if 48 <= word[0] < 58:
            if not result or result[-1].hash != NUMBER:
                result.append(Token(NUMBER, before, after))
            continue
        while len(word) > 64:
            cut = 64
            while word[cut] & 0xC0 == 0x80:
                cut -= 1
            result.append(Token(hash_word(word[:cut]), before, word[cut]))
            before, word = word[cut - 1], word[cut:]
        h = hash_word(word)
        result.append(Token(h & ~3 | CHAR if character else h, before, after))
    return result, scripts, marks


def whole_hash(values: list[int]) -> int:
    if not values:
        return 0
    total = sum(mix((value + number * P1) & MASK) for number, value in enumerate(values, start=1))
    return mix((total + len(values)) & MASK) | 1


def place(text_hash: int, seed: int, first: int, stop: int) -> int:
    return first + mix(text_hash ^ (seed * P1 & MASK)) % (stop - first)


def phrases_of_region(region: list[int]) -> list[int]:
    shingles = []
    for at in range(len(region) - 3):
        four = region[at : at + 4]
        key = PHRASE_KEY
        h = mix((four[0] * P1 + four[1] * P2 + four[2] * P3 + four[3] * key) & MASK)
        if sum(t & 3 == CHAR for t in four) >= 3:
            if at + 6 > len(region):
                continue
            h = mix((h + region[at + 4] * P2 + region[at + 5] * P3) & MASK)
        shingles.append(h)
    if not region:
        return []
    if not shingles:
        h = SHORT_KEY
        for token in region:
            h = mix(h ^ token) * P1 & MASK
        return [max(h >> 32, 1)]
    picked = set()
    for first in range(max(len(shingles) - 3, 1)):
        window = range(first, min(first + 4, len(shingles)))
        picked.add(min(window, key=lambda i: (shingles[i], -i)))
    return [max(shingles[i] >> 32, 1) for i in sorted(picked)]


def distinct(values: list[int], limit: int) -> list[int]:
    unique = list(dict.fromkeys(values))
    if len(unique) <= limit:
        return unique
    back = limit * 3 // 8
    return unique[: limit - back] + unique[len(unique) - back :]


def phrases(hashes: list[int], text_hash: int, seed: int) -> list[int]:
    n = len(hashes)
    if n <= HEAD + MIDDLE + TAIL:
        return distinct(phrases_of_region(hashes), 64)
    middle = place(text_hash, seed, HEAD, n - TAIL - MIDDLE + 1)
    regions = (hashes[:HEAD], hashes[middle : middle + MIDDLE], hashes[n - TAIL :])
    return distinct([h for region in regions for h in phrases_of_region(region)], 64)


def system_phrases(hashes: list[int]) -> list[int]:
    if len(hashes) <= 72:
        return distinct(phrases_of_region(hashes), 24)
    return distinct(phrases_of_region(hashes[:48]) + phrases_of_region(hashes[-24:]), 24)


def bounded(items: list[Token], text_hash: int, seed: int) -> list[list[Token]]:
    n = len(items)
    if n <= BOUNDED:
        return [items]
    middle = place(text_hash, ~seed & MASK, WIDE_HEAD, n - WIDE_TAIL - WIDE_MIDDLE + 1)
    return [items[:WIDE_HEAD], items[middle : middle + WIDE_MIDDLE], items[n - WIDE_TAIL :]]


STOPS = {tuple(t.hash for t in tokens(word.encode())[0]) for word in all_stop_words()}
STOPS = {h for word in STOPS for h in word}


def topics(items: list[Token]) -> list[int]:
    key = TOPIC_KEY
    ranks = set()
    for i, token in enumerate(items):
        if token.hash in STOPS:
            continue
        if token.kind == CONTENT:
            ranks.add(mix(token.hash ^ key) >> 48)
        former = items[i - 1] if i > 0 else None
        if former and token.kind == former.kind == CHAR and token.before >= 128 and former.hash not in STOPS:
            ranks.add(mix(((token.hash + former.hash * P2) & MASK) ^ key) >> 48)
    return sorted(ranks)[:24]


PHRASES = {}
for _phrase, _feature in phrases_by_feature(PROMPT_RULES.features):
    PHRASES.setdefault(tuple(t.hash for t in tokens(_phrase.encode())[0]), set()).add(_feature)
LONGEST = max(map(len, PHRASES))
PLACES = ("anywhere", "start", "short", "tag", "quotes", "marks")


def enclosure(before: int, after: int) -> int | None:
    if (before in b"</" and after == ord(">")) or (before == ord("[") and after == ord("]")):
        return 3
    return 4 if before == after and before in b"\"'`*" else None


def conduct(items: list[Token], total: int, size: int, marks: int) -> int:
    flags = 0
    last: dict[str, int] = {}
    dense = marks >= 4 and marks * 33 >= size
    for first in range(len(items)):
        for length in range(1, LONGEST + 1):
            run = tuple(t.hash for t in items[first : first + length])
            if len(run) < length:
                break
            for feature in PHRASES.get(run, ()):
                last[feature] = first
                shown = {0, enclosure(items[first].before, items[first + length - 1].after)}
                shown |= {1} if first < 3 else set()
                shown |= {2} if total <= 12 else set()
                shown |= {5} if dense else set()
                for name, where, flag in SINGLE_RULES:
                    if name == feature and where in shown:
                        flags |= BITS[flag]
                for one, other, distance, flag in PAIR_RULES:
                    both = one in last and other in last
                    if both and feature in (one, other) and abs(last[one] - last[other]) <= distance:
                        flags |= BITS[flag]
    return flags


DATA = asked_data()
CUES, ENTRIES = set(DATA.cues.tolist()), DATA.entries.tolist()


def asked(items: list[Token]) -> int:
    """Flags of what a text asks for, window by window."""
    hashes = [t.hash for t in items]
    flags, free = 0, 0
    for cue, word in enumerate(hashes):
        if word not in CUES or cue < free:
            continue
        free = cue + 16
        window = hashes[max(cue - 8, 0) : cue + 16]
        singles = [word * P1 & MASK for word in window]
        pairs = [(one * P2 + other) * P1 & MASK for one, other in pairwise(window)]
        looked_at: set[int] = set()
        sums = add_weights([0] * 8, singles, looked_at)
        bars = DATA.bars.tolist()
        if any(4 * total >= bar for total, bar in zip(sums, bars, strict=True)):
            sums = add_weights(sums, pairs, looked_at)
            for flag, total, bar in zip(ASKED_FLAGS, sums, bars, strict=True):
                flags |= BITS[flag] if total >= bar else 0
    return flags


def add_weights(sums: list[int], keys: list[int], looked_at: set[int]) -> list[int]:
    """Sums of the classes with the weights of more features."""
    for key in keys:
        entry = ENTRIES[key >> 51]
        if key >> 51 not in looked_at and entry >> 48 == key >> 35 & 0xFFFF | 1:
            sums = [total + (entry >> 6 * column & 63) - 32 for column, total in enumerate(sums)]
        looked_at.add(key >> 51)
    return sums


def script(scripts: list[int]) -> int:
    han, japanese = SCRIPTS.index("han"), SCRIPTS.index("japanese")
    letters = list(scripts)
    letters[0] = 0
    both = scripts[han] + scripts[japanese]
    kana = scripts[japanese] * 8 >= both
    letters[han], letters[japanese] = (0, both) if kana else (both, 0)
    return letters.index(max(letters)) if max(letters) else 0


def numbers(prompt: bytes, words: int) -> int:
    """Runs of digits, each mixed in digit by digit and closed by one more round, from the hash of the words on."""
    h = words
    runs = re.findall(rb"[0-9]+", prompt)
    for run in runs:
        for digit in run:
            h = (h ^ (digit - ord("0") + 1)) * P1 & MASK
        h = mix(h)
    return h >> 32 if runs else 0


def sketch(prompt: bytes, seed: int) -> dict[str, object]:
    """All columns that come from the prompt alone."""
    items, scripts, marks = tokens(prompt)
    hashes = [t.hash for t in items]
    text_hash = whole_hash(hashes)
    regions = bounded(items, text_hash, seed)
    laid = [t for region in regions for t in region]
    return {
        "prompt_hash": text_hash,
        "numbers": numbers(prompt, text_hash),
        "phrases": phrases(hashes, text_hash, seed),
        "topic_words": topics(laid),
        "words": len(items),
        "script": script(scripts),
        "conduct": conduct(laid, len(items), len(prompt), marks) | asked(laid),
    }
