"""An extract about one account: what the pack has on it, verified like a pack, and nobody else in it."""

from __future__ import annotations

import io
import json
from html import unescape
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evidence.hunted import MADE_AT, PSEUDONYMS, campaigns, case_folder, hunted_case, keys, packed, signer
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt_evidence.keys.signing import read_signer
from stillhunt_evidence.packs.contents import Pseudonyms
from stillhunt_evidence.packs.extracting import EXTRACT_FILE, EXTRACT_PAGE, make_extract, make_extract_of
from stillhunt_evidence.packs.making import write_pack
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
    assert found.manifest.header["extract"] == {"account": called, "packMerkleRoot": pack.manifest.merkle_root}
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
