"""Which samples belong together, so that what a student is asked is nothing that it learned in other words.

This is coarser than what counts as one sample: a near-copy may count as a sample of its own, and a turn of a
conversation does, but neither may stand on the other side of a comparison.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from stillhunt.case import ALIKE, BUCKETS_OF_WORDS
from stillhunt.logs import CONDUCT_FLAGS

# characters: length from which two samples with the same answer are kept on one side of the comparison (shorter answers
# are those of different questions as well)
_TELLING_ANSWER = 16
# Share of the samples from which an answer or a set of words, such as a refusal, tells no question (the share from
# which a word is one of the template, in alike_prompts)
_COMMON_KEY = 0.05
# share of samples: part that samples of one group may have before conversations alone are groups; ties are still kept
# apart, at the price of samples that no student learns from
_LARGEST_GROUP = 0.1


_FOLLOW_UP = next(bit for bit, name, _ in CONDUCT_FLAGS if name == "FOLLOW_UP")


def what_belongs_together(tables: Sequence[pa.Table]) -> list[tuple[int, frozenset[bytes]]]:
    """A group and ties of each row of all tables, one table after another.

    Rows are tied if they ask the same, have the same words beside those of the template, or the same answer, unless
    many have it; follow-ups such as "go on" are tied by their answers alone. Rows are of one group if they are tied or
    of one conversation. Where that would make one group of a large part, groups are conversations alone.

    Args:
        tables: rows with `prompt_hash`, `item` (a key of what is asked, whatever was said before), `conversation`,
            `topic_words`, `conduct` and `response`.
    """
    ties = [tie for number, table in enumerate(tables) for tie in _ties(number, table)]
    talks = [f"talk {one}".encode() for table in tables for one in table["conversation"].to_pylist()]
    groups = _joined([{talk, *own} for talk, own in zip(talks, ties, strict=True)])
    if groups and max(Counter(groups).values()) > max(_LARGEST_GROUP * len(groups), 1):
        groups = _joined([{talk} for talk in talks])
    return list(zip(groups, ties, strict=True))


def _ties(number: int, table: pa.Table) -> list[frozenset[bytes]]:
    answers, words = _rare(_answer_keys(table)), _rare(_word_keys(table))
    columns = (table[name].to_pylist() for name in ("prompt_hash", "item", "conduct"))
    found = []
    for prompt, item, conduct, answer, own in zip(*columns, answers, words, strict=True):
        ties = {b"answer" + answer} if answer else set()
        if not conduct & _FOLLOW_UP:
            ties |= {f"prompt {prompt}".encode(), f"item {number} {item}".encode()}
            ties |= {f"words {number} ".encode() + own} if own else set()
        found.append(frozenset(ties))
    return found


def _answer_keys(table: pa.Table) -> list[bytes]:
    """A hash of each answer; empty for short ones."""
    texts = [" ".join(one.lower().split()) for one in table["response"].to_pylist()]
    return [
        hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if len(one) >= _TELLING_ANSWER
        else b""
        for one in texts
    ]


def _word_keys(table: pa.Table) -> list[bytes]:
    """The words of each prompt that are not of the template, as bytes; empty where there is none."""
    lists = [np.array(one, np.uint16) for one in table["topic_words"].to_pylist()]
    every = np.concatenate(lists) if lists else np.zeros(0, np.uint16)
    template = np.bincount(every, minlength=BUCKETS_OF_WORDS) > ALIKE.template_share * len(lists)
    return [np.unique(one[~template[one]]).tobytes() for one in lists]


def _rare(keys: list[bytes]) -> list[bytes]:
    """The keys, empty where many have the same, such as a refusal or a word of everybody's."""
    often = Counter(keys)
    most = max(2.0, _COMMON_KEY * len(keys))
    return [one if often[one] <= most else b"" for one in keys]


def _joined(keys: Sequence[set[bytes]]) -> list[int]:
    """A number for each row: rows that share a key, directly or through others, have the same."""
    parent = list(range(len(keys)))
    seen: dict[bytes, int] = {}
    for place, own in enumerate(keys):
        for key in own:
            left, right = _root(parent, place), _root(parent, seen.setdefault(key, place))
            parent[max(left, right)] = min(left, right)
    return [_root(parent, place) for place in range(len(keys))]


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place
