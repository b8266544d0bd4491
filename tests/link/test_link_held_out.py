"""What formed a group or a work queue earns no bits on the same fold: the other fold alone judges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated import draw_slices, drawn, joined, own_phrases
from simulated_untemplated import customers, everybody, queue_mixture, untemplated_of, workers

from stillhunt.link.groups.groups import find_groups
from stillhunt.link.groups.slices import ClusterSlices
from stillhunt.link.workload.operators import find_operators

LEAST = 5
folds = pytest.mark.parametrize("formed_on", [0, 1])


def emptied(slices: ClusterSlices, fold: int) -> ClusterSlices:
    """The slices as if one fold had no request."""
    size, phrases, topics = slices.size.copy(), slices.phrases.copy(), slices.topics.copy()
    for table in (size, phrases, topics):
        table[fold] = 0
    none = np.zeros(0, np.int64)
    member, request, phrase = (
        tuple(none if number == fold else column for number, column in enumerate(columns))
        for columns in (slices.member, slices.request, slices.phrase)
    )
    return replace(slices, size=size, phrases=phrases, topics=topics, member=member, request=request, phrase=phrase)


@folds
def test_a_group_without_a_request_on_the_other_fold_earns_nothing(formed_on: int) -> None:
    rng = np.random.default_rng(1)
    slices = draw_slices(rng, joined(drawn(rng, 30), own_phrases(rng, 20)))
    judged = find_groups(slices, formed_on=formed_on, least=LEAST)
    assert max(group.strength for group in judged) > 50.0
    unjudged = find_groups(emptied(slices, 1 - formed_on), formed_on=formed_on, least=LEAST)
    assert unjudged, "the fold that forms groups finds them by itself"
    for group in unjudged:
        assert not group.phrase.any()
        np.testing.assert_allclose(group.topic, 0.0, atol=1e-9)
    assert find_groups(emptied(slices, formed_on), formed_on=formed_on, least=LEAST) == []


@folds
def test_an_operator_without_a_question_on_the_other_fold_earns_nothing_by_topics(formed_on: int) -> None:
    rng = np.random.default_rng(2)
    untemplated = untemplated_of(rng, workers(rng, 40, queue_mixture(rng)), customers(rng, 150, everybody(rng)))
    found = find_operators(untemplated, formed_on=formed_on, least=LEAST)
    assert max(operator.topic.sum() for operator in found) > 50.0
    untemplated.topics[1 - formed_on] = 0
    unjudged = find_operators(untemplated, formed_on=formed_on, least=LEAST)
    assert unjudged, "the fold that forms queues finds them by itself"
    for operator in unjudged:
        np.testing.assert_allclose(operator.topic, 0.0, atol=1e-9)
