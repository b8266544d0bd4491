"""Where items come from: the text model, or a file of real texts.

A language of the model has Zipf pseudo-words and real function words. Its connecting units are walks on a seeded chain
over function words, its content units one to three pseudo-words of a topic. A text alternates between them; one
sentence in six wanders off to another topic. Units recur by Zipf's law, as collocations do, so that honest texts share
short runs of words as real ones do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt import InputError
from stillhunt_lab.arrays import Array, count_within
from stillhunt_lab.second_worlds.spec import open_stream
from stillhunt_lab.worlds.grammar import read_data

_LEXICON = 3000
_TOPIC_WORDS = 120
_CONNECTING = 1500
_CONTENT = 260


@dataclass(frozen=True)
class Language:
    """A language.

    `weight`: share of the accounts that speak it first. `glue`: what stands between two words.
    """

    name: str
    weight: float
    glue: str
    openers: tuple[str, ...]
    follow: tuple[str, ...]
    functions: tuple[str, ...]
    words: tuple[str, ...]


def build_languages(seed: int) -> tuple[Language, ...]:
    """The languages of one world; their pseudo-words are new for every seed."""
    languages = []
    for entry in read_data("second_tongues")["tongue"]:
        rng = open_stream(seed, f"tongue/{entry['name']}")
        languages.append(
            Language(
                name=entry["name"],
                weight=entry["weight"],
                glue=entry["glue"],
                openers=tuple(entry["openers"]),
                follow=tuple(entry["follow"]),
                functions=tuple(dict.fromkeys(entry["functions"].split())),
                words=_coin_words(rng, entry),
            )
        )
    return tuple(languages)


def _coin_words(rng: np.random.Generator, entry: dict[str, str]) -> tuple[str, ...]:
    """Distinct words of one to four syllables; the commoner a word, the shorter it tends to be."""
    heads, cores, tails = (entry[part].split(" ") for part in ("heads", "cores", "tails"))
    count = _LEXICON * 2
    syllables = 1 + rng.binomial(3, np.linspace(0.25, 0.6, count))
    picks = rng.integers(0, 1 << 30, (count, 9)).tolist()
    words = []
    for length, pick in zip(syllables.tolist(), picks, strict=True):
        parts = [
            heads[pick[2 * k] % len(heads)] + cores[pick[2 * k + 1] % len(cores)] for k in range(max(1, int(length)))
        ]
        words.append("".join(parts) + tails[pick[8] % len(tails)])
    return tuple(dict.fromkeys(words))[:_LEXICON]


@dataclass(frozen=True)
class Units:
    """Units of one language.

    `connecting`: (first, count) of the connecting units. `content`: first content unit of each topic, shape (topics,);
    `_CONTENT` each.
    """

    texts: list[str]
    connecting: tuple[int, int]
    content: Array


def build_units(seed: int, language: Language, topics: int) -> Units:
    """Build the connecting and content units of a language."""
    rng = open_stream(seed, f"units/{language.name}")
    texts = _connecting_units(rng, language)
    first_content = len(texts)
    words = len(language.words)
    for _ in range(topics):
        # Low ranks are common words that several topics share; each topic has its own order of preference.
        own = np.unique(np.minimum(rng.pareto(0.35, 4 * _TOPIC_WORDS) * 7 + 40, words - 1).astype(np.int64))
        own = rng.permutation(np.concatenate([own, rng.integers(40, words, _TOPIC_WORDS)]))[:_TOPIC_WORDS]
        picks = own[np.minimum(zipf_ranks(rng, len(own), (_CONTENT, 3), 0.7), len(own) - 1)]
        common = rng.random((_CONTENT, 3)) < 0.22
        picks = np.where(common, zipf_ranks(rng, 400, (_CONTENT, 3), 0.8), picks)
        lengths = rng.choice((1, 2, 3), _CONTENT, p=(0.62, 0.29, 0.09))
        for length, pick in zip(lengths.tolist(), picks.tolist(), strict=True):
            texts.append(language.glue.join(language.words[k] for k in pick[:length]))
    return Units(texts, (0, first_content), first_content + _CONTENT * np.arange(topics))


def _connecting_units(rng: np.random.Generator, language: Language) -> list[str]:
    """Walks of one to three steps on a chain over function words."""
    functions = language.functions
    count = len(functions)
    chain = np.cumsum(rng.dirichlet(np.full(count, 0.15), count), axis=1)
    last = zipf_ranks(rng, count, _CONNECTING, 0.9)
    walks = [last]
    for _ in range(2):
        last = np.minimum((chain[last] < rng.random((_CONNECTING, 1))).sum(1), count - 1)
        walks.append(last)
    lengths = rng.choice((1, 2, 3), _CONNECTING, p=(0.5, 0.38, 0.12)).tolist()
    return [language.glue.join(functions[walk[row]] for walk in walks[:length]) for row, length in enumerate(lengths)]


def zipf_ranks(rng: np.random.Generator, count: int, shape: int | tuple[int, ...], exponent: float) -> Array:
    """Ranks 0 to count - 1 drawn by a power of the rank.

    `exponent`: the power; 0 = all alike.
    """
    weights = np.cumsum(np.arange(1, count + 1, dtype=float) ** -exponent)
    return np.minimum(np.searchsorted(weights / weights[-1], rng.random(shape)), count - 1)


WORLD_TOPICS = 48
_ITEM_KINDS = ("chat", "code", "instruction", "math", "support")
_LEAST_CHARACTERS = 15
_AT_ONCE = 100_000  # joining works on arrays with 32-bit offsets


class TextSource(Protocol):
    """Writes items on topics."""

    popularity: Array
    """Share of each topic in what people ask, shape (topics,)."""

    def write(self, rng: np.random.Generator, topic: Array, language: Array, size: Array) -> pa.Array:
        """Items."""


def pitman_yor_shares(rng: np.random.Generator, count: int, strength: float, discount: float) -> Array:
    """Shares of a Pitman-Yor process by stick breaking, cut off and scaled to one (Pitman and Yor 1997).

    `strength`: theta; larger = more even. `discount`: between 0 and 1; larger = longer tail.
    """
    order = np.arange(1, count + 1)
    breaks = rng.beta(1.0 - discount, strength + discount * order)
    shares = breaks * np.concatenate([[1.0], np.cumprod(1.0 - breaks[:-1])])
    scaled: Array = shares / shares.sum()
    return scaled


class ModelTexts:
    """Items of the text model."""

    def __init__(self, seed: int, languages: tuple[Language, ...]) -> None:
        rng = open_stream(seed, "popularity")
        self.popularity = 0.75 * pitman_yor_shares(rng, WORLD_TOPICS, 14.0, 0.25) + 0.25 / WORLD_TOPICS
        self._tongues = languages
        texts: list[str] = []
        self._connecting = np.zeros((len(languages), 2), np.int64)
        self._content = np.zeros((len(languages), WORLD_TOPICS), np.int64)
        self._opener = np.zeros((len(languages), 2), np.int64)
        for place, language in enumerate(languages):
            units = build_units(seed, language, WORLD_TOPICS)
            self._connecting[place] = len(texts), units.connecting[1]
            self._content[place] = units.content + len(texts)
            texts += units.texts
            self._opener[place] = len(texts), len(language.openers)
            texts += language.openers
        self._stops = len(texts)
        texts += [".", ",", "?", ".", ",", ";", ".\n", ":\n", ".\n\n", "\n-"]
        self._figures = len(texts)
        rng = open_stream(seed, "figures")
        texts += [str(int(value)) for value in 10 ** rng.uniform(0, 5, 300)]
        self._vocabulary = pa.array(texts, pa.string())

    def write(self, rng: np.random.Generator, topic: Array, language: Array, size: Array) -> pa.Array:
        """Items of the text model; see `TextSource.write`."""
        parts = [
            self._write_some(rng, topic[rows], language[rows], size[rows])
            for rows in (slice(first, first + _AT_ONCE) for first in range(0, len(topic), _AT_ONCE))
        ]
        return pa.concat_arrays(parts) if parts else pa.array([], pa.large_string())

    def _write_some(self, rng: np.random.Generator, topic: Array, language: Array, size: Array) -> pa.Array:
        clauses = np.maximum(1, np.round(size / 6.0).astype(np.int64))
        text = np.repeat(np.arange(len(topic)), clauses)
        total = len(text)
        strays = np.where(rng.random(total) < 0.16, rng.integers(0, WORLD_TOPICS, total), topic[text])
        unit = np.full((total, 6), -1, np.int64)  # connecting, content, connecting, content, figure, stop
        speech = language[text]
        for column in (0, 2):
            rank = zipf_ranks(rng, int(self._connecting[0, 1]), total, 0.85)
            unit[:, column] = self._connecting[speech, 0] + rank
        for column in (1, 3):
            unit[:, column] = self._content[speech, strays] + zipf_ranks(rng, _CONTENT, total, 0.75)
        figure = rng.random(total) < 0.12
        unit[figure, 4] = self._figures + rng.integers(0, 300, int(figure.sum()))
        stop = rng.random(total) < 0.6
        # The longer a text, the more of its stops are line breaks.
        bent = rng.random(total) ** np.where(size[text] > 90, 0.5, 1.3)
        unit[stop, 5] = self._stops + (10 * bent[stop]).astype(np.int64)
        first = np.zeros(total, bool)
        first[np.cumsum(clauses) - clauses] = True
        opened = first & (rng.random(total) < 0.7)
        ranks = (self._opener[speech, 1] * rng.random(total) ** 1.5).astype(np.int64)
        unit[opened, 0] = (self._opener[speech, 0] + ranks)[opened]
        filled = unit >= 0
        lengths = np.bincount(text, filled.sum(1), len(topic)).astype(np.int64)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        flat = self._vocabulary.take(pa.array(unit[filled]))
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, flat), " ")
        for mark in ".?,:;!":
            joined = pc.replace_substring(joined, f" {mark}", mark)
        dense = np.array([not t.glue for t in self._tongues])[language]
        if dense.any():
            joined = pc.if_else(pa.array(dense), pc.replace_substring(joined, " ", ""), joined)
        return joined.cast(pa.large_string())


class RealTexts:
    """Items from a file of real texts; none is used twice before all of its topic were used.

    `path`: Parquet file with columns text and topic; a column kind chooses what users write. Raises InputError: the
    file cannot be read, or lacks a column.
    """

    def __init__(self, path: Path, seed: int) -> None:
        try:
            present = pq.read_schema(path).names
            table = pq.read_table(path, columns=[name for name in ("text", "topic", "kind") if name in present])
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"the texts cannot be read: {error}", where=str(path), next_step="give a Parquet file"
            ) from error
        missing = {"text", "topic"} - set(table.column_names)
        if missing:
            raise InputError(
                f"no column {', '.join(sorted(missing))}", where=str(path), next_step="give a file with text and topic"
            )
        if "kind" in table.column_names:
            table = table.filter(pc.is_in(table["kind"], pa.array(_ITEM_KINDS, table.schema.field("kind").type)))
        table = table.filter(pc.greater_equal(pc.utf8_length(table["text"]), _LEAST_CHARACTERS))
        if not table.num_rows:
            raise InputError("no text is long enough", where=str(path), next_step="give texts that users wrote")
        rng = open_stream(seed, "real texts")
        shuffled = rng.permutation(table.num_rows)
        _, topic = np.unique(table["topic"].to_numpy()[shuffled], return_inverse=True)
        by_topic = np.argsort(topic, kind="stable")
        self._texts = table["text"].combine_chunks().cast(pa.large_string())
        self._order = shuffled[by_topic]
        self._counts = np.bincount(topic)
        self._first = np.cumsum(self._counts) - self._counts
        self._used = np.zeros(len(self._counts), np.int64)
        self.popularity = np.sqrt(self._counts) / np.sqrt(self._counts).sum()

    def write(self, rng: np.random.Generator, topic: Array, language: Array, size: Array) -> pa.Array:
        """The next unused texts of each topic; language and size are as they come."""
        del rng, language, size
        order = np.argsort(topic, kind="stable")
        counts = np.bincount(topic, minlength=len(self._counts))
        within = count_within(counts)
        sorted_topic = topic[order]
        place = (self._used[sorted_topic] + within) % self._counts[sorted_topic]
        row = np.empty(len(topic), np.int64)
        row[order] = self._order[self._first[sorted_topic] + place]
        self._used += counts
        return self._texts.take(pa.array(row))
