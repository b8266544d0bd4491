"""The page for an engineer: evidence in bits, caps, parameters, requests, members, origins, and how to repeat it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.case import (
    CASE_TABLES,
    CASE_VIEWS,
    FULL_ID_CHARS,
    ID_CHARS,
    LABELS,
    NAME_CHARS,
    PRIOR,
    CampaignModel,
    Case,
    family_label,
    role_label,
)
from stillhunt.tools import formatting
from stillhunt.verdicts import LIMIT_FAMILIES, OTHERS, SIGN_KINDS, all_kinds
from stillhunt_evidence.pages.alternatives import Alternative
from stillhunt_evidence.pages.drawings import FIT_WIDE
from stillhunt_evidence.pages.executive_page import taken_rows
from stillhunt_evidence.pages.facts import DossierFacts

MEMBERS_SHOWN = 50
CITED_SHOWN = 20
_ORIGINS_SHOWN = 6
_SAMPLES_SHOWN = 4
_TAKEN_SHOWN = 8
_EXCERPT_CHARS = 320
_STATEMENT_CHARS = 400
_SETTINGS_CHARS = 3000
_SETTINGS_SHOWN = ("link", "resolve", "score", "report")
"""Groups of settings on which findings depend, without those that name files, people or customers."""
_FILES_SHOWN = 40
_DESCRIPTION_CHARS = 160
_FINDINGS_SHOWN = 60


@dataclass(frozen=True)
class TextTable:
    """A table of texts that are safe to show: heads, rows, and how many rows are not shown."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int


def engineer_page(
    case: Case, model: CampaignModel, alternatives: Sequence[Alternative], facts: DossierFacts
) -> dict[str, Any]:
    """What the engineer's page says, by the names that the template has for it; every text is bounded and safe."""
    campaign_id = model.row["campaign_id"]
    own = pc.and_(pc.equal(case.evidence["campaign_id"], campaign_id), pc.is_null(case.evidence["account_id"]))
    rows = case.evidence.filter(own).to_pylist()
    prior, odds = model.total.prior_bits, model.total.log2_odds
    others = math.fsum(row["bits"] for row in rows if row["family"] == OTHERS)
    scale = max(1.0, abs(prior), abs(odds), *(abs(row["bits"]) for row in rows))
    return {
        "evidence": _build_evidence_rows(rows, scale),
        "families": _build_family_rows(rows, model),
        "prior": _sum_row(next((row["statement"] for row in rows if row["family"] == PRIOR), "Prior"), prior, scale),
        "others": _sum_row("What the other explanations change", others, scale) if others else None,
        "total": _sum_row("Log2 odds", odds, scale),
        "explanations": _build_explanations_table(alternatives),
        "parameters": _list_verdict_parameters(case, model),
        "cited": _build_cited_table(_of_campaign(case.cited, campaign_id)),
        "members": _build_members_table(case, campaign_id),
        "origins": _build_origins_table(_of_campaign(case.origins, campaign_id)),
        "taken": _build_taken_table(case, model),
        "samples": tuple(
            (formatting.shorten(one["request_id"], ID_CHARS), formatting.shorten(one["text"], _EXCERPT_CHARS))
            for one in _of_campaign(case.samples, campaign_id).slice(0, _SAMPLES_SHOWN).to_pylist()
        ),
        "settings": _format_hunt_settings(case.run),
        "files": tuple(
            (formatting.shorten(one.name, NAME_CHARS), formatting.shorten(one.description, _DESCRIPTION_CHARS))
            for one in facts.files[:_FILES_SHOWN]
        ),
        "dictionary": _build_data_dictionary(),
    }


def _of_campaign(table: pa.Table, campaign_id: str) -> pa.Table:
    return table.filter(pc.equal(table["campaign_id"], campaign_id))


def _build_evidence_rows(rows: Sequence[Mapping[str, Any]], scale: float) -> list[dict[str, Any]]:
    findings = [row for row in rows if row["family"] not in (PRIOR, OTHERS, *LIMIT_FAMILIES)]
    ordered = sorted(findings, key=lambda row: (-row["bits"], row["family"], row["kind"], row["statement"]))
    shown = ordered if len(ordered) <= _FINDINGS_SHOWN else sorted(ordered, key=lambda r: -abs(r["bits"]))
    return [_evidence_row(row, scale) for row in shown[:_FINDINGS_SHOWN]]


