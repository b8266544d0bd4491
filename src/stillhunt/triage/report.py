"""The report: one HTML page that needs no network, runs no script but its own, and can be printed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from stillhunt.base import formatting as plain
from stillhunt.base.families import family_label
from stillhunt.triage import charts, sentences, view
from stillhunt.triage.score_breakdown import in_words

_ROOM = resources.files("stillhunt.triage")
_NAME_CHARS = 80
_SENTENCE_CHARS = 300
_REASONS_SHOWN = 12
_WITHOUT_EFFECT = ("threads", "memory_limit_gb", "engine", "batch_rows")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_report(
    tables: Mapping[str, pa.Table], views: tuple[pa.Table, pa.Table, pa.Table], run: Mapping[str, Any]
) -> str:
    """The report as one self-contained HTML page; the same text for the same case.

    Long tables are bounded and say so; the case folder's Parquet files have every row.

    Args:
        tables: the case tables.
        views: SAMPLES, TIMELINE and ORIGINS tables.
        run: content of run.json. Its timings stay out, so that equal findings make an equal page.
    """
    rows = view.reading_order(tables["campaigns"])
    findings = [row for row in rows if row["verdict"] in ("act", "review")]
    shown = findings[: view.CAMPAIGNS_IN_DETAIL]
    period = _period(rows)
    parts = view.Tables(tables["members"], tables["evidence"], *views)
    campaigns = view.campaign_views(shown, parts, tables["accounts"], run, period)
    style, script, library = (
        _asset("templates", "report.css"),
        _asset("templates", "report.js"),
        _asset("vendor", "echarts.custom.min.js"),
    )
    return (
        _environment()
        .get_template("report.html")
        .render(
            policy=_content_policy(style, script, library),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            library=Markup(library),  # noqa: S704 - our own vendored file, held by its SHA-256
            chart_data=Markup(_json_for_script(_chart_data(campaigns))),  # noqa: S704 - escaped there
            campaigns=campaigns,
            hidden_campaigns=len(findings) - len(shown),
            weak_groups=plain.plural(weak, "group") if (weak := len(rows) - len(findings)) else "",
            verdict=sentences.case_verdict(rows, _members_to_act_on(rows, tables), _all_requests(tables, run)),
            period=plain.period(*period) if rows else "",
            axis=(plain.day(period[0]), plain.day(period[1])) if rows else None,
            headline=_headline(rows, tables, run),
            coverage=_coverage(run),
            sampled=plain.shorten(str(run.get("sampled", {}).get("sentence", "")), 2 * _SENTENCE_CHARS),
            left_alone=_left_alone(tables),
            sanctioned=int(pc.sum(tables["accounts"]["sanctioned"]).as_py() or 0),
            rejects=_rejects(tables["rejects"]),
            rejects_total=tables["rejects"].num_rows,
            run=_run_facts(run),
            members_at_first=view.MEMBERS_AT_FIRST,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stillhunt.triage", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": plain.count,
        "percent": plain.percent,
        "probability": plain.probability,
        "in_words": in_words,
    }
    environment.globals |= {"waterfall_width": charts.WATERFALL_WIDTH}
    return environment


@cache
def _asset(folder: str, file: str) -> str:
    return (_ROOM / folder / file).read_text(encoding="utf-8").strip()


def _content_policy(style: str, *scripts: str) -> str:
    """A policy under which only these very texts run: whatever a log smuggles in stays text."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    allowed = " ".join(source(text) for text in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src {source(style)}; base-uri 'none'; form-action 'none'"


