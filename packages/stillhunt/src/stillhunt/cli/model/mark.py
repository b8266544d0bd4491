"""The commands `model mark`; what they do is in `marking.py` and `marking_answers.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SeedOption, SettingsOption

commands = typer.Typer()
mark_app = typer.Typer(
    no_args_is_help=True,
    help="Mark the answers to a flagged campaign, under a signed order that ends. Off unless an order is in force.",
)
commands.add_typer(mark_app, name="mark")

OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Id of an order in force, or its beginning.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs; a person.")]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; it is kept in the register of orders.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="OUT.jsonl", help="File to write.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]


@mark_app.command("order")
def mark_order(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder in which the campaign's verdict is act.")],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    scheme: Annotated[
        str,
        typer.Option(
            "--scheme",
            metavar="NAME",
            help="green (list of tokens), gumbel (changes no probability), or canary (wordings in finished answers).",
        ),
    ],
    by: ByOption,
    note: NoteOption,
    days: Annotated[int, typer.Option("--days", metavar="N", help="How long the order is in force; at most 90.")],
    gamma: Annotated[float | None, typer.Option("--gamma", help="green: share of the vocabulary, 0.25.")] = None,
    delta: Annotated[float | None, typer.Option("--delta", help="green: lift in logits, 2.")] = None,
    width: Annotated[
        int | None, typer.Option("--width", help="Tokens before each that choose the mark: green 2, gumbel 4.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="gumbel: temperature of the answers, 1.")
    ] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", help="gumbel: nucleus of the answers, 1.")] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign an order to mark the answers to the flagged accounts of one campaign.

    Needs the verdict act, a name, a reason and an end. A secret key is made for the order. Nothing is marked by this
    command: an inference server, 'mark text' or 'mark answer' carries the order out, and nothing does after its end.
    """
    from stillhunt.cli.model.marking import NewOrder, run_mark_order  # start-up time

    changes = {"gamma": gamma, "delta": delta, "width": width, "temperature": temperature, "top_p": top_p}
    given = {name: value for name, value in changes.items() if value is not None}
    run_mark_order(NewOrder(case, campaign, scheme, by, note, days, given, settings_file), as_json=as_json)


@mark_app.command("list")
def mark_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the orders to mark, and check that nobody changed the register of orders.

    The hash that is printed fixes the whole register: keep it elsewhere, and a register that was written anew is found.
    """
    from stillhunt.cli.model.marking import run_mark_list  # start-up time

    run_mark_list(settings_file, as_json=as_json)


@mark_app.command("end")
def mark_end(order: OrderArgument, by: ByOption, note: NoteOption, settings_file: SettingsOption = None) -> None:
    """End an order before its time. Its key stays, so that what was marked can still be proven."""
    from stillhunt.cli.model.orders_shown import end_listed_order  # start-up time

    end_listed_order("mark", order, by, note, settings_file)


@mark_app.command("text")
def mark_text(
    order: OrderArgument,
    rows: Annotated[
        Path, typer.Argument(metavar="IN.jsonl", help="Answers: rows with account_id, prompt and response.")
    ],
    out: OutOption,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Put the canaries of an order into answers that exist already: the key chooses between wordings of one meaning.

    Only the answers to the accounts of the order are changed; all other bytes are as they were. Code, data, quotations,
    addresses, headings and sentences with a digit are left alone, and so are answers about code, data or safety.
    """
    from stillhunt.cli.model.marking_answers import FileOrder, run_mark_text  # start-up time

    run_mark_text(FileOrder(order, rows, out, force, settings_file), as_json=as_json)


@mark_app.command("answer")
def mark_answer(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder or GGUF file.")],
    prompts: Annotated[
        Path, typer.Argument(metavar="PROMPTS.jsonl", help="Rows with prompt; with account_id, only the order's count.")
    ],
    order: Annotated[str, typer.Option("--order", metavar="ORDER", help="Id of an order in force, or its beginning.")],
    out: OutOption,
    tokens: Annotated[int, typer.Option("--tokens", min=1, max=4096, help="Most tokens of an answer.")] = 256,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0.0, help="1 by default; of gumbel, that of the order.")
    ] = None,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Prompts that are answered together.")] = 8,
    seed: SeedOption = 0,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Answer prompts with a local model under an order, to try a mark before a server has it.

    Answers to accounts that are not of the order are drawn without the mark; a row without an account gets it.
    """
    from stillhunt.cli.model.marking_answers import AnswerOrder, FileOrder, run_mark_answer  # start-up time

    files = FileOrder(order, prompts, out, force, settings_file)
    run_mark_answer(AnswerOrder(files, model, tokens, temperature, batch, seed, quiet), as_json=as_json)
