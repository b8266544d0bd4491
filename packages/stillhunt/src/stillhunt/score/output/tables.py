"""Judged candidates -> the case tables."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.column_files import release_mapped
from stillhunt.base.config import Config
from stillhunt.base.families import NO_SKILL, SKILLS
from stillhunt.base.progress import Progress
from stillhunt.base.schema_case import (
    CAMPAIGNS,
    CASE_ACCOUNTS,
    HARVEST,
    HARVEST_FACTS,
    HARVEST_OPERATION,
    MEMBERS,
    OPERATION_KINDS,
    SLICES,
    VERDICTS,
)
from stillhunt.base.shape import TIMESTAMP
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.mixtures import Split
from stillhunt.score.output.evidence_table import evidence_table, first_members, operators_table
from stillhunt.score.output.roles import UNKNOWN_ROLE, member_roles
from stillhunt.score.verdict.linked_accounts import member_ranks
from stillhunt.score.verdict.rules import all_allowed
from stillhunt.score.verdict.verdict import Judged

MOST_NAMED = 5


_NAMED_SHARE = 0.25  # Share of the requests from which a skill is named (flags favour precision, so a quarter is clear)


def skills_of(conduct: Ints) -> list[str]:
    """Skills named by the conduct flags of a campaign's requests, the commonest first."""
    share = [(float(((conduct & flags) > 0).mean()) if len(conduct) else 0.0, name) for flags, name in SKILLS]
    named = [name for part, name in sorted(share, key=lambda s: (-s[0], s[1])) if part >= _NAMED_SHARE]
    return named[:MOST_NAMED] or [NO_SKILL]


def models_of(used: Mapping[str, int]) -> list[str]:
    """Models asked for, the most used first, at most ten."""
    return [model for model, _ in sorted(used.items(), key=lambda item: (-item[1], item[0]))[:10]]


def unsampled(values: Ints, rates: Floats | None) -> int:
    """What a sum would be in a log that keeps every call: each value stands for 1 / rate of its kind.

    Args:
        values: whole numbers, one a request.
        rates: share of such calls that the log keeps, of the same requests; None: all are kept.

    Returns:
        The Horvitz-Thompson estimate (1952), to the nearest whole; the sum itself where nothing is sampled.
    """
    if rates is None:
        return int(values.sum())
    known, place = np.unique(rates, return_inverse=True)
    # Whole sums for each rate, added in order of rates: the same for any order of rows.
    sums = [int(values[place == number].sum()) for number in range(len(known))]
    total: float = sum(part / rate for part, rate in zip(sums, known.tolist(), strict=True))
    return round(total)


LEFT_ALONE = 500
"""Most candidates with verdict none that are kept in the tables, so that a reader sees what was looked at."""
_NOT_KNOWN = OPERATION_KINDS[-1]
ALLOWED_REASON = "Belongs to a programme that the settings declare as allowed"


def case_tables(
    log: ScoredLog,
    judged: list[Judged],
    config: Config,
    splits: Sequence[Split],
    progress: Progress,
    named: Mapping[int, str] | None = None,
) -> tuple[dict[str, pa.Table], Ints]:
    """All case tables but the rejects, by name, and the place in the log of each row of harvested requests.

    `named`: id of each candidate by its number; None to make ids.
    """
    sanctioned = _sanctioned_accounts(log, config)
    judged = [_respect_programmes(j, sanctioned, config) for j in judged]
    shown = sorted(judged, key=lambda j: (-j.bits, -len(j.candidate.rows), j.candidate.number))
    left = [j for j in shown if j.verdict == "none"][:LEFT_ALONE]
    shown = [j for j in shown if j.verdict != "none"] + left
    names = _campaign_ids(log, shown) if named is None else [named[j.candidate.number] for j in shown]
    harvested = np.concatenate([np.zeros(0, np.int64), *(j.candidate.rows for j in shown if _is_harvest_group(j))])
    roles = _roles_of_members(log, shown, sanctioned, config)

    def tie_operators() -> pa.Table:
        with progress.stage("tying operators", None, "campaigns") as advance:
            table = operators_table(log, shown, names, splits)
            advance(table.num_rows)
        return table

    makers: dict[str, Callable[[], pa.Table]] = {
        "harvest": partial(_harvest_table, log, shown, names, harvested),
        "evidence": partial(evidence_table, log, shown, names),
        "slices": partial(_slices_table, log, shown, names),
        "accounts": partial(_accounts_table, log, shown, names, sanctioned, config),
        "campaigns": partial(_campaigns_table, log, shown, names, config),
        "members": partial(_members_table, log, shown, names, roles),
        "operators": tie_operators,
    }

    def make(name: str) -> pa.Table:
        table = makers[name]()
        release_mapped()
        return table

    # Most of the work is copying strings, which threads do side by side.
    with ThreadPoolExecutor(2, "stillhunt-score") as pool:
        return dict(zip(makers, pool.map(make, makers), strict=True)), harvested


