"""End users of an application copy a campaign's prompts: its account is tagged at most, and the campaign is not let go.

The world, the hunt, the spool and the decisions are real, and the policy is the harshest that can be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from decide.copied_scenes import CopiedScene, Copying
from stillhunt.decide.actions import WITHOUT_FLAG, Action, rank

ALL = (
    *(
        Copying(persona, copies, honest)
        for persona in ("app", "developer")
        for copies in (1, 2, 60)
        for honest in (0, 60)
    ),
    *(Copying("chat", 60, honest, days_old) for honest in (0, 60) for days_old in (1, 200)),
    Copying("app", 1_000, 60),
    Copying("app", 60, 1_000, 200),
)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CopiedScene]:
    scene = CopiedScene(tmp_path_factory.mktemp("copied"), accounts=200)
    scene.write_accounts(ALL)
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def actions(scene: CopiedScene) -> dict[str, Action]:
    """The strongest action that each customer meets between two hunts."""
    return {one.name: scene.send(scene.requests_of(one)) for one in ALL}


@pytest.mark.parametrize("customer", ALL, ids=lambda one: one.name)
def test_a_customer_whose_end_users_copy_prompts_is_tagged_at_most(
    actions: dict[str, Action], customer: Copying
) -> None:
    assert rank(actions[customer.name]) <= rank(WITHOUT_FLAG)


def test_replacement_accounts_with_the_programs_or_networks_of_the_campaign_are_stopped_soon(
    scene: CopiedScene,
) -> None:
    stopped = [account for account, rows in scene.replacements.items() if rank(scene.send(rows[:6])) > rank("tag")]
    assert len(stopped) >= 0.9 * len(scene.replacements)


def test_a_hunt_that_sees_the_copies_does_no_more(scene: CopiedScene, actions: dict[str, Action]) -> None:
    assert actions
    scene.hunt()
    decided = scene.decided()
    assert {one.name for one in ALL if rank(decided.get(one.name, "observe")) > rank(WITHOUT_FLAG)} == set()
    members = {row["account_id"] for row in scene.harvest}
    assert sum(rank(decided.get(name, "observe")) > rank(WITHOUT_FLAG) for name in members) >= 0.9 * len(members)


def test_where_no_accounts_table_is_known_a_customer_of_copies_alone_is_tagged_and_the_campaign_is_limited(
    tmp_path: Path,
) -> None:
    scene = CopiedScene(tmp_path, rung=2, table=False)
    copying = Copying("developer", 1_000, 0)
    scene.post(scene.requests_of(copying))
    scene.hunt()
    decided = scene.decided()
    scene.close()
    assert decided[copying.name] == "tag"
    members = {row["account_id"] for row in scene.harvest}
    assert sum(decided.get(name) == "limit" for name in members) >= 0.9 * len(members), "their client says who they are"
