"""One scheduled hunt: from the parts in the window to a snapshot that readers see."""

import json
import logging
import re
import resource
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.base.progress import Progress, Silent
from stillhunt.base.table_files import parquet_bytes
from stillhunt.base.units import DAY, HOUR
from stillhunt.pipeline import HuntedTables, LookBefore, hunt
from stillhunt.pipeline_local import with_state_key
from stillhunt.resolve import remember_groups
from stillhunt.triage import Case
from stillhunt.triage.folder import DAMAGE
from stillhunt.watch.alerts.changes import Alert, alerts_of, early_sign_alerts, limit_alert
from stillhunt.watch.alerts.outbox import record_alerts
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.early_signs.finding import early_signs
from stillhunt.watch.early_signs.signs import SIGNS_FILE, EarlySign, read_signs, settle_signs, signs_as_json
from stillhunt.watch.folder import HUNT_ROLE, DataFolder
from stillhunt.watch.follow_ups import FOLLOW_UPS_FILE, follow_ups, follow_ups_as_json, read_follow_ups
from stillhunt.watch.inputs import watched_files, window_parts
from stillhunt.watch.known_database import open_database
from stillhunt.watch.lineage.campaigns import KnownCampaign, found_campaigns
from stillhunt.watch.lineage.settle import settle, with_lasting_ids, with_returns
from stillhunt.watch.links import enter_links
from stillhunt.watch.records import (
    Ledger,
    Look,
    known_campaigns,
    ledger,
    newest_sequence,
    raise_sender_bits,
    record_hunt,
    recorded_looks,
)
from stillhunt.watch.rule_rows import (
    RuleRows,
    add_columns_beside,
    collect_rule_rows,
    read_rule_rows,
    rule_files,
    with_findings,
)
from stillhunt.watch.shared.lease import confirm_lease
from stillhunt.watch.shared.snapshots import (
    fetch_shared_snapshot,
    offer_snapshot,
    record_shared_snapshot,
    share_state_key,
    shared_store,
)
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.matcher import LinkedAccount
from stillhunt.watch.signatures.queues import linked_by_queue
from stillhunt.watch.signatures.returns import ReturnEvidence, member_sender_bits, returned_campaigns
from stillhunt.watch.signatures.signature import SIGNATURES_FILE, SignatureSet, as_json, no_signatures, read_signatures
from stillhunt.watch.snapshots import (
    REMEMBERED_FILE,
    SEED,
    WATCH_FILE,
    Snapshot,
    all_snapshots,
    latest_snapshot,
    name_of,
    remembered_groups,
    remove_unrecorded,
    write_snapshot,
)
from stillhunt.watch.spool.checking import damage_said
from stillhunt.watch.warm.base import may_hunt_warm, read_base, remove_base, write_base
from stillhunt.watch.warm.hunting import COLD, WARM, hunt_warm

_LOG = logging.getLogger("stillhunt")
SNAPSHOTS_TRIED = 8
"""Snapshots in which signatures are looked for where those of the latest one cannot be read. Judgement: two hours."""
_KEPT = re.compile(r"[0-9a-f]{64}")  # name of a folder of the state that holds what was made of one input


@dataclass(frozen=True)
class HuntPlan:
    """What a scheduled hunt is to do."""

    data: DataFolder
    config: Config
    watched: tuple[str, ...] = ()  # logs that are read where they lie, besides the spool
    now: int = 0  # time of the hunt, microseconds since 1970; the window ends here
    term: int | None = None  # of the lease under which it hunts; None where none is needed
    warm: bool = False  # whether it may be warm, where a base is young enough; over logs in place, none is kept without
    only_reads: bool = False  # whether it only reads ahead of the next hunt (`watch.reading_ahead`)


