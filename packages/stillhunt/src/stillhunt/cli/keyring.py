"""What `stillhunt keys` does."""

from __future__ import annotations

import secrets
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.terminal import message_console, output_console, print_columns, print_json, safe_lines
from stillhunt_evidence.keys.folder import CIRCLES, KEY_BYTES, checked_name, keys_folder, read_secret, write_new
from stillhunt_evidence.keys.signing import new_signing_key, read_public_key, trust_key, trusted_keys

_LONGEST_SECRET = 200
"""Characters that are read of a secret that somebody gave: one has 64."""


def run_keys_new(settings: Path | None) -> None:
    """Make the signing key.

    Raises:
        ConfigError: there is one already, or it cannot be written.
    """
    folder = keys_folder(Config.load(file=settings))
    made = new_signing_key(folder)
    output_console().print(made.fingerprint)
    message_console().print(safe_lines(f"The key is in {folder}. Keep a copy where only you can read it."))


def run_keys_list(settings: Path | None, *, as_json: bool) -> None:
    """Print the keys, without secrets.

    Raises:
        ConfigError: a file among them is no key.
    """
    folder = keys_folder(Config.load(file=settings))
    rows = [("own" if key.name == "own" else "trusted", key.name, key.fingerprint) for key in trusted_keys(folder)]
    rows += [("circle", path.stem, "-") for path in sorted((folder / CIRCLES).glob("*.key"))]
    if as_json:
        print_json([{"kind": kind, "name": name, "fingerprint": fingerprint} for kind, name, fingerprint in rows])
    elif rows:
        print_columns(output_console(), [("kind", "name", "fingerprint"), *rows])
    else:
        output_console().print("No keys.")


def run_keys_trust(name: str, file: Path, settings: Path | None) -> None:
    """Trust a public key.

    Raises:
        ConfigError: it is no key, or the name is taken.
    """
    key = read_public_key(file, name)
    trust_key(keys_folder(Config.load(file=settings)), name, key)
    output_console().print(key.fingerprint)


def run_keys_circle(name: str, source: Path | None, settings: Path | None) -> None:
    """Make or import the secret of a circle.

    Args:
        source: file with the secret that another member gave; None makes a new one.

    Raises:
        ConfigError: there is such a circle already, or the file holds no secret.
    """
    path = keys_folder(Config.load(file=settings)) / CIRCLES / f"{checked_name(name)}.key"
    secret = secrets.token_hex(KEY_BYTES) if source is None else _secret_from(source)
    write_new(path, secret + "\n")
    read_secret(path)
    output_console().print(safe_lines(str(path)))
    if source is None:
        message_console().print("Give this file to the other members by a way that only they can read.")


def _secret_from(source: Path) -> str:
    try:
        with source.open(encoding="ascii") as file:
            secret = file.read(_LONGEST_SECRET).strip().lower()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the secret cannot be read", where=str(source), next_step="name another file") from error
    if len(secret) != 2 * KEY_BYTES or set(secret) - set("0123456789abcdef"):
        raise ConfigError(
            "this is no secret of a circle: 64 hexadecimal digits are expected",
            where=str(source),
            next_step="ask the member who gave it for the file again",
        )
    return secret
