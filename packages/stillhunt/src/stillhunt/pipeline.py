"""The spine: the rooms in the order in which data walks through them."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.engine import Engine
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.errors import EngineError
from stillhunt.base.installing import install_command
from stillhunt.base.progress import Progress, Silent
from stillhunt.base.schema import REMEMBERED
from stillhunt.collect import LogFacts, RequestLog, open_accounts, open_requests
from stillhunt.collect.inspection import Inspection, inspect_log
from stillhunt.collect.normalise.identity import with_identity_key
from stillhunt.extract import languages_of, word_buckets
from stillhunt.link import Linked, link_slices
from stillhunt.link.campaign_phrases import campaign_phrases
from stillhunt.link.own_phrases import mark_own_phrases
from stillhunt.pipeline_local import LocalLog, customer_tables, with_state_key
from stillhunt.resolve import add_remembered, resolve_campaigns
from stillhunt.run_record import findings_record, log_record, prepare_beside, start_clock, with_facts_beside
from stillhunt.score import evidence_needs, prepare_evidence, score_campaigns
from stillhunt.triage import Case
from stillhunt.triage.excerpts import campaign_views
from stillhunt.triage.samples import Rereading


@dataclass(frozen=True)
class HuntedTables:
    """What a hunt made and had, while its sketches are open."""

    tables: Mapping[str, pa.Table]  # of the case
    config: Config
    customers: pa.Table | None  # ACCOUNTS
    linked: Linked
    sliced: pa.Table  # as it was judged
    candidates: pa.Table
    harvested: pa.Array  # row in the traffic of each row of the harvest
    inputs: frozenset[str]  # digests of what was read, with all on which its rows depend; those that are known


AfterHunt = Callable[[Dataset, HuntedTables], None]
"""Called with the sketches of a hunt, and what it made of them."""


class LookBefore(NamedTuple):
    """What the hunt before left, where one follows another."""

    flagged: Collection[str] = ()  # accounts that it flagged: noise unflags nobody
    groups: pa.Table = REMEMBERED.empty()  # REMEMBERED: they are judged again, whatever is found


class NewRequests(NamedTuple):
    """What has come since a hunt."""

    sketches: pa.Table | None  # SKETCHES, without repeats; None where more rows are new than was asked for
    customers: pa.Table | None  # ACCOUNTS, as they are now
    rejects: pa.Table  # REJECTS of the whole log
    facts: LogFacts  # of the whole log


class Sketches(Protocol):
    """Sketches of all requests of a log."""

    rows: int

    def settle_repeats(self) -> tuple[int, int]:
        """Keep each call once: number of calls that share their id with others, and that of exact repeats."""

    def dataset(self, threads: int) -> Dataset:
        """The sketches in account partitions, of which so many are worked on at a time."""


class HuntedLog(Protocol):
    """Request logs, on this machine (`LocalLog`) or on a cluster (`stillhunt_spark.log.SparkLog`)."""

    @property
    def facts(self) -> LogFacts:
        """What the log held; complete after `sketch`."""

    def accounts_source(self, accounts: Any) -> Any:
        """What `open_accounts` is to read, given what the user named."""

    def sketch(self) -> tuple[Sketches, pa.Table]:
        """Read the log once: sketches of all requests, and REJECTS."""

    def known_digests(self) -> frozenset[str]:
        """Hashes of all that the rows of each input depend on, where it is known; none for a cluster."""

    def prompts(self, requests: pa.Table) -> list[str | None]:
        """Prompts of some rows of TRAFFIC, read again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def hunt(
    requests: Any,
    accounts: Any = None,
    config: Config | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    accounts_mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    after: AfterHunt | None = None,
    before: LookBefore | None = None,
) -> Case:
    """Hunt for distillation campaigns in request logs.

    Args:
        requests: path or paths (files, folders, patterns), Arrow table, DuckDB relation, Polars or pandas frame.
        accounts: the customer table in the same forms; evidence of identity needs it.
        config: settings; None for those of file and environment.
        mapping: our column -> field of the log, with dots for nested fields.
        accounts_mapping: the same for the customer table.
        after: called once all is found and before the sketches are closed; for what needs them as well.
        before: what the hunt before left, where one follows another.

    Returns:
        The case: tables, explanations, and `write`.

    Raises:
        InputError: nothing can be read, or a required column is missing.
        ConfigError: a setting is wrong.
    """
    (lasting, config), before = _with_keys(config or Config.load()), before or LookBefore()
    progress, clock = start_clock(progress or Silent())
    with DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb) as engine, ExitStack() as opened:
        with clock.stage("accounts"):
            log = opened.enter_context(_open_log(requests, mapping, config, engine, progress))
            customers, bad_customers = _open_customer_tables(log, accounts, accounts_mapping, config, engine, progress)
            config, beside = prepare_evidence(config, customers), prepare_beside(config)
        with clock.stage("collect and extract") as stage:
            sketches, rejects = log.sketch()
            repeats, stage["rows"] = sketches.settle_repeats(), sketches.rows
        parts = partial(sketches.dataset, _count_workers(config))
        with clock.stage("link") as stage:
            linked = link_slices(parts(), config, progress, before.groups)
            stage["rows"] = linked.links.num_rows
        with clock.stage("resolve") as stage:
            judged = _resolve_candidates(parts(), linked, config, before.groups)
            stage["rows"] = judged[2].num_rows
        with clock.stage("score"):
            tables, rows = score_campaigns(*judged, customers, config, progress, linked.totals, before.flagged)
        with clock.stage("excerpts"):
            views = _campaign_views(linked, tables, rows, log, customers, lasting)
        with clock.stage("phrases"):
            known_by = campaign_phrases(parts(), linked.traffic, tables, rows, linked.totals)
        tables["rejects"] = _sorted_rejects([rejects, bad_customers])
        if after is not None:
            with clock.stage("after"):
                after(parts(), HuntedTables(tables, config, customers, linked, *judged[1:], rows, log.known_digests()))
        found = findings_record(tables, linked.totals, config, log.facts, repeats)
        run = {**log_record(log.facts, customers, config), **found, "timings": clock.timings}
    return with_facts_beside(Case(tables, run=run, **views, phrases=known_by), beside)