def hunt_now(plan: HuntPlan, progress: Progress | None = None) -> Snapshot | None:
    """Hunt over the window and make the result the latest snapshot.

    Returns the snapshot; None where there is nothing to read yet. Raises OutputError: another process hunts in this
    folder, or the snapshot cannot be written. Raises InputError: no row of what there is can be used.
    """
    folder, config = plan.data, plan.config
    with folder.role(HUNT_ROLE):
        shutil.rmtree(folder.scratch, ignore_errors=True)
        folder.scratch.mkdir(mode=0o700, exist_ok=True)
        with closing(open_database(folder.path, config.watch.database)) as database:
            if (store := shared_store(config)) is not None:
                share_state_key(folder, store)
                fetch_shared_snapshot(folder, database, store)
            newest = newest_sequence(database)
            following = remove_unrecorded(folder, newest)
            if newest is not None:
                folder.switch_latest(name_of(newest))
            start = plan.now - int(config.watch.window_days * DAY)
            watched = plan.watched if config.engine == "spark" else watched_files(plan.watched, start)
            inputs = [*map(str, window_parts(folder, start, plan.now)), *watched]
            if not inputs:
                return None
            damage = damage_said(folder.spool)
            known = known_campaigns(database)
            results = _hunt_warm(plan, inputs, known) if plan.warm and may_hunt_warm(config) else ""
            if isinstance(results, str):
                results = _hunt_cold(plan, inputs, known, progress, why=results)
            snapshot = _publish_snapshot(plan, database, replace(results, damage=damage), following, start)
            if results.hunted is not None:
                _leave_base(plan, results.hunted, following)
            return snapshot


@dataclass(frozen=True)
class _Found:
    """What a hunt found."""

    case: Case  # under the ids that the hunt gave
    signatures: SignatureSet
    returned: Mapping[str, ReturnEvidence]  # campaigns that look like an earlier one with other accounts
    by_queue: Sequence[LinkedAccount]  # newcomers that go on with the queue of an earlier campaign
    signs: Sequence[EarlySign]  # early signs, under the ids that the hunt gave
    follow_ups: Mapping[str, int]
    # campaign and member -> bits of who sends its requests, under the ids that the hunt gave
    senders: Mapping[tuple[str, str], float]
    rule_rows: RuleRows
    remembered: pa.Table  # REMEMBERED
    hunted: HuntedTables | None = None  # of a cold hunt on this machine
    damage: Sequence[str] = ()  # what is missing or damaged of what was acknowledged, in sentences


def _healing_hunt(
    plan: HuntPlan, inputs: Sequence[str], known: Sequence[KnownCampaign], progress: Progress | None
) -> _Found:
    """Hunt; where the state was torn, by a power failure perhaps, forget it and read everything again."""
    try:
        return _signing_hunt(plan, inputs, known, progress)
    except OutputError as error:
        if Path(error.where).parent.parent != plan.data.state:
            raise
    for path in plan.data.state.iterdir():
        if _KEPT.fullmatch(path.name):
            shutil.rmtree(path, ignore_errors=True)
    return _signing_hunt(plan, inputs, known, progress)


def hunt_settings(plan: HuntPlan) -> Config:
    """The settings with the state of the data folder, and the key of its hashes."""
    return with_state_key(plan.config.model_copy(update={"state": str(plan.data.state)}))


def _hunt_cold(
    plan: HuntPlan, inputs: Sequence[Any], known: Sequence[KnownCampaign], progress: Progress | None, why: str
) -> _Found:
    """Search everything; `why` this hunt could not be warm is told, and recorded, unless it is empty."""
    remove_base(plan.data.state)
    found = _healing_hunt(plan, inputs, known, progress)
    if why:
        (progress or Silent()).note(f"This hunt was cold: {why}")
        found.case.run[COLD] = why
    return found


def _leave_base(plan: HuntPlan, hunted: HuntedTables, sequence: int) -> None:
    """Leave a base for warm hunts. The snapshot is there, so nothing that goes wrong here may fail the hunt."""
    try:
        write_base(plan.data.state, hunted, sequence, plan.now, hunt_settings(plan))
    except Exception as error:  # without a base, the next hunt is cold, and says so
        _LOG.warning("nothing is kept for warm hunts: %s", getattr(error, "strerror", "") or type(error).__name__)


