"""How often rules were wrong in the field, as far as appeals tell."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stillhunt.decide.actions import WITHOUT_FLAG, rank
from stillhunt.decide.appeals import Appeal
from stillhunt.decide.entries import LogEntry, in_force, made_until

_TAIL = 0.025
"""Probability beyond each end of an interval of 95 %."""
FIELD_RATES_MISLEAD = (
    "Customers who do not appeal count as if the rules were right about them, so the share of all accounts is too low "
    "where wronged customers give up. Those who appeal are not like the rest, so the share of decided appeals says "
    "nothing about the others."
)


@dataclass(frozen=True)
class ExactShare:
    """A share with its exact 95 % interval (Clopper and Pearson 1934)."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class FieldRates:
    """What became of accounts on which rules acted: a decision of a rule stronger than tag was in force on them."""

    acted_on: int
    appealed: int  # those that appealed against a rule's decision of this strength
    decided: int
    overturned: int
    lapsed: int  # those with an appeal that was granted because nobody decided in time; no judgement of anybody
    of_acted_on: ExactShare | None  # overturned, as a share of all that rules acted on; None where there are none
    of_decided: ExactShare | None  # overturned, as a share of those with a decided appeal; None where there are none


def field_rates(log: Sequence[LogEntry], appeals: Iterable[Appeal], now: int) -> FieldRates:
    """Count on how many accounts rules acted, and on how many of them a person says that this was wrong.

    It misleads: people who do not appeal are not counted as wronged, and those who do are no sample of the rest
    (FIELD_RATES_MISLEAD). Each account counts once, since appeals of one account are not independent.
    """
    strong = {entry.seq for entry in log if entry.kind == "rule" and _is_strong(entry)}
    by_account: dict[str, list[LogEntry]] = {entry.account_id: [] for entry in log if entry.seq in strong}
    for entry in log:
        if entry.account_id in by_account:
            by_account[entry.account_id].append(entry)
    acted_on = {account for account, entries in by_account.items() if _rules_acted(entries, now)}
    counting = [one for one in appeals if one.account_id in acted_on and one.decision in strong]
    overturned = _count_appealed_accounts(one for one in counting if one.status == "overturned")
    decided = _count_appealed_accounts(one for one in counting if one.status in ("upheld", "overturned"))
    return FieldRates(
        acted_on=len(acted_on),
        appealed=_count_appealed_accounts(counting),
        decided=decided,
        overturned=overturned,
        lapsed=_count_appealed_accounts(one for one in counting if one.status == "lapsed"),
        of_acted_on=exact_share(overturned, len(acted_on)),
        of_decided=exact_share(overturned, decided),
    )


def exact_share(hits: int, trials: int) -> ExactShare | None:
    """A share with its exact 95 % interval (Clopper and Pearson 1934); None where nothing was tried."""
    if not trials:
        return None
    from scipy.special import betaincinv  # 17 MB, which a console that nobody asks for rates does without

    low = float(betaincinv(hits, trials - hits + 1, _TAIL)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - _TAIL)) if hits < trials else 1.0
    return ExactShare(hits / trials, low, high)


def _is_strong(entry: LogEntry) -> bool:
    return rank(entry.action) > rank(WITHOUT_FLAG)


def _rules_acted(entries: Sequence[LogEntry], now: int) -> bool:
    """True where a strong decision of a rule ever counted for the account: it had begun and nobody's went before it."""
    moments = {moment for one in entries for moment in (one.made_at, one.starts_at, one.expires_at)}
    for moment in sorted(one for one in moments if one <= now):
        for found in in_force(made_until(entries, moment), moment).values():
            if found.kind == "rule" and _is_strong(found):
                return True
    return False


def _count_appealed_accounts(appeals: Iterable[Appeal]) -> int:
    return len({one.account_id for one in appeals})
