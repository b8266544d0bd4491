"""`dossier`, `verify`, `rebuild` and `keys` as a user runs them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from pathlib import Path

import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner, Result

from cli.running import run
from evidence.hunted import campaigns, case_folder, hunted_case, world_files
from evidence.packs.training_proofs import proof_of
from stillhunt.base.errors import StillhuntError
from stillhunt.cli.app import app
from stillhunt_evidence.packs.manifest import as_plain_json

CLI = CliRunner()


@pytest.fixture(autouse=True)
def own_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STILLHUNT_DOSSIER__KEYS", str(tmp_path / "keys"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "keys"


def ask(*words: object) -> Result:
    """Run a command in this process."""
    return CLI.invoke(app, [str(word) for word in words])


def refusal(*words: object) -> str:
    """What a command refuses with."""
    done = ask(*words)
    assert isinstance(done.exception, StillhuntError), done.output
    return done.exception.on_command_line()


def made(folder: Path, *words: object) -> Path:
    """A pack of the strongest campaign."""
    path = folder / "pack.zip"
    done = ask("dossier", case_folder(), campaigns()[0], "--out", path, *words)
    assert done.exit_code == 0, done.output
    return path


def test_a_pack_is_written_verified_and_rebuilt_by_real_processes(tmp_path: Path, own_keys: Path) -> None:
    keys = {"STILLHUNT_DOSSIER__KEYS": str(own_keys)}
    done = run("dossier", str(case_folder()), campaigns()[0][:6], "-o", "p.zip", "--who", "w.csv", cwd=tmp_path, **keys)
    assert done.returncode == 0, done.stderr
    digest = hashlib.sha256((tmp_path / "p.zip").read_bytes()).hexdigest()
    assert done.stdout.split() == [digest, "p.zip"]
    assert "Made a signing key" in done.stderr
    assert "by another way than the pack" in done.stderr
    done = run("verify", "p.zip", cwd=tmp_path, **keys)
    assert done.returncode == 0, done.stderr
    assert "Nothing was changed since it was signed" in done.stdout
    done = run("rebuild", "p.zip", cwd=tmp_path, **keys)
    assert done.returncode == 0, done.stderr
    assert "The verdict follows, bit for bit" in done.stdout
    content = bytearray((tmp_path / "p.zip").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "p.zip").write_bytes(content)
    done = run("verify", "p.zip", cwd=tmp_path, **keys)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stdout == ""


def test_who_is_who_names_every_member(tmp_path: Path) -> None:
    made(tmp_path, "--who", tmp_path / "who.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "who.csv").read_text(encoding="utf-8"))))
    members = hunted_case().members.to_pylist()
    own = {row["account_id"] for row in members if row["campaign_id"] == campaigns()[0]}
    assert {row["account_id"] for row in rows} == own
    assert (tmp_path / "who.csv").stat().st_mode & 0o077 == 0
    assert (tmp_path / "pack.zip").stat().st_mode & 0o077 == 0


def test_json_says_the_same(tmp_path: Path) -> None:
    path = made(tmp_path)
    facts = json.loads(ask("verify", path, "--json").stdout)
    assert facts["campaign"].startswith("c-")
    assert (facts["known_as"], facts["stamped_at"]) == ("own", None)
    found = json.loads(ask("rebuild", path, "--json").stdout)
    assert found["differences"] == []
    assert found["score"] == hunted_case().campaigns["score"][0].as_py()
    assert found["flagged"] == found["members"] or found["flagged"] > 0


def test_somebody_elses_pack_needs_their_fingerprint_or_key(
    tmp_path: Path, own_keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = made(tmp_path)
    fingerprint = json.loads(ask("keys", "list", "--json").stdout)[0]["fingerprint"]
    public = own_keys / "signing.pub"
    monkeypatch.setenv("STILLHUNT_DOSSIER__KEYS", str(tmp_path / "reader"))
    assert f"not trusted here: {fingerprint}" in refusal("verify", path)
    assert ask("verify", path, "--fingerprint", fingerprint).exit_code == 0
    assert ask("verify", path, "--key", public).exit_code == 0
    assert "another fingerprint" in refusal("verify", path, "--fingerprint", "0" * 64)
    assert "64 hexadecimal digits" in refusal("verify", path, "--fingerprint", "12")
    assert "does not have the expected fingerprint" in refusal(
        "verify", path, "--key", public, "--fingerprint", "0" * 64
    )
    assert "your own key" in refusal("keys", "trust", "own", public)
    assert ask("keys", "trust", "lab-a", public).stdout.strip() == fingerprint
    assert json.loads(ask("verify", path, "--json").stdout)["known_as"] == "lab-a"


def test_an_extract_refuses_what_it_would_leave_out(tmp_path: Path) -> None:
    accused = hunted_case().members["account_id"][0].as_py()
    for option in ("--narrative", "--actors", "--proof"):
        told = refusal("dossier", case_folder(), campaigns()[0], "--account", accused, "-o", "e.zip", option, "x.json")
        assert "no narrative, no actors and no proof" in told
    assert not (tmp_path / "e.zip").exists()


def test_a_narrative_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("What we saw.\n", encoding="utf-8")
    path = made(tmp_path, "--narrative", tmp_path / "story.txt")
    with zipfile.ZipFile(path) as file:
        assert file.read("narrative.txt") == b"What we saw.\n"
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "long.txt").write_text("a" * 100_001, encoding="utf-8")
    words = (
        "dossier",
        case_folder(),
        campaigns()[0],
        "--out",
        tmp_path / "q.zip",
        "--narrative",
        tmp_path / "long.txt",
    )
    assert "too long" in refusal(*words)
    for name in ("bad.txt", "missing.txt"):
        words = ("dossier", case_folder(), campaigns()[0], "--out", tmp_path / "q.zip", "--narrative", tmp_path / name)
        assert "the narrative cannot be read" in refusal(*words)
        assert not (tmp_path / "q.zip").exists()


def test_a_comparison_with_actors_is_in_the_pack(tmp_path: Path) -> None:
    actors = tmp_path / "actors.toml"
    actors.write_text('version = 1\n[[actor]]\nname = "Example Lab"\ncountries = ["SG"]\n', encoding="utf-8")
    path = made(tmp_path, "--actors", actors)
    with zipfile.ZipFile(path) as file:
        found = json.loads(file.read("attribution.json"))
        page = file.read("dossier.html").decode()
    assert found["decision"] == "abstained"
    assert found["statement"][:40] in page
    actors.write_text("version = [", encoding="utf-8")
    words = ("dossier", case_folder(), campaigns()[0], "--out", tmp_path / "q.zip", "--actors", actors)
    assert "actors.toml" in refusal(*words)


def test_a_proof_of_training_is_in_the_pack(tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    proof.write_bytes(as_plain_json(proof_of(1e-20, 0.3).as_plain()))
    path = made(tmp_path, "--proof", proof)
    assert ask("verify", path).exit_code == 0
    assert json.loads(ask("rebuild", path, "--json").stdout)["differences"] == []
    with zipfile.ZipFile(path) as file:
        assert json.loads(file.read("proof.json"))["suspect"]["fingerprint"] == "c" * 64
    proof.write_bytes(b"{}")
    words = ("dossier", case_folder(), campaigns()[0], "--out", tmp_path / "q.zip", "--proof", proof)
    assert "not of the form of proof.json" in refusal(*words)


def test_nothing_is_overwritten_without_being_asked(tmp_path: Path) -> None:
    path = made(tmp_path)
    before = path.read_bytes()
    words = ("dossier", case_folder(), campaigns()[0], "--out", path)
    assert "exists already" in refusal(*words)
    assert path.read_bytes() == before
    assert ask(*words, "--force", "--full").exit_code == 0
    assert path.read_bytes() != before
    assert "not written into a case folder" in refusal(*words[:3], "--out", case_folder() / "pack.zip")


def test_wrong_cases_and_campaigns_are_named(tmp_path: Path) -> None:
    assert "no campaign" in refusal("dossier", case_folder(), "c-nothing", "--out", tmp_path / "a.zip")
    assert "not a case folder" in refusal("dossier", tmp_path, "c-1", "--out", tmp_path / "a.zip")
    assert "add --out PACK.zip" in refusal("dossier", case_folder(), campaigns()[0])
    assert "cannot be read" in refusal("verify", tmp_path / "missing.zip")


def test_the_logs_can_be_hunted_again(tmp_path: Path) -> None:
    requests, accounts, sanctioned = world_files()
    settings = tmp_path / "settings.toml"
    settings.write_text(f"[sanctioned]\norganizations = {json.dumps(sanctioned)}\n", encoding="utf-8")
    words = ("rebuild", made(tmp_path), "--logs", requests, "--settings", settings, "-q")
    done = ask(*words, "--accounts", accounts)
    assert done.exit_code == 0, done.output
    assert "the logs are the files that the pack names" in done.stdout
    assert "difference" in refusal(*words)


def test_keys_are_made_listed_and_imported(tmp_path: Path, own_keys: Path) -> None:
    assert ask("keys", "list").stdout == "No keys.\n"
    fingerprint = ask("keys", "new").stdout.strip()
    assert "such a key already" in refusal("keys", "new")
    path = Path(ask("keys", "circle", "peers").stdout.replace("\n", ""))
    assert path == own_keys / "circles" / "peers.key"
    secret = path.read_text(encoding="ascii").strip()
    assert ask("keys", "circle", "same", "--from", path).exit_code == 0
    assert (own_keys / "circles" / "same.key").read_text(encoding="ascii").strip() == secret
    listed = ask("keys", "list").stdout
    assert fingerprint in listed
    assert "peers" in listed
    assert secret not in listed
    (tmp_path / "bad").write_text("12", encoding="ascii")
    assert "64 hexadecimal digits" in refusal("keys", "circle", "bad", "--from", tmp_path / "bad")
    assert "no name of a key" in refusal("keys", "circle", "../bad")


def test_an_extract_about_one_account_is_written_and_verified(tmp_path: Path) -> None:
    account = hunted_case().members.filter(pc.field("campaign_id") == campaigns()[0])["account_id"][0].as_py()
    path = made(tmp_path, "--account", account)
    assert ask("verify", path).exit_code == 0
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["account.html", "account.json", "manifest.dsse.json", "signer.pub"]
    assert account.encode() not in path.read_bytes()
    assert "no member" in refusal("dossier", case_folder(), campaigns()[0], "--out", "x.zip", "--account", "nobody")
    assert "--out" in refusal("dossier", case_folder(), campaigns()[0], "--account", account)
