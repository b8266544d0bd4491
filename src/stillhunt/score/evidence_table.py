"""Findings -> EVIDENCE: rows that rebuild every probability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config, ScoreSettings
from stillhunt.base.errors import ContractError
from stillhunt.base.schema import EVIDENCE
from stillhunt.score.frame import Frame, Ints
from stillhunt.score.verdict import Judged, member_evidence

MEMBER_EXAMPLES = 5

Row = tuple[str, str | None, str, str, str, float, list[str], int]


def evidence_table(frame: Frame, shown: list[Judged], names: list[str], config: Config) -> pa.Table:
    """Every finding about a campaign and about each of its members, priors included.

    The bits of a campaign's rows sum to its log2 odds, those of a member's rows to its log2 odds given the campaign.

    Args:
        frame: the log.
        shown: judged candidates.
        names: their campaign ids.
        config: settings, for the prior.
    """
    rows: list[Row] = []
    for judged, name in zip(shown, names, strict=True):
        text = "odds that a group like this harvests, before any evidence"
        rows.append((name, None, "prior", "prior", text, config.score.prior_bits, [], 0))
        for found in judged.findings:
            if found.bits != 0.0:
                examples = _request_ids(found.rows, frame)
                rows.append((name, None, found.family, found.kind, found.statement, found.bits, examples, found.count))
        if judged.held_back is not None and judged.verdict == "review":
            text = budget_statement(judged, config.score, frame.accounts)
            rows.append((name, None, "budget", "false_alarm_budget", text, 0.0, [], 0))
        rows += _member_rows(frame, judged, name)
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [()] * len(EVIDENCE.names)
    return EVIDENCE.build(**{key: list(column) for key, column in zip(EVIDENCE.names, columns, strict=True)})


def budget_statement(judged: Judged, settings: ScoreSettings, accounts: int) -> str:
    """Why a campaign that is probable enough is only put up for review.

    Args:
        judged: a campaign that the false-alarm budget holds back.
        settings: prior and budget.
        accounts: accounts of the log.

    Raises:
        ContractError: the budget does not hold it back.
    """
    if judged.held_back is None:
        raise ContractError("the false-alarm budget does not hold this campaign back", where="budget_statement")
    allowed = settings.false_campaigns_per_month
    return (
        f"it would be act, but a budget of {allowed:g} false campaign{'s' * (allowed != 1)} in 30 days asks "
        f"{judged.held_back:.1f} bits of evidence in a log of {accounts:,} accounts; it has "
        f"{judged.bits - settings.prior_bits:.1f}"
    )


def _request_ids(rows: Ints, frame: Frame) -> list[str]:
    values: list[str] = frame.sketches.column("request_id").take(rows).to_pylist()
    return values


def _member_rows(frame: Frame, judged: Judged, name: str) -> list[Row]:
    candidate = judged.candidate
    table = member_evidence(judged.findings, len(candidate.accounts))
    order = np.argsort(candidate.row_account, kind="stable")
    bounds = np.searchsorted(candidate.row_account[order], np.arange(len(candidate.accounts) + 1))
    rows: list[Row] = []
    for position, account in enumerate(candidate.accounts):
        own = candidate.rows[order[bounds[position] : bounds[position + 1]]]
        who, examples = frame.account_ids[account], _request_ids(own[:MEMBER_EXAMPLES], frame)
        even = "even odds that an account in the group is part of it"
        rows.append((name, who, "prior", "prior", even, 0.0, [], 0))
        for number, found in enumerate(judged.findings):
            bits = float(table[number, position])
            if bits != 0.0:
                statement = _member_statement(found.kind, bits)
                rows.append((name, who, found.family, found.kind, statement, bits, examples, len(own)))
    return rows


_MEMBER_WORDS = {
    "phrase_mixture": ("its phrases are mixed as the group mixes them", "its phrases are mixed in a way of its own"),
    "topic_mixture": ("its subjects are dealt as the group's are", "its subjects are its own"),
    "even_loads": ("its load is near the group's middle", "its load is far from the group's"),
    "like_work": ("it does as much work as the others", "it does more or less work than the others"),
    "client_stacks": ("it uses one of the group's client stacks", "its client stack is its own"),
    "payment_fingerprint": ("it pays with an instrument that others of the group use", "its payment is its own"),
    "email_domain": ("its mail domain is one of the group's", "its mail domain is common or its own"),
    "signup_prefix": ("it was opened from a network of the group", "it was opened from a network of its own"),
    "created_at": ("it was opened in a sign-up session of the group", "it was opened at a time of its own"),
    "client_ip": ("it sends from an address of the group", "its addresses are its own"),
    "client_prefix": ("it sends from a network of the group", "its networks are its own"),
    "open_customer": ("it belongs to the one payer", "it belongs to the one payer"),
    "declared_organisation": ("it declares another organisation", "it is a seat of the declared organisation"),
}


def _member_statement(kind: str, bits: float) -> str:
    fits, differs = _MEMBER_WORDS[kind]
    return fits if bits > 0 else differs
