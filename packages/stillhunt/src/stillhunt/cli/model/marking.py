"""What `stillhunt model mark` does with orders: sign, list and end them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.cli.model.orders_shown import list_orders, order_moment
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.terminal import message_console, output_console, print_json, safe_lines
from stillhunt.triage import Case
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key


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

    Raises:
        StillhuntError: the order may not be signed, or cannot be written.
    """
    config = Config.load(file=wanted.settings_file)
    start_models(config)
    from stillhunt_model.marks.keys import mark_secret_path, new_mark_secret  # start-up time
    from stillhunt_model.marks.serving import clock_now, scheme_settings  # start-up time
    from stillhunt_model.orders.lines import order_content  # start-up time
    from stillhunt_model.orders.order import OrderRequest, signed_order  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

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
        f"{order_moment(order.expires_at)}; signed by {order.signed_by}."
    )
    secret = f"The key is {mark_secret_path(keys, order.order_id)}. Keep a copy: without it nothing can be proven."
    for line in (about, secret):
        message_console().print(safe_lines(line), soft_wrap=True)


def run_mark_list(settings_file: Path | None, *, as_json: bool) -> None:
    """Print all orders and the hash of the register's last line.

    Raises:
        ConfigError: the register was changed.
    """
    counts = {"used": lambda one: len(one["uses"])}
    list_orders("mark", counts, "No orders: nothing is marked.", settings_file, as_json=as_json)
