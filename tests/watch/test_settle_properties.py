"""Lasting ids over whole sequences of hunts: what holds whatever the hunts call their campaigns and in which order."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from watched_campaigns import NOW, WINDOW, PlainWatch, found

from stillhunt.watch.lineage.campaigns import FoundCampaign, KnownCampaign
from stillhunt.watch.lineage.settle import settle
from thoroughness import examples

SEEDS = st.integers(0, 2**32 - 1)
MEMBERS = 8
FEWEST, MOST = 40, 120
"""Harvests of accounts differ by a factor of three at most: see the parameter watch.lineage.same."""


class Operation:
    """A true campaign: it replaces accounts, splits, merges, rests and comes back."""

    def __init__(self, draw: random.Random, name: str, members: dict[str, int] | None = None) -> None:
        self.draw, self.name, self.made = draw, name, 0
        self.members = dict(members) if members is not None else self._new(draw.randint(MEMBERS, 3 * MEMBERS))

    def _new(self, count: int) -> dict[str, int]:
        self.made += count
        return {f"{self.name}/{self.made - n}": self.draw.randint(FEWEST, MOST) for n in range(count)}

    def swap_half(self) -> None:
        kept = self.draw.sample(sorted(self.members), (len(self.members) + 1) // 2)
        self.members = {account: self.members[account] for account in kept} | self._new(len(self.members) - len(kept))

    def grow(self) -> None:
        self.members |= self._new(self.draw.randint(1, 20))


def relabelled(draw: random.Random, operations: list[Operation]) -> tuple[list[FoundCampaign], dict[str, Operation]]:
    """A hunt that finds each operation, under ids that mean nothing, in any order; ids of earlier hunts come again."""
    names = draw.sample([f"c-{number}" for number in range(40)], len(operations))
    campaigns = [found(name, one.members) for name, one in zip(names, operations, strict=True)]
    draw.shuffle(campaigns)
    return campaigns, dict(zip(names, operations, strict=True))


@given(SEEDS)
@settings(derandomize=True, max_examples=examples(60, 200), deadline=None)
def test_ids_stay_while_campaigns_swap_grow_begin_and_end(seed: int) -> None:
    draw = random.Random(seed)
    watch, running, ids = PlainWatch(), [Operation(draw, f"o{n}") for n in range(3)], {}
    resting: list[Operation] = []
    for hunt in range(10):
        for one in running:
            draw.choice([one.swap_half, one.grow, lambda: None])()
        if draw.random() < 0.3:
            running.append(Operation(draw, f"n{hunt}"))
        if running and draw.random() < 0.2:
            resting.append(running.pop(draw.randrange(len(running))))
        if resting and draw.random() < 0.3:
            running.append(resting.pop())
        campaigns, operation_of = relabelled(draw, running)
        settled = watch.hunt(campaigns)
        lasting = settled.lasting
        assert len(set(lasting.values())) == len(lasting)
        for name, operation in operation_of.items():
            assert ids.setdefault(operation.name, lasting[name]) == lasting[name]
        told = {event.campaign_id: event.event for event in settled.events}
        assert set(told.values()) <= {"born", "dormant", "returned"}
    assert len(set(ids.values())) == len(ids)


@given(SEEDS)
@settings(derandomize=True, max_examples=examples(60, 200), deadline=None)
def test_larger_part_keeps_the_id_through_splits_and_merges(seed: int) -> None:
    draw = random.Random(seed)
    watch, whole, other = PlainWatch(), Operation(draw, "o0"), Operation(draw, "o1")
    campaigns, names = relabelled(draw, [whole, other])
    lasting = watch.hunt(campaigns).lasting
    first = {one.name: lasting[name] for name, one in names.items()}

    accounts = draw.sample(sorted(whole.members), len(whole.members))
    cut = draw.randint(2, len(accounts) - 2)
    parts = [
        Operation(draw, f"p{n}", {a: whole.members[a] for a in half})
        for n, half in enumerate((accounts[:cut], accounts[cut:]))
    ]
    large, small = sorted(parts, key=lambda part: -sum(part.members.values()))
    campaigns, names = relabelled(draw, [*parts, other])
    settled = watch.hunt(campaigns)
    ids = {one.name: settled.lasting[name] for name, one in names.items()}
    assert ids["o1"] == first["o1"]
    if sum(large.members.values()) > sum(small.members.values()):
        assert ids[large.name] == first["o0"]
    (event,) = settled.events
    assert (event.event, event.others) == ("split", (first["o0"],))

    union = Operation(draw, "u", {**whole.members, **other.members})
    campaigns, names = relabelled(draw, [union])
    settled = watch.hunt(campaigns)
    (kept,) = settled.lasting.values()
    sizes = {ids[one.name]: sum(one.members.values()) for one in (*parts, other)}
    assert sizes[kept] == max(sizes.values())
    assert [event.event for event in settled.events] == ["merged", "merged"]
    assert {event.others for event in settled.events} == {(kept,)}
    assert watch.hunt(campaigns).events == ()


@st.composite
def hunts(draw: st.DrawFn) -> tuple[list[KnownCampaign], list[FoundCampaign]]:
    """Known and found campaigns on a few accounts, so that they overlap in every way."""
    members = st.dictionaries(
        st.sampled_from([f"a{n}" for n in range(12)]), st.integers(1, 200), min_size=1, max_size=8
    )
    known = []
    for number in range(draw(st.integers(0, 5))):
        own = draw(members)
        former = draw(st.sets(st.sampled_from(sorted(own)), max_size=len(own) - 1)) if len(own) > 1 else set()
        status = draw(st.sampled_from(["active", "active", "dormant", "merged", "ended"]))
        verdict = draw(st.sampled_from(["act", "review", "none"]))
        seen = draw(st.sampled_from([NOW, WINDOW - 1, None]))
        known.append(KnownCampaign(f"c-{number}", status, verdict, own, 1, seen, frozenset(former)))
    names = draw(st.lists(st.integers(0, 9), unique=True, max_size=5))
    verdicts = st.sampled_from(["act", "review", "none"])
    return known, [found(f"c-{number}", draw(members), draw(verdicts)) for number in names]


@given(hunts(), SEEDS)
@settings(derandomize=True, max_examples=examples(100, 300), deadline=None)
def test_any_hunt_is_settled_the_same_in_any_order_and_consistently(
    hunt: tuple[list[KnownCampaign], list[FoundCampaign]], seed: int
) -> None:
    known, campaigns = hunt
    settled = settle(known, campaigns, WINDOW)
    draw = random.Random(seed)
    mixed = [
        replace(one, members=dict(draw.sample(sorted(one.members.items()), len(one.members))))
        for one in draw.sample(campaigns, len(campaigns))
    ]
    assert settle(draw.sample(known, len(known)), mixed, WINDOW) == settled

    latest = [one.latest_members for one in known]
    members = [one.members for one in campaigns]
    for one in campaigns:
        if one.verdict != "none" and latest.count(one.members) == members.count(one.members) == 1:
            assert settled.lasting[one.campaign_id] == known[latest.index(one.members)].campaign_id
    before = {one.campaign_id: one for one in known}
    assert settled.lasting.keys() == {one.campaign_id for one in campaigns}
    assert len(set(settled.lasting.values())) == len(campaigns)
    for one in campaigns:
        name = settled.lasting[one.campaign_id]
        assert name not in before or any(account in before[name].members for account in one.members)
    continued = {settled.lasting[one.campaign_id] for one in campaigns if one.verdict != "none"}
    for name, status in settled.statuses.items():
        assert before[name].status != status
        assert (status == "active") == (name in continued)
    events = [(event.campaign_id, event.event) for event in settled.events]
    assert len(set(events)) == len(events)
    tracked = before.keys() | continued
    assert {name for event in settled.events for name in (event.campaign_id, *event.others)} <= tracked


@given(hunts())
@settings(derandomize=True, max_examples=examples(100, 300), deadline=None)
def test_same_findings_again_change_nothing_and_say_nothing(
    hunt: tuple[list[KnownCampaign], list[FoundCampaign]],
) -> None:
    known, campaigns = hunt
    assume(len({str(sorted(one.members.items())) for one in campaigns}) == len(campaigns))  # equal ones could swap ids
    watch = PlainWatch({one.campaign_id: one for one in known})
    first = watch.hunt(campaigns)
    again = watch.hunt(campaigns)
    tracked = [one.campaign_id for one in campaigns if first.lasting[one.campaign_id] in watch.campaigns]
    assert {name: again.lasting[name] for name in tracked} == {name: first.lasting[name] for name in tracked}
    assert again.statuses == {}
    assert again.events == ()
