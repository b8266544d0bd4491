"""Fragments of a paraphrased template become one group; whole templates, and what everybody says, stay as they are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from drawn_sketches import Prompt, parted, renamed, rows_of, sketches_of
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.progress import Silent
from stillhunt.link import Linked, link_slices
from stillhunt.link.groups.slices import ClusterSlices, cluster_slices
from stillhunt.link.requests.arrays import Ints
from stillhunt.link.requests.index_requests import IndexedLog, index_requests
from stillhunt.link.template_groups import joined_labels
from stillhunt.link.templates.clusters import Clusters, content_clusters
from stillhunt.link.templates.recurring_phrases import SharedPhrases, find_shared_phrases
from stillhunt.link.topics.topics import NO_TOPIC
from thoroughness import examples

WORKERS = 40
SENTENCE = 3
"""Phrases of one wording of one slot; they always stand together."""
NOTHING_WHOLE = np.array([], np.int64)

steady = settings(derandomize=True, deadline=None, max_examples=examples(3))


def worded_anew(rng: np.random.Generator, slots: int, variants: int, *, first: int, load: int = 30) -> list[Prompt]:
    """The workers of one work queue; each request words each slot anew by the queue's rates."""
    queue = rng.dirichlet(np.full(variants, 5.0), slots)
    prompts = []
    for account in range(WORKERS):
        for _ in range(rng.poisson(load)):
            wording = [slot * variants + int(rng.choice(variants, p=queue[slot])) for slot in range(slots)]
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
    """Three slots of fifteen wordings: each is a recurring phrase of some workers, never of all."""
    return sketches_of([*worded_anew(np.random.default_rng(1), 3, 15, first=1), *strangers()])


@pytest.fixture(scope="module")
def linked(wide_log: pa.Table) -> Linked:
    return link_slices(parted(wide_log, 3), Config(), Silent())


def clustered(sketches: pa.Table) -> tuple[IndexedLog, SharedPhrases, Clusters]:
    log = index_requests(parted(sketches, 3), seed=0)
    shared_phrases = find_shared_phrases(log)
    return log, shared_phrases, content_clusters(shared_phrases, log.accounts)


def joined(log: IndexedLog, clusters: Clusters, complete: Ints) -> Ints:
    """Label of each content cluster."""
    return joined_labels(clusters.account, clusters.cluster, log.accounts, clusters.count, complete)


def labels(clusters: Clusters, of_cluster: Ints) -> list[int]:
    """Labels of the clusters that have a request."""
    found: list[int] = np.unique(of_cluster[clusters.cluster]).tolist()
    return found


def clusters_of(clusters: Clusters) -> list[int]:
    """Cluster of each request, in canonical order."""
    found: list[int] = rows_of(clusters.rows, "cluster")["cluster"].to_pylist()
    return found


def members(links: pa.Table) -> dict[tuple[int, int], dict[str, int]]:
    """Content microbits of the members of each (cluster, fold); a second group there would be an error."""
    found: dict[tuple[int, int], dict[str, int]] = {}
    for row in links.filter(links["member"]).to_pylist():
        own = found.setdefault((row["cluster"], row["formed_on"]), {})
        assert row["account_id"] not in own
        own[row["account_id"]] = row["content_microbits"]
    return found


def test_a_wide_grammar_falls_apart_into_recurring_phrases_of_few_and_its_accounts_join_it(wide_log: pa.Table) -> None:
    log, shared_phrases, apart = clustered(wide_log)
    users = np.bincount(shared_phrases.phrase)
    assert np.median(users) < WORKERS / 3, "a recurring phrase of few each"
    assert len(set(clusters_of(apart))) > 10
    assert labels(apart, joined(log, apart, NOTHING_WHOLE)) == [0]
    users_of = {log.account_ids[code].as_py() for code in apart.account.tolist()}
    assert users_of == {f"w{n:03d}" for n in range(WORKERS)}


def test_the_joined_fragments_are_one_group_of_everybody_who_was_drawn_them(linked: Linked) -> None:
    everyone = {f"w{n:03d}" for n in range(WORKERS)}
    found = members(linked.links)
    assert {key: set(own) for key, own in found.items()} == {(0, 0): everyone, (0, 1): everyone}
    assert np.mean([bits for own in found.values() for bits in own.values()]) > 3e6
    assert pc.sum(pc.equal(linked.sliced["cluster"], 0)).as_py() > 20 * WORKERS


def pool_of_two_labs() -> pa.Table:
    """Every worker serves two labs, each with a template of its own, whole in every account."""
    rng = np.random.default_rng(4)
    labs = [prompt for lab in range(2) for prompt in worded_anew(rng, 6, 3, first=1 + 1_000 * lab)]
    return sketches_of([*labs, *strangers()])


