"""What a log is and which evidence it allows, without a hunt: the answer of `stillhunt inspect`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.clients import OTHER, client_families, tells_browsers
from stillhunt.base.formatting import percent
from stillhunt.base.needs import EvidenceNeeds
from stillhunt.collect.checks.coverage import FamilyCoverage, coverage, sampled_facts, unenriched
from stillhunt.collect.decode.records import NO_COUNTERPART
from stillhunt.collect.formats import SOURCES
from stillhunt.collect.read.input_stats import OPTIONAL_COLUMNS, InputFile
from stillhunt.collect.read.request_log import RequestLog
from stillhunt.collect.values.fields import UNKNOWN_MODEL

SHOWN_COLUMNS = (
    "request_id",
    "timestamp",
    "account_id",
    "model",
    *(name for name in sorted(OPTIONAL_COLUMNS) if name != "client_prefix"),
)
"""Columns for which the number of filled rows is shown."""
FILLED_BY_LOOK_UP = dict.fromkeys(("asn", "asn_name", "country", "ip_kind"), "collect.mmdb, by address")
"""Origin of the columns that MMDB files fill if the log does not have them."""
MAX_USER_AGENTS = 10_000
"""Different User-Agent headers that are counted; all further ones count as other."""
SHOWN_CLIENTS = 6
OWN_ID = "file and place in it; the log has no id"
ANOTHER_LOG = "another log of the same calls"
OTHER_FIELDS = "other fields of the log"


@dataclass(frozen=True)
class InspectedInput:
    """One input.

    Args:
        filled: column -> number of rows that have a value.
        carries: column -> field of the format that holds it, or another origin of its values.
        completes: number of its rows that completed calls of other logs, or were one call with another row.
    """

    file: InputFile
    title: str
    filled: Mapping[str, int]
    carries: Mapping[str, str]
    notes: Sequence[str]
    rejected: int
    completes: int = 0


@dataclass(frozen=True)
class Inspection:
    """All inputs of a log.

    Args:
        rejected: number of rejected rows, including those beyond the limit of REJECTS.
        coverage: what the log allows to find, by evidence family.
        first: time of the first request, microseconds since 1970; None without requests.
        last: time of the last request.
        clients: the software that most requests name, with shares; empty if the log names none.
        unenriched: what else could be found with files that are missing.
        sampled: consequences of the log being a sample, if it is one.
        unmapped: fields that the user mapped and no input has, in sentences.
        changed: values that could not be kept as they were, by column and what became of them.
    """

    inputs: Sequence[InspectedInput]
    rejects: pa.Table
    rejected: int
    coverage: Sequence[FamilyCoverage]
    accounts: int
    first: int | None
    last: int | None
    clients: str = ""
    unenriched: Sequence[str] = ()
    sampled: Sequence[str] = ()
    unmapped: Sequence[str] = ()
    changed: Mapping[str, int] = field(default_factory=dict)


def inspect_log(
    log: RequestLog,
    accounts: pa.Table | None,
    mapping: Mapping[str, str] | None,
    needs: EvidenceNeeds,
    *,
    looks_up: bool = False,
) -> Inspection:
    """Read a log to its end and count what it holds.

    Args:
        looks_up: whether `collect.mmdb` fills columns that the log does not have.

    Raises:
        InputError: nothing can be read.
    """
    counts = _Counts()
    for batch in log.batches():
        counts.add(batch)
    facts = log.facts
    rows = sum(file.rows for file in facts.inputs)
    inputs = [
        _inspected(log, i, counts, (FILLED_BY_LOOK_UP if looks_up else {}, mapping or {}))
        for i in range(len(facts.inputs))
    ]
    filled = {name: sum(one.filled[name] for one in inputs) / rows for name in SHOWN_COLUMNS} if rows else None
    sample = sampled_facts(needs, facts.columns.sampling_rates, rows)
    return Inspection(
        inputs,
        log.rejects(),
        facts.rejected_rows,
        coverage(needs, facts.columns.present, accounts, filled),
        len(counts.accounts),
        min(counts.times, default=None),
        max(counts.times, default=None),
        counts.clients(rows),
        unenriched(facts.columns.present, browsers=tells_browsers()),
        [sample["sentence"]] if sample else [],
        facts.unmapped,
        facts.changed,
    )


class _Counts:
    """What is counted while the log is read."""

    def __init__(self) -> None:
        self.filled: dict[int, Counter[str]] = defaultdict(Counter)
        """Index of an input -> column -> number of rows that have a value."""
        self.unknown_models: Counter[int] = Counter()
        self.accounts: set[str] = set()
        self.times: list[int] = []
        """First and last moment of each batch, microseconds since 1970."""
        self._agents: Counter[str] = Counter()

    def add(self, batch: pa.Table) -> None:
        """Count rows of one input."""
        index = batch.column("origin_file")[0].as_py()
        for name in SHOWN_COLUMNS:
            self.filled[index][name] += batch.num_rows - batch.column(name).null_count
        self.unknown_models[index] += pc.sum(pc.equal(batch.column("model"), UNKNOWN_MODEL)).as_py() or 0
        self.accounts.update(batch.column("account_id").unique().to_pylist())
        moments = batch.column("timestamp").cast(pa.int64()).to_numpy()
        self.times += [int(moments.min()), int(moments.max())]
        for entry in pc.value_counts(batch.column("user_agent")).to_pylist():
            text = entry["values"]
            if text is not None:
                kept = text in self._agents or len(self._agents) < MAX_USER_AGENTS
                self._agents[text if kept else ""] += entry["counts"]

    def clients(self, rows: int) -> str:
        """The kinds of clients that most requests name, with their shares."""
        counts: Counter[str] = Counter()
        families = client_families({text: count for text, count in self._agents.items() if text})
        for text, count in self._agents.items():
            counts[families.get(text, OTHER)] += count
        ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        more = f", {len(ranked) - SHOWN_CLIENTS} more" if len(ranked) > SHOWN_CLIENTS else ""
        return ", ".join(f"{name[:40]} {percent(count / rows)}" for name, count in ranked[:SHOWN_CLIENTS]) + more


def _inspected(
    log: RequestLog, index: int, counts: _Counts, origins: tuple[Mapping[str, str], Mapping[str, str]]
) -> InspectedInput:
    """One input; origins of columns are those that are looked up, and those that the user mapped."""
    file = log.facts.inputs[index]
    source = next((source for source in SOURCES if source.name == file.format), None)
    filled = {name: counts.filled[index][name] for name in SHOWN_COLUMNS}
    filled["model"] -= counts.unknown_models[index]
    elsewhere = ANOTHER_LOG if file.joined else OTHER_FIELDS
    others = {name: OWN_ID if name == "request_id" else elsewhere for name in SHOWN_COLUMNS if filled[name]}
    carries = dict(source.carries) if source else {name: name for name in SHOWN_COLUMNS}
    looked_up, mapped = origins
    return InspectedInput(
        file,
        source.title if source else "table with our columns",
        filled,
        {**others, **looked_up, **carries, **mapped},
        source.notes if source else (),
        log.stats.of(index).rejected,
        _completed(index, log.facts.inputs),
    )


def _completed(index: int, inputs: Sequence[InputFile]) -> int:
    """Calls of other logs to which an input gave a row; at most as many as the others have calls."""
    file = inputs[index]
    given = file.joined - file.rows - file.passed_over.get(NO_COUNTERPART, 0)
    others = sum(one.rows for number, one in enumerate(inputs) if one.joined and number != index)
    return max(min(given, others) if others else given, 0)
