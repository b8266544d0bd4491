"""Orders as the commands of marks and of countermeasures list and end them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.ledger.chain import FIRST_HASH
from stillhunt.cli.model.starting import start_models
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json

if TYPE_CHECKING:  # start-up time
    from stillhunt_model.orders.order import OrderKind

_NAME_CHARS = 40
Document = Mapping[str, Any]


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
    config = Config.load(file=settings_file)
    start_models(config)
    documents, digest = _documents(config, kind)
    if as_json:
        print_json({"orders": documents, "last_hash": digest})
        return
    if not documents:
        output_console().print(none)
        return
    headings = ("order", "measure", "state", "campaign", "accounts", "signed by", "until", *counts, "reason")
    print_columns(output_console(), [headings, *(_cells(one, counts) for one in documents)])
    message_console().print(
        f"The register follows from its first line to its last, whose hash is {digest}. Only a hash that you kept "
        "elsewhere shows whether its end was cut off.",
        soft_wrap=True,
    )


def end_listed_order(kind: OrderKind, order_id: str, by: str, note: str, settings_file: Path | None) -> None:
    """End an order before its time.

    Args:
        kind: `mark` or `blunt`.

    Raises:
        ConfigError: there is no such order in force, or the name or the reason is missing.
    """
    config = Config.load(file=settings_file)
    start_models(config)
    from stillhunt_model.marks.serving import clock_now  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    register = OrderRegister(model_folder(config))
    order = register.active_order(order_id, clock_now(), kind)
    line = register.end_order(order.order_id, by, note, clock_now())
    output_console().print(f"{line.order_id} has ended.")


def order_moment(at: int) -> str:
    """A moment of an order, for people.

    Args:
        at: microseconds since 1970.
    """
    return formatting.minute(datetime.fromtimestamp(at / 1e6, UTC))


def _documents(config: Config, kind: OrderKind) -> tuple[list[dict[str, Any]], str]:
    """Orders of one kind, and the hash of the register's last line."""
    from stillhunt_model.marks.serving import clock_now  # start-up time
    from stillhunt_model.orders.lines import order_content, signed_orders, standing_orders  # start-up time
    from stillhunt_model.orders.register import OrderRegister, model_folder  # start-up time

    lines = OrderRegister(model_folder(config)).lines()
    standing = {one.order_id for one in standing_orders(lines, clock_now())}
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


def _cells(document: Document, counts: Mapping[str, Callable[[Document], int]]) -> tuple[str, ...]:
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
