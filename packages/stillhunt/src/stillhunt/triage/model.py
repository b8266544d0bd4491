"""What there is to say about a case and its campaigns; the screen, `explain` and the report only lay it out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from stillhunt.base import formatting
from stillhunt.base.config import ReportSettings, ScoreSettings
from stillhunt.base.errors import CaseError
from stillhunt.base.families import OTHERS, PRIOR
from stillhunt.base.schema_case import MEMBER_DETAILS, POSING_OPERATION, VERDICTS
from stillhunt.triage import kinds, score_breakdown, sentences
from stillhunt.triage.origins import LABELS, origin_words
from stillhunt.triage.redact import personal_ids_sentence
from stillhunt.triage.score_breakdown import LEAST_BITS, ScoreSum, Term, campaign_sums
from stillhunt.triage.sentences import OperatorModel, operator_models
from stillhunt.triage.set_aside import facts_beside

ID_CHARS = 64
NAME_CHARS = 80
FULL_ID_CHARS = 200
"""Ids of accounts and requests that are to be copied are shown whole up to this length."""
_LIST_SHOWN, _FAMILY_CHARS = 6, 24


@dataclass(frozen=True)
class RunFacts:
    """What a run's record adds to the tables."""

    settings: ScoreSettings
    currency: str
    requests: int  # requests in the logs; 0 where the run did not record it
    priced: bool = False  # whether somebody set a price; the default price is nobody's

    def money(self, value: float) -> str:
        """An amount at list price; empty where nobody set a price."""
        return formatting.money(value, self.currency) if self.priced else ""


