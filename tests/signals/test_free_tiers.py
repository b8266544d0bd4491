"""One person, many free tiers: who is one, and who is not."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stillhunt import OutputError
from stillhunt.base.config import Config
from stillhunt.base.shape import TIMESTAMP
from stillhunt.live import DataFolder
from stillhunt.watch.rule_rows import HOUR_ROWS, RuleRows
from stillhunt_signals.sign_up import registered as module
from stillhunt_signals.sign_up.free_tiers import MOST_OF_ONE_PERSON, FreeTierPerson, find_free_tiers
from stillhunt_signals.sign_up.identifiers import NewCustomer, SignUpHasher
from stillhunt_signals.sign_up.registered import RegisteredSignUps, SignUp

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [("account_id", pa.string()), ("plan", pa.string()), ("requests", pa.int64()), ("in_campaign", pa.bool_())]
    + [(name, pa.uint64()) for name in ("payment_fingerprint", "email_hash", "signup_ip", "signup_prefix")]
    + [("first_request", TIMESTAMP), ("last_request", TIMESTAMP)]
)


def account(name: str, hours: tuple[float, float] = (0, 100), **values: Any) -> dict[str, Any]:
    first, last = (BEGIN + timedelta(hours=at) for at in hours)
    plain = {"plan": "free", "requests": 10, "in_campaign": False, "first_request": first, "last_request": last}
    return {**dict.fromkeys(SCHEMA.names), "account_id": name, **plain, **values}


@pytest.fixture
def parts(tmp_path: Path) -> tuple[RegisteredSignUps, SignUpHasher]:
    folder = DataFolder(tmp_path / "data")
    return RegisteredSignUps(folder, 0), SignUpHasher(folder, Config())


def found(parts: tuple[RegisteredSignUps, SignUpHasher], *rows: dict[str, Any], **more: Any) -> list[FreeTierPerson]:
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    nobody = table.slice(0, 0)
    return find_free_tiers(RuleRows(table, HOUR_ROWS.empty_table(), nobody), *parts, ("free", "trial"), **more)


def test_a_person_drains_one_free_tier_after_the_other(parts: Any) -> None:
    rows = [
        account("c", (20, 30), payment_fingerprint=7, plan="Trial"),
        account("a", (0, 10), payment_fingerprint=7),
        account("b", (10.5, 19), payment_fingerprint=7, in_campaign=True),
        account("other", payment_fingerprint=8),
    ]
    assert found(parts, *rows) == [FreeTierPerson(("a", "b", "c"), ("card",), 30, 2, 1)]
    assert found(parts, *rows)[0].statement == (
        "3 free tiers of one person: they have one card in common; 2 accounts began when the one before had ended"
    )
    assert not found(parts, *rows, least=4)


def test_card_mail_and_device_are_put_together(parts: Any) -> None:
    registered, hasher = parts
    for name in ("b", "c"):
        hashes = hasher.hashes(NewCustomer(device="tablet"))
        registered.register(SignUp(1, hasher.secret("account", name) or 0, True, hashes))
    rows = [
        account("a", payment_fingerprint=7),
        account("b", payment_fingerprint=7),
        account("c", email_hash=1),
        account("d", email_hash=1),
    ]
    (person,) = found(parts, *rows)
    assert (person.accounts, person.by, person.in_turn) == (("a", "b", "c", "d"), ("card", "device", "mail"), 0)


def test_an_address_or_a_network_makes_nobody_one_person(parts: Any) -> None:
    assert not found(parts, *(account(str(one), signup_ip=5, signup_prefix=5) for one in range(40)))


def test_who_pays_has_no_free_tier(parts: Any) -> None:
    rows = [account("a", payment_fingerprint=7, plan="pro"), account("b", payment_fingerprint=7, plan=None)]
    assert not found(parts, *rows, account("c", payment_fingerprint=7))


def test_a_value_that_far_too_many_have_is_nobodys(parts: Any) -> None:
    def many(number: int) -> list[dict[str, Any]]:
        return [account(f"{one:03}", payment_fingerprint=7) for one in range(number)]

    assert len(found(parts, *many(MOST_OF_ONE_PERSON))[0].accounts) == MOST_OF_ONE_PERSON
    assert not found(parts, *many(MOST_OF_ONE_PERSON + 1))


def test_the_file_of_sign_ups_stays_bounded_and_loses_none_that_come_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_SIGN_UPS", 10)
    folder = DataFolder(tmp_path / "data")
    known, path = RegisteredSignUps(folder, 0), tmp_path / "data" / "sign-ups.jsonl"
    for number in range(30):
        known.register(SignUp(number + 1, number + 1, True, {"card": number}))
    assert (len(known), len(path.read_bytes().splitlines())) == (10, 30)
    write = module.write_whole

    def slowly(target: Path, parts: Any) -> None:
        write(target, parts)
        known.register(SignUp(99, 99, True, {"card": 99}))

    monkeypatch.setattr(module, "write_whole", slowly)
    known.shorten_file()
    assert len(path.read_bytes().splitlines()) == 11
    known.shorten_file()  # nothing to do
    again = RegisteredSignUps(folder, 0)
    assert len(again.with_value("card", 99)) == 1
    assert not again.with_value("card", 5)


def test_who_only_reads_sign_ups_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the process that answers them: what it appends meanwhile must not be overwritten."""
    folder, path = DataFolder(tmp_path / "data"), tmp_path / "data" / "sign-ups.jsonl"
    RegisteredSignUps(folder, 0).register(SignUp(1, 1, True, {"card": 1}))
    path.write_bytes(path.read_bytes() + b"odd\n" + b'{"torn')
    before = path.read_bytes()
    assert len(RegisteredSignUps(folder, 0, keeps=False)) == 1
    assert path.read_bytes() == before
    RegisteredSignUps(folder, 0)
    assert path.read_bytes() != before


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, write = DataFolder(tmp_path / "full"), os.write
    kept, path = RegisteredSignUps(folder, 0), folder.path / "sign-ups.jsonl"
    assert kept.register(SignUp(1, 1, True, {"card": 4}))
    before = path.read_bytes()

    def fill_up(handle: int, content: Any) -> int:
        """The disk takes five bytes more."""
        if os.fstat(handle).st_size > len(before):
            raise OSError(28, "No space left on device")
        return write(handle, bytes(content)[:5])

    monkeypatch.setattr(os, "write", fill_up)
    assert not kept.register(SignUp(2, 2, True, {"card": 4}))
    assert not kept.register(SignUp(3, 3, True, {"card": 4}))
    assert [one.at for one in kept.with_value("card", 4)] == [1, 2, 3]
    assert kept.problem.endswith(" in memory alone: No space left on device")
    assert path.read_bytes() == before  # no half line
    with pytest.raises(OutputError, match="2 sign-ups are in memory alone"):
        kept.save()
    monkeypatch.undo()
    kept.save()
    assert kept.problem == ""
    assert kept.register(SignUp(4, 4, True, {"card": 4}))
    assert [one.at for one in RegisteredSignUps(folder, 0).with_value("card", 4)] == [1, 2, 3, 4]


def test_without_accounts_there_is_nobody(parts: Any) -> None:
    assert not found(parts)
