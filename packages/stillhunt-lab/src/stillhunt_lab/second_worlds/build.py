"""Builds worlds of the second generator."""

from __future__ import annotations

from stillhunt.tools import Progress, Silent
from stillhunt_lab.second_worlds.campaigns import build_campaign
from stillhunt_lab.second_worlds.customer_kinds import SANCTIONED, customer_counts
from stillhunt_lab.second_worlds.customers import build_customers
from stillhunt_lab.second_worlds.failures import add_failures
from stillhunt_lab.second_worlds.publish import publish
from stillhunt_lab.second_worlds.records import Block
from stillhunt_lab.second_worlds.scene import Scene, open_scene
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World


def build_second_world(spec: SecondSpec, progress: Progress | None = None) -> World:
    """Build a world of the second generator; the same spec gives the same rows.

    Args:
        progress: receiver of progress; silent when None.

    Raises:
        InputError: the file of real texts cannot be used.
    """
    scene = open_scene(spec)
    total = spec.accounts + spec.campaigns * spec.campaign_accounts * (spec.rung > 0)
    with (progress or Silent()).stage("building world", total, "accounts") as advance:
        blocks = []
        for block in lay_out(scene):
            blocks.append(block)
            advance(len(block.people))
        sanctioned = {
            str(name) for block in blocks if block.name in SANCTIONED for name in block.people.organization.tolist()
        }
        return World(*publish(scene, blocks), sanctioned=tuple(sorted(sanctioned)))


def lay_out(scene: Scene) -> list[Block]:
    """Lay out all traffic before texts are written: customers first, then campaigns."""
    blocks = [build_customers(scene, kind, count) for kind, count in customer_counts(scene.spec.accounts) if count]
    if scene.spec.rung:
        blocks += [build_campaign(scene, place) for place in range(scene.spec.campaigns)]
    for block in blocks:
        add_failures(scene, block)
    return blocks
