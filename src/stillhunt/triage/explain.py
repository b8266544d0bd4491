"""An explanation of one score: as plain data, and as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stillhunt.base import formatting as plain
from stillhunt.triage.score_breakdown import Membership, Sum, Term, in_words

_TEXT_WIDTH = 96
_MEMBERS_SHOWN = 20
_ID_CHARS = 64
_STATEMENT_CHARS = 400
_SCORE_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Explanation:
    """Why an account or campaign has its score; made by `Case.explain`.

    Attributes:
        kind: `campaign` or `account`.
        id: as in the logs; escape it before showing it.
        verdict: act, review or none, as stored.
        stored_score: the probability in the case tables.
        campaign: evidence of the campaign; None for an account without one.
        memberships: of an account, its campaigns, the main one first; of a campaign, its members.
        facts: short facts as label and value.
        change: what would change the result, in sentences.
        unseen: evidence that the logs could not carry, in sentences.
    """

    kind: str
    id: str
    verdict: str
    stored_score: float
    campaign: Sum | None
    memberships: tuple[Membership, ...]
    facts: tuple[tuple[str, str], ...]
    change: tuple[str, ...]
    unseen: tuple[str, ...]

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
                "account_id": m.account_id,
                "campaign_id": m.campaign_id,
                "role": m.role,
                "requests": m.requests,
                "share": m.share,
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
            "score": self.probability,
            "stored_score": self.stored_score,
            "agrees": self.agrees,
            "log2_odds": self.campaign.log2_odds if self.campaign else None,
            "prior_bits": self.campaign.prior_bits if self.campaign else None,
            "evidence": [_term_dict(term) for term in self.campaign.terms] if self.campaign else [],
            "members" if self.kind == "campaign" else "memberships": members,
            "facts": dict(self.facts),
            "what_would_change_it": list(self.change),
            "not_seen": list(self.unseen),
        }

    def text(self) -> str:
        """The explanation for a terminal: plain text, 96 columns, control characters escaped."""
        lines = [
            f"{self.kind.capitalize()} {plain.shorten(self.id, _ID_CHARS)}",
            f"Verdict {self.verdict}: {in_words(self.probability)} ({plain.probability(self.probability)})",
            "",
        ]
        lines += [f"  {label:<18}{value}" for label, value in self.facts]
        if not self.agrees:
            lines += ["", f"  Warning: the tables say {self.stored_score:.6f}; the evidence adds up to another score."]
        if self.campaign is not None:
            heading = "How the score adds up, in bits"
            if self.kind == "account":
                heading = f"Its campaign {plain.shorten(self.memberships[0].campaign_id, _ID_CHARS)}, in bits"
            lines += ["", heading, *_sum_lines(self.campaign, "P(campaign)")]
        if self.kind == "account" and self.memberships:
            main = self.memberships[0]
            product = f"{_factor(main.campaign)} x {_factor(main.member)} = {main.probability:.6f}"
            lines += ["", "Its part in the campaign, in bits", *_sum_lines(main.member, "P(member | campaign)")]
            lines += ["", f"  P(account) = {product}"]
            lines += _other_campaigns(self.memberships[1:])
        if self.kind == "campaign":
            lines += _member_lines(self.memberships)
        lines += _paragraphs("What would change it", self.change)
        lines += _paragraphs("What could not be looked at", self.unseen)
        return "\n".join(line.rstrip() for line in lines) + "\n"


def _term_dict(term: Term) -> dict[str, Any]:
    return {
        "family": term.family,
        "kind": term.kind,
        "statement": term.statement,
        "bits": term.bits,
        "request_count": term.request_count,
        "request_ids": list(term.request_ids),
    }


def _sum_lines(part: Sum, name: str) -> list[str]:
    lines = [f"  {plain.bits(part.prior_bits):>7}  prior, before any evidence"]
    for heading, terms in (("for", part.supporting), ("against", part.opposing), ("could not tell", part.untold)):
        lines += [f"  {heading}"] if terms else []
        for term in terms:
            statement = plain.shorten(term.statement, _STATEMENT_CHARS)
            behind = f" ({plain.plural(term.request_count, 'request')})" if term.request_count else ""
            label = f"{plain.shorten(term.family, 24)}: "
            lines += textwrap.wrap(
                f"{label}{statement}{behind}",
                width=_TEXT_WIDTH,
                initial_indent=f"  {plain.bits(term.bits):>7}  ",
                subsequent_indent=" " * 11,
            )
    lines.append(f"  {plain.bits(part.log2_odds):>7}  log2 odds, so {name} = {plain.exact_probability(part.log2_odds)}")
    return lines


def _factor(part: Sum) -> str:
    shown = plain.exact_probability(part.log2_odds)
    return f"({shown})" if " " in shown else shown


def _member_lines(members: Sequence[Membership]) -> list[str]:
    if not members:
        return []
    lines = ["", f"Members ({plain.count(len(members))})"]
    lines.append(f"  {'account':<34}{'role':<10}{'requests':>9}{'share':>9}{'P':>14}")
    lines += [
        f"  {plain.shorten(m.account_id, 32):<34}{plain.shorten(m.role, 9):<10}{m.requests:>9,}"
        f"{plain.percent(m.share):>9}{plain.probability(m.probability):>14}"
        for m in members[:_MEMBERS_SHOWN]
    ]
    if len(members) > _MEMBERS_SHOWN:
        lines.append(f"  and {plain.count(len(members) - _MEMBERS_SHOWN)} more in members.parquet")
    return lines


def _other_campaigns(others: Sequence[Membership]) -> list[str]:
    if not others:
        return []
    lines = ["", "Other campaigns it serves (the score is that of the main one)"]
    for other in others[:_MEMBERS_SHOWN]:
        name = plain.shorten(other.campaign_id, _ID_CHARS)
        lines.append(f"  {name}: P = {other.probability:.6f}, {plain.plural(other.requests, 'request')}")
    return lines


def _paragraphs(heading: str, sentences: Sequence[str]) -> list[str]:
    lines = ["", heading] if sentences else []
    for sentence in sentences:
        shown = plain.shorten(sentence, _STATEMENT_CHARS)
        lines += textwrap.wrap(shown, width=_TEXT_WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return lines
