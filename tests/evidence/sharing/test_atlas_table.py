"""MITRE ATLAS: ids in their form, names once, and each technique only where the case shows it."""

from __future__ import annotations

import re

import pytest

from stillhunt.base.schema_case import OPERATION_KINDS, ROLES
from stillhunt.score.evidence.catalogue import KIND_OF
from stillhunt.watch.alerts import siem
from stillhunt_evidence.sharing import atlas
from stillhunt_evidence.sharing.atlas import (
    BLOCK,
    RATE_LIMIT,
    STEP_UP,
    AtlasTactic,
    AtlasTechnique,
    measures_for,
    techniques_of,
)

TECHNIQUES = [one for one in vars(atlas).values() if isinstance(one, AtlasTechnique)]
TACTICS = [one for one in vars(atlas).values() if isinstance(one, AtlasTactic)]


def ids(kind: str, roles: tuple[str, ...] = (), evidence: tuple[str, ...] = ()) -> list[str]:
    return [one.id for one in techniques_of(kind, roles, evidence)]


def test_ids_have_the_form_of_atlas_and_are_there_once() -> None:
    assert all(re.fullmatch(r"AML\.T\d{4}(\.\d{3})?", one.id) for one in TECHNIQUES)
    assert all(re.fullmatch(r"AML\.TA\d{4}", one.id) for one in TACTICS)
    assert len({one.id for one in TECHNIQUES}) == len(TECHNIQUES) == 5
    assert len({one.id for one in TACTICS}) == len(TACTICS) == 4
    for one in TECHNIQUES:
        assert (one.parent is None) is ("." not in one.id.removeprefix("AML."))
        assert one.parent is None or one.id.startswith(f"{one.parent.id}.")


def test_names_are_those_that_alerts_give() -> None:
    named = {one.id: one.name for one in (*TECHNIQUES, *TACTICS)}
    for one in (*siem._ATLAS, siem._EXTRACT):
        assert named[one["id"]] == one["name"]


def test_a_harvest_is_extraction_through_the_api() -> None:
    assert ids("harvest") == ["AML.T0024", "AML.T0024.002", "AML.T0040"]


def test_accounts_were_opened_or_taken_where_the_case_shows_it() -> None:
    assert ids("harvest", ("unknown", "mixed", "pool")) == ids("harvest")
    assert ids("harvest", ("dedicated",))[0] == "AML.T0021"
    assert ids("harvest", (), ("created_at",))[0] == "AML.T0021"
    assert ids("harvest", ("victim",))[0] == "AML.T0012"
    assert ids("relay") == ["AML.T0040"]
    assert ids("posing") == ids("account_farm") == ["AML.T0021", "AML.T0040"]


@pytest.mark.parametrize("kind", ["not_known", "else", ""])
def test_what_is_not_known_is_no_technique(kind: str) -> None:
    assert not techniques_of(kind, ("dedicated",), ("created_at",))


def test_the_table_names_kinds_that_there_are() -> None:
    assert set(atlas._OF_KIND) <= set(OPERATION_KINDS)
    assert set(atlas._OF_ROLE) <= set(ROLES)
    assert set(atlas._OF_EVIDENCE) <= set(KIND_OF)


def test_blocking_is_recommended_only_for_a_harvest_to_act_on() -> None:
    assert measures_for("act", "harvest") == (RATE_LIMIT, STEP_UP, BLOCK)
    for verdict, kind in (("review", "harvest"), ("act", "relay"), ("none", "harvest")):
        assert measures_for(verdict, kind) == (RATE_LIMIT, STEP_UP)
