"""What is known of each member account: times and origins of its requests, its verdict, and the accounts table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from stillhunt.base.errors import CaseError
from stillhunt.base.schema import ACCOUNTS
from stillhunt.base.schema_case import ACCOUNT_FACTS, MEMBER_DETAILS, MEMBERS
from stillhunt.triage.account_facts import account_facts, member_details
from stillhunt.triage.case import Case
from triage.fixtures import demo_case

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
REQUESTS = [
    # campaign, account, minute, user agent, network, country
    ("c-1", "anna", 5, "curl/8.4.0", "AS1 One", "FR"),
    ("c-1", "anna", 1, "OpenAI/Python 1.2.3", "AS2 Two", "DE"),
    ("c-1", "anna", 9, "OpenAI/Python 1.2.4", None, "DE"),
    ("c-1", "bert", 2, None, None, None),
    ("c-2", "anna", 30, "curl/8.4.0", "AS1 One", "FR"),
]


Row = tuple[str, str, int, str | None, str | None, str | None]


def details_of(customers: pa.Table | None, requests: list[Row]) -> dict[tuple[str, str], dict[str, Any]]:
    members = MEMBERS.build(
        account_id=["bert", "anna", "anna", "carl"],
        campaign_id=["c-1", "c-2", "c-1", "c-3"],
        role=["dedicated"] * 4,
        requests=[1, 1, 3, 4],
        share=[1.0, 0.2, 0.6, 1.0],
        score=[0.9, 0.5, 0.99, 0.1],
    )
    columns = list(zip(*requests, strict=True)) or [()] * 6
    traffic = pa.table(
        {
            "account_id": pa.array(columns[1], pa.string()).dictionary_encode(),
            "timestamp": pa.array([NINE + timedelta(minutes=m) for m in columns[2]], pa.timestamp("us", "UTC")),
            "user_agent": pa.array(columns[3], pa.string()).dictionary_encode(),
            "network": pa.array(columns[4], pa.string()),
            "ip_kind": pa.array([None] * len(requests), pa.string()),
            "country": pa.array(columns[5], pa.string()),
        }
    )
    found = member_details(members, pa.chunked_array([pa.array(columns[0], pa.string())]), traffic, customers)
    return {(row["campaign_id"], row["account_id"]): row for row in found.to_pylist()}


def test_times_and_origins_are_those_of_the_campaign_alone() -> None:
    details = details_of(None, REQUESTS)
    anna = details["c-1", "anna"]
    assert (anna["first_seen"], anna["last_seen"]) == (NINE + timedelta(minutes=1), NINE + timedelta(minutes=9))
    assert anna["clients"] == ["openai-python", "curl"]
    assert (anna["networks"], anna["ip_kinds"], anna["countries"]) == (["AS1 One", "AS2 Two"], [], ["DE", "FR"])
    assert details["c-2", "anna"]["first_seen"] == NINE + timedelta(minutes=30)
    assert details["c-2", "anna"]["clients"] == ["curl"]


def test_what_is_not_known_is_empty() -> None:
    for details in (details_of(None, REQUESTS), details_of(None, [])):
        carl = details["c-3", "carl"]
        assert carl["first_seen"] is None
        assert carl["clients"] == carl["networks"] == carl["countries"] == []
        assert carl["plan"] is None
    assert details_of(None, REQUESTS)["c-1", "bert"]["clients"] == []


def test_accounts_table_is_looked_up_by_account() -> None:
    customers = ACCOUNTS.build(
        account_id=["zoe", "anna"],
        created_at=[None, NINE],
        plan=["pro", "=1+2"],
        email_domain=["a.example", "b.example"],
        email_hash=pa.array([1, 2], pa.uint64()),
        payment_fingerprint=pa.array([3, 4], pa.uint64()),
    )
    details = details_of(customers, REQUESTS)
    for pair in (("c-1", "anna"), ("c-2", "anna")):
        assert (details[pair]["plan"], details[pair]["created_at"]) == ("=1+2", NINE)
        assert details[pair]["email_domain"] == "b.example"
    assert details["c-1", "bert"]["plan"] is None
    assert not {"email_hash", "payment_fingerprint", "signup_ip"} & set(details["c-1", "anna"])


def test_values_of_a_member_are_bounded() -> None:
    requests = [("c-1", "anna", n, f"agent{n}/1", "A" * 5000, f"{n}") for n in range(40)]
    anna = details_of(None, requests)["c-1", "anna"]
    assert (len(anna["clients"]), len(anna["countries"])) == (5, 5)
    assert [len(name) for name in anna["networks"]] == [128]


def test_facts_of_a_campaign_have_the_most_probable_account_first() -> None:
    case = demo_case().model
    act, other, review = case.campaigns
    facts = ACCOUNT_FACTS.check(account_facts(case, [review, act]))
    assert facts["campaign_id"].to_pylist() == [review.row["campaign_id"]] * 20 + [act.row["campaign_id"]] * 120
    own = facts.slice(20).to_pylist()
    assert [row["score"] for row in own] == sorted((row["score"] for row in own), reverse=True)
    assert {row["campaign_verdict"] for row in own} == {"act"}
    accounts = {row["account_id"]: row for row in case.tables["accounts"].to_pylist()}
    for row in own:
        account = accounts[row["account_id"]]
        assert (row["verdict"], row["flagged"]) == (account["verdict"], account["flagged"])
        assert row["requests"] + row["other_requests"] == account["requests"]
        assert row["main_campaign_id"] == act.row["campaign_id"]
    assert other.row["campaign_id"] not in facts["campaign_id"].to_pylist()


def test_members_with_the_verdict_none_are_there_and_say_so() -> None:
    case = demo_case()
    accounts = case.accounts.to_pylist()
    accounts[0] |= {"verdict": "none", "flagged": False}
    case = Case({**case.tables, "accounts": pa.Table.from_pylist(accounts, schema=case.accounts.schema)}, run=case.run)
    facts = case.account_facts()
    assert facts.num_rows == case.members.num_rows == 200
    assert [row["account_id"] for row in facts.to_pylist() if row["verdict"] == "none"] == [accounts[0]["account_id"]]


def test_case_gives_the_facts_of_one_campaign_by_the_beginning_of_its_id() -> None:
    case = demo_case()
    facts = case.account_facts("hunt-c4")
    assert set(facts["campaign_id"].to_pylist()) == {"hunt-c41d08be"}
    assert facts.num_rows == 60
    with pytest.raises(CaseError, match="begin with 'hunt-'"):
        case.account_facts("hunt-")
    with pytest.raises(CaseError, match="no campaign has the id '91c2-acct-0003'"):
        case.account_facts("91c2-acct-0003")


def test_groups_left_alone_stand_apart_from_campaigns() -> None:
    case = demo_case()
    rows = [row | {"verdict": "none"} if row["verdict"] == "review" else row for row in case.campaigns.to_pylist()]
    campaigns = pa.Table.from_pylist(rows, schema=case.campaigns.schema)
    case = Case({**case.tables, "campaigns": campaigns}, run=case.run)
    assert case.campaigns["verdict"].to_pylist() == ["act", "act"]
    assert case.left_alone["campaign_id"].to_pylist() == ["hunt-0e9b55d7"]
    assert case.tables["campaigns"].num_rows == 3
    assert case.account_facts().num_rows == 180
    assert case.account_facts("hunt-0e9b55d7").num_rows == 20
    assert repr(case) == "Case(2 campaigns: 2 to act on, 0 to review; 1 group left alone; 500 accounts)"


def test_facts_do_not_depend_on_the_order_of_the_tables() -> None:
    case = demo_case()
    rows = [
        {"campaign_id": row["campaign_id"], "account_id": row["account_id"], "first_seen": NINE, "clients": ["curl"]}
        | {"networks": [], "ip_kinds": [], "countries": [row["account_id"][-2:]]}
        for row in case.members.to_pylist()
    ]
    details = pa.Table.from_pylist(rows, schema=MEMBER_DETAILS.arrow)
    turned = {name: table.take(list(range(table.num_rows))[::-1]) for name, table in case.tables.items()}
    both = [
        Case(tables, run=case.run, member_details=own)
        for tables, own in ((case.tables, details), (turned, details.take(list(range(200))[::-1])))
    ]
    first, second = (account_facts(one.model, one.model.campaigns) for one in both)
    assert first.equals(second)
    assert all(row["countries"] == [row["account_id"][-2:]] for row in first.to_pylist())


def test_case_without_campaigns_has_no_facts() -> None:
    case = demo_case()
    empty = Case({name: table.slice(0, 0) for name, table in case.tables.items()}, run=case.run)
    assert account_facts(empty.model, empty.model.campaigns).num_rows == 0
