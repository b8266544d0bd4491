"""Scores as sums of evidence, rebuilt from the evidence table, and how far they are from the thresholds.

For a campaign, log2 odds = the sum of its evidence rows without an account (the prior is one of them) and
P = 1 / (1 + 2^-odds). For an account, P = P(campaign) x P(member | campaign); the second factor comes from the
evidence rows that name both. An account in several campaigns has the score of its main campaign, the highest.
Bits are stored after caps, so nothing but addition happens here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.config import ScoreSettings
from stillhunt.base.explanations import EXPLANATION_OF, odds_against_all, one_operator_bits
from stillhunt.base.families import INDEPENDENCE, LIMIT_FAMILIES, OTHERS, PRIOR, SIGN_KINDS, family_label
from stillhunt.base.schema import FAMILIES
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.folder import canonical_order

_IDS_OF_MANY = 10
"""Ids of requests that are read of each finding when the findings of all campaigns are read."""

STATEMENT_CHARS = 400
"""Longest statement that is shown; ours are shorter, so only hostile or damaged ones are cut."""

LEAST_BITS = 0.05
"""Fewer bits than these, either way, are shown as 0.0 with one decimal."""

NEGLIGIBLE = "negligible"  # kind of the one line that stands for all findings of 0.0 bits

_KINDS_SHOWN = 12
_KIND_CHARS = 32
_FAMILY_CHARS = 24


@dataclass(frozen=True)
class Term:
    """One piece of evidence in a score; its bits are those after caps, `raw_bits` those before."""

    family: str
    kind: str
    statement: str
    bits: float
    request_count: int
    request_ids: tuple[str, ...]
    raw_bits: float = 0.0

    @property
    def shown(self) -> str:
        """The statement, bounded and safe to show."""
        return formatting.shorten(self.statement, STATEMENT_CHARS)

    @property
    def is_finding(self) -> bool:
        """Whether it is something that was measured: neither the prior nor an explanation nor a limit."""
        return self.family not in (PRIOR, OTHERS, *LIMIT_FAMILIES)

    @property
    def weighs(self) -> bool:
        """Whether it is a finding for which the log has sufficient data; a test without has no bits before caps."""
        return self.is_finding and (self.bits != 0 or self.raw_bits != 0 or self.kind in SIGN_KINDS)

    @property
    def negligible(self) -> bool:
        """True for a finding whose bits are shown as 0.0."""
        return self.weighs and abs(self.bits) < LEAST_BITS


@dataclass(frozen=True)
class OtherExplanation:
    """An explanation of a group other than a harvest."""

    key: str
    name: str
    log2_odds: float  # of a harvest against it
    settles: str  # what would decide between it and a harvest, in a sentence

    @property
    def words(self) -> str:
        """How likely it is compared with a harvest, in a sentence."""
        return formatting.sentence(f"{self.name}: {formatting.odds_in_words(self.log2_odds)} a harvest")


@dataclass(frozen=True)
class ScoreSum:
    """Evidence that adds up: to a campaign, or to one account's membership in it.

    The bits of a finding about a campaign are those against the explanation beside a harvest that fits best.
    """

    terms: tuple[Term, ...]

    @property
    def prior_bits(self) -> float:
        """Log2 odds before any evidence."""
        return math.fsum(term.bits for term in self.terms if term.family == PRIOR)

    @property
    def prior_statement(self) -> str:
        """What the prior is the odds of."""
        stated = [term.shown for term in self.terms if term.family == PRIOR and term.statement]
        return stated[0] if stated else "Odds before any evidence"

    @property
    def log2_odds(self) -> float:
        """Prior plus evidence, in bits; the exact sum, so the order of rows plays no part."""
        return math.fsum(term.bits for term in self.terms)

    @property
    def probability(self) -> float:
        """1 / (1 + 2^-log2 odds)."""
        return probability_of(self.log2_odds)

    @property
    def supporting(self) -> tuple[Term, ...]:
        """Evidence for, the strongest first; without negligible findings."""
        return tuple(term for term in self.terms if term.is_finding and term.bits >= LEAST_BITS)

    @property
    def opposing(self) -> tuple[Term, ...]:
        """Evidence against, the strongest first; without negligible findings."""
        against = [term for term in self.terms if term.is_finding and term.bits <= -LEAST_BITS]
        return tuple(sorted(against, key=lambda term: term.bits))

    @property
    def explanations(self) -> tuple[OtherExplanation, ...]:
        """The explanations other than a harvest, the one that fits best first; none in a case of version 7."""
        places = {key: place for place, key in enumerate(EXPLANATION_OF)}  # of equals the first leads
        known = [
            OtherExplanation(term.kind, explanation.name, term.raw_bits, explanation.settles)
            for term in self.terms
            if term.family == OTHERS and math.isfinite(term.raw_bits)
            if (explanation := EXPLANATION_OF.get(term.kind)) is not None
        ]
        return tuple(sorted(known, key=lambda one: (one.log2_odds, places[one.key])))

    @property
    def others_bits(self) -> float:
        """What the explanations that fit less well take from the odds together, at most 0."""
        return math.fsum(term.bits for term in self.terms if term.family == OTHERS)

    @property
    def one_operator(self) -> float | None:
        """Probability that one operator stands behind the accounts, whatever it does; None where nothing says so."""
        odds = {one.key: one.log2_odds for one in self.explanations}
        separate = any(not EXPLANATION_OF[key].one_operator for key in odds)
        return probability_of(one_operator_bits(odds)) if separate else None

    @property
    def of_one_operator(self) -> bool:
        """Whether the score is the probability of one operator, since that of a harvest is below the thresholds."""
        odds = [one.log2_odds for one in self.explanations]
        return bool(odds) and self.log2_odds - odds_against_all(odds) > LEAST_BITS

    @property
    def limits(self) -> tuple[str, ...]:
        """Why the verdict is lower than the probability says, in statements."""
        return tuple(term.shown for term in self.terms if term.family in LIMIT_FAMILIES)

    @property
    def negligible_line(self) -> Term | None:
        """All findings whose bits are shown as 0.0, as one that names their kinds; None where there are none."""
        terms = [term for term in self.terms if term.negligible]
        if not terms:
            return None
        kinds = [formatting.shorten(kind.replace("_", " "), _KIND_CHARS) for kind in sorted({t.kind for t in terms})]
        shown = formatting.join_some(kinds, _KINDS_SHOWN)
        statement = f"{formatting.plural(len(terms), 'finding')} of 0.0 bits: {shown}"
        return Term("", NEGLIGIBLE, statement, math.fsum(term.bits for term in terms), 0, ())

    @property
    def insufficient(self) -> tuple[Term, ...]:
        """Tests for which the log has insufficient data: evidence neither for nor against."""
        return tuple(term for term in self.terms if term.family in FAMILIES and not term.weighs)

    @property
    def family_bits(self) -> dict[str, float]:
        """Family -> its bits, the strongest first."""
        names = sorted({term.family for term in self.terms if term.is_finding})
        totals = {name: math.fsum(t.bits for t in self.terms if t.family == name) for name in names}
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class Membership:
    """One account's part in one campaign; the verdict is that on the account."""

    account_id: str
    campaign_id: str
    role: str
    verdict: str
    requests: int
    share: float
    stored_score: float
    campaign: ScoreSum
    member: ScoreSum

    @property
    def probability(self) -> float:
        """P(campaign) x P(member | campaign)."""
        return self.campaign.probability * self.member.probability


