"""A small case with one campaign by an actor who left every mark, and the file that describes it."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "evidence"
sys.path.insert(0, str(BENCHMARKS))
from attribution_cases import OWN_TIES, Tables, Ways  # noqa: E402 - a script, found through the line above

from stillhunt.triage.case import Case  # noqa: E402 - as above
from stillhunt_evidence.actors import Attribution, KnownActors, attribute  # noqa: E402 - as above
from stillhunt_evidence.actors.actors_file import ActorsFile  # noqa: E402 - as above
from stillhunt_evidence.actors.weights import Mark  # noqa: E402 - as above

OWN, HOSTER, OTHER = "AS64500 Northern Lab", "AS3320 Carrier", "AS3301 Elsewhere"
TEXT = "Grade the answer step by step against each rubric and return the final score as a number only"
HASHES = ["00000000000000aa", "00000000000000bb"]
ENDED = date(2026, 3, 20)
ACCOUNTS = 20

WAYS = Ways(
    networks=[(OWN, 1.0)],
    clients=["openai-python"],
    countries=["SG"],
    offset=8,
    temperature=0.7,
    length=4096,
    skills=["coding"],
    texts=[TEXT],
    text_share=1.0,
    mails=["northern.example"],
    payments=["SG"],
    accounts=ACCOUNTS,
    end=ENDED,
    days=8,
    hashes=HASHES,
)
ELSEWHERE = replace(
    WAYS,
    networks=[(OTHER, 1.0)],
    clients=["curl"],
    countries=["BR"],
    offset=None,
    temperature=0.0,
    length=100,
    skills=["translation"],
    texts=["Please translate the letter below into plain Portuguese and keep its tone and its paragraphs"],
    mails=["elsewhere.example"],
    payments=["BR"],
    hashes=["00000000000000cc"],
)
NORTHERN: dict[str, Any] = {
    "name": "Northern",
    "network": [{"asn": 64500, "own": True}],
    "client": [{"family": "openai-python", "versions": ["1.54"]}],
    "countries": ["SG"],
    "hours": {"utc_offset": 8, "begin": 8, "end": 20},
    "phrases": [TEXT],
    "settings": {"temperature": [0.7], "max_tokens": [4096]},
    "skills": ["coding"],
    "sign_up": {"email_domains": ["northern.example"], "payment_countries": ["SG"]},
    "model": [
        {"name": "Aurora", "released": date(2026, 4, 10), "announced": date(2026, 4, 8), "skills": ["coding"]},
    ],
    "known": {"campaigns": ["known-1"], "networks": HASHES},
}
SOUTHERN: dict[str, Any] = {"name": "Southern", "client": [{"family": "curl"}], "known": {"campaigns": ["known-2"]}}


def scene(
    ways: Ways = WAYS, *, tie: list[tuple[str, float]] | None = OWN_TIES[0], tied_to: str = "known-1", **row: Any
) -> Case:
    """A case with the campaign c-1, two known campaigns, and three of others.

    Args:
        ways: how c-1 is run.
        tie: kinds that tie it to a known campaign; None for no tie.
        tied_to: that campaign.
        row: changes of its row in campaigns.
    """
    tables = Tables(Random(7), set())
    tables.add("c-1", ways)
    tables.rows["campaigns"][0].update(row)
    for name in ("known-1", "known-2", "other-1", "other-2", "other-3"):
        tables.add(name, ELSEWHERE)
    if tie is not None:
        tables.tie("c-1", tied_to, tie, 1)
    return tables.case()


def actors(*declared: dict[str, Any], **top: Any) -> KnownActors:
    """A file with some actors; Northern and Southern where none is given."""
    file = {"as_of": date(2026, 9, 1), "actor": list(declared or (NORTHERN, SOUTHERN)), **top}
    return KnownActors(ActorsFile.model_validate(file), "0" * 64)


def result(case: Case | None = None, known: KnownActors | None = None) -> Attribution:
    """The attribution of c-1."""
    return attribute(scene() if case is None else case, "c-1", actors() if known is None else known)


def mark_of(found: Attribution, kind: str, actor: str = "Northern") -> Mark:
    """The mark of a kind, of one actor."""
    (one,) = (one for one in found.actors if one.actor.name == actor)
    (mark,) = (mark for mark in one.marks if mark.kind == kind)
    return mark
