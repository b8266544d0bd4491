"""`stillhunt attribute`: a campaign compared with known actors."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stillhunt.case import Case
from stillhunt.commands import JsonFlag, output_console, print_columns, print_json
from stillhunt.tools import formatting
from stillhunt_evidence.actors import attribute as compare_actors
from stillhunt_evidence.actors import read_actors
from stillhunt_evidence.actors.decision import ActorComparison

_ACTORS_IN_FULL = 3

_LEAST_PROBABILITY = 0.01
"""Actors below it are counted and not shown; all of them are in the JSON."""


def attribute(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder written by 'hunt --out'.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    actors: Annotated[
        Path,
        typer.Option("--actors", metavar="FILE", help="What is known about actors (TOML); docs/howto/attribute.md."),
    ],
    as_json: JsonFlag = False,
) -> None:
    """Compare a campaign with known actors.

    Shows for each actor of the file what is evidence for and against it, in bits, and how probable it is. An actor is
    named only if marks of several kinds agree, what they rest on is costly to plant, they cover most of the campaign,
    and nothing contradicts them; otherwise the command says what is missing. Nothing is written.
    """
    known = read_actors(actors)
    found = compare_actors(Case.read(case), campaign, known)
    if as_json:
        print_json(found.as_dict())
        return
    console = output_console()
    console.print(f"Campaign {formatting.escape_controls(found.campaign_id)}")
    console.print(formatting.escape_controls(found.statement))
    for title, lines in (
        ("Why nobody is named", found.reasons),
        ("What remains possible", found.alternatives),
        ("What is missing for more certainty", found.missing),
    ):
        if lines:
            console.print(f"\n{title}")
            print_columns(console, [(" ", line) for line in lines])
    shown = [one for one in found.actors if one.probability >= _LEAST_PROBABILITY][:_ACTORS_IN_FULL] or found.actors[:1]
    console.print("\nNamed, and compared actors" if found.named is not None else "\nNot named: compared actors")
    for one in shown:
        _print_actor(console, one)
    rest = len(found.actors) - len(shown)
    console.print(f"\nSomebody who is not in the file: {formatting.probability(found.somebody_else)}.", end="")
    console.print(f" {formatting.plural(rest, 'other actor')} in the file." if rest else "")


def _print_actor(console: Console, one: ActorComparison) -> None:
    weight = one.weight
    console.print(
        f"\n{one.name}: prior {formatting.probability(one.prior)}, {formatting.bits(weight.bits)} bits, probability "
        f"{formatting.probability(one.probability)}"
    )
    console.print(
        f"  {formatting.bits(weight.costly)} bits of marks that are costly to plant, {formatting.bits(weight.cheap)} "
        f"of others, {formatting.bits(weight.against)} against"
    )
    for sentence in one.contradictions:
        console.print(f"  {formatting.escape_controls(sentence)}")
    rows = [
        (
            " ",
            formatting.bits(mark.bits) if mark.known else "?",
            mark.kind.replace("_", " "),
            "costly" if mark.costly else "",
            formatting.sentence(mark.statement),
        )
        for mark in one.marks
    ]
    print_columns(console, rows or [(" ", "", "", "", "The file has no marks of it.")])
