"""A room with one parameter that scales all bits and one that does nothing, for the test of the sensitivity script."""

from __future__ import annotations

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

import stillhunt.score
from stillhunt.base.parameters import read_parameters


class FakeParameters(NamedTuple):
    """One that counts, one that does not, one that cannot be moved."""

    scale: float
    unused: float
    nothing: float


class IdleParameters(NamedTuple):
    """One that does nothing: what runs again from its room must give the declared result."""

    idle: float


P = read_parameters(FakeParameters, "score.fake")
read_parameters(IdleParameters, "resolve.fake")
read_parameters(IdleParameters, "link.fake")
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
