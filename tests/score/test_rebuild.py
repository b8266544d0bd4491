"""All that a case says of a campaign follows from its evidence alone, bit for bit; whatever was changed is noticed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from linked_logs import Linked, case_of
from stories import Story, score_story

from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.score import rebuild_verdict, verdict_differences
from stillhunt.score.verdict.budget import Budget, false_alarm_budget

CLEAR = Story(linked=True, bursts=True)
WEAK = Story(bursts=True, content_bits=-8.0, queue_bits=-8.0)
"""Its members are likelier strangers than members, so that too few are left."""

POSING = Story(
    linked=True, bursts=True, one_queue=False, even_volume=False, content_bits=0.0, queue_bits=0.0, repeated=0.2
)
"""One operator's accounts, each with subjects and prompts of its own."""


def settings(**changes: Any) -> Config:
    return Config.load(changes, environ={})


CASES: dict[str, tuple[Story | Linked, Config]] = {
    "act": (CLEAR, Config()),
    "act by a narrow margin": (Story(linked=True, bursts=True, even_volume=False, seed=5), Config()),
    "capped hard": (CLEAR, settings(score={"family_cap_bits": {"content": 1.5, "queue": 2.5}, "linkage_cap_bits": 1})),
    "held back": (CLEAR, settings(score={"false_campaigns_per_month": 1e-15})),
    "open customer": (Story(linked=True, bursts=True, organisation="org-1"), Config()),
    "repeats": (Story(linked=True, bursts=True, repeated=0.6), settings(score={"prior_bits": 0.0})),
    "posing": (POSING, Config()),
    "posing, and half of it allowed": (POSING, settings(sanctioned={"accounts": POSING.names()[::2]})),
    "posing, and allowed": (POSING, settings(sanctioned={"accounts": POSING.names()})),
    "one family": (CLEAR, settings(score={"family_floor_bits": 11.0})),
    "nobody to act on": (CLEAR, settings(score={"flagged_probability": 1 - 1e-12})),
    "allowed": (CLEAR, settings(sanctioned={"accounts": CLEAR.names()})),
    "half of it allowed": (CLEAR, settings(sanctioned={"accounts": CLEAR.names()[::2]})),
    "nothing to find": (Story(one_queue=False, even_volume=False, content_bits=-2.0), Config()),
    "too few": (WEAK, settings(score={"prior_bits": 12.0})),
    "account farm": (Linked(), Config()),
    "relay": (Linked(at_once=True, programs=9), Config()),
    "allowed farm": (Linked(), settings(sanctioned={"accounts": [f"a{number:04d}" for number in range(400)]})),
}


@cache
def case(name: str) -> tuple[dict[str, pa.Table], Config, Budget]:
    """Case tables, settings, and the budget's facts."""
    made, config = CASES[name]
    tables = case_of(made, config) if isinstance(made, Linked) else score_story(made, config)
    accounts = tables["accounts"].num_rows
    days = 10 if isinstance(made, Story) else 0
    return tables, config, false_alarm_budget(accounts, np.array([0, days * 86_400_000_000]), config.score)


def differences(name: str, config: Config | None = None, **changed: pa.Table) -> list[str]:
    """What differs in a case of which some tables were changed."""
    tables, used, budget = case(name)
    tables, config = {**tables, **changed}, config or used
    (row,) = tables["campaigns"].to_pylist()
    own = [tables["evidence"], tables["members"], tables["accounts"]]
    rebuilt = rebuild_verdict(*own, config, budget.accounts, budget.days)
    return verdict_differences(rebuilt, row, *own)


def with_value(table: pa.Table, column: str, row: int, value: Any) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    return table.set_column(
        table.schema.get_field_index(column),
        table.schema.field(column),
        pa.array(values, table.schema.field(column).type),
    )


def of_kind(name: str, kind: str, *, member: bool = False) -> int:
    """First row of a kind, about the campaign or about a member."""
    rows = case(name)[0]["evidence"].to_pylist()
    return next(n for n, row in enumerate(rows) if row["kind"] == kind and (row["account_id"] is not None) == member)


