"""`stillhunt model prove` as a user runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from typer.testing import CliRunner, Result

from model.damage_world import CAMPAIGN, write_case, write_log
from model.model_server import serve_net
from model.prove_scene import as_line, fingerprint, prove_scene
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.app import app
from stillhunt_evidence.keys.folder import pseudonyms_key
from stillhunt_model.marks.keys import GROUPS_FILE, new_standing_secret
from stillhunt_model.nets.loading import load_net
from stillhunt_model.proof.suspects import weights_fingerprint
from stillhunt_model.proof.trials import TRIALS_FILE
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer, texts_digest

pytestmark = pytest.mark.usefixtures("remembers_frozen_models")
CLI = CliRunner()
KEY = "sk-very-long-31"


@pytest.fixture(autouse=True)
def _settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("FOLDER", str(tmp_path / "model")), ("PAIRS", "5"), ("ALPHA", "0.01"), ("THREADS", "1")):
        monkeypatch.setenv(f"STILLHUNT_MODEL__{name}", value)
    monkeypatch.setenv("STILLHUNT_DOSSIER__KEYS", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)


def ask(suspect: str, *words: object) -> Result:
    folder = prove_scene().folder
    fixed = ["model", "prove", suspect, "--teacher", folder / "teacher", "--out", "p.json"]
    files = ("--harvest", folder / "harvest.jsonl", "--honest", folder / "honest.jsonl")
    given = () if "--responses" in words else files
    return CLI.invoke(app, [str(one) for one in (*fixed, *given, *words)])


def refusal(suspect: str, *words: object) -> str:
    done = ask(suspect, *words)
    assert isinstance(done.exception, StillhuntError), done.output
    return done.exception.on_command_line()


def test_a_student_is_concluded_about_with_exit_code_3(tmp_path: Path) -> None:
    student = str(prove_scene().folder / "student")
    done = ask(student, "--campaign", "c-1", "--queries", "300")
    assert done.exit_code == 3, done.output
    assert "student was trained on the harvest of c-1" in done.stdout
    assert "What it does not show" in done.stdout
    for line in (
        "Answers that are asked about, c-1: 32 harvested answers",
        "Answers to honest accounts, to compare: 32",
        "Budget: at most 300 queries",
        "Register: 5 of 5 places left; this uses at most 1",
        "p-value 0.01, which is 0.002",
    ):
        assert line in done.stderr
    found = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert (found["named"], found["queries"], found["pairs"]) == ("c-1", 300, 5)
    assert found["suspect"]["name"] == "student"
    entries = [json.loads(line) for line in (tmp_path / "model" / TRIALS_FILE).read_text(encoding="utf-8").splitlines()]
    (campaign,) = found["campaigns"]
    assert entries[1]["answers_sha256"] == campaign["answers_sha256"] == texts_digest(prove_scene().answers["c-1"])
    assert entries[1]["honest_sha256"] == campaign["honest_sha256"] == texts_digest(prove_scene().honest)
    assert entries[1]["teacher"] == found["teacher"]["fingerprint"]
    assert (entries[1]["references"], entries[1]["seed"]) == ([], found["seed"])
    assert str(tmp_path) not in json.dumps(found)
    assert str(prove_scene().folder) not in json.dumps(found)
    assert "exists already" in refusal(student)
    done = ask(student, "--campaign", "c-2", "--force", "--json", "--quiet")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert done.stdout == (tmp_path / "p.json").read_text(encoding="utf-8")
    assert json.loads(done.stdout)["named"] == ""
    assert "3 of 5 places left" in ask(student, "--campaign", "c-2", "--force").stderr
    assert "2 of 5 places left, and 2 are needed" not in refusal(student, "--force", "--teacher", student)


def test_the_logs_of_a_case_have_harvested_and_honest_answers(tmp_path: Path) -> None:
    scene = prove_scene()
    named = [(f"member-{place % 4}", one) for place, one in enumerate(scene.answers["c-1"])]
    named += [(f"customer-{place}", one) for place, one in enumerate(scene.honest)]
    rows = logged(named)
    case, logs = write_case(tmp_path / "case", rows), write_log(tmp_path / "log.jsonl", rows)
    student = str(scene.folder / "student")
    done = ask(student, "--case", case, "--responses", logs, "--queries", "300")
    assert done.exit_code == 3, done.output
    assert f"{CAMPAIGN}: 32 of 32 harvested requests" in done.stderr
    assert "Answers to honest accounts, to compare: 32" in done.stderr
    (campaign,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["campaigns"]
    assert (campaign["honest"], campaign["requests"]) == (32, 32)
    assert "answers to honest accounts p =" in campaign["tests"][-1]["note"]
    harvested = [as_line(one, campaign_id=CAMPAIGN) for one in scene.answers["c-1"]]
    (tmp_path / "h.jsonl").write_text("".join(harvested), encoding="utf-8")
    (tmp_path / "o.jsonl").write_text("".join(map(as_line, scene.answers["c-1"])), encoding="utf-8")
    files = ("--harvest", tmp_path / "h.jsonl", "--honest", tmp_path / "o.jsonl", "--case", case, "--force")
    words = ("model", "prove", student, "--teacher", scene.folder / "teacher", "-o", "q", *files)
    done = CLI.invoke(app, [str(one) for one in words])
    assert "32 of the honest answers were harvested, such as r0" in str(done.exception)


def logged(rows: Sequence[tuple[str, HarvestedAnswer]]) -> list[dict[str, object]]:
    """Rows of a log: account, and what it asked and got."""
    return [
        {
            "request_id": one.request_id,
            "timestamp": f"2026-03-01T12:{place % 60:02}:00Z",
            "account_id": account,
            "model": "big-1",
            "prompt": one.prompt,
            "response": one.answer,
            "temperature": one.temperature,
            "max_tokens": one.max_tokens,
        }
        for place, (account, one) in enumerate(rows)
    ]


def test_one_command_asks_an_endpoint_by_what_the_logs_have(tmp_path: Path) -> None:
    """A served teacher, a key and the logs: what honest people wrote about themselves is not sent."""
    scene = prove_scene()
    named = [(f"member-{place % 4}", one) for place, one in enumerate(scene.answers["c-1"])]
    private = replace(scene.honest[0], prompt="write to anna.schmidt@example.org")
    named += [(f"customer-{place}", one) for place, one in enumerate((private, *scene.honest[1:]))]
    case, logs = write_case(tmp_path / "case", logged(named)), write_log(tmp_path / "log.jsonl", logged(named))
    with serve_net(scene.teacher) as teacher, serve_net(scene.student) as served:
        words = ["model", "prove", served.url, "--model-name", "s", "--case", case, "--responses", logs]
        done = CLI.invoke(app, [str(one) for one in words])
        said = str(done.exception)
        assert "a server of the suspect or of the teacher gets prompts of honest accounts" in said
        assert "control answers come from the teacher or from a file" in said  # all at once
        assert not served.asked
        local = [*words[:2], scene.folder / "student", *words[5:], "--teacher", teacher.url, "--teacher-name", "t"]
        done = CLI.invoke(app, [str(one) for one in local])
        assert "gets prompts of honest accounts" in str(done.exception)  # a served teacher alone is enough
        assert not teacher.asked
        words += ["--teacher", teacher.url, "--teacher-name", "t", "--honest-from-logs", "--queries", "240"]
        done = CLI.invoke(app, [str(one) for one in words])
        sent = json.dumps([served.bodies, teacher.bodies])
    assert done.exit_code == 3, done.output
    assert "Honest answers left out: names, addresses, numbers or secrets in 1" in done.stderr
    assert f"are sent to this endpoint and t at {teacher.url}, and to nobody else" in " ".join(done.stderr.split())
    assert "anna.schmidt" not in sent
    found = json.loads((tmp_path / "proof.json").read_text(encoding="utf-8"))
    assert found["teacher"]["name"] == "t"
    assert teacher.url.partition("://")[2] not in json.dumps(found)


def test_what_a_proof_needs_is_made_from_logs(tmp_path: Path) -> None:
    scene = prove_scene()
    named = [(f"member-{place % 4}", one) for place, one in enumerate(scene.answers["c-1"][:16])]
    others = scene.honest[:20]
    private = [replace(others[0], answer="call +49 30 1234567 today"), replace(others[1], answer="word " * 5000)]
    seeded = replace(scene.answers["c-1"][0], other_settings="seed")
    named[0] = ("member-0", seeded)
    rows = logged(named + [(f"customer-{place}", one) for place, one in enumerate([*private, *others[2:]])])
    rows[0]["seed"] = 7
    case, logs = write_case(tmp_path / "case", rows), write_log(tmp_path / "log.jsonl", rows)
    words = ("model", "prepare", tmp_path / "made", "--case", case, "--responses", logs)
    done = CLI.invoke(app, [str(one) for one in words])
    assert done.exit_code == 0, done.output
    assert "harvest.jsonl: 16 answers" in done.stdout
    kept = [json.loads(line) for line in (tmp_path / "made" / "honest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert f"honest.jsonl: {len(kept)} answers" in done.stdout
    assert {one["request_id"] for one in kept}.isdisjoint(row["request_id"] for row in rows[:16])
    assert not [one for one in kept if "call +49" in one["response"] or len(one["response"]) > 20_000]
    for reason in ("names, addresses, numbers or secrets in 1", "longer than 20,000 characters in 1"):
        assert reason in done.stdout
    assert "reference: not made: there are 9 other honest answers, and 16 are needed" in done.stdout
    harvested = (tmp_path / "made" / "harvest.jsonl").read_text(encoding="utf-8")
    assert '"seed": "as logged"' in harvested
    files = ("--harvest", tmp_path / "made" / "harvest.jsonl", "--honest", tmp_path / "made" / "honest.jsonl")
    asked = ("model", "prove", scene.folder / "student", "--teacher", scene.folder / "teacher", "--case", case, *files)
    done = CLI.invoke(app, [str(one) for one in asked])
    assert done.exit_code in (0, 3), done.output
    assert "seed in 1" in done.stderr
    assert "there is something already" in str(CLI.invoke(app, [str(one) for one in words]).exception)


@pytest.mark.parametrize("base", [(), ("--base", "stranger")])
def test_a_reference_learns_honest_answers_that_are_not_compared(tmp_path: Path, base: tuple[str, ...]) -> None:
    scene = prove_scene()
    named = [(f"member-{place % 4}", one) for place, one in enumerate(scene.answers["c-1"])]
    named += [(f"customer-{place}", one) for place, one in enumerate((*scene.answers["c-2"], *scene.honest))]
    case, logs = write_case(tmp_path / "case", logged(named)), write_log(tmp_path / "log.jsonl", logged(named))
    given = [str(scene.folder / one) if one == "stranger" else one for one in base]
    words = ("model", "prepare", tmp_path / "made", "--case", case, "--responses", logs, "--quiet", *given)
    done = CLI.invoke(app, [str(one) for one in words])
    assert done.exit_code == 0, done.output
    assert "reference: learned 30 other honest answers" in done.stdout
    names = load_net(tmp_path / "made" / "reference").tokenizer.get_vocab()
    assert (names == scene.stranger.tokenizer.get_vocab()) == bool(base)
    assert weights_fingerprint(tmp_path / "made" / "reference") != fingerprint("stranger")


def test_an_endpoint_gets_its_key_and_nobody_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", KEY)
    with serve_net(prove_scene().student, key=KEY) as served:
        words = ("--model-name", "their-model", "--api-key-env", "THEIR_KEY", "--campaign", "c-1", "--queries", "240")
        done = ask(served.url, *words)
        assert len(served.asked) <= 240
    assert done.exit_code == 3, done.output
    assert "are sent to this endpoint, and to nobody else" in done.stderr
    written = [path.read_text(encoding="utf-8", errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert KEY not in "".join([done.output, *written])
    assert json.loads(written[0] if "suspect" in written[0] else (tmp_path / "p.json").read_text(encoding="utf-8"))
    assert "their-model at http://127.0.0.1" in (tmp_path / "p.json").read_text(encoding="utf-8")


def test_completions_take_the_form_in_which_the_suspect_was_taught(tmp_path: Path) -> None:
    with serve_net(prove_scene().stranger) as served:
        form = ("--prompt-form", r"<|user|>{prompt}\n<|assistant|>")
        done = ask(served.url, "--model-name", "m", "--campaign", "c-1", "--queries", "60", *form)
    assert done.exit_code == 0, done.output
    harvested = {f"<|user|>{one.prompt}\n<|assistant|>" for one in prove_scene().answers["c-1"]}
    asked = [body["prompt"] for body in served.bodies]
    assert all(one.startswith("<|user|>") and "\n<|assistant|>" in one for one in asked)
    assert [one for one in asked if one.startswith(tuple(harvested))]


def test_what_is_missing_is_said_before_a_place_is_used(tmp_path: Path) -> None:
    student = str(prove_scene().folder / "student")
    assert "add --case CASE" in refusal(student, "--responses", "logs")
    assert "--case with --responses, or --harvest" in refusal(
        student, "--responses", "logs", "--harvest", prove_scene().folder / "harvest.jsonl"
    )
    assert "is not set" in refusal("http://127.0.0.1:9", "--model-name", "m", "--api-key-env", "NOT_THERE_31")
    assert "add --model-name NAME" in refusal("http://127.0.0.1:9")
    assert "write {prompt} once" in refusal(student, "--prompt-form", "nothing")
    assert "only an endpoint" in refusal(student, "--model-name", "m")
    assert "no user, password" in refusal("http://me:word@127.0.0.1:9", "--model-name", "m")
    assert "no such model folder" in refusal(str(tmp_path / "nothing"))
    assert "no harvested answer of c-9" in refusal(student, "--campaign", "c-9")
    assert "the suspect is the teacher" in refusal(str(prove_scene().folder / "teacher"))
    assert "not a case folder" in refusal(student, "--case", tmp_path)
    assert not (tmp_path / "model" / TRIALS_FILE).exists()
    assert not (tmp_path / "p.json").exists()


def test_an_endpoint_that_refuses_the_key_costs_no_place(tmp_path: Path) -> None:
    with serve_net(prove_scene().student, key=KEY) as served:
        said = refusal(served.url, "--model-name", "m", "--campaign", "c-1")
    assert "refuses the key" in said
    assert "no place in the register was used" in said
    assert not (tmp_path / "model" / TRIALS_FILE).exists()
    assert not (tmp_path / "p.json").exists()


def trials(*words: object) -> Result:
    return CLI.invoke(app, ["model", "trials", *map(str, words)])


def test_trials_are_listed_and_a_deleted_register_is_seen(tmp_path: Path) -> None:
    done = ask(str(prove_scene().folder / "student"), "--campaign", "c-1", "--queries", "100")
    (end,) = re.findall(r"register of trials ends with (3:[0-9a-f]{64})\.", done.stderr)
    done = trials("list")
    assert done.exit_code == 0, done.output
    assert "c-1" in done.stdout
    assert fingerprint("student")[:12] in done.stdout
    assert end in done.stderr
    (row,) = json.loads(trials("list", "--json").stdout)["trials"]
    (campaign,) = json.loads(Path("p.json").read_text(encoding="utf-8"))["campaigns"]
    assert (row["campaign"], row["result"]["verdict"]) == ("c-1", campaign["verdict"])
    assert "Whole: 3 entries with 1 trial." in trials("verify", "--expect", end).stdout
    assert json.loads(trials("verify", "--json").stdout)["trials"] == 1
    assert "this is no end of a register" in str(trials("verify", "--expect", "3").exception)
    assert "it had 9 entries and has 3" in str(trials("verify", "--expect", f"9{end[1:]}").exception)
    for path in (tmp_path / "model").glob("trials.*"):
        path.unlink()
    assert "it had 3 entries and has 0" in str(trials("list").exception)
    assert "it had 3 entries and has 0" in refusal(str(prove_scene().folder / "student"), "--force")


def test_a_limit_of_money_needs_a_price_and_is_said_before(tmp_path: Path) -> None:
    student = str(prove_scene().folder / "student")
    assert "give --max-usd with --price" in refusal(student, "--max-usd", "5", "--price", "1", "2")
    assert "give --max-usd with --price" in refusal("http://127.0.0.1:9", "--model-name", "m", "--max-usd", "5")
    money = ("--model-name", "m", "--queries", "50", "--max-usd", "0.5", "--price", "1000", "2000")
    done = ask("http://127.0.0.1:9", *money)
    assert re.search(r"Price: at most about [1-9]\.\d\d USD for 50 queries; it stops at 0\.50 USD", done.stderr)
    done = ask("http://127.0.0.1:9", *money[:2])
    assert "Price: at most about 0.23 million tokens in and 1.00 million out for 20,000 queries" in done.stderr


def harvest_file(folder: Path, **settings: object) -> Path:
    """The answers of the scene, with other settings."""
    lines = (prove_scene().folder / "harvest.jsonl").read_text(encoding="utf-8").splitlines()
    path = folder / "other.jsonl"
    path.write_text("\n".join(json.dumps({**json.loads(line), **settings}) for line in lines), encoding="utf-8")
    return path


def ask_with(harvest: Path, *words: object) -> Result:
    folder = prove_scene().folder
    given = ["--teacher", folder / "teacher", "--out", "p.json", "--harvest", harvest]
    given += ["--honest", folder / "honest.jsonl"]
    return CLI.invoke(app, [str(one) for one in ("model", "prove", folder / "student", *given, *words)])


@pytest.mark.parametrize("settings", [{"temperature": None}, {"temperature": 0.0}, {"system_prompt": "Be brief."}])
def test_no_place_is_used_where_no_test_can_run(tmp_path: Path, settings: dict[str, object]) -> None:
    done = ask_with(harvest_file(tmp_path, **settings))
    assert isinstance(done.exception, StillhuntError), done.output
    assert "no test can reach the bar for c-1: its accounts have no key of a mark" in done.exception.on_command_line()
    assert "no place in the register was used" in done.exception.on_command_line()
    assert not (tmp_path / "model" / TRIALS_FILE).exists()


def test_no_place_is_used_without_answers_to_honest_accounts(tmp_path: Path) -> None:
    student = str(prove_scene().folder / "student")
    (tmp_path / "none.jsonl").write_text("", encoding="utf-8")
    said = refusal(student, "--honest", tmp_path / "none.jsonl")
    assert "0 answers to honest accounts can be drawn again, where 4 are needed" in said
    assert "no place in the register was used" in said
    said = refusal(student, "--honest", prove_scene().folder / "harvest.jsonl")
    assert "line 1 has a campaign_id" in said
    logs = ("--responses", "logs", "--case", tmp_path, "--model-name", "m")
    assert "add --honest FILE" in refusal("http://127.0.0.1:9", *logs)
    assert not (tmp_path / "model" / TRIALS_FILE).exists()


def test_a_marked_campaign_is_asked_about_at_any_temperature(tmp_path: Path) -> None:
    new_standing_secret(tmp_path / "keys")
    pseudonyms_key(tmp_path / "keys")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / GROUPS_FILE).write_text('{"someone": "c-1"}', encoding="utf-8")
    done = ask_with(harvest_file(tmp_path, temperature=None), "--campaign", "c-1")
    assert done.exit_code in (0, 3), done.output
    done = ask_with(tmp_path / "other.jsonl", "--campaign", "c-2", "--force")
    assert "no test can reach the bar for c-2" in str(done.exception)


def test_settings_that_no_call_can_have_end_in_a_readable_error(tmp_path: Path) -> None:
    done = ask_with(harvest_file(tmp_path, temperature=-1.0))
    assert isinstance(done.exception, StillhuntError), done.output
    assert "line 1 has a temperature" in done.exception.on_command_line()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", 31),
        ("stop", ["\n"]),
        ("frequency_penalty", 0.5),
        ("top_k", 40),
        ("logit_bias", {"5": -100}),
        ("response_format", {"type": "json_object"}),
        ("tools", [{"type": "function"}]),
        ("a_field_of_tomorrow", 1),
    ],
)
def test_calls_with_other_settings_are_left_out_and_named(tmp_path: Path, field: str, value: object) -> None:
    done = ask_with(harvest_file(tmp_path, **{field: value}))
    assert isinstance(done.exception, StillhuntError), done.output
    said = done.exception.on_command_line()
    assert f"0 harvested answers can be drawn again, where 4 are needed at least; left out: {field} in 32" in said
    assert "no place in the register was used" in said
    honest = tmp_path / "honest.jsonl"
    honest.write_text("".join(as_line(one, **{field: value}) for one in prove_scene().honest), encoding="utf-8")
    said = refusal(str(prove_scene().folder / "student"), "--honest", honest)
    assert f"0 answers to honest accounts can be drawn again, where 4 are needed at least; left out: {field}" in said
    assert not (tmp_path / "model" / TRIALS_FILE).exists()


def test_one_call_with_a_seed_does_not_protect_a_campaign(tmp_path: Path) -> None:
    lines = (prove_scene().folder / "harvest.jsonl").read_text(encoding="utf-8").splitlines()
    seeded = [json.dumps({**json.loads(line), "seed": 7}) if place < 3 else line for place, line in enumerate(lines)]
    (tmp_path / "seeded.jsonl").write_text("\n".join(seeded), encoding="utf-8")
    done = ask_with(tmp_path / "seeded.jsonl", "--campaign", "c-1", "--queries", "300")
    assert done.exit_code == 3, done.output
    assert "Left out, because control answers cannot be drawn like them, c-1: seed in 3" in done.stderr
    (campaign,) = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))["campaigns"]
    assert "left out, because control answers cannot be drawn like them: seed in 3" in campaign["tests"][-1]["note"]


def test_settings_that_change_nothing_are_no_reason_to_refuse(tmp_path: Path) -> None:
    neutral = {"seed": None, "stop": [], "n": 1, "frequency_penalty": 0, "top_k": None, "stream": True, "user": "u"}
    done = ask_with(harvest_file(tmp_path, **neutral), "--campaign", "c-2")
    assert done.exception is None, done.output
