"""All kinds look at every candidate, and in a log that is a sample some of them have nothing to say for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from row_logs import group_of, log_of_rows

from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence import gather
from stillhunt.score.evidence.catalogue import CATALOGUE, kinds_that_see
from stillhunt.score.evidence.finding import EXAMPLES, CandidateCase, Finding, examples
from stillhunt.score.evidence.gather import gather_evidence, within_sample

ROWS = 60


def sampled(rates: Any) -> ScoredLog:
    return log_of_rows(np.arange(ROWS) % 10, np.arange(ROWS), sampling_rate=rates)


def findings(bits: float) -> list[Finding]:
    return [Finding("queue", kind.name, f"Of {kind.name}", bits, member_bits=np.ones(3)) for kind in CATALOGUE]


def silenced(log: ScoredLog) -> set[str]:
    """Kinds that say nothing for a candidate in this log."""
    kept = within_sample(log, findings(1.0))
    assert [found.kind for found in kept] == [kind.name for kind in CATALOGUE]
    for found in kept:
        silent = found.bits == 0.0
        assert silent == found.insufficient == (found.member_bits is None)
        suffix = ", which a sample of the calls cannot show" if silent else ""
        assert found.statement == f"Of {found.kind}{suffix}"
    return {found.kind for found in kept if found.bits == 0.0}


@pytest.mark.parametrize("rates", [[None] * ROWS, [1.0] * ROWS, [1.0, None] * (ROWS // 2)])
def test_a_log_of_all_calls_silences_nobody(rates: Any) -> None:
    assert silenced(sampled(rates)) == set()


def test_in_a_sample_kinds_that_must_see_every_call_are_silent() -> None:
    assert silenced(sampled([0.25] * ROWS)) == set(kinds_that_see("every"))
    assert set(kinds_that_see("every")) == {kind.name for kind in CATALOGUE if kind.calls == "every"}


@pytest.mark.parametrize("rates", [[0.25, 0.5] * (ROWS // 2), [0.25, None] * (ROWS // 2), [0.25, 1.0] * (ROWS // 2)])
def test_where_parts_are_sampled_unevenly_volumes_are_not_compared_either(rates: Any) -> None:
    assert silenced(sampled(rates)) == {*kinds_that_see("every"), *kinds_that_see("even")}
    assert set(kinds_that_see("even")) == {kind.name for kind in CATALOGUE if kind.calls == "even"}


@pytest.mark.parametrize("bits", [-1.0, 0.0])
def test_evidence_against_stays_in_a_sample(bits: float) -> None:
    """But nothing is said of members."""
    kept = within_sample(sampled([0.25] * ROWS), findings(bits))
    assert {found.bits for found in kept} == {bits}
    assert not any(found.insufficient for found in kept)
    for found in kept:
        assert (found.member_bits is None) == (found.kind in kinds_that_see("every"))
        assert found.statement == f"Of {found.kind}"


def test_findings_stand_in_the_order_of_the_catalogue_and_those_that_say_nothing_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kept is what has bits, for the group or its members, and what says that data is missing."""

    def saying(found: Finding | None) -> Any:
        return replace(CATALOGUE[0], weigh=lambda *_: found)

    nothing = Finding("queue", "nothing", "", 0.0)
    said = [
        Finding("queue", "for", "", 1.0),
        Finding("queue", "members", "", 0.0, member_bits=np.zeros(3)),
        Finding("queue", "insufficient", "", 0.0, insufficient=True),
        Finding("queue", "against", "", -1.0),
    ]
    kinds = dict(enumerate(saying(one) for one in (said[0], nothing, None, *said[1:])))
    monkeypatch.setattr(gather, "all_kinds", lambda: kinds)
    log = sampled([1.0] * ROWS)
    assert gather_evidence(CandidateCase.of(log, group_of(log, 5), 4)) == said


@pytest.mark.parametrize(
    "said",
    [
        Finding("identity", "stranger", "", 1.0),
        Finding("conduct", "stranger", "", 9.0),
        Finding("conduct", "stranger", "", float("nan")),
        Finding("conduct", "stranger", "", 1.0, independent=True),
        Finding("conduct", "stranger", "", 1.0, member_bits=np.ones(5)),
        None,
    ],
)
def test_a_kind_of_a_plugin_that_breaks_its_declaration_finds_nothing(
    said: Finding | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own family, bounds and words hold it, and an error of its own stops no hunt."""

    def weigh(*_: object) -> Finding:
        if said is None:
            raise ZeroDivisionError
        return said

    fair = Finding("conduct", "stranger", "", 1.0)
    stranger = replace(
        CATALOGUE[0], name="stranger", family="conduct", most_bits=2.0, least_bits=-1.0, members=None, weigh=weigh
    )
    log = sampled([1.0] * ROWS)
    case = CandidateCase.of(log, group_of(log, 5), 4)
    monkeypatch.setattr(gather, "all_kinds", lambda: {"stranger": stranger})
    assert gather_evidence(case) == []
    monkeypatch.setattr(gather, "all_kinds", lambda: {"stranger": replace(stranger, weigh=lambda *_: fair)})
    assert gather_evidence(case) == [fair]


def test_a_finding_names_at_most_fifty_requests_evenly_spread() -> None:
    assert EXAMPLES == 50
    assert examples(np.arange(50)).tolist() == list(range(50))
    assert examples(np.arange(51)).tolist() == [int(place) for place in np.linspace(0, 50, 50)]
    shown = examples(np.arange(1000))
    assert (len(shown), shown[0], shown[-1]) == (50, 0, 999)
    assert set(np.diff(shown).tolist()) <= {20, 21}


def test_a_finding_names_no_request_and_counts_none_unless_said() -> None:
    found = Finding("queue", "test", "", 0.0)
    assert (found.count, len(found.rows), found.member_bits) == (0, 0, None)
    assert not found.independent
    assert not found.insufficient


def test_kinds_of_plugins_are_asked_by_one_thread_at_a_time() -> None:
    asked: list[bool] = []

    def weigh(_: Any, __: Any) -> None:
        asked.append(gather._PLUGIN_AT_WORK.locked())

    case: Any = None
    assert gather._weigh_kind(replace(CATALOGUE[0], name="brought", weigh=weigh), case) is None
    assert gather._weigh_kind(replace(CATALOGUE[0], weigh=weigh), case) is None
    assert asked == [True, False]


def test_what_others_mix_is_remembered_by_group() -> None:
    log = sampled(np.ones(ROWS))
    groups = [np.array(members) for members in ([0, 1], [2, 3, 4], [5])]
    first = [log.background.mixtures("topic", members) for members in groups]
    again = [log.background.mixtures("topic", members) for members in groups]
    anew = [sampled(np.ones(ROWS)).background.mixtures("topic", members) for members in groups]
    assert all(one is same for one, same in zip(first, again, strict=True))
    assert [one.weight.tolist() for one in first] == [one.weight.tolist() for one in anew]
