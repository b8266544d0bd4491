"""A PostgreSQL server of its own for tests, with LiteLLM's tables as its schema.prisma declares them."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "warden", "p@ss/w:rd#1"
ENCODED = "p%40ss%2Fw%3Ard%231"
SPEND_LOGS = """
CREATE TABLE "LiteLLM_SpendLogs" (
    request_id text PRIMARY KEY, call_type text, api_key text, spend double precision, total_tokens integer,
    prompt_tokens integer, completion_tokens integer, "startTime" timestamp(3), "endTime" timestamp(3),
    "completionStartTime" timestamp(3), model text, model_id text, model_group text, custom_llm_provider text,
    api_base text, "user" text, metadata jsonb, cache_hit text, cache_key text, request_tags jsonb, team_id text,
    end_user text, requester_ip_address text, messages jsonb, response jsonb, proxy_server_request jsonb,
    session_id text, status text, mcp_namespaced_tool_name text, organization_id text, agent_id text,
    request_duration_ms integer, created_at timestamp(3), updated_at timestamp(3), litellm_call_id text,
    billing_agent_id text);
CREATE INDEX ON "LiteLLM_SpendLogs" ("startTime", request_id);
"""
CUSTOMERS = """
CREATE TABLE "LiteLLM_UserTable" (user_id text PRIMARY KEY, user_email text, user_role text, team_id text,
    teams text[], organization_id text, created_at timestamp(3), metadata jsonb, spend double precision);
CREATE TABLE "LiteLLM_VerificationToken" (token text PRIMARY KEY, key_alias text, user_id text, team_id text,
    organization_id text, created_at timestamp(3), metadata jsonb, expires timestamp(3));
CREATE TABLE "LiteLLM_TeamTable" (team_id text PRIMARY KEY, team_alias text, organization_id text, metadata jsonb);
CREATE TABLE "LiteLLM_OrganizationTable" (organization_id text PRIMARY KEY, organization_alias text, metadata jsonb);
"""


def program(name: str) -> Path | None:
    """A program of the server, also where Debian keeps it beside the path."""
    found = shutil.which(name)
    folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return Path(found) if found else folders[-1] if folders else None


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        folder: for files that are loaded.
    """

    port: int
    folder: Path

    def address(self, database: str, credentials: str = f"{USER}:{ENCODED}@") -> str:
        return f"postgresql://{credentials}127.0.0.1:{self.port}/{database}"

    def run(self, database: str, script: str) -> None:
        """Run SQL, and commands of psql, as the owner of everything."""
        subprocess.run(
            [str(program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", self.address(database)],
            input=script,
            text=True,
            check=True,
            capture_output=True,
        )

    def copy(self, database: str, template: str) -> None:
        """A new database with what another one has; psql would take five times as long for it."""
        import psycopg  # only where it is installed is there a server

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {template}")

    def create(self, database: str, script: str) -> str:
        """A new database; its address."""
        self.run("postgres", f"CREATE DATABASE {database}")
        self.run(database, script)
        return self.address(database)


@contextmanager
def running() -> Iterator[Server]:
    """Start a server in a folder of its own and stop it at the end; root lends it a user who may run one."""
    folder = Path(tempfile.mkdtemp(prefix="stillhunt-pg-"))
    secret = folder / "password"
    secret.write_text(PASSWORD)
    user: dict[str, str | int] = {}
    if os.geteuid() == 0:
        known = {entry.pw_name for entry in pwd.getpwall()}
        user = {"user": "postgres" if "postgres" in known else "nobody"}
        for path in (folder, secret):
            shutil.chown(path, user["user"])
    data, log = folder / "data", folder / "log"
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"

    def call(name: str, *arguments: object) -> None:
        # No pipe: the server would inherit it, and waiting for its end would never end.
        subprocess.run(
            [str(program(name)), *map(str, arguments)],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **user,
        )

    call("initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "-N")
    call("pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "-t", "120", "start")
    try:
        yield Server(port, folder)
    finally:
        call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
