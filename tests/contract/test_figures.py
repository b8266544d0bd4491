"""Each figure of a page comes from a file that a benchmark wrote, and none is much older than its code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from source_tree import ROOT

import page_figures

sys.path.insert(0, str(ROOT / "benchmarks"))
sys.path.insert(0, str(ROOT / "benchmarks" / "model"))
sys.path.insert(0, str(ROOT / "benchmarks" / "quality"))
import ladder
import measure_figures
import page as page_of_models

from stillhunt_lab.worlds.rungs import RUNGS

# Not for longer than these imports: the folder `evidence` of the benchmarks would stand before that of the tests.
sys.path.remove(str(ROOT / "benchmarks"))
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


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_no_figure_is_much_older_than_its_code(figure: page_figures.Figure) -> None:
    changed = page_figures.commits_since(figure)
    if changed is None:
        pytest.skip("without the whole history (git fetch --unshallow), nobody can count commits")
    assert changed <= page_figures.MOST_COMMITS, (
        f"{changed} commits changed the code of {figure.name} since {figure.commit}: run 'make figures', "
        "or take it off the pages"
    )


def test_every_figure_is_on_a_page_and_speaks_of_code_that_exists() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in page_figures.pages())
    for figure in FIGURES.values():
        assert f"<!--fig {figure.name}-->" in text, figure.name
        assert figure.code
        assert not [name for name in figure.code if not (ROOT / name).exists()], figure.name


def test_commits_are_counted_that_changed_the_code_of_a_figure(repository: Path) -> None:
    figure = measured(repository)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "the figure itself")
    for name, counted in (("web.py", 0), ("link.py", 1)):
        (repository / name).write_text("a = 2\n", encoding="utf-8")
        git(repository, "commit", "-q", "-a", "-m", name)
        page_figures._count_commits.cache_clear()
        assert page_figures.commits_since(figure, repository) == counted


def test_an_old_figure_says_so_on_the_page_itself(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    figures = {"speed": measured(repository)}
    for changed, shown in ((None, "5 s"), (50, "5 s"), (51, "5 s (of older code)")):
        monkeypatch.setattr(page_figures, "commits_since", lambda _, changed=changed: changed)
        page = page_figures.fill_page("in <!--fig speed-->3 s<!--/fig-->.", figures)
        assert page == f"in <!--fig speed-->{shown}<!--/fig-->."


def test_without_the_whole_history_nobody_claims_that_a_figure_is_current(tmp_path: Path, repository: Path) -> None:
    figure = measured(repository)
    assert page_figures.commits_since(figure, tmp_path / "nowhere") is None
    (repository / "link.py").write_text("a = 2\n", encoding="utf-8")
    git(repository, "commit", "-q", "-a", "-m", "its code")
    git(tmp_path, "clone", "-q", "--depth", "1", repository.as_uri(), "shallow")
    assert page_figures.commits_since(figure, tmp_path / "shallow") is None


def test_workflows_that_run_these_tests_fetch_the_whole_history() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
            steps = job.get("steps", [])
            if any(
                re.search(r"make (test|tests|check)$|\.ci/run|tests/contract", step.get("run", "")) for step in steps
            ):
                (checkout,) = [step for step in steps if "actions/checkout@" in step.get("uses", "")]
                assert checkout["with"].get("fetch-depth") == 0, f"{path.name}: {name}"


def test_a_commit_that_no_history_has_is_refused(repository: Path) -> None:
    figure = page_figures.Figure("speed", "5 s", "", "", "abcd1234", ("link.py",))
    with pytest.raises(ValueError, match="no commit abcd1234"):
        page_figures.commits_since(figure, repository)


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
        "quick-commit": ("bbbb2222", "bbbb2222"),
    }


def test_code_that_is_not_committed_is_not_measured(repository: Path) -> None:
    (repository / "link.py").write_text("a = 3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="commit the code"):
        measured(repository)


def test_a_marked_figure_shows_where_it_comes_from(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    figure = measured(repository)
    monkeypatch.setattr(page_figures, "commits_since", lambda _: 3)
    shown = page_figures.mark_figures("in <!--fig speed-->3 s<!--/fig-->.", {"speed": figure})
    assert shown.startswith('in <span class="figure old" title="one \'hunt\'; speed.py; measured at ')
    assert shown.endswith('; commits that changed the code since: 3">5 s</span>.')


def test_two_files_with_one_figure_are_noticed(repository: Path) -> None:
    measured(repository)
    (repository / "other.json").write_text((repository / "speed.json").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match="speed"):
        page_figures.read_figures(repository)


def test_files_have_the_form_that_benchmarks_write() -> None:
    for path in page_figures.FOLDER.glob("*.json"):
        told = json.loads(path.read_text(encoding="utf-8"))
        assert set(told) == {"command", "commit", "code", "figures"}, path.name
        assert all(set(figure) == {"value", "unit"} for figure in told["figures"].values()), path.name


def test_one_command_measures_every_figure_within_an_hour() -> None:
    files = {one.file for one in measure_figures.MEASUREMENTS}
    assert files == {*page_figures.FOLDER.glob("*.json"), page_figures.HISTORY}
    assert sum(one.minutes for one in measure_figures.MEASUREMENTS) <= measure_figures.HOUR
    for one in measure_figures.MEASUREMENTS:
        assert (ROOT / "benchmarks" / one.words.split()[0]).exists(), one.name


def test_rungs_in_which_nothing_is_found_are_in_the_table_of_the_readme() -> None:
    """Every figure of the ladder stands there, also those that nobody is proud of."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = json.loads((page_figures.FOLDER / "ladder.json").read_text(encoding="utf-8"))["figures"]
    assert [name for name in told if f"<!--fig {name}-->" not in readme] == []
    rows = [ladder_row("first", rung) for rung in RUNGS] + [ladder_row("second", rung) for rung in range(1, 13)]
    assert set(told) == set(ladder.ladder_figures(rows))


def ladder_row(generator: str, rung: int) -> dict[str, object]:
    return {"generator": generator, "rung": rung, "quality": {"recall": 0.5, "false_by_persona": {"chat": 1}}}


def test_the_ladder_states_means_of_worlds_and_all_honest_accounts() -> None:
    rows = [ladder_row("first", rung) for rung in (1, 1, 7)]
    rows[0]["quality"] = {"recall": 0.9, "false_by_persona": {}}
    told = {name: value for name, (value, _) in ladder.ladder_figures(rows).items()}
    assert told == {"first-1-6": "70 %", "first-7": "50 %", "first-false": "2", "second-false": "0"}


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
