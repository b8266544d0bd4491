"""The case that pages show: read once, kept in memory, and replaced by a newer one between two requests."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.column_files import column_of, mapped_tables, release_mapped
from stillhunt.base.container_memory import give_back
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.triage import Case
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import Snapshot, latest_snapshot
from stillhunt_server.console.decision_table import with_ties

_LOG = logging.getLogger(__name__)
_CODED = ("campaign_id", "model", "status", "client", "network", "country")
"""Columns of cited requests of few different texts: what a campaign's page filters by."""
CAMPAIGNS_KEPT = 16
"""Campaigns whose members are kept ready to be shown. Judgement: those that a few analysts work on at a time; each
takes some 10 MB for 24,000 members."""
_HELD_BYTES = 1 << 20
"""Bytes up to which a column stays in memory. Longer ones are in a file, 115 of 126 MB of a case of 47,000 accounts,
and take memory only when somebody has just looked at them. Judgement: small beside the libraries."""
SNAPSHOT_LOOK_SECONDS = 2.0
"""How often it is looked for a newer snapshot. Judgement: little beside the hunt, and one link is read."""


class ShownCase:
    """One case, with what pages need of it again and again.

    Args:
        sequence: number of the snapshot; 0 for a case that belongs to no data folder.
        facts: what the watch knew when the snapshot was made; empty for such a case.

    Raises:
        CaseError: it is missing, damaged, or of another version.
    """

    def __init__(self, folder: Path, sequence: int = 0, facts: dict[str, Any] | None = None) -> None:
        self.folder, self.sequence, self.facts = folder, sequence, facts or {}
        self.case = Case.read(folder, _hold_in_file)
        self.model: CaseModel = self.case.model
        give_back()  # of what reading took, in case it is kept for long
        self.by_id: dict[str, CampaignModel] = {one.row["campaign_id"]: one for one in self.model.campaigns}
        # no method of this object: a cycle would keep a replaced case, 100 MB, until the garbage is collected
        members_of = partial(_members_of, self.case, self.model, self.by_id)
        self.members_of: Callable[[str], pa.Table] = lru_cache(CAMPAIGNS_KEPT)(members_of)
        self.cited_of: Callable[[str, tuple[str, ...]], pa.Table] = partial(_cited_of, self.case, folder)
        self.count_cited: Callable[[str], int] = lru_cache(CAMPAIGNS_KEPT)(partial(_count_cited, self.case, folder))

    def campaign(self, campaign: str) -> CampaignModel:
        """What there is to say about a campaign.

        Raises:
            CaseError: this case has none of this id.
        """
        return _campaign_of(self.by_id, campaign)

    @cached_property
    def period(self) -> tuple[datetime, datetime] | None:
        """First and last harvested request of all campaigns with a verdict; None where there is none."""
        found = self.model.of_verdict("act", "review")
        if not found:
            return None
        return min(one.row["first_seen"] for one in found), max(one.row["last_seen"] for one in found)

    def of_campaign(self, name: str, campaign: str) -> pa.Table:
        """Rows of a short table that are about a campaign.

        Args:
            name: samples, timeline, origins, evidence or members.
        """
        return _rows_of(getattr(self.case, name), campaign)


def _hold_in_file(table: pa.Table) -> pa.Table:
    """The table with its long columns in a file that has no name."""
    long = [name for name in table.column_names if table[name].nbytes > _HELD_BYTES]
    try:
        held = mapped_tables([table.select(long)]) if long else []
    except OutputError as error:
        _LOG.warning("a case takes more memory: %s", error)
        return table
    for name in long if held else ():
        place = table.column_names.index(name)
        table = table.set_column(place, table.field(place), column_of(held, table.field(place)))
    return table


def _campaign_of(by_id: dict[str, CampaignModel], campaign: str) -> CampaignModel:
    if campaign not in by_id:
        raise CaseError(
            "this snapshot has no campaign of this id",
            where="campaigns",
            next_step="look for it in the queue; its history is kept where it was seen before",
        )
    return by_id[campaign]


def _members_of(case: Case, model: CaseModel, by_id: dict[str, CampaignModel], campaign: str) -> pa.Table:
    return with_ties(account_facts(model, [_campaign_of(by_id, campaign)]), _rows_of(case.evidence, campaign))


def _count_cited(case: Case, folder: Path, campaign: str) -> int:
    """By the one column that it takes: the table is 50 MB where it is long."""
    with suppress(OSError, KeyError, pa.ArrowException), pq.ParquetFile(folder / "cited.parquet") as file:
        return int(pc.sum(pc.equal(file.read(["campaign_id"])["campaign_id"], campaign), min_count=0).as_py())
    return int(_rows_of(case.cited, campaign).num_rows)  # which says what is wrong


def _cited_of(case: Case, folder: Path, campaign: str, columns: tuple[str, ...]) -> pa.Table:
    """Some columns of the requests that findings about a campaign name; those of few different texts are coded.

    All columns are 90 MB where the table is long, and take longer to read than a page may.
    """
    # AttributeError: a row group does not say what it holds
    with suppress(OSError, KeyError, ValueError, AttributeError, pa.ArrowException):
        with pq.ParquetFile(folder / "cited.parquet", read_dictionary=list(_CODED)) as file:
            known = [file.metadata.row_group(one).column(0).statistics for one in range(file.num_row_groups)]
            groups = [place for place, one in enumerate(known) if one.min <= campaign <= one.max]
            table = file.read_row_groups(groups, ["campaign_id", *columns], use_threads=False)
        table.validate(full=True)
        return _rows_of(table, campaign).select(list(columns))
    return _rows_of(case.cited, campaign).select(list(columns))  # which says what is wrong


