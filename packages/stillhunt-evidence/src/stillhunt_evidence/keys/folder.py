"""The folder of keys, made for its owner alone with each key in a file of its own; and hashes under such keys."""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import ConfigError
from stillhunt.tools import LIST_KEYS, PSEUDONYMS_FILE, check_private, keys_folder, read_secret

HASH_DIGITS = 16
"""Hexadecimal digits of a keyed hash: of a million values, two share one with a chance of 3 in 100 million."""


def keyed_hash(key: bytes, kind: str, value: str) -> str:
    """HMAC-SHA256 of a value (RFC 2104), shortened to 16 hexadecimal digits.

    It hides a value from those who lack the key. Who has the key can try values: of an IPv4 address, all there are.

    Args:
        kind: what the value is, such as account: equal values of two kinds have unrelated hashes.
    """
    text = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.new(key, text, hashlib.sha256).hexdigest()[:HASH_DIGITS]


def keyed_hashes(key: bytes, kind: str, values: pa.ChunkedArray | pa.Array, prefix: str = "") -> pa.Array:
    """The keyed hash of each value; each different value is hashed once.

    `values`: strings; null stays null.
    """
    coded = pc.dictionary_encode(values)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.unify_dictionaries().combine_chunks()
    if isinstance(coded, pa.ChunkedArray):  # an empty one stays in chunks
        return pa.array([], pa.string())
    hashed = [prefix + keyed_hash(key, kind, value) for value in coded.dictionary.to_pylist()]
    return pa.array(hashed, pa.string()).take(coded.indices)


__all__ = [
    "CIRCLES",
    "KEY_BYTES",
    "PSEUDONYMS_FILE",
    "TRUSTED",
    "check_private",
    "checked_name",
    "circle_key",
    "keys_folder",
    "pseudonyms_key",
    "read_secret",
    "write_new",
]
KEY_BYTES = 32
CIRCLES, TRUSTED = "circles", "trusted"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def checked_name(name: str) -> str:
    """A name that a key may have.

    `name`: lower-case letters, digits and hyphens, at most 63. Raises ConfigError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "this is no name of a key", where=name[:70], next_step="use lower-case letters, digits and hyphens"
        )
    return name


def pseudonyms_key(folder: Path) -> bytes:
    """The secret under which ids of evidence packs are hashed; made when it is first asked for.

    Raises ConfigError: it cannot be read or made, or others may read it.
    """
    path = folder / PSEUDONYMS_FILE
    if not path.exists():
        write_new(path, secrets.token_hex(KEY_BYTES) + "\n")
    return read_secret(path)


def circle_key(folder: Path, circle: str) -> bytes:
    """The secret of a sharing circle, which all who share in it have.

    Raises ConfigError: there is none of this name, it cannot be read, or others may read it.
    """
    path = folder / CIRCLES / f"{checked_name(circle)}.key"
    if not path.exists():
        raise ConfigError(
            f"there is no circle {circle}",
            where=str(folder / CIRCLES),
            next_step=f"make one, or import its key; {LIST_KEYS}",
            command_step=f"'stillhunt keys circle {circle}' makes one, or imports that of another member; {LIST_KEYS}",
        )
    return read_secret(path)


def write_new(path: Path, text: str, *, private: bool = True) -> None:
    """Write a key that is not there yet, into a folder for its owner alone.

    `private`: for its owner alone; False for public keys. Raises ConfigError: there is one already, or it cannot be
    written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ConfigError("there is such a key already", where=str(path), next_step=LIST_KEYS) from error
    except OSError as error:
        raise ConfigError(
            f"the key cannot be written: {error.strerror or error}", where=str(path), next_step="set dossier.keys"
        ) from error
