"""Acting on several campaigns at once: counted before, done some at a time, stopped in between, and taken back."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from server.console.console_html import page_of
from server.console.console_scenes import ACT, OTHER, REVIEW, Reader, Scene
from stillhunt.decide.case_work import read_work
from stillhunt.decide.entries import standing
from stillhunt.decide.log import read_log
from stillhunt_server.case_views.account_revenue import describe_customers, read_revenue, sum_revenue
from stillhunt_server.console import queue_forms
from stillhunt_server.console.context import planned_members

ASKED = {"what": "act", "action": "throttle", "days": "7", "told": "linked_accounts", "note": "one operation"}


def status(scene: Scene) -> list[str]:
    return [read_work(scene.database, name).status for name in (ACT, OTHER, REVIEW)]


def acted(scene: Scene) -> set[str]:
    """Accounts that a case acts on."""
    log = read_log(scene.database)
    now = max(one.made_at for one in log) + 1
    return {one.account_id for one in standing(log, now) if one.kind == "case"}


def press(reader: Reader, page: str, button: str) -> str:
    """Press a button of the page: send the form that it is in, with every value of each name."""
    (form,) = [one for one in re.findall(r"<form[^>]*action=\"/queue/bulk\".*?</form>", page, re.S) if button in one]
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form):
        fields.setdefault(name, []).append(value)
    answer = reader.post("/queue/bulk", fields)  # type: ignore[arg-type]  # lists are sent as several values
    assert answer.status_code == 200, answer.text
    page_of(answer)
    return answer.text


def ask(reader: Reader, *chosen: str, **fields: str) -> str:
    answer = reader.post("/queue/bulk", {**ASKED, "chosen": list(chosen), **fields})  # type: ignore[dict-item]  # as above
    assert answer.status_code == 200, answer.text
    page_of(answer)
    return answer.text


def test_whom_it_hits_is_counted_before_anything_is_done(scene: Scene) -> None:
    anna, before = scene.reader("anna"), acted(scene)
    text = ask(anna, f"{ACT}@0", f"{OTHER}@0", f"{REVIEW}@0")
    shown = scene.console.source.current()
    assert shown is not None
    flagged = {
        one.account_id
        for name in (ACT, OTHER)
        for one in planned_members(shown, name, scene.console.config)
        if one.flagged and one.role not in ("pool", "victim") and not one.sanctioned
    }
    assert f"{len(flagged)} accounts of 2 campaigns for 7 days?" in text
    assert "this would act on no account" in text.casefold()  # the one for review is left out, with the reason
    assert (status(scene), acted(scene)) == (["new", "new", "new"], before)
    done = press(anna, text, "Do it")
    assert "2 campaigns acted on." in done
    assert (status(scene), acted(scene)) == (["acted", "acted", "new"], before | flagged)
    undone = press(anna, done, "Undo all of it")
    assert "2 campaigns as before." in undone
    assert (status(scene), acted(scene)) == (["new", "new", "new"], before)


def test_it_goes_on_some_at_a_time_and_can_be_left_in_between(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_forms, "AT_A_TIME", 1)
    anna = scene.reader("anna")
    asked = ask(anna, f"{ACT}@0", f"{REVIEW}@0", f"{OTHER}@0")
    first = press(anna, asked, "Do it")
    assert "1 campaign acted on, 1 to go." in first
    assert '<progress max="2" value="1"' in first
    assert status(scene) == ["acted", "new", "new"]
    undone = press(anna, first, "Undo all of it")  # who stops here takes back what was done so far
    assert "1 campaign as before." in undone
    assert status(scene) == ["new", "new", "new"]
    second = press(anna, press(anna, ask(anna, f"{ACT}@2", f"{OTHER}@0"), "Do it"), "Go on")
    assert "2 campaigns acted on." in second
    assert status(scene) == ["acted", "acted", "new"]
    half = press(anna, second, "Undo all of it")
    assert status(scene) == ["new", "acted", "new"]
    press(anna, half, "Go on")
    assert status(scene) == ["new", "new", "new"]


def test_what_waits_for_a_second_person_is_not_told_as_done(scene: Scene) -> None:
    assert scene.console.folder is not None
    (scene.console.folder.path / "policy.toml").write_text('second_person = ["throttle"]')
    anna, before = scene.reader("anna"), len(read_log(scene.database))
    asked = ask(anna, f"{ACT}@0", f"{OTHER}@0")
    done = press(anna, asked, "Do it")
    assert "Proposed for 2 campaigns." in done
    assert "acted on." not in done
    for page in (asked, done):
        assert "nothing happens before a colleague approves it" in page
    made = read_log(scene.database)[before:]
    assert status(scene) == ["open", "open", "new"]
    assert {one.dry_run for one in made} == {True}


def test_who_lost_the_answer_and_sends_the_same_again_is_told_that_it_is_done(scene: Scene) -> None:
    anna, ravi = scene.reader("anna"), scene.reader("ravi")
    asked = ask(anna, f"{ACT}@0", f"{OTHER}@0")
    first, again = press(anna, asked, "Do it"), press(anna, asked, "Do it")
    for page in (first, again):
        assert "2 campaigns acted on." in page
        assert "Not changed" not in page
    assert read_work(scene.database, ACT).version == 1
    for reader, fields in ((ravi, {}), (anna, {"note": "another one"}), (anna, {"what": "watch", "note": ""})):
        assert "Not changed" in ask(reader, f"{ACT}@0", sure="yes", **fields)
    for _ in range(2):
        assert "2 campaigns as before." in press(anna, again, "Undo all of it")
    assert (read_work(scene.database, ACT).version, status(scene)) == (2, ["new", "new", "new"])
    for label, told in (("shop", "1 campaign labelled."), ("shop", "1 campaign labelled."), ("pool", "Not changed")):
        assert told in ask(anna, f"{REVIEW}@0", what="label", label=label, sure="yes")


@pytest.mark.parametrize("chosen", [f"{ACT}@0", f"{ACT}@0@", f"{ACT}@0@{'0' * 32}", f"{ACT}@x@y", "@@@", "no-such@0@1"])
def test_nobody_is_hit_who_was_not_counted(scene: Scene, chosen: str) -> None:
    anna, before = scene.reader("anna"), acted(scene)
    assert "0 campaigns acted on." in ask(anna, chosen, sure="yes")
    assert (status(scene), acted(scene)) == (["new", "new", "new"], before)


def test_what_is_no_action_is_refused_for_each(scene: Scene) -> None:
    anna = scene.reader("anna")
    for wrong in ({"action": "shoot"}, {"told": "because"}, {"action": "", "days": ""}):
        text = ask(anna, f"{ACT}@0", **wrong)
        assert "Not changed" in text
    assert status(scene) == ["new", "new", "new"]


def test_revenue_is_read_where_the_accounts_file_declares_it(tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("account_id,monthly_revenue,name\n007,12.50,a\nb,none,b\nc,,c\nd,=1+1,d\ne,3,e\n", "utf-8")
    table = read_revenue(str(file))
    assert table is not None
    assert table.to_pydict() == {
        "account_id": ["007", "b", "c", "d", "e"],
        "monthly_revenue": [12.5, None, None, None, 3.0],
    }
    file.write_text("account_id,monthly_revenue\na,5\na,20\nb,33.333333333333336\n", "utf-8")
    table = read_revenue(str(file))
    assert table is not None
    assert sum_revenue(table, pa.array(["a", "b"])) == (pytest.approx(20 + 100 / 3), 2)
    file.write_text("account_id,plan\na,pro\n", "utf-8")
    missing = str(tmp_path / "none.csv")
    assert [read_revenue(one) for one in (str(file), "", missing, "postgresql://host/db", str(tmp_path))] == [None] * 5
    told = describe_customers(None, "", None, "USD")
    assert told == "revenue is not known: no accounts file has the columns account_id and monthly_revenue"
    numbers: list[tuple[pa.Array, list[float | None]]] = [
        (pa.array([100 / 3, 1e15, -1.0, float("nan"), float("inf")]), [100 / 3, 1e15, None, None, None]),
        (
            pa.array([Decimal("12.25"), None, Decimal("-1"), 0, 1], pa.decimal128(20, 9)),
            [12.25, None, None, 0, 1],
        ),
        (pa.array([3, 0, -1, None, 2], pa.int64()), [3, 0, None, None, 2]),
    ]
    for values, known in numbers:
        written = pa.table({"account_id": list("abcde"), "monthly_revenue": values})
        parquet.write_table(written, tmp_path / "accounts.parquet")
        table = read_revenue(str(tmp_path / "accounts.parquet"))
        assert table is not None
        assert table["monthly_revenue"].to_pylist() == known
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    assert read_revenue(str(tmp_path / "broken.parquet")) is None
