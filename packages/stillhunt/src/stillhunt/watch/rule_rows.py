"""What rules of the provider's own look at, kept beside the case of a snapshot: accounts, and their last busy hours."""

from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.coded import codes
from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.errors import ContractError
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt.base.shape import TIMESTAMP
from stillhunt.base.table_files import parquet_bytes, table_of_parquet
from stillhunt.base.units import DAY, HOUR
from stillhunt.triage.account_facts import most_used_values, redacted_texts
from stillhunt.triage.origins import ASPECTS, as_families
from stillhunt.watch.snapshots import Snapshot

KNOWN_BESIDE_GROUP = "stillhunt.known_beside"
"""Entry points of functions (settings, accounts, accounts table) that give more columns of accounts, by account_id."""
RULE_FILES = ("rule_accounts.parquet", "rule_hours.parquet", "rule_members.parquet")
LEAST_HOUR_REQUESTS = 10
"""Requests of an account in an hour from which the hour is kept. Judgement: nobody writes a rule against fewer, and
most hours of most accounts have fewer, which bounds the file."""
FULLEST_TEXT = 256
"""Characters that are kept of a text of the accounts table, redacted. Judgement: a rule compares names, plans."""
CUSTOMER_TEXTS = (
    "organization_id", "plan", "email_domain", "payment_country", "phone_country", "signup_country", "declared_use",
)  # fmt: skip
SHARED_VALUES = {
    "card_accounts": "payment_fingerprint",
    "mail_accounts": "email_hash",
    "signup_address_accounts": "signup_ip",
    "signup_network_accounts": "signup_prefix",
}
"""Column -> column of the accounts table: how many accounts have the same value there; 0 where it is not known."""
_HASHES = ("payment_fingerprint", "email_hash", "signup_ip", "signup_prefix")
_FOUND = ("score", "verdict", "flagged", "sanctioned", "requests", "harvest_requests")
_HOUR_COLUMNS = (
    "account_id", "timestamp", "prompt_hash", "model", "client_prefix", "user_agent", "conversation", "status",
    "input_tokens", "output_tokens",
)  # fmt: skip
_DIFFERENT = {
    "prompts": "prompt_hash", "models": "model", "networks": "client_prefix", "clients": "user_agent",
    "conversations": "conversation",
}  # fmt: skip
HOUR_ROWS = pa.schema(
    [("account_id", pa.string()), ("hour", TIMESTAMP)]
    + [(name, pa.int64()) for name in ("requests", *_DIFFERENT, "refused", "input_tokens", "output_tokens")]
)
"""One row for each account and hour of the day before the newest request; a count of different values leaves out
unknown ones, and `refused` counts answers with a status of 400 or more."""
_ORIGIN_COLUMNS = ("account_id", "timestamp", *ASPECTS.values())
_ORIGINS = {"client": "clients", "network": "networks", "ip_kind": "ip_kinds", "country": "countries"}
ORIGIN_ROWS = pa.schema([("account_id", pa.string()), *((name, pa.list_(pa.string())) for name in _ORIGINS.values())])
"""For each account of that day, where its requests came from: the most used values, as MEMBER_DETAILS has them."""
SPAN_ROWS = pa.schema([("account_id", pa.string()), ("first_request", TIMESTAMP), ("last_request", TIMESTAMP)])


class RuleRows(NamedTuple):
    """What rules and sign-ups are compared with."""

    accounts: pa.Table  # a row for each account that the hunt saw
    hours: pa.Table  # HOUR_ROWS
    members: pa.Table  # what the accounts table says of each account that was ever flagged, seen by this hunt or not


