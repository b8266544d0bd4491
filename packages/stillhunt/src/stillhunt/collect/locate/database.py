"""Tables of a PostgreSQL database, read where they lie: postgresql://user:password@host/database?table=NAME.

All tables of one address are read in one read-only transaction, so that several passes see the same rows whatever
arrives meanwhile. Credentials appear in no name and no message; libpq's own places for them (PGPASSWORD, .pgpass, a
service file) work too.

Source: PostgreSQL documentation, "Connection URIs" and "Transaction Isolation"; Apache Arrow ADBC, its driver.
"""

import os
import re
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, unquote, urlencode

import pyarrow as pa

from stillhunt.base.errors import InputError
from stillhunt.base.formatting import shorten
from stillhunt.base.installing import install_command
from stillhunt.collect.values.rejects import NAME_CHARACTERS, Rejects

SCHEMES = ("postgresql://", "postgres://")
SPEND_LOGS = "LiteLLM_SpendLogs"
CUSTOMER_TABLES = ("LiteLLM_OrganizationTable", "LiteLLM_TeamTable", "LiteLLM_UserTable", "LiteLLM_VerificationToken")
FORM = "postgresql://user:password@host:5432/database"
BATCH_BYTES = 4 << 20
"""Bytes of rows that the driver returns at a time."""
CONNECT_SECONDS = 15
TABLES_NAMED = 12
"""Most tables that an error message lists."""
_ADDRESS = re.compile(
    r"postgres(?:ql)?://(?:(?P<user>[^:/?#@]*)(?::(?P<password>[^/?#@]*))?@)?(?P<host>[^/?#@]*)"
    r"(?:/(?P<database>[^/?#@]*))?(?:\?(?P<options>[^#]*))?"
)
_IDENTIFIER = re.compile(r"[^\W\d][\w$]*")
_PRISMA_OPTIONS = frozenset(
    ("schema", "connection_limit", "pool_timeout", "socket_timeout", "pgbouncer", "statement_cache_size", "sslaccept")
)
"""Options in LiteLLM's DATABASE_URL that are meant for its own client, and that libpq refuses."""
_SECRET_OPTIONS = frozenset(("user", "password", "sslpassword", "passfile"))
_AS_THEY_ARE = frozenset(("bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "_text"))
"""Types that arrive as values; the server writes all other types as text, as it does for CSV."""
_TIMES = frozenset(("timestamp", "timestamptz"))
_ORDERED = (_AS_THEY_ARE - {"_text"}) | _TIMES | {"uuid", "numeric", "date", "bpchar"}
_FIRST_IN_ORDER = ("startTime", "timestamp", "request_id")
_SETTINGS = (
    *("TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", "LOCAL statement_timeout = 0"),
    *("LOCAL idle_in_transaction_session_timeout = 0", "LOCAL synchronize_seqscans = off", "LOCAL TimeZone = 'UTC'"),
    *("LOCAL DateStyle = 'ISO'", "LOCAL IntervalStyle = 'iso_8601'"),
)
"""One snapshot, no time limit, and values that are written the same way whatever the server's settings are."""
Given = TypeVar("Given")


@dataclass(frozen=True)
class Address:
    """Where a database is: as libpq takes it, and host with port, which distinguishes servers.

    Without a table, LiteLLM's are meant; without a schema, the server's search path. No message may contain `secrets`.
    """

    uri: str = field(repr=False)
    host: str
    server: str
    table: str
    schema: str
    secrets: tuple[str, ...] = field(repr=False)

    def without_secrets(self, text: str) -> str:
        """First line of a driver's message, without credentials."""
        lines = text.strip().splitlines() or ["no reason given"]
        shown = lines[0]
        for secret in sorted(self.secrets, key=len, reverse=True):
            shown = shown.replace(secret, "***")
        return shorten(shown.rsplit("[libpq] ", 1)[-1], 300)


def is_database(given: Any) -> bool:
    """Whether an input is a database's address."""
    return isinstance(given, str) and given.startswith(SCHEMES)


def address_of(given: str) -> Address:
    """Parse an address; an InputError if its form or the name of a table is wrong, saying nothing of it."""
    match = _ADDRESS.fullmatch(given)
    if match is None:
        raise InputError(
            "the address of the database is not valid",
            where=SCHEMES[0],
            next_step=f"write it as {FORM}, with @ : / ? # % in user or password as %40 %3A %2F %3F %23 %25",
        )
    options = parse_qsl(match["options"] or "", keep_blank_values=True)
    own = dict(options)
    schema, _, table = own.get("table", "").rpartition(".")
    schema = schema or own.get("schema", "")
    for name in (table, schema):
        if name and (not _IDENTIFIER.fullmatch(name) or len(name.encode()) > 63):
            raise InputError(
                f"'{shorten(name, NAME_CHARACTERS)}' is not a valid table name",
                where="?table=",
                next_step="use letters, digits, _ and $ only; for a table with another name, create a view",
            )
    passed = [(name, value) for name, value in options if name != "table" and name not in _PRISMA_OPTIONS]
    if "connect_timeout" not in own and "PGCONNECT_TIMEOUT" not in os.environ:
        passed.append(("connect_timeout", str(CONNECT_SECONDS)))
    passed.append(("fallback_application_name", "stillhunt"))
    stem = given.partition("?")[0].replace("postgres://", "postgresql://", 1)
    uri = f"{stem}?{urlencode(passed, quote_via=quote)}"
    hosts = match["host"] or own.get("host") or os.environ.get("PGHOST", "")
    host = re.sub(r":\d+(?=,|$)", "", unquote(hosts))
    user, password = match["user"] or "", match["password"] or ""
    secrets = {given, uri, password, unquote(password)}
    secrets |= {v for n, value in options if n in _SECRET_OPTIONS - {"user"} for v in (value, quote(value, safe=""))}
    secrets |= {f'"{name}"' for name in (user, unquote(user), own.get("user", "")) if name}
    shown = "localhost" if not host or host.startswith("/") else host
    server = f"{hosts}:{own.get('port', '')}"
    return Address(uri, shown, server, table, schema, tuple(secrets - {""}))


class Database:
    """One snapshot of a database, which ends with `close` or its last table; an InputError where it cannot be read."""

    def __init__(self, address: Address) -> None:
        self._address = address
        dbapi = _import_postgres_driver()
        self._errors: tuple[type[Exception], ...] = (dbapi.Error, pa.ArrowException, OSError)
        self.name = address.host
        self._connection = self._call_driver(lambda: dbapi.connect(address.uri))
        # The driver warns of connections that are left open, even if an error ends the hunt.
        self._end = weakref.finalize(self, self._connection.close)
        for setting in _SETTINGS:
            self._call_driver(lambda setting=setting: self._execute_statement(f"SET {setting}"))  # type: ignore[misc]  # a default binds it
        database = self.rows("SELECT pg_catalog.current_database()::text AS name")[0]["name"]
        self.name, self.home = f"{address.host}/{database}", f"{address.server}/{database}"

    def _execute_statement(self, statement: str) -> None:
        with self._connection.cursor() as cursor:  # asked for within `_call_driver`
            cursor.execute(statement)

    def _call_driver(self, action: Callable[[], Given]) -> Given:
        """Result of an action of the driver; its errors are raised as InputError without credentials."""
        try:
            return action()
        except self._errors as error:
            reason = self._address.without_secrets(str(error))
        raise InputError(
            f"the database cannot be read: {reason}",
            where=shorten(self.name, NAME_CHARACTERS),
            next_step=f"check the address ({FORM}), and that this user may SELECT from the table",
        )

    def rows(self, statement: str) -> list[dict[str, Any]]:
        """A small result as dictionaries."""
        return [row for batch in self.stream(statement) for row in batch.to_pylist()]

    def stream(self, statement: str) -> Iterator[pa.RecordBatch]:
        """A result in batches; read or drop it before the next statement."""
        cursor = self._call_driver(self._connection.cursor)
        try:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            self._call_driver(lambda: cursor.execute(statement))
            reader = self._call_driver(cursor.fetch_record_batch)
            try:
                while (batch := self._call_driver(lambda: next(reader, None))) is not None:
                    yield batch
                    del batch
            finally:
                reader.close()
        finally:
            cursor.close()

    def close(self) -> None:
        """End the transaction and the connection."""
        self._end()


@dataclass(frozen=True)
class StoredTable:
    """One table or view, with the methods of a Path that a hunt uses on every input.

    `key` is quoted for SQL; `kinds` are the columns' types in their order; the user may have named and may read it.
    """

    database: Database
    key: str
    table: str
    kinds: dict[str, str]
    primary: Sequence[str]
    chosen: bool
    readable: bool

    @property
    def name(self) -> str:
        """`host/database/table`."""
        return f"{self.database.name}/{self.table}"

    @property
    def home(self) -> str:
        """Server and database, since equal keys mean the same table only within one database."""
        return self.database.home

    def is_file(self) -> bool:
        """False, since it has no bytes of its own and so no digest."""
        return False

    def open(self, mode: str = "rb") -> Any:
        """Not possible, so always an OSError; see `batches`."""
        raise OSError(f"{self.table} is a table and cannot be opened as a file ({mode})")

    def is_empty(self) -> bool:
        """Whether it has no rows."""
        return not self.database.rows(f"SELECT 1 AS one FROM {self.key} LIMIT 1")  # noqa: S608  # names are quoted

    def batches(self, columns: Sequence[str], first: Sequence[str] = _FIRST_IN_ORDER) -> Iterator[pa.RecordBatch]:
        """All rows by time and id (`first`), then by primary key; unknown columns are ignored, none means all."""
        wanted = [name for name in self.kinds if name in columns] or list(self.kinds)
        order = dict.fromkeys(name for name in (*first, *self.primary) if self.kinds.get(name) in _ORDERED)
        shown = ", ".join(f"{self._as_read(name)} AS {quoted(name)}" for name in wanted)
        by = f" ORDER BY {', '.join(map(self._as_ordered, order))}" if order else ""
        yield from self.database.stream(f"SELECT {shown} FROM {self.key} AS t{by}")  # noqa: S608  # names are quoted

    def _as_read(self, name: str) -> str:
        column, kind = f"t.{quoted(name)}", self.kinds[name]
        if kind in _TIMES:  # infinity and the year 20000 are times only for PostgreSQL
            return f"CASE WHEN {column} >= '0001-01-02' AND {column} < '9999-12-31' THEN {column} END"
        return column if kind in _AS_THEY_ARE else f"{column}::text"

    def _as_ordered(self, name: str) -> str:
        # The order of texts depends on the language, and changes between versions of the system.
        by_bytes = ' COLLATE "C"' if self.kinds[name] in ("text", "varchar", "bpchar") else ""
        return f"t.{quoted(name)}{by_bytes}"


def stored_tables(given: str, rejects: Rejects) -> list[tuple[str, StoredTable]]:
    """(host/database/table, table) at an address: the named one, or else LiteLLM's calls and customers.

    Customer tables that this user may not read go to the rejects; an InputError if there is no table or connection.
    """
    address = address_of(given)
    database = Database(address)
    main = _find_stored_table(database, address, address.table or SPEND_LOGS)
    if main is None:
        raise InputError(
            f"the database has no table {address.table or SPEND_LOGS}",
            where=shorten(database.name, NAME_CHARACTERS),
            next_step=f"name a table as {FORM}?table=NAME; there are: {_tables_there(database)}",
        )
    found = [main]
    for name in () if address.table else CUSTOMER_TABLES:
        table = _find_stored_table(database, address, name)
        if table is not None and not table.readable:
            rejects.add(table.name, "table", "the table cannot be read: permission denied")
        elif table is not None and not table.is_empty():
            found.append(table)
    return [(table.name, table) for table in found]


def quoted(name: str) -> str:
    """A name in quotes, safe in SQL whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def _find_stored_table(database: Database, address: Address, name: str) -> StoredTable | None:
    key = f"{quoted(address.schema)}.{quoted(name)}" if address.schema else quoted(name)
    columns = database.rows(
        "SELECT a.attname::text AS name, t.typname::text AS kind, n.nspname::text AS schema, "  # noqa: S608  # names are checked
        "coalesce(a.attnum = ANY(i.indkey), false) AS primary, "
        "pg_catalog.has_table_privilege(a.attrelid, 'SELECT') AS readable "
        "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid "
        "JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary "
        f"WHERE a.attrelid = pg_catalog.to_regclass('{key}') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    )
    if not columns:
        return None
    kinds = {column["name"]: column["kind"] for column in columns}
    primary = [column["name"] for column in columns if column["primary"]]
    key = f"{quoted(columns[0]['schema'])}.{quoted(name)}"
    return StoredTable(database, key, name, kinds, primary, bool(address.table), bool(columns[0]["readable"]))


def _tables_there(database: Database) -> str:
    found = database.rows(
        "SELECT c.oid::pg_catalog.regclass::text AS name FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
        "AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' "
        "AND pg_catalog.has_table_privilege(c.oid, 'SELECT') ORDER BY 1"
    )
    shown = [shorten(row["name"], NAME_CHARACTERS) for row in found[:TABLES_NAMED]]
    return ", ".join(shown) or "no table that this user may read"


def _import_postgres_driver() -> Any:
    try:
        import adbc_driver_postgresql.dbapi  # an optional part, and slow to load
    except ImportError:
        reason = f"reading a database needs a driver: {install_command('postgres')}"
    else:
        return adbc_driver_postgresql.dbapi
    raise InputError("no driver for PostgreSQL is installed", where=SCHEMES[0], next_step=reason)
