"""Whatever is touched in a pack is noticed: bits, tables, entries, keys, stamps."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from evidence.hunted import keys, one_pack, packed, signer
from stillhunt.base.errors import PackError
from stillhunt.base.table_files import parquet_bytes
from stillhunt_evidence.keys.signing import PublicKey, public_key, read_signer
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.making import Pack, write_pack
from stillhunt_evidence.packs.manifest import ENVELOPE_FILE, KEY_FILE, make_manifest, sign_statement, statement_of
from stillhunt_evidence.packs.verifying import Trust, VerifiedPack, verify_pack

TABLES = [
    *("accounts", "campaigns", "cited", "evidence", "member_details", "members"),
    *("operators", "origins", "samples", "taken", "timeline"),
]
OTHERS = [
    ENVELOPE_FILE,
    *("dossier.html", "narrative.txt", "parameters.json", "readme.txt", "report.html", "run.json", "signer.pub"),
]
FILES = [*OTHERS, *(f"tables/{name}.parquet" for name in TABLES)]


def trusted() -> Trust:
    return Trust([signer()])


def verified(content: bytes, folder: Path, trust: Trust | None = None) -> VerifiedPack:
    path = folder / "pack.zip"
    path.write_bytes(content)
    return verify_pack(path, trust or trusted())


def archive(files: dict[str, bytes]) -> bytes:
    return b"".join(archive_parts(files))


def signed_anew(
    files: dict[str, bytes], signing: CryptoSigner | None = None, header: dict[str, Any] | None = None
) -> dict[str, bytes]:
    """The files under a new manifest and signature."""
    covered = {name: content for name, content in files.items() if name != ENVELOPE_FILE}
    manifest = make_manifest(header or one_pack().manifest.header, covered)
    envelope = sign_statement(statement_of(manifest, None), signing or read_signer(keys())[0])
    return {**covered, ENVELOPE_FILE: envelope}


def small_files() -> dict[str, bytes]:
    """A pack of few bytes, so that each of them can be changed."""
    said = {"pack": {"version": 1, "signer": signer().fingerprint}}
    return signed_anew({KEY_FILE: signer().pem.encode(), "tables/a.parquet": b"PAR1"}, header=said)


def test_an_untouched_pack_is_verified(tmp_path: Path) -> None:
    digest = write_pack(one_pack(), tmp_path / "a.zip")
    found = verify_pack(tmp_path / "a.zip", trusted())
    assert found.manifest == one_pack().manifest
    assert found.signer.fingerprint == signer().fingerprint
    assert (found.claimed, found.stamped) == (None, None)
    assert len(digest) == 64


def test_every_byte_of_a_small_pack_counts(tmp_path: Path) -> None:
    content = archive(small_files())
    verified(content, tmp_path)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        with pytest.raises(PackError):
            verified(bytes(changed), tmp_path)


def test_every_region_of_a_pack_counts(tmp_path: Path) -> None:
    content = archive(dict(one_pack().files))
    step = len(content) // 400
    for place in range(0, len(content), step):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(PackError):
            verified(bytes(changed), tmp_path)


def test_the_files_of_a_pack_are_these() -> None:
    assert sorted(one_pack().files) == sorted(FILES)


@pytest.mark.parametrize("name", [f"tables/{name}.parquet" for name in TABLES])
def test_every_table_counts(name: str, tmp_path: Path) -> None:
    table = pq.read_table(io.BytesIO(one_pack().files[name]))
    other = parquet_bytes(table.slice(1) if table.num_rows else pa.table({"x": [1]}))
    with pytest.raises(PackError, match=f"a file was changed.*{name}"):
        verified(archive({**one_pack().files, name: other}), tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_no_file_can_be_left_out_and_none_added(name: str, tmp_path: Path) -> None:
    files = dict(one_pack().files)
    content = files.pop(name)
    with pytest.raises(PackError, match=r"is missing|has no manifest"):
        verified(archive(files), tmp_path)
    with pytest.raises(PackError, match="was added"):
        verified(archive({**one_pack().files, f"x-{name.replace('/', '-')}": content}), tmp_path)


def test_a_pack_that_somebody_else_signed_is_touched(tmp_path: Path) -> None:
    thief = Ed25519PrivateKey.generate()
    key: PublicKey = public_key("thief", thief.public_key())
    header = {**one_pack().manifest.header}
    header["pack"] = {**header["pack"], "signer": key.fingerprint}
    files = signed_anew({**one_pack().files, KEY_FILE: key.pem.encode()}, CryptoSigner(thief, key.key), header)
    with pytest.raises(PackError, match=f"not trusted here: {key.fingerprint}"):
        verified(archive(files), tmp_path)
    with pytest.raises(PackError, match="another fingerprint"):
        verified(archive(files), tmp_path, Trust(fingerprint=signer().fingerprint))
    assert verified(archive(files), tmp_path, Trust([key])).signer.name == "thief"


def test_a_signature_of_another_key_under_the_trusted_name_is_wrong(tmp_path: Path) -> None:
    thief = Ed25519PrivateKey.generate()
    files = signed_anew(dict(one_pack().files), CryptoSigner(thief, public_key("x", thief.public_key()).key))
    named = files[ENVELOPE_FILE].replace(
        public_key("x", thief.public_key()).fingerprint.encode(), signer().fingerprint.encode()
    )
    with pytest.raises(PackError, match="the signature is wrong"):
        verified(archive({**files, ENVELOPE_FILE: named}), tmp_path)


def test_the_fingerprint_alone_is_enough(tmp_path: Path) -> None:
    assert verified(archive(dict(one_pack().files)), tmp_path, Trust(fingerprint=signer().fingerprint))
    other = Trust(fingerprint="0" * 64)
    with pytest.raises(PackError, match="another fingerprint"):
        verified(archive(dict(one_pack().files)), tmp_path, other)


def levels(number: int) -> dict[str, Any]:
    header: dict[str, Any] = {"pack": {"version": 1, "signer": signer().fingerprint}}
    value: Any = []
    for _ in range(number - 2):
        value = [value]
    return {**header, "more": value}


def test_headers_are_bounded_and_name_version_and_signer(tmp_path: Path) -> None:
    own = {KEY_FILE: signer().pem.encode()}
    assert verified(archive(signed_anew(own, header=levels(100))), tmp_path)
    said = {"version": 1, "signer": signer().fingerprint}
    for header, why in (
        (levels(101), "no manifest"),
        ({"pack": {**said, "version": 2}}, "another version"),
        ({"pack": {**said, "version": True}}, "another version"),
        ({"pack": 1}, "another version"),
        ({"pack": {**said, "signer": "0" * 64}}, "another signer"),
    ):
        with pytest.raises(PackError, match=why):
            verified(archive(signed_anew(own, header=header)), tmp_path)
    with pytest.raises(PackError, match="another signer"):
        verified(
            archive(signed_anew({KEY_FILE: own[KEY_FILE].replace(b"\n", b"\r\n")}, header={"pack": said})), tmp_path
        )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 50_000,
        b'{"payload":"!","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":""}]}',
        b'{"payload":"","payloadType":"x","signatures":[]}',
        b'{"payload":"","payloadType":"application/vnd.in-toto+json","signatures":[1]}',
        b'{"payload":1e999,"payloadType":"","signatures":[{"keyid":"a","sig":"b"}]}',
        b"\xff\xfe",
    ],
)
def test_damaged_envelopes_are_refused_and_nothing_else_happens(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(PackError):
        verified(archive({**small_files(), ENVELOPE_FILE: content}), tmp_path)


def test_the_same_order_makes_the_same_bytes(tmp_path: Path) -> None:
    again: Pack = packed(narrative="They came in March.\nThey left in April.\x1b[31m")
    assert write_pack(again, tmp_path / "a.zip") == write_pack(one_pack(), tmp_path / "b.zip")
