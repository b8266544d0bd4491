"""Follows the snapshots that a hunter on another machine shares."""

from __future__ import annotations

import shutil
import threading

from stillhunt.base.errors import OutputError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import KeptThread, ServiceFaults
from stillhunt.watch.shared.objects import ObjectStore
from stillhunt.watch.shared.snapshots import KEPT_SNAPSHOTS, fetch_shared_snapshot
from stillhunt.watch.snapshots import all_snapshots

FETCH_SECONDS = 2.0
"""How often a new snapshot is looked for. Judgement: one row is read."""
FETCH_FAULT_NAME = "shared snapshot"


class SnapshotFetcher:
    """Fetches each new snapshot, in a thread of its own, until it is stopped."""

    def __init__(self, folder: DataFolder, database: WatchDatabase, store: ObjectStore, faults: ServiceFaults) -> None:
        self._folder, self._database, self._store, self._faults = folder, database, store, faults
        self._stopping = threading.Event()
        self.thread = KeptThread("snapshots", self._fetch_until_stopped, self._stopping.is_set)
        self.thread.report_to(faults)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self) -> None:
        """End, after what is being fetched."""
        self._stopping.set()
        self.thread.join()

    def _fetch_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                if fetch_shared_snapshot(self._folder, self._database, self._store):
                    for old in all_snapshots(self._folder)[:-KEPT_SNAPSHOTS]:  # this folder is no hunter's
                        shutil.rmtree(old.path, ignore_errors=True)
                self._faults.end(FETCH_FAULT_NAME)
            except OutputError as error:
                self._faults.begin(FETCH_FAULT_NAME, f"{error.what}; the last snapshot that was fetched is shown")
            self._stopping.wait(FETCH_SECONDS)
