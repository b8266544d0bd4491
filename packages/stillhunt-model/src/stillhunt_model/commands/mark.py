"""`stillhunt model mark`: the keys of the standing mark, the groups of accounts, and a model to try it with."""

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.case import Case
from stillhunt.commands import (
    ForceFlag,
    JsonFlag,
    SettingsOption,
    message_console,
    output_console,
    print_columns,
    print_json,
    refuse_existing,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.commands.mark_answers import mark_answer
from stillhunt_model.commands.orders_shown import start_models
from stillhunt_model.orders.register import model_folder

mark_commands = typer.Typer(
    no_args_is_help=True,
    help="One mark for all your answers, which a public detector sees, and under it a key for each campaign.",
)


@mark_commands.command("keys")
def mark_keys(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="PUBLIC.json", help="File for the public key; give it to anybody.")
    ],
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Make the secret of the standing mark, and write the public key that a detector needs.

    A secret that is there stays, and so do all keys. The public file also fixes the secret by its SHA-256: publish it
    before you accuse anybody, and nobody can say that a key was chosen afterwards.
    """
    config = start_models(settings_file)
    from stillhunt_model.marks.keys import SECRET_FILE, new_standing_secret, read_standing_marks  # torch, slow

    refuse_existing(out, force=force)
    keys = keys_folder(config)
    new_standing_secret(keys)
    marks = read_standing_marks(keys, model_folder(config))
    assert marks is not None  # noqa: S101  # it was just made
    write_whole(out, [marks.public.as_json().encode()])
    output_console().print(f"SHA-256 of the secret: {marks.public.secret_sha256}")
    note = f"The secret is {keys / SECRET_FILE}. Keep a copy: without it no student can be traced to a campaign."
    message_console().print(note, soft_wrap=True)


@mark_commands.command("groups")
def mark_groups(
    case: Annotated[Path, typer.Argument(metavar="CASE", help="A case folder.")],
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Give the accounts of each campaign of a case a key of their own, from the next start of the server on.

    No order is needed: everybody's answers are marked, and nothing else about them changes. All members count, whatever
    their verdict; an account keeps its first group. Run it after each hunt.
    """
    config = start_models(settings_file)
    from stillhunt_model.marks.keys import assign_groups  # torch, which takes seconds

    counts = assign_groups(Case.read(case), keys_folder(config), model_folder(config))
    if as_json:
        print_json(counts)
        return
    rows = [(formatting.shorten(name, 80), formatting.count(number)) for name, number in sorted(counts.items())]
    print_columns(output_console(), [("campaign", "new accounts"), *rows])


mark_commands.command("answer")(mark_answer)