def probability_of(log2_odds: float) -> float:
    """Probability from log2 odds, without overflow at either end."""
    if log2_odds >= 0:
        return 1.0 / (1.0 + math.exp2(-min(log2_odds, 1000.0)))
    odds = math.exp2(max(log2_odds, -1000.0))
    return odds / (1.0 + odds)


def campaign_sums(evidence: pa.Table) -> dict[str, ScoreSum]:
    """What each campaign's score is made of, campaign by campaign; with the ids of a few requests of each finding."""
    rows = canonical_order("evidence", evidence.filter(pc.is_null(evidence["account_id"])))
    few_ids = pc.list_slice(rows["request_ids"], 0, _IDS_OF_MANY)
    terms: dict[str, list[Term]] = {}
    for row in rows.select(["campaign_id", *_OF_TERM]).append_column("request_ids", few_ids).to_pylist():
        terms.setdefault(row["campaign_id"], []).append(_term_of_row(row))
    return {name: ScoreSum(tuple(parts)) for name, parts in terms.items()}


def campaign_sum(evidence: pa.Table, campaign_id: str) -> ScoreSum:
    """What one campaign's score is made of, with the ids of its requests."""
    of_campaign = pc.and_(pc.equal(evidence["campaign_id"], campaign_id), pc.is_null(evidence["account_id"]))
    rows = canonical_order("evidence", evidence.filter(of_campaign)).to_pylist()
    return ScoreSum(tuple(_term_of_row(row) for row in rows))


def member_sums(evidence: pa.Table, campaign_id: str, account_id: str | None = None) -> dict[str, ScoreSum]:
    """What the memberships of a campaign are made of, account by account.

    `account_id`: only this account, with the ids of its requests; None: all, without those ids.
    """
    wanted = pc.and_(pc.equal(evidence["campaign_id"], campaign_id), pc.is_valid(evidence["account_id"]))
    if account_id is not None:
        wanted = pc.and_(wanted, pc.equal(evidence["account_id"], account_id))
    rows = canonical_order("evidence", evidence.filter(wanted))
    if account_id is None:
        rows = rows.drop_columns(["request_ids"])
    terms: dict[str, list[Term]] = {}
    for row in rows.to_pylist():
        terms.setdefault(row["account_id"], []).append(_term_of_row(row))
    return {name: ScoreSum(tuple(parts)) for name, parts in terms.items()}


