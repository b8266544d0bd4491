"""Which harvested requests are one sample: the same prompt again, or the same item in other words around it.

A sketch holds the least buckets of a prompt's content words, so that two prompts with the same words have the same
ones, however each is wrapped (bottom-k sketch, Broder 1997). Words that many of the campaign's requests have are its
template; of the other words the five least are the item. Requests with the same five are alike; those with fewer are
alike where the whole prompt is the same. A later turn of a conversation is only alike to itself: what it asks depends
on what was said before. Misleads: items that differ in numbers and short symbols alone count as one.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from stillhunt.base.arrays import U16, Flags, Hashes, Ints
from stillhunt.base.parameters import read_parameters

BUCKETS_OF_WORDS = 1 << 16
"""Topic words are buckets of a hash of 16 bits."""
BLOCK_ROWS = 1 << 15
"""Requests whose words are looked at together; bounds memory, changes no result."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


# Requests of a campaign, evenly chosen, in which words are counted to find its template (a share of 5 % is known to 0.1
# %)
_COUNTED_REQUESTS = 50_000


class AlikeParameters(NamedTuple):
    """Parameters of alike prompts."""

    template_share: float
    item_words: int


P = read_parameters(AlikeParameters, "triage.alike_prompts")


def evenly(rows: Ints, most: int) -> Ints:
    """At most so many of the rows, evenly spread."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def words_of(column: pa.ChunkedArray, rows: Ints) -> tuple[Ints, U16]:
    """Number of topic words of some requests, and these words one after another."""
    taken = column.take(pa.array(rows))
    taken = taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken
    return taken.value_lengths().to_numpy(zero_copy_only=False), taken.flatten().to_numpy()


def sample_keys(traffic: pa.Table, rows: Ints) -> Hashes:
    """A key for each request of one campaign, the same for requests that are alike; 0 where there is no prompt."""
    columns = traffic.select(["prompt_hash", "conversation", "turn"]).take(pa.array(rows))
    keys: Hashes = columns["prompt_hash"].to_numpy().copy()
    known = keys != 0
    template = _template_buckets(traffic["topic_words"], rows)
    for first in range(0, len(rows), BLOCK_ROWS):
        block = slice(first, first + BLOCK_ROWS)
        _by_item(keys[block], *words_of(traffic["topic_words"], rows[block]), template)
    later = _later_turns(keys, columns["conversation"].to_numpy(), columns["turn"].fill_null(-1).to_numpy())
    keys[later] = _mix_hashes(keys[later], columns["conversation"].to_numpy()[later])
    keys[~known] = 0
    return keys


def _later_turns(keys: Hashes, conversation: Hashes, turn: Ints) -> Flags:
    """True for requests that follow another one in their conversation; where the log has no turns, for other prompts.

    `turn`: turn of each, below 0 where unknown.
    """
    later = turn > 0
    unknown = np.flatnonzero(turn < 0)
    if len(unknown):
        _, first, place = np.unique(conversation[unknown], return_index=True, return_inverse=True)
        later[unknown] = keys[unknown] != keys[unknown[first[place]]]
    found: Flags = later
    return found


def _template_buckets(column: pa.ChunkedArray, rows: Ints) -> Flags:
    """True for the buckets of words that many of the requests have."""
    looked_at = evenly(rows, _COUNTED_REQUESTS)
    counts = np.zeros(BUCKETS_OF_WORDS, np.int64)
    for first in range(0, len(looked_at), BLOCK_ROWS):
        _, words = words_of(column, looked_at[first : first + BLOCK_ROWS])
        counts += np.bincount(words, minlength=BUCKETS_OF_WORDS)
    found: Flags = counts > P.template_share * len(looked_at)
    return found


def _by_item(keys: Hashes, lengths: Ints, words: U16, template: Flags) -> None:
    """Put a key of the item's words in place of the prompt's hash where there are enough of them."""
    kept = ~template[words]
    row = np.repeat(np.arange(len(lengths)), lengths)[kept]
    own = np.bincount(row, minlength=len(lengths))
    rank = np.arange(len(row)) - np.repeat(np.cumsum(own) - own, own)
    least = np.zeros((len(lengths), P.item_words), np.uint64)
    chosen = rank < P.item_words
    least[row[chosen], rank[chosen]] = words[kept][chosen].astype(np.uint64) + np.uint64(1)
    enough = own >= P.item_words
    item = np.full(int(enough.sum()), _ODD)
    for column in least[enough].T:
        item = _mix_hashes(item, column)
    keys[enough] = item


def _mix_hashes(left: Hashes, right: Hashes) -> Hashes:
    mixed = (left ^ right) * _ODD
    return mixed ^ (mixed >> _SHIFT)