def _is_harvest_group(judged: Judged) -> bool:
    """Whether the requests of a group are counted as harvested."""
    return judged.verdict != "none" and judged.kind == HARVEST_OPERATION


def _roles_of_members(log: ScoredLog, shown: list[Judged], sanctioned: Flags, config: Config) -> list[str]:
    """Roles of all members, group by group."""
    campaigns = [judged for judged in shown if _is_harvest_group(judged)]
    act = VERDICTS.index("act")
    flagged = [(_ranks_by_account(j, config) == act) & ~sanctioned[j.candidate.accounts] for j in campaigns]
    known = iter(member_roles(log, [judged.candidate for judged in campaigns], flagged))
    return [
        next(known) if _is_harvest_group(judged) else UNKNOWN_ROLE
        for judged in shown
        for _ in range(len(judged.candidate.accounts))
    ]


def _respect_programmes(judged: Judged, sanctioned: Flags, config: Config) -> Judged:
    """A campaign whose accounts belong to allowed programmes, but for too few to be one, asks for nothing."""
    allowed = all_allowed(sanctioned[judged.candidate.accounts], config.resolve.min_accounts)
    return replace(judged, verdict="none", limits=[]) if allowed else judged


def _campaign_ids(log: ScoredLog, shown: list[Judged]) -> list[str]:
    """Ids made from the three members whose harvest begins first, so that growth does not change them."""
    names: dict[str, None] = {}
    for judged in shown:
        text = first_members(log, [judged])
        name = "c-" + hashlib.sha256(text.encode()).hexdigest()[:8]
        while name in names:  # two campaigns on the same accounts (a pool)
            name = "c-" + hashlib.sha256((name + text).encode()).hexdigest()[:8]
        names[name] = None
    return list(names)


def _slice_ids(log: ScoredLog, account: Ints, cluster: Ints) -> pa.Array:
    words = pc.if_else(pa.array(cluster < 0), "rest", pa.array(cluster).cast(pa.string()))
    return pc.binary_join_element_wise(log.accounts.ids.take(pa.array(account)), words, "/")


