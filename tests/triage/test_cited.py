"""The requests that findings name: those of members, each once a campaign, with where they came from."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from stillhunt.base.schema_case import CAMPAIGNS, CITED, EVIDENCE, MEMBERS
from stillhunt.triage.excerpts import cited_table

from .harvested_traffic import traffic_of

TRAFFIC = traffic_of(
    [
        {"account_id": "a", "request_id": "r1", "user_agent": "OpenAI/Python 1.30", "country": "NL", "status": 200},
        {"account_id": "a", "request_id": "r2", "network": "AS1 One", "temperature": 0.5, "input_tokens": 3},
        {"account_id": "b", "request_id": "r1", "model": "large", "output_tokens": 8, "max_tokens": 9, "top_p": 0.1},
        {"account_id": "x", "request_id": "r2"},
        {"account_id": "x", "request_id": "r3", "ip_kind": "vpn"},
    ]
)


def tables(named: list[tuple[str, str | None, list[str]]], members: list[tuple[str, str]]) -> dict[str, pa.Table]:
    evidence = [
        {
            "campaign_id": campaign,
            "account_id": account,
            "family": "queue",
            "kind": "k",
            "statement": "s",
            "bits": 1.0,
            "raw_bits": 1.0,
            "independent": False,
            "act_needs": "nothing",
            "request_ids": ids,
            "request_count": len(ids),
        }
        for campaign, account, ids in named
    ]
    part: dict[str, Any] = {"role": "unknown", "requests": 1, "share": 1.0, "score": 0.5}
    rows = [{"campaign_id": campaign, "account_id": account, **part} for campaign, account in members]
    verdicts = {"c2": "act", "c1": "review", "gone": "none"}
    other = {name: [] if pa.types.is_list(CAMPAIGNS.arrow.field(name).type) else 0 for name in CAMPAIGNS.names}
    campaigns = [{**other, "kind": "", "campaign_id": name, "verdict": said} for name, said in verdicts.items()]
    return {
        "evidence": pa.Table.from_pylist(evidence, schema=EVIDENCE.arrow),
        "members": pa.Table.from_pylist(rows, schema=MEMBERS.arrow),
        "campaigns": pa.Table.from_pylist(campaigns, schema=CAMPAIGNS.arrow),
    }


def cited(named: list[tuple[str, str | None, list[str]]], members: list[tuple[str, str]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = CITED.check(cited_table(tables(named, members), TRAFFIC)).to_pylist()
    return rows


def places(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(row["campaign_id"], row["account_id"], row["request_id"]) for row in rows]


def test_each_request_is_listed_once_for_each_campaign_that_names_it() -> None:
    named = [("c2", None, ["r2", "r1"]), ("c2", "a", ["r1"]), ("c1", None, ["r1"]), ("c1", None, [])]
    members = [("c1", "a"), ("c2", "a")]
    assert places(cited(named, members)) == [("c2", "a", "r1"), ("c2", "a", "r2"), ("c1", "a", "r1")]
    assert places(cited(named[::-1], members[::-1])) == [("c2", "a", "r1"), ("c2", "a", "r2"), ("c1", "a", "r1")]


def test_an_id_of_two_sources_is_that_of_a_member() -> None:
    assert places(cited([("c1", None, ["r1", "r2"])], [("c1", "b")])) == [("c1", "b", "r1")]
    both = cited([("c1", None, ["r1"]), ("c2", None, ["r2"])], [("c1", "a"), ("c1", "b"), ("c2", "x")])
    assert places(both) == [("c2", "x", "r2"), ("c1", "a", "r1"), ("c1", "b", "r1")]


def test_groups_left_alone_and_findings_without_requests_list_nothing() -> None:
    assert cited([("gone", None, ["r1"])], [("gone", "a"), ("c1", "a")]) == []
    assert cited([("c1", None, [])], [("c1", "a")]) == []
    assert cited([("c1", None, ["r1"])], []) == []
    assert cited([("c1", None, ["r9"])], [("c1", "a")]) == []


def test_what_the_log_has_of_a_request_is_copied() -> None:
    first, second = cited([("c1", None, ["r1"])], [("c1", "a"), ("c1", "b")])
    assert (first["client"], first["country"], first["status"], first["model"]) == ("openai-python", "NL", 200, "m")
    assert (second["model"], second["output_tokens"], second["max_tokens"], second["top_p"]) == ("large", 8, 9, 0.1)
    assert second["client"] is None
    (other,) = cited([("c1", None, ["r2"])], [("c1", "a")])
    assert (other["network"], other["temperature"], other["input_tokens"]) == ("AS1 One", 0.5, 3)
    (last,) = cited([("c1", None, ["r3"])], [("c1", "x")])
    assert (last["ip_kind"], last["timestamp"].timestamp()) == ("vpn", 4e-6)
