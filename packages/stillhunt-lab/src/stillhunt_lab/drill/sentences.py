"""New prompts from the user's own: sentences of two prompts about one subject, put together.

Nothing is used that would give a planted campaign away by itself. Sentences that recur in the log (templates,
greetings, boilerplate) are left out, so no honest template enters a campaign. Within one planted account the sentences
of a prompt are used again only when all others of its subject were, so the mixing itself makes no recurring phrases.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillhunt import InputError
from stillhunt_lab.arrays import Array

PROMPTS_READ = 40_000
"""Prompts that are taken apart at most; bounds time and memory."""
PROMPTS_KEPT = 8_000
RECURS_IN_PROMPTS = 3
"""A sentence that occurs in so many prompts is a template or a common phrase."""
MAX_SENTENCES = 6
"""Most sentences kept of one prompt, so that a pasted file does not become every item."""
MIN_CHARACTERS = 24
MAX_PROMPT_CHARACTERS = 1_200
"""Characters of an entry."""
MIN_ENTRIES = 100
_SEED_PROMPTS = 30
_SUBJECT_WORDS = 80
_SHARED_BY = 3
"""Of the seed prompts; a word of fewer is one prompt's own."""

_BREAK = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*|\n+")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}|\w{4,}")


@dataclass(frozen=True)
class Sentences:
    """Prompts split into sentences.

    Args:
        first_parts, second_parts: the first and the second half of each entry's sentences; an entry of one sentence
            has it in both.
        words: codes of the words that tell its subject, entry after entry.
        entry: entry of each of `words`.
        rarity: entries that hold each word, shape (vocabulary,).
    """

    first_parts: tuple[str, ...]
    second_parts: tuple[str, ...]
    words: Array
    entry: Array
    rarity: Array

    def __len__(self) -> int:
        return len(self.first_parts)


def split_prompts(prompts: Sequence[tuple[int, str]]) -> Sentences:
    """Split prompts into sentences that can be combined into new items.

    `prompts`: (account number, prompt), in an order that favours nobody; the first `PROMPTS_READ` are read. Raises
    InputError: too few prompts have sentences of their own.
    """
    distinct = list(dict.fromkeys(prompts[:PROMPTS_READ]))
    split = [_split_text_sentences(text) for _, text in distinct]
    seen = Counter(sentence for sentences in split for sentence in set(sentences))
    per_account = max(4, -(-PROMPTS_KEPT // max(len({account for account, _ in distinct}), 1)))
    used: Counter[int] = Counter()
    entries: dict[str, list[str]] = {}
    for (account, _), sentences in zip(distinct, split, strict=True):
        own = [sentence for sentence in sentences if seen[sentence] < RECURS_IN_PROMPTS][:MAX_SENTENCES]
        text = " ".join(own)
        if (
            MIN_CHARACTERS <= len(text) <= MAX_PROMPT_CHARACTERS
            and used[account] < per_account
            and len(entries) < PROMPTS_KEPT
        ):
            used[account] += 1
            entries.setdefault(text, own)
    if len(entries) < MIN_ENTRIES:
        raise InputError(
            f"only {len(entries)} prompts have sentences of their own, too few to make items from",
            where="LOGS",
            next_step="drill on more of the log",
        )
    parts = list(entries.values())
    cuts = [max(1, len(own) // 2) for own in parts]
    words, entry, rarity = _telling_words(list(entries))
    return Sentences(
        tuple(" ".join(own[:cut]) for own, cut in zip(parts, cuts, strict=True)),
        tuple(" ".join(own[cut:] or own) for own, cut in zip(parts, cuts, strict=True)),
        words,
        entry,
        rarity,
    )


def _split_text_sentences(text: str) -> list[str]:
    return [sentence for part in _BREAK.split(text[: 8 * MAX_PROMPT_CHARACTERS]) if (sentence := part.strip())]


def _telling_words(texts: list[str]) -> tuple[Array, Array, Array]:
    """Words that occur in some entries but not in many: codes, their entries, and the number of entries of each."""
    held = [sorted({word.lower() for word in _WORD.findall(text)}) for text in texts]
    counts = Counter(word for words in held for word in words)
    most = max(10, len(texts) // 15)
    code = {word: at for at, word in enumerate(sorted(w for w, n in counts.items() if 3 <= n <= most))}
    entry = np.array([at for at, words in enumerate(held) for word in words if word in code], np.int64)
    words = np.array([code[word] for words in held for word in words if word in code], np.int64)
    return words, entry, np.bincount(words, minlength=len(code))


def draw_subject(sentences: Sentences, rng: np.random.Generator, size: int) -> Array:
    """Draw entries about one subject: those that share most words with a prompt drawn at random.

    `size`: entries wanted; all where there are no more. Returns entry numbers, the closest first, shape (size,).
    """
    chance = rng.permutation(len(sentences))  # settles ties, so that early entries are not preferred
    seed = int(rng.integers(len(sentences)))
    words = sentences.words[sentences.entry == seed]
    near = _find_closest_sentences(sentences, words, chance, _SEED_PROMPTS)
    inside = np.bincount(sentences.words[np.isin(sentences.entry, near)], minlength=len(sentences.rarity))
    # Words much more common here than anywhere: squared count over rarity, in integers.
    telling = np.lexsort((np.arange(len(inside)), -(inside * inside * 1000 // np.maximum(sentences.rarity, 1))))
    words = telling[:_SUBJECT_WORDS][inside[telling[:_SUBJECT_WORDS]] >= _SHARED_BY]
    return _find_closest_sentences(sentences, words, chance, size)


def _find_closest_sentences(sentences: Sentences, words: Array, chance: Array, size: int) -> Array:
    shared = np.bincount(sentences.entry[np.isin(sentences.words, words)], minlength=len(sentences))
    closest: Array = np.lexsort((chance, -shared))[:size]
    return closest


def draw_items(sentences: Sentences, rng: np.random.Generator, subject: Array, count: int) -> list[str]:
    """New texts for one account; no part of an entry is used twice before all others were used.

    `subject`: entries to draw from, at least two. Returns texts made of the first part of one entry and the second part
    of another.
    """
    items: list[str] = []
    while len(items) < count:
        order = rng.permutation(subject)
        shift = 1 + int(rng.integers(len(order) - 1))
        # Shifted within one order, so that a text never meets itself.
        items += [
            f"{sentences.first_parts[a]} {sentences.second_parts[b]}"
            for a, b in zip(order, np.roll(order, shift), strict=True)
        ]
    return items[:count]
