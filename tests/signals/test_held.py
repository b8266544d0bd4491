"""What sign-ups and pushed signals hold on one account: shown, copied and erased, also beside a server that runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from fcntl import LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from test_sign_up import Ask, ask, hunted
from typer.testing import CliRunner

from stillhunt import Config, ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.live import DataFolder, Search, WatchDatabase
from stillhunt.tools import DAY
from stillhunt.watch.holds import add_hold, all_holds
from stillhunt.watch.subject.copying import copy_holdings
from stillhunt.watch.subject.holdings import account_holdings, erase_account
from stillhunt_signals.outlets.telling import TellingLedger
from stillhunt_signals.rules.saved import ChangeAuthor, LabelSubject, RuleLedger
from stillhunt_signals.sign_up import held, registered
from stillhunt_signals.sign_up.held import LEDGER_STAYS, PUSHED_STAYS, erase_sign_ups, find_own_lines
from stillhunt_signals.sign_up.identifiers import NewCustomer, SignUpHasher
from stillhunt_signals.sign_up.registered import SIGN_UPS_FILE, RegisteredSignUps, SignUp

__all__ = ["ask", "hunted"]
NOW = 1_790_000_000_000_000
OWN, OTHER = 11, 12
ASKED = {"plan": "trial", "card": "a-card", "mail": "ada@a.example", "ip": "192.0.2.9"}


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    """A folder in which two accounts signed up, the first of them three times, and was asked about before."""
    folder = DataFolder(tmp_path / "data")
    hasher, known = SignUpHasher(folder, Config()), RegisteredSignUps(folder, NOW)
    first = {"card": "c1", "mail": "ada@a.example", "ip": "192.0.2.9"}
    asked: list[tuple[int, str, dict[str, str]]] = [
        (1, "", first),
        (2, "acct-ada", first),
        (3, "acct-bo", {"card": "c1", "ip": "192.0.2.9"}),
        (4, "", {**first, "card": "c2"}),
        (5, "", {"device": "d"}),
        (6, "acct-ada", {"device": "d"}),
    ]
    for days, account, values in asked:
        hashed = (hasher.secret("account", account) if account else None) or 0
        known.register(SignUp(NOW + days * DAY, hashed, True, hasher.hashes(NewCustomer(**values))))
    database = WatchDatabase("", folder.database)
    yield Search(folder, database, Config(), "acct-ada", None, NOW + 9 * DAY)
    database.close()


def days_of(path: Path) -> list[int]:
    found = (registered.parse_sign_up(line) for line in path.read_bytes().splitlines())
    return [(one.at - NOW) // DAY for one in found if one is not None]


def test_sign_ups_are_listed_and_erased_and_those_of_others_stay_byte_for_byte(search: Search) -> None:
    path = search.folder.path / SIGN_UPS_FILE
    lines = path.read_bytes().splitlines()
    (shown,) = [one for one in account_holdings(search) if one.store == "sign-ups"]
    assert (shown.where, shown.amount, shown.erasable) == (SIGN_UPS_FILE, "3 sign-ups", True)
    assert (shown.first, shown.last, shown.kept_until) == (NOW + DAY, NOW + 6 * DAY, NOW + 406 * DAY)
    path.with_suffix(".part").write_bytes(lines[0])  # of a server that was killed
    done = erase_account(search)
    assert done.beside == 3
    assert [one.store for one in done.left] == ["watched logs", "backups"]
    assert [line for line in path.read_bytes().splitlines() if line.strip()] == [lines[2], lines[3], lines[4]]
    assert not path.with_suffix(".part").exists()
    assert erase_account(search).beside == 0
    assert "sign-ups" in {one.store for one in account_holdings(replace(search, account="acct-bo"))}


def test_an_account_without_sign_ups_has_none_and_nothing_is_written(search: Search) -> None:
    path = search.folder.path / SIGN_UPS_FILE
    before = path.read_bytes()
    stranger = replace(search, account="acct-never-seen")
    assert [one.store for one in account_holdings(stranger)] == ["watched logs", "backups"]
    assert erase_account(stranger).beside == 0
    assert path.read_bytes() == before
    path.unlink()
    assert erase_account(search).beside == 0
    assert not path.exists()


def test_sign_ups_that_a_hold_covers_stay(search: Search) -> None:
    add_hold(search.folder, search.database, "court", (NOW + 5 * DAY, NOW + 7 * DAY), NOW)
    path = search.folder.path / SIGN_UPS_FILE
    size = path.stat().st_size
    shown = [(one.count, one.hold is not None) for one in account_holdings(search) if one.store == "sign-ups"]
    assert shown == [(2, False), (1, True)]
    done = erase_account(search)
    assert done.beside == 2
    assert [one.hold for one in done.left if one.store == "sign-ups"] == all_holds(search.database)
    assert days_of(path) == [3, 4, 5, 6]
    assert path.stat().st_size == size + 1  # it was erased once


def test_the_owner_gets_a_copy_of_their_sign_ups(search: Search, tmp_path: Path) -> None:
    assert copy_holdings(search, tmp_path / "copy")["sign-ups.jsonl"] == 3
    rows = [json.loads(line) for line in (tmp_path / "copy" / "sign-ups.jsonl").read_text().splitlines()]
    assert [(row["at"] - NOW) // DAY for row in rows] == [1, 2, 6]
    assert set(rows[1]["hashes"]) == {"card", "mail", "address", "network"}


def test_what_outlets_were_told_and_labels_are_listed_and_copied_and_stay(search: Search, tmp_path: Path) -> None:
    author = ChangeAuthor("Eva", "a colleague asked", NOW)
    for account, on in (("acct-ada", "account"), ("acct-bo", "account"), ("acct-ada", "client")):
        RuleLedger(search.folder).put_label(cast("LabelSubject", on), account, "look", 3, author)
    told = TellingLedger(search.folder.path)
    for account in ("acct-ada", "acct-bo", "acct-ada"):
        told._ledger.append({"event": "told", "outlet": "edge", "account_id": account, "value": account, "at": NOW})
    for found in (account_holdings(search), erase_account(search).left):
        shown = [(one.store, one.amount, one.stays) for one in found if one.store in ("outlets", "labels")]
        assert shown == [("outlets", "2 lines", LEDGER_STAYS), ("labels", "1 line", LEDGER_STAYS)]
    copied = copy_holdings(search, tmp_path / "copy")
    assert (copied["outlets.jsonl"], copied["labels.jsonl"]) == (2, 1)
    assert "acct-ada" not in (tmp_path / "copy" / "labels.jsonl").read_text()


def test_files_of_pushed_signals_are_named_and_stay(search: Search, tmp_path: Path) -> None:
    table = {"column": "score", "kind": "score", "about": "harvest"}
    for name in ("pushed.jsonl", "side.csv"):
        (tmp_path / name).write_text('{"account_id":"acct-ada","score":3}\n')
    signals = {Path(name).stem: {**table, "from": str(tmp_path / name)} for name in ("pushed.jsonl", "side.csv")}
    signals["none_yet"] = {**table, "from": str(tmp_path / "none.jsonl")}
    named = replace(search, config=Config.model_validate({"signals": signals}))
    for found in (account_holdings(named), erase_account(named).left):
        shown = [(one.where, one.stays, one.searched) for one in found if one.store == "pushed signals"]
        assert shown == [(str(tmp_path / "pushed.jsonl"), PUSHED_STAYS, False)]
    assert "acct-ada" in (tmp_path / "pushed.jsonl").read_text()
    assert "pushed signals.jsonl" not in copy_holdings(named, tmp_path / "copy")
    with pytest.raises(ConfigError, match="Field required"):
        account_holdings(replace(search, config=Config.model_validate({"signals": {"x": table}})))


@pytest.fixture
def running(tmp_path: Path) -> RegisteredSignUps:
    """The sign-ups of a process that answers, with one account that will be erased and one that stays."""
    known = RegisteredSignUps(DataFolder(tmp_path), NOW)
    known.register(SignUp(NOW, OWN, True, {"card": 7, "device": 1}))
    known.register(SignUp(NOW + 1, OTHER, True, {"card": 7, "device": 2}))
    return known


def accounts_in(path: Path) -> list[int]:
    return sorted(one.account for line in path.read_bytes().splitlines() if (one := registered.parse_sign_up(line)))


def test_a_process_that_answers_forgets_who_was_erased_and_nobody_else(
    running: RegisteredSignUps, tmp_path: Path
) -> None:
    path = tmp_path / SIGN_UPS_FILE
    assert erase_sign_ups(path, OWN, ()) == 1
    running.register(SignUp(NOW + 2, 13, True, {"card": 7, "device": 3}))  # before it notices
    running.forget_erased()
    assert [one.account for one in running.with_value("card", 7)] == [OTHER, 13]
    assert running.with_value("device", 1) == []
    assert running.devices() == {OTHER: 2, 13: 3}
    assert running.register(SignUp(NOW + 3, 14, True, {"card": 8}))
    running.shorten_file(0)
    assert accounts_in(path) == [OTHER, 13, 14]
    assert running.register(SignUp(NOW + 4, OWN, True, {"card": 7, "device": 1}))  # it signs up anew
    assert accounts_in(path) == [OWN, OTHER, 13, 14]


def test_what_was_erased_is_not_written_back_by_who_did_not_notice_yet(
    running: RegisteredSignUps, tmp_path: Path
) -> None:
    path = tmp_path / SIGN_UPS_FILE
    erase_sign_ups(path, OWN, ())
    running.shorten_file(0)
    assert accounts_in(path) == [OTHER]
    assert not path.with_suffix(".part").exists()
    running.forget_erased()
    running.shorten_file(0)
    assert path.read_bytes().count(b"\n") == 1
    erase_sign_ups(path, OTHER, ())  # the next one is noticed, too
    running.forget_erased()
    assert len(running) == 0


def test_an_erasure_while_the_file_is_read_at_a_start_is_not_written_back(
    running: RegisteredSignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / SIGN_UPS_FILE, registered.iterate_whole_lines

    def read_then_erase(file: BinaryIO) -> Iterator[bytes]:
        yield from read(file)
        monkeypatch.setattr(registered, "iterate_whole_lines", read)
        erase_sign_ups(path, OWN, ())

    running.register(SignUp(NOW - 1000 * DAY, 15, True, {"card": 9}))  # so old that a start writes the file anew
    monkeypatch.setattr(registered, "iterate_whole_lines", read_then_erase)
    started = RegisteredSignUps(DataFolder(tmp_path), NOW)
    assert OWN not in accounts_in(path)
    started.forget_erased()
    started.shorten_file(0)
    assert accounts_in(path) == [OTHER]


def test_an_erasure_finds_the_file_that_is_put_in_its_place_meanwhile(
    running: RegisteredSignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / SIGN_UPS_FILE, held.lock_against_appending

    def written_anew(file: BinaryIO) -> None:
        monkeypatch.setattr(held, "lock_against_appending", lock)
        running.shorten_file(0)
        lock(file)

    monkeypatch.setattr(held, "lock_against_appending", written_anew)
    assert erase_sign_ups(path, OWN, ()) == 1
    assert accounts_in(path) == [OTHER]


def test_what_no_disk_took_yet_is_not_forgotten(
    running: RegisteredSignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(registered, "append_whole", full)
        assert not running.register(SignUp(NOW + 2, 13, True, {"device": 3}))
    erase_sign_ups(tmp_path / SIGN_UPS_FILE, OWN, ())
    running.forget_erased()
    assert running.devices() == {OTHER: 2, 13: 3}
    running.save()
    assert accounts_in(tmp_path / SIGN_UPS_FILE) == [OTHER, 13]


def test_a_file_that_cannot_be_read_is_said_and_read_again(running: RegisteredSignUps, tmp_path: Path) -> None:
    path = tmp_path / SIGN_UPS_FILE
    content = path.read_bytes()
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match="cannot be read"):
        running.forget_erased()
    assert len(running) == 2
    path.rmdir()
    path.write_bytes(content.splitlines(keepends=True)[1])
    running.forget_erased()
    assert running.devices() == {OTHER: 2}
    path.unlink()  # as the data map says how to erase all of them
    running.forget_erased()
    assert len(running) == 0


def test_what_cannot_be_read_once_is_read_again(
    running: RegisteredSignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    erase_sign_ups(tmp_path / SIGN_UPS_FILE, OWN, ())
    with monkeypatch.context() as patched:
        patched.setattr(registered, "iterate_whole_lines", broken)
        with pytest.raises(OutputError, match="Input/output error"):
            running.forget_erased()
    running.forget_erased()
    assert running.devices() == {OTHER: 2}


def test_what_a_process_writes_itself_is_no_erasure(tmp_path: Path) -> None:
    path = tmp_path / SIGN_UPS_FILE
    path.write_bytes(b"[1,2")  # torn
    known = RegisteredSignUps(DataFolder(tmp_path), NOW)
    for place in range(2):
        known.register(SignUp(NOW, OTHER + place, True, {"card": 7}))
        before = path.stat().st_ino
        known.shorten_file(0)
        assert path.stat().st_ino != before
    assert accounts_in(path) == [OTHER, OTHER + 1]


def test_nobody_reads_or_appends_while_lines_are_blanked_or_the_file_is_replaced(
    running: RegisteredSignUps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, measure, looked = tmp_path / SIGN_UPS_FILE, registered._size_of, list[bool]()

    def look(_: object) -> int:
        with path.open("rb") as other:
            try:
                flock(other, LOCK_SH | LOCK_NB)
                looked.append(False)
            except BlockingIOError:
                looked.append(True)
        return measure(path)

    with monkeypatch.context() as patched:
        patched.setattr(registered, "_size_of", look)
        running.shorten_file(0)
        assert looked[0]  # when it is compared, before it is replaced
    with monkeypatch.context() as patched:
        patched.setattr(held.os, "fsync", look)
        erase_sign_ups(path, OWN, ())
    assert looked[-1]


def test_an_erasure_that_ended_early_is_found_again(running: RegisteredSignUps, tmp_path: Path) -> None:
    path = tmp_path / SIGN_UPS_FILE
    path.write_bytes(path.read_bytes() + b"\n")  # it had only made the file longer
    running.forget_erased()
    assert len(running) == 2
    with path.open("rb") as file:
        assert [at for at, _, _ in find_own_lines(file, OWN)] == [0]


def test_a_server_that_runs_forgets_who_is_erased_on_the_command_line(hunted: tuple[Path, Config], ask: Ask) -> None:
    """The account counts no more among free tiers of one card, and the other one still does."""
    for name in ("acct-gone", "acct-stays"):
        ask(account_id=name, **ASKED)
    path = hunted[0] / SIGN_UPS_FILE
    before = accounts_in(path)
    words = ["data", "subject", "acct-gone", "--data", str(hunted[0])]
    shown = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert [(one["where"], one["count"]) for one in shown if one["store"] == "sign-ups"] == [(SIGN_UPS_FILE, 1)]
    assert "1 row of other files" in CliRunner().invoke(app, [*words, "--erase", "--yes"]).output
    for _ in range(200):  # the server looks once a second, when it is asked
        if (found := ask(account_id="acct-new", **ASKED)["free_tiers"]["accounts"]) == 2:
            break
        threading.Event().wait(0.05)
    assert found == 2
    after = accounts_in(path)
    assert len(after) == len(before)  # one erased, and one asked about since
    assert len(set(after) & set(before)) == len(before) - 1
