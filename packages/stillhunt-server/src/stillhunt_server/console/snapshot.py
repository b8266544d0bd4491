"""The case that pages show: read once, kept in memory, and replaced by a newer one between two requests."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.container_memory import give_back
from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import Snapshot, latest_snapshot
from stillhunt_server.console.decision_table import with_ties

_LOG = logging.getLogger(__name__)
CAMPAIGNS_KEPT = 16
"""Campaigns whose members are kept ready to be shown. Judgement: those that a few analysts work on at a time; each
takes some 10 MB for 24,000 members."""


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
        self.case = Case.read(folder)
        self.model: CaseModel = self.case.model
        give_back()  # of what reading took, in case it is kept for long
        self.by_id: dict[str, CampaignModel] = {one.row["campaign_id"]: one for one in self.model.campaigns}
        # no method of this object: a cycle would keep a replaced case, 100 MB, until the garbage is collected
        members_of = partial(_members_of, self.case, self.model, self.by_id)
        self.members_of: Callable[[str], pa.Table] = lru_cache(CAMPAIGNS_KEPT)(members_of)
        self.count_cited: Callable[[str], int] = lru_cache(CAMPAIGNS_KEPT)(partial(_count_cited, self.case))

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


def _count_cited(case: Case, campaign: str) -> int:
    return int(_rows_of(case.cited, campaign).num_rows)


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

    def begin(self) -> None:
        """Begin to read the latest snapshot, so that the first page does not wait for it."""
        threading.Thread(target=self._load_first_case, name="stillhunt-snapshot", daemon=True).start()

    def _load_first_case(self) -> None:
        with suppress(Exception):  # the first page says it
            self.current()

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
                    self._shown = _read_shown_case(latest)
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
            self._shown = _read_shown_case(latest)
        except Exception:  # what was read before is still shown; the next hunt makes another snapshot
            self._failed = latest.sequence
            _LOG.exception("reading snapshot %s", latest.sequence)
        finally:
            self._reading.release()


def _read_shown_case(snapshot: Snapshot) -> ShownCase:
    return ShownCase(snapshot.case, snapshot.sequence, snapshot.facts())