def test_the_cases_are_of_all_kinds() -> None:
    rows = {name: case(name)[0]["campaigns"].to_pylist()[0] for name in CASES}
    assert {row["verdict"] for row in rows.values()} == {"act", "review", "none"}
    assert {row["kind"] for row in rows.values()} == {"harvest", "posing", "account_farm", "relay", "not_known"}
    assert {"review", "none"} == {rows[name]["verdict"] for name in ("held back", "allowed", "allowed farm")}
    assert [name for name in CASES if rows[name]["kind"] == "posing"] == ["posing", "posing, and half of it allowed"]
    stated = {name: set(case(name)[0]["evidence"]["family"].to_pylist()) for name in CASES}
    for family, name in (
        ("budget", "held back"),
        ("members", "too few"),
        ("independence", "one family"),
        ("flagging", "nobody to act on"),
    ):
        assert [one for one in CASES if family in stated[one]] == [name]
    assert {name for name in CASES if "explanations" not in stated[name]} == {"account farm", "relay", "allowed farm"}
    lost = case("capped hard")[0]["evidence"].to_pylist()
    assert any(row["raw_bits"] != row["bits"] and row["account_id"] is None for row in lost)


@pytest.mark.parametrize("name", CASES)
def test_the_case_follows_from_its_evidence_bit_for_bit(name: str) -> None:
    assert differences(name) == []


@pytest.mark.parametrize("name", CASES)
def test_rows_in_any_order_give_the_same_bits(name: str) -> None:
    tables, config, budget = case(name)
    facts = (budget.accounts, budget.days)
    plain = rebuild_verdict(tables["evidence"], tables["members"], tables["accounts"], config, *facts)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        mixed = {
            name: tables[name].take(pa.array(rng.permutation(tables[name].num_rows)))
            for name in ("evidence", "members", "accounts")
        }
        assert differences(name, **mixed) == []
        again = rebuild_verdict(mixed["evidence"], mixed["members"], mixed["accounts"], config, *facts)
        assert again.member_scores.tobytes() == plain.member_scores.tobytes()
        assert (again.bits, again.flagged, again.score) == (plain.bits, plain.flagged, plain.score)


@pytest.mark.parametrize("name", ["act", "too few", "posing", "account farm"])
def test_changed_bits_of_any_row_are_noticed(name: str) -> None:
    evidence = case(name)[0]["evidence"]
    for row in range(0, evidence.num_rows, 7 if evidence.num_rows > 50 else 1):
        for column in ("bits", "raw_bits"):
            value = evidence[column][row].as_py()
            assert differences(name, evidence=with_value(evidence, column, row, value + 1e-6)), (row, column)


@pytest.mark.parametrize(
    ("table", "column", "change"),
    [
        ("campaigns", "score", lambda score: float(np.nextafter(score, 0.0))),
        ("campaigns", "verdict", lambda _: "review"),
        ("campaigns", "kind", lambda _: "relay"),
        ("campaigns", "families", lambda families: families[::-1]),
        ("campaigns", "accounts", lambda accounts: accounts + 1),
        ("members", "score", lambda score: float(np.nextafter(score, 0.0))),
        ("accounts", "verdict", lambda _: "none"),
        ("accounts", "flagged", lambda flagged: not flagged),
        ("accounts", "score", lambda score: score / 2),
        ("accounts", "sanctioned", lambda sanctioned: not sanctioned),
    ],
)
def test_whatever_is_said_of_campaign_and_members_is_checked(
    table: str, column: str, change: Callable[[Any], Any]
) -> None:
    before = case("act")[0][table]
    row = before["account_id"].to_pylist().index("m003") if table != "campaigns" else 0
    after = with_value(before, column, row, change(before[column][row].as_py()))
    assert differences("act", **{table: after})


@pytest.mark.parametrize(
    ("name", "column", "kind", "value"),
    [
        ("act", "family", "topic_mixture", "explanations"),
        ("posing", "kind", "posing_customers", "unlinked_customers"),
        ("capped hard", "independent", "topic_mixture", True),
    ],
)
def test_marks_of_a_finding_that_decide_are_checked(name: str, column: str, kind: str, value: object) -> None:
    changed = with_value(case(name)[0]["evidence"], column, of_kind(name, kind), value)
    assert differences(name, evidence=changed)


def test_what_decides_between_explanations_is_read_from_its_rows() -> None:
    """An open customer is none by the row that says who it is; without the sign of posing nobody poses."""
    for name, kind, verdicts in (
        ("open customer", "declared_organisation", ("none", "act")),
        ("posing", "posing_customers", ("review", "none")),
    ):
        tables, config, _ = case(name)
        evidence = tables["evidence"]
        rest = (tables["members"], tables["accounts"], config, 1, 1.0)
        without = evidence.filter(pc.not_equal(evidence["kind"], kind))
        assert tuple(rebuild_verdict(rows, *rest).verdict for rows in (evidence, without)) == verdicts


