"""Do stated probabilities match observed shares, and are the families independent? Written to docs/calibration.md.

Examples, from the repository's root:

    python benchmarks/quality/calibration.py --rows FOLDER --texts TEXTS.parquet          print the page
    python benchmarks/quality/calibration.py --rows FOLDER --texts TEXTS.parquet --write  also write docs/calibration.*
    python benchmarks/quality/calibration.py --rows FOLDER --honest 4 --seeds 1           a short look

Every candidate of every world counts, whatever its verdict: its stated probability against the truth, weighted to the
stated prior. Hunts are kept in FOLDER for each state of the detector's source, so a second run takes seconds.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
from candidates import gather, source_fingerprint
from left_out import page_lines, world_kinds
from reliability import (
    EDGES,
    Bin,
    brier,
    calibration_error,
    correlations,
    fitted_line,
    measured_bits,
    plot,
    reliability,
    weights_at,
)
from tails import numbered

from stillhunt import Config
from stillhunt.base.schema import FAMILIES

DOCS = Path(__file__).parents[2] / "docs"
PACK_TEXTS = DOCS.parent / "packages/stillhunt-evidence/src/stillhunt_evidence/pages/page_texts.toml"
BITS = (-40, -8, -4, -2, 0, 2, 4, 6, 8, 10, 12, 16, 20, 24, 40)
GOAL = 0.2
"""Largest correlation of two families that may count as independent."""


def bin_lines(bins: list[Bin]) -> list[str]:
    """A reliability table in Markdown."""
    lines = [
        "| stated | number | of them true | mean stated | observed share | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    lines.extend(
        f"| {one.low:g} - {one.high:g} | {one.count:,} | {one.true:,} | {one.stated:.4f} | {one.observed:.4f} "
        f"| {one.observed_low:.3f} - {one.observed_high:.3f} |"
        for one in bins
    )
    return lines


def campaign_lines(candidates: pa.Table, prior_bits: float) -> tuple[list[str], dict[str, list[Bin]]]:
    """Calibration of the candidates' probabilities, at the stated prior and at even odds."""
    bits, true = candidates["bits"].to_numpy(), candidates["true"].to_numpy(zero_copy_only=False)
    lines, curves = [], {}
    for name, prior in ((f"at the stated prior ({prior_bits:g} bits)", prior_bits), ("at even odds (0 bits)", 0.0)):
        probability = 1.0 / (1.0 + np.exp2(-(bits + prior)))
        weight = weights_at(prior, true)
        bins = reliability(probability, true, weight, EDGES)
        error = calibration_error(probability, true, weight, EDGES)
        lines += [
            "",
            (
                f"**Candidates {name}**: expected calibration error {error:.4f}, Brier score "
                f"{brier(probability, true, weight):.4f}."
            ),
            "",
            *bin_lines(bins),
        ]
        curves[f"candidates {name}"] = bins
    return lines, curves


def line_sentence(offset: float, slope: float) -> str:
    """What a fitted line means for whoever reads stated bits.

    Args:
        offset: measured bits where 0 are stated.
        slope: measured bits for each stated bit.
    """
    worth = f"Ten stated bits are worth {offset + 10 * slope:+.1f}, and ten against {offset - 10 * slope:+.1f}"
    if round(slope, 2) == 1.0:
        return f"{worth}: one stated bit doubles the odds."
    side = "less" if slope < 1.0 else "more"
    return f"{worth}: one stated bit multiplies the odds by {2**slope:.2f}, {side} than the two that the word promises."


def bits_lines(candidates: pa.Table) -> list[str]:
    """What the bits are worth."""
    bits, true = candidates["bits"].to_numpy(), candidates["true"].to_numpy(zero_copy_only=False)
    lines = ["| stated bits | honest | true | measured bits |", "|---|---|---|---|"]
    for low, high, honest, found, measured in measured_bits(bits, true, BITS):
        lines.append(f"| {low:g} to {high:g} | {honest:,} | {found:,} | {measured:+.1f} |")
    e_value = float(np.log2(np.mean(np.exp2(bits[~true]))))
    offset, slope = fitted_line(bits, true)
    probability = 1.0 / (1.0 + np.exp2(-(offset + slope * bits)))
    error = calibration_error(probability, true, weights_at(0.0, true), EDGES)
    lines += [
        "",
        (
            f"Best line (logistic, both classes with equal weight): measured bits = {offset:+.1f} {slope:+.2f} x "
            f"stated bits; on that line the expected calibration error at even odds is {error:.4f}. "
            f"{line_sentence(offset, slope)}"
        ),
        "",
        (
            f"Log2 of the mean of 2^bits over the {int((~true).sum()):,} honest candidates: {e_value:+.1f}; 0 or "
            "less is what honest likelihood ratios have, so the stated bits "
            f"{'are' if e_value <= 0 else 'are not'} cautious."
        ),
    ]
    return lines


