"""Who keeps which id: campaigns of a new hunt matched with those that are known.

Campaigns are matched by accounts, weighted by harvested requests (see `Overlap`). A pair may be one campaign where
either of the two is part of the other to a fair share: a campaign that grew contains what was known, one whose old
accounts left the window is contained in it, and one that replaced half of its accounts shares the other half. Among
all pairs that may be, the assignment with the largest sum of weighted Jaccard indices is taken: where one campaign
became two, or two became one, the larger part keeps the id.
"""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from typing import Any, NamedTuple

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.parameters import read_parameters
from stillhunt.base.wording import fill
from stillhunt.triage import Case
from stillhunt.watch.lineage.campaigns import (
    ACTIVE,
    DORMANT,
    ENDED,
    MERGED,
    Event,
    FoundCampaign,
    KnownCampaign,
    Overlap,
    Settled,
    best_pairs,
    common_share,
    overlaps,
)
from stillhunt.watch.signatures.returns import ReturnEvidence

REASONS: Mapping[str, str] = tomllib.loads(resources.files(__package__).joinpath("reasons.toml").read_text("utf-8"))
"""Event -> its reason, in which figures stand."""


def _make_event(name: str, event: str, others: tuple[str, ...], members: Mapping[str, int], **figures: Any) -> Event:
    size = {"accounts": len(members), "requests": sum(members.values())}
    return Event(name, event, others, fill(REASONS[event], **{**size, **figures}))


def _format_lineage_minute(moment: int) -> str:
    return formatting.minute(datetime.fromtimestamp(moment / 1e6, UTC))


class LineageParameters(NamedTuple):
    """Limits of the matching of campaigns from hunt to hunt."""

    same: float
    part: float


P = read_parameters(LineageParameters, "watch.lineage")


def settle(known: Sequence[KnownCampaign], found: Sequence[FoundCampaign], window_start: int) -> Settled:
    """Give each campaign of a hunt its lasting id, and say what changed.

    `window_start`: begin of its window, microseconds since 1970; what was last seen before it has ended.
    """
    known = sorted(known, key=lambda one: one.campaign_id)
    # By content first, so that ties between equal weights do not depend on the ids that the hunt gave.
    found = sorted(found, key=lambda one: (one.verdict == "none", sorted(one.members.items()), one.campaign_id))
    pairs = overlaps(known, found)
    over = {row for row, one in enumerate(known) if one.status in (MERGED, ENDED)}
    matched = _match_unchanged_campaigns(known, found, pairs, over)
    matched |= _assign_known_ids(pairs, matched, {n for n, one in enumerate(found) if one.verdict != "none"})
    absorbed = _find_absorbed_campaigns(known, found, pairs, matched)
    # Groups left alone come last: a campaign that was found has a better claim to the id; they never have that of
    # a campaign that is over.
    matched |= _assign_known_ids(pairs, matched, set(range(len(found))), taken={*absorbed, *over})
    lasting = _lasting_ids(known, found, matched)
    hunt = _Hunt(known, found, pairs, matched, lasting)
    events = [event for column in range(len(found)) for event in _events_of_found(hunt, column)]
    statuses = {
        known[row].campaign_id: ACTIVE
        for column, row in matched.items()
        if known[row].status != ACTIVE and found[column].verdict != "none"
    }
    continued = set(matched.values())
    for row, one in enumerate(known):
        event = None if row in continued else _event_of_missing(hunt, row, absorbed.get(row), window_start)
        if event is not None:
            events.append(event)
            statuses[one.campaign_id] = event.event
    ordered = sorted(events, key=lambda event: (event.campaign_id, event.event))
    return Settled(lasting, dict(sorted(statuses.items())), tuple(ordered))


@dataclass(frozen=True)
class _Hunt:
    known: Sequence[KnownCampaign]
    found: Sequence[FoundCampaign]
    pairs: Mapping[tuple[int, int], Overlap]
    matched: Mapping[int, int]
    lasting: Mapping[str, str]

    def id_of(self, column: int) -> str:
        return self.lasting[self.found[column].campaign_id]