def test_rows_about_members_carry_no_marks() -> None:
    evidence = case("act")[0]["evidence"]
    changed = with_value(evidence, "independent", of_kind("act", "prior", member=True), True)
    assert len(differences("act", evidence=changed)) == 1


def test_the_prior_of_members_is_what_the_members_say() -> None:
    evidence = case("act")[0]["evidence"]
    place = of_kind("act", "prior", member=True)
    assert evidence["bits"][place].as_py() == 1.5
    for column in ("bits", "raw_bits"):
        assert differences("act", evidence=with_value(evidence, column, place, 0.0))


@pytest.mark.parametrize("name", ["act", "posing", "open customer", "held back"])
@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("raw_bits", lambda odds: float(np.nextafter(odds, 99.0))),
        ("bits", lambda bits: bits - 1e-9),
        ("kind", lambda _: "luck"),
        ("kind", lambda key: "public" if key == "chance" else "chance"),
        ("family", lambda _: "budget"),
        ("independent", lambda _: True),
    ],
)
def test_a_changed_row_of_any_explanation_is_noticed(name: str, column: str, change: Callable[[Any], Any]) -> None:
    evidence = case(name)[0]["evidence"]
    places = [place for place, family in enumerate(evidence["family"].to_pylist()) if family == "explanations"]
    assert len(places) == (4 if name == "open customer" else 5)
    for place in places:
        changed = with_value(evidence, column, place, change(evidence[column][place].as_py()))
        assert differences(name, evidence=changed), evidence["kind"][place]


@pytest.mark.parametrize("name", ["act", "posing"])
def test_a_missing_or_further_explanation_is_noticed(name: str) -> None:
    evidence = case(name)[0]["evidence"]
    for place, family in enumerate(evidence["family"].to_pylist()):
        if family == "explanations":
            rows = np.arange(evidence.num_rows)
            assert differences(name, evidence=evidence.take(pa.array(np.delete(rows, place))))
            twice = evidence.slice(place, 1)
            assert differences(name, evidence=pa.concat_tables([evidence, twice]))
            customer = with_value(twice, "kind", 0, "customer")
            assert differences(name, evidence=pa.concat_tables([evidence, customer])), "which is not possible here"


@pytest.mark.parametrize("name", [name for name, (made, _) in CASES.items() if isinstance(made, Story)])
def test_the_rows_of_a_campaign_add_up_to_its_score(name: str) -> None:
    tables, _, _ = case(name)
    rows = [row for row in tables["evidence"].to_pylist() if row["account_id"] is None]
    odds = sum(row["bits"] for row in rows)
    assert 1.0 / (1.0 + 2.0**-odds) == pytest.approx(tables["campaigns"]["score"][0].as_py())
    others = [row["bits"] for row in rows if row["family"] == "explanations"]
    assert sum(bits != 0.0 for bits in others) <= 1
    if not name.startswith("posing"):  # firms and resellers add to the odds of one operator
        assert max(others) <= 0.0


@pytest.mark.parametrize("family", ["prior", "budget", "explanations"])
def test_a_missing_row_that_states_a_rule_is_noticed(family: str) -> None:
    evidence = case("held back")[0]["evidence"]
    for gone in (
        evidence.filter(pc.not_equal(evidence["family"], family)),
        pa.concat_tables([evidence, evidence.filter(pc.equal(evidence["family"], family))]),
    ):
        assert differences("held back", evidence=gone)


def test_a_verdict_none_for_too_few_members_stands_on_its_row() -> None:
    evidence = case("too few")[0]["evidence"]
    without = evidence.filter(pc.not_equal(evidence["family"], "members"))
    assert any("verdict is none" in one for one in differences("too few", evidence=without))


@pytest.mark.parametrize(
    "changes",
    [
        {"score": {"family_cap_bits": {"content": 3.0}}},
        {"score": {"linkage_cap_bits": 1.0}},
        {"score": {"prior_bits": -8.0}},
        {"score": {"flagged_probability": 1 - 1e-12}},
        {"score": {"false_campaigns_per_month": 1e-15}},
        {"resolve": {"min_accounts": 50}},
    ],
)
def test_other_settings_are_noticed(changes: dict[str, Any]) -> None:
    assert differences("act", settings(**changes))


