"""One model and full answers: ranks among the log's other groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, finding_of, group_of, log_of_rows

from stillhunt.base.formatting import percent
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.plan_use import RANKS, RANKS_KIND
from stillhunt.score.stats.beta_binomial import part_bits, rank_ratio
from stillhunt.triage import excerpt

MEMBERS, OTHERS, EACH = 12, 120, 20
OWNER = np.repeat(np.arange(MEMBERS + OTHERS), EACH)
INSIDE = OWNER < MEMBERS
GROUPS = np.maximum(OWNER - MEMBERS + 4, 0) // 4
"""The members' content cluster, then one for every four other accounts."""


def log_with(rng: np.random.Generator, **columns: Any) -> ScoredLog:
    return log_of_rows(OWNER, rng.integers(0, 5 * DAY, len(OWNER)), cluster=GROUPS, **columns)


def found_in(log: ScoredLog, members: int = MEMBERS) -> Finding | None:
    return finding_of(RANKS_KIND, log, group_of(log, members))


def test_one_model_and_long_answers_rank_high() -> None:
    rng = np.random.default_rng(5)
    models = np.where(INSIDE | (rng.random(len(OWNER)) < 0.6), "best", "small").tolist()
    tokens = np.where(INSIDE, 900, rng.integers(50, 800, len(OWNER)))
    high = found_in(log_with(rng, model=models, output_tokens=tokens))
    mixed = np.where(INSIDE & (OWNER % 2 == 0), "small", "best").tolist()
    low = found_in(log_with(rng, model=mixed, output_tokens=1000 - tokens))
    assert high is not None
    assert low is not None
    assert 0.5 < high.bits <= np.log2(0.5 + 0.5 * 3.0)
    assert low.bits < 0.0
    assert high.statement == (
        "100 % of its requests ask for one model, and its answers average 900 tokens, which is more than in "
        "98.4 % and, for answer length, 98.4 % of the log's other groups"
    )
    assert excerpt(high.statement, 400)[0] == high.statement, "an alert hides no part of it as a secret"


def test_groups_like_the_others_earn_nothing_on_average() -> None:
    rng = np.random.default_rng(7)
    worth = []
    for _ in range(40):
        model = rng.choice(["best", "mid", "small"], len(OWNER)).tolist()
        tokens = rng.lognormal(5.0, 1.0, len(OWNER)).astype(np.int64)
        found = found_in(log_with(rng, model=model, output_tokens=tokens))
        worth.append(2.0 ** (found.bits if found else 0.0))
    assert np.mean(worth) < 1.1


def plain_rank(value: float, others: list[float]) -> float:
    below = sum(other < value for other in others) + 0.5 * sum(other == value for other in others)
    return (below + 0.5) / (len(others) + 1)


def grouped_log(shares: list[int], answers: list[int | None], own: tuple[int, list[int | None]]) -> ScoredLog:
    """Groups of 40 requests of one account each, so many of them for one model, with answers of so many tokens.

    Args:
        shares: requests for the first model in each other group.
        answers: tokens of each answer of each other group; None unknown.
        own: the same of the group itself: requests for one model, and tokens of each of its 40 answers.
    """
    model, tokens = [], list[int | None]()
    for share, answer in [(own[0], own[1]), *zip(shares, ([a] * 40 for a in answers), strict=True)]:
        model += ["best"] * share + ["small"] * (40 - share)
        tokens += answer
    owner = np.repeat(np.arange(len(shares) + 1), 40)
    return log_of_rows(owner, np.arange(len(owner)), cluster=owner, model=model, output_tokens=tokens)


@pytest.mark.parametrize("unknown", [0, 1, 3])
@pytest.mark.parametrize("own", [20, 33, 40])
def test_bits_are_those_of_the_ranks(own: int, unknown: int) -> None:
    """Ties count half; answers are ranked only among 20 groups or more whose answers are known."""
    shares, answers = [20 + n for n in range(21)] + [33], [100 + 10 * n for n in range(22)]
    told: list[int | None] = [None] * unknown + list(answers[unknown:])
    log = grouped_log(shares, told, (own, [150] * 20 + [190] * 19 + [None]))
    found = found_in(log, 1)
    assert found is not None
    mean = (150 * 20 + 190 * 19) / 39
    ranks = [plain_rank(own / 40, [share / 40 for share in shares])]
    if unknown < 3:
        ranks.append(plain_rank(mean, [float(answer) for answer in answers[unknown:]]))
    ratio = float(np.mean([rank_ratio(rank, RANKS.power) for rank in ranks]))
    assert found.bits == pytest.approx(part_bits(ratio, RANKS.part))
    assert found.count == 40
    assert ("its answers average 169 tokens" in found.statement) == (unknown < 3)
    assert found.statement.startswith(f"{percent(own / 40)} of its requests ask for one model")


@pytest.mark.parametrize(("groups", "judged"), [(19, False), (20, True)])
def test_a_few_groups_give_no_ranks(groups: int, judged: bool) -> None:
    log = grouped_log([30] * groups, [None] * groups, (40, [None] * 40))
    assert (found_in(log, 1) is not None) == judged


def test_unknown_answers_are_not_ranked() -> None:
    found = found_in(grouped_log([30] * 25, [100] * 25, (40, [None] * 40)), 1)
    assert found is not None
    assert "answers average" not in found.statement
    assert found.bits == pytest.approx(part_bits(rank_ratio(25.5 / 26, RANKS.power), RANKS.part))


def test_an_answer_of_no_tokens_is_an_answer() -> None:
    found = found_in(grouped_log([30] * 25, [100] * 25, (40, [0] * 40)), 1)
    assert found is not None
    assert "its answers average 0 tokens" in found.statement
