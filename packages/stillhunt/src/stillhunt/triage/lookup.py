"""Finds an account or campaign in the case tables and gathers what explains its score."""

import difflib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import ScoreSettings
from stillhunt.base.errors import CaseError
from stillhunt.base.ids import kept_id
from stillhunt.triage import score_breakdown
from stillhunt.triage.explain import Explanation
from stillhunt.triage.kinds import is_harvest, role_of_account
from stillhunt.triage.model import ID_CHARS, NAME_CHARS, case_model, run_facts
from stillhunt.triage.redact import personal_ids_note
from stillhunt.triage.score_breakdown import Membership, ScoreSum, campaign_sum, member_sums

ID_KINDS = ("campaign", "account")  # what an id may name; where both have the id, the campaign is meant
_CANDIDATE_IDS = 5000
_NEAREST_SHOWN = 3


def explain_id(
    tables: Mapping[str, pa.Table],
    run: Mapping[str, Any],
    wanted_id: str,
    origins: pa.Table,
    kinds: tuple[str, ...] = ID_KINDS,
) -> Explanation:
    """Why an account or campaign has its score.

    `wanted_id`: campaign or account, or the beginning of its id, as in `resolve_id`. Raises CaseError: no account or
    campaign has this id, or several begin with it.
    """
    kind, wanted_id = resolve_id(tables, wanted_id, kinds)
    unseen = tuple(str(row.get("sentence", "")) for row in run.get("coverage", []) if not row.get("available", True))
    if kind == "campaign":
        own = {
            name: _rows_where(table, "campaign_id", wanted_id)
            if name in ("campaigns", "members", "evidence")
            else table
            for name, table in tables.items()
        }
        return _explain_campaign(own, run, unseen, origins)
    account = _rows_where(tables["accounts"], "account_id", wanted_id).to_pylist()[0]
    return _explain_account(tables, account, run_facts(tables, run).settings, unseen)


def resolve_id(tables: Mapping[str, pa.Table], wanted_id: str, kinds: tuple[str, ...] = ID_KINDS) -> tuple[str, str]:
    """The campaign or account that an id names, or the only one whose id begins so.

    A full id comes before the beginning of one, and a campaign before an account.

    Returns:
        What it is, from `kinds`, and its full id.

    Raises:
        CaseError: nothing has this id or begins with it, or several do.
    """
    wanted_id = kept_id(wanted_id)  # so that an id as it stands in the log is found
    ids = {kind: tables[f"{kind}s"][f"{kind}_id"] for kind in kinds}
    for kind, names in ids.items():
        if pc.any(pc.equal(names, wanted_id)).as_py():
            return kind, wanted_id
    for kind, names in ids.items():
        found = names.filter(pc.starts_with(names, wanted_id)) if wanted_id else []
        if len(found) == 1:
            return kind, found[0].as_py()
        if len(found) > 1:
            raise _ambiguous_id(kind, wanted_id, found)
    raise _unknown_id(ids, wanted_id)


def _ambiguous_id(kind: str, beginning: str, found: pa.ChunkedArray) -> CaseError:
    some = [formatting.shorten(name.as_py(), NAME_CHARS) for name in found[:_NEAREST_SHOWN]]
    rest = [f"{formatting.count(len(found) - len(some))} more"] if len(found) > len(some) else []
    return CaseError(
        f"the ids of {formatting.plural(len(found), kind)} begin with '{formatting.shorten(beginning, NAME_CHARS)}'",
        where=f"{kind}s.parquet",
        next_step=f"give more of the id; it may be {formatting.join_words([*some, *rest])}",
    )


def _unknown_id(ids: Mapping[str, pa.ChunkedArray], wanted_id: str) -> CaseError:
    nearest = [formatting.shorten(name, NAME_CHARS) for name in _nearest_ids(ids, wanted_id)]
    files = formatting.join_words([f"{kind}s.parquet" for kind in ids])
    return CaseError(
        f"no {' or '.join(sorted(ids))} has the id '{formatting.shorten(wanted_id, NAME_CHARS)}'",
        where=f"case tables {', '.join(f'{kind}s' for kind in ids)}",
        next_step="nearest: " + ", ".join(nearest) if nearest else f"all ids are in {files}",
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
        _make_membership(row, verdict or "none", total, parts)
        for row, verdict in zip(members.to_pylist(), verdicts, strict=True)
    ]
    note = personal_ids_note(members["account_id"])
    ids = [("account ids", f"{note}, as in the logs: personal data")] if note else []
    if pc.any(pc.equal(own["accounts"]["account_id"], name)).as_py():
        ids.append(("same id", "an account has this id, too: the option 'account' explains that one"))
    return Explanation(
        kind="campaign",
        id=name,
        verdict=model.row["verdict"],
        stored_score=model.row["score"],
        campaign=total,
        memberships=tuple(sorted(memberships, key=lambda m: (-m.probability, -m.requests, m.account_id))),
        facts=(("skills", model.skills), ("models", model.models), *model.facts, *ids),
        claim=model.claim if model.verdict != "none" else " ".join(map(formatting.sentence, model.held_back)),
        change=model.change,
        unseen=unseen,
    )


