"""What `stillhunt dossier` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ConfigError, InputError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.databases import opened_database
from stillhunt.cli.exporting import refuse_existing
from stillhunt.cli.terminal import message_console, output_console, safe_lines
from stillhunt.decide.cases.work import read_work
from stillhunt.triage import Case
from stillhunt.triage.lookup import resolve_id
from stillhunt.watch.folder import SNAPSHOTS, DataFolder
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt_evidence.actors import attribute, read_actors
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import has_signing_key, new_signing_key, read_signer
from stillhunt_evidence.packs.contents import Discretion
from stillhunt_evidence.packs.making import PackOrder, kept_pack_path, make_pack, write_pack
from stillhunt_evidence.packs.proof_file import read_proof
from stillhunt_evidence.packs.pseudonyms import Pseudonyms

_LONGEST_NARRATIVE = 100_000
"""Characters; fifty pages, more than anybody reads. Judgement."""


@dataclass(frozen=True)
class DossierOrder:
    """Which pack to make, as given on the command line."""

    case: Path
    campaign: str
    out: Path | None
    narrative: Path | None
    actors: Path | None
    proof: Path | None
    authority: str
    full: bool
    who: Path | None
    force: bool
    settings_file: Path | None
    quiet: bool


def run_dossier(order: DossierOrder) -> None:
    """Make a pack and print its place and SHA-256.

    Raises:
        StillhuntError: there is no such campaign, or the pack cannot be made or written.
    """
    config = Config.load(file=order.settings_file)
    data = order.case if (order.case / SNAPSHOTS).is_dir() else None
    folder = order.case if data is None else _newest_case(data)
    case = Case.read(folder)
    _, campaign = resolve_id(case.tables, order.campaign, ("campaign",))
    now = datetime.fromtimestamp(int(time.time()), UTC)
    out = _place(order, data, campaign, now)
    known = None if order.actors is None else read_actors(order.actors)
    proof = None if order.proof is None else read_proof(order.proof)
    for path in (out, *([order.who] if order.who else [])):
        refuse_existing(path, force=order.force)
    keys = keys_folder(config)
    if not has_signing_key(keys):
        made = new_signing_key(keys)
        message_console().print(safe_lines(f"Made a signing key in {keys}; its fingerprint is {made.fingerprint}"))
    signer, own = read_signer(keys)
    names = Pseudonyms(None if order.full else pseudonyms_key(keys))
    chars = None if order.full else config.dossier.excerpt_chars
    wanted = PackOrder(
        folder,
        campaign,
        Discretion(names, chars),
        now,
        narrative=_narrative(order, data, campaign),
        attribution=None if known is None else attribute(case, campaign, known).as_dict(),
        proof=proof,
        authority=order.authority,
    )
    pack = make_pack(wanted, signer, own)
    digest = write_pack(pack, out, force=order.force)
    output_console().print(safe_lines(f"{digest}  {out}"), soft_wrap=True)
    if order.who is not None:
        write_whole(order.who, [names.who_is_who(_members(case, campaign))])
    if not order.quiet:
        for line in _notes(order, out, own.fingerprint, names, campaign):
            message_console().print(safe_lines(line), soft_wrap=True)


def _newest_case(data: Path) -> Path:
    snapshot = latest_snapshot(DataFolder(data, make=False))
    if snapshot is None:
        raise CaseError(
            "nothing was hunted in this data folder yet", where=str(data), next_step="wait for the first hunt"
        )
    return snapshot.case


def _place(order: DossierOrder, data: Path | None, campaign: str, now: datetime) -> Path:
    if order.out is not None:
        return order.out
    if data is None:
        raise ConfigError(
            "the pack of a case folder needs a place",
            where="dossier",
            next_step="name a file",
            command_step="add --out PACK.zip",
        )
    return kept_pack_path(data, campaign, now)


def _narrative(order: DossierOrder, data: Path | None, campaign: str) -> str:
    """What analysts wrote: from the file that was named, or else from the case work."""
    if order.narrative is not None:
        try:
            with order.narrative.open(encoding="utf-8") as file:
                text = file.read(_LONGEST_NARRATIVE + 1)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "the narrative cannot be read", where=str(order.narrative), next_step="name a text file in UTF-8"
            ) from error
        if len(text) > _LONGEST_NARRATIVE or "\0" in text:
            raise InputError(
                "the narrative is too long, or is no text", where=str(order.narrative), next_step="name a shorter text"
            )
        return text
    if data is None:
        return ""
    with opened_database(data, order.settings_file) as database:
        return read_work(database, campaign).narrative


def _members(case: Case, campaign: str) -> list[str]:
    members = case.members
    return [
        account
        for account, own in zip(members["account_id"].to_pylist(), members["campaign_id"].to_pylist(), strict=True)
        if own == campaign
    ]


def _notes(order: DossierOrder, out: Path, fingerprint: str, names: Pseudonyms, campaign: str) -> list[str]:
    lines = [f"Signed by {fingerprint}. Whoever gets the pack needs this fingerprint, by another way than the pack."]
    if not order.full:
        called = names.one("campaign", campaign)
        lines.append(f"In the pack the campaign is called {called}, and its narrative is redacted as excerpts are.")
    if order.full:
        lines.append("It has account ids and longer excerpts: treat it as the logs themselves, and do not send it on.")
    return [*lines, f"next  stillhunt verify {out}"]
