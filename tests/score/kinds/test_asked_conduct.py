"""What requests ask for, against how groups of honest accounts differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, finding_of, group_of, log_of_rows, with_accounts

from stillhunt.base.conduct_flags import BITS
from stillhunt.base.formatting import percent
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import FOLLOW_UP
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.ordinary_use import (
    _ASKED_STRENGTH,
    _HONEST_STRENGTH,
    ASKED_CONDUCT,
    ASKED_KIND,
    OWN_DATA,
    TRAITS,
    Trait,
)
from stillhunt.score.stats.beta_binomial import BetaPrior, share_ratio

MEMBERS, EACH = 12, 30
ROWS = MEMBERS * EACH
*SINGLE, ANY_OF_THEM = TRAITS


def log_with(rng: np.random.Generator, **columns: Any) -> ScoredLog:
    """The members' log: every column as given, times at random over ten days."""
    owner = np.repeat(np.arange(MEMBERS), EACH)
    return log_of_rows(owner, rng.integers(0, 10 * DAY, ROWS), **columns)


def found_in(log: ScoredLog) -> Finding:
    found = finding_of(ASKED_KIND, log, group_of(log, MEMBERS))
    assert found is not None
    return found


def flagged(rng: np.random.Generator, share: float, flag: int) -> Finding:
    return found_in(log_with(rng, conduct=np.where(rng.random(ROWS) < share, flag, 0)))


def test_traits_are_flags_of_the_text_pass() -> None:
    masks = [trait.flags for trait in SINGLE]
    assert masks == [
        BITS["REASONING"] | BITS["TRACE_FORMAT"],
        BITS["RUBRIC"],
        BITS["CLEAN_TRACE"],
        BITS["EXTRACTION_PROBE"] | BITS["TRANSLATE_TRACE"],
        BITS["AGENT_TRAJECTORY"],
    ]
    assert sum(masks) == ANY_OF_THEM.flags, "no flag in two traits, none left out"
    assert (BITS["OWN_DATA"], BITS["FOLLOW_UP"]) == (OWN_DATA, FOLLOW_UP)
    assert 0 < sum(trait.weight for trait in TRAITS) < 1


@pytest.mark.parametrize("trait", SINGLE, ids=lambda trait: trait.verb)
def test_each_trait_is_evidence_and_stays_within_its_bound(trait: Any) -> None:
    found = flagged(np.random.default_rng(1), 0.9, trait.flags)
    assert 0.5 < found.bits <= ASKED_CONDUCT.most_bits
    assert found.count == pytest.approx(0.9 * ROWS, rel=0.1)
    assert found.statement.startswith(f"{percent(found.count / ROWS)} of its requests {trait.verb}; ")
    assert 0 < len(found.rows) <= 50


def test_nothing_asked_costs_nothing_and_a_tenth_is_usual() -> None:
    """The lexicons know few of the wordings: where they see nothing, nothing can be said."""
    rng = np.random.default_rng(2)
    assert flagged(rng, 0.0, 1).bits == flagged(rng, 0.1, 1).bits == 0.0
    usual = flagged(rng, 0.1, 1 << 2)
    assert usual.bits == 0.0
    assert "of its requests have answers graded; " in usual.statement, "it names what was seen most"


def test_several_skills_at_once_are_seen() -> None:
    """A fifth of each of four: no trait alone is enough, together they are."""
    rng = np.random.default_rng(3)
    mixed = np.choose(rng.integers(0, 5, ROWS), [1, 1 << 2, 1 << 3, 1 << 5, 0])
    assert found_in(log_with(rng, conduct=mixed)).bits > -0.5


def test_what_other_groups_ask_for_is_usual() -> None:
    """Where half of all groups grade with a model, grading says less; one campaign's groups move nothing."""
    rng = np.random.default_rng(4)

    def bits(groups_that_grade: int, size: int) -> float:
        owner = np.repeat(np.arange(MEMBERS + 20), np.r_[np.full(MEMBERS, EACH), np.full(20, size)])
        cluster = np.maximum(owner - MEMBERS + 1, 0)
        grades = (owner < MEMBERS) | ((owner >= MEMBERS) & (owner < MEMBERS + groups_that_grade))
        log = log_of_rows(owner, rng.integers(0, DAY, len(owner)), cluster=cluster, conduct=np.where(grades, 1 << 2, 0))
        return found_in(log).bits

    nobody_else = bits(0, 50)
    assert bits(10, 50) < nobody_else - 0.3
    assert bits(2, 5_000) == pytest.approx(nobody_else, abs=0.01), "two huge campaigns of the same kind are cut away"


