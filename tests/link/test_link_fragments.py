"""Fragments of a paraphrased template become one group; whole templates, and what everybody says, stay as they are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from told_sketches import Prompt, sketches_of

from stillhunt.base.config import Config
from stillhunt.base.progress import Silent
from stillhunt.extract import merge_sketches
from stillhunt.link import link_slices
from stillhunt.link.clusters import Clusters, content_clusters
from stillhunt.link.coding import Coded, Ints, code_sketches
from stillhunt.link.fragments import join_fragments
from stillhunt.link.phrases import shared_habits
from stillhunt.link.slices import MOST_PHRASES, ClusterSlices, cluster_slices
from stillhunt.link.topics import NO_TOPIC

WORKERS = 40
SENTENCE = 3
"""Phrases of one wording of one slot; they always stand together."""
NOTHING_WHOLE = np.array([], np.int64)

steady = settings(derandomize=True, deadline=None, max_examples=4)
Linked = tuple[pa.Table, pa.Table]


def worded_anew(rng: np.random.Generator, slots: int, variants: int, *, first: int, load: int = 30) -> list[Prompt]:
    """The workers of one plan; each request words each slot anew by the plan's rates."""
    plan = rng.dirichlet(np.full(variants, 5.0), slots)
    prompts = []
    for account in range(WORKERS):
        for _ in range(rng.poisson(load)):
            wording = [slot * variants + int(rng.choice(variants, p=plan[slot])) for slot in range(slots)]
            phrases = [first + SENTENCE * one + k for one in wording for k in range(SENTENCE)]
            prompts.append({"account_id": f"w{account:03d}", "phrases": phrases})
    return prompts


def strangers(accounts: int = 200) -> list[Prompt]:
    """Accounts whose phrases never recur."""
    return [
        {"account_id": f"s{account:03d}", "phrases": [10**7 + 1_000 * account + 10 * n + k for k in range(3)]}
        for account in range(accounts)
        for n in range(25)
    ]


@pytest.fixture(scope="module")
def wide_log() -> pa.Table:
    """Three slots of fifteen wordings: each is a habit of some workers, never of all."""
    return sketches_of([*worded_anew(np.random.default_rng(1), 3, 15, first=1), *strangers()])


@pytest.fixture(scope="module")
def linked(wide_log: pa.Table) -> Linked:
    return link_slices(wide_log, Config(), Silent())


def clustered(sketches: pa.Table) -> tuple[Coded, Clusters]:
    coded = code_sketches(sketches, seed=0)
    return coded, content_clusters(coded, shared_habits(coded))


def labels(clusters: Clusters) -> list[int]:
    found: list[int] = np.unique(clusters.of_request[clusters.of_request >= 0]).tolist()
    return found


