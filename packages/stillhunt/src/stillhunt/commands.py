"""What commands of other distributions share with those of the core: options, screens, progress, and refusals.

Names are loaded when they are used, so that a command pays only for what it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

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
    from stillhunt.cli.moments import minute_of, read_clock, time_of
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
        NoteOption,
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
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
