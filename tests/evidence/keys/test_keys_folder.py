"""The folder of keys: for its owner alone, nothing overwritten, nothing that is no key taken for one."""

from __future__ import annotations

import hashlib
import stat
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from evidence.packs.authority import HAS_OPENSSL
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt_evidence.keys.folder import (
    CIRCLES,
    checked_name,
    circle_key,
    keyed_hash,
    keyed_hashes,
    keys_folder,
    pseudonyms_key,
    read_secret,
    write_new,
)
from stillhunt_evidence.keys.signing import (
    has_signing_key,
    new_signing_key,
    public_key_of,
    read_public_key,
    read_signer,
    trust_key,
    trusted_keys,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_is_that_of_the_settings_or_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert keys_folder(Config()) == tmp_path / "stillhunt" / "keys"
    assert keys_folder(Config(dossier={"keys": "/somewhere"})) == Path("/somewhere")
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert keys_folder(Config()) == tmp_path / ".local/share/stillhunt/keys"


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    assert not has_signing_key(folder)
    new_signing_key(folder)
    first = pseudonyms_key(folder)
    assert pseudonyms_key(folder) == first
    assert (mode(folder), mode(folder / "signing.key"), mode(folder / "pseudonyms.key")) == (0o700, 0o600, 0o600)
    (folder / "pseudonyms.key").chmod(0o640)
    with pytest.raises(ConfigError, match="others may read this key"):
        pseudonyms_key(folder)
    (folder / "signing.key").chmod(0o604)
    with pytest.raises(ConfigError, match="others may read this key"):
        read_signer(folder)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    made = new_signing_key(tmp_path)
    with pytest.raises(ConfigError, match="such a key already"):
        new_signing_key(tmp_path)
    assert read_signer(tmp_path)[1].fingerprint == made.fingerprint
    with pytest.raises(ConfigError, match="such a key already"):
        write_new(tmp_path / "signing.key", "x")


@pytest.mark.service
@pytest.mark.skipif(not HAS_OPENSSL, reason="openssl is not installed")
def test_the_fingerprint_is_the_one_that_openssl_computes(tmp_path: Path) -> None:
    made = new_signing_key(tmp_path)
    words = ["openssl", "pkey", "-pubin", "-in", "signing.pub", "-outform", "DER"]
    der = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True).stdout
    assert hashlib.sha256(der).hexdigest() == made.fingerprint


def test_trusted_keys_are_the_own_one_and_those_that_were_named(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    assert trusted_keys(mine) == []
    own, other = new_signing_key(mine), new_signing_key(theirs)
    trust_key(mine, "peer", read_public_key(theirs / "signing.pub"))
    assert [(key.name, key.fingerprint) for key in trusted_keys(mine)] == [
        ("own", own.fingerprint),
        ("peer", other.fingerprint),
    ]
    with pytest.raises(ConfigError, match="such a key already"):
        trust_key(mine, "peer", other)
    with pytest.raises(ConfigError, match="no name of a key"):
        trust_key(mine, "../peer", other)


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "01" + "00" * 31,
        "ec" + "ff" * 30 + "7f",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "01" + "00" * 30 + "80",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ],
)
def test_keys_for_which_anybody_can_sign_are_refused(point: str) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(point))
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ConfigError, match="point of small order"):
        public_key_of(pem, "x", "x.pub")


def test_what_is_no_ed25519_key_is_refused(tmp_path: Path) -> None:
    curve = generate_private_key(SECP256R1())
    public = curve.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = curve.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("a", b"hello"), ("b", public), ("c", b"\xff"), ("d", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match="no Ed25519 key"):
            read_public_key(tmp_path / name)
    for content in (private, b"hello"):
        (tmp_path / "signing.key").write_bytes(content)
        (tmp_path / "signing.key").chmod(0o600)
        with pytest.raises(ConfigError, match="no Ed25519 key"):
            read_signer(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_public_key(tmp_path / "missing")


def test_a_circle_has_one_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no circle peers"):
        circle_key(tmp_path, "peers")
    write_new(tmp_path / CIRCLES / "peers.key", "ab" * 32 + "\n")
    assert circle_key(tmp_path, "peers") == b"\xab" * 32
    for text in ("ab" * 31, "xy" * 32, ""):
        path = tmp_path / f"bad{len(text)}{text[:1]}"
        write_new(path, text)
        with pytest.raises(ConfigError, match="64 hexadecimal digits"):
            read_secret(path)


@pytest.mark.parametrize("name", ["", "A", "../x", "a/b", "-a", "a" * 64, "ä", "a\n"])
def test_names_that_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no name of a key"):
        checked_name(name)
    with pytest.raises(ConfigError, match="no name of a key"):
        circle_key(tmp_path, name)


def test_hashes_depend_on_key_kind_and_value() -> None:
    hashes = {
        keyed_hash(key, kind, value)
        for key in (b"a" * 32, b"b" * 32)
        for kind in ("account", "request")
        for value in ("x", "y", "", "\ud800")
    }
    assert len(hashes) == 16
    assert keyed_hash(b"k" * 32, "account", "x") == "bcf208864932ce9a"  # by Python's hmac, once


def test_hashes_of_a_column_are_those_of_its_values() -> None:
    values = pa.chunked_array([["a", None, "b"], [], ["a"]], pa.string())
    found = keyed_hashes(b"k" * 32, "account", values, "a-").to_pylist()
    expected = [None if one is None else "a-" + keyed_hash(b"k" * 32, "account", one) for one in values.to_pylist()]
    assert found == expected
    assert keyed_hashes(b"k" * 32, "account", values.slice(0, 0)).to_pylist() == []
