"""Tables of commands: what a group shows of a command, and where its code is, without importing it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple

from stillhunt.base.errors import ConfigError

COMMANDS_GROUP = "stillhunt.commands"
"""Entry points of other distributions: the name of a command, and where its `CommandEntry` is."""
COMES_WITH = {
    **dict.fromkeys(("attribute", "dossier", "keys", "match", "rebuild", "share", "verify"), "evidence"),
    **dict.fromkeys(("demo", "lab"), "lab"),
    "model": "model",
}
"""Command -> the extra that brings it, for those who do not have it."""


class CommandEntry(NamedTuple):
    """One row of a table of commands.

    Attributes:
        help: its line in the help of its group.
        target: `module:attribute` of a function with Typer's annotations, or of a Typer app.
        hidden: it works and is not shown.
    """

    help: str
    target: str
    hidden: bool = False


@cache
def other_commands() -> dict[str, EntryPoint]:
    """The commands of other distributions that are installed; none of their code is imported."""
    return {one.name: one for one in sorted(entry_points(group=COMMANDS_GROUP), key=lambda one: one.name)}


def entry_of(point: EntryPoint) -> CommandEntry:
    """What another distribution says of its command.

    Raises:
        ConfigError: it cannot be loaded, or is no entry.
    """
    try:
        found = point.load()
    except Exception as error:  # a stranger's code, which may raise anything
        raise broken_command(point.name, point, error) from error
    if not isinstance(found, CommandEntry):
        raise broken_command(point.name, point, f"{point.value} is no CommandEntry")
    return found


def broken_command(name: str, point: EntryPoint, why: object) -> ConfigError:
    """The error for a command of another distribution that cannot be used."""
    owner = point.dist.name if point.dist is not None else point.module
    return ConfigError(
        f"the command {name} of {owner} cannot be loaded: {why}",
        where=point.value,
        next_step=f"upgrade {owner}, or remove it",
    )


def missing_command(name: str) -> ConfigError:
    """The error for a command whose distribution is not installed.

    Args:
        name: a key of `COMES_WITH`.
    """
    extra = COMES_WITH[name]
    return ConfigError(f"this command comes with stillhunt-{extra}", next_step=f"pip install 'stillhunt[{extra}]'")
