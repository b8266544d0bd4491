"""How well the hunt does on worlds with known truth: one row per world, then the mean of each kind.

Examples, from the repository's root:

    python benchmarks/quality/hunt_worlds.py                            rungs 0 to 6, three seeds, 2,000 accounts
    python benchmarks/quality/hunt_worlds.py --rungs 6 --pool --seeds 5
    python benchmarks/quality/hunt_worlds.py --honest                   three honest worlds of 20,000 accounts
    python benchmarks/quality/hunt_worlds.py --rich                     three honest rich worlds, one of each trait
    python benchmarks/quality/hunt_worlds.py FOLDER...                  worlds on disk: requests/, accounts, truth/

Settings come from `stillhunt.toml` and `STILLHUNT_*` as everywhere, so a setting can be tried:
`STILLHUNT_SCORE__PRIOR_BITS=-12 python benchmarks/quality/hunt_worlds.py`. `--honest --write` puts its figures into
`docs/figures`, from where pages take them. Exit code 1 where an honest account was flagged.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import stillhunt
from stillhunt.base.families import OTHERS
from stillhunt_lab.bench.measures import Quality, Truth, case_result, measure, upper_bound
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, spec_for_rung
from stillhunt_lab.worlds.campaigns import CampaignSpec
from stillhunt_lab.worlds.rungs import Traits

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from page_figures import FOLDER, HUNT, write_figures

FIRST_SEED = 101
SHARES = ("recall", "precision", "bcubed_f1", "request_recall", "request_precision", "request_ari")
HONEST_ACCOUNTS = 20_000
STRONGEST = 5
TRAIT_RUNG = 5
TRAITS: dict[str, dict[str, Any]] = {
    "rung alone": {},
    "few cards": {"traits": Traits(cards=5)},
    "own data": {"traits": Traits(own_data=0.3)},
    "talk": {"traits": Traits(talk=0.5)},
    "repeated samples": {"traits": Traits(copies=4)},
    "numbers only": {"traits": Traits(bases=1)},
    "few questions": {"traits": Traits(bases=12)},
    "specialists": {"traits": Traits(subjects=True)},
    "half cover": {"cover_share": 0.5},
    "replacements": {"traits": Traits(replaced=True)},
}
HEADER = (
    f"{'world':<26}{'rows':>10}{'recall':>8}{'precis.':>8}{'false':>6}{'B3 F1':>7}{'rq rec':>8}{'rq prec':>8}"
    f"{'ARI':>7}{'act':>5}{'rev':>5}{'s':>7}  false accounts by persona; recall of each campaign"
)


@dataclass(frozen=True)
class Hunted:
    """One world after its hunt."""

    kind: str
    name: str
    rows: int
    quality: Quality
    seconds: float
    case: stillhunt.Case
    personas: dict[str, str]


def hunt_world(kind: str, name: str, world: World, threads: int) -> Hunted:
    """Hunt in a world and measure the case.

    Args:
        kind: what its rows are averaged with.
        name: shown in the table.
        world: logs and truth.
        threads: worker threads; 0 = one per core.
    """
    config = stillhunt.Config.load({"threads": threads, "sanctioned": {"organizations": list(world.sanctioned)}})
    started = time.perf_counter()
    case = stillhunt.hunt(world.requests, world.accounts, config)
    seconds = time.perf_counter() - started
    quality = measure(case_result(case.tables), Truth(world.truth_accounts, world.truth_requests))
    truth = world.truth_accounts
    label = [c or p for p, c in zip(truth["persona"].to_pylist(), truth["campaign"].to_pylist(), strict=True)]
    personas = dict(zip(truth["account_id"].to_pylist(), label, strict=True))
    return Hunted(kind, name, world.requests.num_rows, quality, seconds, case, personas)


def built_worlds(arguments: argparse.Namespace) -> Iterator[tuple[str, str, World]]:
    """Kind, name and world of every lab world that was asked for, one at a time."""
    seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
    sizes = {"accounts": arguments.accounts, "days": arguments.days}
    if arguments.honest or arguments.rich:
        kind = "rich" if arguments.rich else "usual"
        for seed in seeds:
            yield f"honest {kind}", f"honest seed {seed}", build_world(WorldSpec(seed=seed, look_alikes=kind, **sizes))
        if not arguments.honest:
            for trait, options in TRAITS.items():
                campaign = CampaignSpec(TRAIT_RUNG, arguments.campaign_accounts, **options)
                spec = WorldSpec(seed=FIRST_SEED, campaigns=(campaign,), look_alikes="rich", **sizes)
                yield "rich with a trait", f"{trait} seed {FIRST_SEED}", build_world(spec)
        return
    for rung in arguments.rungs:
        for seed in seeds:
            spec = spec_for_rung(
                rung,
                seed=seed,
                campaign_accounts=arguments.campaign_accounts,
                campaigns=arguments.campaigns,
                **sizes,
            )
            yield f"rung {rung}", f"rung {rung} seed {seed}", build_world(spec)
    if arguments.pool:
        for seed in seeds:
            pool = CampaignSpec(6, arguments.campaign_accounts, name="pool", kind="pool")
            yield "pool", f"pool seed {seed}", build_world(WorldSpec(seed=seed, campaigns=(pool,), **sizes))


def stored_world(folder: Path) -> World:
    """A world on disk: requests/*.parquet, accounts.parquet, truth/, and stillhunt.toml where it has one."""
    settings = folder / "stillhunt.toml"
    declared = stillhunt.Config.load(environ={}, file=settings).sanctioned.organizations if settings.exists() else ()
    return World(
        requests=pa.concat_tables([pq.read_table(part) for part in sorted((folder / "requests").glob("*.parquet"))]),
        accounts=pq.read_table(folder / "accounts.parquet"),
        truth_accounts=pq.read_table(folder / "truth" / "accounts.parquet"),
        truth_requests=pq.read_table(folder / "truth" / "requests.parquet"),
        sanctioned=declared,
    )


def row_text(name: str, rows: int, quality: Quality, seconds: float) -> str:
    """One row of the table."""
    false = quality.false_accounts
    numbers = (
        f"{_share(quality.recall):>8}{_share(quality.precision):>8}{false:>6}{_share(quality.bcubed_f1):>7}"
        f"{_share(quality.request_recall):>8}{_share(quality.request_precision):>8}{_share(quality.request_ari):>7}"
        f"{quality.acts:>5}{quality.reviews:>5}{seconds:>7.1f}"
    )
    notes = [f"{persona} {count}" for persona, count in quality.false_by_persona.items()]
    notes += [f"{name}={recall:.2f}" for name, recall in quality.recall_by_campaign.items()]
    return f"{name:<26}{rows:>10,}{numbers}  {' '.join(notes)}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def mean_quality(all_hunted: Sequence[Hunted]) -> Quality:
    """Mean of each share over worlds, sums of each count."""
    qualities = [hunted.quality for hunted in all_hunted]

    def mean(name: str) -> float | None:
        known = [value for quality in qualities if (value := getattr(quality, name)) is not None]
        return sum(known) / len(known) if known else None

    false: Counter[str] = Counter()
    for quality in qualities:
        false.update(quality.false_by_persona)
    return Quality(
        **{name: mean(name) for name in SHARES},
        false_by_persona=dict(sorted(false.items())),
        honest_accounts=sum(quality.honest_accounts for quality in qualities),
        recall_by_campaign={},
        acts=sum(quality.acts for quality in qualities),
        reviews=sum(quality.reviews for quality in qualities),
        false_at_hits=[],
        harvesting_accounts=sum(quality.harvesting_accounts for quality in qualities),
    )


def strongest_candidates(hunted: Hunted) -> list[str]:
    """The candidates with the highest log2 odds: who they are, and each finding and explanation as measured."""
    campaigns, evidence = hunted.case.tables["campaigns"], hunted.case.tables["evidence"]
    odds: Counter[str] = Counter()
    measured: defaultdict[str, list[str]] = defaultdict(list)
    columns = (
        evidence[name].to_pylist() for name in ("campaign_id", "account_id", "family", "kind", "bits", "raw_bits")
    )
    for campaign, account, family, kind, bits, raw in zip(*columns, strict=True):
        if account is None:
            odds[campaign] += bits
            measured[campaign].append(f"{'against ' if family == OTHERS else ''}{kind} {raw:+.1f}")
    who: defaultdict[str, Counter[str]] = defaultdict(Counter)
    members = hunted.case.tables["members"]
    for campaign, account in zip(members["campaign_id"].to_pylist(), members["account_id"].to_pylist(), strict=True):
        who[campaign][hunted.personas.get(account, "unknown")] += 1
    lines = []
    verdicts = dict(zip(campaigns["campaign_id"].to_pylist(), campaigns["verdict"].to_pylist(), strict=True))
    for campaign in sorted(odds, key=lambda c: (-odds[c], c))[:STRONGEST]:
        groups = ", ".join(f"{n} {persona}" for persona, n in who[campaign].most_common(4))
        lines.append(
            f"    {odds[campaign]:+7.1f} bits, {verdicts[campaign]:<6} {groups}: {' '.join(measured[campaign])}"
        )
    return lines


def print_totals(all_hunted: list[Hunted]) -> None:
    """Means by kind of world, and the bound of false campaigns over honest worlds."""
    kinds = dict.fromkeys(hunted.kind for hunted in all_hunted)
    print("\nmean of shares, sum of counts")
    for kind in kinds:
        own = [hunted for hunted in all_hunted if hunted.kind == kind]
        rows = sum(hunted.rows for hunted in own)
        print(row_text(f"{kind} ({len(own)})", rows, mean_quality(own), sum(h.seconds for h in own) / len(own)))
    honest = [hunted for hunted in all_hunted if hunted.quality.recall is None]
    if honest:
        false, accounts = sum(h.quality.acts for h in honest), sum(h.quality.honest_accounts for h in honest)
        reviews = sum(h.quality.reviews for h in honest)
        print(
            f"\n{len(honest)} honest worlds, {accounts:,} accounts: {false} false campaigns (95 % bound "
            f"{upper_bound(false, len(honest)):.2f} a world), {reviews} review cases "
            f"({1e6 * reviews / accounts:.0f} per million accounts)"
        )


def print_personas(all_hunted: Sequence[Hunted]) -> None:
    """Accounts of each persona; those that campaigns of each verdict and kind hold; the highest score of its groups."""
    accounts: Counter[str] = Counter()
    held: defaultdict[str, Counter[str]] = defaultdict(Counter)
    highest: defaultdict[str, float] = defaultdict(float)
    for hunted in all_hunted:
        accounts.update(hunted.personas.values())
        members: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for member in hunted.case.tables["members"].select(["campaign_id", "account_id"]).to_pylist():
            members[member["campaign_id"]][hunted.personas.get(member["account_id"], "unknown")] += 1
        for campaign in hunted.case.tables["campaigns"].to_pylist():
            own = members[campaign["campaign_id"]]
            if campaign["verdict"] != "none":
                held[f"{campaign['verdict']} {campaign['kind']}"].update(own)
            for persona, count in own.items():
                if 2 * count >= own.total():
                    highest[persona] = max(highest[persona], campaign["score"])
    print(f"\n{'persona':<26}{'accounts':>10}{'highest':>9}  members of campaigns, by verdict and kind")
    for persona, count in sorted(accounts.items()):
        places = ", ".join(f"{own[persona]} {name}" for name, own in sorted(held.items()) if own[persona])
        score = f"{highest[persona]:.3f}" if persona in highest else "-"
        print(f"{persona:<26}{count:>10,}{score:>9}  {places}")


def write_honest(honest: Sequence[Hunted]) -> None:
    """Write the figures that pages state about large honest worlds."""
    flagged = sum(sum(hunted.quality.false_by_persona.values()) for hunted in honest)
    accounts = sum(hunted.quality.honest_accounts for hunted in honest)
    reviews = sum(hunted.quality.reviews for hunted in honest)
    about = f"in {len(honest)} honest worlds of {HONEST_ACCOUNTS:,} accounts"
    values = {
        "large-honest-flagged": (f"{flagged} of {accounts:,}", f"honest accounts that are flagged {about}"),
        "large-honest-reviews": (f"{reviews} campaigns", f"campaigns for review {about}"),
    }
    write_figures(FOLDER / "large_honest_worlds.json", "benchmarks/quality/hunt_worlds.py --honest", HUNT, values)


def as_record(hunted: Hunted) -> dict[str, Any]:
    """A row for machines."""
    known = {"kind": hunted.kind, "name": hunted.name, "rows": hunted.rows, "seconds": hunted.seconds}
    return {**known, **asdict(hunted.quality)}


def read_rungs(text: str) -> list[int]:
    """`0-6` or `1,3,6` as a list of rungs."""
    first, dash, last = text.partition("-")
    return list(range(int(first), int(last) + 1)) if dash else [int(part) for part in text.split(",")]


def read_arguments(words: list[str] | None) -> argparse.Namespace:
    """Arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="worlds on disk; none = build lab worlds")
    parser.add_argument("--rungs", type=read_rungs, default=read_rungs("0-6"), help="0-6 or 1,3,6")
    parser.add_argument("--seeds", type=int, default=3, help="worlds of each kind")
    parser.add_argument("--accounts", type=int, help="honest accounts (2,000; 20,000 with --honest)")
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--campaign-accounts", type=int, default=60)
    parser.add_argument("--campaigns", type=int, default=1, help="campaigns in each world")
    parser.add_argument("--pool", action="store_true", help="also a pool that serves two labs and real customers")
    parser.add_argument("--honest", action="store_true", help="honest worlds only")
    parser.add_argument("--rich", action="store_true", help="rich worlds, honest and with a campaign of each trait")
    parser.add_argument("--strongest", action="store_true", help="list the strongest candidates of every world")
    parser.add_argument("--threads", type=int, default=0, help="0 = one per core")
    parser.add_argument("--json", type=Path, help="also write the rows as JSON lines")
    parser.add_argument(
        "--write", action="store_true", help="with --honest: write docs/figures/large_honest_worlds.json"
    )
    arguments = parser.parse_args(words)
    large = arguments.honest and not arguments.rich
    arguments.accounts = arguments.accounts or (HONEST_ACCOUNTS if large else 2_000)
    return arguments


def main(words: list[str] | None = None) -> int:
    """Print the table; 1 where an honest account was flagged."""
    arguments = read_arguments(words)
    worlds = (
        (("stored", folder.name, stored_world(folder)) for folder in arguments.folders)
        if arguments.folders
        else built_worlds(arguments)
    )
    print(HEADER)
    all_hunted = []
    for kind, name, world in worlds:
        hunted = hunt_world(kind, name, world, arguments.threads)
        all_hunted.append(hunted)
        print(row_text(name, hunted.rows, hunted.quality, hunted.seconds), flush=True)
        if arguments.honest or arguments.strongest:
            print("\n".join(strongest_candidates(hunted)), flush=True)
    print_totals(all_hunted)
    if arguments.rich:
        print_personas(all_hunted)
    if arguments.json:
        arguments.json.write_text("".join(json.dumps(as_record(hunted)) + "\n" for hunted in all_hunted), "utf-8")
    if arguments.honest and arguments.write and not arguments.rich:
        write_honest(all_hunted)
    return int(any(hunted.quality.false_by_persona for hunted in all_hunted))


if __name__ == "__main__":
    sys.exit(main())
