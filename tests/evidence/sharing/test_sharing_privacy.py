"""Nothing of a person leaves in any format: no ids, no texts; hostile logs and any case make valid files."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from evidence.sharing.format_checks import CHECKS
from evidence.sharing.share_scenes import (
    CIRCLE_KEY,
    ENDINGS,
    FIRST,
    GOLDEN,
    VIEWS,
    addresses,
    changed,
    every_format,
    filled,
    golden_texts,
    origin,
    rich_case,
    shared,
)
from server.console.hostile_texts import hostile_case, payloads
from stillhunt.triage import Case
from stillhunt_evidence.sharing.formats import share_formats
from thoroughness import examples

MARKUP = re.compile(
    r"<[a-z/!]|\]\(|(?i:javascript|vbscript):|://|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
)


def ids_of(case: Case) -> set[str]:
    """Every id of an account or a request in any table or view of a case."""
    found: set[str] = set()
    for table in (*case.tables.values(), *case.views.values()):
        for name in ("account_id", "request_id", "slice_id"):
            if name in table.column_names:
                found |= set(table[name].to_pylist())
        if "request_ids" in table.column_names:
            found |= {one for row in table["request_ids"].to_pylist() for one in row}
    return {one for one in found if one}


def strings_in(value: Any) -> list[str]:
    """Every text in a JSON document."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings_in(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in strings_in(inner)]
    return [value] if isinstance(value, str) else []


def texts_of(name: str, text: str) -> list[str]:
    """Every text that a reader of a file sees."""
    if name == "csv":
        return [cell for row in CHECKS["csv"](text) for cell in row.values()]
    documents = [json.loads(line) for line in text.splitlines()] if ENDINGS[name] == "jsonl" else [json.loads(text)]
    return [found for document in documents for found in strings_in(document)]


@pytest.mark.parametrize("name", list(share_formats()))
def test_no_id_and_no_excerpt_is_in_a_file(name: str) -> None:
    case = rich_case()
    leaks = {**VIEWS, "origins": [*VIEWS["origins"], origin(FIRST, "client", "tool of 91c2-acct-0003", 50)]}
    evidence = case.evidence.to_pylist()
    evidence.append(
        {
            **next(row for row in evidence if row["campaign_id"] == FIRST and row["account_id"] is None),
            "family": "timing",
            "bits": 50.0,
            "statement": "after 91c2-acct-0001 stopped, 91c2-acct-0002 sent req-91c2-acct-0002-001 to joe@example.com",
        }
    )
    tables = {view: filled(view, rows) for view, rows in leaks.items()}
    leaky = changed(case, evidence=filled("evidence", evidence), **tables)
    text = every_format(shared(leaky, counts=addresses()))[name]
    assert "(hidden id)" in text
    everything = "\n".join(texts_of(name, text))
    assert not {one for one in ids_of(leaky) if one in everything or one in text}
    assert "joe@" not in text
    excerpts = leaky.samples["text"].to_pylist()
    assert excerpts
    for excerpt in excerpts:
        words = excerpt.split()
        pieces = {" ".join(words[first : first + 5]) for first in range(len(words) - 4)}
        assert not {piece for piece in pieces if piece in everything}
    assert CIRCLE_KEY.hex() not in text


@pytest.mark.parametrize("name", list(share_formats()))
def test_hashes_of_the_operators_own_key_stay(name: str) -> None:
    case = rich_case()
    text = every_format(shared(case))[name]
    assert case.addresses.num_rows
    assert not {one for one in case.addresses["hash"].to_pylist() if one in text}


def hostile() -> Case:
    """The hostile case of the console's tests, with hostile values in the views that sharing reads."""
    case = hostile_case()
    texts = cycle(payloads())
    views: dict[str, pa.Table] = {}
    for view, rows in VIEWS.items():
        bent = []
        for number, row in enumerate(rows * 3):
            own = case.campaigns["campaign_id"][number % 3].as_py()
            value = {"value": f"{'AS7 ' if number % 5 == 0 else ''}{next(texts)}"} if "value" in row else {}
            bent.append({**row, "campaign_id": own, **value})
        views[view] = filled(view, bent)
    return changed(case, **views)