def _evidence_row(row: Mapping[str, Any], scale: float) -> dict[str, Any]:
    """A finding with its bits before and after caps; `null` is what it is compared with, `bar` has x and width."""
    kind, raw = all_kinds().get(row["kind"]), row.get("raw_bits")
    notes = []
    if row.get("independent"):
        notes.append("outside the caps")
    needs = row.get("act_needs")
    if needs == "never":
        notes.append("never act")
    elif needs == "linkage":
        notes.append("act only with evidence of one operator")
    if row["bits"] == 0 and not raw:
        notes.append("says who the holders are" if row["kind"] in SIGN_KINDS else "insufficient data")
    return {
        "family": formatting.shorten(family_label(row["family"]), NAME_CHARS),
        "kind": formatting.shorten(row["kind"], NAME_CHARS),
        "statement": formatting.sentence(formatting.shorten(row["statement"], _STATEMENT_CHARS)),
        "null": formatting.sentence(kind.null.honest.replace("`", "")) if kind else "",
        "raw": "" if raw is None else formatting.bits(raw),
        "bits": formatting.bits(row["bits"]),
        "requests": formatting.count(row["request_count"]) if row["request_count"] else "",
        "notes": ", ".join(notes),
        "side": "for" if row["bits"] > 0 else "against" if row["bits"] < 0 else "none",
        "bar": _place_evidence_bar(row["bits"], scale),
    }


def _sum_row(name: str, bits: float, scale: float) -> dict[str, Any]:
    """The row of the prior, of the other explanations or of the total."""
    shown = formatting.shorten(name, _STATEMENT_CHARS)
    return {"family": shown, "bits": formatting.bits(bits), "bar": _place_evidence_bar(bits, scale)}


def _place_evidence_bar(bits: float, scale: float) -> tuple[float, float]:
    """A bar from the middle of its cell: x and width."""
    half = FIT_WIDE / 2
    width = round(max(abs(bits) / scale * half, 0.6), 1)
    return (half if bits >= 0 else round(half - width, 1)), width


def _build_family_rows(rows: Sequence[Mapping[str, Any]], model: CampaignModel) -> list[dict[str, str]]:
    """The bits of each family before and after caps, and its cap."""
    caps = model.run.settings.family_cap_bits
    made = []
    for name, bits in model.total.family_bits.items():
        if name == OTHERS:
            continue
        raw = [row.get("raw_bits") for row in rows if row["family"] == name]
        known = [value for value in raw if value is not None]
        cap = getattr(caps, name, None)
        made.append(
            {
                "family": formatting.shorten(family_label(name), NAME_CHARS),
                "raw": formatting.bits(math.fsum(known)) if len(known) == len(raw) else "",
                "bits": formatting.bits(bits),
                "cap": formatting.number(cap) if cap is not None else "",
            }
        )
    return made


def _build_explanations_table(alternatives: Sequence[Alternative]) -> TextTable:
    rows = [
        (
            formatting.sentence_case(one.name),
            "" if one.prior_bits is None else formatting.bits(one.prior_bits),
            formatting.bits(math.fsum(part.bits for part in one.against)),
            formatting.bits(-math.fsum(part.bits for part in one.for_it)),
            formatting.bits(one.odds_bits),
        )
        for one in alternatives
    ]
    heads = ("Explanation", "Before evidence", "Counts against it", "Counts for it", "Log2 odds")
    return TextTable(heads, tuple(rows), 0)


def _list_verdict_parameters(case: Case, model: CampaignModel) -> tuple[tuple[str, str], ...]:
    settings, budget = model.run.settings, case.run.get("budget", {})
    rows = [
        ("Log2 odds after all evidence", formatting.bits(model.total.log2_odds)),
        ("Threshold of act", formatting.exact_percent(settings.act_probability)),
        ("Threshold of review", formatting.exact_percent(settings.review_probability)),
        ("Cap of timing, network and identity together", formatting.distance_bits(settings.linkage_cap_bits)),
        ("Least bits of a family that counts as independent", formatting.distance_bits(settings.family_floor_bits)),
        ("Margin", model.margin),
    ]
    if "required_bits" in budget:
        rows.append(("Bits that the false-alarm budget asks of act", formatting.number(float(budget["required_bits"]))))
    return tuple(rows)


def _build_taken_table(case: Case, model: CampaignModel) -> TextTable:
    rows = taken_rows(case, model, _TAKEN_SHOWN)
    heads = ["By", "Value", "Requests", "Useful answers", "Output tokens", *(["At list price"] * model.run.priced)]
    cells = ([row.aspect, row.value, row.requests, row.samples, row.output_tokens, row.list_value] for row in rows)
    shown = tuple(tuple(row if row[-1] else row[:-1]) for row in cells)
    every = _of_campaign(case.taken, model.row["campaign_id"]).num_rows
    return TextTable(tuple(heads), shown, max(0, every - len(shown)))


