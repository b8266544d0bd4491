"""What may leave of a case: values of several accounts, widened times, keyed hashes, and ids of the sharer's own."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from evidence.sharing.share_scenes import (
    CIRCLE_KEY,
    FIRST,
    OWN_KEY,
    REVIEW,
    SECOND,
    VIEWS,
    addresses,
    changed,
    cited,
    every_format,
    filled,
    later,
    origin,
    rich_case,
    shared,
)
from stillhunt.base.errors import CaseError
from stillhunt.base.schema_case import CASE_TABLES
from stillhunt_evidence.keys.folder import keyed_hash
from stillhunt_evidence.matching.features import SketchOrigin, campaign_features
from stillhunt_evidence.matching.sketch_file import sketch_file
from stillhunt_evidence.sharing.parameters import P
from stillhunt_evidence.sharing.shared_campaign import (
    SharedCampaign,
    ShareIds,
    campaign_name,
    campaign_text,
    percent_of,
    public_uuid,
    shown_probability,
)
from stillhunt_evidence.sharing.sharing_case import case_end
from triage.fixtures import START, operator_rows


def first(**changes: object) -> SharedCampaign:
    return shared(rich_case(), FIRST, **changes).campaigns[0]


def texts(campaign: SharedCampaign, aspect: str) -> list[str]:
    return [one.value for one in campaign.values.aspects().get(aspect, ())]


def test_values_of_few_accounts_stay() -> None:
    campaign = first()
    assert texts(campaign, "client") == ["openai-python", "curl"]
    assert [(one.number, one.value) for one in campaign.values.networks] == [(64500, "Example Hosting")]
    assert texts(campaign, "country") == ["NL"]


@pytest.mark.parametrize(("accounts", "leaves"), [(P.least_accounts - 1, False), (P.least_accounts, True)])
def test_the_bound_of_accounts_is_exact(accounts: int, leaves: bool) -> None:
    case = changed(rich_case(), origins=filled("origins", [origin(FIRST, "country", "NL", accounts)]))
    assert bool(shared(case, FIRST).campaigns[0].values.countries) is leaves


def test_a_campaign_of_few_accounts_shares_no_values() -> None:
    case = rich_case()
    row = next(row for row in case.campaigns.to_pylist() if row["campaign_id"] == FIRST)
    small = changed(case, campaigns=filled("campaigns", [{**row, "accounts": P.least_accounts - 1}]))
    values = shared(small, FIRST).campaigns[0].values
    assert not values.models
    assert not values.skills
    assert not values.languages


def test_models_lose_the_customers_part_and_subjects_stay() -> None:
    campaign = first()
    assert texts(campaign, "model") == ["large-2026-01", "ft:large-2026-01"]
    assert texts(campaign, "language") == ["en"]
    assert "apples" not in repr(campaign)
    assert "acme" not in repr(campaign)


def test_skills_and_models_are_those_of_the_campaign_where_nothing_counts_them() -> None:
    campaign = shared(rich_case(), SECOND).campaigns[0]
    assert texts(campaign, "skill") == ["agentic coding", "tool orchestration"]
    assert texts(campaign, "model") == ["large-2026-01"]


def taken(aspect: str, **requests: int) -> list[dict[str, object]]:
    return [{"campaign_id": FIRST, "aspect": aspect, "value": name, "requests": n} for name, n in requests.items()]


def test_skills_are_those_of_the_campaign_or_a_noticeable_part_of_it() -> None:
    rows = taken("skill", **{"grading of answers against a rubric": 5000, "coding": 700, "one": 1, "(unknown)": 3000})
    campaign = shared(changed(rich_case(), taken=filled("taken", rows)), FIRST).campaigns[0]
    assert texts(campaign, "skill") == ["grading of answers against a rubric", "coding"]
    assert "It takes: grading of answers against a rubric (69.8 %), coding (9.8 %)." in campaign_text(campaign)


def test_accounts_of_one_operator_are_not_called_a_harvest() -> None:
    case = rich_case()
    row = next(row for row in case.campaigns.to_pylist() if row["campaign_id"] == FIRST)
    posing = {**row, "kind": "posing", "verdict": "review"}
    campaign = shared(changed(case, campaigns=filled("campaigns", [posing])), FIRST).campaigns[0]
    assert campaign_name(campaign) == f"Accounts of one operator {campaign.short}"
    assert "belong to one operator and pose as separate customers (that they harvest is not shown): " in campaign_text(
        campaign
    )
    assert [one.id for one in campaign.techniques] == ["AML.T0021", "AML.T0040"]
    assert [one.key for one in campaign.measures] == ["rate_limit", "step_up"]


ARN = "arn:aws:bedrock:us-east-1:123456789012:custom-model/globex"
PUBLIC_ARN = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2"
DEPLOYMENT = "globex-janedoe-prod-deployment"


@pytest.mark.parametrize("told", [True, False])
def test_models_of_few_accounts_stay_and_are_named_in_no_sentence(told: bool) -> None:
    counts = taken("model", **{"large-2026-01": 6000, ARN: 900, PUBLIC_ARN: 400, DEPLOYMENT: 350 if told else 3})
    users = ((PUBLIC_ARN, P.least_accounts), (DEPLOYMENT, P.least_accounts - 1), (ARN, 9), ("large-2026-01", 9))
    cites = [{**cited(FIRST, n), "model": name} for name, many in users for n in range(many)] if told else []
    row = {"campaign_id": FIRST, "family": "content", "kind": "k", "statement": f"{ARN} and {DEPLOYMENT}", "bits": 3.0}
    tables = {"taken": filled("taken", counts), "cited": filled("cited", cites), "evidence": filled("evidence", [row])}
    share = shared(changed(rich_case(), **tables), FIRST)
    assert texts(share.campaigns[0], "model") == ["large-2026-01", "anthropic.claude-v2"]
    for text in every_format(share).values():
        assert "globex" not in text
        assert "123456789012" not in text


def test_without_any_count_only_the_most_used_model_is_named() -> None:
    uncounted = changed(rich_case(), taken=filled("taken", []), cited=filled("cited", []))
    assert texts(shared(uncounted, FIRST).campaigns[0], "model") == ["large-2026-01"]


def test_settings_need_several_accounts() -> None:
    assert [(one.value, one.requests, one.accounts) for one in first().values.settings] == [
        ("temperature=0.7 max_tokens=2048", 6, 6)
    ]


def test_times_are_whole_hours_around_the_campaign() -> None:
    case = rich_case()
    row = next(row for row in case.campaigns.to_pylist() if row["campaign_id"] == FIRST)
    seen = {"first_seen": START + timedelta(minutes=31, microseconds=7), "last_seen": START + timedelta(minutes=61)}
    campaign = shared(changed(case, campaigns=filled("campaigns", [{**row, **seen}])), FIRST).campaigns[0]
    assert (campaign.first_seen, campaign.last_seen) == (START, START + timedelta(hours=2))


def test_addresses_need_two_accounts_and_phrases_five() -> None:
    campaign = first(counts=addresses())
    assert [(one.digest, one.requests, one.accounts) for one in campaign.hashes_of("address")] == [
        (f"{11:016x}", 3, 3),
        (f"{12:016x}", 2, 2),
    ]
    assert [one.digest for one in campaign.hashes_of("network")] == [f"{21:016x}"]
    assert len(campaign.hashes_of("phrase")) == 7
    assert campaign.hashes_of("phrase")[0].digest == keyed_hash(CIRCLE_KEY, "matched phrase", "6")
    assert not first().hashes_of("address")


def test_phrases_and_the_check_of_the_key_are_those_of_sketches() -> None:
    case = rich_case()
    sketches = sketch_file(campaign_features(case, [FIRST]), "labs", CIRCLE_KEY, OWN_KEY, SketchOrigin(1, 1)).decode()
    share = shared(case, FIRST)
    assert share.key_check in sketches
    assert all(one.digest in sketches for one in share.campaigns[0].hashes)


def test_hashes_of_two_circles_are_unrelated() -> None:
    own = {one.digest for one in first().hashes}
    other = {one.digest for one in first(circle_key=b"x" * 32).hashes}
    assert own
    assert not own & other


def test_ids_are_the_same_again_and_others_for_others() -> None:
    uid = first().uid
    assert first().uid == uid
    assert first(circle_key=b"x" * 32).uid == uid
    assert (
        len({uid, first(circle="other").uid, first(own_key=b"x" * 32).uid, shared(None, SECOND).campaigns[0].uid}) == 4
    )
    assert uid[14] == "4"


def test_ids_do_not_run_together() -> None:
    ids = ShareIds(OWN_KEY, "labs")
    assert ids.uuid("a", "b", "c") != ids.uuid("a", "bc")
    assert ids.uuid("a", "b") != ids.uuid("b", "a")
    assert public_uuid("a", "b") != ids.uuid("a", "b")
    assert "key" not in repr(ids)


def test_findings_are_the_strongest_and_no_account_is_named() -> None:
    campaign = first()
    assert campaign.findings[0].kind == "shared_template"
    assert [abs(one.bits) for one in campaign.findings] == sorted(
        (abs(one.bits) for one in campaign.findings), reverse=True
    )
    assert any(one.bits < 0 for one in campaign.findings)
    assert all(one.family != "prior" for one in campaign.findings)


def test_probability_never_claims_certainty() -> None:
    campaign = first()
    assert campaign.probability > 0.9999
    assert (percent_of(campaign), shown_probability(campaign)) == (99, 0.9999)


def test_operators_tie_the_campaigns_that_are_shared() -> None:
    share = shared(None, FIRST, SECOND)
    (operator,) = share.operators
    assert operator.campaigns == tuple(sorted(one.uid for one in share.campaigns))
    assert {one.operator for one in share.campaigns} == {operator.uid}
    assert shared(None, FIRST).operators[0].uid == operator.uid
    assert not shared(None, REVIEW).operators


@pytest.mark.parametrize("relation", ["one_pool", "two_operators"])
def test_other_relations_are_no_operator(relation: str) -> None:
    case = changed(rich_case(), operators=filled("operators", operator_rows((FIRST, SECOND), relation)))
    assert not shared(case).operators


def test_a_campaign_that_is_not_there_is_refused_unless_it_is_withdrawn() -> None:
    with pytest.raises(CaseError, match="only campaigns with the verdict act or review"):
        shared(None, "c-none")
    gone = shared(None, "c-none", withdrawn=True).campaigns[0]
    assert (gone.verdict, gone.counts.accounts, gone.values.aspects()) == ("none", 0, {})


def test_a_group_left_alone_is_refused() -> None:
    case = rich_case()
    row = case.campaigns.to_pylist()[0]
    alone = changed(case, campaigns=filled("campaigns", [{**row, "verdict": "none"}]))
    with pytest.raises(CaseError):
        shared(alone, row["campaign_id"])


def test_the_version_is_the_end_of_the_case_or_what_is_asked_for() -> None:
    case = rich_case()
    assert shared(case).at == case_end(case)
    assert shared(case, withdrawn=True).at == case_end(case) + timedelta(milliseconds=1)
    assert shared(case, at=later(90)).at == later(90)
    assert case_end(
        changed(case, campaigns=CASE_TABLES["campaigns"].empty(), member_details=filled("member_details", []))
    )
    assert case_end(case).second == 0


def test_a_case_without_times_ends_in_1970() -> None:
    case = changed(rich_case(), campaigns=CASE_TABLES["campaigns"].empty(), member_details=filled("member_details", []))
    assert case_end(case) == datetime(1970, 1, 1, tzinfo=UTC)


def test_the_order_of_rows_does_not_matter() -> None:
    case, shuffle = rich_case(), random.Random(3)

    def mixed(table: pa.Table) -> pa.Table:
        return table.take(shuffle.sample(range(table.num_rows), table.num_rows))

    names = ("members", "evidence", "operators", "accounts", "campaigns", *VIEWS)
    tables = {name: mixed(getattr(case, name) if name in VIEWS else case.tables[name]) for name in names}
    assert shared(changed(case, **tables), FIRST, REVIEW, SECOND) == shared(case, SECOND, FIRST, REVIEW)


def test_values_that_look_the_same_are_one() -> None:
    rows = [origin(FIRST, "client", text, 9, requests) for text, requests in (("a<b", 5), ("a\u2039b", 7), ("c", 6))]
    campaign = shared(changed(rich_case(), origins=filled("origins", rows)), FIRST).campaigns[0]
    assert [(one.value, one.requests) for one in campaign.values.clients] == [("a\u2039b", 12), ("c", 6)]


@pytest.mark.parametrize(("measured", "bits", "named"), [(3.0, 3.0, True), (3.0, 0.0, True), (-3.0, -3.0, False)])
def test_evidence_for_a_technique_names_it_and_evidence_against_does_not(
    measured: float, bits: float, named: bool
) -> None:
    case = rich_case()
    members = [{**row, "role": "unknown"} for row in case.members.to_pylist()]
    row = {"campaign_id": FIRST, "family": "identity", "kind": "created_at", "statement": "s"}
    evidence = filled("evidence", [{**row, "bits": bits, "raw_bits": measured}])
    changes = {"members": filled("members", members), "evidence": evidence}
    campaign = shared(changed(case, **changes), FIRST).campaigns[0]
    assert ("AML.T0021" in {one.id for one in campaign.techniques}) is named
    assert bool(campaign.findings) == (bits != 0), (
        "what another explanation shares is no finding beside the probability"
    )
