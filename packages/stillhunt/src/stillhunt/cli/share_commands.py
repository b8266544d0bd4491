"""The command `share`; what it does is in `sharing.py`, imported when it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, MapOption, QuietFlag, SettingsOption, pairs, refuse_unused

commands = typer.Typer()


class SharedTlp(StrEnum):
    """A label of the Traffic Light Protocol 2.0."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-03-13T08:00Z", param_hint="--at") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@commands.command()
def share(
    context: typer.Context,
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write; - prints it.")],
    circle: Annotated[str, typer.Option("--circle", metavar="NAME", help="Sharing circle whose key hides values.")],
    tlp: Annotated[SharedTlp, typer.Option("--tlp", help="How far it may be passed on (Traffic Light Protocol 2.0).")],
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A campaign id or its beginning; without it, those with the verdict act."),
    ] = None,
    share_format: Annotated[
        str, typer.Option("--format", help="Format of the file: stix, misp, ocsf, ecs, csv, or that of a plugin.")
    ] = "stix",
    logs: Annotated[
        list[str] | None,
        typer.Option(
            "--logs",
            metavar="LOGS",
            help="Read these logs again for keyed hashes of the addresses; may be repeated.",
        ),
    ] = None,
    mapping: MapOption = None,
    sender: Annotated[
        str, typer.Option("--from", metavar="NAME", help="Who shares it, for receivers; without it nobody is named.")
    ] = "",
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Time of this version; without it the end of the case's log."),
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Withdraw what was shared.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write campaigns in the format of another platform, without prompts, accounts, requests or addresses.

    Prints which campaign has which id in the file. A campaign to review is shared only if it is named. One that
    is withdrawn need not be in the case any more; the case that was shared withdraws its indicators as well.
    """
    from stillhunt.cli.sharing import ShareOrder, run_share  # start-up time

    if revoke:
        refuse_unused(context, ("logs", "mapping"), "a withdrawal reaches all that was shared without the logs")
    if not logs:
        refuse_unused(context, ("mapping",), "only --logs are read with one")
    if str(out) == "-":
        refuse_unused(context, ("as_json",), "the file itself is printed")
    order = ShareOrder(
        case=case,
        campaign=campaign,
        format=share_format,
        circle=circle,
        tlp=tlp.value,
        out=out,
        logs=tuple(logs or ()),
        mapping=pairs(mapping, "--map"),
        sender=sender,
        at=_time(at),
        revoke=revoke,
        force=force,
        settings=settings_file,
        quiet=quiet,
        as_json=as_json,
    )
    run_share(order)
