"""Write `docs/model-figures.md` from the rows of the measurements of models.

    python benchmarks/model/page.py FOLDER

FOLDER has the files of rows that the other scripts here wrote, each with the name of its script, such as prove.jsonl.
The part of a file that is missing is left out, and the page says so.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean
from typing import Any

from damage_tables import point_cells, world_cells
from innocents_tables import innocents_part, text_only_part
from prove_tables import BARS, corrected, innocent_table, power_table, stopped_by_honest

from stillhunt_model.blunt.blunt_table import blunt_cells, blunt_results
from stillhunt_model.proof.parameters import P

PAGE = Path(__file__).parents[2] / "docs" / "model-figures.md"
Rows = list[dict[str, Any]]
HEAD = """# Figures of models

For owners of a model: what `stillhunt model` does on models that are trained here, by the scripts in
`benchmarks/model`; this page is written by `benchmarks/model/page.py` from their rows. Models are tiny, and
tasks are simple: what a large model gains or keeps, nobody has measured with this tool. The
tables say how many students and seeds there were.
{missing}
"""
PROVE = """## Prove

A teacher of 1.7 million parameters learned beginnings of real texts. Ten campaigns take 100 answers each. A thief
has a model of 1.1 million parameters that learned other texts, and trains it, over two epochs, on 2,000 texts of
which the harvest is the part that the table names (5 % is 100 answers). *Control answers* has the teacher as its
only reference, and compares whole texts; where *no limit* is *logged*, the log does not say how long answers could be,
so that texts are cut; *kin known* has also a model of the thief's size that was trained on the teacher's texts, which
whoever has the teacher can make; *base known* has the model from which the thief started. **The tables of
proofs were measured before [ADR 42](adr/0042-proof-from-text.md)**, which leaves out more calls and lets the teacher
judge first. p-values are corrected as `prove` corrects them, for 1,000 pairs of suspect and campaign. Words are
exchanged for words like them by static vectors.

{power}

Where the answers to the next campaign, which the thief does not have, stand for those to honest accounts, they stop
{stopped} of {concluded} conclusions at a corrected p of 1e-5.

Innocents have no answer of the campaigns that they are tried on. They are students of other texts; of the same
public texts; of a sibling of the teacher that answered the same prompts; of the teacher itself, which answered the
same prompts again; and of paraphrases of the same public texts. Each has a tenth of its data from there. Expected
are 5 %, 1 % and 0.1 % of the tests below the three bars, or fewer. For the test of control answers each innocent has
harvests of its own: of the draws to each prompt another one counts as harvested, which is the same to a model that
learned none of them. The other tests, and those of thieves, share their texts: {sets} sets of draws in all, on each of
which most models agree, so that shares scatter more than the number of tests suggests.

{innocents}
"""
DISTIL = """## Distil

Share of the way from the untrained student to the teacher, over held-out questions with a result that a program
checks. The student without the teacher learned the right answers of the tasks themselves.

{table}
"""
BLUNT = """## Blunt

What a student gains from the answers to flagged traffic, over what it knows without them. The adaptive student
knows the measure, and takes whichever of its ways is best on questions of its own.

{table}
"""
VERSIONS = """### Another version of the teacher

A later version of the teacher is named than the one that answered. *Guard of likelihoods* is whether the named teacher
finds the logged answers as likely as its own, in campaigns; *p* is that of the test of control answers alone, with the
teacher as reference; *honest* that of as many answers to honest accounts. `prove` concludes nothing where a guard
fails, or where *honest* is below 0.01. *Accused* counts campaigns with a corrected p of at most 1e-5 for 1,000 pairs,
before and after the guards.

{table}
"""
REAL = """### A pretrained model

The teacher is SmolLM2-135M-Instruct after 60 steps on other texts. Suspects start from SmolLM2 as it was published,
which is the *base*, and learn 40 texts twice, of which the table says how many are answers of the teacher (40 tokens at
most, temperature 0.8); the others are beginnings of real texts. The honest student learned other answers to the same
prompts. Each answer has nine control answers. p-values are those of single tests, one of each seed, not corrected.