def _json_for_script(value: Any) -> str:
    """JSON that cannot end its script element: ASCII only, and no character that HTML knows."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _chart_data(campaigns: list[view.CampaignView]) -> list[dict[str, Any]]:
    """Numbers for the charts and the rows that `show all` adds, one entry per campaign."""
    return [
        {
            "times": [int((bucket["bucket"] - _EPOCH).total_seconds() * 1000) for bucket in campaign.buckets],
            "requests": [bucket["requests"] for bucket in campaign.buckets],
            "accounts": [bucket["accounts"] for bucket in campaign.buckets],
            "members": [
                [m.account, m.role, m.verdict, m.requests, round(m.share, 4), round(m.score, 6)]
                for m in campaign.members
            ],
        }
        for campaign in campaigns
    ]


def _period(rows: list[dict[str, Any]]) -> tuple[datetime, datetime]:
    if not rows:
        return _EPOCH, _EPOCH
    return min(row["first_seen"] for row in rows), max(row["last_seen"] for row in rows)


def _flagged(tables: Mapping[str, pa.Table]) -> int:
    return int(pc.sum(tables["accounts"]["flagged"]).as_py() or 0)


def _members_to_act_on(rows: list[dict[str, Any]], tables: Mapping[str, pa.Table]) -> int:
    act = pa.array([row["campaign_id"] for row in rows if row["verdict"] == "act"], pa.string())
    members = tables["members"].filter(pc.is_in(tables["members"]["campaign_id"], value_set=act))
    return int(pc.count_distinct(members["account_id"]).as_py())


def _all_requests(tables: Mapping[str, pa.Table], run: Mapping[str, Any]) -> int:
    return int(run.get("counts", {}).get("requests") or pc.sum(tables["accounts"]["requests"]).as_py() or 0)


def _headline(
    rows: list[dict[str, Any]], tables: Mapping[str, pa.Table], run: Mapping[str, Any]
) -> list[tuple[str, str]]:
    act = [row for row in rows if row["verdict"] == "act"]
    return [
        (plain.count(len(act)), "campaign to act on" if len(act) == 1 else "campaigns to act on"),
        (plain.count(sum(row["verdict"] == "review" for row in rows)), "for a person to review"),
        (plain.count(_flagged(tables)), "accounts flagged"),
        (plain.count(sum(row["requests"] for row in act)), "requests harvested"),
        (plain.amount(sum(row["output_tokens"] for row in act)), "output tokens"),
        (plain.money(sum(row["list_value"] for row in act), view.currency_of(run)), "at list price"),
    ]


def _coverage(run: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_coverage_part(row) for row in run.get("coverage", [])]


def _coverage_part(row: Mapping[str, Any]) -> dict[str, str]:
    family, missing = str(row.get("family", "")), [str(name) for name in row.get("missing", [])]
    sentence = str(row.get("sentence", "")).removeprefix(f"{family}: ")  # the strip names the family itself
    partial = bool(missing or row.get("rare"))
    unsaid = [name for name in missing if name not in sentence]
    return {
        "family": plain.shorten(family_label(family), 24),
        "state": "missing" if not row.get("available") else "partial" if partial else "available",
        "missing": ", ".join(plain.shorten(name, 40) for name in unsaid[:8]),
        "sentence": plain.sentence_case(plain.shorten(sentence, _SENTENCE_CHARS)),
    }


def _left_alone(tables: Mapping[str, pa.Table]) -> dict[str, int]:
    """Accounts without a verdict, and how many of them resembled a campaign in some way."""
    cleared = tables["accounts"].filter(pc.equal(tables["accounts"]["verdict"], "none"))
    has_reason = pc.greater(pc.list_value_length(cleared["reasons"]), 0)
    is_member = pc.is_in(cleared["account_id"], value_set=tables["members"]["account_id"])
    return {
        "accounts": cleared.num_rows,
        "resembled": int(pc.sum(pc.or_(has_reason, is_member)).as_py() or 0),
        "review": int(pc.sum(pc.equal(tables["accounts"]["verdict"], "review")).as_py() or 0),
    }


def _rejects(rejects: pa.Table) -> list[tuple[str, str, int]]:
    pairs = zip(rejects["source"].to_pylist(), rejects["reason"].to_pylist(), strict=True)
    counted = sorted(Counter(pairs).items(), key=lambda item: (-item[1], item[0]))
    return [
        (plain.shorten(source, _NAME_CHARS), plain.shorten(reason, 160), number)
        for (source, reason), number in counted[:_REASONS_SHOWN]
    ]


def _run_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    counts = run.get("counts", {})
    names = ("requests", "accounts", "rejects", "duplicates", "campaigns", "flagged", "review")
    return {
        "version": plain.shorten(str(run.get("version", "unknown")), 24),
        "seed": plain.shorten(str(run.get("seed", "unknown")), 24),
        "counts": [(name, plain.count(int(counts[name]))) for name in names if name in counts],
        "inputs": [
            {
                "name": plain.shorten(str(item.get("name", "")), _NAME_CHARS),
                "sha256": plain.shorten(str(item.get("sha256", "")), 64),
                "bytes": plain.count(int(item.get("bytes", 0))),
                "rows": plain.count(int(item.get("rows", 0))),
            }
            for item in run.get("inputs", [])[:100]
        ],
        "more_inputs": max(0, len(run.get("inputs", [])) - 100),
        "settings": plain.shorten(json.dumps(_settings_with_effect(run), sort_keys=True), 4000),
    }


def _settings_with_effect(run: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that change no finding: the same findings make the same page on any machine."""
    settings = {name: value for name, value in run.get("settings", {}).items() if name not in _WITHOUT_EFFECT}
    if isinstance(settings.get("collect"), Mapping):
        settings["collect"] = {k: v for k, v in settings["collect"].items() if k not in _WITHOUT_EFFECT}
    return settings
