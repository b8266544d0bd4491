"""Members by traits as an ordered matrix: members with equal traits are one row, and similar ones are neighbours.

The order is by barycentres: a row's place is the mean place of its traits, a trait's that of its members, in turn
(Makinen and Siirtola, "The Barycenter Heuristic and the Reorderable Matrix", Informatica 29, 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillhunt.base import formatting
from stillhunt_server.case_views.campaign_profiles import Integers
from stillhunt_server.case_views.member_selection import Flags, MemberSelection
from stillhunt_server.case_views.member_traits import BETWEEN, COMMON, NOT_KNOWN, RARE, MemberTrait, MemberTraits

COLUMNS_SHOWN = 16
"""Traits of a matrix. Judgement: as many as a screen has room for."""
ROWS_SHOWN = 40
"""Groups on one page. Judgement: a screen and a half."""
_ROUNDS = 24
"""Of the ordering; it settles within some ten."""
_WEIGHT_SHOWN = {RARE: 4, BETWEEN: 2, NOT_KNOWN: 2, COMMON: 1}
"""Times the members that a trait tells apart, to choose those shown. Judgement: a rare one of few says as much as a
common one of many."""


@dataclass(frozen=True)
class MemberGroup:
    """Members that have the same of the shown traits."""

    rows: Integers  # rows of the members in `MemberTraits.facts`
    cells: tuple[bool, ...]  # whether they have each shown trait
    selection: MemberSelection  # of exactly these members
    # verdicts, requests: how many have each verdict, in the order act, review, none; their requests
    verdicts: tuple[int, int, int]
    requests: int

    @property
    def members(self) -> int:
        """How many they are."""
        return len(self.rows)

    @property
    def verdict_words(self) -> str:
        """Their own verdicts, with numbers where they differ."""
        some = [(name, number) for name, number in zip(("act", "review", "none"), self.verdicts, strict=True) if number]
        return some[0][0] if len(some) == 1 else ", ".join(f"{formatting.count(n)} {name}" for name, n in some)


@dataclass(frozen=True)
class TraitMatrix:
    """One page of the matrix of some members."""

    # the traits shown, in order, each with how many of these members have it
    columns: tuple[tuple[MemberTrait, int], ...]
    rows: tuple[MemberGroup, ...]
    common: tuple[MemberTrait, ...]  # traits that all of them have, which tell nobody apart
    further: tuple[MemberTrait, ...]  # traits that some have and that are not shown
    # groups, covered: groups on all pages, and members in those of this page
    groups: int
    covered: int
    pages: int  # pages, at least 1


def trait_matrix(
    traits: MemberTraits, chosen: Flags, selection: MemberSelection, page: int = 1, width: int = COLUMNS_SHOWN
) -> TraitMatrix:
    """The matrix of some members: the largest groups first, and those of one page in the order in which blocks show.

    It misleads where many traits are not shown: members of one row may differ in these.

    Args:
        chosen: the members that `selection` means, shape (members,).
        page: from 1; the last one where it is beyond.
        width: most traits.
    """
    wanted = np.flatnonzero(chosen)
    counts = traits.count_in(chosen)
    usable = [place for place in np.flatnonzero(counts).tolist() if not _is_hidden(traits.traits[place], selection)]
    common = tuple(traits.traits[place] for place in usable if counts[place] == len(wanted))
    telling = [place for place in usable if 1 < counts[place] < len(wanted)]
    weight = {at: _tell_apart(traits.traits[at], int(counts[at]), len(wanted)) for at in telling}
    telling.sort(key=lambda place: (-weight[place], place))
    shown, further = telling[:width], telling[width:]
    held = _held_by(traits, wanted, shown)
    codes = held @ (1 << np.arange(len(shown), dtype=np.int64)) if shown else np.zeros(len(wanted), np.int64)
    patterns, group_of, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    cells = (patterns[:, None] >> np.arange(len(shown)) & 1).astype(np.bool_)
    row_place, column_order = _order_by_barycentre(cells, sizes)
    by_size = np.lexsort((patterns, -sizes))
    pages = max(1, -(-len(patterns) // ROWS_SHOWN))
    first = (min(page, pages) - 1) * ROWS_SHOWN
    here = by_size[first : first + ROWS_SHOWN]
    here = here[np.argsort(row_place[here], kind="stable")]
    columns = [shown[place] for place in column_order]
    members_of = _split_by_group(group_of, sizes)
    rows = [
        _make_group(traits, wanted[members_of[at]], cells[at][column_order].tolist(), columns, selection)
        for at in here.tolist()
    ]
    return TraitMatrix(
        columns=tuple((traits.traits[place], int(counts[place])) for place in columns),
        rows=tuple(rows),
        common=common,
        further=tuple(traits.traits[place] for place in further),
        groups=len(patterns) if len(wanted) else 0,
        covered=sum(one.members for one in rows),
        pages=pages,
    )


def _is_hidden(trait: MemberTrait, selection: MemberSelection) -> bool:
    return trait.ref in selection.hidden or trait.kind in selection.hidden


def _tell_apart(trait: MemberTrait, members: int, total: int) -> float:
    """How much a trait says about who belongs together: most where it is rare, and halves the members."""
    return _WEIGHT_SHOWN[trait.commonness] * members * (total - members) / total


def _held_by(traits: MemberTraits, wanted: Integers, shown: Sequence[int]) -> npt.NDArray[np.int64]:
    """Whether members have traits, as 0 and 1, shape (members wanted, traits shown)."""
    row_of = np.full(traits.facts.num_rows, -1, np.int64)
    row_of[wanted] = np.arange(len(wanted))
    column_of = np.full(len(traits.traits), -1, np.int64)
    column_of[list(shown)] = np.arange(len(shown))
    row, column = row_of[traits.member], column_of[traits.trait]
    held = np.zeros((len(wanted), len(shown)), np.int64)
    kept = (row >= 0) & (column >= 0)
    held[row[kept], column[kept]] = 1
    return held


def _order_by_barycentre(cells: Flags, sizes: Integers) -> tuple[npt.NDArray[np.float64], Integers]:
    """Places of rows, and the order of columns, so that blocks are seen; rows without a trait come last.

    Args:
        cells: whether each group has each trait, shape (groups, traits).
        sizes: members of each group.
    """
    order = np.arange(cells.shape[1])
    of_rows, weights = cells.sum(axis=1), cells * sizes[:, None]
    of_columns = np.maximum(weights.sum(axis=0), 1)
    places = np.zeros(len(cells))
    for _ in range(_ROUNDS):
        rank = np.empty(len(order))
        rank[order] = np.arange(len(order))
        places = np.where(of_rows > 0, cells @ rank / np.maximum(of_rows, 1), len(order))
        before, order = order, np.argsort(np.round(places @ weights / of_columns, 9), kind="stable")
        if np.array_equal(before, order):
            break
    return places, order


def _split_by_group(group_of: Integers, sizes: Integers) -> list[Integers]:
    """The members of each group, in their order."""
    return np.split(np.argsort(group_of, kind="stable"), np.cumsum(sizes)[:-1])


def _make_group(
    traits: MemberTraits, rows: Integers, cells: Sequence[bool], columns: Sequence[int], selection: MemberSelection
) -> MemberGroup:
    refs = [traits.traits[place].ref for place in columns]
    having = tuple(ref for ref, held in zip(refs, cells, strict=True) if held)
    lacking = tuple(ref for ref, held in zip(refs, cells, strict=True) if not held)
    own = traits.facts.select(["verdict", "requests"]).take(rows)
    verdicts = own["verdict"].to_pylist()
    return MemberGroup(
        rows=rows,
        cells=tuple(cells),
        selection=selection.also(having, lacking),
        verdicts=(verdicts.count("act"), verdicts.count("review"), verdicts.count("none")),
        requests=sum(own["requests"].to_pylist()),
    )
