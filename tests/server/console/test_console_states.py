"""Every page in every state of a data folder: before the first hunt, with nothing found, damaged, while it changes."""

from __future__ import annotations

import asyncio
import queue
import re
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_routes import PAGES
from server.console.console_scenes import ACT, Scene, facts_of_watch, open_scene, publish
from stillhunt.base.case_folder import REPORT_FILE
from stillhunt.base.config_live import ServeSettings
from stillhunt.base.errors import CaseError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.triage import Case
from stillhunt.watch.child import HuntOutcome
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import POLICY_FILE, DataFolder
from stillhunt.watch.schedule import ScheduleState
from stillhunt.watch.service_faults import ServiceFaults
from stillhunt.watch.snapshots import WATCH_FILE, latest_snapshot, name_of, write_snapshot
from stillhunt_server.console import snapshot
from stillhunt_server.console.snapshot import LatestSource, ShownCase, _read_shown_case
from stillhunt_server.receiving.traffic import Limits, Traffic
from stillhunt_server.server_news import news_of, news_text, read_news
from triage.fixtures import demo_case

NEEDS_NO_CASE = (
    *("/", "/hunt", "/settings", "/decisions", "/signs", "/appeals", "/calibration", "/audit", "/users", "/sign-in"),
    *("/changes", "/session.json", "/appeal", "/rules", "/signals"),
)
URLS = {path: entry.url for path, entry in PAGES.items() if not path.startswith(("/static", "/packs"))}


@cache
def found() -> Case:
    """The case in which all is found."""
    return demo_case()


def of_tables(change: Callable[[str, pa.Table], pa.Table], **kept: Any) -> Case:
    """The demo case with other tables; what explains them is absent unless it is kept."""
    case = found()
    tables = {name: change(name, table) for name, table in case.tables.items()}
    return Case(tables, run=kept.pop("run", case.run), **kept)


def nothing_found(name: str, table: pa.Table) -> pa.Table:
    return table.filter(pc.is_null(table["campaign_id"])) if name == "accounts" else table.slice(0, 0)


def left_alone(name: str, table: pa.Table) -> pa.Table:
    if "verdict" not in table.schema.names:
        return table
    place = table.schema.get_field_index("verdict")
    table = table.set_column(place, table.schema.field("verdict"), pa.array(["none"] * table.num_rows))
    if "flagged" in table.schema.names:
        place = table.schema.get_field_index("flagged")
        table = table.set_column(place, table.schema.field("flagged"), pa.array([False] * table.num_rows))
    return table


def without(*names: str) -> Callable[[str, pa.Table], pa.Table]:
    return lambda name, table: table.slice(0, 0) if name in names else table


CASES: dict[str, Callable[[], Case]] = {
    "nothing was found": lambda: of_tables(nothing_found),
    "no account": lambda: of_tables(lambda _, table: table.slice(0, 0)),
    "groups were left alone": lambda: of_tables(left_alone),
    "no reject, no operator": lambda: of_tables(without("rejects", "operators"), samples=found().samples),
    "nothing explains it": lambda: of_tables(without("evidence", "members", "harvest", "slices")),
    "the record of the run is empty": lambda: of_tables(lambda _, table: table, run={"case_version": CASE_VERSION}),
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, runner: asyncio.Runner) -> Iterator[dict[str, Scene]]:
    """The console in each of these states, made once."""
    made: dict[str, Scene] = {}
    for state, case in CASES.items():
        folder = tmp_path_factory.mktemp("state") / "data"
        database = WatchDatabase("", DataFolder(folder).database)
        publish(DataFolder(folder), case(), 1, database)
        database.close()
        made[state] = open_scene(folder, None, LatestSource(DataFolder(folder)), runner)
    yield made
    for scene in made.values():
        scene.database.close()


