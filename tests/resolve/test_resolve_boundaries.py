"""Where the rules of resolve turn: one slice, one account or one microbit decides, and ties have one answer."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES, LINKS
from stillhunt.resolve import _slice_counts, resolve_campaigns
from stillhunt.resolve.candidates import (
    CandidateSlices,
    FoundGroup,
    SliceCounts,
    accounts_of,
    claim_slices,
    clusters_of,
    merge_candidates,
    mix_correlation,
    pair_folds,
    slice_keys,
)

BIT = 1_000_000
CAP = 12 * BIT
Ints = np.ndarray


def keys(accounts: range | list[int], cluster: int = 0) -> Ints:
    return slice_keys(np.full(len(accounts), cluster), np.array(accounts, np.int64))


def candidate(accounts: range | list[int], cluster: int = 0, bits: int = 6 * BIT, formed: int = 3) -> CandidateSlices:
    own = keys(accounts, cluster)
    zero = np.zeros(len(own), np.int64)
    return CandidateSlices(own, zero + bits, zero, zero, zero + formed)


def found(accounts: range | list[int], fold: int, bits: int = 3 * BIT, search: int = 0) -> FoundGroup:
    own = keys(accounts)
    each = np.tile(np.array([bits, 0, 0], np.int64), (len(own), 1))
    return FoundGroup(search, fold, own, np.ones(len(own), bool), each)


def even(*clusters: int, accounts: int, prompts: int = 20) -> SliceCounts:
    own = np.sort(np.concatenate([keys(range(accounts), cluster) for cluster in clusters]))
    return SliceCounts(own, np.full(len(own), prompts))


def accounts(one: CandidateSlices) -> list[int]:
    return one.accounts.tolist()


def test_keys_hold_cluster_and_account() -> None:
    cluster, account = np.array([0, 0, 1, 7]), np.array([0, 2**32 - 1, 0, 5])
    own = slice_keys(cluster, account)
    assert np.all(np.diff(own) > 0)
    assert clusters_of(own).tolist() == cluster.tolist()
    assert accounts_of(own).tolist() == account.tolist()


@pytest.mark.parametrize(("first", "candidates"), [(26, 1), (27, 2)], ids=["47 of 100", "46 of 100"])
def test_folds_are_paired_from_an_overlap_of_47_in_100(first: int, candidates: int) -> None:
    groups = [found(range(73), 0), found(range(first, 100), 1)]
    assert len(pair_folds(groups)) == candidates


def test_groups_of_one_fold_are_never_paired() -> None:
    assert len(pair_folds([found(range(9), 0), found(range(9), 0)])) == 2
    assert len(pair_folds([found(range(9), 1), found(range(9), 1)])) == 2
    assert pair_folds([]) == []


def test_unpaired_groups_follow_the_pairs_and_keep_their_order() -> None:
    groups = [found(range(5), 0), found(range(20, 25), 0), found(range(40, 45), 1), found(range(21, 26), 1)]
    assert [accounts(one)[0] for one in pair_folds(groups)] == [20, 0, 40]


def test_both_folds_add_up_and_are_marked() -> None:
    (one,) = pair_folds([found(range(10), 0, 3 * BIT), found(range(1, 11), 1, 4 * BIT)])
    assert one.content.tolist() == [3 * BIT, *[7 * BIT] * 9, 4 * BIT]
    assert one.formed.tolist() == [1, *[3] * 9, 2]
    assert (one.queue.any(), one.work.any(), one.untemplated, one.searched) == (False, False, False, 0)


@pytest.mark.parametrize(("said", "counts"), [(CAP, CAP), (CAP + 1, CAP), (90 * BIT, CAP), (CAP - 1, CAP - 1)])
def test_a_view_of_one_fold_counts_up_to_twelve_bits(said: int, counts: int) -> None:
    (one,) = pair_folds([found(range(5), 0, said)])
    assert one.content.tolist() == [counts] * 5


def test_evidence_against_is_capped_as_well() -> None:
    group = found(range(5), 0)
    group.bits[:, 0], group.bits[:, 1] = -90 * BIT, CAP
    assert accounts(pair_folds([group])[0]) == [], "twelve bits against twelve are none, and none is not enough"
    group.bits[2, 2] = 1
    assert accounts(pair_folds([group])[0]) == [2]


def test_each_view_stands_in_its_column() -> None:
    group = found(range(3), 0)
    group.bits[:] = [1, 2, 3]
    (one,) = pair_folds([group])
    assert (one.content[0], one.queue[0], one.work[0], one.totals[0], one.strength) == (1, 2, 3, 6, 18)


def test_an_untemplated_group_keeps_only_who_formed_it_when_bits_are_against_it() -> None:
    group = found(range(4), 1, -BIT, search=-1)
    member = np.array([True, False, True, False])
    (one,) = pair_folds([FoundGroup(-1, 1, group.keys, member, group.bits, 40)])
    assert (accounts(one), one.untemplated, one.searched) == ([0, 2], True, 40)
    (one,) = pair_folds([FoundGroup(0, 1, group.keys, member, group.bits)])
    assert accounts(one) == []
    assert FoundGroup(0, 1, group.keys, member, group.bits).untemplated is False


def test_a_joined_slice_needs_one_microbit_and_a_founder_of_the_untemplated_none() -> None:
    group = found(range(3), 0, search=-1)
    group.bits[:] = 0
    group.bits[1] = [0, 0, 1]
    (one,) = pair_folds([FoundGroup(-1, 0, group.keys, np.array([True, False, False]), group.bits)])
    assert accounts(one) == [0, 1], "the first formed it, the second fits by one microbit, the third by none"
    (one,) = pair_folds([FoundGroup(0, 0, group.keys, np.array([True, False, False]), group.bits)])
    assert accounts(one) == [1], "a template's founder needs bits as well"


def test_equal_claims_go_to_the_first_candidate() -> None:
    first, second = claim_slices([candidate(range(5)), candidate(range(10))], least=5)
    assert (accounts(first), accounts(second)) == (list(range(5)), list(range(5, 10)))
    (only,) = claim_slices([candidate(range(10)), candidate(range(5))], least=5)
    assert accounts(only) == list(range(10))


@pytest.mark.parametrize(("more", "winner"), [(0, 0), (-1, 1)])
def test_forming_a_group_is_worth_twelve_bits_of_a_claim(more: int, winner: int) -> None:
    """The slice that only fits is asked first: it wins from twelve bits more."""
    fits, formed = candidate(range(5), bits=2 * BIT + CAP + more, formed=0), candidate(range(5), bits=2 * BIT, formed=1)
    (kept,) = claim_slices([fits, formed], least=5)
    assert kept.formed[0] == winner


def test_claims_need_enough_accounts_and_bits() -> None:
    twice = np.sort(np.concatenate([keys(range(4), 0), keys(range(4), 1)]))
    six = np.full(8, 6 * BIT)
    assert claim_slices([CandidateSlices(twice, six, six, six, six)], least=5) == [], "eight slices are four accounts"
    assert claim_slices([candidate(range(9), bits=0)], least=5) == []
    assert len(claim_slices([candidate(range(9), bits=1)], least=9)) == 1
    one_microbit = np.append(1, np.zeros(8, np.int64))
    zero = np.zeros(9, np.int64)
    assert len(claim_slices([CandidateSlices(keys(range(9)), one_microbit, zero, zero, zero + 3)], least=9)) == 1


@pytest.mark.parametrize(("shared", "campaigns"), [(5, 1), (4, 2)])
def test_candidates_are_compared_from_half_of_the_smaller_accounts(shared: int, campaigns: int) -> None:
    left, right = candidate(range(12), 0), candidate(range(12 - shared, 22 - shared), 1)
    assert len(merge_candidates([left, right], even(0, 1, accounts=30))) == campaigns


def table(first: list[int], second: list[int]) -> SliceCounts:
    """Prompts of each account in clusters 0 and 1."""
    size = range(len(first))
    return SliceCounts(np.append(keys(size, 0), keys(size, 1)), np.array([*first, *second]))


def plain_correlation(first: list[int], second: list[int]) -> float:
    """Intra-class correlation from the chi-square of homogeneity, account by account."""
    total = [a + b for a, b in zip(first, second, strict=True)]
    share = sum(first) / sum(total)
    square = sum((a - n * share) ** 2 / (n * share * (1 - share)) for a, n in zip(first, total, strict=True) if n)
    size = sum(n * n for n in total) / sum(total)
    return (square / (len(total) - 1) - 1) / (size - 1)


@pytest.mark.parametrize("seed", range(5))
def test_mix_correlation_is_that_of_the_books(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 40, 12).tolist(), rng.integers(1, 30, 12).tolist()
    pair = candidate(range(12), 0), candidate(range(12), 1)
    assert mix_correlation(*pair, table(first, second)) == pytest.approx(plain_correlation(first, second), rel=1e-12)


def test_mix_correlation_of_all_or_nothing_is_one() -> None:
    pair = candidate(range(8), 0), candidate(range(8), 1)
    counts = table([20, 0] * 4, [0, 20] * 4)
    assert mix_correlation(*pair, counts) == pytest.approx((8 * 20 / 7 / 8 * 8 / 20 * 20 - 1) / 19, rel=1e-12)


@pytest.mark.parametrize(
    ("first", "second"), [([0] * 6, [9] * 6), ([9] * 6, [0] * 6), ([0] * 6, [0] * 6)], ids=["none", "all", "nothing"]
)
def test_without_a_mix_there_is_no_correlation(first: list[int], second: list[int]) -> None:
    pair = candidate(range(6), 0), candidate(range(6), 1)
    assert mix_correlation(*pair, table(first, second)) == 0.0


def test_a_single_prompt_is_no_mix() -> None:
    assert mix_correlation(candidate(range(3), 0), candidate(range(3), 1), table([1, 0, 0], [0, 0, 0])) == 0.0


def test_one_account_has_no_correlation_and_two_have() -> None:
    one = candidate([0], 0), candidate([0], 1)
    assert mix_correlation(*one, table([5], [9])) == 0.0
    two = candidate([0, 1], 0), candidate([0, 1], 1)
    assert mix_correlation(*two, table([9, 1], [1, 9])) == pytest.approx(plain_correlation([9, 1], [1, 9]))


def test_single_prompts_divide_by_one() -> None:
    pair = candidate(range(4), 0), candidate(range(4), 1)
    # Chi-square 4 at 3 degrees of freedom; the mean size is 1, and 1 - 1 counts as 1.
    assert mix_correlation(*pair, table([1, 0, 1, 0], [0, 1, 0, 1])) == pytest.approx(4 / 3 - 1)


@pytest.mark.parametrize(("away", "campaigns"), [(3, 1), (4, 2)])
def test_candidates_are_one_campaign_up_to_a_correlation_of_12_in_100(away: int, campaigns: int) -> None:
    """Ten accounts of 20 prompts: a mix of 10 + 3 against 10 - 3 correlates by 0.05, 10 + 4 against 10 - 4 by 0.13."""
    first = [10 + away, 10 - away] * 5
    second = [20 - n for n in first]
    assert (plain_correlation(first, second) <= 0.12) == (campaigns == 1)
    pair = [candidate(range(10), 0), candidate(range(10), 1)]
    assert len(merge_candidates(pair, table(first, second))) == campaigns


def test_exactly_12_in_100_is_one_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = [candidate(range(10), 0), candidate(range(10), 1)]
    monkeypatch.setattr("stillhunt.resolve.candidates.mix_correlation", lambda *_: 0.12)
    assert len(merge_candidates(pair, table([10] * 10, [10] * 10))) == 1
    monkeypatch.setattr("stillhunt.resolve.candidates.mix_correlation", lambda *_: 0.1200001)
    assert len(merge_candidates(pair, table([10] * 10, [10] * 10))) == 2


def test_a_candidate_joins_the_campaign_with_most_accounts_in_common_and_the_earlier_on_ties() -> None:
    counts = even(0, 1, 2, accounts=40)
    left, right = candidate(range(12), 0), candidate(range(12, 23), 1)
    nearer = candidate([*range(7, 12), *range(12, 17)], 2)
    merged = merge_candidates([right, nearer, left], counts)
    assert [len(one.keys) for one in merged] == [22, 11], "five and five: the larger campaign comes first"
    nearer = candidate([*range(8, 12), *range(12, 18)], 2)
    assert [len(one.keys) for one in merge_candidates([right, nearer, left], counts)] == [12, 21]


def test_candidates_are_taken_by_size_then_strength_then_first_slice() -> None:
    small, strong, weak = candidate(range(5), 2), candidate(range(20, 26), 1, 9 * BIT), candidate(range(10, 16), 0)
    other = candidate(range(30, 36), 0)
    merged = merge_candidates([small, other, weak, strong], even(0, 1, 2, accounts=40))
    assert [accounts(one)[0] for one in merged] == [20, 10, 30, 0]


def test_ties_of_size_and_strength_go_by_the_first_slice_alone() -> None:
    spread, dense = candidate([0, 10, 11, 12, 13]), candidate(range(1, 6))
    merged = merge_candidates([dense, spread], even(0, accounts=14))
    assert [accounts(one)[0] for one in merged] == [0, 1]


def test_an_account_of_two_skills_is_one_account_in_common() -> None:
    counts = even(0, 1, 2, accounts=20)
    apart = merge_candidates([candidate(range(10), 0), candidate(range(10), 1), candidate(range(7, 17), 2)], counts)
    assert [len(one.keys) for one in apart] == [20, 10], (
        "three accounts of ten are in common, though in two skills each"
    )


def test_a_slice_of_both_counts_as_in_the_later_candidate() -> None:
    first, second = candidate(range(10), 0, 6 * BIT), candidate(range(4, 10), 0, 2 * BIT, formed=1)
    extra = candidate(range(10), 1, 5 * BIT)
    merged = merge_candidates([first, second, extra], even(0, 1, accounts=10))
    assert len(merged) == 1
    one = merged[0]
    assert np.all(np.diff(one.keys) > 0)
    inside = np.isin(one.keys, keys(range(4, 10), 0))
    assert set(one.content[inside].tolist()) == {2 * BIT}
    assert set(one.formed[inside].tolist()) == {1}
    assert one.content[np.isin(one.keys, keys(range(4), 0))].tolist() == [6 * BIT] * 4


def test_a_joined_campaign_keeps_the_wider_search_and_its_kind() -> None:
    zero = np.zeros(6, np.int64)
    first = CandidateSlices(keys(range(6), 0), zero, zero + BIT, zero, zero + 3, True, 30)
    second = CandidateSlices(keys(range(6), 1), zero, zero + BIT, zero, zero + 3, True, 70)
    (one,) = merge_candidates([first, second], even(0, 1, accounts=6))
    assert (one.untemplated, one.searched) == (True, 70)


def test_cover_beside_a_wording_is_no_second_skill() -> None:
    """It is divided among the accounts as the harvest is, and would dilute what the harvest shows."""
    zero = np.zeros(6, np.int64)
    worded = CandidateSlices(keys(range(6), 0), zero, zero + BIT, zero, zero + 3, True, 30)
    cover = CandidateSlices(keys(range(6), 1), zero, zero + BIT, zero, zero + 3, True, 70, beside=True)
    assert len(merge_candidates([worded, cover], even(0, 1, accounts=6))) == 2


def test_a_third_skill_finds_the_campaign_through_accounts_that_only_the_second_brought() -> None:
    counts = even(0, 1, 2, accounts=40)
    parts = [candidate(range(12), 0), candidate(range(6, 17), 1), candidate(range(12, 17), 2)]
    (one,) = merge_candidates(parts, counts)
    assert accounts(one) == list(range(17))


def test_slice_counts_add_clusters_and_know_nothing_of_others() -> None:
    counts = SliceCounts(np.append(keys([1, 3], 0), keys([3, 4], 2)), np.array([5, 7, 11, 13]))
    assert counts.of(np.array([0, 2]), np.array([0, 1, 3, 4, 9])).tolist() == [0, 5, 18, 13, 0]
    assert counts.of(np.array([1]), np.array([1, 3])).tolist() == [0, 0]
    nothing = SliceCounts(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert nothing.of(np.array([0]), np.array([1, 2])).tolist() == [0, 0]


def links(*groups: tuple[int, int, int, dict[str, int]]) -> pa.Table:
    """LINKS of groups given by search, cluster, fold and content bits of each account; all are members."""
    rows = [
        (number, search, cluster, fold, account, True, bits * BIT, 0, 0, 0, False)
        for number, (search, cluster, fold, members) in enumerate(groups)
        for account, bits in members.items()
    ]
    return LINKS.build(**{name: list(c) for name, c in zip(LINKS.names, zip(*rows, strict=True), strict=True)})


def requests(rows: list[tuple[str, int, bool]]) -> tuple[pa.Table, pa.Table]:
    ids, cluster, first = zip(*rows, strict=True)
    sliced = {"cluster": pa.array(cluster, pa.int32()), "first_occurrence": pa.array(first, pa.bool_())}
    return pa.table({"account_id": pa.array(ids, pa.string())}), pa.table(sliced)


def resolved(groups: pa.Table, rows: list[tuple[str, int, bool]]) -> list[list[tuple[int, str]]]:
    found = CANDIDATES.check(resolve_campaigns(groups, *requests(rows), Config()))
    names: dict[int, list[tuple[int, str]]] = {}
    for row in found.to_pylist():
        names.setdefault(row["candidate"], []).append((row["cluster"], row["account_id"]))
    assert sorted(names) == list(range(len(names)))
    return [names[number] for number in sorted(names)]


NAMES = [f"n{number}" for number in range(8)]
TWO_SKILLS = links((0, 0, 0, dict.fromkeys(NAMES, 6)), (1, 1, 0, dict.fromkeys(NAMES, 5)))


def test_only_first_occurrences_in_the_clusters_say_whether_two_skills_are_one_queue() -> None:
    even_mix = [(name, cluster, True) for name in NAMES for cluster in (0, 1) for _ in range(10)]
    assert len(resolved(TWO_SKILLS, even_mix)) == 1
    apart = [
        (name, cluster, cluster == number % 2)
        for number, name in enumerate(NAMES)
        for cluster in (0, 1)
        for _ in range(10)
    ]
    assert len(resolved(TWO_SKILLS, apart)) == 2, "repeats would even the mix out"
    others = [("stranger", 0, True)] * 500 + [("stranger", -1, True)] * 50 + [(name, -1, True) for name in NAMES]
    assert len(resolved(TWO_SKILLS, [*others, *even_mix, ("zz", 9, True)])) == 1


def test_prompts_are_counted_for_the_accounts_and_clusters_of_candidates_only() -> None:
    """Strangers, other clusters and requests without a cluster are nobody's, not those of the first or last account."""
    rows = [(name, cluster, True) for name in ("x", "y", "z") for cluster in (2, 5)] + [("z", 5, True)] * 3
    others = [("stranger", 5, True), ("x", -1, True), ("y", 9, True), ("z", 0, True), ("x", 5, False)]
    known = pa.array(["w", "x", "y", "z"])
    counts = _slice_counts([candidate([1, 3], 2), candidate([1, 3], 5)], known, *requests([*others, *rows]))
    assert counts.keys.tolist() == [*keys([1, 3], 2), *keys([1, 3], 5)]
    assert counts.prompts.tolist() == [1, 1, 1, 4]


