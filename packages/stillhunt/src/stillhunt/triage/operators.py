"""Which campaigns belong together, in words: one operator, one pool of accounts, or two operators in one group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.schema_case import RELATIONS

RELATION_LABELS = dict(zip(RELATIONS, ("one operator", "one pool", "two operators"), strict=True))
_ID_CHARS = 24
_STATEMENT_CHARS = 400
_CAMPAIGNS_NAMED = 8
_REASONS_NAMED = 3


@dataclass(frozen=True)
class OperatorModel:
    """Campaigns that belong together.

    Attributes:
        rows: its rows of operators.parquet, by campaign id.
    """

    rows: tuple[Mapping[str, Any], ...]

    @property
    def id(self) -> str:
        """Its id, safe to show."""
        return formatting.shorten(self.rows[0]["operator_id"], _ID_CHARS)

    @property
    def relation(self) -> str:
        """one_operator, one_pool or two_operators."""
        return self.rows[0]["relation"] if self.rows[0]["relation"] in RELATIONS else RELATIONS[0]

    @property
    def label(self) -> str:
        """The relation in words."""
        return RELATION_LABELS[self.relation]

    @property
    def words(self) -> str:
        """Its campaigns, and why they belong together."""
        strongest = max(self.rows, key=lambda row: row["bits"])
        pair = [strongest["campaign_id"], strongest["tied_to"]]
        instance = f"for instance in {_named(sorted(pair))}, " if len(self.rows) > 2 else ""
        campaigns = _named([row["campaign_id"] for row in self.rows])
        return f"campaigns {campaigns} ({self._accounts}), because {instance}{_because(strongest)}"

    def of_campaign(self, campaign: str) -> tuple[str, str] | None:
        """What it says of one campaign, as label and words; None for a campaign of another set."""
        own = next((row for row in self.rows if row["campaign_id"] == campaign), None)
        if own is None:
            return None
        others = _named([row["campaign_id"] for row in self.rows if row is not own])
        tied = f"; closest is {_named([own['tied_to']])}" if len(self.rows) > 2 else ""
        return self.label, f"{self.id} with {others} ({self._accounts}){tied}: {_because(own)}"

    @property
    def _accounts(self) -> str:
        return f"{formatting.plural(self.rows[0]['accounts'], 'account')} together"


def operator_models(operators: pa.Table) -> tuple[OperatorModel, ...]:
    """Sets of campaigns: operators, then pools, then groups taken apart; in each the largest first."""
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(operators.to_pylist(), key=lambda row: row["campaign_id"]):
        by_id.setdefault(row["operator_id"], []).append(row)
    models = [OperatorModel(tuple(rows)) for rows in by_id.values()]
    return tuple(sorted(models, key=lambda one: (RELATIONS.index(one.relation), -one.rows[0]["accounts"], one.id)))


def _named(campaigns: Sequence[str]) -> str:
    return formatting.join_some([formatting.shorten(one, _ID_CHARS) for one in campaigns], _CAMPAIGNS_NAMED, "none")


def _because(row: Mapping[str, Any]) -> str:
    """The strongest statements of a row, each with its bits where it has any."""
    bits = [f" ({formatting.bits(one)} bits)" for one in row["kind_bits"]]
    reasons = [formatting.shorten(text, _STATEMENT_CHARS) for text in row["statements"][:_REASONS_NAMED]]
    return "; ".join(
        text[:1].lower() + text[1:] + (bits[place] if place < len(bits) else "") for place, text in enumerate(reasons)
    )
