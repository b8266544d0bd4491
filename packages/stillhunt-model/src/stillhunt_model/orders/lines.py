"""Lines of the register of orders, and what they say at a time."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from stillhunt_model.orders.order import LONGEST_ORDER_DAYS, ORDER_DAY, Order, OrderKind

LineKind = Literal["order", "end", "use"]
"""An order was signed; one was ended before its time; one was carried out by a command."""


@dataclass(frozen=True)
class RegisterLine:
    """One line of the register."""

    made_at: int  # microseconds since 1970
    kind: LineKind  # see `LineKind`
    order_id: str
    by: str  # who signed; empty for a use
    note: str  # the reason; of a use, what was done
    content: Mapping[str, Any]  # of an order all of it, of a use its counts; never texts or ids of accounts
    seq: int = 0  # place, from 1; 0 before it is appended
    before: str = ""
    digest: str = ""


_COLUMNS = [field.name for field in fields(RegisterLine)]
_NUMBERS, _TEXTS = ("seq", "made_at"), ("kind", "order_id", "by", "note", "before", "digest")
_LAST_MOMENT = 253_402_300_800 * 1_000_000
"""The end of the year 9999 in microseconds since 1970: later times cannot be written as a date."""
_LARGEST_COUNT = 1 << 53
"""Numbers above it are not exact in other programs that read JSON."""
_HASH = re.compile(r"[0-9a-f]{64}")


def line_in(entry: Mapping[str, Any]) -> RegisterLine | None:
    """The line that an entry of the ledger is; None where no command writes such a one."""
    if set(entry) != set(_COLUMNS) or not isinstance(entry["content"], dict):
        return None
    numbers = all(_is_count(entry[name], _LAST_MOMENT) for name in _NUMBERS)
    texts = all(_is_text(entry[name]) for name in _TEXTS) and entry["kind"] in get_args(LineKind)
    line = RegisterLine(**entry) if numbers and texts else None
    return line if line is not None and _holds_what_its_kind_holds(line) else None


def _holds_what_its_kind_holds(line: RegisterLine) -> bool:
    if line.kind == "order":
        return order_in_line(line) is not None
    if line.kind == "end":
        return not line.content
    return all(_is_count(one, _LARGEST_COUNT) for one in line.content.values())


def order_content(order: Order) -> dict[str, Any]:
    """An order as a line holds it."""
    return {**asdict(order), "accounts": list(order.accounts), "settings": dict(order.settings)}


def order_in_line(line: RegisterLine) -> Order | None:
    """The order that a line of the kind order holds; None where it holds none."""
    try:
        order = Order(**{**line.content, "accounts": tuple(line.content["accounts"])})
    except (TypeError, KeyError):
        return None
    texts = (order.order_id, order.kind, order.measure, order.campaign_id, order.signed_by, order.reason)
    sound = (
        all(_is_text(one) for one in (*texts, order.key_hash, *order.accounts))
        and isinstance(order.settings, dict)
        and order.kind in get_args(OrderKind)
        and all(_is_count(one, _LAST_MOMENT) for one in (order.made_at, order.expires_at))
    )
    if not sound or not 0 < order.expires_at - order.made_at <= LONGEST_ORDER_DAYS * ORDER_DAY:
        return None
    as_signed = (order.order_id, order.made_at, order.signed_by, order.reason)
    same = as_signed == (line.order_id, line.made_at, line.by, line.note)
    keep = order.settings.get("keep_samples", 0)
    return order if same and _is_count(keep, _LARGEST_COUNT) and _has_its_key_hash(order) else None


def _has_its_key_hash(order: Order) -> bool:
    # Orders to mark from before keys were fixed have none: they can be listed, and `order_key` refuses them.
    return not order.key_hash or (order.kind == "mark" and _HASH.fullmatch(order.key_hash) is not None)


def _is_count(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_text(value: object) -> bool:
    # one surrogate of a pair can be escaped in JSON, and cannot be printed
    return isinstance(value, str) and not any("\ud800" <= sign <= "\udfff" for sign in value)


def signed_orders(lines: Iterable[RegisterLine]) -> list[Order]:
    """All orders that were ever signed, in order."""
    return [order for line in lines if line.kind == "order" and (order := order_in_line(line)) is not None]


def standing_orders(lines: Iterable[RegisterLine], now: int) -> list[Order]:
    """Orders that were neither ended nor have expired at a time, in order.

    `now`: microseconds since 1970.
    """
    known = [line for line in lines if line.made_at <= now]
    ended = {line.order_id for line in known if line.kind == "end"}
    return [one for one in signed_orders(known) if one.order_id not in ended and one.made_at <= now < one.expires_at]
