"""What is said of a campaign's kind and of a member's role, and what it means for whoever acts."""

from collections.abc import Mapping
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.schema_case import HARVEST_OPERATION, ROLES
from stillhunt.base.wording import fill, sentences_beside

ROLE_CHARS = 12
_KIND_CHARS = 16
_ROLES: dict[str, dict[str, str]] = sentences_beside(__file__)["role"]
_KINDS: dict[str, dict[str, Any]] = sentences_beside(__file__)["kind"]
_PROBABILITIES: dict[str, str] = sentences_beside(__file__)["probability"]


def role_label(role: str) -> str:
    """A role for readers, bounded and safe to show; one that another version wrote as it is."""
    return _ROLES[role]["label"] if role in _ROLES else formatting.shorten(role, ROLE_CHARS)


def roles_in_words(roles: Mapping[str, int]) -> str:
    """How many members have each role: `48 mixed, 2 not known`."""
    parts = [f"{formatting.count(roles[role])} {role_label(role)}" for role in _ordered_roles(roles)]
    return ", ".join(parts[: len(ROLES)])


def role_sentences(roles: Mapping[str, int]) -> tuple[str, ...]:
    """What the logs show of the members of each role, in sentences."""
    known = [role for role in _ordered_roles(roles) if role in _ROLES]
    return tuple(fill(f"{{accounts:account}} {_ROLES[role]['means']}", accounts=roles[role]) for role in known)


def role_of_account(role: str) -> str:
    """One account's role, and what the logs show of it."""
    return f"{role_label(role)}: it {fill(_ROLES[role]['means'], accounts=1)}" if role in _ROLES else role_label(role)


def role_steps(roles: Mapping[str, int]) -> tuple[str, ...]:
    """What to do about the members of each role before acting, in sentences."""
    steps = [(roles[role], _ROLES.get(role, {}).get("step")) for role in _ordered_roles(roles)]
    return tuple(fill(step, accounts=number) for number, step in steps if step)


def _ordered_roles(roles: Mapping[str, int]) -> list[str]:
    """Roles that occur: those of this version in their order, then others by name."""
    return sorted((r for r in roles if roles[r]), key=lambda r: (ROLES.index(r) if r in ROLES else len(ROLES), r))


def is_harvest(campaign: Mapping[str, Any]) -> bool:
    """Whether a campaign is called a harvest, as far as it has a verdict."""
    return campaign["kind"] not in _KINDS


def kind_label(kind: str) -> str:
    """A kind for readers, bounded and safe to show; one that another version wrote as it is."""
    if kind in _KINDS:
        return str(_KINDS[kind]["label"])
    return "not known" if kind == "not_known" else formatting.shorten(kind, _KIND_CHARS)


def probability_of_kind(kind: str) -> str:
    """What the score of a campaign is the probability of, in words."""
    return _PROBABILITIES.get(kind, _PROBABILITIES[HARVEST_OPERATION])


def said_of_kind(campaign: Mapping[str, Any], what: str) -> str:
    """The claim, extent, margin or step (see wording.toml) of a campaign that is not called a harvest, in words."""
    return fill(_KINDS[campaign["kind"]][what], accounts=campaign["accounts"])


def limits_of_kind(campaign: Mapping[str, Any]) -> tuple[str, ...]:
    """What is not known of a campaign that is not called a harvest, in sentences."""
    return tuple(fill(text, accounts=campaign["accounts"]) for text in _KINDS[campaign["kind"]]["limits"])
