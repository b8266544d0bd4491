"""`stillhunt inspect`: which logs these are, which field went into which column, and what they can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from stillhunt.base.config import Config
from stillhunt.cli.hunting import nested_settings
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json, printable
from stillhunt.collect.checks.coverage import by_address_sentence
from stillhunt.collect.inspection import InspectedInput, Inspection
from stillhunt.pipeline import inspect_logs

REASONS_SHOWN = 5
NAME_CHARS = 80


@dataclass(frozen=True)
class InspectOrder:
    """What the user asked for, as given on the command line."""

    logs: tuple[str, ...]
    accounts: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_file: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run_inspect(order: InspectOrder) -> int:
    """Read the logs, print what they are.

    Args:
        order: what was asked for.

    Returns:
        The exit code: 0, or 4 where more rows went to rejects than `collect.rejects_limit` allows.

    Raises:
        StillhuntError: settings or input cannot be used.
    """
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    with open_progress(quiet=order.quiet) as progress:
        found = inspect_logs(list(order.logs), order.accounts, config, mapping=dict(order.mapping), progress=progress)
    if order.as_json:
        print_json(_as_dict(found))
    else:
        print_inspection(output_console(), found)
    rows = sum(one.file.rows for one in found.inputs)
    return 4 if found.rejected > config.collect.rejects_limit * max(rows + found.rejected, 1) else 0


def print_inspection(console: Console, found: Inspection) -> None:
    """Print what some logs are.

    Args:
        console: where to.
        found: the logs.
    """
    rows = sum(one.file.rows for one in found.inputs)
    console.print(Text(f"{rows:,} requests of {found.accounts:,} accounts{_span(found)}.", "bold"))
    for one in found.inputs:
        _print_input(console, one, others=len({each.file.format for each in found.inputs if each.file.joined}) > 1)
    console.print()
    print_columns(console, [("evidence" if n == 0 else "", f.sentence) for n, f in enumerate(found.coverage)], ("dim",))
    if found.clients:
        console.print()
        print_columns(console, [("clients", printable(found.clients, 300))], ("dim",))
    told = [("not looked up", text) for text in found.unenriched] + [("sample", text) for text in found.sampled]
    if told:
        console.print()
        print_columns(console, told, ("dim",))
    if found.rejected:
        reasons = Counter(zip(found.rejects["source"].to_pylist(), found.rejects["reason"].to_pylist(), strict=True))
        lines = [f"{count:,} in {source}: {reason}" for (source, reason), count in reasons.most_common(REASONS_SHOWN)]
        shown = [
            (f"{found.rejected:,} rejects" if n == 0 else "", printable(line, 300)) for n, line in enumerate(lines)
        ]
        console.print()
        print_columns(console, shown, ("dim",))


def _print_input(console: Console, one: InspectedInput, *, others: bool) -> None:
    console.print()
    console.print(Text.assemble((printable(one.file.name, NAME_CHARS), "bold"), f": {one.title} ({one.file.format})"))
    lines = [("", f"{one.file.rows:,} requests")] if one.file.rows or not one.completes else []
    if one.completes and others:
        lines.append(("", f"completes {one.completes:,} {_calls(one.completes)} of other logs"))
    elif one.completes:
        lines.append(("", f"{one.completes:,} rows more of the same calls"))
    if one.file.by_address:
        lines.append(("", by_address_sentence(one.file.by_address)))
    lines += [("", f"{count:,} records passed over: {printable(why, 200)}") for why, count in _most(one)]
    lines += [("", f"check: {printable(told, 500)}") for told in one.file.doubts]
    lines += [("", note) for note in one.notes]
    print_columns(console, lines, ("dim",))
    mapped = []
    for name, count in one.filled.items():
        if count or name in one.carries:
            share = f"{100 * count / one.file.rows:.0f} %" if one.file.rows else "" if one.completes else "-"
            mapped.append((name, share, printable(one.carries.get(name, ""), 120)))
    print_columns(console, mapped, ("", "dim"), (18, 6))


def _calls(count: int) -> str:
    return "call" if count == 1 else "calls"


def _most(one: InspectedInput) -> list[tuple[str, int]]:
    return sorted(one.file.passed_over.items(), key=lambda pair: (-pair[1], pair[0]))[:REASONS_SHOWN]


def _span(found: Inspection) -> str:
    if found.first is None or found.last is None:
        return ""
    first, last = (datetime.fromtimestamp(t / 1e6, UTC).strftime("%Y-%m-%d %H:%M") for t in (found.first, found.last))
    return f", {first} to {last} UTC"


def _as_dict(found: Inspection) -> dict[str, Any]:
    return {
        "inputs": [asdict(one) for one in found.inputs],
        "accounts": found.accounts,
        "rejected": found.rejected,
        "rejects": found.rejects.slice(0, 100).to_pylist(),
        "coverage": [asdict(family) for family in found.coverage],
        "clients": found.clients,
        "unenriched": list(found.unenriched),
        "sampled": list(found.sampled),
    }