def test_two_operators_on_one_pool_stay_apart() -> None:
    pool = pool_of_two_labs()
    log, _, apart = clustered(pool)
    assert set(clusters_of(apart)) == {-1, 0, 1}
    assert labels(apart, joined(log, apart, NOTHING_WHOLE)) == [0], "their accounts alone would join them"
    linked = link_slices(parted(pool, 2), Config(), Silent())
    found = members(linked.links)
    assert sorted(found) == [(lab, fold) for lab in (0, 1) for fold in (0, 1)]
    # A worker in forty may deviate by more than its load explains.
    assert all(len(own) >= WORKERS - 2 and min(own) >= "w" for own in found.values())
    assert linked.sliced["cluster"].to_pylist() == clusters_of(apart)


def test_recurring_phrases_of_the_same_strangers_are_left_as_they_were() -> None:
    """Accounts use five well-known templates, each in its own proportions: joined, they look no more like one queue."""
    rng = np.random.default_rng(2)
    prompts = [
        {"account_id": f"w{account:03d}", "phrases": [10 * template + k for k in range(1, 4)]}
        for account in range(16)
        for template in rng.choice(5, 80, p=rng.dirichlet(np.full(5, 0.7))).tolist()
    ]
    sketches = sketches_of([*prompts, *strangers()])
    log, _, apart = clustered(sketches)
    assert set(clusters_of(apart)) == {-1, 0, 1, 2, 3, 4}
    assert labels(apart, joined(log, apart, NOTHING_WHOLE)) == [0]
    linked = link_slices(parted(sketches, 2), Config(), Silent())
    assert linked.sliced["cluster"].to_pylist() == clusters_of(apart)
    assert linked.links.num_rows == 0


def test_whole_clusters_take_no_part(wide_log: pa.Table) -> None:
    log, _, apart = clustered(wide_log)
    complete = np.array([1, 2, 3])
    found = joined(log, apart, complete)
    assert labels(apart, found) == [0, 1, 2, 3]
    assert found[complete].tolist() == complete.tolist()
    everything = np.arange(apart.count)
    assert joined(log, apart, everything).tolist() == everything.tolist()


def joined_uses(users: list[set[int]], accounts: int) -> list[int]:
    """Labels of clusters that these accounts use."""
    pairs = sorted((label, account) for label, own in enumerate(users) for account in own)
    label, account = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    found: list[int] = np.unique(joined_labels(account, label, accounts, len(users), NOTHING_WHOLE)).tolist()
    return found


def test_the_language_of_everybody_joins_nothing() -> None:
    """Two stock turns that nine accounts in ten use are used together by nearly as many, and mean nothing."""
    common = [set(range(90)), set(range(5, 95))]
    assert joined_uses(common, 100) == [0, 1]
    assert joined_uses(common, 1_000) == [0], "the same uses, in a log where they are rare"


def test_a_common_turn_does_not_bridge_two_templates() -> None:
    """All users of either template also use the turn; far beyond chance, but most who use it have neither."""
    first, second = set(range(7)), set(range(7, 14))
    assert joined_uses([first, set(range(60)), second], 300) == [0, 1, 2]
    assert joined_uses([first, set(range(30)), second], 300) == [0], "half as many users, and they are fragments"


def test_a_chain_does_not_lead_from_a_template_to_stock_phrases() -> None:
    """The link in the middle is alike to either end; together with either it is not alike to the other."""
    template, between, stock = set(range(40)), set(range(20, 60)), set(range(40, 155))
    assert joined_uses([template, between], 1_000) == [0]
    assert joined_uses([between, stock], 1_000) == [0]
    assert joined_uses([template, between, stock], 1_000) == [0, 2]


def test_repeated_prompts_are_no_use() -> None:
    """Accounts that only replay one text of another template are not among its users."""
    prompts = worded_anew(np.random.default_rng(7), 2, 1, first=1)
    once = {prompt["account_id"]: {**prompt, "prompt_hash": 10**9} for prompt in prompts}
    other = [{**p, "account_id": p["account_id"].replace("w", "v"), "phrases": [91, 92, 93]} for p in prompts]
    replayed = [{**one, "phrases": [91, 92, 93]} for one in once.values()]
    log, _, clusters = clustered(sketches_of([*prompts, *other, *once.values(), *replayed, *strangers()]))
    cluster_of = dict(zip(clusters.account.tolist(), clusters.cluster.tolist(), strict=True))
    assert len(cluster_of) == len(clusters.account) == 2 * WORKERS, "each account in one cluster alone"
    names = log.account_ids.to_pylist()
    assert len({names[account][0] + str(label) for account, label in cluster_of.items()}) == 2


@steady
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_row_order_and_partitions_change_nothing(wide_log: pa.Table, linked: Linked, seed: int, parts: int) -> None:
    found = link_slices(parted(wide_log, parts, seed), Config(), Silent())
    assert found.sliced.equals(linked.sliced)
    assert found.links.equals(linked.links)


