"""Two operators in one campaign: whose client fingerprint predicts what is asked in which words.

One operator hands out its queue whatever program an account runs. Where wording depends on the program, far beyond what
chance makes of so many accounts, the campaign is a mixture: its programs are divided into the two sets whose words
differ most, each account goes where its program is, and both parts are judged anew. A card says nothing of that kind:
accounts that are paid for together may well have a task of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from stillhunt.base.parameters import derived, judgement, measured, parameter, parameter_table, values_of
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.stats.arrays import Flags, Floats, Ints, ranges
from stillhunt.score.verdict.verdict import Judged


@parameter_table("score.mixtures", "When one campaign is two operators.")
@dataclass(frozen=True)
class MixtureParameters:
    """Parameters of mixtures."""

    min_z: float = parameter(
        10.0,
        unit="standard deviations",
        meaning="Excess of the words' dependence on the client fingerprint from which a campaign is a mixture.",
        provenance=measured("true mixtures 12 to 22, others up to 4; benchmarks/quality/operators.py has the worlds"),
    )
    min_users: int = parameter(
        5,
        unit="accounts",
        meaning="Members of a client fingerprint that takes part.",
        provenance=judgement("the fewest accounts of a campaign"),
    )
    max_fingerprints: int = parameter(
        10,
        unit="fingerprints",
        meaning="Most client fingerprints that take part, those with the most members.",
        provenance=derived("all 511 ways to divide them in two are tried"),
    )
    permutations: int = parameter(
        60,
        unit="permutations",
        meaning="Random exchanges of fingerprints among the members that show what chance does.",
        provenance=derived("the deviation is known to 9 %"),
    )
    word_share: float = parameter(
        0.01,
        unit="share",
        meaning="Requests in which a word must stand to be compared.",
        provenance=judgement("rarer words are those of single items"),
    )
    account_requests: int = parameter(
        100,
        unit="requests",
        meaning="Most requests of an account that are read.",
        provenance=judgement("more change no result, and cost time"),
    )
    most_accounts: int = parameter(
        1000,
        unit="accounts",
        meaning="Most members of whom words are read, evenly chosen.",
        provenance=judgement("the same"),
    )


P = values_of(MixtureParameters)


@dataclass(frozen=True)
class Split:
    """A mixture that was taken apart.

    Attributes:
        first, second: numbers of its parts as candidates.
        z: how far the client fingerprint predicted the words, in standard deviations.
    """

    first: int
    second: int
    z: float


@dataclass(frozen=True)
class _Words:
    """Words of the members, as far as they are read.

    Attributes:
        uses: requests of each member with each word, shape (members, words).
        requests: requests of each member that were read.
    """

    uses: Floats
    requests: Floats


def split_mixtures(
    log: ScoredLog, judged: list[Judged], judge_part: Callable[[Candidate], Judged]
) -> tuple[list[Judged], list[Split]]:
    """The judged candidates with the two operators of each mixture in place of the mixture.

    A mixture stays whole where neither part by itself reaches its verdict.

    Args:
        log: the log.
        judged: candidates with their verdicts.
        judge_part: judges a part.

    Returns:
        Candidates with their verdicts, and what was taken apart.
    """
    number = max((one.candidate.number for one in judged), default=0) + 1
    waiting: list[Judged] = list(reversed(judged))
    done: list[Judged] = []
    splits: list[Split] = []
    while waiting:
        whole = waiting.pop()
        found = _parts_of(log, whole.candidate) if whole.verdict != "none" else None
        if found is None:
            done.append(whole)
            continue
        inside, z = found
        parts = [
            judge_part(replace(whole.candidate.without(own), number=number + place))
            for place, own in enumerate((inside, ~inside))
        ]
        if min(VERDICTS.index(part.verdict) for part in parts) > VERDICTS.index(whole.verdict):
            done.append(whole)
            continue
        splits.append(Split(number, number + 1, z))
        number += 2
        waiting += reversed(parts)
    return done, splits


def _parts_of(log: ScoredLog, candidate: Candidate) -> tuple[Flags, float] | None:
    """Members of one operator, where the client fingerprint says that there are two, and how far it predicts words."""
    members = len(candidate.accounts)
    used = commonest(candidate.row_account, log.requests.client_fingerprint[candidate.rows], members)
    fingerprints, users = np.unique(used[used >= 0], return_counts=True)
    large = np.lexsort((fingerprints, -users))[: P.max_fingerprints]
    fingerprints = fingerprints[large][users[large] >= P.min_users]
    if len(fingerprints) < 2:
        return None
    words = _words_of(log, candidate)
    if not words.uses.shape[1]:
        return None
    group = np.full(members, -1)
    for place, fingerprint in enumerate(fingerprints.tolist()):
        group[used == fingerprint] = place
    read = np.flatnonzero((group >= 0) & (words.requests > 0))
    own = _Words(words.uses[read], words.requests[read])
    if (z := _excess(own, group[read], len(fingerprints))) < P.min_z:
        return None
    of_first = _divided(own, group[read], len(fingerprints))
    inside = _nearer(words, np.where(group >= 0, of_first[group], -1))
    return (inside, z) if min(inside.sum(), (~inside).sum()) >= P.min_users else None


def _words_of(log: ScoredLog, candidate: Candidate) -> _Words:
    members = len(candidate.accounts)
    order = np.argsort(candidate.row_account, kind="stable")
    owner = candidate.row_account[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    step = max(1, -(-members // P.most_accounts))
    chosen = (place < P.account_requests) & (owner % step == 0)
    rows, owner = candidate.rows[order][chosen], owner[chosen]
    begins, buckets = log.requests.topic_words
    lengths = begins[rows + 1] - begins[rows]
    word, speaker = buckets[ranges(begins[rows], begins[rows + 1])], np.repeat(owner, lengths)
    frequent = np.flatnonzero(np.bincount(word) >= P.word_share * len(rows))
    at = np.searchsorted(frequent, word)
    known = frequent[np.minimum(at, len(frequent) - 1)] == word if len(frequent) else np.zeros(len(word), bool)
    uses = np.bincount(speaker[known] * len(frequent) + at[known], minlength=members * len(frequent))
    requests = np.bincount(owner, minlength=members)
    return _Words(uses.reshape(members, -1).astype(np.float64), requests.astype(np.float64))


def _excess(words: _Words, group: Ints, groups: int) -> float:
    """How far words depend on the group, in standard deviations of what chance does."""
    rng = np.random.default_rng(0)
    seen = _dependence(words, group, groups)
    chance = np.array([_dependence(words, rng.permutation(group), groups) for _ in range(P.permutations)])
    spread = float(chance.std())
    return float((seen - chance.mean()) / spread) if spread > 0.0 else 0.0


def _dependence(words: _Words, group: Ints, groups: int) -> float:
    """Mean chi-square of the words over groups of members."""
    member = (group[None, :] == np.arange(groups)[:, None]).astype(np.float64)
    return _chi_square(member @ words.uses, member @ words.requests)


def _chi_square(uses: Floats, requests: Floats) -> float:
    share = uses.sum(axis=0) / requests.sum()
    away = uses / np.maximum(requests, 1.0)[:, None] - share
    return float((requests[:, None] * away**2 / np.maximum(share * (1.0 - share), 1e-9)).mean(axis=1).sum())


def _divided(words: _Words, group: Ints, groups: int) -> Ints:
    """1 for each group on the first's side of the division into two whose words differ most."""
    member = (group[None, :] == np.arange(groups)[:, None]).astype(np.float64)
    uses, requests = member @ words.uses, member @ words.requests
    best, found = -1.0, np.ones(groups, np.int64)
    for number in range((1 << (groups - 1)) - 1):
        side = np.array([1, *((number >> place & 1) for place in range(groups - 1))])
        both = np.stack([side, 1 - side]).astype(np.float64)
        value = _chi_square(both @ uses, both @ requests)
        if value > best:
            best, found = value, side
    return found


def _nearer(words: _Words, side: Ints) -> Flags:
    """True for the members of the first side; whose program says nothing goes where its words are likelier."""
    rates = [
        np.clip((words.uses[side == one].sum(axis=0) + 0.5) / (words.requests[side == one].sum() + 1.0), 0.0, 0.99)
        for one in (1, 0)
    ]
    silent = np.maximum(words.requests[:, None] - words.uses, 0.0)
    likelier = words.uses @ np.log2(rates[0] / rates[1]) + silent @ np.log2((1 - rates[0]) / (1 - rates[1])) > 0.0
    return np.asarray(np.where(side < 0, likelier, side == 1), bool)
