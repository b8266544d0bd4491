"""Write `docs/model-figures.md` from the rows of the measurements of models.

    python benchmarks/model/page.py PROVE DISTIL BLUNT MARKS DAMAGE

Each argument is the file of rows that the script of that name wrote; `-` leaves its part out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from prove_tables import innocent_table, power_table

from stillhunt.model.blunt.blunt_table import blunt_cells, blunt_results

PAGE = Path(__file__).parents[2] / "docs" / "model-figures.md"
Rows = list[dict[str, Any]]
HEAD = """# Figures of models

What `stillhunt model` does on models that are trained here, by the scripts in `benchmarks/model`; this page is
written by `benchmarks/model/page.py` from their rows. Models are tiny, and tasks are simple: what a large model
gains, keeps or shows, nobody has measured with this tool. The runs so far are short: the tables say how many
students and seeds there were. {missing}
"""
PROVE = """## Prove

A teacher of 1.7 million parameters learned beginnings of real texts. Ten campaigns take 100 answers each. A thief
has a model of 1.1 million parameters that learned other texts, and trains it, over two epochs, on 2,000 texts of
which the harvest is the part that the table names (5 % is 100 answers). *Control answers* has the teacher as its
only reference; *base known* has also the model from which the thief started. *Continued* is what an endpoint shows
that gives no probabilities. p-values are corrected as `prove` corrects them, for 1,000 pairs of suspect and
campaign. Words are exchanged for words like them by static vectors.

{power}

Innocents have no answer of the campaigns that they are tried on. They are students of other texts; of the same
public texts; of a sibling of the teacher that answered the same prompts; of the teacher itself, which answered the
same prompts again; and of paraphrases of the same public texts. Each has a tenth of its data from there. Expected
are 5 %, 1 % and 0.1 % of the tests below the three bars, or fewer. Tests of one campaign share its texts, and all
students move in one direction by their training, so that they are not independent and shares scatter more than
their numbers suggest.

{innocents}
"""
DISTIL = """## Distil

Share of the way from the untrained student to the teacher, over held-out questions with a result that a program
checks.

{table}
"""
BLUNT = """## Blunt

What a student gains from the answers to flagged traffic, over what it knows without them. The adaptive student
knows the measure, and takes whichever of its ways is best on questions of its own.

{table}
"""
MARKS = """## Mark

{table}
"""
DAMAGE = """## Damage

{table}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts: dict[str, Callable[[Rows], str]] = {
        "prove": prove_part,
        "distil": distil_part,
        "blunt": blunt_part,
        "marks": marks_part,
        "damage": damage_part,
    }
    for name in parts:
        parser.add_argument(name)
    given = vars(parser.parse_args())
    texts, missing = [], []
    for name, part in parts.items():
        if given[name] == "-":
            missing.append(name)
        else:
            texts.append(part([json.loads(line) for line in Path(given[name]).read_text().splitlines()]))
    left_out = f"Not measured yet: {', '.join(missing)}." if missing else ""
    PAGE.write_text("\n".join([HEAD.format(missing=left_out).rstrip() + "\n", *texts]))


def prove_part(rows: Rows) -> str:
    """The part about proofs.

    Args:
        rows: of `prove.py`.
    """
    thieves = [row for row in rows if row["kind"] == "thief"]
    return PROVE.format(power="\n".join(power_table(thieves)), innocents="\n".join(innocent_table(rows)))


def distil_part(rows: Rows) -> str:
    """The part about distillation.

    Args:
        rows: of `distil.py`.
    """
    lines = table("task", "method", "seeds", "teacher", "student", "without the teacher", "recovered", "lowest seed")
    for task, method in sorted({(row["task"], row["method"]) for row in rows}):
        own = [row for row in rows if (row["task"], row["method"]) == (task, method)]
        models = [{one["model"]: one for one in row["models"]} for row in own]
        right = [
            f"{mean(one[name]['right'][0] for one in models):.1%} of {models[0][name]['parameters']:,} parameters"
            for name in ("teacher", "student", "student without the teacher")
        ]
        recovered = [one["student"]["recovered"][0] for one in models]
        lines.append(line(task, method, len(own), *right, f"{mean(recovered):.1%}", f"{min(recovered):.1%}"))
    return DISTIL.format(table="\n".join(lines))


def blunt_part(rows: Rows) -> str:
    """The part about countermeasures.

    Args:
        rows: of `blunt.py`.
    """
    head, *cells = blunt_cells(blunt_results(rows))
    seeds = sorted({row["seed"] for row in rows})
    first = rows[0]
    budgets = (
        f"{first['queries']} queries, {first['data']} questions of its own, {first['leak']:.0%} of the questions from "
        f"accounts that are not flagged, interface: {first['interface']}, seeds {seeds[0]} to {seeds[-1]}.\n"
    )
    return BLUNT.format(table="\n".join([budgets, *table(*head), *(line(*one) for one in cells)]))


def marks_part(rows: Rows) -> str:
    """The part about what marks cost.

    Args:
        rows: of `mark_cost.py`.
    """
    lines = table("text", "mark", "tokens", "open positions", "p per 1,000 tokens", "perplexity", "different words")
    for row in rows:
        if "perplexity" in row:
            found = row["log10_p_per_1000"]
            lines.append(
                line(
                    row["what"],
                    row["scheme"],
                    f"{row['tokens']:,}",
                    f"{row['open']:.0%}",
                    "" if found is None else f"1e{found:.0f}",
                    f"{row['perplexity']:.1f}",
                    row["distinct_words"],
                )
            )
    return MARKS.format(table="\n".join(lines))


def damage_part(rows: Rows) -> str:
    """The part about what harvests are worth.

    Args:
        rows: of `damage.py`.
    """
    lines = table("world", "task", "bend, in samples", "bend by right answers", "honest answers that are worth as much")
    for row in rows:
        worth = row["honest_worth"]
        honest = "more than there were" if worth["beyond"] else f"{worth['value']:.0f}"
        lines.append(line(row["world"], row["task"], row["bend"]["value"], row["bend_by_right_answers"], honest))
    return DAMAGE.format(table="\n".join(lines))


def table(*titles: str) -> list[str]:
    """Head of a table.

    Args:
        titles: of its columns.
    """
    return [line(*titles), "|---" * len(titles) + "|"]


def line(*cells: object) -> str:
    """A line of a table.

    Args:
        cells: one a column.
    """
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    main()
