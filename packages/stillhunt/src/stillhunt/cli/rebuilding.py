"""What `stillhunt rebuild` does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import PackError
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import output_console, print_columns, print_json, safe_lines
from stillhunt.cli.verifying import TrustOrder, trust_of
from stillhunt_evidence.keys.folder import keys_folder, pseudonyms_key
from stillhunt_evidence.packs.contents import Discretion
from stillhunt_evidence.packs.pseudonyms import Pseudonyms
from stillhunt_evidence.packs.rebuilding import (
    case_of_pack,
    hunt_differences,
    inputs_compared,
    rebuild_pack,
    settings_again,
)
from stillhunt_evidence.packs.verifying import VerifiedPack, verify_pack

_DIFFERENCES_SHOWN = 5


@dataclass(frozen=True)
class RebuildOrder:
    """Which pack to rebuild and from what, as given on the command line."""

    pack: Path
    trust: TrustOrder
    logs: tuple[str, ...]
    accounts: str | None
    quiet: bool


def run_rebuild(order: RebuildOrder, *, as_json: bool) -> None:
    """Derive the verdict of a pack again and print the comparison.

    Raises:
        PackError: the pack was touched, or a number differs.
    """
    verified = verify_pack(order.pack, trust_of(order.trust))
    rebuilt = rebuild_pack(verified)
    differences = list(rebuilt.differences)
    compared = "the pack alone"
    if order.logs:
        found, compared = _hunted_again(verified, order)
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
            where=str(order.pack),
            next_step="do not rely on this pack; ask its maker which version and settings it was made with",
        )
    if not as_json:
        output_console().print("The verdict follows, bit for bit.")
        del facts["differences"]
        printed = {**facts, "score": formatting.probability(rebuilt.verdict.score)}
        print_columns(output_console(), [(name, safe_lines(str(value))) for name, value in printed.items()])


def _hunted_again(verified: VerifiedPack, order: RebuildOrder) -> tuple[list[str], str]:
    """What a hunt of the logs says otherwise than the pack, and what was compared."""
    own = Config.load(file=order.trust.settings_file)
    full = bool(verified.manifest.header["pack"]["full"])
    names = Pseudonyms(None if full else pseudonyms_key(keys_folder(own)))
    discretion = Discretion(names, verified.manifest.header["pack"].get("excerptChars"))
    config = settings_again(verified, own, discretion)
    from stillhunt.pipeline import hunt  # start-up time

    with open_progress(quiet=order.quiet) as progress:
        again = hunt(list(order.logs), order.accounts, config, progress=progress)
    return hunt_differences(verified, again, discretion), f"the pack and the logs; {inputs_compared(verified, again)}"
