"""An order to act on the answers of one flagged campaign: what it says, and what it must have."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow.compute as pc

from stillhunt import CaseError, ConfigError
from stillhunt.case import Case, resolve_id
from stillhunt.tools import formatting, name_of_person, note_of
from stillhunt_evidence.keys.folder import keyed_hash

OrderKind = Literal["mark", "blunt"]
ORDER_DAY = 86_400 * 1_000_000
"""Microseconds."""
_ID_BYTES = 4


# days: longest time for which an order is in force; then somebody must sign again (a quarter: long enough for a harvest
# to be trained on, too short to be forgotten)
LONGEST_ORDER_DAYS = 90


@dataclass(frozen=True)
class Order:
    """An order about the answers to the flagged accounts of one campaign."""

    order_id: str  # what it is called, such as mark-3f2a9c01
    kind: OrderKind
    measure: str
    campaign_id: str
    accounts: tuple[str, ...]  # keyed hashes of its flagged accounts, as `account_name` makes them, ascending
    signed_by: str
    reason: str
    # made_at, expires_at: from when until when it is in force, microseconds since 1970
    made_at: int
    expires_at: int
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the measure, as JSON holds them
    # SHA-256 of the secret of a mark, in hexadecimal, so that no other key can be put in its place afterwards; empty
    # where the order has no key
    key_hash: str = ""


@dataclass(frozen=True)
class OrderRequest:
    """What somebody orders."""

    kind: OrderKind
    measure: str
    campaign: str  # id of the campaign, or its beginning
    by: str
    reason: str
    days: int
    settings: Mapping[str, Any] = field(default_factory=dict)


def signed_order(case: Case, request: OrderRequest, key: bytes, now: int) -> Order:
    """The order that somebody signs.

    Args:
        case: in which the campaign was found.
        key: under which account ids are hashed, of the operator's key folder.
        now: microseconds since 1970.

    Returns:
        The order; it is in force once it is in the register.

    Raises:
        CaseError: the case has no such campaign, its verdict is not act, or none of its accounts is flagged.
        ConfigError: the name, the reason or the end is missing or out of range.
    """
    _, campaign = resolve_id(case.tables, request.campaign, ("campaign",))
    campaigns = case.tables["campaigns"]
    verdict = campaigns.filter(pc.equal(campaigns["campaign_id"], campaign))["verdict"][0].as_py()
    if verdict != "act":
        raise CaseError(
            f"the verdict on this campaign is {verdict}, and an order needs act",
            where=formatting.shorten(campaign, 80),
            next_step="nobody's answers are changed on a suspicion; look at the campaign with 'stillhunt explain'",
        )
    signed_by = checked_signer(request.by)
    reason = checked_reason(request.reason)
    if not 1 <= request.days <= LONGEST_ORDER_DAYS:
        raise ConfigError(
            f"an order lasts 1 to {LONGEST_ORDER_DAYS} days, not {request.days}",
            where="days",
            next_step="give a number of days in this range; sign again when it ends",
            command_step=f"give --days from 1 to {LONGEST_ORDER_DAYS}; sign again when it ends",
        )
    accounts = tuple(sorted(account_name(key, one) for one in accounts_to_act_on(case, campaign)))
    if not accounts:
        raise CaseError(
            "no account of this campaign is flagged, so there is nobody to whom the order applies",
            where=formatting.shorten(campaign, 80),
            next_step="look at its members with 'stillhunt explain'",
        )
    return Order(
        order_id=f"{request.kind}-{secrets.token_hex(_ID_BYTES)}",
        kind=request.kind,
        measure=request.measure,
        campaign_id=campaign,
        accounts=accounts,
        signed_by=signed_by,
        reason=reason,
        made_at=now,
        expires_at=now + request.days * ORDER_DAY,
        settings=dict(request.settings),
    )


def accounts_to_act_on(case: Case, campaign_id: str) -> list[str]:
    """Members of a campaign whose own verdict is act, and that belong to no declared programme.

    `case`: in which it was found.
    """
    members = case.members.filter(pc.equal(case.members["campaign_id"], campaign_id))["account_id"]
    accounts = case.accounts
    meant = pc.and_(pc.equal(accounts["verdict"], "act"), pc.invert(pc.fill_null(accounts["sanctioned"], False)))
    flagged = accounts.filter(pc.and_(meant, pc.is_in(accounts["account_id"], value_set=members.combine_chunks())))
    return sorted(flagged["account_id"].to_pylist())


def account_name(key: bytes, account_id: str) -> str:
    """What an account is called in the register: a keyed hash, so that the register names nobody.

    `key`: of the operator's key folder.
    """
    return keyed_hash(key, "order account", account_id)


def checked_signer(by: str) -> str:
    """The name of a person who signs an order, or its end.

    Raises ConfigError: it is none.
    """
    return name_of_person(by, "an order is signed by a person", "by")


def checked_reason(reason: str) -> str:
    """A reason as the register keeps it.

    Raises ConfigError: there is none.
    """
    kept = note_of(reason).strip()
    if not kept:
        raise ConfigError(
            "an order needs a reason, for whoever reads the register later",
            where="note",
            next_step="say in a sentence why",
            command_step="add --note with a sentence that says why",
        )
    return kept
