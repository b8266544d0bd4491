from __future__ import annotations

import pytest

from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec
from stillhunt_lab.worlds.scene import Scene, open_scene


@pytest.fixture(scope="session")
def scene() -> Scene:
    return open_scene(3, 14)


@pytest.fixture(scope="session")
def mixed_world() -> World:
    """Two campaigns of different rungs and a pool among 600 honest accounts."""
    campaigns = (
        CampaignSpec(2, 30, name="plain"),
        CampaignSpec(6, 30, name="careful"),
        CampaignSpec(4, 12, name="pool", kind="pool"),
    )
    return build_world(WorldSpec(accounts=600, seed=11, campaigns=campaigns))


@pytest.fixture(scope="session")
def honest_world() -> World:
    """The same seed without campaigns."""
    return build_world(WorldSpec(accounts=600, seed=11))
