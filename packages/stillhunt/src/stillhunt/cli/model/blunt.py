"""The commands `model blunt`; what they do is in `blunting.py` and `blunting_measure.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SettingsOption

commands = typer.Typer()
blunt_app = typer.Typer(
    no_args_is_help=True,
    help="Make answers to a flagged campaign teach less: openly, under a signed order that ends, results unchanged.",
)
commands.add_typer(blunt_app, name="blunt")

OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Id of an order in force, or its beginning.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs; a person.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; it is kept in the register of orders.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


@blunt_app.command("order")
def blunt_order(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder in which the campaign's verdict is act.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    measure: Annotated[
        str,
        typer.Option(
            "--measure",
            metavar="NAME",
            help="withhold (no reasoning), summarise (an outline of it), rewrite (its steps numbered, the last first), "
            "or cap (a number of answers, then refusals).",
        ),
    ],
    by: ByOption,
    note: NoteOption,
    days: Annotated[int, typer.Option("--days", metavar="N", help="How long the order is in force; at most 90.")],
    keep_samples: Annotated[
        int | None,
        typer.Option(
            "--keep-samples",
            min=0,
            metavar="N",
            help="Useful samples that the campaign gets before it is refused; cap: 100 by default, others: no limit.",
        ),
    ] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign an order about the answers to the flagged accounts of one campaign.

    Needs the verdict act, a name, a reason and an end. Nothing is changed by this command: 'blunt apply' carries the
    order out, and nothing does after its end. Your terms must allow it: 'blunt policy' writes a draft.
    """
    from stillhunt.cli.model.blunting import NewBluntOrder, run_blunt_order  # start-up time

    run_blunt_order(
        NewBluntOrder(case, campaign, measure, by, note, days, keep_samples, settings_file), as_json=as_json
    )


@blunt_app.command("list")
def blunt_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the orders of countermeasures, and check that nobody changed the register."""
    from stillhunt.cli.model.blunting import run_blunt_list  # start-up time

    run_blunt_list(settings_file, as_json=as_json)


@blunt_app.command("end")
def blunt_end(order: OrderArgument, by: ByOption, note: NoteOption, settings_file: SettingsOption = None) -> None:
    """End an order before its time."""
    from stillhunt.cli.model.orders_shown import end_listed_order  # start-up time

    end_listed_order("blunt", order, by, note, settings_file)


@blunt_app.command("apply")
def blunt_apply(
    order: OrderArgument,
    rows: Annotated[
        Path,
        typer.Argument(metavar="IN.jsonl", help="Answers: rows with account_id, prompt, response, mostly reasoning."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="OUT.jsonl", help="File to write.")],
    samples_before: Annotated[
        int | None,
        typer.Option(
            "--samples-before",
            min=0,
            metavar="N",
            help="Useful samples that the campaign got before this file; by default what the register says.",
        ),
    ] = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Carry an order out on a file of answers before they are sent.

    Only rows of the order's accounts change; all others pass byte for byte. Each changed row gets the field notice,
    with the text that the customer must see. Results are never changed. Prints what was done in numbers.
    """
    from stillhunt.cli.model.blunting import ApplyOrder, run_blunt_apply  # start-up time

    run_blunt_apply(ApplyOrder(order, rows, out, samples_before, force, settings_file), as_json=as_json)


@blunt_app.command("policy")
def blunt_terms(
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="NAME", help="A measure in the terms; may be repeated; all by default."),
    ] = None,
    keep_samples: Annotated[
        int | None, typer.Option("--keep-samples", min=0, metavar="N", help="Limit of cap that the text states; 100.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE.md", help="File to write; stdout by default.")
    ] = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Write a draft of the terms of service that allow countermeasures. It is no legal advice."""
    from stillhunt.cli.model.blunting import run_blunt_policy  # start-up time

    run_blunt_policy(tuple(measure or ()), keep_samples, out, settings_file, force=force)


@blunt_app.command("measure")
def blunt_measure(
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="OUT.json", help="File of rows; what it has is not done again."),
    ],
    task: Annotated[
        list[str] | None,
        typer.Option("--task", metavar="NAME", help="sums, programs, strings, calls; may be repeated."),
    ] = None,
    queries: Annotated[int, typer.Option("--queries", min=4, metavar="N", help="Questions a thief may ask.")] = 800,
    data: Annotated[
        int, typer.Option("--data", min=4, metavar="N", help="A thief's own questions with results and no steps.")
    ] = 200,
    leak: Annotated[
        float,
        typer.Option("--leak", min=0, max=1, metavar="SHARE", help="Share of questions from accounts not flagged."),
    ] = 0.1,
    keep_samples: Annotated[
        int | None, typer.Option("--keep-samples", min=0, metavar="N", help="Limit of cap; 100.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds, from 0 on.")] = 3,
    steps: Annotated[int | None, typer.Option("--steps", min=1, metavar="N", help="Updates of each student.")] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Measure what passive and adaptive students gain under each measure, on tiny models trained here.

    No log and no network is needed. A task and seed take five to ten minutes on one core.
    """
    from stillhunt.cli.model.blunting_measure import MeasureOrder, run_blunt_measure  # start-up time

    tasks = tuple(task or ("sums", "programs"))
    order = MeasureOrder(out, tasks, queries, data, leak, keep_samples, seeds, steps, settings_file, quiet)
    run_blunt_measure(order, as_json=as_json)
