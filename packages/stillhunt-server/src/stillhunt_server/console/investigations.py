"""Investigations that are kept: the form, and what a pack says of them and of comments."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.errors import ConfigError
from stillhunt.decide.case_work import read_work
from stillhunt_server.case_views.member_selection import describe_selection, read_selection, select_members
from stillhunt_server.casework.changes import KeepInvestigation
from stillhunt_server.casework.history import WorkEvent, work_events
from stillhunt_server.console.context import PageRequest
from stillhunt_server.console.rendering import moment

MOST_CITED = 50
"""Rows that one investigation cites. Judgement: what a colleague reads again; the selection has the others."""
COMMENTS_PACKED = 100
"""Newest comments and investigations that a pack has. Judgement: the work of weeks."""


def read_investigation_form(request: PageRequest) -> KeepInvestigation:
    """What somebody found out about the members that the form names, and the rows that they cite.

    Raises:
        ConfigError: a cited id is neither a member nor a request that a finding names, or there are too many.
    """
    name, given = request.route["campaign"], request.lists
    selection = read_selection(lambda one: tuple(given.get(one, ())))
    traits = request.derived.traits_of(name)
    number = int(select_members(traits, selection)[0].sum())
    parts = "; ".join(words for words, _ in describe_selection(traits, selection))
    who = formatting.sentence_case(formatting.part_of(number, traits.facts.num_rows, "member"))
    ids = list(dict.fromkeys((*given.get("chosen", ()), *request.form["cited"].split())))
    known = {
        "account": traits.facts["account_id"],
        "request": request.case.of_campaign("cited", name)["request_id"],
    }
    if len(ids) > MOST_CITED:
        raise ConfigError(f"it cites {len(ids)} rows", where="cited", next_step=f"cite at most {MOST_CITED}")
    return KeepInvestigation(
        question=request.form["question"],
        conclusion=request.form["conclusion"],
        address=selection.url(),
        selected=formatting.shorten(f"{who}{f': {parts}' if parts else ''}", 400),
        cited=tuple((_kind_of_row(one, known), one) for one in ids),
    )


def _kind_of_row(one: str, known: dict[str, pa.ChunkedArray]) -> str:
    for kind, ids in known.items():
        if pc.any(pc.equal(ids, one)).as_py():
            return kind
    raise ConfigError(
        f"no row has the id '{formatting.shorten(one, 64)}'",
        where="cited",
        next_step="cite ids of members, or of requests that findings name, with spaces between them",
    )


def narrative_of(request: PageRequest, campaign: str) -> str:
    """What analysts wrote about a campaign: the narrative, then investigations and comments, the oldest first.

    Raises:
        CaseError: the case folder that is shown has no database.
    """
    written = [one for one in work_events(request.database, campaign) if one.kind == "comment"][-COMMENTS_PACKED:]
    parts = [read_work(request.database, campaign).narrative, *map(_describe_written, written)]
    return "\n\n".join(part for part in parts if part)


def _describe_written(event: WorkEvent) -> str:
    at = moment(event.at)
    when = f"{formatting.minute(at) if at else ''}, {event.by}"
    kept = event.after.get("investigation")
    if not kept:
        return f"Comment ({when}): {event.note}"
    cited = ", ".join(one for _, one in kept["cited"]) or "none"
    return (
        f"Question ({when}): {kept['question']}\nConclusion: {event.note}\nLooked at: {kept['selected']}\nRows: {cited}"
    )
