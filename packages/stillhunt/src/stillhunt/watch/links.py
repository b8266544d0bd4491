"""Entering accounts that are linked to a campaign: by its signature while they write, by its queue after a hunt."""

import json
import time
from collections.abc import Sequence

from sqlalchemy import Connection, and_, insert, select, update

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.watch.alerts.changes import replacement_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS, CAMPAIGN_ROWS, LINKED_ACCOUNTS
from stillhunt.watch.records import raise_sender_bits
from stillhunt.watch.signatures.matcher import LinkedAccount


def enter_links(
    database: WatchDatabase, linked: Sequence[LinkedAccount], settings: AlertSettings
) -> list[LinkedAccount]:
    """Enter accounts that signatures linked, with an alert for each campaign; what is known already is left out.

    What shows who sends an account's requests is also entered for links that are known, where it is more than before.

    Returns:
        Those that are new.
    """
    now = time.time_ns() // 1000
    with database.write() as connection:
        new = _select_newly_linked(connection, linked)
        rows = [
            {
                "campaign_id": one.campaign_id,
                "account_id": one.account_id,
                "at": now,
                "bits": one.bits,
                "requests": one.requests,
                "reasons": json.dumps(one.reasons),
            }
            for one in new
        ]
        if rows:
            connection.execute(insert(LINKED_ACCOUNTS), rows)
        _enter_senders(connection, linked, now)
        by_campaign: dict[str, list[LinkedAccount]] = {}
        for one in new:
            by_campaign.setdefault(one.campaign_id, []).append(one)
        alerts = [
            replacement_alert(name, len(accounts), accounts[0].reasons[0], now, settings)
            for name, accounts in sorted(by_campaign.items())
        ]
        record_alerts(connection, alerts, settings)
    return new


def _enter_senders(connection: Connection, linked: Sequence[LinkedAccount], now: int) -> None:
    """Enter who sends the requests of accounts that are linked, where it is more than is known."""
    names = {one.campaign_id for one in linked}
    pairs = select(LINKED_ACCOUNTS.c.campaign_id, LINKED_ACCOUNTS.c.account_id)
    entered = {tuple(row) for row in connection.execute(pairs.where(LINKED_ACCOUNTS.c.campaign_id.in_(names)))}
    best: dict[tuple[str, str], LinkedAccount] = {}
    for one in linked:
        pair = one.campaign_id, one.account_id
        if pair in entered and (pair not in best or one.sender_bits > best[pair].sender_bits):
            best[pair] = one
    for pair in raise_sender_bits(connection, {pair: one.sender_bits for pair, one in best.items()}, now):
        same = and_(LINKED_ACCOUNTS.c.campaign_id == pair[0], LINKED_ACCOUNTS.c.account_id == pair[1])
        connection.execute(update(LINKED_ACCOUNTS).where(same).values(reasons=json.dumps(best[pair].reasons)))


def _select_newly_linked(connection: Connection, linked: Sequence[LinkedAccount]) -> list[LinkedAccount]:
    """Those that are neither members of their campaign nor linked to it before, each once."""
    names = {one.campaign_id for one in linked}
    tracked = set(connection.execute(select(CAMPAIGN_ROWS.c.campaign_id)).scalars())
    known: set[tuple[str, str]] = set()
    for table in (CAMPAIGN_MEMBERS, LINKED_ACCOUNTS):
        pairs = select(table.c.campaign_id, table.c.account_id).where(table.c.campaign_id.in_(names))
        known |= {(row.campaign_id, row.account_id) for row in connection.execute(pairs)}
    new = {(one.campaign_id, one.account_id): one for one in linked if one.campaign_id in tracked}
    return [one for pair, one in new.items() if pair not in known]
