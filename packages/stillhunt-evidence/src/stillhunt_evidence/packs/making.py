"""Making an evidence pack: its verdict derived again, header, manifest, stamp, signature, archive; and keeping it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from pydantic import ValidationError
from securesystemslib.signer import CryptoSigner

from stillhunt import CaseError, Config, ContractError, OutputError, __version__
from stillhunt.case import DERIVABLE_VERSIONS, REPORT_FILE, RUN_FILE, Case
from stillhunt.plugins import OWNER_ONLY, PACKS
from stillhunt.tools import UNSAFE, parquet_bytes, redacted, write_whole
from stillhunt.verdicts import (
    EVIDENCE_PLUGINS,
    RebuiltVerdict,
    plugins_named,
    rebuild_verdict,
    verdict_differences,
    verdict_parameters,
)
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import PublicKey, has_signing_key, new_signing_key, read_signer
from stillhunt_evidence.packs.archive import archive_parts
from stillhunt_evidence.packs.contents import (
    SETTINGS_OF_HUNTS,
    Discretion,
    Pseudonyms,
    cut_case,
    harvest_digest,
    parquet_files,
)
from stillhunt_evidence.packs.manifest import (
    ENVELOPE_FILE,
    KEY_FILE,
    PACK_VERSION,
    PARAMETERS_FILE,
    STAMP_FILE,
    Manifest,
    as_plain_json,
    make_manifest,
    sign_statement,
    statement_of,
)
from stillhunt_evidence.packs.proof_file import PROOF_FILE, ProofDocument, proof_of_campaign
from stillhunt_evidence.packs.rendering import (
    ATTRIBUTION_FILE,
    DOSSIER_FILE,
    NARRATIVE_FILE,
    README_FILE,
    dossier_page,
    readme_text,
    report_page,
)
from stillhunt_evidence.packs.stamp import get_stamp

_DAMAGED = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValidationError, ValueError)
"""What comes of a record whose parts are not what a hunt writes."""
_DIFFERENCES_SHOWN = 3


def verdict_again(case: Case) -> tuple[RebuiltVerdict, list[str]]:
    """The verdict on the one campaign of a case, and one phrase for each number of the case that does not follow.

    Raises:
        ContractError: the tables or the record are not those of one campaign of a hunt.
    """
    try:
        settings, budget = case.run["settings"], case.run["budget"]
        config = Config(**{name: value for name, value in settings.items() if name in SETTINGS_OF_HUNTS})
        accounts, days = int(budget["accounts"]), float(budget["days"])
        if accounts < 1 or not 0.0 <= days < 1e6:
            raise ContractError("no log has so many accounts and days", where="budget in run.json")
        (campaign,) = case.tables["campaigns"].to_pylist()
        tables = (case.tables["evidence"], case.tables["members"], case.tables["accounts"])
        found = rebuild_verdict(*tables, config, accounts, days, plugins_named(case.run, EVIDENCE_PLUGINS))
        return found, verdict_differences(found, campaign, *tables)
    except ContractError:
        raise
    except _DAMAGED as error:
        raise ContractError(
            f"the record of the hunt is not what a hunt writes ({type(error).__name__})", where="run.json"
        ) from error


def check_case(case: Case, where: str) -> None:
    """Refuse to sign what does not follow.

    Raises:
        CaseError: the case was changed or damaged, or another version of stillhunt with other parameters wrote it.
    """
    if (version := case.run.get("case_version")) not in DERIVABLE_VERSIONS:
        raise CaseError(
            f"the case has version {version!r:.20}, and its verdict cannot be derived by the rules of this version",
            where=where,
            next_step="run the hunt again with this version of stillhunt",
        )
    try:
        differences = verdict_again(case)[1]
    except ContractError as error:
        differences = [error.what]
    if differences:
        raise CaseError(
            f"the verdict does not follow from the evidence: {'; '.join(differences[:_DIFFERENCES_SHOWN])}",
            where=where,
            next_step="run the hunt again with this version of stillhunt",
        )


MADE_AT = "%Y-%m-%dT%H:%M:%SZ"
"""How the header writes when the pack was made."""
HUNT_FACTS = ("version", "case_version", "sketch_version", "seed", "budget")
INPUT_FACTS = ("name", "bytes", "rows", "sha256")
"""What the header says of the hunt and of each input, from run.json."""


@dataclass(frozen=True)
class PackOrder:
    """What a pack is to be made of."""

    folder: Path
    campaign_id: str
    discretion: Discretion
    made_at: datetime
    narrative: str = ""
    attribution: Mapping[str, Any] | None = None
    proof: ProofDocument | None = None
    authority: str = ""  # URL of an authority that stamps it; empty for none


@dataclass(frozen=True)
class Pack:
    """A pack before it is written."""

    files: Mapping[str, bytes] = field(repr=False)
    manifest: Manifest = field(repr=False)


def make_pack(order: PackOrder, signer: CryptoSigner, own: PublicKey) -> Pack:
    """A signed pack of one campaign.

    Raises:
        CaseError: there is no such case or campaign, or the case is damaged.
        PackError: the authority gives no time stamp, or the proof is not about this campaign and case.
    """
    case = Case.read(order.folder)
    cut = cut_case(case, order.campaign_id, order.discretion)
    check_case(cut, str(order.folder))
    header = _build_pack_header(order, cut, own)
    files = {
        **parquet_files(cut, parquet_bytes),
        RUN_FILE: as_plain_json(cut.run),
        PARAMETERS_FILE: as_plain_json(verdict_parameters()),
        KEY_FILE: own.pem.encode(),
        README_FILE: readme_text(header),
        REPORT_FILE: report_page(cut),
    }
    narrative, called = _clean_narrative(order, case), order.discretion.names.one("campaign", order.campaign_id)
    attribution = None if order.attribution is None else {**order.attribution, "campaign_id": called}
    proof = order.proof and proof_of_campaign(order.proof, order.campaign_id, called, header["harvest"])
    if narrative:
        files[NARRATIVE_FILE] = narrative.encode()
    if attribution is not None:
        files[ATTRIBUTION_FILE] = as_plain_json(attribution)
    if proof is not None:
        files[PROOF_FILE] = as_plain_json(proof.as_plain())
    names = {*files, DOSSIER_FILE, ENVELOPE_FILE, *([STAMP_FILE] if order.authority else [])}
    files[DOSSIER_FILE] = dossier_page(cut, header, narrative, attribution, proof, names)
    manifest = make_manifest(header, files)
    stamp = get_stamp(manifest.merkle_root, order.authority) if order.authority else None
    if stamp is not None:
        files[STAMP_FILE] = stamp
    files[ENVELOPE_FILE] = sign_statement(statement_of(manifest, stamp), signer)
    return Pack(files, manifest)


def write_pack(pack: Pack, path: Path, *, force: bool = False) -> str:
    """Write a pack, completely or not at all, for its owner alone.

    Returns:
        SHA-256 of the file, in hexadecimal.

    Raises:
        OutputError: there is something already, or it cannot be written.
    """
    if os.path.lexists(path) and not (force and path.is_file()):
        raise OutputError(
            "there is something of this name already",
            where=str(path),
            next_step="name another file",
            command_step="name another --out, or replace the file with --force",
        )
    digest = hashlib.sha256()
    write_whole(path, _hashed_parts(pack, digest))
    return digest.hexdigest()


def _hashed_parts(pack: Pack, digest: hashlib._Hash) -> Iterator[bytes]:
    for part in archive_parts(pack.files):
        digest.update(part)
        yield part


def _build_pack_header(order: PackOrder, cut: Case, own: PublicKey) -> dict[str, Any]:
    (campaign,) = cut.tables["campaigns"].to_pylist()
    run = cut.run
    return {
        "pack": {
            "version": PACK_VERSION,
            "madeAt": order.made_at.astimezone(UTC).strftime(MADE_AT),
            "madeBy": f"stillhunt {__version__}",
            "signer": own.fingerprint,
            "full": order.discretion.names.key is None,
            "excerptChars": order.discretion.excerpt_chars,
        },
        "campaign": {name: campaign[name] for name in ("campaign_id", "kind", "verdict", "accounts", "requests")}
        | {"score": repr(campaign["score"])},
        "hunt": {name: run.get(name) for name in HUNT_FACTS},
        "inputs": [{name: one.get(name) for name in INPUT_FACTS} for one in run.get("inputs", [])],
        "harvest": harvest_digest(order.folder, order.campaign_id),
    }


def _clean_narrative(order: PackOrder, case: Case) -> str:
    """The narrative without control characters, but with its lines.

    Where the pack names nobody it is redacted, and ids of members and of cited requests are their pseudonyms.
    """
    text = order.narrative.replace("\r\n", "\n")
    text = UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else "", text).strip()
    if not text:
        return ""
    names = order.discretion.names
    if names.key is None:
        return text + "\n"
    known: dict[str, str] = {}
    for kind, table in (("account", case.members), ("request", case.cited)):
        own = table.filter(pc.equal(table["campaign_id"], order.campaign_id))
        known |= dict.fromkeys(own[f"{kind}_id"].to_pylist(), kind)
    named = _WORD_OF_NARRATIVE.sub(lambda one: names.one(known[one[0]], one[0]) if one[0] in known else one[0], text)
    return redacted(named) + "\n"


_WORD_OF_NARRATIVE = re.compile(r"[^\s,;()\[\]\"'“”]+(?<![.:!?])")
"""What may be an id in a narrative: no spaces, and no stop behind it."""


def kept_pack_path(data: Path, campaign_id: str, now: datetime) -> Path:
    """Where a pack of a data folder goes; its folder is made.

    Raises:
        OutputError: its folder cannot be made.
    """
    folder = data / PACKS
    try:
        folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the folder of packs cannot be made: {error.strerror}",
            where=str(folder),
            next_step="name a file elsewhere",
        ) from error
    return folder / f"{campaign_id}-{now:%Y%m%dT%H%M%SZ}.zip"


def keep_pack(data: Path, case: Path, campaign_id: str, config: Config, narrative: str, now: datetime) -> Path:
    """Make a pack that names nobody, and keep it in the data folder; the first one makes the keys.

    Raises:
        StillhuntError: the case, the keys or the disk do not allow it.
    """
    path, keys = kept_pack_path(data, campaign_id, now), keys_folder(config)
    if not has_signing_key(keys):
        new_signing_key(keys)
    discretion = Discretion(Pseudonyms(pseudonyms_key(keys)), config.dossier.excerpt_chars)
    pack = make_pack(PackOrder(case, campaign_id, discretion, now, narrative), *read_signer(keys))
    write_pack(pack, path)
    return path
