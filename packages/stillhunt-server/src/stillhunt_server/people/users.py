"""Users of the console: who they are, what they may do, and how their passwords are kept."""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, Select, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.ids import UNPRINTABLE
from stillhunt.watch.database.audit import record_within
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import PERSONS, SESSIONS

PERSON_ROLES = ("viewer", "analyst", "admin")
"""What people may do, the least first: read; work on cases, too; all."""
LEAST_PASSWORD = 15
"""Characters of a password that is all that somebody signs in with: NIST SP 800-63B-4, section 3.1.1.2."""
MOST_PASSWORD = 256
"""Longest password; the same section asks for at least 64, and hashing a megabyte for anybody is work for nothing."""
MOST_NAME = 128
"""Characters of a name: its column holds no more."""
_OWN_CHARACTERS = 8
"""Characters beside the user's name and ours, and different ones at least: the section asks to refuse passwords that
are expected, such as the name of the service. Judgement."""
_MOST_OF_ONE_NAME = 100
_HASHER = PasswordHasher()
"""The second profile of RFC 9106, section 4 (64 MiB, three passes), which is the library's default."""


@dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    user_id: int
    name: str
    role: str
    subject: str | None  # who they are to the provider or the proxy; None for a local user
    has_password: bool  # whether they can sign in with a password
    made_at: int
    disabled_at: int | None  # since when they may not sign in; None where they may


def role_includes(role: str, needed: str) -> bool:
    """Whether who has one role may do what needs another."""
    return role in PERSON_ROLES and PERSON_ROLES.index(role) >= PERSON_ROLES.index(needed)


def all_users(database: WatchDatabase) -> list[User]:
    """All users, also those who may not sign in, by name."""
    return [_build_user_from_row(row) for row in database.read(select(PERSONS).order_by(PERSONS.c.name))]


def find_user(database: WatchDatabase, name: str) -> User | None:
    """The user of this name; None where there is none."""
    rows = database.read(select(PERSONS).where(PERSONS.c.name == name))
    return _build_user_from_row(rows[0]) if rows else None


def add_user(
    database: WatchDatabase, name: str, role: str, by: str, password: str | None = None, subject: str | None = None
) -> User:
    """Add a user.

    Args:
        name: 1 to MOST_NAME visible characters.
        password: None for somebody who signs in elsewhere.
        subject: who they are there; None where that is not known yet.

    Raises:
        CaseError: there is a user of this name.
        ConfigError: the name, role or password is not allowed.
    """
    _check_name(name)
    _check_role(role)
    hashed = None if password is None else _hash_new_password(name, password)
    values = {"name": name, "role": role, "password": hashed, "subject": subject, "made_at": _read_clock_microseconds()}
    with database.write() as connection:
        try:
            made = connection.execute(insert(PERSONS).values(**values).returning(*PERSONS.c)).mappings().one()
        except IntegrityError as error:
            raise CaseError(
                "there is a user of this name",
                where=f"user {name}",
                next_step="choose another name, or change that one",
            ) from error
        record_within(connection, by, "user_added", f"{name} as {role}")
        return _build_user_from_row(dict(made))


def set_role(database: WatchDatabase, name: str, role: str, by: str) -> None:
    """Give a user another role; it counts for their sessions, too.

    Raises:
        CaseError: there is no such user, or nobody would be left who may change users.
        ConfigError: there is no such role.
    """
    _check_role(role)
    _change_user_row(database, name, by, "user_role", keeps_admin=role != "admin", role=role)


def set_password(database: WatchDatabase, name: str, password: str, by: str) -> None:
    """Give a user another password; all their sessions end.

    Raises:
        ConfigError: the password is not allowed.
    """
    _change_user_row(
        database, name, by, "user_password", ends_sessions=True, password=_hash_new_password(name, password)
    )


def disable_user(database: WatchDatabase, name: str, by: str) -> None:
    """Let a user sign in no more; all their sessions end, and what they did keeps their name.

    Raises:
        CaseError: there is no such user, or nobody would be left who may change users.
    """
    _change_user_row(
        database,
        name,
        by,
        "user_disabled",
        keeps_admin=True,
        ends_sessions=True,
        disabled_at=_read_clock_microseconds(),
    )


def enable_user(database: WatchDatabase, name: str, by: str) -> None:
    """Let a user sign in again."""
    _change_user_row(database, name, by, "user_enabled", disabled_at=None)


def _change_user_row(
    database: WatchDatabase,
    name: str,
    by: str,
    what: str,
    *,
    keeps_admin: bool = False,
    ends_sessions: bool = False,
    **values: Any,
) -> None:
    """Change the row of a user in one transaction, with the audit of it."""
    with database.write() as connection:
        user = _lock_user_row(connection, name)
        if keeps_admin:
            _keep_an_admin(connection, user)
        connection.execute(_build_user_update(user).values(**values))
        if ends_sessions:
            end_sessions_of(connection, user.user_id)
        about = f"{name} from {user.role} to {values['role']}" if "role" in values else name
        record_within(connection, by, what, about)


def end_sessions_of(connection: Connection, user_id: int) -> None:
    """End all sessions of a user, in a transaction that is open."""
    connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id))


def check_password(database: WatchDatabase, name: str, password: str) -> User | None:
    """The user whose name and password these are; None where they are not, or where the user is disabled.

    It takes as long for a name that does not exist. A hash of older parameters is made anew.
    """
    rows = database.read(select(PERSONS).where(PERSONS.c.name == name)) if name == _clean_name(name) else []
    kept = rows[0]["password"] if rows else None
    typed = _normalise_password(password[: MOST_PASSWORD + 1])
    if not _verify_password_hash(kept or _nobodys_hash(), typed) or kept is None or rows[0]["disabled_at"] is not None:
        return None
    user = _build_user_from_row(rows[0])
    if _HASHER.check_needs_rehash(kept):
        with database.write() as connection:  # unless it was changed meanwhile
            connection.execute(
                _build_user_update(user).where(PERSONS.c.password == kept).values(password=_HASHER.hash(typed))
            )
    return user


