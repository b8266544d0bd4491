"""An actor is named where everything agrees, and not where one condition fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from actor_scenes import ELSEWHERE, HASHES, HOSTER, NORTHERN, OTHER, OWN, SOUTHERN, WAYS, actors, mark_of, result, scene
from attribution_cases import OWN_TIES, SELLER_TIE

from stillhunt.base.errors import CaseError
from stillhunt_evidence.actors import Attribution, attribute
from stillhunt_evidence.actors.actors_file import Actor
from stillhunt_evidence.actors.decision import ActorComparison, reasons_against_naming
from stillhunt_evidence.actors.observed import seen_case
from stillhunt_evidence.actors.weights import Mark, weigh_marks


def test_an_actor_whose_marks_agree_is_named() -> None:
    found = result()
    assert found.named == "Northern"
    assert found.decision == "named"
    assert found.reasons == ()
    assert found.actors[0].probability >= found.bar
    assert found.actors[0].probability + found.actors[1].probability + found.somebody_else == pytest.approx(1)
    assert found.statement.startswith("The marks of the campaign are consistent with Northern (probability ")


def test_a_false_flag_remains_possible_and_says_what_it_needs() -> None:
    (flag,) = (one for one in result().alternatives if one.startswith("A false flag"))
    assert "control of the actor's own network" in flag
    assert "payment instruments" in flag


def test_a_campaign_without_marks_is_nobodys() -> None:
    found = result(scene(ELSEWHERE, tie=None), actors(NORTHERN))
    assert found.named is None
    assert found.somebody_else > 0.9
    assert found.statement == "Nobody is named: no mark of the campaign matches an actor in the file."


def assert_names_nobody(found: Attribution) -> None:
    """No sentence beside those of the actors has a name, and the statement has no probability either."""
    said = [found.statement, *found.reasons, *found.missing, *found.alternatives]
    assert not any(one.name in sentence for one in found.actors for sentence in said), said
    assert found.statement.startswith("Nobody is named: ")
    assert "%" not in found.statement
    assert "likeliest" not in found.statement


ONE_CHEAP = {"name": "Northern", "skills": ["coding"]}
NEVER = {"name": "Southern", "network": [{"asn": 1, "own": True}], "countries": ["AQ"], "client": [{"family": "go"}]}


@pytest.mark.parametrize("somebody_else", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("others", [(), (NEVER,), (NORTHERN,), (NEVER, NORTHERN)])
def test_an_actor_of_whom_nothing_is_known_keeps_at_most_its_prior(
    somebody_else: float, others: tuple[dict[str, Any], ...]
) -> None:
    found = result(known=actors({"name": "Unknown"}, *others, somebody_else=somebody_else))
    (unknown,) = (one for one in found.actors if one.name == "Unknown")
    assert unknown.weight.bits == 0
    assert unknown.probability <= (1 - somebody_else) / (1 + len(others)) + 1e-12
    if not others:
        assert found.somebody_else == pytest.approx(somebody_else)
        assert found.statement == "Nobody is named: no mark of the campaign matches an actor in the file."
        assert_names_nobody(found)


def test_one_cheap_mark_raises_the_prior_by_its_bits_and_no_more() -> None:
    found = result(known=actors(ONE_CHEAP, somebody_else=0.2))
    (northern,) = found.actors
    assert 0 < northern.weight.cheap <= 1
    odds = northern.prior / (1.0 - northern.prior) * 2**northern.weight.cheap
    assert northern.probability == pytest.approx(odds / (1 + odds))
    assert northern.probability < 0.9
    assert_names_nobody(found)


@pytest.mark.parametrize("declared", [(NORTHERN,), (NORTHERN, SOUTHERN), (ONE_CHEAP,), (NORTHERN, NEVER)])
def test_printed_bits_give_the_printed_probability(declared: tuple[dict[str, Any], ...]) -> None:
    found = result(known=actors(*declared, somebody_else=0.6))
    northern = next(one for one in found.actors if one.name == "Northern")
    other = 1.0 - sum(one.prior for one in found.actors)
    assert northern.probability / found.somebody_else == pytest.approx(northern.prior / other * 2**northern.weight.bits)
    said = found.as_dict()["actors"][0]
    assert (said["prior"], said["probability"]) == pytest.approx((northern.prior, northern.probability), abs=1e-6)


NO_TIE = {**NORTHERN, "known": {}}
CHEAP = {**NO_TIE, "network": [{"asn": 64500}], "model": []}
RIVAL_MARKS = {
    "name": "Southern",
    "client": [{"family": "openai-python", "common": 0.01}],
    "settings": {"temperature": [0.7]},
    "phrases": NORTHERN["phrases"],
    "sign_up": NORTHERN["sign_up"],
}
ONLY_TIE = {"name": "Northern", "known": {"campaigns": ["known-1"]}}
WITHOUT_TEXT = {key: value for key, value in NORTHERN.items() if key in ("name", "network", "known")}


@pytest.mark.parametrize(
    ("case", "declared", "reason"),
    [
        ({"verdict": "review"}, (), "The verdict on the campaign is review"),
        ({"kind": "relay"}, (), "Many people use its accounts"),
        ({"accounts": 4}, (), "The campaign has 4 accounts; 5 are needed"),
        ({"tie": None}, (CHEAP,), "No mark that agrees is costly to plant"),
        ({"tie": None}, (NO_TIE,), "6.5 bits are needed, since somebody may have planted one of them"),
        ({"tie": SELLER_TIE}, (CHEAP | {"known": {"campaigns": ["known-1"]}},), "No mark that agrees is costly"),
        ({}, (ONLY_TIE,), "One kind of marks agrees and covers most of the campaign; 2 are needed"),
        (
            {},
            (WITHOUT_TEXT, RIVAL_MARKS),
            "Marks of Southern are there, too, which the most likely actor does not explain",
        ),
        ({"tied_to": "known-2"}, (NORTHERN, SOUTHERN), "The campaign is tied to a known campaign of Southern"),
        (
            {"ways": replace(WAYS, networks=[(OWN, 0.8), (OTHER, 0.2)])},
            (NORTHERN, SOUTHERN | {"network": [{"asn": 3301, "own": True}]}),
            "from Southern's own network",
        ),
    ],
)
def test_one_condition_that_fails_keeps_the_name_back(
    case: dict[str, Any], declared: tuple[dict[str, Any], ...], reason: str
) -> None:
    found = result(scene(**case), actors(*declared) if declared else None)
    assert found.named is None
    of_actors = [sentence for one in found.actors for sentence in one.contradictions]
    assert any(reason in one for one in [*found.reasons, *of_actors]), found.reasons
    assert len(set(of_actors)) <= len(found.reasons)
    assert found.decision == "abstained"
    assert_names_nobody(found)


@pytest.mark.parametrize(
    "case", [{"verdict": "review"}, {"kind": "relay"}, {"accounts": 4}], ids=["review", "relay", "few accounts"]
)
def test_conditions_of_the_campaign_are_the_only_reason(case: dict[str, Any]) -> None:
    assert len(result(scene(**case)).reasons) == 1


def test_a_probability_below_the_bar_names_nobody() -> None:
    many = [{"name": f"Actor {number}"} for number in range(900)]
    tie = [("payment_fingerprint", 3.3), ("client_fingerprint", 3.3)]
    northern = ONLY_TIE | {"sign_up": NORTHERN["sign_up"]}
    assert result(scene(tie=tie), actors(northern)).named == "Northern"
    found = result(scene(tie=tie), actors(northern, *many, somebody_else=0.99))
    assert found.named is None
    assert len(found.reasons) == 1
    assert found.reasons[0] == "No actor of the file has the probability of 95 % that is needed."


@pytest.mark.parametrize(("share", "named"), [(1.0, "Northern"), (0.4, None)])
def test_own_network_must_cover_most_of_the_campaign(share: float, named: str | None) -> None:
    ways = replace(WAYS, networks=[(OWN, share), (HOSTER, 1 - share)], accounts=60)
    assert result(scene(ways, tie=None)).named == named


@pytest.mark.parametrize(("share", "reasons"), [(0.6, 0), (0.55, 1)])
def test_a_kind_agrees_only_where_it_covers_most_of_the_campaign(share: float, reasons: int) -> None:
    marks = (
        Mark("operator_tie", "tie", True, 8.0, None, True, "It is so"),
        Mark("phrases", "wording", False, 1.2, share, True, "It is so"),
    )
    seen = seen_case(scene(), ())
    first = ActorComparison(Actor(name="Northern"), marks, weigh_marks(marks), 0.999, 0.5)
    found = reasons_against_naming(seen, seen.campaigns["c-1"], first, [])
    assert len(found) == reasons
    assert all("One kind of marks agrees" in one for one in found)


def test_an_own_network_and_a_release_are_not_enough() -> None:
    """A false flag in the actor's own network got its name by a release that followed by chance."""
    northern = NO_TIE | {"model": [NORTHERN["model"][0] | {"announced": date(2026, 4, 9)}]}
    found = result(scene(tie=None), actors(northern, as_of=date(2036, 1, 1)))
    assert {mark.kind for mark in found.actors[0].marks if mark.costly} == {"own_network", "release"}
    assert len(found.reasons) == 1
    assert "6.0 bits; 6.5 bits are needed" in found.reasons[0]


