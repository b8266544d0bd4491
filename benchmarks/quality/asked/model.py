"""The classifier of what requests ask for: cue words, features, weights and bars, learned from texts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse as sparse
from texts import (
    BARS,
    FLAGS,
    LAB_SET,
    NONE,
    TEST,
    TRAIN,
    UNSURE,
    Corpus,
    Prompt,
    Wording,
    compose_prompts,
)
from windows import feature_keys, features_of, find_windows, token_lists

from stillhunt.extract.lexicon import all_stop_words
from stillhunt.extract.text.asked_kernels import (
    ASKED_TAG_SHIFT,
    CLASSES,
    ENTRY_TAG_SHIFT,
    PART,
    SLOTS,
    SLOTS_SHIFT,
    WEIGHT_BITS,
    WEIGHT_ZERO,
)
from stillhunt.extract.text.byte_kernels import KIND_CHARACTER, KIND_MASK
from stillhunt.extract.text.tables import tokenise

Array = np.ndarray[Any, np.dtype[Any]]
SEED = 20_261
"""Of all chance, so that the same corpus gives the same file."""
CUES_PER_READING = 1
LEAST_REACHED, LEAST_GAIN = 16, 2e5
"""Readings that a cue word must reach, and readings by its share of ordinary words."""
COMMON = 4e-4
"""Most often that a cue word may stand among the words of ordinary texts."""
PER_SET = 3_000
"""Texts of one data set to train on at most: the sets differ in size a hundredfold."""
CORPUS_WEIGHT = 4.0
"""Weight of all windows of the corpus together, in weights of all windows of the wordings."""
RIDGE = 1e-4
NOTHING = -(10**6)
"""Sum of a text without a window."""
SCALE = 8
"""One unit of log odds in a stored weight."""
MOST_FEATURES = 4_500
MOST_WEIGHT, LOWEST_BAR = 12, 27
"""No two features suffice: a rare word and its neighbour are no request."""
ALARMS = 5e-4
"""Share of the corpus's texts that may reach the bar of a class."""
ALARMS_BY_LANGUAGE = 2e-3
"""The same of the lab's items of any one language."""
POSITIVE_SETS = {
    "REASONING": ("alpaca_cot_flan", "distill_pipeline_prompts", "seed_tasks"),
    "RUBRIC": ("distill_pipeline_prompts", "p3_t0_templated"),
    "CLEAN_TRACE": ("distill_pipeline_prompts",),
    "EXTRACTION_PROBE": ("distill_pipeline_prompts",),
    "AGENT_TRAJECTORY": ("distill_pipeline_prompts", "gpteacher_codealpaca", "tool_use_tasks", "agent_tool_traffic"),
    "TASK_GENERATION": ("distill_pipeline_prompts",),
    "TRANSLATION": ("alpaca", "sharegpt_user", "p3_t0_templated", "instructionwild", "plexpt_questions_zh"),
    "CODE": (
        "alpaca",
        "sharegpt_user",
        "code_tasks",
        "gpteacher_codealpaca",
        "arena_hard_mtbench",
        "plexpt_questions_zh",
    ),
}
"""Data sets of which many texts do ask for it: they are no examples of texts that do not."""
POSITIVE_FOR_ALL = (
    "app_system_prompts",
    "awesome_chatgpt_prompts",
    "sharegpt_replies_sample",
    "distill_pipeline_prompts",
)


@dataclass(frozen=True)
class Model:
    """A classifier before it is stored.

    Args:
        cues: token hashes of the cue words, ascending.
        keys: feature keys, ascending.
        single: True for the features that are single words.
        weights: shape (features, classes), whole numbers.
        bars: sum from which a class is shown.
    """

    cues: Array
    keys: Array
    single: Array
    weights: Array
    bars: Array

    def sums(self, lists: list[Array]) -> Array:
        """Highest sum of any window of each text, shape (texts, classes); very low where there is no window."""
        tokens, offsets = joined(lists)
        texts, starts, ends = find_windows(tokens, offsets, self.cues)
        best = np.full((len(lists), len(FLAGS)), NOTHING)
        features = features_of(tokens, starts, ends, self.keys)
        sums = features @ self.weights
        words = features @ (self.weights * self.single[:, None])
        sums[~(PART * words >= self.bars).any(axis=1)] = NOTHING
        np.maximum.at(best, texts, sums)
        return best


