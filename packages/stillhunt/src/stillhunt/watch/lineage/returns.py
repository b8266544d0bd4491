"""Returns with other accounts, as events: lineage matches members, and a return by its signature has none in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stillhunt.base import formatting
from stillhunt.watch.lineage.campaigns import Event, Settled
from stillhunt.watch.signatures.tie import ReturnEvidence


def with_returns(settled: Settled, returned: Mapping[str, ReturnEvidence]) -> Settled:
    """Add an event `returned` for each campaign that was born and looks like an earlier one.

    The new campaign keeps an id of its own, since its accounts are others; `others` names the earlier one.

    Args:
        settled: lasting ids and events of the hunt.
        returned: id that the hunt gave a campaign -> evidence.
    """
    born = {event.campaign_id for event in settled.events if event.event == "born"}
    events = [
        Event(settled.lasting[name], "returned", (evidence.campaign_id,), _reason(evidence))
        for name, evidence in sorted(returned.items())
        if settled.lasting[name] in born
    ]
    return replace(settled, events=(*settled.events, *events))


def _reason(evidence: ReturnEvidence) -> str:
    strongest = max(zip(evidence.kinds.values(), evidence.statements, strict=True), key=lambda pair: pair[0])[1]
    return (
        f"Other accounts, and {formatting.bits(evidence.bits)} bits that it is campaign {evidence.campaign_id} again: "
        f"{strongest}"
    )
