"""`stillhunt subject`: what a watched folder holds on one account is found, and erased where no hold stands."""

from __future__ import annotations

import json
import shutil
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, insert, select
from typer.testing import CliRunner

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.cli.subject import ERASING
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    ALERTS,
    APPEALS,
    CAMPAIGN_MEMBERS,
    DECISIONS,
    LINKED_ACCOUNTS,
    LINKED_SENDERS,
)
from stillhunt.watch.database.tables_console import AUDIT, CASE_EVENTS, CASES, SAVED_FILTERS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import add_hold
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.snapshots import REMEMBERED_FILE, all_snapshots, latest_snapshot
from stillhunt.watch.subject import holdings as erasing
from stillhunt.watch.subject.holdings import Search, account_holdings, erase_account
from stillhunt.watch.subject.rows import rewrite_snapshot
from watch import small_world

DAY = 86_400_000_000
CONFIG = Config(watch={"cold_hours": 24})  # a hunt leaves a base for warm ones, too
COMES_BACK = "not erased; the next hunt finds it again"
"""What is said of watched logs."""


def moment() -> int:
    times = [json.loads(line)["timestamp"] for line in (small_world.lines()[0], small_world.lines()[-1])]
    return int(datetime.fromisoformat(times[-1]).timestamp()) * 1_000_000 + 60_000_000


