"""An explanation of one score: as plain data, and as plain text for a terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stillhunt.base import formatting
from stillhunt.triage.kinds import role_label
from stillhunt.triage.model import ID_CHARS, family_name
from stillhunt.triage.score_breakdown import STATEMENT_CHARS, Membership, ScoreSum, Term
from stillhunt.triage.sentences import other_explanations

TEXT_WIDTH = 96
"""Characters of a line where no terminal is narrower."""
_NARROWEST = 60
_LABEL_CHARS = 24
_MEMBERS_SHOWN = 20
_SCORE_TOLERANCE = 1e-9


_SHOWN_OF_MEMBER = ("account_id", "campaign_id", "role", "verdict", "requests", "share")


@dataclass(frozen=True)
class Explanation:
    """Why an account or campaign has its score; made by `Case.explain`."""

    kind: str
    id: str  # as in the logs; escape it before showing it
    verdict: str
    stored_score: float
    campaign: ScoreSum | None  # evidence of the campaign; None for an account without one
    memberships: tuple[Membership, ...]  # of an account, its campaigns, the main one first; of a campaign, its members
    facts: tuple[tuple[str, str], ...]
    change: tuple[str, ...]
    unseen: tuple[str, ...]  # evidence that the logs could not carry, in sentences
    sanctioned: bool = False
    # what is claimed of a campaign and why its verdict is not act; why a group has none; empty otherwise
    claim: str = ""
    taken: tuple[str, ...] = ()

    @property
    def probability(self) -> float:
        """The score, rebuilt from the evidence rows; the stored one for an account that no campaign holds."""
        if self.kind == "campaign":
            return self.campaign.probability if self.campaign else self.stored_score
        return self.memberships[0].probability if self.memberships else self.stored_score

    @property
    def agrees(self) -> bool:
        """True if the rebuilt score is the stored one."""
        return abs(self.probability - self.stored_score) <= _SCORE_TOLERANCE

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data for JSON."""
        members = [
            {
                **{name: getattr(m, name) for name in _SHOWN_OF_MEMBER},
                "score": m.probability,
                "log2_odds": m.member.log2_odds,
                # of a campaign's thousands of members only the sums: their evidence is in evidence.parquet
                "evidence": [_term_dict(term) for term in m.member.terms] if self.kind == "account" else [],
            }
            for m in self.memberships
        ]
        return {
            "kind": self.kind,
            "id": self.id,
            "verdict": self.verdict,
            "claim": self.claim,
            "score": self.probability,
            "stored_score": self.stored_score,
            "agrees": self.agrees,
            "log2_odds": self.campaign.log2_odds if self.campaign else None,
            "prior_bits": self.campaign.prior_bits if self.campaign else None,
            "evidence": [_term_dict(term) for term in self.campaign.terms] if self.campaign else [],
            "one_operator": self.campaign.one_operator if self.campaign else None,
            "other_explanations": [asdict(one) for one in self.campaign.explanations] if self.campaign else [],
            "members" if self.kind == "campaign" else "memberships": members,
            "facts": dict(self.facts),
            "what_was_taken": list(self.taken),
            "what_would_change_it": list(self.change),
            "not_seen": list(self.unseen),
        }

    def text(self, width: int = TEXT_WIDTH) -> str:
        """The explanation for a terminal: plain text, controls escaped, in lines of 60 characters or more."""
        width = max(width, _NARROWEST)
        lines = [
            f"{self.kind.capitalize()} {formatting.shorten(self.id, ID_CHARS)}",
            f"Verdict {self.verdict}: {self._verdict_words()}",
            *(_wrap_text(self.claim, "", width) if self.claim else []),
            "",
        ]
        for label, value in self.facts:
            lines += _wrap_text(value, f"  {label:<{_LABEL_CHARS - 2}}", width)
        lines += _make_paragraphs("What was taken", self.taken, width)
        if not self.agrees:
            rebuilt = f"the evidence adds up to {self.probability:.6f}"
            lines += ["", f"  Warning: the stored score is {self.stored_score:.6f}, but {rebuilt}."]
        if self.campaign is not None:
            heading = "How the score adds up, in bits"
            if self.kind == "account":
                heading = f"Campaign {formatting.shorten(self.memberships[0].campaign_id, ID_CHARS)}, in bits"
            lines += ["", heading, *_sum_lines(self.campaign, "P(campaign)", width)]
            lines += _make_paragraphs("Other explanations", other_explanations(self.campaign), width)
        if self.kind == "account" and self.memberships:
            main = self.memberships[0]
            lines += ["", "The account's part in it, in bits", *_sum_lines(main.member, "P(member | campaign)", width)]
            product = formatting.probability(main.probability)
            whole = f"P(account) = P(campaign) x P(member | campaign), which is {product}"
            lines += ["", *_wrap_text(whole, "  ", width)]
            lines += _other_campaigns(self.memberships[1:])
        if self.kind == "campaign":
            lines += _member_lines(self.memberships, width)
        lines += _make_paragraphs("What would change it", self.change, width)
        lines += _make_paragraphs("What these logs cannot show", self.unseen, width)
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def _verdict_words(self) -> str:
        probability = formatting.probability(self.probability)
        if self.sanctioned:
            return f"it belongs to an allowed programme (probability of harvesting {probability})"
        return f"{formatting.likelihood(self.probability)} ({probability})"