@dataclass(frozen=True)
class CampaignModel:
    """What there is to say about one campaign."""

    row: Mapping[str, Any]
    total: ScoreSum
    origins: tuple[tuple[str, str], ...]
    roles: Mapping[str, int]
    sanctioned: int
    related: tuple[tuple[str, str], ...]  # the campaigns of the same operator or pool: label and words
    run: RunFacts
    # skill -> share of its requests; empty where the case does not count them
    skill_shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its id, safe to show."""
        return formatting.shorten(self.row["campaign_id"], ID_CHARS)

    @property
    def verdict(self) -> str:
        """act, review or none."""
        return self.row["verdict"] if self.row["verdict"] in VERDICTS else "none"

    @property
    def probability(self) -> str:
        """The score as a number."""
        return formatting.probability(self.row["score"])

    @property
    def likelihood(self) -> str:
        """The score in words."""
        return formatting.likelihood(self.row["score"])

    @property
    def claim(self) -> str:
        """What is claimed of it, in one or two sentences."""
        return sentences.campaign_claim(self.row, self.why_review, self.skill_shares)

    @property
    def why_review(self) -> str:
        """Why its verdict is review and not act, in sentences, with which the claim ends."""
        return sentences.why_not_act(self.row, self.total, self.run.settings.act_probability)

    @property
    def probability_of(self) -> str:
        """What the score is the probability of, in words."""
        return kinds.probability_of_kind(POSING_OPERATION if self.total.of_one_operator else self.row["kind"])

    @property
    def explanations(self) -> tuple[str, ...]:
        """Whether one operator stands behind it, and the best explanations beside a harvest, in sentences."""
        return sentences.other_explanations(self.total)

    @property
    def skills(self) -> str:
        """What is taken."""
        return named(self.row["skills"], "skills not known" if self.harvests else "no harvest shown")

    @property
    def harvests(self) -> bool:
        """Whether it is called a harvest, as far as it has a verdict."""
        return kinds.is_harvest(self.row)

    @property
    def kind(self) -> str:
        """What it is called."""
        return kinds.kind_label(self.row["kind"])

    @property
    def models(self) -> str:
        """Which models it is taken from."""
        return named(self.row["models"], "unnamed models")

    @property
    def volume(self) -> str:
        """Output tokens, and their value at list price where a price was set."""
        tokens = formatting.verb(self.row["output_tokens"], "token", "tokens")
        at_price = f", {value} at list price" if (value := self.run.money(self.row["list_value"])) else ""
        return f"{formatting.amount(self.row['output_tokens'])} output {tokens}{at_price}"

    @property
    def unsampled(self) -> str:
        """Requests in a log without sampling; empty where the log is none."""
        estimate = self.row["estimated_requests"]
        more = f"about {formatting.count(estimate)} including those that the log leaves out"
        return "" if estimate == self.row["requests"] else more

    @property
    def strongest(self) -> list[Term]:
        """The strongest finding of each family whose bits add up to evidence for, the strongest family first."""
        families = [name for name, bits in self.total.family_bits.items() if bits >= LEAST_BITS]
        first = {term.family: term for term in reversed(self.total.supporting)}
        return [first[name] for name in families if name in first]

    @property
    def family_bits(self) -> str:
        """The bits that add up to the score: `queue +11.7, content +8.0, prior -8.5, other explanations -0.3`."""
        rest = {PRIOR: self.total.prior_bits, f"other {OTHERS}": self.total.others_bits}
        parts = (self.total.family_bits | rest).items()
        return ", ".join(f"{family_name(name)} {formatting.bits(b)}" for name, b in parts if abs(b) >= LEAST_BITS)

    @property
    def held_back(self) -> list[str]:
        """Why the verdict is lower than the probability says, in words."""
        left_alone = self.verdict == "none" and self.reached
        return [sentences.why_left_alone(self.total, self.sanctioned)] if left_alone else list(self.total.limits)

    @property
    def reached(self) -> bool:
        """Whether the probability is at the review threshold or above it."""
        return bool(self.row["score"] >= self.run.settings.review_probability)

    @property
    def margin(self) -> str:
        """Distance to the thresholds; why it has no verdict, where that is not for its probability."""
        if self.verdict == "none" and self.reached:
            return "; ".join(self.held_back)
        if not self.harvests:
            return "for review at most"
        return score_breakdown.margin(self.total.log2_odds, self.run.settings)

    @property
    def change(self) -> tuple[str, ...]:
        """What would change the verdict, in sentences."""
        if not self.harvests:
            return kinds.said_of_kind(self.row, "margin"), score_breakdown.PROGRAMME
        return score_breakdown.campaign_margins(self.total, self.verdict, self.row["families"], self.run.settings)

    @property
    def limits(self) -> tuple[str, ...]:
        """What the evidence does not prove, in sentences."""
        return sentences.limits_of(self.row, self.roles)

    @property
    def part(self) -> tuple[str, ...]:
        """What the logs show of its members' roles, in sentences; nothing of a group left alone."""
        return kinds.role_sentences(self.roles) if self.verdict != "none" and self.harvests else ()

    @property
    def steps(self) -> tuple[str, ...]:
        """What a person should do before accounts are touched, in sentences."""
        return sentences.before_acting(self.row, self.roles, self.why_review)

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Short facts as label and value."""
        row, per_account = self.row, self.row["requests"] / max(self.row["accounts"], 1)
        requests = [formatting.count(row["requests"]), self.unsampled]
        requests.append(f"{formatting.number(per_account, 0 if per_account >= 10 else 1)} per account")
        return (
            ("accounts", formatting.count(row["accounts"])),
            *([("kind", self.kind)] if self.verdict != "none" else []),
            *(
                [("roles", kinds.roles_in_words(self.roles))]
                if self.roles and self.verdict != "none" and self.harvests
                else []
            ),
            ("requests", "; ".join(part for part in requests if part)),
            ("share of all traffic", formatting.share_of(row["requests"], self.run.requests)),
            ("output tokens", formatting.amount(row["output_tokens"])),
            *([("at list price", value)] if (value := self.run.money(row["list_value"])) else []),
            ("seen", formatting.between(row["first_seen"], row["last_seen"])),
            *([("in declared programmes", formatting.plural(self.sanctioned, "account"))] if self.sanctioned else []),
            *((LABELS[aspect].lower(), words) for aspect, words in self.origins),
            *self.related,
        )

    @property
    def near_miss(self) -> str:
        """A group below the thresholds in one line: its size, its bits, and how much it lacks."""
        accounts, requests = (formatting.plural(self.row[f"{noun}s"], noun) for noun in ("account", "request"))
        bits = f"{self.family_bits} bits" if self.family_bits else "no evidence"
        missing = f"; insufficient data: {score_breakdown.lacking(self.total)}" if self.total.insufficient else ""
        return f"{self.name}: {accounts}, {requests}, {self.probability}; {self.margin} ({bits}){missing}"


@dataclass(frozen=True)
class CaseModel:
    """What there is to say about one hunt."""

    # all groups in reading order: act before review before none; in each the most probable, then the largest first; by
    # id where all are equal
    campaigns: tuple[CampaignModel, ...]
    tables: Mapping[str, pa.Table]
    run: Mapping[str, Any]
    member_details: pa.Table

    def of_verdict(self, *verdicts: str) -> list[CampaignModel]:
        """The campaigns with one of these verdicts, in reading order."""
        return [campaign for campaign in self.campaigns if campaign.verdict in verdicts]

    @property
    def limited(self) -> list[CampaignModel]:
        """Groups that reached the review threshold and have no verdict, but for those of allowed programmes."""
        return [one for one in self.of_verdict("none") if one.reached and (one.total.limits or not one.sanctioned)]

    def count(self, name: str) -> int:
        """A count that the run recorded; 0 where it did not."""
        return int(self.run.get("counts", {}).get(name) or 0)

    @property
    def headline(self) -> str:
        """The case in one or two sentences."""
        act = [campaign.row for campaign in self.of_verdict("act")]
        ids = pa.array([row["campaign_id"] for row in act], pa.string())
        listed = self.tables["members"].filter(pc.is_in(self.tables["members"]["campaign_id"], value_set=ids))
        members = pc.unique(listed["account_id"])
        flagged = self.tables["accounts"].filter(self.tables["accounts"]["flagged"])["account_id"]
        return sentences.case_headline(
            act,
            len(self.of_verdict("review")),
            len(members),
            int(pc.sum(pc.is_in(members, value_set=flagged)).as_py() or 0),
            all_requests(self.tables, self.run),
            self.count("accounts") or self.tables["accounts"].num_rows,
        )

    @cached_property
    def operators(self) -> tuple[OperatorModel, ...]:
        """Campaigns that belong together, the largest operators first."""
        return operator_models(self.tables["operators"])

    @cached_property
    def personal_ids(self) -> str:
        """That some account ids are personal data, in sentences; empty where none is."""
        return personal_ids_sentence(self.tables["accounts"]["account_id"])

    @cached_property
    def rejects(self) -> dict[tuple[str, str], int]:
        """Source and reason -> rows set aside, the most frequent first."""
        rejects = self.tables["rejects"]
        counted = Counter(zip(rejects["source"].to_pylist(), rejects["reason"].to_pylist(), strict=True))
        return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of all rows read, 0 to 1."""
        rows = self.count("requests") + self.count("rejects")
        return self.count("rejects") / rows if rows else 0.0


