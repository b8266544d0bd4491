"""What a case shows of each campaign, gathered once, in the shape in which marks are compared with it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.case import UNKNOWN, WORD_OF_PROMPT, Case

Row = Mapping[str, Any]
Runs = frozenset[tuple[str, ...]]
"""Runs of words of a text."""
Wanted = Callable[[str], bool]
"""Whether a value is a mark."""

LIST_OF = {"client": "clients", "network": "networks", "country": "countries"}
"""Aspect of origins -> column of member_details with the values of a member, the most used first."""


@dataclass(frozen=True)
class MarkCoverage:
    """How much of a campaign has a mark."""

    accounts: int  # accounts of which the value is known
    with_mark: int  # those that mainly have the mark
    requests: float  # share of the requests of known value that have it
    members: int  # all accounts of the campaign, known or not

    @property
    def share(self) -> float:
        """The smaller of the shares of accounts and of requests; 0 where nothing is known."""
        return min(self.with_mark / self.accounts, self.requests) if self.accounts else 0.0


@dataclass(frozen=True)
class SeenAddresses:
    """From which addresses, or networks, a campaign was sent, as far as actors are known for them."""

    requests: int  # of the addresses that the case lists
    accounts: Sequence[str]  # of which the case lists addresses
    known: Sequence[Row]  # rows with a hash for which an actor is known


@dataclass(frozen=True)
class SeenCampaign:
    """One campaign of a case, or group left alone, with the rows of the case about it."""

    row: Row
    # members, origins, cited, samples, timeline, taken, phrases: its rows of the tables of these names; of a group left
    # alone, members alone
    members: Sequence[Row]
    origins: Sequence[Row] = ()
    cited: Sequence[Row] = ()
    samples: Sequence[Row] = ()
    timeline: Sequence[Row] = ()
    taken: Sequence[Row] = ()
    phrases: Sequence[Row] = ()
    addresses: Mapping[str, SeenAddresses] = field(default_factory=dict)  # by kind, as in the table of addresses
    _runs: dict[int, Sequence[Runs]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def campaign_id(self) -> str:
        """Its id."""
        return str(self.row["campaign_id"])

    def origin_coverage(self, aspect: str, wanted: Wanted) -> MarkCoverage | None:
        """How much of it mainly sends with wanted values; None where the case knows no values."""
        requests = {row["value"]: row["requests"] for row in self.origins if row["aspect"] == aspect}
        known = sum(times for value, times in requests.items() if value != UNKNOWN)
        main = [row[LIST_OF[aspect]][0] for row in self.members if row[LIST_OF[aspect]]]
        if not known or not main:
            return None
        having = sum(times for value, times in requests.items() if value != UNKNOWN and wanted(value))
        return MarkCoverage(len(main), sum(map(wanted, main)), having / known, len(self.members))

    def column_coverage(self, column: str, wanted: Wanted) -> MarkCoverage | None:
        """How many of its accounts have a wanted value in the table of accounts; None where it has none."""
        known = [row[column] for row in self.members if row[column] is not None]
        having = sum(map(wanted, known))
        return MarkCoverage(len(known), having, having / len(known), len(self.members)) if known else None

    def account_coverage(self, having: Mapping[str, bool], requests: float = 1.0) -> MarkCoverage | None:
        """How many accounts have a mark, where it was looked for in some of them; None where in none.

        `having`: account -> whether it has the mark.
        """
        if not having:
            return None
        return MarkCoverage(len(having), sum(having.values()), requests, max(len(self.members), len(having)))

    def excerpt_runs(self, length: int) -> Sequence[Runs]:
        """The runs of words in each of its excerpts, in the order of `samples`; the same object every time."""
        if length not in self._runs:
            self._runs[length] = [runs_of_words(row["text"], length) for row in self.samples]
        return self._runs[length]

    def address_coverage(self, kind: str, hashes: frozenset[str]) -> MarkCoverage | None:
        """How many accounts send from addresses with these hashes; None where the case has no hashes.

        `kind`: address or network, as in the table of addresses.
        """
        seen = self.addresses.get(kind)
        if seen is None:
            return None
        found = [row for row in seen.known if row["hash"] in hashes]
        having = dict.fromkeys(seen.accounts, False) | dict.fromkeys((row["account_id"] for row in found), True)
        requests = sum(row["requests"] for row in found)
        return self.account_coverage(having, requests / seen.requests if seen.requests else 0.0)

    def days_covered(self, wanted: Wanted) -> float:
        """Share of its duration in which accounts that mainly use wanted networks are active, 0 to 1."""
        first, last = self.row["first_seen"], self.row["last_seen"]
        spans = sorted(
            (row["first_seen"], row["last_seen"])
            for row in self.members
            if row["networks"] and row["first_seen"] is not None and wanted(row["networks"][0])
        )
        length = (last - first).total_seconds()
        if length <= 0:
            return float(bool(spans))
        covered, reached = 0.0, first
        for begin, end in spans:
            covered += max((end - max(begin, reached)).total_seconds(), 0.0)
            reached = max(reached, end)
        return float(min(covered / length, 1.0))


@dataclass(frozen=True)
class SeenCase:
    """All campaigns of a case, for one comparison."""

    campaigns: Mapping[str, SeenCampaign]  # those with the verdict act or review, by id
    groups: Mapping[str, SeenCampaign]  # groups left alone, by id
    operators: Sequence[Row]
    seed: int
    # what comparisons with an actors file found of a campaign, by its id and the file's
    weighed: dict[tuple[str, int], Any] = field(default_factory=dict, repr=False, compare=False)

    def sets_of(self, campaign: str, relation: str) -> list[list[Row]]:
        """The sets of a relation that hold a campaign, each with its rows."""
        names = sorted(
            {r["operator_id"] for r in self.operators if r["campaign_id"] == campaign and r["relation"] == relation}
        )
        return [[row for row in self.operators if row["operator_id"] == name] for name in names]

    def others(self, campaign: str, known: Sequence[str]) -> list[SeenCampaign]:
        """Campaigns to compare with: not those of the same operator or pool, nor known ones of the actor."""
        related = {campaign, *known}
        for relation in ("one_operator", "one_pool"):
            related |= {row["campaign_id"] for rows in self.sets_of(campaign, relation) for row in rows}
        return [one for name, one in sorted(self.campaigns.items()) if name not in related]


def runs_of_words(text: str, length: int) -> Runs:
    """All runs of so many words of a text, in small letters; the only one of a shorter text.

    `text`: any text; in scripts without spaces each character is a word.
    """
    words = [word.lower() for word in WORD_OF_PROMPT.findall(text)]
    length = min(length, len(words))
    return frozenset(tuple(words[start : start + length]) for start in range(len(words) - length + 1))


_OF_CAMPAIGNS = ("origins", "cited", "samples", "timeline", "taken", "phrases")
_KIND = ("campaign_id", "kind")


def seen_case(case: Case, hashes: Iterable[str]) -> SeenCase:
    """Gather what a case shows of its campaigns.

    `hashes`: hashes of addresses and networks for which actors are known; a case may have a million of others.
    """
    rows = {row["campaign_id"]: row for row in case.tables["campaigns"].to_pylist()}
    found = [name for name, row in rows.items() if row["verdict"] != "none"]
    members = _group_rows(case.member_details, "campaign_id")
    wanted = pa.array(found, pa.string())
    own = {name: case.views[name] for name in _OF_CAMPAIGNS}
    views = {
        name: _group_rows(table.filter(pc.is_in(table["campaign_id"], value_set=wanted)), "campaign_id")
        for name, table in own.items()
    }
    addresses = _group_seen_addresses(case.addresses, sorted(set(hashes)))
    campaigns = {
        name: SeenCampaign(
            rows[name],
            members.get(name, ()),
            addresses=addresses.get(name, {}),
            **{view: of.get(name, ()) for view, of in views.items()},
        )
        for name in sorted(found)
    }
    groups = {name: SeenCampaign(rows[name], members.get(name, ())) for name in sorted(set(rows) - set(found))}
    return SeenCase(campaigns, groups, case.operators.to_pylist(), int(case.run.get("seed") or 0))


def _group_seen_addresses(table: pa.Table, hashes: list[str]) -> dict[str, dict[str, SeenAddresses]]:
    """Addresses by campaign and kind; only rows with one of the hashes become objects."""
    known = _group_rows(table.filter(pc.is_in(table["hash"], value_set=pa.array(hashes, pa.string()))), *_KIND)
    sums = table.group_by(["campaign_id", "kind", "account_id"]).aggregate([("requests", "sum")])
    found: dict[str, dict[str, SeenAddresses]] = defaultdict(dict)
    for (campaign, kind), rows in _group_rows(sums, *_KIND).items():
        accounts = sorted(row["account_id"] for row in rows)
        requests = sum(row["requests_sum"] for row in rows)
        found[campaign][kind] = SeenAddresses(requests, accounts, known.get((campaign, kind), ()))
    return found


def _group_rows(table: pa.Table, *columns: str) -> dict[Any, list[Row]]:
    """Value of a column, or values of several, -> its rows."""
    key_of, found = itemgetter(*columns), defaultdict(list)
    for row in table.to_pylist():
        found[key_of(row)].append(row)
    return found
