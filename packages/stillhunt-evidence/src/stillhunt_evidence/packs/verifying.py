"""Verifying a pack: form of the archive, signature, every file, the manifest itself, and the time stamp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509

from stillhunt import PackError
from stillhunt_evidence.keys.signing import PublicKey, public_key_of
from stillhunt_evidence.packs.archive import read_archive
from stillhunt_evidence.packs.manifest import (
    ENVELOPE_FILE,
    KEY_FILE,
    MOST_MANIFEST_BYTES,
    PACK_VERSION,
    STAMP_FILE,
    Manifest,
    open_envelope,
    read_statement,
    signer_of,
)
from stillhunt_evidence.packs.stamp import check_stamp, stamp_time


@dataclass(frozen=True)
class Trust:
    """Whose word counts."""

    keys: Sequence[PublicKey] = ()
    # of the one key that may have signed, whose public half is taken from the pack; empty: of `keys`
    fingerprint: str = ""
    authorities: Sequence[x509.Certificate] = ()


@dataclass(frozen=True)
class VerifiedPack:
    """A pack that nobody changed since it was signed."""

    files: Mapping[str, bytes] = field(repr=False)
    manifest: Manifest = field(repr=False)
    signer: PublicKey
    claimed: datetime | None  # time of the stamp as it says itself; None without one
    stamped: datetime | None  # the same where a trusted authority made it; None where that was not checked


def verify_pack(path: Path, trust: Trust) -> VerifiedPack:
    """A pack, after every byte of it was checked.

    It shows that the contents are those that the key signed. It does not show that they are true, nor, without a time
    stamp, when they were made.

    Raises:
        PackError: something was touched, or nobody trusted signed it.
    """
    files = read_archive(path)
    where = str(path)
    if len(files.get(ENVELOPE_FILE, b"")) not in range(1, MOST_MANIFEST_BYTES + 1):
        raise PackError("the pack has no manifest, or one that is too long", where=where)
    payload, signer = open_envelope(files[ENVELOPE_FILE], _list_trusted_keys(files, trust, where), where)
    covered = {name: content for name, content in files.items() if name != ENVELOPE_FILE}
    manifest = read_statement(payload, covered, where)
    _check_header(manifest, files, signer, where)
    stamp = files.get(STAMP_FILE)
    if stamp is None and trust.authorities:
        raise PackError("the pack has no time stamp", where=where, next_step="verify it without the authority")
    claimed = None if stamp is None else stamp_time(stamp, where)
    stamped = None
    if stamp is not None and trust.authorities:
        stamped = check_stamp(stamp, manifest.merkle_root, trust.authorities, where)
    return VerifiedPack(files, manifest, signer, claimed, stamped)


def _check_header(manifest: Manifest, files: Mapping[str, bytes], signer: PublicKey, where: str) -> None:
    """Refuse a pack of another version, and one that names another signer than it has."""
    said = manifest.header.get("pack")
    if not isinstance(said, dict) or said.get("version") != PACK_VERSION or isinstance(said["version"], bool):
        raise PackError("the pack is of another version", where=where, next_step="verify it with a newer stillhunt")
    if said.get("signer") != signer.fingerprint or files.get(KEY_FILE) != signer.pem.encode():
        raise PackError("the pack names another signer than it has", where=f"{where}: {KEY_FILE}")


def _list_trusted_keys(files: Mapping[str, bytes], trust: Trust, where: str) -> list[PublicKey]:
    """The keys whose signature counts."""
    if not trust.fingerprint:
        return list(trust.keys)
    if KEY_FILE not in files:
        raise PackError("a file of the manifest is missing", where=f"{where}: {KEY_FILE}")
    pem = files[KEY_FILE].decode("ascii", "replace")
    key = public_key_of(pem, "named by its fingerprint", f"{where}: {KEY_FILE}")
    if key.fingerprint != trust.fingerprint:
        named = signer_of(files[ENVELOPE_FILE], where)
        raise PackError(
            f"the pack is signed by {named}, and not by {trust.fingerprint}, which is another fingerprint",
            where=where,
            next_step="ask its maker for the fingerprint and the file again, by two ways",
        )
    return [key]
