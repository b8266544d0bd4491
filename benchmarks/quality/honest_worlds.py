"""Who is flagged where nobody harvests: honest worlds of each generator, all look-alikes, with upper bounds.

Examples, from the repository's root:

    python benchmarks/quality/honest_worlds.py --rows FOLDER --texts TEXTS.parquet     100 worlds, 300,000 accounts
    python benchmarks/quality/honest_worlds.py --rows FOLDER --worlds 4 2 0            a short look

`--write` puts the figures into `docs/figures`, from where pages take them. Hunts are kept in FOLDER for each state of
the detector's source. Exit code 1 where an account was flagged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from candidates import GENERATORS, WorldKind, gather

from stillhunt_lab.bench.measures import upper_bound

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, write_figures

FIGURES = FOLDER / "honest_worlds.json"
ACCOUNTS, DAYS = 3_000, 14
SEEDS = (70_001, 80_001, 90_001)
"""First seeds of the three families of worlds; no constant was chosen on them."""
WEEK = 7


def world_kinds(worlds: list[int], texts: Path | None) -> list[WorldKind]:
    """Honest worlds, their seeds taken from the families in turn.

    Args:
        worlds: how many of each generator, in the order of `GENERATORS`.
        texts: file of real texts; None leaves those worlds out.
    """
    return [
        WorldKind(0, SEEDS[n % len(SEEDS)] + n // len(SEEDS), ACCOUNTS, DAYS, generator, texts)
        for generator, count in zip(GENERATORS, worlds, strict=True)
        for n in range(count)
        if generator != "texts" or texts is not None
    ]


def report(candidates: pa.Table, accounts: pa.Table, kinds: list[WorldKind]) -> tuple[str, int]:
    """The tables as text, and how many accounts were flagged.

    Args:
        candidates: of all worlds.
        accounts: of all worlds.
        kinds: the worlds.
    """
    persona = np.array(accounts["persona"].to_pylist())
    flagged = accounts["flagged"].to_numpy(zero_copy_only=False)
    review = np.array(accounts["verdict"].to_pylist()) == "review"
    cases = np.array(candidates["verdict"].to_pylist()) == "review"
    total = len(persona)
    weeks = DAYS / WEEK
    lines = [
        (
            f"{len(kinds)} honest worlds, {total:,} accounts: {int(flagged.sum())} flagged, at most "
            f"{100 * upper_bound(int(flagged.sum()), total):.4f} % (upper 95 % bound); {int(cases.sum())} review "
            f"cases, {1e6 * cases.sum() / total / weeks:.1f} per million accounts and week, {int(review.sum())} "
            "accounts in them"
        ),
        "",
        "| generator | worlds | accounts | flagged | review cases | accounts in them | highest bits, prior excluded |",
        "|---|---|---|---|---|---|---|",
    ]
    names = {kind.name: kind.generator for kind in kinds}
    of_account = np.array([names[world] for world in accounts["world"].to_pylist()])
    of_case = np.array(candidates["generator"].to_pylist())
    bits = np.where(candidates["open"].to_numpy(zero_copy_only=False), -np.inf, candidates["bits"].to_numpy())
    for generator in dict.fromkeys(names.values()):
        own, groups = of_account == generator, of_case == generator
        lines.append(
            f"| {generator} | {sum(g == generator for g in names.values())} | {int(own.sum()):,} | "
            f"{int(flagged[own].sum())} | {int(cases[groups].sum())} | {int(review[own].sum())} | "
            f"{bits[groups].max(initial=-np.inf):.1f} |"
        )
    lines += ["", "| persona | accounts | flagged | upper 95 % bound | in review |", "|---|---|---|---|---|"]
    for name in sorted(set(persona)):
        own = persona == name
        count, false = int(own.sum()), int(flagged[own].sum())
        lines.append(
            f"| {name} | {count:,} | {false} | {100 * upper_bound(false, count):.3f} % | {int(review[own].sum())} |"
        )
    return "\n".join(lines), int(flagged.sum())


def write(candidates: pa.Table, accounts: pa.Table, worlds: int) -> None:
    """Write the figures that pages state."""
    flagged, total = sum(accounts["flagged"].to_pylist()), accounts.num_rows
    cases = candidates["verdict"].to_pylist().count("review")
    per_week = 1e6 * cases / total / (DAYS / WEEK)
    values = {
        "honest-flagged": (f"{flagged} of {total:,}", f"honest accounts that are flagged in {worlds} honest worlds"),
        "honest-reviews": (f"{cases} groups for review", "groups for review in these worlds"),
        "honest-review-rate": (f"{per_week:.1f} per million accounts and week", "groups for review"),
    }
    write_figures(FIGURES, "benchmarks/quality/honest_worlds.py", HUNT, values)


def main(words: list[str] | None = None) -> int:
    """Gather and print; 1 where an account was flagged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where hunts are kept")
    parser.add_argument("--worlds", type=int, nargs=3, default=[50, 30, 20], help="worlds of each kind")
    parser.add_argument("--texts", type=Path, help="Parquet file of real texts with the columns text and topic")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    parser.add_argument("--write", action="store_true", help="write docs/figures/honest_worlds.json")
    arguments = parser.parse_args(words)
    kinds = world_kinds(arguments.worlds, arguments.texts)
    candidates, accounts = gather(arguments.rows, kinds, arguments.threads)
    text, flagged = report(candidates, accounts, kinds)
    print(text)
    if arguments.write:
        write(candidates, accounts, len(kinds))
    return int(flagged > 0)


if __name__ == "__main__":
    sys.exit(main())
