"""Does the calibration carry over to a generator on which it was not fitted? The table of docs/calibration.md.

Examples, from the repository's root:

    python benchmarks/quality/left_out.py --rows FOLDER --texts TEXTS.parquet
    python benchmarks/quality/left_out.py --rows FOLDER --seeds 1 --honest 2        two generators, a short look

Worlds of three kinds: the first generator, the second, and the second with real texts (left out without a file of
them). For each kind in turn, caps and prior are fitted on the others: the caps under which most true candidates stand
`CLEAR` bits above every honest one, and the prior that puts the highest honest one as far below `act`. They are tested
on the kind left out. Hunts are kept in FOLDER for each state of the detector's source. Exit code 1 where an honest
candidate of a kind left out reached act.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
from candidates import GENERATORS, WorldKind, gather, weighed
from reliability import EDGES, Flags, Floats, calibration_error

from stillhunt import Config
from stillhunt.base.explanations import odds_against_all
from stillhunt.base.schema import FAMILIES

HONEST_SEED, RUNG_SEED, SEEDS_PER_RUNG = 6_001, 6_101, 10
RUNGS = {"first": (1, 2, 3, 4, 5, 6, 7, 8, 10, 11), "second": (1, 2, 3, 4, 5, 6, 10, 11), "texts": (1, 3, 5, 10)}
CLEAR = 3.0
"""Bits by which the verdict act shall lie above every honest candidate that was seen."""
GRID = {"content": (6.0, 8.0, 10.0), "queue": (8.0, 12.0, 16.0)}
"""Caps that are tried: of the families that count against every explanation, so that no other cap matters as much."""


@dataclass(frozen=True)
class Calibration:
    """Caps and a prior.

    Attributes:
        content, queue: caps in bits.
        prior: bits against separate customers; the priors against the other explanations move with it.
    """

    content: float
    queue: float
    prior: float


def world_kinds(honest: int, seeds: int, texts: Path | None) -> list[WorldKind]:
    """Honest worlds and worlds with campaigns, of each generator.

    Args:
        honest: honest worlds of each generator.
        seeds: worlds of each rung.
        texts: file of real texts; None leaves the third kind out.
    """
    kinds = []
    for generator in GENERATORS:
        if generator == "texts" and texts is None:
            continue
        source = texts if generator == "texts" else None
        kinds += [WorldKind(0, HONEST_SEED + n, generator=generator, texts=source) for n in range(honest)]
        for rung in RUNGS[generator]:
            # Honest rows depend on the seed alone: with one seed for all rungs, one class would count ten times.
            first = RUNG_SEED + SEEDS_PER_RUNG * rung
            kinds += [WorldKind(rung, first + n, generator=generator, texts=source) for n in range(seeds)]
    return kinds


def bits_under(rows: pa.Table, content: float, queue: float) -> Floats:
    """Log2 odds of each candidate, prior excluded, under the caps given; the others are those in force.

    Args:
        rows: candidates with their findings as measured.
        content, queue: caps of the families.
    """
    prior = Config().score.prior_bits
    return np.array(
        [
            odds_against_all([one.odds for one in weighed(text, content=content, queue=queue)]) - prior
            for text in rows["kinds"].to_pylist()
        ]
    )


def classes(rows: pa.Table) -> tuple[Flags, Flags]:
    """True and honest candidates that could be flagged; honest members make up most of the latter."""
    true, opened = (rows[name].to_numpy(zero_copy_only=False) for name in ("true", "open"))
    return true & ~opened, ~true & ~opened


def fitted(rows: pa.Table, act_bits: float) -> Calibration:
    """The caps that leave most true candidates clear of every honest one, and the prior that goes with them.

    Args:
        rows: candidates of the generators that are fitted on.
        act_bits: log2 odds from which the verdict is act.
    """
    true, honest = classes(rows)
    best: tuple[float, float] = (-1.0, 0.0)
    chosen = Calibration(0.0, 0.0, 0.0)
    for content, queue in product(*GRID.values()):
        bits = bits_under(rows, content, queue)
        highest = float(bits[honest].max())
        clear = bits[true] - highest - CLEAR
        rank = (float((clear >= 0).mean()), float(np.median(clear)))  # the median decides between equals
        if rank > best:
            best, chosen = rank, Calibration(content, queue, round(act_bits - CLEAR - highest, 1))
    return chosen


def tested(rows: pa.Table, calibration: Calibration, act_bits: float) -> tuple[str, int]:
    """A row of the table for the generator left out, and how many of its honest candidates would reach act.

    Args:
        rows: its candidates.
        calibration: fitted on the others.
        act_bits: log2 odds from which the verdict is act.
    """
    true, honest = classes(rows)
    bits = bits_under(rows, calibration.content, calibration.queue) + calibration.prior
    counted = true | honest
    probability = 1.0 / (1.0 + np.exp2(-bits[counted]))
    error = calibration_error(probability, true[counted], np.full(int(counted.sum()), 1.0 / counted.sum()), EDGES)
    place = int(np.argmax(np.where(honest, bits, -np.inf)))
    strongest = f"{bits[place]:+.1f} ({rows['size'][place].as_py()} {rows['persona'][place].as_py()})"
    false = int((bits[honest] >= act_bits).sum())
    return (
        f"{int(honest.sum()):,} | {int(true.sum())} | {strongest} | {false} | "
        f"{(bits[true] >= act_bits).mean():.2f} | {(bits[true] > bits[honest].max()).mean():.2f} | {error:.4f}"
    ), false


def page_lines(candidates: pa.Table) -> tuple[list[str], int]:
    """The table of what is fitted on the others and what it does on the generator left out.

    Args:
        candidates: of all worlds.

    Returns:
        The lines, and how many honest candidates of generators left out reach act.
    """
    odds = Config().score.act_probability
    act_bits = float(np.log2(odds / (1.0 - odds)))
    generator = np.array(candidates["generator"].to_pylist())
    lines = [
        (
            "| left out | caps fitted: content, queue | prior fitted | honest | true | "
            "highest honest, bits | honest at act | true at act | true above every honest | calibration error |"
        ),
        "|---" * 10 + "|",
    ]
    reached = 0
    for name in [g for g in GENERATORS if g in set(generator)]:
        own = pa.array(generator == name)
        others = candidates.filter(pa.array(generator != name))
        fit = fitted(others, act_bits)
        row, false = tested(candidates.filter(own), fit, act_bits)
        reached += false
        caps = f"{fit.content:g}, {fit.queue:g}"
        lines.append(f"| {name} | {caps} | {fit.prior:+.1f} | {row} |")
    settings = Config().score
    force = Calibration(settings.family_cap_bits.content, settings.family_cap_bits.queue, settings.prior_bits)
    for name in [g for g in GENERATORS if g in set(generator)]:
        row, _ = tested(candidates.filter(pa.array(generator == name)), force, act_bits)
        caps = f"{force.content:g}, {force.queue:g}"
        lines.append(f"| none: settings in force, {name} | {caps} | {force.prior:+.1f} | {row} |")
    fit = fitted(candidates, act_bits)
    lines += [
        "",
        f"Fitted on all: content {fit.content:g}, queue {fit.queue:g}, prior {fit.prior:+.1f} bits.",
        "",
        *kind_lines(candidates),
    ]
    return lines, reached


def kind_lines(candidates: pa.Table) -> list[str]:
    """Mean likelihood ratio of each kind over honest candidates, against separate customers and after caps.

    It is 1 or less where no search chose.
    """
    true, honest = classes(candidates)
    kinds: dict[str, list[tuple[bool, float]]] = {}
    family_of = {}
    for text, is_true, is_honest in zip(candidates["kinds"].to_pylist(), true, honest, strict=True):
        if is_true or is_honest:
            for finding in weighed(text)[0].findings:
                kinds.setdefault(finding.kind, []).append((bool(is_true), finding.bits))
                family_of[finding.kind] = finding.family
    lines = ["| family | kind | mean of 2^bits, honest | median bits, true |", "|---|---|---|---|"]
    for kind in sorted(kinds, key=lambda k: (FAMILIES.index(family_of[k]), k)):
        own = np.array([b for t, b in kinds[kind] if not t])
        found = np.array([b for t, b in kinds[kind] if t])
        # Candidates without the finding have ratio 1.
        mean = (float(np.exp2(own).sum()) + int(honest.sum()) - len(own)) / max(int(honest.sum()), 1)
        median = float(np.median(np.append(found, np.zeros(int(true.sum()) - len(found))))) if true.any() else 0.0
        lines.append(f"| {family_of[kind]} | {kind} | {mean:.2f} | {median:+.1f} |")
    return lines


def main(words: Sequence[str] | None = None) -> int:
    """Gather and print; 1 where a generator left out had an honest candidate at act."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where hunts are kept")
    parser.add_argument("--honest", type=int, default=6, help="honest worlds of each generator")
    parser.add_argument("--seeds", type=int, default=3, help="worlds of each rung")
    parser.add_argument("--texts", type=Path, help="Parquet file of real texts with the columns text and topic")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    arguments = parser.parse_args(words)
    kinds = world_kinds(arguments.honest, arguments.seeds, arguments.texts)
    candidates, _ = gather(arguments.rows, kinds, arguments.threads)
    lines, reached = page_lines(candidates)
    print("\n".join(lines))
    return int(reached > 0)


if __name__ == "__main__":
    sys.exit(main())
