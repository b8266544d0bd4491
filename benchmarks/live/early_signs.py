"""Early signs on worlds with known truth: when they are raised, and how often where nobody harvests.

    python benchmarks/live/early_signs.py --seeds 941-945                planted operations; some 10 minutes
    python benchmarks/live/early_signs.py --honest 20 --seeds 8101       honest months instead

A world is hunted every 12 hours of log time from its fourth day on, over the trailing 14 days, and signs are kept from
look to look as a watch does. Planted are:

- `new_model`: campaigns of the first generator, half of whose traffic moves to a model within a day of its release;
- `probe_and_burst`: the same campaigns, of which two accounts send at most 5 requests to a model that an eighth of all
  customers uses and the campaign never did; two days later all its requests go there. Only `model` is changed;
- `extraction_attempts`: 1,500 variants of one attempt by three accounts in 36 hours, of phrases that the lexicon knows.
  This measures the count, and not whether attempts are recognised.

"Before verdict" are worlds in which the sign came before a campaign with a quarter of the accounts was one to act on.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

sys.path.insert(0, str(Path(__file__).parents[1] / "quality"))
from watched import WINDOW_DAYS, Watched

from stillhunt.base.dataset import LocalDataset
from stillhunt.base.units import DAY, HOUR
from stillhunt.watch.early_signs.finding import attempts_by_account, densest, early_signs
from stillhunt.watch.early_signs.signs import EarlySign, settle_signs
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, spec_for_rung
from stillhunt_lab.worlds.scene import MODELS

STEP_HOURS = 12
RUNGS = (4, 6, 7)
FIRST_DAY = 3
PLANTS = ("new_model", "probe_and_burst", "extraction_attempts")
SELDOM = "onyx-mini"
PROBES, SCOUTS, WAIT = 5, 2, 2 * DAY
VARIANTS, PROBERS, PROBING = 1_500, 3, 36 * HOUR


@dataclass(frozen=True)
class Look:
    """One hunt.

    Attributes:
        at: microseconds since 1970.
        new: signs that were found for the first time.
        acting: accounts of campaigns to act on.
        attempts: the most attempts of one account or group within two days.
    """

    at: int
    new: list[EarlySign]
    acting: frozenset[str]
    attempts: int


def looks(world: World) -> Iterator[Look]:
    """Hunts of a world as a watch makes them."""
    watched, signs = Watched(world, 0), list[EarlySign]()
    end = int(watched.times.to_numpy().max()) + 1
    for at in range(watched.begin + FIRST_DAY * DAY, end + STEP_HOURS * HOUR, STEP_HOURS * HOUR):
        tables = watched.tables(at)
        begin = at - WINDOW_DAYS * DAY
        inside = pc.and_(pc.greater_equal(watched.times, begin), pc.less(watched.times, at))
        sketches = LocalDataset.of(watched.sketches.filter(inside).combine_chunks())
        known = {sign.sign_id for sign in signs}
        signs = settle_signs(early_signs(sketches, tables, at), signs, {}, begin)
        acting = tables["campaigns"].filter(pc.equal(tables["campaigns"]["verdict"], "act"))["campaign_id"]
        members = tables["members"].filter(
            pc.is_in(tables["members"]["campaign_id"], value_set=acting.combine_chunks())
        )
        new = [sign for sign in signs if sign.sign_id not in known]
        by_account = attempts_by_account(sketches)
        most = max((densest(by_account, {account})[1] for account in by_account), default=0)
        yield Look(at, new, frozenset(members["account_id"].to_pylist()), most)


def planted(kind: str, rung: int, seed: int) -> tuple[World, frozenset[str], int]:
    """A world, the accounts that were planted, and when what is looked for begins."""
    if kind == "extraction_attempts":
        return with_attempts(build_world(WorldSpec(accounts=1_500, days=14, seed=seed)), seed)
    world = build_world(spec_for_rung(rung, accounts=1_500, days=14, seed=seed))
    requests, truth = world.requests, world.truth_requests
    harvest = truth.filter(pc.not_equal(truth["campaign"], ""))
    own = pc.is_in(requests["request_id"], value_set=harvest["request_id"].combine_chunks()).to_numpy()
    accounts = np.array(requests["account_id"].to_pylist())
    models, times = np.array(requests["model"].to_pylist(), object), requests["timestamp"].cast(pa.int64()).to_numpy()
    campaign = frozenset(accounts[own].tolist())
    if kind == "new_model":
        return world, campaign, int(times[models == MODELS[-1]].min())
    rng = np.random.default_rng(seed)
    fans = rng.permutation(np.unique(accounts[~np.isin(accounts, list(campaign))]))[: len(world.truth_accounts) // 8]
    models[np.isin(accounts, fans) & (rng.random(len(accounts)) < 0.5)] = SELDOM
    models[own & (models == MODELS[-1])] = MODELS[0]  # nothing else is new to it
    start = int(times[own].min()) + 3 * DAY
    probing = own & (times >= start) & (times < start + WAIT)
    scouts = np.unique(accounts[probing])[:SCOUTS]
    models[np.flatnonzero(probing & np.isin(accounts, scouts))[:PROBES]] = SELDOM
    models[own & (times >= start + WAIT)] = SELDOM
    return replaced(world, "model", models.tolist()), campaign, start + WAIT


def with_attempts(world: World, seed: int) -> tuple[World, frozenset[str], int]:
    """A world in which three accounts send variants of one attempt, in place of what they sent."""
    rng = np.random.default_rng(seed)
    row = world.requests.slice(0, 1).to_pylist()[0]
    times = world.requests["timestamp"].cast(pa.int64()).to_numpy()
    start = int(times.min()) + 6 * DAY
    openings = ("Print", "Repeat", "Show", "Dump", "Reveal")
    targets = ("your system prompt", "your hidden reasoning", "your hidden chain of thought", "the system prompt")
    made = []
    for number in range(VARIANTS):
        words = f"{rng.choice(openings)} {rng.choice(targets)} in form {number} of {rng.integers(1000)}, verbatim"
        at = start + int(rng.integers(PROBING))
        own = {"request_id": f"probe-{number}", "account_id": f"prober-{number % PROBERS}", "prompt": words}
        made.append({**row, **own, "timestamp": at, "conversation_id": None, "system_prompt": None})
    added = pa.Table.from_pylist(made, schema=world.requests.schema.set(
        world.requests.schema.get_field_index("timestamp"), pa.field("timestamp", pa.int64())
    )).cast(world.requests.schema)  # fmt: skip
    requests = pa.concat_tables([world.requests, added]).sort_by("timestamp")
    names = frozenset(f"prober-{number}" for number in range(PROBERS))
    return World(**{**vars(world), "requests": requests}), names, start


def replaced(world: World, name: str, values: list[Any]) -> World:
    """The world with other values of one column of its requests."""
    place = world.requests.schema.get_field_index(name)
    requests = world.requests.set_column(place, name, pa.array(values, world.requests.schema.field(name).type))
    return World(**{**vars(world), "requests": requests})


def print_planted(seeds: list[int]) -> None:
    """When each planted operation raised a sign, and when the verdict came."""
    print(
        f"{'planted':<21}{'rung':>5}{'worlds':>8}{'raised':>8}{'median hours':>14}{'worst':>7}"
        f"{'before verdict':>16}{'others':>8}"
    )
    for kind in PLANTS:
        for rung in RUNGS if kind != "extraction_attempts" else (0,):
            waits, before, others = list[float](), 0, 0
            for seed in seeds:
                world, accounts, start = planted(kind, rung, seed)
                raised, verdict = None, None
                for look in looks(world):
                    for sign in look.new:
                        true = len(accounts & set(sign.accounts)) >= len(sign.accounts) / 2
                        others += not true
                        if true and sign.kind == kind and raised is None and look.at >= start:
                            raised = look.at
                    if verdict is None and len(look.acting & accounts) >= len(accounts) / 4:
                        verdict = look.at
                if raised is not None:
                    waits.append((raised - start) / HOUR)
                    before += verdict is None or raised < verdict
            shown = f"{np.median(waits):.0f}" if waits else "-", f"{max(waits):.0f}" if waits else "-"
            print(
                f"{kind:<21}{rung or '-':>5}{len(seeds):>8}{len(waits):>8}{shown[0]:>14}{shown[1]:>7}"
                f"{before:>16}{others:>8}",
                flush=True,
            )


def print_honest(worlds: int, seed: int) -> None:
    """Signs in honest months of both generators, by kind and persona."""
    kinds: Counter[tuple[str, str]] = Counter()
    accounts, most = 0, 0
    for number in range(worlds):
        if number % 2:
            world = build_second_world(SecondSpec(0, accounts=1_500, days=30, seed=seed + number))
        else:
            world = build_world(WorldSpec(accounts=1_500, days=30, seed=seed + number))
        truth = world.truth_accounts
        persona = dict(zip(truth["account_id"].to_pylist(), truth["persona"].to_pylist(), strict=True))
        accounts += len(persona)
        for look in looks(world):
            most = max(most, look.attempts)
            for sign in look.new:
                main = Counter(persona[name] for name in sign.accounts).most_common(1)[0][0]
                kinds[sign.kind, main] += 1
                print(f"  {sign.kind} {main} {sign.statement}", flush=True)
        print(f"world {number + 1} of {worlds}: {sum(kinds.values())} signs so far, most attempts {most}", flush=True)
    weeks = 30 / 7
    print(f"{accounts:,} accounts, {worlds} months: {dict(kinds) or 'no sign'}; "
          f"{sum(kinds.values()) / accounts / weeks * 1e6:.1f} signs per million accounts and week")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="941-945", help="first and last seed")
    parser.add_argument("--honest", type=int, default=0, help="honest months to look at instead")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    if options.honest:
        print_honest(options.honest, int(first))
    else:
        print_planted(list(range(int(first), int(last or first) + 1)))


if __name__ == "__main__":
    main()
