"""Do campaigns keep their id? Worlds are cut in time into looks, each look is hunted, and ids are settled.

    python benchmarks/live/lineage.py                 the table of docs/adr/0030-watch.md
    python benchmarks/live/lineage.py --keep FOLDER   keep what the hunts found, so that it need not be hunted again
    python benchmarks/live/lineage.py --same 0.1 0.5  with other limits of the parameter watch.lineage.same

Worlds have 300 honest accounts and 14 days; there is a look every 12 hours, over a window of 4 days. In some of them
the log is changed: all requests of a campaign are taken out for 6 days, or on day 7 a third of its accounts falls
silent while another third begins (half of the active accounts are swapped at once), or all accounts are swapped.

Each found campaign belongs to the true campaign that most of its harvested requests are of. For each true campaign the
id of its largest found campaign is followed from look to look: an id changed where it differs from that of the look
before in which the campaign was found. `hunt` counts the changes of the ids that the hunts gave, `lasting` those of
the settled ids. `passed on` counts lasting ids that stood for two true campaigns, and `ids` those in all.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt.base.units import DAY
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.lineage import settle as settling
from stillhunt.watch.lineage.campaigns import FoundCampaign, found_campaigns
from stillhunt.watch.records import known_campaigns, record_hunt
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

TWO = (CampaignSpec(2, 16, name="crude"), CampaignSpec(6, 30, name="careful"))
WORLDS = {
    "two campaigns": (TWO, ""),
    "accounts replaced one by one (rung 11)": ((CampaignSpec(11, 40, name="a"), CampaignSpec(3, 20, name="b")), ""),
    "a pool of three labs (rung 8)": ((CampaignSpec(8, 40, name="pool"), CampaignSpec(4, 20, name="own")), ""),
    "two pools of two labs": (
        (CampaignSpec(2, 30, name="p", kind="pool"), CampaignSpec(4, 30, name="q", kind="pool")),
        "",
    ),
    "two campaigns, six days of silence": (TWO, "paused"),
    "two campaigns, half of the accounts swapped": ((CampaignSpec(2, 30, name="crude"), *TWO[1:]), "half"),
    "two campaigns, all accounts swapped": ((CampaignSpec(2, 30, name="crude"), *TWO[1:]), "all"),
}
"""Name -> campaigns, and what is done to the log."""
ACCOUNTS, DAYS, WINDOW_DAYS, LOOK_DAYS, SWAP_DAY = 300, 14, 4.0, 0.5, 7.0


def kept_rows(world: World, change: str, start: int) -> pa.Array:
    """Which requests of a world stay in the log."""
    truth = {row["account_id"]: row["campaign"] for row in world.truth_accounts.to_pylist()}
    campaigns = sorted({name for name in truth.values() if name})
    places: dict[str, int] = {}
    for campaign in campaigns:
        members = sorted(account for account, name in truth.items() if name == campaign)
        places |= {account: place for place, account in enumerate(members)}
    times = pc.cast(world.requests["timestamp"], pa.int64()).to_pylist()
    kept = []
    for account, time in zip(world.requests["account_id"].to_pylist(), times, strict=True):
        day, place = (time - start) / DAY, places.get(account)
        if place is None or not change:
            kept.append(True)
        elif change == "paused":
            kept.append(not 4.0 <= day < 10.0)
        elif change == "half":
            kept.append(place % 3 == 0 or (place % 3 == 1) == (day < SWAP_DAY))
        else:
            kept.append((place % 2 == 0) == (day < SWAP_DAY))
    return pa.array(kept)


@dataclass(frozen=True)
class Look:
    """One hunt: its time and window in microseconds, what it found, and the true campaign of each found one."""

    at: int
    window_start: int
    found: list[FoundCampaign]
    truth: dict[str, str]


def looks(world: World, change: str, *, first_days: float = 2.0) -> Iterator[Look]:
    """Hunt the last days before each look, one look after the other."""
    start = pc.min(pc.cast(world.requests["timestamp"], pa.int64())).as_py()
    log = world.requests.filter(kept_rows(world, change, start))
    times = pc.cast(log["timestamp"], pa.int64())
    end, truth = pc.max(times).as_py(), world.truth_requests
    at = start + int(first_days * DAY)
    while at <= end + LOOK_DAYS * DAY:
        window = at - int(WINDOW_DAYS * DAY)
        rows = pc.and_(pc.less(times, at), pc.greater_equal(times, window))
        config = stillhunt.Config(sanctioned={"organizations": world.sanctioned})
        case = stillhunt.hunt(log.filter(rows), world.accounts, config)
        joined = case.harvest.join(truth.select(["request_id", "campaign"]), "request_id")
        of_campaign: dict[str, Counter[str]] = {}
        for row in joined.select(["campaign_id", "campaign"]).to_pylist():
            of_campaign.setdefault(row["campaign_id"], Counter())[row["campaign"] or ""] += 1
        yield Look(at, window, found_campaigns(case), {n: c.most_common(1)[0][0] for n, c in of_campaign.items()})
        at += int(LOOK_DAYS * DAY)


def settled_looks(sequence: Sequence[Look]) -> tuple[list[dict[str, str]], Counter[str]]:
    """Lasting ids of each look, settled through a real database, and the events by kind."""
    lasting, events = [], Counter()
    with tempfile.TemporaryDirectory() as folder:
        database = WatchDatabase("", Path(folder) / "stillhunt.db")
        for number, look in enumerate(sequence, 1):
            settled = settling.settle(known_campaigns(database), look.found, look.window_start)
            counts = dict.fromkeys(("requests", "accounts", "rejected", "cpu_seconds", "required_bits"), 0)
            row = {"sequence": number, "made_at": look.at, "from_time": None, "to_time": None, **counts}
            with database.write() as connection:
                record_hunt(connection, row, look.found, settled)
            lasting.append(dict(settled.lasting))
            events.update(event.event for event in settled.events)
        database.close()
    return lasting, events


def changes(sequence: Sequence[Look], names: Sequence[dict[str, str]]) -> tuple[int, int, int, int]:
    """Id changes of true campaigns, how often they could have changed, ids in all, and ids of two true campaigns."""
    last: dict[str, str] = {}
    owner: dict[str, set[str]] = {}
    changed = chances = 0
    for look, lasting in zip(sequence, names, strict=True):
        sizes = {one.campaign_id: sum(one.members.values()) for one in look.found if one.verdict != "none"}
        best: dict[str, str] = {}
        for name in sorted(sizes, key=lambda name: (sizes[name], name)):
            if truth := look.truth.get(name, ""):
                best[truth] = lasting[name]
                owner.setdefault(lasting[name], set()).add(truth)
        chances += len(best.keys() & last.keys())
        changed += sum(last.get(truth, name) != name for truth, name in best.items())
        last.update(best)
    return changed, chances, len(owner), sum(len(truths) > 1 for truths in owner.values())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="folder for what the hunts found")
    parser.add_argument("--same", type=float, nargs="*", default=[], help="other limits to try")
    parser.add_argument("--seeds", type=int, nargs="*", default=[29, 30], help="seeds of the worlds")
    options = parser.parse_args()
    sequences = {}
    for number, (name, (campaigns, change)) in enumerate(WORLDS.items()):
        for seed in options.seeds:
            kept = options.keep and options.keep / f"{number}-{seed}.pickle"
            if kept and kept.exists():
                sequences[name, seed] = pickle.loads(kept.read_bytes())  # noqa: S301 - our own file
                continue
            sequences[name, seed] = list(looks(build_world(WorldSpec(ACCOUNTS, DAYS, seed, campaigns)), change))
            if kept:
                kept.parent.mkdir(exist_ok=True, parents=True)
                kept.write_bytes(pickle.dumps(sequences[name, seed]))
    print("| world | same | looks | ids changed, hunt | ids changed, lasting | ids | passed on | events |")
    print("|---|---|---|---|---|---|---|---|")
    default = settling.P
    for same in [default.same, *options.same]:
        settling.P = replace(default, same=same)
        for name in WORLDS:
            own = [sequences[name, seed] for seed in options.seeds]
            hunt = [changes(one, [{c.campaign_id: c.campaign_id for c in look.found} for look in one]) for one in own]
            settled = [settled_looks(one) for one in own]
            lasting = [changes(one, names) for one, (names, _) in zip(own, settled, strict=True)]
            events = sum((events for _, events in settled), Counter())
            told = ", ".join(f"{event} {count}" for event, count in sorted(events.items()))
            totals = [sum(column) for column in zip(*lasting, strict=True)]
            print(
                f"| {name} | {same:g} | {sum(map(len, own))} | {sum(row[0] for row in hunt)} of {totals[1]} | "
                f"{totals[0]} of {totals[1]} | {totals[2]} | {totals[3]} | {told} |"
            )


if __name__ == "__main__":
    main()
