"""Signs of customers with work of their own are evidence against a harvest; their absence says next to nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from row_logs import DAY, HOUR, finding_of, group_of, log_of_rows

from stillhunt.base.conduct_flags import BITS
from stillhunt.base.formatting import percent
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.context.requests import FOLLOW_UP
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.evidence.kinds.ordinary_use import KINDS as ALL_KINDS
from stillhunt.score.evidence.kinds.ordinary_use import ORDINARY, OWN_DATA, OWN_DATA_KIND
from stillhunt.score.stats.beta_binomial import BetaPrior, share_ratio

MEMBERS, EACH = 12, 30
ROWS = MEMBERS * EACH
OWNER = np.repeat(np.arange(MEMBERS), EACH)

KINDS = tuple(kind for kind in ALL_KINDS if kind.name in ("own_data", "own_checks", "talk"))


def log_with(rng: np.random.Generator, **columns: Any) -> ScoredLog:
    """The members' log: every column as given, times at random over ten days."""
    return log_of_rows(OWNER, rng.integers(0, 10 * DAY, ROWS), **columns)


def signs(log: ScoredLog) -> dict[str, Finding]:
    found = [finding_of(kind, log, group_of(log, MEMBERS)) for kind in KINDS]
    return {finding.kind: finding for finding in found if finding is not None}


def test_own_work_is_evidence_against() -> None:
    rng = np.random.default_rng(6)
    checks = np.tile(np.arange(EACH) % 5 + 1, MEMBERS) + OWNER * 100
    log = log_with(
        rng,
        conduct=np.where(rng.random(ROWS) < 0.4, OWN_DATA, 0),
        prompt_hash=checks,
        conversation=np.arange(ROWS) // 3,
        turn=np.arange(ROWS) % 3,
        words=np.full(ROWS, 5),
    )
    found = signs(log)
    assert set(found) == {"own_data", "own_checks", "talk"}
    assert all(finding.bits < -1.0 for finding in found.values()), {k: f.bits for k, f in found.items()}


def test_machines_without_own_work_earn_next_to_nothing() -> None:
    log = log_with(np.random.default_rng(7), turn=np.zeros(ROWS, np.int64))
    found = signs(log)
    assert set(found) == {"own_data", "own_checks", "talk"}
    assert all(-0.3 <= finding.bits <= 0.5 for finding in found.values())


def test_talk_is_seen_though_later_turns_lack_the_template() -> None:
    """They are in no slice: the conversation leads to them."""
    rng = np.random.default_rng(8)
    turn = np.arange(ROWS) % 3
    log = log_with(
        rng,
        cluster=np.where(turn == 0, 0, -1),
        conversation=np.arange(ROWS) // 3,
        turn=turn,
        conduct=np.where(turn > 0, FOLLOW_UP, 0),
        words=np.full(ROWS, 40),
    )
    assert signs(log)["talk"].bits < -1.0


def test_retries_of_the_same_day_are_no_checks() -> None:
    noon = np.tile(np.arange(EACH), MEMBERS) * DAY + 12 * HOUR
    log = log_of_rows(
        np.r_[OWNER, OWNER], np.r_[noon, noon + HOUR], prompt_hash=np.r_[np.arange(ROWS), np.arange(ROWS)] + 1
    )
    assert signs(log)["own_checks"].bits > 0


def test_a_log_of_one_day_has_no_later_day_for_checks() -> None:
    time = np.linspace(0, DAY - 1, ROWS).astype(np.int64)
    assert "own_checks" not in signs(log_of_rows(OWNER, time))
    assert "own_checks" in signs(log_of_rows(OWNER, np.r_[time[:-1], DAY]))


def test_without_turns_nothing_is_said_of_conversations() -> None:
    assert "talk" not in signs(log_with(np.random.default_rng(9)))


