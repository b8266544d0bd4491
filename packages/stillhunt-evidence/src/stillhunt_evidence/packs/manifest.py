"""The manifest of a pack: an in-toto Statement v1 over its files, in canonical JSON (RFC 8785).

Each file is a line as `sha256sum` prints it. The lines are chained (each link hashes the one before), and a Merkle root
over them (RFC 6962, section 2.1) stands for all of them in one value, by which the pack is stamped. The first line is
that of the header, which says what the files are about.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import rfc8785
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner

from stillhunt import PackError
from stillhunt_evidence.keys.signing import PublicKey

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:stillhunt:evidence-pack:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
ENVELOPE_FILE, STAMP_FILE = "manifest.dsse.json", "timestamp.tsr"
KEY_FILE, PARAMETERS_FILE = "signer.pub", "parameters.json"
HEADER_NAME = "header"
PACK_VERSION = 1
MOST_MANIFEST_BYTES = 16 << 20
"""Bytes of the envelope; one with 1,000 files has half a megabyte. Judgement."""
_MOST_LEVELS = 100
"""Levels of objects and arrays in the header; ours has four. Other programs need the same bound. Judgement."""
UNSTAMPED = frozenset((ENVELOPE_FILE, STAMP_FILE))
"""Files that the Merkle root does not cover: the envelope holds it, and the stamp is made of it."""


class FileRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a pack."""

    name: str
    bytes: int
    sha256: str
    chain: str  # SHA-256 of the link before and of this file's line


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predicate of the statement."""

    header: dict[str, Any]  # what the pack is about: campaign, case, inputs, settings, versions, time
    files: list[FileRecord]  # in order of their names, without the envelope and the stamp
    merkle_root: str = msgspec.field(name="merkleRoot")


class _Subject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type_: str = msgspec.field(name="_type")
    subject: list[_Subject]
    predicate_type: str = msgspec.field(name="predicateType")
    predicate: Manifest


def canonical_json(value: Any) -> bytes:
    """A value in canonical JSON (RFC 8785).

    `value`: of what JSON has; whole numbers up to 2^53.
    """
    return rfc8785.dumps(value)


def make_manifest(header: Mapping[str, Any], files: Mapping[str, bytes]) -> Manifest:
    """The manifest of files."""
    lines = [_format_manifest_line(HEADER_NAME, canonical_json(dict(header)))]
    link, records = _digest_content(lines[0]), []
    for name in sorted(files):
        lines.append(_format_manifest_line(name, files[name]))
        link = _digest_content(link.encode() + lines[-1])
        records.append(FileRecord(name, len(files[name]), _digest_content(files[name]), link))
    return Manifest(dict(header), records, merkle_root(lines))


def statement_of(manifest: Manifest, stamp: bytes | None) -> bytes:
    """The in-toto statement that is signed, in canonical JSON."""
    digests = {record.name: record.sha256 for record in manifest.files}
    if stamp is not None:
        digests[STAMP_FILE] = hashlib.sha256(stamp).hexdigest()
    subject = [{"name": name, "digest": {"sha256": digests[name]}} for name in sorted(digests)]
    predicate = msgspec.to_builtins(manifest)
    return canonical_json(
        {"_type": STATEMENT_TYPE, "subject": subject, "predicateType": PREDICATE_TYPE, "predicate": predicate}
    )


def read_statement(payload: bytes, files: Mapping[str, bytes], where: str) -> Manifest:
    """The manifest in a statement, after every number in it was compared with the files.

    `files`: all files of the pack but the envelope. Raises PackError: it is no such statement, or a file is missing,
    added or changed.
    """
    try:
        manifest = msgspec.json.decode(payload, type=_Statement).predicate
        _check_levels(manifest.header, _MOST_LEVELS)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise PackError("what was signed is no manifest of an evidence pack", where=where) from error
    named = {record.name for record in manifest.files}
    present = set(files) - UNSTAMPED
    for names, what in ((named - present, "is missing"), (present - named, "was added")):
        if names:
            raise PackError(f"a file {what}", where=f"{where}: {min(names)}")
    for record in manifest.files:
        if hashlib.sha256(files[record.name]).hexdigest() != record.sha256:
            raise PackError("a file was changed", where=f"{where}: {record.name}")
    covered = {name: files[name] for name in sorted(present)}
    # All else follows from the header and the files: one comparison of the whole holds each of its numbers.
    try:
        same = statement_of(make_manifest(manifest.header, covered), files.get(STAMP_FILE)) == payload
    except rfc8785.CanonicalizationError:  # a number or text that canonical JSON does not have
        same = False
    if not same:
        raise PackError("the manifest contradicts itself", where=where)
    return manifest


def _check_levels(value: Any, left: int) -> None:
    if not isinstance(value, dict | list):
        return
    if not left:
        raise RecursionError
    for part in value.values() if isinstance(value, dict) else value:
        _check_levels(part, left - 1)


def merkle_root(lines: Sequence[bytes]) -> str:
    """The Merkle tree hash of some lines (RFC 6962, section 2.1), in hexadecimal."""
    return _hash_merkle_tree(lines).hex()


def _hash_merkle_tree(lines: Sequence[bytes]) -> bytes:
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0]).digest()
    left = 1 << (len(lines) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _hash_merkle_tree(lines[:left]) + _hash_merkle_tree(lines[left:])).digest()


def _format_manifest_line(name: str, content: bytes) -> bytes:
    return f"{_digest_content(content)}  {name}\n".encode()


def _digest_content(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def as_plain_json(value: Any) -> bytes:
    """A value as JSON that people read: indented, sorted, in ASCII."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode()


