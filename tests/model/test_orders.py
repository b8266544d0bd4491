"""Orders: who may sign what, and the register that nobody changes. Orders to mark are of older versions."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stillhunt_model.orders.order import LONGEST_ORDER_DAYS

pytest.importorskip("torch", reason="needs stillhunt[model]")

from cli.case_tables import account_row, campaign_row, case_tables, member_row, run_record
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.schema_case import CASE_VERSION
from stillhunt.triage import Case
from stillhunt_model.orders.order import ORDER_DAY, Order, OrderRequest, account_name, signed_order
from stillhunt_model.orders.register import OrderRegister, model_folder

KEY = bytes(32)


NOW = 1_800_000_000_000_000


def case() -> Case:
    """A case with a campaign of each verdict."""
    tables = case_tables(
        campaigns=[
            campaign_row("camp-act", "act", 0.99),
            campaign_row("camp-empty", "act", 0.99),
            campaign_row("camp-review", "review", 0.6),
            campaign_row("left-none", "none", 0.1),
        ],
        accounts=[
            account_row("flagged-1", "act", "camp-act"),
            account_row("flagged-2", "act", "camp-act"),
            account_row("maybe", "review", "camp-act"),
            account_row("declared", "act", "camp-act", sanctioned=True),
            account_row("elsewhere", "act", "camp-empty"),
        ],
        members=[member_row(name, "camp-act") for name in ("flagged-1", "flagged-2", "maybe", "declared")],
    )
    return Case(tables, run={**run_record(), "case_version": CASE_VERSION})


def request(**changes: Any) -> OrderRequest:
    """What an analyst orders."""
    return replace(OrderRequest("mark", "green", "camp-act", "Ada", "answers are harvested", 30), **changes)


def order(**changes: Any) -> Order:
    """A signed order."""
    return signed_order(case(), request(**changes), KEY, NOW)


def test_an_order_is_about_flagged_accounts_alone_and_names_none() -> None:
    signed = order()
    assert signed.accounts == tuple(sorted(account_name(KEY, name) for name in ("flagged-1", "flagged-2")))
    assert (signed.campaign_id, signed.signed_by, signed.made_at) == ("camp-act", "Ada", NOW)
    assert signed.expires_at == NOW + 30 * ORDER_DAY
    assert account_name(KEY, "flagged-1") != account_name(bytes([1]) * 32, "flagged-1")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"campaign": "camp-review"}, "is review, and an order needs act"),
        ({"campaign": "left-none"}, "is none, and an order needs act"),
        ({"campaign": "camp-empty"}, "no account of this campaign is flagged"),
        ({"campaign": "nothing"}, "no campaign has the id"),
        ({"by": " "}, "signed by a person"),
        ({"by": "rule:night"}, "signed by a person"),
        ({"reason": " \n"}, "needs a reason"),
        ({"days": 0}, "lasts 1 to 90 days"),
        ({"days": LONGEST_ORDER_DAYS + 1}, "lasts 1 to 90 days"),
    ],
)
def test_an_order_that_may_not_be_signed_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((CaseError, ConfigError), match=said):
        order(**changes)


def test_the_register_says_what_is_in_force(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path / "model"), order()
    assert register.orders_in_force(NOW) == []
    register.add_order(signed)
    assert register.orders_in_force(NOW) == [signed]
    assert register.orders_in_force(NOW - 1) == []
    assert register.orders_in_force(signed.expires_at - 1) == [signed]
    assert register.orders_in_force(signed.expires_at) == []
    assert register.active_order(signed.order_id[:9], NOW, "mark") == signed
    with pytest.raises(ConfigError, match="an order to mark, not to blunt"):
        register.active_order(signed.order_id, NOW, "blunt")
    with pytest.raises(ConfigError, match="expired"):
        register.active_order(signed.order_id, signed.expires_at)
    for nobody in ("", "mark-zzz"):
        with pytest.raises(ConfigError, match="no such order"):
            register.active_order(nobody, NOW)


def test_a_campaign_has_one_order_of_a_kind_at_a_time(tmp_path: Path) -> None:
    register, first = OrderRegister(tmp_path), order()
    register.add_order(first)
    with pytest.raises(ConfigError, match=first.order_id):
        register.add_order(order())
    register.add_order(order(kind="blunt", measure="shorter"))
    register.end_order(first.order_id, "Bo", "no longer needed", NOW + 1)
    again = replace(order(), made_at=NOW + 2)
    register.add_order(again)
    assert again in register.orders_in_force(NOW + 2)
    assert first in register.all_orders()


def test_an_order_ends_with_a_name_and_a_reason(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    for by, reason in (("", "why"), ("Bo", "")):
        with pytest.raises(ConfigError):
            register.end_order(signed.order_id, by, reason, NOW)
    assert register.orders_in_force(NOW) == [signed]
    register.end_order(signed.order_id, "Bo", "done", NOW + 1)
    assert register.orders_in_force(NOW + 1) == []
    with pytest.raises(ConfigError, match="was ended"):
        register.active_order(signed.order_id, NOW + 1)
    with pytest.raises(ConfigError, match="was ended"):
        register.end_order(signed.order_id, "Bo", "twice", NOW + 1)


def written(folder: Path) -> tuple[OrderRegister, Order]:
    """A register with three lines."""
    register, signed = OrderRegister(folder), order()
    register.add_order(signed)
    register.log_use(signed, "mark text", {"rows": 7}, NOW + 1)
    register.end_order(signed.order_id, "Bo", "done", NOW + 2)
    return register, signed


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [lines[0].replace(b"Ada", b"Eve"), *lines[1:]],
        lambda lines: [lines[0], lines[2]],
        lambda lines: [lines[0], lines[2], lines[1]],
        lambda lines: [*lines, lines[2]],
        lambda lines: lines[1:],
        lambda lines: lines[:2],
        lambda lines: lines[:1],
        lambda lines: lines[:0],
        lambda lines: [lines[0], b"{}", *lines[1:]],
        lambda lines: [lines[0].replace(b":30", b": 30").replace(b'{"made', b'{ "made'), *lines[1:]],
        lambda lines: [b"\xff" + lines[0], *lines[1:]],
    ],
)
def test_a_changed_register_is_found_and_nothing_is_done_under_it(tmp_path: Path, change: Any) -> None:
    register, _ = written(tmp_path)
    lines = register.path.read_bytes().splitlines()
    register.path.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    for use in (lambda: register.orders_in_force(NOW), lambda: register.add_order(order()), register.lines):
        with pytest.raises(ConfigError, match="changed or damaged"):
            use()


def test_a_register_that_was_taken_away_is_found(tmp_path: Path) -> None:
    register, _ = written(tmp_path)
    register.path.unlink()
    with pytest.raises(ConfigError, match="all of its lines are missing"):
        register.orders_in_force(NOW)


def test_what_a_process_left_that_died_in_writing_is_no_line(tmp_path: Path) -> None:
    register, signed = OrderRegister(tmp_path), order()
    register.add_order(signed)
    with register.path.open("ab") as file:
        file.write(b'{"made_at":18')
    assert register.orders_in_force(NOW) == [signed]
    register.log_use(signed, "mark text", {"rows": 1}, NOW)
    assert [line.kind for line in register.lines()] == ["order", "use"]
    assert register.lines()[-1].digest == (tmp_path / "orders.last").read_text(encoding="ascii").strip()
    assert stat.S_IMODE(register.path.stat().st_mode) == 0o600


def test_the_model_folder_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert model_folder(Config()) == tmp_path / "stillhunt" / "model"
    assert model_folder(Config.model_validate({"model": {"folder": "/elsewhere"}})) == Path("/elsewhere")
