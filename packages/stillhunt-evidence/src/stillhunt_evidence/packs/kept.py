"""Packs that stay in a data folder, where retention and legal holds cover them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from stillhunt import Config, OutputError
from stillhunt.plugins import OWNER_ONLY, PACKS
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.keys.signing import has_signing_key, new_signing_key, read_signer
from stillhunt_evidence.packs.contents import Discretion
from stillhunt_evidence.packs.making import PackOrder, make_pack, write_pack
from stillhunt_evidence.packs.pseudonyms import Pseudonyms


def kept_pack_path(data: Path, campaign_id: str, now: datetime) -> Path:
    """Where a pack of a data folder goes; its folder is made.

    Args:
        now: the time, UTC, which its name has.

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

    Args:
        config: settings, for the keys and the length of excerpts.

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
