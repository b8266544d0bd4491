"""No artefact of a whole run holds any of sixty secrets that are planted in its log: whatever is written is searched.

What makes artefacts stands in ARTEFACTS; a new one is a function from a scene to names and contents. Raw records lie in
the spool of a data folder as they came, and are left out: they are the log. Kept state has User-Agent headers as they
came, and nothing else that people wrote: those are taken out of it before it is searched.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.running import run
from pipeline.planted_secrets import (
    PHRASES,
    SECRETS,
    PlantedLog,
    files_below,
    leaks_in,
    needles,
    planted_log,
    user_agent,
)
from server.console.console_scenes import open_scene, seed_people
from stillhunt.base.config import Config
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.cli.app import app
from stillhunt.triage import Case
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt_server.console.snapshot import LatestSource

DAY = 86_400_000_000


@dataclass(frozen=True)
class RunScene:
    """A whole run over a planted log.

    Attributes:
        log: the files.
        said: what `stillhunt hunt` wrote to stdout and stderr.
        case: the case folder that it wrote.
        data: a data folder with a snapshot of the same log.
    """

    log: PlantedLog
    said: bytes
    case: Path
    data: DataFolder


Artefacts = Iterable[tuple[str, bytes]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> RunScene:
    folder = tmp_path_factory.mktemp("planted")
    log = planted_log(folder)
    command = ["hunt", log.requests, "--accounts", log.accounts, "--out", folder / "case"]
    done = run(*map(str, command), cwd=folder)
    assert done.returncode in (3, 4), done.stderr
    data = DataFolder(folder / "data")
    lines = log.requests.read_bytes().splitlines(keepends=True)
    now = datetime.fromisoformat(json.loads(lines[-1])["timestamp"])
    hour = data.spool / "gateway" / now.astimezone(UTC).strftime("%Y-%m-%dT%H")
    hour.mkdir(parents=True)
    (hour / f"part-00000001-{now.astimezone(UTC):%Y%m%dT%H}0000000000-x-jsonl.jsonl").write_bytes(b"".join(lines))
    config = Config(watch={"accounts": str(log.accounts)})
    plan = HuntPlan(data, config, now=int(now.timestamp()) * 1_000_000 + 60_000_000)
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        assert hunt_now(plan) is not None
    return RunScene(log, (done.stdout + done.stderr + out.getvalue()).encode(), folder / "case", data)


def of_the_hunt(scene: RunScene) -> Artefacts:
    yield "output of hunt", scene.said
    yield from files_below(scene.case)


def of_commands(scene: RunScene) -> Artefacts:
    """What other commands print about the case, the log and the data folder."""
    campaign = Case.read(scene.case).campaigns["campaign_id"][0].as_py()
    case, account = str(scene.case), sorted(scene.log.members)[0]
    for arguments in (
        ["explain", case, campaign],
        ["explain", case, campaign, "--json"],
        ["explain", case, account],
        ["export", case, "--accounts", "--all-members", "--format", "csv"],
        ["export", case, "--accounts", "--all-members", "--format", "json"],
        ["inspect", str(scene.log.requests)],
        ["inspect", str(scene.log.requests), "--json"],
        ["history", "--data", str(scene.data.path)],
    ):
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code in (0, 4), (arguments, done.output, done.exception)
        yield f"output of {' '.join(arguments[:1])}", (done.output + str(done.exception or "")).encode()


def of_the_watch(scene: RunScene) -> Artefacts:
    """Snapshots, kept state, signatures, early signs and the database with its alerts."""
    yield from files_below(scene.data.path, without=("spool", "state"))
    for name, data in files_below(scene.data.state):
        for number in range(len(SECRETS)):
            agent = user_agent(number).encode()
            data = data.replace(agent, b" " * len(agent))  # of the same length, so that a table can still be read
        yield name, data


def of_the_console(scene: RunScene) -> Artefacts:
    """Every page that shows the case, as an administrator sees it."""
    case = Case.read(scene.data.latest / "case")
    campaign, accounts = case.campaigns["campaign_id"][0].as_py(), sorted(scene.log.members)[:3]
    with asyncio.Runner() as runner, _database_copy(scene) as template:
        console = open_scene(template.parent / "console", template, LatestSource(scene.data), runner)
        reader = console.reader("adam")
        pages = ("", "/members", "/evidence", "/requests", "/ties", "/graph.json")
        for path in (
            *(
                "/",
                "/campaigns",
                "/groups",
                "/accounts",
                "/sources",
                "/settings",
                "/report",
                "/signs",
                "/search?q=name",
            ),
            *(f"/campaigns/{campaign}{page}" for page in pages),
            *(f"/accounts/{account}" for account in accounts),
        ):
            answer = reader.get(path)
            assert answer.status_code == 200, (path, answer.status_code)
            yield f"page {path}.html", answer.content
        console.console.database.close()


def of_what_leaves_the_house(scene: RunScene) -> Artefacts:
    """Evidence packs, short and in full, and the campaign in every format for others."""
    campaign = Case.read(scene.case).campaigns["campaign_id"][0].as_py()
    folder = scene.case.parent / "leaving"
    keys = {"STILLHUNT_DOSSIER__KEYS": str(folder / "keys")}
    commands = [["keys", "circle", "peers"]]
    for name, options in (("short", []), ("full", ["--full"])):
        commands.append(["dossier", str(scene.case), campaign, "--out", str(folder / f"{name}.zip"), *options])
        commands.append(["verify", str(folder / f"{name}.zip")])
    for form in ("stix", "misp", "ocsf", "ecs", "csv"):
        words = ["--format", form, "--circle", "peers", "--tlp", "amber", "--out", str(folder / f"shared.{form}")]
        commands.append(["share", str(scene.case), campaign, *words, "--logs", str(scene.log.requests)])
    commands.append(["match", "sketch", str(scene.case), "--circle", "peers", "--out", str(folder / "sketch.json")])
    for arguments in commands:
        done = CliRunner().invoke(app, arguments, env=keys)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        yield f"output of {arguments[0]}", done.output.encode()
    for name, data in files_below(folder, without=("keys",)):
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as file:
                yield from ((f"{name}: {entry}", file.read(entry)) for entry in file.namelist())
        else:
            yield name, data


ARTEFACTS: dict[str, Callable[[RunScene], Artefacts]] = {
    "hunt": of_the_hunt,
    "commands": of_commands,
    "watch": of_the_watch,
    "console": of_the_console,
    "leaving": of_what_leaves_the_house,
}
"""What makes artefacts of a run."""


@contextlib.contextmanager
def _database_copy(scene: RunScene) -> Iterator[Path]:
    """A copy of the database in one file, with people in it."""
    folder = scene.data.path.parent / "pages"
    folder.mkdir()
    database = WatchDatabase("", folder / "copy.db")
    seed_people(database)
    database.close()
    yield folder / "copy.db"
    shutil.rmtree(folder)


def test_there_are_sixty_secrets_of_twelve_kinds() -> None:
    assert Counter(kind for kind, _, _ in SECRETS) == dict.fromkeys(PHRASES, 5)
    assert len(PHRASES) == 12
    assert len({secret for _, _, secret in SECRETS}) == 60


def test_secrets_are_in_the_log_and_found_there(scene: RunScene) -> None:
    """The search works: it finds all of them in the log itself, in the spool, in a table and in a page."""
    found = {leak.split(": ", 1)[1] for leak in leaks_in("log", scene.log.requests.read_bytes())}
    assert len(found) >= 60
    parts = [(name, data) for name, data in files_below(scene.data.spool) if Path(name).name.startswith("part-")]
    assert parts
    for name, data in parts:
        assert len(leaks_in(name, data)) >= 60
    assert all(any(form in around.format(secret) for form in needles(secret)) for _, around, secret in SECRETS)


@pytest.mark.parametrize("maker", ARTEFACTS)
def test_no_artefact_holds_a_secret(scene: RunScene, maker: str) -> None:
    made = list(ARTEFACTS[maker](scene))
    assert len(made) >= 8
    assert all(data for name, data in made if "output" in name)
    leaks = [leak for name, data in made for leak in leaks_in(name, data)]
    assert not leaks, "\n".join(leaks[:40])


def test_the_case_has_every_table_and_shows_what_was_hidden(scene: RunScene) -> None:
    names = {path.stem for path in scene.case.glob("*.parquet")}
    assert names == {*CASE_TABLES, *CASE_VIEWS}
    case = Case.read(scene.case)
    shown = " ".join(case.samples["text"].to_pylist()) + " ".join(case.rejects["raw"].to_pylist())
    for label in ("[name]", "[postal address]", "[phone]", "[e-mail]", "[key]", "[secret]", "[card number]"):
        assert label in shown, label
    for label in ("[bank account]", "[id number]", "[address]", "[user]", "[query]", "[date of birth]"):
        assert label in shown, label
    assert case.samples.num_rows > 10
    assert case.rejects.num_rows >= 240