def joined(lists: list[Array]) -> tuple[Array, Array]:
    """All tokens one after another, and where each text begins."""
    offsets = np.zeros(len(lists) + 1, np.int64)
    offsets[1:] = np.cumsum([len(tokens) for tokens in lists])
    return np.concatenate(lists) if lists else np.zeros(0, np.uint64), offsets


@dataclass(frozen=True)
class Examples:
    """Composed prompts as tokens: for each, its parts' tokens and what each part asks for."""

    prompts: list[Prompt]
    parts: list[list[Array]]

    @classmethod
    def of(cls, prompts: list[Prompt]) -> Examples:
        """Tokenise prompts part by part."""
        flat = token_lists([part for prompt in prompts for part in prompt.parts])
        cut, at = [], 0
        for prompt in prompts:
            cut.append(flat[at : at + len(prompt.parts)])
            at += len(prompt.parts)
        return cls(prompts, cut)

    def asking(self) -> list[tuple[str, Array]]:
        """Flag and tokens of every part that asks for something."""
        pairs = zip(self.prompts, self.parts, strict=True)
        return [
            (flag, tokens)
            for prompt, parts in pairs
            for flag, tokens in zip(prompt.flags, parts, strict=True)
            if flag in FLAGS
        ]


def choose_cues(asking: list[tuple[str, Array]], ordinary: Array) -> Array:
    """Words of which every wording has one or two, and ordinary texts few: greedy by wordings reached per cost."""
    stops = stop_tokens()
    words, counts = np.unique(ordinary, return_counts=True)
    lists = [np.setdiff1d(tokens, stops) for _, tokens in asking]
    candidates, inverse = np.unique(np.concatenate(lists), return_inverse=True)
    reading = np.repeat(np.arange(len(lists)), [len(x) for x in lists])
    has = sparse.csc_matrix((np.ones(len(inverse)), (reading, inverse)), shape=(len(lists), len(candidates)))
    at = np.minimum(np.searchsorted(words, candidates), len(words) - 1)
    rate = np.where(words[at] == candidates, counts[at], 0) / len(ordinary)
    has_row = has.tocsr()
    wanted = np.full(len(lists), CUES_PER_READING)
    reached = np.asarray(has.sum(axis=0)).ravel()
    cost = np.where(rate > COMMON, np.inf, rate + 1e-5)
    chosen: list[int] = []
    while True:
        gain = np.where((reached >= LEAST_REACHED) & (reached / cost >= LEAST_GAIN), reached / cost, 0.0)
        best = int(gain.argmax())
        if gain[best] == 0:
            break
        chosen.append(best)
        rows = has.indices[has.indptr[best] : has.indptr[best + 1]]
        wanted[rows] -= 1
        for row in rows[wanted[rows] == 0]:
            reached[has_row.indices[has_row.indptr[row] : has_row.indptr[row + 1]]] -= 1
        reached[best] = 0
    return np.sort(candidates[chosen])


def known_features(examples: Examples) -> tuple[Array, Array]:
    """Words and pairs of the wordings that occur in at least six readings, nothing of the corpus.

    Stop words count only in pairs with others: by themselves they tell a language, and not what is asked for.

    Returns:
        Their keys, ascending, and which are single words.
    """
    stops = stop_tokens()
    keys, single = [], []
    for prompt, parts in zip(examples.prompts, examples.parts, strict=True):
        for family, tokens in zip(prompt.families, parts, strict=True):
            if family != "item" and len(tokens):
                words, pairs = feature_keys(tokens)
                content = ~np.isin(tokens, stops)
                chosen = pairs[1:][content[1:] | content[:-1]]
                keys.append(np.unique(np.concatenate([words[content], chosen])))
                single.append(words)
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    found = found[counts >= 6]
    return found, np.isin(found, np.concatenate(single))


