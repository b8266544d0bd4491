"""What `stillhunt verify` does, without what only a hunt needs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_evidence.keys.signing import FINGERPRINT, read_public_key, trusted_keys
from stillhunt_evidence.packs.stamp import read_certificates
from stillhunt_evidence.packs.verifying import Trust, VerifiedPack, verify_pack

_LONGEST_SAID = 100
"""Characters that are shown of what a header says."""


@dataclass(frozen=True)
class TrustOrder:
    """Whose signature counts, as given on the command line."""

    key: Path | None
    fingerprint: str | None
    authority: Path | None
    settings_file: Path | None


def run_verify(pack: Path, order: TrustOrder, *, as_json: bool) -> None:
    """Verify a pack and print what that shows.

    Raises:
        PackError: something was touched, or nobody trusted signed it.
    """
    verified = verify_pack(pack, trust_of(order))
    facts = _facts(verified)
    if as_json:
        print_json(facts)
        return
    console = output_console()
    console.print("Nothing was changed since it was signed.")
    shown = [
        (name.replace("_", " "), safe_lines(str(value))) for name, value in facts.items() if value not in (None, "")
    ]
    print_columns(console, shown)


def trust_of(order: TrustOrder) -> Trust:
    """Keys and authorities that a command line names, or those that are trusted here.

    Raises:
        ConfigError: what was named is no key, fingerprint or certificate.
    """
    authorities = read_certificates(order.authority) if order.authority else []
    fingerprint = (order.fingerprint or "").lower().replace(":", "")
    if order.fingerprint is not None and not FINGERPRINT.fullmatch(fingerprint):
        raise ConfigError(
            "this is no fingerprint: 64 hexadecimal digits are expected", where="fingerprint", next_step="copy it whole"
        )
    if order.key is not None:
        key = read_public_key(order.key)
        if fingerprint and key.fingerprint != fingerprint:
            raise ConfigError(
                f"the key has another fingerprint than the one that is asked for: {key.fingerprint}",
                where=str(order.key),
                next_step="name the key or the fingerprint, or both of one signer",
            )
        return Trust([key], "", authorities)
    if fingerprint:
        return Trust([], fingerprint, authorities)
    return Trust(trusted_keys(keys_folder(Config.load(file=order.settings_file))), "", authorities)


def _facts(verified: VerifiedPack) -> dict[str, Any]:
    claimed, stamped = verified.claimed, verified.stamped
    return {
        "campaign": _said(verified, "campaign", "campaign_id"),
        "verdict": _said(verified, "campaign", "verdict"),
        "made_at": _said(verified, "pack", "madeAt"),
        "made_by": _said(verified, "pack", "madeBy"),
        "signed_by": verified.signer.fingerprint,
        "known_as": verified.signer.name,
        "files": len(verified.files),
        "merkle_root": verified.manifest.merkle_root,
        "stamped_at": None if stamped is None else formatting.minute(stamped),
        "stamp_not_checked": formatting.minute(claimed) if claimed is not None and stamped is None else None,
    }


def _said(verified: VerifiedPack, part: str, name: str) -> str | None:
    """What the header says, in which the signer may have written anything."""
    found = verified.manifest.header.get(part)
    value = found.get(name) if isinstance(found, dict) else None
    return formatting.shorten(str(value), _LONGEST_SAID) if value is not None else None
