"""Untemplated slices: traffic without a template, cut by how it is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from drawn_sketches import TYPES, Prompt, parted, sketches_of

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.progress import Silent
from stillhunt.base.schema import LINKS
from stillhunt.link import link_slices
from stillhunt.link.requests.index_requests import index_requests
from stillhunt.link.template_groups import links_table
from stillhunt.link.topics.topics import NO_TOPIC, TOPICS
from stillhunt.link.workload.operators import Operator
from stillhunt.link.workload.untemplated_slices import (
    BESIDE_WORDING,
    SLICE_COLUMNS,
    UntemplatedSlices,
    cut_untemplated,
    untemplated_slices,
)

DAY = 86_400_000_000
LEAST, MAX_CLIENTS = 8, 3


def questions(account: str, count: int, **columns: Any) -> list[Prompt]:
    """Single questions, each about a topic of its own, two a day."""
    return [{"account_id": account, "timestamp": n // 2 * DAY + n, "turn": 0, **columns} for n in range(count)]


def noted(
    prompts: list[Prompt],
    clusters: list[int] | None = None,
    topics: list[int] | None = None,
    unworded: list[int] | None = None,
) -> pa.Table:
    """Prompts in canonical order, ready to be cut; request n is about topic n modulo the number of topics."""
    log = index_requests(parted(sketches_of(prompts), 1), seed=0)
    names = [name for name in (*SLICE_COLUMNS, "request_id") if name not in ("cluster", "topic", "unworded")]
    found = log.rows.gather(lambda table, _: table, pa.schema([(n, TYPES[n]) for n in names]), None, names)
    rows = len(prompts)
    cluster = pa.array([-1] * rows if clusters is None else clusters, pa.int32())
    topic = pa.array([n % TOPICS for n in range(rows)] if topics is None else topics, pa.int8())
    lacking = pa.array([0] * rows if unworded is None else unworded, pa.uint8())
    return found.append_column("cluster", cluster).append_column("topic", topic).append_column("unworded", lacking)


def cut(prompts: list[Prompt]) -> UntemplatedSlices:
    """Untemplated slices of prompts in no cluster."""
    return untemplated_slices(LocalDataset.of(noted(prompts)), np.ones(0, bool))


def test_request_styles_of_one_account_are_slices_of_their_own() -> None:
    """Programs set parameters, people do not: an account may be both."""
    found = cut([*questions("a", 10), *questions("b", 12, temperature=0.7), *questions("b", 9)])
    assert found.account.tolist() == [0, 1, 1]
    assert found.request_style.tolist() == [0, 0, 1]
    assert found.size.tolist() == [10, 9, 12]
    assert found.days.tolist() == [5, 5, 6]
    assert found.topics.sum(axis=(0, 2)).tolist() == [10, 9, 12]
    assert found.client.tolist() == [-1, -1, -1]
    np.testing.assert_allclose(found.log_load, np.log([10, 9, 12]))
    np.testing.assert_allclose(found.log_rate, np.log([2, 9 / 5, 2]))


@pytest.mark.parametrize("parameter", [{"temperature": 0.0}, {"top_p": 0.9}, {"max_tokens": 256}], ids=str)
def test_any_parameter_is_a_request_style_and_zero_is_one_too(parameter: dict[str, Any]) -> None:
    assert cut(questions("a", LEAST, **parameter)).request_style.tolist() == [1]


def test_clients_of_one_account_are_slices_of_their_own() -> None:
    found = cut([*questions("a", 10, user_agent="x/1"), *questions("a", 8, user_agent="x/1", tls_fingerprint="t")])
    assert found.account.tolist() == [0, 0]
    assert sorted(found.size.tolist()) == [8, 10]
    assert len(set(found.client.tolist())) == 2
    assert found.names == ("x/1\n", "x/1\nt")
    assert found.clients == 2


def test_rare_clients_are_gathered() -> None:
    """A client used less than a slice needs joins what is left; where that is too little it is no slice."""
    few = [q for n in range(3) for q in questions("a", 4, user_agent=f"rare/{n}")]
    found = cut([*questions("a", 10, user_agent="main"), *few])
    assert sorted(zip(found.client.tolist(), found.size.tolist(), strict=True)) == [(-1, 12), (0, 10)]
    found = cut([*questions("a", 10, user_agent="main"), *few[:7]])
    assert found.size.tolist() == [10]
    assert (
        cut_untemplated(noted([*questions("a", 10, user_agent="main"), *few[:7]]), np.ones(0, bool)).of_request >= 0
    ).sum() == 10


@pytest.mark.parametrize("client", ["x/1", None])
@pytest.mark.parametrize(("worded", "sizes"), [(LEAST, [8, 12]), (LEAST - 1, [19])])
def test_what_an_account_asks_beside_its_own_wording_is_another_slice(
    worded: int, sizes: list[int], client: str | None
) -> None:
    """Cover traffic may come from the client of the harvest. Where hardly anything is worded, it is one slice."""
    prompts = questions("a", worded + 12, user_agent=client)
    table = LocalDataset.of(noted(prompts, unworded=[0] * worded + [1] * 12))
    found = untemplated_slices(table, np.ones(0, bool))
    by_size = dict(zip(found.size.tolist(), found.beside.tolist(), strict=True))
    assert sorted(by_size) == sizes
    assert by_size[sizes[-1]] == (len(sizes) == 2)
    assert not by_size[sizes[0]] or len(sizes) == 1


def test_a_group_of_what_is_asked_beside_wordings_is_of_another_search() -> None:
    """So it is not joined with what the same accounts word."""
    log = index_requests(parted(sketches_of([q for name in "abcd" for q in questions(name, 1)]), 1), seed=0)
    size, client = np.full(4, LEAST), np.array([0, -1, 1, 1])
    slices = UntemplatedSlices(
        np.arange(4),
        size * 0,
        client,
        size,
        size,
        np.zeros((2, 4, TOPICS), np.int64),
        ("x/1\n", f"x/1\n{BESIDE_WORDING}"),
    )
    groups = [
        Operator(0, 0, np.array(own), np.ones(len(own), bool), np.ones(len(own)), np.ones(len(own)), 4)
        for own in ([0, 1, 2], [1, 2, 3])
    ]
    links = links_table(log, [], slices, groups, np.arange(4), 0)
    assert links["search"].to_pylist() == [-1] * 3 + [-2] * 3


@pytest.mark.parametrize("clients", [MAX_CLIENTS, MAX_CLIENTS + 1, 12])
def test_a_reseller_stays_one_slice(clients: int) -> None:
    """So many clients behind one account are a background model of customers, not one operator's programs."""
    sent = [q for n in range(clients) for q in questions("a", LEAST, user_agent=f"sdk/{n:02d}")]
    found = cut(sent)
    if clients <= MAX_CLIENTS:
        assert sorted(found.client.tolist()) == list(range(clients))
    else:
        assert found.client.tolist() == [-1]
        assert found.size.tolist() == [clients * LEAST]


