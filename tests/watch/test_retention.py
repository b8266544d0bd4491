"""What is too old is deleted, what a hold covers is not, and nothing else is touched."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from stillhunt.base.config_alerts import AlertSettings
from stillhunt.base.errors import CaseError, ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import (
    ALERTS,
    APPEALS,
    CAMPAIGN_EVENTS,
    CAMPAIGN_MEMBERS,
    CAMPAIGN_ROWS,
    DELIVERIES,
    SNAPSHOT_ROWS,
)
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.holds import KEEPING, add_hold, all_holds, release_hold, undisturbed
from stillhunt.watch.retention import Expired, expire
from stillhunt_server.receiving.dead_letters import DeadLetters
from watch.alert_scenes import record, some_alert
from watch.data_folders import CONFIG, DAY, NOW, aged, campaign, moment, part, put, snapshot

OLD, YOUNG = "ab" * 32, "cd" * 32


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "data")


@pytest.fixture
def store(folder: DataFolder) -> Iterator[WatchDatabase]:
    database = WatchDatabase("", folder.database)
    yield database
    database.close()


def state_of(folder: DataFolder, name: str, days_ago: float) -> Path:
    put(folder.state / name / "facts", days_ago)
    return aged(folder.state / name, days_ago)


def used_together(folder: DataFolder, *names: str) -> None:
    (folder.state / "together").write_text(json.dumps([list(names)]))


def ids(store: WatchDatabase, column: object) -> list[object]:
    return [next(iter(row.values())) for row in store.read(select(column).order_by(column))]


def test_hours_of_the_spool_go_when_they_are_too_old(folder: DataFolder, store: WatchDatabase) -> None:
    gone, open_one = part(folder, 11), part(folder, 30, "other", "part-2-json.jsonl.open")
    kept = [part(folder, 9.9), part(folder, 0)]
    assert expire(folder, store, CONFIG, NOW) == Expired(parts=2, part_bytes=18)
    assert not gone.parent.exists()
    assert not open_one.parent.exists()
    assert all(path.exists() for path in kept)
    assert not expire(folder, store, CONFIG, NOW)


def test_dead_letters_go_with_the_spool(
    folder: DataFolder, store: WatchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = DeadLetters(folder.dead_letters)
    for days_ago in (11, 9, 0):
        monkeypatch.setattr("time.time_ns", lambda days_ago=days_ago: (NOW - days_ago * DAY) * 1000)
        assert letters.keep("gateway", b"x", "ValueError")
    monkeypatch.undo()
    hold = add_hold(folder, store, "a case", (None, None), NOW)
    expire(folder, store, CONFIG, NOW)
    assert letters.count() == 3
    assert release_hold(store, hold, NOW)
    (folder.dead_letters / "notes.letter").write_bytes(b"mine")
    expire(folder, store, CONFIG, NOW)
    assert letters.count() == 2
    assert (folder.dead_letters / "notes.letter").exists()


def test_a_part_that_was_written_late_keeps_its_hour(folder: DataFolder, store: WatchDatabase) -> None:
    early, late = part(folder, 20), part(folder, 20, name="part-2-json.jsonl")
    aged(late, 1)
    assert not expire(folder, store, CONFIG, NOW)
    assert early.exists()


def test_a_part_of_a_time_when_the_clock_was_behind_is_as_young_as_those_before_it(
    folder: DataFolder, store: WatchDatabase
) -> None:
    numbered = "part-{:08}-{}00-jsonl.jsonl"
    hours = [datetime.fromtimestamp(moment(days) / 1e6, UTC).strftime("%Y%m%dT%H") for days in (1, 60)]
    part(folder, 1, name=numbered.format(1, hours[0]))
    behind = part(folder, 60, name=numbered.format(2, hours[1]))
    lone = part(folder, 60, "other", numbered.format(1, hours[1]))
    assert expire(folder, store, CONFIG, NOW).parts == 1
    assert behind.exists()
    assert not lone.exists()


def test_a_part_that_a_process_holds_is_not_deleted(folder: DataFolder, store: WatchDatabase) -> None:
    path = part(folder, 20, name="part-2-json.jsonl.open")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not expire(folder, store, CONFIG, NOW)
        assert path.exists()
    assert expire(folder, store, CONFIG, NOW).parts == 1


def test_hostile_content_of_the_folder_is_left_alone(folder: DataFolder, store: WatchDatabase, tmp_path: Path) -> None:
    """Links out of the folder, names that are nearly ours, folders and pipes where files should be."""
    outside = put(tmp_path / "outside" / "2020-01-01T00" / "part-1-json.jsonl", 500)
    precious = put(tmp_path / "outside" / OLD / "facts", 500)
    hour = part(folder, 20).parent
    strange = [
        put(hour / "notes.txt", 500),
        put(hour / "part-1 json.jsonl", 500),
        put(hour / "part-folder" / "part-1-json.jsonl", 500),
        put(folder.spool / "Gateway" / "2020-01-01T00" / "part-1-json.jsonl", 500),
        put(folder.spool / "gateway" / "2020-13-01T00" / "part-1-json.jsonl", 500),
        put(folder.spool / "gateway" / "2020-01-01T00.old" / "part-1-json.jsonl", 500),
        put(folder.state / "identity.key", 500),
        put(folder.state / "digests", 500),
        put(folder.state / OLD.upper() / "facts", 500),
        put(folder.state / ("ef" * 32), 500),
        put(folder.snapshots / "12" / "run.json", 500),
        put(folder.path / "my-own-notes.txt", 500),
    ]
    os.mkfifo(hour / "part-pipe")
    (hour / "part-link").symlink_to(outside)
    (folder.spool / "linked").symlink_to(tmp_path / "outside")
    (folder.spool / "gateway" / "2020-02-01T00").symlink_to(outside.parent)
    (folder.state / "base").symlink_to(precious.parent)
    inside = state_of(folder, "12" * 32, 20)
    (inside / "link").symlink_to(precious.parent)
    aged(inside, 20)
    (folder.snapshots / "00000000").symlink_to(precious.parent)
    used_together(folder, YOUNG)
    assert expire(folder, store, CONFIG, NOW) == Expired(parts=1, part_bytes=9, states=1)
    assert all(path.exists() for path in (*strange, outside, precious))
    assert (folder.spool / "linked").is_symlink()
    assert not (folder.state / "base").is_symlink()  # it stood in the place of one of our own folders
    assert hour.is_dir()


def test_a_spool_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    elsewhere = DataFolder(tmp_path / "elsewhere")
    kept = part(elsewhere, 100)
    (tmp_path / "data").mkdir()
    for name in ("spool", "state", "snapshots"):
        (tmp_path / "data" / name).symlink_to(tmp_path / "elsewhere" / name)
    folder = DataFolder(tmp_path / "data")
    database = WatchDatabase("", folder.database)
    assert not expire(folder, database, CONFIG, NOW)
    database.close()
    assert kept.exists()


def test_state_goes_when_it_is_old_and_no_recent_hunt_used_it(folder: DataFolder, store: WatchDatabase) -> None:
    gone, used, young = state_of(folder, OLD, 20), state_of(folder, YOUNG, 20), state_of(folder, "ef" * 32, 5)
    used_together(folder, YOUNG)
    assert expire(folder, store, CONFIG, NOW) == Expired(states=1)
    assert not gone.exists()
    assert used.exists()
    assert young.exists()


@pytest.mark.parametrize("record_of_use", [None, "", "[[", "{}", "[]"])
def test_without_a_record_of_use_no_state_is_deleted(
    folder: DataFolder, store: WatchDatabase, record_of_use: str | None
) -> None:
    path = state_of(folder, OLD, 500)
    if record_of_use is not None:
        (folder.state / "together").write_text(record_of_use)
    assert not expire(folder, store, CONFIG, NOW)
    assert path.exists()


def test_snapshots_go_but_never_the_newest(folder: DataFolder, store: WatchDatabase) -> None:
    paths = [snapshot(folder, store, sequence, days) for sequence, days in ((1, 40), (2, 30), (3, 20))]
    assert expire(folder, store, CONFIG, NOW) == Expired(snapshots=2)
    assert [path.exists() for path in paths] == [False, False, True]
    assert folder.latest.resolve() == paths[2]
    assert ids(store, SNAPSHOT_ROWS.c.sequence) == [1, 2, 3], "their rows are history, and stay longer"
    assert [path.name for path in folder.snapshots.iterdir() if path.name.startswith(".")] == []


def test_of_hunts_close_together_the_last_stays_and_whichever_showed_a_change(
    folder: DataFolder, store: WatchDatabase
) -> None:
    minute = 1 / 1440
    ages = (2 + 40 * minute, *(2 + at * minute for at in (5, 4, 3, 2)), 3 * minute, 2 * minute)
    paths = [snapshot(folder, store, sequence, days) for sequence, days in enumerate(ages)]
    campaign(store, "c-1", "active", 2)  # snapshot 1 first showed it
    quick = CONFIG.model_copy(update={"watch": CONFIG.watch.model_copy(update={"every_minutes": 1.0})})
    assert not expire(folder, store, quick, NOW)
    assert expire(folder, store, CONFIG, NOW) == Expired(snapshots=2)
    assert [path.exists() for path in paths] == [True, True, False, False, True, True, True]


def test_a_snapshot_that_readers_see_stays_though_it_is_not_the_newest(
    folder: DataFolder, store: WatchDatabase
) -> None:
    first = snapshot(folder, store, 1, 40)
    snapshot(folder, store, 2, 30)
    folder.switch_latest(first.name)
    assert not expire(folder, store, CONFIG, NOW)


def test_rows_of_snapshots_go_with_the_history_but_never_the_newest(folder: DataFolder, store: WatchDatabase) -> None:
    snapshot(folder, store, 1, 300)
    snapshot(folder, store, 2, 200)
    expire(folder, store, CONFIG, NOW)
    assert ids(store, SNAPSHOT_ROWS.c.sequence) == [2]


def test_campaigns_that_ended_go_with_all_that_is_known_of_them(folder: DataFolder, store: WatchDatabase) -> None:
    snapshot(folder, store, 1, 300)
    for name, status, days in (
        ("over", "ended", 101),
        ("merged", "merged", 101),
        ("active", "active", 300),
        ("dormant", "dormant", 300),
        ("lately", "ended", 99),
    ):
        campaign(store, name, status, days)
    assert expire(folder, store, CONFIG, NOW) == Expired(campaigns=2)
    for column in (CAMPAIGN_ROWS.c.campaign_id, CAMPAIGN_MEMBERS.c.campaign_id, CAMPAIGN_EVENTS.c.campaign_id):
        assert ids(store, column) == ["active", "dormant", "lately"]


def test_words_of_decided_appeals_go_and_who_was_right_stays(folder: DataFolder, store: WatchDatabase) -> None:
    limit = round(CONFIG.watch.history_days)
    ages = {"upheld": limit + 1, "overturned": limit - 1, "open": None}
    with store.write() as connection:
        for status, days in ages.items():
            decided = None if days is None else NOW - days * DAY
            words = {"text": "I am Ada Customer", "note": "seen", "by": "portal", "decided_by": "Bo"}
            row = {"filed_at": NOW - 500 * DAY, "due_at": NOW, "account_id": "a", "decision": 1, "status": status}
            connection.execute(insert(APPEALS).values(decided_at=decided, **row, **words))
    add_hold(folder, store, "a court", (NOW - (limit + 2) * DAY, NOW - (limit + 1) * DAY), NOW)
    expire(folder, store, CONFIG, NOW)
    texts = {row["status"]: row["text"] for row in store.read(select(APPEALS))}
    assert set(texts.values()) == {"I am Ada Customer"}, "a hold covers the one that is old"
    release_hold(store, all_holds(store)[0].hold_id, NOW)
    expire(folder, store, CONFIG, NOW)
    rows = {row["status"]: (row["text"], row["note"], row["decided_by"]) for row in store.read(select(APPEALS))}
    assert rows["upheld"] == ("", "", "Bo")
    assert rows["overturned"] == rows["open"] == ("I am Ada Customer", "seen", "Bo")


def test_old_alerts_go_with_their_deliveries(folder: DataFolder, store: WatchDatabase) -> None:
    settings = AlertSettings(files=({"path": "/a"},))
    for days in (101, 99):
        record(store, [some_alert(moment(days))], settings)
    assert expire(folder, store, CONFIG, NOW) == Expired(alerts=1)
    assert ids(store, ALERTS.c.at) == [moment(99)]
    assert len(ids(store, DELIVERIES.c.alert_id)) == 1


def fill(folder: DataFolder, store: WatchDatabase) -> list[Path]:
    """Everything that can expire, all of it from about 200 days ago."""
    paths = [part(folder, 200), state_of(folder, OLD, 200), snapshot(folder, store, 1, 200)]
    snapshot(folder, store, 2, 0)
    campaign(store, "over", "ended", 200)
    record(store, [some_alert(moment(200))], AlertSettings())
    used_together(folder, YOUNG)
    return paths


EVERYTHING = Expired(parts=1, part_bytes=9, states=1, snapshots=1, campaigns=1, alerts=1)


@pytest.mark.parametrize(
    ("first", "last", "holds"),
    [
        (None, None, True),
        (moment(201), moment(199), True),
        (None, moment(199), True),
        (moment(201), None, True),
        (moment(190), None, False),
        (None, moment(300), False),
        (moment(199) + DAY, moment(100), False),
    ],
)
def test_a_hold_beats_everything_in_its_time(
    folder: DataFolder, store: WatchDatabase, first: int | None, last: int | None, holds: bool
) -> None:
    paths = fill(folder, store)
    number = add_hold(folder, store, "order of the court, file 7", (first, last), NOW)
    assert expire(folder, store, CONFIG, NOW) == (Expired() if holds else EVERYTHING)
    assert all(path.exists() == holds for path in paths)
    assert release_hold(store, number, NOW)
    assert not release_hold(store, number, NOW)
    assert expire(folder, store, CONFIG, NOW) == (EVERYTHING if holds else Expired())
    assert not any(path.exists() for path in paths)


def test_a_hold_on_received_traffic_keeps_a_snapshot_that_shows_it(folder: DataFolder, store: WatchDatabase) -> None:
    path = snapshot(folder, store, 1, 200, window=14)
    snapshot(folder, store, 2, 0)
    add_hold(folder, store, "the traffic of one day", (moment(210), moment(209)), NOW)
    assert not expire(folder, store, CONFIG, NOW)
    assert path.exists()


def test_nothing_is_deleted_while_a_hunt_or_a_backup_runs(folder: DataFolder, store: WatchDatabase) -> None:
    fill(folder, store)
    for role in ("hunt", KEEPING):
        with folder.role(role):
            assert not expire(folder, store, CONFIG, NOW)
    assert expire(folder, store, CONFIG, NOW) == EVERYTHING


def test_a_hold_waits_for_a_deletion_that_has_begun(folder: DataFolder) -> None:
    with folder.role(KEEPING), pytest.raises(OutputError, match=KEEPING), undisturbed(folder, wait=0.0):
        raise AssertionError("it did not wait")
    with undisturbed(folder, wait=0.0):
        pass


@pytest.mark.parametrize(("reason", "between"), [("  ", (None, None)), ("x" * 501, (None, None)), ("why", (2, 1))])
def test_a_hold_that_makes_no_sense_is_refused(
    folder: DataFolder, store: WatchDatabase, reason: str, between: tuple[int | None, int | None]
) -> None:
    with pytest.raises(ConfigError):
        add_hold(folder, store, reason, between, NOW)
    assert all_holds(store) == []


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["hold", *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_holds_on_the_command_line(folder: DataFolder) -> None:
    data = ("--data", str(folder.path))
    assert run("add", "court \x1b[2J order", "--from", "2026-03-01", "--to", "2026-03-02", *data) == (
        "Hold 1: nothing from 2026-03-01 00:00 UTC to 2026-03-03 00:00 UTC is deleted until it is released.\n"
    )
    assert run("add", "all of it", "--from", "2026-03-01T14:00+02:00", *data).startswith("Hold 2: nothing from ")
    run("release", "1", *data)
    first, second = json.loads(run("list", "--json", *data))
    assert (first["from"], first["to"]) == ("2026-03-01 00:00 UTC", "2026-03-03 00:00 UTC")
    assert (second["from"], second["to"], second["released"]) == ("2026-03-01 12:00 UTC", None, None)
    assert first["released"]
    shown = run("list", *data)
    assert "all of it" in shown
    assert "\x1b" not in shown
    with pytest.raises(ConfigError, match="no hold with this number"):
        run("release", "1", *data)
    with pytest.raises(ConfigError, match="no time"):
        run("add", "x", "--from", "yesterday", *data)


def test_a_mistyped_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no data folder"):
        run("list", "--data", str(tmp_path / "typo"))
    assert not (tmp_path / "typo").exists()
