"""Tokens that replace others, and whose database they are in."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from cli.running import run
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import TOKENS
from stillhunt.watch.folder import DataFolder
from stillhunt_server import tokens as tokens_module
from stillhunt_server.tokens import DECIDE, KnownTokens, make_token, revoke_token, rotate_token
from watch.databases import Opening


@pytest.mark.parametrize("hours", [float("nan"), float("inf"), -1.0, -1e-9, 8760.1, 1e300])
def test_the_old_token_has_an_end(opening: Opening, hours: float) -> None:
    database = opening()
    make_token(database, "gateway", frozenset((DECIDE,)))
    (row,) = database.read(select(TOKENS))
    with pytest.raises(ConfigError, match="needs an end"):
        rotate_token(database, row["token_id"], hours)
    assert database.read(select(TOKENS)) == [row]


def test_a_token_is_replaced_once(opening: Opening) -> None:
    database = opening()
    make_token(database, "gateway", frozenset((DECIDE,)))
    (old,) = database.read(select(TOKENS))
    assert rotate_token(database, old["token_id"], 24 * 365)
    with pytest.raises(CaseError, match=r"being replaced already and ends at \d{4}-\d\d-\d\d \d\d:\d\d UTC"):
        rotate_token(database, old["token_id"], 1.0)
    assert revoke_token(database, old["token_id"])
    assert rotate_token(database, old["token_id"], 1.0) is None
    assert rotate_token(database, "none", 1.0) is None
    assert len(database.read(select(TOKENS))) == 2


def test_the_commands_use_the_database_of_the_settings(tmp_path: Path) -> None:
    DataFolder(tmp_path / "data")
    (tmp_path / "other.toml").write_text(f'[watch]\ndatabase = "sqlite:///{tmp_path}/other.db"\n')
    words = ("--data", "data", "--settings", "other.toml")
    assert run("token", "add", "gateway", *words, cwd=tmp_path).stdout.startswith("stillhunt_")
    other = WatchDatabase("", tmp_path / "other.db")
    (row,) = other.read(select(TOKENS))
    assert run("token", "rotate", row["token_id"], "--hours", "nan", *words, cwd=tmp_path).returncode == 5
    assert run("token", "rotate", row["token_id"], *words, cwd=tmp_path).stdout.startswith("stillhunt_")
    again = run("token", "rotate", row["token_id"], *words, cwd=tmp_path)
    assert (again.returncode, "it is being replaced already and ends at" in again.stderr) == (1, True)
    assert run("token", "revoke", row["token_id"], *words, cwd=tmp_path).returncode == 0
    assert "(revoked)" in run("token", "list", *words, cwd=tmp_path).stdout
    other.close()


def test_requests_of_several_threads_read_the_tokens_again(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "REFRESH_SECONDS", 0.0)
    known = KnownTokens(opening())
    known.refresh()
    failures: list[BaseException] = []

    def another_request() -> None:
        try:
            known.keep_fresh()
        except RuntimeError as error:
            failures.append(error)

    class Interrupted(threading.Thread):
        """Another request comes between the making of this thread and its start."""

        def start(self) -> None:
            if self.name == "stillhunt-tokens":
                monkeypatch.setattr(Interrupted, "start", threading.Thread.start)
                other = threading.Thread(target=another_request)
                other.start()
                other.join(0.2)
            super().start()

    monkeypatch.setattr(tokens_module.threading, "Thread", Interrupted)
    another_request()
    assert failures == []