def _explain_account(
    tables: Mapping[str, pa.Table], row: dict[str, Any], settings: ScoreSettings, unseen: tuple[str, ...]
) -> Explanation:
    name, evidence = row["account_id"], tables["evidence"]
    memberships = []
    for own in _rows_where(tables["members"], "account_id", name).to_pylist():
        group = own["campaign_id"]
        sums = campaign_sum(evidence, group), member_sums(evidence, group, name)
        memberships.append(_make_membership(own, row["verdict"], *sums))
    campaigns = {row["campaign_id"]: row for row in tables["campaigns"].to_pylist()}
    no_harvest = {name for name, row in campaigns.items() if not is_harvest(row)}
    # An account is explained by the harvest that is likeliest, unless it has its verdict from something else.
    named = row["campaign_id"] if row["campaign_id"] in no_harvest else None
    memberships.sort(key=lambda m: (m.campaign_id != named, m.campaign_id in no_harvest, -m.probability, m.campaign_id))
    main = memberships[0] if memberships else None
    stored = row["score"] if main is None or main.campaign_id not in no_harvest else main.stored_score
    facts = [
        ("requests", formatting.count(row["requests"])),
        ("harvested", f"{formatting.count(row['harvest_requests'])} (estimate)"),
    ]
    if main is not None:
        facts += [*_membership_facts(main), ("share of traffic", formatting.percent(main.share))]
    if note := personal_ids_note(pa.chunked_array([[name]])):
        facts.append(("account id", f"{note}, as in the logs: personal data"))
    if row["sanctioned"]:
        facts.append(("programme", "declared in the settings: shown and not flagged"))
    return Explanation(
        kind="account",
        id=name,
        verdict=row["verdict"],
        stored_score=stored,
        campaign=main.campaign if main else None,
        memberships=tuple(memberships),
        facts=tuple(facts),
        sanctioned=row["sanctioned"],
        change=score_breakdown.account_margins(
            main,
            sanctioned=row["sanctioned"],
            of_act=main is not None and campaigns[main.campaign_id]["verdict"] == "act",
            settings=settings,
        ),
        unseen=unseen,
    )


def _membership_facts(main: Membership) -> list[tuple[str, str]]:
    """What an account is to its main campaign, in the words of its own verdict."""
    name, role = formatting.shorten(main.campaign_id, ID_CHARS), ("role", role_of_account(main.role))
    if main.verdict == "act":
        return [("member of", name), role]
    probability = formatting.probability(main.probability)
    if main.verdict == "review":
        return [("possible member of", f"{name}; needs a person's review: probability {probability}"), role]
    return [("possible member of", f"{name}; not flagged: probability {probability}")]


def _make_membership(
    row: Mapping[str, Any], verdict: str, campaign: ScoreSum, parts: Mapping[str, ScoreSum]
) -> Membership:
    same = {name: row[name] for name in ("account_id", "campaign_id", "role", "requests", "share")}
    member = parts.get(row["account_id"], ScoreSum(()))
    return Membership(**same, verdict=verdict, stored_score=row["score"], campaign=campaign, member=member)


def _rows_where(table: pa.Table, column: str, value: str) -> pa.Table:
    return table.filter(pc.equal(table[column], value))


def _nearest_ids(ids: Mapping[str, pa.ChunkedArray], wanted_id: str) -> list[str]:
    """Ids that look like the wanted one: those with its beginning, its end or its length."""
    wanted_id = wanted_id[:NAME_CHARS]
    middle = max(1, len(wanted_id) // 2)
    candidates: set[str] = set()
    for names in ids.values():
        for alike in (
            pc.starts_with(names, wanted_id[:middle]),
            pc.ends_with(names, wanted_id[-middle:]),
            pc.equal(pc.utf8_length(names), len(wanted_id)),
        ):
            candidates.update(names.filter(alike).slice(0, _CANDIDATE_IDS).to_pylist())
    short = sorted(name for name in candidates if len(name) <= 2 * NAME_CHARS)
    return difflib.get_close_matches(wanted_id, short, n=_NEAREST_SHOWN, cutoff=0.5)
