"""The commands `keys`; what they do is in `keyring.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, SettingsOption

keys_app = typer.Typer(no_args_is_help=True, help="Keys: who signs, who is trusted, and circles that share.")

NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="What it is called here: lower-case letters, digits and hyphens.")
]


@keys_app.command("new")
def keys_new(settings_file: SettingsOption = None) -> None:
    """Make the key that signs evidence packs, and print its fingerprint.

    The fingerprint is what others need to check your packs: tell it to them by another way than the pack.
    """
    from stillhunt.cli.keyring import run_keys_new  # start-up time

    run_keys_new(settings_file)


@keys_app.command("list")
def keys_list(settings_file: SettingsOption = None, as_json: JsonFlag = False) -> None:
    """List the own key, the trusted ones and the circles; no secret is printed."""
    from stillhunt.cli.keyring import run_keys_list  # start-up time

    run_keys_list(settings_file, as_json=as_json)


@keys_app.command("trust")
def keys_trust(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Public key in PEM, such as signer.pub of a pack.")],
    settings_file: SettingsOption = None,
) -> None:
    """Trust what a key signs from now on, and print its fingerprint, which you should compare first."""
    from stillhunt.cli.keyring import run_keys_trust  # start-up time

    run_keys_trust(name, file, settings_file)


@keys_app.command("circle")
def keys_circle(
    name: NameArgument,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="Key that another member of the circle gave you, 64 hex digits."),
    ] = None,
    settings_file: SettingsOption = None,
) -> None:
    """Make or import the secret of a sharing circle, and print where it is.

    Everybody in the circle has the same secret. Who has it can test whether a value that they know is in a file that
    was shared; nobody else can.
    """
    from stillhunt.cli.keyring import run_keys_circle  # start-up time

    run_keys_circle(name, source, settings_file)
