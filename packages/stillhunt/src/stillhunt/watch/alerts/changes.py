"""Changes that matter, as alerts: each has an id that is made from what changed.

An alert never says more of a campaign than the act shows: no prompt, no address, no account id.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from stillhunt.base import formatting
from stillhunt.base.config_alerts import AlertKind, AlertSettings
from stillhunt.base.units import HOUR
from stillhunt.triage import Case, excerpt
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import STATEMENT_CHARS, Term
from stillhunt.watch.early_signs.signs import EarlySign
from stillhunt.watch.lineage.campaigns import Event

SUPPORTING, OPPOSING, LIMITS_NAMED = 4, 3, 2
"""How many findings for and against, and how many limits of the evidence, an alert names."""
TITLE_CHARS = 160
_NAME_CHARS = 80


def campaign_facts(campaign: CampaignModel) -> dict[str, Any]:
    """A campaign as fields for programs."""
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
        "skills": [_clean_alert_text(skill, _NAME_CHARS) for skill in row["skills"]],
        "models": [_clean_alert_text(model, _NAME_CHARS) for model in row["models"]],
        "evidence_for": [_encode_finding(term) for term in campaign.strongest[:SUPPORTING]],
        "evidence_against": [_encode_finding(term) for term in campaign.total.opposing[:OPPOSING]],
        "does_not_prove": list(campaign.limits[:LIMITS_NAMED]),
    }


def campaign_text(campaign: CampaignModel, facts: Mapping[str, Any], reasons: Sequence[str]) -> list[str]:
    """The same in lines for a person."""
    lines = [_clean_alert_text(campaign.claim, 2 * STATEMENT_CHARS)]
    lines += [formatting.sentence(_clean_alert_text(reason, STATEMENT_CHARS)) for reason in reasons]
    lines.append("")
    volume = formatting.volume(facts["requests"], facts["accounts"])
    lines.append(f"Verdict: {campaign.verdict}. Probability: {facts['probability_in_words']}. Volume: {volume}.")
    taken = ", ".join(facts["skills"]) or campaign.skills
    lines.append(f"What is taken: {taken}.")
    lines += ["", "Strongest evidence for it:", *map(_format_finding_line, facts["evidence_for"])]
    against = facts["evidence_against"]
    lines += (
        ["", "Strongest evidence against it:", *map(_format_finding_line, against)]
        if against
        else ["", "No evidence against it."]
    )
    return [*lines, "", "What this does not prove:", *(f"- {limit}" for limit in facts["does_not_prove"])]


def link_to(console: str, campaign_id: str | None) -> str:
    """Address of the console's page; empty where there is no console."""
    if not console:
        return ""
    base = console.rstrip("/")
    return f"{base}/campaigns/{quote(campaign_id, safe='')}" if campaign_id else f"{base}/"


def clean_sentence(text: str) -> str:
    """A sentence on one line, bounded and safe to show, without addresses and secrets."""
    return formatting.sentence(_clean_alert_text(text, STATEMENT_CHARS))


def _clean_alert_text(text: str, chars: int) -> str:
    return formatting.shorten(excerpt(text, chars)[0], chars)


def _encode_finding(term: Term) -> dict[str, Any]:
    return {
        "family": _clean_alert_text(term.family, _NAME_CHARS),
        "statement": _clean_alert_text(term.shown, STATEMENT_CHARS),
        "bits": round(term.bits, 1),
    }


def _format_finding_line(finding: Mapping[str, Any]) -> str:
    return f"- {finding['statement']} ({finding['family']}, {formatting.bits(finding['bits'])} bits)"


_SIGNS_NAMED, _SIGNS_LISTED = 3, 50
_MOST_IMPORTANT_FIRST: tuple[AlertKind, ...] = (
    "campaign_returned",
    "campaign_new",
    "campaign_rises",
    "campaign_merged",
    "campaign_split",
    "campaign_review",
)
_OF_EVENT: Mapping[str, AlertKind] = {
    "born": "campaign_new",
    "verdict": "campaign_rises",
    "returned": "campaign_returned",
    "merged": "campaign_merged",
    "split": "campaign_split",
}
_TITLES: Mapping[str, str] = {
    "campaign_new": "New campaign to act on: {name}",
    "campaign_rises": "Campaign {name} rose to the verdict act",
    "campaign_review": "Campaign for a person's review: {name}",
    "campaign_merged": "Campaigns turned out to be one: {name}",
    "campaign_split": "Campaign {name} was split",
    "campaign_returned": "Campaign {name} is back",
}


@dataclass(frozen=True)
class Alert:
    """One change that matters."""

    alert_id: str  # made from what changed: the same change has the same id
    at: int
    kind: AlertKind
    campaign_id: str | None  # lasting id; None where it is about no campaign
    body: Mapping[str, Any]


def alerts_of(events: Sequence[Event], case: Case, snapshot: Mapping[str, Any], settings: AlertSettings) -> list[Alert]:
    """The alerts of one hunt: at most one for each campaign, about its most important change.

    `events`: what happened to the campaigns at this hunt.
    """
    if not events:
        return []
    campaigns = {model.row["campaign_id"]: model for model in case.model.campaigns}
    changes: dict[str, list[tuple[AlertKind, Event]]] = {}
    for event in events:
        about = _campaign_to_show(event, campaigns)
        if about is None or event.event not in _OF_EVENT:
            continue
        if about.verdict == "act":
            changes.setdefault(about.row["campaign_id"], []).append((_OF_EVENT[event.event], event))
        elif about.verdict == "review" and settings.review and event.event in ("born", "verdict", "returned"):
            changes.setdefault(about.row["campaign_id"], []).append(("campaign_review", event))
    found = []
    for name in sorted(changes):
        kind, event = min(changes[name], key=lambda change: _MOST_IMPORTANT_FIRST.index(change[0]))
        reasons = list(dict.fromkeys(other.reason for _, other in changes[name]))
        found.append(_campaign_alert(kind, campaigns[name], event, reasons, snapshot, settings))
    return found


