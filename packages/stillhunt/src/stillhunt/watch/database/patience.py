"""Connections to PostgreSQL that wait no longer than the limits allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event

from stillhunt.watch.database.limits import PATIENCE

if TYPE_CHECKING:
    import psycopg


def keep_patience(engine: Engine) -> None:
    """Let connections of an engine to PostgreSQL wait no longer than PATIENCE says, whatever the server does.

    The server's own limits do not help where it is stopped or cut off; so this side gives up, too.
    """
    from stillhunt.watch.database.bounded import BoundedConnection  # needs psycopg, an optional part

    limits = {
        "connect_timeout": PATIENCE.connect_seconds,
        "tcp_user_timeout": PATIENCE.network_seconds * 1000,
        "keepalives_idle": PATIENCE.network_seconds,
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }

    @event.listens_for(engine, "do_connect")
    def _connect_with_limits(_dialect: Any, _record: Any, words: Any, options: dict[str, Any]) -> Any:
        return BoundedConnection.connect(*words, **{**limits, **options})  # what the URL says counts

    @event.listens_for(engine, "connect")
    def _set_session_timeouts(connection: psycopg.Connection[Any], _record: Any) -> None:
        # No options of the connection: pools such as PgBouncer refuse those.
        connection.execute(f"SET statement_timeout = '{PATIENCE.statement_seconds}s'")
        connection.execute(f"SET idle_in_transaction_session_timeout = '{PATIENCE.idle_transaction_seconds}s'")
        connection.commit()

    @event.listens_for(engine, "checkin")
    def _as_usual(connection: Any, _record: Any) -> None:
        if connection is not None:
            connection.silent_seconds = PATIENCE.silent_seconds  # see `wait_for_migration`


def wait_for_migration(connection: Connection) -> None:
    """Let the statements of a transaction take as long as they need to bring tables to another version.

    `connection`: in a transaction, after which the usual limits hold again.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    patient: Any = connection.connection.dbapi_connection
    patient.silent_seconds = PATIENCE.migration_seconds
