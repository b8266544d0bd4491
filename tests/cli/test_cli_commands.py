"""The commands as a user runs them: what they print where, and how they leave; some are real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import run, run_anew, run_process

from stillhunt.cli import start as program
from stillhunt.cli.doctor import examine


def test_version(tmp_path: Path) -> None:
    result = run_anew("--version", cwd=tmp_path)
    assert result.returncode == 0
    assert result.stdout.startswith("stillhunt ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--bogus"],
        ["hunt"],
        ["hunt", "a.jsonl", "--map", "account_id"],
        ["hunt", "a.jsonl", "--set", "=3"],
        ["hunt", "a.jsonl", "--map", "prompt=text", "--map", "prompt=question"],
        ["inspect", "a.jsonl", "--map", "prompt=text", "--map", "prompt=text"],
        ["hunt", "a.jsonl", "--bogus"],
        ["lab", "world", "out", "--rung", "99"],
        ["config", "show", "extra"],
    ],
    ids=" ".join,
)
def test_usage_errors_leave_with_2(tmp_path: Path, arguments: list[str]) -> None:
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "setting"),
    [
        (["config", "show", "--set", "score.prior_bist=-12"], {}, "score.prior_bist"),
        (["config", "show", "--set", "score.prior_bits=many"], {}, "score.prior_bits"),
        (["config", "show", "--set", "score=1", "--set", "score.prior_bits=1"], {}, "score"),
        (["config", "show", "--set", "link.public_accounts=9"], {}, "it is now called link.background_accounts"),
        (["config", "show", "--settings", "absent.toml"], {}, "absent.toml"),
        (["hunt", "a.jsonl", "--set", "score.review_probability=0.999"], {}, "review_probability"),
        (["hunt", "a.jsonl", "--master", "local[1]"], {}, "add --engine spark"),
        (["hunt", "a.jsonl", "--engine", "duckdb", "--master", "local[1]"], {}, "add --engine spark"),
        (["hunt", "a.jsonl", "--engine", "spark", "--state", "kept"], {}, "leave out state, or"),
        (["hunt", "a.jsonl", "--state", "kept"], {"STILLHUNT_ENGINE": "spark"}, "leave out state, or"),
    ],
)
def test_configuration_errors_leave_with_5(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], setting: str
) -> None:
    result = run(*arguments, cwd=tmp_path, **environment)
    assert result.returncode == 5
    assert setting in result.stderr
    assert "next:" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("STILLHUNT_WORLDS", "'stillhunt config show' lists every setting"),
        ("STILLHUNT_SCOER__PRIOR_BITS", "did you mean STILLHUNT_SCORE__PRIOR_BITS?"),
        ("STILLHUNT_LINK__PUBLIC_REQUESTS", "did you mean STILLHUNT_LINK__BACKGROUND_REQUESTS?"),
        ("STILLHUNT_SEED__X", ""),
        ("STILLHUNT_", ""),
        ("STILLHUNT_SCORE__", ""),
    ],
)
def test_a_variable_that_names_no_setting_is_passed_over_with_its_name(
    tmp_path: Path, variable: str, hint: str
) -> None:
    result = run_process("config", "show", "--json", cwd=tmp_path, **{variable: "hunter2-secret"})
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"The environment variable {variable} names no setting and is passed over; {hint}")
    assert "hunter2" not in result.stdout + result.stderr


def test_variables_with_the_names_of_a_user_are_settings(tmp_path: Path) -> None:
    names = {"STILLHUNT_COLLECT__SAMPLING_RATE__PARTNER": "0.5", "STILLHUNT_PLUGINS__CUT_ANSWERS__LIMIT": "3"}
    result = run_process("config", "show", "--json", cwd=tmp_path, **names)
    assert json.loads(result.stdout)["collect.sampling_rate"]["value"] == {"partner": 0.5}
    assert result.stderr == ""


def test_settings_that_contradict_each_other_show_no_secret(tmp_path: Path) -> None:
    secret = {"STILLHUNT_COLLECT__IDENTITY_KEY": "hunter2-secret"}
    result = run("hunt", "a.jsonl", "--engine", "spark", "--state", "kept", cwd=tmp_path, **secret)
    assert result.returncode == 5
    assert "hunter2" not in result.stderr


def test_settings_come_from_flag_then_environment_then_file(tmp_path: Path) -> None:
    (tmp_path / "stillhunt.toml").write_text("seed = 1\nthreads = 1\n[score]\nprior_bits = -11.0\n", encoding="utf-8")
    variables = {"STILLHUNT_SEED": "2", "STILLHUNT_THREADS": "2"}
    result = run("config", "show", "--json", "--set", "seed=3", cwd=tmp_path, **variables)
    shown = json.loads(result.stdout)
    assert (shown["seed"]["value"], shown["seed"]["origin"]) == (3, "flag")
    assert (shown["threads"]["value"], shown["threads"]["origin"]) == (2, "environment")
    assert (shown["score.prior_bits"]["value"], shown["score.prior_bits"]["origin"]) == (-11.0, "file")
    assert shown["memory_limit_gb"]["origin"] == "default"


@pytest.mark.parametrize("extra", [["--json"], ["--origin"], []])
def test_the_identity_key_is_never_shown(tmp_path: Path, extra: list[str]) -> None:
    result = run("config", "show", *extra, cwd=tmp_path, STILLHUNT_COLLECT__IDENTITY_KEY="hunter2-secret")
    assert result.returncode == 0
    assert "hunter2" not in result.stdout + result.stderr
    wrong = run("config", "show", cwd=tmp_path, STILLHUNT_COLLECT__IDENTITY_KEY="[123456]")
    assert wrong.returncode == 5
    assert "123456" not in wrong.stderr


def test_schema_as_text_and_json(tmp_path: Path) -> None:
    text = run("schema", "campaigns.parquet", cwd=tmp_path)
    assert text.returncode == 0
    assert "list_value" in text.stdout
    document = json.loads(run("schema", "--json", cwd=tmp_path).stdout)
    assert {"requests", "accounts", "campaigns.parquet", "evidence.parquet"} <= set(document)
    unknown = run("schema", "\x1b[31mnope", cwd=tmp_path)
    assert unknown.returncode == 1
    assert "\\x1b[31mnope" in unknown.stderr
    assert "\x1b" not in unknown.stderr


def test_doctor_finds_this_machine_fit(tmp_path: Path) -> None:
    result = run_anew("doctor", "--json", cwd=tmp_path)
    checks = {check["name"]: check for check in json.loads(result.stdout)}
    assert result.returncode == 0, result.stdout
    assert checks["python"]["state"] == "ok"
    assert checks["pyarrow"]["state"] == "ok"
    assert all(check["advice"] for check in checks.values() if check["state"] != "ok")


def test_doctor_finds_faults(tmp_path: Path) -> None:
    (tmp_path / "stillhunt.toml").write_text("nonsense = [", encoding="utf-8")
    result = run("doctor", cwd=tmp_path)
    assert result.returncode == 1
    assert "fail  settings" in result.stdout


def test_doctor_looks_at_the_memory_of_the_container(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stillhunt.cli.doctor.container_memory", lambda: 1_000_000_000)
    memory = next(check for check in examine() if check.name == "memory")
    assert (memory.state, memory.seen) == ("warn", "1.0 GB")


def test_help_names_every_exit_code(tmp_path: Path) -> None:
    result = run_anew("--help", cwd=tmp_path, COLUMNS="200", TERM="dumb")
    assert "130 interrupted" in result.stdout
    assert "\x1b" not in result.stdout


def test_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    result = subprocess.run(
        [
            "bash",
            "-c",
            f"set -o pipefail; '{sys.executable}' -m stillhunt schema --json | head -n 1; echo ${{PIPESTATUS[0]}}",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stdout.split() == ["{", "0"]
    assert result.stderr == ""


def test_not_a_case_folder(tmp_path: Path) -> None:
    result = run("explain", "nowhere", "x", cwd=tmp_path)
    assert result.returncode == 1
    assert "next:" in result.stderr
    assert "Traceback" not in result.stderr


def test_look_ups_import_no_kernel() -> None:
    """They answer at once, also where nothing can be compiled."""
    code = "import sys, stillhunt, stillhunt.cli.lookups; stillhunt.Case; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("said", "shown"), [(["Unable to allocate 3 GiB"], "Unable to allocate 3"), ([], "none is")])
def test_a_lack_of_memory_is_no_bug(said: list[str], shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program._exit_code_of(MemoryError(*said)) == 1
    told = capsys.readouterr().err
    assert f"not enough memory: {shown}" in told
    assert "next: give it more memory" in told
    assert "bug" not in told
