"""The console of a data folder, as it stands in whatever process makes its pages."""

from __future__ import annotations

from stillhunt.base.config import Config
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt_server.console.app import console_app
from stillhunt_server.console.context import Console
from stillhunt_server.console.navigation import plugin_pages
from stillhunt_server.console.snapshot import LatestSource
from stillhunt_server.database_threads import DatabaseThreads
from stillhunt_server.people.guard import Guard
from stillhunt_server.people.people import people_of


def open_data_console(
    folder: DataFolder, config: Config, database: WatchDatabase, faults: ServiceFaults
) -> tuple[Console, Guard]:
    """What its pages work on, and the application; the latest snapshot is read from now on.

    Raises:
        ConfigError: OpenID Connect is set, and its library is not installed.
    """
    threads, source = DatabaseThreads(faults), LatestSource(folder)
    people = people_of(database, config.console, threads)
    preparers = [page.prepare for page in plugin_pages() if page.prepare is not None]
    console = Console(source, config, folder, database, faults=faults, threads=threads, preparers=preparers)
    source.begin(console.prepare, console.adopt)
    return console, console_app(console, people)