def _campaigns_table(log: ScoredLog, shown: list[Judged], names: list[str], config: Config) -> pa.Table:
    if not shown:
        return CAMPAIGNS.empty()
    labels: list[str] = pc.unique(log.requests.table.column("model")).to_pylist()
    rows = [judged.candidate.rows for judged in shown]
    sent, answered = log.requests.numbers("input_tokens"), log.requests.numbers("output_tokens")
    models, values, skills, tokens, estimated = [], [], [], [], []
    for judged, own in zip(shown, rows, strict=True):
        known, place = np.unique(log.requests.model[own], return_inverse=True)
        used = dict(zip((labels[code] for code in known), np.bincount(place).tolist(), strict=True))
        rates = None if log.requests.sampling_rates is None else log.requests.sampling_rates[own]
        billed = [_of_models(np.maximum(column[own], 0), place, len(known), rates) for column in (sent, answered)]
        prices = [config.report.prices.get(model, config.report.default_price) for model in used]
        value = sum((i * p.input + o * p.output) / 1e6 for p, i, o in zip(prices, *billed, strict=True))
        models.append(models_of(used))
        values.append(round(value, 6))  # cents would make 0 of a small amount
        skills.append(skills_of(log.requests.numbers("conduct", own)) if judged.kind == HARVEST_OPERATION else [])
        tokens.append(sum(billed[1]))
        estimated.append(unsampled(np.ones(len(own), np.int64), rates))
    first, last = ([int(pick(log.requests.time[own])) for own in rows] for pick in (np.min, np.max))
    return CAMPAIGNS.build(
        campaign_id=names,
        kind=[judged.kind if judged.verdict != "none" else _NOT_KNOWN for judged in shown],
        score=[judged.probability for judged in shown],
        verdict=[judged.verdict for judged in shown],
        accounts=[len(judged.candidate.accounts) for judged in shown],
        requests=[len(own) for own in rows],
        first_seen=pa.array(first, pa.int64()).cast(TIMESTAMP),
        last_seen=pa.array(last, pa.int64()).cast(TIMESTAMP),
        skills=skills,
        models=models,
        families=[judged.weighed.families for judged in shown],
        output_tokens=tokens,
        list_value=values,
        estimated_requests=estimated,
    )


def _of_models(values: Ints, model: Ints, models: int, rates: Floats | None) -> list[int]:
    """Sum of a value over the requests of each model, as of a log that keeps every call."""
    if rates is None:
        return [int(part) for part in np.bincount(model, weights=values, minlength=models)]
    return [unsampled(values[model == number], rates[model == number]) for number in range(models)]


def _members_table(log: ScoredLog, shown: list[Judged], names: list[str], roles: list[str]) -> pa.Table:
    if not shown:
        return MEMBERS.empty()
    accounts = np.concatenate([judged.candidate.accounts for judged in shown])
    requests = np.concatenate([judged.candidate.volumes for judged in shown])
    share = requests / np.maximum(log.accounts.requests[accounts], 1)
    sizes = [len(judged.candidate.accounts) for judged in shown]
    return MEMBERS.build(
        account_id=log.accounts.ids.take(pa.array(accounts)),
        campaign_id=pa.array(names).take(pa.array(np.repeat(np.arange(len(shown)), sizes))),
        role=roles,
        requests=requests,
        share=share,
        score=np.concatenate([judged.probability * judged.member_probability for judged in shown]),
    )


def _harvest_table(log: ScoredLog, shown: list[Judged], names: list[str], rows: Ints) -> pa.Table:
    parts = [(number, judged.candidate) for number, judged in enumerate(shown) if _is_harvest_group(judged)]
    if not len(rows):
        return HARVEST.empty()
    account = np.concatenate([one.accounts[one.slice_account] for _, one in parts])
    cluster = np.concatenate([one.slice_cluster for _, one in parts])
    before = np.cumsum([0, *(len(one.slice_cluster) for _, one in parts)])
    row_slice = np.concatenate([one.row_slice + begin for (_, one), begin in zip(parts, before[:-1], strict=True)])
    campaign = np.repeat([number for number, _ in parts], [len(one.rows) for _, one in parts])
    place = pa.array(rows)
    return HARVEST.build(
        # column by column, so that only one of them is in memory twice
        **{name: log.requests.table[name].take(place).combine_chunks() for name in ("request_id", *HARVEST_FACTS)},
        slice_id=_slice_ids(log, account, cluster).take(pa.array(row_slice)),
        campaign_id=pa.array(names).take(pa.array(campaign)),
    )


