"""How long a database may keep somebody waiting."""

from typing import NamedTuple


class DatabasePatience(NamedTuple):
    """How long a database may keep somebody waiting."""

    # seconds: longest time until a server of PostgreSQL accepts a connection (a server in the same network accepts
    # within milliseconds)
    connect_seconds: int = 4
    # seconds: longest time of one statement, with its wait for locks, after which the server ends it (statements take
    # milliseconds; another process may hold the decision log for seconds)
    statement_seconds: int = 30
    # seconds: silence of a server in a statement after which the connection is given up (longer than the server itself
    # takes to end a statement)
    silent_seconds: float = 35.0
    # seconds: time for which what was sent may stay unacknowledged by the server's machine (a network that loses
    # packets delivers within seconds)
    network_seconds: int = 10
    # seconds: longest pause inside of a transaction, after which the server ends it and frees its locks (a process that
    # was stopped must not hold the decision log for ever)
    idle_transaction_seconds: int = 120
    # seconds: longest wait for one of the process's connections (a page that waits for longer is loaded again)
    pool_seconds: float = 5.0
    # seconds: longest silence while tables are brought to another version (a table of millions of rows is rewritten
    # within minutes)
    migration_seconds: float = 3600.0


PATIENCE = DatabasePatience()
