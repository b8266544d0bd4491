"""Two operators in one campaign: whose client fingerprint predicts what is asked in which words.

One operator hands out its queue whatever program an account runs. Where wording depends on the program, far beyond what
chance makes of so many accounts, the campaign is a mixture: its programs are divided into the two sets whose words
differ most, each account goes where its own words are likelier (both operators may run one of the programs), and both
parts are judged anew. A card says nothing of that kind: accounts that are paid for together may well have a task of
their own.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Floats, Ints, ranges
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import commonest
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.verdict.verdict import Judged

# bits: log2 odds from which a group with the verdict none is looked at, too (measured: no group of six honest worlds
# looked like a mixture; no script repeats it)
_LEAST_BITS = 0.0
_MIN_USERS = 5  # accounts: members of a client fingerprint that takes part (the fewest accounts of a campaign)
# Most client fingerprints that take part, those with the most members (derived: all 511 ways to divide them in two are
# tried)
_MAX_FINGERPRINTS = 10
# permutations: random exchanges of fingerprints among the members that show what chance does (derived: the deviation is
# known to 9 %)
_PERMUTATIONS = 60
_WORD_SHARE = 0.01  # share: requests in which a word must stand to be compared (rarer words are those of single items)
# Most requests of an account that are read (measured: 9 to 14 requests an account told all members of ten mixtures; no
# script repeats it)
_ACCOUNT_REQUESTS = 30
# accounts: most members, evenly chosen, on whom fingerprints are exchanged (more change no result, and cost time)
_MOST_ACCOUNTS = 2000
_ROUNDS = 4  # Rounds of putting each member where its words are likelier, at most (ten mixtures were settled after two)


class MixtureParameters(NamedTuple):
    """Parameters of mixtures."""

    min_z: float


P = read_parameters(MixtureParameters, "score.mixtures")


@dataclass(frozen=True)
class Split:
    """A mixture that was taken apart."""

    # first, second: numbers of its parts as candidates
    first: int
    second: int
    z: float  # how far the client fingerprint predicted the words, in standard deviations


@dataclass(frozen=True)
class _Words:
    """Words of the members, as far as they are read."""

    uses: Floats  # requests of each member with each word, shape (members, words)
    requests: Floats  # requests of each member that were read


def split_mixtures(
    log: ScoredLog, judged: list[Judged], judge_part: Callable[[Candidate], Judged]
) -> tuple[list[Judged], list[Split]]:
    """The judged candidates with the two operators of each mixture in place of the mixture.

    A mixture stays whole where neither part by itself reaches its verdict. Two queues in one group look like no queue,
    so that parts may be campaigns of a group that is none.
    """
    number = max((one.candidate.number for one in judged), default=0) + 1
    waiting: list[Judged] = list(reversed(judged))
    done: list[Judged] = []
    splits: list[Split] = []
    while waiting:
        whole = waiting.pop()
        likely = whole.verdict != "none" or whole.bits >= _LEAST_BITS
        found = _parts_of(log, whole.candidate) if likely else None
        if found is None:
            done.append(whole)
            continue
        inside, z = found
        parts = [
            judge_part(replace(whole.candidate.without(own), number=number + place))
            for place, own in enumerate((inside, ~inside))
        ]
        best = min(VERDICTS.index(part.verdict) for part in parts)
        if best > VERDICTS.index(whole.verdict) or VERDICTS[best] == "none":
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
    large = np.lexsort((fingerprints, -users))[:_MAX_FINGERPRINTS]
    fingerprints = fingerprints[large][users[large] >= _MIN_USERS]
    if len(fingerprints) < 2:
        return None
    words = _words_of(log, candidate)
    if not words.uses.shape[1]:
        return None
    group = np.full(members, -1)
    for place, fingerprint in enumerate(fingerprints.tolist()):
        group[used == fingerprint] = place
    read = np.flatnonzero((group >= 0) & (words.requests > 0))
    read = read[:: max(1, -(-len(read) // _MOST_ACCOUNTS))]
    own = _Words(words.uses[read], words.requests[read])
    of_first, z = _divide_groups(own, group[read], len(fingerprints))
    if z < P.min_z:
        return None
    inside = _by_words(words, np.where(group >= 0, of_first[group], -1))
    return (inside, z) if min(inside.sum(), (~inside).sum()) >= _MIN_USERS else None


def _words_of(log: ScoredLog, candidate: Candidate) -> _Words:
    members = len(candidate.accounts)
    order = np.argsort(candidate.row_account, kind="stable")
    owner = candidate.row_account[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    chosen = place < _ACCOUNT_REQUESTS
    rows, owner = candidate.rows[order][chosen], owner[chosen]
    begins, buckets = log.requests.topic_words
    lengths = begins[rows + 1] - begins[rows]
    word, speaker = buckets[ranges(begins[rows], begins[rows + 1])], np.repeat(owner, lengths)
    frequent = np.flatnonzero(np.bincount(word) >= _WORD_SHARE * len(rows))
    at = np.searchsorted(frequent, word)
    known = frequent[np.minimum(at, len(frequent) - 1)] == word if len(frequent) else np.zeros(len(word), bool)
    uses = np.bincount(speaker[known] * len(frequent) + at[known], minlength=members * len(frequent))
    requests = np.bincount(owner, minlength=members)
    return _Words(uses.reshape(members, -1).astype(np.float64), requests.astype(np.float64))


def _divide_groups(words: _Words, group: Ints, groups: int) -> tuple[Ints, float]:
    """1 for each group on the first's side of the division into two whose words differ most, and how much they do.

    How much is in standard deviations beyond what the best division of exchanged groups makes.
    """
    numbers = np.arange((1 << (groups - 1)) - 1)
    sides = np.column_stack([np.ones(len(numbers), np.int64), numbers[:, None] >> np.arange(groups - 1) & 1])
    rng = np.random.default_rng(0)
    seen = _differences_of(words, group, sides)
    chance = np.array([_differences_of(words, rng.permutation(group), sides).max() for _ in range(_PERMUTATIONS)])
    best, spread = int(seen.argmax()), float(chance.std())
    return sides[best], float((seen[best] - chance.mean()) / spread) if spread > 0.0 else 0.0


def _differences_of(words: _Words, group: Ints, sides: Ints) -> Floats:
    """Mean chi-square of the words between the two sides of each division."""
    member = (group[None, :] == np.arange(sides.shape[1])[:, None]).astype(np.float64)
    uses, requests = member @ words.uses, member @ words.requests
    total, every = uses.sum(axis=0), requests.sum()
    share = total / every
    inside = sides @ requests
    away = sides @ uses - inside[:, None] * share
    chi_square = away**2 / np.maximum(share * (1.0 - share), 1e-9)
    return np.asarray(chi_square.mean(axis=1) * every / np.maximum(inside * (every - inside), 1.0), np.float64)


def _by_words(words: _Words, side: Ints) -> Flags:
    """True for the members whose words are likelier on the first side; each is compared with the others of both sides.

    `side`: 1 first side, 0 second, -1 not known: what the client fingerprints say.
    """
    for _ in range(_ROUNDS):
        likelier = np.zeros(len(side))
        for one, sign in ((1, 1.0), (0, -1.0)):
            own = (side == one)[:, None]
            uses, requests = (own * words.uses).sum(axis=0), (own[:, 0] * words.requests).sum()
            rate = (uses - own * words.uses + 0.5) / (requests - own * words.requests[:, None] + 1.0)
            rate = np.clip(rate, 1e-9, 0.999)
            silent = np.maximum(words.requests[:, None] - words.uses, 0.0)
            likelier += sign * (words.uses * np.log2(rate) + silent * np.log2(1.0 - rate)).sum(axis=1)
        moved = np.where(likelier != 0.0, (likelier > 0.0).astype(np.int64), side)
        if np.array_equal(moved, side):
            break
        side = moved
    return np.asarray(side == 1, bool)
