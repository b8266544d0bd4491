"""Evidence in bits -> calibrated scores and verdicts."""

from __future__ import annotations

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.progress import Progress
from stillhunt.score.context.candidate import read_candidates
from stillhunt.score.context.disposable_mail import list_version
from stillhunt.score.context.frame import Frame, build_frame
from stillhunt.score.output.tables import case_tables
from stillhunt.score.verdict.budget import Budget, false_alarm_budget, log_budget
from stillhunt.score.verdict.verdict import judge

__all__ = ["Budget", "false_alarm_budget", "list_version", "log_budget", "score_campaigns"]


def score_campaigns(
    tables: tuple[pa.Table, pa.Table, pa.Table],
    accounts: pa.Table | None,
    config: Config,
    progress: Progress,
    totals: pa.Table | None = None,
) -> tuple[dict[str, pa.Table], pa.Array]:
    """Judge every candidate and fill the case tables (all but the rejects).

    Args:
        tables: TRAFFIC in canonical order, SLICED row for row with it, CANDIDATES.
        accounts: ACCOUNTS, or None where the operator has none.
        config: settings.
        progress: told of each candidate.
        totals: TOTALS, where the traffic holds only the candidates' accounts and a sample of all; None where all.

    Returns:
        The tables by name, and the places in the traffic of the harvested requests, row for row with their table.
    """
    sketches, sliced, candidates = tables
    frame = build_frame(sketches, sliced, accounts, totals)
    found = read_candidates(candidates, frame)
    budget = log_budget(totals, config.score) if totals is not None else _own_budget(frame, config)
    judged = []
    with progress.stage("weighing evidence", len(found), "candidates") as advance:
        for candidate in found:
            judged.append(
                judge(
                    frame,
                    candidate,
                    config.score,
                    least=config.link.min_slice_requests,
                    least_accounts=config.resolve.min_accounts,
                    required_bits=budget.required_bits,
                )
            )
            advance(1)
    made, harvested = case_tables(frame, judged, config)
    return made, pa.array(harvested)


def _own_budget(frame: Frame, config: Config) -> Budget:
    return false_alarm_budget(frame.accounts, frame.time, config.score)
