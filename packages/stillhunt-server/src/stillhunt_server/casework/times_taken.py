"""How long people took: from the hunt that found a campaign to the first look and the decision, and over appeals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from sqlalchemy import func, select

from stillhunt.base import formatting
from stillhunt.base.units import DAY, HOUR, MINUTE
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import APPEALS, CAMPAIGN_ROWS, SNAPSHOT_ROWS
from stillhunt.watch.database.tables_console import AUDIT, CASE_EVENTS

_DECIDING = ("act", "watch", "dismiss")


@dataclass(frozen=True)
class TimeTaken:
    """How long something took."""

    what: str
    cases: int  # how often it was done
    # median, longest: in words; "" where it was never done
    median: str
    longest: str


def times_taken(database: WatchDatabase) -> list[TimeTaken]:
    """How long it took to look at a campaign first, to decide about it first, and to decide an appeal.

    It misleads about what nobody has looked at yet: only what was done counts, and a campaign from before the console.
    """
    joined = CAMPAIGN_ROWS.join(SNAPSHOT_ROWS, SNAPSHOT_ROWS.c.sequence == CAMPAIGN_ROWS.c.first_snapshot)
    found_at = select(CAMPAIGN_ROWS.c.campaign_id, SNAPSHOT_ROWS.c.made_at).select_from(joined)
    found = {row["campaign_id"]: row["made_at"] for row in database.read(found_at)}
    looked = select(AUDIT.c.about.label("name"), func.min(AUDIT.c.at).label("at"))
    looked = looked.where(AUDIT.c.what == "campaign").group_by(AUDIT.c.about)
    decided = select(CASE_EVENTS.c.campaign_id.label("name"), func.min(CASE_EVENTS.c.at).label("at"))
    decided = decided.where(CASE_EVENTS.c.kind.in_(_DECIDING)).group_by(CASE_EVENTS.c.campaign_id)
    spans = [
        [row["at"] - found[row["name"]] for row in database.read(wanted) if row["name"] in found]
        for wanted in (looked, decided)
    ]
    appeal = APPEALS.c
    appeals = select(appeal.filed_at, appeal.decided_at).where(appeal.decided_at.is_not(None))
    spans.append([row["decided_at"] - row["filed_at"] for row in database.read(appeals)])
    named = ("from the hunt to the first look", "from the hunt to the first decision", "from an appeal to its end")
    return [_summarise_spans(what, own) for what, own in zip(named, spans, strict=True)]


def _summarise_spans(what: str, spans: Iterable[int]) -> TimeTaken:
    own = sorted(max(0, span) for span in spans)
    if not own:
        return TimeTaken(what, 0, "", "")
    return TimeTaken(what, len(own), _format_span(median(own)), _format_span(own[-1]))


def _format_span(micros: float) -> str:
    if micros < HOUR:
        return formatting.plural(round(micros / MINUTE), "minute")
    if micros < 2 * DAY:
        return formatting.plural(round(micros / HOUR), "hour")
    return formatting.plural(round(micros / DAY), "day")