def test_a_reseller_in_one_request_style_only_is_one_slice_there() -> None:
    background = [q for n in range(5) for q in questions("a", LEAST, user_agent=f"sdk/{n}")]
    own = [q for n in range(2) for q in questions("a", LEAST, user_agent=f"sdk/{n}", temperature=1.0)]
    found = cut([*background, *own])
    assert sorted(zip(found.request_style.tolist(), found.client.tolist(), strict=True)) == [(0, -1), (1, 0), (1, 1)]


def test_clients_are_coded_by_their_text() -> None:
    """Codes, and with them ties, do not depend on which account is read first."""
    first = cut([*questions("a", 8, user_agent="z"), *questions("b", 8, user_agent="c")])
    second = cut([*questions("a", 8, user_agent="c"), *questions("b", 8, user_agent="z")])
    assert first.client.tolist() == [1, 0]
    assert second.client.tolist() == [0, 1]


def test_conversations_templates_and_repeats_are_no_untemplated_questions() -> None:
    talk = [{**q, "conversation": 77} for q in questions("a", 2)]
    later = [{**q, "turn": 3} for q in questions("a", 2)]
    again = [{**q, "prompt_hash": 5_000} for q in questions("a", 3)]
    prompts = [*questions("a", 9), *talk, *later, *again]
    sketches = sketches_of(prompts)
    order = [int(i[1:]) for i in sketches["request_id"].to_pylist()]
    clusters = [4 if number == 0 else -1 for number in order]
    table = noted(prompts, clusters)
    inside = {order[row] for row in np.flatnonzero(cut_untemplated(table, np.ones(5, bool)).of_request >= 0)}
    assert inside == {*range(1, 9), 13, 14, 15}, "a repeat belongs to the slice"
    assert untemplated_slices(LocalDataset.of(table), np.ones(5, bool)).size.tolist() == [9], (
        "but only once to its size"
    )


