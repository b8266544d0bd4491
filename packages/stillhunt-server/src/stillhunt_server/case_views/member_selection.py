"""A part of a campaign's members, as an address names it: by traits, roles, verdicts, and when they were active."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.triage.kinds import role_label
from stillhunt_server.case_views.member_traits import MemberTraits

Flags = npt.NDArray[np.bool_]
_NUMBER = re.compile(r"[0-9]{1,4}")
_MINUTE = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True)
class MemberSelection:
    """What is asked of members; all of it must hold, and of several roles or verdicts one."""

    # having, lacking: references of traits (`trait_ref`) that a member has, and has not
    having: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()  # references and kinds of traits that are not shown; it leaves no member out
    # since, until: a member was active in between, UTC; None for no bound
    since: datetime | None = None
    until: datetime | None = None
    edges: int = 0  # the least number of traits that are shown of which a member has each with another one

    @property
    def narrows(self) -> bool:
        """Whether it leaves members out."""
        return replace(self, hidden=()) != MemberSelection()

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Its parameters in an address."""
        found = [
            (name, ".".join(held[start : start + _JOINED]))
            for name, held in zip(_NAMES, self._texts(), strict=True)
            for start in range(0, len(held), _JOINED)
        ]
        times = (("since", self.since), ("until", self.until))
        found += [(name, at.strftime(_MINUTE)) for name, at in times if at is not None]
        return (*found, *([(_EDGES, str(self.edges))] if self.edges else []))

    def url(self, *more: tuple[str, str]) -> str:
        """What stands behind the question mark.

        Args:
            more: further parameters.
        """
        return "?" + urlencode([*more, *self.pairs()])

    def also(self, having: tuple[str, ...] = (), lacking: tuple[str, ...] = ()) -> MemberSelection:
        """The same of members that have further traits, or lack them."""
        unique = [tuple(dict.fromkeys(one)) for one in ((*self.having, *having), (*self.lacking, *lacking))]
        return replace(self, having=unique[0], lacking=unique[1])

    def without(self, one: str) -> MemberSelection:
        """The same without what it says of a trait, a role, a verdict, a time or the number of edges."""
        having, lacking, roles, verdicts, hidden = (
            tuple(other for other in held if other != one) for held in self._texts()
        )
        since, until = (None if one == name else getattr(self, name) for name in ("since", "until"))
        edges = 0 if one == _EDGES else self.edges
        return MemberSelection(having, lacking, roles, verdicts, hidden, since, until, edges)

    def _texts(self) -> tuple[tuple[str, ...], ...]:
        return self.having, self.lacking, self.roles, self.verdicts, self.hidden


_JOINED = 8
"""Values in one parameter, with points between them: it may have 200 characters, and an address 20 of one name."""
_NAMES = ("with", "without", "role", "verdict", "hide")
_EDGES = "edges"


def read_selection(values_of: Callable[[str], tuple[str, ...]]) -> MemberSelection:
    """A selection from the parameters of an address.

    Args:
        values_of: gives the values of a parameter by its name.
    """
    since, until = (next(map(_read_minute, values_of(name)), None) for name in ("since", "until"))
    having, lacking, roles, verdicts, hidden = (split_values(values_of(name)) for name in _NAMES)
    edges = next((int(text) for text in values_of(_EDGES) if _NUMBER.fullmatch(text)), 0)
    return MemberSelection(having, lacking, roles, verdicts, hidden, since, until, edges)


def split_values(given: tuple[str, ...]) -> tuple[str, ...]:
    """The values of a parameter that is given several times, each time with some values."""
    return tuple(one for text in given for one in text.split(".") if one)


def _read_minute(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def select_members(traits: MemberTraits, selection: MemberSelection) -> tuple[Flags, int]:
    """Which members a selection means, shape (members,), and how many traits of it this case does not have.

    Where it has not the trait that members should have, it means none of them.
    """
    facts, place_of = traits.facts, {one.ref: place for place, one in enumerate(traits.traits)}
    chosen, missing = np.ones(facts.num_rows, np.bool_), 0
    for refs, wanted in ((selection.having, True), (selection.lacking, False)):
        for ref in refs:
            missing += ref not in place_of
            held = traits.holders_of(place_of[ref]) if ref in place_of else np.zeros(len(chosen), np.bool_)
            chosen &= held == wanted
    for column, values in (("role", selection.roles), ("verdict", selection.verdicts)):
        if values:
            chosen &= _as_flags(pc.is_in(facts[column], value_set=pa.array(values, pa.string())))
    if selection.since is not None:
        chosen &= _as_flags(pc.greater_equal(facts["last_seen"], pa.scalar(selection.since, facts["last_seen"].type)))
    if selection.until is not None:
        chosen &= _as_flags(pc.less(facts["first_seen"], pa.scalar(selection.until, facts["first_seen"].type)))
    if selection.edges:
        hidden = np.array([not {one.ref, one.kind}.isdisjoint(selection.hidden) for one in traits.traits], np.bool_)
        shown = traits.member[~hidden[traits.trait]] if len(hidden) else traits.member
        chosen &= np.bincount(shown, minlength=len(chosen)) >= selection.edges
    return chosen, missing


def describe_selection(traits: MemberTraits, selection: MemberSelection) -> list[tuple[str, str]]:
    """What a selection asks, part by part: in words, and the address of the same without that part."""
    label = {one.ref: one.label for one in traits.traits} | {one.kind: one.kind_label for one in traits.traits}
    said = [
        *((one, f"with {label.get(one, 'a trait that this case has not')}") for one in selection.having),
        *((one, f"without {label.get(one, 'a trait that this case has not')}") for one in selection.lacking),
        *((one, f"role {role_label(one)}") for one in selection.roles),
        *((one, f"verdict {one}") for one in selection.verdicts),
        *((one, f"not shown: {label.get(one, 'a trait')}") for one in selection.hidden),
    ]
    times = (("since", "active since"), ("until", "active before"))
    said += [(name, f"{word} {at:%Y-%m-%d %H:%M} UTC") for name, word in times if (at := getattr(selection, name))]
    if selection.edges:
        said.append((_EDGES, f"{formatting.plural(selection.edges, 'shared trait')} at least"))
    return [(words, selection.without(one).url()) for one, words in said]


def _as_flags(mask: pa.ChunkedArray) -> Flags:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), np.bool_)
