"""What a log is and what it can tell, without a hunt: for `stillhunt inspect`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.clients import OTHER, client_families, tells_browsers
from stillhunt.collect.checks.coverage import FamilyCoverage, coverage, sampled_facts, unenriched
from stillhunt.collect.decode.records import NO_COUNTERPART, UNKNOWN_MODEL
from stillhunt.collect.formats import CANONICAL, SOURCES
from stillhunt.collect.read.input_stats import OPTIONAL_COLUMNS
from stillhunt.collect.read.inputs import InputFile
from stillhunt.collect.read.request_log import RequestLog

SHOWN = (
    "request_id",
    "timestamp",
    "account_id",
    "model",
    *(name for name in sorted(OPTIONAL_COLUMNS) if name != "client_prefix"),
)
"""Columns whose filling is told."""
LOOKED_UP = dict.fromkeys(("asn", "asn_name", "country", "ip_kind"), "collect.mmdb, by address")
"""Where columns come from that no log of this format has, if the user gave MMDB files."""
MOST_AGENTS = 10_000
"""Different User-Agent headers that are told apart; the rest is other."""
CLIENTS_SHOWN = 6
OWN_ID = "file and place in it; the log has no id"
ANOTHER_LOG = "from another log of the same calls"
OTHER_FIELDS = "from what else the log tells"


@dataclass(frozen=True)
class InspectedInput:
    """One input.

    Args:
        file: its name, format, rows and what was passed over.
        title: the format in words.
        filled: column -> rows that have a value.
        carries: column -> where the format keeps it, or how else it came by its values.
        notes: traps of the format.
        rejected: rows set aside.
        completes: rows of it that completed calls told by other logs, or were one call with another row.
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
        inputs: in order of names.
        rejects: REJECTS.
        rejected: rows set aside, also those that `rejects` does not keep.
        coverage: what the log can tell, by evidence family.
        accounts: distinct accounts.
        first: time of the first request, microseconds since 1970; None without requests.
        last: time of the last.
        clients: the software most requests come from, in words; empty where the log names none.
        unenriched: what could be told with files that are not there.
        sampled: what it means that the log is a sample, if it is.
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


def inspect_log(
    log: RequestLog, accounts: pa.Table | None, mapping: Mapping[str, str] | None, *, looks_up: bool = False
) -> Inspection:
    """Read a log to its end and count what is in it.

    Args:
        log: freshly opened.
        accounts: ACCOUNTS, None where there is no such table.
        mapping: what the user mapped by hand.
        looks_up: whether `collect.mmdb` fills what the log does not tell of addresses.

    Raises:
        InputError: nothing can be read.
    """
    filled: dict[int, Counter[str]] = defaultdict(Counter)
    unnamed: Counter[int] = Counter()
    agents: Counter[str] = Counter()
    ids: set[str] = set()
    times: list[int] = []
    for batch in log.batches():
        index = batch.column("origin_file")[0].as_py()
        for name in SHOWN:
            filled[index][name] += batch.num_rows - batch.column(name).null_count
        unnamed[index] += pc.sum(pc.equal(batch.column("model"), UNKNOWN_MODEL)).as_py() or 0
        _count_agents(agents, batch.column("user_agent"))
        ids.update(batch.column("account_id").unique().to_pylist())
        moments = batch.column("timestamp").cast(pa.int64()).to_numpy()
        times += [int(moments.min()), int(moments.max())]
    known = {source.name: source for source in SOURCES}
    inputs = []
    for index, file in enumerate(log.inputs):
        source = known.get(file.format)
        carries = dict(source.carries) if source else {name: name for name in SHOWN}
        if file.format != CANONICAL:
            filled[index]["model"] -= unnamed[index]
        facts = log.facts.get(index)
        elsewhere = ANOTHER_LOG if file.joined else OTHER_FIELDS
        told = {name: OWN_ID if name == "request_id" else elsewhere for name in SHOWN if filled[index][name]}
        inputs.append(
            InspectedInput(
                file,
                source.title if source else "table with our columns",
                {name: filled[index][name] for name in SHOWN},
                {**told, **(LOOKED_UP if looks_up else {}), **carries, **(mapping or {})},
                source.notes if source else (),
                facts.rejected if facts else 0,
                _completed(index, log.inputs),
            )
        )
    rows = sum(file.rows for file in log.inputs)
    shares = {name: sum(of[name] for of in filled.values()) / rows for name in SHOWN} if rows else None
    rejected, families = log.rejected_rows, coverage(log.present, accounts, shares)
    first, last = (min(times), max(times)) if times else (None, None)
    missing = unenriched(log.present, browsers=tells_browsers())
    sample = sampled_facts(log.filling.rates, rows)
    sentences = [sample["sentence"]] if sample else []
    return Inspection(
        inputs, log.rejects(), rejected, families, len(ids), first, last, _clients(agents, rows), missing, sentences
    )


def _count_agents(agents: Counter[str], column: pa.ChunkedArray) -> None:
    """Count User-Agent headers; of very many different ones only the first are told apart."""
    for entry in pc.value_counts(column).to_pylist():
        text = entry["values"]
        if text is not None:
            agents[text if text in agents or len(agents) < MOST_AGENTS else ""] += entry["counts"]


def _clients(agents: Mapping[str, int], rows: int) -> str:
    """The families of clients that most requests name, with their shares."""
    told: Counter[str] = Counter()
    families = client_families({text: count for text, count in agents.items() if text})
    for text, count in agents.items():
        told[families.get(text, OTHER)] += count
    ranked = sorted(told.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f", {len(ranked) - CLIENTS_SHOWN} more" if len(ranked) > CLIENTS_SHOWN else ""
    shown = ", ".join(f"{name[:40]} {100 * count / rows:.0f} %" for name, count in ranked[:CLIENTS_SHOWN])
    return shown + more


def _completed(index: int, inputs: Sequence[InputFile]) -> int:
    """Calls to which an input gave rows that are no calls by themselves; no more than the others have calls."""
    file = inputs[index]
    given = file.joined - file.rows - file.passed_over.get(NO_COUNTERPART, 0)
    others = sum(one.rows for number, one in enumerate(inputs) if one.joined and number != index)
    return max(min(given, others) if others else given, 0)
