"""Nothing is evidence for a harvest because the log gave no occasion to show the contrary.

A busy log in which a group shows no sign of people is cut to ten minutes or to one account, or loses a column: a kind
whose sign could not have appeared in what is left must not count its absence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, finding_of, group_of, log_of_rows, sharing_customers, untemplated_group, with_requests

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import CATALOGUE, KIND_OF
from stillhunt.score.evidence.kind import EvidenceKind

MEMBERS, ACCOUNTS, EACH = 20, 120, 40
OWNER = np.repeat(np.arange(ACCOUNTS), EACH)
ROWS = len(OWNER)
TEN_MINUTES = 600_000_000

SINGLY = frozenset({"follow_ups", "own_data", "own_checks", "talk", "asked_conduct", "constant_settings"})
"""Kinds that look at what each account does by itself."""
NO_OCCASION = {
    "ten minutes": {"own_checks", "common_days", "common_times", "new_model_adoption", "account_replacement"},
    "one account": {kind.name for kind in CATALOGUE} - SINGLY,
    "prompt_hash": {"no_repeats", "own_checks"},
    "turn": {"follow_ups", "talk"},
    "settings": {"constant_settings"},
    "clients": {"client_fingerprint", "client_ip", "client_prefix"},
    "topic_words": {"own_words"},
    "topic": {"topic_mixture", "even_volume"},
    "customers": {"payment_fingerprint", "email_domain", "signup_prefix", "created_at", "plan_use"},
}


LEFT_OUT = {
    "settings": ("temperature",),
    "clients": ("client_ip", "client_prefix", "user_agent"),
    "turn": ("turn",),
}


def columns_of(rng: np.random.Generator) -> dict[str, Any]:
    """A group that shares its keys and shows no sign of people; others with keys and subjects of their own."""
    inside = OWNER < MEMBERS
    words = np.where(inside[:, None], rng.integers(0, 3_000, (ROWS, 6)), 3_000 + OWNER[:, None] * 100)
    words[~inside] += rng.integers(0, 100, (int((~inside).sum()), 6))
    return {
        "prompt_hash": np.arange(ROWS) + 1,
        "conduct": np.where(inside & (rng.random(ROWS) < 0.5), 1, 0),
        "turn": np.where(inside, 0, rng.integers(0, 2, ROWS)).tolist(),
        "conversation": np.arange(ROWS),
        "words": np.full(ROWS, 30),
        "temperature": np.where(inside, 0.65, rng.choice([0.1, 0.7, 0.9], ACCOUNTS)[OWNER]).tolist(),
        "client_ip": hashes(np.where(inside, OWNER % 4 + 1, OWNER + 100)),
        "client_prefix": hashes(np.where(inside, OWNER % 3 + 1, OWNER + 100)),
        "user_agent": np.where(inside, "odd/8", rng.choice(["a/1", "b/2"], ACCOUNTS)[OWNER]).tolist(),
        "topic_words": [sorted({*own}) for own in words.tolist()],
        "cluster": np.where(inside, 0, OWNER // 2),
    }


def hashes(values: np.ndarray) -> np.ndarray:
    return values.astype(np.uint64)


def log_without(lacking: str, seed: int = 1) -> ScoredLog:
    rng = np.random.default_rng(seed)
    columns, known = columns_of(rng), sharing_customers(ACCOUNTS, MEMBERS)
    time = rng.integers(0, TEN_MINUTES if lacking == "ten minutes" else 10 * DAY, ROWS)
    topic = np.where(OWNER < MEMBERS, rng.integers(12, 24, ROWS), OWNER % 12)
    if lacking == "prompt_hash":
        columns["prompt_hash"] = np.zeros(ROWS, np.int64)
    if lacking == "topic_words":
        columns["topic_words"] = [[]] * ROWS
    if lacking == "topic":
        topic = np.full(ROWS, -1)
    for name in LEFT_OUT.get(lacking, ()):
        del columns[name]
    log = log_of_rows(OWNER, time, customers=None if lacking == "customers" else known, **columns)
    order = np.lexsort((np.arange(ROWS), time, OWNER))
    return with_requests(log, topic=topic[order], fold=rng.integers(0, 2, ROWS)[order])


def group(log: ScoredLog, kind: EvidenceKind, members: int) -> Candidate:
    return untemplated_group(log, np.arange(members)) if kind.name == "similar_workload" else group_of(log, members)


def bits_of(log: ScoredLog, name: str, members: int = MEMBERS) -> float:
    kind = KIND_OF[name]
    found = finding_of(kind, log, group(log, kind, members))
    return 0.0 if found is None else found.bits


LOGS = {lacking: log_without(lacking) for lacking in ("nothing", *NO_OCCASION)}


@pytest.mark.parametrize(
    ("lacking", "name"), [(lacking, name) for lacking, names in NO_OCCASION.items() for name in sorted(names)]
)
def test_what_could_not_be_shown_is_not_missed(lacking: str, name: str) -> None:
    assert bits_of(LOGS[lacking], name, 1 if lacking == "one account" else MEMBERS) <= 0.0


@pytest.mark.parametrize("name", ["no_repeats", "own_checks"])
def test_requests_without_a_prompt_repeat_nothing(name: str) -> None:
    """Their hash is the same, and says nothing for or against."""
    found = finding_of(KIND_OF[name], LOGS["prompt_hash"], group_of(LOGS["prompt_hash"], MEMBERS))
    assert found is None
    columns = columns_of(np.random.default_rng(1))
    columns["prompt_hash"][OWNER % 2 == 1] = 0
    log = log_of_rows(OWNER, np.random.default_rng(2).integers(0, 10 * DAY, ROWS), **columns)
    assert bits_of(log, name) > 0.0, "those with a prompt are judged"


def test_the_whole_log_gives_the_occasions() -> None:
    """Or the tests above would hold of kinds that never say anything here."""
    whole = {kind.name for kind in CATALOGUE if bits_of(LOGS["nothing"], kind.name) > 0.0}
    assert whole >= {
        *("topic_mixture", "own_words", "follow_ups", "client_fingerprint", "no_repeats", "asked_conduct"),
        *("own_checks", "talk", "constant_settings", "payment_fingerprint", "email_domain", "signup_prefix"),
        *("created_at", "client_ip", "client_prefix"),
    }