def case_model(
    tables: Mapping[str, pa.Table],
    run: Mapping[str, Any],
    origins: pa.Table | None = None,
    member_details: pa.Table | None = None,
    taken: pa.Table | None = None,
) -> CaseModel:
    """What there is to say about a case; a CaseError if the score settings that the run recorded cannot be read."""
    sums, facts = campaign_sums(tables["evidence"]), run_facts(tables, run)
    by_campaign: dict[str, list[dict[str, Any]]] = {}
    for row in [] if origins is None else origins.to_pylist():
        by_campaign.setdefault(row["campaign_id"], []).append(row)
    shares = {} if taken is None else _skill_shares(taken)
    members, accounts = tables["members"], tables["accounts"]
    roles: dict[str, Counter[str]] = {}
    for campaign, role, count in _count_rows(members, ["campaign_id", "role"]):
        roles.setdefault(campaign, Counter())[role] = count
    declared = accounts.filter(accounts["sanctioned"])["account_id"]
    sanctioned = dict(_count_rows(members.filter(pc.is_in(members["account_id"], value_set=declared)), ["campaign_id"]))
    sets = operator_models(tables["operators"])
    campaigns = [
        CampaignModel(
            row=row,
            total=sums.get(name := row["campaign_id"], ScoreSum(())),
            origins=tuple(origin_words(by_campaign.get(name, []))),
            roles=roles.get(name, {}),
            sanctioned=sanctioned.get(name, 0),
            related=(*(said for one in sets if (said := one.of_campaign(name))), *facts_beside(run, name)),
            run=facts,
            skill_shares=shares.get(name, {}),
        )
        for row in tables["campaigns"].to_pylist()
    ]
    details = MEMBER_DETAILS.empty() if member_details is None else member_details
    return CaseModel(tuple(sorted(campaigns, key=_reading_order)), tables, run, details)


