"""`stillhunt dossier`: the evidence on one campaign as a signed pack."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pyarrow.compute as pc
import typer

from stillhunt import CaseError, Config, ConfigError, InputError
from stillhunt.case import Case, resolve_id
from stillhunt.commands import (
    ForceFlag,
    QuietFlag,
    SettingsOption,
    message_console,
    opened_database,
    output_console,
    refuse_existing,
    safe_lines,
)
from stillhunt.live import SNAPSHOTS, DataFolder, latest_snapshot, read_work
from stillhunt.tools import write_whole
from stillhunt_evidence.actors import attribute, read_actors
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import has_signing_key, new_signing_key, read_signer
from stillhunt_evidence.packs.contents import Discretion, Pseudonyms
from stillhunt_evidence.packs.extracting import make_extract
from stillhunt_evidence.packs.making import PackOrder, kept_pack_path, make_pack, write_pack
from stillhunt_evidence.packs.proof_file import read_proof

_LONGEST_NARRATIVE = 100_000
"""Characters; fifty pages, more than anybody reads. Judgement."""


def dossier(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="A case folder, or the data folder of a watch for its newest case.")
    ],
    campaign: Annotated[str, typer.Argument(metavar="ID", help="A campaign id or its beginning.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="PACK.zip", help="File to write; for a data folder, by default in its packs/."
        ),
    ] = None,
    narrative: Annotated[
        Path | None,
        typer.Option(
            "--narrative",
            metavar="FILE",
            help="What happened, in your words; by default the narrative of the case work.",
        ),
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
        bool, typer.Option("--full", help="Include account ids and longer excerpts, as in the case; not for others.")
    ] = False,
    who: Annotated[
        Path | None,
        typer.Option(
            "--who", metavar="FILE", help="Write which account each pseudonym stands for (CSV); for you alone."
        ),
    ] = None,
    account: Annotated[
        str,
        typer.Option(
            "--account", metavar="ID", help="Write only what the pack has on this member: an extract for its owner."
        ),
    ] = "",
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
) -> None:
    """Write the evidence on one campaign as a signed pack, for a lawyer, another provider or the accused.

    The pack has the report, the evidence with the requests that it rests on, the settings, parameters and versions, and
    a signed manifest. Ids are pseudonyms, and excerpts are short and redacted. Prints the file and its SHA-256. With
    --account, it has only what is about one member and the group as a whole, and names nobody else.
    """
    config = Config.load(file=settings_file)
    data = case if (case / SNAPSHOTS).is_dir() else None
    folder = case if data is None else _newest_case(data)
    found = Case.read(folder)
    _, name = resolve_id(found.tables, campaign, ("campaign",))
    now = datetime.fromtimestamp(int(time.time()), UTC)
    if account and out is None:
        raise ConfigError("an extract needs a place", where="dossier", next_step="add --out EXTRACT.zip")
    if account and (narrative or actors or proof):
        raise ConfigError(
            "an extract has no narrative, no actors and no proof: they are about more than one account",
            where="dossier",
            next_step="leave out --narrative, --actors and --proof, or --account",
        )
    place = out or _kept_place(data, name, now)
    known = None if actors is None else read_actors(actors)
    proven = None if proof is None else read_proof(proof)
    for path in (place, *([who] if who else [])):
        refuse_existing(path, force=force)
    keys = keys_folder(config)
    if not has_signing_key(keys):
        made = new_signing_key(keys)
        message_console().print(safe_lines(f"Made a signing key in {keys}; its fingerprint is {made.fingerprint}"))
    signer, own = read_signer(keys)
    names = Pseudonyms(None if full else pseudonyms_key(keys))
    chars = None if full else config.dossier.excerpt_chars
    wanted = PackOrder(
        folder,
        name,
        Discretion(names, chars),
        now,
        narrative=_read_narrative_text(narrative, data, settings_file, name),
        attribution=None if known is None else attribute(found, name, known).as_dict(),
        proof=proven,
        authority="" if account else authority,
    )
    pack = make_pack(wanted, signer, own)
    if account:
        pack = make_extract(pack, names.one("account", account), signer, own, authority)
    digest = write_pack(pack, place, force=force)
    output_console().print(safe_lines(f"{digest}  {place}"), soft_wrap=True)
    if who is not None:
        members = found.members.filter(pc.equal(found.members["campaign_id"], name))["account_id"].to_pylist()
        write_whole(who, [names.who_is_who(members)])
    if not quiet:
        for line in _list_pack_notes(place, own.fingerprint, "" if full else names.one("campaign", name)):
            message_console().print(safe_lines(line), soft_wrap=True)


def _newest_case(data: Path) -> Path:
    snapshot = latest_snapshot(DataFolder(data, make=False))
    if snapshot is None:
        raise CaseError(
            "nothing was hunted in this data folder yet", where=str(data), next_step="wait for the first hunt"
        )
    return snapshot.case


def _kept_place(data: Path | None, campaign: str, now: datetime) -> Path:
    if data is None:
        raise ConfigError(
            "the pack of a case folder needs a place",
            where="dossier",
            next_step="name a file",
            command_step="add --out PACK.zip",
        )
    return kept_pack_path(data, campaign, now)


def _read_narrative_text(file: Path | None, data: Path | None, settings_file: Path | None, campaign: str) -> str:
    """What analysts wrote: from the file that was named, or else from the case work."""
    if file is not None:
        try:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(_LONGEST_NARRATIVE + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "the narrative cannot be read", where=str(file), next_step="name a text file in UTF-8"
            ) from error
        if len(text) > _LONGEST_NARRATIVE or "\0" in text:
            raise InputError(
                "the narrative is too long, or is no text", where=str(file), next_step="name a shorter text"
            )
        return text
    if data is None:
        return ""
    with opened_database(data, settings_file) as database:
        return read_work(database, campaign).narrative


def _list_pack_notes(out: Path, fingerprint: str, called: str) -> list[str]:
    """What the maker of a pack should know; `called` is the name of the campaign in it, empty in a full pack."""
    lines = [f"Signed by {fingerprint}. Whoever gets the pack needs this fingerprint, by another way than the pack."]
    if called:
        lines.append(f"In the pack the campaign is called {called}, and its narrative is redacted as excerpts are.")
    else:
        lines.append("It has account ids and longer excerpts: treat it like the logs, and do not pass it on.")
    return [*lines, f"next  stillhunt verify {out}"]
