"""A group of the look before is judged beside those of today, and what says most of one operation stands alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from stories import Story, story_tables

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.base.schema import CANDIDATES
from stillhunt.score import rebuild_verdict, score_campaigns, verdict_differences
from stillhunt.score.context.candidate import Candidate, read_candidates
from stillhunt.score.context.log import read_log
from stillhunt.score.operators import remembered as settling
from stillhunt.score.verdict.budget import false_alarm_budget

STORY = Story(linked=True, bursts=True)
CHANCE = Story(one_queue=False, even_volume=False, content_bits=-2.0)
ALL, FIRST = range(20), range(10)


def scored(*groups: tuple[range, bool], story: Story = STORY) -> dict[str, pa.Table]:
    """Case tables with candidates of some members each; True where an earlier look found them."""
    (traffic, sliced, candidates), customers = story_tables(story)
    parts = []
    for number, (members, remembered) in enumerate(groups):
        part = candidates.take(pa.array(members))
        columns = {name: part[name] for name in CANDIDATES.names}
        columns |= {"candidate": np.full(len(members), number), "remembered": np.full(len(members), remembered)}
        parts.append(CANDIDATES.build(**columns))
    return score_campaigns(traffic, sliced, pa.concat_tables(parts), customers, Config(), Silent())[0]


def said(tables: dict[str, pa.Table]) -> list[tuple[str, list[str]]]:
    """Verdict and members of each group."""
    members = tables["members"]
    return [
        (
            row["verdict"],
            sorted(members.filter(pc.equal(members["campaign_id"], row["campaign_id"]))["account_id"].to_pylist()),
        )
        for row in tables["campaigns"].to_pylist()
    ]


@pytest.mark.parametrize(
    ("today", "before"),
    [
        ([], ALL),  # the search missed it
        ([FIRST], ALL),  # it found a fragment
        ([ALL], FIRST),  # the group has grown
        ([FIRST, range(10, 20)], ALL),  # it found two fragments
        ([range(14)], range(4, 20)),  # each has accounts that the other lacks
    ],
)
def test_what_says_most_of_one_group_stands_alone(today: list[range], before: range) -> None:
    tables = scored(*((own, False) for own in today), (before, True))
    assert said(tables) == [("act", STORY.names())]


def test_groups_with_hardly_a_slice_in_common_are_two() -> None:
    groups = said(scored((range(9, 20), False), (FIRST, True), story=Story(bursts=True)))
    assert groups == [("act", STORY.names()[:10]), ("act", STORY.names()[9:])]


def test_what_is_left_alone_today_brings_nobody() -> None:
    """Four accounts are no campaign: two of them are in the group of the look before, and two are not."""
    assert said(scored((range(8, 12), False), (FIRST, True))) == [("act", STORY.names()[:10])]


def test_what_was_found_today_stands_where_both_say_the_same() -> None:
    assert scored((ALL, False), (ALL, True))["evidence"].equals(scored((ALL, False))["evidence"])


def test_a_group_that_is_none_by_the_log_of_today_is_gone() -> None:
    assert said(scored((ALL, True), story=CHANCE)) == []
    assert [verdict for verdict, _ in said(scored((ALL, False), (FIRST, True), story=CHANCE))] == ["none"]


def test_the_verdict_on_a_remembered_group_follows_from_the_rows() -> None:
    tables = scored((FIRST, False), (ALL, True))
    (row,) = tables["campaigns"].to_pylist()
    own = (tables["evidence"], tables["members"], tables["accounts"])
    days = false_alarm_budget(260, np.array([0, 10 * 86_400_000_000]), Config().score)
    assert verdict_differences(rebuild_verdict(*own, Config(), days.accounts, days.days), row, *own) == []


def test_slices_of_each_candidate_are_listed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed for each pair, those of 2,000 groups and 300 of the look before took 14 seconds."""
    listed, slices_of = list[Candidate](), settling._slices_of
    monkeypatch.setattr(settling, "_slices_of", lambda one: (listed.append(one), slices_of(one))[1])
    groups = [range(first, first + 5) for first in range(0, 20, 5)]
    scored(*((own, False) for own in groups), *((own, True) for own in groups))
    assert len(listed) == 8


def test_a_group_that_has_a_template_in_part_is_judged_again_as_one_with_a_template() -> None:
    """As it was judged when it was joined: a hunt that searches nothing has each slice as it was found."""
    (traffic, sliced, candidates), customers = story_tables(STORY)
    field = CANDIDATES.arrow.field("untemplated")
    for number, untemplated in ((0, False), (10, False), (20, True)):
        column = pa.array(np.arange(20) < number)
        table = candidates.set_column(CANDIDATES.names.index("untemplated"), field, column)
        (one,) = read_candidates(table, read_log(traffic, sliced, customers))
        assert one.untemplated is untemplated