def account_lines(accounts: pa.Table) -> tuple[list[str], list[Bin]]:
    """Calibration of the accounts' scores, at the worlds' own base rate."""
    score, true = accounts["score"].to_numpy(), accounts["harvests"].to_numpy(zero_copy_only=False)
    weight = np.full(len(score), 1.0 / len(score))
    bins = reliability(score, true, weight, EDGES)
    lines = [
        (
            f"{len(score):,} accounts, {int(true.sum()):,} of them harvest ({100 * true.mean():.2f} %): expected "
            f"calibration error {calibration_error(score, true, weight, EDGES):.4f}, Brier score "
            f"{brier(score, true, weight):.4f}."
        ),
        "",
        *bin_lines(bins),
    ]
    return lines, bins


def family_lines(candidates: pa.Table, *, least: float) -> list[str]:
    """Correlation of the families' bits over honest candidates, with intervals.

    Args:
        candidates: rows of the candidates.
        least: lower bits count as this value; 0 leaves only the evidence for a campaign.
    """
    chosen = ~(candidates["true"].to_numpy(zero_copy_only=False) | candidates["open"].to_numpy(zero_copy_only=False))
    honest = candidates.filter(pa.array(chosen))
    world, worlds = numbered(honest["world"].to_pylist())
    columns = np.maximum(np.stack([honest[family].to_numpy() for family in FAMILIES], axis=1), least)
    value, low, high = correlations(columns, world, worlds)
    lines = ["| |" + "|".join(FAMILIES) + "|", "|---|" + "---|" * len(FAMILIES)]
    above = []
    for row, family in enumerate(FAMILIES):
        cells = []
        for column, other in enumerate(FAMILIES):
            if column >= row:
                cells.append("")
                continue
            cells.append(f"{value[row, column]:+.2f} ({low[row, column]:+.2f} to {high[row, column]:+.2f})")
            if abs(value[row, column]) > GOAL:
                above.append(f"{family} with {other} ({value[row, column]:+.2f})")
        lines.append(f"| {family} |" + "|".join(cells) + "|")
    pairs = ", ".join(above) if above else "none"
    lines += ["", f"{honest.num_rows:,} honest candidates of {worlds} worlds. Pairs beyond {GOAL} either way: {pairs}."]
    return lines


def rungs_text(candidates: pa.Table) -> str:
    """Which rungs each generator built."""
    built: dict[str, set[int]] = {}
    for generator, rung in zip(candidates["generator"].to_pylist(), candidates["rung"].to_pylist(), strict=True):
        built.setdefault(generator, set()).add(rung)
    names = {"first": "first generator", "second": "second generator", "texts": "second generator with real texts"}
    return "; ".join(
        f"{names[name]} {', '.join(str(rung) for rung in sorted(rungs) if rung)}" for name, rungs in built.items()
    )


def copy_to_packs(text: str, candidates: pa.Table) -> None:
    """Write into the texts of packs what the page says of candidates at the stated prior."""
    table = text.split("Candidates at the stated prior", 1)[1].split("Candidates at even odds", 1)[0]
    rows = []
    for line in re.findall(r"^\| \d.*$", table, re.MULTILINE):
        stated, groups, campaigns, _mean, observed, interval = (one.strip() for one in line.split("|")[1:-1])
        bounds = [float(one) for both in (stated, interval) for one in both.split(" - ")]
        counts = [int(one.replace(",", "")) for one in (groups, campaigns)]
        rows.append(f"  {[*bounds[:2], *counts, float(observed), *bounds[2:]]},\n")
    known = PACK_TEXTS.read_text("utf-8")
    known = re.sub(r"(?ms)^stated_shares = \[\n.*?^\]$", f"stated_shares = [\n{''.join(rows)}]", known)
    for name, number in (("candidates", candidates.num_rows), ("worlds", len(set(candidates["world"].to_pylist())))):
        known = re.sub(rf"(?m)^calibration_{name} = .*$", f"calibration_{name} = {number}", known)
    PACK_TEXTS.write_text(known, "utf-8")


