"""What `stillhunt model mark` does with orders: sign, list and end them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json, safe_lines
from stillhunt.dossier.keys.folder import keys_folder, pseudonyms_key
from stillhunt.triage import Case

_NAME_CHARS = 40


@dataclass(frozen=True)
class NewOrder:
    """An order to sign, as given on the command line."""

    case: Path
    campaign: str
    scheme: str
    by: str
    note: str
    days: int
    settings: Mapping[str, Any]
    settings_file: Path | None


def run_mark_order(wanted: NewOrder, *, as_json: bool) -> None:
    """Sign an order, put it in the register and make its key.

    Args:
        wanted: what was asked for.
        as_json: print one JSON document.

    Raises:
        StillhuntError: the order may not be signed, or cannot be written.
    """
    config = Config.load(file=wanted.settings_file)
    start_models(config)
    from stillhunt.model.marks.keys import mark_secret_path, new_mark_secret  # start-up time
    from stillhunt.model.marks.schemes import scheme_settings  # start-up time
    from stillhunt.model.marks.serving import clock_now  # start-up time
    from stillhunt.model.orders.lines import order_content  # start-up time
    from stillhunt.model.orders.order import OrderRequest, signed_order  # start-up time
    from stillhunt.model.orders.register import OrderRegister, model_folder  # start-up time

    settings = scheme_settings(wanted.scheme, wanted.settings)
    request = OrderRequest("mark", wanted.scheme, wanted.campaign, wanted.by, wanted.note, wanted.days, settings)
    keys = keys_folder(config)
    order = signed_order(Case.read(wanted.case), request, pseudonyms_key(keys), clock_now())
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
        f"{_moment(order.expires_at)}; signed by {order.signed_by}."
    )
    secret = f"The key is {mark_secret_path(keys, order.order_id)}. Keep a copy: without it nothing can be proven."
    for line in (about, secret):
        message_console().print(safe_lines(line), soft_wrap=True)


def run_mark_list(settings_file: Path | None, *, as_json: bool) -> None:
    """Print all orders and the hash of the register's last line.

    Args:
        settings_file: file of settings.
        as_json: print one JSON document.

    Raises:
        ConfigError: the register was changed.
    """
    config = Config.load(file=settings_file)
    start_models(config)
    from stillhunt.model.marks.serving import clock_now  # start-up time
    from stillhunt.model.orders.lines import START_HASH, order_content, signed_orders, standing_orders  # start-up time
    from stillhunt.model.orders.register import OrderRegister, model_folder  # start-up time

    now = clock_now()
    lines = OrderRegister(model_folder(config)).lines()
    standing = {one.order_id for one in standing_orders(lines, now)}
    ends = {line.order_id: line for line in lines if line.kind == "end"}
    digest = lines[-1].digest if lines else START_HASH
    documents = []
    for order in (one for one in signed_orders(lines) if one.kind == "mark"):
        end = ends.get(order.order_id)
        state = "in force" if order.order_id in standing else "expired" if end is None else "ended"
        uses = [line for line in lines if line.kind == "use" and line.order_id == order.order_id]
        shown = {name: value for name, value in order_content(order).items() if name != "accounts"}
        documents.append(
            {
                **shown,
                "accounts": len(order.accounts),
                "state": state,
                "ended": None if end is None else {"made_at": end.made_at, "by": end.by, "reason": end.note},
                "uses": [{"made_at": use.made_at, "what": use.note, **use.content} for use in uses],
            }
        )
    if as_json:
        print_json({"orders": documents, "last_hash": digest})
        return
    if not documents:
        output_console().print("No orders: nothing is marked.")
        return
    headings = ("order", "measure", "state", "campaign", "accounts", "signed by", "until", "used", "reason")
    print_columns(output_console(), [headings, *map(_cells, documents)])
    message_console().print(
        f"The register follows from its first line to its last, whose hash is {digest}. Only a hash that you kept "
        "elsewhere shows whether its end was cut off.",
        soft_wrap=True,
    )


def run_mark_end(order_id: str, by: str, note: str, settings_file: Path | None) -> None:
    """End an order before its time.

    Args:
        order_id: its id or the beginning of it.
        by: who ends it.
        note: why.
        settings_file: file of settings.

    Raises:
        ConfigError: there is no such order to mark in force, or the name or the reason is missing.
    """
    config = Config.load(file=settings_file)
    start_models(config)
    from stillhunt.model.marks.serving import clock_now  # start-up time
    from stillhunt.model.orders.register import OrderRegister, model_folder  # start-up time

    register = OrderRegister(model_folder(config))
    order = register.active_order(order_id, clock_now(), "mark")
    line = register.end_order(order.order_id, by, note, clock_now())
    output_console().print(f"{line.order_id} has ended.")


def _cells(document: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        document["order_id"],
        document["measure"],
        document["state"],
        formatting.shorten(document["campaign_id"], _NAME_CHARS),
        formatting.count(document["accounts"]),
        formatting.shorten(document["signed_by"], _NAME_CHARS),
        _moment(document["expires_at"]),
        formatting.count(len(document["uses"])),
        formatting.shorten(document["reason"], 2 * _NAME_CHARS),
    )


def _moment(at: int) -> str:
    return formatting.minute(datetime.fromtimestamp(at / 1e6, UTC))
