"""Does the right explanation rank high for groups that are honest, and low for campaigns? A confusion table.

Every group of every hunt counts, whatever its verdict, if four in five of its members have one persona, or harvest for
one campaign. Examples, from the repository's root:

    python benchmarks/evidence/explanations.py --seeds 20 --first 700      honest worlds, and the ladder's rungs 1 to 6
    python benchmarks/evidence/explanations.py --seeds 4 --first 100       the seeds on which the rules were chosen
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import stillhunt
from stillhunt_evidence.pages.alternatives import Alternative, alternatives_of
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, spec_for_rung

RIGHT = {
    "app": ("chance", "reseller"),
    "audit_trail": ("company", "customer"),
    "benchmark": ("public",),
    "ci_agent": ("chance",),
    "class": ("one_place",),
    "framework": ("chance",),
    "framework_random": ("chance",),
    "gateway": ("reseller", "chance"),
    "grader": ("company", "customer"),
    "localisation": ("company", "customer"),
    "nightly": ("company", "customer"),
    "one_template": ("chance",),
    "reseller": ("reseller",),
    "seat": ("company", "customer"),
    "serverless": ("chance",),
    "vendor": ("company", "customer"),
    "workshop": ("one_place",),
}
"""Persona -> the explanations that are true of it; strangers (chat, developer, niche) resemble each other by chance."""
PURE = 0.8


@dataclass(frozen=True)
class Group:
    """One group of a hunt: who it is, its verdict, and how the explanations rank."""

    who: str
    campaign: bool
    verdict: str
    ranked: tuple[Alternative, ...]

    def place(self, keys: tuple[str, ...]) -> int:
        """Best place of some explanations, from 1."""
        return next((n for n, one in enumerate(self.ranked, 1) if one.explanation.key in keys), len(self.ranked) + 1)


def groups_of(world: World) -> Iterator[Group]:
    """The groups of one world whose members are of one kind."""
    config = stillhunt.Config.load({"sanctioned": {"organizations": list(world.sanctioned)}}, environ={})
    case = stillhunt.hunt(world.requests, world.accounts, config)
    truth = world.truth_accounts
    who = {
        account: (campaign or persona, bool(campaign))
        for account, persona, campaign in zip(
            *(truth[name].to_pylist() for name in ("account_id", "persona", "campaign")), strict=True
        )
    }
    members: defaultdict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for row in case.members.select(["campaign_id", "account_id"]).to_pylist():
        members[row["campaign_id"]][who[row["account_id"]]] += 1
    for model in case.model.campaigns:
        counted = members[model.row["campaign_id"]]
        (name, harvests), most = counted.most_common(1)[0]
        if most >= PURE * counted.total():
            ranked = alternatives_of(case, model)
            if ranked:  # linked accounts are weighed against nothing
                yield Group(name, harvests, model.verdict, ranked)


def print_table(groups: list[Group]) -> None:
    """For each kind of group: how often a right explanation is first or second, and the odds against the best one."""
    by_kind: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        by_kind["campaigns, " + group.verdict if group.campaign else group.who].append(group)
    print("| groups | number | right | right is 1st | 1st or 2nd | of campaigns | leading, most often | odds, median |")
    print("|---|---:|---|---:|---:|---:|---|---:|")
    true = [group for group in groups if group.campaign and group.verdict != "none"]
    for kind, own in sorted(by_kind.items()):
        right = RIGHT.get(kind, ())
        odds = sorted(group.ranked[0].odds_bits for group in own)[len(own) // 2]
        lead = Counter(group.ranked[0].explanation.key for group in own).most_common(2)
        leading = ", ".join(f"{key} {count}" for key, count in lead)
        shares = ["-", "-", "-"]
        if right:
            counts = ((own, 1), (own, 2), (true, 2))
            shares = [f"{sum(one.place(right) <= most for one in some)} of {len(some)}" for some, most in counts]
        print(f"| {kind} | {len(own)} | {' or '.join(right) or '-'} | {' | '.join(shares)} | {leading} | {odds:.1f} |")
    honest = [group for group in groups if group.who in RIGHT and not group.campaign]
    for name, some in (("honest", honest), ("campaigns", true)):
        print(f"{name}: for {sum(group.ranked[0].as_likely for group in some)} of {len(some)} one is as likely")
    second = sum(group.place(RIGHT[group.who]) <= 2 for group in honest)
    print(f"a right explanation is first or second for {second} of {len(honest)} honest groups")


def main() -> None:
    """Hunt the worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=700, help="first seed")
    parser.add_argument("--seeds", type=int, default=4, help="honest worlds; as many worlds of campaigns")
    parser.add_argument("--accounts", type=int, default=2000, help="honest accounts of a world")
    arguments = parser.parse_args()
    groups: list[Group] = []
    for number in range(arguments.seeds):
        seed = arguments.first + number
        groups += groups_of(build_world(WorldSpec(accounts=arguments.accounts, seed=seed)))
        rung = 1 + number % 6
        groups += groups_of(build_world(spec_for_rung(rung, seed=seed, accounts=arguments.accounts)))
    print_table(groups)


if __name__ == "__main__":
    main()
