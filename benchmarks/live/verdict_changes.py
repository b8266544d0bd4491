"""Does a verdict hold? Worlds are hunted again and again, as a watch would, and each change of a verdict is counted.

    python benchmarks/live/verdict_changes.py OUT                       12 worlds, a look every 2 hours; 40 minutes
    python benchmarks/live/verdict_changes.py OUT --rungs 3 --generators first --step 4
    python benchmarks/live/verdict_changes.py OUT --table               the table, from the rows so far

Each look hunts the last 14 days and is given what the look before left. The groups that a look shows are those
with a verdict; each belongs to the true campaign that most of its accounts serve. A campaign is watched from the first
look that shows it. `OUT/WORLD.json` keeps a row for each look; worlds that have one are not hunted again.

*Up*: from no verdict to review, or from either to act. *Down*: the other way. *Unflagged*: accounts that were flagged
in the look before, are not now, and still have requests in the window; one that stays unflagged counts once. An honest
account among the flagged is counted in the look that flags it first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillhunt.base.units import HOUR
from stillhunt_lab.second_worlds.build import SecondSpec, build_second_world
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "quality"))
from watched import Watched

ACCOUNTS, MEMBERS, DAYS = 800, 40, 14
RANK = {"none": 0, "review": 1, "act": 2}


def build(generator: str, rung: int, seed: int) -> World:
    """A world of one campaign."""
    if generator == "second":
        return build_second_world(SecondSpec(rung, ACCOUNTS, DAYS, seed, MEMBERS))
    return build_world(WorldSpec(ACCOUNTS, DAYS, seed, (CampaignSpec(rung, MEMBERS),)))


def look_again(world: World, step_hours: int) -> Iterator[dict[str, Any]]:
    """One row for each look: who is flagged, who has requests, and the groups with a verdict."""
    watched = Watched(world, threads=0)
    last = int(watched.times.to_numpy().max())
    end = watched.begin + 48 * HOUR
    while end <= last + HOUR:
        tables = watched.tables(end, watched.left)
        accounts = tables["accounts"]
        yield {
            "hours": (end - watched.begin) / HOUR,
            "flagged": sorted(watched.left.flagged),
            "seen": accounts["account_id"].to_pylist(),
            "groups": [
                {"verdict": row["verdict"], "score": row["score"], "members": members_of(tables["members"], row)}
                for row in tables["campaigns"].select(["campaign_id", "verdict", "score"]).to_pylist()
                if row["verdict"] != "none"
            ],
        }
        end += step_hours * HOUR


def members_of(members: pa.Table, campaign: Mapping[str, Any]) -> list[str]:
    """Accounts of a group, ascending."""
    rows = zip(members["campaign_id"].to_pylist(), members["account_id"].to_pylist(), strict=True)
    return sorted({account for name, account in rows if name == campaign["campaign_id"]})


def count_changes(looks: list[dict[str, Any]], truth: Mapping[str, str], step_hours: int) -> Counter[str]:
    """Days that campaigns were watched, and what changed in them.

    Args:
        looks: the rows of one world, in order of time.
        truth: account -> its true campaign, "" for an honest one.
        step_hours: hours between two looks.
    """
    counts: Counter[str] = Counter()
    verdicts: dict[str, str] = {}
    flagged: set[str] = set()
    for look in looks:
        now: dict[str, str] = {}
        for group in look["groups"]:
            served = Counter(truth.get(account, "") for account in group["members"])
            name = min(served.items(), key=lambda item: (-item[1], item[0]))[0]
            if RANK[group["verdict"]] > RANK[now.get(name, "none")]:
                now[name] = group["verdict"]
        for name in verdicts.keys() | now.keys():
            before, after = RANK[verdicts.get(name, "none")], RANK[now.get(name, "none")]
            kind = "campaign" if name else "honest"
            counts[f"{kind} looks"] += 1
            counts[f"{kind} up"] += after > before and name in verdicts
            counts[f"{kind} down"] += after < before
            verdicts[name] = now.get(name, "none")
        seen, marked = set(look["seen"]), set(look["flagged"])
        counts["unflagged"] += len((flagged - marked) & seen)
        counts["flagged"] += len(marked - flagged)
        counts["honest flagged"] += sum(not truth.get(account) for account in marked - flagged)
        flagged = marked
    counts["step"] = step_hours
    return counts


def print_table(out: Path) -> None:
    """The table of the rows in the folder."""
    print("| world | campaign days | verdict up | down | flagged | unflagged | honest: days shown, up, down, flagged |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    totals: Counter[str] = Counter()
    for path in sorted(out.glob("*.json")):
        kept = json.loads(path.read_text())
        counts = count_changes(kept["looks"], kept["truth"], kept["step"])
        counts["days"] = round(counts["campaign looks"] * kept["step"] / 24, 1)  # type: ignore[assignment]  # a share of a day
        counts["honest days"] = round(counts["honest looks"] * kept["step"] / 24, 1)  # type: ignore[assignment]  # the same
        totals.update(counts)
        print(_row(path.stem, counts))
    print(_row("**all**", totals))


def _row(name: str, counts: Mapping[str, float]) -> str:
    honest = ", ".join(f"{counts[one]:g}" for one in ("honest days", "honest up", "honest down", "honest flagged"))
    values = [f"{counts[one]:g}" for one in ("days", "campaign up", "campaign down", "flagged", "unflagged")]
    return f"| {name} | {' | '.join(values)} | {honest} |"


def main() -> None:
    """Hunt the worlds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--generators", default="first,second")
    parser.add_argument("--rungs", default="1,3,5,6,7,11")
    parser.add_argument("--seed", type=int, default=4001)
    parser.add_argument("--step", type=int, default=2, help="hours between two looks")
    parser.add_argument("--table", action="store_true", help="only print the table")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kinds = [(name, int(rung)) for rung in options.rungs.split(",") for name in options.generators.split(",")]
    for generator, rung in [] if options.table else kinds:
        path = options.out / f"{generator}-{rung:02d}-{options.seed}.json"
        if path.exists():
            continue
        started = time.perf_counter()
        world = build(generator, rung, options.seed)
        truth = {row["account_id"]: row["campaign"] or "" for row in world.truth_accounts.to_pylist()}
        looks = list(look_again(world, options.step))
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps({"step": options.step, "truth": truth, "looks": looks}))
        beside.replace(path)
        print(f"{path.stem}: {len(looks)} looks, {time.perf_counter() - started:.0f} s", flush=True)
    print_table(options.out)


if __name__ == "__main__":
    main()
