"""Options that several commands share, and their parsing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from stillhunt.base.config import Config, parse_value
from stillhunt.base.errors import ConfigError

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no notes on stderr, only errors.")]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.NAME=VALUE", help="Change one setting; may be repeated.")
]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Settings file (TOML) in place of ./stillhunt.toml.")
]
DEFAULT_DATA = Path("stillhunt-data")
OPEN_LISTEN = "127.0.0.1:8687"
"""Next to the port of `serve`, so that both can run."""
DataOption = Annotated[Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder of 'serve' or 'watch'.")]
NewDataOption = Annotated[
    Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder; made if it does not exist.")
]
NoteOption = Annotated[str, typer.Option("--note", metavar="TEXT", help="Why, for colleagues; no customer sees it.")]
AccountsOption = Annotated[
    str | None, typer.Option("--accounts", metavar="FILE", help="Table of accounts, one row per account; optional.")
]
WatchedAccountsOption = Annotated[
    str | None,
    typer.Option("--accounts", metavar="FILE", help="Table of accounts, read again by each hunt (watch.accounts)."),
]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed; the same seed gives the same result.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="COLUMN=FIELD", help="Fill a column from this field of the logs; may be repeated."),
]
MapAccountsOption = Annotated[
    list[str] | None, typer.Option("--map-accounts", metavar="COLUMN=FIELD", help="The same for the table of accounts.")
]
FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Format of the logs; without it, recognised by content.")
]


def load_config(settings: list[str] | None, file: Path | None, **flags: str | None) -> Config:
    """The settings of a command: `--set`, its own options (`__` for the dot), and the file, else ./stillhunt.toml."""
    return Config.load(nested_settings({**pairs(settings, "--set"), **given_settings(**flags)}), file=file)


def given_settings(**flags: str | None) -> dict[str, str]:
    """Those settings with options of their own that were given, `__` for the dot."""
    return {name.replace("__", "."): str(value) for name, value in flags.items() if value is not None}


def nested_settings(pairs: Mapping[str, str]) -> dict[str, Any]:
    """`section.name=value` pairs as `Config.load` takes them, read as TOML where they are TOML.

    Raises ConfigError if one pair names a setting, another one a setting inside it.
    """
    nested: dict[str, Any] = {}
    for dotted, text in pairs.items():
        *sections, name = dotted.split(".")
        target = nested
        for section in sections:
            inner = target.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(
                    f"{section!r} is given a value and settings of its own",
                    where=f"--set {dotted}",
                    next_step="'stillhunt config show' lists every setting with its unit and reason",
                )
            target = inner
        target[name] = parse_value(text)
    return nested


def pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    """`name=value` texts as a mapping; a usage error for one without name or equals sign, or of a name given before."""
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise typer.BadParameter(f"{text!r} is not of the form name=value", param_hint=option)
        if name.strip() in pairs:
            raise typer.BadParameter(f"{name.strip()!r} is given twice; leave one out", param_hint=option)
        pairs[name.strip()] = value.strip()
    return pairs


def refuse_unused(context: typer.Context, names: Sequence[str], reason: str) -> None:
    """Refuse, with a ConfigError, options that would change nothing here, so that nobody believes they did."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = next(one.opts[0] for one in context.command.params if one.name == name)
            raise ConfigError(f"it has no effect here: {reason}", where=option, next_step="leave it out")
