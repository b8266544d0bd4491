"""An id, or a beginning that only one id has, names a campaign or an account."""

from __future__ import annotations

import pyarrow as pa
import pytest

from stillhunt.base.errors import CaseError
from stillhunt.triage.lookup import resolve_id


def tables_with(campaigns: list[str], accounts: list[str]) -> dict[str, pa.Table]:
    return {
        "campaigns": pa.table({"campaign_id": pa.array(campaigns, pa.string())}),
        "accounts": pa.table({"account_id": pa.array(accounts, pa.string())}),
    }


TABLES = tables_with(["c-aa11", "c-aa22", "c-bb33", "both"], ["anna", "anne", "c-cc44", "c-bb99", "both", "=1+2"])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("c-aa11", ("campaign", "c-aa11")),
        ("c-aa1", ("campaign", "c-aa11")),
        ("c-b", ("campaign", "c-bb33")),  # an account begins so, too: the campaign is meant
        ("both", ("campaign", "both")),
        ("c-c", ("account", "c-cc44")),
        ("=", ("account", "=1+2")),
        ("anna", ("account", "anna")),
    ],
)
def test_id_and_beginning_are_found(wanted: str, found: tuple[str, str]) -> None:
    assert resolve_id(TABLES, wanted) == found


def test_full_id_comes_before_longer_ones_that_begin_with_it() -> None:
    tables = tables_with(["c-1", "c-12", "c-123"], ["a", "ab"])
    assert resolve_id(tables, "c-1") == ("campaign", "c-1")
    assert resolve_id(tables, "a") == ("account", "a")


def test_id_is_found_as_it_stands_in_the_log() -> None:
    """The tables hold a visible form of its control and invisible characters."""
    shown, cut = "acct\ufffd202e;7", "acct\ufffd200b;"
    tables = tables_with([], [shown, "acct\ufffd200b;9"])
    assert resolve_id(tables, "acct\u202e7") == resolve_id(tables, shown) == ("account", shown)
    assert resolve_id(tables, "acct\u200b") == resolve_id(tables, cut) == ("account", "acct\ufffd200b;9")


def test_kind_that_is_not_asked_for_is_not_found() -> None:
    assert resolve_id(TABLES, "both", ("account",)) == ("account", "both")
    with pytest.raises(CaseError, match="no campaign has the id 'anna'") as caught:
        resolve_id(TABLES, "anna", ("campaign",))
    assert caught.value.next_step


@pytest.mark.parametrize("wanted", ["zzz", "", "\udce9", "\x1b[2J", "a" * 100_000])
def test_unknown_id_is_refused_with_a_next_step(wanted: str) -> None:
    with pytest.raises(CaseError, match="no account or campaign has the id") as caught:
        resolve_id(TABLES, wanted)
    assert caught.value.next_step
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in str(caught.value)


def test_beginning_of_several_ids_is_refused_and_some_are_named() -> None:
    with pytest.raises(CaseError, match="the ids of 2 campaigns begin with 'c-a'") as caught:
        resolve_id(TABLES, "c-a")
    assert "c-aa11 and c-aa22" in caught.value.next_step
    with pytest.raises(CaseError, match="the ids of 400 accounts") as caught:
        resolve_id(tables_with([], [f"x{n}" for n in range(400)]), "x")
    assert "x0, x1, x2 and 397 more" in caught.value.next_step
