"""What may leave of a campaign: the one model from which every format is written.

It has facts, counts, keyed hashes and sentences. It has no field for an account, a request, an address or a text of a
prompt, so that no writer can write one.
"""

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from stillhunt.tools import formatting
from stillhunt_evidence.sharing.atlas import AtlasTechnique, RecommendedMeasure
from stillhunt_evidence.sharing.tlp import TlpLabel


def utc_text(time: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-03-03T14:05:00.000Z`."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def utc_milliseconds(time: datetime) -> int:
    """Milliseconds since 1970."""
    return round(time.timestamp() * 1000)


_UUID_BYTES = 16
_PUBLIC_KEY = b"stillhunt sharing: ids of what everybody shares"


@dataclass(frozen=True, repr=False)
class ShareIds:
    """Makes ids of one sharer in one circle."""

    key: bytes
    circle: str

    def uuid(self, kind: str, *parts: str) -> str:
        """The id of a thing.

        `kind`: what it is, such as campaign: equal parts of two kinds have unrelated ids.
        """
        return _derive_keyed_uuid(self.key, ["circle", self.circle, kind, *parts])


def public_uuid(kind: str, *parts: str) -> str:
    """The id of a thing that is the same for all sharers, such as a technique of MITRE ATLAS."""
    return _derive_keyed_uuid(_PUBLIC_KEY, [kind, *parts])


def _derive_keyed_uuid(key: bytes, parts: list[str]) -> str:
    digest = hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).digest()
    return str(uuid.UUID(bytes=digest[:_UUID_BYTES], version=4))


@dataclass(frozen=True)
class SharedValue:
    """A value that several accounts of a campaign have in common."""

    value: str  # its text; of a network the name of its owner
    requests: int  # harvested requests with it, of settings those that findings cite; 0 where they are not counted
    accounts: int = 0
    number: int | None = None  # of an autonomous system; None for other values and where the log has only a name


@dataclass(frozen=True)
class SharedHash:
    """A keyed hash under the key of the circle."""

    kind: str
    digest: str  # 16 hexadecimal digits
    requests: int
    accounts: int


@dataclass(frozen=True)
class SharedFinding:
    """A finding in a sentence."""

    family: str
    kind: str
    sentence: str
    bits: float  # what it adds to the log2 odds against the explanation that fits best beside the claim


@dataclass(frozen=True)
class SharedCounts:
    """How large a campaign is."""

    accounts: int
    flagged: int  # those of them whose own verdict is act
    requests: int
    estimated_requests: int  # the same for all calls if the log is a sample
    output_tokens: int


@dataclass(frozen=True)
class SharedValues:
    """What the accounts of a campaign have in common, each the most used first."""

    skills: tuple[SharedValue, ...]
    models: tuple[SharedValue, ...]
    languages: tuple[SharedValue, ...]
    clients: tuple[SharedValue, ...]
    networks: tuple[SharedValue, ...]
    countries: tuple[SharedValue, ...]  # of the addresses, which say where a proxy is and not where an operator is
    settings: tuple[SharedValue, ...]

    def aspects(self) -> dict[str, tuple[SharedValue, ...]]:
        """The values by the name of their aspect, without empty ones."""
        names = ("skill", "model", "language", "client", "network", "country", "settings")
        return {name: own for name, one in zip(names, fields(self), strict=True) if (own := getattr(self, one.name))}


@dataclass(frozen=True)
class SharedCampaign:
    """A campaign, as far as it may leave."""

    uid: str
    kind: str  # harvest, posing, account_farm or relay
    verdict: str  # act or review; none where it is withdrawn and the case has it no more
    probability: float  # that it is one operation of that kind, 0 to 1
    first_seen: datetime
    last_seen: datetime
    counts: SharedCounts
    values: SharedValues
    hashes: tuple[SharedHash, ...] = ()
    families: tuple[str, ...] = ()  # evidence families above the floor, the strongest first
    findings: tuple[SharedFinding, ...] = ()
    techniques: tuple[AtlasTechnique, ...] = ()
    measures: tuple[RecommendedMeasure, ...] = ()
    operator: str = ""  # uid of the operator to whom it is tied; empty where there is none

    @property
    def short(self) -> str:
        """The beginning of its id, by which people call it."""
        return self.uid[:8]

    def hashes_of(self, kind: str) -> tuple[SharedHash, ...]:
        """Its keyed hashes of one kind."""
        return tuple(one for one in self.hashes if one.kind == kind)


@dataclass(frozen=True)
class SharedOperator:
    """An operator to whom campaigns are tied."""

    uid: str
    campaigns: tuple[str, ...]  # uids of its campaigns that are shared in the same file
    bits: float  # bits beyond chance of the strongest tie
    sentences: tuple[str, ...]  # each kind of that tie in a sentence
    first_seen: datetime
    last_seen: datetime

    @property
    def short(self) -> str:
        """The beginning of its id, by which people call it."""
        return self.uid[:8]


@dataclass(frozen=True)
class SharedFile:
    """One file to share, whatever its format."""

    ids: ShareIds
    sender: str
    key_check: str  # hash by which receivers see whether they have the same key of the circle
    tlp: TlpLabel
    at: datetime
    withdrawn: bool
    campaigns: tuple[SharedCampaign, ...]
    operators: tuple[SharedOperator, ...]

    @property
    def sender_uid(self) -> str:
        """Id of the sender in this circle."""
        return self.ids.uuid("sender")


LIMITS_OF_CLAIM = (
    "The claim rests on request logs: it says that these accounts act as one operation, and with which probability. It "
    "names no company and no person, and does not show what the answers were used for. Clients, networks and countries "
    "are used by honest customers as well: a match is a reason to look, and no evidence by itself."
)
"""What every format says with a campaign."""
_CLAIMS = {
    "harvest": "collect answers of a model as one operation",
    "posing": "belong to one operator and pose as separate customers (that they harvest is not shown)",
    "account_farm": "belong to one person, who uses them one after another",
    "relay": "pass the requests of many people on",
}
_NAMES = {
    "harvest": "Harvesting campaign",
    "posing": "Accounts of one operator",
    "account_farm": "Account farm",
    "relay": "Relay",
}


def campaign_name(campaign: SharedCampaign) -> str:
    """The name of a campaign for readers: `Harvesting campaign 3f2a9c1e`."""
    return f"{_NAMES.get(campaign.kind, 'Campaign')} {campaign.short}"


def campaign_text(campaign: SharedCampaign) -> str:
    """What is claimed of a campaign, in a few sentences."""
    counts = campaign.counts
    claim = _CLAIMS.get(campaign.kind, "act as one operation")
    accounts, requests = formatting.plural(counts.accounts, "account"), formatting.plural(counts.requests, "request")
    seem = formatting.verb(counts.accounts, "seems", "seem")
    when = formatting.during(campaign.first_seen, campaign.last_seen)
    sentences = [f"{accounts} {seem} to {claim}: {requests} {when}."]
    if skills := [_with_share(one, counts.requests) for one in campaign.values.skills]:
        sentences.append(f"It takes: {', '.join(skills)}.")
    sentences.append(f"Verdict: {campaign.verdict}, probability {percent_of(campaign)} %.")
    return " ".join(sentences)


def _with_share(skill: SharedValue, requests: int) -> str:
    """A skill with its share of the requests, where it is counted."""
    if not 0 < skill.requests <= requests:
        return skill.value
    return f"{skill.value} ({formatting.share_of(skill.requests, requests)})"


def percent_of(campaign: SharedCampaign) -> int:
    """The probability in percent, rounded down, 1 to 99: no count of a log makes anything certain."""
    return min(99, max(1, int(campaign.probability * 100)))


def shown_probability(campaign: SharedCampaign) -> float:
    """The probability to four digits, rounded down, and never 1."""
    return min(0.9999, int(campaign.probability * 10_000) / 10_000)
