"""The register of orders: a ledger in a file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stillhunt import Config, ConfigError
from stillhunt.ledger.file_ledger import FileLedger, LedgerNames
from stillhunt.tools import formatting
from stillhunt_model.orders.lines import RegisterLine, line_in, order_content, signed_orders, standing_orders
from stillhunt_model.orders.order import LONGEST_ORDER_DAYS, Order, OrderKind, checked_reason, checked_signer

REGISTER_FILE = "orders.jsonl"
_NAMES = LedgerNames(
    "register of orders",
    "nothing is done under it until it is restored from a backup",
    "set model.folder to a folder of yours; nothing is done without the register",
)


def model_folder(config: Config) -> Path:
    """Where the registers of models are, by the settings."""
    if config.model.folder:
        return Path(config.model.folder).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "stillhunt" / "model"


@dataclass
class OrderUse:
    """One use of an order while nobody else uses or ends it."""

    order: Order
    before: Sequence[Mapping[str, int]]  # counts of its earlier uses, in order
    what: str  # the command, such as "blunt apply"
    # numbers of rows and changes, to be filled; nothing is written down while there are none
    counts: dict[str, int] = field(default_factory=dict)


class OrderRegister:
    """The register of one model folder. Whatever reads it raises a ConfigError where a line was changed.

    A cut end with a file beside that fits is found only by comparing the last hash with one that was kept elsewhere.

    Args:
        folder: the model folder; made when the first order is added.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / REGISTER_FILE
        self._ledger = FileLedger(self.path, _NAMES)

    def add_order(self, order: Order) -> RegisterLine:
        """Put an order in force.

        Args:
            order: as `signed_order` makes it.

        Raises:
            ConfigError: the campaign or one of its accounts has an order of this kind already, the order is none that
                the register takes, or the register was changed.
            OutputError: it cannot be written.
        """
        with self._ledger.locked():
            lines = self._read_register_lines()
            for one in standing_orders(lines, order.made_at):
                if (one.kind, one.campaign_id) == (order.kind, order.campaign_id):
                    raise ConfigError(
                        f"the campaign has such an order already: {one.order_id}",
                        where=str(self.path),
                        next_step="end that one first; two marks or countermeasures at a time disturb each other",
                    )
                if one.kind == order.kind and (shared := len(set(one.accounts) & set(order.accounts))):
                    accounts = formatting.plural(
                        shared, "account of this campaign stands", "accounts of this campaign stand"
                    )
                    raise ConfigError(
                        f"{accounts} under an order of this kind for another campaign already: {one.order_id}",
                        where=str(self.path),
                        next_step="end that one first: under two orders, a notice would not be true of an answer",
                    )
            content = order_content(order)
            line = RegisterLine(order.made_at, "order", order.order_id, order.signed_by, order.reason, content)
            return self._append_register_line(line)

    def end_order(self, order_id: str, by: str, reason: str, now: int) -> RegisterLine:
        """End an order before its time.

        Args:
            order_id: id of an order that is in force, or its only possible beginning.
            by: name of the person who ends it.
            now: microseconds since 1970.

        Raises:
            ConfigError: there is no such order in force, or the name or the reason is missing.
            OutputError: the register cannot be written.
        """
        by, reason = checked_signer(by), checked_reason(reason)
        with self._ledger.locked():
            lines = self._read_register_lines()
            order = self._one_in_force(lines, order_id, now)
            return self._append_register_line(RegisterLine(now, "end", order.order_id, by, reason, {}))

    def log_use(self, order: Order, what: str, counts: Mapping[str, int], now: int) -> RegisterLine:
        """Write down that an order was carried out.

        Args:
            what: the command, such as "blunt apply".
            counts: numbers of rows and changes; never texts.
            now: microseconds since 1970.

        Raises:
            ConfigError: the register was changed.
            OutputError: it cannot be written.
        """
        with self._ledger.locked():
            return self._append_register_line(RegisterLine(now, "use", order.order_id, "", what, dict(counts)))

    @contextmanager
    def use_in_progress(
        self, order_id: str, now: int, kind: OrderKind | None = None, what: str = ""
    ) -> Iterator[OrderUse]:
        """An order to carry out; the register is locked until its counts are written down, or until it failed.

        So two uses at a time never read the same counts.

        Args:
            order_id: id, or its only possible beginning.
            now: microseconds since 1970.
            what: the command, such as "blunt apply".

        Yields:
            The order, with the counts of its earlier uses.

        Raises:
            ConfigError: there is none in force, it is of another kind, or the register was changed.
            OutputError: the register cannot be written.
        """
        with self._ledger.locked():
            lines = self._read_register_lines()
            order = self._one_of_kind(lines, order_id, now, kind)
            uses = [line.content for line in lines if line.kind == "use" and line.order_id == order.order_id]
            use = OrderUse(order, uses, what)
            yield use
            if use.counts:
                self._append_register_line(RegisterLine(now, "use", order.order_id, "", what, dict(use.counts)))

    def lines(self) -> list[RegisterLine]:
        """All lines, in order."""
        if not self.path.parent.is_dir():
            return []
        with self._ledger.locked():
            return self._read_register_lines()

    def all_orders(self) -> list[Order]:
        """All orders that were ever signed, in order."""
        return signed_orders(self.lines())

    def orders_in_force(self, now: int) -> list[Order]:
        """Orders that were neither ended nor have expired, in order.

        `now`: microseconds since 1970.
        """
        return standing_orders(self.lines(), now)

    def active_order(self, order_id: str, now: int, kind: OrderKind | None = None) -> Order:
        """An order by its id, while it is in force.

        Args:
            order_id: id, or its only possible beginning.
            now: microseconds since 1970.

        Raises:
            ConfigError: there is none, it has ended or expired, or it is of another kind.
        """
        return self._one_of_kind(self.lines(), order_id, now, kind)

    def _one_of_kind(self, lines: Sequence[RegisterLine], order_id: str, now: int, kind: OrderKind | None) -> Order:
        order = self._one_in_force(lines, order_id, now)
        if kind not in (None, order.kind):
            raise ConfigError(
                f"this is an order to {order.kind}, not to {kind}",
                where=order.order_id,
                next_step="name an order of the other kind",
            )
        return order

    def _one_in_force(self, lines: Sequence[RegisterLine], order_id: str, now: int) -> Order:
        standing = [one for one in standing_orders(lines, now) if order_id and one.order_id.startswith(order_id)]
        if len(standing) == 1:
            return standing[0]
        known = [one for one in signed_orders(lines) if order_id and one.order_id.startswith(order_id)]
        what = "there is no such order"
        if len(standing) > 1:
            what = "several orders begin so"
        elif known:
            what = "the order has expired" if known[-1].expires_at <= now else "the order was ended"
        raise ConfigError(
            what,
            where=order_id[:80] or "order",
            next_step="nothing is done without an order in force; list them to see which there are",
            command_step="without an order nothing is done; 'stillhunt model blunt list' shows which there are",
        )

    def _read_register_lines(self) -> list[RegisterLine]:
        return [self._parse_register_line(entry) for entry in self._ledger.entries()]

    def _parse_register_line(self, entry: Mapping[str, Any]) -> RegisterLine:
        line = line_in(entry)
        if line is None:
            raise self._ledger.changed(f"line {entry.get('seq')}: it is no line of a register")
        return line

    def _append_register_line(self, line: RegisterLine) -> RegisterLine:
        entry = asdict(line)
        if line_in(entry) is None:
            raise ConfigError(
                "this is no line that the register takes",
                where=str(self.path),
                next_step=f"orders last {LONGEST_ORDER_DAYS} days at most; texts, times and counts are as named",
            )
        return self._parse_register_line(self._ledger.append(entry))
