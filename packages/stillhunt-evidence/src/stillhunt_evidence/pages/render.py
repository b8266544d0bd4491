"""A dossier as one self-contained HTML page: a short cover, then pages for an executive, counsel and an engineer."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import jinja2
import pyarrow.compute as pc
from markupsafe import Markup

from stillhunt import CaseError
from stillhunt.case import CampaignModel, Case
from stillhunt.tools import formatting
from stillhunt_evidence.pages.alternatives import alternatives_of
from stillhunt_evidence.pages.assessment import assess
from stillhunt_evidence.pages.counsel_page import counsel_page
from stillhunt_evidence.pages.drawings import FIT_WIDE, PLOT_HEIGHT, PLOT_WIDTH, TimelineDrawing, timeline_drawing
from stillhunt_evidence.pages.engineer_page import engineer_page
from stillhunt_evidence.pages.error_rates import changed_settings
from stillhunt_evidence.pages.executive_page import executive_page
from stillhunt_evidence.pages.facts import DossierFacts
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS, rests, rests_on_row

_ROOM = resources.files("stillhunt_evidence.pages")
_BUCKETS_SHOWN = 300
_CLAIM_CHARS = 900


def render_dossier(case: Case, campaign_id: str, facts: DossierFacts) -> str:
    """A dossier as one self-contained HTML page; the same text for the same case and facts.

    It runs no script, asks no network, and can be printed. Long tables are bounded and say so; the tables of the case
    have every row.

    Raises:
        CaseError: the case has no such campaign.
    """
    model = next((one for one in case.model.campaigns if one.row["campaign_id"] == campaign_id), None)
    if model is None:
        raise CaseError(
            f"no campaign {formatting.shorten(campaign_id, 64)}",
            where="dossier",
            next_step="name a campaign of this case",
        )
    alternatives = alternatives_of(case, model)
    style, changed = _read_template_asset("dossier.css"), changed_settings(case.run).of_claim(model)
    environment = _create_jinja_environment()
    return environment.get_template("dossier.html").render(
        policy=_build_content_policy(style),
        style=Markup(style),  # noqa: S704 - our own file
        cover=_build_dossier_cover(model, facts),
        assessment=assess(model, alternatives, changed),
        executive=executive_page(case, model, alternatives, facts, changed),
        counsel=counsel_page(case, model, alternatives, facts, changed),
        engineer=engineer_page(case, model, alternatives, facts),
        timeline=_draw_campaign_timeline(case, model),
        words=PAGE_TEXTS["words"].items(),
    )


def render_extract(facts: Mapping[str, Any], header: Mapping[str, Any]) -> str:
    """The page of an extract about one account.

    Args:
        facts: what `make_extract` collects.
        header: of its manifest.
    """
    style = _read_template_asset("dossier.css")
    return (
        _create_jinja_environment()
        .get_template("extract.html")
        .render(
            policy=_build_content_policy(style),
            style=Markup(style),  # noqa: S704 - our own file
            facts=facts,
            header=header,
            probability=formatting.probability(facts["probability"]),
            share=formatting.percent(facts["share"]),
        )
    )


def _build_dossier_cover(model: CampaignModel, facts: DossierFacts) -> dict[str, str]:
    """What the cover says, and what the heads of all pages repeat."""
    row = model.row
    return {
        "campaign": model.name,
        "claim": formatting.shorten(model.claim, _CLAIM_CHARS),
        "period": formatting.period(row["first_seen"], row["last_seen"]),
        "signer": formatting.shorten(facts.signer, 160),
    }


def _draw_campaign_timeline(case: Case, model: CampaignModel) -> TimelineDrawing | None:
    row = model.row
    own = case.timeline.filter(pc.equal(case.timeline["campaign_id"], row["campaign_id"]))
    buckets: list[dict[str, Any]] = own.sort_by("bucket").slice(0, _BUCKETS_SHOWN).to_pylist()
    return timeline_drawing(buckets, row["first_seen"], row["last_seen"]) if buckets else None


@cache
def _create_jinja_environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("stillhunt_evidence.pages", "templates"),
        autoescape=True,
        auto_reload=False,  # else each use looks whether its file has changed
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["sentence_case"] = formatting.sentence_case
    environment.globals |= {
        "fit_width": FIT_WIDE,
        "plot_height": PLOT_HEIGHT,
        "plot_width": PLOT_WIDTH,
        "rests": rests,
        "rests_on_row": rests_on_row,
    }
    return environment


@cache
def _read_template_asset(file: str) -> str:
    return (_ROOM / "templates" / file).read_text(encoding="utf-8").strip()


def _build_content_policy(style: str) -> str:
    """A policy under which nothing runs, nothing is fetched, and only this very style applies."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
