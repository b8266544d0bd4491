"""The register of orders: ends that were cut, forged content, shared accounts, and uses at the same time."""

from __future__ import annotations

import fcntl
import os
import secrets
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from stillhunt_model.orders.order import LONGEST_ORDER_DAYS

pytest.importorskip("torch", reason="needs stillhunt[model]")


from stillhunt.base.errors import ConfigError
from stillhunt.base.ledger.chain import FIRST_HASH, LEDGER_START, entry_place, placed
from stillhunt.base.ledger.file_ledger import line_of
from stillhunt_model.orders.lines import RegisterLine, order_content
from stillhunt_model.orders.order import ORDER_DAY, Order
from stillhunt_model.orders.register import OrderRegister

LAST_FILE, LOCK_FILE = "orders.last", "orders.lock"
NOW = 1_800_000_000_000_000


def order() -> Order:
    """A signed order of an id of its own."""
    name = f"mark-{secrets.token_hex(4)}"
    return Order(name, "mark", "green", "camp-act", ("a", "b"), "Ada", "harvest", NOW, NOW + 30 * ORDER_DAY)


def written(folder: Path) -> tuple[OrderRegister, Order]:
    """A register with three lines."""
    register, signed = OrderRegister(folder), order()
    register.add_order(signed)
    register.log_use(signed, "mark text", {"rows": 7}, NOW + 1)
    register.end_order(signed.order_id, "Bo", "done", NOW + 2)
    return register, signed


def test_a_register_without_the_hash_of_its_end_is_refused_however_short(tmp_path: Path) -> None:
    register, _ = written(tmp_path)
    lines = register.path.read_bytes().splitlines(keepends=True)
    (tmp_path / LAST_FILE).unlink()
    for kept in (3, 2, 1):
        register.path.write_bytes(b"".join(lines[:kept]))
        with pytest.raises(ConfigError, match=f"{LAST_FILE} with the hash of the last line is missing"):
            register.lines()


def test_one_line_after_the_known_end_is_finished_and_more_are_refused(tmp_path: Path) -> None:
    register, _ = written(tmp_path)
    lines = register.lines()
    last = tmp_path / LAST_FILE
    for digest in (lines[0].digest, FIRST_HASH):
        last.write_text(digest + "\n", encoding="ascii")
        with pytest.raises(ConfigError, match="older than one line"):
            register.lines()
    last.write_text(lines[1].digest + "\n", encoding="ascii")
    assert register.lines() == lines
    assert last.read_text(encoding="ascii").strip() == lines[2].digest


@pytest.mark.parametrize("with_line", [False, True])
def test_a_process_that_died_in_the_first_line_leaves_a_register_that_goes_on(tmp_path: Path, with_line: bool) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    (tmp_path / LAST_FILE).write_text(FIRST_HASH + "\n", encoding="ascii")
    if not with_line:
        register.path.unlink()
    assert register.all_orders() == ([signed] if with_line else [])


def forged(register: OrderRegister, lines: list[RegisterLine]) -> None:
    """Write lines with right hashes, whatever they hold."""
    entries: list[dict[str, Any]] = []
    for line in lines:
        entries.append(placed(asdict(line), entry_place(entries[-1]) if entries else LEDGER_START))
    register.path.parent.mkdir(exist_ok=True)
    register.path.write_bytes(b"".join(map(line_of, entries)))
    register.path.with_name(LAST_FILE).write_text(entries[-1]["digest"] + "\n", encoding="ascii")


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_at": 10**19},
        {"expires_at": NOW + (LONGEST_ORDER_DAYS + 1) * ORDER_DAY},
        {"expires_at": NOW},
        {"settings": {"keep_samples": "many"}},
        {"settings": {"keep_samples": True}},
        {"kind": "burn"},
        {"key_hash": "0" * 63},
        {"kind": "blunt", "key_hash": "0" * 64},
        {"signed_by": "Eve"},
        {"made_at": NOW - 1},
        {"campaign_id": "\ud800"},
    ],
)
def test_an_order_that_nobody_could_sign_is_no_line(tmp_path: Path, changes: dict[str, Any]) -> None:
    signed, register = order(), OrderRegister(tmp_path)
    content = order_content(signed)
    line = RegisterLine(NOW, "order", signed.order_id, "Ada", signed.reason, content)
    forged(register, [line])
    assert register.all_orders() == [signed]
    forged(register, [replace(line, content={**content, **changes})])
    with pytest.raises(ConfigError, match="line 1: it is no line of a register"):
        register.lines()


@pytest.mark.parametrize(
    "changes",
    [
        {"content": {"changed": "x"}},
        {"content": {"samples": -1}},
        {"content": {"samples": 10**19}},
        {"content": {"samples": 1.5}},
        {"kind": "other"},
        {"kind": "end"},
        {"made_at": 10**19},
    ],
)
def test_a_use_that_no_command_writes_is_no_line(tmp_path: Path, changes: dict[str, Any]) -> None:
    register, _ = written(tmp_path)
    first, use, _ = register.lines()
    forged(register, [first, replace(use, **changes)])
    with pytest.raises(ConfigError, match="line 2: it is no line of a register"):
        register.lines()


def test_a_line_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    with pytest.raises(ConfigError, match="no line that the register takes"):
        register.add_order(replace(signed, expires_at=NOW + (LONGEST_ORDER_DAYS + 1) * ORDER_DAY))
    register.add_order(signed)
    assert register.all_orders() == [signed]


def test_an_account_stands_under_one_order_of_a_kind(tmp_path: Path) -> None:
    register, first = OrderRegister(tmp_path), order()
    register.add_order(first)
    other = replace(order(), campaign_id="camp-other", accounts=(first.accounts[0], "someone"))
    with pytest.raises(ConfigError, match=f"1 account of this campaign stands under .*{first.order_id}"):
        register.add_order(other)
    register.add_order(replace(other, accounts=("someone",)))
    register.add_order(replace(other, order_id="blunt-1", kind="blunt"))
    register.end_order(first.order_id, "Bo", "done", NOW + 1)
    register.add_order(replace(other, campaign_id="third", accounts=first.accounts, made_at=NOW + 1))


def test_nobody_else_uses_or_ends_an_order_while_it_is_carried_out(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    with register.use_in_progress(signed.order_id, NOW, "mark", "test") as use:
        other = os.open(tmp_path / LOCK_FILE, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
        use.counts["rows"] = 3
    with register.use_in_progress(signed.order_id, NOW, "mark", "test") as use:
        assert (use.order, list(use.before)) == (signed, [{"rows": 3}])
    assert [line.kind for line in register.lines()] == ["order", "use"]
    with pytest.raises(ConfigError, match="not to blunt"), register.use_in_progress(signed.order_id, NOW, "blunt"):
        pass
