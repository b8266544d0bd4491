"""Write `docs/model-figures.md` from the tables in `docs/figures/models` and the text in `page.md`.

    python benchmarks/model/page.py

The page has at most ten tables, each with a few lines; the files have all rows. `figure_rows.py` writes the files.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGE, TABLES, TEXT = ROOT / "docs" / "model-figures.md", ROOT / "docs" / "figures" / "models", Path(__file__).parent
MOST_TABLES = 10  # a page of more is not read (judgement)
PARTS = ("5.0%", "2.0%", "1.0%", "0.5%")
"""Harvested parts, the columns of the table of power."""
Row = dict[str, str]


def main() -> None:
    write_page()


def write_page() -> None:
    """Write the page anew."""
    PAGE.write_text(page_text(), encoding="utf-8")


def page_text() -> str:
    """The whole page.

    Raises:
        ValueError: it has more than ten tables.
    """
    template = (TEXT / "page.md").read_text(encoding="utf-8")
    sections = re.split(r"(?m)^(?=##)", template)
    text = "".join(section for section in sections if all(map(is_measured, named_tables(section))))
    counts = read_counts()
    text = re.sub(r"\{count: ([^}]+)\}", lambda found: counts[found[1]], text)
    text = re.sub(r"\{table: ([^}]+)\}", lambda found: "\n".join(SHORT.get(found[1], whole)(found[1])), text)
    if len(re.findall(r"(?m)^\|---", text)) > MOST_TABLES:
        raise ValueError("the page has more than ten tables")
    return text


def named_tables(section: str) -> list[str]:
    """Tables and files that a section shows or names.

    Args:
        section: of the template.
    """
    return re.findall(r"\{table: ([^}]+)\}", section)


def is_measured(name: str) -> bool:
    """Whether there is a file of a table.

    Args:
        name: of the table.
    """
    return (TABLES / f"{name}.csv").exists()


def read_counts() -> dict[str, str]:
    """Single numbers by name."""
    return {row["name"]: row["value"] for row in read_table("counts")}


def read_table(name: str) -> list[Row]:
    """The rows of a file, by title of the column.

    Args:
        name: of the table.
    """
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(name: str, cells: Iterable[Sequence[Any]]) -> None:
    """Write a file.

    Args:
        name: of the table.
        cells: titles first.
    """
    TABLES.mkdir(parents=True, exist_ok=True)
    with (TABLES / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(cells)


def whole(name: str) -> list[str]:
    """A table with all rows of its file.

    Args:
        name: of the table.
    """
    rows = read_table(name)
    return lines_of(list(rows[0]), [list(row.values()) for row in rows])


def power(name: str) -> list[str]:
    """One line for each way to compare, with the share of thieves that are found and the median p.

    Args:
        name: of the table.
    """
    rows = read_table(name)
    lines = []
    for test in dict.fromkeys(row["test"] for row in rows):
        own = {(row["harvested part"], row["words exchanged"]): row for row in rows if row["test"] == test}
        places = [*((part, "0%") for part in PARTS), (PARTS[0], "30%")]
        lines.append([test.removeprefix("control answers, ").replace("control answers", "teacher alone")])
        for place in places:
            row = own.get(place)
            found = row["corrected p ≤ 1e-5"].split(" (")[0] if row else ""
            lines[-1].append(f"{found}, {row['median p before correction']}" if row else "")
    titles = ["what is compared with", *PARTS, "5.0%, 30% of words exchanged"]
    return lines_of(titles, lines)


def innocents(name: str) -> list[str]:
    """One line for each kind of innocent and family of tests.

    Args:
        name: of the table.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    for row in read_table(name):
        found.setdefault((row["model"], row["test"].split(",")[0]), []).append(row)
    lines = []
    for (model, family), rows in found.items():
        below = [sum(first_number(row[f"p ≤ {bar}"]) for row in rows) for bar in ("0.05", "0.01", "0.001")]
        tests = sum(first_number(row["tests"]) for row in rows)
        accused = sum(first_number(row["corrected p ≤ 0.001"]) for row in rows)
        least = min((row["smallest p"] for row in rows), key=float)
        lines.append([model, family, f"{tests:,}", f"{below[0]} ({below[0] / tests:.1%})", *below[1:], least, accused])
    titles = ["model", "tests", "number", "p ≤ 0.05", "p ≤ 0.01", "p ≤ 0.001", "smallest p", "corrected p ≤ 0.001"]
    return lines_of(titles, lines)


