"""A first narrative of a campaign from what its case says: each sentence with the rows that it rests on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from stillhunt.base import formatting
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.score_breakdown import Term
from stillhunt_server.case_views.member_traits import MemberTrait, describe_traits

_FINDINGS_TOLD, _AGAINST_TOLD, _TRAITS_TOLD = 4, 2, 5
"""Most findings for and against it, and traits, that a draft tells. Judgement: what a reader keeps in mind."""
_SOURCE = re.compile(r"\[(members|ties|timeline|evidence|requests)(?: ([a-z0-9_]{1,64}))?\]")
_QUERIES = {
    "members": "",
    "ties": "",
    "timeline": "?view=timeline",
    "evidence": "?kind=",
    "requests": "?rows=cited&finding=",
}


def draft_narrative(model: CampaignModel, common: Sequence[MemberTrait]) -> str:
    """Sentences of a campaign's claim, time, members and strongest findings, each with its source in brackets.

    It is a beginning: it weighs nothing that the case does not weigh, and knows nothing of what people found out.

    Args:
        common: traits that all members have.
    """
    return "\n".join(_tell_facts(model, common))


def _tell_facts(model: CampaignModel, common: Sequence[MemberTrait]) -> Iterator[str]:
    row = model.row
    yield f"{model.claim.removesuffix(model.why_review).strip()} [members]"
    yield f"Its requests came {formatting.during(row['first_seen'], row['last_seen'])}. [timeline]"
    for sentence in model.part:
        yield f"{sentence} [members]"
    if common:
        yield f"All of its members have: {describe_traits(common, _TRAITS_TOLD)}. [ties]"
    for term in model.total.supporting[:_FINDINGS_TOLD]:
        yield _tell_finding(term)
    for term in model.total.opposing[:_AGAINST_TOLD]:
        yield f"Against it: {_tell_finding(term)}"
    yield from (f"{sentence} [evidence]" for sentence in model.explanations[:1])


def _tell_finding(term: Term) -> str:
    return f"{formatting.sentence(term.shown)} ({formatting.bits(term.bits)} bits) [evidence {term.kind}]"


def split_sources(narrative: str) -> list[tuple[str, str]]:
    """A narrative in pieces: text, and where it leads on its campaign's pages, "" for nowhere.

    Sources are `[members]`, `[ties]`, `[timeline]`, `[evidence NAME]` and `[requests NAME]`, whoever wrote them.
    """
    pieces, end = [], 0
    for found in _SOURCE.finditer(narrative):
        part, name = found[1], found[2] or ""
        query = _QUERIES[part] + name if name or not _QUERIES[part].endswith("=") else ""
        pieces += [(narrative[end : found.start()], ""), (found[0], ("ties" if part == "timeline" else part) + query)]
        end = found.end()
    return [piece for piece in (*pieces, (narrative[end:], "")) if piece[0]]
