"""Bare slices: traffic that shows no template, cut by how it is sent.

Where no phrase recurs there is no content to cut by. What is left is the client: a harvest is sent by a program of its
own, one question a conversation, with or without sampling parameters, and cover traffic by another. A bare slice is one
account's single questions outside content clusters, of one such manner and one client stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.link.coding import Coded, Floats, Ints
from stillhunt.link.topics import TOPICS

LEAST = 8
"""Distinct questions a bare slice needs: with 64 topics fewer tell nothing of a mixture."""
MOST_STACKS = 3
"""Client stacks of one account that become slices of their own; who uses more is a crowd behind one account, and stays
one slice."""
DAY = 86_400_000_000


@dataclass(frozen=True)
class BareSlices:
    """Bare slices, one entry each unless said otherwise, by account, manner and stack.

    Attributes:
        account: account code.
        manner: 1 where sampling parameters are set, 0 where not.
        stack: code of the client stack; -1 where a slice gathers several or none is known.
        size: distinct questions.
        days: days with a question.
        topics: questions on each topic, by half (2 x slices x TOPICS).
        of_request: slice of each request of the log; -1 where none.
        stacks: number of stack codes.
    """

    account: Ints
    manner: Ints
    stack: Ints
    size: Ints
    days: Ints
    topics: Ints
    of_request: Ints
    stacks: int

    @cached_property
    def everything(self) -> Floats:
        """Share of each topic in all slices, shape (TOPICS,)."""
        counted = self.topics[0].sum(axis=0) + self.topics[1].sum(axis=0) + 0.5
        share: Floats = counted / counted.sum()
        return share

    @cached_property
    def log_load(self) -> Floats:
        """Logarithm of the questions of each slice."""
        load: Floats = np.log(np.maximum(self.size, 1))
        return load

    @cached_property
    def log_rate(self) -> Floats:
        """Logarithm of the questions of each slice on a day of work."""
        rate: Floats = np.log(np.maximum(self.size, 1) / np.maximum(self.days, 1))
        return rate


def bare_slices(sketches: pa.Table, coded: Coded, of_request: Ints, topics: Ints) -> BareSlices:
    """Bare slices of a log.

    Args:
        sketches: SKETCHES in canonical order.
        coded: the same as arrays.
        of_request: content cluster of each request; -1 where none.
        topics: topic of each request.
    """
    manner, stack = _manner(sketches), _stack(sketches)
    stacks = int(stack.max(initial=-1)) + 1
    bare = (of_request < 0) & _alone(sketches)
    told = bare & coded.fresh & (topics >= 0)
    # The stacks that an account uses enough are slices of their own; the rest of its questions is one slice.
    own = (coded.account * 2 + manner) * (stacks + 1) + stack + 1
    gathered = (coded.account * 2 + manner) * (stacks + 1)
    large = _with_at_least(own[told], LEAST)
    holder, held = np.unique(large // (stacks + 1), return_counts=True)
    large = large[~np.isin(large // (stacks + 1), holder[held > MOST_STACKS])]
    key = np.where(np.isin(own, large), own, gathered)
    kept = _with_at_least(key[told], LEAST)
    slice_of = np.where(bare & np.isin(key, kept), np.searchsorted(kept, key), -1)
    counted = told & (slice_of >= 0)
    position = slice_of[counted]
    by_topic = np.zeros((2, len(kept), TOPICS), np.int64)
    np.add.at(by_topic, (coded.half[counted], position, topics[counted]), 1)
    day = sketches.column("timestamp").cast(pa.int64()).to_numpy()[counted] // DAY
    worked = np.unique(np.stack([position, day]), axis=1)[0]
    return BareSlices(
        account=kept // (2 * (stacks + 1)),
        manner=kept // (stacks + 1) % 2,
        stack=kept % (stacks + 1) - 1,
        size=np.bincount(position, minlength=len(kept)),
        days=np.bincount(worked, minlength=len(kept)),
        topics=by_topic,
        of_request=slice_of,
        stacks=stacks,
    )


def without_strays(coded: Coded, of_request: Ints, searched: Ints, least: int) -> Ints:
    """Content cluster of each request, but for strays: an account's few requests in a cluster where no group was found.

    A question that happens to contain another's stock phrases is still a question without a template.

    Args:
        coded: requests in canonical order.
        of_request: content cluster of each request; -1 where none.
        searched: clusters in which a group was found.
        least: distinct prompts from which an account's part of a cluster is no stray.
    """
    width = int(of_request.max(initial=-1)) + 2
    key = coded.account * width + of_request + 1
    inside = (of_request >= 0) & ~np.isin(of_request, searched)
    large = _with_at_least(key[inside & coded.fresh], least)
    return np.where(inside & ~np.isin(key, large), -1, of_request)


def _with_at_least(keys: Ints, least: int) -> Ints:
    found, count = np.unique(keys, return_counts=True)
    return found[count >= least]


def _manner(sketches: pa.Table) -> Ints:
    """1 where the request sets a sampling parameter."""
    given = [pc.is_valid(sketches.column(name)) for name in ("temperature", "top_p", "max_tokens")]
    manner: Ints = pc.or_(pc.or_(given[0], given[1]), given[2]).to_numpy().astype(np.int64)
    return manner


def _stack(sketches: pa.Table) -> Ints:
    """Code of user agent and TLS fingerprint together, ordered by their text; -1 where neither is known."""
    parts = [pc.fill_null(sketches.column(name), "") for name in ("user_agent", "tls_fingerprint")]
    joint = pc.binary_join_element_wise(*parts, "\n").combine_chunks().dictionary_encode()
    joint = joint.chunk(0) if isinstance(joint, pa.ChunkedArray) else joint
    names = np.array(joint.dictionary.to_pylist(), dtype=object)
    rank = np.empty(len(names), np.int64)
    order = np.argsort(names, kind="stable")
    rank[order] = np.arange(len(names))
    if len(names):
        rank[names == "\n"] = -1
    codes = joint.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    stack: Ints = rank[codes] if len(names) else codes
    return stack


def _alone(sketches: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """True for a question that is all of its conversation."""
    conversation = sketches.column("conversation").to_numpy()
    _, place, count = np.unique(conversation, return_inverse=True, return_counts=True)
    turn = pc.fill_null(sketches.column("turn"), 0).to_numpy()
    alone: np.ndarray[tuple[int], np.dtype[np.bool_]] = (count[place] == 1) & (turn <= 0)
    return alone