def whom() -> str:
    """One of the campaign, of whose prompts the case has samples."""
    return sorted(small_world.harvesters())[3]


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after a hunt over two parts, with rows about one account in every table."""
    folder = DataFolder(tmp_path_factory.mktemp("hunted") / "data")
    lines = small_world.lines()
    now = moment()
    last = datetime.fromtimestamp(now / 1e6, UTC)
    for number, (some, ago) in enumerate(((lines[: len(lines) // 2], 3), (lines[len(lines) // 2 :], 1))):
        hour = last - timedelta(days=ago)
        path = (
            folder.spool
            / "gateway"
            / hour.strftime("%Y-%m-%dT%H")
            / f"part-{number + 1:08}-{hour:%Y%m%dT%H}00-x-jsonl.jsonl"
        )
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(some))
    assert hunt_now(HuntPlan(folder, CONFIG, now=now)) is not None
    database = WatchDatabase("", folder.database)
    fill(database, whom(), now)
    database.close()
    return folder.path


def fill(database: WatchDatabase, account: str, now: int) -> None:
    """Rows about an account, and rows that name it, in all tables that may."""
    campaign = database.read(select(CAMPAIGN_MEMBERS))[0]["campaign_id"]
    with database.write() as connection:
        for seq, who in ((1, account), (2, "other")):
            entry = {"seq": seq, "made_at": now, "kind": "case", "account_id": who, "action": "tag", "reason": "r"}
            more = {
                "author": "Bo",
                "dry_run": False,
                "starts_at": now,
                "expires_at": now + DAY,
                "campaign_id": campaign,
            }
            ends = {"snapshot": 1, "undoes": 0, "note": "", "before": str(seq - 1), "digest": str(seq)}
            connection.execute(insert(DECISIONS).values(**entry, **more, **ends))
        for status, decided in (("open", None), ("upheld", now)):
            appeal = {"filed_at": now, "due_at": now, "account_id": account, "decision": 1, "status": status}
            words = {"text": "I am Ada", "note": "seen", "by": "portal", "decided_at": decided}
            connection.execute(insert(APPEALS).values(**appeal, **words))
        for who in (account, "other"):
            linked = {
                "campaign_id": campaign,
                "account_id": who,
                "at": now,
                "bits": 9.0,
                "requests": 5,
                "reasons": "[]",
            }
            connection.execute(insert(LINKED_ACCOUNTS).values(**linked))
            sender = {"campaign_id": campaign, "account_id": who, "at": now, "bits": 9.0}
            entered = (LINKED_SENDERS.c.campaign_id == campaign, LINKED_SENDERS.c.account_id == who)
            connection.execute(delete(LINKED_SENDERS).where(*entered))  # the hunt weighed its members itself
            connection.execute(insert(LINKED_SENDERS).values(**sender))
            body = json.dumps({"text": f"look at {who}"})
            connection.execute(insert(ALERTS).values(alert_id=who, at=now, kind="x", body=body))
            connection.execute(insert(AUDIT).values(at=now, who="Bo", what="account", about=who))
        case = {"campaign_id": campaign, "version": 1, "status": "open", "assignee": "", "labels": "[]", "reason": ""}
        told = {"narrative": f"{account} leads", "opened_at": now, "changed_at": now, "changed_by": "Bo"}
        connection.execute(insert(CASES).values(**case, **told))
        event = {
            "campaign_id": campaign,
            "version": 1,
            "at": now,
            "by": "Bo",
            "kind": "comment",
            "note": f"see {account}.",
        }
        connection.execute(insert(CASE_EVENTS).values(**event, before="{}", after=json.dumps({"narrative": account})))
        view = {
            "owner": "Bo",
            "page": "accounts",
            "name": "mine",
            "query": f"q={account}",
            "shared": False,
            "made_at": now,
        }
        connection.execute(insert(SAVED_FILTERS).values(**view))


@pytest.fixture
def folder(hunted: Path, tmp_path: Path) -> DataFolder:
    shutil.copytree(hunted, tmp_path / "data", symlinks=True)
    return DataFolder(tmp_path / "data")


@pytest.fixture
def search(folder: DataFolder) -> Iterator[Search]:
    database = WatchDatabase("", folder.database)
    yield Search(folder, database, CONFIG, whom(), None, moment())
    database.close()


def own_records(folder: DataFolder) -> int:
    parts = folder.spool.glob("*/*/part-*")
    return sum(json.loads(line)["account_id"] == whom() for path in parts for line in path.read_bytes().splitlines())


def files_naming(folder: DataFolder, account: str) -> list[str]:
    """Files in which the account stands, as bytes or in a column of Parquet."""
    found = []
    for path in sorted(one for one in folder.path.rglob("*") if one.is_file() and not one.is_symlink()):
        data = path.read_bytes()
        if path.suffix == ".parquet":
            data = str(pq.read_table(path).to_pydict()).encode()
        if path.suffix == ".arrow":
            with pa.memory_map(str(path)) as mapped:
                data += str(pa.ipc.open_file(mapped).read_all().to_pydict()).encode()
        if account.encode() in data and "stillhunt.db" not in path.name:
            found.append(path.relative_to(folder.path).as_posix())
    return found


def test_everything_that_is_held_is_listed_and_nothing_changes(search: Search, folder: DataFolder) -> None:
    before = {path: path.read_bytes() for path in folder.spool.rglob("part-*")}
    found = account_holdings(search)
    assert sum(one.count for one in found if one.store == "records") == own_records(folder) > 20
    assert {one.store for one in found} == {"records", "state", "snapshot", "database", "watched logs", "backups"}
    tables = {one.where for one in found if one.store == "database"}
    assert tables == {
        "campaign_members", "linked_accounts", "linked_senders", "decisions", "appeals", "alerts", "cases",
        "case_events", "saved_filters", "audit",
    }  # fmt: skip
    (snapshot,) = [one for one in found if one.store == "snapshot"]
    for part in ("accounts", "members", "slices", "harvest", "samples", "member_details", "remembered.parquet"):
        assert f"{part} " in snapshot.where
    assert snapshot.kept_until == moment() + 30 * DAY
    assert {one.where for one in found if one.stays and one.store == "database"} == {"decisions", "appeals", "audit"}
    assert account_holdings(search) == found
    named = files_naming(folder, whom())
    assert {name.split("/")[0] for name in named} == {"spool", "state", "snapshots"}
    assert any(name.endswith("report.html") for name in named)
    assert {path: path.read_bytes() for path in folder.spool.rglob("part-*")} == before


def test_an_account_that_is_not_there_has_nothing(search: Search) -> None:
    stranger = Search(search.folder, search.database, CONFIG, "acct-never-seen", None, moment())
    assert [one.store for one in account_holdings(stranger)] == ["watched logs", "backups"]


def test_erasure_leaves_the_log_the_audit_and_the_open_appeal_and_nothing_else(
    search: Search, folder: DataFolder
) -> None:
    others = [line for path in sorted(folder.spool.rglob("part-*")) for line in path.read_bytes().splitlines()]
    others = [line for line in others if json.loads(line)["account_id"] != whom()]
    (folder.state / ("ab" * 32)).symlink_to(folder.spool)
    total, before, latest = own_records(folder), Case.read(folder.latest / "case"), latest_snapshot(folder)
    done = erase_account(search)
    assert latest_snapshot(folder) == latest
    assert (done.records, done.snapshots) == (total, 1)
    assert {(one.store, one.where) for one in done.left} == {
        ("database", "decisions"), ("database", "appeals"), ("database", "audit"),
        ("watched logs", "not in this folder"), ("backups", "not in this folder"),
    }  # fmt: skip
    assert files_naming(folder, whom()) == []
    assert [path for path in folder.state.iterdir() if path.is_symlink()] == []
    left = [line for path in sorted(folder.spool.rglob("part-*")) for line in path.read_bytes().splitlines()]
    assert left == others
    case = Case.read(folder.latest / "case")
    assert case.accounts.num_rows == before.accounts.num_rows - 1
    assert latest is not None
    assert whom() not in latest.remembered()["account_id"].to_pylist()
    assert case.campaigns.equals(before.campaigns)
    assert case.timeline.equals(before.timeline)
    assert [one.name for one in folder.snapshots.iterdir() if one.name.startswith(".")] == []
    database = search.database
    assert [row["account_id"] for row in database.read(select(LINKED_ACCOUNTS))] == ["other"]
    senders = {row["account_id"] for row in database.read(select(LINKED_SENDERS))}
    assert "other" in senders
    assert whom() not in senders
    assert [row["alert_id"] for row in database.read(select(ALERTS).where(ALERTS.c.kind == "x"))] == ["other"]
    assert [row["narrative"] for row in database.read(select(CASES))] == ["[erased account] leads"]
    (event,) = database.read(select(CASE_EVENTS))
    assert (event["note"], event["after"]) == ("see [erased account].", '{"narrative": "[erased account]"}')
    assert database.read(select(SAVED_FILTERS)) == []
    texts = {row["status"]: (row["text"], row["note"]) for row in database.read(select(APPEALS))}
    assert texts == {"open": ("I am Ada", "seen"), "upheld": ("", "")}
    assert len(database.read(select(DECISIONS))) == 2
    again = erase_account(search)
    assert (again.records, again.states, again.snapshots, again.rows) == (0, 0, 0, 0)


def test_the_next_hunt_does_not_find_the_account_again(search: Search, folder: DataFolder) -> None:
    erase_account(search)
    snapshot = hunt_now(HuntPlan(folder, CONFIG, now=moment() + 1))
    assert snapshot is not None
    case = Case.read(snapshot.case)
    assert whom() not in case.accounts["account_id"].to_pylist()
    assert case.campaigns.num_rows > 0
    assert files_naming(folder, whom()) == []


def test_remembered_groups_that_cannot_be_read_are_listed_and_go(search: Search, folder: DataFolder) -> None:
    (snapshot,) = all_snapshots(folder)
    (snapshot.path / REMEMBERED_FILE).write_bytes(b"PAR1")  # it may name anybody
    stranger = Search(folder, search.database, CONFIG, "acct-never-seen", None, moment())
    (held,) = [one for one in account_holdings(stranger) if one.store == "snapshot"]
    assert held.where.endswith(": remembered.parquet (cannot be read) 1")
    assert held.erasable
    rewrite_snapshot(snapshot, stranger.account)
    assert snapshot.remembered().num_rows == 0


def test_what_a_hold_covers_stays(search: Search, folder: DataFolder) -> None:
    now = moment()
    add_hold(folder, search.database, "court, file 7", (now - 4 * DAY, now - 2 * DAY), now)
    done = erase_account(search)
    kept = [one for one in done.left if one.hold is not None]
    assert {one.store for one in kept} >= {"records", "snapshot"}
    assert all(one.hold and one.hold.reason == "court, file 7" and not one.erasable for one in kept)
    (records,) = [one for one in kept if one.store == "records"]
    assert own_records(folder) == records.count
    assert records.count > 0
    assert done.records > 0
    assert whom() in Case.read(folder.latest / "case").accounts["account_id"].to_pylist()
    assert not [row for row in search.database.read(select(ALERTS)) if row["alert_id"] == whom()], (
        "it is of another day"
    )


def test_an_erasure_that_ended_in_the_middle_is_finished_by_the_next(
    search: Search, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times, at each step one further."""

    def killed(*_: object) -> int:
        raise KeyboardInterrupt

    for step in ("_erase_state", "_erase_snapshots", "_erase_rows"):
        with monkeypatch.context() as broken:
            broken.setattr(erasing, step, killed)
            with pytest.raises(KeyboardInterrupt):
                erase_account(search)
        Case.read(folder.latest / "case")  # nothing is half
    leftover = next(folder.spool.glob("*/*")) / ".part-9.erasing"
    leftover.write_bytes(b"a part that was never put in place")
    done = erase_account(search)
    assert {one.where for one in done.left} == {"decisions", "appeals", "audit", "not in this folder"}
    assert files_naming(folder, whom()) == []
    assert not leftover.exists()