def versions(name: str) -> list[str]:
    """One line for each distance of versions: innocents, and the thief.

    Args:
        name: of the table.
    """
    rows = read_table(name)
    lines = []
    for steps in dict.fromkeys(row["steps later"] for row in rows):
        own = [row for row in rows if row["steps later"] == steps]
        cells: list[object] = [steps]
        for guilty in (False, True):
            some = [row for row in own if (row["suspect"] == "thief") == guilty]
            cells += [of_all(some, one) for one in ("guard of likelihoods", "accused before", "accused after")]
        lines.append(cells)
    titles = ["guard passed", "accused before", "accused after"]
    return lines_of(
        ["steps later", *(f"innocents: {one}" for one in titles), *(f"thief: {one}" for one in titles)], lines
    )


def students(name: str) -> list[str]:
    """Of each width and number of answers one line, without what no key shows in.

    Args:
        name: of the table.
    """
    lines: dict[tuple[str, str], list[str]] = {}
    looked = list(dict.fromkeys(row["what is looked at"] for row in read_table(name)))
    for row in read_table(name):
        cells = lines.setdefault((row["width"], row["answers"]), [])
        cells.append(", ".join(filter(None, (row["first group"], row["second group"]))))
    return lines_of(["width", "answers", *looked], [[*key, *cells] for key, cells in lines.items()])


def blunt(name: str) -> list[str]:
    """What a measure cuts, without what only an honest user asks.

    Args:
        name: of the table.
    """
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]  # two of its titles are the same
    titles = ["task", "measure", "passive gain", "adaptive gain", "cut", "95 %", "aim", "the adaptive student"]
    return lines_of(titles, [[*row[:4], *row[5:7], *row[9:]] for row in rows])


def listed(name: str) -> list[str]:
    """A list instead of a table: each row's first cell, and the others with their titles.

    Args:
        name: of the table.
    """
    lines = []
    for row in read_table(name):
        first, *others = row.items()
        lines.append(f"- {first[0]} {first[1]}: " + "; ".join(f"{title} {cell}" for title, cell in others if cell))
    return lines


SHORT: dict[str, Callable[[str], list[str]]] = {
    "prove_power": power,
    "prove_innocents": innocents,
    "prove_versions": versions,
    "prove_pretrained": listed,
    "text_only_pretrained": listed,
    "text_only_rivals": listed,
    "mark_students": students,
    "mark_people": listed,
    "blunt": blunt,
}
"""Table -> what shortens it for the page."""


def of_all(rows: Sequence[Row], column: str) -> str:
    """The sum of cells such as `2 of 3`.

    Args:
        rows: of a table.
        column: its title.
    """
    pairs = [re.findall(r"\d+", row[column]) for row in rows]
    return f"{sum(int(one) for one, _ in pairs)} of {sum(int(of) for _, of in pairs)}"


def first_number(cell: str) -> int:
    """The number with which a cell begins.

    Args:
        cell: such as `15 (3.7%)`.
    """
    return int(cell.split(" ")[0].replace(",", ""))


def lines_of(titles: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
    """A table in Markdown.

    Args:
        titles: of its columns.
        rows: its cells.
    """
    lines = [titles, *rows]
    shown = [f"| {' | '.join(map(str, one))} |" for one in lines]
    return [shown[0], "|---" * len(titles) + "|", *shown[1:]]


if __name__ == "__main__":
    main()
