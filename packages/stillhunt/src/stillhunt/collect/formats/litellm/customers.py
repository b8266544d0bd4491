"""Customers in the LiteLLM proxy's tables of users, keys, teams and organisations.

Source: BerriAI/litellm, `schema.prisma` (LiteLLM_UserTable, LiteLLM_VerificationToken, LiteLLM_TeamTable,
LiteLLM_OrganizationTable).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stillhunt.collect.formats.litellm.calls import HEALTH_CHECK, NOBODY
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Record, Row, Sample, load_source
from stillhunt.collect.values.json_values import decoded, first, is_list

COMPLETES = "teams and organisations, which only add to users and keys"
NO_CUSTOMER = "LiteLLM's own user"
METADATA_COLUMNS = (
    *("plan", "declared_use", "signup_ip", "signup_country", "payment_fingerprint"),
    *("payment_country", "phone_country"),
)
"""Columns of ACCOUNTS that LiteLLM does not have; read from a user's `metadata`, where operators may keep them."""
_STATED, _BY_KEY = range(2)
"""Source of an account's organisation, the more certain first: its own row, or a key of the user."""


@dataclass
class Directory:
    """All customers, put together from all tables."""

    # account -> column of ACCOUNTS -> (rank of its source, text to order by, value). The smallest is kept, so that the
    # order of rows does not matter.
    columns: dict[str, dict[str, tuple[int, str, Any]]] = field(default_factory=dict)
    teams: dict[str, set[str]] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)

    def note(self, account: str, column: str, rank: int, value: Any) -> None:
        """Keep the value that a table has for an account, if no better one is known."""
        own = self.columns.setdefault(account, {})
        candidate = (rank, str(value), value)
        if value not in (None, "") and (column not in own or candidate[:2] < own[column][:2]):
            own[column] = candidate

    def row(self, account: str) -> Row:
        """Columns of ACCOUNTS for an account."""
        row: Row = {"account_id": account, **{name: kept[2] for name, kept in self.columns.get(account, {}).items()}}
        owners = {owner for team in self.teams.get(account, ()) for owner in self.owners.get(team, ())}
        if "organization_id" not in row and len(owners) == 1:
            row["organization_id"] = owners.pop()
        return row


def _gather_customers(records: Iterator[Record]) -> Directory:
    found = Directory()
    for record in records:
        kind = _classify_customer_table(frozenset(record)) if isinstance(record, Mapping) else ""
        if kind == "team":
            team, owner = first(record, "team_id"), first(record, "organization_id")
            if isinstance(team, str) and isinstance(owner, str):
                found.owners.setdefault(team, set()).add(owner)
        account = _identify_account(record, kind)
        if account:
            _learn_customer(found, account, kind, record)
    return found


def _learn_customer(found: Directory, account: str, kind: str, record: Mapping[str, Any]) -> None:
    owner, team = first(record, "organization_id"), first(record, "team_id")
    by_user = kind == "key" and first(record, "user_id") == account
    found.note(account, "organization_id", _BY_KEY if by_user else _STATED, owner if isinstance(owner, str) else None)
    teams = [team, *_parse_text_list(record.get("teams"))] if kind == "user" else [] if by_user else [team]
    found.teams.setdefault(account, set()).update(name for name in teams if isinstance(name, str) and name)
    if by_user:
        return
    found.note(account, "created_at", _STATED, first(record, "created_at"))
    if kind == "user":
        found.note(account, "email", _STATED, first(record, "user_email"))
    metadata = decoded(record.get("metadata"))
    for name in METADATA_COLUMNS:
        value = first(metadata, name)
        found.note(account, name, _STATED, value if isinstance(value, str | int) else None)


def _customer_rows(record: Record, found: Directory) -> Iterator[Row]:
    kind = _classify_customer_table(frozenset(record)) if isinstance(record, Mapping) else ""
    if kind in ("team", "organization"):
        raise PassedOverError(COMPLETES)
    account = _identify_account(record, kind)
    if account is None:
        raise BrokenRecordError("it has neither a user_id nor a token")
    if account in NOBODY or account == HEALTH_CHECK:
        raise PassedOverError(NO_CUSTOMER)
    yield found.row(account)


def _identify_account(record: Record, kind: str) -> str | None:
    """The account of a record, under the name that calls have: the user, or the hash of a key without a user."""
    user = first(record, "user_id") if kind in ("user", "key") else None
    if kind == "key" and (not isinstance(user, str) or user in NOBODY):
        user = first(record, "token")
    return user if isinstance(user, str) else None


def _classify_customer_table(names: frozenset[str]) -> str:
    """The table that a record is from; "" if it is from none of them."""
    if names >= {"token", "key_alias"}:
        return "key"
    if names >= {"user_id", "user_email", "user_role"}:
        return "user"
    if names >= {"team_id", "team_alias"}:
        return "team"
    return "organization" if names >= {"organization_id", "organization_alias"} else ""


def _parse_text_list(value: Any) -> list[str]:
    """The texts of a list; PostgreSQL writes lists into CSV as {one,two}."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return [part.strip('" ') for part in value[1:-1].split(",")]
    value = decoded(value)
    return [part for part in value if isinstance(part, str)] if is_list(value) else []


def _is_customer_table(sample: Sample) -> bool:
    return "request_id" not in sample.names and _classify_customer_table(sample.names) != ""


SOURCES = (load_source("litellm-accounts", _is_customer_table, gather=_gather_customers, rows_within=_customer_rows),)
