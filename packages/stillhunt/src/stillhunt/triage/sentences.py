"""Findings in sentences: what the evidence indicates, what it does not prove, and which campaigns belong together.

The wording is careful on purpose. Evidence indicates; it does not convict. No company is named, no motive is
claimed, and volumes are those of the logs at hand.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.families import FAMILY_OF
from stillhunt.base.schema import FAMILIES
from stillhunt.base.schema_case import RELATIONS, VERDICTS
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.kinds import is_harvest, limits_of_kind, role_steps, said_of_kind
from stillhunt.triage.score_breakdown import ScoreSum

RELATION_LABELS = dict(zip(RELATIONS, ("one operator", "one pool", "two operators"), strict=True))
_ID_CHARS = 24
_STATEMENT_CHARS = 400
_CAMPAIGNS_NAMED = 8
_REASONS_NAMED = 3


@dataclass(frozen=True)
class OperatorModel:
    """Campaigns that belong together."""

    rows: tuple[Mapping[str, Any], ...]

    @property
    def id(self) -> str:
        """Its id, safe to show."""
        return formatting.shorten(self.rows[0]["operator_id"], _ID_CHARS)

    @property
    def relation(self) -> str:
        """one_operator, one_pool or two_operators."""
        return self.rows[0]["relation"] if self.rows[0]["relation"] in RELATIONS else RELATIONS[0]

    @property
    def label(self) -> str:
        """The relation in words."""
        return RELATION_LABELS[self.relation]

    @property
    def words(self) -> str:
        """Its campaigns, and why they belong together."""
        strongest = max(self.rows, key=lambda row: row["bits"])
        pair = [strongest["campaign_id"], strongest["tied_to"]]
        instance = f"for instance in {_name_campaigns(sorted(pair))}, " if len(self.rows) > 2 else ""
        campaigns = _name_campaigns([row["campaign_id"] for row in self.rows])
        return f"campaigns {campaigns} ({self._accounts}), because {instance}{_say_reasons(strongest)}"

    def of_campaign(self, campaign: str) -> tuple[str, str] | None:
        """What it says of one campaign, as label and words; None for a campaign of another set."""
        own = next((row for row in self.rows if row["campaign_id"] == campaign), None)
        if own is None:
            return None
        others = _name_campaigns([row["campaign_id"] for row in self.rows if row is not own])
        tied = f"; closest is {_name_campaigns([own['tied_to']])}" if len(self.rows) > 2 else ""
        return self.label, f"{self.id} with {others} ({self._accounts}){tied}: {_say_reasons(own)}"

    @property
    def _accounts(self) -> str:
        return f"{formatting.plural(self.rows[0]['accounts'], 'account')} together"


def operator_models(operators: pa.Table) -> tuple[OperatorModel, ...]:
    """Sets of campaigns: operators, then pools, then groups taken apart; in each the largest first."""
    by_id: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted(operators.to_pylist(), key=lambda row: row["campaign_id"]):
        by_id.setdefault(row["operator_id"], []).append(row)
    models = [OperatorModel(tuple(rows)) for rows in by_id.values()]
    return tuple(sorted(models, key=lambda one: (RELATIONS.index(one.relation), -one.rows[0]["accounts"], one.id)))


def _name_campaigns(campaigns: Sequence[str]) -> str:
    return formatting.join_some([formatting.shorten(one, _ID_CHARS) for one in campaigns], _CAMPAIGNS_NAMED, "none")


def _say_reasons(row: Mapping[str, Any]) -> str:
    """The strongest statements of a row, each with its bits where it has any."""
    bits = [f" ({formatting.bits(one)} bits)" for one in row["kind_bits"]]
    reasons = [formatting.shorten(text, _STATEMENT_CHARS) for text in row["statements"][:_REASONS_NAMED]]
    pairs = zip_longest(reasons, bits[: len(reasons)], fillvalue="")
    return "; ".join(text[:1].lower() + text[1:] + weight for text, weight in pairs)


_SKILLS_NAMED = 3
_SKILL_CHARS = 60

_SAID = sentences_beside(__file__)


def campaign_claim(
    campaign: Mapping[str, Any], why_review: str = "", skill_shares: Mapping[str, float] | None = None
) -> str:
    """What is claimed of a campaign, and why its verdict is not act, in some sentences.

    `why_review`: as `why_not_act` says. `skill_shares`: skill -> share of the harvested requests; None or without a
    skill where they are not counted.
    """
    said, harvest = _SAID["claim"], is_harvest(campaign)
    shared = formatting.join_words([FAMILY_OF[name].shared for name in FAMILIES if name in campaign["families"]])
    return fill(
        said["whole"],
        opening=said[campaign["verdict"] if campaign["verdict"] in VERDICTS else "none"],
        claim=fill(said["harvest"], accounts=campaign["accounts"]) if harvest else said_of_kind(campaign, "claim"),
        requests=campaign["requests"],
        when=formatting.during(campaign["first_seen"], campaign["last_seen"]),
        aim=_say_aim(campaign["skills"], skill_shares or {}),
        evidence=f" They appear to share {shared}." if shared else "",
        limits=why_review and f" {why_review}",
    )


def why_not_act(campaign: Mapping[str, Any], total: ScoreSum, act_probability: float) -> str:
    """Why a campaign for review is not one to act on, in sentences; empty with another verdict."""
    if campaign["verdict"] != "review":
        return ""
    if not is_harvest(campaign):
        return said_of_kind(campaign, "extent")
    if total.limits:
        return " ".join(map(formatting.sentence, total.limits))
    if campaign["score"] < act_probability:
        return fill(_SAID["claim"]["below"], act=formatting.exact_percent(act_probability))
    return str(_SAID["claim"]["older"])


def why_left_alone(total: ScoreSum, sanctioned: int) -> str:
    """Why a group has no verdict although it reached the review threshold, in words."""
    said = _SAID["claim"]
    return "; ".join(total.limits) or str(said["allowed" if sanctioned else "older_none"])


_EXPLANATIONS_SHOWN = 2


def other_explanations(total: ScoreSum) -> tuple[str, ...]:
    """Whether one operator stands behind the accounts, and the best of the other explanations with what settles them.

    Returns sentences; none for a case of version 7.
    """
    if total.one_operator is None:
        return ()
    together = formatting.probability(total.one_operator)
    beside = [f"{one.words} {one.settles}" for one in total.explanations[:_EXPLANATIONS_SHOWN]]
    return (fill(_SAID["explanations"]["one_operator"], probability=together), *beside)


def _say_aim(skills: Sequence[str], shares: Mapping[str, float]) -> str:
    """What is taken most, with its share: a campaign that is named after a skill takes others, too."""
    named = [formatting.shorten(skill, _SKILL_CHARS) for skill in skills[:_SKILLS_NAMED]]
    if not named:
        return ""
    if all(skill in shares for skill in skills[:_SKILLS_NAMED]):
        each = zip(skills, named, strict=False)
        parts = [f"{formatting.percent(shares[skill])} of them {shown}" for skill, shown in each]
        return f", {formatting.join_words(parts)}"
    rest = len(skills) - _SKILLS_NAMED
    more = [formatting.plural(rest, "more skill")] if rest > 0 else []
    return f", among them {formatting.join_words(named + more)}"


def case_headline(
    act: Sequence[Mapping[str, Any]], review: int, members: int, flagged: int, all_requests: int, all_accounts: int
) -> str:
    """The case in one sentence, or two where campaigns wait for review.

    `members`: different accounts that are members of campaigns to act on. `flagged`: those of them that are flagged;
    said where it is not all of them.
    """
    said = _SAID["claim"]
    if not act:
        waiting, read = formatting.in_words(review, "campaign"), formatting.volume(all_requests, all_accounts)
        return fill(said["waiting" if review else "nothing"], read=read, campaigns=waiting, review=review)
    requests = sum(row["requests"] for row in act)
    found = fill(
        said["found"],
        campaigns=formatting.in_words(len(act), "harvesting campaign"),
        members=members,
        all_accounts=all_accounts,
        of_them="" if flagged == members else f" ({formatting.count(flagged)} flagged)",
        requests=requests,
        all_requests=all_requests,
        share=formatting.share_of(requests, all_requests),
        when=formatting.during(min(row["first_seen"] for row in act), max(row["last_seen"] for row in act)),
    )
    more = formatting.sentence_case(formatting.in_words(review, "more campaign"))
    return found + (fill(said["also_waiting"], campaigns=more, review=review) if review else "")


def left_alone(accounts: int, resembling: int, review: int, sanctioned: int, weak: int, reached: Sequence[str]) -> str:
    """What was looked at and not accused, in sentences.

    `weak`: groups below the review threshold. `reached`: of each group that reached it, why it has no verdict.
    """
    said = _SAID["left_alone"]
    reasons = list(dict.fromkeys(reached))[:_REASONS_NAMED]
    some = formatting.sentence_case(formatting.in_words(resembling, "of them", "of them"))
    sentences = [
        fill(said["all"], accounts=accounts),
        fill(said["resembling"], some=some, resembling=resembling) if resembling else "",
        fill(said["review"], review=review) if review else "",
        fill(said["sanctioned"], sanctioned=sanctioned) if sanctioned else "",
        fill(said["weak"], groups=weak) if weak else "",
        fill(said["reached"], groups=len(reached), reasons="; ".join(reasons)) if reached else "",
    ]
    return " ".join(filter(None, sentences))


def limits_of(campaign: Mapping[str, Any], roles: Mapping[str, int]) -> tuple[str, ...]:
    """What the evidence on a campaign does not prove, in sentences."""
    said, tokens = _SAID["limits"], campaign["output_tokens"]
    if not is_harvest(campaign):
        return limits_of_kind(campaign)
    others = sum(roles.get(role, 0) for role in ("pool", "victim", "unknown"))
    loss = fill(said["loss"], amount=formatting.amount(tokens), tokens=tokens)
    return (*said["always"], *([fill(said["others"], others=others)] if others else []), loss)


def before_acting(campaign: Mapping[str, Any], roles: Mapping[str, int], why_review: str) -> tuple[str, ...]:
    """What a person should do before accounts are touched, in sentences; `why_review` as `why_not_act` says it."""
    said = _SAID["before_acting"]
    if not is_harvest(campaign):
        return (said["first"], said_of_kind(campaign, "step"))
    decide = said["act"] if campaign["verdict"] == "act" else fill(said["review"], why=why_review and f" {why_review}")
    return (said["first"], *role_steps(roles), decide, said["last"])