{table}
"""
MARKS = """## Mark

A teacher of a third of a million parameters that learned beginnings of real texts answers 200 prompts. *Tournaments*
are the standing mark, with as many rounds of each key as *strength* says; *lists* add so many nats to half of the
plain words for each key, the rival that was not taken. *Public* and *group* are standard deviations of 1,000 tokens,
in brackets with the entropy gate; *ms* is CPU time for each token, the model's included.

{strength}

Texts of people with 200 tokens or more (what users said to a chat, and questions of public data sets), each judged
alone under one of {keys} keys, with a tokenizer of 4,096 tokens made from 300 others. Expected are 5 %, 1 % and so
on; none of 2,000 means at most 0.15 % with 95 % confidence. The public key has width 4.

{people}

A student learns answers of two groups among as many texts of its own over two epochs; of the second group a quarter of
the answers in the first column. p-values are not corrected: `prove` needs 4e-9 for 1,000 pairs.

{curve}
"""
DAMAGE = """## Damage

Worlds whose harvest is known: see `benchmarks/model/damage.py`. Students of {parameters} parameters, made from nothing,
learn from what the campaign took or from honest answers, {batch} of them in each update; {seeds} seeds. Of honest
answers, the worlds of a task have fewer than the harvest, since they teach nothing of it.
All figures but *worth in samples of plain* are what the command says, with its 95 % intervals. *Right answers* are
exact ones, steps included. *none* is a curve that does not bend within its counts.

{worlds}

The curves:

{curves}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    parts: dict[str, Callable[[Rows], str]] = {
        "prove": prove_part,
        "versions": versions_part,
        "real_family": real_part,
        "text_only": text_only_part,
        "innocents": innocents_part,
        "distil": distil_part,
        "blunt": blunt_part,
        "standing_marks": marks_part,
        "damage": damage_part,
    }
    files = {name: folder / f"{name}.jsonl" for name in parts}
    missing = [f"`{name}.py`" for name, file in files.items() if not file.exists()]
    texts = [
        parts[name]([json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()])
        for name, file in files.items()
        if file.exists()
    ]
    left_out = f"Not measured yet: {', '.join(missing)}." if missing else ""
    PAGE.write_text("\n".join([HEAD.format(missing=left_out).rstrip() + "\n", *texts]), encoding="utf-8")


def prove_part(rows: Rows) -> str:
    """The part about proofs.

    Args:
        rows: of `prove.py`.
    """
    thieves = [row for row in rows if row["kind"] == "thief"]
    sets = {(one["campaign"], one["scheme"]) for row in thieves for one in row["tests"]}
    innocents = "\n".join(innocent_table(rows))
    stopped, concluded = stopped_by_honest(thieves)
    return PROVE.format(
        power="\n".join(power_table(thieves)),
        innocents=innocents,
        sets=len(sets),
        stopped=stopped,
        concluded=concluded,
    )


def versions_part(rows: Rows) -> str:
    """The part about versions of the teacher.

    Args:
        rows: of `versions.py`.
    """
    lines = table("steps later", "suspect", "guard of likelihoods", "p", "honest", "accused before", "accused after")
    for steps, suspect, guilty in sorted({(row["steps"], row["suspect"], row["guilty"]) for row in rows}):
        own = [row for row in rows if (row["steps"], row["suspect"], row["guilty"]) == (steps, suspect, guilty)]
        accused = [row for row in own if corrected({"test": "control answers", "p": row["p"]}) <= BARS[0]]
        after = [row for row in accused if row["alike"] and row["honest_p"] >= P.honest]
        name = suspect if guilty or suspect != "thief" else "thief of another campaign"
        lines.append(
            line(
                steps,
                name,
                f"passed in {sum(row['alike'] for row in own)} of {len(own)}",
                ", ".join(f"{row['p']:.0e}" for row in own),
                ", ".join(f"{row['honest_p']:.0e}" for row in own),
                f"{len(accused)} of {len(own)}",
                f"{len(after)} of {len(own)}",
            )
        )
    return VERSIONS.format(table="\n".join(lines))


