"""Orders as the commands of marks and of countermeasures list and end them, and what each command does first."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt import Config
from stillhunt.commands import message_console, minute_of, output_console, print_columns, print_json, read_clock
from stillhunt.ledger.chain import FIRST_HASH
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_model.nets.ready import make_libraries_ready
from stillhunt_model.orders.lines import order_content, signed_orders, standing_orders
from stillhunt_model.orders.order import Order, OrderKind, account_name
from stillhunt_model.orders.register import OrderRegister, model_folder

_NAME_CHARS = 40

Document = Mapping[str, Any]
OrderArgument = Annotated[str, typer.Argument(metavar="ORDER", help="Id of an order in force, or its beginning.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who signs; a person.")]
OrderNoteOption = Annotated[
    str, typer.Option("--note", metavar="TEXT", help="Why; it is kept in the register of orders.")
]


def list_orders(
    kind: OrderKind,
    counts: Mapping[str, Callable[[Document], int]],
    none: str,
    settings_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the orders of one kind, and the hash of the register's last line.

    Args:
        kind: `mark` or `blunt`.
        counts: heading -> number of an order.
        none: what is printed where there is no order.

    Raises:
        ConfigError: the register was changed.
    """
    config = start_models(settings_file)
    documents, digest = _list_order_documents(config, kind)
    if as_json:
        print_json({"orders": documents, "last_hash": digest})
        return
    if not documents:
        output_console().print(none)
        return
    headings = ("order", "measure", "state", "campaign", "accounts", "signed by", "until", *counts, "reason")
    print_columns(output_console(), [headings, *(_format_order_cells(one, counts) for one in documents)])
    message_console().print(
        f"The register follows from its first line to its last, whose hash is {digest}. Only a hash that you kept "
        "elsewhere shows whether its end was cut off.",
        soft_wrap=True,
    )


def end_listed_order(kind: OrderKind, order_id: str, by: str, note: str, settings_file: Path | None) -> None:
    """End an order before its time.

    `kind`: `mark` or `blunt`. Raises ConfigError: there is no such order in force, or the name or the reason is
    missing.
    """
    config = start_models(settings_file)
    register = OrderRegister(model_folder(config))
    order = register.active_order(order_id, read_clock(), kind)
    line = register.end_order(order.order_id, by, note, read_clock())
    output_console().print(f"{line.order_id} has ended.")


def order_moment(at: int) -> str:
    """A moment of an order, for people.

    `at`: microseconds since 1970.
    """
    return minute_of(at)


def _list_order_documents(config: Config, kind: OrderKind) -> tuple[list[dict[str, Any]], str]:
    """Orders of one kind, and the hash of the register's last line."""
    lines = OrderRegister(model_folder(config)).lines()
    standing = {one.order_id for one in standing_orders(lines, read_clock())}
    ends = {line.order_id: line for line in lines if line.kind == "end"}
    documents = []
    for order in (one for one in signed_orders(lines) if one.kind == kind):
        end = ends.get(order.order_id)
        uses = [line for line in lines if line.kind == "use" and line.order_id == order.order_id]
        documents.append(
            {
                **order_content(order),
                "accounts": len(order.accounts),
                "state": "in force" if order.order_id in standing else "expired" if end is None else "ended",
                "ended": None if end is None else {"made_at": end.made_at, "by": end.by, "reason": end.note},
                "uses": [{"made_at": use.made_at, "what": use.note, **use.content} for use in uses],
            }
        )
    return documents, lines[-1].digest if lines else FIRST_HASH


def _format_order_cells(document: Document, counts: Mapping[str, Callable[[Document], int]]) -> tuple[str, ...]:
    keep = document["settings"].get("keep_samples")
    return (
        document["order_id"],
        document["measure"] + ("" if keep is None else f", {formatting.plural(keep, 'sample')}"),
        document["state"],
        formatting.shorten(document["campaign_id"], _NAME_CHARS),
        formatting.count(document["accounts"]),
        formatting.shorten(document["signed_by"], _NAME_CHARS),
        order_moment(document["expires_at"]),
        *(formatting.count(number(document)) for number in counts.values()),
        formatting.shorten(document["reason"], 2 * _NAME_CHARS),
    )


def start_models(settings_file: Path | None, changed: dict[str, Any] | None = None) -> Config:
    """Read the settings, and make the libraries of models ready: offline, quiet, with the threads of the settings.

    `changed`: settings that count before those of the file.
    """
    config = Config.load(changed, file=settings_file)
    make_libraries_ready(config.model.threads)
    return config


def is_member(order: Order, config: Config) -> Callable[[str], bool]:
    """Whether an account is one of an order's."""
    key, accounts = pseudonyms_key(keys_folder(config)), frozenset(order.accounts)
    return lambda account_id: account_name(key, account_id) in accounts


def print_counts(counts: Mapping[str, int], *, as_json: bool) -> None:
    """Print what was done in numbers."""
    if as_json:
        print_json(dict(counts))
        return
    rows = [(name.replace("_", " "), formatting.count(number)) for name, number in counts.items()]
    print_columns(output_console(), rows)
