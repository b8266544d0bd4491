"""Every kind of sentence of the report, explanations and the screen, with counts 0, 1, 2 and many, is plain."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pytest
from rich.console import Console

from stillhunt.base import formatting
from stillhunt.base.config import ScoreSettings, setting_origins
from stillhunt.base.explanations import EXPLANATION_OF
from stillhunt.base.families import EVIDENCE_FAMILIES, OTHERS, PRIOR
from stillhunt.base.schema_case import OPERATION_KINDS, ROLES, VERDICTS
from stillhunt.cli.screen import print_findings
from stillhunt.triage import score_breakdown, sentences
from stillhunt.triage.case import Case
from stillhunt.triage.kinds import probability_of_kind, role_sentences, said_of_kind
from stillhunt.triage.origins import origin_words
from stillhunt.triage.score_breakdown import Membership, ScoreSum, Term
from wording import assert_plain, faults_in

from .fixtures import build, demo_case

COUNTS = (0, 1, 2, 12_345)
FIRST = datetime(2026, 3, 3, tzinfo=UTC)


def campaign(verdict: str, number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "campaign_id": f"c-{number}",
        "kind": "harvest",
        "score": {"act": 0.9999, "review": 0.7, "none": 0.02}[verdict],
        "verdict": verdict,
        "accounts": number,
        "requests": number,
        "first_seen": FIRST,
        "last_seen": FIRST + timedelta(days=min(number, 40)),
        "skills": [f"skill {letter}" for letter in "abcdefgh"[: min(number, 8)]],
        "models": ["large", "small"][: min(number, 2)],
        "families": [],
        "output_tokens": number,
        "list_value": number / 7,
        "estimated_requests": number,
    }
    return {**row, **changes}


def evidence(*bits: float, family: str = "queue", statement: str = "70 accounts share one work queue") -> ScoreSum:
    pieces = [Term(family, f"kind_{place}", statement, value, 3, ()) for place, value in enumerate(bits)]
    return ScoreSum((Term(PRIOR, PRIOR, "odds before any evidence", -8.5, 0, ()), *pieces))


def beside_others(odds: float) -> ScoreSum:
    """A score with every explanation, all as likely."""
    rows = [Term(OTHERS, key, "", 0.0, 0, (), odds) for key in EXPLANATION_OF]
    return ScoreSum((*evidence(9.0).terms, *rows))


def claims() -> Iterator[str]:
    strong = ([], ["queue"], [family.name for family in EVIDENCE_FAMILIES])
    for verdict, kind, number, families in product(VERDICTS, OPERATION_KINDS[:-1], COUNTS[1:], strong):
        for row in (campaign(verdict, number, families=families, kind=kind, score=score) for score in (0.9, 0.9999)):
            yield sentences.campaign_claim(row, sentences.why_not_act(row, evidence(9.0), 0.99))


def headlines() -> Iterator[str]:
    for act, review, number in product(COUNTS[:3], COUNTS, COUNTS):
        yield sentences.case_headline([campaign("act", number)] * act, review, number, number // 2, number, number)


def cautions() -> Iterator[str]:
    for verdict, number in product(VERDICTS, COUNTS):
        roles = {"dedicated": 3, **dict.fromkeys(ROLES[1:], number)}
        yield from role_sentences(roles)
        yield from sentences.limits_of(campaign(verdict, number), roles)
        yield from sentences.before_acting(campaign(verdict, number), roles, "The probability is too low.")
    for kind, number in product(OPERATION_KINDS[1:-1], COUNTS):
        yield probability_of_kind(kind) + "."
        yield said_of_kind(campaign("review", number, kind=kind), "margin")
        yield from sentences.limits_of(campaign("review", number, kind=kind), {"unknown": number})
        yield from sentences.before_acting(campaign("review", number, kind=kind), {"unknown": number}, "")
    for numbers in product(COUNTS, repeat=5):
        yield sentences.left_alone(*numbers, ["its accounts belong to programmes"] * min(numbers[0], 9))
    for odds in (-12.0, -3.0, 0.0, 0.05, 3.0, 12.0):
        yield from sentences.other_explanations(beside_others(odds))


def changes() -> Iterator[str]:
    settings = ScoreSettings()
    for verdict, bits in product(VERDICTS, ((), (0.0,), (1.0,), (9.5, -1.0), (12.0, 0.0), (30.0,))):
        for total in (evidence(*bits), ScoreSum((*evidence(*bits).terms, *beside_others(2.0).terms))):
            yield from score_breakdown.campaign_margins(total, verdict, [], settings)
            yield from score_breakdown.campaign_margins(total, verdict, ["queue"], settings)
    budget = evidence(14.0, 0.0, family="budget", statement="a budget of 1 false campaign asks for more bits")
    yield from score_breakdown.campaign_margins(budget, "review", ["queue"], settings)
    for bits, own, sanctioned, of_act in product((1.0, 20.0), (-4.0, 12.0), (False, True), (False, True)):
        total, part = evidence(bits), evidence(own)
        main = Membership("a", "c", "mixed", "act", 1, 0.5, 0.5, total, part)
        yield from score_breakdown.account_margins(main, sanctioned=sanctioned, of_act=of_act, settings=settings)
    yield from score_breakdown.account_margins(None, sanctioned=False, of_act=False, settings=settings)


@pytest.mark.parametrize("kind", [claims, headlines, cautions, changes], ids=lambda kind: kind.__name__)
def test_sentences_are_plain(kind: Any) -> None:
    for text in kind():
        assert_plain(text)


def small_case(number: int, verdict: str, rejects: int) -> Case:
    """A case in which every count is one number."""
    tables = dict(demo_case().tables)
    rows = [
        {"campaign_id": f"c-{number}", "account_id": account, "family": family, "kind": "kind", "statement": statement,
         "bits": bits, "raw_bits": bits, "independent": False, "act_needs": "nothing", "request_ids": [],
         "request_count": number}
        for account, family, bits, statement in (
            (None, PRIOR, -8.5, "odds before any evidence"),
            (None, "queue", 9.0, "the accounts share one work queue"),
            (None, "conduct", -1.0, "people follow up on some answers"),
            (None, "timing", 0.0, "too few days for a schedule"),
            (None, OTHERS, -0.3, "One firm: as likely as a harvest"),
            ("a", "queue", 2.0, "it does as much work as the others"),
        )
    ]  # fmt: skip
    member = {"account_id": "a", "campaign_id": f"c-{number}", "role": "mixed", "requests": number, "share": 0.5}
    account = {"account_id": "a", "score": 0.4, "verdict": verdict, "flagged": verdict == "act", "sanctioned": True,
               "campaign_id": f"c-{number}", "reasons": [], "requests": number, "harvest_requests": number}  # fmt: skip
    tables |= {
        "campaigns": build("campaigns", [campaign(verdict, number, estimated_requests=4 * number)]),
        "evidence": build("evidence", rows),
        "members": build("members", [{**member, "score": 0.4}] * min(number, 2)),
        "accounts": build("accounts", [account]),
        "rejects": build("rejects", [{"source": "s", "place": "p", "reason": "r", "raw": ""}] * min(rejects, 3)),
    }
    client = {"campaign_id": f"c-{number}", "aspect": "client", "requests": 9, "accounts": 1}
    origins = [{**client, "value": f"client-{place}"} for place in range(min(number, 9))]
    counts = {"requests": number, "accounts": number, "rejects": rejects, "allowed": min(number, 1)}
    run = {"counts": counts, "unenriched": ["names of networks: add a file to collect.mmdb"], "coverage": [],
           "inputs": [{"name": "a.log", "format": "otlp", "rows": number, "bytes": number, "sha256": "ab",
                       "passed_over": {"no call of a model": number}}]}  # fmt: skip
    return Case(tables, run=run, origins=build("origins", origins))


class Blocks(HTMLParser):
    """The text of each element that holds a sentence or label, scripts and styles left out."""

    BLOCKS = frozenset({"p", "li", "h1", "h2", "h3", "dt", "dd", "th", "td", "figcaption", "summary", "title", "div"})

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.texts, self.skipping = [""], False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.skipping = tag in ("script", "style", "pre")
        if tag in self.BLOCKS:
            self.texts.append("")
        elif tag == "span":
            self.texts[-1] += "  "

    def handle_endtag(self, tag: str) -> None:
        self.skipping = False
        if tag in self.BLOCKS:
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if not self.skipping:
            self.texts[-1] += data


def faults_of_lines(lines: list[str]) -> list[str]:
    return [f"{line!r}: {fault}" for line in lines if line for fault in faults_in(line, ends=False)]


@pytest.mark.parametrize(("number", "verdict", "rejects"), [*product(COUNTS, VERDICTS, (0, 1, 2))])
def test_report_explanation_and_screen_are_plain(number: int, verdict: str, rejects: int) -> None:
    case = small_case(number, verdict, rejects)
    page = Blocks(case.report()).texts
    file = io.StringIO()
    print_findings(Console(file=file, soft_wrap=True, markup=False, highlight=False), case.model, "case", 0.01)
    explained = "\n".join(case.explain(wanted_id).text() for wanted_id in (f"c-{number}", "a"))
    for text in (file.getvalue(), explained):
        page += re.sub(r"\n(?: {11}| {4})(?=\S)", " ", text).splitlines()  # wrapped lines of explanations
    assert not faults_of_lines([part.strip() for text in page for part in re.split(r"\s{2,}", text)])


@pytest.mark.parametrize("number", COUNTS)
def test_phrases_of_the_case_are_plain(number: int) -> None:
    rows = [{"aspect": "country", "value": f"A{place}", "requests": 5} for place in range(min(number, 9))]
    texts = [words for _, words in origin_words(rows)]
    texts += [formatting.part_of(part, number, "account") for part in {0, min(1, number), number}]
    texts += [repr(Case({**demo_case().tables, "accounts": demo_case().accounts.slice(0, min(number, 500))}))]
    assert not faults_of_lines(texts)


def test_settings_are_plain() -> None:
    for name, _, _, text in setting_origins(environ={}):
        if name.startswith(("report.", "sanctioned.")):
            assert_plain(text)


def test_families_are_plain() -> None:
    for family in EVIDENCE_FAMILIES:
        assert_plain(family.about)
        assert_plain(family.label, ends=False)
        assert_plain(f"They appear to share {family.shared}.")


@pytest.mark.parametrize(
    "wrong",
    [
        "1 accounts use it.",
        "It has 1 more requests.",
        "2 account use it.",
        "One more campaign need a person.",
        "No group were found.",
        "It is 8.6% of all.",
        "It is over 99.9 % sure.",
        "It is 8.61 % of all.",
        "There are 12345 requests.",
        "It has  two spaces.",
        "It has ( ) nothing.",
        "It has no end",
        "it has no capital.",
        "It is -0.5 bits.",
        "It it is.",
        "It is None.",
        "Topics are dealt.",
        "One (bracket is open.",
    ],
)
def test_the_checker_finds_faults(wrong: str) -> None:
    assert faults_in(wrong)
    with pytest.raises(AssertionError):
        assert_plain(wrong)


def test_the_checker_accepts_good_sentences() -> None:
    for text in (
        "1 of 3,000 accounts sent 1 of 2 requests (50 %) on 3 March 2026.",
        "All 70 accounts signed up within two 12-hour windows, which chance does not explain.",
        "70 accounts use one template (553 bits on held-out requests), 9,271 times as often as other customers.",
        "Volume per account is unusually even: mean 15, standard deviation 6.4 (3.8 if assigned at random).",
        "100 % of its requests drive tools; 6 % elsewhere on average (most groups are near 0 % or 100 %).",
        "The mean correlation is \u22120.012 (dispersion index 1.00).",
    ):
        assert_plain(text)
