"""`stillhunt model mark`: orders to mark answers, and the files and models that carry them out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.case import Case
from stillhunt.commands import (
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_json,
    read_clock,
    safe_lines,
)
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_model.commands.mark_answers import mark_answer, mark_text
from stillhunt_model.commands.orders_shown import (
    ByOption,
    OrderArgument,
    OrderNoteOption,
    end_listed_order,
    list_orders,
    order_moment,
    start_models,
)
from stillhunt_model.orders.lines import order_content
from stillhunt_model.orders.order import OrderRequest, signed_order
from stillhunt_model.orders.register import OrderRegister, model_folder

mark_commands = typer.Typer(
    no_args_is_help=True,
    help="Mark the answers to a flagged campaign, under a signed order that ends. Off unless an order is in force.",
)


@mark_commands.command("order")
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
    note: OrderNoteOption,
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

    Needs the verdict act, a name, a reason and an end. A secret key is made for the order. This command marks nothing:
    an inference server, 'mark text' or 'mark answer' carries the order out, until it ends.
    """
    changes = {"gamma": gamma, "delta": delta, "width": width, "temperature": temperature, "top_p": top_p}
    given = {name: value for name, value in changes.items() if value is not None}
    config = start_models(settings_file)
    from stillhunt_model.marks.keys import mark_secret_path, new_mark_secret  # torch, which takes seconds
    from stillhunt_model.marks.serving import scheme_settings  # torch, which takes seconds

    settings = scheme_settings(scheme, given)
    request = OrderRequest("mark", scheme, campaign, by, note, days, settings)
    keys = keys_folder(config)
    order = signed_order(Case.read(case), request, pseudonyms_key(keys), read_clock())
    order = replace(order, key_hash=new_mark_secret(keys, order.order_id))
    try:
        OrderRegister(model_folder(config)).add_order(order)
    except BaseException:
        mark_secret_path(keys, order.order_id).unlink()  # no order, no key
        raise
    if as_json:
        print_json(order_content(order))
        return
    output_console().print(order.order_id)
    accounts = formatting.plural(len(order.accounts), "flagged account")
    about = (
        f"{order.measure} marks for the answers to {accounts} of {order.campaign_id}, until "
        f"{order_moment(order.expires_at)}; signed by {order.signed_by}."
    )
    secret = f"The key is {mark_secret_path(keys, order.order_id)}. Keep a copy: without it nothing can be proven."
    for line in (about, secret):
        message_console().print(safe_lines(line), soft_wrap=True)


@mark_commands.command("list")
def mark_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the orders to mark, and check that nobody changed the register of orders.

    The printed hash fixes the whole register: keep it elsewhere, so that a rewritten register is noticed.
    """
    counts = {"used": lambda one: len(one["uses"])}
    list_orders("mark", counts, "No orders: nothing is marked.", settings_file, as_json=as_json)


@mark_commands.command("end")
def mark_end(order: OrderArgument, by: ByOption, note: OrderNoteOption, settings_file: SettingsOption = None) -> None:
    """End an order before its time. Its key stays, so that what was marked can still be proven."""
    end_listed_order("mark", order, by, note, settings_file)


mark_commands.command("text")(mark_text)
mark_commands.command("answer")(mark_answer)
