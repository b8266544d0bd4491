"""Judged candidates -> the case tables."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.schema import CAMPAIGNS, CASE_ACCOUNTS, HARVEST, MEMBERS, SLICES, VERDICTS
from stillhunt.score.evidence_table import budget_statement, evidence_table
from stillhunt.score.frame import Flags, Frame
from stillhunt.score.skills import models_of, skills_of
from stillhunt.score.verdict import Judged

LEFT_ALONE = 500
"""Most candidates with verdict none that are kept in the tables, so that a reader sees what was looked at."""
OPERATOR_SHARE = 0.8
"""Share of an account's traffic from which it serves the campaign alone."""


def case_tables(frame: Frame, judged: list[Judged], config: Config) -> dict[str, pa.Table]:
    """All case tables but the rejects.

    Args:
        frame: the log.
        judged: candidates with their verdicts.
        config: settings (sanctioned programmes, prices, thresholds).
    """
    sanctioned = _sanctioned(frame, config)
    judged = [_respecting(j, sanctioned, config) for j in judged]
    shown = sorted(judged, key=lambda j: (-j.bits, -len(j.candidate.rows), j.candidate.number))
    left = [j for j in shown if j.verdict == "none"][:LEFT_ALONE]
    shown = [j for j in shown if j.verdict != "none"] + left
    names = _campaign_ids(frame, shown)
    return {
        "campaigns": _campaigns(frame, shown, names, config),
        "members": _members(frame, shown, names),
        "evidence": evidence_table(frame, shown, names, config),
        "harvest": _harvest(frame, shown, names),
        "slices": _slices(frame, shown, names),
        "accounts": _accounts(frame, shown, names, sanctioned, config),
    }


def _respecting(judged: Judged, sanctioned: Flags, config: Config) -> Judged:
    """A campaign whose accounts belong to allowed programmes, but for too few to be one, asks for nothing."""
    others = int((~sanctioned[judged.candidate.accounts]).sum())
    return judged if others >= config.resolve.min_accounts else replace(judged, verdict="none")


def _campaign_ids(frame: Frame, shown: list[Judged]) -> list[str]:
    """Ids made from the three members whose harvest begins first, so that growth does not change them."""
    names: list[str] = []
    for judged in shown:
        candidate = judged.candidate
        start = np.full(len(candidate.accounts), np.iinfo(np.int64).max)
        np.minimum.at(start, candidate.row_account, frame.time[candidate.rows])
        first = candidate.accounts[np.lexsort((candidate.accounts, start))[:3]]
        text = "\n".join(frame.account_ids[a] for a in first)
        name = "c-" + hashlib.sha256(text.encode()).hexdigest()[:8]
        while name in names:  # two campaigns on the same accounts (a pool)
            name = "c-" + hashlib.sha256((name + text).encode()).hexdigest()[:8]
        names.append(name)
    return names


def _slice_id(frame: Frame, account: int, cluster: int) -> str:
    return f"{frame.account_ids[account]}/{'rest' if cluster < 0 else cluster}"


def _campaigns(frame: Frame, shown: list[Judged], names: list[str], config: Config) -> pa.Table:
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for judged, name in zip(shown, names, strict=True):
        rows = judged.candidate.rows
        taken = frame.sketches.select(["model", "input_tokens", "output_tokens", "conduct"]).take(rows)
        models = taken.column("model").to_pylist()
        sent = pc.fill_null(taken.column("input_tokens"), 0).to_numpy()
        answered = pc.fill_null(taken.column("output_tokens"), 0).to_numpy()
        prices = {m: config.report.prices.get(m, config.report.default_price) for m in set(models)}
        value = sum(
            (int(i) * prices[m].input + int(o) * prices[m].output) / 1e6
            for m, i, o in zip(models, sent, answered, strict=True)
        )
        columns["campaign_id"].append(name)
        columns["score"].append(judged.probability)
        columns["verdict"].append(judged.verdict)
        columns["accounts"].append(len(judged.candidate.accounts))
        columns["requests"].append(len(rows))
        columns["first_seen"].append(int(frame.time[rows].min()))
        columns["last_seen"].append(int(frame.time[rows].max()))
        columns["skills"].append(skills_of(taken.column("conduct").to_numpy()))
        columns["models"].append(models_of(models))
        columns["families"].append(judged.families)
        columns["output_tokens"].append(int(answered.sum()))
        columns["list_value"].append(round(value, 2))
    if not shown:
        return CAMPAIGNS.empty()
    for name in ("first_seen", "last_seen"):
        columns[name] = pa.array(columns[name], pa.int64()).cast(CAMPAIGNS.arrow.field(name).type)
    return CAMPAIGNS.build(**columns)


