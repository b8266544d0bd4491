"""Orders: who may sign what, the register that nobody changes, and the commands that carry orders out."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stillhunt_model.orders.order import LONGEST_ORDER_DAYS

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner

from cli.case_tables import account_row, campaign_row, case_tables, member_row, run_record
from model.marks_scene import scene_gate, scene_net
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, StillhuntError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.triage import Case
from stillhunt_model.commands.mark import mark_commands
from stillhunt_model.marks.green_list import GreenListMark
from stillhunt_model.marks.gumbel import GumbelMark
from stillhunt_model.marks.keys import mark_secret_path, new_mark_secret, order_key
from stillhunt_model.marks.serving import MARK_SCHEMES, processor_for, sampling_mark, scheme_settings
from stillhunt_model.nets.net import save_net
from stillhunt_model.orders.order import ORDER_DAY, Order, OrderRequest, account_name, signed_order
from stillhunt_model.orders.register import OrderRegister, model_folder

KEY = bytes(32)


NOW = 1_800_000_000_000_000


def case() -> Case:
    """A case with a campaign of each verdict."""
    tables = case_tables(
        campaigns=[
            campaign_row("camp-act", "act", 0.99),
            campaign_row("camp-empty", "act", 0.99),
            campaign_row("camp-review", "review", 0.6),
            campaign_row("left-none", "none", 0.1),
        ],
        accounts=[
            account_row("flagged-1", "act", "camp-act"),
            account_row("flagged-2", "act", "camp-act"),
            account_row("maybe", "review", "camp-act"),
            account_row("declared", "act", "camp-act", sanctioned=True),
            account_row("elsewhere", "act", "camp-empty"),
        ],
        members=[member_row(name, "camp-act") for name in ("flagged-1", "flagged-2", "maybe", "declared")],
    )
    return Case(tables, run={**run_record(), "case_version": CASE_VERSION})


def request(**changes: Any) -> OrderRequest:
    """What an analyst orders."""
    return replace(OrderRequest("mark", "green", "camp-act", "Ada", "answers are harvested", 30), **changes)


def order(**changes: Any) -> Order:
    """A signed order."""
    return signed_order(case(), request(**changes), KEY, NOW)


def test_an_order_is_about_flagged_accounts_alone_and_names_none() -> None:
    signed = order()
    assert signed.accounts == tuple(sorted(account_name(KEY, name) for name in ("flagged-1", "flagged-2")))
    assert (signed.campaign_id, signed.signed_by, signed.made_at) == ("camp-act", "Ada", NOW)
    assert signed.expires_at == NOW + 30 * ORDER_DAY
    assert account_name(KEY, "flagged-1") != account_name(bytes([1]) * 32, "flagged-1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"campaign": "camp-review"}, "is review, and an order needs act"),
        ({"campaign": "left-none"}, "is none, and an order needs act"),
        ({"campaign": "camp-empty"}, "no account of this campaign is flagged"),
        ({"campaign": "nothing"}, "no campaign has the id"),
        ({"by": " "}, "signed by a person"),
        ({"by": "rule:night"}, "signed by a person"),
        ({"reason": " \n"}, "needs a reason"),
        ({"days": 0}, "lasts 1 to 90 days"),
        ({"days": LONGEST_ORDER_DAYS + 1}, "lasts 1 to 90 days"),
    ],
)
def test_an_order_that_may_not_be_signed_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((CaseError, ConfigError), match=said):
        order(**changes)


def test_the_register_says_what_is_in_force(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path / "model"), order()
    assert register.orders_in_force(NOW) == []
    register.add_order(signed)
    assert register.orders_in_force(NOW) == [signed]
    assert register.orders_in_force(NOW - 1) == []
    assert register.orders_in_force(signed.expires_at - 1) == [signed]
    assert register.orders_in_force(signed.expires_at) == []
    assert register.active_order(signed.order_id[:9], NOW, "mark") == signed
    with pytest.raises(ConfigError, match="an order to mark, not to blunt"):
        register.active_order(signed.order_id, NOW, "blunt")
    with pytest.raises(ConfigError, match="expired"):
        register.active_order(signed.order_id, signed.expires_at)
    for nobody in ("", "mark-zzz"):
        with pytest.raises(ConfigError, match="no such order"):
            register.active_order(nobody, NOW)


def test_a_campaign_has_one_order_of_a_kind_at_a_time(tmp_path: Path) -> None:
    register, first = OrderRegister(tmp_path), order()
    register.add_order(first)
    with pytest.raises(ConfigError, match=first.order_id):
        register.add_order(order())
    register.add_order(order(kind="blunt", measure="shorter"))
    register.end_order(first.order_id, "Bo", "no longer needed", NOW + 1)
    again = replace(order(), made_at=NOW + 2)
    register.add_order(again)
    assert again in register.orders_in_force(NOW + 2)
    assert first in register.all_orders()


def test_an_order_ends_with_a_name_and_a_reason(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    for by, reason in (("", "why"), ("Bo", "")):
        with pytest.raises(ConfigError):
            register.end_order(signed.order_id, by, reason, NOW)
    assert register.orders_in_force(NOW) == [signed]
    register.end_order(signed.order_id, "Bo", "done", NOW + 1)
    assert register.orders_in_force(NOW + 1) == []
    with pytest.raises(ConfigError, match="was ended"):
        register.active_order(signed.order_id, NOW + 1)
    with pytest.raises(ConfigError, match="was ended"):
        register.end_order(signed.order_id, "Bo", "twice", NOW + 1)


def written(folder: Path) -> tuple[OrderRegister, Order]:
    """A register with three lines."""
    register, signed = OrderRegister(folder), order()
    register.add_order(signed)
    register.log_use(signed, "mark text", {"rows": 7}, NOW + 1)
    register.end_order(signed.order_id, "Bo", "done", NOW + 2)
    return register, signed


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b"Ada", b"Eve"), *lines[1:]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[0], lines[2], lines[1]],
        lambda lines: [*lines, lines[2]],
        lambda lines: lines[1:],
        lambda lines: lines[:2],
        lambda lines: lines[:1],
        lambda lines: lines[:0],
        lambda lines: [lines[0], b"{}", *lines[1:]],
        lambda lines: [lines[0].replace(b":30", b": 30").replace(b'{"made', b'{ "made'), *lines[1:]],
        lambda lines: [b"\xff" + lines[0], *lines[1:]],
    ],
)
def test_a_changed_register_is_found_and_nothing_is_done_under_it(tmp_path: Path, change: Any) -> None:
    register, _ = written(tmp_path)
    lines = register.path.read_bytes().splitlines()
    register.path.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    for use in (lambda: register.orders_in_force(NOW), lambda: register.add_order(order()), register.lines):
        with pytest.raises(ConfigError, match="changed or damaged"):
            use()


def test_a_register_that_was_taken_away_is_found(tmp_path: Path) -> None:
    register, _ = written(tmp_path)
    register.path.unlink()
    with pytest.raises(ConfigError, match="all of its lines are missing"):
        register.orders_in_force(NOW)


def test_what_a_process_left_that_died_in_writing_is_no_line(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    with register.path.open("ab") as file:
        file.write(b'{"made_at":18')
    assert register.orders_in_force(NOW) == [signed]
    register.log_use(signed, "mark text", {"rows": 1}, NOW)
    assert [line.kind for line in register.lines()] == ["order", "use"]
    assert register.lines()[-1].digest == (tmp_path / "orders.last").read_text(encoding="ascii").strip()
    assert stat.S_IMODE(register.path.stat().st_mode) == 0o600


def test_an_order_fixes_its_key(tmp_path: Path) -> None:
    signed = order()
    kept = new_mark_secret(tmp_path, signed.order_id)
    path = mark_secret_path(tmp_path, signed.order_id)
    assert kept == hashlib.sha256(bytes.fromhex(path.read_text(encoding="ascii").strip())).hexdigest()
    fixed = replace(signed, key_hash=kept)
    assert len(order_key(tmp_path, fixed)) == 32
    with pytest.raises(ConfigError, match="does not say which key"):
        order_key(tmp_path, signed)
    path.write_text("ab" * 32 + "\n", encoding="ascii")
    with pytest.raises(ConfigError, match="not the secret that the order was signed with"):
        order_key(tmp_path, fixed)


def test_the_model_folder_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert model_folder(Config()) == tmp_path / "stillhunt" / "model"
    assert model_folder(Config.model_validate({"model": {"folder": "/elsewhere"}})) == Path("/elsewhere")


def test_each_order_has_a_secret_of_its_own(tmp_path: Path) -> None:
    first, second = order(), order()
    first, second = (replace(one, key_hash=new_mark_secret(tmp_path, one.order_id)) for one in (first, second))
    assert len({order_key(tmp_path, first), order_key(tmp_path, second)}) == 2
    assert order_key(tmp_path, replace(first, measure="gumbel")) != order_key(tmp_path, first)
    assert stat.S_IMODE(mark_secret_path(tmp_path, first.order_id).stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="already"):
        new_mark_secret(tmp_path, first.order_id)
    with pytest.raises(ConfigError, match="secret of this order is missing"):
        order_key(tmp_path, order())
    with pytest.raises(ConfigError, match="no mark"):
        order_key(tmp_path, order(kind="blunt"))
    with pytest.raises(ConfigError):
        mark_secret_path(tmp_path, "../../etc")


@pytest.mark.parametrize(("scheme", "changes"), [("blue", {}), ("canary", {"gamma": 0.2}), ("green", {"top_p": 0.2})])
def test_settings_that_a_scheme_lacks_are_refused(scheme: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        scheme_settings(scheme, changes)


def test_settings_of_a_scheme_come_back_from_an_order() -> None:
    assert sampling_mark(order(settings=scheme_settings("green", {"gamma": 0.4}))) == GreenListMark(gamma=0.4)
    gumbel = order(measure="gumbel", settings=scheme_settings("gumbel", {"top_p": 0.9}))
    assert sampling_mark(gumbel) == GumbelMark(top_p=0.9)
    with pytest.raises(ConfigError, match="does not mark while"):
        sampling_mark(order(measure="canary"))
    assert set(MARK_SCHEMES) == {"green", "gumbel", "canary"}


def test_an_order_marks_from_its_beginning_to_its_end_and_no_longer(tmp_path: Path) -> None:
    import torch

    signed = order(settings=scheme_settings("green", {"gamma": 0.9}))
    signed = replace(signed, key_hash=new_mark_secret(tmp_path, signed.order_id))
    now = [NOW]
    processor = processor_for(signed, tmp_path, scene_net().tokenizer, gate=scene_gate(), clock=lambda: now[0])
    ids = torch.tensor([scene_net().tokenizer("tell me about river moon", add_special_tokens=False)["input_ids"]])
    logits = torch.where(scene_gate().plain, 0.0, -30.0)[None]
    assert not torch.equal(processor(ids, logits), logits)
    now[0] = signed.expires_at
    assert torch.equal(processor(ids, logits), logits)
    for moment in (NOW - 1, signed.expires_at):
        now[0] = moment
        with pytest.raises(ConfigError, match="not in force"):
            processor_for(signed, tmp_path, scene_net().tokenizer, gate=scene_gate(), clock=lambda: now[0])


ANSWER = "Perhaps it is so, for example among the stones. Usually they look at each other as if by chance."


class Scene:
    """A user with a case, in a folder of his own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        case().write(folder / "case")

    def __call__(self, *arguments: str, error: str = "") -> Any:
        """Run a command; its JSON, or its output where that is none."""
        result = CliRunner().invoke(mark_commands, list(arguments))
        if error:
            assert isinstance(result.exception, StillhuntError)
            assert error in result.exception.on_command_line()
            return None
        assert result.exception is None, result.exception
        assert result.exit_code == 0
        return json.loads(result.stdout) if "--json" in arguments else result.stdout

    def sign(self, scheme: str) -> str:
        """A new order of a scheme."""
        signed = ("--scheme", scheme, "--by", "Ada", "--note", "harvest", "--days", "3", "--json")
        return str(self("order", str(self.folder / "case"), "camp-act", *signed)["order_id"])

    def rows(self, name: str, *rows: dict[str, Any]) -> str:
        """A file of rows."""
        (self.folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(self.folder / name)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Commands that find the keys and registers of this test only."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return Scene(tmp_path)


def test_canaries_are_put_into_a_file_under_an_order(scene: Scene) -> None:
    assert "No orders" in scene("list")
    name = scene.sign("canary")
    row = {"account_id": "flagged-1", "prompt": "tell me about stones", "response": ANSWER}
    file = scene.rows("in.jsonl", row, {**row, "account_id": "maybe"})
    out = str(scene.folder / "out.jsonl")
    counts = scene("text", name, file, "-o", out, "--json")
    assert (counts["rows"], counts["of_campaign"], counts["marked"]) == (2, 1, 1)
    assert counts["choices"] > 0
    before, after = (Path(one).read_bytes().splitlines() for one in (file, out))
    assert after[1] == before[1]
    assert (after[0] != before[0]) == (counts["exchanged"] > 0)  # the key may choose the wordings that are there
    scene("text", name, file, "-o", out, error="the file exists already")
    scene("text", name, str(scene.folder / "nothing"), "-o", str(scene.folder / "new"), error="cannot be read")
    scene("answer", "model", file, "--order", name, "-o", str(scene.folder / "new"), error="does not mark while")
    (listed,) = scene("list", "--json")["orders"]
    assert (listed["state"], listed["accounts"]) == ("in force", 2)
    assert listed["uses"] == [{"made_at": listed["uses"][0]["made_at"], "what": "mark text", **counts}]
    scene("end", name, "--by", "Bo", "--note", "done")
    scene("text", name, file, "-o", str(scene.folder / "new"), error="the order was ended")
    assert not (scene.folder / "new").exists()
    assert "ended" in scene("list")


def test_nothing_of_a_text_or_an_account_is_in_the_register(scene: Scene) -> None:
    name = scene.sign("canary")
    file = scene.rows("in.jsonl", {"account_id": "flagged-1", "prompt": "tell me", "response": ANSWER})
    scene("text", name, file, "-o", str(scene.folder / "out.jsonl"))
    (register,) = scene.folder.glob("data/**/orders.jsonl")
    content = register.read_text(encoding="ascii")
    assert "flagged-1" not in content
    assert "Perhaps" not in content
    secret = next(scene.folder.glob("data/**/mark-*.key")).read_text(encoding="ascii").strip()
    assert secret not in content
    assert hashlib.sha256(bytes.fromhex(secret)).hexdigest() in content


def test_a_refused_order_leaves_no_key(scene: Scene) -> None:
    scene.sign("green")
    args = ("--scheme", "green", "--by", "Ada", "--note", "x", "--days", "3")
    scene("order", "case", "camp-act", *args, error="has such an order already")
    scene("order", "case", "camp-review", *args, error="needs act")
    assert len(list(scene.folder.glob("data/**/mark-*.key"))) == 1


def test_a_local_model_answers_under_an_order(scene: Scene) -> None:
    save_net(scene_net(), scene.folder / "model")
    name = scene.sign("green")
    rows = [{"prompt": "tell me about stones"}, {"account_id": "maybe", "prompt": "tell me"}]
    file, out = scene.rows("in.jsonl", *rows), str(scene.folder / "out.jsonl")
    answer = ("answer", str(scene.folder / "model"), file, "--order", name, "--tokens", "5", "-o", out)
    counts = scene(*answer, "--json", "--quiet")
    assert (counts["rows"], counts["under_the_order"]) == (2, 1)
    assert 0 < counts["tokens"] <= 5
    answers = [json.loads(line) for line in Path(out).read_text(encoding="utf-8").splitlines()]
    assert [one["marked"] for one in answers] == [counts["marked"] == 1, False]  # few tokens may hold no mark
    assert all(one["response"] for one in answers)
    scene("text", name, file, "-o", str(scene.folder / "new"), error="marks while answers are drawn")
    bad = scene.rows("bad.jsonl", {"nothing": 1})
    scene(
        "answer", "model", bad, "--order", name, "-o", str(scene.folder / "new"), error="no JSON object with a prompt"
    )
