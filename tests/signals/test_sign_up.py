"""What is answered at a sign-up: over HTTP, from a folder that was hunted, with an accounts table."""

from __future__ import annotations

import json
import math
import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.serving import serving
from stillhunt.base.config import Config
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.known_database import open_database
from stillhunt.watch.links import enter_links
from stillhunt.watch.signatures.matcher import LinkedAccount
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt_server.api.gateway_home import SIGN_UP_PATH
from stillhunt_server.api.openapi import openapi
from stillhunt_signals.gateway_forms import SignUpQuestion
from stillhunt_signals.sign_up.desk import FreeTiers, SignUpReply
from stillhunt_signals.sign_up.registered import RegisteredSignUps
from watch.small_world import harvesters, lines

POLICY = """
mode = "enforce"
[sign_up]
campaign = "hold"
free_tiers = "step_up"
"""
NOBODY = {"card": "fresh", "device": "fresh", "mail": "new@fresh.example", "ip": "198.51.100.77"}


def honest() -> list[str]:
    return sorted({json.loads(line)["account_id"] for line in lines()} - harvesters())


def customers() -> pa.Table:
    """Some harvesters share a card, others a network; three honest accounts are free tiers of one person.

    Forty honest accounts come from one address, as those of an office do.
    """
    rows = [
        {"account_id": name, "payment_fingerprint": "pool-1" if place < 3 else f"own-{place}", "plan": "pro",
         "signup_ip": f"203.0.113.{place}" if place > 8 else f"203.0.{place}.1", "email": f"h@m{place}.example"}
        for place, name in enumerate(sorted(harvesters()))
    ]  # fmt: skip
    for place, name in enumerate(honest()):
        row: dict[str, Any] = {"account_id": name, "plan": "pro", "email": f"p{place}@people.example"}
        if place < 3:
            row |= {"plan": "Free", "payment_fingerprint": "one-person", "signup_ip": f"192.0.2.{place}"}
        elif place < 43:
            row |= {"plan": "free", "payment_fingerprint": f"card-{place}", "signup_ip": "198.51.100.1"}
        rows.append(row)
    names = ("account_id", "plan", "email", "payment_fingerprint", "signup_ip")
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Config]:
    path = tmp_path_factory.mktemp("sign-up")
    pq.write_table(customers(), path / "accounts.parquet")
    config = Config.model_validate({"watch": {"accounts": str(path / "accounts.parquet")}})
    folder = DataFolder(path / "data")
    handle, _ = new_part(folder.spool, Stream("gateway", "jsonl", "jsonl"), datetime.now(UTC))
    os.write(handle, b"".join(lines()))
    os.close(handle)
    assert hunt_now(HuntPlan(folder, config, (), int(datetime.now(UTC).timestamp() * 1e6))) is not None
    (folder.path / "policy.toml").write_text(POLICY)
    return folder.path, config


Ask = Any


@contextmanager
def asking(hunted: tuple[Path, Config]) -> Iterator[Ask]:
    with serving(*hunted) as running, httpx.Client(base_url=f"http://127.0.0.1:{running.port}") as client:

        def ask(status: int = 200, token: str = running.admin, **asked: Any) -> dict[str, Any]:
            answered = client.post("/v1/signup", json=asked, headers={"authorization": f"Bearer {token}"})
            assert answered.status_code == status, answered.text
            found: dict[str, Any] = answered.json()
            return found

        yield ask


@pytest.fixture(scope="module")
def ask(hunted: tuple[Path, Config]) -> Iterator[Ask]:
    with asking(hunted) as found:
        yield found


def test_nothing_is_known_of_a_new_customer(ask: Ask) -> None:
    found = ask(plan="pro", **NOBODY)
    assert (found["answer"], found["reason"], found["ties"], found["bits"]) == ("none", "", [], 0.0)
    assert found["snapshot"] == 1


def test_a_card_of_a_campaign_is_held_and_no_other_account_is_named(ask: Ask) -> None:
    found = ask(plan="pro", card="pool-1", device="a", mail="x@y.example")
    assert (found["answer"], found["reason"], found["bits"]) == ("hold", "linked_accounts", 10.0)
    (tie,) = found["ties"]
    assert (tie["kind"], tie["status"], tie["members"], tie["others"]) == ("card", "active", 3, 0)
    assert "in a way that our terms do not allow" in found["message"]
    text = json.dumps(found)
    assert not any(name in text for name in (*harvesters(), *honest(), "pool-1"))


def test_a_network_ties_by_how_much_more_common_it_is_and_a_mail_alone_in_full(ask: Ask) -> None:
    found = ask(ip="203.0.113.200")
    assert [(tie["kind"], tie["members"], tie["others"]) for tie in found["ties"]] == [("network", 3, 0)]
    assert found["bits"] == pytest.approx(math.log2(3 / 12 / (0.5 / (43 + 1))), abs=0.01)
    both = ask(ip="203.0.113.200", mail=" H@M1.example")
    assert {tie["kind"] for tie in both["ties"]} == {"network", "mail"}
    assert both["bits"] == pytest.approx(10 + found["bits"], abs=0.01)


def test_several_free_tiers_of_one_card_are_a_reason_of_their_own(ask: Ask) -> None:
    found = ask(plan="FREE", card="one-person", mail="z@z.example")
    assert (found["answer"], found["reason"]) == ("step_up", "several_free_tiers")
    assert found["free_tiers"] == {"accounts": 4, "by": ["card"]}
    assert found["ties"] == []
    assert "one free tier for each person" in found["message"]


