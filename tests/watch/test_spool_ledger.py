"""The ledger of the spool: whatever happens to a closed part is said, and nothing is said of a spool that is whole."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillhunt.cli.app import app
from stillhunt.watch.backup import back_up, restore
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.retention import expire
from stillhunt.watch.schedule import DAMAGE_FAULT, report_damage
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.spool import checking
from stillhunt.watch.spool.checking import MOST_SAID, check_spool, damage_said
from stillhunt.watch.spool.ledger import EXPIRED, PartEntry, SpoolLedger
from stillhunt.watch.spool.parts import closed_parts
from stillhunt.watch.subject.records import SubjectIds, rewrite_part
from stillhunt_server.receiving.committer import Committer
from watch.data_folders import CONFIG, NOW, aged, part
from watch.spooling import SPANS, commit, contents, flip, killed_with

DAY = 86_400_000_000


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


def closed(folder: DataFolder, records: int = 3) -> Path:
    """A part that was acknowledged and closed."""
    committer = Committer(folder.spool)
    data = b"".join(b'{"user": "account-%d"}\n' % number for number in range(records))
    assert commit(committer, data, records=records) is None
    committer.stop()
    return closed_parts(folder.spool)[-1]


def statements(folder: DataFolder) -> list[str]:
    return [one.statement for one in check_spool(folder.spool)]


def test_a_steady_spool_is_read_once(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(folder)
    closed(folder)
    assert statements(folder) == []
    read: list[int] = []
    monkeypatch.setattr(checking, "sha256_of", read.append)
    lines = SpoolLedger(folder.spool).read().lines
    assert statements(folder) == []
    assert read == []
    assert SpoolLedger(folder.spool).read().lines == lines


@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "is missing: 3 requests were acknowledged in it"),
        (lambda path: path.rename(path.with_name("part-x")), "is missing: 3 requests were acknowledged in it"),
        (lambda path: flip(path, 5), "was changed: 3 requests were acknowledged in it"),
        (lambda path: flip(path, 5, 0b11), "was changed: 3 requests were acknowledged in it"),
        (lambda path: os.truncate(path, 10), "has 10 bytes in place of 66: 3 requests were acknowledged in it"),
        (lambda path: os.truncate(path, 0), "has 0 bytes in place of 66: 3 requests were acknowledged in it"),
        (lambda path: os.truncate(path, 99), "has 99 bytes in place of 66: 3 requests were acknowledged in it"),
        (lambda path: shutil.rmtree(path.parents[1]), "is missing: 3 requests were acknowledged in it"),
        (lambda path: shutil.copy(path, path.with_name("part-y")), "is not in the ledger"),
    ],
)
def test_harm_to_a_part_is_said_until_it_is_accepted(
    folder: DataFolder, harm: object, said: str, compared: bool
) -> None:
    path = closed(folder)
    if compared:
        assert statements(folder) == []
    assert callable(harm)
    harm(path)
    assert any(said in one for one in statements(folder))
    assert any(said in one for one in statements(folder))
    run = CliRunner().invoke(app, ["spool", "--data", str(folder.path), "--json"])
    assert run.exit_code == 4
    assert any(said in one["statement"] for one in json.loads(run.stdout)["damage"])
    assert CliRunner().invoke(app, ["spool", "--data", str(folder.path), "--accept"]).exit_code == 0
    run = CliRunner().invoke(app, ["spool", "--data", str(folder.path)])
    assert (run.exit_code, run.stdout) == (0, "Every part of the spool is as it was acknowledged.\n")


def test_harm_that_leaves_size_and_times_is_found_by_the_command(folder: DataFolder) -> None:
    path = closed(folder)
    assert statements(folder) == []
    flip(path, 5)
    ledger, name = SpoolLedger(folder.spool), SpoolLedger(folder.spool).name_of(path)
    about = path.stat()
    ledger.append([replace(ledger.read().entries[name], stamp=(about.st_ctime_ns, about.st_ino))])  # as bit rot does
    assert statements(folder) == []
    assert len(check_spool(folder.spool, every=True)) == 1


def test_a_part_of_protobuf_with_a_flipped_length_is_said(folder: DataFolder) -> None:
    committer = Committer(folder.spool)
    assert commit(committer, b"\x0a\x02ab\x0a\x02cd", SPANS, records=967) is None
    committer.stop()
    flip(closed_parts(folder.spool)[0], 1)
    (statement,) = statements(folder)
    assert statement.endswith("was changed: 967 requests were acknowledged in it")


@pytest.mark.parametrize("bits", [1, 0b11])
@pytest.mark.parametrize("at", [3, 60, -2])
def test_damage_of_the_ledger_is_said_and_stops_nothing(folder: DataFolder, at: int, bits: int) -> None:
    closed(folder)
    flip(SpoolLedger(folder.spool).path, at, bits)
    assert any("of the spool's ledger cannot be read" in one for one in statements(folder))
    closed(folder)
    assert len(closed_parts(folder.spool)) == 2
    CliRunner().invoke(app, ["spool", "--data", str(folder.path), "--accept"])
    assert statements(folder) == []


def test_a_ledger_that_cannot_be_used_is_said_and_its_parts_are_entered_later(folder: DataFolder) -> None:
    SpoolLedger(folder.spool).path.mkdir()
    path = closed(folder)
    assert ["the ledger of the spool cannot be used" in one for one in statements(folder)] == [True]
    SpoolLedger(folder.spool).path.rmdir()
    other = closed(folder)
    assert statements(folder) == []
    entries = SpoolLedger(folder.spool).read().entries
    assert [entries[SpoolLedger(folder.spool).name_of(one)].records for one in (path, other)] == [3, 3]
    assert list(path.parent.glob(".*.sums")) == []


@pytest.mark.parametrize("left", [None, 0])
def test_a_ledger_that_is_gone_is_said(folder: DataFolder, left: int | None) -> None:
    closed(folder)
    ledger = SpoolLedger(folder.spool).path
    ledger.unlink() if left is None else os.truncate(ledger, left)
    assert ["the ledger of the spool was gone" in one for one in statements(folder)] == [True]


def test_a_torn_last_line_is_no_damage(folder: DataFolder) -> None:
    closed(folder)
    with SpoolLedger(folder.spool).path.open("ab") as file:
        file.write(b"0123abcd {")
    assert statements(folder) == []
    closed(folder)
    assert statements(folder) == []
    assert SpoolLedger(folder.spool).read().broken == 0


def test_parts_of_an_older_version_are_taken_as_they_are_and_compared_from_then_on(folder: DataFolder) -> None:
    path = part(folder, 1)
    assert statements(folder) == []
    path.unlink()
    (statement,) = statements(folder)
    assert statement.endswith("is missing: it had 9 bytes")


def test_expired_parts_are_not_missing(folder: DataFolder) -> None:
    old, lost = part(folder, 30), part(folder, 29, name="part-2-json.jsonl")
    young = part(folder, 1, name="part-3-json.jsonl")
    assert statements(folder) == []
    lost.unlink()
    assert len(statements(folder)) == 1
    database = WatchDatabase("", folder.database)
    assert expire(folder, database, CONFIG, NOW).parts == 1
    database.close()
    assert not old.exists()
    assert young.exists()
    assert statements(folder) == []  # the lost one would have been deleted by now, too


def test_a_deletion_that_was_ended_in_the_middle_is_no_damage(folder: DataFolder) -> None:
    path = part(folder, 30)
    ledger = SpoolLedger(folder.spool)
    ledger.append()
    ledger.append([PartEntry(ledger.name_of(path), gone=EXPIRED)])
    assert statements(folder) == []


def test_the_ledger_stays_small(folder: DataFolder) -> None:
    ledger = SpoolLedger(folder.spool)
    ledger.append()
    ledger.append(PartEntry(f"gateway/2026-01-01T00/part-{number}", gone=EXPIRED) for number in range(2000))
    young = closed(folder)
    ledger.compact()
    assert list(ledger.read().entries) == [ledger.name_of(young)]


def test_erasure_is_no_damage_and_hides_none(folder: DataFolder) -> None:
    ledger = SpoolLedger(folder.spool)
    whole, damaged = closed(folder), closed(folder)
    flip(damaged, 65, 2)
    for path in (whole, damaged):
        assert rewrite_part(path, SubjectIds("account-1"), ledger) == 1
    (statement,) = statements(folder)
    assert ledger.name_of(damaged) in statement
    assert "not what was acknowledged when an erasure changed it" in statement
    assert ledger.read().entries[ledger.name_of(whole)].records == 2


def test_an_erasure_that_ended_early_is_finished_by_the_next(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, ledger = closed(folder), SpoolLedger(folder.spool)

    def dies(*_: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(InterruptedError):
        rewrite_part(path, SubjectIds("account-1"), ledger)
    monkeypatch.undo()
    assert len(statements(folder)) == 1
    rewrite_part(path, SubjectIds("account-1"), ledger)
    assert statements(folder) == []
    assert ledger.read().entries[ledger.name_of(path)].records == 2


def test_a_part_of_which_nothing_is_left_is_rightly_gone(folder: DataFolder) -> None:
    path = closed(folder, 1)
    assert rewrite_part(path, SubjectIds("account-0"), SpoolLedger(folder.spool)) == 1
    assert not path.exists()
    assert statements(folder) == []


def test_a_backup_has_a_ledger_that_fits_it(folder: DataFolder, tmp_path: Path) -> None:
    kept, lost = closed(folder), closed(folder)
    committer = Committer(folder.spool)
    assert commit(committer, b'{"a": "\0"}\n{"b": 1}\n', records=2) is None
    lost.unlink()
    database = WatchDatabase("", folder.database)
    back_up(folder, database, tmp_path / "backup")
    committer.stop()
    database.close()
    restore(tmp_path / "backup", tmp_path / "restored")
    restored = DataFolder(tmp_path / "restored")
    (statement,) = statements(restored)
    assert "is missing: 3 requests" in statement
    assert [path.read_bytes() for path in closed_parts(restored.spool)] == [
        kept.read_bytes(),
        b'{"a": "\\u0000"}\n{"b": 1}\n',
    ]


def test_damage_is_a_fault_of_the_server_until_a_hunt_finds_none() -> None:
    faults = ServiceFaults()
    report_damage(faults, ("part a is missing", "part b is missing"))
    (fault,) = faults.current()
    assert fault.name == DAMAGE_FAULT
    assert fault.statement.startswith("part a is missing and 1 more difference; ")
    report_damage(faults, ())
    assert faults.current() == ()


def test_what_a_library_says_in_lines_is_one_sentence() -> None:
    faults = ServiceFaults()
    faults.begin("signatures", "the case folder is damaged: no more data to read.\nReading the header failed.\n")
    (fault,) = faults.current()
    assert fault.statement == "the case folder is damaged: no more data to read. Reading the header failed."


def test_what_a_killed_server_left_open_is_no_damage(folder: DataFolder) -> None:
    killed_with(folder.spool, [b'{"user": "a"}\n', b'{"user": "b"}\n'])
    assert closed_parts(folder.spool) == []
    run = CliRunner().invoke(app, ["spool", "--data", str(folder.path)])
    assert (run.exit_code, run.stdout) == (0, "Every part of the spool is as it was acknowledged.\n")
    assert contents(folder.spool) == b'{"user": "a"}\n{"user": "b"}\n'


def test_a_list_of_damage_is_bounded(folder: DataFolder) -> None:
    for number in range(MOST_SAID + 5):
        part(folder, 1, name=f"part-{number}-json.jsonl")
    assert statements(folder) == []
    shutil.rmtree(folder.spool / "gateway")
    said = damage_said(folder.spool)
    assert len(said) == MOST_SAID + 1
    assert said[-1] == "and 5 more differences: 'stillhunt spool' lists all"


def test_times_that_change_alone_are_no_damage(folder: DataFolder) -> None:
    path = closed(folder)
    assert statements(folder) == []
    aged(path, 3)
    path.chmod(0o400)
    assert statements(folder) == []
