"""A flagged account with another client program than its campaign is tagged at most."""

from __future__ import annotations

import pytest

from decide.scenes import NOW, after, findings, member, policy


def decided(clients: list[list[str]], **changes: object) -> list[str]:
    """Actions about members with these clients, in order."""
    rows = [member(f"m{at:02}", clients=own, **changes) for at, own in enumerate(clients)]
    log = after([], policy(), findings(rows), NOW)
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