def test_hashes_that_were_seen_before_make_an_own_network_enough() -> None:
    elsewhere = replace(WAYS, hashes=["0000000000000001"])
    own = mark_of(result(scene(elsewhere, tie=None)), "own_network")
    assert own.bits == pytest.approx(4.0)
    assert "used before" not in own.statement
    assert result(scene(tie=None), actors(NORTHERN | {"model": []})).named == "Northern"
    assert result(scene(elsewhere, tie=None), actors(NORTHERN | {"model": []})).named is None


def test_a_tie_that_could_be_imitated_names_nobody() -> None:
    found = result(scene(tie=OWN_TIES[2]), actors(CHEAP | {"known": {"campaigns": ["known-1"]}}))
    assert found.named is None
    assert any("imitation" in mark.statement for mark in found.actors[0].marks)


def test_order_of_actors_and_rows_changes_nothing() -> None:
    case, first = scene(), result()
    turned, views = (
        {name: table.take(pa.array(range(table.num_rows)[::-1], pa.int64())) for name, table in tables.items()}
        for tables in (case.tables, case.views)
    )
    other = type(case)(turned, run=case.run, **views)
    assert attribute(other, "c-1", actors(SOUTHERN, NORTHERN)).as_dict() == first.as_dict()


def test_an_unknown_campaign_is_an_error_and_a_group_left_alone_is_none() -> None:
    with pytest.raises(CaseError, match="no campaign has the id"):
        attribute(scene(), "nothing", actors())
    found = result(scene(verdict="none", kind="not_known"))
    assert found.named is None
    assert "The verdict on the campaign is none" in found.reasons[0]


def test_as_dict_says_all_of_it() -> None:
    found = result().as_dict()
    assert found["actor"] == "Northern"
    assert found["actors_file_sha256"] == "0" * 64
    northern = found["actors"][0]
    assert northern["bits"] == pytest.approx(
        northern["costly_bits"] + northern["cheap_bits"] + northern["bits_against"], abs=1e-5
    )
    assert {"kind", "costly_to_plant", "bits", "coverage", "known", "statement", "source"} == set(northern["marks"][0])


def test_a_campaign_that_the_file_lists_names_nobody_and_earns_nothing_by_it() -> None:
    unlisted = result()
    assert unlisted.decision == "named"
    listed = NORTHERN | {"known": {"campaigns": ["c-1", "known-1"], "networks": HASHES, "accounts": ["c-1-a0"]}}
    found = result(known=actors(listed))
    assert found.decision == "abstained"
    assert any("lists this campaign" in reason for reason in found.reasons)
    assert "this very campaign" in found.statement
    assert found.actors[0].weight.bits < unlisted.actors[0].weight.bits
