"""The verdict of a pack derived again: bit for bit, whatever the order of rows, and told where it does not follow."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import stillhunt
from evidence.hunted import FULL, SHORT, campaigns, hunted_case, keys, one_pack, packed, signer, world_files
from stillhunt.base.case_folder import RUN_FILE
from stillhunt.base.errors import PackError
from stillhunt.base.table_files import parquet_bytes
from stillhunt.triage import Case
from stillhunt_evidence.keys.signing import read_signer
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.contents import digest_of_ids
from stillhunt_evidence.packs.manifest import ENVELOPE_FILE, make_manifest, sign_statement, statement_of
from stillhunt_evidence.packs.rebuilding import Rebuilt, hunt_differences, rebuild_pack, settings_again
from stillhunt_evidence.packs.verifying import Trust, VerifiedPack, verify_pack

DECIDING = ("campaigns", "members", "evidence", "accounts")


def opened(files: dict[str, bytes], folder: Path, header: dict[str, Any] | None = None) -> VerifiedPack:
    """A pack of these files, signed anew by the same key, as its own maker could."""
    covered = {name: content for name, content in files.items() if name != ENVELOPE_FILE}
    manifest = make_manifest(header or one_pack().manifest.header, covered)
    signed = sign_statement(statement_of(manifest, None), read_signer(keys())[0])
    path = folder / "pack.zip"
    path.write_bytes(b"".join(archive_parts({**covered, ENVELOPE_FILE: signed})))
    return verify_pack(path, Trust([signer()]))


def table(name: str) -> pa.Table:
    return pq.read_table(io.BytesIO(one_pack().files[f"tables/{name}.parquet"]))


def with_table(name: str, other: pa.Table) -> dict[str, bytes]:
    return {**one_pack().files, f"tables/{name}.parquet": parquet_bytes(other)}


def changed(name: str, column: str, row: int, value: Any) -> pa.Table:
    rows = table(name).to_pylist()
    rows[row][column] = value
    return pa.Table.from_pylist(rows, schema=table(name).schema)


def test_every_campaign_and_group_follows_from_its_pack(tmp_path: Path) -> None:
    case = hunted_case()
    ids = [*campaigns(), *case.left_alone["campaign_id"].to_pylist()[:5]]
    for campaign in ids:
        (row,) = [one for one in case.tables["campaigns"].to_pylist() if one["campaign_id"] == campaign]
        for discretion in (SHORT, FULL):
            made = packed(campaign_id=campaign, discretion=discretion)
            found: Rebuilt = rebuild_pack(opened(dict(made.files), tmp_path, made.manifest.header))
            assert found.differences == [], (campaign, discretion)
            assert (found.verdict.score, found.verdict.verdict) == (row["score"], row["verdict"])


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_rows_plays_no_part(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    files = dict(one_pack().files)
    for name in DECIDING:
        order = list(range(table(name).num_rows))
        rng.shuffle(order)
        files[f"tables/{name}.parquet"] = parquet_bytes(table(name).take(order))
    found = rebuild_pack(opened(files, tmp_path))
    assert found.differences == []
    assert found.verdict.score == hunted_case().campaigns["score"][0].as_py()


def test_a_number_that_does_not_follow_is_told(tmp_path: Path) -> None:
    rows = table("evidence").to_pylist()
    finding = next(at for at, row in enumerate(rows) if row["account_id"] is None and row["bits"] > 1)
    of_member = next(at for at, row in enumerate(rows) if row["account_id"] is not None and row["bits"] > 0)
    for name, column, row, value in (
        ("campaigns", "score", 0, 0.5),
        ("campaigns", "verdict", 0, "none"),
        ("evidence", "bits", finding, rows[finding]["bits"] + 1e-12),
        ("evidence", "raw_bits", finding, rows[finding]["raw_bits"] / 2 - 3.0),
        ("evidence", "bits", of_member, rows[of_member]["bits"] * 2),
        ("members", "score", 0, 0.123),
        ("accounts", "flagged", 0, not table("accounts")["flagged"][0].as_py()),
    ):
        files = with_table(name, changed(name, column, row, value))
        assert rebuild_pack(opened(files, tmp_path)).differences, (name, column)


def test_pages_header_and_record_say_the_same_as_the_tables(tmp_path: Path) -> None:
    """Whoever signs anew cannot say on a page, in the header or in a statement what the tables do not."""
    statements = table("evidence").to_pylist()
    statements[0]["statement"] = "All accounts confessed"
    for files, place in (
        ({"dossier.html": one_pack().files["dossier.html"].replace(b"act", b"none", 1)}, "dossier.html"),
        ({"report.html": one_pack().files["report.html"] + b" "}, "report.html"),
        ({"readme.txt": one_pack().files["readme.txt"] + b"The accused confessed.\n"}, "readme.txt"),
        ({"malware.exe": b"MZ"}, "malware.exe"),
        (with_table("evidence", pa.Table.from_pylist(statements, schema=table("evidence").schema)), "report.html"),
        ({RUN_FILE: one_pack().files[RUN_FILE].replace(b'"seed": 0', b'"seed": 1', 1)}, "run.json"),
    ):
        found = rebuild_pack(opened({**one_pack().files, **files}, tmp_path)).differences
        assert any(place in one for one in found), (place, found)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("campaign", {"campaign_id": "c-deadbeef", "verdict": "none"}),
        ("campaign", None),
        ("campaign", []),
        ("hunt", {}),
        ("inputs", [{"name": "other"}]),
        ("harvest", None),
    ],
)
def test_a_header_that_says_something_else_is_noticed(part: str, value: Any, tmp_path: Path) -> None:
    header = {**one_pack().manifest.header, part: value}
    assert rebuild_pack(opened(dict(one_pack().files), tmp_path, header)).differences


@pytest.mark.parametrize("made_at", ["2024-01-01T00:00:00Z", "5", 5, None, "2026-03-20 12:30"])
def test_a_time_at_which_no_pack_can_have_been_made_is_noticed(made_at: Any, tmp_path: Path) -> None:
    header = one_pack().manifest.header
    other = {**header, "pack": {**header["pack"], "madeAt": made_at}}
    found = rebuild_pack(opened(dict(one_pack().files), tmp_path, other)).differences
    assert any("cannot have been made" in one for one in found), found


def test_changed_settings_are_said(tmp_path: Path) -> None:
    assert rebuild_pack(opened(dict(one_pack().files), tmp_path)).changed_settings == ""
    run = json.loads(one_pack().files[RUN_FILE])
    run["settings"]["score"]["prior_bits"] = 3.0
    found = rebuild_pack(opened({**one_pack().files, RUN_FILE: json.dumps(run).encode()}, tmp_path))
    assert "score.prior_bits 3" in found.changed_settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("budget", {"accounts": -1, "days": 3}),
        ("budget", None),
        ("budget", {"accounts": 10, "days": 1e300}),
        ("settings", []),
        ("settings", {"score": {"prior_bits": "x"}}),
        ("inputs", [1]),
    ],
)
def test_records_that_no_hunt_writes_are_refused(name: str, value: Any, tmp_path: Path) -> None:
    run = {**json.loads(one_pack().files[RUN_FILE]), name: value}
    with pytest.raises(PackError):
        rebuild_pack(opened({**one_pack().files, RUN_FILE: json.dumps(run).encode()}, tmp_path))


def test_tables_that_are_too_long_are_not_read(tmp_path: Path) -> None:
    evidence = table("evidence")
    many = pa.concat_tables([evidence] * (64 * (table("members").num_rows + 1) // evidence.num_rows + 1))
    with pytest.raises(PackError, match="more than"):
        rebuild_pack(opened(with_table("evidence", many), tmp_path))


def test_settings_and_parameters_count(tmp_path: Path) -> None:
    run = json.loads(one_pack().files[RUN_FILE])
    run["settings"]["score"]["prior_bits"] = -6.0
    files = {**one_pack().files, RUN_FILE: json.dumps(run).encode()}
    assert rebuild_pack(opened(files, tmp_path)).differences
    values = json.loads(one_pack().files["parameters.json"])
    table, name = next((table, name) for table, ones in values.items() for name in ones)
    for other in ({}, {**values, table: {**values[table], name: 999}}, []):
        files = {**one_pack().files, "parameters.json": json.dumps(other).encode()}
        assert any("parameters" in one for one in rebuild_pack(opened(files, tmp_path)).differences)


def test_a_pack_may_name_numbers_that_are_no_parameters_any_more(tmp_path: Path) -> None:
    values = json.loads(one_pack().files["parameters.json"])
    older = {**values, "score.gone": {"least": 5}, "score.failover": {**values["score.failover"], "min_refusals": 5}}
    files = {**one_pack().files, "parameters.json": json.dumps(older).encode()}
    assert not rebuild_pack(opened(files, tmp_path)).differences


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tables/evidence.parquet", b"PAR1", "cannot be read"),
        ("tables/members.parquet", parquet_bytes(pa.table({"x": [1]})), "cannot be read"),
        ("run.json", b"[]", "record of the hunt"),
        ("run.json", b'{"case_version":1}', "this stillhunt knows"),
    ],
)
def test_damaged_packs_are_refused(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(PackError, match=said):
        rebuild_pack(opened({**one_pack().files, name: content}, tmp_path))


def test_the_logs_say_the_same_on_another_layout(tmp_path: Path) -> None:
    """Other threads, rows in another order, and the log divided into files otherwise."""
    requests, accounts, sanctioned = world_files()
    rows = pq.read_table(requests)
    order = list(range(rows.num_rows))
    random.Random(7).shuffle(order)
    mixed = rows.take(order)
    folder = tmp_path / "logs"
    folder.mkdir()
    for number in range(3):
        pq.write_table(
            mixed.slice(number * 7_000, 7_000 if number < 2 else None), folder / f"part-{9 - number}.parquet"
        )
    own = stillhunt.Config(threads=1, sanctioned={"organizations": sanctioned})
    pack = opened(dict(one_pack().files), tmp_path)
    config = settings_again(pack, own, SHORT)
    assert config.threads == 1
    again = stillhunt.hunt(folder, accounts, config)
    assert hunt_differences(pack, again, SHORT) == []  # without accounts there are: see the command's tests
    own = again.harvest.filter(pc.equal(again.harvest["campaign_id"], campaigns()[0]))
    for keys_of_rows, differences in (("slice_id", "request_id"), 0), (("slice_id", "timestamp"), 1):
        ids = own.sort_by([(key, "ascending") for key in keys_of_rows])["request_id"]
        header = {**pack.manifest.header, "harvest": digest_of_ids([ids])}  # as of version 8, and of no version
        before = opened(dict(one_pack().files), tmp_path, header)
        assert len(hunt_differences(before, again, SHORT)) == differences
    version_8 = Case(hunted_case().tables, run={**hunted_case().run, "case_version": 8}, **hunted_case().views)
    made = packed(folder=version_8.write(tmp_path / "case"))
    assert rebuild_pack(opened(dict(made.files), tmp_path, made.manifest.header)).differences == []


def test_other_allowed_programmes_are_another_hunt(tmp_path: Path) -> None:
    pack = opened(dict(one_pack().files), tmp_path)
    with pytest.raises(PackError, match="allowed other programmes"):
        settings_again(pack, stillhunt.Config(), SHORT)
