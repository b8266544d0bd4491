"""Who is flagged where nobody harvests: honest worlds of each generator, all look-alikes, with upper bounds.

Examples, from the repository's root:

    python benchmarks/quality/honest_worlds.py --rows FOLDER --texts TEXTS.parquet     100 worlds, 300,000 accounts
    python benchmarks/quality/honest_worlds.py --rows FOLDER --third GENERATOR --worlds 0 0 0 50
    python benchmarks/quality/honest_worlds.py --rows FOLDER --worlds 4 2 0 0          a short look

`--write` puts the figures into `docs/figures`, from where pages take them. Hunts are kept in FOLDER for each state of
the detector's source. Exit code 1 where an account was flagged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from candidates import GENERATORS, THIRD, WorldKind, gather

from stillhunt_lab.bench.measures import upper_bound

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, write_figures

FIGURES = FOLDER / "honest_worlds.json"
ACCOUNTS, THIRD_ACCOUNTS, DAYS = 3_000, 600, 14
SEEDS = (70_001, 80_001, 90_001)
"""First seeds of the three families of worlds; no constant was chosen on them."""
WEEK = 7
RESOLD = {"reseller", "rented"}
NAMED_RIGHTLY = {"relay": RESOLD, "account_farm": {"trial_farm"}, "posing": {*RESOLD, "trial_farm"}}
"""Kinds of operation, and the personas of which one operator runs the accounts: such a finding is no error."""


def world_kinds(worlds: list[int], texts: Path | None, third: Path | None = None) -> list[WorldKind]:
    """Honest worlds, their seeds taken from the families in turn.

    Args:
        worlds: how many of each generator, in the order of `GENERATORS`, and of `THIRD`.
        texts: file of real texts; None leaves those worlds out.
        third: folder of a generator that is not of this repository; None leaves those worlds out.
    """
    needs = {"texts": texts, THIRD: third}
    return [
        WorldKind(
            0,
            SEEDS[n % len(SEEDS)] + n // len(SEEDS),
            THIRD_ACCOUNTS if generator == THIRD else ACCOUNTS,
            DAYS,
            generator,
            needs.get(generator),
        )
        for generator, count in zip((*GENERATORS, THIRD), worlds, strict=True)
        for n in range(count)
        if generator not in needs or needs[generator] is not None
    ]


def is_named_rightly(case: dict[str, Any]) -> bool:
    """Whether a group is what the case calls it: a relay, a farm, or posing accounts of one operator.

    Args:
        case: a row of candidates.
    """
    return case["persona"] in NAMED_RIGHTLY.get(case["operation_kind"], ())


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
    cases = [case for case in candidates.to_pylist() if case["verdict"] == "review"]
    wrong = [case for case in cases if not is_named_rightly(case)]
    total = len(persona)
    lines = [
        (
            f"{len(kinds)} honest worlds, {total:,} accounts: {int(flagged.sum())} flagged, at most "
            f"{100 * upper_bound(int(flagged.sum()), total):.4f} % (upper 95 % bound); {len(cases)} review "
            f"cases, {len(cases) - len(wrong)} of them named rightly; {len(wrong)} others, "
            f"{1e6 * len(wrong) / total / (DAYS / WEEK):.1f} per million accounts and week; "
            f"{int(review.sum())} accounts in review cases"
        ),
        "",
        "| generator | worlds | accounts | flagged | review cases | named rightly | highest bits, prior excluded |",
        "|---|---|---|---|---|---|---|",
    ]
    names = {kind.name: kind.generator for kind in kinds}
    of_account = np.array([names[world] for world in accounts["world"].to_pylist()])
    of_case = np.array(candidates["generator"].to_pylist())
    bits = np.where(candidates["open"].to_numpy(zero_copy_only=False), -np.inf, candidates["bits"].to_numpy())
    for generator in dict.fromkeys(names.values()):
        own, groups = of_account == generator, [case for case in cases if case["generator"] == generator]
        lines.append(
            f"| {generator} | {sum(g == generator for g in names.values())} | {int(own.sum()):,} | "
            f"{int(flagged[own].sum())} | {len(groups)} | {sum(map(is_named_rightly, groups))} | "
            f"{bits[of_case == generator].max(initial=-np.inf):.1f} |"
        )
    lines += ["", "| review case of | kind | persona of most | accounts | probability |", "|---|---|---|---|---|"]
    lines += [
        f"| {case['world']} | {case['operation_kind']} | {case['persona']} | {case['size']} | {case['score']:.3f} |"
        for case in sorted(wrong, key=lambda case: (case["world"], -case["score"]))
    ]
    lines += ["", "| persona | accounts | flagged | upper 95 % bound | in review |", "|---|---|---|---|---|"]
    for name in sorted(set(persona)):
        own = persona == name
        count, false = int(own.sum()), int(flagged[own].sum())
        lines.append(
            f"| {name} | {count:,} | {false} | {100 * upper_bound(false, count):.3f} % | {int(review[own].sum())} |"
        )
    return "\n".join(lines), int(flagged.sum())


def write(candidates: pa.Table, accounts: pa.Table, kinds: list[WorldKind]) -> None:
    """Write the figures that pages state, which are of the generators of this repository."""
    worlds = {kind.name for kind in kinds if kind.generator != THIRD}
    own, cases = ([row for row in table.to_pylist() if row["world"] in worlds] for table in (accounts, candidates))
    flagged, review = sum(row["flagged"] for row in own), [case for case in cases if case["verdict"] == "review"]
    wrong = sum(not is_named_rightly(case) for case in review)
    per_week = 1e6 * wrong / len(own) / (DAYS / WEEK)
    named = " that are not named rightly" if wrong < len(review) else ""
    values = {
        "honest-flagged": (
            f"{flagged} of {len(own):,}",
            f"honest accounts that are flagged in {len(worlds)} honest worlds",
        ),
        "honest-reviews": (f"{wrong} groups for review", f"groups for review in these worlds{named}"),
        "honest-review-rate": (f"{per_week:.1f} per million accounts and week", f"groups for review{named}"),
    }
    write_figures(FIGURES, "benchmarks/quality/honest_worlds.py --rows FOLDER --write", HUNT, values)


def main(words: list[str] | None = None) -> int:
    """Gather and print; 1 where an account was flagged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where hunts are kept")
    parser.add_argument("--worlds", type=int, nargs=4, default=[50, 30, 20, 50], help="worlds of each kind")
    parser.add_argument("--texts", type=Path, help="Parquet file of real texts with the columns text and topic")
    parser.add_argument("--third", type=Path, help="folder of a generator with world.py and specs")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    parser.add_argument("--write", action="store_true", help="write the figures of pages")
    arguments = parser.parse_args(words)
    kinds = world_kinds(arguments.worlds, arguments.texts, arguments.third)
    candidates, accounts = gather(arguments.rows, kinds, arguments.threads)
    text, flagged = report(candidates, accounts, kinds)
    print(text)
    if arguments.write:
        write(candidates, accounts, kinds)
    return int(flagged > 0)


if __name__ == "__main__":
    sys.exit(main())