@pytest.mark.parametrize("state", CASES)
def test_every_page_is_there_whatever_was_found(scenes: dict[str, Scene], state: str) -> None:
    scene = scenes[state]
    adam = scene.reader("adam")
    shown = scene.console.source.current()
    assert shown is not None
    accounts = set(shown.case.accounts["account_id"].to_pylist())
    for path, url in URLS.items():
        answer = adam.get(url)
        missing = ("{campaign}" in path and ACT not in shown.by_id) or path == "/appeals/{appeal_id}"
        missing |= path.endswith("/{account:path}") and url.rpartition("/")[2] not in accounts
        redirected = path == "/sign-in"
        assert answer.status_code == (404 if missing else 303 if redirected else 200), (path, answer.text[:3000])
        if path.endswith(".json") or redirected or (path in ("/report", "/hunt") and not missing):
            continue
        page = page_of(answer)
        assert [kind for kind, _ in page.headings].count("h1") == 1, path
        assert not re.search(r"\bNone\b(?!\.| was)|\bnan\b|undefined", page.part("main")), (path, page.part("main"))


def test_what_was_left_alone_can_be_read(scenes: dict[str, Scene]) -> None:
    adam = scenes["groups were left alone"].reader("adam")
    queue, groups = page_of(adam.get("/campaigns")), page_of(adam.get("/groups"))
    assert "0 campaigns wait for a person" in queue.text
    assert "3 groups without a verdict" in queue.text
    assert "No group got the verdict act or review." in queue.text
    assert len(groups.rows) == 4
    assert "No group in these logs got the verdict act or review." in page_of(adam.get("/")).text
    assert "none" in page_of(adam.get(f"/campaigns/{ACT}")).text


def test_without_rejects_the_page_of_sources_says_so(scenes: dict[str, Scene]) -> None:
    text = page_of(scenes["no reject, no operator"].reader("vera").get("/sources")).text
    assert "Every row could be used." in text


@pytest.fixture
def empty(tmp_path: Path, runner: asyncio.Runner) -> Iterator[Scene]:
    """The console on a folder in which nobody hunted yet."""
    folder = tmp_path / "data"
    scene = open_scene(folder, None, LatestSource(DataFolder(folder)), runner)
    yield scene
    scene.database.close()


def test_before_the_first_hunt_every_page_says_what_to_wait_for(empty: Scene) -> None:
    adam = empty.reader("adam")
    for path, url in URLS.items():
        answer = adam.get(url)
        if path in NEEDS_NO_CASE:
            assert answer.status_code in (200, 303), path
            continue
        assert answer.status_code == 404, path
        if path != "/appeals/{appeal_id}":
            assert "There is no snapshot yet. Wait for the first hunt, or start one." in page_of(answer).text, path
    assert "No hunt has ended yet." in page_of(adam.get("/")).text


def test_the_first_snapshot_is_shown_as_soon_as_it_is_there(empty: Scene, published: Published) -> None:
    vera = empty.reader("vera")
    assert vera.get("/campaigns").status_code == 404
    folder = empty.console.folder
    assert folder is not None
    facts = facts_of_watch(1, warm={"base_at": 1_772_600_000_000_000})
    write_snapshot(folder, 1, published.shown.case, {WATCH_FILE: facts})
    folder.switch_latest(name_of(1))
    assert ACT in page_of(vera.get("/campaigns")).text
    assert "New ones were last searched for on 2026-03-04 04:53 UTC." in page_of(vera.get("/")).text


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "a table is no Parquet": lambda path: (path / "case" / "members.parquet").write_bytes(b"PAR1<b>PAR1"),
    "a table is gone": lambda path: (path / "case" / "accounts.parquet").unlink(),
    "the record is no JSON": lambda path: (path / "case" / "run.json").write_bytes(b"{\xff"),
    "the facts are no JSON": lambda path: (path / WATCH_FILE).write_bytes(b"[" * 100_000),
    "the facts are others": lambda path: (path / WATCH_FILE).write_bytes(b"{}"),
    "the folder is gone": shutil.rmtree,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_snapshot_is_said_on_every_page(empty: Scene, published: Published, damage: str) -> None:
    folder = empty.console.folder
    assert folder is not None
    shutil.copytree(published.shown.folder.parent, folder.snapshots / "00000001")
    folder.switch_latest("00000001")
    DAMAGE[damage](folder.snapshots / "00000001")
    adam = empty.reader("adam")
    for path, url in URLS.items():
        if path in NEEDS_NO_CASE and path != "/":
            assert adam.get(url).status_code in (200, 303), path
            continue
        answer = adam.get(url)
        assert answer.status_code == 404, path
        main = page_of(answer).part("main")
        assert path.startswith("/appeals") or re.search(r"damaged|not a case folder", main), (path, main)


