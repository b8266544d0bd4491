"""Customers as the LiteLLM proxy keeps them: its tables of users, keys, teams and organisations.

Source: BerriAI/litellm, `schema.prisma` (LiteLLM_UserTable, LiteLLM_VerificationToken, LiteLLM_TeamTable,
LiteLLM_OrganizationTable).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from stillhunt.collect.formats.bodies.bodies import decoded, first, is_list
from stillhunt.collect.formats.litellm.calls import HEALTH_CHECK, NOBODY
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Record, Row, Sample, Source

COMPLETES = "teams and organisations, which only say more of users and keys"
NO_CUSTOMER = "LiteLLM's own user"
OPERATORS_OWN = (
    "plan",
    "declared_use",
    "signup_ip",
    "signup_country",
    "payment_fingerprint",
    "payment_country",
    "phone_country",
)
"""Read from a user's `metadata`, where operators keep what LiteLLM has no column for."""
_STATED, _BY_KEY, _BY_TEAM = range(3)
"""Who says which organisation an account belongs to, the surest first."""


@dataclass
class Directory:
    """All customers, put together from all tables.

    Attributes:
        told: account -> our column -> (rank of who says so, text to order by, value); the smallest stays, so that no
            order of rows matters.
        teams: account -> teams it is in.
        owners: team -> organisations.
    """

    told: dict[str, dict[str, tuple[int, str, Any]]] = field(default_factory=dict)
    teams: dict[str, set[str]] = field(default_factory=dict)
    owners: dict[str, set[str]] = field(default_factory=dict)

    def note(self, account: str, column: str, rank: int, value: Any) -> None:
        """Remember what a table says of an account."""
        own = self.told.setdefault(account, {})
        said = (rank, str(value), value)
        if value not in (None, "") and (column not in own or said[:2] < own[column][:2]):
            own[column] = said

    def row(self, account: str) -> Row:
        """ACCOUNTS columns of an account."""
        row: Row = {"account_id": account, **{name: said[2] for name, said in self.told.get(account, {}).items()}}
        owners = {owner for team in self.teams.get(account, ()) for owner in self.owners.get(team, ())}
        if "organization_id" not in row and len(owners) == 1:
            row["organization_id"] = owners.pop()
        return row


def _gathered(records: Iterator[Record]) -> Directory:
    found = Directory()
    for record in records:
        kind = _kind(frozenset(record)) if isinstance(record, Mapping) else ""
        if kind == "team":
            team, owner = first(record, "team_id"), first(record, "organization_id")
            if isinstance(team, str) and isinstance(owner, str):
                found.owners.setdefault(team, set()).add(owner)
        account = _account(record, kind)
        if account:
            _learn(found, account, kind, record)
    return found


def _learn(found: Directory, account: str, kind: str, record: Mapping[str, Any]) -> None:
    owner, team = first(record, "organization_id"), first(record, "team_id")
    by_user = kind == "key" and first(record, "user_id") == account
    found.note(account, "organization_id", _BY_KEY if by_user else _STATED, owner if isinstance(owner, str) else None)
    teams = [team, *_texts(record.get("teams"))] if kind == "user" else [] if by_user else [team]
    found.teams.setdefault(account, set()).update(name for name in teams if isinstance(name, str) and name)
    if by_user:
        return
    found.note(account, "created_at", _STATED, first(record, "created_at"))
    if kind == "user":
        found.note(account, "email", _STATED, first(record, "user_email"))
    told = decoded(record.get("metadata"))
    for name in OPERATORS_OWN:
        value = first(told, name)
        found.note(account, name, _STATED, value if isinstance(value, str | int) else None)


def _customer_rows(record: Record, found: Directory) -> Iterator[Row]:
    kind = _kind(frozenset(record)) if isinstance(record, Mapping) else ""
    if kind in ("team", "organization"):
        raise PassedOverError(COMPLETES)
    account = _account(record, kind)
    if account is None:
        raise BrokenRecordError("neither a user_id nor a token in it")
    if account in NOBODY or account == HEALTH_CHECK:
        raise PassedOverError(NO_CUSTOMER)
    yield found.row(account)


def _account(record: Record, kind: str) -> str | None:
    """The account that a record is about, as calls name it: the user, or the hash of a key that has none."""
    user = first(record, "user_id") if kind in ("user", "key") else None
    if kind == "key" and (not isinstance(user, str) or user in NOBODY):
        user = first(record, "token")
    return user if isinstance(user, str) else None


def _kind(names: frozenset[str]) -> str:
    """Which table a record is of; "" where it is of none."""
    if names >= {"token", "key_alias"}:
        return "key"
    if names >= {"user_id", "user_email", "user_role"}:
        return "user"
    if names >= {"team_id", "team_alias"}:
        return "team"
    return "organization" if names >= {"organization_id", "organization_alias"} else ""


def _texts(value: Any) -> list[str]:
    """A list of texts, also as PostgreSQL writes arrays into CSV: {one,two}."""
    if isinstance(value, str) and value.startswith("{") and value.endswith("}"):
        return [part.strip('" ') for part in value[1:-1].split(",")]
    value = decoded(value)
    return [part for part in value if isinstance(part, str)] if is_list(value) else []


def _recognised(sample: Sample) -> bool:
    return "request_id" not in sample.names and _kind(sample.names) != ""


SOURCES = (
    Source(
        "litellm-accounts",
        "LiteLLM tables of users, keys, teams and organisations",
        _recognised,
        {
            "account_id": "user_id; token where the key has no user",
            "created_at": "created_at of the user, or of the key without one",
            "organization_id": "organization_id of user, else key, else its team",
            "email": "user_email",
            **{name: f"metadata.{name}, where the operator keeps it" for name in OPERATORS_OWN},
        },
        role="accounts",
        columns=(
            *("user_id", "user_email", "user_role", "team_id", "teams", "organization_id", "created_at", "metadata"),
            *("token", "key_alias", "team_alias", "organization_alias"),
        ),
        gather=_gathered,
        rows_within=_customer_rows,
        notes=("Customers, no calls: lay them beside the logs or name them with --accounts.",),
        switch_on='COPY "LiteLLM_UserTable" TO STDOUT CSV HEADER, and the same of LiteLLM_VerificationToken, '
        "LiteLLM_TeamTable, LiteLLM_OrganizationTable",
        versions="LiteLLM 1.108.7",
        framings=frozenset({"json", "csv", "parquet"}),
    ),
)
