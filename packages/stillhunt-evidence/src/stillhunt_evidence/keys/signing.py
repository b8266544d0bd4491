"""Who signs evidence packs, and whose signature is trusted: Ed25519 keys (RFC 8032) in PEM files."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey

from stillhunt import ConfigError
from stillhunt_evidence.keys.folder import TRUSTED, check_private, checked_name, write_new

OWN = "own"
"""What the own key is called; no other one may be."""
SIGNING_FILE, PUBLIC_FILE = "signing.key", "signing.pub"
_LONGEST_PEM = 64 << 10
"""Bytes; a key in PEM has some hundred."""
_PRIME = 2**255 - 19
_SMALL_ORDER = frozenset(
    (
        *(0, 1, _PRIME - 1, _PRIME, _PRIME + 1),
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    )
)
"""y of the points whose order divides the cofactor 8, and 0 and 1 beyond the prime: anybody can sign for them."""
FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class PublicKey:
    """A key by which signatures are checked."""

    name: str
    key: SSlibKey
    pem: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key in DER (SubjectPublicKeyInfo, RFC 5280), in hexadecimal."""
        return str(self.key.keyid)


def public_key(name: str, key: Ed25519PublicKey) -> PublicKey:
    """A public key with its fingerprint."""
    fingerprint = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return PublicKey(name, SSlibKey.from_crypto(key, keyid=fingerprint), pem)


def public_key_of(pem: str, name: str, where: str) -> PublicKey:
    """A public key from PEM, which is not trusted to be one.

    Raises ConfigError: this is no Ed25519 public key.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(where) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(where)
    height = int.from_bytes(key.public_bytes(Encoding.Raw, PublicFormat.Raw), "little") % (1 << 255)
    if height in _SMALL_ORDER:
        raise ConfigError(
            "this public key is a point of small order: anybody can make a signature that it accepts",
            where=where,
            next_step="trust no file by it, and ask its owner for a true key",
        )
    return public_key(name, key)


def read_public_key(path: Path, name: str = "") -> PublicKey:
    """A public key from a file.

    `name`: what the reader calls it; the name of the file if empty. Raises ConfigError: it cannot be read, or is no
    Ed25519 public key.
    """
    try:
        with path.open("rb") as file:
            pem = file.read(_LONGEST_PEM).decode("ascii")
    except OSError as error:
        raise ConfigError(
            f"the key cannot be read: {error.strerror or error}", where=str(path), next_step="name another file"
        ) from error
    except UnicodeDecodeError as error:
        raise _no_key(str(path)) from error
    return public_key_of(pem, name or path.stem, str(path))


def new_signing_key(folder: Path) -> PublicKey:
    """Make the key that signs.

    Raises ConfigError: there is one already, or it cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    write_new(folder / SIGNING_FILE, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    made = public_key(OWN, private.public_key())
    (folder / PUBLIC_FILE).unlink(missing_ok=True)  # that of a signing key that is gone
    write_new(folder / PUBLIC_FILE, made.pem, private=False)
    return made


def has_signing_key(folder: Path) -> bool:
    """Whether there is a key that signs."""
    return (folder / SIGNING_FILE).exists()


def read_signer(folder: Path) -> tuple[CryptoSigner, PublicKey]:
    """The key that signs, and its public half.

    Raises ConfigError: there is none, others may read it, or it is no Ed25519 key.
    """
    path = folder / SIGNING_FILE
    check_private(path)
    try:
        key = load_pem_private_key(path.read_bytes()[:_LONGEST_PEM], None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(str(path))
    own = public_key(OWN, key.public_key())
    return CryptoSigner(key, own.key), own


def trust_key(folder: Path, name: str, key: PublicKey) -> Path:
    """Trust what a key signs from now on.

    Raises ConfigError: the name is none or taken, or it cannot be written.
    """
    if name == OWN:
        raise ConfigError("this name is that of your own key", where=name, next_step="choose another name")
    path = folder / TRUSTED / f"{checked_name(name)}.pub"
    write_new(path, key.pem, private=False)
    return path


def trusted_keys(folder: Path) -> list[PublicKey]:
    """The own key and all that are trusted.

    Raises ConfigError: a file among them is no public key.
    """
    own = [folder / PUBLIC_FILE] if (folder / PUBLIC_FILE).exists() else []
    named = [(path, OWN) for path in own]
    named += [(path, path.stem) for path in sorted((folder / TRUSTED).glob("*.pub"))]
    return [read_public_key(path, name) for path, name in named]


def _no_key(where: str) -> ConfigError:
    return ConfigError(
        "this is no Ed25519 key in PEM",
        where=where,
        next_step="'openssl genpkey -algorithm ed25519' makes one, and 'stillhunt keys new' as well",
    )