def _members(frame: Frame, shown: list[Judged], names: list[str]) -> pa.Table:
    total = np.bincount(frame.account, minlength=frame.accounts)
    columns: defaultdict[str, list[Any]] = defaultdict(list)
    for judged, name in zip(shown, names, strict=True):
        candidate = judged.candidate
        requests = np.bincount(candidate.row_account, minlength=len(candidate.accounts))
        share = requests / np.maximum(total[candidate.accounts], 1)
        for position, account in enumerate(candidate.accounts):
            columns["account_id"].append(frame.account_ids[account])
            columns["campaign_id"].append(name)
            columns["role"].append("operator" if share[position] >= OPERATOR_SHARE else "shared")
            columns["requests"].append(int(requests[position]))
            columns["share"].append(float(share[position]))
            columns["score"].append(float(judged.probability * judged.member_probability[position]))
    return MEMBERS.build(**columns) if shown else MEMBERS.empty()


def _harvest(frame: Frame, shown: list[Judged], names: list[str]) -> pa.Table:
    parts = []
    for judged, name in zip(shown, names, strict=True):
        candidate = judged.candidate
        if judged.verdict == "none" or not len(candidate.rows):
            continue
        slice_ids = np.array(
            [
                _slice_id(frame, int(candidate.accounts[a]), int(c))
                for a, c in zip(candidate.slice_account, candidate.slice_cluster, strict=True)
            ],
            dtype=object,
        )
        parts.append(
            HARVEST.build(
                request_id=frame.sketches.column("request_id").take(candidate.rows).combine_chunks(),
                slice_id=slice_ids[candidate.row_slice],
                campaign_id=[name] * len(candidate.rows),
            )
        )
    return pa.concat_tables(parts).combine_chunks() if parts else HARVEST.empty()


def _slices(frame: Frame, shown: list[Judged], names: list[str]) -> pa.Table:
    width = int(frame.cluster.max(initial=-1)) + 2
    key, requests = np.unique(frame.account * width + frame.cluster + 1, return_counts=True)
    account, cluster = key // width, key % width - 1
    campaign: dict[int, str] = {}
    for judged, name in zip(shown, names, strict=True):
        candidate = judged.candidate
        if judged.verdict == "none":
            continue
        for a, c in zip(candidate.slice_account, candidate.slice_cluster, strict=True):
            campaign.setdefault(int(candidate.accounts[a] * width + c + 1), name)
    owner = [campaign.get(int(k)) for k in key]
    return SLICES.build(
        slice_id=[_slice_id(frame, int(a), int(c)) for a, c in zip(account, cluster, strict=True)],
        account_id=[frame.account_ids[a] for a in account],
        campaign_id=owner,
        requests=requests,
        harvest_requests=np.where([o is not None for o in owner], requests, 0),
    )


def _sanctioned(frame: Frame, config: Config) -> Flags:
    named = set(config.sanctioned.accounts)
    sanctioned = np.array([a in named for a in frame.account_ids], bool)
    organisations = frame.organisations(set(config.sanctioned.organizations))
    return sanctioned | organisations


def _accounts(frame: Frame, shown: list[Judged], names: list[str], sanctioned: Flags, config: Config) -> pa.Table:
    count = frame.accounts
    score, main, harvested = np.zeros(count), np.zeros(count), np.zeros(count, np.int64)
    campaign: list[str | None] = [None] * count
    verdict = ["none"] * count
    reasons: list[list[str]] = [[] for _ in range(count)]
    for judged, name in zip(shown, names, strict=True):
        candidate = judged.candidate
        probability = judged.probability * judged.member_probability
        requests = np.bincount(candidate.row_account, minlength=len(candidate.accounts))
        why = [f.statement for f in sorted(judged.findings, key=lambda f: -f.bits) if f.bits >= 1.0][:3]
        if judged.held_back is not None and judged.verdict == "review":
            why = [budget_statement(judged, config.score, count), *why]
        for position, account in enumerate(candidate.accounts):
            own = float(probability[position])
            score[account] = max(score[account], own)
            if judged.verdict == "none":
                continue
            harvested[account] += requests[position]
            said = _account_verdict(own, judged.verdict, config)
            rank = (VERDICTS.index(verdict[account]), -main[account])
            if (VERDICTS.index(said), -own) < rank:
                campaign[account], reasons[account], verdict[account], main[account] = name, why, said, own
    for account in np.flatnonzero(sanctioned):
        verdict[account] = "none"
        reasons[account] = ["belongs to a programme that the settings declare as allowed", *reasons[account]]
    return CASE_ACCOUNTS.build(
        account_id=frame.account_ids,
        score=score,
        verdict=verdict,
        flagged=[v == "act" for v in verdict],
        sanctioned=sanctioned,
        campaign_id=campaign,
        reasons=reasons,
        requests=np.bincount(frame.account, minlength=count),
        harvest_requests=harvested,
    )


def _account_verdict(probability: float, campaign_verdict: str, config: Config) -> str:
    if campaign_verdict == "act" and probability >= config.score.act_probability:
        return "act"
    return "review" if probability >= config.score.review_probability else "none"
