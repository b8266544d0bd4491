"""What accounts have in common, and what campaigns can be compared by: traits and profiles, made once per case."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.triage.samples import SHARED_RUN_WORDS, WORD_OF_PROMPT

Integers = npt.NDArray[np.int64]

SIGN_UP_HOURS = 12
"""Length of a sign-up window, in hours: that of the evidence `created_at`, whose bits are about the same windows."""
_LABEL_CHARS = 48


@dataclass(frozen=True)
class TraitKind:
    """One thing that accounts can have in common."""

    name: str
    label: str
    column: str
    # kind of evidence that says how common exactly this is among all customers; empty where none does
    evidence: str = ""


TRAIT_KINDS = (
    TraitKind("client", "Client", "clients"),
    TraitKind("network", "Network", "networks"),
    TraitKind("ip_kind", "Kind of address", "ip_kinds"),
    TraitKind("country", "Country", "countries"),
    TraitKind("sign_up", f"Signed up within {SIGN_UP_HOURS} hours", "created_at", "created_at"),
    TraitKind("email_domain", "E-mail domain", "email_domain", "email_domain"),
    TraitKind("organization", "Organisation", "organization_id"),
    TraitKind("plan", "Plan", "plan"),
    TraitKind("payment_country", "Country of payment", "payment_country"),
    TraitKind("phone_country", "Country of the phone", "phone_country"),
    TraitKind("signup_country", "Country of the sign-up", "signup_country"),
    TraitKind("declared_use", "Declared use", "declared_use"),
    TraitKind("other_campaign", "Also in", "campaign_id"),
)
"""In the order of tables. A client is a family of User-Agents and a network an autonomous system, both wider than the
fingerprints and prefixes that evidence is about, so no bits are set against them."""
OTHER_CAMPAIGN = len(TRAIT_KINDS) - 1
"""Place of the kind whose values are campaigns: an account has those that it is in besides the one looked at."""


@dataclass(frozen=True)
class CaseTraits:
    """The traits of all members of a case, as numbers; made by `case_traits` once per case."""

    accounts: pa.Array  # account ids that are members of anything, ascending
    values: list[str]
    kind: Integers  # place in `TRAIT_KINDS` of each trait
    account: Integers
    trait: Integers
    known: Integers  # for each kind, accounts for which any value of it is known
    holders: Integers  # for each trait, accounts that have it

    def label(self, trait: int) -> str:
        """The value of a trait, safe to show; a sign-up window with its begin."""
        return formatting.shorten(self.values[trait], _LABEL_CHARS)

    def codes_of(self, account_ids: pa.Array | pa.ChunkedArray) -> Integers:
        """The numbers of accounts; -1 for an account that is no member of anything."""
        places = pc.index_in(account_ids, value_set=self.accounts)
        return np.asarray(pc.fill_null(places, -1).cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)

    def pairs_of(self, accounts: Integers) -> tuple[Integers, Integers]:
        """Accounts and traits of all pairs of some accounts, by account and trait."""
        wanted = np.zeros(len(self.accounts), np.bool_)
        wanted[accounts[accounts >= 0]] = True
        rows = np.flatnonzero(wanted[self.account])
        return self.account[rows], self.trait[rows]


def case_traits(member_details: pa.Table) -> CaseTraits:
    """The traits of all members of campaigns and groups.

    Returns:
        Each account's distinct traits; what is not known of an account is no trait.
    """
    accounts = pc.unique(member_details["account_id"])
    accounts = accounts.take(pc.sort_indices(accounts))
    owner = np.asarray(pc.index_in(member_details["account_id"], value_set=accounts).to_numpy(), np.int64)
    account, trait, values, kinds = [], [], list[str](), list[int]()
    known = np.zeros(len(TRAIT_KINDS), np.int64)
    for place, kind in enumerate(TRAIT_KINDS):
        rows, words = known_values(member_details[kind.column])
        names = pc.unique(words)
        names = names.take(pc.sort_indices(names))
        code = np.asarray(pc.index_in(words, value_set=names).to_numpy(zero_copy_only=False), np.int64)
        pair = np.unique(owner[rows] * max(len(names), 1) + code)
        account.append(pair // max(len(names), 1))
        trait.append(pair % max(len(names), 1) + len(values))
        known[place] = len(np.unique(account[-1]))
        values += names.to_pylist()
        kinds += [place] * len(names)
    joined, codes = np.concatenate(account), np.concatenate(trait)
    order = np.lexsort((codes, joined))
    return CaseTraits(
        accounts=accounts,
        values=values,
        kind=np.array(kinds, np.int64),
        account=joined[order],
        trait=codes[order],
        known=known,
        holders=np.bincount(codes, minlength=len(values)),
    )


def known_values(column: pa.ChunkedArray) -> tuple[Integers, pa.Array]:
    """Row and text of each known value of a column; a moment becomes the begin of its sign-up window."""
    column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # an empty one stays in chunks
        column = pa.array([], column.type)
    if pa.types.is_list(column.type):
        rows, words = pc.list_parent_indices(column), pc.list_flatten(column)
    else:
        rows, words = pa.array(np.arange(len(column))), column
    if pa.types.is_timestamp(words.type):
        moments = pc.floor_temporal(words, SIGN_UP_HOURS, unit="hour")
        words = pc.strftime(moments, format="%Y-%m-%d %H:00 UTC")
    stated = pc.and_kleene(pc.is_valid(words), pc.not_equal(words, UNKNOWN))
    stated = pc.fill_null(stated, False)
    return np.asarray(rows.filter(stated).to_numpy(zero_copy_only=False), np.int64), words.filter(stated)


_SIGN_UP_WINDOW = "%G-W%V"
"""Accounts are compared by the week of their sign-up."""

VALUE_ASPECTS = ("client", "network", "country", "model", "skill", "sign_up")
"""Aspects in which a campaign has several values, each with its share."""


@dataclass(frozen=True)
class CampaignProfile:
    """What one campaign or group can be compared by."""

    model: CampaignModel
    members: frozenset[str]
    runs: Mapping[tuple[str, ...], str]  # runs of five marked words in its excerpts -> the run as it stands there
    # for each of `VALUE_ASPECTS`, value -> its share, 0 to 1; empty where not known
    values: Mapping[str, Mapping[str, float]]

    @property
    def period(self) -> tuple[datetime, datetime]:
        """First and last request."""
        return self.model.row["first_seen"], self.model.row["last_seen"]


@dataclass(frozen=True)
class CampaignProfiles:
    """The profiles of a case; made by `campaign_profiles`."""

    case: CaseModel
    by_id: Mapping[str, CampaignProfile]  # campaign id -> its profile, in reading order
    having: Mapping[str, Mapping[str, int]]  # for each of `VALUE_ASPECTS`, value -> campaigns and groups that have it
    known: Mapping[str, int]  # for each of `VALUE_ASPECTS`, campaigns and groups of which any value is known
    in_several: tuple[int, int]  # members of more than one campaign or group, and all members

    def rarity(self, aspect: str, value: str) -> float:
        """How much a shared value says, 0 to 1: next to nothing where all campaigns of the case have it.

        It is log((n + 1) / k) / log(n + 1) for a value that k of n campaigns have, the usual inverse frequency.
        """
        total = self.known[aspect] + 1
        return math.log(total / self.having[aspect][value]) / math.log(total)


def campaign_profiles(case: CaseModel, samples: pa.Table, origins: pa.Table) -> CampaignProfiles:
    """The profiles of all campaigns and groups of a case, to be kept as long as the case is shown."""
    members, runs = _members_by_campaign(case.tables["members"]), _marked_runs(samples)
    values: dict[str, dict[str, dict[str, float]]] = {aspect: {} for aspect in VALUE_ASPECTS}
    for row in origins.to_pylist():
        if row["aspect"] in ("client", "network", "country") and row["value"] not in (UNKNOWN, OTHER):
            values[row["aspect"]].setdefault(row["campaign_id"], {})[row["value"]] = float(row["requests"])
    for campaign in case.campaigns:
        for aspect, named in (("model", campaign.row["models"]), ("skill", campaign.row["skills"])):
            values[aspect][campaign.row["campaign_id"]] = dict.fromkeys(named, 1.0)
    values["sign_up"] = _sign_up_weeks(case.member_details)
    profiles = {
        name: CampaignProfile(
            model=campaign,
            members=members.get(name, frozenset()),
            runs=runs.get(name, {}),
            values={aspect: _shares_of_weights(values[aspect].get(name, {})) for aspect in VALUE_ASPECTS},
        )
        for campaign in case.campaigns
        for name in [campaign.row["campaign_id"]]
    }
    having = {
        aspect: Counter(value for profile in profiles.values() for value in profile.values[aspect])
        for aspect in VALUE_ASPECTS
    }
    known = {aspect: sum(bool(profile.values[aspect]) for profile in profiles.values()) for aspect in VALUE_ASPECTS}
    campaigns_of = Counter(member for profile in profiles.values() for member in profile.members)
    several = sum(number > 1 for number in campaigns_of.values())
    return CampaignProfiles(case, profiles, having, known, (several, len(campaigns_of)))


def marked_words(text: str, marks: Iterable[Mapping[str, int]]) -> dict[tuple[str, ...], str]:
    """Runs of five words that lie in one mark of an excerpt: the words in small letters -> the run as it stands."""
    runs = {}
    # Marks are written span by span and overlap; together they are what the excerpt shares.
    for begin, end in _join_spans((mark["start"], mark["end"]) for mark in marks):
        found = list(WORD_OF_PROMPT.finditer(text, begin, end))
        lowered = [match.group().lower() for match in found]
        for start in range(len(found) - SHARED_RUN_WORDS + 1):
            last = start + SHARED_RUN_WORDS
            runs[tuple(lowered[start:last])] = text[found[start].start() : found[last - 1].end()]
    return runs


def _join_spans(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _marked_runs(samples: pa.Table) -> dict[str, dict[tuple[str, ...], str]]:
    runs: dict[str, dict[tuple[str, ...], str]] = {}
    for row in samples.select(["campaign_id", "text", "marks"]).to_pylist():
        own = runs.setdefault(row["campaign_id"], {})
        for run, text in marked_words(row["text"], row["marks"]).items():
            own[run] = min(own.get(run, text), text)  # spelling may differ; the same one in any row order
    return runs


def _members_by_campaign(members: pa.Table) -> dict[str, frozenset[str]]:
    grouped = members.group_by("campaign_id").aggregate([("account_id", "list")])
    return {row["campaign_id"]: frozenset(row["account_id_list"]) for row in grouped.to_pylist()}


def _sign_up_weeks(details: pa.Table) -> dict[str, dict[str, float]]:
    known = details.filter(pc.is_valid(details["created_at"]))
    weeks = pa.table(
        {"campaign": known["campaign_id"], "week": pc.strftime(known["created_at"], format=_SIGN_UP_WINDOW)}
    )
    counted: dict[str, dict[str, float]] = {}
    for row in weeks.group_by(["campaign", "week"]).aggregate([([], "count_all")]).to_pylist():
        counted.setdefault(row["campaign"], {})[row["week"]] = float(row["count_all"])
    return counted


def _shares_of_weights(weights: Mapping[str, Any]) -> dict[str, float]:
    total = math.fsum(weights.values())
    return {value: weight / total for value, weight in sorted(weights.items()) if total > 0}
