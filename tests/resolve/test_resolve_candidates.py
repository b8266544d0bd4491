"""Groups of two folds become candidates, slices go to one of them, and one queue is one campaign."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES, LINKS
from stillhunt.resolve import resolve_campaigns
from stillhunt.resolve.candidates import (
    VIEW_CAP,
    CandidateSlices,
    FoundGroup,
    SliceCounts,
    accounts_of,
    claim_slices,
    clusters_of,
    merge_candidates,
    pair_folds,
    restore_doubted,
    slice_keys,
)
from thoroughness import examples

BIT = 1_000_000

SliceKey = tuple[int, str]
SliceBits = dict[SliceKey, tuple[int, int, int]]
"""Microbits of content, queue and work of each slice."""

KNOWN: list[str] = []
"""Accounts by code, in the order in which tests name them."""


def key_of(cluster: int, account: str) -> int:
    if account not in KNOWN:
        KNOWN.append(account)
    return int(slice_keys(np.array([cluster]), np.array([KNOWN.index(account)]))[0])


def accounts(one: CandidateSlices) -> set[str]:
    return {KNOWN[account] for account in one.accounts}


def slices(one: CandidateSlices) -> set[SliceKey]:
    clusters, codes = clusters_of(one.keys).tolist(), accounts_of(one.keys).tolist()
    return {(cluster, KNOWN[account]) for cluster, account in zip(clusters, codes, strict=True)}


def place_of(one: CandidateSlices, account: str, cluster: int = 0) -> int:
    (place,) = np.flatnonzero(one.keys == key_of(cluster, account))
    return int(place)


def names(first: int, last: int) -> list[str]:
    return [f"a{number:03d}" for number in range(first, last)]


@dataclass(frozen=True)
class NamedGroup:
    """A group with its slices by name."""

    search: int
    formed_on: int
    members: frozenset[SliceKey]
    bits: SliceBits
    searched: int = 0

    @property
    def coded(self) -> FoundGroup:
        """The same with coded slices."""
        keys = np.array([key_of(*key) for key in self.bits], np.int64)
        member = np.array([key in self.members for key in self.bits], bool)
        bits = np.array(list(self.bits.values()), np.int64).reshape(-1, 3)
        return FoundGroup(self.search, self.formed_on, keys, member, bits, self.searched)


def paired(groups: list[NamedGroup]) -> list[CandidateSlices]:
    return pair_folds([one.coded for one in groups])


def group(
    members: Iterable[str], *, formed_on: int, cluster: int = 0, bits: Mapping[str, tuple[int, int]] | None = None
) -> NamedGroup:
    """A group whose members earn three bits in each view, and whose other slices earn what is given."""
    own = dict.fromkeys(members, (3 * BIT, 3 * BIT))
    judged = {(cluster, account): (*pair, 0) for account, pair in {**own, **(bits or {})}.items()}
    return NamedGroup(cluster, formed_on, frozenset((cluster, account) for account in members), judged)


def candidate(members: Iterable[str], cluster: int, microbits: int = 6 * BIT) -> CandidateSlices:
    keys = np.array(sorted(key_of(cluster, account) for account in members), np.int64)
    each = np.full(len(keys), microbits // 2)
    return CandidateSlices(keys, each, each, each * 0, np.full(len(keys), 3))


def even_counts(*candidates: CandidateSlices, requests: int = 20) -> SliceCounts:
    """Every slice has the same number of requests."""
    keys = np.unique(np.concatenate([one.keys for one in candidates]))
    return SliceCounts(keys, np.full(len(keys), requests))


def test_the_same_group_on_both_folds_is_one_candidate() -> None:
    (found,) = paired([group(names(0, 10), formed_on=0), group(names(1, 11), formed_on=1)])
    assert accounts(found) == set(names(0, 11))
    assert [found.formed[place_of(found, account)] for account in ("a000", "a005", "a010")] == [1, 3, 2]
    assert found.totals[place_of(found, "a005")] == 12 * BIT
    assert found.strength == (2 * 6 + 9 * 12) * BIT


def test_groups_that_overlap_little_stay_apart() -> None:
    found = paired([group(names(0, 10), formed_on=0), group(names(7, 17), formed_on=1)])
    assert [accounts(one) for one in found] == [set(names(0, 10)), set(names(7, 17))]


def test_each_group_is_paired_once_and_with_its_nearest() -> None:
    near, far = group(names(0, 10), formed_on=1), group(names(2, 12), formed_on=1)
    found = paired([group(names(0, 10), formed_on=0), far, near])
    assert [accounts(one) for one in found] == [set(names(0, 10)), set(names(2, 12))]
    assert set(found[0].formed) == {3}
    assert set(found[1].formed) == {2}


def test_slices_join_later_by_their_bits_and_leave_by_them() -> None:
    other = {"late": (2 * BIT, 0), "stranger": (-9 * BIT, 2 * BIT), "a000": (-8 * BIT, BIT)}
    (found,) = paired([group(names(0, 6), formed_on=0, bits=other)])
    assert accounts(found) == {*names(1, 6), "late"}
    assert found.formed[place_of(found, "late")] == 0


def test_one_view_is_capped() -> None:
    """A long slice cannot outweigh everything with one view."""
    bits = {"loud": (900 * BIT, -900 * BIT)}
    found = paired([group(names(0, 5), formed_on=0, bits=bits)])[0]
    assert (0, "loud") not in slices(found)
    bits = {"loud": (900 * BIT, -5 * BIT)}
    found = paired([group(names(0, 5), formed_on=0, bits=bits)])[0]
    assert found.content[place_of(found, "loud")] == VIEW_CAP


def test_a_slice_goes_to_the_candidate_that_explains_it_best() -> None:
    strong, weak = candidate(names(0, 8), 0, 20 * BIT), candidate(names(6, 14), 0, 8 * BIT)
    first, second = claim_slices([strong, weak], least=5)
    assert accounts(first) == set(names(0, 8))
    assert accounts(second) == set(names(8, 14))


def test_who_formed_a_group_is_claimed_before_who_only_fits() -> None:
    formed, fits = candidate(names(0, 6), 0, 2 * BIT), candidate(names(0, 12), 0, 10 * BIT)
    fits = replace(fits, formed=np.where(np.isin(fits.keys, formed.keys), 0, 3))
    first, second = claim_slices([formed, fits], least=5)
    assert accounts(first) == set(names(0, 6))
    assert accounts(second) == set(names(6, 12))


def test_too_small_or_unbelieved_candidates_are_dropped() -> None:
    assert claim_slices([candidate(names(0, 4), 0)], least=5) == []
    assert len(claim_slices([candidate(names(0, 5), 0)], least=5)) == 1
    assert claim_slices([candidate(names(0, 9), 0, -2 * BIT)], least=5) == []
    assert claim_slices([], least=5) == []


def test_skills_of_one_queue_are_one_campaign() -> None:
    parts = [candidate(names(0, 30), cluster) for cluster in (0, 1, 2)]
    (found,) = merge_candidates(parts, even_counts(*parts))
    assert accounts(found) == set(names(0, 30))
    assert len(found.keys) == 90


def test_two_labs_in_one_pool_are_two_campaigns() -> None:
    """The pool's accounts serve one lab, the other, or both, so their mix differs far more than one queue's would."""
    left, right = candidate(names(0, 40), 0), candidate(names(20, 60), 1)
    found = merge_candidates([left, right], even_counts(left, right))
    assert sorted(sorted(accounts(one)) for one in found) == [names(0, 40), names(20, 60)]
    assert {key for one in found for key in slices(one)} == slices(left) | slices(right)


def test_a_member_by_one_skill_keeps_the_slice_that_formed_another() -> None:
    against = {"a000": (-2 * BIT, 0), "alone": (-2 * BIT, 0)}
    members = frozenset((0, account) for account in (*names(0, 10), "alone"))
    bits = {(0, account): (*against.get(account, (3 * BIT, 3 * BIT)), 0) for account in (*names(0, 10), "alone")}
    found = paired([NamedGroup(0, 0, members, bits)]) + paired([group(names(0, 10), formed_on=0, cluster=1)])
    merged = merge_candidates(found, even_counts(*found))
    assert [(0, "a000") in slices(one) for one in merged] == [False]
    (campaign,) = restore_doubted(merged)
    assert slices(campaign) - slices(merged[0]) == {(0, "a000")}
    assert campaign.totals[place_of(campaign, "a000")] == -2 * BIT
    rival = candidate(["a000"], 0)
    assert slices(restore_doubted([*merged, rival])[0]) == slices(merged[0])


def test_strangers_are_never_joined() -> None:
    parts = [candidate(names(10 * n, 10 * n + 10), n) for n in range(4)]
    assert len(merge_candidates(parts, even_counts(*parts))) == 4


def test_untemplated_and_templated_slices_of_one_pool_stay_apart() -> None:
    """What was found by work and what was found by words is one campaign only where the evidence says so, later."""
    left, right = candidate(names(0, 30), 0), candidate(names(0, 30), 1)
    right = replace(right, untemplated=True)
    found = merge_candidates([left, right], even_counts(left, right))
    assert sorted(one.untemplated for one in found) == [False, True]
    right = replace(right, untemplated=False)
    assert len(merge_candidates([left, right], even_counts(left, right))) == 1


def workload_group(
    formed: Iterable[str], joined: Iterable[str] = (), *, formed_on: int, client: int = 7, searched: int = 50
) -> NamedGroup:
    """A group found by its workload: four slices of five belong by their work alone."""
    joined = list(joined)
    bits = {(client, account): (0, BIT, 4 * BIT) for account in [*formed, *joined]}
    formed_by = frozenset(bits) - {(client, account) for account in joined}
    return NamedGroup(-1, formed_on, formed_by, bits, searched=searched)


def test_workloads_are_recognised_by_all_that_they_were_given() -> None:
    """Half of each group formed it and the other fold joined by its clients: the same slices, though not the same
    founders."""
    first = workload_group(names(0, 10), names(10, 20), formed_on=0, searched=40)
    second = workload_group(names(10, 20), names(0, 10), formed_on=1, searched=70)
    (found,) = paired([first, second])
    assert found.untemplated
    assert found.searched == 70, "the wider search is charged for"
    assert set(found.formed) == {1, 2}
    assert len(paired([replace(first, search=3), replace(second, search=3)])) == 2, "templates: by their founders"


def test_work_says_who_belongs_and_is_handed_to_nobody() -> None:
    groups = [workload_group(names(0, 10), formed_on=fold) for fold in (0, 1)]
    groups += [group(names(0, 10), formed_on=fold, cluster=2) for fold in (0, 1)]
    table = resolved(groups)
    untemplated = table.filter(table["untemplated"])
    assert untemplated["account_id"].to_pylist() == names(0, 10)
    assert set(untemplated["cluster"].to_pylist()) == {7}
    assert set(untemplated["queue_microbits"].to_pylist()) == {2 * BIT}
    assert set(untemplated["content_microbits"].to_pylist()) == {0}
    assert len(set(untemplated["candidate"].to_pylist())) == 1
    assert set(untemplated["searched"].to_pylist()) == {50}
    assert table.num_rows - untemplated.num_rows == 10


def test_who_formed_a_workload_stays_though_its_topics_are_evidence_against_it() -> None:
    """Topics are judged later on all who formed the group; those who fit by luck would be missing from it."""
    against = (0, -3 * BIT, 2 * BIT)
    groups = [workload_group(names(0, 10), ["z"], formed_on=fold) for fold in (0, 1)]
    for one in groups:
        one.bits[7, "a000"] = one.bits[7, "z"] = against
    table = resolved(groups)
    assert table["account_id"].to_pylist() == names(0, 10), "z only joined, and leaves by its topics"
    assert table["queue_microbits"].to_pylist() == [-6 * BIT, *[2 * BIT] * 9]
    templates = [group(names(0, 10), formed_on=fold, bits={"a000": (0, -BIT)}) for fold in (0, 1)]
    assert resolved(templates)["account_id"].to_pylist() == names(1, 10), "a template's phrases say who belongs"


def test_one_account_serves_two_operators_with_two_clients() -> None:
    groups = [workload_group(names(0, 30), formed_on=fold, client=7) for fold in (0, 1)]
    groups += [workload_group(names(20, 45), formed_on=fold, client=8) for fold in (0, 1)]
    table = resolved(groups)
    found: dict[int, set[tuple[int, str]]] = {}
    for row in table.to_pylist():
        found.setdefault(row["candidate"], set()).add((row["cluster"], row["account_id"]))
    assert list(found.values()) == [
        {(7, account) for account in names(0, 30)},
        {(8, account) for account in names(20, 45)},
    ]


def test_one_account_in_common_chains_nothing() -> None:
    """Each candidate shares one account with the next: a chain that connected components would make one campaign."""
    parts = [candidate(names(9 * n, 9 * n + 10), n) for n in range(6)]
    assert len(merge_candidates(parts, even_counts(*parts))) == 6


def links_table(groups: list[NamedGroup]) -> pa.Table:
    rows = [
        (
            number,
            one.search,
            cluster,
            one.formed_on,
            account,
            (cluster, account) in one.members,
            *bits,
            one.searched,
            False,
        )
        for number, one in enumerate(groups)
        for (cluster, account), bits in sorted(one.bits.items())
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(LINKS.names)
    return LINKS.build(**{name: list(column) for name, column in zip(LINKS.names, columns, strict=True)})


def requests_of(groups: list[NamedGroup]) -> tuple[pa.Table, pa.Table]:
    """What resolve looks at of SKETCHES and SLICED: ten distinct prompts of every slice."""
    all_slices = sorted({key for one in groups for key in one.bits})
    rows = [(account, cluster) for cluster, account in all_slices for _ in range(10)]
    sketches = pa.table({"account_id": pa.array([account for account, _ in rows], pa.string())})
    sliced = pa.table(
        {
            "cluster": pa.array([cluster for _, cluster in rows], pa.int32()),
            "first_occurrence": pa.array([True] * len(rows), pa.bool_()),
        }
    )
    return sketches, sliced


def resolved(groups: list[NamedGroup]) -> pa.Table:
    return CANDIDATES.check(resolve_campaigns(links_table(groups), *requests_of(groups), Config()))


def test_links_become_candidates() -> None:
    groups = [
        group(names(0, 10), formed_on=0),
        group(names(0, 10), formed_on=1),
        group(names(20, 26), formed_on=0, cluster=1),
        group(names(0, 10), formed_on=0, cluster=2),
    ]
    table = resolved(groups)
    got = {number: set() for number in table["candidate"].to_pylist()}
    for row in table.to_pylist():
        got[row["candidate"]].add((row["cluster"], row["account_id"]))
    assert got == {
        0: {(cluster, account) for cluster in (0, 2) for account in names(0, 10)},
        1: {(1, account) for account in names(20, 26)},
    }


def test_nothing_found_is_an_empty_table() -> None:
    assert resolved([]).num_rows == 0


@settings(derandomize=True, deadline=None, max_examples=examples(20))
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 1), st.sets(st.integers(0, 19), min_size=1), st.integers(-9, 9)),
        max_size=8,
    )
)
def test_every_slice_has_one_candidate_that_is_large_enough(drawn: list[tuple[int, int, set[int], int]]) -> None:
    groups = [
        group([f"a{n:03d}" for n in members], formed_on=fold, cluster=cluster, bits={"late": (bits * BIT, 0)})
        for cluster, fold, members, bits in drawn
    ]
    table = resolved(groups)
    found = list(zip(table["cluster"].to_pylist(), table["account_id"].to_pylist(), strict=True))
    assert len(set(found)) == len(found)
    known = {key for one in groups for key in one.bits}
    assert set(found) <= known
    sizes = np.bincount(table["candidate"].to_numpy()) if table.num_rows else np.zeros(0)
    assert (sizes >= Config().resolve.min_accounts).all()
    assert (table["content_microbits"].to_numpy() + table["queue_microbits"].to_numpy() > 0).all()


@pytest.mark.parametrize("rename", [lambda name: name, lambda name: f"zz-{name}", lambda name: name[::-1]])
def test_membership_does_not_hang_on_names(rename: Callable[[str], str]) -> None:
    groups = [
        group([rename(n) for n in names(0, 12)], formed_on=0),
        group([rename(n) for n in names(2, 12)], formed_on=1),
        group([rename(n) for n in names(12, 20)], formed_on=1),
    ]
    table = resolved(groups)
    found: dict[int, set[str]] = {}
    for row in table.to_pylist():
        found.setdefault(row["candidate"], set()).add(row["account_id"])
    expected = [{rename(n) for n in names(0, 12)}, {rename(n) for n in names(12, 20)}]
    assert sorted(found.values(), key=len) == sorted(expected, key=len)
