"""Use beyond what other customers of the same price plan make of it."""

from __future__ import annotations

import numpy as np
import pytest
from row_logs import DAY, finding_of, group_of, log_of_rows, with_accounts

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.plan_use import PLAN, PLAN_KIND, RANKS
from stillhunt.score.stats.beta_binomial import part_bits, rank_ratio

MEMBERS, OTHERS, EACH = 12, 120, 20
ACCOUNTS = MEMBERS + OTHERS
OWNER = np.repeat(np.arange(ACCOUNTS), EACH)
PLANS = ["pro" if number % 2 else "free" for number in range(ACCOUNTS)]


def found_in(log: ScoredLog, members: int = MEMBERS) -> Finding | None:
    return finding_of(PLAN_KIND, log, group_of(log, members))


def test_use_beyond_the_plan_ranks_high() -> None:
    rng = np.random.default_rng(6)
    tokens = np.where(OWNER < MEMBERS, 900, rng.integers(50, 800, len(OWNER)))
    time = rng.integers(0, 5 * DAY, len(OWNER))
    heavy = found_in(log_of_rows(OWNER, time, plan=PLANS, output_tokens=tokens))
    light = found_in(log_of_rows(OWNER, time, plan=PLANS, output_tokens=1000 - tokens))
    assert heavy is not None
    assert light is not None
    assert heavy.bits == pytest.approx(part_bits(rank_ratio(1.0, PLAN.power), RANKS.part), abs=0.05)
    assert light.bits < 0.0
    assert heavy.statement.endswith(" of the customers on the same price plan use less than its median account")


def test_without_plans_nothing_is_said() -> None:
    assert found_in(log_of_rows(OWNER, np.arange(len(OWNER)))) is None
    unknown = log_of_rows(OWNER, np.arange(len(OWNER)), plan=[None] * ACCOUNTS)  # type: ignore[list-item]  # unknown
    assert found_in(unknown) is None


def used_log(plans: list[str | None], use: list[int]) -> ScoredLog:
    """Accounts with one request each, of so many tokens."""
    count = len(plans)
    return log_of_rows(np.arange(count), np.arange(count), customers={"plan": plans}, output_tokens=use)


def plain_bits(plans: list[str | None], use: list[int], members: int) -> float:
    """Bits by the definition: the middle of the members' ranks among the plan's other customers, made uniform."""
    ranks = []
    for member in range(members):
        others = [use[n] for n in range(members, len(plans)) if plans[n] == plans[member]]
        below = sum(other < use[member] for other in others) + 0.5 * sum(other == use[member] for other in others)
        if plans[member] is not None and len(others) >= 20:
            ranks.append((below + 0.5) / (len(others) + 1))
    uniform = float(np.median(ranks)) ** (np.log(0.5) / np.log(0.67))
    return part_bits(rank_ratio(uniform, 2.0), 0.5)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_bits_are_those_of_the_definition(seed: int, sampled: bool) -> None:
    """Two price plans with customers enough, one with too few; use with many ties; members in the sample or not."""
    rng = np.random.default_rng(seed)
    plans: list[str | None] = [*rng.choice(["pro", "free", "rare"], 9, p=[0.5, 0.4, 0.1]).tolist(), None]
    plans += ["pro"] * 25 + ["free"] * 20 + ["rare"] * 19 + [None] * 30
    use = rng.integers(1, 12, len(plans)).tolist()
    log = used_log(plans, use)
    if sampled:
        log = with_accounts(log, background=np.arange(len(plans)) >= 6)
    found = found_in(log, 10)
    assert found is not None
    assert found.bits == pytest.approx(plain_bits(plans, use, 10))
    assert found.count == 10


@pytest.mark.parametrize(("others", "judged"), [(19, False), (20, True)])
def test_a_few_customers_give_no_ranks(others: int, judged: bool) -> None:
    assert (found_in(used_log(["pro"] * (4 + others), [5] * (4 + others)), 4) is not None) == judged


@pytest.mark.parametrize(("known", "judged"), [(4, False), (5, True)])
def test_half_of_the_members_must_have_a_rank(known: int, judged: bool) -> None:
    plans: list[str | None] = ["pro"] * known + [None] * (10 - known) + ["pro"] * 25
    assert (found_in(used_log(plans, [5] * 35), 10) is not None) == judged
