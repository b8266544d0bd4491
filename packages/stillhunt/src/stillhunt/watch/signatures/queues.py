"""Accounts that go on with the work queue of an earlier campaign, with new words around its items.

A campaign that comes back with another template, card and client still has the rest of its items to do. Its accounts
ask about the same subjects as its members did, about all of them and not about one, each item once, at a worker's pace,
and want answers of the same kind. Clients, networks and the words of the template take no part.

A request is about the queue if its topic words are more frequent there than in honest traffic by some bits. A handful
of measures of an account's first requests then goes into a penalised logistic regression (le Cessie and van Houwelingen
1992) of members against honest accounts of the same window. Members are measured by the words of the other half of the
members, or every item would seem to be known. Without the log odds of the two groups, what it gives is a
log-likelihood ratio. The exponential tail of the honest accounts (peaks over a threshold, Pickands 1975) says how
many honest newcomers show as much. Newcomers are judged together (Benjamini and Hochberg 1995): one account alone needs
far more than one of twenty that begin after a campaign was stopped.

It misleads where an honest newcomer works through the same public collection as a campaign did: a link is a reason to
look and no verdict. It finds nothing where each account works on one subject only, or where the queue is a new one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.units import DAY
from stillhunt.link.campaign_phrases import distinct_keys
from stillhunt.link.requests.arrays import Flags, Floats, Hashes, Ints, lists, values
from stillhunt.link.requests.index_requests import keyed_bit
from stillhunt.watch.signatures import passes
from stillhunt.watch.signatures.matcher import LinkedAccount
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS
from stillhunt.watch.signatures.returns import SignedCampaign
from stillhunt.watch.signatures.signature import QueueProfile, SignatureSet, fill_sentence
from stillhunt.watch.signatures.weighing import STYLE_COLUMNS, hash_text, style_hashes
from stillhunt.watch.signatures.weights import Counts

# Share of a campaign's requests from which a word is one of its template (no subject is in every eighth request)
_TEMPLATE_RATE = 0.12
_MOST_WORDS = (
    1024  # Words of a queue that are kept: those that tell most, and as many that tell nothing (bounds the file)
)
_WORD_BITS = (-0.25, 5.0)  # Bits of a word that the queue does not use, and the most of one that it does
_ABOUT_BITS = 5.0  # Bits from which a request is about the queue (three or four of its words)
_LEAST_ABOUT = 2  # Such requests that an account needs (one is chance)
_STAGES = (12, 25, FIRST_REQUESTS)  # First requests by which accounts are compared: newcomers have few
_RIDGE = 1.0  # Penalty of the regression, for measures of deviation 1 (its usual value)
_NEWTON_STEPS = 25  # It settles in ten
_LEAST_MEMBERS = 8  # Members from which they can be told from others (of fewer, the regression learns who they are)
_TAIL = 20  # Honest accounts by which the tail is fitted
_LEAST_TAIL = 0.5  # Bits: mean of that tail at least (a steeper one is an accident of few accounts)
# Share of linked accounts that may be honest; where nobody came back, the chance that any is linked (one in a wave)
_FALSE = 0.05
_LEAST_CHANCE = 1e-12  # Nothing is less likely: no tail is known so far
_OVERLAP_DAYS = 1.0  # Replacements begin while the last members still work, or stand by before
COLUMNS = (
    *("account_id", "account_key", "request_key", "timestamp", "conversation", "turn", "prompt_hash", "topic_words"),
    *("words", "output_tokens", "script", *STYLE_COLUMNS),
)
"""Columns of the sketches that this reads."""
_MEASURES = 16
OLD, NEW = 0, 1
MEASURED = pa.schema([("account_id", pa.string()), ("half", pa.int8()), ("model", pa.int32()), ("stage", pa.int32()),
                      ("first", pa.int64()), ("last", pa.int64()), ("about", pa.int64()), ("all", pa.int64()),
                      ("measures", pa.list_(pa.float64(), _MEASURES))])  # fmt: skip


@dataclass(frozen=True)
class QueueModel:
    """By which a request is about a queue."""

    bits: Floats  # of each topic-word bucket, shape (65536,)
    expected: Floats  # distinct words of the queue in so many requests about it
    model: int  # hash of the model that is asked most

    def weigh(self, begins: Ints, words: Ints) -> Floats:
        """Bits of requests, of which each has the words from one beginning to the next."""
        return np.diff(np.append(0.0, np.cumsum(self.bits[words]))[begins])


def queue_profiles(
    sketches: Dataset,
    found: pa.Table,
    campaigns: Sequence[SignedCampaign],
    others: tuple[passes.HonestSide, Counts],
    config: Config,
) -> list[QueueProfile]:
    """Profiles of the queues of campaigns to act on, where their members can be told from honest accounts by them.

    `found`: harvested requests, as `harvested_requests` gives them. `others`: the honest accounts, and what was counted
    in their requests.
    """
    honest, counts = others
    profiles = []
    for number, campaign in enumerate(campaigns):
        own = found.filter(pc.equal(found["campaign"], number))
        part = keyed_bit(values(own, "account_key"), config.seed).astype(bool)
        halves = (own.filter(pa.array(part)), own.filter(pa.array(~part)))
        if len(campaign.members) < _LEAST_MEMBERS or not all(half.num_rows for half in halves) or not counts.enough():
            continue
        models = tuple(_model_queue(one, counts) for one in (own, *halves))
        wanted = honest, pa.array(campaign.members, pa.string()), models
        measured = sketches.gather(measure_accounts, MEASURED, wanted, COLUMNS)
        in_first = set(halves[0]["account_id"].to_pylist())
        profile = _fit_profile(campaign, models[0], measured, in_first, counts)
        if profile is not None:
            days = int(config.watch.signature_days * DAY)
            profiles.append(QueueProfile(**profile, expires_at=campaign.last_seen + days))
    return profiles


def linked_by_queue(sketches: Dataset, earlier: SignatureSet, known: AbstractSet[str]) -> list[LinkedAccount]:
    """Newcomers that go on with the queue of an earlier campaign, by account and campaign.

    `earlier`: profiles that are in force, under lasting ids. `known`: accounts that were members of any known campaign.
    """
    profiles = earlier.queues
    if not profiles:
        return []
    models = tuple(_restore_queue(one) for one in profiles)
    since = tuple(one.last_seen - int(_OVERLAP_DAYS * DAY) for one in profiles)
    found = sketches.gather(measure_newcomers, MEASURED, (models, since), COLUMNS)
    found = found.filter(pc.invert(pc.is_in(found["account_id"], value_set=pa.array(sorted(known), pa.string()))))
    linked = []
    for number, profile in enumerate(profiles):
        # Accounts that stood by are judged apart: customers who were there before are many.
        for kind in (NEW, OLD):
            own = found.filter(pc.and_(pc.equal(found["model"], number), pc.equal(found["half"], kind)))
            chance = _chances_of(own, profile)
            rows = np.flatnonzero(chance <= bar_of_many(chance))
            pairs = zip(own.take(pa.array(rows)).to_pylist(), chance[rows].tolist(), strict=True)
            linked += [_link_account(profile, row, one) for row, one in pairs]
    return sorted(linked, key=lambda one: (one.account_id, one.campaign_id))


def _link_account(profile: QueueProfile, row: dict[str, Any], chance: float) -> LinkedAccount:
    name, about, seen = profile.campaign_id, row["about"], row["all"]
    # No test of this chance can be worth more (Sellke, Bayarri and Berger 2001).
    bits = -math.log2(math.e * chance * -math.log(chance))
    reasons = (
        fill_sentence("queue_about", about=about, seen=seen, name=name),
        fill_sentence("queue_chance", times=round(1.0 / chance), bits=bits),
        *(*profile.reasons, fill_sentence("queue_alone")),
    )
    return LinkedAccount(row["account_id"], name, round(bits, 3), seen, about, row["first"], row["last"], reasons)


def _chances_of(newcomers: pa.Table, profile: QueueProfile) -> Floats:
    """Share of honest newcomers that show as much as each of these does."""
    design = _design(_matrix(newcomers), np.array(profile.centre), np.array(profile.scale))
    above = np.maximum(design @ np.array(profile.weights) / math.log(2.0) - profile.tail_start, 0.0)
    chance = np.maximum(profile.tail_share * np.exp(-above / profile.tail_mean), _LEAST_CHANCE)
    return np.where((above > 0.0) & (values(newcomers, "about") >= _LEAST_ABOUT), chance, 1.0)


def bar_of_many(chance: Floats) -> float:
    """The highest chance at which of the newcomers that have it at most `_FALSE` are expected to be honest."""
    ranked = np.sort(chance)
    fits = np.flatnonzero(ranked <= _FALSE * np.arange(1, len(ranked) + 1) / max(len(ranked), 1))
    return float(ranked[fits[-1]]) if len(fits) else -1.0


def _model_queue(harvested: pa.Table, counts: Counts) -> QueueModel:
    words, own = passes.topic_words(harvested)
    size = harvested.num_rows
    elsewhere = (counts.of(passes.TOPIC_WORD, words)[0] + 1.0) / (counts.total(passes.CHOOSING)[0] + 2.0)
    bits = np.log2((own + elsewhere) / (size + 1.0) / elsewhere)
    least, most = _WORD_BITS
    telling = np.flatnonzero((bits >= 1.0) & (own >= 3) & (own < _TEMPLATE_RATE * size))
    telling = telling[np.lexsort((words[telling], -(own * bits)[telling]))[:_MOST_WORDS]]
    result = np.full(1 << 16, least)
    usual = np.flatnonzero((own >= _TEMPLATE_RATE * size) | (bits > 2.0 * least))
    result[words[usual[np.lexsort((words[usual], -own[usual]))[:_MOST_WORDS]]]] = 0.0
    result[words[telling]] = np.minimum(bits[telling], most)
    rate = own[telling] / size
    expected = np.array([(1.0 - (1.0 - rate) ** asked).sum() for asked in range(FIRST_REQUESTS + 1)])
    models, times = np.unique(style_hashes(harvested)["model"], return_counts=True)
    return QueueModel(result, expected, int(models[times.argmax()]))


def _restore_queue(profile: QueueProfile) -> QueueModel:
    """The model that a profile keeps."""
    bits = np.full(1 << 16, _WORD_BITS[0])
    for bucket, value in profile.words.items():
        bits[int(bucket) & 0xFFFF] = value
    return QueueModel(bits, np.array(profile.expected), int(profile.model, 16))


def measure_accounts(table: pa.Table, wanted: tuple[passes.HonestSide, pa.Array, tuple[QueueModel, ...]]) -> pa.Table:
    """Measures of honest accounts and members of one partition with requests about a queue, by their first requests."""
    honest, members, models = wanted
    rows, rank = _first_requests(table)
    taken = table.take(pa.array(rows))
    half = passes.halves(taken, values(taken, "account_key"), honest)
    half[pc.is_in(taken["account_id"].cast(pa.string()), value_set=members).to_numpy()] = passes.MEMBER
    requests = _Requests.of(taken.filter(pa.array(half >= 0)), rank[half >= 0])
    pairs = [(number, stage) for number in range(len(models)) for stage in _STAGES]
    found = [_measure_queue(requests, models[place[0]], place, half[half >= 0], False) for place in pairs]
    return pa.concat_tables(found)


def measure_newcomers(table: pa.Table, wanted: tuple[tuple[QueueModel, ...], tuple[int, ...]]) -> pa.Table:
    """Measures of all accounts of one partition that had no request about a queue before a time, from then on.

    `wanted`: queues, and the time of each. Returns MEASURED, with NEW as the `half` of accounts without any request
    before, and OLD of others.
    """
    keys, time = values(table, "account_key"), values(table, "timestamp", pa.int64())
    begins, words = (part.astype(np.int64) for part in lists(table, "topic_words"))
    found = [MEASURED.empty_table()]
    for number, (model, since) in enumerate(zip(*wanted, strict=True)):
        early = time < max(since, int(time.min(initial=0)) + int(_OVERLAP_DAYS * DAY))
        about = model.weigh(begins, words) >= _ABOUT_BITS
        later = table.filter(pa.array((time >= since) & ~np.isin(keys, keys[about & (time < since)])))
        rows, rank = _first_requests(later)
        taken = later.take(pa.array(rows))
        half = np.where(np.isin(values(taken, "account_key"), keys[early]), OLD, NEW)
        found.append(_measure_queue(_Requests.of(taken, rank), model, (number, FIRST_REQUESTS), half, True))
    return pa.concat_tables(found)


def _first_requests(table: pa.Table) -> tuple[Ints, Ints]:
    """Rows of the first requests of each account, and the place of each among them."""
    keys, time = values(table, "account_key"), values(table, "timestamp", pa.int64())
    order = np.lexsort((values(table, "request_key"), time, keys))
    begins = np.flatnonzero(np.append(True, keys[order][1:] != keys[order][:-1])[: len(keys)])
    rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    return order[rank < FIRST_REQUESTS], rank[rank < FIRST_REQUESTS]


@dataclass(frozen=True)
class _Requests:
    """First requests of some accounts, column by column; `owner` counts accounts from 0."""

    table: pa.Table
    owner: Ints
    accounts: int
    rank: Ints
    columns: dict[str, Floats]
    model: Hashes
    begins: Ints
    words: Ints

    @classmethod
    def of(cls, table: pa.Table, rank: Ints) -> _Requests:
        known, owner = np.unique(values(table, "account_key"), return_inverse=True)
        begins, words = lists(table, "topic_words")
        columns: dict[str, Floats] = {
            "turn": (values(table, "turn", fill=0) > 0).astype(float),
            "length": np.log1p(np.maximum(values(table, "words").astype(float), 0.0)),
            "answer": np.log1p(np.maximum(values(table, "output_tokens", fill=0).astype(float), 0.0)),
            "no_temperature": 1.0 - table["temperature"].is_valid().to_numpy(),
            "no_limit": 1.0 - table["max_tokens"].is_valid().to_numpy(),
            "script": values(table, "script").astype(float),
        }
        model = style_hashes(table)["model"]
        return cls(table, owner, len(known), rank, columns, model, begins.astype(np.int64), words.astype(np.int64))

    def count_distinct(self, name: str, rows: Ints) -> Ints:
        """Distinct values of a column among some requests of each account."""
        column = values(self.table, name)[rows]
        _, code = np.unique(column, return_inverse=True)
        pairs = distinct_keys(self.owner[rows] * max(len(rows), 1) + code)
        return np.bincount(pairs // max(len(rows), 1), minlength=self.accounts)


def _measure_queue(requests: _Requests, model: QueueModel, place: tuple[int, int], half: Ints, every: bool) -> pa.Table:
    """MEASURED of the accounts with enough requests about one queue among their first ones, or of every account.

    `place`: number of the queue, and how many first requests count.
    """
    number, stage = place
    bits = model.bits[requests.words]
    weight = model.weigh(requests.begins, requests.words)
    early = requests.rank < stage
    rows = np.flatnonzero(early & (weight >= _ABOUT_BITS))
    owner, size = requests.owner[rows], requests.accounts
    about, seen = np.bincount(owner, minlength=size), np.bincount(requests.owner[early], minlength=size)
    shown = np.repeat(early & (weight >= _ABOUT_BITS), np.diff(requests.begins)) & (bits >= 1.0)
    asker = np.repeat(requests.owner, np.diff(requests.begins))[shown]
    words = np.bincount(distinct_keys(asker << 16 | requests.words[shown]) >> 16, minlength=size)
    each = np.maximum(about, 1)

    def mean(column: Floats) -> Floats:
        found: Floats = np.bincount(owner, weights=column[rows], minlength=size) / each
        return found

    time = values(requests.table, "timestamp", pa.int64())
    begun, last = np.full(size, np.iinfo(np.int64).max), np.zeros(size, np.int64)
    np.minimum.at(begun, owner, time[rows])
    np.maximum.at(last, owner, time[rows])
    span = np.where(about > 1, (last - begun) / DAY, 1.0)
    means = {name: mean(column) for name, column in requests.columns.items()}
    squares = {name: mean(requests.columns[name] ** 2) for name in ("length", "answer")}
    measures = [
        np.log1p(about), (about + 0.2) / (seen + 2.0), np.log2((words + 1.0) / (model.expected[about] + 1.0)),
        *means.values(), *(np.sqrt(np.maximum(squares[name] - means[name] ** 2, 0.0)) for name in squares),
        mean((requests.model == np.uint64(model.model)).astype(float)),
        requests.count_distinct("conversation", rows) / each, requests.count_distinct("prompt_hash", rows) / each,
        np.log((about + 1.0) / (span + 0.5)), np.log1p(seen),
    ]  # fmt: skip
    kept = np.flatnonzero((about >= _LEAST_ABOUT) | every)
    _, shows = np.unique(requests.owner, return_index=True)
    matrix = np.stack(measures, axis=1)[kept].ravel()
    same = np.full(len(kept), number), np.full(len(kept), stage)
    return pa.table(
        [
            requests.table["account_id"].take(pa.array(shows[kept])).cast(pa.string()), half[shows[kept]], same[0],
            same[1], begun[kept], last[kept], about[kept], seen[kept],
            pa.FixedSizeListArray.from_arrays(pa.array(matrix), _MEASURES),
        ],
        names=MEASURED.names,
    ).cast(MEASURED)  # fmt: skip


def _matrix(measured: pa.Table) -> Floats:
    flat: Floats = measured["measures"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, _MEASURES)


def _design(matrix: Floats, centre: Floats, scale: Floats) -> Floats:
    """Measures of deviation 1 within four deviations, their squares, and one."""
    scaled = np.clip((matrix - centre) / scale, -4.0, 4.0)
    return np.concatenate([scaled, scaled**2, np.ones((len(scaled), 1))], axis=1)


def _fit_profile(
    campaign: SignedCampaign, model: QueueModel, measured: pa.Table, in_first: AbstractSet[str], counts: Counts
) -> dict[str, Any] | None:
    """The fields of a profile; None where members cannot be told from honest accounts."""
    member = values(measured, "half") == passes.MEMBER
    number = values(measured, "model")
    inside = pc.is_in(measured["account_id"], value_set=pa.array(sorted(in_first), pa.string())).to_numpy()
    rows = np.flatnonzero(np.where(member, number == np.where(inside, 2, 1), number == 0))
    matrix, own = _matrix(measured)[rows], member[rows]
    if not own.any() or own.all():
        return None
    centre, scale = matrix.mean(axis=0), np.maximum(matrix.std(axis=0), 0.05)
    weights = _fit_regression(_design(matrix, centre, scale), own)
    weights[-1] -= math.log(own.sum() / (~own).sum())
    bits = _design(matrix, centre, scale) @ weights / math.log(2.0)
    accounts = measured["account_id"].take(pa.array(rows))
    strongest, shown = (_strongest_of_accounts(accounts, bits, one) for one in (~own, own))
    if len(strongest) < 2:
        return None
    honest = counts.total(passes.CHOOSING)[1] + counts.total(passes.STATING)[1]
    tail = strongest[: min(_TAIL, len(strongest))]
    mean = max(float((tail - tail[-1]).mean()), _LEAST_TAIL)
    more = int((shown > tail[0]).sum())
    reason = fill_sentence("queue_rate", members=more, all=len(campaign.members), honest=honest)
    words = {str(at): round(float(model.bits[at]), 3) for at in np.flatnonzero(model.bits != _WORD_BITS[0]).tolist()}
    return {
        "campaign_id": campaign.name, "last_seen": campaign.last_seen, "words": words,
        "expected": model.expected.round(3).tolist(), "model": hash_text(model.model), "centre": centre.tolist(),
        "scale": scale.tolist(), "weights": weights.tolist(), "tail_start": round(float(tail[-1]), 3),
        "tail_mean": round(mean, 3), "tail_share": len(tail) / honest, "reasons": [reason],
    }  # fmt: skip


def _strongest_of_accounts(accounts: pa.ChunkedArray, bits: Floats, chosen: Flags) -> Floats:
    """The most bits of each chosen account, descending."""
    table = pa.table({"account": accounts, "bits": bits}).filter(pa.array(chosen))
    best = table.group_by("account").aggregate([("bits", "max")])["bits_max"].to_numpy()
    return np.sort(best)[::-1]


def _fit_regression(design: Floats, own: Flags) -> Floats:
    """Weights of a logistic regression, by Newton's method."""
    penalty = np.append(np.full(design.shape[1] - 1, _RIDGE), 1e-6)
    weights = np.zeros(len(penalty))
    for _ in range(_NEWTON_STEPS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30.0, 30.0)))
        slope = design.T @ (own - likely) - penalty * weights
        curve = (design * (likely * (1.0 - likely))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        weights = weights + step
        if np.abs(step).max() < 1e-6:
            break
    return weights
