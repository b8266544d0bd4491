"""The report: one HTML page that needs no network, runs no script but its own, and can be printed."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from stillhunt.base import formatting
from stillhunt.base.families import family_label
from stillhunt.base.redaction import WHAT_IS_REPLACED
from stillhunt.triage import charts, sentences
from stillhunt.triage.folder import DAMAGE
from stillhunt.triage.model import NAME_CHARS, CampaignModel, CaseModel
from stillhunt.triage.report_campaigns import CAMPAIGNS_IN_DETAIL, CampaignView, campaign_views
from stillhunt.triage.set_aside import changed_values, set_aside_sentence

_ROOM = resources.files("stillhunt.triage")
_SENTENCE_CHARS = 600
_REASONS_SHOWN = 12
_OPERATORS_SHOWN = 50
_INPUTS_SHOWN = 100
_CAMPAIGNS_IN_CONTENTS = 20
_WITHOUT_EFFECT = ("threads", "memory_limit_gb", "engine", "batch_rows")
_SCRIPTS = (
    ("vendor", "echarts.custom.min.js"),
    ("vendor", "dataTables.min.js"),
    ("templates", "report.js"),
    ("templates", "report_tables.js"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def render_report(case: CaseModel, samples: pa.Table, timeline: pa.Table) -> str:
    """The report as one self-contained HTML page; the same text for the same case.

    Long tables are bounded and say so; the case folder's Parquet files have every row. The run's timings stay out,
    so that equal findings make an equal page.
    """
    findings, tables, run = case.of_verdict("act", "review"), case.tables, case.run
    period = _period_of(findings)
    campaigns = campaign_views(case, findings[:CAMPAIGNS_IN_DETAIL], samples, timeline, period)
    style = _read_asset("templates", "report.css")
    scripts = [_read_asset(*place) for place in _SCRIPTS]
    return report_template().render(
        policy=_content_policy(style, *scripts),
        style=Markup(style),  # noqa: S704 - our own file
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - our own files, and vendored ones with SHA-256
        chart_data=Markup(_json_for_script(_chart_data(campaigns))),  # noqa: S704 - escaped there
        campaigns=campaigns,
        operators=[(one.label, one.words) for one in case.operators[:_OPERATORS_SHOWN]],
        hidden_operators=max(0, len(case.operators) - _OPERATORS_SHOWN),
        hidden_campaigns=len(findings) - len(campaigns),
        headline=case.headline,
        period=formatting.period(*period) if findings else "",
        axis=(formatting.day(period[0]), formatting.day(period[1])) if findings else None,
        figures=case_figures(case),
        coverage=coverage_parts(run),
        personal_ids=case.personal_ids,
        damage=[_bounded_sentence(one) for one in run.get(DAMAGE, [])],
        sampled=_bounded_sentence(run.get("sampled", {}).get("sentence", "")),
        left_alone=_left_alone(case),
        rejects=_shown_rejects(case),
        rejects_total=tables["rejects"].num_rows,
        set_aside=formatting.sentence_case(set_aside_sentence(run)),
        changed=changed_values(run, _REASONS_SHOWN),
        run=_run_facts(run),
        in_contents=campaigns[:_CAMPAIGNS_IN_CONTENTS],
        replaced=WHAT_IS_REPLACED,
    )


@cache
def report_template() -> jinja2.Template:
    """The page, compiled."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stillhunt.triage", "templates"),
        autoescape=True,
        auto_reload=False,  # else each use looks whether its file has changed
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": formatting.count,
        "minute": formatting.minute,
        "plural": formatting.plural,
        "sentence_case": formatting.sentence_case,
    }
    environment.globals |= {"waterfall_width": charts.WATERFALL_WIDTH}
    return environment.get_template("report.html")


@cache
def _read_asset(folder: str, file: str) -> str:
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


def _chart_data(campaigns: list[CampaignView]) -> list[dict[str, Any]]:
    """Numbers for the charts, one entry per campaign."""
    return [
        {
            "times": [int((bucket["bucket"] - _EPOCH).total_seconds() * 1000) for bucket in campaign.buckets],
            "requests": [bucket["requests"] for bucket in campaign.buckets],
            "accounts": [bucket["accounts"] for bucket in campaign.buckets],
            "members": campaign.members.points,
        }
        for campaign in campaigns
    ]


def _period_of(campaigns: list[CampaignModel]) -> tuple[datetime, datetime]:
    if not campaigns:
        return _EPOCH, _EPOCH
    return min(c.row["first_seen"] for c in campaigns), max(c.row["last_seen"] for c in campaigns)


