"""Every kind of evidence is read against every honest explanation, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from stillhunt.base.families import FAMILY_OF
from stillhunt.score.evidence.catalogue import CATALOGUE
from stillhunt.score.evidence.kind import HONEST_EXPLANATIONS, HonestReadings
from stillhunt.score.verdict import linked_accounts
from stillhunt_evidence.pages.kind_readings import (
    BY_CHANCE,
    BY_KINDS,
    EXPLANATION_OF,
    EXPLANATIONS,
    all_readings,
    readings_of,
)

READINGS = all_readings()
OF_LINKED_ACCOUNTS = {"many_programs", "used_in_turn"}
"""Kinds that only groups of linked accounts have: they are in no catalogue."""


def test_every_kind_of_evidence_is_read() -> None:
    assert set(READINGS) == {kind.name for kind in CATALOGUE} | OF_LINKED_ACCOUNTS


def test_kinds_of_linked_accounts_have_these_names() -> None:
    source = Path(linked_accounts.__file__).read_text(encoding="utf-8")
    assert all(f'"{kind}"' in source for kind in OF_LINKED_ACCOUNTS)


@pytest.mark.parametrize("kind", sorted(READINGS))
def test_every_cell_has_a_reason(kind: str) -> None:
    assert tuple(READINGS[kind]) == BY_KINDS
    for reading in READINGS[kind].values():
        assert len(reading.reason) > 15
        assert reading.reason[0].isupper()
        assert reading.reason.endswith(".")


def test_some_explanation_is_without_each_kind_that_can_count_for_a_harvest() -> None:
    """A kind that everybody explains is worthless here; only those of wording, client and settings are."""
    explained_by_all = {kind.name for kind in CATALOGUE if all(one.explained for one in READINGS[kind.name].values())}
    never_for = {"declared_organisation", "open_customer"}
    assert explained_by_all - never_for == {
        "phrase_mixture",
        "client_fingerprint",
        "constant_settings",
        "model_and_answers",
    }


def test_kinds_that_are_never_against_predict_nothing() -> None:
    for kind in CATALOGUE:
        predicted = [key for key, one in READINGS[kind.name].items() if one.predicted]
        assert not (kind.least_bits == 0 and predicted), f"{kind.name} is never evidence against: {predicted}"


def test_a_forgotten_explanation_is_noticed() -> None:
    with pytest.raises(KeyError):
        readings_of(HonestReadings({"A reason.": "course"}, {}))


def test_explanations_say_what_they_predict_and_how_to_check_them() -> None:
    assert len(EXPLANATIONS) == len(EXPLANATION_OF) == 9
    assert BY_KINDS == HONEST_EXPLANATIONS
    assert set(BY_KINDS) == set(EXPLANATION_OF) - {BY_CHANCE}
    for one in EXPLANATIONS:
        assert one.name[0].islower()
        assert not one.name.endswith(".")
        assert all(text.endswith(".") for text in (one.predicts, one.check, one.clears))


def test_families_of_kinds_are_known() -> None:
    assert {kind.family for kind in CATALOGUE} <= set(FAMILY_OF)
