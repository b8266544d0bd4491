"""Each ready signal on what its service sends or exports.

The bodies have the fields, nesting and types that the services document (the pages that `documented` names; those of
Stripe as its command line sends them, those of Fingerprint as in the examples of its OpenAPI description), with values
of ours. Real exports of customers could not be had; no service was asked.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from signal_files import write_rows

from stillhunt_signals.signals.declared import ready_signals, signal_of
from stillhunt_signals.signals.values import read_values


def charge(account: str, risk: int, card: str, kind: str = "charge.succeeded", **more: Any) -> dict[str, Any]:
    """A Stripe event about a charge."""
    return {
        "id": f"evt_3RT{account}",
        "object": "event",
        "api_version": "2025-04-30.basil",
        "created": 1748465448,
        "data": {
            "object": {
                "id": f"ch_3RT{account}",
                "object": "charge",
                "amount": 2000,
                "billing_details": {"address": {"country": None}, "email": None},
                "customer": f"cus_{account}",
                "disputed": False,
                "metadata": {"account_id": account},
                "outcome": {"network_status": "approved_by_network", "risk_level": "normal", "risk_score": risk},
                "payment_method_details": {
                    "card": {"brand": "visa", "country": "US", "fingerprint": card, "last4": "4242"},
                    "type": "card",
                },
                "status": "succeeded",
                **more,
            }
        },
        "livemode": False,
        "type": kind,
    }


def stripe_event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"id": "evt_1", "object": "event", "created": 1748465448, "data": {"object": fields}, "type": kind}


def visit(account: str, visitor: str) -> dict[str, Any]:
    """A Fingerprint event."""
    return {
        "linked_id": account,
        "timestamp": 1708102555327,
        "event_id": f"1708102555327.{account}",
        "ip_address": "61.127.217.15",
        "identification": {"visitor_id": visitor, "confidence": {"score": 0.97, "version": "1.1"}},
        "vpn": False,
    }


CHARGES = [charge("a", 9, "HAKd"), charge("a", 71, "HAKd", "charge.failed"), charge("b", 12, "Xy12")]
EXPORTED = [
    {
        "id": "ch_1",
        "account_id": "a",
        "outcome_risk_score": 71,
        "card_fingerprint": "HAKd",
        "disputed": "true",
        "created": "2026-03-02 10:00:00",
        "status": "trialing",
    },
    {
        "id": "ch_2",
        "account_id": "b",
        "outcome_risk_score": 12,
        "card_fingerprint": "Xy12",
        "disputed": "false",
        "created": "2026-03-02 11:00:00",
        "status": "active",
    },
]
USERS = [
    {"user_id": "a", "email": "a@example.com", "email_verified": "true", "phone_verified": "true"},
    {"user_id": "b", "email": "b@example.com", "email_verified": "false", "phone_verified": "false"},
]
CUSTOMERS = [
    {"account_id": "a", "ip": "198.51.100.7", "stripe_customer": "cus_a"},
    {"account_id": "b", "ip": "203.0.113.9", "stripe_customer": "cus_b"},
    {"account_id": "c", "ip": "192.0.2.200", "stripe_customer": "cus_c"},
]
DECISIONS = [
    {
        "duration": "3h59m",
        "id": 7,
        "origin": "crowdsec",
        "scenario": "crowdsecurity/http-crawl",
        "scope": "Ip",
        "type": "ban",
        "value": "198.51.100.7",
    },
    {
        "duration": "23h",
        "id": 8,
        "origin": "lists",
        "scenario": "firehol",
        "scope": "Range",
        "type": "ban",
        "value": "192.0.2.0/24",
    },
]
CHECKED = [
    {
        "data": {
            "ipAddress": "198.51.100.7",
            "isPublic": True,
            "abuseConfidenceScore": 88,
            "usageType": "Data Center",
            "isTor": False,
            "totalReports": 120,
        }
    },
    {"data": {"ipAddress": "203.0.113.9", "isPublic": True, "abuseConfidenceScore": 0, "totalReports": 0}},
]
SESSIONS = [
    stripe_event(
        "identity.verification_session.verified",
        object="identity.verification_session",
        client_reference_id="a",
        status="verified",
        last_error=None,
    ),
    stripe_event(
        "identity.verification_session.requires_input",
        object="identity.verification_session",
        client_reference_id="b",
        status="requires_input",
        last_error={"code": "document_expired"},
    ),
]
SUBSCRIPTIONS = [
    stripe_event(
        "customer.subscription.created", object="subscription", metadata={"account_id": "a"}, status="trialing"
    ),
    stripe_event("customer.subscription.created", object="subscription", metadata={"account_id": "b"}, status="active"),
]
DISCOUNTS = [
    stripe_event("customer.discount.created", object="discount", customer="cus_a", promotion_code="promo_1"),
    stripe_event("customer.discount.created", object="discount", customer="cus_b", promotion_code="promo_1"),
]
CASES: list[tuple[str, str, list[dict[str, Any]], dict[str, str]]] = [
    ("stripe-radar-score", "charges.jsonl", CHARGES, {"a": "71", "b": "12"}),
    ("stripe-radar-score", "charges.csv", EXPORTED, {"a": "71", "b": "12"}),
    ("stripe-card", "charges.jsonl", CHARGES, {"a": "HAKd", "b": "Xy12"}),
    ("stripe-card", "charges.csv", EXPORTED, {"a": "HAKd", "b": "Xy12"}),
    ("stripe-chargeback", "charges.jsonl", [*CHARGES, charge("a", 9, "HAKd", "charge.updated", disputed=True)],
     {"a": "yes", "b": "no"}),
    ("stripe-chargeback", "charges.csv", EXPORTED, {"a": "yes", "b": "no"}),
    ("stripe-identity", "sessions.jsonl", SESSIONS, {"a": "yes", "b": "no"}),
    ("stripe-trial", "subscriptions.jsonl", SUBSCRIPTIONS, {"a": "yes", "b": "no"}),
    ("stripe-trial", "subscriptions.csv", EXPORTED, {"a": "yes", "b": "no"}),
    ("stripe-coupon", "discounts.jsonl", DISCOUNTS, {"a": "promo_1", "b": "promo_1"}),
    ("fingerprint-device", "visits.jsonl", [visit("a", "Ibk1"), visit("b", "Ibk1")], {"a": "Ibk1", "b": "Ibk1"}),
    ("abuseipdb", "checked.jsonl", CHECKED, {"a": "88", "b": "0"}),
    ("crowdsec", "decisions.json", DECISIONS, {"a": "yes", "b": "no", "c": "yes"}),
    ("email-verified", "users.csv", USERS, {"a": "yes", "b": "no"}),
    ("phone-verified", "users.csv", USERS, {"a": "yes", "b": "no"}),
    ("one-document", "kyc.csv", [{"account_id": "a", "document": "9f2c"}, {"account_id": "b", "document": "9f2c"}],
     {"a": "9f2c", "b": "9f2c"}),
    ("free-tier", "plans.csv", [{"account_id": "a", "plan": "Free"}, {"account_id": "b", "plan": "pro"}],
     {"a": "yes", "b": "no"}),
    ("click-address", "clicks.csv", [{"account_id": "a", "click_ip": "192.0.2.1"},
                                     {"account_id": "b", "click_ip": "192.0.2.1"}],
     {"a": "192.0.2.1", "b": "192.0.2.1"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file", "rows", "expected"), CASES, ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_ready_signal_reads_what_its_service_gives(
    tmp_path: Path, name: str, file: str, rows: list[dict[str, Any]], expected: dict[str, str]
) -> None:
    via = {}
    if "via_key" in ready_signals()[name]:
        via = {"via": write_rows(tmp_path / "customers.csv", CUSTOMERS)}
    one = signal_of("mark", {"ready": name, "from": write_rows(tmp_path / file, rows), **via})
    found = read_values(one, None)
    assert dict(zip(found.ids.to_pylist(), found.texts.to_pylist(), strict=True)) == expected


def test_a_free_tier_is_a_column_of_the_accounts_unless_said_otherwise() -> None:
    found = read_values(
        signal_of("free", {"ready": "free-tier"}), pa.table({"account_id": ["a", "b"], "plan": ["trial", "pro"]})
    )
    assert found.texts.to_pylist() == ["yes", "no"]


def test_every_ready_signal_is_tried() -> None:
    assert {name for name, *_ in CASES} == set(ready_signals())