def _slices_table(log: ScoredLog, shown: list[Judged], names: list[str]) -> pa.Table:
    table = log.slices
    owner = np.full(len(table.account), -1, np.int64)
    # The first campaign that names a slice has it.
    for number in reversed(range(len(shown))):
        candidate = shown[number].candidate
        if _is_harvest_group(shown[number]):
            found = table.find(candidate.slice_cluster, candidate.accounts[candidate.slice_account])
            owner[found[found >= 0]] = number
    rest = np.diff(log.requests.first)
    np.subtract.at(rest, table.account, table.requests)
    others = np.flatnonzero(rest)
    account = np.concatenate([table.account, others])
    cluster = np.concatenate([table.cluster, np.full(len(others), -1)])
    requests = np.concatenate([table.requests, rest[others]])
    owner = np.concatenate([owner, np.full(len(others), -1)])
    order = np.lexsort((cluster, account))
    account, cluster, requests, owner = account[order], cluster[order], requests[order], owner[order]
    return SLICES.build(
        slice_id=_slice_ids(log, account, cluster),
        account_id=log.accounts.ids.take(pa.array(account)),
        campaign_id=pa.array(names, pa.string()).take(pa.array(owner, mask=owner < 0)),
        requests=requests,
        harvest_requests=np.where(owner >= 0, requests, 0),
    )


def _sanctioned_accounts(log: ScoredLog, config: Config) -> Flags:
    named = pa.array(sorted(config.sanctioned.accounts), pa.string())
    sanctioned = pc.is_in(log.accounts.ids, value_set=named).to_numpy(zero_copy_only=False)
    found: Flags = sanctioned | log.accounts.in_organisations(set(config.sanctioned.organizations))
    return found


def _accounts_table(
    log: ScoredLog, shown: list[Judged], names: list[str], sanctioned: Flags, config: Config
) -> pa.Table:
    count = log.accounts.count
    score, main, harvested = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    # Of the campaigns of an account the gravest verdict counts, then the likeliest part in it, then the first.
    campaign, rank = np.full(count, -1), np.full(count, VERDICTS.index("none"))
    reasons: list[list[str]] = []
    for number, judged in enumerate(shown):
        accounts = judged.candidate.accounts
        own = judged.probability * judged.member_probability
        if judged.kind == HARVEST_OPERATION:
            score[accounts] = np.maximum(score[accounts], own)
        reasons.append(_reasons_by_account(judged))
        if judged.verdict == "none":
            continue
        if _is_harvest_group(judged):
            harvested[accounts] += judged.candidate.volumes
        said = _ranks_by_account(judged, config)
        better = (said < rank[accounts]) | ((said == rank[accounts]) & (own > main[accounts]))
        chosen = accounts[better]
        campaign[chosen], rank[chosen], main[chosen] = number, said[better], own[better]
    rank[sanctioned] = VERDICTS.index("none")
    return CASE_ACCOUNTS.build(
        account_id=log.accounts.ids,
        score=score,
        verdict=pa.array(VERDICTS).take(pa.array(rank)),
        flagged=rank == VERDICTS.index("act"),
        sanctioned=sanctioned,
        campaign_id=pa.array(names, pa.string()).take(pa.array(campaign, mask=campaign < 0)),
        reasons=_reason_lists(campaign, sanctioned, reasons),
        requests=log.accounts.requests,
        harvest_requests=harvested,
    )


def _reasons_by_account(judged: Judged) -> list[str]:
    why = [f.statement for f in sorted(judged.weighed.findings, key=lambda f: -f.bits) if f.bits >= 1.0][:3]
    return [*(limit.statement for limit in judged.limits), *why]


def _reason_lists(campaign: Ints, sanctioned: Flags, reasons: list[list[str]]) -> pa.ListArray:
    """The reasons of each account's campaign; an allowed account says so first."""
    reason_lists = [*([ALLOWED_REASON, *why] for why in reasons), [ALLOWED_REASON], *reasons, []]
    # Campaign -1 is the last list of each part.
    number = np.where(sanctioned, 0, len(reasons) + 1) + np.where(campaign < 0, len(reasons), campaign)
    lists = pa.array(reason_lists, pa.list_(pa.string()))
    return lists.take(pa.array(number))


def _ranks_by_account(judged: Judged, config: Config) -> Ints:
    return member_ranks(judged.verdict, judged.weighed, config.score, judged.standing)