def character_keys(examples: Examples) -> Array:
    """Keys of single characters of scripts without spaces, each of which is in many words."""
    tokens = np.unique(np.concatenate([tokens for parts in examples.parts for tokens in parts]))
    return feature_keys(tokens[tokens & KIND_MASK == KIND_CHARACTER])[0]


def stop_tokens() -> Array:
    """Token hashes of all stop words."""
    return np.unique(np.concatenate(tokenise(all_stop_words())))


def label_windows(examples: Examples, cues: Array) -> tuple[Array, Array, Array, Array]:
    """Windows of composed prompts with what they ask for.

    Returns:
        All tokens, first token and end of each window, and labels of shape (windows, classes): 1 asks for it, 0 does
        not, -1 where a window holds too little of a part to say, or a part of which nobody can say.
    """
    tokens, offsets = joined([np.concatenate(parts) for parts in examples.parts])
    texts, starts, ends = find_windows(tokens, offsets, cues)
    labels = np.zeros((len(starts), len(FLAGS)), np.int8)
    for row, (text, start, end) in enumerate(zip(texts.tolist(), starts.tolist(), ends.tolist(), strict=True)):
        at = int(offsets[text])
        for flag, part in zip(examples.prompts[text].flags, examples.parts[text], strict=True):
            inside = min(end, at + len(part)) - max(start, at)
            at += len(part)
            if inside <= 0 or flag == NONE:
                continue
            if flag == UNSURE:
                labels[row] = np.where(labels[row] == 1, 1, -1)
                continue
            column = FLAGS.index(flag)
            enough = inside >= 0.6 * len(part) or inside >= 8
            labels[row, column] = 1 if enough or labels[row, column] == 1 else -1
    return tokens, starts, ends, labels


def fit_class(features: sparse.csr_matrix, label: Array, weight: Array) -> Array:
    """Weights of a logistic regression with a ridge penalty; the last one is the constant."""
    size = features.shape[1]
    turned = features.T.tocsr()

    def loss(x: Array) -> tuple[float, Array]:
        score = (features @ x[:size] + x[size]) * label
        value = float(weight @ np.logaddexp(0, -score)) + RIDGE * float(x[:size] @ x[:size]) / 2
        slope = -weight * label / (1 + np.exp(np.clip(score, -500, 500)))
        return value, np.append(turned @ slope + RIDGE * x[:size], slope.sum())

    return np.asarray(
        scipy.optimize.minimize(loss, np.zeros(size + 1), jac=True, method="L-BFGS-B", options={"maxiter": 60}).x
    )


@dataclass(frozen=True)
class Traffic:
    """Tokens of the corpus to train on, to set the bars by and to test on, with the data set of each text."""

    train: list[Array]
    train_sets: Array
    bars: list[Array]
    bar_sets: Array
    test: list[Array]
    test_sets: Array

    @classmethod
    def of(cls, corpus: Corpus) -> Traffic:
        """Tokenise the corpus; of each data set a limited number of texts is to train on."""
        rng = np.random.default_rng(SEED)
        order = rng.permutation(len(corpus.texts))
        rank = np.zeros(len(order), np.int64)
        for name in np.unique(corpus.sets):
            mine = order[(corpus.sets[order] == name) & (corpus.use[order] == TRAIN)]
            rank[mine] = np.arange(len(mine))
        lists = token_lists(corpus.texts)
        parts: list[Any] = []
        for use in (TRAIN, BARS, TEST):
            chosen = np.flatnonzero((corpus.use == use) & (rank < PER_SET))
            parts += [[lists[k] for k in chosen], corpus.sets[chosen]]
        return cls(*parts)


def counts_against(sets: Array, flag: str) -> Array:
    """True for texts of data sets that rarely ask for it."""
    return ~np.isin(sets, (*POSITIVE_FOR_ALL, *POSITIVE_SETS[flag]))


