"""Findings in sentences: what the evidence indicates, how sure that is, and what it does not prove.

The wording is careful on purpose. Evidence indicates; it does not convict. No company is named, no motive is
claimed, and volumes are those of the logs at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stillhunt.base import formatting as plain
from stillhunt.base.families import FAMILY_OF
from stillhunt.base.schema import FAMILIES

_SKILLS_NAMED = 3
_SKILL_CHARS = 60
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_OPENING = {
    "act": "Evidence indicates that",
    "review": "Evidence suggests, without settling it, that",
    "none": "Little speaks for it that",
}


def campaign_claim(campaign: Mapping[str, Any], family_bits: Mapping[str, float], floor_bits: float) -> str:
    """What is claimed of a campaign, in one sentence.

    Args:
        campaign: its row of the CAMPAIGNS table.
        family_bits: evidence family -> its bits.
        floor_bits: bits from which a family is mentioned.
    """
    strong = [name for name in FAMILIES if family_bits.get(name, 0.0) >= floor_bits]
    clauses = plain.join_words([FAMILY_OF[name].clause for name in strong])
    opening = _OPENING.get(campaign["verdict"], _OPENING["none"])
    accounts = plain.plural(campaign["accounts"], "account")
    acts = "acts" if campaign["accounts"] == 1 else "act as one operation"
    requests = plain.plural(campaign["requests"], "request")
    when = plain.during(campaign["first_seen"], campaign["last_seen"])
    manner = f", {clauses}" if clauses else ""
    return f"{opening} {accounts} {acts}: {requests} {when}{_aim(campaign['skills'])}{manner}."


def _aim(skills: list[str]) -> str:
    named = [plain.shorten(skill, _SKILL_CHARS) for skill in skills[:_SKILLS_NAMED]]
    if not named:
        return ""
    more = [f"{len(skills) - _SKILLS_NAMED} more skills"] if len(skills) > _SKILLS_NAMED else []
    return f", for {plain.join_words(named + more)}"


def case_verdict(campaigns: Iterable[Mapping[str, Any]], accounts: int, all_requests: int) -> str:
    """The whole case in one sentence.

    Args:
        campaigns: rows of the CAMPAIGNS table.
        accounts: different accounts that are members of campaigns to act on.
        all_requests: requests in the logs.
    """
    rows = list(campaigns)
    act = [row for row in rows if row["verdict"] == "act"]
    review = sum(row["verdict"] == "review" for row in rows)
    if not act:
        waiting = f"; {_few(review, 'case')} should be looked at by a person" if review else ""
        return f"No harvesting campaign is established in {plain.plural(all_requests, 'request')}{waiting}."
    requests = sum(row["requests"] for row in act)
    share = f", {plain.percent(requests / all_requests)} of all traffic" if all_requests else ""
    when = plain.during(min(row["first_seen"] for row in act), max(row["last_seen"] for row in act))
    sent = f"{plain.plural(accounts, 'account')} sent {plain.plural(requests, 'request')} {when}{share}"
    return f"Evidence indicates {_few(len(act), 'harvesting campaign')}: {sent}."


def _few(number: int, noun: str) -> str:
    """Number and noun, numbers below ten in words."""
    words = plain.plural(number, noun)
    return words.replace(str(number), _WORDS[number], 1) if number < len(_WORDS) else words


def limits_of(campaign: Mapping[str, Any], roles: Mapping[str, int]) -> tuple[str, ...]:
    """What the evidence on a campaign does not prove, in sentences.

    Args:
        campaign: its row of the CAMPAIGNS table.
        roles: role -> number of members.
    """
    sentences = [
        "Who is behind it. Such accounts may belong to a reseller, a contractor or one large customer.",
        "That a model was trained on the answers. The logs show what was asked for, not what became of it.",
        "Its full extent. Requests outside these logs are not counted; names and volumes are claims until checked.",
    ]
    bystanders = roles.get("shared", 0) + roles.get("victim", 0)
    if bystanders:
        theirs = "it was taken from its owner" if bystanders == 1 else "they were taken from their owners"
        sentences.append(
            "That each member takes part knowingly. Part of the traffic of "
            f"{plain.plural(bystanders, 'account')} is honest, or {theirs}."
        )
    sentences.append(
        f"A loss. The list price of {plain.amount(campaign['output_tokens'])} tokens says what the answers would cost, "
        "not what harm was done."
    )
    return tuple(sentences)


def before_acting(campaign: Mapping[str, Any], roles: Mapping[str, int]) -> tuple[str, ...]:
    """What a person should do before accounts are touched, in sentences.

    Args:
        campaign: its row of the CAMPAIGNS table.
        roles: role -> number of members.
    """
    steps = ["Read the sample requests, and open three of the requests that the evidence cites in your own logs."]
    bystanders = roles.get("shared", 0) + roles.get("victim", 0)
    if bystanders:
        steps.append(
            f"Treat the {plain.plural(bystanders, 'account')} marked shared or victim apart: ask or limit the owner "
            "rather than close the account."
        )
    if campaign["verdict"] == "act":
        steps.append("Decide between closing, slowing and watching: a closed pool is usually replaced within a day.")
    else:
        steps.append("Do not act on this alone: too little independent evidence. Ask the customer, or wait for more.")
    steps.append("Check that no contract, research programme or evaluation of your own explains it.")
    return tuple(steps)