def _hunt_warm(plan: HuntPlan, inputs: Sequence[Any], known: Sequence[KnownCampaign]) -> _Found | str:
    """What a warm hunt found, or why the hunt is to be cold; a base that cannot be used never fails a hunt."""
    latest, settings = latest_snapshot(plan.data), hunt_settings(plan)
    if latest is None or settings.engine == "spark":
        return ""
    try:
        base = read_base(plan.data.state, settings)
        if isinstance(base, str):
            return base
        if not 0 <= plan.now - base.made_at < settings.watch.cold_hours * HOUR:
            return "the last search is too old"
        if (latest.facts().get(WARM) or {"base": latest.sequence})["base"] != base.sequence:
            return "another machine has searched since"
        searched = Case.read(Snapshot(base.sequence, plan.data.snapshots / name_of(base.sequence)).case)
        flagged = {account for campaign in known for account in campaign.flagged}
        if isinstance(warm := hunt_warm(base, searched, inputs, settings, flagged), str):
            return warm
        case, customers = warm
        rule_rows = with_findings(read_rule_rows(latest), case.tables["accounts"], customers)
        signatures, later = signatures_at(latest, settings.seed), read_follow_ups(latest.path) or {}
        return _Found(case, signatures, {}, (), read_signs(latest.path), later, {}, rule_rows, latest.remembered())
    except Exception as error:  # what is no fault of the base fails the cold hunt as well
        return f"what was kept of the last search cannot be used ({type(error).__name__})"


def _signing_hunt(
    plan: HuntPlan, inputs: Sequence[str], known: Sequence[KnownCampaign], progress: Progress | None
) -> _Found:
    earlier = signatures_in_force(plan.data, plan.config.seed, plan.now)
    accounts = {account for campaign in known for account in campaign.members}
    flagged = {account for campaign in known for account in campaign.flagged}
    before = LookBefore(flagged, remembered_groups(plan.data, plan.config.seed))
    made: list[Callable[[Case], _Found]] = []

    def sign(sketches: Dataset, hunted: HuntedTables) -> None:
        tables, settings, customers = hunted.tables, hunted.config, hunted.customers
        shown = tables["harvest"]["campaign_id"], hunted.harvested
        signatures = compile_signatures(sketches, tables, settings, plan.now)
        rule_rows = collect_rule_rows(sketches, tables, customers, flagged)
        found = partial(
            _Found,
            signatures=signatures,
            returned=returned_campaigns(sketches, tables, earlier, accounts),
            by_queue=linked_by_queue(sketches, earlier, accounts),
            signs=early_signs(sketches, tables, plan.now),
            follow_ups=follow_ups(sketches, tables),
            senders=member_sender_bits(sketches, tables, signatures),
            rule_rows=add_columns_beside(rule_rows, settings, customers),
            remembered=remember_groups(hunted.linked.traffic, hunted.sliced, hunted.candidates, shown, before.groups),
            hunted=hunted if settings.state and may_hunt_warm(settings) and (plan.warm or not plan.watched) else None,
        )
        made.append(found)

    settings = hunt_settings(plan)
    if settings.engine == "spark":  # of a cluster, nothing is kept between hunts but the key of its hashes
        settings = settings.model_copy(update={"state": ""})
    customers = settings.watch.accounts or None
    case = hunt(inputs, customers, settings, progress=progress, after=sign, before=before)
    return made[0](case)


