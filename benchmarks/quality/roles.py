"""What a hunt says of accounts whose part is known: roles planted and said, and abuse that is no harvest.

    python benchmarks/quality/roles.py                        both tables, the seeds below
    python benchmarks/quality/roles.py --seeds 461 462        other seeds
    python benchmarks/quality/roles.py --only roles           one table

Planted roles are dedicated (no cover), mixed (cover of its own), pool (a reseller's accounts), victim (half of the
campaign's accounts are keys of customers, see `planted.py`) and honest. Exit code 1 where a victim or an honest account
is called dedicated, mixed or pool, where a harvester is called a victim, or where linked accounts are called a harvest
or get more than the verdict review.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from planted import resold_accounts, room_of_people, steal_keys, trial_accounts

import stillhunt
from stillhunt.base.schema_case import ROLES
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, demo_spec, spec_for_rung

SEEDS = (451, 452)
ACCOUNTS = 1500
LINKED = 20
PLANTED = ("dedicated", "mixed", "pool", "victim", "honest")
ACCUSING = ("dedicated", "mixed", "pool")
ROLE_OF_RUNG = {2: "dedicated", 3: "dedicated", 5: "dedicated", 6: "mixed", 8: "pool", 10: "mixed", 11: "mixed"}
STOLEN_RUNGS = (2, 3, 6)
LINKED_WORLDS: dict[str, Callable[[World, int, int], World]] = {
    "trial accounts": trial_accounts,
    "relay": resold_accounts,
    "class": room_of_people,
}


@dataclass(frozen=True)
class PlantedWorld:
    """A world, and the planted role of each account that is not honest."""

    name: str
    world: World
    role: dict[str, str] = field(default_factory=dict)


def build(generator: str, rung: int, seed: int) -> World:
    """A world of the first or second generator."""
    if generator == "second":
        return build_second_world(SecondSpec(rung=rung, seed=seed, accounts=ACCOUNTS))
    return build_world(spec_for_rung(rung, seed=seed, accounts=ACCOUNTS) if rung else WorldSpec(ACCOUNTS, seed=seed))


def worlds_with_roles(seeds: list[int]) -> Iterator[PlantedWorld]:
    """The demo, rungs with and without cover, pools, and campaigns half of which work with taken keys."""
    demo = build_world(demo_spec())
    yield PlantedWorld("demo", demo, _roles(demo, {"crude": "dedicated", "careful": "mixed", "small": "mixed"}))
    for seed in seeds:
        for generator in ("first", "second"):
            for rung, role in ROLE_OF_RUNG.items():
                world = build(generator, rung, seed)
                yield PlantedWorld(f"{generator}, rung {rung}, seed {seed}", world, _roles(world, {}, role))
            for rung in STOLEN_RUNGS:
                world, victims = steal_keys(build(generator, rung, seed), seed)
                role = _roles(world, {}, ROLE_OF_RUNG[rung]) | dict.fromkeys(victims, "victim")
                yield PlantedWorld(f"{generator}, rung {rung} with taken keys, seed {seed}", world, role)


def _roles(world: World, role_of: dict[str, str], otherwise: str = "") -> dict[str, str]:
    accounts, campaigns = (world.truth_accounts[name].to_pylist() for name in ("account_id", "campaign"))
    return {account: role_of.get(of, otherwise) for account, of in zip(accounts, campaigns, strict=True) if of}


def hunted(world: World) -> stillhunt.Case:
    """The case of a world."""
    settings = {"threads": 1, "sanctioned": {"organizations": list(world.sanctioned)}}
    return stillhunt.hunt(world.requests, world.accounts, stillhunt.Config.load(settings, environ={}))


def said_roles(case: stillhunt.Case) -> dict[str, tuple[str, str]]:
    """Account with the verdict act or review -> its verdict, and its role in its main campaign."""
    accounts, members = case.tables["accounts"].to_pylist(), case.tables["members"].to_pylist()
    role = {(row["account_id"], row["campaign_id"]): row["role"] for row in members}
    return {
        row["account_id"]: (row["verdict"], role[row["account_id"], row["campaign_id"]])
        for row in accounts
        if row["verdict"] != "none" and row["campaign_id"]
    }


def role_table(seeds: list[int]) -> int:
    """Print planted roles against said ones; the number of errors that harm somebody."""
    total: Counter[tuple[str, str]] = Counter()
    for one in worlds_with_roles(seeds):
        said = said_roles(hunted(one.world))
        counts: Counter[tuple[str, str]] = Counter()
        for account, role in one.role.items():
            counts[role, said[account][1] if account in said else "not found"] += 1
        for account, (_, role) in said.items():
            if account not in one.role:
                counts["honest", role] += 1
        total += counts
        found = ", ".join(f"{planted} said {role} {n}" for (planted, role), n in sorted(counts.items()))
        print(f"{one.name:<44} {found}", flush=True)
    columns = (*ROLES, "not found")
    print("\n| planted | " + " | ".join(columns) + " |\n|---" + "|---" * len(columns) + "|")
    for planted in PLANTED:
        print(f"| {planted} | " + " | ".join(str(total[planted, role]) for role in columns) + " |")
    harm = sum(n for (planted, role), n in total.items() if planted in ("victim", "honest") and role in ACCUSING)
    return harm + sum(n for (planted, role), n in total.items() if planted in ACCUSING and role == "victim")


def linked_table(seeds: list[int]) -> int:
    """Print what linked accounts are called; the number of cases in which they, or a class, are wronged."""
    print("\n| world | called | accounts of it | other groups for review |\n|---|---|---|---|")
    wronged = 0
    for seed in seeds:
        for generator in ("first", "second"):
            honest = build(generator, 0, seed)
            for name, plant in LINKED_WORLDS.items():
                world = plant(honest, LINKED, seed)
                truth = world.truth_accounts.to_pylist()
                linked = {row["account_id"] for row in truth if row["persona"] == "linked"}
                case = hunted(world)
                found = [row for row in case.tables["campaigns"].to_pylist() if row["verdict"] != "none"]
                members = case.tables["members"].to_pylist()
                inside = Counter(row["campaign_id"] for row in members if row["account_id"] in linked)
                own = [row for row in found if inside[row["campaign_id"]]]
                called = ", ".join(f"{row['kind']} ({row['verdict']})" for row in own) or "nothing"
                wrong = name == "class" or any(row["kind"] == "harvest" or row["verdict"] == "act" for row in own)
                wronged += len(own) if wrong else 0
                count = sum(inside[row["campaign_id"]] for row in own)
                print(
                    f"| {name}, {generator}, {seed} | {called} | {count} of {LINKED} | {len(found) - len(own)} |",
                    flush=True,
                )
    return wronged


def main(words: list[str] | None = None) -> int:
    """Print the tables; 1 where somebody is wronged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--only", choices=("roles", "linked"))
    arguments = parser.parse_args(words)
    wronged = role_table(arguments.seeds) if arguments.only != "linked" else 0
    wronged += linked_table(arguments.seeds) if arguments.only != "roles" else 0
    return int(wronged > 0)


if __name__ == "__main__":
    sys.exit(main())
