"""What a case says of a campaign, compared bit for bit with what follows from its evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.families import BUDGET, LIMIT_FAMILIES, PRIOR
from stillhunt.base.schema_case import VERDICTS
from stillhunt.score.rebuild import RebuiltVerdict


def verdict_differences(
    rebuilt: RebuiltVerdict,
    campaign: Mapping[str, Any],
    evidence: pa.Table,
    members: pa.Table,
    accounts: pa.Table,
    config: Config,
) -> list[str]:
    """What a case says of a campaign that does not follow from its evidence.

    An account that another campaign holds, too, may have its verdict and score from there: then it is only checked that
    they are no lower than what this campaign makes of it.

    Args:
        rebuilt: what follows from the evidence.
        campaign: its row of campaigns.parquet.
        evidence: its EVIDENCE, from which it was rebuilt.
        accounts: CASE_ACCOUNTS, those of its members at least.

    Returns:
        One phrase for each number, flag or word that differs; empty where all agree.
    """
    return [
        *_campaign_differences(rebuilt, campaign),
        *_row_differences(rebuilt, evidence.filter(pc.is_null(evidence["account_id"])), config.score.prior_bits),
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


def _row_differences(rebuilt: RebuiltVerdict, rows: pa.Table, prior: float) -> Iterator[str]:
    bits = dict(zip(rebuilt.kinds, rebuilt.bits, strict=True))
    budget = priors = 0
    for row in rows.drop_columns(["request_ids"]).to_pylist():
        expected = bits.get(row["kind"])
        if row["family"] in (PRIOR, *LIMIT_FAMILIES):
            expected = prior if row["family"] == PRIOR else 0.0
            priors, budget = priors + (row["family"] == PRIOR), budget + (row["family"] == BUDGET)
            if row["raw_bits"] != expected or row["independent"] or row["act_needs"] != "nothing":
                yield f"evidence {row['kind']}: what is measured is not that of a row of {row['family']}"
        if row["bits"] != expected:
            yield f"evidence {row['kind']}: bits are {row['bits']}, rebuilt {expected}"
    if priors != 1:
        yield f"evidence: {priors} rows of the prior"
    if budget != (rebuilt.held_back is not None):
        yield f"evidence: {budget} rows of the budget, which asks {rebuilt.held_back}"


def _member_row_differences(rebuilt: RebuiltVerdict, rows: pa.Table) -> Iterator[str]:
    at = pc.index_in(rows["account_id"].combine_chunks(), value_set=pa.array(rebuilt.accounts))
    is_prior = pc.equal(rows["family"], PRIOR).to_numpy()
    kinds = pa.array(rebuilt.member_kinds, pa.string())
    kind = pc.fill_null(pc.index_in(rows["kind"].combine_chunks(), value_set=kinds), len(kinds)).to_numpy()
    member = pc.fill_null(at, 0).to_numpy()
    table = np.vstack([rebuilt.member_bits, np.zeros((1, len(rebuilt.accounts)))])
    expected = np.where(is_prior, 0.0, table[kind, member])
    wrong = (rows["bits"].to_numpy() != expected) | (is_prior & (rows["raw_bits"].to_numpy() != 0.0))
    wrong |= rows["independent"].to_numpy() | pc.not_equal(rows["act_needs"], "nothing").to_numpy()
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
    follows = {
        name: (verdict, score)
        for name, verdict, score in zip(
            rebuilt.accounts, rebuilt.member_verdicts, rebuilt.member_scores.tolist(), strict=True
        )
    }
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
        if not rebuilt.linked and row["score"] < score:
            yield f"account {row['account_id']}: score is {row['score']}, rebuilt at least {score}"
