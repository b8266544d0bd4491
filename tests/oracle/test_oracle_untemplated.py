"""The search without templates against plain loops and other people's distributions."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy.stats import dirichlet_multinomial, norm

from stillhunt.base.dataset import LocalDataset
from stillhunt.base.shape import TIMESTAMP
from stillhunt.link.topics.topics import TOPICS
from stillhunt.link.workload.background_model import (
    WorkQueue,
    background_model,
    own_preferences,
    queue_bits,
    rows_of,
)
from stillhunt.link.workload.operators import client_bits
from stillhunt.link.workload.untemplated_slices import (
    UntemplatedSlices,
    cut_untemplated,
    untemplated_slices,
)
from thoroughness import examples

PREFERENCE_CONCENTRATIONS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
BLUR, CELL = 0.3, 0.05
SPREAD, RATE_SPREAD = 12.0, 0.22
BOTH, LOAD_ONLY, RATE_ONLY = 0.6, 0.2, 0.2
CLIENT_SMOOTHING = 0.5
LEAST, MAX_CLIENTS = 8, 3

steady = settings(derandomize=True, deadline=None, max_examples=examples(25))
fewer = settings(derandomize=True, deadline=None, max_examples=examples(15))
DAY = 86_400_000_000
BESIDE = "\n\n"
KINDS = ("", "a/1", "b/2", "c/3", "d/4")


@st.composite
def mixtures(draw: DrawFn, width: int) -> np.ndarray:
    weights = np.array(draw(st.lists(st.integers(1, 50), min_size=width, max_size=width)), np.float64)
    return weights / weights.sum()


@steady
@given(
    st.lists(st.lists(st.integers(0, 12), min_size=5, max_size=5), min_size=1, max_size=4),
    mixtures(5),
)
def test_own_topic_preferences_are_a_mixture_of_dirichlet_multinomials(
    rows: list[list[int]], common: np.ndarray
) -> None:
    """But for the number of orders of the questions, which no mixture of topics changes."""
    got = own_preferences(rows_of(np.array(rows), np.arange(len(rows))), common)
    for row, value in zip(rows, got, strict=True):
        orders = math.lgamma(sum(row) + 1) - sum(math.lgamma(n + 1) for n in row)
        laws = [
            math.exp(dirichlet_multinomial.logpmf(row, c * common, sum(row)) - orders)
            for c in PREFERENCE_CONCENTRATIONS
        ]
        assert value == pytest.approx(math.log(sum(laws) / len(laws)), abs=1e-8)


@steady
@given(st.lists(st.integers(0, 6), min_size=4, max_size=4), mixtures(4))
def test_own_topic_preferences_question_by_question(row: list[int], common: np.ndarray) -> None:
    """Polya's urn: each question makes the next one about its topic likelier."""
    likelihood = 0.0
    for concentration in PREFERENCE_CONCENTRATIONS:
        chance, seen, asked = 1.0, [0] * 4, 0
        for subject, times in enumerate(row):
            for _ in range(times):
                chance *= (concentration * common[subject] + seen[subject]) / (concentration + asked)
                seen[subject] += 1
                asked += 1
        likelihood += chance / len(PREFERENCE_CONCENTRATIONS)
    assert own_preferences(rows_of(np.array([row]), np.arange(1)), common)[0] == pytest.approx(
        math.log(likelihood), abs=1e-9
    )


@st.composite
def some_slices(draw: DrawFn, least: int = 2) -> UntemplatedSlices:
    count = draw(st.integers(least, 9))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    topics = rng.poisson(0.4, (2, count, TOPICS))
    size = topics.sum(axis=(0, 2)) + 1
    days = np.minimum(rng.integers(1, 9, count), size)
    client = rng.integers(-1, 4, count)
    return UntemplatedSlices(
        np.arange(count), np.ones(count, np.int64), client, size, days, topics, ("a", "b", "c", "d")
    )


def plain_density(values: list[tuple[float, ...]], at: tuple[float, ...]) -> float:
    """Mean over the values of a normal curve of width BLUR, on the cells in which both lie, cut off at 4 BLUR."""
    lowest = [min(column) for column in zip(*values, strict=True)]
    reach = int(4 * BLUR / CELL + 0.5)
    curve = [math.exp(-0.5 * (step * CELL / BLUR) ** 2) for step in range(-reach, reach + 1)]

    def cells(value: tuple[float, ...]) -> list[int]:
        return [math.floor((v - low) / CELL) for v, low in zip(value, lowest, strict=True)]

    total = 0.0
    for value in values:
        part = 1.0
        for here, there in zip(cells(at), cells(value), strict=True):
            part *= curve[here - there + reach] / sum(curve) / CELL if abs(here - there) <= reach else 0.0
        total += part
    return total / len(values)


