"""Accounts that send unusually even volumes, as far as their topics say that one queue is worked off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from row_logs import Array, finding_of, group_of, log_of_rows, untemplated_group, with_requests

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kinds import even_volume
from stillhunt.score.evidence.kinds.even_volume import KIND, P, bits_by_topics
from stillhunt.score.evidence.kinds.phrase_mixture import topic_finding
from stillhunt.score.stats.cut_volumes import cut_volume_bits
from stillhunt.score.stats.homogeneity import index_bits, trimmed, volume_evenness, volume_fit
from stillhunt.score.stats.honest_reference import SPREADS, VOLUME_REFERENCE

TOPIC_COUNT = 12


def log_of_volumes(volumes: Array, *, one_queue: bool = True, seed: int = 1) -> ScoredLog:
    """Members with so many requests each, with topics from one queue or their own; 60 others with topics of theirs."""
    rng = np.random.default_rng(seed)
    counts = np.r_[volumes, np.full(60, 60)]
    mixtures = rng.dirichlet(np.full(TOPIC_COUNT, 0.3), len(counts))
    if one_queue:
        mixtures[: len(volumes)] = rng.dirichlet(np.full(TOPIC_COUNT, 0.5))
    topic = np.concatenate([rng.choice(TOPIC_COUNT, n, p=own) for n, own in zip(counts, mixtures, strict=True)])
    account = np.repeat(np.arange(len(counts)), counts)
    log = log_of_rows(account, np.arange(len(account)))
    return with_requests(log, topic=topic, fold=rng.integers(0, 2, len(account)))


def found_in(log: ScoredLog, members: int, least: int = 4) -> Finding:
    found = finding_of(KIND, log, group_of(log, members), min_slice_requests=least)
    assert found is not None
    return found


EVEN = np.array([52, 67, 60, 56, 65, 61, 49, 63, 60, 71, 57, 60, 58, 68, 53])
UNEVEN = np.array([12, 200, 33, 61, 18, 90, 45, 150, 24, 70, 14, 41, 320, 29, 55])


def test_even_volumes_are_evidence_and_uneven_ones_evidence_against() -> None:
    even, uneven = found_in(log_of_volumes(EVEN), 15), found_in(log_of_volumes(UNEVEN), 15)
    assert even.bits == pytest.approx(min(index_bits(volume_evenness(trimmed(EVEN)), VOLUME_REFERENCE), P.cap_bits))
    assert even.statement == (
        f"Volume per account is unusually even: mean 60, standard deviation {EVEN.std():.1f} "
        f"({np.sqrt(EVEN.mean()):.1f} if assigned at random)"
    )
    assert even.count == EVEN.sum()
    assert uneven.bits == pytest.approx(index_bits(volume_evenness(trimmed(UNEVEN)), VOLUME_REFERENCE))
    assert uneven.bits < -0.5
    assert uneven.statement.startswith("Volume per account is as uneven as that of separate customers: mean 77")


def test_volume_says_nothing_for_where_topics_do_not() -> None:
    """A class with one assignment is even, too."""
    log = log_of_volumes(EVEN, one_queue=False)
    assert found_in(log, 15).bits == 0.0
    case = CandidateCase.of(log, group_of(log, 15), 4)
    assert topic_finding(case).bits < 0
    assert bits_by_topics(case) == 0.0
    assert found_in(log_of_volumes(UNEVEN, one_queue=False), 15).bits < -0.5, "it is evidence against all the same"


def test_two_bits_for_each_bit_of_topics() -> None:
    log = log_of_volumes(EVEN)
    case = CandidateCase.of(log, group_of(log, 15), 4)
    assert bits_by_topics(case) == 2.0 * topic_finding(case).bits > 0
    volumes = np.array([28, 35, 30, 24, 33])
    few = log_of_volumes(volumes, seed=3)
    weak = CandidateCase.of(few, group_of(few, 5), 4)
    assert bits_by_topics(weak) > 0
    found = KIND.weigh(KIND, weak)
    assert found is not None
    own = index_bits(volume_evenness(volumes), VOLUME_REFERENCE)
    assert found.bits == pytest.approx(min(own, bits_by_topics(weak), P.cap_bits))


@pytest.mark.parametrize(("least", "cut"), [(19, False), (20, False), (21, True)])
def test_volumes_near_the_smallest_slice_are_judged_under_a_cut_law(least: int, cut: bool) -> None:
    """A mean of 60 is three times 20."""
    whole = min(index_bits(volume_evenness(trimmed(EVEN)), VOLUME_REFERENCE), P.cap_bits)
    assert whole > P.cut_cap_bits
    assert found_in(log_of_volumes(EVEN), 15, least).bits == pytest.approx(P.cut_cap_bits if cut else whole)
    against = found_in(log_of_volumes(UNEVEN), 15, 40)
    assert against.bits == pytest.approx(cut_volume_bits(trimmed(UNEVEN), 40, VOLUME_REFERENCE))
    assert against.bits < 0.0


@pytest.mark.parametrize(("members", "judged"), [(4, False), (5, True)])
def test_cut_volumes_of_a_handful_of_accounts_are_not_judged(
    monkeypatch: pytest.MonkeyPatch, members: int, judged: bool
) -> None:
    monkeypatch.setattr(even_volume, "bits_by_topics", lambda _: 9.0)
    volumes = np.array([8, 5, 12, 9, 6])[:members]
    assert (found_in(log_of_volumes(volumes, seed=6), members).bits != 0.0) == judged


def test_a_list_that_everybody_got_earns_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same few requests of every account: nobody draws so evenly."""
    monkeypatch.setattr(even_volume, "bits_by_topics", lambda _: 9.0)
    found = found_in(log_of_volumes(np.full(15, 8)), 15)
    assert found.bits == 0.0
    assert cut_volume_bits(np.full(13, 8), 4, VOLUME_REFERENCE) > 0.0
    assert found_in(log_of_volumes(np.array([8, 5, 12, 9, 6, 10, 7, 4, 8, 11, 6, 13, 9, 5, 7])), 15).bits > 0.0


def test_volumes_are_those_of_the_group_as_it_was_found() -> None:
    """Strangers who left for their volume, or those who stayed would look even by selection."""
    log = log_of_volumes(UNEVEN)
    stayed = group_of(log, 15).without((UNEVEN > 25) & (UNEVEN < 75))
    found = finding_of(KIND, log, stayed, as_found=group_of(log, 15))
    assert found is not None
    assert found.bits == found_in(log, 15).bits
    assert found.count == UNEVEN[(UNEVEN > 25) & (UNEVEN < 75)].sum()
    assert found.member_bits is not None
    assert found.member_bits.tolist() == volume_fit(stayed.volumes, SPREADS.workers).tolist()


def test_untemplated_groups_have_no_even_volume_of_this_kind() -> None:
    log = log_of_volumes(EVEN)
    assert finding_of(KIND, log, untemplated_group(log, np.arange(15))) is None


def test_a_whole_with_bare_questions_was_found_by_its_volume() -> None:
    log = log_of_volumes(EVEN)
    assert finding_of(KIND, log, replace(group_of(log, 15), searched=40)) is None
