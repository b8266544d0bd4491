"""Files of sketches as they go out: signed with the key that signs packs, so that nobody can pass off another's."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from securesystemslib.signer import CryptoSigner

from stillhunt import PackError
from stillhunt_evidence.keys.signing import PublicKey, public_key_of
from stillhunt_evidence.matching.sketch_file import MOST_SKETCH_BYTES, SketchFile, sketches_from_json
from stillhunt_evidence.packs.manifest import canonical_json, open_envelope, sign_statement

SKETCHES_TYPE = "application/vnd.stillhunt.sketches+json"
"""Type of what is signed, so that no other signature of the same key passes for one of sketches."""
_MOST_BYTES = MOST_SKETCH_BYTES + (64 << 10)


class _Signature(msgspec.Struct, forbid_unknown_fields=True):
    """Beside the sketches: the signature of all other fields, and the public key in PEM."""

    sig: str
    key: str


class _Signed(msgspec.Struct):
    signature: _Signature


@dataclass(frozen=True)
class OpenedSketches:
    """A file of sketches after it was checked."""

    sketches: SketchFile
    signer: PublicKey | None  # whose key signed it; None for a file of an older version, which nobody signed
    sha256: str  # of the whole file, which both sides can tell each other before they exchange files


def signed_sketches(content: bytes, signer: CryptoSigner, own: PublicKey) -> bytes:
    """A signed file of sketches."""
    (signature,) = json.loads(sign_statement(content, signer, SKETCHES_TYPE))["signatures"]
    added = msgspec.json.encode({"signature": _Signature(signature["sig"], own.pem)})
    return content.rstrip()[:-1] + b"," + added[1:] + b"\n"


def open_sketches(
    path: Path, circle: str, circle_key: bytes, trusted: Sequence[PublicKey], fingerprint: str
) -> OpenedSketches:
    """Sketches from a file, which is not trusted.

    `fingerprint`: of one more key whose signature counts; empty for none. Raises PackError: it cannot be read, nobody
    trusted signed it, or it holds what no file of sketches holds.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = f"the file of sketches cannot be read: {error.strerror or error}"
        raise PackError(reason, where=where, next_step="name another file") from error
    digest = hashlib.sha256(content).hexdigest()
    try:
        signed = msgspec.json.decode(content[:_MOST_BYTES], type=_Signed).signature
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # of an older version, or no file of sketches
        return OpenedSketches(sketches_from_json(content, circle, circle_key, where=where), None, digest)
    key = public_key_of(signed.key, "named by its fingerprint", where)
    plain = content.partition(b',"signature":')[0] + b"}\n"
    envelope = {
        "payload": base64.b64encode(plain).decode(),
        "payloadType": SKETCHES_TYPE,
        "signatures": [{"keyid": key.fingerprint, "sig": signed.sig}],
    }
    keys = [*trusted, *([key] if key.fingerprint == fingerprint else [])]
    payload, signer = open_envelope(canonical_json(envelope), keys, where, SKETCHES_TYPE)
    return OpenedSketches(sketches_from_json(payload, circle, circle_key, where=where), signer, digest)
