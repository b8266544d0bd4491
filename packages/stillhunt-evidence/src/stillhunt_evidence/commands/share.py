"""`stillhunt share`: campaigns in the formats of other platforms."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from stillhunt import CaseError, Config
from stillhunt.case import Case, resolve_id
from stillhunt.commands import (
    STDOUT,
    ForceFlag,
    JsonFlag,
    MapOption,
    QuietFlag,
    SettingsOption,
    message_console,
    open_progress,
    pairs,
    print_bytes,
    print_columns,
    print_json,
    refuse_existing,
    refuse_unused,
)
from stillhunt.tools import formatting, write_whole
from stillhunt_evidence.keys.folder import circle_key, keys_folder, pseudonyms_key
from stillhunt_evidence.sharing.formats import shared_bytes
from stillhunt_evidence.sharing.log_addresses import AddressCounts, circle_addresses
from stillhunt_evidence.sharing.shared_campaign import SharedFile
from stillhunt_evidence.sharing.sharing_case import ShareTerms, share_of
from stillhunt_evidence.sharing.tlp import tlp_label


class SharedTlp(StrEnum):
    """A label of the Traffic Light Protocol 2.0."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


def _parse_time_option(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no time such as 2026-03-13T08:00Z", param_hint="--at") from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def share(
    context: typer.Context,
    case: Annotated[Path, typer.Argument(metavar="CASE", help="Case folder.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="File to write; - prints it.")],
    circle: Annotated[str, typer.Option("--circle", metavar="NAME", help="Sharing circle whose key hides values.")],
    tlp: Annotated[SharedTlp, typer.Option("--tlp", help="How far it may be passed on (Traffic Light Protocol 2.0).")],
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="[ID]", help="A campaign id or its beginning; without it, those with the verdict act."),
    ] = None,
    share_format: Annotated[
        str, typer.Option("--format", help="Format of the file: stix, misp, ocsf, ecs, csv, or that of a plugin.")
    ] = "stix",
    logs: Annotated[
        list[str] | None,
        typer.Option(
            "--logs",
            metavar="LOGS",
            help="Read these logs again for keyed hashes of the addresses; may be repeated.",
        ),
    ] = None,
    mapping: MapOption = None,
    sender: Annotated[
        str,
        typer.Option("--from", metavar="NAME", help="Name of the sender, for receivers; without it, nobody is named."),
    ] = "",
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Time of this version; without it, the end of the case's log."),
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Withdraw what was shared.")] = False,
    force: ForceFlag = False,
    settings_file: SettingsOption = None,
    quiet: QuietFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Write campaigns in the format of another platform, without prompts, accounts, requests or addresses.

    Prints the id of each campaign in the file. A campaign with the verdict review is shared only if you give its id. A
    campaign that you withdraw need not be in the case any more.
    """
    if revoke:
        refuse_unused(context, ("logs", "mapping"), "a withdrawal covers everything that was shared, and needs no logs")
    if not logs:
        refuse_unused(context, ("mapping",), "only --logs are read with one")
    if str(out) == "-":
        refuse_unused(context, ("as_json",), "the file itself is printed")
    moment, printed = _parse_time_option(at), out == STDOUT
    if not printed:
        refuse_existing(out, force=force)
    config = Config.load(file=settings_file)
    folder = keys_folder(config)
    key, own = circle_key(folder, circle), pseudonyms_key(folder)
    found = Case.read(case)
    campaigns = _choose_shared_campaigns(found, case, campaign, revoke=revoke)
    addresses = None
    if logs:
        columns = pairs(mapping, "--map") or None
        with open_progress(quiet=quiet) as progress:
            addresses = circle_addresses(logs, found, campaigns, key, config, columns, progress)
    terms = ShareTerms(circle, key, own, tlp_label(tlp.value), sender, moment, revoke)
    shared = share_of(found, terms, campaigns, addresses)
    content = shared_bytes(shared, share_format)
    if printed:
        print_bytes(content)
    else:
        write_whole(out, [content])
    names = {shared.ids.uuid("campaign", one): one for one in campaigns}
    rows = [
        {"campaign_id": names[one.uid], "shared_id": one.uid, "hashes": len(one.hashes)} for one in shared.campaigns
    ]
    if as_json and not printed:
        print_json(rows)
    if quiet:
        return
    if not as_json:
        header = ("campaign", "id in the file", "keyed hashes")
        print_columns(message_console(), [header, *(tuple(str(value) for value in row.values()) for row in rows)])
    for line in share_notes(shared, addresses, terms, found, named=campaign is not None):
        message_console().print(line)


def _choose_shared_campaigns(case: Case, folder: Path, campaign: str | None, *, revoke: bool) -> list[str]:
    """The campaigns to share: the one that is named, or those with the verdict act."""
    if campaign is not None:
        try:
            return [resolve_id(case.tables, campaign, ("campaign",))[1]]
        except CaseError:
            if revoke:  # it need not be in the case any more
                return [campaign]
            raise
    rows = case.campaigns.to_pylist()
    chosen = [row["campaign_id"] for row in rows if row["verdict"] == "act"]
    if not chosen:
        raise CaseError(
            "the case has no campaign with the verdict act",
            where=str(folder),
            next_step="name a campaign to review if it is to be shared"
            if rows
            else "there is nothing to share; a campaign that was shared can be withdrawn by its id",
        )
    return chosen


def share_notes(
    share: SharedFile, addresses: AddressCounts | None, terms: ShareTerms, case: Case, *, named: bool
) -> list[str]:
    """What a user should know of a file that was written.

    `addresses`: the addresses of the logs; None where they were not read again. `named`: the user named the campaign.
    """
    label = share.tlp.shown
    notes = [f"{label}; keyed hashes can be compared, and tried, by all who have the key of the circle {terms.circle}"]
    if terms.withdrawn:
        notes.append("everything that was shared under these ids is withdrawn, even what this case no longer shows")
        if any(one.verdict == "none" for one in share.campaigns):
            notes.append(
                "the case no longer has the campaign: its tie to an operator can be withdrawn only from the case that "
                "was shared"
            )
    elif addresses is None:
        notes.append("left out: addresses and networks, which need the logs (--logs)")
    elif addresses.requests_read < addresses.requests_wanted:
        notes.append(
            f"the logs have {formatting.count(addresses.requests_read)} of "
            f"{formatting.plural(addresses.requests_wanted, 'harvested request')}; addresses of the others are missing"
        )
    if not terms.withdrawn and not case.phrases.num_rows:
        notes.append("left out: recurring phrases, which this case does not have")
    review = case.campaigns["verdict"].to_pylist().count("review")
    if not named and review:
        notes.append(f"left out: {formatting.plural(review, 'campaign')} to review, which are shared only by name")
    return notes
