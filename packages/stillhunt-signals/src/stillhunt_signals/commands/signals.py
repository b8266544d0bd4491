"""`stillhunt signals`: outside signals as evidence; each command is imported when it runs."""

from __future__ import annotations

from stillhunt.commands import CommandEntry, lazy_typer

SIGNALS_TABLE: dict[str, CommandEntry] = {}
signal_commands = lazy_typer(
    SIGNALS_TABLE, "Signals that you know of accounts beside the log: what they say, and what they would have changed."
)