def collect_rule_rows(
    sketches: Dataset, tables: Mapping[str, pa.Table], customers: pa.Table | None, flagged_before: Collection[str] = ()
) -> RuleRows:
    """What rules see of a hunt.

    Args:
        tables: of the case; `accounts` is read.
        customers: the accounts table; without one, its columns are null and its counts 0.
        flagged_before: accounts that an earlier hunt flagged.
    """
    spans = sketches.gather(find_request_span, SPAN_ROWS, None, ("account_id", "timestamp"))
    newest = pc.max(spans["last_request"])
    hours, origins = HOUR_ROWS.empty_table(), ORIGIN_ROWS.empty_table()
    if newest.is_valid:
        since = newest.cast(pa.int64()).as_py() - DAY
        hours = sketches.gather(count_hours, HOUR_ROWS, since, _HOUR_COLUMNS)
        origins = sketches.gather(list_origins, ORIGIN_ROWS, since, _ORIGIN_COLUMNS)
    accounts = _join_customers(tables["accounts"], customers)
    accounts = _with_columns_of(_with_columns_of(accounts, origins), spans)
    flagged = tables["accounts"].filter(tables["accounts"]["flagged"])["account_id"].to_pylist()
    members = pa.table({"account_id": pa.array(sorted({*flagged, *flagged_before}), pa.string())})
    return RuleRows(accounts, hours.sort_by("account_id"), _add_customer_columns(members, customers))


def with_findings(rows: RuleRows, accounts: pa.Table, customers: pa.Table | None) -> RuleRows:
    """Rows of an earlier hunt with what a warm one found; accounts that are new since then have none.

    Args:
        accounts: of the case.
        customers: the accounts table.
    """
    place = pc.index_in(rows.accounts["account_id"], value_set=accounts["account_id"].combine_chunks())
    columns = {name: rows.accounts[name] for name in rows.accounts.column_names}
    found = {**{name: accounts[name] for name in _FOUND}, "in_campaign": pc.is_valid(accounts["campaign_id"])}
    for name, column in found.items():
        now = column.take(place)
        columns[name] = pc.if_else(pc.is_valid(now), now, columns[name])
    flagged = {*accounts.filter(accounts["flagged"])["account_id"].to_pylist(), *rows.members["account_id"].to_pylist()}
    members = pa.table({"account_id": pa.array(sorted(flagged), pa.string())})
    return RuleRows(pa.table(columns), rows.hours, _add_customer_columns(members, customers))


def add_columns_beside(rows: RuleRows, config: Config, customers: pa.Table | None) -> RuleRows:
    """Rows with what other distributions know of the accounts beside the log.

    `customers`: the accounts table.
    """
    accounts = rows.accounts
    for point in sorted(entry_points(group=KNOWN_BESIDE_GROUP), key=lambda one: one.name):
        accounts = _with_columns_of(accounts, point.load()(config, accounts, customers))
    return rows._replace(accounts=accounts)


def rule_files(rows: RuleRows) -> dict[str, bytes]:
    """The content of the files of a snapshot, by name."""
    return dict(zip(RULE_FILES, map(parquet_bytes, rows), strict=True))


def read_rule_rows(snapshot: Snapshot) -> RuleRows:
    """What the files of a snapshot say; empty where an earlier version made it. Raises CaseError: a file is damaged."""
    found = []
    for name in RULE_FILES:
        try:
            found.append(table_of_parquet((snapshot.path / name).read_bytes()))
        except FileNotFoundError:
            nobody = _join_customers(CASE_TABLES["accounts"].empty(), None)
            nobody = _with_columns_of(_with_columns_of(nobody, ORIGIN_ROWS.empty_table()), SPAN_ROWS.empty_table())
            return RuleRows(nobody, HOUR_ROWS.empty_table(), nobody)
        except (OSError, pa.ArrowException, ContractError) as error:
            raise snapshot.damaged(name) from error
    return RuleRows(*found)


def find_request_span(table: pa.Table, _context: None) -> pa.Table:
    """SPAN_ROWS of one partition: first and last request of each account in the window."""
    account, names = _number_texts(table["account_id"])
    rows = pa.table({"account": account, "timestamp": table["timestamp"]}).group_by("account")
    found = rows.aggregate([("timestamp", "min"), ("timestamp", "max")])
    columns = [names.take(found["account"].combine_chunks()), found["timestamp_min"], found["timestamp_max"]]
    return pa.table(columns, schema=SPAN_ROWS)


def list_origins(table: pa.Table, since: int) -> pa.Table:
    """ORIGIN_ROWS of one partition, from a time on, microseconds since 1970."""
    own = table.filter(pc.greater_equal(table["timestamp"].cast(pa.int64()), since))
    account, names = codes(own["account_id"])
    columns = {"account_id": names.cast(pa.string())}
    for aspect, column in ASPECTS.items():
        value, texts = codes(own[column])
        words = texts.to_pylist()
        value, words = as_families(value, words) if aspect == "client" else (value, words)
        columns[_ORIGINS[aspect]] = most_used_values(account, value, words, len(names))
    occurs = np.bincount(account, minlength=len(names)) > 0  # a dictionary may hold names of other partitions
    return pa.table(columns).select(ORIGIN_ROWS.names).filter(pa.array(occurs))


