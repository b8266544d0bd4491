"""What is in a pack and what is not: ids, other customers, settings of machines, longer excerpts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evidence.hunted import FULL, SHORT, campaigns, case_folder, hunted_case, one_pack, packed
from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt_evidence.packs.contents import (
    PRIVATE_MODEL,
    Pseudonyms,
    clean_name,
    cut_case,
    harvest_digest,
    public_record,
    with_clean_names,
)
from stillhunt_evidence.packs.making import Pack


def table(pack: Pack, name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(pack.files[f"tables/{name}.parquet"]))


def texts_of(pack: Pack) -> str:
    """Everything in a pack that can be read: files as they are, and the values of tables."""
    parts = []
    for name, content in pack.files.items():
        if name.endswith(".parquet"):
            parts.append(str(pq.read_table(io.BytesIO(content)).to_pylist()))
        else:
            parts.append(content.decode("utf-8", "replace"))
    return "\n".join(parts)


def test_no_id_of_the_logs_is_in_a_pack() -> None:
    case = hunted_case()
    shown = texts_of(one_pack())
    known = {
        *case.accounts["account_id"].to_pylist(),
        *case.harvest["request_id"].to_pylist(),
        *case.cited["request_id"].to_pylist(),
        *(one for one in case.member_details["organization_id"].to_pylist() if one),
        *case.run["settings"]["sanctioned"]["organizations"],
    }
    assert len(known) > 1000
    words = set(re.findall(r"[\w.@-]+", shown))
    assert known & words == set()
    full = texts_of(packed(discretion=FULL))
    members = case.members.filter(pa.compute.equal(case.members["campaign_id"], campaigns()[0]))
    assert all(one in full for one in members["account_id"].to_pylist())


def test_a_full_pack_says_so_and_has_what_the_case_has() -> None:
    full, short = packed(discretion=FULL), one_pack()
    assert (full.manifest.header["pack"]["full"], short.manifest.header["pack"]["full"]) == (True, False)
    assert b"the rules of the logs apply" in full.files["readme.txt"]
    own = [row for row in hunted_case().samples.to_pylist() if row["campaign_id"] == campaigns()[0]]
    assert table(full, "samples").to_pylist() == own
    assert max(map(len, table(short, "samples")["text"].to_pylist())) <= 120
    assert table(short, "member_details")["declared_use"].null_count == table(short, "members").num_rows


def test_a_pack_is_about_one_campaign_alone() -> None:
    pack = one_pack()
    for name in ("campaigns", "members", "evidence", "samples", "timeline", "origins", "cited", "taken"):
        assert table(pack, name)["campaign_id"].unique().to_pylist() in (
            [SHORT.names.one("campaign", campaigns()[0])],
            [],
        )
    assert set(table(pack, "accounts")["account_id"].to_pylist()) == set(
        table(pack, "members")["account_id"].to_pylist()
    )
    for name in ("members", "evidence", "samples", "cited"):
        whole = getattr(hunted_case(), name)
        own = whole.filter(pa.compute.equal(whole["campaign_id"], campaigns()[0]))
        assert table(pack, name).num_rows == own.num_rows


def test_pseudonyms_are_one_for_each_id_in_all_tables() -> None:
    pack, names = one_pack(), SHORT.names
    members = hunted_case().members.filter(pa.compute.equal(hunted_case().members["campaign_id"], campaigns()[0]))
    expected = {names.one("account", one) for one in members["account_id"].to_pylist()}
    for name in ("members", "accounts", "member_details"):
        assert set(table(pack, name)["account_id"].to_pylist()) == expected
    assert set(table(pack, "cited")["account_id"].to_pylist()) <= expected
    cited = {one for ids in table(pack, "evidence")["request_ids"].to_pylist() for one in ids}
    assert cited <= set(table(pack, "cited")["request_id"].to_pylist()) or not hunted_case().cited.num_rows
    assert all(one.startswith("r-") and len(one) == 18 for one in cited)


def test_other_keys_make_other_names() -> None:
    one, other = Pseudonyms(b"a" * 32), Pseudonyms(b"b" * 32)
    assert one.one("account", "x") != other.one("account", "x")
    assert one.one("account", "x")[2:] != one.one("request", "x")[2:]
    assert Pseudonyms(None).one("account", "x") == "x"


def test_lists_of_ids_keep_their_rows_also_in_a_part_of_a_table() -> None:
    names = SHORT.names
    ids = pa.chunked_array([pa.array([["a", "b"], [], ["c"], ["a"]]), pa.array([["d"]])])
    for begin, length in ((0, 5), (1, 4), (2, 1), (0, 0)):
        part = ids.slice(begin, length)
        expected = [[names.one("request", one) for one in row] for row in part.to_pylist()]
        found = names.column("request", part)
        assert found.to_pylist() == expected


def test_the_list_of_who_is_who_names_the_members() -> None:
    rows = list(csv.reader(io.StringIO(SHORT.names.who_is_who(["b", "a\x1b"]).decode())))
    assert rows == [
        ["pseudonym", "account_id"],
        [SHORT.names.one("account", "a\x1b"), "a\\x1b"],
        [SHORT.names.one("account", "b"), "b"],
    ]


def test_settings_of_machines_and_people_stay_away() -> None:
    run = json.loads(one_pack().files["run.json"])
    assert set(run["settings"]) == {"seed", "engine", "collect", "link", "resolve", "score", "report", "sanctioned"}
    assert "timings" not in run
    assert [one["sha256"] for one in run["inputs"]] == [one["sha256"] for one in hunted_case().run["inputs"]]
    allowed = {"settings": {"sanctioned": {"accounts": ["me@example.com"], "organizations": []}}}
    assert public_record(allowed, SHORT.names)["settings"]["sanctioned"]["accounts"] != ["me@example.com"]


def test_the_header_says_what_the_pack_is_about() -> None:
    header = one_pack().manifest.header
    (row,) = [row for row in hunted_case().campaigns.to_pylist() if row["campaign_id"] == campaigns()[0]]
    assert float(header["campaign"]["score"]) == row["score"]
    assert header["campaign"]["accounts"] == row["accounts"]
    assert header["pack"]["madeAt"] == "2026-03-20T12:30:00Z"
    assert [one["sha256"] for one in header["inputs"]] == [one["sha256"] for one in hunted_case().run["inputs"]]
    assert header["hunt"]["budget"] == hunted_case().run["budget"]


def test_the_harvest_is_named_by_number_and_hash() -> None:
    digest = harvest_digest(case_folder(), campaigns()[0])
    harvest = hunted_case().harvest
    own = harvest.filter(pa.compute.equal(harvest["campaign_id"], campaigns()[0]))["request_id"].to_pylist()
    lines = "".join(f"{one}\n" for one in own).encode()
    assert digest == {"requests": len(own), "sha256": hashlib.sha256(lines).hexdigest()}
    assert one_pack().manifest.header["harvest"] == digest


def test_the_order_of_rows_says_nothing_of_the_ids() -> None:
    """Rows are in the order of pseudonyms, not of the ids behind them."""
    for name in ("accounts", "members", "member_details"):
        shown = table(one_pack(), name)["account_id"].to_pylist()
        assert shown == sorted(shown)
    assert campaigns()[0] not in texts_of(one_pack())
    assert campaigns()[0] in texts_of(packed(discretion=FULL))


def test_names_that_customers_choose_are_cleaned() -> None:
    for name, expected in (
        ("ft:onyx-next:globex-janedoe:9X", "ft:onyx-next"),
        ("arn:aws:bedrock:us-east-1:123456789012:custom-model/globex", PRIVATE_MODEL),
        ("projects/secret/locations/x/models/y", PRIVATE_MODEL),
        ("onyx-large", "onyx-large"),
        ("jane@x.example", "[e-mail]"),
    ):
        assert clean_name(name) == expected
    own = pa.table({"models": [["ft:a:b", "c"], []], "model": ["ft:a:b", None], "x": ["ft:a:b", "ft:a:b"]})
    cleaned = with_clean_names(own)
    assert cleaned.to_pydict() == {"models": [["ft:a", "c"], []], "model": ["ft:a", None], "x": ["ft:a:b", "ft:a:b"]}
    assert cleaned.schema == own.schema


def test_a_narrative_is_redacted_where_a_pack_names_nobody() -> None:
    written = packed(narrative="Ask jane@x.example.")
    assert b"jane@x.example" not in written.files["narrative.txt"] + written.files["dossier.html"]
    full = packed(narrative="Ask jane@x.example.", discretion=FULL)
    assert full.files["narrative.txt"] == b"Ask jane@x.example.\n"


def test_a_case_that_contradicts_itself_is_not_signed(tmp_path: Path) -> None:
    case = hunted_case()
    rows = case.tables["campaigns"].to_pylist()
    rows[0]["score"] = 0.5
    bent = pa.Table.from_pylist(rows, schema=case.tables["campaigns"].schema)
    folder = Case({**case.tables, "campaigns": bent}, run=case.run, **case.views).write(tmp_path / "bent")
    with pytest.raises(CaseError, match="does not follow from the evidence"):
        packed(folder=folder)


def test_a_case_whose_verdict_follows_by_other_rules_is_not_signed(tmp_path: Path) -> None:
    case = hunted_case()
    folder = Case(case.tables, run={**case.run, "case_version": 7}, **case.views).write(tmp_path / "old")
    with pytest.raises(CaseError, match="the case has version 7, and its verdict cannot be derived"):
        packed(folder=folder)


def test_a_narrative_loses_controls_and_keeps_lines() -> None:
    assert one_pack().files["narrative.txt"] == b"They came in March.\nThey left in April.[31m\n"
    assert "narrative.txt" not in packed().files


def test_an_unknown_campaign_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="no campaign nobody"):
        cut_case(hunted_case(), "nobody", SHORT)
    with pytest.raises(CaseError, match="damaged"):
        harvest_digest(tmp_path, "c")


def test_groups_left_alone_can_be_packed_as_well() -> None:
    left = hunted_case().left_alone["campaign_id"].to_pylist()
    pack = packed(campaign_id=left[0])
    assert pack.manifest.header["campaign"]["verdict"] == "none"


def test_times_are_too_coarse_to_find_an_account_or_a_request_elsewhere() -> None:
    exact = packed(discretion=FULL)
    for name, columns, step in (
        ("campaigns", ("first_seen", "last_seen"), timedelta(hours=1)),
        ("cited", ("timestamp",), timedelta(hours=1)),
        ("samples", ("timestamp",), timedelta(hours=1)),
        ("member_details", ("created_at", "first_seen", "last_seen"), timedelta(days=1)),
    ):
        for column in columns:
            times = [one for one in table(one_pack(), name)[column].to_pylist() if one is not None]
            known = [one for one in table(exact, name)[column].to_pylist() if one is not None]
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            assert times, (name, column)
            assert all((one - epoch) % step == timedelta(0) for one in times), (name, column)
            assert any((one - epoch) % step for one in known), (name, column)
