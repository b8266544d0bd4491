"""Groups that import a command when it is asked for; their own help is read from a table."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any, ClassVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from stillhunt.cli.entries import CommandEntry


class LazyGroup(TyperGroup):
    """A group whose commands stand in a table; a subclass has the table."""

    entries: ClassVar[Mapping[str, CommandEntry]] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast("MutableMapping[str, Any]", _Commands(self))
        self._shows_rows = False

    def names(self) -> list[str]:
        """Names of all commands, the hidden ones too."""
        return list(self.entries)

    def row(self, name: str) -> CommandEntry | None:
        """The row of a command; None where there is none that can be shown."""
        return self.entries.get(name)

    def load(self, name: str) -> Any:
        """The command of a row, imported; None where there is none."""
        entry = self.entries.get(name)
        return None if entry is None else load_command(name, entry)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature of the base class
        """Names of all commands, in the order of the table."""
        return self.names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature of the base class
        """A command; while help or completions are made, only what its row says."""
        if not self._shows_rows:
            return self.load(cmd_name)
        row = self.row(cmd_name)
        return None if row is None else TyperCommand(cmd_name, help=row.help, hidden=row.hidden)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the rows into the help."""
        self._shows_rows = True
        super().format_commands(ctx, formatter)
        self._shows_rows = False

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Complete the name of a command."""
        self._shows_rows = True
        found = super().shell_complete(ctx, incomplete)
        self._shows_rows = False
        return found


class _Commands(Mapping[str, Any]):
    """The commands of a lazy group as the base class keeps them: names without importing, commands by importing."""

    def __init__(self, group: LazyGroup) -> None:
        self._group = group

    def __getitem__(self, name: str) -> Any:
        command = self._group.load(name)
        if command is None:
            raise KeyError(name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._group.names())

    def __len__(self) -> int:
        return len(self._group.names())


def lazy_typer(table: Mapping[str, CommandEntry], about: str) -> typer.Typer:
    """A Typer app with this help, whose commands are imported one by one; the table is in the order of its help."""
    group = type("TableGroup", (LazyGroup,), {"entries": table})
    return typer.Typer(cls=group, callback=_do_nothing, no_args_is_help=True, help=about)


def _do_nothing() -> None:
    """What Typer calls before a command of a group."""


def load_command(name: str, entry: CommandEntry) -> Any:
    """Import a command and name it; a Typer app of one command is a group only where it has a help of its own."""
    module, _, attribute = entry.target.partition(":")
    found = getattr(import_module(module), attribute)
    outer = typer.Typer(add_completion=False, rich_markup_mode=None, callback=_do_nothing)
    if not isinstance(found, typer.Typer):
        outer.command(name)(found)
    elif len(found.registered_commands) == 1 and not isinstance(found.info.help, str):
        found.registered_commands[0].name = name
        outer.add_typer(found)
    else:
        outer.add_typer(found, name=name)
    command = cast("TyperGroup", get_command(outer)).commands[name]
    command.hidden = entry.hidden
    return command
