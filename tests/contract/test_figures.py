"""Each figure of a page comes from a file that a benchmark wrote, and one that is older than its code is marked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from source_tree import ROOT

import page_figures

sys.path.insert(0, str(ROOT / "benchmarks" / "model"))
sys.path.insert(0, str(ROOT / "benchmarks" / "quality"))
import ladder
import page as page_of_models

FIGURES = page_figures.read_figures() | page_figures.read_history()


def git(folder: Path, *words: str) -> None:
    told = ["-c", "user.name=A", "-c", "user.email=a@b.example"]
    subprocess.run(["git", "-C", str(folder), *told, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    for name in ("link.py", "web.py"):
        (tmp_path / name).write_text("a = 1\n", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def measured(repository: Path) -> page_figures.Figure:
    path = repository / "speed.json"
    page_figures.write_figures(path, "speed.py", ["link.py"], {"speed": ("5 s", 'one "hunt"')}, repository)
    return page_figures.read_figures(repository)["speed"]


def test_pages_state_what_the_files_say() -> None:
    for page in page_figures.pages():
        text = page.read_text(encoding="utf-8")
        assert page_figures.fill_page(text, FIGURES) == text, f"{page.name}: run 'python docs/page_figures.py'"


def test_every_figure_is_on_a_page_and_speaks_of_code_that_exists() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in page_figures.pages())
    for figure in FIGURES.values():
        assert f"<!--fig {figure.name}-->" in text
        assert figure.code
        assert not [name for name in figure.code if not (ROOT / name).exists()], figure.name


def test_a_figure_is_marked_once_its_code_has_changed_and_not_before(repository: Path) -> None:
    figure = measured(repository)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "the figure itself")
    assert page_figures.figure_state(figure, repository) == ""
    (repository / "web.py").write_text("a = 2\n", encoding="utf-8")
    git(repository, "commit", "-q", "-a", "-m", "other code")
    page_figures._code_state.cache_clear()
    assert page_figures.figure_state(figure, repository) == ""
    (repository / "link.py").write_text("a = 2\n", encoding="utf-8")
    git(repository, "commit", "-q", "-a", "-m", "its code")
    page_figures._code_state.cache_clear()
    assert page_figures.figure_state(figure, repository) == "the code has changed since"


def test_without_history_nobody_claims_that_a_figure_is_current(tmp_path: Path, repository: Path) -> None:
    assert page_figures.figure_state(measured(repository), tmp_path / "nowhere").startswith("without the history")


def test_a_figure_that_was_copied_by_hand_says_so(repository: Path) -> None:
    figure = replace(measured(repository), copied=True)
    assert page_figures.figure_state(figure, repository) == "copied by hand"


def test_the_last_row_of_a_commit_is_the_speed_that_pages_state(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    assert page_figures.read_history(path) == {}
    rows = (
        "rows,commit,cpu_ratio,peak_mb",
        "2000000,aaaa1111,20.2,1640",
        "2000000,bbbb2222,9.8,960",
        "2000000,cccc3333+,1,1",
    )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = page_figures.read_history(path)
    assert {name: (one.value, one.commit) for name, one in found.items()} == {
        "quick-cpu": ("10 times", "bbbb2222"),
        "quick-memory": ("1.0 GB", "bbbb2222"),
    }


def test_code_that_is_not_committed_is_not_measured(repository: Path) -> None:
    (repository / "link.py").write_text("a = 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="commit the code"):
        measured(repository)


def test_a_marked_figure_shows_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    figure = measured(repository)
    monkeypatch.setattr(page_figures, "figure_state", lambda _: "the code has changed since")
    shown = page_figures.mark_figures("in <!--fig speed-->3 s<!--/fig-->.", {"speed": figure})
    assert shown.startswith('in <span class="figure old" title="one \'hunt\'; speed.py; measured at ')
    assert shown.endswith('; the code has changed since">5 s</span>.')


def test_two_files_with_one_figure_are_noticed(repository: Path) -> None:
    measured(repository)
    (repository / "other.json").write_text((repository / "speed.json").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match="speed"):
        page_figures.read_figures(repository)


def test_files_have_the_form_that_benchmarks_write() -> None:
    for path in page_figures.FOLDER.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        assert set(told) - {"copied"} == {"command", "commit", "code", "figures"}, path.name
        assert all(set(figure) == {"value", "unit"} for figure in told["figures"].values()), path.name


def test_the_ladder_of_the_pages_is_that_of_the_benchmark() -> None:
    """README and docs/figures.md take it from docs/figures/ladder.json, which holds the rows of docs/benchmark.md."""
    told = json.loads(ladder.FIGURES.read_text(encoding="utf-8"))["figures"]
    assert {name: (one["value"], one["unit"]) for name, one in told.items()} == ladder.ladder_figures(
        ladder.PAGE.read_text(encoding="utf-8")
    )


def test_the_page_of_models_is_made_of_the_files_beside_it() -> None:
    text = page_of_models.PAGE.read_text(encoding="utf-8")
    assert text == page_of_models.page_text(), "run 'python benchmarks/model/page.py'"
    assert sum(line.startswith("|---") for line in text.splitlines()) <= page_of_models.MOST_TABLES


def test_a_page_with_too_many_tables_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text("{table: blunt}\n\n" * (page_of_models.MOST_TABLES + 1), encoding="utf-8")
    monkeypatch.setattr(page_of_models, "TEXT", tmp_path)
    with pytest.raises(ValueError, match="more than ten tables"):
        page_of_models.page_text()


def test_of_what_was_not_measured_the_page_has_no_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text("# A\n\n## B\n\n{table: never}\n\n## C\n\n{table: blunt}\n", encoding="utf-8")
    monkeypatch.setattr(page_of_models, "TEXT", tmp_path)
    assert "## B" not in page_of_models.page_text()
    assert "## C" in page_of_models.page_text()