def plain_queue_bits(
    untemplated: UntemplatedSlices, fold: int, preference: float, queue: WorkQueue, number: int
) -> float:
    """Bits of one slice by the definition."""
    loads = [math.log(n) for n in untemplated.size.tolist()]
    rates = [math.log(n / d) for n, d in zip(untemplated.size.tolist(), untemplated.days.tolist(), strict=True)]
    drawn = sum(n * math.log(p) for n, p in zip(untemplated.topics[fold][number].tolist(), queue.topics, strict=True))
    load = norm.pdf(loads[number], queue.load, math.sqrt(math.exp(-queue.load) + 1.0 / SPREAD))
    rate = norm.pdf(rates[number], queue.rate, RATE_SPREAD)
    likelihood = (
        BOTH * load * rate / plain_density(list(zip(loads, rates, strict=True)), (loads[number], rates[number]))
        + LOAD_ONLY * load / plain_density([(v,) for v in loads], (loads[number],))
        + RATE_ONLY * rate / plain_density([(v,) for v in rates], (rates[number],))
    )
    return float(drawn / math.log(2.0) - preference + math.log2(likelihood + 1e-12))


@fewer
@given(some_slices(), st.integers(0, 999), st.floats(1.0, 5.0), st.floats(0.0, 3.0), st.integers(0, 1))
def test_work_queue_bits(untemplated: UntemplatedSlices, seed: int, load: float, rate: float, fold: int) -> None:
    background = background_model(untemplated, 1, fold)
    preference = background.preference[np.argsort(background.order)].tolist()
    queue = WorkQueue(
        1, background.slices, np.random.default_rng(seed).dirichlet(np.full(TOPICS, 2.0)), load, rate, 0.1
    )
    expected = [
        plain_queue_bits(untemplated, fold, preference[number], queue, number)
        for number in range(len(untemplated.size))
    ]
    np.testing.assert_allclose(queue_bits(background, queue), expected, atol=1e-6)


def plain_client_bits(clients: list[int], members: set[int], codes: int, number: int) -> float:
    """Bits of one slice's client fingerprint: the other members' use of it against that of the slices that are none."""
    own = clients[number]
    if own < 0 or clients.count(own) == 1:
        return 0.0
    usual = (clients.count(own) + CLIENT_SMOOTHING) / (len(clients) + CLIENT_SMOOTHING * (codes + 1))
    fellows = [client for other, client in enumerate(clients) if other in members and other != number]
    others = [client for other, client in enumerate(clients) if other not in members]
    inside = (fellows.count(own) + CLIENT_SMOOTHING * usual) / (len(fellows) + CLIENT_SMOOTHING)
    outside = (others.count(own) + CLIENT_SMOOTHING * usual) / (len(others) + CLIENT_SMOOTHING)
    return math.log2(inside / outside)


@steady
@given(some_slices(), st.sets(st.integers(0, 8), min_size=1))
def test_client_bits_leave_each_member_out(untemplated: UntemplatedSlices, drawn: set[int]) -> None:
    members = {number for number in drawn if number < len(untemplated.size)}
    background = background_model(untemplated, 1, 0)
    got = client_bits(untemplated, background, np.array(sorted(members), np.int64))
    clients = untemplated.client.tolist()
    expected = [plain_client_bits(clients, members, untemplated.clients, number) for number in range(len(clients))]
    np.testing.assert_allclose(got, expected, atol=1e-9)


Row = tuple[int, int, int, bool, int, int, int, int, int, bool]


