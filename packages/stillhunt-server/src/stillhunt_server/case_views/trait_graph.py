"""A graph of members and traits that begins with a few nodes; each step adds a few more, and says first how many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stillhunt.base import formatting
from stillhunt.triage.model import ID_CHARS
from stillhunt_server.case_views.member_selection import Flags, MemberSelection, select_members
from stillhunt_server.case_views.member_traits import OTHER_CAMPAIGN_KIND, MemberTrait, MemberTraits
from stillhunt_server.case_views.trait_matrix import MemberGroup, trait_matrix

FIRST_TRAITS, GROUPS_AT_ONCE, TRAITS_AT_ONCE, ACCOUNTS_AT_ONCE = 8, 8, 8, 20
"""Most nodes of one step. Judgement: what a reader takes in before the next one."""


@dataclass(frozen=True)
class GraphNode:
    """One node."""

    node_id: str
    kind: str  # trait, campaign (a trait that is another campaign), group, account, or rest (what was left out)
    label: str  # safe to show
    members: int
    select: str  # address of the selection that the node stands for, from the question mark on
    about: str = ""  # raw account or campaign, for its page; "" for others
    verdict: str = ""  # act, review or none: of an account, or of all members of a group; "" where they differ
    more: tuple[tuple[str, int], ...] = ()  # steps that add nodes to it, each with how many there are


@dataclass(frozen=True)
class GraphStep:
    """Nodes to add, and ties between nodes: ids of both ends."""

    nodes: tuple[GraphNode, ...]
    ties: tuple[tuple[str, str], ...]


def first_graph(traits: MemberTraits, chosen: Flags, selection: MemberSelection) -> GraphStep:
    """The traits that tell most members apart, and the largest groups by these."""
    matrix = trait_matrix(traits, chosen, selection, width=FIRST_TRAITS)
    shown = [_trait_node(trait, number, selection) for trait, number in matrix.columns]
    groups = _largest(matrix.rows)
    ties = [
        (f"t{trait.ref}", _group_id(group.selection))
        for group in groups
        for (trait, _), held in zip(matrix.columns, group.cells, strict=True)
        if held
    ]
    left = int(chosen.sum()) - sum(one.members for one in groups)
    rest = [_rest_node("rest", f"{formatting.plural(left, 'member')} in further groups", left, selection)]
    return GraphStep((*shown, *(_group_node(traits, one) for one in groups), *(rest if left else [])), tuple(ties))


def graph_step(
    traits: MemberTraits, selection: MemberSelection, part: str, node: str, shown: frozenset[str]
) -> GraphStep:
    """What a step adds to one node.

    Args:
        selection: what the node stands for.
        part: groups, traits or accounts.
        node: its id.
        shown: references of traits that are drawn.
    """
    chosen, _ = select_members(traits, selection)
    match part:
        case "groups":
            return _add_groups(traits, chosen, selection, node)
        case "traits":
            return _add_traits(traits, chosen, selection, node, shown)
        case _:
            return _add_accounts(traits, chosen, selection, node)


def _add_groups(traits: MemberTraits, chosen: Flags, selection: MemberSelection, node: str) -> GraphStep:
    groups = _largest(trait_matrix(traits, chosen, selection, width=FIRST_TRAITS).rows)
    left = int(chosen.sum()) - sum(one.members for one in groups)
    found = [_group_node(traits, one) for one in groups]
    if left:
        found.append(_rest_node(node, f"{formatting.plural(left, 'member')} in further groups", left, selection))
    return GraphStep(tuple(found), tuple((node, one.node_id) for one in found))


def _add_traits(
    traits: MemberTraits, chosen: Flags, selection: MemberSelection, node: str, shown: frozenset[str]
) -> GraphStep:
    counts = traits.count_in(chosen)
    new = _further_traits(traits, counts.tolist(), selection, shown)
    found = [_trait_node(traits.traits[at], int(counts[at]), selection) for at in new[:TRAITS_AT_ONCE]]
    if len(new) > TRAITS_AT_ONCE:
        label = formatting.plural(len(new) - TRAITS_AT_ONCE, "further trait")
        found.append(_rest_node(node, label, int(chosen.sum()), selection))
    return GraphStep(tuple(found), tuple((node, one.node_id) for one in found))


def _add_accounts(traits: MemberTraits, chosen: Flags, selection: MemberSelection, node: str) -> GraphStep:
    rows = np.flatnonzero(chosen)
    facts = traits.facts.select(["account_id", "verdict"]).take(rows[:ACCOUNTS_AT_ONCE])
    found = [
        GraphNode(
            node_id=f"a{row}",
            kind="account",
            label=formatting.shorten(one["account_id"], ID_CHARS),
            members=1,
            select="",
            about=one["account_id"],
            verdict=one["verdict"],
        )
        for row, one in zip(rows.tolist(), facts.to_pylist(), strict=False)
    ]
    if left := len(rows) - len(found):
        found.append(_rest_node(node, f"{formatting.count(left)} further accounts", left, selection))
    return GraphStep(tuple(found), tuple((node, one.node_id) for one in found))


def _further_traits(
    traits: MemberTraits, counts: list[int], selection: MemberSelection, shown: frozenset[str]
) -> list[int]:
    """Places of traits that some of the members have and that are not drawn, those of most of them first."""
    hidden = {*selection.hidden, *shown}
    places = [at for at, one in enumerate(traits.traits) if counts[at] and not {one.ref, one.kind} & hidden]
    return sorted(places, key=lambda at: (-counts[at], at))


def _largest(groups: Iterable[MemberGroup]) -> list[MemberGroup]:
    """The largest groups, in the order in which they come."""
    listed = list(groups)
    kept = sorted(range(len(listed)), key=lambda at: (-listed[at].members, at))[:GROUPS_AT_ONCE]
    return [listed[at] for at in sorted(kept)]


def _trait_node(trait: MemberTrait, members: int, selection: MemberSelection) -> GraphNode:
    pivot = trait.kind == OTHER_CAMPAIGN_KIND
    select = selection.also(having=(trait.ref,)).url()
    more = (("groups", members), ("accounts", members))
    about = trait.value if pivot else ""
    kind = trait.kind_label.lower() if trait.short != trait.label else ""
    label = f"{trait.short} ({kind})" if kind else trait.short
    return GraphNode(f"t{trait.ref}", "campaign" if pivot else "trait", label, members, select, about, more=more)


def _group_node(traits: MemberTraits, group: MemberGroup) -> GraphNode:
    chosen = np.zeros(traits.facts.num_rows, np.bool_)
    chosen[group.rows] = True
    further = int((traits.count_in(chosen) > 0).sum()) - len(group.selection.having)
    verdicts = [name for name, number in zip(("act", "review", "none"), group.verdicts, strict=True) if number]
    return GraphNode(
        node_id=_group_id(group.selection),
        kind="group",
        label=formatting.plural(group.members, "member"),
        members=group.members,
        select=group.selection.url(),
        verdict=verdicts[0] if len(verdicts) == 1 else "",
        more=(("accounts", group.members), ("traits", max(0, further))),
    )


def _rest_node(node: str, label: str, members: int, selection: MemberSelection) -> GraphNode:
    return GraphNode(f"r{node}", "rest", label, members, selection.url())


def _group_id(selection: MemberSelection) -> str:
    return "g" + hashlib.sha256(selection.url().encode()).hexdigest()[:16]