def page(candidates: pa.Table, accounts: pa.Table, command: str) -> tuple[str, str]:
    """The page in Markdown, and its plot."""
    prior = Config().score.prior_bits
    of_campaigns, curves = campaign_lines(candidates, prior)
    of_accounts, bins = account_lines(accounts)
    worlds, true = len(set(candidates["world"].to_pylist())), int(candidates["true"].to_numpy(False).sum())
    lines = [
        "# Calibration",
        f"<!-- Written by {command}; edit benchmarks/quality/calibration.py, not this page. -->",
        "",
        (
            "For whoever relies on a probability: does a stated one match the observed share of true campaigns? Every "
            f"candidate of every world counts, whatever its verdict: {candidates.num_rows:,} candidates of {worlds} "
            f"worlds of 2,000 honest accounts and 14 days, {true} of them true campaigns. In a true campaign at least "
            "half of the members harvest; campaigns have 12, 25 or 60 accounts: all three in a world of the first "
            f"generator, one of them in a world of the second. Rungs: {rungs_text(candidates)}. Detector source: "
            f"{source_fingerprint()}."
        ),
        "",
        (
            "Both truth and traffic are simulated here: how often rules were wrong about real customers, as far as "
            "appeals tell, is what `stillhunt appeals rate` prints for a data folder."
        ),
        "",
        "![Stated probability against observed share](calibration.svg)",
        "",
        "## Campaigns",
        "",
        (
            "Candidates are weighted so that true campaigns have the base rate that the prior assumes; at even odds, "
            "half of the weight is on each class."
        ),
        *of_campaigns,
        "",
        "## What the bits are worth",
        "",
        (
            "Stated bits (prior excluded) and measured bits: log2 of the share of true campaigns that fall into the "
            "range, over the share of honest candidates that do."
        ),
        "",
        *bits_lines(candidates),
        "",
        "## A generator left out",
        "",
        (
            "Caps and prior are fitted on the other kinds of worlds: the caps under which most true candidates "
            "stand 3 bits above every honest one, and the prior that puts the highest honest one 3 bits below act. "
            "They are tested on the kind left out, and compared with the settings in force. Below: what each kind "
            "of evidence claims for honest candidates on average."
        ),
        "",
        *page_lines(candidates)[0],
        "",
        "## Accounts",
        "",
        *of_accounts,
        "",
        "## Families",
        "",
        (
            "Pearson correlation of the families' bits over honest candidates that could be flagged, with 95 % "
            f"intervals from resampled worlds. The goal is {GOAL} or less: a positive correlation means that one fact "
            "is counted twice; a negative one errs towards caution."
        ),
        "",
        "All evidence, for and against:",
        "",
        *family_lines(candidates, least=-np.inf),
        "",
        "Evidence for a campaign only (bits below 0 count as 0), which is what can add up to a false campaign:",
        "",
        *family_lines(candidates, least=0.0),
        "",
    ]
    return "\n".join(lines), plot({**curves, "accounts": bins}, "Reliability")


def main(words: list[str] | None = None) -> int:
    """Gather, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, help="folder where hunts are kept")
    parser.add_argument("--honest", type=int, default=6, help="honest worlds of each generator")
    parser.add_argument("--seeds", type=int, default=3, help="worlds of each rung")
    parser.add_argument("--texts", type=Path, help="Parquet file of real texts with the columns text and topic")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    parser.add_argument("--write", action="store_true", help="write docs/calibration.*, and the rates in packs")
    arguments = parser.parse_args(words)
    kinds = world_kinds(arguments.honest, arguments.seeds, arguments.texts)
    candidates, accounts = gather(arguments.rows, kinds, arguments.threads)
    command = (
        f"python benchmarks/quality/calibration.py --rows FOLDER --honest {arguments.honest} "
        f"--seeds {arguments.seeds}{' --texts TEXTS' * (arguments.texts is not None)} --write"
    )
    text, picture = page(candidates, accounts, command)
    print(text)
    if arguments.write:
        (DOCS / "calibration.md").write_text(text, "utf-8")
        (DOCS / "calibration.svg").write_text(picture, "utf-8")
        copy_to_packs(text, candidates)
    return 0


if __name__ == "__main__":
    sys.exit(main())
