"""Later requests placed as the search placed those before them: content clusters, slices and topics without a search.

It misleads where the search would now find something else: a new template, a new wording style, or an account whose
traffic has changed. Nothing that is placed here forms a group.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.coded import plain
from stillhunt.base.schema import SLICED
from stillhunt.link.judged_requests import MAX_MATCHED
from stillhunt.link.requests.arrays import Array, Flags, Ints, lists, values
from stillhunt.link.requests.index_requests import client_texts, keyed_bit, request_style
from stillhunt.link.templates.clusters import P
from stillhunt.link.templates.phrase_kernels import assign_clusters
from stillhunt.link.templates.recurring_phrases import find_known
from stillhunt.link.topics.topics import NO_TOPIC, TopicModel, topics_of_partition

_OWN_ARRAYS = ("phrases", "cluster_of", "label_of")


@dataclass(frozen=True)
class Learned:
    """What a search learned of a log, as far as later requests are placed by it."""

    phrases: npt.NDArray[np.uint32]  # hashes of the phrases that recur, ascending
    cluster_of: npt.NDArray[np.int32]  # content cluster of each phrase; -1 where it has none
    label_of: Ints  # label of each content cluster
    topics: TopicModel | None  # None where the log shows no topics

    def arrays(self) -> dict[str, Array]:
        """All of it as arrays by name; `of_arrays` reverses this."""
        own: dict[str, Array] = {name: getattr(self, name) for name in _OWN_ARRAYS}
        topics = {} if self.topics is None else self.topics._asdict()
        return own | {name: np.asarray(value) for name, value in topics.items()}

    @classmethod
    def of_arrays(cls, found: Mapping[str, Array]) -> Self:
        """What `arrays` gave. Raises KeyError: an array is missing."""
        topics = TopicModel._make(found[name] for name in TopicModel._fields) if "centres" in found else None
        if topics is not None:
            topics = topics._replace(clusters=int(topics.clusters))
        return cls(found["phrases"], found["cluster_of"], found["label_of"], topics)


class EarlierRequests(NamedTuple):
    """Requests that a search has placed."""

    account: Ints  # code of the account of each
    traffic: pa.Table
    sliced: pa.Table


def find_labels(new: pa.Table, account: Ints, learned: Learned) -> tuple[Ints, Ints, Ints]:
    """Content cluster of each new request, its label, and how many of its phrases stand in it; -1 and 0 where none.

    Args:
        new: SKETCHES.
        account: code of each request's account in the TOTALS of the search, or a higher number.
    """
    cluster, matched = np.empty(len(account), np.int32), np.empty(len(account), np.int32)
    known = lists(pa.table({"known": find_known(new, learned.phrases)}), "known")
    code = values(pa.table({"account": account.astype(np.int32)}), "account")
    assign_clusters(code, known, learned.cluster_of, (np.zeros(0, np.int64), 1), 1, cluster, matched)
    label = np.append(learned.label_of, -1)[cluster]
    return cluster.astype(np.int64), np.where(matched > 0, label, -1), matched.astype(np.int64)


def place_requests(
    new: pa.Table, account: Ints, learned: Learned, earlier: EarlierRequests, grouped: Ints, seed: int
) -> pa.Table:
    """SLICED of new requests, row for row, but for the codes of clients, which follow the whole traffic.

    Args:
        new: SKETCHES in canonical order.
        account: code of the account of each.
        earlier: the requests that these accounts sent before.
        grouped: labels of the content clusters in which there is a group.
        seed: of the search.
    """
    before, traffic, sliced = earlier
    cluster, label, matched = find_labels(new, account, learned)
    # One phrase is enough in an account that has a slice there, as for the search.
    width = int(max(label.max(initial=0), values(sliced, "cluster").max(initial=0))) + 2
    there = np.isin(account * width + label, before * width + values(sliced, "cluster").astype(np.int64))
    label[(matched < P.min_matched) & ~there] = -1
    cluster[label < 0] = -1
    first = _mark_new_prompts(new, account, before, traffic)
    topic = np.full(len(account), NO_TOPIC, np.int64)
    if learned.topics is not None:
        columns = {"cluster": cluster.astype(np.int32), "account": account.astype(np.int32)}
        told = pa.table({**columns, "topic_words": new["topic_words"]})
        topic = values(topics_of_partition(told, learned.topics), "topic").astype(np.int64)
    style = request_style(new)
    own = _untemplated_labels(before, traffic, sliced)
    untemplated = np.zeros(len(account), bool)
    free = ~np.isin(label, grouped) & _single_turns(new, account, before, traffic)
    for row, key in zip(range(len(account)), _sender_keys(account, style, new), strict=True):
        if free[row] and key in own:
            label[row], untemplated[row] = own[key], True
    return pa.table(
        {
            "cluster": label.astype(np.int32),
            "untemplated": untemplated,
            "matched": np.where(untemplated | (label < 0), 0, np.minimum(matched, MAX_MATCHED)).astype(np.int16),
            "fold": keyed_bit(values(new, "conversation"), seed).astype(np.int8),
            "topic": topic.astype(np.int16),
            "first_occurrence": first,
            "request_style": style,
            "own_phrases": pa.nulls(len(account), SLICED.arrow.field("own_phrases").type),
            "client_fingerprint": np.full(len(account), -1, np.int32),
        }
    ).select(SLICED.names)


def _sender_keys(account: Ints, style: Array, table: pa.Table) -> Iterator[tuple[int, int, str]]:
    """Account, request style and client of each request."""
    code, names = client_texts(pa.table({name: plain(table[name]) for name in ("user_agent", "tls_fingerprint")}))
    texts = [*names, ""]
    return ((a, s, texts[c]) for a, s, c in zip(account.tolist(), style.tolist(), code.tolist(), strict=True))


def _untemplated_labels(account: Ints, traffic: pa.Table, sliced: pa.Table) -> dict[tuple[int, int, str], int]:
    """Label of the untemplated slice into which each account's questions of one style and client fall.

    An account with two of them, with its own wording and beside it, has none here: its questions wait for a search.
    """
    rows = np.flatnonzero(values(sliced, "untemplated"))
    keys = _sender_keys(account[rows], values(sliced, "request_style")[rows], traffic.take(pa.array(rows)))
    found: dict[tuple[int, int, str], set[int]] = {}
    for key, label in zip(keys, values(sliced, "cluster")[rows].tolist(), strict=True):
        found.setdefault(key, set()).add(label)
    return {key: label for key, (label, *others) in found.items() if not others}


def _mark_new_prompts(new: pa.Table, account: Ints, before: Ints, traffic: pa.Table) -> Flags:
    """True for the first request of its account with its prompt."""
    seen = set(zip(before.tolist(), values(traffic, "prompt_hash").tolist(), strict=True))
    first = np.zeros(len(account), bool)
    for row, key in enumerate(zip(account.tolist(), values(new, "prompt_hash").tolist(), strict=True)):
        first[row] = key not in seen
        seen.add(key)
    return first


def _single_turns(new: pa.Table, account: Ints, before: Ints, traffic: pa.Table) -> Flags:
    """True for requests that are, so far, their whole conversation; turns count from the earliest of the account."""
    both = np.concatenate([values(traffic, "conversation"), values(new, "conversation")])
    _, place, times = np.unique(both, return_inverse=True, return_counts=True)
    turns = [values(table, "turn", fill=-1).astype(np.int64) for table in (traffic, new)]
    owner, turn = np.concatenate([before, account]), np.concatenate(turns)
    earliest = np.full(int(owner.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(earliest, owner[turn >= 0], turn[turn >= 0])
    single: Flags = (times[place[len(before) :]] == 1) & (turns[1] <= earliest[account])
    return single
