"""The verdict on a campaign again, from the rows of a case alone, by the rules that the hunt itself applies.

A finding's bits before caps are measured; all else follows from them: caps, odds, families, verdict, memberships, who
is flagged. So whoever has the case can tell whether one of these numbers was changed, without the logs.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Floats
from stillhunt.base.config import Config
from stillhunt.base.errors import ContractError
from stillhunt.base.families import FAMILY_OF, LIMIT_FAMILIES, MEMBERSHIP, OTHERS, OUTSIDE, PRIOR, STANDING
from stillhunt.base.schema_case import HARVEST_OPERATION, OPERATION_KINDS, VERDICTS
from stillhunt.score.evidence.catalogue import KIND_OF, all_kinds
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.budget import required_bits
from stillhunt.score.verdict.linked_accounts import TRACES, member_ranks
from stillhunt.score.verdict.members import hold_set_apart
from stillhunt.score.verdict.rules import (
    Limit,
    Weighed,
    all_allowed,
    judge_weighed,
    linked_verdict,
    weigh_findings,
    weigh_linked_accounts,
)


@dataclass(frozen=True)
class RebuiltVerdict:
    """What follows from what was measured about one campaign."""

    score: float
    verdict: str
    kind: str
    operation: str  # what kind of operation the evidence is about, whatever the verdict
    families: list[str]  # evidence families above the floor, the strongest first
    kinds: list[str]  # kinds of its findings, in the order in which they are added
    bits: list[float]  # bits of each of these findings after caps
    # family, kind, bits and bits before caps of each row that states no finding: the prior, the explanations beside a
    # harvest, and what keeps the verdict lower than the probability says
    rules: dict[tuple[str, str], tuple[float, float]]
    member_prior: float  # log2 odds of a member before what is known of it
    accounts: list[str]
    member_scores: Floats
    # bits of each finding about each member after member caps, shape (findings, members); zeros for findings without a
    # row of their own about the campaign as for those that say nothing of the member
    member_bits: Floats
    member_kinds: list[str]  # kinds of the rows of `member_bits`
    member_verdicts: list[str]  # what this campaign makes of each member, allowed programmes taken into account

    @property
    def flagged(self) -> list[str]:
        """Members whom this campaign flags."""
        return [name for name, verdict in zip(self.accounts, self.member_verdicts, strict=True) if verdict == "act"]


def rebuild_verdict(
    evidence: pa.Table,
    members: pa.Table,
    accounts: pa.Table,
    config: Config,
    log_accounts: int,
    log_days: float,
    of_plugins: Collection[str] = (),
) -> RebuiltVerdict:
    """Judge one campaign, or one group left alone, again.

    Args:
        accounts: CASE_ACCOUNTS, those of its members at least, in any row order.
        log_accounts, log_days: of the log (budget in run.json), on which the false-alarm budget depends.
        of_plugins: kinds of evidence that plugins brought (plugins in run.json), which may be missing here.

    Returns:
        What the hunt says of it, bit for bit.

    Raises:
        ContractError: the rows are not those of one campaign: an id, a member or a finding is missing or there twice.
    """
    names = _member_names(evidence, members)
    findings = _read_findings(evidence, names, of_plugins)
    measured = [found for found, _ in findings]
    linked = next((TRACES[found.kind].operation for found in measured if found.kind in TRACES), None)
    weigh = weigh_findings if linked is None else weigh_linked_accounts
    weighed = weigh(measured, len(names), config.score)
    allowed = _sanctioned_members(accounts, names)
    standing = _flagged_before(evidence, names)
    needed = round(required_bits(log_accounts, log_days, config.score.false_campaigns_per_month), 3)
    verdict, limits = linked_verdict(weighed, config.score), list[Limit]()
    if linked is None:
        verdict, limits = _judge_again(weighed, config, needed, _too_few(evidence), standing)
    claim = weighed.claim
    if all_allowed(allowed, config.resolve.min_accounts):
        verdict, limits = "none", []
    if verdict == "none":
        allowed = np.ones(len(names), bool)
    own = np.where(allowed, VERDICTS.index("none"), member_ranks(verdict, weighed, config.score, standing))
    listed = [place for place, (_, has_row) in enumerate(findings) if has_row]
    return RebuiltVerdict(
        score=claim.probability,
        verdict=verdict,
        kind=OPERATION_KINDS[-1] if verdict == "none" else linked or claim.operation,
        operation=linked or claim.operation,
        families=weighed.families,
        kinds=[measured[place].kind for place in listed],
        bits=[weighed.findings[place].bits for place in listed],
        rules=_rule_rows(weighed, limits),
        member_prior=weighed.member_prior,
        accounts=names.to_pylist(),
        member_scores=claim.probability * weighed.member_probability,
        member_bits=hold_set_apart(weighed.findings, weighed.set_apart),
        member_kinds=[found.kind for found in measured],
        member_verdicts=[VERDICTS[rank] for rank in own.tolist()],
    )


def _judge_again(
    weighed: Weighed, config: Config, needed: float, too_few: bool, standing: Flags | None
) -> tuple[str, list[Limit]]:
    least = config.resolve.min_accounts
    return judge_weighed(
        weighed,
        config.score,
        required_bits=needed,
        likely_members=0 if too_few else least,
        min_accounts=least,
        standing=standing,
    )


def _rule_rows(weighed: Weighed, limits: Sequence[Limit]) -> dict[tuple[str, str], tuple[float, float]]:
    """Family and kind -> bits, after and before caps, of each row that states no finding."""
    claim = weighed.claim
    rows = {(PRIOR, PRIOR): (claim.prior_bits, claim.prior_bits)}
    for key, odds in claim.odds.items():
        rows[OTHERS, key] = (claim.other_bits if key == claim.leading else 0.0, odds)
    return rows | {(limit.family, limit.kind): (0.0, 0.0) for limit in limits}


def _member_names(evidence: pa.Table, members: pa.Table) -> pa.StringArray:
    """Members, ascending as in the hunt."""
    campaigns = pc.unique(pa.chunked_array([*evidence["campaign_id"].chunks, *members["campaign_id"].chunks]))
    if len(campaigns) != 1:
        raise ContractError(f"rows of one campaign are needed, not of {len(campaigns)}", where="evidence, members")
    names = members["account_id"].combine_chunks()
    if len(pc.unique(names)) != len(names):
        raise ContractError("an account is a member twice", where="table members")
    return names.take(pc.sort_indices(names))


def _of_campaign(evidence: pa.Table) -> pa.Table:
    return evidence.filter(pc.is_null(evidence["account_id"]))


def _too_few(evidence: pa.Table) -> bool:
    return bool(pc.any(pc.equal(evidence["family"], MEMBERSHIP), min_count=0).as_py())


def _flagged_before(evidence: pa.Table, names: pa.StringArray) -> Flags | None:
    """Members whom the look before flagged; None where the case says nothing of a look before."""
    rows = evidence.filter(pc.and_(pc.equal(evidence["family"], STANDING), pc.is_valid(evidence["account_id"])))
    if not rows.num_rows:
        return None
    found: Flags = pc.is_in(names, value_set=rows["account_id"].combine_chunks()).to_numpy(zero_copy_only=False)
    return found


def _sanctioned_members(accounts: pa.Table, names: pa.StringArray) -> Flags:
    at = pc.index_in(names, value_set=accounts["account_id"].combine_chunks())
    if at.null_count:
        raise ContractError(f"{at.null_count} members are not among the accounts", where="table accounts")
    found: Flags = accounts["sanctioned"].combine_chunks().take(at).to_numpy(zero_copy_only=False)
    return found


def _read_findings(
    evidence: pa.Table, names: pa.StringArray, of_plugins: Collection[str]
) -> list[tuple[Finding, bool]]:
    """The findings as measured, in the order in which they are added, each with whether it has a row of its own."""
    known = {kind.name: kind.family for kind in all_kinds().values()}
    known |= {kind: trace.family for kind, trace in TRACES.items()}
    weighs = pc.invert(pc.is_in(evidence["family"], value_set=pa.array([PRIOR, OTHERS, *LIMIT_FAMILIES])))
    rows = evidence.filter(weighs)
    pairs = rows.group_by(["kind", "family"]).aggregate([]).to_pylist()
    for row in pairs:
        stranger = row["kind"] in of_plugins or row["kind"].startswith(OUTSIDE)
        missing = stranger and row["family"] in FAMILY_OF  # of a distribution that is not installed here
        if known.setdefault(row["kind"], row["family"] if missing else "") != row["family"]:
            raise ContractError(f"no kind of evidence {row['kind']} in {row['family']}", where="table evidence")
    kinds: dict[str, dict[str, Any]] = {}
    for row in _of_campaign(rows).drop_columns(["request_ids"]).to_pylist():
        if row["kind"] in kinds:
            raise ContractError(f"the finding {row['kind']} is there twice", where="table evidence")
        kinds[row["kind"]] = row
    about = _member_bits(rows.filter(pc.is_valid(rows["account_id"])), names)
    families = {row["kind"]: row["family"] for row in pairs}
    strangers = sorted(families.keys() - {*KIND_OF, *TRACES})
    ordered = [kind for kind in (*KIND_OF, *strangers, *TRACES) if kind in families]
    return [(_read_finding(kind, families[kind], kinds.get(kind), about.get(kind)), kind in kinds) for kind in ordered]


def _read_finding(kind: str, family: str, row: dict[str, Any] | None, about: Floats | None) -> Finding:
    if row is None:  # it speaks of members only
        return Finding(family, kind, "", 0.0, member_bits=about)
    bits, independent = row["raw_bits"], row["independent"]
    return Finding(family, kind, "", bits, member_bits=about, independent=independent)


def _member_bits(rows: pa.Table, names: pa.StringArray) -> dict[str, Floats]:
    """Kind -> its bits about each member, before the member caps."""
    at = pc.index_in(rows["account_id"].combine_chunks(), value_set=names)
    if at.null_count:
        raise ContractError(f"{at.null_count} rows are about accounts that are no members", where="table evidence")
    member, raw = at.to_numpy(), rows["raw_bits"].to_numpy()
    coded = rows["kind"].combine_chunks().dictionary_encode()
    kind = coded.indices.to_numpy()
    table = np.full((len(coded.dictionary), len(names)), np.nan)
    table[kind, member] = 0.0
    if np.count_nonzero(table == 0.0) < len(member):
        raise ContractError("a finding speaks of a member twice", where="table evidence")
    table = np.zeros_like(table)
    table[kind, member] = raw
    return dict(zip(coded.dictionary.to_pylist(), table, strict=True))


def verdict_differences(
    rebuilt: RebuiltVerdict, campaign: Mapping[str, Any], evidence: pa.Table, members: pa.Table, accounts: pa.Table
) -> list[str]:
    """What a case says of a campaign that does not follow from its evidence.

    An account that another campaign holds, too, may have its verdict and score from there: then it is only checked that
    they are no lower than what this campaign makes of it.

    Args:
        accounts: CASE_ACCOUNTS, those of its members at least.

    Returns:
        One phrase for each number, flag or word that differs; empty where all agree.
    """
    return [
        *_campaign_differences(rebuilt, campaign),
        *_row_differences(rebuilt, evidence.filter(pc.is_null(evidence["account_id"]))),
        *_member_row_differences(rebuilt, evidence.filter(pc.is_valid(evidence["account_id"]))),
        *_member_differences(rebuilt, members),
        *_account_differences(rebuilt, accounts, campaign["campaign_id"]),
    ]


def _campaign_differences(rebuilt: RebuiltVerdict, campaign: Mapping[str, Any]) -> Iterator[str]:
    follows = {
        "score": rebuilt.score,
        "verdict": rebuilt.verdict,
        "kind": rebuilt.kind,
        "families": rebuilt.families,
        "accounts": len(rebuilt.accounts),
    }
    for name, value in follows.items():
        if campaign[name] != value:
            yield f"campaign: {name} is {campaign[name]}, rebuilt {value}"


def _row_differences(rebuilt: RebuiltVerdict, rows: pa.Table) -> Iterator[str]:
    bits = dict(zip(rebuilt.kinds, rebuilt.bits, strict=True))
    missing = dict(rebuilt.rules)
    for row in rows.drop_columns(["request_ids"]).to_pylist():
        expected = bits.get(row["kind"])
        if row["family"] in (PRIOR, OTHERS, *LIMIT_FAMILIES):
            expected, raw = missing.pop((row["family"], row["kind"]), (None, None))
            if row["raw_bits"] != raw or row["independent"]:
                yield f"evidence {row['kind']}: what is measured is not that of a row of {row['family']}"
        if row["bits"] != expected:
            yield f"evidence {row['kind']}: bits are {row['bits']}, rebuilt {expected}"
    for family, kind in missing:
        yield f"evidence: no row of {family} for {kind}, which the rest asks for"


def _member_row_differences(rebuilt: RebuiltVerdict, rows: pa.Table) -> Iterator[str]:
    rows = rows.filter(pc.not_equal(rows["family"], STANDING))
    at = pc.index_in(rows["account_id"].combine_chunks(), value_set=pa.array(rebuilt.accounts))
    is_prior = pc.equal(rows["family"], PRIOR).to_numpy()
    kinds = pa.array(rebuilt.member_kinds, pa.string())
    kind = pc.fill_null(pc.index_in(rows["kind"].combine_chunks(), value_set=kinds), len(kinds)).to_numpy()
    member = pc.fill_null(at, 0).to_numpy()
    table = np.vstack([rebuilt.member_bits, np.zeros((1, len(rebuilt.accounts)))])
    prior = rebuilt.member_prior
    expected = np.where(is_prior, prior, table[kind, member])
    wrong = (rows["bits"].to_numpy() != expected) | (is_prior & (rows["raw_bits"].to_numpy() != prior))
    wrong |= rows["independent"].to_numpy()
    wrong |= pc.is_null(at).to_numpy(zero_copy_only=False) | (~is_prior & (kind == len(kinds)))
    for row in rows.filter(pa.array(wrong)).select(["account_id", "kind", "bits"]).to_pylist():
        yield f"evidence {row['kind']} about {row['account_id']}: bits are {row['bits']}, rebuilt others"
    if np.count_nonzero(is_prior) != len(rebuilt.accounts):
        yield f"evidence: {np.count_nonzero(is_prior)} rows of the prior of {len(rebuilt.accounts)} members"


def _member_differences(rebuilt: RebuiltVerdict, members: pa.Table) -> Iterator[str]:
    scores = dict(zip(rebuilt.accounts, rebuilt.member_scores.tolist(), strict=True))
    for row in members.select(["account_id", "score"]).to_pylist():
        if scores.get(row["account_id"]) != row["score"]:
            yield f"member {row['account_id']}: score is {row['score']}, rebuilt {scores.get(row['account_id'])}"


def _account_differences(rebuilt: RebuiltVerdict, accounts: pa.Table, campaign_id: str) -> Iterator[str]:
    judged = zip(rebuilt.member_verdicts, rebuilt.member_scores.tolist(), strict=True)
    follows = dict(zip(rebuilt.accounts, judged, strict=True))
    own = accounts.filter(pc.is_in(accounts["account_id"], value_set=pa.array(rebuilt.accounts)))
    for row in own.drop_columns(["reasons"]).to_pylist():
        verdict, score = follows[row["account_id"]]
        stored = row["verdict"]
        if row["flagged"] != (stored == "act"):
            yield f"account {row['account_id']}: flagged is {row['flagged']}, its verdict {stored}"
        elsewhere = row["campaign_id"] != campaign_id
        lower = stored not in VERDICTS or VERDICTS.index(stored) > VERDICTS.index(verdict)
        if lower or (not elsewhere and stored != verdict):
            yield f"account {row['account_id']}: verdict is {stored}, rebuilt {verdict}"
        if rebuilt.operation == HARVEST_OPERATION and row["score"] < score:
            yield f"account {row['account_id']}: score is {row['score']}, rebuilt at least {score}"