def fit(wordings: list[Wording], traffic: Traffic, items: list[str], flags: tuple[str, ...] = FLAGS) -> Model:
    """A classifier from wordings and the corpus's training texts; only for some flags where that is enough."""
    examples = Examples.of(compose_prompts(np.random.default_rng(SEED), wordings, items))
    ordinary, _ = joined(traffic.train)
    cues = choose_cues(examples.asking(), ordinary)
    keys, single = known_features(examples)
    tokens, starts, ends, labels = label_windows(examples, cues)
    asked = features_of(tokens, starts, ends, keys)
    corpus_tokens, corpus_offsets = joined(traffic.train)
    texts, starts, ends = find_windows(corpus_tokens, corpus_offsets, cues)
    real = features_of(corpus_tokens, starts, ends, keys)
    weights = np.zeros((len(keys), len(FLAGS)), np.int64)
    for flag in flags:
        column = FLAGS.index(flag)
        mine = np.flatnonzero(labels[:, column] >= 0)
        other = np.flatnonzero(counts_against(traffic.train_sets, flag)[texts])
        features = sparse.vstack([asked[mine], real[other]]).tocsr()
        label = np.concatenate([np.where(labels[mine, column] == 1, 1.0, -1.0), -np.ones(len(other))])
        weight = np.concatenate([np.full(len(mine), 1 / len(mine)), np.full(len(other), CORPUS_WEIGHT / len(other))])
        solution = fit_class(features, label, weight)
        whole = np.round(solution[:-1] * SCALE).astype(np.int64)
        weights[:, column] = np.clip(whole, -WEIGHT_ZERO, MOST_WEIGHT)
    characters = np.isin(keys, character_keys(examples))
    weights[characters] = np.minimum(weights[characters], MOST_WEIGHT // 2)
    strongest = np.sort(np.abs(weights).max(axis=1))[::-1]
    used = np.abs(weights).max(axis=1) >= max(strongest[min(MOST_FEATURES, len(strongest)) - 1], 1)
    kept = np.flatnonzero(used)[np.sort(place_features(keys[used], weights[used])[0])]
    return set_bars(Model(cues, keys[kept], single[kept], weights[kept], np.full(len(FLAGS), NOTHING)), traffic)


def place_features(keys: Array, weights: Array) -> tuple[Array, Array]:
    """Which features find their slot free, the strongest first, and which slot that is."""
    order = np.lexsort((keys, -np.abs(weights).max(axis=1)))
    slots, first = np.unique((keys[order] >> np.uint64(SLOTS_SHIFT)).astype(np.int64), return_index=True)
    return order[first], slots


def write_model(model: Model, path: Path) -> None:
    """Store a classifier as the kernel reads it."""
    features, slots = place_features(model.keys, model.weights)
    tags = (model.keys[features] >> np.uint64(ASKED_TAG_SHIFT)) & np.uint64(0xFFFF) | np.uint64(1)
    entries = np.zeros(SLOTS, np.uint64)
    entries[slots] = tags << np.uint64(ENTRY_TAG_SHIFT)
    for column in range(CLASSES):
        stored = (model.weights[features, column] + WEIGHT_ZERO).astype(np.uint64)
        entries[slots] |= stored << np.uint64(WEIGHT_BITS * column)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, cues=model.cues, entries=entries, bars=model.bars)


def set_bars(model: Model, traffic: Traffic) -> Model:
    """Bars such that few texts of the corpus that took no part in the fit reach them."""
    best = model.sums(traffic.bars)
    real = ~np.char.startswith(traffic.bar_sets.astype(str), LAB_SET)
    bars = np.zeros(len(FLAGS), np.int64)
    for column, flag in enumerate(FLAGS):
        against = counts_against(traffic.bar_sets, flag)
        bars[column] = max(LOWEST_BAR, bar_for(best[against & real, column], ALARMS))
        for name in np.unique(traffic.bar_sets[~real]):
            bars[column] = max(bars[column], bar_for(best[traffic.bar_sets == name, column], ALARMS_BY_LANGUAGE))
    return Model(model.cues, model.keys, model.single, model.weights, bars)


def bar_for(sums: Array, alarms: float) -> int:
    """Bar that at most a given share of the sums reaches."""
    return int(np.sort(sums)[-1 - int(alarms * len(sums))]) + 1