def real_part(rows: Rows) -> str:
    """The part about a pretrained model.

    Args:
        rows: of `real_family.py`.
    """
    tests = ("teacher known", "base known", "marks")
    lines = table("suspect", "mark", "answers", "seeds", *tests)
    for kind, mark, answers in in_order(tuple(row["cell"].values())[:3] for row in rows):
        own = [row["tests"] for row in rows if tuple(row["cell"].values())[:3] == (kind, mark, answers)]
        for about in ("", ", another campaign"):
            found = [[one[test + about]["p"] for one in own if test + about in one] for test in tests]
            if any(found):
                values = (", ".join(f"{p:.0e}" for p in of_test) for of_test in found)
                lines.append(line(f"{kind}{about.replace(',', ', asked about')}", mark, answers, len(own), *values))
    return REAL.format(table="\n".join(lines))


def distil_part(rows: Rows) -> str:
    """The part about distillation.

    Args:
        rows: of `distil.py`.
    """
    lines = table("task", "method", "seeds", "teacher", "student", "without the teacher", "recovered", "lowest seed")
    for task, method in sorted({(row["task"], row["method"]) for row in rows}):
        own = [row for row in rows if (row["task"], row["method"]) == (task, method)]
        models = [{one["model"]: one for one in row["models"]} for row in own]
        right = []
        for name in ("teacher", "student", "student without the teacher"):
            found = [one[name] for one in models if name in one]  # the last one is the same for all methods of a seed
            right.append(
                f"{mean(one['right'][0] for one in found):.1%} of {found[0]['parameters']:,} parameters"
                if found
                else "the same"
            )
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
    """The part about standing marks.

    Args:
        rows: of `standing_marks.py`.
    """
    strength = table("mark", "strength", "width of the group", "perplexity", "different words", "public", "group", "ms")
    people, curve = table("width", "texts", *(f"p ≤ {bar:g}" for bar in (0.05, 0.01, 1e-3, 1e-4, 1e-5))), []
    for row in rows:
        if row["what"] == "strength":
            z = (
                [f"{one:.1f} ({more:.1f})" for one, more in zip(row["z"], row["z_entropy"], strict=True)]
                if "z" in row
                else ["", ""]
            )
            cells = (row["scheme"], row["strength"], row["width"], f"{row['perplexity']:.1f}", row["words"], *z)
            strength.append(line(*cells, f"{row['cpu_ms_per_token']:.2f}"))
        elif row["what"] == "people":
            people.append(line(row["width"], f"{row['texts']:,}", *row["below"].values()))
        else:
            curve += [
                line(
                    row["width"],
                    f"{row['answers']:,}",
                    looked,
                    *(f"{found[one]:.0e}" if one in found else "" for one in ("a", "b", "stranger", "public")),
                )
                for looked, found in row["found"].items()
            ]
    keys = max((row["keys"] for row in rows if row["what"] == "people"), default=0)
    head = table("width", "answers", "what is looked at", "first group", "second group", "a third one", "public")
    return MARKS.format(
        strength="\n".join(strength), people="\n".join(people), curve="\n".join(head + curve), keys=keys
    )


def in_order(keys: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Distinct keys as they first appear.

    Args:
        keys: of rows.
    """
    return list(dict.fromkeys(keys))


def spread(values: list[float], form: str) -> str:
    """Mean of several seeds, with the lowest and the highest.

    Args:
        values: one a seed.
        form: of a value.
    """
    low, middle, high = (form.format(one) for one in (min(values), mean(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def damage_part(rows: Rows) -> str:
    """The part about what harvests are worth.

    Args:
        rows: of `damage.py`.
    """
    first = rows[0]["settings"]
    (head, *worlds), (titles, *points) = world_cells(rows), point_cells(rows)
    return DAMAGE.format(
        worlds="\n".join([*table(*head), *(line(*one) for one in worlds)]),
        curves="\n".join([*table(*titles), *(line(*one) for one in points)]),
        parameters=" to ".join(f"{one:,}" for one in sorted({row["parameters"] for row in rows})),
        **{name: first[name] for name in ("batch", "seeds")},
    )


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
