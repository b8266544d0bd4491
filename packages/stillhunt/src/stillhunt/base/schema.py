"""Every table that goes from one room to another, declared once: names, Arrow types, nullability, meaning.

Rooms hand over Arrow tables and nothing else; `Table.check` is called wherever one arrives. `stillhunt schema`
prints them and `docs/tables.md` is generated from them; a column exists in one place only, `tables_of_rooms.toml`.
The case tables (`CASE_TABLES`), a contract with the outside, are in `schema_case.py` and are named here too.
"""

from dataclasses import replace
from typing import NamedTuple

from stillhunt.base.families import EVIDENCE_FAMILIES
from stillhunt.base.parameters import read_parameters
from stillhunt.base.shape import CODED, Table, read_tables


class SliceParameters(NamedTuple):
    """Numbers about slices."""

    view_cap_bits: float
    min_untemplated_questions: int
    min_split_bits: float


SLICE_PARAMETERS = read_parameters(SliceParameters, "base.slices")
SAMPLING_PARAMETERS = ("temperature", "top_p", "max_tokens")
"""Columns of the settings that a client sends with a request; a request that sets one of them has request style 1."""
FAMILIES = tuple(family.name for family in EVIDENCE_FAMILIES)
"""Evidence families. Two independent ones are needed before an account is flagged."""
_TABLES = read_tables("tables_of_rooms.toml")
REQUESTS = _TABLES["requests"]
ACCOUNTS = _TABLES["accounts"]
SKETCHES = _TABLES["sketches"]
UNJUDGED = ("account_key", "request_key", "phrases", "system_phrases", "asn", "channel", "content_hash")
"""Columns of the sketches that the search reads and nobody after it."""
_REPEATED = (
    *("source", "account_id", "organization_id", "model", "network", "ip_kind", "country", "user_agent"),
    "tls_fingerprint",
)
TRAFFIC = Table(
    "traffic",
    "Requests of the accounts that are judged or with which others are compared, without what is made of their texts.",
    tuple(replace(c, type=CODED) if c.name in _REPEATED else c for c in SKETCHES.columns if c.name not in UNJUDGED),
)
SLICED = _TABLES["sliced"]
LINKS = _TABLES["links"]
CANDIDATES = _TABLES["candidates"]
REMEMBERED = _TABLES["remembered"]
TOTALS = _TABLES["totals"]
INPUT_TABLES = (REQUESTS, ACCOUNTS)
ROOM_TABLES = (SKETCHES, TRAFFIC, SLICED, LINKS, CANDIDATES, REMEMBERED, TOTALS)
