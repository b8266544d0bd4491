"""Figures of pages, each from a file that a benchmark wrote: `python docs/page_figures.py` puts them into the pages.

A page writes `<!--fig NAME-->VALUE<!--/fig-->`. The value comes from `docs/figures/*.json`: one file for each
benchmark, with its command, the commit that it measured, the code that it speaks of, and its figures. Those of
`make bench-quick` come from the last row of `benchmarks/history.csv` that a commit stands for. `<!--fig FILE-commit-->`
is the commit of a file. `make figures` measures all of them again.

A figure is old once more than `MOST_COMMITS` commits have changed its code. Then the page itself says so, and a test
fails. Without the history (an archive, a shallow clone) nobody can count commits: the test is skipped, and the
workflows that run tests fetch the whole history.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = Path(__file__).parent / "figures"
HUNT = tuple(f"packages/stillhunt/src/stillhunt/{room}" for room in ("collect", "extract", "link", "resolve", "score"))
"""The code that decides what a hunt finds."""
HISTORY = ROOT / "benchmarks" / "history.csv"
MOST_COMMITS = 50
"""Commits that may change the code of a figure before it is old: about one day of work on the code that decides what a
hunt finds (269 commits in the five days before 1 December 2026), so whoever measures once a day never meets it."""
OLD = " (of older code)"
"""What a page says behind an old figure."""
MARK = re.compile(r"<!--fig (?P<name>[a-z0-9-]+)-->(?P<value>.*?)<!--/fig-->")


@dataclass(frozen=True)
class Figure:
    """One figure, with what is needed to judge and to repeat it.

    Attributes:
        unit: what the value counts.
        code: files and folders that it speaks of, from the root.
    """

    name: str
    value: str
    unit: str
    command: str
    commit: str
    code: tuple[str, ...]


def read_figures(folder: Path = FOLDER) -> dict[str, Figure]:
    """All figures by name, and the commit of each file as `FILE-commit`.

    Raises:
        ValueError: two files have a figure of one name.
    """
    found: dict[str, Figure] = {}
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        command, commit, code = told["command"], told["commit"], tuple(told["code"])
        own = {f"{path.stem.replace('_', '-')}-commit": {"value": commit, "unit": f"commit of {path.name}"}}
        for name, figure in (told["figures"] | own).items():
            if name in found:
                raise ValueError(f"{path.name}: another file has a figure {name}, too")
            found[name] = Figure(name, **figure, command=command, commit=commit, code=code)
    return found


def read_history(path: Path = HISTORY) -> dict[str, Figure]:
    """Figures of the last row of `make bench-quick` whose code was committed when it was measured."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["commit"].isalnum()]
    if not rows:
        return {}
    row = rows[-1]
    what = f"{int(row['rows']):,} made-up requests with 400 operations"
    values = {
        "quick-cpu": (
            f"{float(row['cpu_ratio']):.0f} times",
            f"CPU seconds of a hunt in {what}, over those of decoding",
        ),
        "quick-memory": (f"{float(row['peak_mb']) / 1e3:.1f} GB", "peak memory of the same"),
        "quick-commit": (row["commit"], "commit of the same"),
    }
    return {name: Figure(name, *value, "make bench-quick", row["commit"], HUNT) for name, value in values.items()}


def write_figures(
    path: Path, command: str, code: Iterable[str], values: dict[str, tuple[str, str]], root: Path = ROOT
) -> None:
    """Write what a benchmark measured, with the last commit that changed the code.

    Args:
        command: what repeats it.
        code: files and folders that the figures speak of, from the root.
        values: name -> value and unit, as a page states them.

    Raises:
        ValueError: the code differs from its commit, so that no commit would stand for it.
    """
    code = sorted(code)
    if _git(root, "status", "--porcelain", "--", *code):
        raise ValueError("commit the code before you measure it: a figure names the commit that it speaks of")
    told = {
        "command": command,
        "commit": _git(root, "log", "-1", "--format=%h", "--abbrev=8", "--", *code),
        "code": code,
        "figures": {name: {"value": value, "unit": unit} for name, (value, unit) in values.items()},
    }
    path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def fill_page(text: str, figures: dict[str, Figure]) -> str:
    """A page with the values that its figures have now; an old one says that it is."""

    def filled(mark: re.Match[str]) -> str:
        figure = figures[mark["name"]]
        old = (commits_since(figure) or 0) > MOST_COMMITS
        return f"<!--fig {figure.name}-->{figure.value}{OLD if old else ''}<!--/fig-->"

    return MARK.sub(filled, text)


def mark_figures(markdown: str, figures: dict[str, Figure]) -> str:
    """A page as the site shows it: each figure says where it comes from, and the old ones are marked."""

    def marked(mark: re.Match[str]) -> str:
        figure = figures[mark["name"]]
        state = figure_state(figure)
        told = f"{figure.unit}; {figure.command}; measured at {figure.commit}{'; ' + state if state else ''}"
        kind = "figure old" if state else "figure"
        return f'<span class="{kind}" title="{told.replace(chr(34), chr(39))}">{figure.value}</span>'

    return MARK.sub(marked, markdown)


def figures_table(figures: dict[str, Figure]) -> str:
    """All figures as a table in Markdown, with command, commit and state."""
    rows = [
        f"| {one.value} | {one.unit} | `{one.command}` | {one.commit} | {figure_state(one) or 'current'} |"
        for one in figures.values()
    ]
    return "\n".join(["| figure | of what | measured by | at commit | state |", "|---|---|---|---|---|", *rows])


def figure_state(figure: Figure) -> str:
    """Why a figure may not hold; "" where its code is as it was when it was measured."""
    changed = commits_since(figure)
    if changed is None:
        return "without the history of the repository nobody can say whether the code has changed since"
    return f"commits that changed the code since: {changed}" if changed else ""


def commits_since(figure: Figure, root: Path = ROOT) -> int | None:
    """How many commits changed the code of a figure after it was measured; None without the history.

    Raises:
        ValueError: the history is whole, and has no such commit.
    """
    return _count_commits(figure.commit, figure.code, root)


@cache
def _count_commits(commit: str, code: tuple[str, ...], root: Path) -> int | None:
    try:
        if _git(root, "rev-parse", "--is-shallow-repository") == "true":
            return None
    except (subprocess.CalledProcessError, FileNotFoundError):
        return None
    try:
        return int(_git(root, "rev-list", "--count", f"{commit}..HEAD", "--", *code))
    except subprocess.CalledProcessError as error:
        raise ValueError(f"no commit {commit} in the history: measure a commit that was pushed") from error


def _git(root: Path, *words: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise FileNotFoundError("git")
    done = subprocess.run([git, "-C", str(root), *words], capture_output=True, text=True, check=True)  # noqa: S603 - no words of others
    return done.stdout.strip()


def pages() -> list[Path]:
    """Pages that may state figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill_pages() -> None:
    """Put the values that figures have now into all pages."""
    figures = read_figures() | read_history()
    for page in pages():
        page.write_text(fill_page(page.read_text(encoding="utf-8"), figures), encoding="utf-8")


if __name__ == "__main__":
    fill_pages()
