"""Views of a table that somebody named, for themselves or for everybody."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields, replace

from sqlalchemy import delete, func, insert, or_, select, update

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.formatting import escape_controls
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables_console import SAVED_FILTERS
from stillhunt_server.casework.texts import person_text

MOST_FILTER_NAME_CHARACTERS = 64
"""Characters of a filter's name; the column has as many."""
MOST_QUERY_CHARACTERS = 2_000
"""Characters of a query. Judgement: some proxies take no longer addresses than a few thousand."""
MOST_FILTERS = 50
"""Filters of one owner. Judgement: more are not found again."""
_PAGE = re.compile(r"[a-z][a-z0-9_/-]{0,63}")
_QUERY = re.compile(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*")
"""The query of RFC 3986, section 3.4: nothing in it can leave the query of an address."""
_HIGHEST_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class SavedFilter:
    """A view that somebody named."""

    filter_id: int
    owner: str
    page: str
    name: str
    query: str  # what stands behind the question mark of the address
    shared: bool
    made_at: int


def save_filter(
    database: WatchDatabase, page: str, name: str, query: str, owner: str, *, shared: bool, now: int
) -> SavedFilter:
    """Save a view; one of the same owner, page and name is replaced.

    Raises:
        ConfigError: the name or the query cannot be one, or the owner has too many.
    """
    kept = SavedFilter(
        filter_id=0,
        owner=person_text(owner, "owner"),
        page=_require_pattern_match(_PAGE, page, "page", "give the path of a page of the console"),
        name=_check_filter_name(name),
        query=_require_pattern_match(_QUERY, query.removeprefix("?"), "query", "give the text after the question mark"),
        shared=shared,
        made_at=now,
    )
    values = {name: value for name, value in asdict(kept).items() if name != "filter_id"}
    saved = SAVED_FILTERS.c
    own = saved.owner == kept.owner
    with database.write() as connection:
        same = select(saved.filter_id).where(own, saved.page == kept.page, saved.name == kept.name)
        number = connection.execute(same).scalar()
        if number is not None:
            connection.execute(update(SAVED_FILTERS).where(saved.filter_id == number).values(**values))
        else:
            if connection.execute(select(func.count()).where(own)).scalar_one() >= MOST_FILTERS:
                raise ConfigError(
                    f"one user has at most {MOST_FILTERS} filters", where="filters", next_step="delete one first"
                )
            made = connection.execute(insert(SAVED_FILTERS).values(**values)).inserted_primary_key
            number = made[0] if made else 0
    return replace(kept, filter_id=int(number))


def filters_of(database: WatchDatabase, page: str, owner: str) -> list[SavedFilter]:
    """The views of a page that a user sees: the own ones first, then those that others share, each by name."""
    saved = SAVED_FILTERS.c
    person = person_text(owner, "owner")
    seen = select(SAVED_FILTERS).where(saved.page == page, or_(saved.owner == person, saved.shared))
    found = [SavedFilter(**{one.name: row[one.name] for one in fields(SavedFilter)}) for row in database.read(seen)]
    return sorted(found, key=lambda one: (one.owner != person, one.name.casefold(), one.filter_id))


def delete_filter(database: WatchDatabase, filter_id: int, owner: str) -> None:
    """Delete a view of one's own.

    Raises:
        CaseError: this user has no such filter.
    """
    number = filter_id if 0 < filter_id <= _HIGHEST_NUMBER else 0
    saved, person = SAVED_FILTERS.c, person_text(owner, "owner")
    with database.write() as connection:
        statement = delete(SAVED_FILTERS).where(saved.filter_id == number, saved.owner == person)
        if not connection.execute(statement).rowcount:
            raise CaseError(
                f"you have no filter {number}", where="filters", next_step="only its owner can delete a shared filter"
            )


def _check_filter_name(typed: str) -> str:
    name = escape_controls(typed.strip())
    if not 0 < len(name) <= MOST_FILTER_NAME_CHARACTERS:
        raise ConfigError(
            "this cannot be the name of a filter",
            where="name",
            next_step=f"give one of 1 to {MOST_FILTER_NAME_CHARACTERS} characters",
        )
    return name


def _require_pattern_match(pattern: re.Pattern[str], given: str, where: str, next_step: str) -> str:
    if len(given) > MOST_QUERY_CHARACTERS or not pattern.fullmatch(given):
        raise ConfigError(f"this can be no {where} of a filter", where=where, next_step=next_step)
    return given
