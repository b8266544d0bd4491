"""What each campaign took: useful samples, tokens and list value by model, skill, subject and language.

A useful sample is an answered request; of prompts that are alike, one counts (`alike_prompts.py`): the first in the log
stands for all. So samples of models and of subjects add up to those of the campaign. Subjects are the topics of the
log, named by words (`subjects.py`); the languages are those of a few requests that are read again, as shares of all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Floats, Hashes, Ints
from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt.base.coded import codes
from stillhunt.base.config import ReportSettings
from stillhunt.base.families import NO_SKILL, SKILLS
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema_case import TAKEN
from stillhunt.triage.alike_prompts import sample_keys
from stillhunt.triage.samples import Rereading
from stillhunt.triage.subjects import candidate_words, shares_of, subject_names, word_counts

# Useful samples of a subject from which a campaign has taken a part of the model's range (a few are a test; a model
# learns a subject from some dozens at least)
_LEAST_SAMPLES = 20
_MOST_SUBJECTS = 20  # Subjects that are named, those with the most requests; the rest is one row (more are not read)


class TakenParameters(NamedTuple):
    """Parameters of what was taken."""

    least_part: float


P = read_parameters(TakenParameters, "triage.taken")
ALL_SAMPLES = "useful samples"
ENOUGH_SAMPLES = f"subjects with at least {_LEAST_SAMPLES} useful samples"


@dataclass(frozen=True)
class _Volumes:
    """The requests of one campaign as they are counted."""

    first: Flags  # True for the request that stands for all alike it and was answered
    model: Ints
    models: list[str]
    prices: list[tuple[float, float]]
    tokens: tuple[Ints, Ints]
    rate: Ints
    rates: list[float]  # share of such calls that the log keeps, ascending, by code

    def by(self, code: Ints, size: int, chosen: Flags | slice = slice(None)) -> list[tuple[int, int, int, float]]:
        """Requests, samples, output tokens and list value of the requests of each code."""
        requests = np.bincount(code, minlength=size).tolist()
        samples = np.bincount(code[self.first[chosen]], minlength=size).tolist()
        models, rates = len(self.prices), len(self.rates)
        joint = (code.astype(np.int64) * models + self.model[chosen]) * rates + self.rate[chosen]
        sent, answered = (self._estimate_tokens(joint, part[chosen], size) for part in self.tokens)
        values = [
            sum((i * p + o * q) / 1e6 for (p, q), i, o in zip(self.prices, sent[at], answered[at], strict=True))
            for at in range(size)
        ]
        return list(zip(requests, samples, map(sum, answered), (round(value, 6) for value in values), strict=True))

    def _estimate_tokens(self, joint: Ints, tokens: Ints, size: int) -> list[list[int]]:
        """Tokens of each code and model, as of a log that keeps every call."""
        shape = (size, len(self.prices), len(self.rates))
        sums = np.bincount(joint, weights=tokens, minlength=int(np.prod(shape))).reshape(shape)
        total = np.zeros(shape[:2])
        for place, rate in enumerate(self.rates):
            total += sums[:, :, place] / rate
        return [[round(one) for one in row] for row in total.tolist()]


@dataclass(frozen=True)
class _Subjects:
    """Topics of the log."""

    topic: Ints  # topic of each request of the traffic; below 0 where its words tell none
    topics: int
    names: Mapping[str, Mapping[int, str]]
    everybody: Floats | None  # share of each topic in the requests of other accounts; None where there are none


Row = tuple[str, str, int, int, int, float, float | None]
"""Aspect, value, requests, samples, output tokens, list value, share of everybody."""


def taken_table(
    traffic: pa.Table,
    harvest: Mapping[str, Ints],
    prompts: pa.Table,
    excerpts: pa.Table,
    others: Ints,
    rereading: Rereading,
    settings: ReportSettings,
) -> pa.Table:
    """What each campaign took.

    Misleads: languages are those of some two dozen requests; see docs/howto/what-was-taken.md.

    Args:
        traffic: TRAFFIC with the column `topic` of SLICED.
        harvest: campaign -> its harvested requests, as positions in the traffic.
        prompts: campaign_id and prompt of the requests that were read again.
        excerpts: SAMPLES of them.
        others: requests of accounts outside of all campaigns, as positions in the traffic.
    """
    read = _known_texts(prompts, "prompt", harvest)
    subjects = _subjects_of(traffic, harvest, _known_texts(excerpts, "text", harvest), others, rereading)
    rows: list[tuple[str, Row]] = []
    for name, own in harvest.items():
        volumes = _count_volumes(traffic, own, settings)
        parts = [
            *_of_each("all", volumes.by(np.zeros(len(own), np.int64), 1), [ALL_SAMPLES]),
            *_of_each("model", volumes.by(volumes.model, len(volumes.models)), volumes.models),
            *_skill_rows(volumes, traffic["conduct"].take(pa.array(own)).to_numpy()),
            *_subject_rows(volumes, subjects, name, own),
            *_language_rows(volumes, rereading.languages(read[name])),
        ]
        rows += [(name, part) for part in parts]
    columns = [
        [name for name, _ in rows],
        *([part[place] for _, part in rows] for place in range(len(TAKEN.names) - 1)),
    ]
    return TAKEN.build(**dict(zip(TAKEN.names, columns, strict=True)))


def _known_texts(table: pa.Table, column: str, campaigns: Iterable[str]) -> dict[str, list[str]]:
    """Campaign -> its texts that are known."""
    texts: dict[str, list[str]] = {name: [] for name in campaigns}
    for name, text in zip(table["campaign_id"].to_pylist(), table[column].to_pylist(), strict=True):
        if text is not None:
            texts[name].append(text)
    return texts


def other_requests(traffic: pa.Table, totals: pa.Table, members: pa.Table) -> Ints:
    """Requests of the background sample without the accounts of campaigns and groups, as positions in the traffic."""
    account, ids = codes(traffic["account_id"])
    sampled = totals.filter(totals["background"])["account_id"]
    outside = pc.and_(pc.is_in(ids, sampled), pc.invert(pc.is_in(ids, members["account_id"])))
    return np.flatnonzero(outside.to_numpy(zero_copy_only=False)[account])


def _count_volumes(traffic: pa.Table, rows: Ints, settings: ReportSettings) -> _Volumes:
    own = traffic.select(["model", "status", "input_tokens", "output_tokens", "sampling_rate"]).take(pa.array(rows))
    answered = answered_requests(own)
    code, names = codes(own["model"])
    used, model = np.unique(code, return_inverse=True)
    models = [names[int(place)].as_py() for place in used]
    prices = [settings.prices.get(one, settings.default_price) for one in models]
    rates, rate = np.unique(own["sampling_rate"].fill_null(1.0).to_numpy(), return_inverse=True)
    sent, given = (np.maximum(own[name].fill_null(0).to_numpy(), 0) for name in ("input_tokens", "output_tokens"))
    return _Volumes(
        first=first_of_alike(sample_keys(traffic, rows), answered),
        model=model,
        models=models,
        prices=[(price.input, price.output) for price in prices],
        tokens=(sent, given),
        rate=rate,
        rates=rates.tolist(),
    )


def answered_requests(requests: pa.Table) -> Flags:
    """True for requests that were answered; those of which the log says nothing count as answered."""
    status, output = requests["status"].fill_null(200).to_numpy(), requests["output_tokens"].fill_null(1).to_numpy()
    answered: Flags = (status >= 200) & (status < 300) & (output > 0)
    return answered


def first_of_alike(keys: Hashes, answered: Flags) -> Flags:
    """True for the first answered request of each key: the useful samples; requests without a prompt are none."""
    rows = np.flatnonzero(answered & (keys != 0))
    first = np.zeros(len(keys), bool)
    first[rows[np.unique(keys[rows], return_index=True)[1]]] = True
    return first


def _of_each(aspect: str, volumes: list[tuple[int, int, int, float]], names: Sequence[str]) -> list[Row]:
    return [(aspect, name, *volume, None) for name, volume in zip(names, volumes, strict=True) if volume[0]]


def _skill_rows(volumes: _Volumes, conduct: Ints) -> list[Row]:
    rows: list[Row] = []
    none = np.ones(len(conduct), bool)
    for flags, name in SKILLS:
        shown = (conduct & flags) > 0
        none &= ~shown
        rows += _of_each("skill", volumes.by(np.zeros(int(shown.sum()), np.int64), 1, shown), [name])
    return rows + _of_each("skill", volumes.by(np.zeros(int(none.sum()), np.int64), 1, none), [NO_SKILL])


def _subjects_of(
    traffic: pa.Table,
    harvest: Mapping[str, Ints],
    excerpts: Mapping[str, list[str]],
    others: Ints,
    rereading: Rereading,
) -> _Subjects:
    """Names of the topics of each campaign, and what everybody asks about."""
    topic = traffic["topic"].to_numpy()
    topics = int(topic.max(initial=-1)) + 1
    counted = np.bincount(topic[others][topic[others] >= 0], minlength=topics)
    words = {name: candidate_words(excerpts[name]) for name in harvest}
    every = sorted({word for own in words.values() for word in own})
    bucket = dict(zip(every, rereading.buckets(every).tolist(), strict=True))
    buckets = np.array(sorted({one for one in bucket.values() if one >= 0}), np.int64)
    usual = word_counts(traffic, others, topics, buckets)
    names = {}
    for name, rows in harvest.items():
        own = [word for word in words[name] if bucket[word] >= 0]
        place = np.searchsorted(buckets, [bucket[word] for word in own])
        names[name] = subject_names(own, place, word_counts(traffic, rows, topics, buckets), usual) if own else {}
    return _Subjects(topic, topics, names, counted / counted.sum() if counted.sum() else None)


def _subject_rows(volumes: _Volumes, subjects: _Subjects, campaign: str, rows: Ints) -> list[Row]:
    """Subjects by name, what has no name, what shows none; and the row of the range."""
    topics, everybody = subjects.topics, subjects.everybody
    code = np.where(subjects.topic[rows] >= 0, subjects.topic[rows], topics)
    requests = np.bincount(code, minlength=topics + 1)
    named = sorted(subjects.names[campaign], key=lambda one: (-int(requests[one]), one))[:_MOST_SUBJECTS]
    # Where each topic is counted: its name's row, that of what has no name, that of what shows none.
    target = np.full(topics + 1, len(named))
    target[named], target[topics] = np.arange(len(named)), len(named) + 1
    names = [*(subjects.names[campaign][one] for one in named), OTHER, UNKNOWN]
    counted = _of_each("subject", volumes.by(target[code], len(names)), names)
    samples = np.bincount(code[volumes.first], minlength=topics + 1)[:topics]
    enough = samples >= _LEAST_SAMPLES
    if everybody is not None:
        enough &= samples >= P.least_part * everybody * samples.sum()
    taken = volumes.by(np.append(enough, False)[code].astype(np.int64), 2)[1]
    if everybody is None:
        return [*counted, ("range", ENOUGH_SAMPLES, *taken, None)]
    usual = np.bincount(target[:topics], weights=everybody, minlength=len(names))
    share = dict(zip(names, usual.tolist(), strict=True))
    return [
        *((*row[:-1], None if row[1] == UNKNOWN else share[row[1]]) for row in counted),
        ("range", ENOUGH_SAMPLES, *taken, float(everybody[enough].sum())),
    ]


def _language_rows(volumes: _Volumes, spoken: Sequence[str | None]) -> list[Row]:
    """The campaign's volume, divided by the languages of the requests that were read again."""
    ((*totals, value),) = volumes.by(np.zeros(len(volumes.model), np.int64), 1)
    shares = shares_of(spoken) or [(None, 1.0)]
    requests, samples, output = (_divide_by_shares(int(total), [share for _, share in shares]) for total in totals)
    return [
        ("language", name or UNKNOWN, requests[at], samples[at], output[at], round(value * share, 6), None)
        for at, (name, share) in enumerate(shares)
    ]


def _divide_by_shares(total: int, shares: Sequence[float]) -> list[int]:
    """A whole number divided by shares, so that the parts add up to it: the largest remainders are rounded up."""
    exact = [total * share for share in shares]
    parts = [int(one) for one in exact]
    ranked = sorted(range(len(parts)), key=lambda at: (parts[at] - exact[at], at))
    for at in ranked[: total - sum(parts)]:
        parts[at] += 1
    return parts
