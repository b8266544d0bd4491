"""stillhunt with the interface of its baselines, its variants, and timed runs of a method on a world."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import stillhunt
from stillhunt.verdicts import FamilyCaps
from stillhunt_lab.baselines import BASELINES, Method, MethodResult, MethodSettings
from stillhunt_lab.bench.measures import case_result

NEARLY_NOTHING = 1e-18
"""Cap of a family that is switched off: a cap must be above 0, and so few bits change nothing."""
KEPT_ROW_SHARE = 0.3

ABLATED_FAMILIES = tuple(FamilyCaps.model_fields)


@dataclass(frozen=True)
class Variant:
    """One change of the settings or of the log."""

    title: str
    overrides: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    accounts: bool = True
    kept_rows: float = 1.0


def _build_cap_overrides(names: tuple[str, ...]) -> dict[str, Any]:
    return {"score": {"family_cap_bits": dict.fromkeys(names, NEARLY_NOTHING)}}


VARIANTS: dict[str, Variant] = {
    "whole": Variant("nothing changed"),
    **{
        f"without_{name}": Variant(f"without {name} evidence", _build_cap_overrides((name,)))
        for name in ABLATED_FAMILIES
    },
    **{
        f"only_{name}": Variant(
            f"{name} evidence alone", _build_cap_overrides(tuple(n for n in ABLATED_FAMILIES if n != name))
        )
        for name in ABLATED_FAMILIES
    },
    "no_prompts": Variant("log without prompts", dropped=("prompt", "system_prompt", "response", "tools")),
    "no_addresses": Variant("log without addresses", dropped=("client_ip", "asn", "country")),
    "no_clients": Variant("log without client fingerprints", dropped=("user_agent", "tls_fingerprint")),
    "no_conversations": Variant("log without conversations", dropped=("turn", "conversation_id")),
    "no_accounts": Variant("no table of accounts", accounts=False),
    "third_of_rows": Variant(f"{100 * KEPT_ROW_SHARE:.0f} % of the requests", kept_rows=KEPT_ROW_SHARE),
    "ids_and_prompts": Variant(
        "ids, times, models and prompts alone",
        dropped=(
            "conversation_id", "turn", "organization_id", "api_key_id", "end_user_id", "client_ip", "asn", "country",
            "user_agent", "tls_fingerprint", "channel", "system_prompt", "response", "input_tokens", "output_tokens",
            "temperature", "top_p", "max_tokens", "tools", "status",
        ),
        accounts=False,
    ),
}  # fmt: skip
"""Name -> variant, in the order of the table."""


def poorer_log(variant: Variant, requests: pa.Table, accounts: pa.Table, seed: int) -> tuple[pa.Table, pa.Table | None]:
    """The log and the customer table of a variant."""
    present: Callable[[str], bool] = requests.column_names.__contains__
    poorer = requests.drop_columns([name for name in variant.dropped if present(name)])
    if variant.kept_rows < 1:
        kept = np.random.default_rng(seed).random(poorer.num_rows) < variant.kept_rows
        poorer = poorer.filter(pa.array(kept))
    return poorer, accounts if variant.accounts else None


OURS = "stillhunt"
GROUPING = ("shared_keys", "synchrotrap", "fraudar", "catchsync")
"""Baselines that name groups of accounts; the others can never name a campaign."""


@dataclass(frozen=True)
class Timed:
    """A result and what it cost."""

    result: MethodResult
    cpu_seconds: float  # of all threads of this process
    seconds: float


def stillhunt_method(overrides: Mapping[str, Any] | None = None) -> Method:
    """The hunt as a method.

    `overrides`: settings in place of the defaults, nested.
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
    """A baseline that neither flags nor ranks accounts of sanctioned organisations, as any provider would ensure."""

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
    """Run a method and take its time."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = method(requests, accounts, settings)
    return Timed(result, time.process_time() - cpu, time.perf_counter() - wall)
