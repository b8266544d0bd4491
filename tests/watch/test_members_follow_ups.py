"""Follow-ups of members: counted over all their requests, whatever the parts of the log."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.dataset import LocalDataset
from stillhunt.base.errors import CaseError
from stillhunt.watch.follow_ups import FOLLOW_UPS_FILE, follow_ups, follow_ups_as_json, read_follow_ups
from watch.signature_logs import sketched


def test_requests_that_continue_a_conversation_are_counted() -> None:
    talk, apart = sketched({"a": ["hello", "more", "and more"]}, talk="a"), sketched({"b": ["x", "y"], "c": ["z"]})
    table = pa.concat_tables([talk, apart])
    members = {"members": pa.table({"account_id": ["a", "b", "absent"]})}
    assert follow_ups(LocalDataset.of(table), members) == {"a": 2}
    assert follow_ups(LocalDataset.of(table), {"members": pa.table({"account_id": pa.array([], pa.string())})}) == {}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), max_size=30), st.randoms())
def test_it_is_requests_less_conversations_in_any_order(asked: list[tuple[str, str]], chance: object) -> None:
    if not asked:
        return
    table = sketched({account: [talk for own, talk in asked if own == account] for account in "abc"}, talk="a")
    rows = list(range(table.num_rows))
    chance.shuffle(rows)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    found = follow_ups(LocalDataset.of(table.take(rows)), {"members": pa.table({"account_id": ["a", "b", "c"]})})
    talking = sum(own == "a" for own, _ in asked)
    assert found == ({"a": talking - 1} if talking > 1 else {})


def test_the_file_reads_back_and_a_damaged_one_is_said(tmp_path: Path) -> None:
    assert read_follow_ups(tmp_path) is None
    (tmp_path / FOLLOW_UPS_FILE).write_bytes(follow_ups_as_json({"b": 1, "a": 3}))
    assert read_follow_ups(tmp_path) == {"a": 3, "b": 1}
    (tmp_path / FOLLOW_UPS_FILE).write_text("{")
    with pytest.raises(CaseError, match="damaged"):
        read_follow_ups(tmp_path)
