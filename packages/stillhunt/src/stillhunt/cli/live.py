"""The commands that keep running: serve and watch, and the tokens of those who send."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SetOption, SettingsOption, given, pairs, refuse_unused

commands = typer.Typer()
token_app = typer.Typer(no_args_is_help=True, help="Tokens of those who send records to 'serve', or steer it.")
commands.add_typer(token_app, name="token")

DataOption = Annotated[
    Path, typer.Option("--data", "-d", metavar="FOLDER", help="Data folder; made if it does not exist.")
]
DEFAULT_DATA = Path("stillhunt-data")


class Part(StrEnum):
    """What one process of several does."""

    INGEST = "ingest"
    HUNT = "hunt"
    WEB = "web"


class Scope(StrEnum):
    """What a token may be used for."""

    INGEST = "ingest"
    DECIDE = "decide"
    APPEAL = "appeal"
    ADMIN = "admin"


@commands.command()
def serve(
    context: typer.Context,
    data: DataOption = DEFAULT_DATA,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to listen (serve.listen).")
    ] = None,
    accounts: Annotated[
        str | None,
        typer.Option("--accounts", metavar="FILE", help="Table of accounts, read anew by each hunt (watch.accounts)."),
    ] = None,
    only: Annotated[
        list[Part] | None,
        typer.Option("--only", help="Do this part only; other processes on the same folder do the others."),
    ] = None,
    watched: Annotated[
        list[str] | None,
        typer.Option("--logs", metavar="PATH", help="Also hunt in these logs, where they lie; may be repeated."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check settings, folder, database and port, and exit.")
    ] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Receive traffic over HTTP, hunt in it again and again, and show what is found.

    Everything is kept in one data folder. The first start prints a token with which to send; the lines to paste into
    LiteLLM or an OpenTelemetry collector are printed each time.
    """
    from stillhunt.cli.serving import ServeOrder, run_serve  # start-up time

    if only and Part.HUNT not in only:
        refuse_unused(context, ("watched",), "only the part 'hunt' reads logs")

    order = ServeOrder(
        data=data,
        parts=frozenset(part.value for part in only or list(Part)),
        watched=tuple(watched or ()),
        settings={**pairs(settings, "--set"), **given(**{"serve.listen": listen, "watch.accounts": accounts})},
        settings_file=settings_file,
        quiet=quiet,
    )
    raise typer.Exit(run_serve(order, check=check))


@commands.command()
def watch(
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOGS", help="Folders, files, patterns or object stores that grow; read in place."),
    ],
    data: DataOption = DEFAULT_DATA,
    accounts: Annotated[
        str | None,
        typer.Option("--accounts", metavar="FILE", help="Table of accounts, read anew by each hunt (watch.accounts)."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Hunt once and exit, for a scheduler of your own.")] = False,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Hunt again and again in logs that grow, without receiving anything.

    Writes a snapshot into the data folder after each hunt, with campaigns that keep their ids.
    """
    from stillhunt.cli.serving import ServeOrder, run_watch  # start-up time

    order = ServeOrder(
        data=data,
        parts=frozenset((Part.HUNT.value,)),
        watched=tuple(logs),
        settings={**pairs(settings, "--set"), **given(**{"watch.accounts": accounts})},
        settings_file=settings_file,
        quiet=quiet,
    )
    raise typer.Exit(run_watch(order, once=once))


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the token is for, such as the gateway's name.")],
    data: DataOption = DEFAULT_DATA,
    source: Annotated[
        str, typer.Option("--source", metavar="SOURCE", help="Folder of the spool for what is sent with it.")
    ] = "default",
    scope: Annotated[
        list[Scope] | None,
        typer.Option(
            "--scope",
            help="ingest: send records; decide: ask what is decided, for gateways; appeal: file appeals, for a "
            "customer portal; admin: everything but sending. May be repeated; 'ingest' without it.",
        ),
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="The same as '--scope ingest --scope admin'.")] = False,
    settings_file: SettingsOption = None,
) -> None:
    """Make a token and print it; it cannot be shown again."""
    from stillhunt.cli.tokens import TokensOrder, run_token_add  # start-up time

    scopes = [Scope.INGEST, Scope.ADMIN] if admin else scope or [Scope.INGEST]
    run_token_add(TokensOrder(data, settings_file), name, source, frozenset(one.value for one in scopes))


@token_app.command("list")
def token_list(
    data: DataOption = DEFAULT_DATA, settings_file: SettingsOption = None, as_json: JsonFlag = False
) -> None:
    """List the tokens; none of them is shown."""
    from stillhunt.cli.tokens import TokensOrder, run_token_list  # start-up time

    run_token_list(TokensOrder(data, settings_file), as_json=as_json)


@token_app.command("rotate")
def token_rotate(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id from 'token list'.")],
    hours: Annotated[
        float, typer.Option("--hours", metavar="HOURS", help="For how long the old token counts beside the new one.")
    ] = 24.0,
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Make a token in place of another one and print it; the old one counts for some hours more."""
    from stillhunt.cli.tokens import TokensOrder, run_token_rotate  # start-up time

    run_token_rotate(TokensOrder(data, settings_file), token_id, hours)


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id from 'token list'.")],
    data: DataOption = DEFAULT_DATA,
    settings_file: SettingsOption = None,
) -> None:
    """Revoke a token; it is refused within seconds."""
    from stillhunt.cli.tokens import TokensOrder, run_token_revoke  # start-up time

    run_token_revoke(TokensOrder(data, settings_file), token_id)
