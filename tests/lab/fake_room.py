"""A room with one parameter that scales all bits and one that does nothing, for the test of the sensitivity script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import stillhunt.score
from stillhunt.base.parameters import judgement, parameter, parameter_table, values_of


@parameter_table("score.fake", "Parameters of a test.")
@dataclass(frozen=True)
class FakeParameters:
    """One that counts, one that does not, one that cannot be moved."""

    scale: float = parameter(1.0, unit="times", meaning="Factor of all bits.", provenance=judgement("a test"))
    unused: int = parameter(3, unit="accounts", meaning="Nothing.", provenance=judgement("a test"))
    method: str = parameter("plain", unit="name", meaning="No number.", provenance=judgement("a test"))


@parameter_table("resolve.fake", "Parameters of a test.")
@dataclass(frozen=True)
class FakeResolveParameters:
    """One that does nothing: what runs again from resolve must give the declared result."""

    idle: float = parameter(1.0, unit="share", meaning="Nothing.", provenance=judgement("a test"))


@parameter_table("link.fake", "Parameters of a test.")
@dataclass(frozen=True)
class FakeLinkParameters:
    """The same for a full hunt."""

    idle: float = parameter(1.0, unit="share", meaning="Nothing.", provenance=judgement("a test"))


P = values_of(FakeParameters)
judge = stillhunt.score.score_campaigns


def score_campaigns(*args: Any, **kwargs: Any) -> tuple[dict[str, pa.Table], pa.Array]:
    """The real room, with all bits scaled; with fewer bits nobody is flagged."""
    tables, rows = judge(*args, **kwargs)
    evidence, accounts = tables["evidence"], tables["accounts"]
    bits = pc.multiply(evidence["bits"], P.scale)
    tables["evidence"] = evidence.set_column(evidence.schema.get_field_index("bits"), "bits", bits)
    if P.scale < 1:
        none = pa.array(["none"] * accounts.num_rows)
        tables["accounts"] = accounts.set_column(accounts.schema.get_field_index("verdict"), "verdict", none)
    return tables, rows


stillhunt.score.score_campaigns = score_campaigns
