"""What holds for every kind of evidence: the order of rows changes nothing, and missing columns accuse nobody."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, Array, finding_of, group_of, log_of_rows, sharing_customers, untemplated_group, with_requests

from stillhunt.base.families import SIGN_KINDS
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import CATALOGUE
from stillhunt.score.evidence.finding import EXAMPLES
from stillhunt.score.evidence.kind import EvidenceKind

MEMBERS, ACCOUNTS, EACH = 20, 120, 50
OWNER = np.repeat(np.arange(ACCOUNTS), EACH)
every_kind = pytest.mark.parametrize("kind", CATALOGUE, ids=lambda kind: kind.name)


def columns_of(rng: np.random.Generator, rows: int, time: Array) -> dict[str, Any]:
    """Values for every column that any kind reads."""
    return {
        "status": rng.choice([200, 429], rows, p=[0.9, 0.1]),
        "prompt_hash": rng.integers(1, 4_000, rows),
        "model": np.where((time > 5 * DAY) & (OWNER % 3 > 0), "next", "large"),
        "conduct": rng.integers(0, 1 << 14, rows),
        "turn": rng.integers(0, 3, rows),
        "conversation": rng.integers(0, 900, rows),
        "words": rng.integers(1, 30, rows),
        "output_tokens": rng.integers(10, 900, rows),
        "temperature": np.where(OWNER < MEMBERS, 0.65, rng.choice([0.1, 0.7, 0.9], ACCOUNTS)[OWNER]),
        "client_ip": np.where(OWNER < MEMBERS, OWNER % 4 + 1, OWNER + 100).astype(np.uint64),
        "client_prefix": np.where(OWNER < MEMBERS, OWNER % 3 + 1, OWNER + 100).astype(np.uint64),
        "user_agent": np.where(OWNER < MEMBERS, "curl/8", rng.choice(["a/1", "b/2"], ACCOUNTS)[OWNER]),
        "cluster": np.where(OWNER < MEMBERS, 0, OWNER // 2),
    }


def logs(seed: int) -> tuple[ScoredLog, ScoredLog]:
    """The same log twice, its rows given in two orders; topics and folds follow the prompt."""
    rng = np.random.default_rng(seed)
    starts, length = rng.uniform(0, 6, ACCOUNTS) * DAY, rng.uniform(3, 8, ACCOUNTS) * DAY
    time = (starts[OWNER] + rng.random(len(OWNER)) * length[OWNER]).astype(np.int64)
    columns = columns_of(rng, len(OWNER), time)
    made = []
    for order in (np.arange(len(OWNER)), rng.permutation(len(OWNER))):
        given = {name: values[order] for name, values in columns.items()}
        given |= {name: given[name].tolist() for name in ("model", "user_agent")}
        log = log_of_rows(OWNER[order], time[order], customers=sharing_customers(ACCOUNTS, MEMBERS), **given)
        prompt = log.requests.table["prompt_hash"].to_numpy().astype(np.int64)
        own = np.where(log.requests.account < MEMBERS, prompt % 3, -1)
        made.append(with_requests(log, topic=prompt % 11, fold=prompt // 11 % 2, own_phrases=own))
    return made[0], made[1]


SAME = logs(13)


def group(log: ScoredLog, kind: EvidenceKind) -> Candidate:
    return untemplated_group(log, np.arange(MEMBERS)) if kind.name == "similar_workload" else group_of(log, MEMBERS)


@every_kind
def test_the_order_of_rows_changes_nothing(kind: EvidenceKind) -> None:
    found = [finding_of(kind, log, group(log, kind)) for log in SAME]
    if kind.name in ("declared_organisation", "open_customer") or kind.name in SIGN_KINDS - {"posing_customers"}:
        assert found == [None, None], "twenty accounts that pose as separate customers are nothing else"
        return
    one, other = found
    assert one is not None
    assert other is not None
    assert (one.bits, one.statement, one.count) == (other.bits, other.statement, other.count)
    assert one.rows.tolist() == other.rows.tolist()
    if one.member_bits is not None:
        assert kind.members is not None, "what judges members needs words for them"
        assert other.member_bits is not None
        assert one.member_bits.tolist() == other.member_bits.tolist()


@every_kind
def test_findings_keep_to_their_declaration(kind: EvidenceKind) -> None:
    log = SAME[0]
    found = finding_of(kind, log, group(log, kind))
    if found is None:
        return
    assert (found.family, found.kind) == (kind.family, kind.name)
    assert kind.least_bits is None or found.bits >= kind.least_bits - 1e-9
    assert kind.most_bits is None or found.bits <= kind.most_bits + 1e-9
    assert len(found.rows) <= EXAMPLES
    assert np.isin(found.rows, group(log, kind).rows).all(), "it names requests of the group"
    assert found.member_bits is None or len(found.member_bits) == MEMBERS


@every_kind
def test_a_log_of_required_columns_alone_accuses_nobody(kind: EvidenceKind) -> None:
    """Four requests of each account, a day apart, without any optional column."""
    owner = np.repeat(np.arange(MEMBERS), 4)
    log = log_of_rows(owner, np.tile(np.arange(4) * DAY, MEMBERS) + owner)
    found = finding_of(kind, log, group(log, kind))
    # Topics and phrases come from other rooms; prompts that nobody repeats are what this log holds.
    assert found is None or found.bits <= 0.5 or kind.name == "no_repeats"