def _match_unchanged_campaigns(
    known: Sequence[KnownCampaign],
    found: Sequence[FoundCampaign],
    pairs: Mapping[tuple[int, int], Overlap],
    over: set[int],
) -> dict[int, int]:
    """Campaigns with the same accounts and requests as before: they keep their id whatever happens around them."""
    matched: dict[int, int] = {}
    same = [place for place, pair in pairs.items() if pair.known == pair.found == pair.shared_now]
    for row, column in sorted(same, key=lambda place: (known[place[0]].status != ACTIVE, place)):
        free = row not in matched.values() and column not in matched
        if free and not (found[column].verdict == "none" and row in over):
            matched[column] = row
    return matched


def _assign_known_ids(
    pairs: Mapping[tuple[int, int], Overlap],
    matched: Mapping[int, int],
    columns: set[int],
    taken: set[int] | None = None,
) -> dict[int, int]:
    gone = {*matched.values(), *(taken or ())}
    return best_pairs(
        {
            (row, column): pair.closeness
            for (row, column), pair in pairs.items()
            if column in columns and column not in matched and row not in gone and pair.similarity >= P.same
        }
    )


def _find_absorbed_campaigns(
    known: Sequence[KnownCampaign],
    found: Sequence[FoundCampaign],
    pairs: Mapping[tuple[int, int], Overlap],
    matched: Mapping[int, int],
) -> dict[int, int]:
    """Known campaigns that are part of one with another id now: their place -> that of the found campaign."""
    left = {row for row, one in enumerate(known) if one.status in (ACTIVE, DORMANT)} - set(matched.values())
    best: dict[int, tuple[int, int]] = {}
    for (row, column), pair in sorted(pairs.items()):
        campaign = column in matched and found[column].verdict != "none"
        if campaign and row in left and pair.share_of_known >= P.part:
            best[row] = max(best.get(row, (0, 0)), (pair.shared_now, -column))
    return {row: -column for row, (_, column) in best.items()}


def _lasting_ids(
    known: Sequence[KnownCampaign], found: Sequence[FoundCampaign], matched: Mapping[int, int]
) -> dict[str, str]:
    """The known id, or that of the hunt, or a new one where that of the hunt belongs to another campaign."""
    owned = {one.campaign_id for one in known}
    used = owned | {one.campaign_id for one in found}
    lasting = {}
    for column, one in enumerate(found):
        name = known[matched[column]].campaign_id if column in matched else one.campaign_id
        if column not in matched and name in owned:
            while name in used:
                name = "c-" + hashlib.sha256(f"{name}\n{one.campaign_id}".encode()).hexdigest()[:8]
            used.add(name)
        lasting[one.campaign_id] = name
    return lasting


def _events_of_found(hunt: _Hunt, column: int) -> list[Event]:
    campaign, name = hunt.found[column], hunt.id_of(column)
    if column not in hunt.matched:
        if campaign.verdict == "none":
            return []
        parent = _find_parent_campaign(hunt, column)
        if parent is None:
            return [_make_event(name, "born", (), campaign.members, verdict=campaign.verdict)]
        other = hunt.known[parent].campaign_id
        share = hunt.pairs[parent, column].share_of_found
        return [_make_event(name, "split", (other,), campaign.members, parent=other, share=share)]
    row = hunt.matched[column]
    before, events = hunt.known[row], []
    if before.status != ACTIVE and campaign.verdict != "none":
        same = [requests for account, requests in campaign.members.items() if account in before.members]
        figures = {"same": len(same), "share": sum(same) / max(sum(campaign.members.values()), 1)}
        events.append(_make_event(name, "returned", (), campaign.members, status=before.status, **figures))
    if before.verdict != campaign.verdict:
        probability = formatting.probability(campaign.score)
        verdicts = {"before": before.verdict, "after": campaign.verdict}
        events.append(_make_event(name, "verdict", (), campaign.members, probability=probability, **verdicts))
    return events


