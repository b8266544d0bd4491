"""The constant tables that kernels read, built once a process from words, stop words and the conduct lexicon."""

from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import I64, U8, U64
from stillhunt.base.conduct_flags import BITS
from stillhunt.extract.lexicon import all_stop_words, phrases_by_feature
from stillhunt.extract.text.asked_kernels import Asked
from stillhunt.extract.text.byte_kernels import new_work
from stillhunt.extract.text.conduct import ANSWER_RULES, PROMPT_RULES, LexiconRules, compile_rules
from stillhunt.extract.text.conduct_kernels import Lexicon
from stillhunt.extract.text.row_kernels import Tables, Texts, list_tokens
from stillhunt.extract.text.word_kernels import BUCKET_SHIFT, BUCKET_WORDS, BUCKETS, CUE, STOP, TAG_SHIFT, Vocabulary
from stillhunt.extract.text.words import code_point_table

_TRIE_SLOTS = 1 << 15
_FIRST_MULTIPLIER = 0x9E3779B97F4AA6FF
"""Where the search for the vocabulary's multiplier starts: where it ends with the present words, so it is short."""


@cache
def constant_tables() -> Tables:
    """All constant tables, the same in every process."""
    stop_tokens = tokenise(all_stop_words())
    phrases = {rules: phrases_by_feature(rules.features) for rules in (PROMPT_RULES, ANSWER_RULES)}
    phrase_tokens = {rules: tokenise([phrase for phrase, _ in found]) for rules, found in phrases.items()}
    cues = asked_data().cues
    ids = _number_words([*stop_tokens, *(tokens for lists in phrase_tokens.values() for tokens in lists), cues])
    marks = np.zeros(len(ids) + 1, np.uint8)
    marks[sorted({ids[int(word)] for tokens in stop_tokens for word in tokens})] = STOP
    marks[[ids[word] for word in cues.tolist()]] = CUE  # none of them is a stop word
    lexicons = [
        _build_lexicon(
            [
                ([ids[int(word)] for word in tokens], feature)
                for tokens, (_, feature) in zip(phrase_tokens[rules], found, strict=True)
            ],
            len(ids) + 1,
            rules,
        )
        for rules, found in phrases.items()
    ]
    return Tables(
        code_point_table(), _build_vocabulary(ids, marks), lexicons[0], lexicons[1], _build_asked_classifier()
    )


def _build_asked_classifier() -> Asked:
    data = asked_data()
    return Asked(data.entries, data.bars, np.array([BITS[flag] for flag in ASKED_FLAGS], np.int64))


def tokenise(texts: list[str]) -> list[U64]:
    """Token hashes of short texts, by the same kernel that reads prompts."""
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
    begins = ends - np.array([len(text) for text in encoded], np.int64)
    out = np.empty(data.size + 1, np.uint64)
    offsets = np.zeros(len(texts) + 1, np.int32)
    list_tokens(Texts(data, begins, ends), code_point_table(), new_work(), out, offsets)
    return [out[offsets[i] : offsets[i + 1]] for i in range(len(texts))]


def _number_words(token_lists: list[U64]) -> dict[int, int]:
    """Ids from 1, in order of the hashes, so that they do not depend on the order of the lists."""
    known = sorted({int(word) for tokens in token_lists for word in tokens})
    return {word: number for number, word in enumerate(known, start=1)}


def _build_vocabulary(ids: dict[int, int], marks: U8) -> Vocabulary:
    words = np.zeros(len(ids) + 1, np.uint64)
    words[1:] = sorted(ids)
    multiplier = _FIRST_MULTIPLIER
    while True:  # the first multiplier under which no bucket overflows and no two of its words share a tag
        scrambled = words[1:] * np.uint64(multiplier)
        buckets = (scrambled >> np.uint64(BUCKET_SHIFT)).astype(np.int64)
        places = (scrambled >> np.uint64(TAG_SHIFT)).astype(np.int64)
        if np.bincount(buckets).max() <= BUCKET_WORDS and np.unique(places).size == places.size:
            break
        multiplier += 2
    tags = np.zeros((BUCKETS, BUCKET_WORDS), np.uint8)
    numbers = np.zeros((BUCKETS + 1, BUCKET_WORDS), np.uint16)
    filled = np.zeros(BUCKETS, np.int64)
    for number, place in enumerate(places.tolist(), start=1):
        bucket, tag = divmod(place, 256)
        tags[bucket, filled[bucket]] = tag
        numbers[bucket, filled[bucket]] = number
        filled[bucket] += 1
    return Vocabulary(np.uint64(multiplier), tags.view("<u8").reshape(-1), numbers.reshape(-1), words, marks)


def _build_lexicon(paths: list[tuple[list[int], str]], words: int, rules: LexiconRules) -> Lexicon:
    children: dict[tuple[int, int], int] = {}
    features = [0]
    roots = np.zeros(words, np.uint16)
    starts = np.zeros(words, np.uint8)
    pairs_seen = np.zeros(1 << 10, np.uint64)
    for path, feature in paths:
        node = 0
        if len(path) == 1:
            starts[path[0]] = 1
        else:
            bit = (path[0] * 40503 + path[1] * 30011) & 0xFFFF
            pairs_seen[bit >> 6] |= np.uint64(1 << (bit & 63))
        for word in path:
            step = (node, word)
            if step not in children:
                children[step] = len(features)
                features.append(0)
            node = children[step]
        features[node] |= 1 << rules.features.index(feature)
    keys = np.zeros(_TRIE_SLOTS, np.uint32)
    nodes = np.zeros(_TRIE_SLOTS, np.uint16)
    for (node, word), child in children.items():
        if node == 0:
            roots[word] = child
            continue
        key = node << 16 | word
        slot = (key * 0x9E3779B1 >> 15) & (_TRIE_SLOTS - 1)
        while keys[slot]:
            slot = (slot + 1) & (_TRIE_SLOTS - 1)
        keys[slot], nodes[slot] = key, child
    return Lexicon(starts, pairs_seen, roots, keys, nodes, np.array(features, np.uint64), *compile_rules(rules))


ASKED_FLAGS = (
    *("REASONING", "RUBRIC", "CLEAN_TRACE", "EXTRACTION_PROBE", "AGENT_TRAJECTORY", "TASK_GENERATION"),
    *("TRANSLATION", "CODE"),
)
"""Conduct flags that the classifier can show, in the order of its columns."""


class AskedData(NamedTuple):
    """What the data file holds: token hashes of the cue words, tags and weights by slot, bar by class."""

    cues: U64
    entries: U64
    bars: I64


@cache
def asked_data() -> AskedData:
    """The shipped classifier, read once a process."""
    with (files("stillhunt.extract") / "data" / "asked.npz").open("rb") as file, np.load(file) as data:
        return AskedData(*(data[name] for name in AskedData._fields))