@steady
@given(st.integers(0, 2**32 - 1))
def test_names_of_accounts_do_not_matter(wide_log: pa.Table, linked: Linked, seed: int) -> None:
    ids = sorted(set(wide_log["account_id"].to_pylist()))
    order = np.random.default_rng(seed).permutation(len(ids))
    names = {old: f"n{place:04d}" for old, place in zip(ids, order.tolist(), strict=True)}
    found = members(link_slices(parted(renamed(wide_log, names), 2), Config(), Silent()).links)
    expected = members(linked.links)
    assert found.keys() == expected.keys()
    for key, own in expected.items():
        assert found[key] == pytest.approx({names[name]: bits for name, bits in own.items()}, abs=2)


MAX_PHRASES = 256
CROWDED = MAX_PHRASES + 44


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


def one_slice_each(sketches: pa.Table) -> ClusterSlices:
    """Slices with every request in the one cluster."""
    log = index_requests(LocalDataset.of(sketches), seed=0)
    known = [[phrase - 1 for phrase in phrases] for phrases in sketches["phrases"].to_pylist()]
    noted = rows_of(log.rows, "account", "first_occurrence", "single_turn", "conversation", "fold")
    rows = noted.append_column("known", pa.array(known, pa.list_(pa.int32())))
    rows = rows.append_column("cluster", pa.array(np.zeros(len(known), np.int32)))
    rows = rows.append_column("order", pa.array(np.arange(len(known), dtype=np.int32)))
    rows = rows.append_column("topic", pa.array(np.full(len(known), NO_TOPIC, np.int8)))
    account, prompts = np.unique(noted["account"].to_numpy(), return_counts=True)
    uses = (np.zeros(len(account), np.int64), account.astype(np.int64), prompts)
    clusters = Clusters(LocalDataset.of(rows), np.zeros(CROWDED, np.int32), 1, *uses)
    return next(cluster_slices(clusters.rows, clusters, np.zeros(1, np.int64), 12, least_accounts=2, least=2))


def test_a_conversation_is_one_draw() -> None:
    """A slice counts the first request of each conversation: later turns keep its item, topic and template."""
    prompts = [
        {"account_id": f"a{n % 12:02d}", "conversation": n, "phrases": [1 + turn, 4]}
        for turn in range(3)
        for n in range(120)
    ]
    found = one_slice_each(sketches_of(prompts))
    assert found.size.sum(axis=0).tolist() == [10] * 12
    assert found.phrases.sum(axis=(0, 1)).tolist() == [120, 120], "the first turn's phrases, and no others"


def counted(sketches: pa.Table) -> Ints:
    """Prompts with each phrase, by fold and account, counted from the rows."""
    table = np.zeros((2, 12, CROWDED), np.int64)
    names = sketches["account_id"].to_pylist()
    folds = rows_of(index_requests(LocalDataset.of(sketches), seed=0).rows, "fold")["fold"].to_pylist()
    for fold, name, phrases in zip(folds, names, sketches["phrases"].to_pylist(), strict=True):
        for phrase in phrases:
            table[fold, sorted(set(names)).index(name), phrase - 1] += 1
    return table


def test_slices_are_compared_by_the_phrases_that_most_of_them_have(crowded: pa.Table) -> None:
    slices, complete = one_slice_each(crowded), counted(crowded)
    users = (complete.sum(axis=0) > 0).sum(axis=0).tolist()
    ranked = sorted(range(CROWDED), key=lambda phrase: (-users[phrase], phrase))
    kept, left = sorted(ranked[:MAX_PHRASES]), ranked[MAX_PHRASES:]
    assert users[ranked[MAX_PHRASES - 1]] == users[left[0]], "the bound falls among ties"
    assert np.array_equal(slices.phrases, complete[:, :, kept])
    for fold in (0, 1):
        again = np.zeros_like(slices.phrases[fold])
        np.add.at(again, (slices.member[fold], slices.phrase[fold]), 1)
        assert np.array_equal(again, slices.phrases[fold]), "occurrences of the phrases left out are gone too"


def test_the_bound_on_phrases_does_not_depend_on_names_or_times(crowded: pa.Table) -> None:
    expected = one_slice_each(crowded)
    order = np.random.default_rng(3).permutation(12)
    other = renamed(crowded, {f"a{old:02d}": f"b{new:02d}" for old, new in enumerate(order.tolist())})
    place = other.schema.get_field_index("timestamp")
    backwards = other["timestamp"].take(pa.array(np.arange(other.num_rows)[::-1]))
    turned = other.set_column(place, other.schema.field("timestamp"), backwards)
    found = one_slice_each(renamed(turned, {name: name for name in other["account_id"].to_pylist()}))
    assert np.array_equal(found.size[:, order], expected.size)
    assert np.array_equal(found.phrases[:, order], expected.phrases)
