"""A share as one table, for spreadsheets and for scripts: a row for each thing that is shared."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from stillhunt.tools import csv_bytes
from stillhunt_evidence.sharing.shared_campaign import (
    LIMITS_OF_CLAIM,
    SharedCampaign,
    SharedFile,
    campaign_name,
    campaign_text,
    shown_probability,
    utc_text,
)

SHARED_COLUMNS = {
    **dict.fromkeys(("campaign", "tlp", "sender", "circle", "version", "status"), pa.string()),
    **dict.fromkeys(("kind", "name", "value"), pa.string()),
    **dict.fromkeys(("requests", "accounts", "count"), pa.int64()),
    "number": pa.float64(),
}
"""Columns of the table; the first six are the same in all rows of a campaign."""


def shared_csv(share: SharedFile) -> bytes:
    """A share as CSV that no spreadsheet takes for formulas."""
    rows = [row for campaign in share.campaigns for row in _iterate_csv_rows(share, campaign)]
    return csv_bytes(pa.Table.from_pylist(rows, schema=pa.schema(list(SHARED_COLUMNS.items()))))


def _iterate_csv_rows(share: SharedFile, campaign: SharedCampaign) -> Iterator[dict[str, Any]]:
    common = {
        "campaign": campaign.uid,
        "tlp": share.tlp.shown,
        "sender": share.sender,
        "circle": share.ids.circle,
        "version": utc_text(share.at),
        "status": "withdrawn" if share.withdrawn else campaign.verdict,
    }
    for row in _iterate_campaign_values(campaign):
        yield {**common, **row}


def _iterate_campaign_values(campaign: SharedCampaign) -> Iterator[dict[str, Any]]:
    counts = campaign.counts
    used = {"requests": counts.requests, "accounts": counts.accounts}
    said = {"name": campaign_name(campaign), "value": campaign_text(campaign), "number": shown_probability(campaign)}
    yield {"kind": "campaign", **said, **used}
    yield {"kind": "limits", "name": "limits of the claim", "value": LIMITS_OF_CLAIM}
    yield {"kind": "time", "name": "first_seen", "value": utc_text(campaign.first_seen)}
    yield {"kind": "time", "name": "last_seen", "value": utc_text(campaign.last_seen)}
    yield {"kind": "count", "name": "flagged_accounts", "count": counts.flagged}
    yield {"kind": "count", "name": "estimated_requests", "count": counts.estimated_requests}
    yield {"kind": "count", "name": "output_tokens", "count": counts.output_tokens}
    if campaign.operator:
        yield {"kind": "tied_operator", "name": "id", "value": campaign.operator}
    for technique in campaign.techniques:
        yield {"kind": "technique", "name": technique.id, "value": technique.name}
    for finding in campaign.findings:
        yield {"kind": "finding", "name": finding.kind, "value": finding.sentence, "number": round(finding.bits, 2)}
    for aspect, values in campaign.values.aspects().items():
        for one in values:
            named = one.value if one.number is None else f"AS{one.number} {one.value}".strip()
            known = {"requests": one.requests or None, "accounts": one.accounts or None}
            yield {"kind": aspect, "name": aspect, "value": named, **known}
    for hashed in campaign.hashes:
        used = {"requests": hashed.requests, "accounts": hashed.accounts}
        yield {"kind": f"{hashed.kind}_hash", "name": "keyed hash", "value": hashed.digest, **used}
    for measure in campaign.measures:
        yield {"kind": "measure", "name": measure.name, "value": measure.text}