@st.composite
def logs(draw: DrawFn) -> list[Row]:
    """Account, parameters, client, first occurrence, fold, topic, cluster, day, conversation, lack of a wording."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    accounts, clients = draw(st.integers(1, 3)), draw(st.integers(1, len(KINDS)))
    lacking = rng.choice([0.0, 0.5, 0.9], accounts)
    owner = [account for account in range(accounts) for _ in range(draw(st.integers(0, 90)))]
    return [
        (
            account,
            int(rng.integers(0, 2)),
            int(rng.integers(0, clients)),
            bool(rng.random() < 0.95),
            int(rng.integers(0, 2)),
            int(rng.integers(-1, 9)),
            int(rng.integers(-8, 2)),
            int(rng.integers(0, 5)),
            int(rng.integers(0, 900)),
            bool(rng.random() < lacking[account]),
        )
        for account in owner
    ]


def plain_slices(rows: list[Row]) -> dict[tuple[int, int, str], list[int]]:
    """Requests of each untemplated slice, by account, request style and client ('' where several or none)."""
    conversations = Counter(row[8] for row in rows)
    untemplated = [n for n, row in enumerate(rows) if row[6] < 0 and conversations[row[8]] == 1]
    counted = {n for n in untemplated if rows[n][3] and rows[n][5] >= 0}
    worded = Counter(rows[n][0] for n in counted if not rows[n][9])
    by_client: defaultdict[tuple[int, int, bool, str], list[int]] = defaultdict(list)
    for n in untemplated:
        beside = rows[n][9] and worded[rows[n][0]] >= LEAST
        by_client[rows[n][0], rows[n][1], beside, KINDS[rows[n][2]]].append(n)
    # What is sent without a known client is a pile of its own, and counts as one of the clients.
    large = {key for key, own in by_client.items() if len(counted.intersection(own)) >= LEAST}
    background = {key for key in large if sum(other[:3] == key[:3] for other in large) > MAX_CLIENTS}
    slices: defaultdict[tuple[int, int, str], list[int]] = defaultdict(list)
    for key, own in by_client.items():
        slices[key[0], key[1], (key[3] if key in large - background else "") + BESIDE * key[2]] += own
    return {key: sorted(own) for key, own in slices.items() if len(counted.intersection(own)) >= LEAST}


@steady
@given(logs())
def test_untemplated_slices(rows: list[Row]) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0, np.int64)] * 10
    account, request_style, client, first_occurrence, fold, topic, cluster, day, conversation, unworded = columns
    _, place, count = np.unique(conversation, return_inverse=True, return_counts=True)
    noted = pa.table(
        {
            "account": account.astype(np.int32),
            "cluster": np.maximum(cluster, -1).astype(np.int32),
            "single_turn": (count[place] == 1).astype(np.uint8),
            "first_occurrence": first_occurrence.astype(np.uint8),
            "fold": fold.astype(np.uint8),
            "topic": topic.astype(np.int8),
            "timestamp": pa.array(day * DAY, pa.int64()).cast(TIMESTAMP),
            "request_style": request_style.astype(np.int8),
            "unworded": unworded.astype(np.uint8),
            "user_agent": pa.array([KINDS[c] or None for c in client.tolist()], pa.string()),
            "tls_fingerprint": pa.nulls(len(rows), pa.string()),
        }
    )
    got = untemplated_slices(LocalDataset.of(noted), np.ones(2, bool))
    cut = cut_untemplated(noted, np.ones(2, bool))
    cut_keys = [*zip(cut.account.tolist(), cut.request_style.tolist(), cut.client, strict=True)]
    expected = plain_slices([(*row[:6], max(row[6], -1), *row[7:]) for row in rows])
    found = {}
    for number in range(len(got.account)):
        code = int(got.client[number])
        text = got.names[code] if code >= 0 else ""
        name = text.removesuffix(BESIDE).removesuffix("\n") + BESIDE * text.endswith(BESIDE)
        assert got.beside[number] == text.endswith(BESIDE)
        found[int(got.account[number]), int(got.request_style[number]), name] = number
    assert set(found) == set(expected)
    for key, number in found.items():
        own = expected[key]
        code = int(got.client[number])
        # The slices of one partition are numbered by their clients, and those of a log by the texts of these.
        place = cut_keys.index((*key[:2], got.names[code] if code >= 0 else None))
        assert np.flatnonzero(cut.of_request == place).tolist() == own
        counted = [n for n in own if rows[n][3] and rows[n][5] >= 0]
        assert got.size[number] == len(counted)
        assert got.days[number] == len({rows[n][7] for n in counted})
        counts = Counter((rows[n][4], rows[n][5]) for n in counted)
        cells = [(h, t, int(got.topics[h, number, t])) for h, t in np.ndindex(2, TOPICS)]
        assert {(h, t): n for h, t, n in cells if n} == dict(counts)