def _find_parent_campaign(hunt: _Hunt, column: int) -> int | None:
    """Place of the known campaign that a new one was part of until now; None where there is none.

    A campaign that works on the same accounts as another one, which still has them, was no part of it.
    """
    own = hunt.found[column]
    claims = []
    for other, row in hunt.matched.items():
        pair = hunt.pairs.get((row, column))
        if pair is None or pair.share_of_found < P.part or hunt.known[row].status != ACTIVE:
            continue
        if common_share(own, hunt.found[other]) < P.part:
            claims.append((-pair.shared, row))
    return min(claims)[1] if claims else None


def _event_of_missing(hunt: _Hunt, row: int, absorbed: int | None, window_start: int) -> Event | None:
    """What became of a known campaign that was not found; None where nothing is new."""
    one = hunt.known[row]
    if one.status in (MERGED, ENDED):
        return None
    if absorbed is not None:
        other, pair = hunt.id_of(absorbed), hunt.pairs[row, absorbed]
        figures = {"other": other, "share": pair.share_of_known, "requests": pair.known}
        return _make_event(one.campaign_id, MERGED, (other,), {}, **figures)
    if one.last_seen is not None and one.last_seen < window_start:
        times = {"last": _format_lineage_minute(one.last_seen), "start": _format_lineage_minute(window_start)}
        return _make_event(one.campaign_id, ENDED, (), {}, **times)
    if one.status == DORMANT:
        return None
    until = "" if one.last_seen is None else f" until {_format_lineage_minute(one.last_seen)}"
    return _make_event(one.campaign_id, DORMANT, (), one.latest_members, until=until)


def with_returns(settled: Settled, returned: Mapping[str, ReturnEvidence]) -> Settled:
    """Add an event `returned` for each campaign that was born and looks like an earlier one.

    The new campaign keeps an id of its own, since its accounts are others; `others` names the earlier one.

    Args:
        returned: id that the hunt gave a campaign -> evidence.
    """
    born = {event.campaign_id for event in settled.events if event.event == "born"}
    events = [
        Event(settled.lasting[name], "returned", (evidence.campaign_id,), _explain_return(evidence))
        for name, evidence in sorted(returned.items())
        if settled.lasting[name] in born
    ]
    return replace(settled, events=(*settled.events, *events))


def _explain_return(evidence: ReturnEvidence) -> str:
    _, strongest = max(zip(evidence.kinds.values(), evidence.statements, strict=True), key=lambda pair: pair[0])
    again = f"{formatting.bits(evidence.bits)} bits that it is campaign {evidence.campaign_id} again"
    return f"Other accounts, and {again}: {strongest}"


_ID_COLUMNS = ("campaign_id", "tied_to")


def with_lasting_ids(case: Case, lasting: Mapping[str, str]) -> Case:
    """The case with other campaign ids."""
    if all(old == new for old, new in lasting.items()):
        return case
    tables = {name: _rename_campaign_ids(table, lasting) for name, table in case.tables.items()}
    views = {name: _rename_campaign_ids(table, lasting) for name, table in case.views.items()}
    beside = {lasting.get(name, name): told for name, told in case.run.get("beside", {}).items()}
    return Case(tables, run={**case.run, **({"beside": beside} if beside else {})}, **views)


def _rename_campaign_ids(table: pa.Table, lasting: Mapping[str, str]) -> pa.Table:
    for name in _ID_COLUMNS:
        if name in table.column_names:
            place = table.column_names.index(name)
            coded = table.column(name).combine_chunks().dictionary_encode()
            names = [lasting.get(value, value) for value in coded.dictionary.to_pylist()]
            column = pa.array(names, pa.string()).take(coded.indices)
            table = table.set_column(place, table.schema.field(place), column)
    return table
