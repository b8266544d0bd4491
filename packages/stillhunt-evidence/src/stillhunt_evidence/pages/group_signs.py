"""Signs beside the scored evidence that an honest explanation predicts: who the members are, as far as the case says.

The score does not weigh these signs, so they have no measured bits. What a missing sign costs an explanation is a
judgement: `SOME_LACK_IT` where one group in four of that explanation would lack it, `MOST_HAVE_IT` where one in
twenty would.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stillhunt.tools import formatting
from stillhunt.verdicts import ROLES

SOME_LACK_IT = 2.0
"""Bits that a missing sign costs where one group in four would lack it."""
MOST_HAVE_IT = 4.3
"""Bits that a missing sign costs where one group in twenty would lack it."""

_MOST_MEMBERS = 0.8
"""Share of the members that counts as nearly all."""
_ONE_PLACE = 0.6
"""Share of the members in one country from which a group is in one place."""
_TERM = timedelta(days=45)
"""Within these days most students of a course open their accounts."""
_OLD = timedelta(days=30)
"""An account that was opened so long before the campaign had a life of its own."""
_DEDICATED = 0.8
"""Share of an account's traffic in the campaign from which it has next to no other traffic."""
_FEW_ACCOUNTS, _MANY_ACCOUNTS = 10, 50
"""Accounts that few persons with an honest list have, and that next to none has."""
_REPEATED = -2.0
"""Bits of the finding about repeated prompts up to which enough of them repeat for an assignment or a public set."""
_BUSY, _HEAVY = 10.0, 60.0
"""Requests per account and day, on average, that few people send by hand, and that nobody does."""


@dataclass(frozen=True)
class GroupSigns:
    """What the case says of a campaign's members beside the scored evidence; None where it does not say.

    Attributes:
        same_customer: largest share of the members with one declared organisation or one mail domain.
        same_country: share of the members in the most frequent country.
        together: share of the members that were opened within 45 days of each other, at most.
        opened_before: share of the members that were opened 30 days or more before the campaign began.
        dedicated: share of the members that have next to no other traffic.
        daily: requests per member and day.
        repeats: whether prompts repeat between members: True or False where that was measured with bits.
    """

    members: int
    same_customer: float | None
    same_country: float | None
    countries: int
    together: float | None
    opened_before: float | None
    dedicated: float | None
    daily: float | None
    repeats: bool | None


@dataclass(frozen=True)
class MissingSign:
    """A sign that an explanation predicts and that is not there."""

    bits: float
    sentence: str


def group_signs(
    row: dict[str, Any], details: Sequence[dict[str, Any]], members: Sequence[dict[str, Any]], repeat_bits: float
) -> GroupSigns:
    """What the case says of a campaign's members beside the scored evidence.

    Args:
        repeat_bits: bits of the finding about repeated prompts; 0 where there is none.
    """
    first, opened = row["first_seen"], [one["created_at"] for one in details if one["created_at"] is not None]
    days = max((row["last_seen"] - first).total_seconds() / 86_400, 1.0)
    countries = [country for one in details if (country := _country_of(one))]
    customer = [_top_share([one[name] for one in details]) for name in ("organization_id", "email_domain")]
    known = [share for share in customer if share is not None]
    return GroupSigns(
        members=row["accounts"],
        same_customer=max(known) if known else None,
        same_country=_top_share(countries) if countries else None,
        countries=len(set(countries)),
        together=_within(opened, _TERM) if opened else None,
        opened_before=sum(first - moment >= _OLD for moment in opened) / len(opened) if opened else None,
        dedicated=sum(one["share"] >= _DEDICATED for one in members) / len(members) if members else None,
        daily=row["requests"] / max(row["accounts"], 1) / days,
        repeats=None if repeat_bits == 0 else repeat_bits <= _REPEATED,
    )


def missing_signs(explanation: str, signs: GroupSigns) -> tuple[MissingSign, ...]:
    """The signs that an explanation predicts and that are not there; what is not known is never held against it."""
    missing = dict(_missing(signs))
    return tuple(missing[name] for name in _PREDICTED.get(explanation, ()) if name in missing)


