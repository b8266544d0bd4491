"""The entry points of the text pass: batches of rows, one after the other."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I32, I64, U8, U16, U32, U64
from stillhunt.base.compiled import folder_key
from stillhunt.base.conduct_flags import BITS
from stillhunt.extract.text.asked_kernels import Asked, AskedScratch, find_asked, new_asked_scratch
from stillhunt.extract.text.byte_kernels import (
    GENERAL,
    KEPT,
    LAST_AT,
    MARKS,
    P1,
    P2,
    SPARE_AT,
    WRAPPED,
    Work,
    entry_point,
    hash_bytes,
    hash_numbers,
    mix,
    part,
    signed,
)
from stillhunt.extract.text.conduct_kernels import ConductScratch, Lexicon, find_conduct
from stillhunt.extract.text.token_kernels import FIRST_READING, copy_tokens, scan
from stillhunt.extract.text.word_kernels import (
    PHRASE_SLOTS,
    PHRASES,
    SYSTEM_PHRASES,
    PhraseScratch,
    Vocabulary,
    WordScratch,
    name_words,
    rank_words,
    thin,
    topic_buckets,
    winnow,
)
from stillhunt.extract.text.words import SCRIPTS

HEAD, MIDDLE, TAIL = 96, 48, 48
"""Tokens of the three regions that phrases come from."""
SYSTEM_HEAD, SYSTEM_TAIL = 48, 24
"""The same of a system prompt."""
WIDE_HEAD, WIDE_MIDDLE, WIDE_TAIL = 400, 200, 200
"""Tokens of the three regions that topics and conduct are read from."""
BOUNDED = WIDE_HEAD + WIDE_MIDDLE + WIDE_TAIL
ANSWER_HEAD, ANSWER_TAIL = 2048, 512
"""Bytes of an answer that are read."""
PROMPT_SEED = np.uint64(0x5EED0005)
"""Seed of the hash over a prompt's bytes as they stand."""
_MOST = 2**31 - 1
_PROBE = BITS["EXTRACTION_PROBE"]
"""System prompts often forbid to reveal them, which the classifier cannot tell from asking for it."""
_U0, _U1 = np.uint64(0), np.uint64(1)
_UNSPACED_FIRST, _UNSPACED_LAST = SCRIPTS.index("thai"), SCRIPTS.index("japanese")
_LATIN, _HAN, _JAPANESE = SCRIPTS.index("latin"), SCRIPTS.index("han"), SCRIPTS.index("japanese")
_JAPANESE_SHARE = 8
"""Han text is Japanese from one kana in so many characters: Chinese has none."""


class Texts(NamedTuple):
    """A string column: bytes, first and last byte position of each row (equal for null)."""

    data: U8
    begins: I64
    ends: I64


class Tables(NamedTuple):
    """Constant tables."""

    code_points: U32
    vocabulary: Vocabulary
    lexicon: Lexicon
    answers: Lexicon
    asked: Asked


class Scratch(NamedTuple):
    """Memory of one thread besides `Work`."""

    found: U32
    phrases: PhraseScratch
    words: WordScratch
    conduct: ConductScratch
    asked: AskedScratch
    rows: I32


class RowSketches(NamedTuple):
    """Results, one per row; lists as values with offsets."""

    bytes: U64
    text_hash: U64
    numbers: U32
    words: I32
    script: U8
    conduct: U32
    phrases: U32
    phrase_offsets: I32
    topics: U16
    topic_offsets: I32
    system_phrases: U32
    system_offsets: I32
    system_conduct: U32


def new_scratch() -> Scratch:
    """Fresh scratch."""
    return Scratch(
        np.zeros(256, np.uint32),
        PhraseScratch(
            np.zeros(264, np.uint64), np.zeros(256, np.uint8), np.zeros(PHRASE_SLOTS, np.uint64), np.zeros(1, np.uint64)
        ),
        WordScratch(
            ids=np.zeros(BOUNDED + 1, np.uint16),
            marks=np.zeros(BOUNDED, np.uint8),
            ranks=np.zeros(2 * BOUNDED + 1, np.uint16),
            seen=np.zeros(1024, np.uint64),
            seen_words=np.zeros(16, np.uint64),
            keys=np.zeros(BOUNDED, np.uint64),
        ),
        ConductScratch(np.zeros(BOUNDED + 1, np.int32), np.zeros(64, np.int64)),
        new_asked_scratch(),
        np.zeros(1024, np.int32),
    )


