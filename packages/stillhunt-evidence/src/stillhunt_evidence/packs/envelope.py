"""The signed envelope of a manifest: DSSE v1 with one Ed25519 signature, in canonical JSON."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import CryptoSigner

from stillhunt import PackError
from stillhunt_evidence.keys.signing import PublicKey
from stillhunt_evidence.packs.manifest import PAYLOAD_TYPE, canonical_json


def sign_statement(statement: bytes, signer: CryptoSigner, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The envelope of a statement."""
    envelope = Envelope(statement, payload_type, {})
    envelope.sign(signer)
    return canonical_json(envelope.to_dict())


def open_envelope(
    content: bytes, keys: Sequence[PublicKey], where: str, payload_type: str = PAYLOAD_TYPE
) -> tuple[bytes, PublicKey]:
    """What was signed, and which of the keys signed it.

    Args:
        content: of the envelope, which is not trusted.

    Raises:
        PackError: it is no such envelope, its signature is wrong, or none of the keys made it.
    """
    payload, keyid, signature = _parts(content, where, payload_type)
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

    Raises:
        PackError: it is no such envelope.
    """
    return _parts(content, where)[1]


def _parts(content: bytes, where: str, payload_type: str = PAYLOAD_TYPE) -> tuple[bytes, str, str]:
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
