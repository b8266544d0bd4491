"""Variants of a hunt: without a family of evidence, with one family only, or on a poorer log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.verdicts import FamilyCaps

NEARLY_NOTHING = 1e-18
"""Cap of a family that is switched off: a cap must be above 0, and so few bits change nothing."""
KEPT_ROW_SHARE = 0.3

ABLATED_FAMILIES = tuple(FamilyCaps.model_fields)


@dataclass(frozen=True)
class Variant:
    """One change of the settings or of the log.

    Attributes:
        title: what is changed, in words.
        overrides: settings in place of the defaults.
        dropped: columns that the log does not have.
        accounts: whether there is a customer table.
        kept_rows: share of the requests that were logged.
    """

    title: str
    overrides: dict[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    accounts: bool = True
    kept_rows: float = 1.0


def _caps(names: tuple[str, ...]) -> dict[str, Any]:
    return {"score": {"family_cap_bits": dict.fromkeys(names, NEARLY_NOTHING)}}


VARIANTS: dict[str, Variant] = {
    "whole": Variant("nothing changed"),
    **{f"without_{name}": Variant(f"without {name} evidence", _caps((name,))) for name in ABLATED_FAMILIES},
    **{
        f"only_{name}": Variant(f"{name} evidence alone", _caps(tuple(n for n in ABLATED_FAMILIES if n != name)))
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
    """The log and the customer table of a variant.

    Args:
        seed: decides which rows are kept.
    """
    present: Callable[[str], bool] = requests.column_names.__contains__
    poorer = requests.drop_columns([name for name in variant.dropped if present(name)])
    if variant.kept_rows < 1:
        kept = np.random.default_rng(seed).random(poorer.num_rows) < variant.kept_rows
        poorer = poorer.filter(pa.array(kept))
    return poorer, accounts if variant.accounts else None