@part
def dominant_script(work: Work) -> int:
    """Code of the script most letters belong to; han and kana count together."""
    scripts = work.scripts
    if work.state[GENERAL] == 0:
        return _LATIN if scripts[_LATIN] > 0 else 0
    best, most = 0, signed(0)
    both = scripts[_HAN] + scripts[_JAPANESE]
    for code in range(1, scripts.size):
        letters = scripts[code]
        if code == _HAN:
            letters = both if scripts[_JAPANESE] * _JAPANESE_SHARE < both else signed(0)
        elif code == _JAPANESE:
            letters = both if scripts[_JAPANESE] * _JAPANESE_SHARE >= both else signed(0)
        if letters > most:
            best, most = code, letters
    return best


@part
def keyed_place(text_hash: np.uint64, seed: np.uint64, first: int, stop: int) -> int:
    """A position in [first, stop), fixed by the text's own hash and the seed."""
    return first + signed(mix(text_hash ^ (seed * P1)) % np.uint64(stop - first))


@part
def copy_counts(source: I64, target: I64) -> None:
    """Copy an array; a slice assignment would allocate."""
    for i in range(source.size):
        target[i] = source[i]


@part
def lay_regions(data: U8, span: tuple[int, int], table: U32, work: Work, seed: np.uint64) -> tuple[int, int, np.uint64]:
    """Tokenise one text and lay its bounded regions side by side at the start of work.hashes.

    Gives its tokens, those laid, and the hash of all; the phrase middle of longer texts lies at SPARE_AT.
    """
    n, text_hash, phrase_at, wide_at, marks, tail = 0, _U0, 0, 0, signed(0), 0
    for reading in range(3):
        wanted = FIRST_READING
        if reading == 1:
            wanted = (phrase_at, phrase_at + MIDDLE, SPARE_AT)
        elif reading == 2:
            wanted = (wide_at, wide_at + WIDE_MIDDLE, WIDE_HEAD)
        read, running = scan(data, span[0], span[1], table, work, wanted)
        if reading == 0:
            n, text_hash = read, running
            if n > HEAD + MIDDLE + TAIL:
                phrase_at = keyed_place(text_hash, seed, HEAD, n - TAIL - MIDDLE + 1)
            if n > BOUNDED:
                wide_at = keyed_place(text_hash, ~seed, WIDE_HEAD, n - WIDE_TAIL - WIDE_MIDDLE + 1)
            if work.state[WRAPPED] == 0:
                break
            marks = work.state[MARKS]
            copy_counts(work.scripts, work.first_scripts)
        tail = LAST_AT
    if tail == LAST_AT:
        work.state[MARKS] = marks
        work.state[GENERAL] = 1
        copy_counts(work.first_scripts, work.scripts)
    elif phrase_at > 0:
        copy_tokens(work, phrase_at, SPARE_AT, MIDDLE)
    if n <= BOUNDED:
        return n, n, text_hash
    if tail != LAST_AT:
        tail = n - WIDE_TAIL
        copy_tokens(work, wide_at, WIDE_HEAD, WIDE_MIDDLE)
    copy_tokens(work, tail, WIDE_HEAD + WIDE_MIDDLE, WIDE_TAIL)
    return n, BOUNDED, text_hash


@part
def region_phrases(hashes: U64, sizes: tuple[int, int], scratch: Scratch) -> int:
    """Phrases of a prompt's head, keyed middle and tail, in scratch.found; returns their number.

    `sizes` is the number of tokens of the text and the number laid.
    """
    total, laid = sizes
    regions, count = 3 if total > HEAD + MIDDLE + TAIL else 1, FIRST_READING[0]
    scratch.phrases.text[0] += _U1
    for region in range(regions):
        span = (0, HEAD if regions > 1 else total)
        if region == 1:
            span = (SPARE_AT, SPARE_AT + MIDDLE)
        elif region == 2:
            span = (laid - TAIL, laid)
        count = winnow(hashes, span, scratch.phrases, scratch.found, count)
    return thin(scratch.found, count, PHRASES)


