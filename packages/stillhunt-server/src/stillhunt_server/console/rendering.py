"""Addresses of pages, and templates: everything that comes from outside is escaped, and nothing is inline."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from urllib.parse import quote, urlencode

import jinja2

from stillhunt import __version__
from stillhunt.base import formatting
from stillhunt.base.redaction import WHAT_IS_REPLACED
from stillhunt.decide.actions import ACTION_MEANINGS, REASON_TEXTS
from stillhunt.triage import charts
from stillhunt_server.case_views.narrative_draft import split_sources
from stillhunt_server.casework.in_force import ACTION_WORDS
from stillhunt_server.people.form_tokens import masked_token

_DOTS = re.compile(r"/*\.{1,2}")


def campaign_url(campaign: str, part: str = "") -> str:
    """Address of a campaign's page, or of a part of it."""
    return f"/campaigns/{quote(campaign, safe='')}{f'/{part}' if part else ''}"


def account_url(account: str) -> str:
    """Address of an account's page."""
    # browsers take . and .. for steps to another page, however they are quoted
    return f"/accounts/{quote(f'/{account}' if _DOTS.fullmatch(account) else account, safe='')}"


def value_url(kind: str, ref: str = "", words: str = "") -> str:
    """Address of the page of all accounts that have one value: by its name in addresses, or by words of excerpts."""
    return "/values?" + urlencode({"kind": kind, **({"ref": ref} if ref else {"for": words})})


def account_of_path(given: str) -> str:
    """The account that `account_url` made an address of.

    Args:
        given: what the address has behind /accounts/, unquoted.
    """
    return given[1:] if given.startswith("/") and _DOTS.fullmatch(given) else given


def visible_lines(text: str) -> str:
    """What somebody wrote, with its line ends, and with everything else that cannot be seen as a visible escape."""
    return "\n".join(formatting.escape_controls(line) for line in text.splitlines())


def code_words(code: str) -> str:
    """A code of ours, such as not_flagged, in words; one that a damaged case holds bounded and safe to show."""
    return formatting.shorten(str(code).replace("_", " "), 64)


def decision_url(seq: int | str) -> str:
    """Address of one entry of the decision log."""
    return f"/decisions?seq.least={seq}&seq.most={seq}"


def moment(micros: int | None) -> datetime | None:
    """A time of the database as a moment."""
    return None if micros is None else datetime.fromtimestamp(micros / 1e6, UTC)


@cache
def templates() -> jinja2.Environment:
    """The templates, with what they may use."""
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("stillhunt_server.console"), jinja2.PackageLoader("stillhunt.triage")]
        ),
        autoescape=True,
        auto_reload=False,  # else each use looks whether its file has changed
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "amount": formatting.amount,
        "bits": formatting.bits,
        "masked": masked_token,
        "count": formatting.count,
        "minute": formatting.minute,
        "moment": moment,
        "percent": formatting.percent,
        "plural": formatting.plural,
        "probability": formatting.probability,
        "sentence": formatting.sentence,
        "sources": split_sources,
        "sentence_case": formatting.sentence_case,
        "shorten": formatting.shorten,
        "words": code_words,
        "visible": formatting.escape_controls,
        "visible_lines": visible_lines,
    }
    environment.globals |= {
        "account_url": account_url,
        "campaign_url": campaign_url,
        "decision_url": decision_url,
        "hit_id": id,
        "money": formatting.money,
        "replaced": WHAT_IS_REPLACED,
        "action_words": ACTION_WORDS,
        "action_meanings": ACTION_MEANINGS,
        "reason_texts": REASON_TEXTS,
        "value_url": value_url,
        "version": __version__,
        "waterfall_width": charts.WATERFALL_WIDTH,
    }
    return environment
