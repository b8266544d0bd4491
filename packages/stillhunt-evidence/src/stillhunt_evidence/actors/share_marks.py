"""Marks of which a share of the campaign has them: networks, clients, countries, sign-up, settings and texts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stillhunt.tools import formatting
from stillhunt_evidence.actors.actors_file import Actor, ActorNetwork, BaseRates
from stillhunt_evidence.actors.observed import MarkCoverage, Runs, SeenCampaign, SeenCase, Wanted, runs_of_words
from stillhunt_evidence.actors.parameters import CAUTIOUS_RATES, MARK_CAPS, MARK_RULES
from stillhunt_evidence.actors.weights import Mark, any_of, base_rate, coverage_bits

# words: words in a row of a known text that an excerpt must hold; all of a shorter text (shorter runs recur by chance)
_PHRASE_RUN = 8
# Share of a known text's phrases that must be among those by which a campaign is known (a case keeps the phrases that
# are rare in the log, not all)
_PHRASE_HASHES = 0.3

if TYPE_CHECKING:
    from stillhunt.logs import PhraseReader


class KnownTexts:
    """Compares texts with what a case kept of the prompts.

    Excerpts are redacted and short, and there are some twenty a campaign, those with shared phrases first; hashes of
    phrases are those by which the campaign is known. Both may miss a text that is there.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._hashes: dict[str, frozenset[int]] = {}

    def coverage_of(self, texts: Sequence[str]) -> Callable[[SeenCampaign], MarkCoverage | None]:
        """How many accounts of a campaign send one of some texts.

        Returns a function of the campaign; None where the case kept neither excerpts nor phrases of it.
        """
        runs = [runs_of_words(text, _PHRASE_RUN) for text in texts]

        def coverage(seen: SeenCampaign) -> MarkCoverage | None:
            found = [self._by_hashes(seen, texts), _by_excerpts(seen, runs)]
            return max((one for one in found if one is not None), key=lambda one: one.share, default=None)

        return coverage

    def _by_hashes(self, seen: SeenCampaign, texts: Sequence[str]) -> MarkCoverage | None:
        """By the phrase of the text that the fewest requests have, of the better half of those found."""
        rows = {row["phrase"]: row for row in seen.phrases if row["kind"] == "phrase"}
        best: MarkCoverage | None = None
        for text in texts if rows else ():
            wanted = self._hashes_of(text)
            found = sorted((rows[one] for one in wanted if one in rows), key=lambda row: -row["requests"])
            if not wanted or len(found) < max(_PHRASE_HASHES * len(wanted), 1):
                continue
            middle = found[len(found) // 2]
            share = middle["requests"] / max(middle["looked_at"], 1)
            accounts = middle["members_looked_at"]
            own = MarkCoverage(accounts, middle["accounts"], share, max(len(seen.members), accounts))
            best = own if best is None or own.share > best.share else best
        if best is None and rows:
            return MarkCoverage(len(seen.members), 0, 0.0, len(seen.members)) if seen.members else None
        return best

    def _hashes_of(self, text: str) -> frozenset[int]:
        if text not in self._hashes:
            phrases, _ = self._reader.read(text.encode(), b"")
            self._hashes[text] = frozenset(phrases.tolist())
        return self._hashes[text]

    @cached_property
    def _reader(self) -> PhraseReader:
        from stillhunt.logs import PhraseReader  # start-up time: kernels, which a case without phrases does not need

        return PhraseReader(self._seed)


def _by_excerpts(seen: SeenCampaign, texts: Sequence[Runs]) -> MarkCoverage | None:
    """Accounts of which at least half of the excerpts hold a run of words of one of the texts."""
    having: dict[str, list[bool]] = defaultdict(list)
    own = {length: seen.excerpt_runs(length) for length in sorted({len(next(iter(text))) for text in texts})}
    for place, row in enumerate(seen.samples):
        found = any(not text.isdisjoint(own[len(next(iter(text)))][place]) for text in texts)
        having[row["account_id"]].append(found)
    total = sum(map(len, having.values()))
    share = sum(map(sum, having.values())) / total if total else 0.0
    return seen.account_coverage({account: 2 * sum(of) >= len(of) for account, of in having.items()}, share)


# Share of the accounts, requests and days that a network must cover to be costly to plant (planting is usually in a
# part of the accounts)
_COSTLY_SHARE = 0.8

_ASN = re.compile(r"AS(\d+)\b")
_SHOWN = 4
_SENDS = ("mainly sends from", "mainly send from")
_SIGN_UP = {
    "email_domains": ("email_domain", ("has a mail address at", "have mail addresses at")),
    "payment_countries": ("payment_country", ("pays from", "pay from")),
    "phone_countries": ("phone_country", ("has a phone number of", "have phone numbers of")),
    "signup_countries": ("signup_country", ("signed up from", "signed up from")),
    "organizations": ("organization_id", ("declares the organisation", "declare the organisation")),
    "plans": ("plan", ("has the price plan", "have the price plan")),
    "declared_uses": ("declared_use", ("declares the use", "declare the use")),
}
"""Field of the actors file -> column of member_details, and what accounts with its values do."""


@dataclass(frozen=True)
class ActorOnCampaign:
    """One actor beside one campaign."""

    seen: SeenCampaign
    case: SeenCase
    actor: Actor
    rates: BaseRates

    @cached_property
    def others(self) -> list[SeenCampaign]:
        """The campaigns to compare with."""
        return self.case.others(self.seen.campaign_id, self.actor.known.campaigns)

    def stated(self, kind: str) -> float:
        """The base rate of a kind: of the file, or the conservative one.

        `kind`: field of `BaseRates`.
        """
        rate = getattr(self.rates, kind)
        return float(CAUTIOUS_RATES[kind] if rate is None else rate)


Seeing = Callable[[SeenCampaign], MarkCoverage | None]
"""How much of a campaign has a mark."""


@dataclass(frozen=True)
class ShareKind:
    """A kind of mark of which a share of the campaign has it."""

    name: str
    source: str
    cap: float
    verbs: tuple[str, str]  # what one account with the mark does, and what several do, with the values behind it
    lacks: str  # what the case lacks where it cannot say
    comparison: str = "other campaigns"  # what the base rate counts, in the plural

    def weigh(
        self,
        seeing: Seeing,
        on: ActorOnCampaign,
        stated: float,
        values: str,
        compared: list[SeenCampaign] | None = None,
    ) -> Mark:
        """The mark of one actor.

        Args:
            seeing: how much of a campaign has it.
            stated: its base rate before the case was seen.
            compared: what the base rate counts; the other campaigns where it is None.
        """
        coverage = seeing(on.seen)
        if coverage is None:
            return Mark(self.name, self.source, False, 0.0, None, False, self.lacks)
        rate = base_rate(stated, map(seeing, on.others if compared is None else compared))
        bits, statement = coverage_bits(coverage, rate, self.cap), self._compose_share_statement(coverage, rate, values)
        return Mark(self.name, self.source, False, bits, coverage.share, True, statement)

    def _compose_share_statement(self, coverage: MarkCoverage, rate: float, values: str) -> str:
        who = formatting.sentence_case(formatting.part_of(coverage.with_mark, coverage.accounts, "account"))
        requests = ""
        if coverage.with_mark and coverage.requests < coverage.with_mark / coverage.accounts:
            requests = f", for {formatting.percent(coverage.requests)} of the requests"
        usual = f"; about {formatting.percent(rate)} of {self.comparison} are like that"
        verb = formatting.verb(1 if coverage.accounts == 1 else coverage.with_mark, *self.verbs)
        return f"{who} {verb}{' ' * bool(values)}{values}{requests}{usual}"


NETWORK = ShareKind("network", "network", MARK_CAPS["network"], _SENDS, "The case knows no networks")
OWN_NETWORK = ShareKind(
    "own_network",
    "network",
    MARK_RULES.own_network_cap,
    ("mainly sends from the actor's own networks", "mainly send from the actor's own networks"),
    NETWORK.lacks,
)
COUNTRY = ShareKind("country", "network", MARK_CAPS["country"], _SENDS, "The case knows no countries")
CLIENTS_USED = ShareKind(
    "client", "program", MARK_CAPS["client"], ("mainly uses", "mainly use"), "The case knows no clients"
)
SETTINGS_USED = ShareKind(
    "settings",
    "program",
    MARK_CAPS["settings"],
    ("mainly sets", "mainly set"),
    "The case cites no requests with these settings",
)
PHRASE_MARK = ShareKind(
    "phrases",
    "wording",
    MARK_CAPS["phrase"],
    ("sends", "send"),
    "The case has neither excerpts nor phrases of this campaign, or the text was in no form to compare",
)


def share_marks(on: ActorOnCampaign, texts: KnownTexts) -> Iterator[Mark]:
    """The marks of shares that the file gives of an actor."""
    yield from _network_marks(on)
    actor = on.actor
    if actor.countries:
        codes = frozenset(actor.countries)
        rate, seeing = any_of([on.stated("country")] * len(codes)), _make_origin_measure("country", codes.__contains__)
        yield COUNTRY.weigh(seeing, on, rate, _join_short_values(sorted(codes)))
    if actor.client:
        names = {one.family.casefold() for one in actor.client}
        rate = any_of(one.common or on.stated("client") for one in actor.client)
        seeing = _make_origin_measure("client", lambda value: value.casefold() in names)
        yield CLIENTS_USED.weigh(seeing, on, rate, _join_short_values(sorted(one.family for one in actor.client)))
    if wanted := {name: set(values) for name, values in dict(actor.settings).items() if values}:
        shown = _join_short_values(
            [
                f"{name} {_join_short_values(list(map(_format_setting_value, sorted(of))), 'or')}"
                for name, of in wanted.items()
            ]
        )
        yield SETTINGS_USED.weigh(
            lambda seen: _measure_settings_coverage(seen, wanted), on, on.stated("settings"), shown
        )
    if actor.phrases:
        rate = on.stated("phrase")
        seeing = texts.coverage_of(actor.phrases)
        count = formatting.verb(len(actor.phrases), "the known text", f"one of {len(actor.phrases)} known texts")
        yield PHRASE_MARK.weigh(seeing, on, rate, count)
    yield from _sign_up_marks(on)


def _network_marks(on: ActorOnCampaign) -> Iterator[Mark]:
    for own, kind in ((False, NETWORK), (True, OWN_NETWORK)):
        networks = [one for one in on.actor.network if one.own == own]
        if not networks:
            continue
        wanted = network_test(networks)
        stated = on.stated("own_network" if own else "network")
        rate = any_of(one.common or stated for one in networks)
        names = _join_short_values(sorted(f"AS{one.asn}" if one.asn else f"'{one.name}'" for one in networks))
        mark = kind.weigh(_make_origin_measure("network", wanted), on, rate, f"({names})" if own else names)
        yield _weigh_own_network(mark, on, wanted) if own else mark


def _weigh_own_network(mark: Mark, on: ActorOnCampaign, wanted: Wanted) -> Mark:
    """An own network is costly to plant only where it covers nearly all accounts, requests and days."""
    if not mark.known or mark.coverage is None or mark.bits <= 0:
        return mark
    days = on.seen.days_covered(wanted)
    known = on.seen.origin_coverage("network", wanted)
    hidden = 0.0 if known is None else known.with_mark / known.members  # accounts of unknown network do not count
    statement = f"{mark.statement}; they are active in {formatting.percent(days)} of its duration"
    if min(mark.coverage, days, hidden) >= _COSTLY_SHARE:
        # The known addresses of an actor may be those of a campaign that the file lists: it cannot confirm itself.
        listed = on.seen.campaign_id in on.actor.known.campaigns
        used = None if listed else addresses_used(on.actor)(on.seen)
        if used is None or used.share < MARK_RULES.most:
            return Mark(mark.kind, mark.source, True, mark.bits, mark.coverage, True, statement)
        more = coverage_bits(used, base_rate(on.stated("address"), ()), MARK_CAPS["address"])
        bits = min(mark.bits + more, MARK_RULES.used_network_cap)
        statement = f"{statement}, most of them from addresses that it used before"
        return Mark(mark.kind, mark.source, True, bits, mark.coverage, True, statement)
    bits = min(mark.bits, MARK_CAPS["network"])
    return Mark(mark.kind, mark.source, False, bits, mark.coverage, True, f"{statement}, too little to be sure of it")


def addresses_used(actor: Actor) -> Seeing:
    """How much of a campaign comes from addresses that an actor used before; by networks where no address is known."""
    known = actor.known
    kind, hashes = ("address", known.addresses) if known.addresses else ("network", known.networks)
    return lambda seen: seen.address_coverage(kind, frozenset(hashes)) if hashes else None


def network_test(networks: list[ActorNetwork]) -> Wanted:
    """A test for names of networks as cases have them, such as `AS64500 Example`."""
    numbers = {one.asn for one in networks if one.asn is not None}
    names = [re.compile(rf"\b{re.escape(one.name)}\b", re.IGNORECASE) for one in networks if one.name is not None]

    def wanted(value: str) -> bool:
        found = _ASN.match(value)
        return (found is not None and int(found[1]) in numbers) or any(name.search(value) for name in names)

    return wanted


def _make_origin_measure(aspect: str, wanted: Wanted) -> Seeing:
    return lambda seen: seen.origin_coverage(aspect, wanted)


def _measure_settings_coverage(seen: SeenCampaign, wanted: dict[str, set[float]]) -> MarkCoverage | None:
    """Accounts whose cited requests mainly set wanted values; requests that set none of them are left out."""
    fits: dict[str, list[bool]] = defaultdict(list)
    for row in seen.cited:
        if any(row[name] is not None for name in wanted):
            fits[row["account_id"]].append(all(row[name] in values for name, values in wanted.items()))
    total = sum(map(len, fits.values()))
    share = sum(map(sum, fits.values())) / total if total else 0.0
    return seen.account_coverage({account: 2 * sum(of) > len(of) for account, of in fits.items()}, share)


def _format_setting_value(value: float) -> str:
    return f"{value:g}" if value != int(value) else formatting.count(int(value))


def _sign_up_marks(on: ActorOnCampaign) -> Iterator[Mark]:
    for field, (column, verbs) in _SIGN_UP.items():
        values = frozenset(getattr(on.actor.sign_up, field))
        if not values:
            continue
        lacks = f"The table of accounts has no column {column}"
        kind = ShareKind(column, "sign_up", MARK_CAPS["sign_up"], verbs, lacks, "other campaigns and groups")
        compared = [*on.others, *on.case.groups.values()]
        rate = any_of([on.stated("sign_up")] * len(values))
        yield kind.weigh(_make_column_measure(column, values), on, rate, _join_short_values(sorted(values)), compared)


def _make_column_measure(column: str, values: frozenset[str]) -> Seeing:
    return lambda seen: seen.column_coverage(column, values.__contains__)


def _join_short_values(values: list[str], last: str = "and") -> str:
    shown = [formatting.shorten(value, 40) for value in values]
    words = formatting.join_some(shown, _SHOWN)
    return words if last == "and" else words.replace(" and ", f" {last} ")
