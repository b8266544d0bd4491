"""What evidence packs call an account, so that those which name it can be found."""

import hashlib
import hmac

from stillhunt.base.config import Config
from stillhunt.base.key_files import PSEUDONYMS_FILE, keys_folder, read_secret

_DIGITS = 16
"""Hexadecimal digits of a pseudonym; stillhunt-evidence makes them, and its tests compare both."""


def names_in_packs(config: Config, account: str) -> tuple[str, ...] | None:
    """What packs call an account: its id in full ones, its pseudonym in others, for which the key must be here.

    Raises ConfigError: the key cannot be read, or others may read it.
    """
    path = keys_folder(config) / PSEUDONYMS_FILE
    if not path.is_file():
        return None
    text = f"account\0{account}".encode("utf-8", "surrogatepass")
    return account, "a-" + hmac.new(read_secret(path), text, hashlib.sha256).hexdigest()[:_DIGITS]
