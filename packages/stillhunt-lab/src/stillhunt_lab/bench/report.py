"""Writes `docs/benchmark.md` from the rows: definitions, tables, commands; one part is written by hand and kept."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stillhunt import OutputError
from stillhunt_lab.bench.rows import GENERATORS, read_rows, read_sizes
from stillhunt_lab.bench.tables import (
    Row,
    ablation_table,
    best_baseline_sentence,
    honest_table,
    ladder_places,
    replay_table,
    rung_table,
    select,
    summary_table,
    table,
)
from stillhunt_lab.worlds.grammar import read_data

_TEXTS = read_data("benchmark_page")
KEPT_AT_FIRST: str = _TEXTS["kept_at_first"]
BEGIN = "<!-- kept by hand: from here -->"
END = "<!-- kept by hand: to here -->"


def write_report(out: Path, page: Path) -> int:
    """Write the page from the rows of a bench.

    Args:
        page: Markdown file to write; the part of it that is kept by hand stays.

    Returns:
        Number of rows it was made from.

    Raises:
        ConfigError: the folder holds no bench, or a row cannot be read.
        OutputError: the file is there and no such page, or cannot be written.
    """
    rows, sizes = read_rows(out), read_sizes(out)
    beside = page.with_name(page.name + ".part")
    try:
        kept = _kept_part(page)
        page.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(render_page(rows, sizes, kept), "utf-8")
        beside.replace(page)
    except (OSError, UnicodeDecodeError) as error:
        raise OutputError(
            f"the report cannot be written: {error}",
            where=str(page),
            next_step="name another file",
            command_step="name another file with --report",
        ) from error
    return len(rows)


def render_page(rows: Sequence[Row], sizes: dict[str, Any], kept: str = KEPT_AT_FIRST) -> str:
    """The page."""
    generators = [name for name in GENERATORS if select(rows, part="ladder", generator=name)]
    baselines = table(("name", "what it is", "thresholds"), _TEXTS["baseline_rows"])
    parts = [
        "# Benchmark\n",
        _TEXTS["introduction"],
        _sizes_sentence(rows, sizes),
        "## Definitions\n",
        _TEXTS["definitions"],
    ]
    parts += ["## What people use today\n", _TEXTS["baselines"].replace("{table}", baselines)]
    for name in generators:
        parts += [
            f"## stillhunt on the ladder, generator {name}\n",
            _TEXTS["generators"][name],
            summary_table(rows, name),
        ]
    if generators:
        parts.append("## Rung by rung\n")
    for rung, name in ladder_places(rows):
        parts += [f"### Rung {rung}, generator {name}\n", rung_table(rows, name, rung)]
        parts.append(best_baseline_sentence(rows, name, rung))
    parts.append("## Honest worlds\n")
    parts.append(honest_table(rows) if select(rows, part="honest") else "Not run.\n")
    for part, title, words, make in (
        ("replay", "First correct call", "", replay_table),
        ("ablation", "Without some of the evidence", _TEXTS["ablations"], ablation_table),
    ):
        parts += [f"## {title}\n", words] if words else [f"## {title}\n"]
        names = [name for name in GENERATORS if select(rows, part=part, generator=name)]
        for name in names:
            parts += [f"Generator {name}:\n", make(rows, name)]
        if not names:
            parts.append("Not run.\n")
    parts += ["## What was tried and fell short\n", BEGIN, kept.strip("\n"), f"{END}\n"]
    parts += ["## How to repeat it\n", _format_bench_commands(rows, sizes), _format_row_versions(rows)]
    return "\n".join(parts)


def _kept_part(page: Path) -> str:
    if not page.exists():
        return KEPT_AT_FIRST
    text = page.read_text("utf-8")
    _, begin, rest = text.partition(BEGIN)
    kept, end, _ = rest.partition(END)
    if not begin or not end:
        marks = f"put the lines '{BEGIN}' and '{END}' around what is to be kept"
        raise OutputError(
            "the file is there and is no page of the bench",
            where=str(page),
            next_step=f"name another file, or {marks}",
            command_step=f"name another with --report, or {marks}",
        )
    return kept


def _sizes_sentence(rows: Sequence[Row], sizes: dict[str, Any]) -> str:
    ladder = select(rows, part="ladder")
    seeds = sorted({row["seed"] for row in ladder})
    seeds_sentence = f"Seeds {_format_number_ranges(seeds)}. " if seeds else ""
    return (
        f"Worlds of the ladder: {sizes['accounts']:,} honest accounts, {sizes['days']} days, {sizes['campaigns']} "
        f"campaign(s) of {sizes['campaign_accounts']} accounts. {seeds_sentence}"
        f"Honest worlds: {sizes['honest_accounts']:,} accounts each. "
        "Shares are means over worlds with their smallest and largest value in brackets.\n"
    )


def _format_bench_commands(rows: Sequence[Row], sizes: dict[str, Any]) -> str:
    lines = []
    names = {"accounts", "days", "campaign_accounts", "campaigns", "honest_accounts"}
    common = " ".join(f"--{name.replace('_', '-')} {sizes[name]}" for name in sorted(names))
    for generator in GENERATORS:
        ladder = select(rows, part="ladder", generator=generator)
        if not ladder:
            continue
        seeds, rungs = sorted({r["seed"] for r in ladder}), sorted({r["rung"] for r in ladder})
        chosen = _format_number_ranges(rungs)
        options = f"--generator {generator} --rungs {chosen} --first-seed {seeds[0]} --seeds {len(seeds)}"
        texts = " --texts PARQUET" if generator == "texts" else ""
        extra = [flag for part, flag in (("replay", "--replay"), ("ablation", "--ablations"))
                 if select(rows, part=part, generator=generator)]  # fmt: skip
        honest = len({row["seed"] for row in select(rows, part="honest", generator=generator)})
        extra += [f"--honest {honest}"] if honest else []
        lines.append(" ".join(["    stillhunt lab bench --out FOLDER", options + texts, common, *extra]))
    return "\n".join(
        [*lines, "", "An interrupted bench resumes where it stopped; `--only-report` writes this page again.\n"]
    )


def _format_row_versions(rows: Sequence[Row]) -> str:
    counted = Counter(tuple(sorted(row["versions"].items())) for row in rows)
    lines = [
        f"- {count:,} rows: " + ", ".join(f"{name} {value}" for name, value in versions)
        for versions, count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]
    mixed = len({row["versions"]["detector"] for row in rows}) > 1
    warning = "\n**The rows were measured with more than one state of the detector; its hash tells which.**\n"
    return "\n".join(["`detector` and `lab` are hashes of the source files:\n", *lines, warning if mixed else ""])


def _format_number_ranges(numbers: Sequence[int]) -> str:
    """1, 2, 3, 5 as `1-3,5`."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
