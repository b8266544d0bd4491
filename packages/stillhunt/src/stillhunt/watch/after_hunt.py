"""What follows every scheduled hunt: alerts about failing hunts, and the deletion of what is too old."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from stillhunt.base import formatting
from stillhunt.base.errors import OutputError
from stillhunt.base.units import MINUTE
from stillhunt.watch.alerts.changes import Alert, failing_alert, limit_alert, recovered_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.believed_time import believed_time
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.hunting import HuntPlan
from stillhunt.watch.records import newest_sequence
from stillhunt.watch.retention import Expired, expire
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool.room import SpoolRoom

DAMAGE_FAULT = "spool damage"
"""Fault: something of what was acknowledged is missing or damaged."""


def after_hunt(plan: HuntPlan, database: WatchDatabase, outcome: HuntOutcome, failures: int) -> Expired:
    """Record alerts about hunts that fail or succeed again, and delete what is too old.

    Args:
        plan: of the hunt; its time is the time of this.
        failures: hunts that failed since the last success, this one included.

    Returns:
        What was deleted; nothing where the database cannot be used now.
    """
    with suppress(OutputError):  # the database is busy or gone: the next hunt comes soon, and reports it
        alerts = _alerts_about(plan, database, outcome, failures)
        if alerts:
            with database.write() as connection:
                record_alerts(connection, alerts, plan.config.alerts)
        interval = int(plan.config.watch.every_minutes * MINUTE)
        return expire(plan.data, database, plan.config, believed_time(database, plan.now, interval))
    return Expired()


def report_damage(faults: ServiceFaults, damage: Sequence[str]) -> None:
    """Make damage of the spool a fault of this process, which ends when a hunt finds none.

    Args:
        damage: what the hunt found, in sentences.
    """
    if not damage:
        faults.end(DAMAGE_FAULT)
        return
    more = f" and {formatting.plural(len(damage) - 1, 'more difference')}" if damage[1:] else ""
    faults.begin(DAMAGE_FAULT, f"{damage[0]}{more}; 'stillhunt spool' lists all that is wrong, and accepts it")


def _alerts_about(plan: HuntPlan, database: WatchDatabase, outcome: HuntOutcome, failures: int) -> list[Alert]:
    settings = plan.config.alerts
    full = SpoolRoom(plan.config.serve, plan.data.spool).full()
    limits = [limit_alert("disk_limit", f"{full}: nothing more is accepted", plan.now, settings)] if full else []
    if outcome.failure and failures >= settings.hunt_failures:
        reason = outcome.failure.partition(":")[0]  # what follows may quote what was read
        return [*limits, failing_alert(failures, reason, newest_sequence(database), plan.now, settings)]
    return [*limits, *([recovered_alert(outcome.sequence, plan.now, settings)] if outcome.sequence is not None else [])]