def members(links: pa.Table) -> dict[tuple[int, int], dict[str, int]]:
    """Content microbits of the members of each (cluster, half); a second group there would be an error."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    for row in links.filter(links["member"]).to_pylist():
        own = found.setdefault((row["cluster"], row["formed_on"]), {})
        assert row["account_id"] not in own
        own[row["account_id"]] = row["content_microbits"]
    return found


def test_a_wide_grammar_falls_apart_into_habits_of_few_and_its_accounts_join_it(wide_log: pa.Table) -> None:
    coded, apart = clustered(wide_log)
    users = np.bincount(shared_habits(coded).phrase)
    assert np.median(users) < WORKERS / 3, "a habit of few each"
    assert len(labels(apart)) >= 10
    whole = join_fragments(coded, apart, NOTHING_WHOLE)
    assert labels(whole) == [0]
    assert np.array_equal(whole.of_request >= 0, apart.of_request >= 0), "no request is won or lost"
    assert np.array_equal(whole.row, apart.row)
    users_of = {coded.account_ids[code] for code in coded.account[whole.of_request == 0].tolist()}
    assert users_of == {f"w{n:03d}" for n in range(WORKERS)}


def test_the_joined_fragments_are_one_group_of_everybody_who_was_dealt_them(linked: Linked) -> None:
    sliced, links = linked
    everyone = {f"w{n:03d}" for n in range(WORKERS)}
    found = members(links)
    assert {key: set(own) for key, own in found.items()} == {(0, 0): everyone, (0, 1): everyone}
    assert np.mean([bits for own in found.values() for bits in own.values()]) > 3e6
    assert pc.sum(pc.equal(sliced["cluster"], 0)).as_py() > 20 * WORKERS


def pool_of_two_labs() -> pa.Table:
    """Every worker serves two labs, each with a template of its own, whole in every account."""
    rng = np.random.default_rng(4)
    labs = [prompt for lab in range(2) for prompt in worded_anew(rng, 6, 3, first=1 + 1_000 * lab)]
    return sketches_of([*labs, *strangers()])


def test_two_operators_on_one_pool_stay_apart() -> None:
    pool = pool_of_two_labs()
    coded, apart = clustered(pool)
    assert labels(apart) == [0, 1]
    assert labels(join_fragments(coded, apart, NOTHING_WHOLE)) == [0], "their accounts alone would join them"
    sliced, links = link_slices(pool, Config(), Silent())
    found = members(links)
    assert sorted(found) == [(lab, half) for lab in (0, 1) for half in (0, 1)]
    # A worker in forty may deviate by more than its load explains.
    assert all(len(own) >= WORKERS - 2 and min(own) >= "w" for own in found.values())
    assert sliced["cluster"].to_pylist() == apart.of_request.tolist()


def test_habits_of_the_same_strangers_are_left_as_they_were() -> None:
    """Accounts that use five public templates, each in proportions of its own: joined they look no more dealt."""
    rng = np.random.default_rng(2)
    prompts = [
        {"account_id": f"w{account:03d}", "phrases": [10 * template + k for k in range(1, 4)]}
        for account in range(16)
        for template in rng.choice(5, 80, p=rng.dirichlet(np.full(5, 0.7))).tolist()
    ]
    log = sketches_of([*prompts, *strangers()])
    coded, apart = clustered(log)
    assert labels(apart) == [0, 1, 2, 3, 4]
    assert labels(join_fragments(coded, apart, NOTHING_WHOLE)) == [0]
    sliced, links = link_slices(log, Config(), Silent())
    assert sliced["cluster"].to_pylist() == apart.of_request.tolist()
    assert links.num_rows == 0


def test_whole_clusters_take_no_part(wide_log: pa.Table) -> None:
    coded, apart = clustered(wide_log)
    whole = np.array(labels(apart)[1:4])
    found = join_fragments(coded, apart, whole)
    assert labels(found) == [0, *whole.tolist()]
    for label in whole.tolist():
        assert np.array_equal(found.of_request == label, apart.of_request == label)
    everything = join_fragments(coded, apart, np.arange(apart.count))
    assert np.array_equal(everything.of_request, apart.of_request)


def used_by(users: list[set[int]], accounts: int) -> tuple[Coded, Clusters]:
    """One request of each account in each cluster that it uses, and one in none."""
    pairs = sorted((account, label) for label, own in enumerate(users) for account in own)
    pairs = sorted([*pairs, *((account, -1) for account in range(accounts))])
    account, label = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    nothing, hashes = np.zeros(0, np.int64), np.zeros(0, np.uint64)
    fresh = np.ones(len(account), bool)
    ids = [f"a{n:04d}" for n in range(accounts)]
    coded = Coded(ids, account, account % 2, fresh, nothing, hashes, nothing, nothing)
    return coded, Clusters(nothing, label, nothing, nothing, len(users))


def test_the_language_of_everybody_joins_nothing() -> None:
    """Two stock turns that nine accounts in ten use are used together by nearly as many, and mean nothing."""
    common = [set(range(90)), set(range(5, 95))]
    coded, clusters = used_by(common, 100)
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0, 1]
    coded, clusters = used_by(common, 1_000)
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0], "the same uses, in a log where they are rare"


def test_a_common_turn_does_not_bridge_two_templates() -> None:
    """All users of either template also use the turn; far beyond chance, but most who use it have neither."""
    first, second = set(range(7)), set(range(7, 14))
    coded, clusters = used_by([first, set(range(60)), second], 300)
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0, 1, 2]
    coded, clusters = used_by([first, set(range(30)), second], 300)
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0], "half as many users, and they are fragments"


def test_repeated_prompts_are_no_use() -> None:
    coded, clusters = used_by([set(range(12)), set(range(12))], 200)
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0]
    coded.fresh[clusters.of_request == 1] = False
    assert labels(join_fragments(coded, clusters, NOTHING_WHOLE)) == [0, 1]
    coded.fresh[:] = False
    assert join_fragments(coded, clusters, NOTHING_WHOLE) is clusters


@steady
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.0, 1.0), max_size=4))
def test_row_order_and_file_split_change_nothing(
    wide_log: pa.Table, linked: Linked, seed: int, cuts: list[float]
) -> None:
    rows = wide_log.num_rows
    shuffled = wide_log.take(pa.array(np.random.default_rng(seed).permutation(rows)))
    bounds = [0, *sorted(int(cut * rows) for cut in cuts), rows]
    sketches, _, _ = merge_sketches([shuffled.slice(first, last - first) for first, last in pairwise(bounds)])
    sliced, links = link_slices(sketches, Config(), Silent())
    assert sliced.equals(linked[0])
    assert links.equals(linked[1])


def renamed(sketches: pa.Table, names: dict[str, str]) -> pa.Table:
    place = sketches.schema.get_field_index("account_id")
    ids = pa.array([names[name] for name in sketches["account_id"].to_pylist()], pa.string())
    table = sketches.set_column(place, sketches.schema.field("account_id"), ids)
    return table.sort_by([(name, "ascending") for name in ("account_id", "timestamp", "source", "request_id")])


@steady
@given(st.integers(0, 2**32 - 1))
def test_names_of_accounts_do_not_matter(wide_log: pa.Table, linked: Linked, seed: int) -> None:
    ids = sorted(set(wide_log["account_id"].to_pylist()))
    order = np.random.default_rng(seed).permutation(len(ids))
    names = {old: f"n{place:04d}" for old, place in zip(ids, order.tolist(), strict=True)}
    found = members(link_slices(renamed(wide_log, names), Config(), Silent())[1])
    expected = members(linked[1])
    assert found.keys() == expected.keys()
    for key, own in expected.items():
        assert found[key] == pytest.approx({names[name]: bits for name, bits in own.items()}, abs=2)


CROWDED = MOST_PHRASES + 44


@pytest.fixture(scope="module")
def crowded() -> pa.Table:
    """One cluster of more phrases than slices are compared by; many phrases tie in how many slices have them."""
    rng = np.random.default_rng(9)
    popular = rng.permutation(np.linspace(0.01, 0.06, CROWDED))
    return sketches_of(
        [
            {"account_id": f"a{n % 12:02d}", "phrases": (np.flatnonzero(rng.random(CROWDED) < popular) + 1).tolist()}
            for n in range(240)
        ]
    )


def one_slice_each(sketches: pa.Table) -> tuple[Coded, ClusterSlices]:
    """Slices with every request in the one cluster."""
    coded = code_sketches(sketches, seed=0)
    code = coded.phrase.astype(np.int64) - 1
    clusters = Clusters(np.zeros(CROWDED, np.int64), np.zeros(coded.rows, np.int64), coded.phrase_row, code, 1)
    topics = np.full(coded.rows, NO_TOPIC, np.int64)
    return coded, cluster_slices(coded, clusters, topics, least_accounts=2, least=2)[0]


def counted(sketches: pa.Table, coded: Coded) -> Ints:
    """Prompts with each phrase, by half and account, told from the rows."""
    table = np.zeros((2, 12, CROWDED), np.int64)
    names = sketches["account_id"].to_pylist()
    for half, name, phrases in zip(coded.half.tolist(), names, sketches["phrases"].to_pylist(), strict=True):
        for phrase in phrases:
            table[half, coded.account_ids.index(name), phrase - 1] += 1
    return table


def test_slices_are_compared_by_the_phrases_that_most_of_them_have(crowded: pa.Table) -> None:
    coded, slices = one_slice_each(crowded)
    whole = counted(crowded, coded)
    users = (whole.sum(axis=0) > 0).sum(axis=0).tolist()
    ranked = sorted(range(CROWDED), key=lambda phrase: (-users[phrase], phrase))
    kept, left = sorted(ranked[:MOST_PHRASES]), ranked[MOST_PHRASES:]
    assert users[ranked[MOST_PHRASES - 1]] == users[left[0]], "the bound falls among ties"
    assert np.array_equal(slices.phrases, whole[:, :, kept])
    for half in (0, 1):
        again = np.zeros_like(slices.phrases[half])
        np.add.at(again, (slices.member[half], slices.phrase[half]), 1)
        assert np.array_equal(again, slices.phrases[half]), "occurrences of the phrases left out are gone too"


def test_the_bound_on_phrases_does_not_depend_on_names_or_times(crowded: pa.Table) -> None:
    expected = one_slice_each(crowded)[1]
    order = np.random.default_rng(3).permutation(12)
    other = renamed(crowded, {f"a{old:02d}": f"b{new:02d}" for old, new in enumerate(order.tolist())})
    place = other.schema.get_field_index("timestamp")
    backwards = other["timestamp"].take(pa.array(np.arange(other.num_rows)[::-1]))
    turned = other.set_column(place, other.schema.field("timestamp"), backwards)
    found = one_slice_each(renamed(turned, {name: name for name in other["account_id"].to_pylist()}))[1]
    assert np.array_equal(found.size[:, order], expected.size)
    assert np.array_equal(found.phrases[:, order], expected.phrases)
