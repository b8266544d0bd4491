"""stillhunt with the interface of its baselines, and timed runs of a method on a world."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt_lab.baselines import BASELINES, Method, MethodResult, MethodSettings
from stillhunt_lab.bench.measures import case_result

OURS = "stillhunt"
GROUPING = ("shared_keys", "synchrotrap", "fraudar", "catchsync")
"""Baselines that name groups of accounts; the others can never name a campaign."""


@dataclass(frozen=True)
class Timed:
    """A result and what it cost.

    Attributes:
        cpu_seconds: of all threads of this process.
    """

    result: MethodResult
    cpu_seconds: float
    seconds: float


def stillhunt_method(overrides: Mapping[str, Any] | None = None) -> Method:
    """The hunt as a method.

    Args:
        overrides: settings in place of the defaults, nested.
    """

    def hunt(requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
        config = stillhunt.Config.load(
            {**(overrides or {}), "sanctioned": {"organizations": list(settings.sanctioned)}},
            environ={},  # nothing of the environment or the folder: figures must not depend on where the bench runs
            file=Path(os.devnull),
        )
        return case_result(stillhunt.hunt(requests, accounts, config).tables)

    return hunt


def method_of(name: str) -> Method:
    """The method of a name: stillhunt's, or a baseline's that spares sanctioned programmes as the hunt does."""
    return stillhunt_method() if name == OURS else sparing(BASELINES[name])


def sparing(baseline: Method) -> Method:
    """A baseline that neither flags nor ranks the accounts of sanctioned organisations: as any provider would ensure.

    Args:
        baseline: the method as its paper has it.
    """

    def find(requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> MethodResult:
        found = baseline(requests, accounts, settings)
        spared: set[str] = set()
        for known in (requests, accounts):
            if known is not None and "organization_id" in known.column_names:
                rows = pc.is_in(known["organization_id"], value_set=pa.array(settings.sanctioned, pa.string()))
                spared.update(known["account_id"].filter(rows).to_pylist())
        groups = {account: group for account, group in found.groups.items() if account not in spared}
        return replace(
            found,
            scores={account: score for account, score in found.scores.items() if account not in spared},
            flagged=found.flagged - spared,
            groups=groups,
            acts=len(set(groups.values())),
        )

    return find


def run_timed(method: Method, requests: pa.Table, accounts: pa.Table | None, settings: MethodSettings) -> Timed:
    """Run a method and take its time.

    Args:
        settings: what it may use beside.
    """
    cpu, wall = time.process_time(), time.perf_counter()
    result = method(requests, accounts, settings)
    return Timed(result, time.process_time() - cpu, time.perf_counter() - wall)
