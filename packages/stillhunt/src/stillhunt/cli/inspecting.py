"""`stillhunt inspect`: which logs these are, which field fills which column, and what evidence they allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.hunting import nested_settings
from stillhunt.cli.log_kinds import LogKind, log_kinds
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.collect.inspection import Inspection, by_address_sentence
from stillhunt.pipeline import inspect_logs
from stillhunt.triage import changed_values
from stillhunt.triage.score_breakdown import STATEMENT_CHARS

REJECT_REASONS_SHOWN = 5
FIELD_CHARS = 240


@dataclass(frozen=True)
class InspectOrder:
    """What the user asked for, as given on the command line."""

    logs: tuple[str, ...]
    accounts: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    accounts_mapping: Mapping[str, str] = field(default_factory=dict)
    every_file: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    settings_file: Path | None = None
    as_json: bool = False
    quiet: bool = False


def run_inspect(order: InspectOrder) -> int:
    """Read the logs, print what they are.

    Returns:
        The exit code: 0, or 4 where more rows went to rejects than `collect.rejects_limit` allows.

    Raises:
        StillhuntError: settings or input cannot be used.
    """
    config = Config.load(nested_settings(order.settings), file=order.settings_file)
    with open_progress(quiet=order.quiet) as progress:
        found = inspect_logs(
            list(order.logs),
            order.accounts,
            config,
            mapping=dict(order.mapping),
            accounts_mapping=dict(order.accounts_mapping),
            progress=progress,
        )
    if order.as_json:
        print_json(_as_dict(found))
    else:
        print_inspection(output_console(), found, every_file=order.every_file)
    rows = sum(one.file.rows for one in found.inputs)
    return 4 if found.rejected > config.collect.rejects_limit * max(rows + found.rejected, 1) else 0


def print_inspection(console: Console, found: Inspection, *, every_file: bool = False) -> None:
    """Print what some logs are: one block for the files of a kind.

    Args:
        every_file: one block for each file instead.
    """
    rows = sum(one.file.rows for one in found.inputs)
    console.print(Text(f"{formatting.volume(rows, found.accounts)}{_span(found)}.", "bold"))
    several = len({each.file.format for each in found.inputs if each.file.joined}) > 1
    for kind in log_kinds(found.inputs, every_file=every_file):
        _print_kind(console, kind, others=several, rejects=found.rejected > 0)
    reasons = Counter(zip(found.rejects["source"].to_pylist(), found.rejects["reason"].to_pylist(), strict=True))
    rejects = [
        formatting.shorten(f"{formatting.count(rows)} in {source}: {reason}", STATEMENT_CHARS)
        for (source, reason), rows in reasons.most_common(REJECT_REASONS_SHOWN)
    ]
    changed = changed_values({"changed": found.changed}, REJECT_REASONS_SHOWN)
    blocks = (
        [("evidence" if n == 0 else "", family.sentence) for n, family in enumerate(found.coverage)],
        [("clients", formatting.shorten(found.clients, STATEMENT_CHARS))] if found.clients else [],
        [("check", formatting.shorten(text, STATEMENT_CHARS)) for text in found.unmapped],
        [("not looked up", text) for text in found.unenriched] + [("sample", text) for text in found.sampled],
        [(formatting.plural(found.rejected, "reject") if n == 0 else "", text) for n, text in enumerate(rejects)],
        [("changed" if n == 0 else "", text) for n, text in enumerate(changed)],
    )
    for block in filter(None, blocks):
        console.print()
        print_columns(console, block, ("dim",))


def _print_kind(console: Console, kind: LogKind, *, others: bool, rejects: bool) -> None:
    one = kind.whole
    console.print()
    if kind.is_unread:
        why = "; the rejects say why" if rejects else ""
        console.print(Text.assemble((kind.heading, "bold"), f": no request{why}"))
        return
    what = f"{one.title} ({one.file.format})"
    several = len(kind.files) > 1
    console.print(
        Text.assemble((what, "bold"), f", {kind.heading}")
        if several
        else Text.assemble((kind.heading, "bold"), f": {what}")
    )
    lines = [formatting.plural(one.file.rows, "request")] if one.file.rows or not one.completes else []
    if one.completes and others:
        lines.append(f"completes {formatting.plural(one.completes, 'call')} of other logs")
    elif one.completes:
        lines.append(f"{formatting.plural(one.completes, 'more row')} of the same calls")
    if one.file.by_address:
        lines.append(by_address_sentence(one.file.by_address))
    passed_over = sorted(one.file.passed_over.items(), key=lambda pair: (-pair[1], pair[0]))[:REJECT_REASONS_SHOWN]
    lines += [
        f"{formatting.plural(count, 'record')} passed over: {formatting.shorten(why, STATEMENT_CHARS)}"
        for why, count in passed_over
    ]
    lines += [kind.idle] if kind.idle else []
    lines += [f"check: {doubt}" for doubt in kind.doubts()]
    print_columns(console, [("", line) for line in [*lines, *one.notes]], ("dim",))
    mapped = []
    for column, count in one.filled.items():
        if count or column in one.carries:
            share = formatting.share_of(count, one.file.rows) if one.file.rows else "" if one.completes else "-"
            origin = formatting.shorten(one.carries.get(column, ""), FIELD_CHARS)
            mapped.append((column, share, origin + kind.where_filled(column)))
    print_columns(console, mapped, ("", "dim"), (18, 6))


def _span(found: Inspection) -> str:
    if found.first is None or found.last is None:
        return ""
    first, last = (datetime.fromtimestamp(t / 1e6, UTC) for t in (found.first, found.last))
    return f", from {formatting.minute(first)} to {formatting.minute(last)}"


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
        "unmapped": list(found.unmapped),
        "changed": dict(found.changed),
    }
