"""What `model damage` says of harvests whose worth is known: where the curve bends, and what honest answers are worth.

    python benchmarks/model/damage.py OUT                      all worlds, 5 seeds: some hours on two cores
    python benchmarks/model/damage.py OUT --small              one task and short trainings, to see that it runs
    python benchmarks/model/damage.py OUT --worlds plain --tasks sums --seeds 3 --samples 4096

Worlds, each a log with answers and a case whose harvest is known:

- plain: the campaign takes so many different questions of one checkable task; honest customers ask for prose and for
  the other tasks. The loss should stop to fall where right answers stop to become more.
- copies: it takes a quarter of the questions, each with near-copies, which count as one sample. Copies add nothing:
  the curve should be that of a quarter.
- rewordings: it takes a quarter of the questions, each in four wordings that count as samples of their own. All samples
  should be worth what a quarter of so many different ones are.
- prose: it takes what honest customers take. It should be worth no more than as many honest answers.

Right answers are those that a student gives exactly, steps included. OUT gets one line of JSON for each world and task.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import stillhunt
from stillhunt.base.progress import Silent
from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION
from stillhunt.cli.model.starting import start_models
from stillhunt.model.damage.curve import Interval, bend_of
from stillhunt.model.damage.measuring import DamageResult, measure_damage
from stillhunt.model.damage.report import damage_document
from stillhunt.model.damage.samples import HarvestSource
from stillhunt.model.damage.splitting import HARVESTED
from stillhunt.model.damage.students import StudentSpec
from stillhunt.model.tasks.checkable import TASKS
from stillhunt.model.tasks.prose import prose_pairs, prose_world
from stillhunt.model.tasks.task import draw_examples
from stillhunt.model.training.pairs import TextPair
from stillhunt.triage import Case

WORLDS = ("plain", "copies", "rewordings", "prose")
CAMPAIGN = "campaign"
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDINGS = ("{}", "kindly work out: {}", "what comes out of {}", "the next puzzle reads {}")
HELD_OUT = 1.4
"""Times as many questions as are learned from at most: one in four is held out, and some are tied to those."""


def task_pairs(task: str, count: int, seed: int) -> list[TextPair]:
    """Questions of a task with digits as words, since prompts that differ in numbers alone count as one sample."""
    return [TextPair(spelt(one.prompt), one.answer) for one in draw_examples(TASKS[task], count, seed)]


def spelt(prompt: str) -> str:
    """A prompt without digits."""
    return " ".join("".join(f" {DIGITS[int(sign)]} " if sign.isdigit() else sign for sign in prompt).split())


def harvest(world: str, task: str, count: int, seed: int) -> list[TextPair]:
    """What the campaign takes."""
    if world == "prose":
        return prose_pairs(prose_world(), count, seed, subject=1)
    if world == "plain":
        return task_pairs(task, count, seed)
    pairs = task_pairs(task, count // len(WORDINGS), seed)
    if world == "copies":
        forms = (str, str.upper, str.title, lambda text: f"  {text}...")
        return [TextPair(form(one.prompt), one.answer) for form in forms for one in pairs]
    return [TextPair(wording.format(one.prompt), one.answer) for wording in WORDINGS for one in pairs]


def honest(task: str, count: int, seed: int) -> list[TextPair]:
    """What customers take: prose on several subjects, and a quarter of other tasks."""
    texts = [one for subject in range(4) for one in prose_pairs(prose_world(), count // 5, seed, subject=subject)]
    others = [one for one in TASKS if one != task]
    return texts + [pair for one in others for pair in task_pairs(one, count // (5 * len(others)), seed + 1)]


def write_world(folder: Path, harvested: Sequence[TextPair], others: Sequence[TextPair], seed: int) -> HarvestSource:
    """The log and the case."""
    named = [(f"h{at}", f"member-{at % 20}", pair) for at, pair in enumerate(harvested)]
    named += [(f"o{at}", f"customer-{at % 200}", pair) for at, pair in enumerate(others)]
    random.Random(seed).shuffle(named)  # noqa: S311  # an order is no secret
    with (folder / "log.jsonl").open("w") as log:
        for at, (name, account, pair) in enumerate(named):
            row = {"request_id": name, "account_id": account, "model": "m", "prompt": pair.prompt}
            moment = (BEGUN + timedelta(seconds=9 * at)).isoformat()
            log.write(json.dumps({**row, "timestamp": moment, "response": pair.answer, "status": 200}) + "\n")
    tables = {name: table.empty() for name, table in CASE_TABLES.items()}
    own = [name for name, _, _ in named if name.startswith("h")]
    members = sorted({account for name, account, _ in named if name.startswith("h")})
    tables["harvest"] = filled("harvest", request_id=own, campaign_id=[CAMPAIGN] * len(own))
    tables["members"] = filled("members", account_id=members, campaign_id=[CAMPAIGN] * len(members))
    tables["campaigns"] = filled("campaigns", campaign_id=[CAMPAIGN], kind=["harvest"], verdict=["act"])
    case = Case(tables, run={"case_version": CASE_VERSION}).write(folder / "case")
    return HarvestSource(case, CAMPAIGN, [str(folder / "log.jsonl")])


def filled(name: str, **columns: list[Any]) -> Any:
    """A case table with some columns given, and nothing in the others."""
    rows = len(next(iter(columns.values())))
    plain = {"timestamp": BEGUN, "string": "", "int": 0, "double": 0.0, "bool": False, "list": []}
    for column in CASE_TABLES[name].columns:
        if column.name not in columns and not column.nullable:
            kind = str(column.type)
            columns[column.name] = [next(value for word, value in plain.items() if kind.startswith(word))] * rows
    return CASE_TABLES[name].build(**columns)


def row_of(world: str, task: str, result: DamageResult, seconds: float) -> dict[str, Any]:
    """What is reported of one world."""
    curve = result.curve
    own = [one for one in curve.points if one.kind == HARVESTED]
    shares = [None if one.exact is None else one.exact.value for one in own]
    known = [-one for one in shares if one is not None]
    by_right = bend_of(np.array(known), [one.count for one in own]) if len(known) == len(own) else None
    document = damage_document(result)
    points = [
        {"kind": one.kind, "count": one.count, "loss_by_byte": bounds(one.loss_by_byte), "right": bounds(one.exact)}
        for one in curve.points
    ]
    return {
        "world": world,
        "task": task,
        "requests": result.requests,
        "samples": max(one.count for one in own),
        "asked": result.asked,
        "points": points,
        "bend": document["curve"]["bend"],
        "bent": curve.bent,
        "bend_by_right_answers": by_right if by_right is None or np.isfinite(by_right) else "none",
        "advantage": bounds(curve.advantage),
        "honest_worth": document["curve"]["honest_worth"],
        "harvested_worth": document["curve"]["harvested_worth"],
        "seconds": round(seconds, 1),
    }


def bounds(one: Interval | None) -> list[float] | None:
    """Value, low and high."""
    return None if one is None else [round(part, 4) for part in (one.value, one.low, one.high)]


def main() -> None:
    """Build the worlds, measure them, and write a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=["sums", "strings"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for finished students, so that a stopped run goes on")
    given = parser.parse_args()
    start_models(stillhunt.Config())
    spec = StudentSpec(given.samples, given.seeds, given.steps, 32, 96, 2, 96, 300, seed=given.seed)
    if given.small:
        spec = StudentSpec(256, 3, 120, 16, 48, 2, 96, 300, learning_rate=5e-3, seed=given.seed)
    wanted = [(world, task) for world in given.worlds for task in given.tasks[: 1 if world == "prose" else None]]
    with given.out.open("w") as out:
        for world, task in wanted:
            begun = time.perf_counter()
            count = round(spec.samples * HELD_OUT)
            with tempfile.TemporaryDirectory() as scratch:
                pairs = harvest(world, task, count, spec.seed)
                source = write_world(Path(scratch), pairs, honest(task, 2 * count, spec.seed), spec.seed)
                work = None if given.keep is None else given.keep / f"{world}-{task}"
                result = measure_damage(source, spec, stillhunt.Config(), Silent(), work)
            row = row_of(world, task, result, time.perf_counter() - begun)
            out.write(json.dumps(row) + "\n")
            out.flush()
            print(json.dumps({key: value for key, value in row.items() if key != "points"}))


if __name__ == "__main__":
    main()
