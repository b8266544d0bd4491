"""A campaign without some of its findings: what the verdict's own rules make of the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config, ScoreSettings
from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.families import LIMIT_FAMILIES
from stillhunt.plugins.groups import EVIDENCE_PLUGINS, plugins_named
from stillhunt.triage import Case
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import log2_odds_of, margin
from stillhunt_server.heavy_work import HEAVY_WORK

_SETTINGS = ("score", "resolve")
_WEIGHED = ["campaign_id", "account_id", "family", "kind", "raw_bits", "independent"]


@dataclass(frozen=True)
class WeighedAgain:
    """What the rules of the verdict make of some of a campaign's findings."""

    verdict: str
    probability: float
    log2_odds: float  # of the claim, in bits
    margin: str  # distance to the thresholds, in words
    families: tuple[str, ...]  # those of which there is enough evidence to count
    flagged: int  # members whose own verdict would be act
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
    run = {name: value for name, value in case.model.run.items() if name in ("settings", "budget", "plugins")}
    settings = campaign.run.settings
    # most of a table are sentences and ids of requests, which nobody weighs
    weighed = evidence.select(_WEIGHED).append_column("request_ids", pa.nulls(evidence.num_rows))
    tables = weighed, members, own.select(["account_id", "sanctioned"])
    return HEAVY_WORK.call(weigh_tables, run, settings, tables, sorted(without))


def weigh_tables(
    run: Mapping[str, Any], shown: ScoreSettings, tables: Sequence[pa.Table], without: list[str]
) -> WeighedAgain:
    """What `weigh_without` does, in the process that is asked; its tables are evidence, members and their accounts."""
    from stillhunt.verdicts import rebuild_verdict  # memory: only that process needs it

    evidence, members, own = tables
    kept = pc.invert(pc.is_in(evidence["kind"], value_set=pa.array(without, pa.string())))
    try:
        config = Config(**{name: value for name, value in run["settings"].items() if name in _SETTINGS})
        budget = run["budget"]
        known = plugins_named(run, EVIDENCE_PLUGINS)
        rows = evidence.filter(kept)
        found = rebuild_verdict(rows, members, own, config, int(budget["accounts"]), float(budget["days"]), known)
    except (ContractError, KeyError, TypeError, ValueError) as error:
        raise CaseError(
            "this case cannot be weighed again: it does not say how it was judged",
            where="run.json and evidence of the campaign",
            next_step="hunt again with this version",
        ) from error
    odds = log2_odds_of(min(max(found.score, 1e-15), 1 - 1e-15))
    limits = tuple(LIMIT_WORDS.get(kind, kind) for family, kind in found.rules if family in LIMIT_FAMILIES)
    return WeighedAgain(
        verdict=found.verdict,
        probability=found.score,
        log2_odds=odds,
        margin=margin(odds, shown),
        families=tuple(found.families),
        flagged=len(found.flagged),
        limits=limits,
    )


LIMIT_WORDS = {
    "too_few_members": "too few members",
    "independent_families": "too few independent families",
    "nobody_to_act_on": "nobody to act on",
    "false_alarm_budget": "the false-alarm budget",
    "flagged_before": "it stands from the look before",
}
"""Kind of a limit -> what it is called."""
