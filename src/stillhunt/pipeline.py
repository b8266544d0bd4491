"""The spine: the rooms in the order in which data walks through them."""

from __future__ import annotations

import os
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt._version import __version__
from stillhunt.base.clients import tells_browsers
from stillhunt.base.coded import plain
from stillhunt.base.config import Config
from stillhunt.base.engine_duckdb import DuckDBEngine
from stillhunt.base.memory import give_back
from stillhunt.base.progress import Progress, Silent
from stillhunt.base.schema import CASE_VERSION
from stillhunt.collect import InputFacts, RequestLog, open_accounts, open_requests
from stillhunt.collect.checks.coverage import coverage, sampled_facts, unenriched
from stillhunt.collect.inspection import Inspection, inspect_log
from stillhunt.extract import SKETCH_VERSION, KeptInput, Partials, Store, identity_key, sketch_requests
from stillhunt.link import link_slices
from stillhunt.pipeline_spark import with_identity_key
from stillhunt.pipeline_spark.log import SparkLog
from stillhunt.resolve import resolve_campaigns
from stillhunt.score import list_version, log_budget, score_campaigns
from stillhunt.triage import ASPECTS, Case, allowed_groups, origins_table, sample_table, timeline_table

SAMPLED_REQUESTS = 24
"""Requests of each campaign whose text is read again, to choose the excerpts of the report from."""
MOMENTS = 4
"""Moments of the log after which they are taken."""
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts the memory of a process."""


def hunt(
    requests: Any,
    accounts: Any = None,
    config: Config | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    accounts_mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Case:
    """Hunt for distillation campaigns in request logs.

    Args:
        requests: path or list of paths (files, folders, globs), Arrow table, DuckDB relation, Polars or pandas frame.
        accounts: the customer table in the same forms; evidence of identity needs it.
        config: settings; those of file and environment when None.
        mapping: canonical column -> field of the log, nested by dots.
        accounts_mapping: the same for the customer table.
        progress: told of each step; silent when None.

    Returns:
        The case: tables, explanations, and `write`.

    Raises:
        InputError: nothing can be read, or a required column is missing.
        ConfigError: a setting is wrong.
    """
    config = _keyed(config or Config.load())
    progress = progress or Silent()
    clock = _Clock()
    engine = DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb)
    with engine, Partials(config, mapping) as partials:
        cluster = SparkLog(requests, mapping, config, progress) if config.engine == "spark" else None
        with clock.stage("accounts"):
            log = cluster or open_requests(requests, mapping=mapping, config=config, engine=engine, progress=progress)
            given = log.table(accounts) if isinstance(log, SparkLog) else _customer_tables(accounts, log)
            customers, bad_customers = open_accounts(
                given, mapping=accounts_mapping, config=config, engine=engine, progress=progress
            )
        with clock.stage("collect and extract") as stage:
            sketches, rejects = log.sketched() if isinstance(log, SparkLog) else _sketched(log, config, partials)
            conflicts, conflicting, repeats = sketches.settle_repeats()
            stage["rows"] = sketches.rows
        with clock.stage("link") as stage:
            linked = link_slices(sketches.dataset(config.threads or os.cpu_count() or 1), config, progress)
            stage["rows"] = linked.links.num_rows
    traffic, sliced, totals = linked.traffic, linked.sliced, linked.totals
    with clock.stage("resolve") as stage:
        candidates = resolve_campaigns(linked.links, traffic, sliced, config)
        stage["rows"] = candidates.num_rows
    with clock.stage("score"):
        tables, harvested = score_campaigns((traffic, sliced, candidates), customers, config, progress, totals)
    with clock.stage("excerpts"):
        samples, timeline, origins = _views(log, traffic, tables["harvest"], harvested, config)
    tables["rejects"] = _in_order([rejects, conflicts, bad_customers])
    sums = _sums(tables, totals, config, (log.rejected_rows + conflicting, repeats), log.filling.rates)
    run = {**_facts(log, customers, config), **sums, "timings": clock.timings}
    log.close()
    return Case(tables, samples, timeline, run, origins)


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
    """Logs as `hunt` reads them, for a lab that needs the rows and not the findings.

    Args:
        requests: as for `hunt`.
        accounts: as for `hunt`.
        config: as for `hunt`.
        mapping: as for `hunt`.
        accounts_mapping: as for `hunt`.
        progress: as for `hunt`.

    Yields:
        (REQUESTS tables, to be read once while the context is open; ACCOUNTS, None where there are none).

    Raises:
        InputError: nothing can be read, or a required column is missing.
    """
    with _opened(requests, accounts, config or Config.load(), (mapping, accounts_mapping), progress) as (
        log,
        customers,
    ):
        yield log.batches(), customers


@contextmanager
def _opened(
    requests: Any,
    accounts: Any,
    config: Config,
    mappings: tuple[Mapping[str, str] | None, Mapping[str, str] | None],
    progress: Progress | None,
) -> Iterator[tuple[RequestLog, pa.Table | None]]:
    """A log and its customers, read as `hunt` reads them; mappings are those of requests and of accounts."""
    progress = progress or Silent()
    with DuckDBEngine(threads=config.threads, memory_gb=config.memory_limit_gb) as engine:
        log = open_requests(requests, mapping=mappings[0], config=config, engine=engine, progress=progress)
        given = _customer_tables(accounts, log)
        customers, _ = open_accounts(given, mapping=mappings[1], config=config, engine=engine, progress=progress)
        try:
            yield log, customers
        finally:
            log.close()


def inspect_logs(
    requests: Any,
    accounts: Any = None,
    config: Config | None = None,
    *,
    mapping: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Say what logs are and what they can tell, as `hunt` reads them, without a hunt.

    Args:
        requests: as for `hunt`.
        accounts: as for `hunt`.
        config: as for `hunt`.
        mapping: as for `hunt`.
        progress: as for `hunt`.

    Raises:
        InputError: nothing can be read, or a required column is missing.
    """
    config = config or Config.load()
    with _opened(requests, accounts, config, (mapping, None), progress) as (log, customers):
        return inspect_log(log, customers, mapping, looks_up=bool(config.collect.mmdb))