def read_new_requests(requests: Any, config: Config, known: Collection[str], most: float) -> NewRequests:
    """What has come since a scheduled hunt, as it would read it: arguments as for `hunt`; nothing is searched.

    Args:
        config: settings, with a state folder.
        known: digests of the inputs of that hunt.
        most: rows of new inputs beyond which they are not read.

    Raises:
        InputError: nothing can be read.
    """
    with (
        DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb) as engine,
        LocalLog(requests, None, config, engine, Silent()) as log,
    ):
        customers, bad = _open_customer_tables(log, config.watch.accounts or None, None, config, engine, Silent())
        sketches, rejects = log.sketch_beyond(known, most)
        return NewRequests(sketches, customers, _sorted_rejects([rejects, bad]), log.facts)


def keep_sketches(requests: Any, config: Config) -> None:
    """Read what has come, and keep its sketches in the state folder for the next hunt; nothing is searched.

    Args:
        requests: as for `hunt`.
        config: settings, with a state folder.

    Raises:
        InputError: nothing can be read, or no row is usable.
        OutputError: there is no room.
    """
    with (
        DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb) as engine,
        LocalLog(requests, None, config, engine, Silent()) as log,
    ):
        log.sketch()


def _resolve_candidates(
    sketches: Dataset, linked: Linked, config: Config, remembered: pa.Table
) -> tuple[pa.Table, pa.Table, pa.Table]:
    """TRAFFIC, SLICED with the phrases of the candidates' own, and CANDIDATES."""
    rows, least = (linked.traffic, linked.sliced), config.resolve.min_accounts
    candidates = add_remembered(resolve_campaigns(linked.links, *rows, config), remembered, *rows, least=least)
    sliced = mark_own_phrases(sketches, linked.traffic, linked.sliced, candidates, linked.totals)
    return linked.traffic, sliced, candidates


