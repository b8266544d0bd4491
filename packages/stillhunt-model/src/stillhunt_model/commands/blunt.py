"""`stillhunt model blunt`: orders, files of answers and terms."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import InputError
from stillhunt.case import Case
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_bytes,
    print_json,
    read_clock,
    refuse_existing,
    safe_lines,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_model.blunt.answer_files import BluntCounts, BluntTerms, SampleCount, blunted_rows
from stillhunt_model.blunt.measures import MEASURES, MeasureName, checked_measure
from stillhunt_model.blunt.notices import blunt_policy, measure_in_words
from stillhunt_model.blunt.parameters import KEEP_SAMPLES
from stillhunt_model.commands.blunt_measure import blunt_measure
from stillhunt_model.commands.orders_shown import (
    ByOption,
    OrderArgument,
    OrderNoteOption,
    end_listed_order,
    is_member,
    list_orders,
    order_moment,
    print_counts,
    start_models,
)
from stillhunt_model.orders.lines import order_content
from stillhunt_model.orders.order import OrderRequest, signed_order
from stillhunt_model.orders.register import OrderRegister, model_folder

blunt_commands = typer.Typer(
    no_args_is_help=True,
    help="Make answers to a flagged campaign teach less: openly, under a signed order that ends, results unchanged.",
)


@blunt_commands.command("order")
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
    note: OrderNoteOption,
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

    Needs the verdict act, a name, a reason and an end. This command changes nothing: 'blunt apply' carries the order
    out, until it ends. Your terms must allow it: 'blunt policy' writes a draft.
    """
    config = start_models(settings_file)
    kind = checked_measure(measure)
    keep = KEEP_SAMPLES if kind == "cap" and keep_samples is None else keep_samples
    settings = {} if keep is None else {"keep_samples": keep}
    request = OrderRequest("blunt", kind, campaign, by, note, days, settings)
    order = signed_order(Case.read(case), request, pseudonyms_key(keys_folder(config)), read_clock())
    OrderRegister(model_folder(config)).add_order(order)
    if as_json:
        print_json(order_content(order))
        return
    output_console().print(order.order_id)
    accounts = formatting.plural(len(order.accounts), "flagged account")
    named: list[MeasureName] = [kind] if keep is None or kind == "cap" else [kind, "cap"]
    words = [measure_in_words(one, keep or 0) for one in named]
    about = (
        f"{order.measure} for {accounts} of {order.campaign_id}, until {order_moment(order.expires_at)}.",
        " ".join(words),
        "Each changed answer carries a notice. Your terms must allow it: 'stillhunt model blunt policy' has a draft.",
    )
    for line in about:
        message_console().print(safe_lines(line), soft_wrap=True)


@blunt_commands.command("list")
def blunt_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the orders of countermeasures, and check that nobody changed the register."""
    counts = {
        name: lambda one, name=name: sum(use.get(name, 0) for use in one["uses"]) for name in ("changed", "refused")
    }
    list_orders("blunt", counts, "No orders: no answer is changed.", settings_file, as_json=as_json)


@blunt_commands.command("end")
def blunt_end(order: OrderArgument, by: ByOption, note: OrderNoteOption, settings_file: SettingsOption = None) -> None:
    """End an order before its time."""
    end_listed_order("blunt", order, by, note, settings_file)


@blunt_commands.command("apply")
def blunt_apply(
    order: OrderArgument,
    rows: Annotated[
        Path,
        typer.Argument(
            metavar="IN.jsonl", help="Answers: rows with account_id, prompt, response and, usually, reasoning."
        ),
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
    config = start_models(settings_file)
    counts = BluntCounts()
    with OrderRegister(model_folder(config)).use_in_progress(order, read_clock(), "blunt", "blunt apply") as use:
        before = samples_before
        refuse_existing(out, force=force)
        keep, appeal = use.order.settings.get("keep_samples"), config.decide.appeal_url
        terms = BluntTerms(checked_measure(use.order.measure), keep, order_moment(use.order.expires_at), appeal)
        if before is None:
            before = sum(one.get("samples", 0) for one in use.before)
        samples = SampleCount(before)
        try:
            with rows.open("rb") as file:
                write_whole(out, blunted_rows(file, terms, is_member(use.order, config), samples, counts))
        except OSError as error:
            raise InputError(
                "the file cannot be read", where=str(rows), next_step="name a file of JSON lines"
            ) from error
        use.counts.update(counts.as_dict())
    if as_json:
        print_json({**counts.as_dict(), "samples_before": before})
        return
    print_counts({**counts.as_dict(), "samples before": before}, as_json=False)
    for line in _list_count_notes(counts):
        message_console().print(line, soft_wrap=True)


@blunt_commands.command("policy")
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
    start_models(settings_file)
    named = tuple(checked_measure(one) for one in measure or ()) or MEASURES
    text = blunt_policy(named, KEEP_SAMPLES if keep_samples is None else keep_samples).encode()
    if out is None:
        print_bytes(text)
        return
    refuse_existing(out, force=force)
    write_whole(out, [text])


def _list_count_notes(counts: Any) -> list[str]:
    """What a reader of the counts may overlook."""
    notes = []
    if counts.unread:
        lines = formatting.plural(counts.unread, "line was", "lines were")
        notes.append(
            f"{lines} passed on unchanged: no JSON object with account_id, prompt and response, or a reasoning that is "
            "no text. If an account of the order is among them, it got its answer in full."
        )
    if counts.unclear:
        answers = formatting.plural(counts.unclear, "response that begins", "responses that begin")
        show = formatting.verb(counts.unclear, "does", "do")
        notes.append(
            f"{answers} with <think> {show} not show where the reasoning ends and passed unchanged, if not refused: "
            "what looks like reasoning may be the result."
        )
    if counts.without_reasoning:
        answers = formatting.plural(counts.without_reasoning, "answer has", "answers have")
        notes.append(
            f"{answers} no reasoning apart from the result and passed unchanged; steps inside a response are not "
            "touched, since results must not be."
        )
    return notes


blunt_commands.command("measure")(blunt_measure)
