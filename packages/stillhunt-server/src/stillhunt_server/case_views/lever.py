"""A campaign without some of its findings: what the verdict's own rules make of the rest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import LIMIT_FAMILIES
from stillhunt.triage import Case
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import log2_odds_of, margin
from stillhunt_server.case_views.weighing import weigh_tables
from stillhunt_server.heavy_work import HEAVY_WORK

_WEIGHED = ["campaign_id", "account_id", "family", "kind", "raw_bits", "independent"]


@dataclass(frozen=True)
class WeighedAgain:
    """What the rules of the verdict make of some of a campaign's findings."""

    verdict: str
    probability: float
    log2_odds: float  # of the claim, in bits
    margin: str  # distance to the thresholds, in words
    families: tuple[str, ...]  # those of which there is enough evidence to count
    flagged: int | None  # members whose own verdict would be act; None where it is not known
    limits: tuple[str, ...]  # why the verdict is lower than the probability says, or what it rests on


def weigh_without(
    case: Case, campaign: CampaignModel, evidence: pa.Table, members: pa.Table, without: Collection[str]
) -> WeighedAgain:
    """Judge a campaign again without some findings, by the rules that the hunt itself applies, in another process.

    It misleads where a finding is only not known: the rules then take it as never looked for, which is what is asked
    here. Caps and the explanation that fits best follow anew, so that bits need not change by those of the finding.

    Args:
        evidence: EVIDENCE rows of this campaign.
        members: MEMBERS rows of it.
        without: kinds of findings that are left out.

    Raises:
        CaseError: the case does not say how it was judged, or its verdict does not follow from its evidence.
    """
    own = case.accounts.filter(pc.is_in(case.accounts["account_id"], value_set=members["account_id"].combine_chunks()))
    run = {name: value for name, value in case.run.items() if name in ("settings", "budget", "plugins")}
    # most of a table are sentences and ids of requests, which nobody weighs
    weighed = evidence.select(_WEIGHED).append_column("request_ids", pa.nulls(evidence.num_rows))
    tables = weighed, members, own.select(["account_id", "sanctioned"])
    found = HEAVY_WORK.call(weigh_tables, run, [_code_texts(one) for one in tables], sorted(without))
    return _describe_verdict(*found, campaign.run.settings)


def _code_texts(table: pa.Table) -> pa.Table:
    """A table whose texts are numbers into a list of different ones: a tenth of the bytes on the way."""
    coded = [one.dictionary_encode() if pa.types.is_string(one.type) else one for one in table.columns]
    return pa.table(coded, names=table.column_names).combine_chunks()


def weighed_by_hunt(campaign: CampaignModel, evidence: pa.Table) -> WeighedAgain:
    """What the hunt made of all findings, as the case has it; without how many members it flagged.

    Args:
        evidence: EVIDENCE rows of this campaign.
    """
    limits = evidence.filter(pc.is_in(evidence["family"], value_set=pa.array(sorted(LIMIT_FAMILIES))))
    row = campaign.row
    return _describe_verdict(
        campaign.verdict, row["score"], row["families"], limits["kind"].to_pylist(), None, campaign.run.settings
    )


def _describe_verdict(
    verdict: str,
    probability: float,
    families: Sequence[str],
    limits: Sequence[str],
    flagged: int | None,
    shown: ScoreSettings,
) -> WeighedAgain:
    odds = log2_odds_of(min(max(probability, 1e-15), 1 - 1e-15))
    return WeighedAgain(
        verdict=verdict,
        probability=probability,
        log2_odds=odds,
        margin=margin(odds, shown),
        families=tuple(families),
        flagged=flagged,
        limits=tuple(LIMIT_WORDS.get(kind, kind) for kind in limits),
    )


LIMIT_WORDS = {
    "too_few_members": "too few members",
    "independent_families": "too few independent families",
    "nobody_to_act_on": "nobody to act on",
    "false_alarm_budget": "the false-alarm budget",
    "flagged_before": "it stands from the look before",
}
"""Kind of a limit -> what it is called."""