def test_a_candidate_in_a_cluster_of_no_request_has_no_prompts() -> None:
    own = [candidate([0, 1], 70)]
    assert (
        _slice_counts(own, pa.array(["x", "y"]), *requests([("x", 3, True)])).of(np.array([70]), np.arange(2)).sum()
        == 0
    )


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_group_of_the_links_is_read(number: int) -> None:
    """Up to the last row of the last group, whatever its number."""
    groups = links(*((0, cluster, 0, {f"{cluster}-{n}": 6 for n in range(5)}) for cluster in range(number)))
    rows = [(f"{cluster}-{n}", cluster, True) for cluster in range(number) for n in range(5)]
    assert sorted(len(one) for one in resolved(groups, rows)) == [5] * number


def test_candidates_name_each_slice_and_its_bits() -> None:
    groups = links((0, 3, 0, dict.fromkeys(reversed(NAMES), 6)))
    rows = [(name, 3, True) for name in NAMES]
    table = resolve_campaigns(groups, *requests(rows), Config())
    assert table["account_id"].to_pylist() == NAMES
    assert set(table["cluster"].to_pylist()) == {3}
    assert set(table["content_microbits"].to_pylist()) == {6 * BIT}
    assert set(table["queue_microbits"].to_pylist()) == {0}
    assert set(table["formed"].to_pylist()) == {1}
    assert set(table["untemplated"].to_pylist()) == {False}


def test_the_setting_says_how_many_accounts_a_candidate_needs() -> None:
    groups, rows = links((0, 0, 0, dict.fromkeys(NAMES, 6))), [(name, 0, True) for name in NAMES]
    for least, number in ((8, 1), (9, 0)):
        config = Config(resolve={"min_accounts": least})
        found_candidates = resolve_campaigns(groups, *requests(rows), config)["candidate"].to_pylist()
        assert len(set(found_candidates)) == number


def test_accounts_without_a_prompt_take_no_part_in_a_mix() -> None:
    pair = candidate(range(5), 0), candidate(range(5), 1)
    counts = table([9, 4, 7, 0, 0], [5, 8, 3, 0, 0])
    assert mix_correlation(*pair, counts) == pytest.approx(plain_correlation([9, 4, 7, 0, 0], [5, 8, 3, 0, 0]))


def test_templates_were_picked_among_no_other_slices() -> None:
    assert candidate(range(5)).searched == 0
