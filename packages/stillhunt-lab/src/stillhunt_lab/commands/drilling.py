"""`stillhunt lab drill`: what a hunt would find in the user's own logs, and what it would miss."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from stillhunt.commands import (
    AccountsOption,
    JsonFlag,
    MapAccountsOption,
    MapOption,
    QuietFlag,
    SetOption,
    SettingsOption,
    compile_once,
    load_config,
    message_console,
    open_progress,
    output_console,
    pairs,
    print_columns,
    print_json,
)
from stillhunt.tools import plural
from stillhunt_lab.drill.own_logs import LogsToDrill
from stillhunt_lab.drill.report import document, refuse_folder, sentences, table_rows, write_results
from stillhunt_lab.drill.run import DrillResult, DrillSpec, drill

T = TypeVar("T")


def lab_drill(
    logs: Annotated[
        list[str], typer.Argument(metavar="LOGS", help="Your request logs, in any form 'hunt' reads; never changed.")
    ],
    accounts: AccountsOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Folder for drill.md, drill.json, drill.svg.")
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="LIST", help="Numbers of accounts of the planted campaigns.")
    ] = "10,30,100,300",
    paces: Annotated[
        str, typer.Option("--paces", metavar="LIST", help="Harvest requests per account and day.")
    ] = "4,12,40",
    kinds: Annotated[
        str,
        typer.Option("--kinds", metavar="LIST", help="Wording around the items: template, paraphrase, untemplated."),
    ] = "template,paraphrase,untemplated",
    quick: Annotated[
        bool, typer.Option("--quick", help="Sizes 20 and 60 at 12 a day, whatever --sizes and --paces say.")
    ] = False,
    cover: Annotated[
        float,
        typer.Option("--cover", min=0, max=0.9, help="Share of the planted accounts' traffic that is cover traffic."),
    ] = 0.0,
    queue: Annotated[
        int, typer.Option("--queue", min=100, help="Harvest requests after which a campaign ends.")
    ] = 10_000,
    sample: Annotated[
        int, typer.Option("--sample", min=0, metavar="ACCOUNTS", help="Drill on that many accounts only; 0 = all.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything that is planted.")] = 0,
    mapping: MapOption = None,
    accounts_mapping: MapAccountsOption = None,
    settings: SetOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Plant campaigns into a copy of your own logs and say which would be found.

    Planted accounts use the busy hours, texts, models and networks of your log, and are hunted with your settings. The
    result says which sizes and paces are found, after how many harvested requests, and how many honest accounts are
    flagged along with them. Everything happens in memory.
    """
    source = LogsToDrill(logs, accounts, pairs(mapping, "--map"), pairs(accounts_mapping, "--map-accounts"), sample)
    config = load_config(settings, settings_file)
    spec = DrillSpec(
        sizes=_parse_comma_list("20,60" if quick else sizes, int, "--sizes"),
        paces=_parse_comma_list("12" if quick else paces, float, "--paces"),
        kinds=_parse_comma_list(kinds, str, "--kinds"),  # type: ignore[arg-type]  # the spec refuses unknown kinds
        cover=cover,
        queue=queue,
        seed=seed,
    )
    if out is not None:
        refuse_folder(out, source.logs)
    with open_progress(quiet=quiet) as progress:
        compile_once(progress)
        result = drill(source, spec, config, progress)
    if out is not None:
        write_results(result, out)
    if as_json:
        print_json(document(result))
    else:
        _print_drill_result(result, out)
    if result.suspects and not quiet:
        who = plural(result.suspects, "account is", "accounts are")
        message_console().print(f"note: {who} flagged without any planted campaign; they do not count as honest")


def _parse_comma_list(text: str, kind: Callable[[str], T], option: str) -> tuple[T, ...]:
    """Values separated by commas."""
    try:
        return tuple(kind(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of numbers such as 10,30", param_hint=option) from error


def _print_drill_result(result: DrillResult, out: Path | None) -> None:
    console = output_console()
    read = f"{result.requests:,} requests of {result.accounts:,} accounts over {result.days:.1f} days"
    console.print(f"{read}, {result.hunts} hunts\n")
    print_columns(console, table_rows(result), ("bold",))
    console.print()
    for sentence in sentences(result):
        console.print(sentence)
    if out is not None:
        console.print(f"written: {out}/drill.md, drill.json, drill.svg")