def _wrap_text(text: str, beginning: str, width: int) -> list[str]:
    """A text in lines under each other, after a beginning of its own."""
    lines = textwrap.wrap(text, width=width, initial_indent=beginning, subsequent_indent=" " * len(beginning))
    return lines or [beginning]


def _term_dict(term: Term) -> dict[str, Any]:
    same = {name: getattr(term, name) for name in ("family", "kind", "statement", "bits", "request_count")}
    return {**same, "request_ids": list(term.request_ids)}


def _sum_lines(part: ScoreSum, name: str, width: int) -> list[str]:
    lines = [f"  {formatting.bits(part.prior_bits):>7}  prior, before any evidence"]
    if part.explanations:
        lines = _wrap_text(f"prior: {part.prior_statement}", f"  {formatting.bits(part.prior_bits):>7}  ", width)
        lines.append(f"  {formatting.bits(part.others_bits):>7}  the other explanations together")
    negligible = (part.negligible_line,) if part.negligible_line else ()
    headings = ("evidence for", "evidence against", "neither for nor against", "insufficient data")
    for heading, terms in zip(headings, (part.supporting, part.opposing, negligible, part.insufficient), strict=True):
        lines += [f"  {heading}"] if terms else []
        for term in terms:
            behind = f" ({formatting.plural(term.request_count, 'request')})" if term.request_count else ""
            family = f"{family_name(term.family)}: " if term.family else ""
            lines += _wrap_text(f"{family}{term.shown}{behind}", f"  {formatting.bits(term.bits):>7}  ", width)
    probability = formatting.probability(part.probability)
    lines.append(f"  {formatting.bits(part.log2_odds):>7}  log2 odds, so {name} is {probability}")
    return lines


def _member_lines(members: Sequence[Membership], width: int) -> list[str]:
    if not members:
        return []
    name = max(8, min(32, width - 56))  # the other columns stand as they are
    lines = ["", f"Members ({formatting.count(len(members))})"]
    lines.append(f"  {'account':<{name}}  {'verdict':<9}{'role':<10}{'requests':>9}{'share':>9}{'probability':>15}")
    lines += [
        f"  {formatting.shorten(m.account_id, name):<{name}}  {formatting.shorten(m.verdict, 8):<9}{_shown_role(m):<10}"
        f"{formatting.count(m.requests):>9}{formatting.percent(m.share):>9}{formatting.probability(m.probability):>15}"
        for m in members[:_MEMBERS_SHOWN]
    ]
    if len(members) > _MEMBERS_SHOWN:
        lines.append(f"  and {formatting.count(len(members) - _MEMBERS_SHOWN)} more in members.parquet")
    return lines


def _shown_role(member: Membership) -> str:
    """A role is claimed only of an account with a verdict."""
    return "" if member.verdict == "none" else role_label(member.role)


def _other_campaigns(others: Sequence[Membership]) -> list[str]:
    if not others:
        return []
    lines = ["", "Other campaigns with requests of this account (its probability is that in the first one)"]
    for other in others[:_MEMBERS_SHOWN]:
        name = formatting.shorten(other.campaign_id, ID_CHARS)
        probability = formatting.probability(other.probability)
        lines.append(f"  {name}: {probability}, {formatting.plural(other.requests, 'request')}")
    return lines


def _make_paragraphs(heading: str, sentences: Sequence[str], width: int) -> list[str]:
    lines = ["", heading] if sentences else []
    for sentence in sentences:
        lines += _wrap_text(formatting.shorten(sentence, STATEMENT_CHARS), "  - ", width)
    return lines