def replacement_alert(campaign_id: str, accounts: int, reason: str, at: int, settings: AlertSettings) -> Alert:
    """New accounts match a campaign's signature; one alert an hour. `reason` is one sentence without account ids."""
    who = formatting.plural(accounts, "new account")
    look = formatting.verb(accounts, "looks like a replacement", "look like replacements")
    title = f"{who} {look} in campaign {formatting.shorten(campaign_id, 64)}"
    body = {"campaign": {"id": formatting.shorten(campaign_id, 64)}, "matching_accounts": accounts}
    reason = reason if accounts == 1 else f"Of one of them: {reason}"
    limit = "A match is a reason to look; it is no verdict on an account."
    what = ("accounts_replaced", campaign_id, at // HOUR)
    return made_alert(what, at, title, [clean_sentence(reason), limit], settings, campaign_id, body)


def early_sign_alerts(signs: Sequence[EarlySign], settings: AlertSettings) -> list[Alert]:
    """Early signs that one hunt found first, as one alert, so that many are no flood; none without signs."""
    if not signs:
        return []
    body = [{"id": sign.sign_id, "kind": sign.kind, "accounts": len(sign.accounts)} for sign in signs[:_SIGNS_LISTED]]
    text = [clean_sentence(sign.statement) for sign in signs[:_SIGNS_NAMED]]
    if len(signs) > _SIGNS_NAMED:
        text.append("The others are listed by 'stillhunt history'.")
    text.append("An early sign is no verdict: honest groups do such things, too, and too little has been seen so far.")
    accounts = len({account for sign in signs for account in sign.accounts})
    whose = formatting.verb(len(signs), "a campaign", "campaigns")
    title = f"{formatting.plural(len(signs), 'early sign')} of {whose}: {formatting.plural(accounts, 'account')}"
    campaign = signs[0].campaign_id if len(signs) == 1 else ""
    what = ("early_sign", *sorted(sign.sign_id for sign in signs))
    return [made_alert(what, signs[0].found_at, title, text, settings, campaign or None, {"signs": body})]


def failing_alert(failures: int, failure: str, last_good: int | None, at: int, settings: AlertSettings) -> Alert:
    """Hunts fail one after the other; once until one succeeds. `last_good` is the number of the newest snapshot."""
    title = f"Hunts fail: {formatting.count(failures)} in a row"
    text = [clean_sentence(failure), "Traffic is still received, but nothing new is found until a hunt succeeds."]
    return made_alert(("hunt_failing", last_good), at, title, text, settings, body={"failures": failures})


def recovered_alert(sequence: int, at: int, settings: AlertSettings) -> Alert:
    """A hunt succeeded after failures that were reported."""
    text = ["The latest hunt succeeded. It includes what came in meanwhile."]
    return made_alert(("hunt_recovered", sequence), at, "Hunts succeed again", text, settings)


def limit_alert(kind: AlertKind, statement: str, at: int, settings: AlertSettings) -> Alert:
    """A limit of the disk or of the false-alarm budget was reached; once in each quiet period while it lasts.

    `statement`: what was reached and what follows, in one sentence.
    """
    period = max(int(settings.quiet_hours * HOUR), 1)
    title = "A limit of the disk is reached" if kind == "disk_limit" else "The false-alarm budget is spent"
    return made_alert((kind, at // period), at, title, [clean_sentence(statement)], settings)


def _campaign_to_show(event: Event, campaigns: Mapping[str, CampaignModel]) -> CampaignModel | None:
    """The campaign of an event, or the one that it became; of several, the one with the strongest verdict."""
    there = [campaigns[name] for name in (event.campaign_id, *sorted(event.others)) if name in campaigns]
    if event.event not in ("merged", "split"):
        there = [model for model in there if model.row["campaign_id"] == event.campaign_id]
    return min(there, key=lambda model: ("act", "review", "none").index(model.verdict), default=None)


def _campaign_alert(
    kind: AlertKind,
    campaign: CampaignModel,
    event: Event,
    reasons: Sequence[str],
    snapshot: Mapping[str, Any],
    settings: AlertSettings,
) -> Alert:
    name = campaign.row["campaign_id"]
    what: tuple[Any, ...] = (kind, name, snapshot["sequence"])
    if kind == "campaign_new":
        what = (kind, name)
    elif kind in ("campaign_merged", "campaign_split"):
        what = (kind, *sorted({event.campaign_id, *event.others}))
    facts = campaign_facts(campaign)
    text = campaign_text(campaign, facts, reasons)
    body = {"campaign": facts, "changes": [clean_sentence(reason) for reason in reasons]}
    return made_alert(what, snapshot["made_at"], _TITLES[kind].format(name=campaign.name), text, settings, name, body)


def made_alert(
    what: tuple[Any, ...],
    at: int,
    title: str,
    text: Sequence[str],
    settings: AlertSettings,
    campaign_id: str | None = None,
    body: Mapping[str, Any] | None = None,
) -> Alert:
    """An alert; two of one `what`, its kind and what else tells it from others, are the same alert."""
    alert_id = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]
    link = link_to(settings.console, campaign_id)
    title = _clean_alert_text(title, TITLE_CHARS)
    lines = [title, "", *text, *(["", link] if link else []), "", f"Alert {alert_id}"]
    content = {
        "alert_id": alert_id,
        "kind": what[0],
        "at": datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds"),
        "title": title,
        **(body or {}),
        "link": link,
        "text": "\n".join(lines),
    }
    return Alert(alert_id, at, what[0], campaign_id, content)
