"""`stillhunt lab bench` from the command line, on the smallest ladder there is."""

from __future__ import annotations

from pathlib import Path

from running import run

SIZES = ("--accounts", "60", "--days", "3", "--campaign-accounts", "8", "--honest-accounts", "40")


def test_bench_runs_resumes_and_writes_its_page(tmp_path: Path) -> None:
    words = ("lab", "bench", "--out", "rows", "--rungs", "1", "--seeds", "1", "--no-baselines", *SIZES)
    first = run(*words, "--report", "page.md", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "1 runs done, 0 were there" in first.stdout
    assert "rung 1 seed 1001 ladder stillhunt: recall" in first.stderr
    assert "### Rung 1, generator first" in (tmp_path / "page.md").read_text("utf-8")
    again = run(*words, "--quiet", cwd=tmp_path)
    assert "0 runs done, 1 were there" in again.stdout
    assert again.stderr == ""


def test_usage_and_configuration_errors(tmp_path: Path) -> None:
    assert run("lab", "bench", "--out", "x", "--rungs", "one", cwd=tmp_path).returncode == 2
    assert run("lab", "bench", "--out", "x", "--only-report", cwd=tmp_path).returncode == 2
    missing = run("lab", "bench", "--out", "x", "--only-report", "--report", "page.md", cwd=tmp_path)
    assert missing.returncode == 5
    assert "run the bench first" in missing.stderr
