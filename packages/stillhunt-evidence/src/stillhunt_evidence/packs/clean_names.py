"""Names that customers or their software choose, in a pack that names nobody: models, plans, clients, networks."""

from __future__ import annotations

import re

import pyarrow as pa

from stillhunt.tools import redacted

_COLUMNS = ("models", "model", "plan", "clients", "client", "networks", "network", "value")
_OWN_MODEL = re.compile(r"(?is)^(ft:[^:]*):.*$")
_RESOURCE = re.compile(r"(?i)^arn:[^/]*/?|^projects/.*/models/|^(?:.*/)?(?:endpoints|deployments)/")
PRIVATE_MODEL = "(private model)"


def clean_name(name: str) -> str:
    """A name without secrets, without the customer's part of a fine-tuned model, and without a cloud account.

    It hides what patterns recognise. A name that a customer gave a client or a network can still remain.
    """
    if _RESOURCE.match(name):
        return PRIVATE_MODEL
    return redacted(_OWN_MODEL.sub(r"\1", name))


def with_clean_names(table: pa.Table) -> pa.Table:
    """A table of a case with its columns of such names cleaned."""
    for column in _COLUMNS:
        place = table.schema.get_field_index(column)
        if place < 0:
            continue
        type_ = table.schema.field(place).type
        values = table[column].to_pylist()
        known = {one: clean_name(one) for row in values for one in (row if isinstance(row, list) else [row]) if one}
        cleaned = [
            [known.get(one, one) for one in row] if isinstance(row, list) else known.get(row, row) for row in values
        ]
        table = table.set_column(place, table.schema.field(place), pa.array(cleaned, type_))
    return table