def _open_customer_tables(
    log: HuntedLog, named: Any, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> tuple[pa.Table | None, pa.Table]:
    """ACCOUNTS and their REJECTS, from what the user named and how its columns are mapped."""
    source = log.accounts_source(named)
    return open_accounts(source, mapping=mapping, config=config, engine=engine, progress=progress)


def _campaign_views(
    linked: Linked,
    tables: dict[str, pa.Table],
    harvested: pa.Array,
    log: HuntedLog,
    customers: pa.Table | None,
    config: Config,
) -> dict[str, pa.Table]:
    """What readers need besides the findings."""
    traffic = linked.traffic.append_column("topic", linked.sliced["topic"])
    rereading = Rereading(log.prompts, languages_of, word_buckets)
    return campaign_views(traffic, tables, harvested, customers, rereading, config, linked.totals)


def _with_keys(config: Config) -> tuple[Config, Config]:
    """The settings with a key only where it lasts, and with one in any case where executors have to share it."""
    lasting = with_state_key(config)
    return lasting, with_identity_key(lasting) if lasting.engine == "spark" else lasting


def _count_workers(config: Config) -> int:
    return config.threads or os.cpu_count() or 1


def _open_log(
    requests: Any, mapping: Mapping[str, str] | None, config: Config, engine: Engine, progress: Progress
) -> HuntedLog:
    if config.engine == "spark":
        opened: HuntedLog = _cluster_log("spark")(requests, mapping, config, progress)
        return opened
    return LocalLog(requests, mapping, config, engine, progress)


def _cluster_log(engine: str) -> Any:
    """The class that reads a cluster's log, from the distribution that brings it."""
    for point in entry_points(group="stillhunt.engines", name=engine):
        return point.load()
    raise EngineError(
        f"stillhunt-{engine} is not installed",
        where=f"engine {engine}",
        next_step=f"{install_command(engine)}; it needs Java too",
    )


def _sorted_rejects(rejects: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(rejects)
    return table.sort_by([(name, "ascending") for name in ("source", "place", "reason")]).combine_chunks()


@contextmanager
def reading(
    requests: Any,
    accounts: Any = None,
    config: Config | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    accounts_mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Iterator[pa.Table], pa.Table | None]]:
    """Logs as `hunt` reads them, for a lab that needs the rows and not the findings; arguments as for `hunt`.

    Yields:
        (REQUESTS tables, to be read once while the context is open; ACCOUNTS, or None without such a table).

    Raises:
        InputError: nothing can be read, or a required column is missing.
    """
    config = config or Config.load()
    with _open_log_and_accounts(requests, accounts, config, mapping, accounts_mapping, progress) as (log, customers):
        yield log.batches(), customers


def inspect_logs(
    requests: Any,
    accounts: Any = None,
    config: Config | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    accounts_mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Say what logs are and which evidence they allow, without a hunt; arguments as for `hunt`.

    Raises:
        InputError: nothing can be read, or a required column is missing.
    """
    config = config or Config.load()
    with _open_log_and_accounts(requests, accounts, config, mapping, accounts_mapping, progress) as (log, customers):
        return inspect_log(log, customers, mapping, evidence_needs(), looks_up=bool(config.collect.mmdb))


@contextmanager
def _open_log_and_accounts(
    requests: Any,
    accounts: Any,
    config: Config,
    mapping: Mapping[str, str] | None,
    accounts_mapping: Mapping[str, str] | None,
    progress: Progress | None,
) -> Iterator[tuple[RequestLog, pa.Table | None]]:
    """A log and its ACCOUNTS, opened as `hunt` opens them."""
    progress = progress or Silent()
    with DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb) as engine:
        log = open_requests(requests, mapping=mapping, config=config, engine=engine, progress=progress)
        source = customer_tables(accounts, log)
        customers, _ = open_accounts(source, mapping=accounts_mapping, config=config, engine=engine, progress=progress)
        with closing(log):
            yield log, customers
