"""Each kind of mark: for an actor, against it, and not known; costly to plant only where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from actor_scenes import ELSEWHERE, HASHES, HOSTER, NORTHERN, OTHER, OWN, WAYS, actors, mark_of, result, scene
from attribution_cases import OWN_TIES, SELLER_TIE

from stillhunt.base.schema_case import CASE_VIEWS
from stillhunt_evidence.actors.decision import ActorComparison
from stillhunt_evidence.actors.observed import MarkCoverage, seen_case
from stillhunt_evidence.actors.parameters import MARK_CAPS, MARK_RULES
from stillhunt_evidence.actors.weights import Mark, base_rate, coverage_bits, learned_priors, posterior, weigh_marks
from wording import assert_plain

KINDS = {
    "own_network": 7.0,
    "client": 3.0,
    "country": 3.0,
    "working_hours": 3.0,
    "phrases": 4.0,
    "settings": 3.0,
    "skills": 1.0,
    "email_domain": 3.0,
    "payment_country": 3.0,
    "addresses": 3.0,
    "operator_tie": 8.0,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_that_covers_all_is_evidence_up_to_its_cap(kind: str) -> None:
    mark = mark_of(result(), kind)
    assert mark.known
    assert 0.5 < mark.bits <= KINDS[kind]
    assert mark.costly == (kind in ("own_network", "operator_tie"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("operator_tie", "addresses")])
def test_a_mark_that_is_absent_is_evidence_against(kind: str) -> None:
    mark = mark_of(result(scene(ELSEWHERE, tie=None)), kind)
    assert mark.known
    assert -MARK_RULES.against_cap <= mark.bits < 0
    assert not mark.costly


def test_new_accounts_and_addresses_are_no_evidence_against_who_used_others() -> None:
    """In cases of known truth, it said 1.3 bits and was worth 0.1."""
    known = {"campaigns": ["known-1"], "accounts": ["another"], "networks": HASHES}
    found = result(scene(ELSEWHERE, tie=None), actors(NORTHERN | {"known": known}))
    for kind in ("accounts", "addresses"):
        mark = mark_of(found, kind)
        assert (mark.known, mark.bits, mark.coverage) == (True, 0.0, 0.0)


def test_that_marks_may_be_planted_is_charged_once() -> None:
    """Caps of 1.5 and 2 bits did it again for each kind, so that true actors stood too low."""
    found = result()
    bits = {kind: mark_of(found, kind).bits for kind in ("country", "settings", "email_domain", "client")}
    assert all(number > 1.5 for number in bits.values()), bits
    assert found.actors[0].weight.cheap == MARK_RULES.cheap_cap


def test_a_campaign_is_no_evidence_of_itself() -> None:
    circular = {"campaigns": ["c-1"], "accounts": ["c-1-a0"], "networks": ["0" * 15 + "1"]}
    found = result(scene(tie=None), actors(NORTHERN | {"known": circular}))
    mark = mark_of(found, "operator_tie")
    assert (mark.known, mark.bits, mark.costly) == (True, 0.0, False)
    assert "a campaign is no evidence of itself" in mark.statement
    kinds = {one.kind for actor in found.actors for one in actor.marks}
    assert not kinds & {"addresses", "accounts"}


def test_no_tie_says_nothing() -> None:
    mark = mark_of(result(scene(tie=None)), "operator_tie")
    assert (mark.known, mark.bits, mark.costly) == (True, 0.0, False)
    assert not mark_of(result(None, actors(NORTHERN | {"known": {"campaigns": ["gone"]}})), "operator_tie").known


def test_what_the_case_does_not_hold_is_not_known_and_missing() -> None:
    case = scene()
    stripped = type(case)(case.tables | {"operators": case.operators.slice(0, 0)}, run=case.run)
    found = result(stripped)
    unknown = {mark.kind for mark in found.actors[0].marks if not mark.known}
    assert set(KINDS) - {"operator_tie", "skills"} <= unknown
    assert all(mark.bits == 0 for mark in found.actors[0].marks if not mark.known)
    assert any(one.startswith("Own network: the case knows no networks") for one in found.missing)
    assert set(CASE_VIEWS) == set(case.views)


@pytest.mark.parametrize(("share", "costly"), [(1.0, True), (0.7, False)])
def test_an_own_network_is_costly_only_over_nearly_all_accounts(share: float, costly: bool) -> None:
    ways = replace(WAYS, networks=[(OWN, share), (HOSTER, 1 - share)], accounts=200)
    mark = mark_of(result(scene(ways)), "own_network")
    assert mark.costly == costly
    assert mark.bits <= (MARK_RULES.used_network_cap if costly else MARK_CAPS["network"])


def test_an_own_network_is_costly_only_over_nearly_all_days() -> None:
    case = scene()
    details = case.member_details.to_pylist()
    campaign = case.campaigns.to_pylist()
    first = next(row["first_seen"] for row in campaign if row["campaign_id"] == "c-1")
    late = [row for row in details if row["campaign_id"] == "c-1"]
    for row in late:
        row["last_seen"] = row["first_seen"] = first
    moved = CASE_VIEWS["member_details"].arrow
    views = case.views | {"member_details": type(case.member_details).from_pylist(details, moved)}
    mark = mark_of(result(type(case)(case.tables, run=case.run, **views)), "own_network")
    assert not mark.costly
    assert "too little to be sure of it" in mark.statement


def test_accounts_of_unknown_network_are_not_taken_as_covered() -> None:
    case = scene()
    details = case.member_details.to_pylist()
    for row in [row for row in details if row["campaign_id"] == "c-1"][:10]:
        row["networks"] = []
    views = case.views | {
        "member_details": type(case.member_details).from_pylist(details, CASE_VIEWS["member_details"].arrow)
    }
    assert not mark_of(result(type(case)(case.tables, run=case.run, **views)), "own_network").costly


def test_an_own_network_is_costly_only_over_nearly_all_requests() -> None:
    case = scene()
    rows = case.origins.to_pylist()
    (own,) = (row for row in rows if row["campaign_id"] == "c-1" and row["value"] == OWN)
    rows.append({**own, "value": OTHER, "requests": own["requests"] // 3})
    views = case.views | {"origins": type(case.origins).from_pylist(rows, CASE_VIEWS["origins"].arrow)}
    found = mark_of(result(type(case)(case.tables, run=case.run, **views)), "own_network")
    assert found.coverage == pytest.approx(0.75, abs=0.02)
    assert not found.costly


def test_networks_are_found_by_number_and_by_words_of_their_names() -> None:
    for network in ({"asn": 64500}, {"name": "northern lab"}):
        assert mark_of(result(None, actors(NORTHERN | {"network": [network]})), "network").bits > 1
    for network in ({"asn": 6450}, {"name": "North"}):
        assert mark_of(result(None, actors(NORTHERN | {"network": [network]})), "network").bits < 0


@pytest.mark.parametrize(
    ("released", "announced", "costly", "least"),
    [
        (date(2026, 4, 10), date(2026, 4, 8), True, 1.0),
        (date(2026, 4, 10), date(2026, 3, 20), False, 1.0),
        (date(2026, 4, 10), None, False, 1.0),
        (date(2026, 3, 20), date(2026, 3, 20), False, -1.5),
        (date(2026, 5, 20), date(2026, 5, 20), False, -1.5),
    ],
    ids=["secret", "announced before the end", "not said", "on the last day", "61 days later"],
)
def test_a_release_is_costly_only_where_nobody_outside_knew_of_it(
    released: date, announced: date | None, costly: bool, least: float
) -> None:
    model = {"name": "Aurora", "released": released, "announced": announced, "skills": ["coding"]}
    mark = mark_of(result(None, actors(NORTHERN | {"model": [model]})), "release")
    assert mark.costly == costly
    assert (mark.bits > 0) == (least > 0)
    assert mark.bits >= least


def test_a_release_with_other_skills_or_beyond_the_file_is_no_mark() -> None:
    other = {"name": "Aurora", "released": date(2026, 4, 10), "skills": ["mathematics"]}
    assert mark_of(result(None, actors(NORTHERN | {"model": [other]})), "release").bits < 0
    mark = mark_of(result(None, actors(NORTHERN | {"model": [other]}, as_of=date(2026, 5, 18))), "release")
    assert (mark.known, mark.bits) == (False, 0.0)


def test_many_releases_make_one_that_follows_no_evidence() -> None:
    months = [date(2026, month, 10) for month in range(1, 9)]
    models = [{"name": f"M{day.month}", "released": day, "announced": day, "skills": ["coding"]} for day in months]
    assert mark_of(result(None, actors(NORTHERN | {"model": models})), "release").bits < 0.3


def test_skills_that_overlap_are_not_added_up() -> None:
    case = scene(replace(WAYS, skills=["translation"]))
    taken = [row for row in case.taken.to_pylist() if row["campaign_id"] != "c-1"]
    for aspect, value, requests in (
        ("all", "all", 800),
        ("skill", "coding", 450),
        ("skill", "mathematics", 450),
        ("skill", "translation", 300),
    ):
        row: dict[str, Any] = dict.fromkeys(CASE_VIEWS["taken"].names, 1)
        taken.append(row | {"campaign_id": "c-1", "aspect": aspect, "value": value, "requests": requests})
    table = type(case.taken).from_pylist(taken, CASE_VIEWS["taken"].arrow)
    found = result(
        type(case)(case.tables, run=case.run, **(case.views | {"taken": table})),
        actors(NORTHERN | {"skills": ["coding", "mathematics"]}),
    )
    assert mark_of(found, "skills").coverage == pytest.approx(500 / 800)


def test_a_tie_of_one_seller_or_of_an_imitation_is_not_costly() -> None:
    for tie in (SELLER_TIE, OWN_TIES[2], [("payment_fingerprint", 2.9), ("client_fingerprint", 8.0)]):
        mark = mark_of(result(scene(tie=tie)), "operator_tie")
        assert not mark.costly
        assert mark.bits <= MARK_CAPS["loose_tie"]


@pytest.mark.parametrize(("second", "costly", "bits"), [("template", True, 6.5), ("schedule", False, 2.0)])
def test_a_tie_through_another_campaign_is_as_strong_as_its_weakest_part(
    second: str, costly: bool, bits: float
) -> None:
    case = scene(tie=None)
    rows = []
    ties = (("c-1", "other-1", OWN_TIES[0]), ("other-1", "known-1", [("signup_prefix", 3.5), (second, 3.0)]))
    for one, other, kinds in ties:
        row = {
            "operator_id": "o-1",
            "relation": "one_operator",
            "campaign_id": one,
            "tied_to": other,
            "accounts": 9,
            "bits": sum(bits for _, bits in kinds),
            "kinds": [kind for kind, _ in kinds],
            "kind_bits": [bits for _, bits in kinds],
            "statements": ["Shared"] * len(kinds),
        }
        rows.append(row)
    table = type(case.operators).from_pylist(rows, case.operators.schema)
    mark = mark_of(result(type(case)(case.tables | {"operators": table}, run=case.run, **case.views)), "operator_tie")
    assert mark.costly == costly
    assert mark.bits == pytest.approx(bits)
    assert "through 1 other campaign" in mark.statement


def test_accounts_used_before_count_little() -> None:
    known = {"accounts": [f"c-1-a{number}" for number in range(20)]}
    mark = mark_of(result(None, actors(NORTHERN | {"known": known})), "accounts")
    assert 1 < mark.bits <= MARK_CAPS["account"]
    assert not mark.costly


def test_known_texts_are_found_by_their_phrases() -> None:
    from stillhunt.extract import PhraseReader

    hashes, _ = PhraseReader(0).read(NORTHERN["phrases"][0].encode(), b"")
    case = scene(replace(WAYS, texts=ELSEWHERE.texts))
    assert mark_of(result(case), "phrases").bits < 0
    rows = [
        {
            "campaign_id": "c-1",
            "kind": "phrase",
            "phrase": one,
            "requests": 95,
            "accounts": 20,
            "looked_at": 100,
            "members_looked_at": 20,
            "others": 0,
            "compared": 50,
            "other_requests": 0,
            "compared_requests": 500,
        }
        for one in hashes.tolist()
    ]
    for kind, requests, expected in (("phrase", 95, True), ("phrase", 20, False), ("word", 95, False)):
        changed = [row | {"kind": kind, "requests": requests} for row in rows]
        table = type(case.phrases).from_pylist(changed, CASE_VIEWS["phrases"].arrow)
        found = result(type(case)(case.tables, run=case.run, **(case.views | {"phrases": table})))
        assert (mark_of(found, "phrases").bits > 1) == expected


def coverage(accounts: int, with_mark: int, requests: float = 1.0) -> MarkCoverage:
    return MarkCoverage(accounts, with_mark, requests, accounts)


def test_a_mark_in_a_part_is_no_evidence_and_few_accounts_are_unsure() -> None:
    assert abs(coverage_bits(coverage(100, 35), 0.02, 9.0)) < 0.1
    assert abs(coverage_bits(coverage(100, 100, 0.35), 0.02, 9.0)) < 0.1
    few, many = (coverage_bits(coverage(number, number), 0.02, 9.0) for number in (2, 100))
    assert 0 < few < many
    assert coverage_bits(coverage(100, 100), 0.9, 9.0) == pytest.approx(0, abs=1e-6)
    assert coverage_bits(coverage(100, 100), 0.02, 2.5) == 2.5


def test_base_rates_rise_with_the_case_and_sink_to_a_quarter_at_most() -> None:
    full, none = coverage(10, 10), coverage(10, 0)
    assert base_rate(0.2, []) == pytest.approx(0.2)
    assert base_rate(0.2, [full, full, None]) == pytest.approx(2.8 / 6)
    assert base_rate(0.2, [none] * 1000) == pytest.approx(0.05)


def test_campaigns_of_the_same_operator_or_actor_are_no_comparison() -> None:
    seen = seen_case(scene(tied_to="other-1"), ())
    compared = [one.campaign_id for one in seen.others("c-1", ("known-1",))]
    assert compared == ["known-2", "other-2", "other-3"]


def mark(source: str, bits: float, *, costly: bool = False) -> Mark:
    return Mark(source, source, costly, bits, 1.0, True, "It is so")


def test_one_mark_of_each_source_counts_and_cheap_ones_have_one_cap() -> None:
    weight = weigh_marks([mark("a", 3.0), mark("a", 2.0), mark("a", -1.0), mark("b", 4.0, costly=True)])
    assert (weight.cheap, weight.costly, weight.against) == (3.0, 4.0, -1.0)
    assert weigh_marks([mark(source, 4.0) for source in "abc"]).cheap == MARK_RULES.cheap_cap
    assert weigh_marks([]).bits == 0


def test_posterior_is_bayes_rule() -> None:
    found, other = posterior([1.0, 0.0], [0.25, 0.25], 0.25)
    assert found == pytest.approx([0.5 / 1.25, 0.25 / 1.25])
    assert other == pytest.approx(0.5 / 1.25)


def test_without_positive_bits_nobody_exceeds_what_the_file_says_and_the_odds_of_others_stay() -> None:
    found, other = posterior([0.0, -1.0, -9.0, 3.0], [0.3, 0.2, 0.2, 0.1], 0.2)
    assert all(chance <= 0.2 for chance in found[:3])
    assert sum(found) + other == pytest.approx(1)
    assert found[3] / other == pytest.approx(4.0)
    found, other = posterior([0.0, -20.0, -20.0], [0.2] * 3, 0.2)
    assert found[0] == pytest.approx(0.2)
    assert other == pytest.approx(0.8, abs=1e-5)


def other_prior(others: Sequence[Sequence[float]], stated: float = 0.5) -> tuple[list[float], float]:
    found = learned_priors(others, len(others[0]) if others else 2, stated)
    return found, 1.0 - sum(found)


def test_priors_are_those_of_the_file_where_nothing_is_learned() -> None:
    """No other campaign, or nothing known of the actors."""
    for others in ([], [[0.0, 0.0]] * 9):
        assert other_prior(others) == (pytest.approx([0.25, 0.25]), pytest.approx(0.5))
    assert learned_priors([], 0, 0.5) == []


def test_the_share_of_somebody_else_is_learned_from_other_campaigns() -> None:
    few, many = other_prior([[9.0, -9.0]] * 9)[1], other_prior([[-9.0, -9.0]] * 9)[1]
    assert few < 0.25
    assert many > 0.5
    assert few < other_prior([[9.0, -9.0]] * 3)[1] < 0.5, "each campaign counts like a part of what was stated"


def test_whose_marks_fit_hardly_any_other_campaign_is_likelier_up_to_four_times() -> None:
    rare, common = learned_priors([[-9.0, 0.0]] * 8, 2, 0.5)
    assert rare / common == pytest.approx(2.0, rel=0.01), "eight campaigns count like what was stated"
    rare, common = learned_priors([[-9.0, 0.0]] * 400, 2, 0.5)
    assert rare / common == pytest.approx(4.0)
    own, common = learned_priors([[9.0, 0.0]] * 8, 2, 0.5)
    assert own == pytest.approx(common), "a campaign that may be the actor's says nothing against it"


@pytest.mark.parametrize("accounts", [1, 2, 20])
@pytest.mark.parametrize("ways", [WAYS, ELSEWHERE, replace(WAYS, networks=[(OWN, 0.5), (OTHER, 0.5)])])
def test_sentences_are_plain(ways: Any, accounts: int) -> None:
    known = {"campaigns": ["known-1"], "accounts": ["c-1-a0"], "networks": ["00000000000000aa"]}
    declared = NORTHERN | {"known": known, "network": [{"asn": 64500, "own": True}, {"asn": 3301}]}
    for tie in (None, OWN_TIES[0], SELLER_TIE):
        found = result(scene(replace(ways, accounts=accounts), tie=tie), actors(declared, {"name": "B"}))
        sentences = [found.statement, *found.reasons, *found.missing, *found.alternatives]
        sentences += [str(one["statement"]) for one in found.as_dict()["actors"][0]["marks"]]
        for sentence in sentences:
            assert_plain(sentence)


def test_names_from_the_file_are_shown_without_controls() -> None:
    found = result(None, actors(NORTHERN | {"name": "North\x1b[31m"}))
    assert isinstance(found.actors[0], ActorComparison)
    assert "\x1b" not in found.statement + "".join((*found.missing, *found.alternatives))