def case_figures(case: CaseModel) -> list[tuple[str, str]]:
    """Large numbers under the headline, with their labels."""
    act, review = [campaign.row for campaign in case.of_verdict("act")], len(case.of_verdict("review"))
    flagged = int(pc.sum(case.tables["accounts"]["flagged"]).as_py() or 0)
    value = case.campaigns[0].run.money(sum(row["list_value"] for row in act)) if case.campaigns else ""
    requests, tokens = sum(row["requests"] for row in act), sum(row["output_tokens"] for row in act)
    return [
        (formatting.count(len(act)), formatting.verb(len(act), "campaign to act on", "campaigns to act on")),
        (formatting.count(review), formatting.verb(review, "campaign to review", "campaigns to review")),
        (formatting.count(flagged), formatting.verb(flagged, "account flagged", "accounts flagged")),
        (formatting.count(requests), formatting.verb(requests, "request harvested", "requests harvested")),
        (formatting.amount(tokens), formatting.verb(tokens, "output token", "output tokens")),
        *([(value, "at list price")] if value else []),
    ]


def coverage_parts(run: Mapping[str, Any]) -> list[dict[str, str]]:
    """Which evidence the logs allow, by family: its state, and what is missing."""
    return [_coverage_part(row) for row in run.get("coverage", [])]


def _coverage_part(row: Mapping[str, Any]) -> dict[str, str]:
    family, missing = str(row.get("family", "")), [str(name) for name in row.get("missing", [])]
    sentence = str(row.get("sentence", "")).removeprefix(f"{family}: ")  # the heading names the family
    partial = bool(missing or row.get("rare"))
    unsaid = [name for name in missing if name not in sentence]
    return {
        "family": formatting.shorten(family_label(family), 24),
        "state": "missing" if not row.get("available") else "partial" if partial else "available",
        "missing": ", ".join(formatting.shorten(name, 40) for name in unsaid[:8]),
        "sentence": _bounded_sentence(sentence),
    }


def _bounded_sentence(text: object) -> str:
    return formatting.sentence(formatting.shorten(str(text), _SENTENCE_CHARS)) if text else ""


def _left_alone(case: CaseModel) -> str:
    """What was looked at and not accused."""
    accounts = case.tables["accounts"]
    cleared = accounts.filter(pc.equal(accounts["verdict"], "none"))
    has_reason = pc.greater(pc.list_value_length(cleared["reasons"]), 0)
    is_member = pc.is_in(cleared["account_id"], value_set=case.tables["members"]["account_id"])
    undeclared = pc.invert(cleared["sanctioned"])
    return sentences.left_alone(
        cleared.num_rows,
        resembling=int(pc.sum(pc.and_(pc.or_(has_reason, is_member), undeclared)).as_py() or 0),
        review=int(pc.sum(pc.equal(accounts["verdict"], "review")).as_py() or 0),
        sanctioned=int(pc.sum(accounts["sanctioned"]).as_py() or 0),
        weak=sum(not group.reached for group in case.of_verdict("none")),
        reached=[words for group in case.limited for words in group.held_back],
    )


def _shown_rejects(case: CaseModel) -> list[tuple[str, str, int]]:
    return [
        (formatting.shorten(source, NAME_CHARS), formatting.shorten(reason, 2 * NAME_CHARS), number)
        for (source, reason), number in list(case.rejects.items())[:_REASONS_SHOWN]
    ]


def _run_facts(run: Mapping[str, Any]) -> dict[str, Any]:
    counts = run.get("counts", {})
    names = ("requests", "accounts", "rejects", "duplicates", "campaigns", "flagged", "review")
    return {
        "version": formatting.shorten(str(run.get("version", "not known")), 24),
        "seed": formatting.shorten(str(run.get("seed", "not known")), 24),
        "counts": [(name, formatting.count(int(counts[name]))) for name in names if name in counts],
        "inputs": [
            {
                "name": formatting.shorten(str(item.get("name", "")), NAME_CHARS),
                "sha256": formatting.shorten(str(item.get("sha256", "")), 64),
                "bytes": formatting.count(int(item.get("bytes", 0))),
                "rows": formatting.count(int(item.get("rows", 0))),
            }
            for item in run.get("inputs", [])[:_INPUTS_SHOWN]
        ],
        "more_inputs": max(0, len(run.get("inputs", [])) - _INPUTS_SHOWN),
        "settings": formatting.shorten(json.dumps(_settings_with_effect(run), sort_keys=True), 4000),
    }


def _settings_with_effect(run: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that change no finding: the same findings make the same page on any machine."""
    settings = {name: value for name, value in run.get("settings", {}).items() if name not in _WITHOUT_EFFECT}
    if isinstance(settings.get("collect"), Mapping):
        settings["collect"] = {k: v for k, v in settings["collect"].items() if k not in _WITHOUT_EFFECT}
    return settings