def test_an_erasure_waits_for_no_hunt_and_begins_nothing_beside_one(search: Search, folder: DataFolder) -> None:
    total = own_records(folder)
    with folder.role("hunt"), pytest.raises(OutputError, match="hunt"):
        erase_account(search)
    assert own_records(folder) == total


def test_a_full_disk_is_said_and_leaves_everything_whole(
    search: Search, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("stillhunt.watch.subject.rows._exchange_folders", full)
        with pytest.raises(OutputError, match="No space left"):
            erase_account(search)
    assert whom() in Case.read(folder.latest / "case").accounts["account_id"].to_pylist()
    assert [one.name for one in folder.snapshots.iterdir() if one.name.startswith(".")] == []


def test_without_an_exchange_of_folders_files_are_put_in_place_one_by_one(
    search: Search, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillhunt.watch.subject.rows.sys.platform", "darwin")
    erase_account(search)
    assert files_naming(folder, whom()) == []
    Case.read(folder.latest / "case")


def pack(folder: DataFolder, name: str, account: str) -> Path:
    path = folder.path / "packs" / name
    path.parent.mkdir(exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"account_id": [account], "request_ids": [["r-1"]]}), sink)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tables/members.parquet", sink.getvalue().to_pybytes())
    return path


def test_packs_are_searched_with_their_key_and_stay(search: Search, folder: DataFolder) -> None:
    paths = [pack(folder, "c-1-20260101T000000Z.zip", "a-hash"), pack(folder, "c-2-20260101T000000Z.zip", "a-other")]
    (folder.path / "packs" / "c-3-20260101T000000Z.zip").write_bytes(b"damaged")
    (folder.path / "packs" / "notes.zip").write_bytes(b"no pack of ours")
    blind = [one for one in account_holdings(search) if one.store == "pack"]
    assert [one.where for one in blind] == [f"packs/c-{number}-20260101T000000Z.zip" for number in (1, 2, 3)]
    assert all("keyed hashes" in one.stays for one in blind)
    knowing = Search(folder, search.database, CONFIG, whom(), ("a-hash", whom()), moment())
    seen = [one for one in account_holdings(knowing) if one.store == "pack"]
    assert [one.where for one in seen] == [f"packs/c-{number}-20260101T000000Z.zip" for number in (1, 3)]
    before = [path.read_bytes() for path in paths]
    erase_account(knowing)
    assert [path.read_bytes() for path in paths] == before