def next_snapshot(published: Published, folder: DataFolder, sequence: int) -> Path:
    """A copy of the case as a newer snapshot."""
    target = folder.snapshots / f"{sequence:08}"
    shutil.copytree(published.shown.folder.parent, target)
    (target / WATCH_FILE).write_bytes(facts_of_watch(sequence))
    return target


def waited_for(source: LatestSource, sequence: int) -> bool:
    """Whether a snapshot is shown within half a minute."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        shown = source.current()
        if shown is not None and shown.sequence == sequence:
            return True
    return False


def test_a_newer_snapshot_replaces_the_older_one_and_no_request_fails(empty: Scene, published: Published) -> None:
    """Requests go on while it is read; an export of the older one that has begun is finished."""
    folder, source = empty.console.folder, empty.console.source
    assert folder is not None
    assert isinstance(source, LatestSource)
    next_snapshot(published, folder, 1)
    folder.switch_latest("00000001")
    vera = empty.reader("vera")
    pages = [
        f"/campaigns/{ACT}",
        f"/campaigns/{ACT}/requests",
        f"/accounts/{'91c2-acct-0001'}",
        "/",
        "/campaigns",
        "/accounts",
    ]
    assert [vera.get(url).status_code for url in pages] == [200] * len(pages)
    older = empty.console.derived(source.current())  # type: ignore[arg-type]  # it was read
    for sequence in (2, 3):
        next_snapshot(published, folder, sequence)
        folder.switch_latest(f"{sequence:08}")
        assert {vera.get(url).status_code for url in pages * 2} == {200}
        assert waited_for(source, sequence)
        assert f"Snapshot {sequence}" in page_of(vera.get("/")).text
    assert empty.console.derived(source.current()) is not older  # type: ignore[arg-type]  # as above
    assert older.rows.page(ACT, 6_000, 100).num_rows == 100  # nothing was taken away from whoever still reads it
    shutil.rmtree(folder.snapshots / "00000001")
    assert older.rows.page(ACT, 0, 100).num_rows == 100


def test_a_newer_snapshot_is_prepared_before_it_is_shown_and_the_older_one_is_dropped(
    empty: Scene, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    console, source, done, dropped = empty.console, empty.console.source, threading.Event(), queue.Queue[bool]()
    assert console.folder is not None
    assert isinstance(source, LatestSource)
    console.preparers = [lambda _: done.set()]
    before, shown_by_then = list[weakref.ref[ShownCase]](), list[int]()

    def prepare(shown: ShownCase) -> None:
        now = source._shown
        shown_by_then.append(0 if now is None else now.sequence)
        console.prepare(shown)

    def adopt(shown: ShownCase) -> None:
        console.adopt(shown)
        for one in before:
            dropped.put(one() is None)
        before.append(weakref.ref(shown))

    for sequence in (1, 2):
        next_snapshot(published, console.folder, sequence)
        done.clear()
        console.folder.switch_latest(f"{sequence:08}")
        if sequence == 1:
            source.begin(prepare, adopt)
        else:
            source.current()  # a page, which sees the older one
        assert done.wait(30)
        derived = console.derived(source.current())  # type: ignore[arg-type]  # it was read
        made = derived.traits_of.cache_info().misses  # type: ignore[attr-defined]  # of functools
        assert made == 3, "campaigns with a verdict"
        assert empty.reader("vera").get(f"/campaigns/{ACT}/members").status_code == 200
        assert console.derived(source.current()) is derived  # type: ignore[arg-type]  # as above
        assert derived.traits_of.cache_info().misses == made  # type: ignore[attr-defined]  # as above
        del derived
    assert (shown_by_then, dropped.get(timeout=30)) == ([1, 1], True)


def test_the_first_snapshot_is_prepared_also_where_a_page_reads_it_first(empty: Scene, published: Published) -> None:
    folder, prepared = empty.console.folder, list[int]()
    assert folder is not None
    next_snapshot(published, folder, 1)
    folder.switch_latest("00000001")
    source = LatestSource(folder)
    source._prepare = lambda shown: prepared.append(shown.sequence)
    assert source.current() is not None
    for _ in range(2):
        source.load_latest()
    assert prepared == [1]


def test_the_only_snapshot_is_read_in_vain_once_by_who_follows(
    empty: Scene, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, read = empty.console.folder, list[int]()
    assert folder is not None
    (next_snapshot(published, folder, 1) / "case" / "members.parquet").write_bytes(b"")
    folder.switch_latest("00000001")
    monkeypatch.setattr(snapshot, "_read_shown_case", lambda one: (read.append(one.sequence), _read_shown_case(one))[1])
    source = LatestSource(folder)
    for _ in range(3):
        source.load_latest()
    assert read == [1]
    with pytest.raises(CaseError):
        source.current()  # a page tries again
    next_snapshot(published, folder, 2)
    folder.switch_latest("00000002")
    source.load_latest()
    assert getattr(source.current(), "sequence", None) == 2


def test_an_older_snapshot_that_is_ready_late_is_not_adopted(empty: Scene, published: Published) -> None:
    console, folder = empty.console, empty.console.folder
    assert folder is not None
    older, newer = (ShownCase(next_snapshot(published, folder, one) / "case", one) for one in (1, 2))
    for shown in (newer, older):
        console.prepare(shown)
        console.adopt(shown)
    assert console.derived(newer) is console.derived(newer)
    assert console._prepared is None


def test_a_newer_snapshot_that_is_damaged_leaves_the_older_one(
    empty: Scene, published: Published, caplog: pytest.LogCaptureFixture
) -> None:
    folder, source = empty.console.folder, empty.console.source
    assert folder is not None
    assert isinstance(source, LatestSource)
    next_snapshot(published, folder, 1)
    folder.switch_latest("00000001")
    vera = empty.reader("vera")
    assert vera.get("/campaigns").status_code == 200
    (next_snapshot(published, folder, 2) / "case" / "members.parquet").write_bytes(b"")
    folder.switch_latest("00000002")
    for _ in range(3):
        assert vera.get(f"/campaigns/{ACT}/members").status_code == 200
    while source._reading.locked():
        pass
    assert vera.get("/").status_code == 200
    assert [record.message for record in caplog.records] == ["reading snapshot 2"]  # once, and not with each request
    next_snapshot(published, folder, 3)
    folder.switch_latest("00000003")
    assert waited_for(source, 3)


def test_cited_requests_are_counted_as_they_are_shown_also_where_the_file_is_changed(
    empty: Scene, published: Published
) -> None:
    assert empty.console.folder is not None
    case = next_snapshot(published, empty.console.folder, 1) / "case"
    shown = ShownCase(case, 1)
    pq.write_table(pa.table({"other": [1]}), case / "cited.parquet")
    assert shown.count_cited(ACT) == shown.of_campaign("cited", ACT).num_rows


def test_a_report_that_is_gone_is_said(empty: Scene, published: Published) -> None:
    folder = empty.console.folder
    assert folder is not None
    snapshot = next_snapshot(published, folder, 1)
    folder.switch_latest("00000001")
    assert latest_snapshot(folder) is not None
    vera = empty.reader("vera")
    assert vera.get("/report").status_code == 200
    for change in (lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink):
        change(snapshot / "case" / "report.html")
        answer = vera.get("/report")
        assert answer.status_code == 404
        assert "The report cannot be read." in page_of(answer).text


@pytest.mark.parametrize("name", ["%00", "%2e%2e", "..%2f..", "x" * 4000, "%F0%9F%98%80", "a%0Ab", "%3Cscript%3E"])
def test_a_campaign_that_is_not_there_leads_to_the_queue(reading: Scene, name: str) -> None:
    vera, before = reading.reader("vera"), reading.audit()
    for part in ("", "/members", "/evidence", "/requests", "/ties", "/graph.json", "/phrase"):
        answer = vera.get(f"/campaigns/{name}{part}")
        assert answer.status_code == 404
        page_of(answer)
    assert reading.audit() == before
    answer = vera.get("/campaigns/hunt-00000000")
    assert "This snapshot has no campaign of this id. Look for it in the queue" in page_of(answer).text


@pytest.mark.parametrize("url", ["/nowhere", "/campaigns/a/b/c", "/static/no.js", "/static/..%2fapp.py", "/%00"])
def test_a_page_that_is_not_there_is_said(reading: Scene, url: str) -> None:
    answer = reading.reader("vera").send("GET", f"http://console.test{url}")
    assert answer.status_code == 404
    assert url.startswith("/static") or "There is no such page." in page_of(answer).text


HUNTS: dict[str, tuple[ScheduleState, str]] = {
    "one runs": (ScheduleState(running_since=time.time() - 7), "A hunt has been running for"),
    "the next one is known": (ScheduleState(next_at=1_900_000_000.0), "The next one starts at 2030-03-17 17:46 UTC"),
    "none is planned": (ScheduleState(), "No hunt is running."),
    "they fail": (
        ScheduleState(failures=3, last=HuntOutcome(None, failure="the disk is <b>full</b>\x1b[2J")),
        "The latest hunt failed: The disk is <b>full</b>",
    ),
}


@pytest.mark.parametrize("state", HUNTS)
def test_the_first_page_says_what_hunts_do(scene: Scene, state: str) -> None:
    progress, said = HUNTS[state]
    schedule: Any = SimpleNamespace(progress=progress)  # all that news are of
    scene.console.news = read_news(news_text(news_of(schedule, None, None, ServiceFaults())))
    vera = scene.reader("vera")
    for url in ("/", "/hunt"):
        answer = vera.get(url)
        assert answer.status_code == 200
        assert said in page_of(answer).text
    if progress.failures:
        assert "The latest 3 hunts failed." in page_of(vera.get("/")).text


def test_the_first_page_says_what_is_received(scene: Scene, tmp_path: Path) -> None:
    traffic, vera = Traffic(), scene.reader("vera")

    def tell(**settings: float) -> None:
        limits = Limits(ServeSettings(**settings), tmp_path)
        scene.console.news = read_news(news_text(news_of(None, traffic, limits, ServiceFaults())))

    tell(free_gb=1e9)
    assert "The disk of the data folder has less free space than serve.free_gb." in page_of(vera.get("/")).text
    assert "Nothing has been received since the start." in page_of(vera.get("/")).text
    traffic.records["gate<b>way"] = 5
    traffic.refused[("gate\x1b[2J", "full")] = 2
    traffic.problems["kafka"] = "<script>it is away\x00"
    traffic.last_at = time.time() - 3_600
    tell()
    page = page_of(vera.get("/"))
    assert "5 records received since the start, the last one 60 minutes ago." in page.text
    assert "2 records refused since the start." in page.text
    page = page_of(vera.get("/sources"))
    assert "gate<b>way" in page.text
    assert "kafka: <script>it is away\\x00" in page.text


@pytest.mark.parametrize("text", ["mode = 7 <b>x</b>", "\x00\x1b[2J", "mode = 'dry_run'\n# <b>ours</b>\n", "\ud83d"])
def test_a_policy_that_cannot_be_read_is_said_and_shown(scene: Scene, text: str) -> None:
    folder = scene.console.folder
    assert folder is not None
    (folder.path / POLICY_FILE).write_bytes(text.encode(errors="surrogatepass"))
    page_of(scene.reader("vera").get("/settings"))


def test_a_report_that_somebody_changed_is_of_no_origin(tmp_path: Path, runner: asyncio.Runner) -> None:
    folder = DataFolder(tmp_path / "data")
    publish(folder, found())
    scene = open_scene(folder.path, None, LatestSource(folder), runner)
    reader = scene.reader("anna")
    policy = reader.get("/report").headers["content-security-policy"]
    assert policy.startswith("sandbox ")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    report = folder.latest.resolve() / "case" / REPORT_FILE
    report.rename(tmp_path / "elsewhere.html")
    report.symlink_to(tmp_path / "elsewhere.html")
    assert reader.get("/report").status_code == 404
    scene.database.close()


def test_every_page_says_what_does_not_work(scenes: dict[str, Scene]) -> None:
    scene = next(iter(scenes.values()))
    bars = 0
    adam, faults, said = scene.reader("adam"), scene.console.faults, "nothing is in force: <b>the log</b> was changed"
    for path, url in URLS.items():
        faults.begin("enforcement off", said)
        answer = adam.get(url)
        faults.end("enforcement off")
        if '<header class="bar">' in answer.text:
            bars += 1
            assert "Enforcement off:</strong> Nothing is in force: &lt;b&gt;the log" in answer.text, path
        assert "Nothing is in force" not in adam.get(url).text, path
    assert bars > 10
    faults.begin("enforcement off", said)
    assert "in force" not in scene.reader().get("/sign-in").text, "strangers are not told"
    faults.end("enforcement off")