def _skill_shares(taken: pa.Table) -> dict[str, dict[str, float]]:
    """Campaign -> skill -> share of its requests."""
    rows = taken.filter(pc.is_in(taken["aspect"], pa.array(["all", "skill"]))).to_pylist()
    whole = {row["campaign_id"]: row["requests"] for row in rows if row["aspect"] == "all"}
    shares: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["aspect"] == "skill" and 0 < row["requests"] <= whole.get(row["campaign_id"], 0):
            shares.setdefault(row["campaign_id"], {})[row["value"]] = row["requests"] / whole[row["campaign_id"]]
    return shares


def _reading_order(campaign: CampaignModel) -> tuple[int, float, int, str]:
    row = campaign.row
    return VERDICTS.index(campaign.verdict), -row["score"], -row["requests"], row["campaign_id"]


def _count_rows(table: pa.Table, columns: list[str]) -> list[tuple[Any, ...]]:
    counted = table.group_by(columns).aggregate([([], "count_all")])
    return list(zip(*(counted[name].to_pylist() for name in (*columns, "count_all")), strict=True))


def run_facts(tables: Mapping[str, pa.Table], run: Mapping[str, Any]) -> RunFacts:
    """What a run's record adds to the tables; defaults for what it did not record.

    Raises CaseError: its score settings are of the wrong kind or out of range.
    """
    settings = run.get("settings", {})
    recorded = settings.get("score", {})
    try:
        score = ScoreSettings(**{name: value for name, value in recorded.items() if name in ScoreSettings.model_fields})
    except (ValidationError, AttributeError) as error:
        raise CaseError(
            "the score settings that the run recorded cannot be read",
            where="run.json settings.score",
            next_step="hunt again; the case was changed by hand or by another version",
        ) from error
    report = settings.get("report", {})
    currency = formatting.shorten(str(report.get("currency", "USD")), 8)
    usual = ReportSettings().default_price.model_dump()
    priced = bool(report.get("prices")) or report.get("default_price", usual) != usual
    return RunFacts(score, currency, all_requests(tables, run), priced)


def all_requests(tables: Mapping[str, pa.Table], run: Mapping[str, Any]) -> int:
    """Requests in the logs."""
    return int(run.get("counts", {}).get("requests") or pc.sum(tables["accounts"]["requests"]).as_py() or 0)


def family_name(name: str) -> str:
    """A family's name as in the tables, bounded and safe to show."""
    return formatting.shorten(name, _FAMILY_CHARS)


def named(values: list[str], none: str) -> str:
    """Skills or models in words, bounded and safe to show."""
    return formatting.join_some([formatting.shorten(value, NAME_CHARS) for value in values], _LIST_SHOWN, none)