def _customer_tables(accounts: Any, log: RequestLog) -> Any:
    """The customer tables that were given and those that lie among the logs; None where there are none."""
    if not log.customers:
        return accounts
    given = [] if accounts is None else list(accounts) if isinstance(accounts, list | tuple) else [accounts]
    return [*given, *log.customers]


def _facts(log: RequestLog | SparkLog, customers: pa.Table | None, config: Config) -> dict[str, Any]:
    """What the run was, for run.json: versions, inputs, settings, and what the logs could carry."""
    return {
        "version": __version__,
        "case_version": CASE_VERSION,
        "sketch_version": SKETCH_VERSION,
        "disposable_domains": list_version(),
        "inputs": [asdict(one) for one in log.inputs],
        "settings": _settings(config),
        "seed": config.seed,
        "coverage": [asdict(family) for family in coverage(log.present, customers, log.filling.shares)],
        "unenriched": unenriched(log.present, browsers=tells_browsers()),
    }


def _settings(config: Config) -> dict[str, Any]:
    """Settings for run.json: without places on this machine."""
    settings = config.model_dump(mode="json", exclude={"state"})
    settings["collect"]["mmdb"] = [Path(path).name for path in config.collect.mmdb]
    return settings


def _keyed(config: Config) -> Config:
    """Settings under which hashes of this hunt compare with those of sketches that were kept."""
    if config.engine == "spark":
        return with_identity_key(config)
    if not config.state or config.collect.identity_key:
        return config
    key = identity_key(Path(config.state))
    return config.model_copy(update={"collect": config.collect.model_copy(update={"identity_key": key})})