def run(folder: DataFolder, *arguments: str, typed: str = "") -> str:
    done = CliRunner().invoke(app, ["data", "subject", whom(), "--data", str(folder.path), *arguments], input=typed)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_subject_on_the_command_line(folder: DataFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    shown = json.loads(run(folder, "--json"))
    assert {one["store"] for one in shown} >= {"records", "snapshot", "database", "backups"}
    table = run(folder)
    assert "decisions" in table
    assert "1 row " in table
    assert "1 rows" not in table
    assert "Nothing is held" not in table
    assert "watched logs" in table
    assert COMES_BACK in table
    for arguments in (["--erase"], ["--erase", "--json"]):
        with pytest.raises(ConfigError, match="not confirmed"):
            run(folder, *arguments, typed="no\n")
    assert own_records(folder) > 0
    done = json.loads(run(folder, "--erase", "--yes", "--json"))
    assert done["erased"]["records"] > 0
    assert own_records(folder) == 0
    database = WatchDatabase("", folder.database)
    (row,) = database.read(select(AUDIT).where(AUDIT.c.what == ERASING))
    database.close()
    assert whom() not in row["about"]
    assert "records" in row["about"]
    again = run(folder, "--erase", "--yes")
    assert "Erased: 0 records" in again
    assert "watched logs" in again
    assert COMES_BACK in again


def with_group(folder: DataFolder) -> list[str]:
    """Put a group left alone into the snapshot; its evidence cites a request of the account, which no table tells."""
    snapshot = latest_snapshot(folder)
    assert snapshot is not None
    case = Case.read(snapshot.case)
    harvest, slices = case.harvest.to_pylist(), {row["slice_id"]: row["account_id"] for row in case.slices.to_pylist()}
    other = next(row["request_id"] for row in harvest if slices[row["slice_id"]] != whom())
    group = {**case.campaigns.to_pylist()[0], "campaign_id": "c-alone", "verdict": "none", "kind": "not_known"}
    member = {**case.members.to_pylist()[0], "campaign_id": "c-alone", "account_id": whom()}
    cites = {"campaign_id": "c-alone", "account_id": None, "request_ids": ["req-of-the-account", other]}
    evidence = {**case.evidence.to_pylist()[0], **cites}
    more = {"campaigns": group, "members": member, "evidence": evidence}
    tables = {name: case.tables[name] for name in case.tables}
    for name, row in more.items():
        added = pa.Table.from_pylist([row], schema=tables[name].schema)
        tables[name] = pa.concat_tables([tables[name], added])
    shutil.rmtree(snapshot.case)
    Case(tables, run=case.run, **case.views).write(snapshot.case)
    return ["req-of-the-account", other]


def test_requests_cited_of_groups_left_alone_are_erased_and_counted(search: Search, folder: DataFolder) -> None:
    def evidence_rows() -> int:
        (row,) = [one for one in account_holdings(search) if one.store == "snapshot"]
        named = dict(part.rsplit(" ", 1) for part in row.where.partition(": ")[2].split(", "))
        return int(named.get("evidence", 0))

    before = evidence_rows()
    own, other = with_group(folder)
    assert evidence_rows() == before + 1
    erase_account(search)
    evidence = Case.read(folder.latest / "case").evidence.to_pylist()
    assert [row["request_ids"] for row in evidence if row["campaign_id"] == "c-alone"] == [[other]]
    assert own not in str(evidence)
    assert [one for one in account_holdings(search) if one.store == "snapshot"] == []


def test_an_unknown_id_has_nothing(folder: DataFolder) -> None:
    done = CliRunner().invoke(app, ["data", "subject", "acct-never-seen", "--data", str(folder.path)])
    assert done.output.startswith("Nothing is held on this id. What cannot be searched:")
    assert "backups" in done.output


def test_an_erasure_that_a_hold_refuses_in_part_ends_with_4(folder: DataFolder) -> None:
    database = WatchDatabase("", folder.database)
    add_hold(folder, database, "court", (moment() - 4 * DAY, moment() - 2 * DAY), moment())
    database.close()
    done = CliRunner().invoke(app, ["data", "subject", whom(), "--data", str(folder.path), "--erase", "--yes"])
    assert done.exit_code == 4
    assert "not everything was erased: a legal hold keeps" in done.stderr
    assert "(records)" in done.stderr


def test_large_files_are_searched_without_being_read_into_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.segment"
    file.write_bytes(bytes(1 << 24) + b"the account" + bytes(99))
    tracemalloc.start()
    found = [erasing._file_names(file, name) for name in ("the account", "another")]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [True, False]
    assert most < 1 << 20