def test_later_turns_of_unnamed_conversations_are_no_talk_and_no_lack_of_it() -> None:
    """Later turns, and yet every request is a conversation of its own: the log does not name conversations."""
    turn = np.tile(np.arange(EACH) % 3, MEMBERS)
    unnamed = log_with(np.random.default_rng(10), turn=turn, words=np.full(ROWS, 5))
    assert "talk" not in signs(unnamed)
    named = log_with(np.random.default_rng(10), turn=turn, conversation=np.arange(ROWS) // 3, words=np.full(ROWS, 90))
    assert signs(named)["talk"].bits > 0, "named conversations in which nobody asks back as people do"
    single = log_with(np.random.default_rng(10), turn=np.zeros(ROWS, np.int64))
    assert signs(single)["talk"].bits > 0, "no later turns at all"


def weighed(hits: int, trials: int, honest: tuple[float, float], harvest: tuple[float, float]) -> float:
    ratio = share_ratio(hits, trials, BetaPrior(*honest), BetaPrior(*harvest))
    return min(float(np.log2(1.0 - ORDINARY.part + ORDINARY.part * ratio)), ORDINARY.most_bits)


@pytest.mark.parametrize("hits", [0, 3, 20, 120])
def test_own_data_is_weighed_by_its_share(hits: int) -> None:
    conduct = np.where(np.arange(ROWS) < hits, OWN_DATA | 1, 1)
    found = signs(log_with(np.random.default_rng(11), conduct=conduct))["own_data"]
    assert found.bits == pytest.approx(weighed(hits, ROWS, ORDINARY.honest_own_data, ORDINARY.harvest_own_data))
    assert found.count == hits
    assert len(found.rows) == min(hits, 50)
    assert found.statement.startswith("Few of its requests " if found.bits > 0 else f"{percent(hits / ROWS)} of ")


@pytest.mark.parametrize("again", [0, 2, 15, 90])
def test_checks_are_prompts_of_the_same_account_on_another_day(again: int) -> None:
    """So many prompts are sent again by their account a day later, when a stranger is there too; all send the same."""
    prompt = np.tile(np.arange(EACH), MEMBERS) + 1
    time = np.full(ROWS, 3 * DAY) + np.arange(ROWS)
    log = log_of_rows(
        np.r_[OWNER, OWNER[:again], MEMBERS],
        np.r_[time, time[:again] + DAY, 4 * DAY],
        prompt_hash=np.r_[prompt, prompt[:again], 1],
    )
    found = signs(log)["own_checks"]
    assert found.bits == pytest.approx(weighed(again, ROWS + again, ORDINARY.honest_checks, ORDINARY.harvest_checks))
    assert found.count == again
    assert (log.requests.time[found.rows] >= 4 * DAY).all()


def test_the_last_accounts_checks_count_too() -> None:
    prompt = np.arange(ROWS) + 1
    time = np.full(ROWS, 3 * DAY) + np.arange(ROWS)
    log = log_of_rows(np.r_[OWNER, OWNER[-5:]], np.r_[time, time[-5:] + DAY], prompt_hash=np.r_[prompt, prompt[-5:]])
    assert signs(log)["own_checks"].count == 5


def test_the_flag_is_that_of_the_text_pass() -> None:
    assert BITS["OWN_DATA"] == OWN_DATA


@pytest.mark.parametrize("back", [0, 1, 2])
@pytest.mark.parametrize("talking", [2, 40])
def test_a_conversation_counts_from_two_follow_ups_as_people_write_them(talking: int, back: int) -> None:
    """120 conversations of three turns; in some of them so many later turns are short."""
    conversation, turn = np.arange(ROWS) // 3, np.arange(ROWS) % 3
    short = (conversation < talking) & (turn > 0) & (turn <= back)
    log = log_with(np.random.default_rng(12), conversation=conversation, turn=turn, words=np.where(short, 12, 13))
    found = signs(log)["talk"]
    hits = talking if back == 2 else 0
    assert found.bits == pytest.approx(weighed(hits, ROWS // 3, ORDINARY.honest_talk, ORDINARY.harvest_talk))
    assert found.count == hits


@pytest.mark.parametrize(("requests", "judged"), [(19, False), (20, True)])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_few_requests_are_not_judged(kind: Any, requests: int, judged: bool) -> None:
    log = log_of_rows(np.arange(requests) % 5, np.arange(requests) * HOUR * 2, turn=[0] * requests)
    assert (finding_of(kind, log, group_of(log, 5)) is not None) == judged


def test_however_much_own_work_there_is_the_operations_that_have_it_bound_the_evidence() -> None:
    """An operation in seven has own work, too, so that no share of it says more than log2 of that."""
    log = log_with(np.random.default_rng(13), conduct=np.full(ROWS, OWN_DATA))
    against = finding_of(OWN_DATA_KIND, log, group_of(log, MEMBERS))
    assert against is not None
    assert against.bits == pytest.approx(np.log2(0.15), abs=1e-6)
    assert {kind.most_bits for kind in KINDS} == {ORDINARY.most_bits}
