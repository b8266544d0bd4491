"""Which links and members rest on more than texts: who sends an account's requests, its card and its sign-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, func, select

from stillhunt.base.config import Config
from stillhunt.decide.customers import flagged_members, read_customers, sign_up_bits
from stillhunt.decide.links import Link
from stillhunt.decide.spared import own_traffic, untouched_accounts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import LINKED_ACCOUNTS, LINKED_SENDERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.signatures.parameters import MATCHING


def linked_since(database: WatchDatabase, since: int) -> dict[Link, float]:
    """Accounts that signatures linked, and the bits of who sends their requests."""
    linked, sender = LINKED_ACCOUNTS.c, LINKED_SENDERS.c
    same = and_(linked.campaign_id == sender.campaign_id, linked.account_id == sender.account_id)
    columns = (linked.account_id, linked.campaign_id, linked.at, linked.bits)
    joined = LINKED_ACCOUNTS.outerjoin(LINKED_SENDERS, same)
    statement = select(*columns, func.coalesce(sender.bits, 0.0).label("sender")).select_from(joined)
    rows = database.read(statement.where(linked.at >= since))
    return {Link(row["account_id"], row["campaign_id"], row["at"], row["bits"]): row["sender"] for row in rows}


def known_by_texts(
    folder: DataFolder, database: WatchDatabase, facts: pa.Table, config: Config
) -> frozenset[tuple[str, str]]:
    """Accounts and campaigns that, as far as is known, only texts tie together: end users may have copied these.

    Weighed are accounts that a signature linked, and flagged members about which the accounts table says nothing.

    Raises:
        CaseError: a snapshot is damaged.
        InputError: the accounts table cannot be read.
    """
    found = linked_since(database, 0)
    linked = {(link.account_id, link.campaign_id) for link in found}
    unknown = facts.filter(pc.and_(facts["flagged"], pc.is_null(facts["created_at"])))
    pairs = set(zip(unknown["account_id"].to_pylist(), unknown["campaign_id"].to_pylist(), strict=True)) - linked
    if pairs:
        rows = database.read(select(LINKED_SENDERS))
        bits = {(row["account_id"], row["campaign_id"]): row["bits"] for row in rows}
        found |= {Link(*pair, at=0, bits=0.0): bits.get(pair, 0.0) for pair in pairs}
    weighed = weighed_links(folder, database, found, read_customers(config) if linked else None)
    return frozenset((link.account_id, link.campaign_id) for link in weighed if not link.beyond_texts)


def weighed_links(
    folder: DataFolder, database: WatchDatabase, found: Mapping[Link, float], customers: pa.Table | None
) -> list[Link]:
    """Links with `beyond_texts` where more than texts agrees.

    An account with much traffic of its own is never among these: others may stand behind it.

    Raises:
        CaseError: a snapshot is damaged.
    """
    if not found:
        return []
    names = pa.array(sorted({link.account_id for link in found}), pa.string())
    own = own_traffic(folder)
    others_behind = {*own.filter(pc.is_in(own, value_set=names)).to_pylist(), *(behind := untouched_accounts(folder))}
    ties: dict[tuple[str, str], float] = {}
    if customers is not None:
        for campaign in sorted({link.campaign_id for link in found}):
            accounts = [link.account_id for link in found if link.campaign_id == campaign]
            members = set(flagged_members(database, campaign)) - behind - set(accounts)
            bits = sign_up_bits(customers, accounts, members)
            ties |= {(account, campaign): own_bits for account, own_bits in bits.items()}
    return [
        replace(
            link,
            beyond_texts=link.account_id not in others_behind
            and sender + ties.get((link.account_id, link.campaign_id), 0.0) >= MATCHING.sender_bits,
        )
        for link, sender in found.items()
    ]
