"""What `model damage` says of harvests whose worth is known: where the curve bends, and what honest answers are worth.

    python benchmarks/model/damage.py OUT.jsonl                 all worlds, 3 seeds: some 15 minutes of one core
    python benchmarks/model/damage.py OUT.jsonl --worlds plain --honest 190   fewer students of honest answers
    python benchmarks/model/damage.py OUT.jsonl --small         short trainings, to see that it runs
    python benchmarks/model/damage.py OUT.jsonl --worlds plain --tasks strings --seeds 5 --samples 4096 --steps 2000

Worlds, each a log with answers and a case whose harvest is known:

- plain: the campaign takes so many different questions of one checkable task; honest customers ask for prose and for
  the other tasks. The loss should stop to fall where right answers stop to become more.
- copies: it takes a quarter of the questions, each with near-copies, which count as one sample.
- rewordings: it takes a quarter of the questions, each in four wordings that count as samples of their own.
- prose: it takes what honest customers take, in the same mixture. It should be worth no more than as many honest
  answers.

In the worlds of copies and rewordings, honest customers ask other questions of the same task, each in one of the forms:
all students are asked the same, and the harvest should be worth as many honest answers as it has different questions.

Right answers are those that a student gives exactly, steps included. OUT.jsonl gets one line of JSON for each world and
task as soon as it is finished, and finished students are kept in the folder OUT.students: run again with the same file
and settings, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prose import prose_pairs, prose_world

import stillhunt
from stillhunt.base.progress import Silent
from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION
from stillhunt.triage import Case
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.damage.curve import Interval
from stillhunt_model.damage.measuring import DamageResult, result_of_students
from stillhunt_model.damage.report import damage_document
from stillhunt_model.damage.samples import HarvestSource, gather_answers
from stillhunt_model.damage.splitting import HARVESTED, HeldOut, hold_out, shuffled
from stillhunt_model.damage.students import StudentSpec, train_students
from stillhunt_model.tasks.checkable import TASKS, draw_examples
from stillhunt_model.training.pairs import TextPair

WORLDS = ("plain", "copies", "rewordings", "prose")
CAMPAIGN = "campaign"
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FORMS = (str, str.upper, str.title, lambda text: f"  {text}...")
WORDINGS = ("{}", "kindly work out: {}", "what comes out of {}", "the next puzzle reads {}")
EACH = {"copies": FORMS, "rewordings": tuple(one.format for one in WORDINGS)}
"""World -> in what forms each question is asked there."""
HELD_OUT = 1.4
"""Times as many questions as are learned from at most: one in four is held out, and some are tied to those."""
OTHER_SEED = 1000
"""Added to the seed for what a campaign takes that takes what customers take: other draws of the same."""


def task_pairs(task: str, count: int, seed: int) -> list[TextPair]:
    """Questions of a task with digits as words, since prompts that differ in numbers alone count as one sample."""
    return [TextPair(spelt(one.prompt), one.answer) for one in draw_examples(TASKS[task], count, seed)]


def spelt(prompt: str) -> str:
    """A prompt without digits."""
    return " ".join("".join(f" {DIGITS[int(sign)]} " if sign.isdigit() else sign for sign in prompt).split())


def asked_pairs(world: str, task: str, count: int, seed: int, others: int = 0) -> tuple[list[TextPair], list[TextPair]]:
    """What the campaign takes, and what honest customers do.

    Args:
        world: its name.
        task: of the campaign's questions.
        count: samples of the campaign.
        seed: of all draws.
        others: answers to customers in the plain world; by default twice as many.
    """
    if world == "prose":
        return honest(task, count, seed + OTHER_SEED), honest(task, 2 * count, seed)
    if world == "plain":
        return task_pairs(task, count, seed), honest(task, others or 2 * count, seed)
    forms = EACH[world]
    few = count // len(forms)
    pairs = task_pairs(task, few + count, seed)
    own = [TextPair(form(one.prompt), one.answer) for form in forms for one in pairs[:few]]
    return own, [TextPair(forms[at % len(forms)](one.prompt), one.answer) for at, one in enumerate(pairs[few:])]


def honest(task: str, count: int, seed: int) -> list[TextPair]:
    """What customers take: a sentence of prose on one of several subjects, and a fifth of other tasks."""
    texts = [
        one
        for subject in range(4)
        for one in prose_pairs(prose_world(), count // 5, seed, subject=subject, sentences=1)
    ]
    others = [one for one in ("sums", "strings", "calls") if one != task]
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


def row_of(result: DamageResult, held: HeldOut) -> dict[str, Any]:
    """What is reported of one world."""
    curve = result.curve
    own = [one for one in curve.points if one.kind == HARVESTED]
    document = damage_document(result)
    points = [
        {"kind": one.kind, "count": one.count, "loss_by_byte": bounds(one.loss_by_byte), "right": bounds(one.exact)}
        for one in curve.points
    ]
    most = max(one.count for one in own)
    learned = shuffled(held.training[HARVESTED], result.spec.seed * OTHER_SEED)[:most]
    return {
        "requests": result.requests,
        "samples": most,
        "questions": len({one.pair.answer for one in learned}),
        "asked": result.asked,
        "parameters": result.parameters,
        "points": points,
        "bend": document["curve"]["bend"],
        "bent": curve.bent,
        "bend_by_right_answers": document["curve"]["exact_bend"],
        "advantage": bounds(curve.advantage),
        "honest_worth": document["curve"]["honest_worth"],
        "harvested_worth": document["curve"]["harvested_worth"],
        "reached": [[count, *(bounds(one) or [])] for count, one in curve.reached.items()],
        "sentences": document["sentences"],
    }


def bounds(one: Interval | None) -> list[float] | None:
    """Value, low and high."""
    return None if one is None else [round(part, 4) for part in (one.value, one.low, one.high)]


def main() -> None:
    """Build the worlds, measure those that the file lacks, and append a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=["sums"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument(
        "--honest", type=int, default=0, help="answers to customers in the plain world; else twice the harvest"
    )
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    start_models(None)
    spec = StudentSpec(given.samples, given.seeds, given.steps, 16, 64, 2, 96, 512, learning_rate=5e-3, seed=given.seed)
    if given.small:
        spec = StudentSpec(256, 3, 60, 16, 32, 2, 96, 512, learning_rate=5e-3, seed=given.seed)
    wanted = [(world, task) for world in given.worlds for task in given.tasks[: 1 if world == "prose" else None]]
    for world, task in wanted:
        # Nothing in prose has to be exact.
        own, others = replace(spec, steps=spec.steps // (1 + (world == "prose"))), given.honest * (world == "plain")
        settings = {**asdict(own), "base": None, "honest": others or None}
        if any((row["world"], row["task"], row["settings"]) == (world, task, settings) for row in rows_of(given.out)):
            continue
        begun = time.process_time()
        row = {"world": world, "task": task, "settings": settings, **measure(world, task, own, others, given.out)}
        row["cpu_seconds"] = round(time.process_time() - begun, 1)
        with given.out.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(world, task, *row["sentences"], sep="\n  ", flush=True)


def measure(world: str, task: str, spec: StudentSpec, others: int, out: Path) -> dict[str, Any]:
    """Build one world and train its students, except those that are kept beside the file of rows."""
    count = round(spec.samples * HELD_OUT)
    with tempfile.TemporaryDirectory() as scratch:
        source = write_world(Path(scratch), *asked_pairs(world, task, count, spec.seed, others), spec.seed)
        gathered = gather_answers(source, stillhunt.Config(), Silent(), spec.seed)
    held = hold_out(gathered, spec.seed)
    students = train_students(held, spec, Silent(), out.with_suffix(".students") / f"{world}-{task}")
    return row_of(result_of_students(gathered, held, students, spec), held)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Rows of a file that may not be there yet."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
