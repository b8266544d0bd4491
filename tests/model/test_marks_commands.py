"""Commands of the standing mark: keys, groups, marked answers, and the detector, as a user runs them."""

from __future__ import annotations

import json
import random
import stat
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner

from cli.case_tables import account_row, campaign_row, case_tables, member_row, run_record
from model.marks_scene import WORDS, scene_net
from stillhunt.base.errors import StillhuntError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.cli.app import app
from stillhunt.triage import Case
from stillhunt_model.marks.standing import Layer
from stillhunt_model.nets.net import Net, save_net
from stillhunt_model.nets.tiny import TinySize, tiny_net
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

PROMPTS = [f"tell me about{first}{second}" for first in WORDS[:6] for second in WORDS[6:12]]


@cache
def word_net() -> Net:
    """A model that has learned to say words in any order."""
    net, source = tiny_net(TinySize(32, 1, 2, longest=128), scene_net().tokenizer, 0), random.Random(0)
    pairs = [TextPair(one, "".join(source.choices(WORDS, k=24))) for one in PROMPTS * 4]
    train(net, pairs, TrainingRecipe(40, batch=16, learning_rate=1e-2))
    return net


class MarkScene:
    """A folder with a case of two campaigns and a model, and the commands."""

    def __init__(self, folder: Path) -> None:
        members = {"17": "camp-1", "a\ufffd7;b": "camp-1", "other": "camp-2"}
        tables = case_tables(
            campaigns=[campaign_row("camp-1", "act", 0.99), campaign_row("camp-2", "review", 0.6)],
            accounts=[account_row(name, "act", campaign) for name, campaign in members.items()],
            members=[member_row(name, campaign) for name, campaign in members.items()],
        )
        Case(tables, run={**run_record(), "case_version": CASE_VERSION}).write(folder / "case")
        save_net(word_net(), folder / "model")

    def __call__(self, *arguments: str, error: str = "") -> Any:
        """What a command printed: its document, or its lines."""
        result = CliRunner().invoke(app, ["model", *arguments])
        if error:
            assert isinstance(result.exception, StillhuntError), result.output
            assert error in result.exception.on_command_line()
            return None
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout) if "--json" in arguments else result.stdout + result.stderr

    def answers(self, account: object, out: str) -> str:
        """Marked answers to an account."""
        write_rows(*({"prompt": one, "account_id": account} for one in PROMPTS))
        self("mark", "answer", "model", "in.jsonl", "--tokens", "32", "--batch", "64", "-o", out, "--quiet")
        return out


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MarkScene:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("STILLHUNT_DOSSIER__KEYS", str(tmp_path / "keys"))
    # in a language of twenty words each pair of two words is said soon, whoever says it
    monkeypatch.setattr("stillhunt_model.marks.keys.GROUP_LAYER", Layer(2, 4))
    monkeypatch.chdir(tmp_path)
    return MarkScene(tmp_path)


def write_rows(*rows: dict[str, Any], start: bytes = b"") -> None:
    """The file of rows."""
    Path("in.jsonl").write_bytes(start + b"".join(json.dumps(row).encode() + b"\n" for row in rows))


def test_a_text_says_that_it_is_marked_and_of_which_campaign(scene: MarkScene) -> None:
    said = scene("mark", "keys", "-o", "public.json")
    assert json.loads(Path("public.json").read_text(encoding="utf-8"))["secret_sha256"] in said
    assert scene("mark", "groups", "case", "--json") == {"camp-1": 2, "camp-2": 1}
    assert scene("mark", "groups", "case", "--json") == {"camp-1": 0, "camp-2": 0}
    out = scene.answers(17, "out.jsonl")
    found = scene("detect", out, "--model", "model", "--groups", "--json")
    assert found["marked"]
    assert [one["group"] for one in found["groups"] if one["corrected"] < 1e-5] == ["camp-1"]
    assert len(found["groups"]) == 3
    (public,) = (scene("detect", out, "--model", "model", "--key", "public.json", "--json"),)
    assert (public["p"], "groups" in public) == (found["p"], False)
    assert "The mark is there: p = " in scene("detect", out, "--model", "model")
    assert "camp-1" in scene("detect", out, "--model", "model", "--groups")
    gated = scene("detect", out, "--model", "model", "--entropy", "--json")
    assert gated["marked"]
    assert gated["words"] <= found["words"]