def _publish_snapshot(plan: HuntPlan, database: WatchDatabase, results: _Found, sequence: int, start: int) -> Snapshot:
    case, found = results.case, found_campaigns(results.case)
    case.run[DAMAGE] = list(results.damage)
    settled = with_returns(settle(known_campaigns(database), found, start), results.returned)
    lasting = with_lasting_ids(case, settled.lasting)
    row = _snapshot_row(case, sequence, plan.now)
    this = Look(row["made_at"], row["accounts"], row["days"], row["required_bits"])
    looks = [*recorded_looks(database, this.at), this]
    spent = ledger(looks, row["made_at"], plan.config.score.false_campaigns_per_month)
    kept = {
        **row,
        **{name: case.run.get(name) for name in (WARM, COLD)},
        SEED: plan.config.seed,
        "window_start": start,
        "budget": asdict(spent),
        DAMAGE: list(results.damage),
    }
    facts = json.dumps(kept, sort_keys=True).encode()
    signatures = results.signatures.renamed(settled.lasting)
    signatures = signatures.with_earlier(signatures_in_force(plan.data, plan.config.seed, plan.now))
    before = latest_snapshot(plan.data)
    earlier = [] if before is None else read_signs(before.path)
    signs = settle_signs(results.signs, earlier, settled.lasting, start)
    files = {WATCH_FILE: facts, SIGNATURES_FILE: as_json(signatures), SIGNS_FILE: signs_as_json(signs)}
    files |= {FOLLOW_UPS_FILE: follow_ups_as_json(results.follow_ups), **rule_files(results.rule_rows)}
    files[REMEMBERED_FILE] = parquet_bytes(results.remembered)
    snapshot = write_snapshot(plan.data, sequence, lasting, files)
    alerts = [*alerts_of(settled.events, lasting, row, plan.config.alerts), *_budget_alerts(spent, plan)]
    known = {one.sign_id for one in earlier}
    alerts += early_sign_alerts([one for one in signs if one.sign_id not in known], plan.config.alerts)
    store = shared_store(plan.config)
    shared = offer_snapshot(store, snapshot, plan.term or 0) if store is not None else ""
    with database.write() as connection:
        confirm_lease(connection, plan.term)
        if shared:
            record_shared_snapshot(connection, shared)
        record_hunt(connection, row, found, settled)
        lasting_bits = {(settled.lasting[name], account): bits for (name, account), bits in results.senders.items()}
        raise_sender_bits(connection, lasting_bits, plan.now)
        record_alerts(connection, alerts, plan.config.alerts)
    enter_links(database, results.by_queue, plan.config.alerts)
    plan.data.switch_latest(name_of(sequence))
    return snapshot


def _budget_alerts(spent: Ledger, plan: HuntPlan) -> list[Alert]:
    if spent.left >= 0:
        return []
    cost, allowed = formatting.number(spent.spent, 2), formatting.number(spent.allowed, 2)
    statement = f"The looks of the last 30 days may have cost {cost} false campaigns, and {allowed} are allowed"
    return [limit_alert("budget_limit", statement, plan.now, plan.config.alerts)]


def signatures_in_force(folder: DataFolder, seed: int, now: int) -> SignatureSet:
    """Signatures of the latest snapshot that have not expired; of one before it where its own cannot be read any more.

    They expire by the time of the log, which is that of its newest request: logs that are handed over late, or
    replayed, are followed as well. Requests of the future do not move it beyond the clock.
    """
    latest = latest_snapshot(folder)
    known = [] if latest is None else [one for one in all_snapshots(folder) if one.sequence <= latest.sequence]
    for snapshot in reversed(known[-SNAPSHOTS_TRIED:]):
        with suppress(CaseError):  # the next hunt makes new ones, with what is in force of these
            newest = snapshot.facts()["to_time"]
            found = read_signatures(snapshot.path / SIGNATURES_FILE, seed=seed)
            return found.in_force(now if newest is None else min(now, newest))
    return no_signatures(seed)


def signatures_at(snapshot: Snapshot, seed: int) -> SignatureSet:
    """All signatures of a snapshot; none where they cannot be read any more."""
    with suppress(CaseError):  # the next hunt makes new ones
        return read_signatures(snapshot.path / SIGNATURES_FILE, seed=seed)
    return no_signatures(seed)


def _snapshot_row(case: Case, sequence: int, now: int) -> dict[str, Any]:
    times, used = pc.min_max(case.timeline["bucket"].cast(pa.int64())), resource.getrusage(resource.RUSAGE_SELF)
    counts: dict[str, Any] = case.run["counts"]
    budget: dict[str, Any] = case.run["budget"]
    return {
        "sequence": sequence,
        "made_at": now or time.time_ns() // 1000,
        "from_time": times["min"].as_py(),
        "to_time": times["max"].as_py(),
        "requests": int(pc.sum(case.accounts["requests"]).as_py() or 0),
        "accounts": case.accounts.num_rows,
        "rejected": int(counts["rejects"]),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
        "required_bits": float(budget["required_bits"]),
        "days": float(budget["days"]),
    }
