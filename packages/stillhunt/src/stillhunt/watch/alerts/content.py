"""What an alert says of a campaign: never more than the act shows, no prompt, no address, no account id."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from stillhunt.base import formatting
from stillhunt.triage import excerpt
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import STATEMENT_CHARS, Term

SUPPORTING, OPPOSING, LIMITS_NAMED = 4, 3, 2
"""How many findings for and against, and how many limits of the evidence, an alert names."""
TITLE_CHARS = 160
_NAME_CHARS = 80


def campaign_facts(campaign: CampaignModel) -> dict[str, Any]:
    """A campaign as fields for programs.

    Args:
        campaign: as it stands in the new snapshot.
    """
    row = campaign.row
    return {
        "id": campaign.name,
        "verdict": campaign.verdict,
        "kind": campaign.kind,
        "probability": math.floor(row["score"] * 1000) / 1000,
        "probability_in_words": f"{campaign.likelihood} ({campaign.probability})",
        "accounts": row["accounts"],
        "requests": row["requests"],
        "first_seen": row["first_seen"].isoformat(),
        "last_seen": row["last_seen"].isoformat(),
        "skills": [_clean(skill, _NAME_CHARS) for skill in row["skills"]],
        "models": [_clean(model, _NAME_CHARS) for model in row["models"]],
        "evidence_for": [_finding(term) for term in campaign.strongest[:SUPPORTING]],
        "evidence_against": [_finding(term) for term in campaign.total.opposing[:OPPOSING]],
        "does_not_prove": list(campaign.limits[:LIMITS_NAMED]),
    }


def campaign_text(campaign: CampaignModel, facts: Mapping[str, Any], reasons: Sequence[str]) -> list[str]:
    """The same in lines for a person.

    Args:
        campaign: as it stands in the new snapshot.
        facts: what `campaign_facts` made of it.
    """
    lines = [_clean(campaign.claim, 2 * STATEMENT_CHARS)]
    lines += [formatting.sentence(_clean(reason, STATEMENT_CHARS)) for reason in reasons]
    lines.append("")
    volume = formatting.volume(facts["requests"], facts["accounts"])
    lines.append(f"Verdict: {campaign.verdict}. Probability: {facts['probability_in_words']}. Volume: {volume}.")
    taken = ", ".join(facts["skills"]) or campaign.skills
    lines.append(f"What is taken: {taken}.")
    lines += ["", "Strongest evidence for it:", *map(_line, facts["evidence_for"])]
    against = facts["evidence_against"]
    lines += (
        ["", "Strongest evidence against it:", *map(_line, against)] if against else ["", "No evidence against it."]
    )
    return [*lines, "", "What this does not prove:", *(f"- {limit}" for limit in facts["does_not_prove"])]


def link_to(console: str, campaign_id: str | None) -> str:
    """Address of the console's page; empty where there is no console.

    Args:
        campaign_id: campaign; None for the first page.
    """
    if not console:
        return ""
    base = console.rstrip("/")
    return f"{base}/campaigns/{quote(campaign_id, safe='')}" if campaign_id else f"{base}/"


def clean_title(text: str) -> str:
    """A title on one line, bounded and safe to show."""
    return _clean(text, TITLE_CHARS)


def clean_sentence(text: str) -> str:
    """A sentence on one line, bounded and safe to show, without addresses and secrets."""
    return formatting.sentence(_clean(text, STATEMENT_CHARS))


def _clean(text: str, chars: int) -> str:
    return formatting.shorten(excerpt(text, chars)[0], chars)


def _finding(term: Term) -> dict[str, Any]:
    return {
        "family": _clean(term.family, _NAME_CHARS),
        "statement": _clean(term.shown, STATEMENT_CHARS),
        "bits": round(term.bits, 1),
    }


def _line(finding: Mapping[str, Any]) -> str:
    return f"- {finding['statement']} ({finding['family']}, {formatting.bits(finding['bits'])} bits)"
