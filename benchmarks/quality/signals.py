"""What outside signals change: simulated pasts and worlds, with a signal that tells much, little, nothing, or honesty.

Each signal is drawn for whole groups: what part of a campaign's accounts has it follows a beta distribution, and so
does that of an honest organisation, so that a strong signal misses some campaigns and marks some firms.

    python benchmarks/quality/signals.py [--seeds 3] [--accounts 600]
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from stillhunt import Case, Config, hunt
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import CampaignSpec, World, WorldSpec, build_world
from stillhunt_signals.signals.declared import Signal, signal_of
from stillhunt_signals.signals.learning import learn_signal
from stillhunt_signals.signals.past import Past, PastAccount
from stillhunt_signals.signals.trial import try_used_signals
from stillhunt_signals.signals.values import settle_values
from stillhunt_signals.signals.weighing import UsedSignal

STRENGTH = 3.0
"""Of the beta distributions: at 3, one firm in twenty has a mark of 5 % on a quarter of its accounts."""


class Simulated(NamedTuple):
    """A signal of known strength: share of accounts with it in campaigns and elsewhere, and how much past there is."""

    about: str
    campaigns: float
    honest: float
    confirmed: int = 30
    dismissed: int = 15


SIGNALS = {
    "strong": Simulated("harvest", 0.5, 0.05),
    "weak": Simulated("harvest", 0.15, 0.05),
    "noise": Simulated("harvest", 0.05, 0.05),
    "strong, 2 campaigns": Simulated("harvest", 0.5, 0.05, confirmed=2, dismissed=1),
    "honest": Simulated("honest", 0.1, 0.6),
    "one operation": Simulated("operation", 0.5, 0.05),
}


def worlds(accounts: int, seeds: int) -> Iterator[tuple[str, World]]:
    """Worlds with operations that hide, each with its name."""
    for seed in range(seeds):
        for rung, size in ((3, 12), (5, 12), (7, 30), (8, 30)):
            yield f"second {rung} of {size}", build_second_world(SecondSpec(rung, accounts, 10, 900 + seed, size))
        for rung in (7, 11):
            campaign = CampaignSpec(rung, 20, name="of20")
            yield f"first {rung} of 20", build_world(WorldSpec(accounts, 10, 900 + seed, (campaign,)))


def drawn(rng: Any, mean: float, accounts: int) -> Any:
    """Who of a group has the mark."""
    return rng.random(accounts) < rng.beta(mean * STRENGTH, (1 - mean) * STRENGTH)


def rows_of(signal: Simulated, world: World, rng: Any) -> tuple[dict[str, bool], list[PastAccount]]:
    """Marks of the accounts of a past and of a world, and the past."""
    marks, past = {}, []
    for outcome, groups, mean in (
        ("confirmed", signal.confirmed, signal.campaigns),
        ("dismissed", signal.dismissed, signal.honest),
    ):
        for group in range(groups):
            has = drawn(rng, mean, int(rng.integers(8, 80)))
            names = [f"past-{outcome}-{group}-{place}" for place in range(len(has))]
            marks |= dict(zip(names, has.tolist(), strict=True))
            past += [PastAccount(name, f"{outcome}-{group}", outcome) for name in names]  # type: ignore[arg-type]
    truth = world.truth_accounts.to_pylist()
    firms = dict(zip(*(world.accounts[name].to_pylist() for name in ("account_id", "organization_id")), strict=True))
    groups = defaultdict(list)
    for row in truth:
        groups[row["campaign"], firms.get(row["account_id"]) if not row["campaign"] else None].append(row["account_id"])
    for (campaign, firm), names in groups.items():
        mean = signal.campaigns if campaign else signal.honest
        has = drawn(rng, mean, len(names)) if campaign or firm else rng.random(len(names)) < mean
        marks |= dict(zip(names, has.tolist(), strict=True))
    return marks, past


def used_signal(simulated: Simulated, world: World, rng: Any) -> UsedSignal:
    """A simulated signal, learned from its past."""
    signal: Signal = signal_of(
        "mark", {"from": "marks.csv", "column": "mark", "kind": "flag", "about": simulated.about}
    )
    marks, past = rows_of(simulated, world, rng)
    texts = pa.array(["yes" if mark else "no" for mark in marks.values()])
    rows = pa.table({"account": pa.array(list(marks)), "value": texts, "time": pa.nulls(len(marks), pa.string())})
    values = settle_values(signal, rows)
    return UsedSignal(signal, learn_signal(signal, values, Past.of(past)), values)


def is_true(case: Case, campaign_id: str, harvesters: set[str]) -> bool:
    """Whether most members of a group harvest."""
    members = case.members.filter(pa.compute.equal(case.members["campaign_id"], campaign_id))["account_id"].to_pylist()
    return sum(name in harvesters for name in members) > len(members) / 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--accounts", type=int, default=600)
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for name, world in worlds(options.accounts, options.seeds):
        config = Config()
        case = hunt(world.requests, world.accounts, config)
        harvesters = {row["account_id"] for row in world.truth_accounts.to_pylist() if row["campaign"]}
        groups = case.tables["campaigns"].to_pylist()
        truth = {one["campaign_id"]: is_true(case, one["campaign_id"], harvesters) for one in groups}
        print(
            name, [(one["verdict"], round(one["score"], 2)) for one in groups if truth[one["campaign_id"]]], flush=True
        )
        for label, simulated in SIGNALS.items():
            rng = np.random.default_rng([len(name), int(world.requests.num_rows), len(label)])
            used = used_signal(simulated, world, rng)
            tried = {one.campaign_id: one for one in try_used_signals(case, config, [used])}
            for one in groups:
                side = "true" if truth[one["campaign_id"]] else "honest"
                after = tried.get(one["campaign_id"])
                verdict = one["verdict"] if after is None else after.verdict_with
                score = one["score"] if after is None else after.score_with
                moved = np.log2(score / (1 - score)) - np.log2(one["score"] / (1 - one["score"]))
                counts[label][f"{side} {one['verdict']}>{verdict}"] += 1
                counts[label][f"{side} groups"] += 1
                counts[label][f"{side} bits x100"] += round(100 * float(moved))
            counts[label]["trust x100"] += round(100 * used.learned.trust)
            counts[label]["worlds"] += 1
    for label, found in counts.items():
        print(f"\n{label}")
        for key, number in sorted(found.items()):
            print(f"  {key:28} {number}")


if __name__ == "__main__":
    main()
