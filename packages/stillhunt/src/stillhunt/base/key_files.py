"""Files of secrets: where they are, and that nobody but their owner may read them."""

import os
import re
import stat
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError

PSEUDONYMS_FILE = "pseudonyms.key"
LIST_KEYS = "'stillhunt keys list' shows which there are"
_SECRET = re.compile(r"[0-9a-f]{64}\n?")


def keys_folder(config: Config) -> Path:
    """Where the keys are, by the settings."""
    if config.dossier.keys:
        return Path(config.dossier.keys).expanduser()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "stillhunt" / "keys"


def read_secret(path: Path) -> bytes:
    """A secret of 32 bytes from a file that only its owner may read; a ConfigError if it is no such file."""
    check_private(path)
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the key cannot be read", where=str(path), next_step=LIST_KEYS) from error
    if not _SECRET.fullmatch(text):
        raise ConfigError(
            "this is no key: 64 hexadecimal digits are expected", where=str(path), next_step="restore it from a backup"
        )
    return bytes.fromhex(text.strip())


def check_private(path: Path) -> None:
    """Refuse, with a ConfigError, a key that others than its owner may read, or that does not exist."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError("the key cannot be read", where=str(path), next_step=LIST_KEYS) from error
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError("others may read this key", where=str(path), next_step=f"chmod 600 {path}")
