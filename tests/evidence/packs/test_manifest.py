"""The manifest: chain, Merkle root and statement, beside a second way to compute each."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.errors import PackError
from stillhunt_evidence.packs.manifest import (
    STAMP_FILE,
    Manifest,
    make_manifest,
    merkle_root,
    read_statement,
    statement_of,
)

HEADER = {"pack": {"version": 1}, "inputs": [{"rows": 3, "share": 0.1}]}
FILES = {"b.txt": b"two", "a.txt": b"one", "c/d.bin": b"\x00"}
CONTENTS = st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.binary(max_size=20), min_size=1, max_size=9)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def layered_root(lines: list[bytes]) -> str:
    """RFC 6962 by layers: neighbours are joined, and the odd one goes up."""
    layer = [hashlib.sha256(b"\x00" + line).digest() for line in lines]
    while len(layer) > 1:
        joined = [hashlib.sha256(b"\x01" + a + b).digest() for a, b in zip(layer[::2], layer[1::2], strict=False)]
        layer = joined + layer[len(layer) // 2 * 2 :]
    return layer[0].hex()


@given(lines=st.lists(st.binary(max_size=9), min_size=1, max_size=40))
@settings(derandomize=True, deadline=None)
def test_the_merkle_root_is_that_of_rfc_6962(lines: list[bytes]) -> None:
    assert merkle_root(lines) == layered_root(lines)


def test_the_chain_is_one_of_the_lines_that_sha256sum_prints() -> None:
    manifest = make_manifest(HEADER, FILES)
    header = b'{"inputs":[{"rows":3,"share":0.1}],"pack":{"version":1}}'
    lines = [f"{sha(header)}  header\n", *(f"{sha(FILES[name])}  {name}\n" for name in sorted(FILES))]
    link = sha(lines[0].encode())
    for record, line in zip(manifest.files, lines[1:], strict=True):
        link = sha((link + line).encode())
        assert record.chain == link
    assert manifest.merkle_root == layered_root([line.encode() for line in lines])


@given(files=CONTENTS, stamp=st.none() | st.binary(min_size=1, max_size=9))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_statement_is_read_as_it_was_made(files: dict[str, bytes], stamp: bytes | None) -> None:
    manifest = make_manifest(HEADER, files)
    payload = statement_of(manifest, stamp)
    present = files if stamp is None else {**files, STAMP_FILE: stamp}
    assert read_statement(payload, present, "here") == manifest
    subjects = {one["name"]: one["digest"]["sha256"] for one in json.loads(payload)["subject"]}
    assert subjects == {name: sha(content) for name, content in present.items()}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({**FILES, "more": b""}, "was added"),
        ({name: FILES[name] for name in ("a.txt", "b.txt")}, "is missing"),
        ({**FILES, "a.txt": b"One"}, "was changed"),
        ({**FILES, STAMP_FILE: b"stamp"}, "contradicts itself"),
    ],
)
def test_files_that_are_not_those_of_the_statement_are_told(files: dict[str, bytes], said: str) -> None:
    with pytest.raises(PackError, match=said):
        read_statement(statement_of(make_manifest(HEADER, FILES), None), files, "here")


@pytest.mark.parametrize("change", ["header", "chain", "root", "bytes", "subject", "order", "more", "space"])
def test_a_number_of_the_manifest_that_is_wrong_is_told(change: str) -> None:
    statement = json.loads(statement_of(make_manifest(HEADER, FILES), None))
    predicate = statement["predicate"]
    if change == "header":
        predicate["header"]["pack"]["version"] = 2
    elif change == "chain":
        predicate["files"][1]["chain"] = "0" * 64
    elif change == "root":
        predicate["merkleRoot"] = "0" * 64
    elif change == "bytes":
        predicate["files"][0]["bytes"] += 1
    elif change == "subject":
        statement["subject"].pop()
    elif change == "order":
        predicate["files"].reverse()
    elif change == "more":
        predicate["more"] = 1
    payload = json.dumps(statement, sort_keys=True, separators=(",", ": " if change == "space" else ":")).encode()
    with pytest.raises(PackError, match=r"contradicts itself|no manifest"):
        read_statement(payload, FILES, "here")


def test_numbers_that_canonical_json_does_not_have_are_told() -> None:
    statement = statement_of(make_manifest(HEADER, FILES), None)
    payload = statement.replace(b'"version":1', b'"version":9007199254740993')
    with pytest.raises(PackError, match="contradicts itself"):
        read_statement(payload, FILES, "here")


@pytest.mark.parametrize("payload", [b"", b"{}", b"[" * 100_000, b"\xff", b'{"_type":1}', b"null"])
def test_what_is_no_manifest_is_refused(payload: bytes) -> None:
    with pytest.raises(PackError, match="no manifest"):
        read_statement(payload, FILES, "here")


def test_the_records_are_in_the_order_of_their_names() -> None:
    manifest: Manifest = make_manifest(HEADER, FILES)
    assert [record.name for record in manifest.files] == ["a.txt", "b.txt", "c/d.bin"]
