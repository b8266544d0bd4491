"""Search in the work on campaigns: notes, comments, labels and narratives, and campaigns that have ended."""

from __future__ import annotations

from sqlalchemy import or_, select

from stillhunt.decide.names import storable
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_ROWS
from stillhunt.watch.database.tables_console import CASE_EVENTS, CASES
from stillhunt_server.case_views.case_search import HITS_OF_A_KIND, KindHits, SearchHit, make_hit

_SAID_BY = {"comment": "comment", "narrative": "narrative"}


def search_work(database: WatchDatabase, wanted: str, known: frozenset[str]) -> tuple[KindHits, KindHits]:
    """What people wrote about campaigns, and campaigns that the snapshot does not have any more, by their id.

    Args:
        wanted: as `CaseHits.query` has it, not "".
        known: campaigns of the snapshot.
    """
    text = storable(wanted)
    case, event, row = CASES.c, CASE_EVENTS.c, CAMPAIGN_ROWS.c
    named = or_(case.labels.icontains(text, autoescape=True), case.narrative.icontains(text, autoescape=True))
    hits: list[SearchHit] = []
    for one in database.read(select(CASES).where(named).order_by(case.changed_at.desc())):
        where, said = (
            ("narrative", one["narrative"]) if text.lower() in one["narrative"].lower() else ("label", one["labels"])
        )
        hits.append(make_hit("words", one["campaign_id"], where, wanted, said, one["campaign_id"], None))
    noted = select(CASE_EVENTS).where(event.note.icontains(text, autoescape=True)).order_by(event.at.desc())
    for one in database.read(noted.limit(10 * HITS_OF_A_KIND)):
        where = f"{_SAID_BY.get(one['kind'], 'note')} of {one['by']}"
        hits.append(make_hit("words", one["campaign_id"], where, wanted, one["note"], one["campaign_id"], None))
    gone = select(row.campaign_id).where(row.campaign_id.icontains(text, autoescape=True)).order_by(row.campaign_id)
    ended = [
        one["campaign_id"] for one in database.read(gone.limit(10 * HITS_OF_A_KIND)) if one["campaign_id"] not in known
    ]
    past = tuple(
        make_hit("campaign", name, "ended campaign", wanted, name, name, None) for name in ended[:HITS_OF_A_KIND]
    )
    return (
        KindHits("words", "What people wrote", len(hits), tuple(hits[:HITS_OF_A_KIND])),
        KindHits("campaign", "Campaigns of earlier hunts", len(ended), past),
    )