def test_who_pays_is_asked_nothing_however_many_free_tiers_there_were(ask: Ask) -> None:
    found = ask(plan="pro", card="one-person")
    assert (found["answer"], found["free_tiers"]["accounts"]) == ("none", 4)


def test_an_account_that_is_known_does_not_count_twice(ask: Ask) -> None:
    found = ask(plan="free", card="one-person", account_id=honest()[0])
    assert found["free_tiers"]["accounts"] == 4  # three of the table, and the one that asked before
    again = ask(plan="free", card="one-person", account_id=honest()[0])
    assert again["free_tiers"] == found["free_tiers"]


def test_forty_people_of_one_address_are_forty_people(ask: Ask) -> None:
    found = ask(plan="free", card="own-card", ip="198.51.100.1", mail="p99@people.example")
    assert (found["answer"], found["free_tiers"]) == ("none", {"accounts": 1, "by": []})
    assert found["ties"] == []


def test_a_device_is_known_from_the_sign_ups_before(ask: Ask) -> None:
    assert ask(plan="trial", device="tablet", mail="1@a.example", account_id="t1")["answer"] == "none"
    second = ask(plan="trial", device="tablet", mail="2@a.example", account_id="t2")
    assert (second["answer"], second["free_tiers"]) == ("step_up", {"accounts": 2, "by": ["device"]})
    repeated = ask(plan="trial", device="tablet", mail="2@a.example", account_id="t2")
    assert repeated["free_tiers"] == second["free_tiers"]


def test_a_device_of_a_member_ties_to_its_campaign(ask: Ask) -> None:
    member = min(harvesters())
    ask(plan="pro", device="farm-phone", account_id=member)
    found = ask(plan="pro", device="farm-phone", account_id="replacement")
    assert [(tie["kind"], tie["members"], tie["others"]) for tie in found["ties"]] == [("device", 1, 0)]
    assert (found["answer"], found["bits"]) == ("hold", 10.0)


def test_an_account_that_goes_on_with_a_queue_is_told_at_its_first_requests(
    hunted: tuple[Path, Config], ask: Ask
) -> None:
    """What it asked can be copied, so that it is said and asks nothing of anybody."""
    why = ("31 of its first 50 requests are about what the queue of campaign c-1 was about", "more")
    with closing(open_database(hunted[0], "")) as database:
        (campaign,) = [row["campaign_id"] for row in database.read(CAMPAIGN_ROWS.select())]
        link = LinkedAccount("came-back", campaign, 12.5, 50, 31, 0, 0, why)
        enter_links(database, [link], Config().alerts)
    for _ in range(200):  # the desk looks once a second, when it is asked
        found = ask(account_id="came-back", **NOBODY)
        if found["ties"]:
            break
        threading.Event().wait(0.05)
    (tie,) = found["ties"]
    assert (tie["kind"], tie["campaign_id"], tie["bits"], tie["statement"]) == ("requests", campaign, 10.0, why[0])
    assert (found["answer"], found["bits"], found["problem"]) == ("none", 0.0, "")
    assert ask(account_id="came-back")["ties"] == [tie]
    assert ask(account_id="somebody")["ties"] == []


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (400, {}),
        (400, {"plan": "free"}),
        (400, {"account_id": ""}),
        (400, {"card": 5}),
        (400, {"card": "x", "kart": "y"}),
        (400, {"card": "x" * 1025}),
        (413, {"card": "x" * 20_000}),
        (401, {"card": "x", "token": "wrong"}),
    ],
)
def test_what_cannot_be_answered_says_so(ask: Ask, status: int, asked: dict[str, Any]) -> None:
    assert "error" in ask(status, **asked)


def test_in_a_dry_run_it_is_only_said_what_would_be(hunted: tuple[Path, Config], ask: Ask) -> None:
    policy = hunted[0] / "policy.toml"
    policy.write_text(POLICY.replace("enforce", "dry_run"))
    try:
        with asking(hunted) as dry:
            found = dry(card="pool-1")
            assert (found["answer"], found["would"], found["message"]) == ("none", "hold", "")
    finally:
        policy.write_text(POLICY)


def test_the_file_of_sign_ups_survives_a_restart_and_a_torn_line_and_names_nobody(
    hunted: tuple[Path, Config], ask: Ask
) -> None:
    ask(plan="trial", device="kept", mail="kept@a.example", account_id="kept-1")
    path = hunted[0] / "sign-ups.jsonl"
    content = path.read_bytes()
    assert b"kept" not in content
    assert path.stat().st_mode & 0o077 == 0
    path.write_bytes(content + b'[1,2,{"card"\n{}\n[1,2,3,{"card":"x"}]\n')
    with asking(hunted) as again:
        found = again(plan="trial", device="kept", account_id="kept-2")
        assert found["free_tiers"] == {"accounts": 2, "by": ["device"]}


def test_old_sign_ups_are_forgotten(hunted: tuple[Path, Config]) -> None:
    folder, later = DataFolder(hunted[0]), int(datetime.now(UTC).timestamp() * 1e6) + 401 * 86_400_000_000
    assert len(RegisteredSignUps(folder, later)) == 0
    assert (hunted[0] / "sign-ups.jsonl").read_bytes() == b""
    assert latest_snapshot(folder) is not None


def test_the_openapi_page_has_the_form_as_it_is() -> None:
    schemas = openapi()["components"]["schemas"]
    assert set(schemas["NewCustomerQuestion"]["properties"]) == set(SignUpQuestion.__struct_fields__)
    assert set(schemas["NewCustomerAnswer"]["properties"]) == set(SignUpReply._fields)
    assert set(schemas["FreeTierCount"]["properties"]) == set(FreeTiers._fields)
    assert "post" in openapi()["paths"][SIGN_UP_PATH]
