"""What keeps the console quick and small on a large case changes nothing that it shows."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest

from stillhunt.base.config import Config
from stillhunt_server.console.context import Console
from stillhunt_server.console.snapshot import FixedSource, ShownCase
from triage.fixtures import demo_case

CAMPAIGN = "hunt-7f3a91c2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return demo_case().write(tmp_path / "case")


@pytest.fixture
def no_garbage_is_collected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_is_collected")
def test_a_case_that_nobody_shows_any_more_is_freed_at_once(folder: Path) -> None:
    console = Console(FixedSource(folder), Config())
    shown = console.source.current()
    assert shown is not None
    derived = console.derived(shown)
    shown.members_of(CAMPAIGN)
    derived.traits_of(CAMPAIGN)
    kept = [weakref.ref(one) for one in (shown, derived, derived.rows, shown.case)]
    del console, shown, derived
    assert [one() for one in kept] == [None] * 4


def test_rows_of_a_campaign_are_found_in_any_order(folder: Path) -> None:
    shown = ShownCase(folder)
    members = shown.case.member_details
    own = members.filter(pc.equal(members["campaign_id"], CAMPAIGN)).to_pylist()
    assert shown.of_campaign("member_details", CAMPAIGN).to_pylist() == own
    mixed = pc.sort_indices(members, sort_keys=[("account_id", "ascending"), ("campaign_id", "ascending")])
    shown.case.member_details = members.take(mixed)
    found = shown.of_campaign("member_details", CAMPAIGN).sort_by("account_id").to_pylist()
    assert found == sorted(own, key=lambda row: row["account_id"])
    assert shown.of_campaign("member_details", "none").num_rows == 0