def test_questions_about_nothing_do_not_count() -> None:
    topics = [3 if n < LEAST - 1 else NO_TOPIC for n in range(20)]
    few = LocalDataset.of(noted(questions("a", 20), topics=topics))
    assert len(untemplated_slices(few, np.ones(0, bool)).account) == 0
    topics[LEAST - 1] = 3
    enough = LocalDataset.of(noted(questions("a", 20), topics=topics))
    assert untemplated_slices(enough, np.ones(0, bool)).size.tolist() == [LEAST]


def test_without_conversation_ids_and_turns_every_request_is_a_question_of_its_own() -> None:
    """Collect then gives each request a conversation of its own, and turns are unknown."""
    found = cut([{**q, "turn": None} for q in questions("a", 10)])
    assert found.size.tolist() == [10]


def test_no_rows_no_slices() -> None:
    found = cut([])
    assert len(found.account) == len(found.size) == found.clients == 0
    assert found.topics.shape == (2, 0, TOPICS)


def test_a_template_without_a_group_is_searched_as_if_it_were_none() -> None:
    table = noted(questions("a", 30), clusters=[0, 1, -1] * 10)
    for grouped, expected in (([True, True], 10), ([True, False], 20), ([False, False], 30)):
        found = cut_untemplated(table, np.array(grouped))
        assert (found.of_request >= 0).sum() == expected


def simulated_log(*, known: bool) -> pa.Table:
    """Twenty workers of one work queue and eighty customers whose topics have words of their own."""
    rng = np.random.default_rng(11)
    queue = rng.dirichlet(np.full(TOPICS, 1.0))
    prompts: list[Prompt] = []
    for account in range(100):
        preference = queue if account < 20 else rng.dirichlet(np.full(TOPICS, 0.1))
        load = rng.poisson(60) if account < 20 else int(rng.lognormal(3.2, 1.0)) + 1
        for subject in rng.choice(TOPICS, load, p=preference):
            words = sorted({int(w) for w in subject * 12 + rng.integers(0, 12, 8)})
            client = {"user_agent": f"sdk/{account % 3}", "temperature": 0.7, "turn": 0} if known else {}
            when = int(rng.integers(0, 20)) * DAY + len(prompts)
            prompts.append({"account_id": f"a{account:03d}", "topic_words": words, "timestamp": when, **client})
    return sketches_of(prompts)


@pytest.mark.parametrize("known", [True, False], ids=["all columns", "no client, parameter or turn"])
def test_a_work_queue_is_linked_with_whatever_columns_there_are(known: bool) -> None:
    linked = link_slices(parted(simulated_log(known=known), 3), Config(), Silent())
    sliced, links = linked.sliced, LINKS.check(linked.links)
    assert set(links["search"].to_pylist()) == {-1}
    bits = links["queue_microbits"].to_numpy() + links["work_microbits"].to_numpy()
    named = np.array(links["account_id"].to_pylist())
    for fold in (0, 1):
        own = links["formed_on"].to_numpy() == fold
        totals = {g: bits[own & (links["group"].to_numpy() == g)].sum() for g in set(links["group"].to_pylist())}
        strongest = max(totals, key=lambda g: totals[g])
        members = set(named[own & (links["group"].to_numpy() == strongest)])
        workers = {f"a{n:03d}" for n in range(20)}
        assert len(members & workers) >= 18
        assert len(members - workers) <= 1
    # Labels lie above the content clusters' and say the same in both tables.
    places = set(zip(links["account_id"].to_pylist(), links["cluster"].to_pylist(), strict=True))
    names = linked.traffic["account_id"].to_pylist()
    untemplated = zip(names, sliced["cluster"].to_pylist(), sliced["untemplated"].to_pylist(), strict=True)
    assert places <= {(account, cluster) for account, cluster, inside in untemplated if inside}
