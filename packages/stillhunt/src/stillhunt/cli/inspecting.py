"""`stillhunt inspect`: which logs these are, which field fills which column, and what evidence they allow."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.cli.findings import EXIT_PARTIAL
from stillhunt.cli.moments import minute_of
from stillhunt.cli.options import (
    AccountsOption,
    FormatOption,
    JsonFlag,
    MapAccountsOption,
    MapOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    load_config,
    pairs,
)
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.inspection import InspectedInput, Inspection, by_address_sentence
from stillhunt.pipeline import inspect_logs
from stillhunt.triage import changed_values
from stillhunt.triage.model import NAME_CHARS
from stillhunt.triage.score_breakdown import STATEMENT_CHARS

REJECT_REASONS_SHOWN = 5
FIELD_CHARS = 240
NAMES_SHOWN = 3


@dataclass(frozen=True)
class LogKind:
    """Files of one format, or a single one; `whole` is all of them as one input: sums, and every origin of a column."""

    files: tuple[InspectedInput, ...]
    whole: InspectedInput

    @property
    def heading(self) -> str:
        """Which files these are."""
        if len(self.files) == 1:
            return _join_file_names(self.files)
        return f"{formatting.plural(len(self.files), 'file')}: {_join_file_names(self.files)}"

    @property
    def is_unread(self) -> bool:
        """Whether no format was recognised and no row used, so that no field fills a column."""
        return self.whole.file.format == CANONICAL_FORMAT and not self.whole.file.rows

    @property
    def idle(self) -> str:
        """Which of several files gave neither a request nor anything to one; empty where all gave something."""
        idle = [one for one in self.files if not one.file.rows and not one.completes]
        return f"nothing in {_count_and_name_files(idle)}" if idle and len(idle) < len(self.files) else ""

    def where_filled(self, column: str) -> str:
        """Which files fill a column, in words; empty where all of them do or none does."""
        used = [one for one in self.files if one.file.rows]
        filling = [one for one in used if one.filled[column]]
        lacking = [one for one in used if not one.filled[column]]
        return _describe_file_difference(filling, lacking)

    def doubts(self) -> list[str]:
        """What may be wrong, each with the files of which it is said where those are not all."""
        said = dict.fromkeys(doubt for one in self.files for doubt in one.file.doubts)
        lines = []
        for doubt in said:
            having = [one for one in self.files if doubt in one.file.doubts]
            lines.append(
                formatting.shorten(doubt, 400)
                + (_format_only_in_files(having) if len(having) < len(self.files) else "")
            )
        return lines


def inspect(
    logs: Annotated[
        list[str], typer.Argument(metavar="LOGS", help="Request logs, in any form that 'hunt' reads; never changed.")
    ],
    accounts: AccountsOption = None,
    mapping: MapOption = None,
    accounts_mapping: MapAccountsOption = None,
    log_format: FormatOption = None,
    every_file: Annotated[
        bool, typer.Option("--files", help="Show each file by itself, not the files of a kind together.")
    ] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Show which logs these are and what evidence they allow, without a hunt.

    Shows, for the files of each kind, the recognised format, which field fills which column and how often it has a
    value, what was passed over or rejected and why, and what each family of evidence lacks.
    """
    config = load_config(settings, settings_file, collect__format=log_format)
    with open_progress(quiet=quiet) as progress:
        found = inspect_logs(
            logs,
            accounts,
            config,
            mapping=pairs(mapping, "--map"),
            accounts_mapping=pairs(accounts_mapping, "--map-accounts"),
            progress=progress,
        )
    if as_json:
        print_json(_as_dict(found))
    else:
        print_inspection(output_console(), found, every_file=every_file)
    rows = sum(one.file.rows for one in found.inputs)
    raise typer.Exit(
        EXIT_PARTIAL if found.rejected > config.collect.rejects_limit * max(rows + found.rejected, 1) else 0
    )


def print_inspection(console: Console, found: Inspection, *, every_file: bool = False) -> None:
    """Print what some logs are: one block for the files of a kind, or one for each file."""
    rows = sum(one.file.rows for one in found.inputs)
    console.print(Text(f"{formatting.volume(rows, found.accounts)}{_format_time_span(found)}.", "bold"))
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


def _format_time_span(found: Inspection) -> str:
    if found.first is None or found.last is None:
        return ""
    return f", from {minute_of(found.first)} to {minute_of(found.last)}"


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


def log_kinds(inputs: Sequence[InspectedInput], *, every_file: bool = False) -> list[LogKind]:
    """The kinds of some inputs, in the order in which they come first; with `every_file` each file by itself."""
    kinds: dict[tuple[object, ...], list[InspectedInput]] = {}
    for place, one in enumerate(inputs):
        unread = one.file.format == CANONICAL_FORMAT and not one.file.rows
        key = (place,) if every_file else (one.file.format, unread)
        kinds.setdefault(key, []).append(one)
    return [LogKind(tuple(files), _merge_inspected_files(files)) for files in kinds.values()]


def _merge_inspected_files(files: Sequence[InspectedInput]) -> InspectedInput:
    first = files[0]
    if len(files) == 1:
        return first
    filled: Counter[str] = Counter()
    passed_over: Counter[str] = Counter()
    origins: dict[str, dict[str, None]] = {}
    for one in files:
        filled.update(one.filled)
        passed_over.update(one.file.passed_over)
        for column, origin in one.carries.items():
            origins.setdefault(column, {})[origin] = None
    file = replace(
        first.file,
        rows=sum(one.file.rows for one in files),
        passed_over=dict(passed_over),
        by_address=sum(one.file.by_address for one in files),
    )
    return replace(
        first,
        file=file,
        filled=dict(filled),
        carries={column: "; or ".join(found) for column, found in origins.items()},
        rejected=sum(one.rejected for one in files),
        completes=sum(one.completes for one in files),
    )


def _describe_file_difference(filling: Sequence[InspectedInput], lacking: Sequence[InspectedInput]) -> str:
    if not filling or not lacking:
        return ""
    return (
        _format_only_in_files(filling)
        if len(filling) <= len(lacking)
        else f" (not in {_count_and_name_files(lacking)})"
    )


def _format_only_in_files(files: Sequence[InspectedInput]) -> str:
    return f" (only in {_count_and_name_files(files)})"


def _count_and_name_files(files: Sequence[InspectedInput]) -> str:
    names = _join_file_names(files)
    return names if len(files) <= NAMES_SHOWN else f"{formatting.plural(len(files), 'file')}: {names}"


def _join_file_names(files: Iterable[InspectedInput]) -> str:
    return formatting.join_some([formatting.shorten(one.file.name, NAME_CHARS) for one in files], NAMES_SHOWN)
