"""`stillhunt export`: accounts as CSV, JSON and Parquet, read back; hostile ids; what is left out; what is refused."""

from __future__ import annotations

import csv
import json
import re
import stat
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_tables import account_row, campaign_row, case_tables, member_row, run_record
from running import PROGRAM, clean_environment, run

from stillhunt.base.case_folder import CASE_FILES
from stillhunt.base.errors import CaseError, OutputError
from stillhunt.base.schema_case import ACCOUNT_FACTS, CASE_VERSION, MEMBER_DETAILS
from stillhunt.cli.exporting import export
from stillhunt.triage import Case
from thoroughness import examples

FIRST = datetime(2026, 11, 3, 8, 15, 30, 5, tzinfo=UTC)
HOSTILE_IDS = [
    "=HYPERLINK(1)",
    "+49 170",
    "-2+3",
    "@SUM(A1)",
    " =1+2",
    "\uff1d1+2",
    "'=1+2",
    "'quoted'",
    "a;=1+2",
    "a; 'b",
    "plain-id",
    "comma, \"quote\" and 'apostrophe'",
    "back\\slash",
    "<script>alert(1)</script>",
    "名前",
    "x" * 50_000,
]
HOSTILE_CONTROLS = ["\t=1+2", "\r=1+2", "\n=1+2", "line\nfeed", "a\x00b", "\x1b[2J\x1b]0;x\x07", "a\u202eb", "\x9b31m"]


def details_row(account_id: str, campaign_id: str, **changes: Any) -> dict[str, Any]:
    row = {"campaign_id": campaign_id, "account_id": account_id, "first_seen": FIRST, "last_seen": FIRST}
    row |= {"clients": ["curl", "=x"], "networks": [], "ip_kinds": [], "countries": ["FR"], "plan": "@pro"}
    return {**row, **changes}