def _part(share: float, verb: str) -> str:
    """A share of the accounts at the beginning of a sentence: `None of the accounts was`, `All accounts were`."""
    if share <= 0:
        return f"None of the accounts {'was' if verb == 'were' else 'has'}"
    return f"{'All' if share >= 1 else formatting.percent(share) + ' of the'} accounts {verb}"


def _country_of(detail: dict[str, Any]) -> str:
    own: str = detail["signup_country"] or detail["payment_country"] or next(iter(detail["countries"]), "")
    return own if own not in ("(other)", "(unknown)") else ""


def _top_share(values: Sequence[str | None]) -> float | None:
    """Share of the most frequent value among all; None where hardly any is known."""
    known = [value for value in values if value]
    if not known or 2 * len(known) < len(values):
        return None
    return Counter(known).most_common(1)[0][1] / len(values)


def _within(moments: list[datetime], width: timedelta) -> float:
    """Largest share of the moments that lie within some width of each other."""
    ordered, begin, most = sorted(moments), 0, 0
    for end, moment in enumerate(ordered):
        while moment - ordered[begin] > width:
            begin += 1
        most = max(most, end - begin + 1)
    return most / len(ordered)


def _missing(signs: GroupSigns) -> Iterator[tuple[str, MissingSign]]:
    """Name of each sign that is not there -> what it costs an explanation that predicts it."""
    if signs.same_customer is not None and signs.same_customer < _MOST_MEMBERS:
        share = formatting.percent(signs.same_customer)
        yield (
            "open_customer",
            MissingSign(
                MOST_HAVE_IT,
                f"The accounts do not openly belong to one customer: at most {share} have one declared organisation or "
                "one mail domain.",
            ),
        )
    if signs.same_country is not None and signs.same_country < _ONE_PLACE:
        sentence = (
            f"The members are in {formatting.count(signs.countries)} countries; at most "
            f"{formatting.percent(signs.same_country)} are in one of them."
        )
        yield "one_place", MissingSign(MOST_HAVE_IT, sentence)
        yield "perhaps_one_place", MissingSign(SOME_LACK_IT, sentence)
    if signs.together is not None and signs.together < _MOST_MEMBERS:
        share = formatting.percent(signs.together)
        sentence = f"At most {share} of the accounts were opened within 45 days of each other."
        yield "opened_together", MissingSign(SOME_LACK_IT, sentence)
    if signs.daily is not None and signs.daily > _BUSY:
        bits, who = (SOME_LACK_IT, "Few people") if signs.daily <= _HEAVY else (MOST_HAVE_IT, "People do not")
        daily = formatting.count(math.floor(signs.daily))
        yield "by_hand", MissingSign(bits, f"{who} send {daily} requests per account and day by hand.")
    if signs.repeats is False:
        yield "repeats", MissingSign(MOST_HAVE_IT, "Few prompts were sent by several accounts.")
    if signs.members > _FEW_ACCOUNTS:
        bits = MOST_HAVE_IT if signs.members <= _MANY_ACCOUNTS else MOST_HAVE_IT + SOME_LACK_IT
        many = formatting.count(signs.members)
        yield "few_accounts", MissingSign(bits, f"A person with an honest list rarely has {many} accounts.")
    if signs.dedicated is not None and signs.dedicated >= 1 - _MOST_MEMBERS:
        who, least = _part(signs.dedicated, "have"), formatting.percent(ROLES.dedicated_share)
        sentence = f"{who} {least} or more of their traffic in campaigns, so little of an owner shows."
        yield "owners_traffic", MissingSign(MOST_HAVE_IT, sentence)
    if signs.opened_before is not None and signs.opened_before < _MOST_MEMBERS:
        who = f"{'Only ' if signs.opened_before > 0 else ''}{_part(signs.opened_before, 'were')}"
        sentence = f"{who} opened 30 days or more before the campaign began."
        yield "opened_before", MissingSign(SOME_LACK_IT, sentence)


_PREDICTED = {
    "course": ("one_place", "opened_together", "by_hand", "repeats"),
    "company": ("open_customer", "by_hand"),
    "benchmark": ("repeats",),
    "dataset": ("few_accounts", "perhaps_one_place"),
    "fleet": ("open_customer",),
    "keys": ("owners_traffic", "opened_before"),
}
"""Explanation -> the signs that it predicts."""