def test_a_plain_text_is_not_called_marked(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    Path("a.txt").write_text("".join(WORDS) * 3, encoding="utf-8")
    assert "No mark found" in scene("detect", "a.txt", "--model", "model")
    Path("empty.txt").write_bytes(b"")
    assert scene("detect", "empty.txt", "--model", "model", "--json")["p"] == 1
    Path("hostile.jsonl").write_bytes(json.dumps({"text": "\ud800\x1b[31m" + "a" * 1000}).encode() + b"\n\n")
    assert scene("detect", "hostile.jsonl", "--model", "model", "--json")["texts"] == 1


def test_what_is_no_text_is_refused(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a.txt", "a" * 1_000_000)
    for name, content in {"a.txt": "text".encode("utf-16"), "a.jsonl": b"\0"}.items():
        Path(name).write_bytes(content)
    for name in ("bomb.zip", "a.txt", "a.jsonl"):
        scene("detect", name, "--model", "model", error="this is no text")


def test_a_text_that_never_ends_is_read_in_pieces(scene: MarkScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene("mark", "keys", "-o", "public.json")
    Path("a.txt").write_text("".join(random.Random(0).choices(WORDS, k=200)), encoding="utf-8")
    whole = scene("detect", "a.txt", "--model", "model", "--json")
    monkeypatch.setattr("stillhunt_model.commands.detect._LONGEST_PIECE", 400)
    pieces = scene("detect", "a.txt", "--model", "model", "--json")
    assert pieces["texts"] == whole["texts"] == 1
    assert 0.7 < pieces["words"] / whole["words"] < 1


def test_groups_that_are_not_shown_are_counted(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    scene("mark", "groups", "case")
    names = {f"{number:016x}": f"camp-{number}\ud800\x1b[31m" for number in range(60)}
    Path("data/stillhunt/model/mark_groups.json").write_text(json.dumps(names), encoding="utf-8")
    Path("a.txt").write_text("".join(WORDS), encoding="utf-8")
    said = scene("detect", "a.txt", "--model", "model", "--groups")
    assert "21 more groups have larger ones; --json lists all of them." in " ".join(said.split())
    assert "\x1b" not in said
    assert len(scene("detect", "a.txt", "--model", "model", "--groups", "--json")["groups"]) == 61


def test_a_public_key_of_another_secret_is_not_joined_with_ours(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    Path("keys/marks/standing.key").write_text("1" * 64 + "\n", encoding="ascii")
    Path("a.txt").write_text("text", encoding="utf-8")
    scene("detect", "a.txt", "--model", "model", "--key", "public.json")
    scene("detect", "a.txt", "--model", "model", "--key", "public.json", "--groups", error="not belong to your secret")
    Path("keys/marks/standing.key").write_text("1" * 63, encoding="ascii")
    scene("detect", "a.txt", "--model", "model", error="64 hexadecimal digits are expected")
    row = json.loads(Path("public.json").read_text(encoding="utf-8"))
    for changed in ({"width": float("inf")}, {"rounds": 17}, {"key": 7}, {"version": 2}):
        Path("public.json").write_text(json.dumps(row | changed), encoding="utf-8")
        scene("detect", "a.txt", "--model", "model", "--key", "public.json", error="no public key of a mark")


def test_what_is_missing_or_damaged_is_said(scene: MarkScene) -> None:
    Path("a.txt").write_text("text", encoding="utf-8")
    scene("detect", "a.txt", "--model", "model", error="there is no secret of a standing mark")
    write_rows({"prompt": "tell me"})
    scene("mark", "answer", "model", "in.jsonl", "-o", "out.jsonl", error="'stillhunt model mark keys' makes one")
    Path("bad.json").write_text('{"version": 1, "key": "00"}', encoding="utf-8")
    scene("detect", "a.txt", "--model", "model", "--key", "bad.json", error="no public key of a mark")
    scene("mark", "keys", "-o", "public.json")
    scene("mark", "keys", "-o", "public.json", error="the file exists already")
    scene("detect", "a.txt", "--model", "nothing", error="the tokenizer cannot be read")
    scene("detect", "in.jsonl", "--model", "model", error="no JSON object with a text")
    scene("detect", "nothing.txt", "--model", "model", error="cannot be read")
    (groups,) = [Path("data/stillhunt/model/mark_groups.json")]
    scene("mark", "groups", "case")
    groups.write_text("[]", encoding="utf-8")
    scene("detect", "a.txt", "--model", "model", error="groups of accounts cannot be read")
    groups.unlink()
    scene("mark", "groups", "case")
    Path("keys/pseudonyms.key").unlink()  # with a new one all accounts would be among the others
    scene("detect", "a.txt", "--model", "model", error="the key is gone")
    scene("mark", "groups", "case", error="the key is gone")


def test_the_secret_stays_and_the_public_file_does_not_have_it(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    first = Path("public.json").read_text(encoding="utf-8")
    scene("mark", "keys", "-o", "public.json", "--force")
    assert Path("public.json").read_text(encoding="utf-8") == first
    (secret,) = Path("keys").glob("**/standing.key")
    assert secret.read_text(encoding="ascii").strip() not in first
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    scene("mark", "groups", "case")
    assert "other" not in Path("data/stillhunt/model/mark_groups.json").read_text(encoding="utf-8")


def test_rows_come_back_with_answers_and_in_their_order(scene: MarkScene) -> None:
    scene("mark", "keys", "-o", "public.json")
    rows: list[dict[str, Any]] = [
        {"prompt": "tell me about the river and the moon and the stone", "x": "\ud800"},
        {"prompt": "tell me", "account_id": 17},
        {"prompt": "\ud800", "account_id": 17},
        {"prompt": "tell me about the moon", "account_id": None},
    ]
    write_rows(*rows, start=b"\xef\xbb\xbf")
    scene("mark", "answer", "model", "in.jsonl", "--tokens", "5", "--batch", "2", "-o", "out.jsonl", "--quiet")
    made = [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]
    assert [one["prompt"] for one in made] == [one["prompt"] for one in rows]
    assert ["response" in one for one in made] == [True, True, False, True]
    write_rows({"nothing": 1})
    scene("mark", "answer", "model", "in.jsonl", "-o", "new.jsonl", error="no JSON object with a prompt")
