"""An extract about one account: what the pack has on it, verified like a pack, and nobody else in it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from html import unescape
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evidence.hunted import MADE_AT, PSEUDONYMS, campaigns, case_folder, hunted_case, keys, packed, signer
from evidence.packs.authority import HAS_OPENSSL, authority_server, make_authority
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt.tools import parquet_bytes
from stillhunt_evidence.keys.signing import read_signer
from stillhunt_evidence.packs.contents import Pseudonyms
from stillhunt_evidence.packs.extracting import EXTRACT_FILE, EXTRACT_PAGE, OTHER_VERDICT, make_extract, make_extract_of
from stillhunt_evidence.packs.making import write_pack
from stillhunt_evidence.packs.stamp import read_certificates
from stillhunt_evidence.packs.verifying import Trust, verify_pack


def members() -> list[str]:
    table = hunted_case().members
    return [row["account_id"] for row in table.to_pylist() if row["campaign_id"] == campaigns()[0]]


def test_it_has_what_is_about_the_account_and_nobody_else(tmp_path: Path) -> None:
    pack, accused = packed(), members()[0]
    names = Pseudonyms(PSEUDONYMS)
    called = names.one("account", accused)
    extract = make_extract(pack, called, *read_signer(keys()))
    write_pack(extract, tmp_path / "extract.zip")
    found = verify_pack(tmp_path / "extract.zip", Trust([signer()]))
    header = found.manifest.header
    assert header["extract"] == {"account": called}
    assert header["harvest"] == pack.manifest.header["harvest"]
    assert header["harvest"]["sha256"] in extract.files[EXTRACT_PAGE].decode()
    inputs = pack.manifest.header["inputs"]
    assert [one["sha256"] for one in header["inputs"]] == [one["sha256"] for one in inputs] != []
    assert {one["name"] for one in header["inputs"]} == {""}  # log files may be named after customers
    everything = b"".join(extract.files.values()).decode()
    assert called in everything
    for other in members()[1:]:
        assert other not in everything
        assert names.one("account", other) not in everything
    cited = pq.read_table(io.BytesIO(pack.files["tables/cited.parquet"])).to_pylist()
    assert {
        row["request_id"] for row in cited if row["account_id"] != called and row["request_id"] in everything
    } == set()
    told = json.loads(extract.files[EXTRACT_FILE])
    evidence = pq.read_table(io.BytesIO(pack.files["tables/evidence.parquet"])).to_pylist()
    own = [row for row in evidence if row["account_id"] == called]
    assert len(told["findings"]) == len(own) > 0
    assert sum(one["bits"] for one in told["findings"]) == pytest.approx(sum(row["bits"] for row in own))
    assert len(told["campaign_findings"]) == sum(row["account_id"] is None for row in evidence)
    page = unescape(extract.files[EXTRACT_PAGE].decode())
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert accused not in page


def test_a_verdict_of_another_campaign_is_not_given_as_one_of_this(tmp_path: Path) -> None:
    pack, called = packed(), Pseudonyms(PSEUDONYMS).one("account", members()[0])
    table = pq.read_table(io.BytesIO(pack.files["tables/accounts.parquet"]))
    rows = [{**row, "campaign_id": "c-other"} for row in table.to_pylist()]
    elsewhere = parquet_bytes(pa.Table.from_pylist(rows, table.schema))
    other = replace(pack, files={**pack.files, "tables/accounts.parquet": elsewhere})
    told = [
        json.loads(make_extract(one, called, *read_signer(keys())).files[EXTRACT_FILE])["verdict"]
        for one in (pack, other)
    ]
    (own,) = (row["verdict"] for row in table.to_pylist() if row["account_id"] == called)
    assert told == [own, OTHER_VERDICT]


@pytest.mark.skipif(not HAS_OPENSSL, reason="needs openssl ts")
def test_an_authority_stamps_the_extract_itself(tmp_path: Path) -> None:
    root = make_authority(tmp_path / "authority")
    with authority_server(root.parent) as url:
        extract = make_extract(packed(), Pseudonyms(PSEUDONYMS).one("account", members()[0]), *read_signer(keys()), url)
    write_pack(extract, tmp_path / "extract.zip")
    found = verify_pack(tmp_path / "extract.zip", Trust([signer()], "", read_certificates(root)))
    assert found.stamped is not None


def test_an_account_that_is_no_member_has_none() -> None:
    with pytest.raises(CaseError, match="no member"):
        make_extract(packed(), "a-nobody", *read_signer(keys()))


def test_it_is_made_from_the_case_with_the_own_key(tmp_path: Path) -> None:
    config = Config(dossier={"keys": str(tmp_path / "keys")})
    name, content = make_extract_of(case_folder(), campaigns()[0], members()[0], config, MADE_AT)
    (tmp_path / name).write_bytes(content)
    own = read_signer(tmp_path / "keys")[1]
    assert verify_pack(tmp_path / name, Trust([own])).files.keys() >= {EXTRACT_FILE, EXTRACT_PAGE}
    assert members()[0].encode() not in content
