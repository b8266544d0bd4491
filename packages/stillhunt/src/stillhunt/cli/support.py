"""`stillhunt support`: what helps whoever mends a fault, and nothing about customers."""

import json
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Annotated, Any
from urllib.request import urlopen

import typer
from sqlalchemy import select

from stillhunt._version import __version__
from stillhunt.base.case_folder import RUN_FILE
from stillhunt.base.config import Config, is_secret, setting_origins
from stillhunt.base.errors import CaseError, OutputError, StillhuntError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.base.table_files import write_whole
from stillhunt.cli.database import opened_database
from stillhunt.cli.doctor import examine
from stillhunt.cli.options import DEFAULT_DATA, DataOption, ForceFlag, SettingsOption
from stillhunt.cli.terminal import json_text, message_console, output_console
from stillhunt.watch.database.store import VERSION
from stillhunt.watch.database.tables import ALERTS, DELIVERIES
from stillhunt.watch.database.versions import database_version
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import existing_folder
from stillhunt.watch.snapshots import latest_snapshot

support_commands = typer.Typer(
    no_args_is_help=True, help="What helps whoever mends a fault, without texts and accounts."
)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_SENDER = re.compile(r'source="([^"-][^"]*)"')  # "-" is none
_NOT_SHOWN = "set, not shown"
_LATEST_ALERTS = 20
_SERVER_SECONDS = 2.0
"""For an answer of a server on this machine. Judgement: its metrics take some milliseconds."""


@support_commands.callback()
def _group() -> None:
    """What helps whoever mends a fault, without texts and accounts."""


@support_commands.command("bundle")
def support_bundle(
    data: DataOption = DEFAULT_DATA,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")] = Path(
        "stillhunt-support.json"
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Write it without asking.")] = False,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Show versions, settings, states and timings, and write them to a file if you agree.

    It holds no text, no account, no secret and no name of a file, and is sent nowhere: stillhunt has no telemetry. Read
    it before you attach it to a report.
    """
    if out.exists() and not force:
        raise OutputError("the file exists", where=str(out), next_step="name another", command_step="add --force")
    text = json_text(gather_bundle(data, settings_file))
    output_console().print(text, markup=False, highlight=False, soft_wrap=True)
    if yes or typer.confirm(f"Write this to {out}?", err=True):
        write_whole(out, (f"{text}\n".encode(),))
        message_console().print(f"written: {out}", markup=False, highlight=False)


def gather_bundle(data: Path, settings_file: Path | None) -> dict[str, Any]:
    """All that a bundle holds; what cannot be found out is left out or says so. The data folder need not exist."""
    try:
        settings: Any = dict(_changed_settings(settings_file))
        listen = Config.load(file=settings_file).serve.listen
    except StillhuntError as error:
        settings, listen = f"cannot be read: {type(error).__name__}", ""
    return {
        "stillhunt": __version__,
        "writes": {"case": CASE_VERSION, "database": VERSION},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "libraries": _libraries(),
        "checks": {check.name: check.state for check in examine()},
        "settings": settings,
        "data": _of_data(data, settings_file),
        "server": list(_server_metrics(listen)),
    }


def _libraries() -> dict[str, str]:
    """Versions of our distributions and of what they ask for; what else is installed here is nobody's business."""
    ours = [one for one in distributions() if one.name.lower() == "stillhunt" or one.name.startswith("stillhunt-")]
    asked = {_NAME.match(line).group() for one in ours for line in one.requires or ()}  # type: ignore[union-attr]  # each begins with a name
    found = {one.name: one.version for one in ours}
    for name in sorted(asked):
        with suppress(PackageNotFoundError):  # of an extra that is not installed
            found[name] = version(name)
    return found


def _changed_settings(settings_file: Path | None) -> Iterator[tuple[str, Any]]:
    """Settings that are not as they come. Of texts, which may name people and machines, only that they are set."""
    for name, value, origin, _ in setting_origins(file=settings_file):
        if origin != "default":
            plain = isinstance(value, bool | int | float) and not is_secret(name)
            yield name, value if plain else _NOT_SHOWN


def _of_data(data: Path, settings_file: Path | None) -> Any:
    """States and timings of a data folder."""
    try:
        folder = existing_folder(data)
    except CaseError:
        return "no data folder"
    found: dict[str, Any] = {
        part.name: _size_of(part)
        for part in (folder.spool, folder.dead_letters, folder.state, folder.snapshots)
        if part.exists()
    }
    found["latest_hunt"] = _latest_hunt(folder)
    try:
        with opened_database(data, settings_file, as_it_is=True) as database:
            latest = select(ALERTS.c.at, ALERTS.c.kind).order_by(ALERTS.c.at.desc()).limit(_LATEST_ALERTS)
            failed = select(DELIVERIES.c.alert_id).where(DELIVERIES.c.failure.is_not(None))
            found["database"] = {
                "version": database_version(database),
                "latest_alerts": database.read(latest),
                "failed_deliveries": len(database.read(failed)),
            }
    except Exception as error:  # a database in any state must not keep the rest from being told
        found["database"] = f"cannot be read: {type(error).__name__}"
    return found


def _size_of(folder: Path) -> dict[str, int]:
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            sizes += [path.lstat().st_size] if path.is_file() and not path.is_symlink() else []
    return {"files": len(sizes), "bytes": sum(sizes)}


def _latest_hunt(folder: DataFolder) -> Any:
    """Versions, counts and timings of the newest snapshot."""
    snapshot = latest_snapshot(folder)
    if snapshot is None:
        return "none"
    try:
        run = json.loads((snapshot.case / RUN_FILE).read_text(encoding="utf-8"))
        names = ("version", "case_version", "sketch_version", "timings")
        counts = {name: count for name, count in run["counts"].items() if isinstance(count, int)}
        return {"sequence": snapshot.sequence, **{name: run[name] for name in names}, "counts": counts}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"cannot be read: {type(error).__name__}"


def _server_metrics(listen: str) -> Iterator[str]:
    """Figures of the server that runs here, its senders numbered; nothing where none answers."""
    if not listen:
        return
    try:
        port = listen.rpartition(":")[2]
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_SERVER_SECONDS) as answer:
            lines = answer.read().decode().splitlines()
    except (OSError, ValueError):
        return
    ours = [line for line in lines if line.startswith("stillhunt_") and "_created" not in line]
    names = sorted({name for line in ours for name in _SENDER.findall(line)})
    yield from (_SENDER.sub(lambda found: f'source="{names.index(found[1]) + 1}"', line) for line in ours)
