"""Which links and members rest on more than texts: who sends an account's requests, its card and its sign-up."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import and_, func, select

from stillhunt.base.config import Config
from stillhunt.decide.links import Link
from stillhunt.decide.spared import own_traffic, untouched_accounts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, LINKED_ACCOUNTS, LINKED_SENDERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS, MATCHING, PHRASE_SMOOTHING
from stillhunt.watch.signatures.parameters import SIGNATURES as P

_CARD, _SIGN_UP = "payment_fingerprint", ("signup_prefix", "email_domain")


def read_customers(config: Config) -> pa.Table | None:
    """The accounts table; None where the settings name none. Raises InputError: it cannot be read."""
    if not config.watch.accounts:
        return None
    from stillhunt.base.engine_duckdb import DuckDBEngine  # start-up time
    from stillhunt.base.progress import Silent  # start-up time
    from stillhunt.collect import open_accounts  # start-up time, and 90 MB of a console that only shows a case

    with DuckDBEngine(threads=1, memory_gb=config.memory_limit_gb) as engine:
        return open_accounts(config.watch.accounts, mapping=None, config=config, engine=engine, progress=Silent())[0]


def flagged_members(database: WatchDatabase, campaign: str) -> list[str]:
    """Accounts that any hunt flagged as members of a campaign."""
    member = CAMPAIGN_MEMBERS.c
    chosen = select(member.account_id).where(member.campaign_id == campaign, member.flagged == 1)
    return [row["account_id"] for row in database.read(chosen)]


def sign_up_bits(customers: pa.Table, accounts: Sequence[str], members: Collection[str]) -> dict[str, float]:
    """Bits by which card and sign-up tie accounts to members of a campaign, as in `watch.signatures.senders`.

    A card counts in full where no more other accounts have it than members: cards are not shared by chance. Of the
    network of the sign-up and the domain of the address, the stronger counts.

    Args:
        members: of the campaign; none of whom other people stand behind.

    Returns:
        Account -> bits; those without any are left out.
    """
    found: dict[str, float] = {}
    for account, (inside, outside, _, _) in _in_common(customers, _CARD, accounts, members).items():
        if inside >= outside:
            found[account] = P.most_sender_bits
    sign_up: dict[str, float] = {}
    for name in _SIGN_UP:
        for account, (inside, outside, ours, others) in _in_common(customers, name, accounts, members).items():
            if inside >= LEAST_PHRASE_ACCOUNTS:
                elsewhere = (outside + PHRASE_SMOOTHING) / (others + 2.0 * PHRASE_SMOOTHING)
                bits = min(math.log2(inside / ours / elsewhere), P.most_sender_bits)
                sign_up[account] = max(bits, sign_up.get(account, 0.0))
    return {name: found.get(name, 0.0) + sign_up.get(name, 0.0) for name in sorted({*found, *sign_up})}


def _in_common(
    customers: pa.Table, column: str, accounts: Sequence[str], members: Collection[str]
) -> dict[str, tuple[int, int, int, int]]:
    """Account -> members and other accounts with its value, and all members and all others that have any.

    The linked accounts are no others: several replacements may have a value in common.
    """
    known = customers.filter(pc.is_valid(customers[column]))
    names, found = known["account_id"].cast(pa.string()), known[column]
    ours = pc.is_in(names, value_set=pa.array(sorted(members), pa.string()))
    linked = pc.is_in(names, value_set=pa.array(sorted(accounts), pa.string()))
    inside, beside = Counter(found.filter(ours).to_pylist()), pc.invert(pc.or_(ours, linked))
    common = pc.is_in(found, value_set=pa.array(list(inside), found.type))
    outside = Counter(found.filter(pc.and_(beside, common)).to_pylist())
    own = pc.and_(pc.and_(linked, common), pc.invert(ours))
    totals = pc.sum(ours).as_py() or 0, pc.sum(beside).as_py() or 0
    pairs = zip(names.filter(own).to_pylist(), found.filter(own).to_pylist(), strict=True)
    return {name: (inside[value], outside[value], *totals) for name, value in pairs}


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
    folder: DataFolder, database: WatchDatabase, facts: pa.Table, customers: Callable[[], pa.Table | None], until: int
) -> frozenset[tuple[str, str]]:
    """Accounts and campaigns that, as far as is known, only texts tie together: end users may have copied these.

    Weighed are accounts that a signature linked, and flagged members about which the accounts table says nothing.

    Args:
        customers: reads the accounts table, where it is needed.
        until: links that were found later are left out, microseconds since 1970.

    Raises:
        CaseError: a snapshot is damaged.
        InputError: the accounts table cannot be read.
    """
    found = {link: bits for link, bits in linked_since(database, 0).items() if link.at <= until}
    linked = {(link.account_id, link.campaign_id) for link in found}
    unknown = facts.filter(pc.and_(facts["flagged"], pc.is_null(facts["created_at"])))
    pairs = set(zip(unknown["account_id"].to_pylist(), unknown["campaign_id"].to_pylist(), strict=True)) - linked
    if pairs:
        rows = database.read(select(LINKED_SENDERS))
        bits = {(row["account_id"], row["campaign_id"]): row["bits"] for row in rows}
        found |= {Link(*pair, at=0, bits=0.0): bits.get(pair, 0.0) for pair in pairs}
    weighed = weighed_links(folder, database, found, customers() if linked else None)
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
