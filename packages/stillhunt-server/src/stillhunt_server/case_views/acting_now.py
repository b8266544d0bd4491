"""Whom a decision would hit: counted from the tables of the hunt, role by role, before anything is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.schema_case import ROLES
from stillhunt.base.wording import sentences_beside
from stillhunt.triage.kinds import role_label
from stillhunt.triage.model import CampaignModel
from stillhunt_server.case_views.account_revenue import describe_customers, sum_revenue
from stillhunt_server.case_views.harm import ExpectedHarm
from stillhunt_server.case_views.member_selection import Flags

_SAID: dict[str, str] = sentences_beside(__file__)["recommended"]
PLANS_SHOWN = 4
_PLAN_CHARS = 24


@dataclass(frozen=True)
class RolePart:
    """The members of one role."""

    role: str
    label: str
    members: int
    hit: int  # how many of them the decision would be about
    requests: int  # of those, in this campaign


@dataclass(frozen=True)
class ActingNow:
    """Whom a decision would hit."""

    parts: tuple[RolePart, ...]
    hit: int
    members: int
    requests_per_day: float  # harvested requests that these accounts send a day, at the campaign's latest pace
    campaign_per_day: float  # the same of all members
    other_requests: int  # requests of theirs in these logs that are no harvest, and would be hit with them
    customers: str  # who pays among these accounts, in words


def acting_now(facts: pa.Table, hit: frozenset[str], harm: ExpectedHarm, revenue: pa.Table | None = None) -> ActingNow:
    """Whom a decision would hit.

    It misleads about customers who pay elsewhere: cards, plans and revenue are what the accounts file says.

    Args:
        facts: ACCOUNT_FACTS of one campaign.
        hit: accounts that the decision would be about.
        harm: of the campaign.
        revenue: of accounts, as `read_revenue` gives it; None where it is not known.
    """
    accounts = pa.array(sorted(hit), pa.string())
    is_hit = pc.is_in(facts["account_id"], value_set=accounts).to_numpy(zero_copy_only=False)
    roles = facts["role"].to_pylist()
    requests = facts["requests"].to_numpy()
    order = sorted(set(roles), key=lambda role: (ROLES.index(role) if role in ROLES else len(ROLES), role))
    parts = []
    for role in order:
        own = np.array([one == role for one in roles])
        both = own & is_hit
        counted = int(own.sum()), int(both.sum()), int(requests[both].sum())
        parts.append(RolePart(role, role_label(role), *counted))
    taken = float(requests[is_hit].sum()) / max(float(requests.sum()), 1.0)
    plans = Counter(plan for plan, one in zip(facts["plan"].to_pylist(), is_hit, strict=True) if one and plan)
    return ActingNow(
        tuple(parts),
        int(is_hit.sum()),
        facts.num_rows,
        harm.requests_per_day * taken,
        harm.requests_per_day,
        int(facts["other_requests"].to_numpy()[is_hit].sum()),
        describe_customers(
            _count_paying(facts, is_hit),
            _format_plans(plans),
            None if revenue is None else sum_revenue(revenue, accounts),
            harm.currency,
        ),
    )


def recommend_step(campaign: CampaignModel, hit: int, status: str, another_look: str) -> tuple[str, str]:
    """The step that is recommended, and its reason in a sentence.

    Args:
        hit: accounts that asking for proof would be about.
        status: of the case.
        another_look: why a dismissed campaign came back; "" where it did not.
    """
    if another_look:
        key = "return"
    elif status == "acted":
        key = "wait"
    elif campaign.verdict == "review":
        key = "review" if campaign.harvests else "no_harvest"
    else:
        key = "act" if hit else "nobody"
    step, _, reason = _SAID[key].partition("|")
    return step, reason


def _count_paying(facts: pa.Table, hit: Flags) -> tuple[int, int] | None:
    """How many of those hit have a payment instrument; None where none of the campaign has one."""
    pays = pc.is_valid(facts["payment_country"]).to_numpy(zero_copy_only=False)
    return (int((pays & hit).sum()), int(hit.sum())) if pays.any() else None


def _format_plans(plans: Counter[str]) -> str:
    parts = [
        f"{formatting.count(number)} {formatting.shorten(plan, _PLAN_CHARS)}" for plan, number in plans.most_common()
    ]
    return formatting.join_some(parts, PLANS_SHOWN, "")
