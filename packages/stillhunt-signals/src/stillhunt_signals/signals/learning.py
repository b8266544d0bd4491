"""What a signal was worth in the provider's own past: how often accounts of harvests and of others had each value.

Groups are compared, and not accounts: those of one group are much alike, so that forty of them are far fewer than
forty observations. How alike they are is estimated from pairs (an intraclass correlation, which is that of the
Dirichlet-multinomial), and the shares of harvests are drawn towards those of all accounts as far as chance may have
made the difference (a positive-part James-Stein factor), so that noise, and a past of a few groups, earn nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from stillhunt import InputError
from stillhunt.tools import formatting
from stillhunt_signals.signals.declared import Signal
from stillhunt_signals.signals.past import Past
from stillhunt_signals.signals.steps import Steps, count_steps, make_steps
from stillhunt_signals.signals.values import SignalValues

_PRIOR_ALIKE = 0.3  # correlation within a group before any is seen (judgement: a group is three accounts at most)
_PRIOR_GROUPS = 5.0  # groups: weight of that guess
_PRIOR_ACCOUNTS = 4.0  # effective accounts: weight of all accounts' shares in those of harvests (judgement)
_HALF_GROUPS = 3.0  # groups: confirmed ones from which half of what was learned counts (judgement)
_DOUBT = 1.64  # standard deviations of chance that are taken off what was seen (one in twenty noise signals exceeds it)
MOST_SIGNAL_BITS, LEAST_SIGNAL_BITS = 3.0, -2.0
"""Bounds of one signal's bits for a group. Judgement: less than content or a queue may say, whatever the past says."""
# share: members of honest groups with an identifier of others of the group, before any is seen (judgement: firms)
_SHARED_BY_HONEST = 0.2
_LEAK_ACCOUNTS = 20  # accounts we acted on from which agreement with our own decisions is judged
_LEAK_SHARE = 0.98  # share of agreement, either way, that no signal reaches which was not made of the decisions
_FEWEST_KNOWN = 3  # members with a value from which a group is judged


@dataclass(frozen=True)
class LearnedSignal:
    """What was learned of one signal."""

    name: str
    digest: str  # of the declaration that it was learned for
    steps: Steps
    # honest, harvest: shares of the steps among accounts of honest groups and of harvests, these shrunk
    honest: tuple[float, ...]
    harvest: tuple[float, ...]
    alike: float  # correlation of values within a group, 0 to 1
    trust: float  # part of the difference that was kept, 0 to 1; 0 where chance explains it
    # confirmed, dismissed: groups that it was learned from
    confirmed: int
    dismissed: int
    accounts: int  # accounts with a value

    def bits_of(self, counts: Any) -> float:
        """log2 likelihood ratio of a group's counts by step, a harvest against honest groups; 0 for too few values."""
        if self.trust <= 0 or counts.sum() < _FEWEST_KNOWN:
            return 0.0
        strength = (1.0 - self.alike) / self.alike
        chance = [_log_chance(counts, np.array(shares) * strength) for shares in (self.harvest, self.honest)]
        return float(np.clip((chance[0] - chance[1]) / np.log(2.0), LEAST_SIGNAL_BITS, MOST_SIGNAL_BITS))


def _log_chance(counts: Any, strengths: Any) -> float:
    """Natural logarithm of the Dirichlet-multinomial chance of counts, up to what cancels in a ratio."""
    from scipy.special import gammaln  # 18 MB, which a page that shows what was learned does without

    total = gammaln(strengths.sum()) - gammaln(strengths.sum() + counts.sum())
    return float(total + (gammaln(strengths + counts) - gammaln(strengths)).sum())


def learn_signal(signal: Signal, values: SignalValues, past: Past) -> LearnedSignal:
    """Learn what a signal is worth.

    Raises InputError: it was made of our own decisions.
    """
    refuse_leak(signal, values, past)
    steps = make_steps(signal, values)
    codes = steps.codes(values)
    everyone = np.bincount(codes)
    usable = past.usable_rows(values)
    confirmed, dismissed = (
        [counts for rows in usable[side] if (counts := count_steps(steps, codes[rows], everyone)).sum()]
        for side in ("confirmed", "dismissed")
    )
    decided = np.concatenate([*usable["confirmed"], np.zeros(0, np.int64)])
    base = _base_shares(steps, np.delete(codes, decided))
    alike_honest = _correlation(dismissed, base)
    honest = _pooled(base, dismissed, alike_honest)
    pooled = _pooled(honest, confirmed, _PRIOR_ALIKE)
    alike_harvest = _correlation(confirmed, pooled)
    seen, weight = _weighted_shares(confirmed, alike_harvest)
    trust = _trust_of(seen, honest, weight) * len(confirmed) / (len(confirmed) + _HALF_GROUPS)
    drawn = (weight * seen + _PRIOR_ACCOUNTS * honest) / (weight + _PRIOR_ACCOUNTS)
    harvest = honest + trust * (drawn - honest)
    return LearnedSignal(
        name=signal.name,
        digest=signal.digest,
        steps=steps,
        honest=_rounded(honest),
        harvest=_rounded(harvest),
        alike=round(max(alike_honest, alike_harvest), 4),
        trust=round(trust, 4),
        confirmed=len(confirmed),
        dismissed=len(dismissed),
        accounts=len(values),
    )


