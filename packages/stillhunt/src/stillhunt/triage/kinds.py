"""What a campaign is called: a harvest, or abuse of another kind, which is never called one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.wording import fill

_KIND_CHARS = 16


@dataclass(frozen=True)
class KindWords:
    """Abuse that is no harvest, in words; the texts have the field `accounts`, a number.

    Attributes:
        claim: what is claimed of the accounts, from the noun on.
        limit: what is not known, in a sentence.
        step: what to do, in a sentence.
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
    """Whether a campaign is called a harvest, as far as it has a verdict.

    Args:
        campaign: its row of the CAMPAIGNS table.
    """
    return campaign["kind"] not in _WORDS


def kind_label(kind: str) -> str:
    """A kind for readers, bounded and safe to show; one that another version wrote as it is."""
    if kind in _WORDS:
        return _WORDS[kind].label
    return "not known" if kind == "not_known" else formatting.shorten(kind, _KIND_CHARS)


def claim_of(campaign: Mapping[str, Any]) -> str:
    """What is claimed of the accounts of a campaign that is no harvest: `20 accounts belong to one person, ...`.

    Args:
        campaign: its row of the CAMPAIGNS table.
    """
    return fill(_WORDS[campaign["kind"]].claim, accounts=campaign["accounts"])


def limit_of(campaign: Mapping[str, Any]) -> str:
    """What is not known of a campaign that is no harvest, in a sentence.

    Args:
        campaign: its row of the CAMPAIGNS table.
    """
    return _WORDS[campaign["kind"]].limit


def step_of(campaign: Mapping[str, Any]) -> str:
    """What to do about a campaign that is no harvest, in a sentence.

    Args:
        campaign: its row of the CAMPAIGNS table.
    """
    return fill(_WORDS[campaign["kind"]].step, accounts=campaign["accounts"])
