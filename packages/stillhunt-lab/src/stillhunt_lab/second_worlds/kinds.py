"""Kinds of honest customers, and what a campaign does on each rung of the evasion ladder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from stillhunt_lab.worlds.grammar import read_data


@dataclass(frozen=True)
class CustomerKind:
    """One kind of customer.

    Args:
        share: share of the honest accounts; the first kind takes the rest.
        mean: calls of an account in 14 days, on average.
        tail: shape of the loads between accounts; smaller = more unequal.
        load_law: "pareto" (Lomax) or "gamma" (with Poisson calls: negative binomial).
        arrival: "hawkes", "renewal", "clock" or "flood", see `arrivals`.
        profile: week of the arrivals, see `arrivals.PROFILES`.
        turns: mean turns of a conversation.
        strength: strength of the Pitman-Yor process that draws topic preferences; larger = broader.
        discount: its discount; larger = longer tail.
        size: mean words of an item.
        wording: "plain", "template" (its own), "public" (a collection that strangers share), "kit", "probe".
        system: "none", "kit", "product", "group" (one for the group), "some" (a product's, for two accounts in five).
        network: "home", "roaming", "office", "cloud", "gateway", "tunnel".
        program: chance that the client is a program.
        group: least and most members of a group that shares card, organisation and addresses; (0, 0) = none.
        items: "own topics", "set" (public lists for everything), "assignment" (its group's) or "list" (its own,
            again and again).
        best: chance that its usual model is the largest.
        answer: median tokens of an answer.
        any_member: whether any member of a group may hold any of its conversations.
        users: chance that it names its end users.
    """

    name: str
    share: float
    mean: float
    tail: float
    load_law: str = "pareto"
    arrival: str = "hawkes"
    profile: str = "evening"
    turns: float = 2.3
    strength: float = 5.0
    discount: float = 0.25
    size: float = 38.0
    wording: str = "plain"
    system: str = "none"
    network: str = "home"
    program: float = 0.05
    group: tuple[int, int] = (0, 0)
    items: str = "own topics"
    best: float = 0.3
    answer: float = 330.0
    any_member: bool = False
    users: float = 0.0


def _settings(table: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}


_DATA = read_data("second_kinds")
CUSTOMER_KINDS = tuple(CustomerKind(**_settings(kind)) for kind in _DATA["customers"])
"""Honest customers; the first kind takes the accounts that the shares of the others leave, about a third."""
TALKER = CUSTOMER_KINDS[0]
"""Everyday conversation, and the cover traffic of campaigns."""

SANCTIONED = ("contract_author", "contract_reseller")
"""Kinds of customers that the provider allows by contract; their organisations are declared in the settings."""


def customer_counts(accounts: int) -> list[tuple[CustomerKind, int]]:
    """Number of accounts of each kind; a kind whose accounts do not fill its smallest group is left out."""
    counts = [round(kind.share * accounts) for kind in CUSTOMER_KINDS]
    counts = [0 if 0 < count < kind.group[0] else count for kind, count in zip(CUSTOMER_KINDS, counts, strict=True)]
    counts[0] = accounts - sum(counts[1:])
    return list(zip(CUSTOMER_KINDS, counts, strict=True))


@dataclass(frozen=True)
class Rung:
    """How a campaign behaves.

    Args:
        papers: sign-up data: "burst" (shared cards, one mail domain), "cards" (virtual cards, throw-away mail) or
            "clean".
        opened_days: days over which accounts are opened.
        network: "few" (a handful of cloud addresses), "pool" (rotating proxies), "fixed" or "home" (households).
        clients: number of client programs the accounts pretend to use; 0 = those of ordinary people and programs.
        discipline: how items are handed out, one of `work_queues.DISCIPLINES`.
        profile: week of the shifts, "mixed" (each account its own) or "always".
        pace: items of an account on a day of work, on average.
        evenness: spread of the quotas between accounts (standard deviation over mean).
        on_duty: chance that an account works on a day.
        stay: days an account works before it rests for good, as a share of the log; 1 = all of it.
        wording: "fixed", "paraphrase", "oblique", "relay" or "untemplated".
        parameters: "one" set for all, a "few" sets, or "own" ones.
        cover: least and most share of an account's traffic that is not harvested.
        turns: mean turns of a task.
        best: chance that an account asks for the largest model.
        answer: median tokens of an answer.
        channels: whether it works through several channels.
        standby: share of the accounts that wait as replacements for banned ones.
        labs: operations that share the accounts.
    """

    papers: str = "clean"
    opened_days: float = 30.0
    network: str = "fixed"
    clients: int = 0
    discipline: str = "lease"
    profile: str = "always"
    pace: float = 8.0
    evenness: float = 0.15
    on_duty: float = 0.75
    stay: float = 0.7
    jitter: float = 0.5
    wording: str = "fixed"
    templates: int = 2
    skills: int = 2
    parameters: str = "few"
    cover: tuple[float, float] = (0.0, 0.0)
    turns: float = 1.0
    best: float = 0.6
    answer: float = 520.0
    channels: bool = False
    standby: float = 0.0
    labs: int = 1


_CAREFUL = Rung(**_settings(_DATA["careful"]))
RUNGS = {int(number): Rung(**_settings(own)) for number, own in _DATA["rungs"].items()}
RUNGS |= {int(number): replace(_CAREFUL, **_settings(own)) for number, own in _DATA["careful_rungs"].items()}
"""Rungs 1 to 12; each keeps the evasions of the one before, except where its entry says otherwise."""
