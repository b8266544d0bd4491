"""Attribution on the output of true hunts: simulated worlds are hunted, and an operator's first campaign is known.

The file has one actor an operator, described from its first campaign as an analyst would: its id, clients, countries,
networks (as ones that anybody can rent), mail domains and the beginnings of its excerpts. The operator's other
campaigns and those of rivals are attributed.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import stillhunt
from stillhunt_evidence.actors.actors_file import ActorsFile, KnownActors
from stillhunt_evidence.actors.attribution import attribute_seen
from stillhunt_evidence.actors.observed import SeenCampaign, SeenCase, seen_case
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

HUNTED_SEEDS = (901, 902)
_ACCOUNTS = 800
_VALUES = 3
_WORDS = 25
SECTION = f"""## After true hunts

Worlds of {_ACCOUNTS} honest accounts, built and hunted. The file describes each operator by its first campaign, as an
analyst would; its other campaigns, and those of operators with one, are attributed.

| world | campaigns attributed | named rightly | named wrongly | likeliest is right |
|---|---|---|---|---|"""


def worlds() -> list[tuple[str, World]]:
    """Operators whose accounts work on one queue each, and pairs of rivals."""
    made = []
    for seed in HUNTED_SEEDS:
        for rung in (2, 3):
            campaigns = (CampaignSpec(rung, 100, skills=4, specialised=True), CampaignSpec(rung, 60))
            spec = WorldSpec(accounts=_ACCOUNTS, seed=seed, campaigns=campaigns)
            made.append((f"first generator, rung {rung}, seed {seed}", build_world(spec)))
        second = SecondSpec(accounts=_ACCOUNTS, seed=seed, rung=1, campaign_accounts=100, specialists=4)
        made.append((f"second generator, rung 1, seed {seed}", build_second_world(second)))
    return made


def described(seen: SeenCampaign, name: str) -> dict[str, Any]:
    """What an analyst would write of an operator after its first campaign."""

    def used(aspect: str) -> list[str]:
        rows = [row for row in seen.origins if row["aspect"] == aspect and not row["value"].startswith("(")]
        return [row["value"] for row in sorted(rows, key=lambda row: (-row["requests"], row["value"]))][:_VALUES]

    domains = Counter(row["email_domain"] for row in seen.members if row["email_domain"])
    numbers = [value.split()[0].removeprefix("AS") for value in used("network")]
    texts = [" ".join(row["text"].split()[:_WORDS]) for row in seen.samples[:_VALUES]]
    return {
        "name": name,
        "network": [{"asn": int(number)} for number in numbers if number.isdigit()],
        "client": [{"family": value} for value in used("client")],
        "countries": used("country"),
        "phrases": [text for text in dict.fromkeys(texts) if len(text.split()) > _VALUES * 3],
        "sign_up": {"email_domains": [value for value, _ in domains.most_common(_VALUES)]},
        "skills": list(seen.row["skills"])[:1],
        "known": {"campaigns": [seen.campaign_id]},
    }


def truth_of(world: World, case: SeenCase) -> dict[str, str]:
    """Campaign -> the operator of most of its members; empty for honest ones."""
    table = world.truth_accounts
    truth = dict(zip(table["account_id"].to_pylist(), table["campaign"].to_pylist(), strict=True))
    found = {}
    for name, seen in case.campaigns.items():
        of_members = Counter(truth[row["account_id"]] for row in seen.members)
        found[name] = min(of_members, key=lambda value: (-of_members[value], value))
    return found


def hunted_rows() -> list[str]:
    """The section of the page: each world hunted once, and its campaigns attributed."""
    lines = [SECTION]
    for words, world in worlds():
        config = stillhunt.Config.load({"sanctioned": {"organizations": list(world.sanctioned)}})
        case = seen_case(stillhunt.hunt(world.requests, world.accounts, config), ())
        truth = truth_of(world, case)
        several = {one for one, times in Counter(truth.values()).items() if one and times > 1}
        first = {one: min(name for name, of in truth.items() if of == one) for one in sorted(several)}
        if not first:
            lines.append(f"| {words} | 0 | - | - | - |")
            continue
        file = {"actor": [described(case.campaigns[name], one) for one, name in first.items()]}
        known = KnownActors(ActorsFile.model_validate(file), "")
        counts: Counter[str] = Counter()
        for name in sorted(set(truth) - set(first.values())):
            result = attribute_seen(case, name, known)
            counts["all"] += 1
            counts["right"] += result.named is not None and result.named == truth[name]
            counts["wrong"] += result.named is not None and result.named != truth[name]
            likeliest = result.actors[0]
            sure = likeliest.probability > result.somebody_else
            answer = likeliest.actor.name if sure else ""
            counts["likeliest"] += answer == (truth[name] if truth[name] in first else "")
        numbers = f"{counts['all']} | {counts['right']} | {counts['wrong']}"
        lines.append(f"| {words} | {numbers} | {counts['likeliest']} of {counts['all']} |")
    return lines