def _sketched(log: RequestLog, config: Config, partials: Partials) -> tuple[Store, pa.Table]:
    """Sketches of all inputs and REJECTS; a few batches are in flight, each goes to the segments of its input.

    What was made of an input in an earlier hunt is taken as it is, and the input is not read.
    """
    kept: dict[int, KeptInput] = {}
    if config.state:
        # What is cut as resent history depends on all inputs, so that must be known before what was kept can be named.
        kept = partials.expect(log.settle_history(*partials.recall(log.digests())))
    for index, found in kept.items():
        log.note_known(index, InputFacts.from_json(found.told), found.cuts)
    workers = config.threads or os.cpu_count() or 1
    with ThreadPoolExecutor(workers, "stillhunt-extract") as pool:
        partials.write_in(pool)
        pending: deque[tuple[int, Future[pa.Table]]] = deque()
        for batch in log.batches(frozenset(kept)):
            file = batch.column("origin_file")[0].as_py()
            if config.state and pending and pending[-1][0] != file:
                _keep(log, partials, pending, pending[-1][0])
            pending.append((file, pool.submit(sketch_requests, batch, config)))
            del batch  # its text is not needed while others are waited for
            _drain(partials, pending, workers)
        if config.state and pending:
            _keep(log, partials, pending, pending[-1][0])
        _drain(partials, pending, 0)
        store = partials.store()
    earlier = [partials.rejects(index, log.name_of(index)) for index in kept if not log.was_read(index)]
    return store, pa.concat_tables([log.rejects(), *earlier])


def _keep(log: RequestLog, partials: Partials, pending: deque[tuple[int, Future[pa.Table]]], file: int) -> None:
    """Keep what was made of an input as soon as it is complete: a hunt that is killed loses one input's work."""
    _drain(partials, pending, 0)
    facts = log.facts[file]
    if facts.rejected and log.shares_name(file):
        return
    found = KeptInput(facts.rows, facts.as_json(), tuple(log.cuts(file)))
    partials.keep(file, found, log.rejects_of(file), log.take_history(file))


def _in_order(rejects: list[pa.Table]) -> pa.Table:
    table = pa.concat_tables(rejects)
    return table.sort_by([(name, "ascending") for name in ("source", "place", "reason")]).combine_chunks()


def _drain(partials: Partials, pending: deque[tuple[int, Future[pa.Table]]], most: int) -> None:
    while len(pending) > most:
        file, future = pending.popleft()
        partials.add(file, future.result())


def _views(
    log: RequestLog | SparkLog, traffic: pa.Table, harvest: pa.Table, rows: pa.Array, config: Config
) -> tuple[pa.Table | None, pa.Table | None, pa.Table | None]:
    """Excerpts of a few requests of each campaign, their text read again from the log; timeline and origins of all.

    `rows` are the places of the harvested requests in the traffic.
    """
    if not harvest.num_rows:
        return None, None, None
    time = traffic["timestamp"].take(rows)
    timeline = timeline_table(harvest["campaign_id"], plain(traffic["account_id"].take(rows)), time)
    origins = origins_table(harvest["campaign_id"], traffic.select(["account_id", *ASPECTS.values()]).take(rows))
    if not config.report.excerpts:
        return None, timeline, origins
    return _samples(log, traffic, harvest, rows, config), timeline, origins


def _samples(
    log: RequestLog | SparkLog, traffic: pa.Table, harvest: pa.Table, rows: pa.Array, config: Config
) -> pa.Table | None:
    """Excerpts; `rows` are the places of the harvested requests in the traffic."""
    chosen = _near_moments(harvest["campaign_id"], traffic["timestamp"].cast(pa.int64()).take(rows))
    picked, rows = harvest.take(chosen), rows.take(chosen)
    origins = list(
        zip(traffic["origin_file"].take(rows).to_pylist(), traffic["origin_row"].take(rows).to_pylist(), strict=True)
    )
    texts = log.texts_of(traffic.take(rows)) if isinstance(log, SparkLog) else log.texts(origins)
    prompts = pa.table(
        {
            "campaign_id": picked["campaign_id"],
            "account_id": plain(traffic["account_id"].take(rows)),
            "request_id": picked["request_id"],
            "timestamp": traffic["timestamp"].take(rows),
            "prompt": pa.array([prompt for prompt, _ in texts], pa.large_string()),
        }
    )
    return sample_table(prompts, chars=config.report.excerpt_chars)


