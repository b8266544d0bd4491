"""What goes into a pack: the case cut down to one campaign, under pseudonyms, with clean names and short excerpts."""

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt import CaseError
from stillhunt.case import CASE_TABLES, CASE_VIEWS, Case, canonical_order, excerpt, stays_here
from stillhunt.tools import escape_controls, redacted
from stillhunt_evidence.keys.folder import keyed_hash, keyed_hashes

PREFIXES = {
    "account": "a-",
    "request": "r-",
    "organisation": "o-",
    "domain": "d-",
    "campaign": "c-",
    "set of campaigns": "s-",
}
"""Kind of an id -> what its pseudonyms begin with."""


@dataclass(frozen=True)
class Pseudonyms:
    """What ids are called in a pack."""

    key: bytes | None  # 32 secret bytes; None leaves ids as they are

    def one(self, kind: str, value: str) -> str:
        """What an id is called."""
        return value if self.key is None else PREFIXES[kind] + keyed_hash(self.key, kind, value)

    def column(self, kind: str, values: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
        """What the ids of a column are called; null stays null."""
        if self.key is None:
            return values
        if pa.types.is_list(values.type):
            ends = np.cumsum(pc.list_value_length(values).to_numpy(), dtype=np.int32)
            hashed = self.column(kind, pa.chunked_array([pc.list_flatten(values)], pa.string()))
            return pa.ListArray.from_arrays(np.append(np.int32(0), ends), hashed)
        return keyed_hashes(self.key, kind, values, PREFIXES[kind])

    def who_is_who(self, accounts: list[str]) -> bytes:
        """A table of pseudonyms and accounts, for those alone who may know: CSV."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["pseudonym", "account_id"])
        writer.writerows([self.one("account", one), escape_controls(one)] for one in sorted(accounts))
        return text.getvalue().encode()


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


WITHHELD = "Something that the provider knows beside its log, and does not pass on"
"""In place of a statement that is for the provider alone."""
SETTINGS_OF_HUNTS = ("seed", "engine", "collect", "link", "resolve", "score", "report", "sanctioned")
"""Groups of settings on which findings depend; the others name machines and people."""
_IDS = {
    "account_id": "account",
    "request_id": "request",
    "request_ids": "request",
    "organization_id": "organisation",
    "email_domain": "domain",
    "campaign_id": "campaign",
    "tied_to": "campaign",
    "operator_id": "set of campaigns",
}
"""Column -> kind of the ids in it."""
_WIDENED: dict[str, dict[str, tuple[str, bool]]] = {
    "campaigns": {"first_seen": ("hour", False), "last_seen": ("hour", True)},
    "samples": {"timestamp": ("hour", False)},
    "cited": {"timestamp": ("hour", False)},
    "member_details": {"created_at": ("day", False), "first_seen": ("day", False), "last_seen": ("day", True)},
}
"""Table -> column of times -> to what a pack widens it, and whether upwards. An exact time finds the account or the
request in any other list that has it; the verdict rests on none of these."""
LEFT_OUT_TABLES = ("slices", "harvest", "rejects", "addresses", "phrases")
"""Tables that no pack has: as long as the traffic, about everybody, or under hashes that are of use to the operator
alone."""


@dataclass(frozen=True)
class Discretion:
    """How much a pack shows."""

    names: Pseudonyms
    excerpt_chars: int | None  # most characters of an excerpt; None leaves excerpts as the case has them


def cut_case(case: Case, campaign_id: str, discretion: Discretion) -> Case:
    """The case with one campaign alone, and with its accounts alone.

    Raises CaseError: it has no such campaign.
    """
    own = pc.equal(case.tables["campaigns"]["campaign_id"], campaign_id)
    if not pc.any(own).as_py():
        raise CaseError(f"the case has no campaign {campaign_id}", next_step="name one of its campaigns")
    tables = {name: CASE_TABLES[name].empty() for name in CASE_TABLES}
    for name in ("campaigns", "members", "evidence"):
        tables[name] = _of_campaign(case.tables[name], campaign_id)
    members = pc.unique(tables["members"]["account_id"])
    accounts = case.tables["accounts"]
    tables["accounts"] = accounts.filter(pc.is_in(accounts["account_id"], value_set=members))
    _withhold_statements(tables)
    tables["operators"] = _sets_of(case.tables["operators"], campaign_id)
    views = {
        name: CASE_VIEWS[name].empty() if name in LEFT_OUT_TABLES else _of_campaign(table, campaign_id)
        for name, table in case.views.items()
    }
    views["samples"] = _shorten_sample_texts(views["samples"], discretion.excerpt_chars)
    views["member_details"] = _without_words(views["member_details"], discretion)
    named = {name: _pseudonymise_table(name, table, discretion.names) for name, table in tables.items()}
    shown = {name: _pseudonymise_table(name, table, discretion.names) for name, table in views.items()}
    return Case(named, run=public_record(case.run, discretion.names), **shown)


def public_record(run: Mapping[str, Any], names: Pseudonyms) -> dict[str, Any]:
    """What run.json says of the hunt, without settings of machines and people."""
    settings = {name: value for name, value in run.get("settings", {}).items() if name in SETTINGS_OF_HUNTS}
    allowed = settings.get("sanctioned", {})
    settings["sanctioned"] = {
        "accounts": sorted(names.one("account", one) for one in allowed.get("accounts", ())),
        "organizations": sorted(names.one("organisation", one) for one in allowed.get("organizations", ())),
    }
    kept = {name: value for name, value in run.items() if name not in ("timings", "beside")}
    if names.key is not None:
        kept["inputs"] = [{**one, "name": clean_name(str(one.get("name", "")))} for one in run.get("inputs", [])]
    return {**kept, "settings": settings}


def parquet_files(case: Case, write: Callable[[pa.Table], bytes]) -> dict[str, bytes]:
    """The tables of a cut case as files, in the order in which a case folder has them."""
    return {
        f"tables/{name}.parquet": write(table)
        for name, table in {**case.tables, **case.views}.items()
        if name not in LEFT_OUT_TABLES
    }


def harvest_digest(folder: Path, campaign_id: str) -> dict[str, Any]:
    """Number and SHA-256 of the ids of all harvested requests of a campaign, by which any list can be compared later.

    Returns `requests`, and `sha256` over the ids as harvest.parquet has them, one a line. Raises CaseError:
    harvest.parquet cannot be read.
    """
    path = folder / "harvest.parquet"
    try:
        with pq.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=1 << 17, columns=["request_id", "campaign_id"], use_threads=False)
            own = (
                batch.column("request_id").filter(pc.equal(batch.column("campaign_id"), campaign_id))
                for batch in batches
            )
            return digest_of_ids(own)
    except (OSError, pa.ArrowException) as error:
        raise CaseError(
            f"the case folder is damaged: {error}",
            where=str(path),
            next_step="run the hunt again, or restore the folder",
        ) from error


def digest_of_ids(parts: Iterable[pa.Array | pa.ChunkedArray]) -> dict[str, Any]:
    """Number and SHA-256 of ids, one a line."""
    digest, count = hashlib.sha256(), 0
    for ids in parts:
        count += len(ids)
        if len(ids):
            digest.update("\n".join([*ids.to_pylist(), ""]).encode("utf-8", "surrogatepass"))
    return {"requests": count, "sha256": digest.hexdigest()}


def _of_campaign(table: pa.Table, campaign_id: str) -> pa.Table:
    return table.filter(pc.equal(table["campaign_id"], campaign_id))


def _withhold_statements(tables: dict[str, pa.Table]) -> None:
    """Take out what is known beside the log and is not to leave; the bits stay, so that the verdict still follows."""
    evidence = tables["evidence"]
    kept = [stays_here(kind) for kind in evidence["kind"].to_pylist()]
    if not any(kept):
        return
    statements = evidence["statement"].to_pylist()
    secret = {said for said, stays in zip(statements, kept, strict=True) if stays}
    for name, column in (("evidence", "statement"), ("accounts", "reasons")):
        table = tables[name]
        place = table.schema.get_field_index(column)
        values = [
            [WITHHELD if one in secret else one for one in value]
            if isinstance(value, list)
            else (WITHHELD if value in secret else value)
            for value in table[column].to_pylist()
        ]
        tables[name] = table.set_column(
            place, table.schema.field(place), pa.array(values, table.schema.field(place).type)
        )


def _sets_of(operators: pa.Table, campaign_id: str) -> pa.Table:
    """Rows of the sets to which a campaign belongs."""
    own = _of_campaign(operators, campaign_id)["operator_id"]
    return operators.filter(pc.is_in(operators["operator_id"], value_set=own.combine_chunks()))


def _shorten_sample_texts(samples: pa.Table, chars: int | None) -> pa.Table:
    if chars is None or not samples.num_rows:
        return samples
    cut = []
    for row in samples.to_pylist():
        marks = [(mark["start"], mark["end"]) for mark in row["marks"]]
        row["text"], spans = excerpt(row["text"], chars, marks)
        row["marks"] = [{"start": start, "end": end} for start, end in spans]
        cut.append(row)
    return pa.Table.from_pylist(cut, schema=samples.schema)


def _without_words(details: pa.Table, discretion: Discretion) -> pa.Table:
    """Without what a customer wrote in words of their own."""
    if discretion.names.key is None:
        return details
    place = details.schema.get_field_index("declared_use")
    return details.set_column(place, details.schema.field(place), pa.nulls(details.num_rows, pa.string()))


def _pseudonymise_table(name: str, table: pa.Table, names: Pseudonyms) -> pa.Table:
    """A table under other names, with widened times, in the order of the names: another would say which is which."""
    if names.key is None:
        return table
    for column, (unit, up) in _WIDENED.get(name, {}).items():
        place = table.schema.get_field_index(column)
        rounded = (pc.ceil_temporal if up else pc.floor_temporal)(table[column], unit=unit)
        table = table.set_column(place, table.schema.field(place), rounded.cast(table.schema.field(place).type))
    for column, kind in _IDS.items():
        place = table.schema.get_field_index(column)
        if place >= 0:
            table = table.set_column(place, table.schema.field(place), names.column(kind, table[column]))
    return canonical_order(name, with_clean_names(table))
