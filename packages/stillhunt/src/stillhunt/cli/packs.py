"""The commands of evidence packs; what they do is in `packing.py`, imported when they run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillhunt.cli.options import JsonFlag, QuietFlag, SettingsOption, refuse_unused

commands = typer.Typer()

PackArgument = Annotated[Path, typer.Argument(metavar="PACK", help="An evidence pack written by 'dossier'.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Public key in PEM whose signature counts, and no other's.")
]
FingerprintOption = Annotated[
    str | None,
    typer.Option("--fingerprint", metavar="HEX", help="Fingerprint of the key whose signature counts, and no other's."),
]
AuthorityOption = Annotated[
    Path | None,
    typer.Option("--tsa-cert", metavar="FILE", help="Root certificate in PEM of the authority that stamped the pack."),
]


@commands.command()
def dossier(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="A case folder, or the data folder of a watch for its newest case.")
    ],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="PACK.zip", help="File to write; of a data folder by default in its packs/."
        ),
    ] = None,
    narrative: Annotated[
        Path | None,
        typer.Option("--narrative", metavar="FILE", help="What happened, in your words; else that of the case work."),
    ] = None,
    actors: Annotated[
        Path | None, typer.Option("--actors", metavar="FILE", help="Actors to compare the campaign with (TOML).")
    ] = None,
    proof: Annotated[
        Path | None,
        typer.Option("--proof", metavar="PROOF.json", help="Result of 'model prove' about this campaign and case."),
    ] = None,
    authority: Annotated[
        str, typer.Option("--tsa", metavar="URL", help="Authority that stamps the pack (RFC 3161); it learns one hash.")
    ] = "",
    full: Annotated[
        bool, typer.Option("--full", help="With account ids and longer excerpts, as the case has them; not for others.")
    ] = False,
    who: Annotated[
        Path | None,
        typer.Option("--who", metavar="FILE", help="Write whom each pseudonym stands for (CSV); for you alone."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Write the evidence on one campaign as a signed pack, for a lawyer, another provider or the accused.

    The pack has the report, the evidence with the requests that it rests on, the settings, parameters and versions, and
    a signed manifest. Ids are pseudonyms, and excerpts are short and redacted. Prints the file and its SHA-256.
    """
    from stillhunt.cli.packing import DossierOrder, run_dossier  # start-up time

    order = DossierOrder(
        case, campaign, out, narrative, actors, proof, authority, full, who, force, settings_file, quiet
    )
    run_dossier(order)


@commands.command()
def verify(
    pack: PackArgument,
    key: KeyOption = None,
    fingerprint: FingerprintOption = None,
    authority: AuthorityOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that nobody changed a pack since it was signed, and who signed it; needs no network.

    Without a key or fingerprint, the own key and those of 'keys trust' count. Ends with 1 if anything was touched, or
    if somebody else signed it.
    """
    from stillhunt.cli.verifying import TrustOrder, run_verify  # start-up time

    run_verify(pack, TrustOrder(key, fingerprint, authority, settings_file), as_json=as_json)


@commands.command()
def rebuild(
    context: typer.Context,
    pack: PackArgument,
    key: KeyOption = None,
    fingerprint: FingerprintOption = None,
    logs: Annotated[
        list[str] | None,
        typer.Option("--logs", metavar="LOGS", help="Hunt these logs again and compare all findings; may be repeated."),
    ] = None,
    accounts: Annotated[
        str | None, typer.Option("--accounts", metavar="FILE", help="Table of accounts of that hunt; optional.")
    ] = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Derive the verdict of a pack again, bit for bit, from what is in it.

    Verifies the pack first. Then caps, odds, families, budget, verdict, members and flags are computed from the
    evidence before caps, and each number is compared with what the pack says. With --logs, the whole hunt is run again
    under the settings of the pack; ids are compared under your key of pseudonyms. Ends with 1 where anything differs.
    """
    from stillhunt.cli.rebuilding import RebuildOrder, run_rebuild  # start-up time
    from stillhunt.cli.verifying import TrustOrder  # start-up time

    if not logs:
        refuse_unused(context, ("accounts",), "only --logs are hunted with a table of accounts")
    trust = TrustOrder(key, fingerprint, None, settings_file)
    run_rebuild(RebuildOrder(pack, trust, tuple(logs or ()), accounts, quiet), as_json=as_json)
