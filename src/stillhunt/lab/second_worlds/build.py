"""The door of the second generator."""

from __future__ import annotations

from stillhunt.base.progress import Progress, Silent
from stillhunt.lab.second_worlds.customers import build_habit
from stillhunt.lab.second_worlds.habits import SANCTIONED, habit_counts
from stillhunt.lab.second_worlds.ledger import Block
from stillhunt.lab.second_worlds.operations import build_operation
from stillhunt.lab.second_worlds.publish import publish
from stillhunt.lab.second_worlds.spec import SecondSpec
from stillhunt.lab.second_worlds.stage import Stage, open_stage
from stillhunt.lab.second_worlds.weather import let_it_rain
from stillhunt.lab.worlds.build import World


def build_second_world(spec: SecondSpec, progress: Progress | None = None) -> World:
    """Build a world of the second generator; the same order gives the same rows.

    Args:
        spec: what to build.
        progress: receiver of progress; silent when None.

    Raises:
        InputError: the file of real texts cannot be used.
    """
    stage = open_stage(spec)
    total = spec.accounts + spec.campaigns * spec.campaign_accounts * (spec.rung > 0)
    with (progress or Silent()).stage("building world", total, "accounts") as advance:
        blocks = []
        for block in lay_out(stage):
            blocks.append(block)
            advance(len(block.crowd))
        sanctioned = {
            str(name) for block in blocks if block.name in SANCTIONED for name in block.crowd.organization.tolist()
        }
        return World(*publish(stage, blocks), sanctioned=tuple(sorted(sanctioned)))


def lay_out(stage: Stage) -> list[Block]:
    """Everybody's traffic, before texts are written: customers first, then campaigns.

    Args:
        stage: world.
    """
    blocks = [build_habit(stage, habit, count) for habit, count in habit_counts(stage.spec.accounts) if count]
    if stage.spec.rung:
        blocks += [build_operation(stage, place) for place in range(stage.spec.campaigns)]
    for block in blocks:
        let_it_rain(stage, block)
    return blocks
