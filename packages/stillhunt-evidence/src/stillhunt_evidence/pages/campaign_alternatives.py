"""The honest explanations of one campaign of a case."""

from __future__ import annotations

import math

import pyarrow.compute as pc

from stillhunt.case import Case, campaign_sum
from stillhunt_evidence.pages.alternatives import Alternative, weigh_alternatives
from stillhunt_evidence.pages.group_signs import GroupSigns, group_signs

_REPEATS = "no_repeats"


def signs_of(case: Case, campaign_id: str) -> GroupSigns:
    """What the case says of a campaign's members beside the scored evidence."""
    campaigns = case.tables["campaigns"]
    row = campaigns.filter(pc.equal(campaigns["campaign_id"], campaign_id)).to_pylist()[0]
    details, members = (
        table.filter(pc.equal(table["campaign_id"], campaign_id)).to_pylist()
        for table in (case.member_details, case.members)
    )
    terms = campaign_sum(case.evidence, campaign_id).terms
    return group_signs(row, details, members, math.fsum(term.bits for term in terms if term.kind == _REPEATS))


def alternatives_of(case: Case, campaign_id: str) -> tuple[Alternative, ...]:
    """All honest explanations of a campaign, the one that fits best first."""
    total = campaign_sum(case.evidence, campaign_id)
    return weigh_alternatives(total, signs_of(case, campaign_id), case.run.get("budget", {}))