def _near_moments(campaign: pa.ChunkedArray, time: pa.ChunkedArray) -> pa.Array:
    """Places of the requests of each campaign that follow a few moments of the log, the same for all campaigns.

    A log is mostly in order of time, so these lie close together: reading them again costs a few stretches of each
    file, where requests drawn at random would cost all of it.
    """
    times, code = time.to_numpy(), campaign.combine_chunks().dictionary_encode().indices.to_numpy()
    # Codes are drawn in order of appearance, and most often the campaigns stand one after another already.
    order = np.arange(len(code)) if (np.diff(code) >= 0).all() else np.argsort(code, kind="stable")
    near = SAMPLED_REQUESTS // MOMENTS
    places = np.linspace(0, len(times) - 1, MOMENTS + 2).astype(np.int64)[1:-1]
    moments = np.partition(times, places)[places]
    edges = np.flatnonzero(np.diff(code[order], prepend=-1, append=-1))
    chosen = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        own = times[order[first:last]]
        begin = np.minimum([np.count_nonzero(own < moment) for moment in moments], max(last - first - near, 0))
        ends = np.minimum(begin + near, last - first)
        ranked = np.partition(own, np.unique(np.concatenate([begin, ends - 1])))
        parts = [_ranked(own, ranked, place, end) for place, end in zip(begin.tolist(), ends.tolist(), strict=True)]
        chosen.append(np.sort(order[first + np.unique(np.concatenate(parts))]))
    return pa.array(np.concatenate(chosen))


def _ranked(times: npt.NDArray[np.int64], ranked: npt.NDArray[np.int64], begin: int, end: int) -> npt.NDArray[np.int64]:
    """Places of the times of some ranks, those of equal times in order; at these ranks `ranked` is in order."""
    around = np.flatnonzero((times >= ranked[begin]) & (times <= ranked[end - 1]))
    around = around[np.argsort(times[around], kind="stable")]
    before = begin - np.count_nonzero(times < ranked[begin])
    return around[before : before + end - begin]


def _sums(
    tables: dict[str, pa.Table],
    totals: pa.Table,
    config: Config,
    set_aside: tuple[int, int],
    rates: Mapping[float, int],
) -> dict[str, Any]:
    """What the log asked of a campaign, and what was found in it, for run.json."""
    budget, counts = asdict(log_budget(totals, config.score)), _counts(tables, totals, config, set_aside)
    return {"budget": budget, "counts": counts, "sampled": sampled_facts(rates, counts["requests"])}


def _counts(
    tables: dict[str, pa.Table], totals: pa.Table, config: Config, set_aside: tuple[int, int]
) -> dict[str, int]:
    """What was counted; set aside are rejected rows and repeats."""
    rejected, repeats = set_aside
    verdicts = tables["campaigns"]["verdict"].to_pylist()
    return {
        "requests": pc.sum(totals["requests"]).as_py() or 0,
        "accounts": tables["accounts"].num_rows,
        "rejects": rejected,
        "duplicates": repeats,
        "campaigns": sum(v == "act" for v in verdicts),
        "review": sum(v == "review" for v in verdicts),
        "flagged": pc.sum(tables["accounts"]["flagged"]).as_py() or 0,
        "allowed": allowed_groups(tables, config.score.review_probability),
    }


class _Clock:
    """What each stage costs, for run.json: wall and CPU seconds, and the most memory of the process until its end.

    What a stage freed goes back to the system, so that the next one does not come on top of it.
    """

    def __init__(self) -> None:
        self.timings: list[dict[str, Any]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[dict[str, Any]]:
        entry: dict[str, Any] = {"stage": name, "seconds": 0.0, "cpu_seconds": 0.0, "peak_mb": 0.0, "rows": 0}
        start, cpu = time.perf_counter(), time.process_time()
        yield entry
        give_back()
        entry["seconds"] = round(time.perf_counter() - start, 3)
        entry["cpu_seconds"] = round(time.process_time() - cpu, 3)
        entry["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT / 1e6, 1)
        self.timings.append(entry)
