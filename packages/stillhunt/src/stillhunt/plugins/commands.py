"""`stillhunt plugin`: write a package of your own, try it, and list what is installed."""

from __future__ import annotations

import re
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.formatting import plural, shorten
from stillhunt.base.plugin_groups import PLUGIN_GROUPS, Plugin, PluginGroup, tried_plugins

if TYPE_CHECKING:
    from stillhunt.collect.formats.source import Source

plugin_commands = typer.Typer(no_args_is_help=True, help="Plugins: packages of other people, and your own.")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_KINDS = ", ".join(group.kind for group in PLUGIN_GROUPS)


@plugin_commands.command("new")
def new_plugin(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"What it brings: {_KINDS}.")],
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Its name: lower case, digits, dashes.")] = "example",
) -> None:
    """Write a working package for a plugin of your own, with its test, as a folder here."""
    group = next((one for one in PLUGIN_GROUPS if one.kind == kind), None)
    if group is None:
        raise ConfigError(f"no such kind: {kind[:40]}", where="plugin new", next_step=f"use one of {_KINDS}")
    if not _NAME.fullmatch(name) or len(name) > 40:
        raise ConfigError(
            f"no name: {name[:40]}", where="plugin new", next_step="use lower case, digits and dashes between them"
        )
    target, module = Path(f"stillhunt-{name}"), "stillhunt_" + name.replace("-", "_")
    if target.exists():
        raise OutputError("the folder is there already", where=str(target), next_step="choose another name")
    files = {"pyproject.toml": "pyproject.toml", f"{module}.py": kind, f"test_{module}.py": f"test_{kind}"}
    words = {"@NAME@": name, "@MODULE@": module, "@KIND@": kind.replace("-", " "), "@GROUP@": group.entry_points}
    words["@NEEDS@"] = group.entry.partition(".")[0].replace("_", "-")  # the distribution that its type comes with
    target.mkdir()
    for file, template in files.items():
        text = resources.files("stillhunt.plugins").joinpath("templates", f"{template}.txt").read_text("utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        (target / file).write_text(text, encoding="utf-8")
    typer.echo(f"{target} is written. Next: pip install -e {target}; stillhunt plugin test stillhunt-{name}")


@plugin_commands.command("list")
def list_plugins() -> None:
    """Print what the installed packages add, and what is passed over, with the reason."""
    for one in _list_tried_plugins(PLUGIN_GROUPS):
        state = f"passed over: {one.problem}" if one.problem else "takes part"
        typer.echo(f"{one.group.kind}  {one.name}  {one.package} {one.version}  {state}")


@plugin_commands.command("test")
def try_plugin(
    package: Annotated[str, typer.Argument(metavar="PACKAGE", help="Name of an installed package.")],
) -> None:
    """Check that an installed package does what its entry points promise."""
    wanted = re.sub(r"[-_.]+", "-", package).lower()
    own = [one for one in _list_tried_plugins(PLUGIN_GROUPS) if re.sub(r"[-_.]+", "-", one.package).lower() == wanted]
    if not own:
        raise ConfigError(
            f"no package {shorten(package, 60)} that brings anything is installed",
            where="plugin test",
            next_step="install it; 'stillhunt plugin new' writes one whose pyproject.toml has the entry point",
        )
    faults = 0
    for one in own:
        problem = one.problem or _fault_at_work(one)
        faults += bool(problem)
        typer.echo(f"{one.group.kind} {one.name}: {problem or 'holds the contract'}")
    if faults:
        raise typer.Exit(1)


def _list_tried_plugins(groups: tuple[PluginGroup, ...]) -> list[Plugin]:
    """All entry points, after each registry has looked at its own."""
    from stillhunt.collect.formats import all_sources  # start-up time
    from stillhunt.score.evidence.catalogue import all_kinds  # start-up time
    from stillhunt.watch.alerts.receivers import all_channels  # start-up time

    for load in (all_sources, all_kinds, all_channels):
        load()
    for point in metadata.entry_points(group="stillhunt.registries"):  # of houses that have groups of their own
        point.load()()
    return [one for one in tried_plugins() if one.group in groups]


def _fault_at_work(plugin: Plugin) -> str:
    """What goes wrong where an entry does its work on a sample, in words; empty where nothing does."""
    from stillhunt.base.config_alerts import AlertSettings  # start-up time
    from stillhunt.collect.formats import source_named  # start-up time
    from stillhunt.watch.alerts.receivers import all_channels  # start-up time

    try:
        if plugin.group.kind == "reader":
            return _fault_of_reader(source_named(plugin.name))
        if plugin.group.kind == "alert-channel":
            channel = next(one for one in all_channels() if one.name == plugin.name)
            return "it finds receivers where no settings name them" if channel.receivers(AlertSettings()) else ""
    except Exception as error:  # whatever somebody else's code does is what the user asked for
        return shorten(f"{type(error).__name__}: {error}", 200)
    return ""


def _fault_of_reader(source: Source) -> str:
    from stillhunt.collect.formats import recognise  # start-up time
    from stillhunt.collect.formats.source import Sample  # start-up time

    if not source.examples:
        return "it has no examples"
    names = frozenset(name for record in source.examples if isinstance(record, dict) for name in record)
    found = recognise(Sample(min(source.framings), source.examples, names))
    if found is not source:
        return f"its examples are recognised as {found.name if found else 'nothing'}"
    if source.rows is None:
        return ""
    rows = [row for record in source.examples for row in source.rows(record) if isinstance(row, dict)]
    given = {name for row in rows for name, value in row.items() if value is not None}
    if source.role == "calls" and (missing := {"timestamp", "account_id", "model"} - given):
        return f"{plural(len(rows), 'row')} of its examples, and none with {min(missing)}"
    undeclared = given - set(source.carries) - {"messages", "links", "account_fallback", "attributes"}
    return f"its rows have {min(undeclared)}, which it does not declare" if undeclared else ""