@pytest.mark.parametrize("name", list(share_formats()))
def test_hostile_logs_make_valid_and_harmless_files(name: str) -> None:
    case = hostile()
    for turn in range(3):
        rows = [
            origin(campaign, "client", text, 9, 9)
            for campaign in case.campaigns["campaign_id"].to_pylist()
            for text in islice(payloads(), 20 * turn, 20 * turn + 20)
        ]
        share = shared(changed(case, origins=filled("origins", rows)) if turn else case, sender="<script>x</script>")
        text = every_format(share)[name]
        CHECKS[name](text)
        assert text.isascii() or name == "csv"
        found = [one for one in texts_of(name, text) if MARKUP.search(one) and not one.startswith("[")]
        assert not found, found[:3]
        everything = "\n".join(texts_of(name, text))
        assert not {one for one in ids_of(case) if len(one) >= 6 and one in everything}


def test_megabytes_of_text_stay_short() -> None:
    case = rich_case()
    long = "x<" * 500_000
    rows = [origin(FIRST, aspect, f"AS5 {long}", 90) for aspect in ("client", "network", "country")]
    evidence = [
        {**row, "statement": long, "kind": long}
        for row in case.evidence.to_pylist()
        if row["campaign_id"] == FIRST and row["account_id"] is None
    ]
    campaigns = [{**row, "skills": [long], "models": [long, f"ft:{long}"]} for row in case.campaigns.to_pylist()]
    tables = {"campaigns": filled("campaigns", campaigns), "evidence": filled("evidence", evidence)}
    share = shared(
        changed(case, origins=filled("origins", rows), taken=filled("taken", []), **tables), FIRST, sender=long
    )
    for name, text in every_format(share).items():
        assert len(text) < 60_000, name
        CHECKS[name](text)


TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(payloads()))
ORIGINS = st.lists(
    st.tuples(st.sampled_from(["client", "network", "country", "ip_kind"]), TEXTS, st.integers(0, 2**40)), max_size=8
)


@given(
    data=st.fixed_dictionaries(
        {
            "origins": ORIGINS,
            "skills": st.lists(TEXTS, max_size=3),
            "models": st.lists(TEXTS, max_size=3),
            "statements": st.lists(st.tuples(TEXTS, st.floats(-500, 500)), max_size=4),
            "kind": st.sampled_from(["harvest", "posing", "account_farm", "relay", "else"]),
            "verdict": st.sampled_from(["act", "review"]),
            "score": st.floats(0, 1),
            "accounts": st.integers(0, 10**12),
            "requests": st.integers(0, 2**62),
            "start": st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),
            "hours": st.integers(0, 10**5),
            "withdrawn": st.booleans(),
            "name": TEXTS,
        }
    ),
    seed=st.randoms(use_true_random=False),
)
@settings(
    max_examples=examples(6, 30),
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # making a failure small takes minutes with validators as slow as these
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_case_makes_valid_files_and_the_order_of_rows_does_not_matter(data: dict[str, Any], seed: Any) -> None:
    start = data["start"].replace(tzinfo=UTC)
    campaign = {
        **{key: data[key] for key in ("skills", "models", "kind", "verdict", "score", "accounts", "requests")},
        "campaign_id": data["name"],
        "first_seen": start,
        "last_seen": start + timedelta(hours=data["hours"]),
        "families": ["queue"],
        "estimated_requests": data["requests"],
    }
    origins = [origin(data["name"], aspect, value, 9, requests) for aspect, value, requests in data["origins"]]
    evidence = [
        {"campaign_id": data["name"], "family": "queue", "kind": "k", "statement": text, "bits": bits}
        for text, bits in data["statements"]
    ]
    files = []
    for _ in range(2):
        seed.shuffle(origins)
        seed.shuffle(evidence)
        rows = {"campaigns": [campaign], "evidence": evidence}
        case = changed(
            Case({name: filled(name, rows.get(name, [])) for name in rich_case_tables()}),
            origins=filled("origins", origins),
        )
        files.append(every_format(shared(case, data["name"], withdrawn=data["withdrawn"])))
    assert files[0] == files[1]
    for name, text in files[0].items():
        CHECKS[name](text)


def rich_case_tables() -> list[str]:
    from stillhunt.base.schema_case import CASE_TABLES  # only the names are needed

    return list(CASE_TABLES)


@pytest.mark.parametrize("name", list(share_formats()))
def test_golden(name: str) -> None:
    """The files of two campaigns of the demo case; running `share_scenes.py` in this folder writes them again."""
    golden = GOLDEN / f"shared_{name}.{ENDINGS[name]}"
    assert golden_texts()[name] == golden.read_text(encoding="utf-8")