def test_rows_that_are_not_of_one_campaign_are_refused() -> None:
    tables, config, _ = case("act")
    evidence, members, accounts = tables["evidence"], tables["members"], tables["accounts"]
    names = pa.array(["c-other"] * members.num_rows)
    other = members.set_column(1, members.schema.field("campaign_id"), names)
    finding = of_kind("act", "no_repeats")
    twice = pa.concat_tables([evidence, evidence.slice(finding, 1)])
    about = pa.concat_tables([evidence, evidence.slice(of_kind("act", "topic_mixture", member=True), 1)])
    for rows, those, known, said in (
        (evidence, pa.concat_tables([members, other]), accounts, "rows of one campaign"),
        (evidence, pa.concat_tables([members, members]), accounts, "a member twice"),
        (evidence, members.slice(1), accounts, "are no members"),
        (evidence, members, accounts.slice(0, 3), "are not among the accounts"),
        (twice, members, accounts, "no_repeats is there twice"),
        (about, members, accounts, "speaks of a member twice"),
        (with_value(evidence, "kind", finding, "luck"), members, accounts, "no kind of evidence luck in queue"),
        (with_value(evidence, "family", finding, "content"), members, accounts, "no_repeats in content"),
    ):
        with pytest.raises(ContractError, match=said):
            rebuild_verdict(rows, those, known, config, 260, 10.0)


def test_a_kind_whose_plugin_is_missing_counts_by_its_row_where_the_hunt_names_it() -> None:
    tables, config, _ = case("act")
    finding = of_kind("act", "follow_ups")
    evidence = with_value(tables["evidence"], "kind", finding, "luck")
    rest = (tables["members"], tables["accounts"], config, 260, 10.0)
    known = rebuild_verdict(tables["evidence"], *rest)
    member = of_kind("act", "topic_mixture", member=True)
    two = with_value(evidence, "kind", member, "luck")
    with pytest.raises(ContractError, match="no kind of evidence luck in"):
        rebuild_verdict(two, *rest, frozenset({"luck"}))
    again = rebuild_verdict(evidence, *rest, frozenset({"luck"}))
    assert again.score == pytest.approx(known.score)
    assert "luck" in again.kinds


def test_who_is_flagged_is_rebuilt_in_the_order_of_ids() -> None:
    tables, config, budget = case("act")
    rebuilt = rebuild_verdict(
        tables["evidence"], tables["members"], tables["accounts"], config, budget.accounts, budget.days
    )
    flagged = tables["accounts"].filter(tables["accounts"]["flagged"])["account_id"].to_pylist()
    assert rebuilt.flagged == sorted(flagged) != []


# What the look before flagged.


@cache
def below_act() -> dict[str, float]:
    """Settings of act one bit above what the story reaches, so that it stands where it was reached before."""
    odds = sum(row["bits"] for row in case("act")[0]["evidence"].to_pylist() if row["account_id"] is None)
    return {"act_probability": 1.0 / (1.0 + 2.0 ** -(odds + 1.0))}


def standing_differences(config: Config, *before: str, **changed: pa.Table) -> tuple[str, list[str]]:
    """The verdict where the look before flagged some members, and what does not follow from the rows."""
    tables = score_story(CLEAR, config, before) | changed
    (row,) = tables["campaigns"].to_pylist()
    own = (tables["evidence"], tables["members"], tables["accounts"])
    days = false_alarm_budget(260, np.array([0, 10 * 86_400_000_000]), config.score)
    rebuilt = rebuild_verdict(*own, config, days.accounts, days.days)
    return row["verdict"], verdict_differences(rebuilt, row, *own)


@pytest.mark.parametrize("count", [0, 1, 10, 20])
@pytest.mark.parametrize("again", [True, False])
def test_what_stands_of_the_look_before_follows_from_the_rows(count: int, again: bool) -> None:
    """Reached again, or one bit below what it takes."""
    stands = again or count >= 10
    config = Config() if again else settings(score=below_act())
    assert standing_differences(config, *CLEAR.names()[:count]) == ("act" if stands else "review", [])


def test_what_no_longer_stands_for_another_reason_follows_from_the_rows() -> None:
    held_back = settings(score=below_act() | {"false_campaigns_per_month": 1e-15})
    assert standing_differences(held_back, *CLEAR.names()) == ("review", [])


def test_a_standing_verdict_without_its_rows_is_noticed() -> None:
    config = settings(score=below_act())
    evidence = score_story(CLEAR, config, tuple(CLEAR.names()))["evidence"]
    standing = pc.equal(evidence["family"], "standing")
    of_member = pc.and_(standing, pc.is_valid(evidence["account_id"]))
    assert pc.sum(of_member).as_py() == CLEAR.members
    for gone in (standing, of_member, pc.xor(standing, of_member)):
        changed = evidence.filter(pc.invert(gone))
        assert standing_differences(config, *CLEAR.names(), evidence=changed)[1]
