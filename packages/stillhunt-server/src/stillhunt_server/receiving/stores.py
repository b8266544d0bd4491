"""The store that several machines share, as the setting `serve.store` names it: what goes in, and what is fetched.

Receivers put records there and keep nothing; hunters fetch them into the spools of their own data folders.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.config_live import ServeSettings
from stillhunt.watch.folder import DataFolder, write_synced
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.shared.objects import is_object_store, open_object_store
from stillhunt_server.receiving.brokers import Intake, fetching_from, load_broker
from stillhunt_server.receiving.committer import Committer
from stillhunt_server.receiving.object_merging import ObjectMerger
from stillhunt_server.receiving.object_records import FETCHED, FetchedNames, ObjectFetcher, RecordObjects
from stillhunt_server.receiving.sinks import BROKER_PACE, OBJECT_PACE, RecordSink, SharedSink

FETCHER_FILE = "fetcher"
"""File of a data folder with the name under which it reads a broker that is the store."""


@contextmanager
def open_sink(settings: ServeSettings, folder: DataFolder, faults: ServiceFaults) -> Iterator[RecordSink]:
    """Where received records are stored: the spool of the data folder, or the store that the settings name.

    Raises:
        ConfigError: the store cannot be used, or its client is not installed.
    """
    sink: Committer | SharedSink
    if not settings.store:
        sink = Committer(folder.spool, faults=faults)
        sink.thread.report_to(faults)
    elif is_object_store(settings.store):
        objects = RecordObjects(open_object_store(settings.store))
        sink = SharedSink(objects.store_records, OBJECT_PACE, faults)
    else:
        client = load_broker(settings.store)
        sender = (client.KafkaSender if settings.store == "kafka" else client.NatsSender)(settings)
        sink = SharedSink(sender.store_records, BROKER_PACE, faults)
    try:
        yield sink
    finally:
        sink.stop()


@contextmanager
def fetching_stored(
    config: Config, folder: DataFolder, intake: Intake, leads: Callable[[], bool] = lambda: False
) -> Iterator[None]:
    """Fetch what receivers stored into the spool of a hunter; do nothing where it is received there itself.

    Args:
        leads: whether this process has the lease, so that it also merges small objects.

    Raises:
        ConfigError: the store cannot be used, or its client is not installed.
    """
    settings = config.serve
    if not settings.store:
        yield
        return
    local = settings.model_copy(update={"store": ""})
    with open_sink(local, folder, intake.faults) as spool:
        if not is_object_store(settings.store):
            with fetching_from(settings.store, _name_own_reader(settings, folder.path), spool, intake):
                yield
            return
        names = FetchedNames(folder.path / FETCHED)
        store, days = open_object_store(settings.store), config.watch.spool_days
        fetcher = ObjectFetcher(store, spool, names, intake.limits, intake.traffic, days)
        merger = ObjectMerger(store, leads)
        merger.thread.report_to(intake.faults)
        fetcher.start(intake.faults)
        merger.start()
        try:
            yield
        finally:
            merger.stop()
            fetcher.stop()


def _name_own_reader(settings: ServeSettings, data: Path) -> ServeSettings:
    """The settings with a consumer of this data folder's own: every hunter reads all messages."""
    file = data / FETCHER_FILE
    if not file.exists():
        write_synced(file, secrets.token_hex(4).encode())
    own = file.read_text("ascii")
    return settings.model_copy(
        update={"nats_consumer": f"{settings.nats_consumer[:48]}-{own}", "kafka_group": f"{settings.kafka_group}-{own}"}
    )
