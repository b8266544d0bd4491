"""`stillhunt keys`: who signs, who is trusted, and circles that share."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import Config, ConfigError
from stillhunt.commands import (
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_columns,
    print_json,
    safe_lines,
)
from stillhunt_evidence.keys.folder import CIRCLES, KEY_BYTES, checked_name, keys_folder, read_secret, write_new
from stillhunt_evidence.keys.signing import new_signing_key, read_public_key, trust_key, trusted_keys

keys_commands = typer.Typer(no_args_is_help=True, help="Keys: who signs, who is trusted, and circles that share.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="What it is called here: lower-case letters, digits and hyphens.")
]

_LONGEST_SECRET = 200
"""Characters that are read of a secret that somebody gave: one has 64."""


@keys_commands.command("new")
def keys_new(settings_file: SettingsOption = None) -> None:
    """Make the key that signs evidence packs, and print its fingerprint.

    The fingerprint is what others need to check your packs: give it to them by another way than the pack.
    """
    folder = keys_folder(Config.load(file=settings_file))
    made = new_signing_key(folder)
    output_console().print(made.fingerprint)
    message_console().print(safe_lines(f"The key is in {folder}. Keep a copy where only you can read it."))


@keys_commands.command("list")
def keys_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List your own key, the trusted keys and the circles; no secret is printed."""
    folder = keys_folder(Config.load(file=settings_file))
    rows = [("own" if key.name == "own" else "trusted", key.name, key.fingerprint) for key in trusted_keys(folder)]
    rows += [("circle", path.stem, "-") for path in sorted((folder / CIRCLES).glob("*.key"))]
    if as_json:
        print_json([{"kind": kind, "name": name, "fingerprint": fingerprint} for kind, name, fingerprint in rows])
    elif rows:
        print_columns(output_console(), [("kind", "name", "fingerprint"), *rows])
    else:
        output_console().print("No keys.")


@keys_commands.command("trust")
def keys_trust(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Public key in PEM, such as signer.pub of a pack.")],
    settings_file: SettingsOption = None,
) -> None:
    """Trust what a key signs from now on, and print its fingerprint, to compare with what its owner told you."""
    key = read_public_key(file, name)
    trust_key(keys_folder(Config.load(file=settings_file)), name, key)
    output_console().print(key.fingerprint)


@keys_commands.command("circle")
def keys_circle(
    name: NameArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Key that another member of the circle gave you, 64 hex digits."),
    ] = None,
    settings_file: SettingsOption = None,
) -> None:
    """Make or import the secret of a sharing circle, and print where it is.

    Everybody in the circle has the same secret. Whoever has it can test whether a value that they know is in a shared
    file; nobody else can.
    """
    path = keys_folder(Config.load(file=settings_file)) / CIRCLES / f"{checked_name(name)}.key"
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
