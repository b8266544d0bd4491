"""`stillhunt match`: two people can do it with files, and the exit code says whether a campaign matched."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from evidence.matching.match_scenes import CIRCLE, case_of, write_circle
from stillhunt.base.errors import CaseError, ConfigError, OutputError, PackError
from stillhunt_evidence.commands.match import match_commands
from stillhunt_evidence.keys.signing import public_key_of

A = {"c-aaaa1111": (range(1000, 1040), range(100, 160)), "c-bbbb2222": (range(3000, 3040), range(300, 360))}
B = {"c-cccc3333": (range(1002, 1042), range(101, 161)), "c-dddd4444": (range(7000, 7040), range(700, 760))}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the cases a and b, a key folder with a circle, and nothing else."""
    case_of(A).write(tmp_path / "a")
    case_of(B).write(tmp_path / "b")
    write_circle(tmp_path / "data" / "stillhunt" / "keys")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(match_commands, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def sketch_both() -> None:
    for side in ("a", "b"):
        assert run("sketch", side, "--circle", CIRCLE, "--out", f"{side}.json").exit_code == 0


def test_two_files_of_sketches(place: Path) -> None:
    sketch_both()
    result = run("files", "a.json", "b.json", "--circle", CIRCLE)
    assert result.exit_code == 3
    assert ": match" in result.stdout
    assert result.stdout.count("They share") == 2  # pairs that are two campaigns are not shown
    every = json.loads(run("files", "a.json", "b.json", "--circle", CIRCLE, "--all", "--json").stdout)
    assert [one["verdict"] for one in every] == ["match", "no match", "no match", "no match"]
    assert every[0]["bits"] == pytest.approx(sum(every[0]["bits_by_kind"].values()), abs=0.02)
    assert stat.S_IMODE((place / "a.json").stat().st_mode) == 0o600


def test_files_are_signed_and_compared_only_if_somebody_trusted_signed_them(place: Path) -> None:
    sketch_both()
    told = run("sketch", "b", "--circle", CIRCLE, "--out", "b.json", "--force").stderr
    text = (place / "b.json").read_bytes()
    assert f"SHA-256 of the file: {hashlib.sha256(text).hexdigest()}" in told
    compared = run("files", "a.json", "b.json", "--circle", CIRCLE).stderr
    assert f"b.json: SHA-256 {hashlib.sha256(text).hexdigest()}, signed by " in compared
    first = json.loads(text)["campaigns"][0]["phrase"]["hashes"][0].encode()
    other = b"0" * len(first)
    (place / "b.json").write_bytes(text.replace(first, other, 1))
    with pytest.raises(PackError, match="the signature is wrong"):
        run("files", "a.json", "b.json", "--circle", CIRCLE)
    (place / "b.json").write_bytes(text.partition(b',"signature":')[0] + b"}\n")
    assert (
        "nobody signed it: it comes from an older version"
        in run("files", "a.json", "b.json", "--circle", CIRCLE).stderr
    )


def test_the_key_of_another_provider_is_trusted_or_named(place: Path) -> None:
    sketch_both()
    folder = place / "data" / "stillhunt" / "keys"
    theirs = json.loads((place / "b.json").read_bytes())["signature"]["key"]
    (folder / "signing.key").unlink()
    (folder / "signing.pub").unlink()
    run("sketch", "a", "--circle", CIRCLE, "--out", "a.json", "--force")
    with pytest.raises(PackError, match="not trusted here"):
        run("files", "a.json", "b.json", "--circle", CIRCLE)
    fingerprint = public_key_of(theirs, "theirs", "b.json").fingerprint
    assert run("files", "a.json", "b.json", "--circle", CIRCLE, "--fingerprint", fingerprint).exit_code == 3


def test_names_lead_back_to_campaigns(place: Path) -> None:
    rows = json.loads(run("sketch", "a", "--circle", CIRCLE, "--out", "a.json", "--json").stdout)
    assert [(one["campaign_id"], one["phrases"], one["words"]) for one in rows] == [
        ("c-aaaa1111", 40, 60),
        ("c-bbbb2222", 40, 60),
    ]
    names = {one["name"] for one in json.loads((place / "a.json").read_text())["campaigns"]}
    assert names == {one["name"] for one in rows}
    only = json.loads(run("sketch", "a", "c-b", "--circle", CIRCLE, "--out", "one.json", "--json").stdout)
    assert only == rows[1:]
    assert "c-aaaa1111" in run("sketch", "a", "--circle", CIRCLE, "--out", "a.json", "--force").stdout


def test_nothing_in_common_is_exit_code_0(place: Path) -> None:
    sketch_both()
    assert run("sketch", "b", "c-dddd4444", "--circle", CIRCLE, "--out", "b.json", "--force").exit_code == 0
    result = run("files", "a.json", "b.json", "--circle", CIRCLE)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 pairs of campaigns compared: 0 matches." in result.stderr


def test_another_key_is_an_error_and_no_answer(place: Path) -> None:
    sketch_both()
    write_circle(place / "data" / "stillhunt" / "keys", b"z" * 32)
    with pytest.raises(PackError, match="another key of this circle"):
        run("files", "a.json", "b.json", "--circle", CIRCLE)
    with pytest.raises(ConfigError, match="no circle others"):
        run("files", "a.json", "b.json", "--circle", "others")


def test_ask_answer_learn(place: Path) -> None:
    asked = run("ask", "a", "--out", "request", "--secret", "secret")
    assert "Asks for 2 campaigns by 200 features. Send request, and keep secret to yourself." in asked.stderr
    assert stat.S_IMODE((place / "secret").stat().st_mode) == 0o600
    answered = run("answer", "b", "request", "--out", "response")
    assert "asks for 80 phrases and 120 words, and will learn which of them each of 2 campaigns has" in answered.stderr
    result = run("learn", "secret", "response", "--json")
    assert result.exit_code == 3
    assert [(one["mine"], one["verdict"]) for one in json.loads(result.stdout)] == [("c-aaaa1111", "match")]
    assert run("learn", "secret", "response").stdout.count("They share") == 2


def test_only_counts(place: Path) -> None:
    run("ask", "a", "c-a", "--out", "request", "--secret", "secret", "--counts-only")
    assert "will learn how many of them" in run("answer", "b", "request", "--out", "response").stderr
    assert run("learn", "secret", "response").exit_code == 3
    assert run("answer", "b", "request", "c-d", "--out", "response", "--force").exit_code == 0
    assert run("learn", "secret", "response").exit_code == 0


def test_nothing_is_replaced_or_written_by_mistake(place: Path) -> None:
    (place / "there").write_text("mine")
    commands_of = [
        ("sketch", "a", "--circle", CIRCLE, "--out", "there"),
        ("ask", "a", "--out", "there", "--secret", "secret"),
        ("ask", "a", "--out", "request", "--secret", "there"),
        ("answer", "b", "request", "--out", "there"),
    ]
    for one in commands_of:
        with pytest.raises(OutputError, match="exists already"):
            run(*one)
    with pytest.raises(OutputError, match="cannot be one file"):
        run("ask", "a", "--out", "request", "--secret", "request")
    with pytest.raises(CaseError):
        run("sketch", "a", "c-zzzz", "--circle", CIRCLE, "--out", "new")
    assert (place / "there").read_text() == "mine"
    assert not (place / "new").exists()
    assert not (place / "request").exists()
