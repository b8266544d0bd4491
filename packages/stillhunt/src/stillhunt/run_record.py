"""What run.json records of a hunt: versions, inputs, settings, coverage, counts, and the cost of each stage."""

import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt._version import __version__
from stillhunt.base.clients import tells_browsers
from stillhunt.base.config import Config
from stillhunt.base.container_memory import give_back
from stillhunt.base.formatting import plural
from stillhunt.base.plugin_groups import plugins_record
from stillhunt.base.progress import Advance, Progress
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.collect import LogFacts
from stillhunt.collect.inspection import coverage, sampled_facts, unenriched
from stillhunt.extract import SHARED_ID, SKETCH_VERSION
from stillhunt.score import evidence_needs, list_version, log_budget
from stillhunt.triage import Case, allowed_groups, personal_ids, set_aside_facts

_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system reports the memory of a process."""


class Clock:
    """Measures each stage, and the steps in it that show progress: wall and CPU seconds, and the peak memory.

    CPU seconds are those of the whole process meanwhile; the peak is that of the process up to the end of the stage.
    Memory that a stage freed is given back to the system, so that it does not add to what the next stage needs.
    """

    def __init__(self) -> None:
        self.timings: list[dict[str, Any]] = []
        self._steps: list[dict[str, Any]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        """Measure one stage; yields its entry for run.json, whose `rows` the caller may set."""
        self._steps = []
        entry: dict[str, Any] = {"stage": name, **_COST, "rows": 0, "steps": self._steps}
        with _measured(entry):
            yield entry
            give_back()
        self.timings.append(entry)

    @contextmanager
    def step(self, name: str, unit: str) -> Iterator[dict[str, Any]]:
        """Measure one step of a stage; steps of one name are one entry, whose `done` and times are sums."""
        entry: dict[str, Any] = {"step": name, **_COST, "done": 0, "unit": unit}
        with _measured(entry):
            yield entry
        same = next((one for one in self._steps if (one["step"], one["unit"]) == (name, unit)), None)
        if same is None:
            self._steps.append(entry)
            return
        for key in ("seconds", "cpu_seconds", "done"):
            same[key] = round(same[key] + entry[key], 3)
        same["peak_mb"] = entry["peak_mb"]


def start_clock(shown: Progress) -> tuple[Progress, Clock]:
    """A clock, and progress that it measures on its way to whoever shows it."""
    clock = Clock()
    return _TimedProgress(shown, clock), clock


_COST: dict[str, Any] = {"seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0.0}


@contextmanager
def _measured(entry: dict[str, Any]) -> Iterator[None]:
    start, cpu = time.perf_counter(), time.process_time()
    yield
    entry["seconds"] = round(time.perf_counter() - start, 3)
    entry["cpu_seconds"] = round(time.process_time() - cpu, 3)
    entry["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6, 1)


class _TimedProgress:
    def __init__(self, shown: Progress, clock: Clock) -> None:
        self._shown, self._clock = shown, clock
        self.note = shown.note

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Open one step."""
        lock = threading.Lock()
        with self._clock.step(name, unit) as entry, self._shown.stage(name, total, unit) as advance:

            def count(done: int) -> None:
                with lock:
                    entry["done"] += done
                advance(done)

            yield count


def log_record(facts: LogFacts, customers: pa.Table | None, config: Config) -> dict[str, Any]:
    """Versions, inputs, settings, and the evidence that the logs allow; `customers` is ACCOUNTS, None if missing."""
    present = facts.columns.present
    return {
        "version": __version__,
        "case_version": CASE_VERSION,
        "sketch_version": SKETCH_VERSION,
        "disposable_domains": list_version(),
        "inputs": [asdict(one) for one in facts.inputs],
        "settings": _list_recorded_settings(config),
        "seed": config.seed,
        "coverage": [asdict(family) for family in coverage(evidence_needs(), present, customers, facts.columns.filled)],
        "unmapped": list(facts.unmapped),
        "unenriched": unenriched(present, browsers=tells_browsers()),
    }


_MOSTLY = 0.5  # share of the requests from which a log names end users (judgement: most of them)


def explain_few_accounts(accounts: int, filled: Mapping[str, float], config: Config) -> str:
    """A sentence where a log has fewer accounts than a campaign, as behind a gateway that calls as one; else ""."""
    least = config.resolve.min_accounts
    if accounts >= least:
        return ""
    # Requests without one would be refused, so that a few end users are no help.
    named = filled.get("end_user_id", 0.0) >= _MOSTLY
    users = "; it names end users: map account_id to their field to hunt these" if named else ""
    return (
        f"the log has {plural(accounts, 'account')}, and a campaign at least {least}, so that none can be found{users}"
    )


def findings_record(
    tables: dict[str, pa.Table], totals: pa.Table, config: Config, facts: LogFacts, repeats: tuple[int, int]
) -> dict[str, Any]:
    """The evidence that the log demanded of a campaign, and how much was found.

    `totals`: requests of all accounts by day, as `link_slices` gives them. `repeats`: number of calls that share their
    id with other calls of the account, and number of exact repeats.
    """
    shared, duplicates = repeats
    verdicts = tables["campaigns"]["verdict"].to_pylist()
    counts = {
        "requests": pc.sum(totals["requests"]).as_py() or 0,
        "accounts": tables["accounts"].num_rows,
        "rejects": facts.rejected_rows,
        "duplicates": duplicates,
        "campaigns": sum(v == "act" for v in verdicts),
        "review": sum(v == "review" for v in verdicts),
        "flagged": pc.sum(tables["accounts"]["flagged"]).as_py() or 0,
        "allowed": allowed_groups(tables, config.score.review_probability),
    }
    sampled = sampled_facts(evidence_needs(), facts.columns.sampling_rates, counts["requests"])
    return {
        "budget": asdict(log_budget(totals, config.score)),
        "counts": counts,
        "personal_ids": personal_ids(tables["accounts"]["account_id"]),
        "few_accounts": explain_few_accounts(counts["accounts"], facts.columns.filled, config),
        "sampled": sampled,
        "set_aside": set_aside_facts(facts.set_aside, tables["accounts"]),
        "changed": {**facts.changed, **({SHARED_ID: shared} if shared else {})},
        **plugins_record(),
    }


MakesFacts = Callable[[Case], Mapping[str, list[tuple[str, str]]]]
BESIDE_GROUP = "stillhunt.beside"
"""Entry points of functions that say what a case shows beside its findings. Each is called with the settings before a
hunt, when it may refuse them; it returns None, or what makes (label, words) for each campaign of the finished case."""


def prepare_beside(config: Config) -> list[MakesFacts]:
    """What adds facts to a case that are in no sum and no verdict, such as breaches of the terms.

    Raises StillhuntError: what the settings name cannot be used.
    """
    points = sorted(entry_points(group=BESIDE_GROUP), key=lambda one: one.name)
    return [made for point in points if (made := point.load()(config)) is not None]


def with_facts_beside(case: Case, makers: list[MakesFacts]) -> Case:
    """The case with what these say of it in its record."""
    for make in makers:
        case.run.setdefault("beside", {}).update(make(case))
    return case


def _list_recorded_settings(config: Config) -> dict[str, Any]:
    """Settings without paths on this machine, golden cases, and those of alerts, packs and plugins."""
    left_out: dict[str, Any] = dict.fromkeys(("state", "alerts", "dossier", "plugins", "signals", "terms"), True)
    settings = config.model_dump(mode="json", exclude={**left_out, "console": {"golden_cases"}})
    settings["collect"]["mmdb"] = [Path(path).name for path in config.collect.mmdb]
    return settings
