"""Marks from campaigns that were attributed to an actor before: ties, accounts and addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stillhunt.base import formatting
from stillhunt.score.operators.ties import P as TIES
from stillhunt_evidence.actors.observed import Row
from stillhunt_evidence.actors.parameters import MARK_CAPS, MARK_RULES
from stillhunt_evidence.actors.share_marks import ActorOnCampaign, Seeing, ShareKind, addresses_used
from stillhunt_evidence.actors.weights import Mark

OPERATOR_TIE = "operator_tie"
HIDDEN_TIES = frozenset(("payment_fingerprint", "signup_prefix"))
"""Kinds of ties of `score/operators/ties.py` that others cannot copy from what they see of an actor's traffic."""
RUNNING_TIES = frozenset(("client_fingerprint", "client_prefix", "template"))
"""Kinds of ties that show how traffic is run. Customers of one seller of accounts share what is in `HIDDEN_TIES`, and
none of these."""

ADDRESSES_USED = ShareKind(
    "addresses",
    "network",
    MARK_CAPS["address"],
    ("sends from addresses that the actor used before", "send from addresses that the actor used before"),
    "The case has no hashes of addresses, or they are under another key",
)
ACCOUNTS_USED = ShareKind(
    "accounts",
    "accounts",
    MARK_CAPS["account"],
    ("served the actor before", "served the actor before"),
    "The case names no accounts of the campaign",
)


def known_campaign_marks(on: ActorOnCampaign) -> Iterator[Mark]:
    """The marks from known campaigns that the file gives of an actor."""
    known = on.actor.known
    if known.campaigns:
        yield _tie_mark(on)
    if on.seen.campaign_id in known.campaigns:
        return  # known accounts and addresses may be those of this campaign: it cannot confirm itself
    if known.accounts:
        wanted = frozenset(known.accounts)
        yield ACCOUNTS_USED.weigh(_accounts(wanted), on, on.stated("account"), "")
    if known.addresses or known.networks:
        yield ADDRESSES_USED.weigh(addresses_used(on.actor), on, on.stated("address"), "")


def tie_to(campaign: str, rows: Sequence[Row], known: frozenset[str]) -> tuple[list[Row], str] | None:
    """The ties that lead from a campaign to a known one within one set of one operator.

    The rows of a set form a tree: each campaign names the one to which it is tied most strongly.

    Returns:
        The rows of the ties on the shortest way, and the known campaign; None where no way leads to one.
    """
    ways: list[tuple[list[Row], str]] = [([], campaign)]
    visited = {campaign}
    for way, name in ways:  # grows while it is read: breadth first
        if name in known and name != campaign:
            return way, name
        for row in rows:
            ends = (row["campaign_id"], row["tied_to"])
            if name in ends:
                other = ends[0] if name == ends[1] else ends[1]
                if other not in visited:
                    visited.add(other)
                    ways.append(([*way, row], other))
    return None


def _tie_mark(on: ActorOnCampaign) -> Mark:
    name, known = on.seen.campaign_id, frozenset(on.actor.known.campaigns)
    if name in known:
        statement = "The actors file says that this campaign is the actor's; a campaign is no evidence of itself"
        return Mark(OPERATOR_TIE, "tie", False, 0.0, None, True, statement)
    for rows in on.case.sets_of(name, "one_operator"):
        found = tie_to(name, rows, known)
        if found is not None:
            return _tied(*found)
    in_case = sorted(known & set(on.case.campaigns))
    if not in_case:
        statement = "This case has no known campaign of the actor, so that no tie can show"
        return Mark(OPERATOR_TIE, "tie", False, 0.0, None, False, statement)
    which = formatting.plural(len(in_case), "known campaign")
    statement = f"Nothing ties the campaign to {which} of the actor in this case"
    return Mark(OPERATOR_TIE, "tie", False, 0.0, None, True, statement)


def _tied(way: Sequence[Row], known: str) -> Mark:
    """A tie is as strong as the weakest on its way, and costly to plant where each of them is."""
    bits = min(row["bits"] for row in way)
    costly = all(map(_is_costly, way))
    said = "; ".join(statement.rstrip(".") for statement in way[0]["statements"][:3])
    over = f", through {formatting.plural(len(way) - 1, 'other campaign')}" if len(way) > 1 else ""
    loose = "" if costly else "; a supplier that both have, or an imitation, would explain that"
    statement = (
        f"It is tied to {formatting.shorten(known, 40)}, a known campaign of the actor{over}, by "
        f"{formatting.distance_bits(bits)} beyond chance ({said}){loose}"
    )
    return Mark(
        OPERATOR_TIE,
        "tie",
        costly,
        min(bits, MARK_RULES.tie_cap if costly else MARK_CAPS["loose_tie"]),
        None,
        True,
        statement,
    )


def _is_costly(row: Row) -> bool:
    """True where a tie has both a hidden kind and one of how traffic is run, each strong enough to tie by itself."""
    kinds = {kind for kind, bits in zip(row["kinds"], row["kind_bits"], strict=True) if bits >= TIES.kind_bits}
    return bool(HIDDEN_TIES & kinds) and bool(RUNNING_TIES & kinds)


def _accounts(wanted: frozenset[str]) -> Seeing:
    return lambda seen: seen.account_coverage({row["account_id"]: row["account_id"] in wanted for row in seen.members})
