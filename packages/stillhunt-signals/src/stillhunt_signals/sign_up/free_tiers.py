"""One person with many free tiers: a finding of its own, which says nothing about harvesting.

Accounts belong to one person where they have a free tier and the same card, mail or device. Addresses and networks are
never looked at: an office, a campus or a mobile network has many people.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.live import RuleRows
from stillhunt.tools import HOUR, fill
from stillhunt_signals.sign_up.identifiers import IDENTIFIER_COLUMNS, PERSONAL_KINDS, IdentifierKind, SignUpHasher
from stillhunt_signals.sign_up.known import filter_trials
from stillhunt_signals.sign_up.registered import RegisteredSignUps

MOST_OF_ONE_PERSON = 50
"""Free tiers with one value above which it is nobody's own: a test card, or what a form sends where it knows nothing.
Judgement."""
_WORDS = {"card": "one card", "device": "one device", "mail": "one mail address"}


@dataclass(frozen=True)
class FreeTierPerson:
    """One person, as far as card, device and mail tell."""

    accounts: tuple[str, ...]  # with a free tier, in order of their first request
    by: tuple[IdentifierKind, ...]  # what they have in common
    requests: int  # of all of them in the window
    in_turn: int  # how many of the accounts began when the one before had ended, within an hour
    in_campaigns: int  # how many are members of campaigns, which is another finding

    @property
    def statement(self) -> str:
        """The finding in one sentence."""
        common = " and ".join(_WORDS[kind] for kind in self.by)
        said = fill("{n:free tier} of one person: they have {common} in common", n=len(self.accounts), common=common)
        if self.in_turn:
            said += fill("; {n:account} began when the one before had ended", n=self.in_turn)
        return said


def find_free_tiers(
    rows: RuleRows, registered: RegisteredSignUps, hasher: SignUpHasher, plans: Iterable[str], least: int = 2
) -> list[FreeTierPerson]:
    """Persons with several free tiers among the accounts of a hunt, those with the most accounts first.

    Args:
        registered: sign-ups, which know devices.
        plans: that are free tiers.
        least: accounts of a person from which it is one.
    """
    own = filter_trials(rows.accounts, frozenset(plans)).sort_by(
        [("first_request", "ascending"), ("account_id", "ascending")]
    )
    names = own["account_id"].to_pylist()
    if not names:
        return []
    together, shown = list(range(len(names))), defaultdict[int, set[IdentifierKind]](set)

    def root(place: int) -> int:
        while together[place] != place:
            together[place] = together[together[place]]
            place = together[place]
        return place

    for kind in PERSONAL_KINDS:
        values = own[IDENTIFIER_COLUMNS[kind]] if kind in IDENTIFIER_COLUMNS else _devices_of(own, registered, hasher)
        for places in _shared_places(values.to_pylist()):
            for place in places:
                together[root(place)] = root(places[0])
            shown[places[0]].add(kind)
    members: defaultdict[int, list[int]] = defaultdict(list)
    kinds: defaultdict[int, set[IdentifierKind]] = defaultdict(set)
    for place in range(len(names)):
        members[root(place)].append(place)
    for place, by in shown.items():
        kinds[root(place)] |= by
    found = [
        _describe_person(own.take(pa.array(places)), kinds[first])
        for first, places in members.items()
        if len(places) >= least
    ]
    return sorted(found, key=lambda one: (-len(one.accounts), one.accounts))


def _shared_places(values: list[int | None]) -> Iterator[list[int]]:
    """Places of each value that several have, and not more than one person can."""
    places: defaultdict[int, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        if value is not None:
            places[value].append(place)
    yield from (one for one in places.values() if 1 < len(one) <= MOST_OF_ONE_PERSON)


def _devices_of(accounts: pa.Table, registered: RegisteredSignUps, hasher: SignUpHasher) -> pa.Array:
    """The device of each account, from its sign-up; null where nobody told."""
    device = registered.devices()
    hashed = hasher.secrets_of("account", accounts["account_id"].cast(pa.string()).combine_chunks()).to_pylist()
    return pa.array([device.get(one) for one in hashed], pa.uint64())


def _describe_person(accounts: pa.Table, kinds: set[IdentifierKind]) -> FreeTierPerson:
    begins, ends = (accounts[name].cast(pa.int64()).to_pylist() for name in ("first_request", "last_request"))
    return FreeTierPerson(
        tuple(accounts["account_id"].to_pylist()),
        tuple(kind for kind in PERSONAL_KINDS if kind in kinds),
        _sum_column(accounts["requests"]),
        _count_in_turn(begins, ends),
        _sum_column(accounts["in_campaign"]),
    )


def _count_in_turn(begins: list[Any], ends: list[Any]) -> int:
    """How many began not before the one before them ended, an hour aside; all are in order of their begin."""
    pairs = zip(begins[1:], ends[:-1], strict=True)
    return sum(begin is not None and end is not None and begin >= end - HOUR for begin, end in pairs)


def _sum_column(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
