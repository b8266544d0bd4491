"""What the core shows of the commands of this distribution; it is read at each `--help`."""

from stillhunt.cli.entries import CommandEntry

model = CommandEntry(
    "Distil your own models, measure a harvest, mark answers, prove training.",
    "stillhunt_model.commands.app:model_commands",
)
