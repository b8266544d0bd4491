"""Whom nothing that a signature says may touch."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt.base.units import DAY
from stillhunt.decide.links import Link
from stillhunt.decide.policy import Policy
from stillhunt.decide.rules import SHARED_ROLES
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.signatures.parameters import FIRST_REQUESTS
from stillhunt.watch.snapshots import Snapshot, all_snapshots, latest_snapshot

OWN_REQUESTS = FIRST_REQUESTS
"""Requests by which an account that a hunt did not flag has a history of its own: as many as a link looks at."""


def spared_accounts(
    folder: DataFolder,
    database: WatchDatabase,
    links: Iterable[Link],
    config: Config,
    policy: Policy,
    customers: pa.Table | None,
) -> set[str]:
    """Linked accounts that no link may touch.

    Those of declared programmes, those that customers or victims stand behind, those that the hunt saw which first
    found their campaign, and those that were opened long before it began.

    Raises:
        CaseError: a snapshot is damaged.
    """
    by_campaign: dict[str, set[str]] = {}
    for link in links:
        by_campaign.setdefault(link.campaign_id, set()).add(link.account_id)
    spared = untouched_accounts(folder) | set(config.sanctioned.accounts)
    for campaign, before in accounts_before(folder, database, by_campaign).items():
        spared |= by_campaign[campaign].intersection(before.to_pylist())
    return spared if customers is None else spared | _by_the_table(database, by_campaign, config, policy, customers)


def _by_the_table(
    database: WatchDatabase, linked: dict[str, set[str]], config: Config, policy: Policy, customers: pa.Table
) -> set[str]:
    """Accounts of declared organisations, and those that were opened long before their campaign's first request."""
    wanted = pa.array(sorted(set().union(*linked.values())), pa.string())
    own = customers.filter(pc.is_in(customers["account_id"].cast(pa.string()), value_set=wanted))
    names, organizations = own["account_id"].to_pylist(), own["organization_id"].to_pylist()
    opened = dict(zip(names, own["created_at"].cast(pa.int64()).to_pylist(), strict=True))
    declared = set(config.sanctioned.organizations)
    spared = {name for name, organization in zip(names, organizations, strict=True) if organization in declared}
    statement = select(CAMPAIGN_ROWS.c.campaign_id, CAMPAIGN_ROWS.c.first_seen)
    begins = {row["campaign_id"]: row["first_seen"] for row in database.read(statement)}
    for campaign, accounts in linked.items():
        begin = begins.get(campaign)
        if begin is not None and policy.established_days:
            limit = begin - policy.established_days * DAY
            spared |= {name for name in accounts if (at := opened.get(name)) is not None and at < limit}
    return spared


def untouched_accounts(folder: DataFolder) -> set[str]:
    """Accounts of declared programmes, and those that customers or victims stand behind, as the latest hunt saw them.

    Raises CaseError: the snapshot is damaged.
    """
    tables = _latest_tables(folder)
    if tables is None:
        return set()
    accounts, members = tables["accounts"], tables["members"]
    behind = members["account_id"].filter(pc.is_in(members["role"], value_set=pa.array(SHARED_ROLES)))
    return {*accounts["account_id"].filter(accounts["sanctioned"]).to_pylist(), *behind.to_pylist()}


def own_traffic(folder: DataFolder) -> pa.ChunkedArray:
    """Accounts that the latest hunt did not flag and of which it saw many requests that are no harvest.

    Customers of theirs may have written the few that carry a template, so that a link tags them at most.

    Raises:
        CaseError: the snapshot is damaged.
    """
    tables = _latest_tables(folder)
    if tables is None:
        return pa.chunked_array([], pa.string())
    accounts = tables["accounts"]
    rest = pc.subtract(accounts["requests"], accounts["harvest_requests"])
    known = pc.and_(pc.greater_equal(rest, OWN_REQUESTS), pc.invert(accounts["flagged"]))
    return accounts["account_id"].filter(known).cast(pa.string())


def accounts_before(
    folder: DataFolder, database: WatchDatabase, campaigns: Iterable[str]
) -> dict[str, pa.ChunkedArray]:
    """Campaign -> all accounts that the hunt saw which first found it.

    A replacement account is new, and an old customer whose template an operation imitates is not. Where that snapshot
    was deleted, the oldest that is kept takes its place; where it is damaged, the next that is not. A later one spares
    more accounts. It misleads about accounts that an operation kept in reserve and used before: they count as old
    customers, and only a hunt finds them.

    Raises:
        CaseError: no snapshot that is late enough can be read.
    """
    kept = {one.sequence: one for one in all_snapshots(folder)}
    if not kept:
        return {}
    statement = select(CAMPAIGN_ROWS.c.campaign_id, CAMPAIGN_ROWS.c.first_snapshot)
    first = {row["campaign_id"]: row["first_snapshot"] for row in database.read(statement)}
    read: dict[int, pa.ChunkedArray] = {}
    found = {}
    for campaign in campaigns:
        wanted = first.get(campaign, -1)
        begin = wanted if wanted in kept else min(kept)
        if begin not in read:
            read[begin] = _first_readable([kept[number] for number in sorted(kept) if number >= begin])
        found[campaign] = read[begin]
    return found


def _first_readable(snapshots: Sequence[Snapshot]) -> pa.ChunkedArray:
    """Accounts of the first snapshot that is not damaged: an old one is never made anew, so nobody may wait for it."""
    for snapshot in snapshots[:-1]:
        with suppress(CaseError):
            return _read_snapshot_accounts(snapshot)
    return _read_snapshot_accounts(snapshots[-1])


def _read_snapshot_accounts(snapshot: Snapshot) -> pa.ChunkedArray:
    return Case.read(snapshot.case).model.tables["accounts"]["account_id"]


def _latest_tables(folder: DataFolder) -> Mapping[str, pa.Table] | None:
    """Tables of the latest snapshot; None before the first."""
    latest = latest_snapshot(folder)
    return None if latest is None else Case.read(latest.case).model.tables
