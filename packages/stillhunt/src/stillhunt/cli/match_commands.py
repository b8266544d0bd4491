"""The commands `match`; what they do is in `matching.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, SettingsOption

commands = typer.Typer(no_args_is_help=True, help="Find the campaigns that two providers share.")

MatchCaseArgument = Annotated[Path, typer.Argument(metavar="CASE", help="Case folder with the own campaigns.")]
SharedIdsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...", help="Campaign ids or their beginnings; all with the verdict act or review without them."
    ),
]
CircleOption = Annotated[
    str, typer.Option("--circle", metavar="NAME", help="Sharing circle whose key hides the features.")
]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
AllPairsFlag = Annotated[bool, typer.Option("--all", help="Pairs of two different campaigns, too.")]
MATCHED_EXIT_CODE = 3
"""Exit code when a campaign matched."""


@commands.command("sketch")
def match_sketch(
    case: MatchCaseArgument,
    circle: CircleOption,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to give to the other provider.")],
    ids: SharedIdsArgument = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write what campaigns are known by into a file for a provider of the same circle, and print their names in it.

    The file has keyed hashes and no ids or text. Who has the circle's key can try phrases and words of his own.
    """
    from stillhunt.cli.matching import MatchOrder, run_match_sketch  # start-up time

    run_match_sketch(MatchOrder(case, tuple(ids or ()), settings_file, force, as_json), circle, out)


@commands.command("files")
def match_two_files(
    mine: Annotated[Path, typer.Argument(metavar="MINE", help="Own file of sketches.")],
    theirs: Annotated[Path, typer.Argument(metavar="THEIRS", help="File of the other provider.")],
    circle: CircleOption,
    fingerprint: Annotated[
        str,
        typer.Option(
            "--fingerprint", metavar="HEX", help="Fingerprint of the other provider's key, if it is not trusted here."
        ),
    ] = "",
    every_pair: AllPairsFlag = False,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare two files of sketches: which campaigns are one, and why. Exit code 3 where some match.

    Both files must be signed by a key that is trusted here, or by the one that --fingerprint names.
    """
    from stillhunt.cli.matching import run_match_files  # start-up time

    named = fingerprint.lower().replace(":", "")
    if run_match_files((mine, theirs), circle, settings_file, named, every_pair=every_pair, as_json=as_json):
        raise typer.Exit(MATCHED_EXIT_CODE)


@commands.command("ask")
def match_ask(
    case: MatchCaseArgument,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="REQUEST", help="File to send to the other provider.")],
    secret: Annotated[
        Path, typer.Option("--secret", metavar="SECRET", help="File to keep until the response is there; show nobody.")
    ],
    ids: SharedIdsArgument = None,
    counts_only: Annotated[
        bool, typer.Option("--counts-only", help="Learn how many features one campaign shares, and not which.")
    ] = False,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Ask another provider for shared campaigns without showing it what is asked for (private set intersection).

    The first of three steps: ask, answer, learn. Needs the extra stillhunt[psi] on both sides.
    """
    from stillhunt.cli.matching import MatchOrder, run_match_ask  # start-up time

    order = MatchOrder(case, tuple(ids or ()), settings_file, force)
    run_match_ask(order, out, secret, counts_only=counts_only)


@commands.command("answer")
def match_answer(
    case: MatchCaseArgument,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="File of the provider that asks.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RESPONSE", help="File to send back.")],
    ids: SharedIdsArgument = None,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
) -> None:
    """Answer a request: the other side learns which of its features your campaigns have; you learn how many it asked.

    Count the requests that you answer: each tells something of up to 2,048 phrases and as many words.
    """
    from stillhunt.cli.matching import MatchOrder, run_match_answer  # start-up time

    run_match_answer(MatchOrder(case, tuple(ids or ()), settings_file, force), request, out)


@commands.command("learn")
def match_learn(
    secret: Annotated[Path, typer.Argument(metavar="SECRET", help="File that was kept when the request was made.")],
    response: Annotated[Path, typer.Argument(metavar="RESPONSE", help="File that came back.")],
    every_pair: AllPairsFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Read a response: which campaigns the other provider has, too, and why. Exit code 3 where some match."""
    from stillhunt.cli.matching import run_match_learn  # start-up time

    if run_match_learn(secret, response, every_pair=every_pair, as_json=as_json):
        raise typer.Exit(MATCHED_EXIT_CODE)