@cache
def _nobodys_hash() -> str:
    """Checked where there is no password, so that time does not tell whether a name exists."""
    return _HASHER.hash(secrets.token_urlsafe())


def first_admin(database: WatchDatabase) -> str:
    """Make the first user, "admin", where there is none.

    Returns:
        The password, which cannot be shown again; "" where there are users already.
    """
    if database.read(select(PERSONS.c.user_id).limit(1)):
        return ""
    password = secrets.token_urlsafe(18)
    try:
        add_user(database, "admin", "admin", "first start", password)
    except CaseError:  # another process that starts at the same time was quicker
        return ""
    return password


def user_of_subject(database: WatchDatabase, subject: str, name: str, role: str, *, keep_role: bool) -> User | None:
    """The user whom a provider or a proxy names, added at first sight.

    Args:
        subject: who they are there; it never changes hands.
        name: what they are called there; a number is put behind it where another user has it.
        role: what they are given; "none" = they may not come in.
        keep_role: whether that is for newcomers only, and others keep what they have. Otherwise it counts for all, also
            for the last administrator, since the provider decides.

    Returns:
        The user; None where they may not come in.
    """
    rows = database.read(select(PERSONS).where(PERSONS.c.subject == subject))
    if not rows:
        return None if role == "none" else _add_user_for_subject(database, subject, _clean_name(name), role)
    user = _build_user_from_row(rows[0])
    if user.disabled_at is not None:
        return None
    if keep_role or role == user.role:
        return user
    with database.write() as connection:
        if role == "none":
            end_sessions_of(connection, user.user_id)
            return None
        connection.execute(_build_user_update(user).values(role=role))
        record_within(connection, user.name, "user_role", f"{user.name} from {user.role} to {role}, by the provider")
    return replace(user, role=role)


def _add_user_for_subject(database: WatchDatabase, subject: str, name: str, role: str) -> User | None:
    for attempt in range(1, _MOST_OF_ONE_NAME):
        chosen = name if attempt == 1 else f"{name[: MOST_NAME - 4]} {attempt}"
        try:
            return add_user(database, chosen, role, chosen, subject=subject)
        except CaseError:
            found = database.read(select(PERSONS).where(PERSONS.c.subject == subject))
            if found:  # another request of the same person was quicker
                return _build_user_from_row(found[0])
    return None


def _clean_name(name: str) -> str:
    cleaned = " ".join(UNPRINTABLE.sub(" ", name).split())[:MOST_NAME].strip()
    return cleaned or "somebody"


def _check_name(name: str) -> None:
    if name != _clean_name(name):
        raise ConfigError(
            "this cannot be the name of a user",
            where="name of the user",
            next_step=f"give 1 to {MOST_NAME} visible characters, with single spaces at most",
        )


def _check_role(role: str) -> None:
    if role not in PERSON_ROLES:
        raise ConfigError(
            "there is no such role", where="role of the user", next_step=f"choose one of: {', '.join(PERSON_ROLES)}"
        )


def _hash_new_password(name: str, password: str) -> str:
    normal = _normalise_password(password)
    if not LEAST_PASSWORD <= len(normal) <= MOST_PASSWORD:
        raise ConfigError(
            f"a password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters",
            where="password of the user",
            next_step="take several words, or let a password manager make one; it needs no digits or signs",
        )
    own = normal.casefold()
    for expected in (name.casefold(), "stillhunt", "password"):
        own = own.replace(expected, "")
    if len(set(own)) < _OWN_CHARACTERS // 2 or len(own) < _OWN_CHARACTERS:
        raise ConfigError(
            "this password is the first that somebody would try",
            where="password of the user",
            next_step="leave out the user's name and ours, and repeat less",
        )
    return _HASHER.hash(normal)


def _normalise_password(password: str) -> str:
    """One text for all ways to type it, as the same section of NIST advises."""
    return unicodedata.normalize("NFKC", password.encode(errors="replace").decode())


def _verify_password_hash(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def _lock_user_row(connection: Connection, name: str) -> User:
    row = connection.execute(_of_name(name).with_for_update()).mappings().first()
    if row is None:
        raise CaseError(
            "there is no user of this name",
            where=f"user {name}",
            next_step="look at the list of users",
            command_step="'stillhunt user list' shows all",
        )
    return _build_user_from_row(dict(row))


def _keep_an_admin(connection: Connection, user: User) -> None:
    """Refuse where this is the last administrator; locks all of them, so that two cannot remove each other at once."""
    admins = select(PERSONS.c.user_id).where(PERSONS.c.role == "admin", PERSONS.c.disabled_at.is_(None))
    locked = connection.execute(admins.order_by(PERSONS.c.user_id).with_for_update()).scalars().all()
    if list(locked) == [user.user_id]:
        raise CaseError(
            "this is the last administrator",
            where=f"user {user.name}",
            next_step="make another user an administrator first",
        )


def _of_name(name: str) -> Select[Any]:
    return select(PERSONS).where(PERSONS.c.name == name.replace("\0", ""))  # which PostgreSQL cannot compare


def _build_user_update(user: User) -> Any:
    return update(PERSONS).where(PERSONS.c.user_id == user.user_id)


def _build_user_from_row(row: Mapping[str, Any]) -> User:
    own = {name: row[name] for name in ("user_id", "name", "role", "subject", "made_at", "disabled_at")}
    return User(**own, has_password=row["password"] is not None)


def _read_clock_microseconds() -> int:
    return time.time_ns() // 1000
