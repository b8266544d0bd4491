"""Early signs: what raises one, what does not, and how they are kept from hunt to hunt."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.dataset import LocalDataset
from stillhunt.base.units import DAY, HOUR
from stillhunt.watch.early_signs.finding import _MOST_QUESTIONS, EARLY, early_signs
from stillhunt.watch.early_signs.signs import (
    SIGNS_FILE,
    EarlySign,
    read_signs,
    settle_signs,
    sign_fields,
    signs_as_json,
)
from thoroughness import examples

BEGIN = 1_790_000_000_000_000 // DAY * DAY
NOW = BEGIN + 14 * DAY
PROBE = 1 << 4
Row = tuple[str, int, str, int, int]
"""Account, time, model, conduct, hash of the prompt."""


def uses(account: str, model: str, times: Sequence[int]) -> list[Row]:
    return [(account, at, model, 0, hash((account, at)) & 0xFFFF) for at in times]


def daily(account: str, days: range, model: str = "old") -> list[Row]:
    return uses(account, model, [BEGIN + day * DAY + 9 * HOUR for day in days])


def others(moving: int = 0, model: str = "new", day: int = 6) -> list[Row]:
    """A hundred strangers at work every day, of whom some begin with a model on a day."""
    rows = [row for number in range(100) for row in daily(f"other-{number}", range(14))]
    for number in range(moving):
        rows += uses(f"other-{number}", model, [BEGIN + day * DAY + 10 * HOUR])
    return rows


def group(moving: int, model: str = "new", day: int = 6, requests: int = 30) -> list[Row]:
    """Twelve accounts at work every day, of whom some begin with a model on a day."""
    rows = [row for number in range(12) for row in daily(f"member-{number}", range(14))]
    for number in range(moving):
        rows += uses(f"member-{number}", model, [BEGIN + day * DAY + 11 * HOUR + at for at in range(requests)])
    return rows


def signs_of(rows: list[Row], allowed: frozenset[str] = frozenset(), split: int = 1) -> list[EarlySign]:
    accounts = sorted({row[0] for row in rows})
    tables = {
        "accounts": pa.table({"account_id": accounts, "sanctioned": [name in allowed for name in accounts]}),
        "members": pa.table({"account_id": (own := [name for name in accounts if "member" in name] or ["none"]),
                             "campaign_id": ["g"] * len(own)}),
    }  # fmt: skip
    parts = [[row for row in rows if accounts.index(row[0]) % split == part] for part in range(split)]
    sources = [LocalDataset.of(sketches(part)) for part in parts]
    dataset = LocalDataset([source for one in sources for source in one._sources], sources[0].names, 1)
    return early_signs(dataset, tables, NOW)


def sketches(rows: list[Row]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * 5
    types = (pa.string(), pa.timestamp("us", "UTC"), pa.string(), pa.uint32(), pa.uint64())
    names = ("account_id", "timestamp", "model", "conduct", "prompt_hash")
    return pa.table({name: pa.array(column, type_) for name, column, type_ in zip(names, columns, types, strict=True)})


def attempts(account: str, number: int, hours: int, *, same: bool = False) -> list[Row]:
    begin, step = BEGIN + 5 * DAY, hours * HOUR // number
    return [(account, begin + at * step, "old", PROBE, 7 if same else at) for at in range(number)]


def test_a_group_that_takes_up_a_new_model_within_a_day_is_a_sign() -> None:
    (sign,) = signs_of(others(3) + group(8))
    assert (sign.kind, sign.model, sign.campaign_id) == ("new_model", "new", "g")
    assert sign.accounts == sorted(f"member-{number}" for number in range(8))
    assert sign.statement == (
        "Model new appeared, and 8 of 12 members at work began with it within a day; 3.9 % of the other accounts at "
        "work did"
    )
    assert sign.first_at == BEGIN + 6 * DAY + 10 * HOUR


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (others(60) + group(8), "everybody moves"),
        (others(3) + group(3), "too few members"),
        (others(3, day=1) + group(8, day=1), "the log has just begun"),
        (others(3, day=2) + group(8, day=6), "the model is four days old, and nobody of the group probed it"),
    ],
)
def test_what_is_usual_is_no_sign(rows: list[Row], why: str) -> None:
    assert signs_of(rows) == [], why


def test_a_probe_by_few_and_a_burst_by_most_is_a_sign() -> None:
    known = uses("other-1", "seldom", [BEGIN + HOUR, BEGIN + 3 * DAY])
    probe = uses("member-0", "seldom", [BEGIN + 4 * DAY + at for at in range(5)])
    (sign,) = signs_of(others() + known + probe + group(9, "seldom"))
    assert sign.kind == "probe_and_burst"
    assert sign.accounts == sorted(f"member-{number}" for number in range(1, 9))
    assert "5 requests of 1 account tried model seldom" in sign.statement
    assert "270 requests in all" in sign.statement
    every = [row for at in range(12) for row in uses(f"member-{at}", "seldom", [BEGIN + 4 * DAY])]
    assert signs_of(others() + known + every + group(9, "seldom")) == [], "each tried it: there are no scouts"
    assert signs_of(others() + known + probe * 5 + group(9, "seldom", requests=6)) == [], "the burst is small"


def test_hundreds_of_attempts_within_two_days_are_a_sign() -> None:
    many = EARLY.least_attempts
    (sign,) = signs_of(others() + attempts("prober", many, 40))
    assert (sign.kind, sign.accounts, sign.campaign_id) == ("extraction_attempts", ["prober"], "")
    assert sign.statement == "200 different attempts to extract hidden instructions or reasoning within 48 hours"
    shared = [row for number in range(4) for row in attempts(f"member-{number}", many // 4, 40)]
    (sign,) = signs_of(others() + shared)
    assert sign.campaign_id == "g"
    assert signs_of(others() + attempts("prober", many, 40, same=True)) == [], "one attempt, again and again"
    assert signs_of(others() + attempts("prober", many, 100)) == [], "a few a day"
    assert signs_of(others() + attempts("prober", many - 1, 40)) == []
    assert signs_of(others() + attempts("prober", many, 40), allowed=frozenset({"prober"})) == []


def test_a_declared_programme_raises_none() -> None:
    rows = others(3) + group(8) + attempts("member-1", 300, 40)
    assert {sign.kind for sign in signs_of(rows)} == {"new_model", "extraction_attempts"}
    assert signs_of(rows, allowed=frozenset(f"member-{number}" for number in range(12))) == []


@settings(max_examples=examples(8, 15), derandomize=True, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_order_and_partitions_do_not_matter(seed: int, split: int) -> None:
    probe = uses("member-0", "seldom", [BEGIN + 4 * DAY + at for at in range(5)])
    rows = others(3) + group(8) + probe + group(9, "seldom", day=8) + attempts("prober", 250, 40)
    expected = signs_of(rows)
    random.Random(seed).shuffle(rows)
    assert signs_of(rows, split=split) == expected
    assert {sign.kind for sign in expected} == {"new_model", "probe_and_burst", "extraction_attempts"}


def test_hostile_names_of_models_are_bounded_and_written_safely() -> None:
    four = [f"member-{number}" for number in range(4)]
    flood = [row for name in four for at in range(500) for row in uses(name, f"m{at}", [BEGIN + 5 * DAY])]
    hostile = "\x1b]0;pwned\x07" + "x" * 500
    found = signs_of(others() + flood + group(8, hostile))
    assert len(found) <= _MOST_QUESTIONS
    assert any(sign.model == hostile for sign in found)
    assert all("\x1b" not in sign.statement and len(sign.statement) < 400 for sign in found)


def sign(accounts: Sequence[str], found_at: int = NOW, sign_id: str = "", model: str = "new") -> EarlySign:
    return EarlySign(sign_id, "new_model", "g", sorted(accounts), model, BEGIN, found_at, "seen")


def test_a_sign_keeps_its_id_while_half_of_its_accounts_stay() -> None:
    (first,) = settle_signs([sign("abcd")], [], {"g": "hunt-1"}, BEGIN)
    assert first.sign_id
    assert first.campaign_id == "hunt-1"
    later = NOW + DAY
    (same,) = settle_signs([sign("cdef", later)], [first], {}, BEGIN)
    assert same.sign_id == first.sign_id
    assert same.accounts == ["c", "d", "e", "f"]
    fresh, kept = settle_signs([sign("defg", later)], [first], {}, BEGIN)
    assert fresh.sign_id != first.sign_id
    assert kept == first
    fresh, kept = settle_signs([sign("abcd", later, model="other")], [first], {}, BEGIN)
    assert fresh.sign_id != first.sign_id
    assert settle_signs([], [first], {}, NOW + 1) == [], "not found since the window began"


def test_the_file_is_read_back_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    (kept,) = settle_signs([sign("abcd")], [], {}, BEGIN)
    path = tmp_path / SIGNS_FILE
    assert read_signs(tmp_path) == []
    path.write_bytes(signs_as_json([kept]))
    assert read_signs(tmp_path) == [kept]
    for damaged in (b"", b"{", b'{"version":2,"signs":[]}', signs_as_json([kept])[:-9], b"[" * 100_000):
        path.write_bytes(damaged)
        assert read_signs(tmp_path) == []


def test_what_is_told_outside_has_no_account() -> None:
    assert "victim" not in str(sign_fields(sign(["victim-1", "victim-2"])))
    assert sign_fields(sign("abcd"))["accounts"] == 4
