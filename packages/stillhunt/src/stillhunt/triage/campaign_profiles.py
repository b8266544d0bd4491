"""What campaigns can be compared by: one profile for each campaign and group of a case, made once per case."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.triage.samples import SHARED_RUN_WORDS, WORD_OF_PROMPT

_SIGN_UP_WINDOW = "%G-W%V"
"""Accounts are compared by the week of their sign-up."""

VALUE_ASPECTS = ("client", "network", "country", "model", "skill", "sign_up")
"""Aspects in which a campaign has several values, each with its share."""


@dataclass(frozen=True)
class CampaignProfile:
    """What one campaign or group can be compared by.

    Attributes:
        model: what there is to say about it.
        runs: runs of five marked words in its excerpts -> the run as it stands there.
        values: for each of `VALUE_ASPECTS`, value -> its share, 0 to 1; empty where not known.
    """

    model: CampaignModel
    members: frozenset[str]
    runs: Mapping[tuple[str, ...], str]
    values: Mapping[str, Mapping[str, float]]

    @property
    def period(self) -> tuple[datetime, datetime]:
        """First and last request."""
        return self.model.row["first_seen"], self.model.row["last_seen"]


@dataclass(frozen=True)
class CampaignProfiles:
    """The profiles of a case; made by `campaign_profiles`.

    Attributes:
        by_id: campaign id -> its profile, in reading order.
        having: for each of `VALUE_ASPECTS`, value -> campaigns and groups that have it.
        known: for each of `VALUE_ASPECTS`, campaigns and groups of which any value is known.
        in_several: members of more than one campaign or group, and all members.
    """

    case: CaseModel
    by_id: Mapping[str, CampaignProfile]
    having: Mapping[str, Mapping[str, int]]
    known: Mapping[str, int]
    in_several: tuple[int, int]

    def rarity(self, aspect: str, value: str) -> float:
        """How much a shared value says, 0 to 1: next to nothing where all campaigns of the case have it.

        It is log((n + 1) / k) / log(n + 1) for a value that k of n campaigns have, the usual inverse frequency.

        Args:
            aspect: one of `VALUE_ASPECTS`.
            value: a value that a campaign has.
        """
        total = self.known[aspect] + 1
        return math.log(total / self.having[aspect][value]) / math.log(total)


def campaign_profiles(case: CaseModel, samples: pa.Table, origins: pa.Table) -> CampaignProfiles:
    """The profiles of all campaigns and groups of a case, to be kept as long as the case is shown.

    Args:
        samples: the SAMPLES table, in any row order.
        origins: the ORIGINS table, in any row order.
    """
    members, runs = _members(case.tables["members"]), _marked_runs(samples)
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
            values={aspect: _shares(values[aspect].get(name, {})) for aspect in VALUE_ASPECTS},
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
    """Runs of five words that lie in one mark of an excerpt: the words in small letters -> the run as it stands there.

    Args:
        marks: spans of it in characters.
    """
    runs = {}
    # Marks are written span by span and overlap; together they are what the excerpt shares.
    for begin, end in _joined((mark["start"], mark["end"]) for mark in marks):
        found = list(WORD_OF_PROMPT.finditer(text, begin, end))
        lowered = [match.group().lower() for match in found]
        for start in range(len(found) - SHARED_RUN_WORDS + 1):
            last = start + SHARED_RUN_WORDS
            runs[tuple(lowered[start:last])] = text[found[start].start() : found[last - 1].end()]
    return runs


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
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


def _members(members: pa.Table) -> dict[str, frozenset[str]]:
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


def _shares(weights: Mapping[str, Any]) -> dict[str, float]:
    total = math.fsum(weights.values())
    return {value: weight / total for value, weight in sorted(weights.items()) if total > 0}
