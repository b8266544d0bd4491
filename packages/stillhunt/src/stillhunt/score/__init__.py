"""Evidence in bits -> calibrated scores and verdicts.

The log is coded once (`context`), and every kind of evidence (`evidence/kinds`, one module each) looks at every
candidate. Their bits are capped and summed into probabilities and verdicts (`verdict`). A candidate that mixes two
operators is split, one operation in several groups is joined, groups are formed by who pays, and campaigns of one
operator are tied to each other (`operators`). The results fill the case tables (`output`). The statistics (`stats`)
know nothing of logs.
"""

import json
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.container_memory import give_back
from stillhunt.base.families import EvidenceNeeds
from stillhunt.base.parameters import parameter_values
from stillhunt.base.progress import Progress, Silent
from stillhunt.score.context.candidate import Candidate, read_candidates
from stillhunt.score.context.customers import list_version
from stillhunt.score.context.log import ScoredLog, read_log
from stillhunt.score.evidence.catalogue import all_kinds, family_needs, kinds_that_see
from stillhunt.score.operators.holder_groups import find_holder_groups
from stillhunt.score.operators.mixtures import split_mixtures
from stillhunt.score.operators.remembered import settle_remembered
from stillhunt.score.operators.wholes import join_wholes
from stillhunt.score.output.tables import case_tables
from stillhunt.score.rebuild import RebuiltVerdict, rebuild_verdict, verdict_differences
from stillhunt.score.verdict.budget import Budget, expected_false, false_alarm_budget, log_budget
from stillhunt.score.verdict.explanations import EXPLANATIONS
from stillhunt.score.verdict.judging import judge_all
from stillhunt.score.verdict.linked_accounts import linked_operations
from stillhunt.score.verdict.verdict import Judged, judge


def score_campaigns(
    traffic: pa.Table,
    sliced: pa.Table,
    candidates: pa.Table,
    accounts: pa.Table | None,
    config: Config,
    progress: Progress,
    totals: pa.Table | None = None,
    flagged_before: Collection[str] = (),
) -> tuple[dict[str, pa.Table], pa.Array]:
    """Judge every candidate and fill the case tables (all but the rejects).

    Args:
        traffic: TRAFFIC in canonical order.
        sliced: SLICED, row for row with it.
        accounts: ACCOUNTS, or None where the operator has none.
        totals: TOTALS, where the traffic holds only the candidates' accounts and a sample of all; None where all.
        flagged_before: accounts that the look before flagged, where this is one of many looks at the same log.

    Returns:
        The tables by name, and the positions in the traffic of the harvested requests, row for row with their table.
    """
    log = read_log(traffic, sliced, accounts, totals, config.prepared)
    if totals is not None:
        budget = log_budget(totals, config.score)
    else:
        budget = false_alarm_budget(log.accounts.count, log.requests.time, config.score)
    judge_one = _judge_in(log, config, budget, flagged_before)
    give_back()  # what came before: each thread takes memory of its own
    with _judging_threads(config) as threads:
        found = read_candidates(candidates, log)
        with progress.stage("weighing evidence", len(found), "candidates") as advance:
            judged = judge_all(found, judge_one, threads, advance)
        with progress.stage("settling campaigns", None, "groups") as advance:
            judged = settle_remembered(log, judged, judge_one, config.score)
            judged, splits = split_mixtures(log, judged, judge_one)
            judged, splits = join_wholes(log, judged, splits, judge_one, config.score, threads)
            judged += linked_operations(log, judged, config.score)
            judged += find_holder_groups(log, judged, judge_one, config.link.min_slice_requests)
            advance(len(judged))
    give_back()  # what judging needed now and then, before the tables need as much
    with progress.stage("making tables", None, "groups") as advance:
        made, harvested = case_tables(log, judged, config, splits, progress)
        log.comparisons.clear()  # it refers to the log, which would else live until the next search for such circles
        advance(len(judged))
    return made, pa.array(harvested)


def judge_campaigns_again(
    traffic: pa.Table,
    sliced: pa.Table,
    candidates: pa.Table,
    accounts: pa.Table | None,
    config: Config,
    totals: pa.Table,
    flagged_before: Collection[str],
    names: Sequence[str],
) -> tuple[dict[str, pa.Table], pa.Array]:
    """Judge known campaigns of a log once more, as they are: none is split, joined, or left out of the tables.

    Args:
        candidates: CANDIDATES, numbered from 0; `names` are their ids.
        traffic, sliced, accounts, totals, flagged_before: as for `score_campaigns`.

    Returns:
        As `score_campaigns`, of these campaigns alone.
    """
    log = read_log(traffic, sliced, accounts, totals, config.prepared)
    judge_one = _judge_in(log, config, log_budget(totals, config.score), flagged_before)
    with _judging_threads(config) as threads:
        judged = judge_all(read_candidates(candidates, log), judge_one, threads, lambda _judged: None)
    made, harvested = case_tables(log, judged, config, (), Silent(), dict(enumerate(names)))
    log.comparisons.clear()  # as above
    return made, pa.array(harvested)


def _judge_in(
    log: ScoredLog, config: Config, budget: Budget, flagged_before: Collection[str]
) -> Callable[[Candidate], Judged]:
    """What judges candidates of a log."""
    before = pc.is_in(log.accounts.ids, value_set=pa.array(sorted(flagged_before), pa.string()))
    return partial(
        judge,
        log,
        settings=config.score,
        min_slice_requests=config.link.min_slice_requests,
        min_accounts=config.resolve.min_accounts,
        required_bits=budget.required_bits,
        flagged_before=before.to_numpy(zero_copy_only=False) if flagged_before else None,
    )


def _judging_threads(config: Config) -> ThreadPoolExecutor:
    """Two threads: kernels and sorts run side by side; a third would wait for what lies between them."""
    return ThreadPoolExecutor(min(config.threads or 2, 2), "stillhunt-judge")


def prepare_evidence(config: Config, accounts: pa.Table | None) -> Config:
    """The settings with what kinds of evidence read before a hunt, by kind.

    Raises StillhuntError: what the settings name cannot be used; nothing was read of the log yet.
    """
    kinds = [(kind.name, kind.prepare) for kind in all_kinds().values()]
    return config.with_prepared({name: prepare(config, accounts) for name, prepare in kinds if prepare is not None})


def verdict_parameters() -> dict[str, dict[str, Any]]:
    """The declared parameters of evidence, and the table of explanations, by table and name, in what JSON has.

    Constants that stand beside the code that uses them are not in it, although some of them change verdicts.

    Each explanation beside a harvest is a table `score.explanations.KEY`.
    """
    numbers = ("prior", "counts", "predicts", "kinds", "signs", "only_with", "never_with")
    weights = {
        f"score.explanations.{one.key}": json.loads(json.dumps({name: getattr(one, name) for name in numbers}))
        for one in EXPLANATIONS
    }
    return parameter_values("score.") | weights


def evidence_needs() -> EvidenceNeeds:
    """What the evidence needs of a log, for what is said of a log before and after a hunt."""
    return EvidenceNeeds(family_needs(), kinds_that_see("every"), kinds_that_see("even"))