def sign_statement(statement: bytes, signer: CryptoSigner, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The envelope of a statement."""
    envelope = Envelope(statement, payload_type, {})
    envelope.sign(signer)
    return canonical_json(envelope.to_dict())


def open_envelope(
    content: bytes, keys: Sequence[PublicKey], where: str, payload_type: str = PAYLOAD_TYPE
) -> tuple[bytes, PublicKey]:
    """What was signed, and which of the keys signed it.

    Raises PackError: it is no such envelope, its signature is wrong, or none of the keys made it.
    """
    payload, keyid, signature = _parse_envelope_parts(content, where, payload_type)
    own = [one for one in keys if one.fingerprint == keyid]
    if not own:
        raise PackError(
            f"the signature is by a key that is not trusted here: {keyid}",
            where=where,
            next_step="compare this fingerprint with the one that the maker told you by another way; then trust the "
            "key, or name it",
            command_step="compare this fingerprint with the one that the maker told you by another way, then use "
            "--fingerprint or --key, or 'stillhunt keys trust'",
        )
    envelope = Envelope.from_dict(json.loads(content))
    try:
        envelope.verify([own[0].key], 1)
    except (VerificationError, UnverifiedSignatureError) as error:
        raise PackError(f"the signature is wrong: {signature[:16]}...", where=where) from error
    return payload, own[0]


def signer_of(content: bytes, where: str) -> str:
    """Fingerprint of the key that an envelope names; it says nothing before the signature was checked.

    Raises PackError: it is no such envelope.
    """
    return _parse_envelope_parts(content, where)[1]


def _parse_envelope_parts(content: bytes, where: str, payload_type: str = PAYLOAD_TYPE) -> tuple[bytes, str, str]:
    """Payload, fingerprint and signature of an envelope of exactly our form."""
    try:
        data = json.loads(content)
        (signature,) = data["signatures"]
        keyid, signed, payload = str(signature["keyid"]), str(signature["sig"]), str(data["payload"])
        decoded = base64.b64decode(payload, validate=True)
        signed_bytes = base64.b64decode(signed, validate=True)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error) as error:
        raise PackError("the envelope of the manifest is damaged", where=where) from error
    whole = {
        "payload": base64.b64encode(decoded).decode(),
        "payloadType": payload_type,
        "signatures": [{"keyid": keyid, "sig": base64.b64encode(signed_bytes).decode()}],
    }
    if canonical_json(whole) != content:
        raise PackError("the envelope of the manifest was changed", where=where)
    return decoded, keyid, signed