def test_mean_over_honest_groups_is_at_most_one_and_what_silence_would_cost() -> None:
    """Groups all or nothing, drawn as the null says, for every trait at once.

    The ratio itself has a mean of one. It is 0.4 at least, so that holding it at one adds 0.6 to the mean at most; that
    it is two at most takes most of that away.
    """
    rng = np.random.default_rng(5)
    worth = []
    for _ in range(150):
        conduct = np.zeros(ROWS, np.int64)
        for trait in SINGLE:
            share = rng.beta(trait.usual, 1.0 - trait.usual)
            conduct |= np.where(rng.random(ROWS) < share, trait.flags & -trait.flags, 0)
        worth.append(2.0 ** found_in(log_with(rng, conduct=conduct)).bits)
    assert np.mean(worth) < 1.25


def expected(conduct: list[int], elsewhere: list[list[float]]) -> tuple[float, Trait, float]:
    """Bits, the strongest trait and what is usual of it, by the definition; the lexicons' silence is worth nothing.

    Args:
        conduct: flags of the group's requests.
        elsewhere: for each trait, its share in each of the log's other groups.
    """
    ratio, shown = 1.0 - sum(trait.weight for trait in TRAITS), list[tuple[float, Trait, float]]()
    for trait, shares in zip(TRAITS, elsewhere, strict=True):
        usual = trait.usual
        if len(shares) >= 10:
            kept = sorted(shares)[: len(shares) - int(np.ceil(0.1 * len(shares)))]
            usual = max(usual, sum(kept) / len(kept))
        hits = sum(bool(flags & trait.flags) for flags in conduct)
        own = share_ratio(
            hits, len(conduct), BetaPrior(usual, _HONEST_STRENGTH), BetaPrior(ASKED_CONDUCT.asked_mean, _ASKED_STRENGTH)
        )
        ratio += trait.weight * own
        shown.append((trait.weight * own, trait, usual))
    strongest = max(shown, key=lambda one: one[0])
    return min(max(float(np.log2(ratio)), 0.0), ASKED_CONDUCT.most_bits), strongest[1], strongest[2]


@pytest.mark.parametrize("groups", [9, 10, 25])
@pytest.mark.parametrize("flag", [0, 1, 1 << 2, 1 << 5, 1 << 7])
def test_bits_are_those_of_the_definition(flag: int, groups: int) -> None:
    """Other groups count from ten on, each once, whatever its size, without the upper tenth of them."""
    rng = np.random.default_rng(groups)
    sizes = [ROWS, *rng.integers(40, 90, groups).tolist(), 39]
    of_group = [np.where(rng.random(size) < rng.random(), flag, 0) for size in sizes]
    conduct = np.concatenate(of_group)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    owner = np.where(cluster == 0, np.arange(len(cluster)) % MEMBERS, cluster + MEMBERS)
    log = log_of_rows(owner, np.arange(len(owner)), cluster=cluster, conduct=conduct)
    # Groups of less than 40 requests are too small to compare with.
    shares = [[float(((own & trait.flags) > 0).mean()) for own in of_group[1:-1]] for trait in TRAITS]
    bits, trait, usual = expected(of_group[0].tolist(), shares)
    found = found_in(log)
    assert found.bits == pytest.approx(bits)
    assert found.count == int(((of_group[0] & trait.flags) > 0).sum())
    assert trait.verb in found.statement
    assert f"{trait.verb}; {percent(usual)} elsewhere" in found.statement
    conduct_of_shown = log.requests.numbers("conduct", found.rows)
    assert ((conduct_of_shown & trait.flags) > 0).all()


def test_groups_of_other_campaigns_are_seen_in_the_background_sample_only() -> None:
    """Accounts that are candidates only are no comparison accounts, so that their groups raise nothing."""
    owner = np.repeat(np.arange(MEMBERS + 12), [EACH] * MEMBERS + [50] * 12)
    cluster = np.maximum(owner - MEMBERS + 1, 0)
    log = log_of_rows(owner, np.arange(len(owner)), cluster=cluster, conduct=np.full(len(owner), 1 << 2))
    assert "100 % elsewhere" in found_in(log).statement
    hidden = with_accounts(log, background=np.arange(MEMBERS + 12) < MEMBERS)
    assert "5 % elsewhere" in found_in(hidden).statement


@pytest.mark.parametrize(("requests", "judged"), [(19, False), (20, True)])
def test_a_few_requests_are_not_judged(requests: int, judged: bool) -> None:
    log = log_of_rows(np.arange(requests) % 5, np.arange(requests), conduct=np.ones(requests, np.int64))
    assert (finding_of(ASKED_KIND, log, group_of(log, 5)) is not None) == judged
