"""`stillhunt share`: campaigns in the formats of other platforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError
from stillhunt.base.whole_files import write_whole
from stillhunt.cli.exporting import STDOUT, refuse_existing
from stillhunt.cli.progress import open_progress
from stillhunt.cli.terminal import message_console, print_bytes, print_columns, print_json
from stillhunt.triage import Case
from stillhunt.triage.lookup import resolve_id
from stillhunt_evidence.keys.folder import circle_key, keys_folder, pseudonyms_key
from stillhunt_evidence.sharing.address_counts import AddressCounts
from stillhunt_evidence.sharing.formats import shared_bytes
from stillhunt_evidence.sharing.log_addresses import circle_addresses
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.sharing_case import ShareTerms, share_of
from stillhunt_evidence.sharing.tlp import tlp_label


@dataclass(frozen=True)
class ShareOrder:
    """What the user asked for, as given on the command line."""

    case: Path
    format: str
    circle: str
    tlp: str
    out: Path
    campaign: str | None = None
    logs: tuple[str, ...] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    sender: str = ""
    at: datetime | None = None
    revoke: bool = False
    force: bool = False
    settings: Path | None = None
    quiet: bool = False
    as_json: bool = False


def run_share(order: ShareOrder) -> None:
    """Write a file to share, and print under which names the campaigns are in it.

    Raises:
        CaseError: no case there, no such campaign in it, or none to share.
        ConfigError: there is no such circle, or its key cannot be read.
        InputError: the logs cannot be read.
        OutputError: the file exists or cannot be written.
    """
    printed = order.out == STDOUT
    if not printed:
        refuse_existing(order.out, force=order.force)
    config = Config.load(file=order.settings)
    folder = keys_folder(config)
    key, own = circle_key(folder, order.circle), pseudonyms_key(folder)
    case = Case.read(order.case)
    campaigns = _chosen(case, order)
    addresses = _addresses(order, case, campaigns, key, config)
    terms = ShareTerms(order.circle, key, own, tlp_label(order.tlp), order.sender, order.at, order.revoke)
    share = share_of(case, terms, campaigns, addresses)
    content = shared_bytes(share, order.format)
    if printed:
        print_bytes(content)
    else:
        write_whole(order.out, [content])
    _tell(order, case, share, campaigns, addresses)


def _chosen(case: Case, order: ShareOrder) -> list[str]:
    """The campaigns to share: the one that is named, or those with the verdict act."""
    if order.campaign is not None:
        try:
            return [resolve_id(case.tables, order.campaign, ("campaign",))[1]]
        except CaseError:
            if order.revoke:  # it need not be in the case any more
                return [order.campaign]
            raise
    rows = case.campaigns.to_pylist()
    chosen = [row["campaign_id"] for row in rows if row["verdict"] == "act"]
    if not chosen:
        raise CaseError(
            "the case has no campaign with the verdict act",
            where=str(order.case),
            next_step="name a campaign to review if it is to be shared"
            if rows
            else "there is nothing to share; a campaign that was shared can be withdrawn by its id",
        )
    return chosen


def _addresses(order: ShareOrder, case: Case, campaigns: list[str], key: bytes, config: Config) -> AddressCounts | None:
    if not order.logs:
        return None
    with open_progress(quiet=order.quiet) as progress:
        return circle_addresses(list(order.logs), case, campaigns, key, config, order.mapping or None, progress)


def _tell(
    order: ShareOrder, case: Case, share: SharedFile, campaigns: list[str], addresses: AddressCounts | None
) -> None:
    """Which campaign has which name, what was left out, and what is to be known of it."""
    names = {share.ids.uuid("campaign", name): name for name in campaigns}
    rows = [{"campaign_id": names[one.uid], "shared_id": one.uid, "hashes": len(one.hashes)} for one in share.campaigns]
    if order.as_json and order.out != STDOUT:
        print_json(rows)
    if order.quiet:
        return
    console = message_console()
    if not order.as_json:
        header = ("campaign", "id in the file", "keyed hashes")
        print_columns(console, [header, *(tuple(str(value) for value in row.values()) for row in rows)])
    for line in share_notes(order, case, share, addresses):
        console.print(line)


def share_notes(order: ShareOrder, case: Case, share: SharedFile, addresses: AddressCounts | None) -> list[str]:
    """What a user should know of a file that was written.

    Args:
        addresses: the addresses of the logs; None where they were not read again.
    """
    label = share.tlp.shown
    notes = [f"{label}; keyed hashes can be compared, and tried, by all who have the key of the circle {order.circle}"]
    if order.revoke:
        notes.append("withdrawn is all that was shared under these ids, also what this case does not show any more")
        if any(one.verdict == "none" for one in share.campaigns):
            notes.append(
                "the case does not have the campaign any more: what ties it to an operator is withdrawn only from the "
                "case that was shared"
            )
    elif addresses is None:
        notes.append("left out: addresses and networks, which need the logs (--logs)")
    elif addresses.requests_read < addresses.requests_wanted:
        notes.append(
            f"the logs have {formatting.count(addresses.requests_read)} of "
            f"{formatting.plural(addresses.requests_wanted, 'harvested request')}; addresses of the others are missing"
        )
    if not order.revoke and not case.phrases.num_rows:
        notes.append("left out: recurring phrases, which this case does not have")
    review = case.campaigns["verdict"].to_pylist().count("review")
    if order.campaign is None and review:
        notes.append(f"left out: {formatting.plural(review, 'campaign')} to review, which are shared only by name")
    return notes