_OF_TERM = ("family", "kind", "statement", "bits", "request_count", "raw_bits")  # columns that are fields of it as well


def _term_of_row(row: dict[str, Any]) -> Term:
    return Term(**{name: row[name] for name in _OF_TERM}, request_ids=tuple(row.get("request_ids", ())))


_SAID: dict[str, str] = sentences_beside(__file__)["margins"]
PROGRAMME: str = _SAID["programme"]
"""How to declare an allowed programme, in a sentence."""


def margin(log2_odds: float, settings: ScoreSettings) -> str:
    """Distance to the thresholds: `3.7 bits below the review threshold`."""
    above_act = log2_odds - log2_odds_of(settings.act_probability)
    above_review = log2_odds - log2_odds_of(settings.review_probability)
    place = "above_act" if above_act >= 0 else "below_review" if above_review < 0 else "between"
    distances = formatting.distance_bits(above_act), formatting.distance_bits(above_review)
    return fill(_SAID[place], act=distances[0], review=distances[1])


def campaign_margins(total: ScoreSum, verdict: str, strong: Sequence[str], settings: ScoreSettings) -> tuple[str, ...]:
    """What would change a campaign's verdict, in sentences; `strong` are its families of evidence above the floor."""
    sentences = [formatting.sentence(text) for text in total.limits]
    thresholds = " and ".join(
        f"{name} at {formatting.exact_percent(threshold)}"
        for name, threshold in (("review", settings.review_probability), ("act", settings.act_probability))
    )
    sentences.append(fill(_SAID["score"], margin=margin(total.log2_odds, settings), thresholds=thresholds))
    families = [(name, value) for name, value in total.family_bits.items() if value > 0]
    if families:
        sentences.append(_without_strongest(total, *families[0], settings))
    if verdict != "act" and len(strong) < 2 and not any(term.family == INDEPENDENCE for term in total.terms):
        shown = formatting.shorten(family_label(strong[0]), _FAMILY_CHARS) if strong else ""
        reached = f'only "{shown}" reaches that' if shown else "none reaches that"
        floor = formatting.distance_bits(settings.family_floor_bits)
        sentences.append(fill(_SAID["families"], floor=floor, reached=reached))
    if total.insufficient:
        sentences.append(fill(_SAID["insufficient"], tests=lacking(total)))
    if verdict != "none":
        sentences.append(PROGRAMME)
    return tuple(sentences)


def account_margins(
    main: Membership | None, *, sanctioned: bool, of_act: bool, settings: ScoreSettings
) -> tuple[str, ...]:
    """What would change an account's verdict, in sentences; `of_act`: its main campaign has the verdict act."""
    if main is None:
        return (_SAID["in_no_group"],)
    factors = {"the campaign": main.campaign.probability, "its part in the campaign": main.member.probability}
    weaker, name = min((probability, name) for name, probability in factors.items())
    sentences = [fill(_SAID["weaker"], factor=name, probability=formatting.probability(weaker))]
    if main.verdict != "none" and main.member.log2_odds >= 0:
        sentences.append(fill(_SAID["spare"], bits=formatting.distance_bits(main.member.log2_odds)))
    sentences += [formatting.sentence(text) for text in main.campaign.limits]
    if main.verdict == "review" and of_act:
        strangers = formatting.exact_percent(settings.flagged_strangers)
        least = formatting.exact_percent(settings.flagged_probability)
        sentences.append(fill(_SAID["together"], strangers=strangers, least=least))
    if sanctioned:
        sentences.append(_SAID["sanctioned"])
    elif main.verdict != "none":
        sentences.append(PROGRAMME)
    return tuple(sentences)


def lacking(total: ScoreSum) -> str:
    """The tests for which the log has insufficient data, as their statements put it."""
    return ". ".join(term.shown.rstrip(".") for term in total.insufficient)


def log2_odds_of(probability: float) -> float:
    """Log2 odds of a probability that is neither 0 nor 1."""
    return math.log2(probability / (1 - probability))


def _without_strongest(total: ScoreSum, family: str, family_bits: float, settings: ScoreSettings) -> str:
    shown, bits = formatting.shorten(family_label(family), _FAMILY_CHARS), formatting.bits(family_bits)
    # What a family says differs between explanations, so that no other probability follows from its bits.
    if total.explanations:
        odds = formatting.odds_in_words(total.log2_odds - total.others_bits - family_bits)
        return fill(_SAID["without_against"], family=shown, bits=bits, odds=odds)
    left = probability_of(total.log2_odds - family_bits)
    verdict = "still above the act threshold"
    if left < settings.act_probability:
        verdict = f"{'above' if left >= settings.review_probability else 'below'} the review threshold"
    return fill(_SAID["without"], family=shown, bits=bits, probability=formatting.probability(left), verdict=verdict)
