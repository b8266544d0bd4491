"""The folder of keys: made for its owner alone, each key in a file of its own."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path

from stillhunt import Config, ConfigError

KEY_BYTES = 32
CIRCLES, TRUSTED = "circles", "trusted"
PSEUDONYMS_FILE = "pseudonyms.key"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SECRET = re.compile(r"[0-9a-f]{64}\n?")
_LIST_THEM = "'stillhunt keys list' shows which there are"


def keys_folder(config: Config) -> Path:
    """Where the keys are, by the settings."""
    if config.dossier.keys:
        return Path(config.dossier.keys).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "stillhunt" / "keys"


def checked_name(name: str) -> str:
    """A name that a key may have.

    Args:
        name: lower-case letters, digits and hyphens, at most 63.

    Raises:
        ConfigError: it is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            "this is no name of a key", where=name[:70], next_step="use lower-case letters, digits and hyphens"
        )
    return name


def pseudonyms_key(folder: Path) -> bytes:
    """The secret under which ids of evidence packs are hashed; made when it is first asked for.

    Raises:
        ConfigError: it cannot be read or made, or others may read it.
    """
    path = folder / PSEUDONYMS_FILE
    if not path.exists():
        write_new(path, secrets.token_hex(KEY_BYTES) + "\n")
    return read_secret(path)


def circle_key(folder: Path, circle: str) -> bytes:
    """The secret of a sharing circle, which all who share in it have.

    Raises:
        ConfigError: there is none of this name, it cannot be read, or others may read it.
    """
    path = folder / CIRCLES / f"{checked_name(circle)}.key"
    if not path.exists():
        raise ConfigError(
            f"there is no circle {circle}",
            where=str(folder / CIRCLES),
            next_step=f"make one, or import its key; {_LIST_THEM}",
            command_step=f"'stillhunt keys circle {circle}' makes one, or imports that of another member; {_LIST_THEM}",
        )
    return read_secret(path)


def read_secret(path: Path) -> bytes:
    """A secret of 32 bytes from its file.

    Args:
        path: a file that only its owner may read.

    Raises:
        ConfigError: it is no such file.
    """
    check_private(path)
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the key cannot be read", where=str(path), next_step=_LIST_THEM) from error
    if not _SECRET.fullmatch(text):
        raise ConfigError(
            "this is no key: 64 hexadecimal digits are expected", where=str(path), next_step="restore it from a backup"
        )
    return bytes.fromhex(text.strip())


def check_private(path: Path) -> None:
    """Refuse a key that others than its owner may read.

    Raises:
        ConfigError: others may read it, or it does not exist.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("the key cannot be read", where=str(path), next_step=_LIST_THEM) from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError("others may read this key", where=str(path), next_step=f"chmod 600 {path}")


def write_new(path: Path, text: str, *, private: bool = True) -> None:
    """Write a key that is not there yet, into a folder for its owner alone.

    Args:
        private: for its owner alone; False for public keys.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise ConfigError("there is such a key already", where=str(path), next_step=_LIST_THEM) from error
    except OSError as error:
        raise ConfigError(
            f"the key cannot be written: {error.strerror or error}", where=str(path), next_step="set dossier.keys"
        ) from error