def _rounded(shares: Any) -> tuple[float, ...]:
    return tuple(round(float(share), 6) for share in shares)


def _base_shares(steps: Steps, codes: Any) -> Any:
    """Shares of the steps among accounts that were never confirmed, none of them 0."""
    if steps.kind == "shared":  # accounts of honest groups are at one firm or family, unlike those of a random group
        return np.array([1.0 - _SHARED_BY_HONEST, _SHARED_BY_HONEST])
    counts = np.bincount(codes, minlength=steps.count)
    return (counts + 0.5) / (counts.sum() + 0.5 * len(counts))


def _weighted_shares(groups: Sequence[Any], alike: float) -> tuple[Any, float]:
    """Mean shares of groups, each with its effective number of accounts, and the sum of these."""
    if not groups:
        return 0.0, 0.0
    sizes = np.array([counts.sum() for counts in groups], float)
    weights = sizes / (1.0 + (sizes - 1.0) * alike)
    shares = np.array([counts / counts.sum() for counts in groups])
    return (weights[:, None] * shares).sum(0) / weights.sum(), float(weights.sum())


def _pooled(base: Any, groups: Sequence[Any], alike: float) -> Any:
    seen, weight = _weighted_shares(groups, alike)
    return (_PRIOR_ACCOUNTS * base + weight * seen) / (_PRIOR_ACCOUNTS + weight)


def _correlation(groups: Sequence[Any], shares: Any) -> float:
    """Correlation of values within groups: by how much two accounts of a group agree more often than two of several."""
    pairs = [float((n * (n - 1)).sum() / (n.sum() * (n.sum() - 1))) for n in groups if n.sum() > 1]
    chance = float((shares**2).sum())
    seen = (np.mean(pairs) - chance) / (1.0 - chance) if pairs else 0.0
    alike = (_PRIOR_GROUPS * _PRIOR_ALIKE + len(pairs) * seen) / (_PRIOR_GROUPS + len(pairs))
    return float(np.clip(alike, 0.05, 0.95))


def _trust_of(seen: Any, honest: Any, weight: float) -> float:
    """Part of a difference of shares that chance does not explain, 0 to 1."""
    if weight <= 0:
        return 0.0
    distance = weight * float(((seen - honest) ** 2 / honest).sum())
    free = len(honest) - 1
    by_chance = free + _DOUBT * (2.0 * free) ** 0.5
    return max(0.0, 1.0 - by_chance / distance) if distance > 0 else 0.0


def refuse_leak(signal: Signal, values: SignalValues, past: Past) -> None:
    """Refuse a signal that says the same as our own decisions.

    Raises InputError: nearly all accounts we acted on have a value that nearly nobody else has.
    """
    if signal.kind == "shared":  # an identifier that one operation shares is what such a signal is for
        return
    acted = past.acted_on(values)
    if acted.sum() < _LEAK_ACCOUNTS or acted.all():
        return
    coded = values.texts.dictionary_encode()
    codes, count = coded.indices.to_numpy(), len(coded.dictionary)
    of_acted = np.bincount(codes[acted], minlength=count)
    of_all = np.bincount(codes, minlength=count)
    own = of_acted >= _LEAK_SHARE * of_all  # values that are nearly only theirs
    hits, others = int(of_acted[own].sum()), int((of_all - of_acted)[own].sum())
    if hits >= _LEAK_SHARE * acted.sum() and int(own.sum()) <= 3:
        raise InputError(
            f"it says what we decided: {formatting.count(hits)} of {formatting.count(int(acted.sum()))} accounts that "
            f"were acted on have it, and {formatting.count(others)} of "
            f"{formatting.count(int((~acted).sum()))} others",
            where=f"signal {signal.name}",
            next_step="a signal that is made of our own decisions proves nothing; name when it became known in time, "
            "or take it out",
        )