@part
def system_phrases(hashes: U64, sizes: tuple[int, int], scratch: Scratch) -> int:
    """The same of a system prompt's head and tail."""
    total, laid = sizes
    regions, count = 2 if total > SYSTEM_HEAD + SYSTEM_TAIL else 1, FIRST_READING[0]
    scratch.phrases.text[0] += _U1
    for region in range(regions):
        span = (0, SYSTEM_HEAD if regions > 1 else total) if region == 0 else (laid - SYSTEM_TAIL, laid)
        count = winnow(hashes, span, scratch.phrases, scratch.found, count)
    return thin(scratch.found, count, SYSTEM_PHRASES)


@part
def has_characters(work: Work) -> bool:
    """True for a text with a script that is written without spaces."""
    if work.state[GENERAL] == 0:
        return False
    scripts = work.scripts
    letters = signed(0)
    for code in range(_UNSPACED_FIRST, _UNSPACED_LAST + 1):
        letters += scripts[code]
    return letters > 0


@part
def sketch_prompt(
    texts: Texts, row: int, seed: np.uint64, tables: Tables, work: Work, scratch: Scratch, out: RowSketches
) -> None:
    """All columns that come from the prompt of one row; lists go behind those of the row before."""
    hashes, words = work.hashes, scratch.words
    span = (texts.begins[row], texts.ends[row])
    out.bytes[row] = hash_bytes(texts.data, span[0], span[1], PROMPT_SEED)
    total, laid, text_hash = lay_regions(texts.data, span, tables.code_points, work, seed)
    sizes = (total, laid)
    out.text_hash[row] = text_hash
    out.numbers[row] = hash_numbers(texts.data, span[0], span[1], text_hash)
    out.words[row] = min(total, _MOST)
    out.script[row] = dominant_script(work)
    name_words(hashes, laid, tables.vocabulary, words)
    count = region_phrases(hashes, sizes, scratch)
    at = out.phrase_offsets[row]
    for i in range(count):
        out.phrases[at + i] = scratch.found[i]
    out.phrase_offsets[row + 1] = at + count
    count = rank_words(work, laid, has_characters(work), words)
    out.topic_offsets[row + 1] = topic_buckets(words, count, out.topics, signed(out.topic_offsets[row]))
    sizes_and_bytes = (laid, total, span[1] - span[0])
    shown = find_conduct(words.ids, sizes_and_bytes, tables.lexicon, work, scratch.conduct)
    out.conduct[row] = shown | find_asked(hashes, words.marks, laid, tables.asked, scratch.asked)


@part
def same_bytes(data: U8, one: int, other: int, size: int) -> bool:
    """True if the two stretches hold the same bytes."""
    different = 0
    for i in range(size):
        different |= data[one + i] ^ data[other + i]
    return different == 0


@part
def sketch_system(texts: Texts, row: int, tables: Tables, work: Work, scratch: Scratch, out: RowSketches) -> None:
    """The columns that come from the system prompt; one that was seen a moment ago is copied from that row.

    What scratch.rows holds from other batches does no harm: only an earlier row with the very same bytes is copied.
    """
    begin, end = texts.begins[row], texts.ends[row]
    at = out.system_offsets[row]
    out.system_offsets[row + 1] = at
    out.system_conduct[row] = 0
    if begin >= end:
        return
    slot = signed(hash_bytes(texts.data, begin, end, P1) & np.uint64(scratch.rows.size - 1))
    seen = scratch.rows[slot]
    scratch.rows[slot] = row
    alike = 0 <= seen < row and texts.ends[max(seen, 0)] - texts.begins[max(seen, 0)] == end - begin
    if alike and same_bytes(texts.data, begin, texts.begins[seen], end - begin):
        count = out.system_offsets[seen + 1] - out.system_offsets[seen]
        for i in range(count):
            out.system_phrases[at + i] = out.system_phrases[out.system_offsets[seen] + i]
        out.system_offsets[row + 1] = at + count
        out.system_conduct[row] = out.system_conduct[seen]
        return
    total, laid, _text_hash = lay_regions(texts.data, (begin, end), tables.code_points, work, P1)
    name_words(work.hashes, laid, tables.vocabulary, scratch.words)
    count = system_phrases(work.hashes, (total, laid), scratch)
    for i in range(count):
        out.system_phrases[at + i] = scratch.found[i]
    out.system_offsets[row + 1] = at + count
    sizes = (laid, total, end - begin)
    shown = find_conduct(scratch.words.ids, sizes, tables.lexicon, work, scratch.conduct)
    shown |= find_asked(work.hashes, scratch.words.marks, laid, tables.asked, scratch.asked) & ~_PROBE
    out.system_conduct[row] = shown