def write_case(folder: Path, *, details: bool = True, **rows: list[dict[str, Any]]) -> Path:
    """A case folder with these rows of its tables."""
    pairs = [(row["account_id"], row["campaign_id"]) for row in rows.get("members", [])] if details else []
    table = pa.Table.from_pylist([details_row(*pair) for pair in pairs], schema=MEMBER_DETAILS.arrow)
    run_facts = {**run_record(), "case_version": CASE_VERSION}
    return Case(case_tables(**rows), run=run_facts, member_details=table).write(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two campaigns and a group left alone; one member is cleared, one serves both campaigns."""
    return write_case(
        tmp_path_factory.mktemp("export") / "case",
        campaigns=[
            campaign_row("c-aa11", "act", 0.999),
            campaign_row("c-aa22", "review", 0.7),
            campaign_row("c-bb33", "none", 0.2),
        ],
        members=[
            member_row("flagged", "c-aa11"),
            member_row("cleared", "c-aa11"),
            member_row("both", "c-aa11"),
            member_row("both", "c-aa22"),
            member_row("looked-at", "c-aa22"),
            member_row("ordinary", "c-bb33"),
        ],
        accounts=[
            account_row("flagged", "act", "c-aa11"),
            account_row("cleared", "none", None),
            account_row("both", "act", "c-aa11"),
            account_row("looked-at", "review", "c-aa22"),
            account_row("ordinary", "none", None),
            account_row("stranger", "none", None),
        ],
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign whose accounts have hostile ids."""
    ids = HOSTILE_IDS + HOSTILE_CONTROLS
    return write_case(
        tmp_path_factory.mktemp("hostile") / "case",
        campaigns=[campaign_row("c-aa11", "act", 0.999)],
        members=[member_row(name, "c-aa11") for name in ids],
        accounts=[account_row(name, "act", "c-aa11") for name in ids],
    )


def exported(out: Path, case: Path, campaign: str | None = None, **options: Any) -> list[dict[str, Any]]:
    """What a file holds that was exported; CSV as texts."""
    export(case, campaign, out=out, quiet=True, **options)
    if out.suffix == ".json":
        return list(json.loads(out.read_text("ascii")))
    if out.suffix == ".parquet":
        return list(ACCOUNT_FACTS.check(pq.read_table(out)).to_pylist())
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def unescaped(cell: str) -> str:
    """A CSV cell as the help says it is read back: one apostrophe less where one stands before a special character."""
    return re.sub("((?:^|;)\\s*)'(?=[=+\\-@'\uff1d\uff0b\uff0d\uff20])", r"\1", cell)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_accused_accounts_of_all_campaigns_are_exported(folder: Path, tmp_path: Path, ending: str) -> None:
    rows = exported(tmp_path / f"accounts.{ending}", folder)
    assert [(row["campaign_id"], row["account_id"], row["verdict"]) for row in rows] == [
        ("c-aa11", "both", "act"),
        ("c-aa11", "flagged", "act"),
        ("c-aa22", "both", "act"),
        ("c-aa22", "looked-at", "review"),
    ]
    assert [row["campaign_verdict"] for row in rows] == ["act", "act", "review", "review"]
    assert {row["main_campaign_id"] for row in rows if row["account_id"] == "both"} == {"c-aa11"}
    assert [str(row["other_requests"]) for row in rows] == ["30"] * 4
    assert list(rows[0]) == list(ACCOUNT_FACTS.names)


def test_every_format_holds_the_same_values(folder: Path, tmp_path: Path) -> None:
    text, plain, typed = (exported(tmp_path / f"a.{ending}", folder)[0] for ending in ("csv", "json", "parquet"))
    assert typed["first_seen"] == FIRST
    assert plain["first_seen"] == text["first_seen"] == "2026-11-03T08:15:30.000005+00:00"
    assert typed["clients"] == plain["clients"] == ["curl", "=x"]
    assert (text["clients"], text["plan"], text["flagged"], text["created_at"]) == ("curl; '=x", "'@pro", "true", "")
    assert typed["score"] == plain["score"] == float(text["score"]) == 0.99
    assert plain["created_at"] is typed["created_at"] is None


def test_members_with_the_verdict_none_and_groups_left_alone_are_exported_on_demand(
    folder: Path, tmp_path: Path
) -> None:
    everybody = exported(tmp_path / "all.json", folder, every_member=True)
    assert len(everybody) == 5
    assert [row["account_id"] for row in everybody if row["verdict"] == "none"] == ["cleared"]
    assert exported(tmp_path / "few.csv", folder, "c-bb") == []
    (ordinary,) = exported(tmp_path / "one.csv", folder, "c-bb", every_member=True)
    assert (ordinary["account_id"], ordinary["campaign_verdict"]) == ("ordinary", "none")


def test_one_campaign_by_its_id_or_the_beginning_of_it(folder: Path, tmp_path: Path) -> None:
    for number, wanted in enumerate(("c-aa22", "c-aa2")):
        rows = exported(tmp_path / f"{number}.json", folder, wanted)
        assert {row["campaign_id"] for row in rows} == {"c-aa22"}
    for wanted, message in (("c-aa", "the ids of 2 campaigns begin"), ("flagged", "no campaign has the id 'flagged'")):
        with pytest.raises(CaseError, match=message) as caught:
            exported(tmp_path / "none.json", folder, wanted)
        assert caught.value.next_step
    assert not (tmp_path / "none.json").exists()


def test_json_and_parquet_hold_hostile_ids_as_they_are(hostile: Path, tmp_path: Path) -> None:
    for ending in ("json", "parquet"):
        rows = exported(tmp_path / f"a.{ending}", hostile)
        assert sorted(row["account_id"] for row in rows) == sorted(HOSTILE_IDS + HOSTILE_CONTROLS)


def test_csv_with_hostile_ids_has_no_formula_and_no_control_character(hostile: Path, tmp_path: Path) -> None:
    rows = exported(tmp_path / "a.csv", hostile)
    text = (tmp_path / "a.csv").read_text("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert text.count("\n") == 1 + len(HOSTILE_IDS) + len(HOSTILE_CONTROLS)
    cells = [cell for row in rows for cell in row.values()]
    # as spreadsheets cut cells: at commas, or in some countries at semicolons
    for part in [*cells, *";".join(cells).split(";")]:
        assert not re.match("\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]", part)
    assert {unescaped(row["account_id"]) for row in rows} >= set(HOSTILE_IDS)
    assert "plain-id" in {row["account_id"] for row in rows}


def test_csv_on_stdout_is_the_same_and_says_what_was_left_out(folder: Path, tmp_path: Path) -> None:
    rows = exported(tmp_path / "a.csv", folder)
    printed = run("export", str(folder), "--accounts", cwd=tmp_path)
    assert (printed.returncode, printed.stdout) == (0, (tmp_path / "a.csv").read_text("utf-8"))
    assert len(rows) == 4
    assert printed.stderr == (
        "3 accounts, 2 of them flagged; 1 member with the verdict none left out (--all-members adds them)\n"
    )
    quiet = run("export", str(folder), "c-aa1", "--format", "json", "--quiet", cwd=tmp_path)
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert [row["account_id"] for row in json.loads(quiet.stdout)] == ["both", "flagged"]


def test_csv_on_stdout_is_utf8_whatever_the_locale(hostile: Path, tmp_path: Path) -> None:
    exported(tmp_path / "a.csv", hostile)
    command = [*PROGRAM, "export", str(hostile), "--out", "-", "--quiet"]
    for encoding in ("ascii:backslashreplace", "latin-1")[: examples(1, 2)]:
        environment = clean_environment(LC_ALL="C", PYTHONIOENCODING=encoding)
        printed = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True, timeout=60)
        assert printed.stdout == (tmp_path / "a.csv").read_bytes()
    assert "名前".encode() in printed.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--format", "parquet", "--out", "-"], 1, "Parquet is not text"),
        (["--format", "parquet"], 1, "Parquet is not text"),
        (["--format", "xlsx"], 2, "xlsx"),
        (["c-aa"], 1, "begin with 'c-aa'"),
        (["nobody"], 1, "no campaign has the id 'nobody'"),
    ],
)
def test_refusals_say_what_to_do(folder: Path, tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    refused = run("export", str(folder), *arguments, cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (code, "")
    assert message in refused.stderr
    assert code == 2 or "next:" in refused.stderr


def test_folder_without_a_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="not a case folder"):
        export(tmp_path)


def test_file_is_for_its_owner_only_and_replaced_on_demand(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "accounts.csv"
    exported(out, folder)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    out.write_text("mine", "utf-8")
    with pytest.raises(OutputError, match="exists already"):
        exported(out, folder)
    assert out.read_text("utf-8") == "mine"
    assert len(exported(out, folder, force=True)) == 4
    assert [path.name for path in out.parent.iterdir()] == ["accounts.csv"]


def test_what_is_no_file_and_what_belongs_to_the_case_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "loose").symlink_to("nowhere")
    for out in (tmp_path, Path("/dev/null"), tmp_path / "loose"):
        with pytest.raises(OutputError, match=r"not a file|link to nothing"):
            export(folder, out=out, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_nothing_is_written_into_a_case_folder(folder: Path, tmp_path: Path, force: bool) -> None:
    other = write_case(tmp_path / "other")
    before = {path: path.read_bytes() for case in (folder, other) for path in case.iterdir()}
    (tmp_path / "link").symlink_to(other)
    (tmp_path / "members.parquet").symlink_to(other / "members.parquet")
    names = ("accounts.parquet", "run.json", "for-legal.csv", "deep/for-legal.csv")
    into = [case / name for case in (folder, other, tmp_path / "link") for name in names]
    for out in (*into, tmp_path / "members.parquet"):
        with pytest.raises(OutputError, match="not written into a case folder"):
            export(folder, out=out, force=force)
    assert {path: path.read_bytes() for case in (folder, other) for path in case.iterdir()} == before
    assert {path.name for path in folder.iterdir()} == CASE_FILES


def test_file_that_cannot_be_written_leaves_nothing_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        exported(tmp_path / "a.csv", folder)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        exported(tmp_path / "file" / "a.csv", folder)


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_case_without_campaigns_has_no_accounts(tmp_path: Path, ending: str) -> None:
    case = write_case(tmp_path / "case", accounts=[account_row("stranger", "none", None)])
    out = tmp_path / f"a.{ending}"
    assert exported(out, case) == []
    if ending == "csv":
        assert out.read_text("utf-8") == ",".join(ACCOUNT_FACTS.names) + "\n"


def test_campaign_without_an_account_to_act_on_is_said_so(tmp_path: Path) -> None:
    case = write_case(
        tmp_path / "case",
        campaigns=[campaign_row("c-aa11", "review", 0.52)],
        members=[member_row("doubtful", "c-aa11")],
        accounts=[account_row("doubtful", "none", None)],
    )
    result = run("export", str(case), "--out", "a.csv", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stderr == (
        "no account to act on or to review, so there is no row in a.csv; "
        "1 member with the verdict none left out (--all-members adds them)\n"
    )


def test_without_details_of_members_the_verdicts_are_there(tmp_path: Path) -> None:
    case = write_case(
        tmp_path / "case",
        details=False,
        campaigns=[campaign_row("c-aa11", "act", 0.999)],
        members=[member_row("a", "c-aa11")],
        accounts=[account_row("a", "act", "c-aa11")],
    )
    (row,) = exported(tmp_path / "a.json", case)
    assert (row["verdict"], row["role"], row["first_seen"], row["clients"], row["plan"]) == (
        "act",
        "dedicated",
        None,
        [],
        None,
    )


def test_large_campaign_is_exported_in_full_and_soon(tmp_path: Path) -> None:
    names = [f"account-{number:05d}" for number in range(5_000)]
    case = write_case(
        tmp_path / "case",
        campaigns=[campaign_row("c-aa11", "act", 0.999, accounts=5_000)],
        members=[member_row(name, "c-aa11") for name in names],
        accounts=[account_row(name, "act", "c-aa11") for name in names],
    )
    started = time.process_time()
    for ending in ("csv", "json", "parquet"):
        assert [row["account_id"] for row in exported(tmp_path / f"a.{ending}", case)] == names
    assert time.process_time() - started < 10
