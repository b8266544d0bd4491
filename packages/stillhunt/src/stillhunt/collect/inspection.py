"""What a log is and which evidence it allows, without a hunt: the answer of `stillhunt inspect`.

Which families of evidence have their columns, and what is lost without them, is said after each hunt as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.clients import OTHER, client_families, tells_browsers
from stillhunt.base.families import EvidenceNeeds, FamilyNeed
from stillhunt.base.formatting import percent
from stillhunt.base.schema import ACCOUNTS
from stillhunt.collect.decode.records import NO_COUNTERPART
from stillhunt.collect.formats import all_sources
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
    """One input: by column how many rows have a value, and which field of the format, or what else, it comes from.

    `completes` counts rows that completed calls of other logs, or were one call with another row.
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
    """Read a log to its end and count what it holds; `looks_up` is whether `collect.mmdb` fills further columns."""
    counts = _Counts()
    for batch in log.batches():
        counts.add(batch)
    facts = log.facts
    rows = sum(file.rows for file in facts.inputs)
    inputs = [
        _inspect_input(log, i, counts, FILLED_BY_LOOK_UP if looks_up else {}, mapping or {})
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
        self.times: list[int] = []  # first and last moment of each batch, microseconds since 1970
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


def _inspect_input(
    log: RequestLog, index: int, counts: _Counts, looked_up: Mapping[str, str], mapped: Mapping[str, str]
) -> InspectedInput:
    """One input; for columns that are looked up, and those that the user mapped, where they come from."""
    file = log.facts.inputs[index]
    source = next((source for source in all_sources() if source.name == file.format), None)
    filled = {name: counts.filled[index][name] for name in SHOWN_COLUMNS}
    filled["model"] -= counts.unknown_models[index]
    elsewhere = ANOTHER_LOG if file.joined else OTHER_FIELDS
    others = {name: OWN_ID if name == "request_id" else elsewhere for name in SHOWN_COLUMNS if filled[name]}
    carries = dict(source.carries) if source else {name: name for name in SHOWN_COLUMNS}
    return InspectedInput(
        file,
        source.title if source else "table with our columns",
        filled,
        {**others, **looked_up, **carries, **mapped},
        source.notes if source else (),
        log.stats.of(index).rejected,
        _count_completed_calls(index, log.facts.inputs),
    )


def _count_completed_calls(index: int, inputs: Sequence[InputFile]) -> int:
    """Calls of other logs to which an input gave a row; at most as many as the others have calls."""
    file = inputs[index]
    given = file.joined - file.rows - file.passed_over.get(NO_COUNTERPART, 0)
    others = sum(one.rows for number, one in enumerate(inputs) if one.joined and number != index)
    return max(min(given, others) if others else given, 0)


MIN_FILLED_SHARE = 0.5
"""A column that fewer requests have is named with its share."""
LOOK_UP = "to look up networks and countries, add an MMDB file to collect.mmdb"


@dataclass(frozen=True)
class FamilyCoverage:
    """One family of evidence and the columns that it needs."""

    family: str  # content, queue, timing, network, identity or conduct
    available: bool  # whether it can yield any evidence
    missing: tuple[str, ...]  # columns without values, `accounts.` before those of the accounts table
    sentence: str  # the above in words, after the name of the family and a colon
    rare: tuple[str, ...] = ()  # columns that fewer than `MIN_FILLED_SHARE` of requests have


def coverage(
    needs: EvidenceNeeds, present: frozenset[str], accounts: pa.Table | None, filled: Mapping[str, float] | None = None
) -> list[FamilyCoverage]:
    """What each family lacks of accounts and of the columns that are present, and what is lost by it.

    `filled` is the share of requests, 0 to 1, that have a value in a column, where it is known.
    """
    have = set(present)
    if accounts is not None:
        have |= {f"accounts.{name}" for name in ACCOUNTS.names if accounts.column(name).null_count < accounts.num_rows}
    rare = {name: share for name, share in (filled or {}).items() if name in have and share < MIN_FILLED_SHARE}
    return [_of_family(family, need, have, accounts is None, rare) for family, need in needs.families.items()]


def by_address_sentence(count: int) -> str:
    """What follows from requests that name no account."""
    if count == 1:
        return (
            "1 request names no account: its client's address stands for the account, and network evidence does not "
            "apply to it"
        )
    return (
        f"{formatting.count(count)} requests name no account: their clients' addresses stand for accounts, and network "
        "evidence does not apply to them"
    )


def _of_family(
    family: str, need: FamilyNeed, have: set[str], no_accounts: bool, rare: Mapping[str, float]
) -> FamilyCoverage:
    missing = tuple(name for name, _cost in need.helpful if name not in have)
    if need.enough and not have.intersection(need.enough):
        reason = f"{formatting.join_words(need.enough)} {formatting.verb(len(need.enough), 'is', 'are')} missing"
        if family == "identity" and no_accounts:
            reason = "there is no accounts table"
        return FamilyCoverage(family, False, missing, f"{family}: no evidence of {need.shows}, because {reason}")
    few = tuple(name for name, _cost in need.helpful if name in rare)
    gaps = [f"{name} is filled in {formatting.percent(rare[name])} of requests" for name in few]
    gaps += [f"without {name} no {cost}" for name, cost in need.helpful if name not in have]
    if "country" in missing and "client_ip" in have:
        gaps.append(LOOK_UP)
    return FamilyCoverage(family, True, missing, f"{family}: {'; '.join(gaps) or 'nothing is missing'}", few)


_ENRICHMENTS = (
    ("ip_kind", "client_ip", "kinds of addresses (hosting, vpn, tor, mobile)", "GeoIP2-Anonymous-IP or IPinfo privacy"),
    ("asn_name", "client_ip", "names of networks", "GeoLite2-ASN or IPinfo lite"),
)
"""Columns that no evidence needs but that readers ask for: (column, column it is looked up by, its name in words, files
that hold it)."""


def unenriched(present: frozenset[str], *, browsers: bool) -> list[str]:
    """What the log does not say of addresses and clients, and how to look it up; `browsers`: ua-parser is installed."""
    notes = [
        f"{what}: add a file such as {file} to collect.mmdb"
        for name, needed, what, file in _ENRICHMENTS
        if name not in present and needed in present
    ]
    if "user_agent" in present and not browsers:
        notes.append("names of browsers: they need stillhunt[enrich]; 'stillhunt doctor' says how to install it")
    return notes


def sampled_facts(needs: EvidenceNeeds, rates: Mapping[float, int], requests: int) -> dict[str, Any]:
    """What follows from logs that keep only a sample of calls, for run.json; empty if no log does.

    `rates` gives the number of requests for each share that is kept.
    """
    parts = {rate: count for rate, count in rates.items() if rate < 1.0}
    if not parts:
        return {}
    sampled = sum(parts.values())
    estimated = round(requests - sampled + sum(count / rate for rate, count in parts.items()))
    least, most = formatting.exact_percent(min(parts)), formatting.exact_percent(max(parts))
    kept = least if least == most else f"{least} to {most}"
    mixed = len(parts) > 1 or sampled < requests
    silent = (*needs.every_call, *needs.even_sampling) if mixed else needs.every_call
    sentence = formatting.sentence_case(
        f"{formatting.part_of(sampled, requests, 'request')} {formatting.verb(sampled, 'comes', 'come')} from logs "
        f"that keep {kept} of calls: there were about {formatting.plural(estimated, 'call')}. Tokens and money of "
        "campaigns are estimates for all calls; small groups are missed, and no campaign gains bits from evidence "
        f"that must see every call ({', '.join(silent)})"
    )
    return {"requests": sampled, "estimated_requests": estimated, "sentence": sentence}
