"""What the accounts table says about linked accounts: card and sign-up that they have in common with members."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS
from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS, PHRASE_SMOOTHING
from stillhunt.watch.signatures.parameters import SIGNATURES as P

_CARD, _SIGN_UP = "payment_fingerprint", ("signup_prefix", "email_domain")


def read_customers(config: Config) -> pa.Table | None:
    """The accounts table; None where the settings name none.

    Args:
        config: settings; `watch.accounts`.

    Raises:
        InputError: it cannot be read.
    """
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
        accounts: that are linked to the campaign.
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
