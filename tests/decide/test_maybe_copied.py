"""A flagged account that may be one whose end users copy a campaign's prompts is tagged at most."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from decide.scenes import NOW, after, findings, member, policy

OPENED = datetime.fromtimestamp(NOW / 1e6, UTC)


def decided(clients: list[list[str]], by_texts: int = 0, **changes: Any) -> list[str]:
    """Actions about members with these clients, in order; only texts tie the last ones to their campaign."""
    rows = [member(f"m{at:02}", clients=own, **changes) for at, own in enumerate(clients)]
    only = frozenset((row["account_id"], row["campaign_id"]) for row in rows[len(rows) - by_texts :])
    log = after([], policy(), replace(findings(rows), by_texts=only), NOW)
    actions = {entry.account_id: entry.action for entry in log}
    return [actions.get(row["account_id"], "none") for row in rows]


@pytest.mark.parametrize(
    ("others", "own", "action"), [(19, 1, "tag"), (19, 2, "tag"), (4, 1, "tag"), (19, 4, "step_up")]
)
def test_few_accounts_with_another_client_than_all_others_are_tagged(others: int, own: int, action: str) -> None:
    assert decided([["anthropic-python"]] * others + [["openai-node"]] * own) == ["step_up"] * others + [action] * own


@pytest.mark.parametrize(
    "clients",
    [
        [["a"]] * 12 + [["b"]] * 7 + [["c"]],
        [["a"]] * 19 + [[]],
        [[]] * 20,
        [["a"]],
        [["a", "b"]] * 10 + [["a"]] * 10,
    ],
    ids=["a campaign of many clients", "unknown", "all unknown", "alone", "the main one counts"],
)
def test_where_clients_tell_nothing_nothing_changes(clients: list[list[str]]) -> None:
    assert decided(clients) == ["step_up"] * len(clients)


def test_a_member_that_only_texts_tie_to_a_campaign_is_tagged_where_no_accounts_table_knows_it() -> None:
    clients = [["a"]] * 7 + [["b"]] * 7
    assert decided(clients, by_texts=1) == ["step_up"] * 13 + ["tag"]
    assert decided(clients, by_texts=14) == ["tag"] * 14, "what is not known of anybody frees nobody"
    known = decided(clients, by_texts=1, created_at=OPENED, first_seen=OPENED)
    assert known == ["step_up"] * 14, "in a campaign of many clients a hunt that knows the account decides"


@pytest.mark.parametrize("copying", [1, 100])
@pytest.mark.parametrize("client", ["a", "b"])
def test_many_who_copy_do_not_hide_which_client_a_campaign_has(copying: int, client: str) -> None:
    clients = [["a"]] * 20 + [[client]] * copying
    found = decided(clients, by_texts=copying, created_at=OPENED, first_seen=OPENED)
    assert found == ["step_up"] * 20 + ["tag"] * copying
