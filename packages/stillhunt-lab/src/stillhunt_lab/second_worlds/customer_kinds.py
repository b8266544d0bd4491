"""Kinds of honest customers; most of them resemble a campaign in one respect."""

from __future__ import annotations

from dataclasses import dataclass


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


TALKER = CustomerKind("talker", 0.0, 52.0, 2.3)
"""Everyday conversation, and the cover traffic of campaigns."""

CUSTOMER_KINDS = (
    TALKER,
    CustomerKind(
        "tinkerer", 0.15, 85.0, 1.9, arrival="renewal", turns=3.5, strength=1.6, size=75.0, system="some",
        program=0.75, best=0.5, answer=520.0,
    ),
    CustomerKind(
        "polymath", 0.05, 110.0, 4.0, "gamma", profile="flat", strength=40.0, discount=0.1, size=50.0, best=0.6,
        answer=560.0,
    ),
    CustomerKind(
        "product", 0.08, 95.0, 1.8, arrival="renewal", profile="flat", turns=1.2, strength=0.4, discount=0.0,
        wording="template", system="product", network="cloud", program=1.0, best=0.25, answer=240.0, users=0.3,
    ),
    CustomerKind(
        "kit_user", 0.07, 75.0, 2.0, arrival="renewal", profile="flat", turns=1.8, strength=1.2, wording="kit",
        system="kit", network="roaming", program=0.95, best=0.45, answer=420.0,
    ),
    CustomerKind(
        "desk", 0.07, 65.0, 3.0, "gamma", profile="office", strength=4.0, system="group", network="office",
        program=0.15, group=(9, 24), best=0.4,
    ),
    CustomerKind(
        "course", 0.04, 40.0, 3.0, "gamma", profile="student", turns=3.0, strength=1.5, network="office",
        group=(14, 34), items="assignment", answer=420.0,
    ),
    CustomerKind(
        "evaluator", 0.01, 260.0, 2.5, arrival="flood", profile="flat", turns=1.0, wording="template",
        network="cloud", program=1.0, items="set", best=0.6, answer=480.0,
    ),
    CustomerKind(
        "indexer", 0.006, 420.0, 2.5, arrival="flood", profile="flat", turns=1.0, strength=0.8, size=120.0,
        wording="template", network="cloud", program=1.0, best=0.05, answer=130.0,
    ),
    CustomerKind(
        "gateway", 0.03, 90.0, 2.2, arrival="renewal", profile="office", turns=1.6, strength=14.0, system="some",
        network="gateway", program=0.9, answer=380.0, users=0.5,
    ),
    CustomerKind(
        "lent_key", 0.02, 100.0, 2.6, profile="office", turns=2.2, strength=9.0, network="roaming", program=0.6,
        best=0.5,
    ),
    CustomerKind(
        "contract_reseller", 0.004, 230.0, 6.0, "gamma", profile="flat", turns=2.0, strength=30.0, discount=0.1,
        network="cloud", program=1.0, group=(4, 9), any_member=True, users=0.7, answer=420.0,
    ),
    CustomerKind(
        "auditor", 0.02, 80.0, 3.0, "gamma", arrival="renewal", profile="office", turns=1.1, strength=0.8, size=60.0,
        wording="template", system="product", network="office", program=0.8, best=0.65, answer=680.0,
    ),
    CustomerKind(
        "safety_researcher", 0.008, 120.0, 2.5, profile="office", turns=1.8, strength=6.0, wording="probe",
        program=0.7, best=0.7, answer=300.0,
    ),
    CustomerKind("copycat", 0.05, 55.0, 2.3, turns=2.0, strength=3.0, wording="public", best=0.4, answer=450.0),
    CustomerKind(
        "night_job", 0.012, 130.0, 4.0, "gamma", arrival="clock", profile="flat", turns=1.0, wording="template",
        network="cloud", program=1.0, items="list", best=0.3, answer=220.0,
    ),
    CustomerKind(
        "contract_author", 0.003, 260.0, 8.0, "gamma", arrival="renewal", profile="flat", turns=1.0, strength=6.0,
        wording="template", network="cloud", program=1.0, group=(3, 6), any_member=True, best=0.8, answer=620.0,
    ),
    CustomerKind(
        "grader", 0.015, 110.0, 2.4, arrival="renewal", profile="office", turns=1.0, strength=2.0, size=90.0,
        wording="template", network="cloud", program=1.0, best=0.6, answer=260.0,
    ),
    CustomerKind("tunneler", 0.04, 60.0, 2.3, strength=6.0, network="tunnel", best=0.35),
    CustomerKind(
        "translator", 0.02, 80.0, 2.5, "gamma", profile="office", turns=1.3, strength=3.0, size=65.0,
        wording="template", program=0.4, best=0.3, answer=300.0,
    ),
)  # fmt: skip
"""Honest customers. Shares are of accounts; `TALKER` takes the rest, about a third."""

SANCTIONED = ("contract_author", "contract_reseller")
"""Kinds of customers that the provider allows by contract; their organisations are declared in the settings."""


def customer_counts(accounts: int) -> list[tuple[CustomerKind, int]]:
    """Number of accounts of each kind; a kind whose accounts do not fill its smallest group is left out."""
    counts = [round(kind.share * accounts) for kind in CUSTOMER_KINDS]
    counts = [0 if 0 < count < kind.group[0] else count for kind, count in zip(CUSTOMER_KINDS, counts, strict=True)]
    counts[0] = accounts - sum(counts[1:])
    return list(zip(CUSTOMER_KINDS, counts, strict=True))
