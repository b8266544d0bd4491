"""Tables of commands: what a group shows of a command, and where its code is, without importing it."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from stillhunt.base.errors import ConfigError
from stillhunt.base.installing import install_command

COMMANDS_GROUP = "stillhunt.commands"
"""Entry points of other distributions: the name of a command, and where its `CommandEntry` is."""
PARTS_GROUP = "stillhunt.parts"  # entry points of functions that commands of other distributions call
COMES_WITH = {
    **dict.fromkeys(("attribute", "dossier", "keys", "match", "rebuild", "share", "verify"), "evidence"),
    **dict.fromkeys(("demo", "lab"), "lab"),
    "model": "model",
    **dict.fromkeys(("case", "open", "serve", "token", "user"), "server"),
    **dict.fromkeys(("outlets", "rules", "signals", "terms"), "signals"),
}
"""Command -> the extra that brings it, for those who do not have it."""


class CommandEntry(NamedTuple):
    """One row of a table of commands."""

    help: str  # its line in the help of its group
    target: str  # `module:attribute` of a function with Typer's annotations, or of a Typer app
    hidden: bool = False  # it works and is not shown


@cache
def other_commands() -> dict[str, EntryPoint]:
    """The commands of other distributions that are installed; none of their code is imported."""
    return {one.name: one for one in sorted(entry_points(group=COMMANDS_GROUP), key=lambda one: one.name)}


def entry_of(point: EntryPoint) -> CommandEntry:
    """What another distribution says of its command; a ConfigError if it cannot be loaded or is no entry."""
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


def part_of_another(name: str, extra: str) -> Any:
    """What another distribution (an extra) brings to `stillhunt.parts` for commands of a third one.

    Raises ConfigError if it is not installed, or cannot be loaded.
    """
    points = list(entry_points(group=PARTS_GROUP, name=name))
    if not points:
        raise _make_missing_extra_error("what is asked for", extra)
    try:
        return points[0].load()
    except Exception as error:  # somebody else's code, which may raise anything
        raise broken_command(name, points[0], error) from error


def missing_command(name: str) -> ConfigError:
    """The error for a command in `COMES_WITH` whose distribution is not installed."""
    return _make_missing_extra_error("this command", COMES_WITH[name])


def _make_missing_extra_error(what: str, extra: str) -> ConfigError:
    return ConfigError(f"{what} comes with stillhunt-{extra}", next_step=install_command(extra))
