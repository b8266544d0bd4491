"""Search in one case: accounts, campaigns, phrases of excerpts and evidence, and requests that evidence cites."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.families import OTHERS
from stillhunt.base.ids import visible_id
from stillhunt.triage.model import ID_CHARS, CaseModel

HITS_OF_A_KIND = 50
QUERY_CHARS = 200
"""Longest text that is searched for; of a longer one the beginning is."""
_AROUND_CHARS = 60
"""Characters of an excerpt on either side of what was found."""


@dataclass(frozen=True)
class SearchHit:
    """One thing found; ids are raw, the other texts are safe to show."""

    kind: str
    id: str  # of the campaign, account or request; of a phrase, the request of the excerpt, or the campaign
    name: str  # the id, safe to show
    found_in: str
    campaign_id: str | None
    account_id: str | None
    before: str
    match: str
    after: str


@dataclass(frozen=True)
class KindHits:
    """The hits of one kind: their label, how many there are in all, and the first of them."""

    kind: str
    label: str
    total: int
    hits: tuple[SearchHit, ...]


@dataclass(frozen=True)
class CaseHits:
    """What a search found."""

    query: str
    kinds: tuple[KindHits, ...]
    note: str

    @property
    def total(self) -> int:
        """Hits of all kinds."""
        return sum(kind.total for kind in self.kinds)


def search_case(case: CaseModel, samples: pa.Table, query: str, limit: int = HITS_OF_A_KIND) -> CaseHits:
    """Campaigns, accounts, phrases and cited requests that hold a text, in capitals or not.

    The text is searched as it stands: no character has a meaning of its own. Requests are found by the beginning of
    their id, as written, and only those that evidence cites or excerpts show. Phrases are searched in excerpts, skills
    and the evidence about whole campaigns, not in the few sentences that evidence says of each member.

    Args:
        query: what to search for; blanks around it, and what exceeds 200 characters, are left out.

    Returns:
        Hits and their true number by kind; exact ids come first, then beginnings, then the rest.
    """
    wanted, note = clean_query(query)
    if not wanted:
        return CaseHits("", (), note)
    return CaseHits(
        formatting.shorten(wanted, QUERY_CHARS),
        (
            _find_campaigns(case, wanted, limit),
            _find_accounts(case, wanted, limit),
            _find_phrases(case, samples, wanted, limit),
            _find_requests(case, samples, wanted, limit),
        ),
        note,
    )


def clean_query(query: str) -> tuple[str, str]:
    """What is searched for, and what to say about it."""
    beginning = query[: 4 * QUERY_CHARS].strip()
    # an id is stored with its control characters made visible, and bytes that are no text are none here
    wanted = visible_id(beginning.encode("utf-8", "replace").decode())
    if not wanted:
        return "", "Type an account, a campaign, a request or some words of a prompt."
    if len(wanted) > QUERY_CHARS or len(query) > 4 * QUERY_CHARS:
        return wanted[:QUERY_CHARS], f"Only the first {QUERY_CHARS} characters were searched for."
    return wanted, ""


def _find_ids(
    ids: pa.ChunkedArray, wanted: str, limit: int, rank: pa.ChunkedArray | None = None
) -> tuple[int, list[int]]:
    """How many ids hold a text, and the rows of the first: the exact id, then beginnings, then by rank and id."""
    rows = pc.indices_nonzero(pc.match_substring(ids, wanted, ignore_case=True))
    names = ids.take(rows)
    columns = {
        "exact": pc.equal(names, wanted).cast(pa.int8()),
        "begins": pc.starts_with(names, wanted, ignore_case=True).cast(pa.int8()),
        "rank": pa.array([0.0] * len(rows)) if rank is None else rank.take(rows),
        "name": names,
    }
    keys = [("exact", "descending"), ("begins", "descending"), ("rank", "descending"), ("name", "ascending")]
    order = pc.sort_indices(pa.table(columns), sort_keys=keys)[:limit]
    return len(rows), rows.take(order).to_pylist()


def _find_accounts(case: CaseModel, wanted: str, limit: int) -> KindHits:
    table = case.tables["accounts"]
    total, rows = _find_ids(table["account_id"], wanted, limit, table["score"])
    found = table.select(["account_id", "campaign_id"]).take(pa.array(rows, pa.int64())).to_pylist()
    hits = (
        make_hit(
            "account", row["account_id"], "account id", wanted, row["account_id"], row["campaign_id"], row["account_id"]
        )
        for row in found
    )
    return KindHits("account", "Accounts", total, tuple(hits))


def _find_campaigns(case: CaseModel, wanted: str, limit: int) -> KindHits:
    table = case.tables["campaigns"]
    total, rows = _find_ids(table["campaign_id"], wanted, limit, table["score"])
    names = table["campaign_id"].take(pa.array(rows, pa.int64())).to_pylist()
    hits = (make_hit("campaign", name, "campaign id", wanted, name, name, None) for name in names)
    return KindHits("campaign", "Campaigns and groups", total, tuple(hits))


def _find_phrases(case: CaseModel, samples: pa.Table, wanted: str, limit: int) -> KindHits:
    """Excerpts first, then skills, then evidence; each in reading order of its table."""
    texts = samples.filter(pc.match_substring(samples["text"], wanted, ignore_case=True))
    texts = texts.sort_by([("campaign_id", "ascending"), ("request_id", "ascending"), ("account_id", "ascending")])
    found = [
        ("excerpt of a request", row["text"], row["request_id"], row["campaign_id"], row["account_id"])
        for row in texts.slice(0, limit).to_pylist()
    ]
    folded = wanted.casefold()
    skills = [
        ("skill", skill, campaign.row["campaign_id"], campaign.row["campaign_id"], None)
        for campaign in case.campaigns
        for skill in campaign.row["skills"]
        if folded in skill.casefold()
    ]
    statements = case.tables["evidence"]
    # Explanations beside a harvest are the same words in every campaign: they are no find.
    findings = pc.and_(pc.is_null(statements["account_id"]), pc.not_equal(statements["family"], OTHERS))
    statements = statements.filter(findings).select(["campaign_id", "statement"])
    statements = statements.filter(pc.match_substring(statements["statement"], wanted, ignore_case=True))
    ordered = statements.sort_by([("campaign_id", "ascending"), ("statement", "ascending")]).slice(0, limit)
    said = [("evidence", row["statement"], row["campaign_id"], row["campaign_id"], None) for row in ordered.to_pylist()]
    hits = (
        make_hit("phrase", id_, where, wanted, text, campaign, account)
        for where, text, id_, campaign, account in [*found, *skills, *said][:limit]
    )
    return KindHits("phrase", "Phrases", texts.num_rows + len(skills) + statements.num_rows, tuple(hits))


def _find_requests(case: CaseModel, samples: pa.Table, wanted: str, limit: int) -> KindHits:
    """Requests by whole id or its beginning; one that several findings cite is one hit."""
    evidence = case.tables["evidence"]
    ids = pc.list_flatten(evidence["request_ids"])
    rows = pc.list_parent_indices(evidence["request_ids"]).cast(pa.int64())
    begins = pc.starts_with(ids, wanted)
    ids, rows = ids.filter(begins), rows.filter(begins)
    shown = samples.filter(pc.starts_with(samples["request_id"], wanted))
    both = pc.unique(pa.chunked_array([*ids.chunks, *shown["request_id"].chunks], pa.string()))
    # a whole id comes before those that it begins
    first = both.take(pc.select_k_unstable(both, limit, sort_keys=[("id", "ascending")]))
    places: dict[str, tuple[str, str, str | None]] = {}
    cited = pc.is_in(ids, value_set=first)
    behind = evidence.select(["campaign_id", "account_id"]).take(rows.filter(cited)).to_pylist()
    for request, row in zip(ids.filter(cited).to_pylist(), behind, strict=True):
        # the finding about an account says more than that about its campaign; ties by id, whatever the order of rows
        place = ("cited as evidence", row["campaign_id"], row["account_id"])
        places[request] = min(places.get(request, place), place, key=lambda p: (p[2] is None, p[1], p[2] or ""))
    for row in shown.select(["request_id", "campaign_id", "account_id"]).to_pylist():
        # an excerpt names the account that sent the request
        places[row["request_id"]] = ("excerpt", row["campaign_id"], row["account_id"])
    hits = (make_hit("request", name, places[name][0], wanted, name, *places[name][1:]) for name in first.to_pylist())
    return KindHits("request", "Requests", len(both), tuple(hits))


def make_hit(
    kind: str, id_: str, found_in: str, wanted: str, text: str, campaign: str | None, account: str | None
) -> SearchHit:
    """One thing found, with the text around what was searched for, safe to show."""
    before, match, after = _text_around(text, wanted)
    return SearchHit(kind, id_, formatting.shorten(id_, ID_CHARS), found_in, campaign, account, before, match, after)


def _text_around(text: str, wanted: str) -> tuple[str, str, str]:
    """What was found in a text, and what stands around it, safe to show."""
    found = re.search(re.escape(wanted), text, re.IGNORECASE)
    # the engine folds a few letters otherwise than Python; then the beginning of the text is shown
    start, end = found.span() if found else (0, 0)
    begin, stop = max(start - _AROUND_CHARS, 0), min(end + _AROUND_CHARS, len(text))
    before = (formatting.ELLIPSIS if begin else "") + formatting.escape_controls(text[begin:start])
    after = formatting.escape_controls(text[end:stop]) + (formatting.ELLIPSIS if stop < len(text) else "")
    return before, formatting.escape_controls(text[start:end]), after
