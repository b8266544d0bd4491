"""The register of orders: a file of JSON lines, each with the hash of the one before it, appended and never changed."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.whole_files import write_whole
from stillhunt_model.orders.lines import (
    START_HASH,
    RegisterLine,
    line_bytes,
    line_digest,
    order_content,
    parsed_line,
    placed_line,
    signed_orders,
    standing_orders,
)
from stillhunt_model.orders.order import LONGEST_ORDER_DAYS, Order, OrderKind, checked_reason, checked_signer

REGISTER_FILE, LAST_FILE, LOCK_FILE = "orders.jsonl", "orders.last", "orders.lock"
LARGEST_REGISTER = 1 << 28
"""Bytes that are read; an order on a thousand accounts takes some 20 kB."""


def model_folder(config: Config) -> Path:
    """Where the registers of models are, by the settings."""
    if config.model.folder:
        return Path(config.model.folder).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "stillhunt" / "model"


@dataclass
class OrderUse:
    """One use of an order while nobody else uses or ends it.

    Attributes:
        before: counts of its earlier uses, in order.
        what: the command, such as "blunt apply".
        counts: numbers of rows and changes, to be filled; nothing is written down while there are none.
    """

    order: Order
    before: Sequence[Mapping[str, int]]
    what: str
    counts: dict[str, int] = field(default_factory=dict)


class OrderRegister:
    """The register of one model folder. Every call reads it and checks that it follows from its first line to its last.

    A file beside has the hash of the last line, so that a cut in one of the two files alone is found. A cut end with a
    file beside that fits is found only by comparing `last_hash` with one that was kept elsewhere.

    Args:
        folder: the model folder; made when the first order is added.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / REGISTER_FILE

    def add_order(self, order: Order) -> RegisterLine:
        """Put an order in force.

        Args:
            order: as `signed_order` makes it.

        Raises:
            ConfigError: the campaign or one of its accounts has an order of this kind already, the order is none that
                the register takes, or the register was changed.
            OutputError: it cannot be written.
        """
        with self._locked():
            lines = self._read()
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
            return self._append(lines, line)

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
        with self._locked():
            lines = self._read()
            order = self._one_in_force(lines, order_id, now)
            return self._append(lines, RegisterLine(now, "end", order.order_id, by, reason, {}))

    def log_use(self, order: Order, what: str, counts: Mapping[str, int], now: int) -> RegisterLine:
        """Write down that an order was carried out.

        Args:
            what: the command, such as "mark text".
            counts: numbers of rows and changes; never texts.
            now: microseconds since 1970.

        Raises:
            ConfigError: the register was changed.
            OutputError: it cannot be written.
        """
        with self._locked():
            return self._append(self._read(), RegisterLine(now, "use", order.order_id, "", what, dict(counts)))

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
        with self._locked():
            lines = self._read()
            order = self._one_of_kind(lines, order_id, now, kind)
            uses = [line.content for line in lines if line.kind == "use" and line.order_id == order.order_id]
            use = OrderUse(order, uses, what)
            yield use
            if use.counts:
                self._append(lines, RegisterLine(now, "use", order.order_id, "", what, dict(use.counts)))

    def lines(self) -> list[RegisterLine]:
        """All lines, in order, where none was changed.

        Raises:
            ConfigError: one was.
        """
        if not self.path.parent.is_dir():
            return []
        with self._locked():
            return self._read()

    def last_hash(self) -> str:
        """Hash of the last line, which fixes all of the register; that of the empty register is zeros.

        Raises:
            ConfigError: a line was changed.
        """
        lines = self.lines()
        return lines[-1].digest if lines else START_HASH

    def all_orders(self) -> list[Order]:
        """All orders that were ever signed, in order.

        Raises:
            ConfigError: a line was changed.
        """
        return signed_orders(self.lines())

    def orders_in_force(self, now: int) -> list[Order]:
        """Orders that were neither ended nor have expired, in order.

        Args:
            now: microseconds since 1970.

        Raises:
            ConfigError: a line was changed.
        """
        return standing_orders(self.lines(), now)

    def order_for(self, name: str, now: int, kind: OrderKind | None = None) -> Order | None:
        """The order in force for an account or a campaign; None where there is none.

        Args:
            name: what `account_name` makes of an account, or the id of a campaign.
            now: microseconds since 1970.

        Raises:
            ConfigError: a line was changed.
        """
        for order in self.orders_in_force(now):
            if kind in (None, order.kind) and (name == order.campaign_id or name in order.accounts):
                return order
        return None

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
            command_step="nothing is done without an order in force; 'stillhunt model mark list' and "
            "'stillhunt model blunt list' show which there are",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time; each holds it for a line, or for a use."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(self.path.parent / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> list[RegisterLine]:
        try:
            last = self.path.with_name(LAST_FILE)
            known = last.read_text(encoding="ascii", errors="replace").strip() if last.exists() else ""
            if not self.path.exists() and known in ("", START_HASH):
                return []
            with self.path.open("rb") as file:
                content = file.read(LARGEST_REGISTER + 1)
        except OSError as error:
            raise self._unwritable(error) from error
        if len(content) > LARGEST_REGISTER:
            raise self._changed(0, "the file is too large")
        *whole, _ = content.split(b"\n")  # what follows the last line feed was left by a process that died in writing
        lines: list[RegisterLine] = []
        for place, raw in enumerate(whole, 1):
            line = parsed_line(raw)
            if line is None:
                raise self._changed(place, "it is no line of a register")
            if line.seq != place or line.before != (lines[-1].digest if lines else START_HASH):
                raise self._changed(place, "it does not follow the line before it")
            if line_digest(line) != line.digest:
                raise self._changed(place, "its content is not what was hashed")
            if line_bytes(line) != raw + b"\n":
                raise self._changed(place, "it is written in another way")
            lines.append(line)
        self._check_end([START_HASH, *(line.digest for line in lines)], known)
        return lines

    def _check_end(self, digests: list[str], known: str) -> None:
        """Compare the end with the file beside; finish what a process left that died between the two files."""
        if known == digests[-1] or (not known and len(digests) == 1):
            return
        if not known:
            raise self._changed(len(digests) - 1, f"the file {LAST_FILE} with the hash of the last line is missing")
        if known not in digests:
            raise self._changed(len(digests), "the end of the register is missing")
        if known != digests[-2]:
            raise self._changed(len(digests) - 1, f"{LAST_FILE} names an earlier line as the last one")
        write_whole(self.path.with_name(LAST_FILE), [digests[-1].encode() + b"\n"])

    def _append(self, lines: list[RegisterLine], line: RegisterLine) -> RegisterLine:
        """Write one line to the disk, then that it is the last one."""
        placed = placed_line(line, lines[-1] if lines else None)
        raw = line_bytes(placed)
        if parsed_line(raw.removesuffix(b"\n")) is None:
            raise ConfigError(
                "this is no line that the register takes",
                where=str(self.path),
                next_step=f"orders last {LONGEST_ORDER_DAYS} days at most; texts, times and counts are as named",
            )
        last = self.path.with_name(LAST_FILE)
        if not lines:  # so that a register of one line without this file is never what a dead process left
            write_whole(last, [START_HASH.encode() + b"\n"])
        try:
            write_line(self.path, raw, sum(len(line_bytes(one)) for one in lines))
        except OSError as error:
            raise self._unwritable(error) from error
        write_whole(last, [placed.digest.encode() + b"\n"])
        return placed

    def _changed(self, place: int, what: str) -> ConfigError:
        return ConfigError(
            f"the register of orders was changed or damaged: line {place}: {what}",
            where=str(self.path),
            next_step="nothing is done under it until it is restored from a backup",
        )

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"the register of orders cannot be used: {error.strerror or error}",
            where=str(self.path),
            next_step="set model.folder to a folder of yours; nothing is done without the register",
        )


def write_line(path: Path, line: bytes, end: int) -> None:
    """Write a line behind the whole ones of a register, in place of what a process that died left of one.

    Args:
        path: of the register; no link.
        end: bytes of the whole lines.

    Raises:
        OSError: it cannot be written, or there is no room.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.ftruncate(handle, end)
        if os.pwrite(handle, line, end) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)