def _rows_of(table: pa.Table, campaign: str) -> pa.Table:
    places = pc.indices_nonzero(pc.equal(table["campaign_id"], campaign))
    if not len(places):
        return table.slice(0, 0)
    first, last = places[0].as_py(), places[-1].as_py()
    # in a case folder they stand together: then nothing is copied
    return table.slice(first, len(places)) if last - first + 1 == len(places) else table.take(places)


class CaseSource(Protocol):
    """Where the case that pages show comes from."""

    def current(self) -> ShownCase | None:
        """The case as it is now; None before the first hunt."""

    def newest(self, wait: float) -> ShownCase | None:
        """The same of the latest hunt, for which it is waited so many seconds while it is read."""

    def is_reading(self) -> bool:
        """Whether a newer case than the one that is shown is being read."""


class FixedSource:
    """One case folder that does not change.

    Raises:
        CaseError: it is missing, damaged, or of another version.
    """

    def __init__(self, folder: Path) -> None:
        self._shown = ShownCase(folder)

    def current(self) -> ShownCase:
        """The case."""
        return self._shown

    def newest(self, wait: float) -> ShownCase:  # noqa: ARG002 - there is no other one
        """The case."""
        return self._shown

    def is_reading(self) -> bool:
        """Whether a newer one is read: never."""
        return False


class LatestSource:
    """The latest snapshot of a data folder; requests see the older one until a newer one is read beside them."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder
        self._shown: ShownCase | None = None
        self._reading = threading.Lock()
        self._failed = 0
        self._followed = False  # whether a case was prepared
        # what is made of a case before pages show it, and what is done when they do
        self._prepare: Callable[[ShownCase], object] = lambda _shown: None
        self._adopt: Callable[[ShownCase], object] = self._prepare

    def begin(self, prepare: Callable[[ShownCase], object], adopt: Callable[[ShownCase], object]) -> None:
        """Begin to read the latest snapshot, and each that follows, so that no page waits for it.

        Args:
            prepare: makes of each case what its first pages need; of the first one, beside them.
            adopt: drops what was made of the case before as pages show this one, and does what can wait until then.
        """
        self._prepare, self._adopt = prepare, adopt
        threading.Thread(
            target=_follow_snapshots, args=(weakref.ref(self),), name="stillhunt-snapshots", daemon=True
        ).start()

    def load_latest(self) -> None:
        """Read the latest snapshot beside the pages where it is a newer one; prepare the first one, too."""
        with suppress(Exception):  # each page says it, and tries again
            latest = latest_snapshot(self._folder)
            if latest is None or latest.sequence == self._failed:
                return
            shown = self.current()
            if shown is not None and not self._followed:  # a page may have read it by now
                self._followed = True
                _do_beside(self._prepare, shown)
                _do_beside(self._adopt, shown)

    def current(self) -> ShownCase | None:
        """The case of the latest snapshot that could be read; None before the first hunt.

        Raises:
            CaseError: the only snapshot is damaged.
        """
        latest, shown = latest_snapshot(self._folder), self._shown
        if latest is None or (shown is not None and latest.sequence == shown.sequence):
            return shown
        if shown is None:
            with self._reading:
                if self._shown is None:
                    self._failed = latest.sequence  # until it is read
                    self._shown = _read_shown_case(latest)
                    self._failed = 0
            return self._shown
        if latest.sequence != self._failed and self._reading.acquire(blocking=False):
            threading.Thread(
                target=self._replace_shown_case, args=(latest,), name="stillhunt-snapshot", daemon=True
            ).start()
        return shown

    def newest(self, wait: float) -> ShownCase | None:
        """The case of the latest snapshot, for which it is waited while it is read; the older one if that takes longer.

        Args:
            wait: seconds at most.

        Raises:
            CaseError: the only snapshot is damaged.
        """
        shown = self.current()
        if self.is_reading() and self._reading.acquire(timeout=wait):
            self._reading.release()
            return self._shown
        return shown

    def is_reading(self) -> bool:
        """Whether a newer snapshot than the one that is shown is being read."""
        return self._shown is not None and self._reading.locked()

    def _replace_shown_case(self, latest: Snapshot) -> None:
        try:
            read = _read_shown_case(latest)
            _do_beside(self._prepare, read)
            self._shown = read
        except Exception:  # what was read before is still shown; the next hunt makes another snapshot
            self._failed = latest.sequence
            _LOG.exception("reading snapshot %s", latest.sequence)
            return
        finally:
            self._reading.release()
        _do_beside(self._adopt, read)
        give_back()  # of the case before, which is 100 MB


def _do_beside(work: Callable[[ShownCase], object], read: ShownCase) -> None:
    try:
        work(read)
    except Exception:  # pages derive then what they need, and say what is wrong
        _LOG.exception("preparing snapshot %s", read.sequence)


def _follow_snapshots(source: weakref.ref[LatestSource]) -> None:
    """Look for a newer snapshot again and again, as long as somebody has the source."""
    while (kept := source()) is not None:
        kept.load_latest()
        del kept
        release_mapped()  # what pages looked at meanwhile
        time.sleep(SNAPSHOT_LOOK_SECONDS)


def _read_shown_case(snapshot: Snapshot) -> ShownCase:
    return ShownCase(snapshot.case, snapshot.sequence, snapshot.facts())
