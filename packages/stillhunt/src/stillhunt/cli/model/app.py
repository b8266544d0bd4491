"""The group of commands about models."""

from __future__ import annotations

import typer

from stillhunt.cli.model.blunt import commands as blunt_commands
from stillhunt.cli.model.damage import commands as damage_commands
from stillhunt.cli.model.distil import commands as distil_commands
from stillhunt.cli.model.mark import commands as mark_commands
from stillhunt.cli.model.prove import commands as prove_commands

model_app = typer.Typer(
    no_args_is_help=True,
    help="Distil your own models, measure a harvest, mark answers, prove training. Needs stillhunt[model].",
)
for commands in (distil_commands, damage_commands, mark_commands, prove_commands, blunt_commands):
    model_app.add_typer(commands)
