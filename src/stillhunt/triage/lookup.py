"""Finds an account or campaign in the case tables and gathers what explains its score."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import ScoreSettings
from stillhunt.base.errors import CaseError
from stillhunt.triage import margins
from stillhunt.triage.explain import Explanation
from stillhunt.triage.model import ID_CHARS, NAME_CHARS, case_model, run_facts
from stillhunt.triage.score_breakdown import Membership, ScoreSum, campaign_sum, member_sums

_CANDIDATE_IDS = 5000
_NEAREST_SHOWN = 3


def explain_id(
    tables: Mapping[str, pa.Table], run: Mapping[str, Any], wanted_id: str, origins: pa.Table
) -> Explanation:
    """Why an account or campaign has its score.

    Args:
        tables: the case tables.
        run: content of run.json; thresholds and coverage are read from it.
        wanted_id: campaign or account; where both have the id, the campaign is meant.
        origins: the ORIGINS table.

    Raises:
        CaseError: no account or campaign has this id.
    """
    unseen = tuple(str(row.get("sentence", "")) for row in run.get("coverage", []) if not row.get("available", True))
    campaign = _rows_where(tables["campaigns"], "campaign_id", wanted_id)
    if campaign.num_rows:
        own = {
            name: _rows_where(table, "campaign_id", wanted_id) if name in ("members", "evidence") else table
            for name, table in tables.items()
        }
        return _explain_campaign({**own, "campaigns": campaign}, run, unseen, origins)
    account = _rows_where(tables["accounts"], "account_id", wanted_id).to_pylist()
    if account:
        return _explain_account(tables, account[0], run_facts(tables, run).settings, unseen)
    nearest = [formatting.shorten(name, NAME_CHARS) for name in _nearest_ids(tables, wanted_id)]
    raise CaseError(
        f"no account or campaign has the id '{formatting.shorten(wanted_id, NAME_CHARS)}'",
        where="case tables campaigns, accounts",
        next_step="nearest: " + ", ".join(nearest)
        if nearest
        else "campaigns.parquet and accounts.parquet list all ids",
    )


def _explain_campaign(
    own: Mapping[str, pa.Table], run: Mapping[str, Any], unseen: tuple[str, ...], origins: pa.Table
) -> Explanation:
    """Explain a campaign from tables that are cut to it."""
    (model,) = case_model(own, run, origins).campaigns
    name = model.row["campaign_id"]
    total, parts = campaign_sum(own["evidence"], name), member_sums(own["evidence"], name)
    members = own["members"]
    places = pc.index_in(members["account_id"], value_set=own["accounts"]["account_id"])
    verdicts = own["accounts"]["verdict"].take(places).to_pylist()
    memberships = [
        _membership(row, verdict or "none", total, parts)
        for row, verdict in zip(members.to_pylist(), verdicts, strict=True)
    ]
    return Explanation(
        kind="campaign",
        id=name,
        verdict=model.row["verdict"],
        stored_score=model.row["score"],
        campaign=total,
        memberships=tuple(sorted(memberships, key=lambda m: (-m.probability, -m.requests, m.account_id))),
        facts=(("skills", model.skills), ("models", model.models), *model.facts),
        change=model.change,
        unseen=unseen,
    )


def _explain_account(
    tables: Mapping[str, pa.Table], row: dict[str, Any], settings: ScoreSettings, unseen: tuple[str, ...]
) -> Explanation:
    name, evidence = row["account_id"], tables["evidence"]
    memberships = [
        _membership(
            m, row["verdict"], campaign_sum(evidence, m["campaign_id"]), member_sums(evidence, m["campaign_id"], name)
        )
        for m in _rows_where(tables["members"], "account_id", name).to_pylist()
    ]
    memberships.sort(key=lambda m: (-m.probability, m.campaign_id))
    main = memberships[0] if memberships else None
    facts = [
        ("requests", formatting.count(row["requests"])),
        ("harvested", f"{formatting.count(row['harvest_requests'])} (estimate)"),
    ]
    if main is not None:
        facts += [*_membership_facts(main), ("share of traffic", formatting.percent(main.share))]
    if row["sanctioned"]:
        facts.append(("programme", "declared in the settings: shown and not flagged"))
    return Explanation(
        kind="account",
        id=name,
        verdict=row["verdict"],
        stored_score=row["score"],
        campaign=main.campaign if main else None,
        memberships=tuple(memberships),
        facts=tuple(facts),
        change=margins.account_margins(main, sanctioned=row["sanctioned"], settings=settings),
        unseen=unseen,
    )


def _membership_facts(main: Membership) -> list[tuple[str, str]]:
    """What an account is to its main campaign, in the words of its own verdict."""
    name, role = formatting.shorten(main.campaign_id, ID_CHARS), ("role", formatting.shorten(main.role, 24))
    if main.verdict == "act":
        return [("member of", name), role]
    probability = formatting.probability(main.probability)
    if main.verdict == "review":
        return [("possible member of", f"{name}; needs a person's review: probability {probability}"), role]
    return [("possible member of", f"{name}; not flagged: probability {probability}")]


def _membership(row: Mapping[str, Any], verdict: str, campaign: ScoreSum, parts: Mapping[str, ScoreSum]) -> Membership:
    return Membership(
        account_id=row["account_id"],
        campaign_id=row["campaign_id"],
        role=row["role"],
        verdict=verdict,
        requests=row["requests"],
        share=row["share"],
        stored_score=row["score"],
        campaign=campaign,
        member=parts.get(row["account_id"], ScoreSum(())),
    )


def _rows_where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _nearest_ids(tables: Mapping[str, pa.Table], wanted_id: str) -> list[str]:
    """Ids that look like the wanted one: campaigns first, then accounts with its beginning, end or length."""
    wanted_id = wanted_id[:NAME_CHARS]
    accounts = tables["accounts"]["account_id"]
    pool = tables["campaigns"]["campaign_id"].slice(0, _CANDIDATE_IDS).to_pylist()
    middle = max(1, len(wanted_id) // 2)
    for alike in (
        pc.starts_with(accounts, wanted_id[:middle]),
        pc.ends_with(accounts, wanted_id[-middle:]),
        pc.equal(pc.utf8_length(accounts), len(wanted_id)),
    ):
        pool += accounts.filter(alike).slice(0, _CANDIDATE_IDS).to_pylist()
    candidates = sorted({name for name in pool if len(name) <= 2 * NAME_CHARS})
    return difflib.get_close_matches(wanted_id, candidates, n=_NEAREST_SHOWN, cutoff=0.5)