@part
def answer_conduct(texts: Texts, span: tuple[int, int], tables: Tables, work: Work, scratch: Scratch) -> int:
    """Flags of one stretch of an answer."""
    total, _text_hash = scan(texts.data, span[0], span[1], tables.code_points, work, FIRST_READING)
    laid = min(total, BOUNDED)
    name_words(work.hashes, laid, tables.vocabulary, scratch.words)
    sizes = (laid, total, span[1] - span[0])
    return find_conduct(scratch.words.ids, sizes, tables.answers, work, scratch.conduct)


def _make_sketch_rows(key: int) -> Callable[..., int]:
    """Entry point over prompts and system prompts; `key` stands for all that is compiled into it."""

    @entry_point
    def sketch_rows(
        texts: tuple[Texts, Texts], seed: np.uint64, tables: Tables, work: Work, scratch: Scratch, out: RowSketches
    ) -> int:
        prompts, systems = texts
        for row in range(prompts.begins.size):
            sketch_prompt(prompts, row, seed, tables, work, scratch, out)
            sketch_system(systems, row, tables, work, scratch, out)
        return key

    return sketch_rows


def _make_answer_rows(key: int) -> Callable[..., int]:
    """Entry point over answers: what their head and their tail show is added to each row's flags."""

    @entry_point
    def answer_rows(answers: Texts, tables: Tables, work: Work, scratch: Scratch, conduct: U32) -> int:
        for row in range(answers.begins.size):
            begin, end = answers.begins[row], answers.ends[row]
            for stretch in range(2):  # one loop: the kernel is compiled once
                first = begin if stretch == 0 else max(begin + ANSWER_HEAD, end - ANSWER_TAIL)
                last = min(end, begin + ANSWER_HEAD) if stretch == 0 else end
                if first < last:
                    conduct[row] |= answer_conduct(answers, (first, last), tables, work, scratch)
        return key

    return answer_rows


def _make_hash_rows(key: int) -> Callable[..., int]:
    """Entry point that hashes the bytes of each row of a column."""

    @entry_point
    def hash_rows(texts: Texts, seed: np.uint64, out: U64) -> int:
        for row in range(texts.begins.size):
            out[row] = hash_bytes(texts.data, texts.begins[row], texts.ends[row], seed)
        return key

    return hash_rows


def _make_chain_rows(key: int) -> Callable[..., int]:
    """Entry point that folds one more value per row into running hashes."""

    @entry_point
    def chain_rows(hashes: U64, values: U64) -> int:
        for row in range(hashes.size):
            hashes[row] = mix((hashes[row] ^ mix(values[row] + P1)) * P2)
        return key

    return chain_rows


def _make_list_tokens(key: int) -> Callable[..., int]:
    """Entry point that gives the token hashes of short texts, for building the vocabulary."""

    @entry_point
    def list_tokens(texts: Texts, code_points: U32, work: Work, out: U64, offsets: I32) -> int:
        at = 0
        for row in range(texts.begins.size):
            count, _text_hash = scan(texts.data, texts.begins[row], texts.ends[row], code_points, work, FIRST_READING)
            for i in range(min(count, KEPT)):
                out[at + i] = work.hashes[i]
            at += min(count, KEPT)
            offsets[row + 1] = at
        return key

    return list_tokens


_KEY = folder_key(__file__)
sketch_rows = _make_sketch_rows(_KEY)
answer_rows = _make_answer_rows(_KEY)
hash_rows = _make_hash_rows(_KEY)
chain_rows = _make_chain_rows(_KEY)
list_tokens = _make_list_tokens(_KEY)
