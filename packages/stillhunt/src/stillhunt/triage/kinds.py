"""What is said of a campaign's kind and of a member's role, and what it means for whoever acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.schema_case import ROLES
from stillhunt.base.wording import fill

ROLE_CHARS = 12


@dataclass(frozen=True)
class RoleWords:
    """A role in words; the texts have the field `accounts`, a number.

    Attributes:
        means: what the logs show of these accounts, from the verb on.
        step: what to do about them before acting, in a sentence; empty where nothing special.
    """

    label: str
    means: str
    step: str


_ROLE_WORDS = {
    "dedicated": RoleWords(
        "dedicated", "{accounts:sends|send} hardly anything outside of campaigns, and with no other clients.", ""
    ),
    "mixed": RoleWords(
        "mixed",
        "{accounts:sends|send} much else with the clients and from the networks that harvest: cover traffic, or "
        "harvest that was not recognised.",
        "Look at a sample of the other traffic of the {accounts:account} with the role mixed before you treat it as "
        "the operator's own: it has the clients and the networks of the harvest, and the log shows no more.",
    ),
    "pool": RoleWords(
        "pool",
        "{accounts:carries|carry} other traffic with several settings that the harvest never uses, as the customers of "
        "a reseller send it.",
        "Expect that people who have nothing to do with the harvest use the {accounts:account} with the role pool: "
        "find out who resells {accounts:it|them}, and slow rather than close {accounts:it|them}.",
    ),
    "victim": RoleWords(
        "victim",
        "{accounts:was|were} in use before the harvest began, with other clients and from networks that other members "
        "do not use: {accounts:its key was|their keys were} probably taken.",
        "Do not close the {accounts:account} with the role victim: revoke {accounts:its|their} keys, and tell "
        "{accounts:its owner|their owners}.",
    ),
    "unknown": RoleWords(
        "not known",
        "{accounts:plays|play} a part that is not known: {accounts:it is|they are} not flagged, or the logs do not "
        "tell whose {accounts:its|their} other traffic is.",
        "Look at a sample of the other traffic of the {accounts:account} whose role is not known: it may be cover, or "
        "{accounts:its owner's|their owners'} own use.",
    ),
}


def role_label(role: str) -> str:
    """A role for readers, bounded and safe to show; one that another version wrote as it is."""
    return _ROLE_WORDS[role].label if role in _ROLE_WORDS else formatting.shorten(role, ROLE_CHARS)


def roles_in_words(roles: Mapping[str, int]) -> str:
    """How many members have each role: `48 mixed, 2 not known`."""
    parts = [f"{formatting.count(roles[role])} {role_label(role)}" for role in _ordered(roles)]
    return ", ".join(parts[: len(ROLES)])


def role_sentences(roles: Mapping[str, int]) -> tuple[str, ...]:
    """What the logs show of the members of each role, in sentences."""
    known = [(roles[role], _ROLE_WORDS[role]) for role in _ordered(roles) if role in _ROLE_WORDS]
    return tuple(fill(f"{{accounts:account}} {words.means}", accounts=number) for number, words in known)


def role_of_account(role: str) -> str:
    """One account's role, and what the logs show of it."""
    label = role_label(role)
    return f"{label}: it {fill(_ROLE_WORDS[role].means, accounts=1)}" if role in _ROLE_WORDS else label


def role_steps(roles: Mapping[str, int]) -> tuple[str, ...]:
    """What to do about the members of each role before acting, in sentences."""
    steps = [(roles[role], _ROLE_WORDS[role].step) for role in _ordered(roles) if role in _ROLE_WORDS]
    return tuple(fill(step, accounts=number) for number, step in steps if step)


def _ordered(roles: Mapping[str, int]) -> list[str]:
    """Roles that occur: those of this version in their order, then others by name."""
    return sorted((r for r in roles if roles[r]), key=lambda r: (ROLES.index(r) if r in ROLES else len(ROLES), r))


_KIND_CHARS = 16


@dataclass(frozen=True)
class KindWords:
    """Abuse that is no harvest, in words; the texts have the field `accounts`, a number.

    Attributes:
        claim: what is claimed of the accounts, from the noun on.
    """

    label: str
    claim: str
    limit: str
    step: str


_WORDS = {
    "account_farm": KindWords(
        "account farm",
        "{accounts:account} {accounts:belongs|belong} to one person, who uses {accounts:it|them} one after another",
        "That it is meant to save money: the logs do not show what each account was given.",
        "Count credits and limits once for the {accounts:account} together, and ask the owner before you close any.",
    ),
    "relay": KindWords(
        "relay",
        "{accounts:account} {accounts:belongs|belong} to one operator, through whom many people ask",
        "That the operator may not resell: a contract can allow it.",
        "Find out whether a contract allows resale: who asks through the {accounts:account} may know nothing of it.",
    ),
}


def is_harvest(campaign: Mapping[str, Any]) -> bool:
    """Whether a campaign is called a harvest, as far as it has a verdict."""
    return campaign["kind"] not in _WORDS


def kind_label(kind: str) -> str:
    """A kind for readers, bounded and safe to show; one that another version wrote as it is."""
    if kind in _WORDS:
        return _WORDS[kind].label
    return "not known" if kind == "not_known" else formatting.shorten(kind, _KIND_CHARS)


def claim_of(campaign: Mapping[str, Any]) -> str:
    """What is claimed of the accounts of a campaign that is no harvest: `20 accounts belong to one person, ...`."""
    return fill(_WORDS[campaign["kind"]].claim, accounts=campaign["accounts"])


def limit_of(campaign: Mapping[str, Any]) -> str:
    """What is not known of a campaign that is no harvest, in a sentence."""
    return _WORDS[campaign["kind"]].limit


def step_of(campaign: Mapping[str, Any]) -> str:
    """What to do about a campaign that is no harvest, in a sentence."""
    return fill(_WORDS[campaign["kind"]].step, accounts=campaign["accounts"])