def _format_hunt_settings(run: Mapping[str, Any]) -> str:
    settings = {name: value for name, value in run.get("settings", {}).items() if name in _SETTINGS_SHOWN}
    return formatting.shorten(json.dumps(settings, sort_keys=True, default=str), _SETTINGS_CHARS)


def _build_cited_table(table: pa.Table) -> TextTable:
    rows = table.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).slice(0, CITED_SHOWN).to_pylist()
    heads = ("Request", "Account", "Time", "Model", "Tokens in, out", "Settings", "Client", "Network, country")
    return TextTable(heads, tuple(_cited_row(row) for row in rows), max(0, table.num_rows - len(rows)))


def _cited_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    settings = [
        f"{name} {formatting.shorten(str(row[column]), 24)}"
        for name, column in (("T", "temperature"), ("top_p", "top_p"), ("max", "max_tokens"))
        if row[column] is not None
    ]
    tokens = [
        formatting.count(row[name]) if row[name] is not None else "-" for name in ("input_tokens", "output_tokens")
    ]
    where = [formatting.shorten(row[name], NAME_CHARS) for name in ("network", "country") if row[name]]
    return (
        formatting.shorten(row["request_id"], ID_CHARS),
        formatting.shorten(row["account_id"], ID_CHARS),
        formatting.minute(row["timestamp"]).removesuffix(" UTC"),
        formatting.shorten(row["model"], NAME_CHARS),
        ", ".join(tokens),
        ", ".join(settings),
        formatting.shorten(row["client"] or "", NAME_CHARS),
        ", ".join(where),
    )


def _build_members_table(case: Case, campaign_id: str) -> TextTable:
    members = _of_campaign(case.members, campaign_id)
    ordered = members.sort_by([("requests", "descending"), ("account_id", "ascending")]).slice(0, MEMBERS_SHOWN)
    wanted = ordered["account_id"].combine_chunks()
    details = _of_campaign(case.member_details, campaign_id)
    known = details.filter(pc.is_in(details["account_id"], value_set=wanted)).to_pylist()
    detail_of = {row["account_id"]: row for row in known}
    rows = tuple(_member_row(row, detail_of.get(row["account_id"], {})) for row in ordered.to_pylist())
    heads = ["Account", "Role", "Requests", "Share of its traffic", "Probability"]
    heads += ["First and last request (UTC)", "Clients", "Countries"]
    return TextTable(tuple(heads), rows, max(0, members.num_rows - len(rows)))


def _member_row(row: Mapping[str, Any], detail: Mapping[str, Any]) -> tuple[str, ...]:
    first, last = detail.get("first_seen"), detail.get("last_seen")
    seen = f"{formatting.minute(first)} - {formatting.minute(last)}".replace(" UTC", "") if first and last else ""
    lists = [
        ", ".join(formatting.shorten(value, 32) for value in detail.get(name, [])[:3])
        for name in ("clients", "countries")
    ]
    return (
        formatting.shorten(row["account_id"], FULL_ID_CHARS if len(row["account_id"]) <= ID_CHARS else ID_CHARS),
        formatting.shorten(role_label(row["role"]), 24),
        formatting.count(row["requests"]),
        formatting.percent(row["share"]),
        formatting.probability(row["score"]),
        seen,
        *lists,
    )


def _build_origins_table(table: pa.Table) -> TextTable:
    rows = []
    for aspect, label in LABELS.items():
        own = [row for row in table.to_pylist() if row["aspect"] == aspect]
        for row in sorted(own, key=lambda one: (-one["requests"], one["value"]))[:_ORIGINS_SHOWN]:
            value = formatting.shorten(row["value"], NAME_CHARS)
            rows.append((label, value, formatting.count(row["requests"]), formatting.count(row["accounts"])))
    return TextTable(("Aspect", "Value", "Requests", "Accounts"), tuple(rows), max(0, table.num_rows - len(rows)))


_IN_DICTIONARY = (
    *("campaigns", "accounts", "members", "member_details", "evidence"),
    *("cited", "taken", "timeline", "origins", "operators", "samples"),
)


def _build_data_dictionary() -> tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...]:
    known = CASE_TABLES | CASE_VIEWS
    return tuple(
        (
            f"{name}.parquet",
            known[name].meaning.partition(": ")[2] or known[name].meaning,
            tuple((column.name, column.meaning) for column in known[name].columns),
        )
        for name in _IN_DICTIONARY
        if name in known
    )
