"""Where requests come from: counts against counting by hand, bounds, and what is shown."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa
import pytest

from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt.base.schema_case import ORIGINS
from stillhunt.base.shape import CODED
from stillhunt.triage.origins import ASPECTS, MAX_VALUES, origin_words, origins_table

AGENTS = ("OpenAI/Python 1.54.0", "AsyncOpenAI/Python 1.50.0", "curl/8.5.0", None)
NETWORKS = ("AS64500 Example", "AS64501", None)


def made(rows: list[dict[str, Any]], *, coded: bool = True) -> pa.Table:
    campaigns = pa.chunked_array([pa.array([row["campaign"] for row in rows], pa.string())])
    columns = {
        name: pa.array([row.get(name) for row in rows], pa.string()) for name in ("account_id", *ASPECTS.values())
    }
    traffic = pa.table({name: column.cast(CODED) if coded else column for name, column in columns.items()})
    return origins_table(campaigns, traffic)


def drawn(seed: int, size: int) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "campaign": rng.choice(["c-1", "c-2"]),
            "account_id": f"a{rng.randrange(9)}",
            "user_agent": rng.choice(AGENTS),
            "network": rng.choice(NETWORKS),
            "country": rng.choice(["DE", "FR"]),
        }
        for _ in range(size)
    ]


@pytest.mark.parametrize("coded", [True, False])
def test_counts_are_those_by_hand(coded: bool) -> None:
    rows = drawn(1, 400)
    requests: Counter[tuple[str, str, str]] = Counter()
    accounts: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    families = {AGENTS[0]: "openai-python", AGENTS[1]: "openai-python", AGENTS[2]: "curl", None: UNKNOWN}
    for row in rows:
        values = {"client": families[row["user_agent"]], "network": row["network"], "country": row["country"]}
        for aspect, value in values.items():
            key = (row["campaign"], aspect, value or UNKNOWN)
            requests[key] += 1
            accounts[key].add(row["account_id"])
    table = ORIGINS.check(made(rows, coded=coded)).to_pylist()
    counted = {(r["campaign_id"], r["aspect"], r["value"]): (r["requests"], r["accounts"]) for r in table}
    assert counted == {key: (count, len(accounts[key])) for key, count in requests.items()}
    assert len(counted) == len(table)


def test_order_of_rows_does_not_matter() -> None:
    rows = drawn(2, 300)
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    assert made(rows).equals(made(shuffled))


def test_clients_that_change_their_name_each_time_become_one_row() -> None:
    rows = [
        {"campaign": "c-1", "account_id": f"a{n % 7}", "user_agent": f"agent-{n}/1" if n % 2 else "curl/8"}
        for n in range(4000)
    ]
    rows += [{"campaign": "c-1", "account_id": "a0", "user_agent": "(other)"}]
    table = made(rows).to_pylist()
    assert len(table) <= MAX_VALUES + 1
    assert sum(row["requests"] for row in table) == len(rows)
    assert table[0]["value"] == "curl"
    assert [row["accounts"] for row in table if row["value"] == OTHER] == [7]
    assert {row["aspect"] for row in table} == {"client"}


def test_words() -> None:
    rows = [{"campaign": "c-1", "account_id": "a", "user_agent": AGENTS[(n < 8 and 2) or 0]} for n in range(100)]
    assert origin_words(made(rows).to_pylist()) == [("client", "openai-python 92 % and curl 8 %")]
    many = [{"campaign": "c-1", "account_id": "a", "country": f"A{chr(65 + n % 8)}"} for n in range(80)]
    assert origin_words(made(many).to_pylist()) == [("country", "AA 12.5 %, AB 12.5 %, AC 12.5 % and 5 more")]
    assert origin_words([]) == []


def test_names_from_a_log_are_shown_without_controls() -> None:
    rows = [{"campaign": "c-1", "account_id": "a", "network": "AS1 \x1b[31mred" + "x" * 200}]
    ((_, words),) = origin_words(made(rows).to_pylist())
    assert "\x1b" not in words
    assert len(words) < 80