def count_hours(table: pa.Table, since: int) -> pa.Table:
    """HOUR_ROWS of one partition, from the first whole hour after `since` (microseconds since 1970) on."""
    begin = -(-since // HOUR) * HOUR
    moments = table["timestamp"].cast(pa.int64())
    own = table.filter(pc.greater_equal(moments, begin))
    hour = pc.multiply(pc.divide(own["timestamp"].cast(pa.int64()), HOUR), HOUR)
    read: dict[str, pa.Array | pa.ChunkedArray] = {name: own[name] for name in own.column_names if name != "timestamp"}
    for name in ("model", "user_agent"):
        read[name] = _number_texts(own[name])[0]
    read["account_id"], accounts = _number_texts(own["account_id"])
    read["refused"] = pc.fill_null(pc.greater_equal(own["status"], 400), False).cast(pa.int64())
    groups = pa.table({**read, "hour": hour}).group_by(["account_id", "hour"])
    sums = ("refused", "input_tokens", "output_tokens")
    distinct = [(name, "count_distinct") for name in _DIFFERENT.values()]
    counted = groups.aggregate([([], "count_all"), *distinct, *((one, "sum") for one in sums)])
    columns = {
        "account_id": accounts.take(counted["account_id"]),
        "hour": counted["hour"].cast(TIMESTAMP),
        "requests": counted["count_all"],
        **{name: counted[f"{column}_count_distinct"] for name, column in _DIFFERENT.items()},
        **{name: pc.fill_null(counted[f"{name}_sum"], 0) for name in sums},
    }
    rows = pa.table({name: columns[name] for name in HOUR_ROWS.names}).cast(HOUR_ROWS)
    return rows.filter(pc.greater_equal(rows["requests"], LEAST_HOUR_REQUESTS))


def _number_texts(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """The number of each text, null where it has none, and the texts by number."""
    code, texts = codes(column)
    return pa.array(code, mask=code < 0), texts.cast(pa.string())


def _with_columns_of(accounts: pa.Table, more: pa.Table) -> pa.Table:
    """Accounts with the columns of another table that has a row for some of them."""
    own = more.take(pc.index_in(accounts["account_id"].cast(pa.string()), value_set=more["account_id"]))
    for name in own.column_names[1:]:
        accounts = accounts.append_column(name, own[name])
    return accounts


def _join_customers(accounts: pa.Table, customers: pa.Table | None) -> pa.Table:
    """Each account that was seen, with what the accounts table says of it."""
    columns = {name: accounts[name] for name in ("account_id", *_FOUND)}
    columns["in_campaign"] = pc.is_valid(accounts["campaign_id"])
    return _add_customer_columns(pa.table(columns), customers)


def _add_customer_columns(accounts: pa.Table, customers: pa.Table | None) -> pa.Table:
    columns = {name: accounts[name] for name in accounts.column_names}
    if customers is None:
        columns["created_at"] = pa.nulls(accounts.num_rows, TIMESTAMP)
        columns |= {name: pa.nulls(accounts.num_rows, pa.string()) for name in CUSTOMER_TEXTS}
        columns |= {name: pa.nulls(accounts.num_rows, pa.uint64()) for name in _HASHES}
        return pa.table(columns | {name: pa.array([0] * accounts.num_rows, pa.int64()) for name in SHARED_VALUES})
    names = customers["account_id"].cast(pa.string()).combine_chunks()
    own = customers.take(pc.index_in(accounts["account_id"].cast(pa.string()), value_set=names))
    columns |= {name: own[name] for name in ("created_at", *_HASHES)}
    for name in CUSTOMER_TEXTS:
        columns[name] = redacted_texts(own[name].cast(pa.string()), FULLEST_TEXT)
    for name, column in SHARED_VALUES.items():
        counted = pc.value_counts(customers[column].drop_null())
        place = pc.index_in(own[column], value_set=counted.field("values"), skip_nulls=True)
        columns[name] = pc.fill_null(counted.field("counts").take(place), 0)
    return pa.table(columns)
