"""`stillhunt verify` and `stillhunt rebuild`: what a pack proves, from the pack alone or from the logs, too."""

from pathlib import Path
from typing import Annotated, Any

import typer

import stillhunt
from stillhunt import Config, ConfigError, PackError
from stillhunt.commands import (
    JsonFlag,
    QuietFlag,
    SettingsOption,
    open_progress,
    output_console,
    print_columns,
    print_json,
    refuse_unused,
    safe_lines,
)
from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import FINGERPRINT, read_public_key, trusted_keys
from stillhunt_evidence.packs.contents import Discretion, Pseudonyms
from stillhunt_evidence.packs.rebuilding import (
    case_of_pack,
    hunt_differences,
    inputs_compared,
    rebuild_pack,
    settings_again,
)
from stillhunt_evidence.packs.stamp import read_certificates
from stillhunt_evidence.packs.verifying import Trust, VerifiedPack, verify_pack

PackArgument = Annotated[Path, typer.Argument(metavar="PACK", help="An evidence pack written by 'dossier'.")]

KeyOption = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="Public key in PEM; only its signature counts.")
]

FingerprintOption = Annotated[
    str | None,
    typer.Option("--fingerprint", metavar="HEX", help="Fingerprint of a key; only its signature counts."),
]

AuthorityOption = Annotated[
    Path | None,
    typer.Option("--tsa-cert", metavar="FILE", help="Root certificate in PEM of the authority that stamped the pack."),
]

_LONGEST_SAID = 100
"""Characters that are shown of what a header says."""

_DIFFERENCES_SHOWN = 5


def verify(
    pack: PackArgument,
    key: KeyOption = None,
    fingerprint: FingerprintOption = None,
    authority: AuthorityOption = None,
    settings_file: SettingsOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check that nobody changed a pack since it was signed, and who signed it; needs no network.

    Without a key or fingerprint, your own key and those of 'keys trust' count. Exit code 1 if anything was changed, or
    if somebody else signed it.
    """
    verified = verify_pack(pack, _trust_of(key, fingerprint, authority, settings_file))
    facts = _collect_pack_facts(verified)
    if as_json:
        print_json(facts)
        return
    console = output_console()
    console.print("Nothing was changed since it was signed.")
    shown = [
        (name.replace("_", " "), safe_lines(str(value))) for name, value in facts.items() if value not in (None, "")
    ]
    print_columns(console, shown)


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
    """Derive the verdict of a pack again, bit for bit, from its contents.

    Verifies the pack first. Then caps, odds, families, budget, verdict, members and flags are computed from the
    evidence before caps, and each number is compared with what the pack says. With --logs, the whole hunt is run again
    under the settings of the pack; ids are compared under your key of pseudonyms. Exit code 1 if anything differs.
    """
    if not logs:
        refuse_unused(context, ("accounts",), "only --logs are hunted with a table of accounts")
    verified = verify_pack(pack, _trust_of(key, fingerprint, None, settings_file))
    rebuilt = rebuild_pack(verified)
    differences = list(rebuilt.differences)
    compared = "the pack alone"
    if logs:
        own = Config.load(file=settings_file)
        discretion = _discretion_of(verified, own)
        config = settings_again(verified, own, discretion)
        with open_progress(quiet=quiet) as progress:
            again = stillhunt.hunt(logs, accounts, config, progress=progress)
        found = hunt_differences(verified, again, discretion)
        compared = f"the pack and the logs; {inputs_compared(verified, again)}"
        differences += found
    facts = {
        "campaign": case_of_pack(verified).tables["campaigns"]["campaign_id"][0].as_py(),
        "verdict": rebuilt.verdict.verdict,
        "score": rebuilt.verdict.score,
        "members": len(rebuilt.verdict.accounts),
        "flagged": len(rebuilt.verdict.flagged),
        "from": compared,
        "settings": rebuilt.changed_settings or "the defaults",
        "differences": differences,
    }
    if as_json:
        print_json(facts)
    if differences:
        shown = formatting.join_some(differences, _DIFFERENCES_SHOWN)
        raise PackError(
            f"{formatting.plural(len(differences), 'difference')} from the pack: {shown}",
            where=str(pack),
            next_step="do not rely on this pack; ask its maker which version and settings it was made with",
        )
    if not as_json:
        output_console().print("The verdict follows, bit for bit.")
        del facts["differences"]
        printed = {**facts, "score": formatting.probability(rebuilt.verdict.score)}
        print_columns(output_console(), [(name, safe_lines(str(value))) for name, value in printed.items()])


def _trust_of(key: Path | None, named: str | None, authority: Path | None, settings_file: Path | None) -> Trust:
    """Keys and authorities that a command line names, or those that are trusted here."""
    authorities = read_certificates(authority) if authority else []
    fingerprint = (named or "").lower().replace(":", "")
    if named is not None and not FINGERPRINT.fullmatch(fingerprint):
        raise ConfigError(
            "this is no fingerprint: 64 hexadecimal digits are expected", where="fingerprint", next_step="copy it whole"
        )
    if key is not None:
        public = read_public_key(key)
        if fingerprint and public.fingerprint != fingerprint:
            raise ConfigError(
                f"the key does not have the expected fingerprint: {public.fingerprint}",
                where=str(key),
                next_step="name the key or the fingerprint, or both of one signer",
            )
        return Trust([public], "", authorities)
    if fingerprint:
        return Trust([], fingerprint, authorities)
    return Trust(trusted_keys(keys_folder(Config.load(file=settings_file))), "", authorities)


def _collect_pack_facts(verified: VerifiedPack) -> dict[str, Any]:
    claimed, stamped = verified.claimed, verified.stamped
    return {
        "campaign": _read_header_value(verified, "campaign", "campaign_id"),
        "verdict": _read_header_value(verified, "campaign", "verdict"),
        "made_at": _read_header_value(verified, "pack", "madeAt"),
        "made_by": _read_header_value(verified, "pack", "madeBy"),
        "signed_by": verified.signer.fingerprint,
        "known_as": verified.signer.name,
        "files": len(verified.files),
        "merkle_root": verified.manifest.merkle_root,
        "stamped_at": None if stamped is None else formatting.minute(stamped),
        "stamp_not_checked": formatting.minute(claimed) if claimed is not None and stamped is None else None,
    }


def _read_header_value(verified: VerifiedPack, part: str, name: str) -> str | None:
    """What the header says, in which the signer may have written anything."""
    found = verified.manifest.header.get(part)
    value = found.get(name) if isinstance(found, dict) else None
    return formatting.shorten(str(value), _LONGEST_SAID) if value is not None else None


def _discretion_of(verified: VerifiedPack, own: Config) -> Discretion:
    """How a pack names things, and how long its excerpts are; names are compared under the own key."""
    pack = verified.manifest.header["pack"]
    return Discretion(Pseudonyms(None if pack["full"] else pseudonyms_key(keys_folder(own))), pack.get("excerptChars"))
