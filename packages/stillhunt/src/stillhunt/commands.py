"""What commands of other distributions share with those of the core: options, screens, progress, and refusals.

Names are loaded when they are used, so that a command pays only for what it needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stillhunt.cli.compiling import compile_once
    from stillhunt.cli.database import opened_database
    from stillhunt.cli.entries import CommandEntry, part_of_another
    from stillhunt.cli.exporting import STDOUT, refuse_existing
    from stillhunt.cli.findings import EXIT_PARTIAL
    from stillhunt.cli.hunting import write_and_show
    from stillhunt.cli.interrupts import allow_draining
    from stillhunt.cli.lazy import lazy_typer
    from stillhunt.cli.live_screen import Screen, open_screen
    from stillhunt.cli.moments import minute_of, read_clock
    from stillhunt.cli.options import (
        DEFAULT_DATA,
        OPEN_LISTEN,
        AccountsOption,
        DataOption,
        ForceFlag,
        JsonFlag,
        MapAccountsOption,
        MapOption,
        NewDataOption,
        QuietFlag,
        SeedOption,
        SetOption,
        SettingsOption,
        WatchedAccountsOption,
        load_config,
        pairs,
        refuse_unused,
    )
    from stillhunt.cli.progress import MEGABYTE, open_progress
    from stillhunt.cli.terminal import (
        json_text,
        login_name,
        message_console,
        output_console,
        print_bytes,
        print_columns,
        print_json,
        safe_lines,
    )
    from stillhunt.cli.watching import check_watched
    from stillhunt.triage.folder import check_existing

_HOMES = {
    "stillhunt.cli.compiling": "compile_once",
    "stillhunt.cli.database": "opened_database",
    "stillhunt.cli.entries": "CommandEntry part_of_another",
    "stillhunt.cli.exporting": "STDOUT refuse_existing",
    "stillhunt.cli.findings": "EXIT_PARTIAL",
    "stillhunt.cli.hunting": "write_and_show",
    "stillhunt.cli.interrupts": "allow_draining",
    "stillhunt.cli.lazy": "lazy_typer",
    "stillhunt.cli.moments": "minute_of read_clock",
    "stillhunt.cli.live_screen": "Screen open_screen",
    "stillhunt.cli.options": (
        "DEFAULT_DATA OPEN_LISTEN AccountsOption DataOption ForceFlag JsonFlag MapAccountsOption MapOption "
        "NewDataOption QuietFlag SeedOption SetOption SettingsOption WatchedAccountsOption load_config pairs "
        "refuse_unused"
    ),
    "stillhunt.cli.progress": "MEGABYTE open_progress",
    "stillhunt.cli.terminal": (
        "json_text login_name message_console output_console print_bytes print_columns print_json safe_lines"
    ),
    "stillhunt.cli.watching": "check_watched",
    "stillhunt.triage.folder": "check_existing",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "DEFAULT_DATA",
    "EXIT_PARTIAL",
    "MEGABYTE",
    "OPEN_LISTEN",
    "STDOUT",
    "AccountsOption",
    "CommandEntry",
    "DataOption",
    "ForceFlag",
    "JsonFlag",
    "MapAccountsOption",
    "MapOption",
    "NewDataOption",
    "QuietFlag",
    "Screen",
    "SeedOption",
    "SetOption",
    "SettingsOption",
    "WatchedAccountsOption",
    "allow_draining",
    "check_existing",
    "check_watched",
    "compile_once",
    "json_text",
    "lazy_typer",
    "load_config",
    "login_name",
    "message_console",
    "minute_of",
    "open_progress",
    "open_screen",
    "opened_database",
    "output_console",
    "pairs",
    "part_of_another",
    "print_bytes",
    "print_columns",
    "print_json",
    "read_clock",
    "refuse_existing",
    "refuse_unused",
    "safe_lines",
    "write_and_show",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
