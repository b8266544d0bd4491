"""Lasting ids stand wherever a case names a campaign, and nowhere is an id of the hunt left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import stillhunt
from golden.golden_world import SPEC
from stillhunt.base.schema_case import CASE_TABLES, CASE_VIEWS
from stillhunt.triage import Case
from stillhunt.watch.lineage.campaigns import found_campaigns
from stillhunt.watch.lineage.settle import with_lasting_ids
from stillhunt_lab.worlds.build import build_world
from triage.fixtures import demo_case


@pytest.fixture(scope="module")
def real_case() -> Case:
    world = build_world(SPEC)
    config = stillhunt.Config(sanctioned={"organizations": world.sanctioned})
    return stillhunt.hunt(world.requests, world.accounts, config)


@pytest.fixture(params=["hunted", "all tables filled"])
def case(request: pytest.FixtureRequest, real_case: Case) -> Case:
    """A case that was hunted, and one that has rows in every table, operators and excerpts among them."""
    return real_case if request.param == "hunted" else demo_case()


def renamed(value: Any, lasting: dict[str, str]) -> Any:
    """A value with every id replaced, in lists and inside texts, too."""
    if isinstance(value, dict):
        return {name: renamed(part, lasting) for name, part in value.items()}
    if isinstance(value, list):
        return [renamed(part, lasting) for part in value]
    if not isinstance(value, str):
        return value
    for old in lasting:
        value = value.replace(old, f"\0{old[::-1]}\0")
    for old, new in lasting.items():
        value = value.replace(f"\0{old[::-1]}\0", new)
    return value


def campaign_ids(case: Case) -> list[str]:
    names: list[str] = case.tables["campaigns"]["campaign_id"].to_pylist()
    return names


def test_every_place_has_the_lasting_id(case: Case, tmp_path: Path) -> None:
    names = campaign_ids(case)
    assert len(names) > 1
    # Ids change places, which replacing one after the other would mix up, and one is new.
    lasting = dict(zip(names, ["c-lasting0", *names[:-1]], strict=True))
    with_lasting_ids(case, lasting).write(tmp_path / "renamed")
    case.write(tmp_path / "plain")
    for stem in (*CASE_TABLES, *CASE_VIEWS):
        before, after = (pq.read_table(tmp_path / one / f"{stem}.parquet") for one in ("plain", "renamed"))
        assert after.schema.equals(before.schema)
        free = {"account_id", "slice_id", "request_id", "request_ids", "text"}  # from the log: it may look like an id
        columns = [column for column in before.column_names if column not in free]
        rows = [renamed(row, lasting) for row in before.select(columns).to_pylist()]
        assert sorted(map(str, rows)) == sorted(map(str, after.select(columns).to_pylist())), stem
    before, after = (json.loads((tmp_path / one / "run.json").read_text()) for one in ("plain", "renamed"))
    assert after == renamed(before, lasting)
    page = (tmp_path / "renamed" / "report.html").read_text()
    assert "c-lasting0" in page
    assert names[-1] not in page


def test_renamed_case_explains_its_campaigns(case: Case) -> None:
    name = campaign_ids(case)[0]
    explained = with_lasting_ids(case, {name: "c-lasting0"}).explain("c-lasting0")
    assert explained.id == "c-lasting0"
    assert explained.stored_score == case.explain(name).stored_score


def test_found_campaigns_of_a_renamed_case_are_the_same(real_case: Case) -> None:
    lasting = {name: f"c-lasting{number}" for number, name in enumerate(campaign_ids(real_case))}
    before, after = found_campaigns(real_case), found_campaigns(with_lasting_ids(real_case, lasting))
    assert [lasting[one.campaign_id] for one in before] == [one.campaign_id for one in after]
    assert [one.members for one in before] == [one.members for one in after]
    assert all(one.flagged <= one.members.keys() for one in after)
    assert sum(map(len, (one.flagged for one in after))) == sum(spec.accounts for spec in SPEC.campaigns)


def test_case_whose_ids_last_is_not_copied(real_case: Case) -> None:
    assert with_lasting_ids(real_case, {name: name for name in campaign_ids(real_case)}) is real_case
