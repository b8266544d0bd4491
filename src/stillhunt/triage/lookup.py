"""Finds an account or campaign in the case tables and gathers what explains its score."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from stillhunt.base import formatting as plain
from stillhunt.base.config import ScoreSettings
from stillhunt.base.errors import CaseError
from stillhunt.base.schema import CASE_TABLES
from stillhunt.triage import change
from stillhunt.triage.explain import Explanation
from stillhunt.triage.origins import WORDS, origin_words
from stillhunt.triage.score_breakdown import Membership, campaign_sum, member_sums

_NEAREST_POOL = 5000
_NEAREST_SHOWN = 3
_ID_CHARS = 80


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
    settings = score_settings(run)
    unseen = tuple(str(row.get("sentence", "")) for row in run.get("coverage", []) if not row.get("available", True))
    campaign = _rows_where(tables["campaigns"], "campaign_id", wanted_id)
    if campaign:
        return _explain_campaign(tables, campaign[0], settings, unseen, origins)
    account = _rows_where(tables["accounts"], "account_id", wanted_id)
    if account:
        return _explain_account(tables, account[0], settings, unseen)
    nearest = [plain.shorten(name, _ID_CHARS) for name in _nearest_ids(tables, wanted_id)]
    raise CaseError(
        f"no account or campaign has the id '{plain.shorten(wanted_id, _ID_CHARS)}'",
        where="case tables campaigns, accounts",
        next_step="nearest: " + ", ".join(nearest)
        if nearest
        else "campaigns.parquet and accounts.parquet list all ids",
    )


def score_settings(run: Mapping[str, Any]) -> ScoreSettings:
    """The score settings that a run recorded; defaults for those that it did not.

    Raises:
        CaseError: they are of the wrong kind or out of range.
    """
    recorded = run.get("settings", {}).get("score", {})
    try:
        return ScoreSettings(**{name: value for name, value in recorded.items() if name in ScoreSettings.model_fields})
    except (ValidationError, AttributeError) as error:
        raise CaseError(
            "the score settings that the run recorded cannot be read",
            where="run.json settings.score",
            next_step="hunt again; the case was changed by hand or by another version",
        ) from error


def _explain_campaign(
    tables: Mapping[str, pa.Table],
    row: dict[str, Any],
    settings: ScoreSettings,
    unseen: tuple[str, ...],
    origins: pa.Table,
) -> Explanation:
    total = campaign_sum(tables["evidence"], row["campaign_id"])
    parts = member_sums(tables["evidence"], row["campaign_id"])
    none = campaign_sum(CASE_TABLES["evidence"].empty(), row["campaign_id"])
    members = [
        Membership(
            account_id=m["account_id"],
            campaign_id=m["campaign_id"],
            role=m["role"],
            requests=m["requests"],
            share=m["share"],
            stored_score=m["score"],
            campaign=total,
            member=parts.get(m["account_id"], none),
        )
        for m in _rows_where(tables["members"], "campaign_id", row["campaign_id"])
    ]
    whole = row["estimated_requests"]
    own = _rows_where(origins, "campaign_id", row["campaign_id"])
    facts = (
        ("accounts", plain.count(row["accounts"])),
        ("requests", plain.count(row["requests"])),
        *(
            [("of all calls", f"about {plain.count(whole)}")]
            if (whole := row["estimated_requests"]) != row["requests"]
            else []
        ),
        ("seen", plain.period(row["first_seen"], row["last_seen"])),
        ("skills", _words(row["skills"])),
        ("models", _words(row["models"])),
        ("output tokens", plain.amount(row["output_tokens"])),
        *((WORDS[aspect].lower(), words) for aspect, words in origin_words(own)),
    )
    return Explanation(
        kind="campaign",
        id=row["campaign_id"],
        verdict=row["verdict"],
        stored_score=row["score"],
        campaign=total,
        memberships=tuple(sorted(members, key=lambda m: (-m.probability, -m.requests, m.account_id))),
        facts=facts,
        change=change.of_campaign(total, row["verdict"], settings),
        unseen=unseen,
    )


def _explain_account(
    tables: Mapping[str, pa.Table], row: dict[str, Any], settings: ScoreSettings, unseen: tuple[str, ...]
) -> Explanation:
    name = row["account_id"]
    none = campaign_sum(CASE_TABLES["evidence"].empty(), name)
    memberships = [
        Membership(
            account_id=name,
            campaign_id=m["campaign_id"],
            role=m["role"],
            requests=m["requests"],
            share=m["share"],
            stored_score=m["score"],
            campaign=campaign_sum(tables["evidence"], m["campaign_id"]),
            member=member_sums(tables["evidence"], m["campaign_id"], name).get(name, none),
        )
        for m in _rows_where(tables["members"], "account_id", name)
    ]
    memberships.sort(key=lambda m: (-m.probability, m.campaign_id))
    main = memberships[0] if memberships else None
    facts = [
        ("requests", plain.count(row["requests"])),
        ("harvested", f"{plain.count(row['harvest_requests'])} (estimate)"),
    ]
    if main is not None:
        facts += [
            ("main campaign", plain.shorten(main.campaign_id, 64)),
            ("role", plain.shorten(main.role, 24)),
            ("share of traffic", plain.percent(main.share)),
        ]
    if row["sanctioned"]:
        facts.append(("programme", "declared in the settings, so it is shown and not flagged"))
    return Explanation(
        kind="account",
        id=name,
        verdict=row["verdict"],
        stored_score=row["score"],
        campaign=main.campaign if main else None,
        memberships=tuple(memberships),
        facts=tuple(facts),
        change=change.of_account(main, sanctioned=row["sanctioned"], settings=settings),
        unseen=unseen,
    )


def _words(values: list[str]) -> str:
    shown = [plain.shorten(value, 40) for value in values[:6]]
    more = [f"{len(values) - 6} more"] if len(values) > 6 else []
    return ", ".join(shown + more) or "not known"


def _rows_where(table: pa.Table, column: str, value: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.filter(pc.equal(table[column], value)).to_pylist()
    return rows


def _nearest_ids(tables: Mapping[str, pa.Table], wanted_id: str) -> list[str]:
    """Ids that look like the wanted one: campaigns first, then accounts with its beginning or end."""
    wanted_id = wanted_id[:_ID_CHARS]
    accounts = tables["accounts"]["account_id"]
    pool = tables["campaigns"]["campaign_id"].slice(0, _NEAREST_POOL).to_pylist()
    half = max(1, len(wanted_id) // 2)
    for alike in (
        pc.starts_with(accounts, wanted_id[:half]),
        pc.ends_with(accounts, wanted_id[-half:]),
        pc.equal(pc.utf8_length(accounts), len(wanted_id)),
    ):
        pool += accounts.filter(alike).slice(0, _NEAREST_POOL).to_pylist()
    candidates = sorted({name for name in pool if len(name) <= 2 * _ID_CHARS})
    return difflib.get_close_matches(wanted_id, candidates, n=_NEAREST_SHOWN, cutoff=0.5)
