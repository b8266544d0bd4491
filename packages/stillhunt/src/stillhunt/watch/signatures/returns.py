"""Campaigns of a hunt under signatures: their harvested requests, their own members, and those that came back.

A campaign came back where its requests, under the signature of the old one, are likelier of one operation than of
strangers. The kinds of evidence are capped, and a stranger that only repeats a public template gets no more than those
of the template; settings, client, queue and timing add to it where they were kept and count against it where not.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.dataset import Dataset
from stillhunt.base.formatting import bits as shown_bits
from stillhunt.base.parameters import read_parameters
from stillhunt.base.schema import SKETCHES
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.base.units import DAY
from stillhunt.base.wording import fill
from stillhunt.link.requests.arrays import Ints, lists, values
from stillhunt.watch.signatures import passes
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS, Matcher
from stillhunt.watch.signatures.signature import MICRO, Signature, SignatureSet
from stillhunt.watch.signatures.weighing import Weigher

# Least share of accounts that it is taken to link in another operation (operations use public templates more often than
# customers do)
_STRANGER_SHARE = 0.05
# Least and most bits from the topic words of the queue (campaigns of strangers take the same skills, too)
_QUEUE_BITS = (-2.0, 3.0)
# Least and most bits from the pause between the campaigns (a pool is replaced within days of a ban)
_TIMING_BITS = (-1.0, 2.0)
# days: mean pause of an operation that came back; of strangers, any pause up to the window is as likely (bought
# accounts are ready)
_PAUSE_DAYS = 2.0
# days: time over which the beginning of a stranger's campaign is spread (about two windows of a hunt)
_STRANGER_DAYS = 30.0


class ReturnParameters(NamedTuple):
    """Caps and rates of the evidence for a return."""

    template_bits: tuple[float, float]
    kept_share: float
    kept_wording: tuple[float, float]
    wording_bits: tuple[float, float]
    style_bits: tuple[float, float]
    least_bits: float


RETURNED = read_parameters(ReturnParameters, "watch.returned")


@dataclass(frozen=True)
class ReturnEvidence:
    """Evidence that a campaign is an earlier one that came back."""

    campaign_id: str
    bits: float  # all kinds together; negative is evidence against a return
    kinds: dict[str, float]  # template, wording, style, queue and timing -> bits of each
    statements: tuple[str, ...]  # one plain sentence for each kind, in the same order


def tie(old: Signature, harvested: pa.Table) -> ReturnEvidence:
    """Weigh a new campaign's harvested requests under the signature of an old one.

    `harvested`: the new campaign's harvested requests: `MATCHED_COLUMNS` and topic_words of SKETCHES, as
    `fetch_harvested` gives them; requests of accounts that were members of the old campaign should be left out, since
    they are no news.
    """
    if not harvested.num_rows:
        return ReturnEvidence(old.campaign_id, 0.0, {}, ())
    found = {name: weigh(old, harvested) for name, weigh in _KINDS.items()}
    kinds = {name: round(bits, 3) for name, (bits, _) in found.items()}
    statements = tuple(f"{shown_bits(bits)} {name}: {text}" for name, (bits, text) in found.items())
    return ReturnEvidence(old.campaign_id, round(sum(kinds.values()), 3), kinds, statements)


def _clamp_return_bits(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])


def _weigh_returned_template(old: Signature, harvested: pa.Table) -> tuple[float, str]:
    accounts = len(np.unique(values(harvested, "account_key")))
    matcher = Matcher([old], most_accounts=harvested.num_rows + 1)
    matcher.match(harvested)
    linked = len(matcher.linked())
    rate = old.false_matches
    stranger = min(max((rate.linked + 1.0) / (rate.accounts + 2.0), _STRANGER_SHARE), 0.5)
    kept = RETURNED.kept_share
    bits = linked * math.log2(kept / stranger) + (accounts - linked) * math.log2((1.0 - kept) / (1.0 - stranger))
    said = "The signature of campaign {name} links {linked:#} of {accounts:account}; of strangers about {rate:%}"
    text = fill(said, name=old.campaign_id, linked=linked, accounts=accounts, rate=stranger)
    return _clamp_return_bits(bits, RETURNED.template_bits), text


def _weigh_returned_wording(old: Signature, harvested: pa.Table) -> tuple[float, str]:
    ratio = int(Weigher([old]).weigh(harvested).bits.sum()) / MICRO / harvested.num_rows / old.harvest_bits
    mean, deviation = RETURNED.kept_wording
    # Normal density around the mean against the even density of a stranger; more than the old campaign's is no sign
    # of a stranger.
    distance = max(mean - ratio, 0.0) / deviation
    bits = -math.log2(deviation * math.sqrt(2.0 * math.pi)) - distance**2 / 2.0 / math.log(2.0)
    text = fill("One of its requests has {ratio:%} of the bits of one of the old campaign's", ratio=ratio)
    return _clamp_return_bits(bits, RETURNED.wording_bits), text


def _weigh_returned_style(old: Signature, harvested: pa.Table) -> tuple[float, str]:
    bits = _account_means(harvested, Weigher([old]).style(harvested, 0)) / MICRO
    text = fill("Its settings, models and clients are {word} the old campaign's", word="like" if bits > 0 else "unlike")
    return _clamp_return_bits(bits, RETURNED.style_bits), text


def _weigh_returned_queue(old: Signature, harvested: pa.Table) -> tuple[float, str]:
    begins, words = lists(harvested, "topic_words")
    weight = np.zeros(1 << 16, np.int64)
    for bucket, bits in old.topics.items():
        weight[int(bucket) & 0xFFFF] = round(bits * MICRO)
    known = np.append(0, np.cumsum(weight[words] > 0))[begins]
    share = float((np.diff(known) > 0).mean())
    # A request of a stranger has such a word about every second time, since the words are those of whole skills.
    bits = 4.0 * (share - 0.5)
    text = fill("{share:%} of its requests use words that are frequent in the old campaign's queue", share=share)
    return _clamp_return_bits(bits, _QUEUE_BITS), text


def _weigh_return_timing(old: Signature, harvested: pa.Table) -> tuple[float, str]:
    pause = (int(values(harvested, "timestamp", pa.int64()).min()) - old.last_seen) / DAY
    if pause < 0:
        return 0.0, "It began before the old campaign's last request"
    likely = math.exp(-pause / _PAUSE_DAYS) / _PAUSE_DAYS
    bits = math.log2(max(likely, 1e-12) * _STRANGER_DAYS)
    text = fill("It began {days:.1f} days after the old campaign's last request", days=pause)
    return _clamp_return_bits(bits, _TIMING_BITS), text


def _account_means(harvested: pa.Table, bits: Ints) -> float:
    """Mean over accounts of the mean over their requests: one busy account does not decide for all."""
    _, owner, sizes = np.unique(values(harvested, "account_key"), return_inverse=True, return_counts=True)
    return float((np.bincount(owner, weights=bits.astype(np.float64)) / sizes).mean())


_KINDS = {
    "template": _weigh_returned_template,
    "wording": _weigh_returned_wording,
    "style": _weigh_returned_style,
    "queue": _weigh_returned_queue,
    "timing": _weigh_return_timing,
}


# Harvested requests of a campaign from which its signature is made, spread evenly by a keyed sample (a rate of half a
# percent is then known to a tenth of it)
_MOST_HARVESTED = 20_000


@dataclass(frozen=True)
class SignedCampaign:
    """A campaign to sign: its id, its last harvested request and the ids of its members."""

    name: str
    last_seen: int
    members: tuple[str, ...]


def campaigns_to_sign(tables: Mapping[str, pa.Table]) -> list[SignedCampaign]:
    """Harvesting campaigns to act on."""
    table = tables["campaigns"]
    rows = table.filter(pc.and_(pc.equal(table["verdict"], "act"), pc.equal(table["kind"], HARVEST_OPERATION)))
    members: dict[str, list[str]] = {}
    for row in tables["members"].select(["campaign_id", "account_id"]).to_pylist():
        members.setdefault(row["campaign_id"], []).append(row["account_id"])
    names, seen = rows["campaign_id"].to_pylist(), rows["last_seen"].cast(pa.int64()).to_pylist()
    return [SignedCampaign(name, last, tuple(members.get(name, ()))) for name, last in zip(names, seen, strict=True)]


def harvested_requests(
    sketches: Dataset, tables: Mapping[str, pa.Table], campaigns: Sequence[SignedCampaign]
) -> pa.Table:
    """Harvested requests of campaigns, of each at most `most_harvested`, in `harvested_schema`.

    `campaigns`: whose; the column `campaign` gives the place in this list.
    """
    number = {campaign.name: at for at, campaign in enumerate(campaigns)}
    harvest = tables["harvest"]
    names = pa.array(list(number), pa.string())
    harvest = harvest.filter(pc.is_in(harvest["campaign_id"], value_set=names))
    slices, accounts = (tables["slices"][name].to_pylist() for name in ("slice_id", "account_id"))
    account_of = dict(zip(slices, accounts, strict=True))
    wanted = passes.HarvestedRequests(
        harvest["request_id"].combine_chunks(),
        pa.array([account_of[one] for one in harvest["slice_id"].to_pylist()], pa.string()),
        np.array([number[one] for one in harvest["campaign_id"].to_pylist()], np.int64),
        _MOST_HARVESTED,
    )
    schema = passes.harvested_schema(SKETCHES.arrow)
    found = sketches.gather(passes.fetch_harvested, schema, wanted, passes.HARVESTED_COLUMNS)
    # Partitions come in any order, and each gave as many as the whole sample may have.
    found = found.sort_by("request_key")
    kept = passes.kept_sample(values(found, "request_key"), values(found, "campaign"), _MOST_HARVESTED)
    return found.take(pa.array(kept)).combine_chunks()


_WEIGHED = pa.schema([("campaign_id", pa.string()), ("account_id", pa.string()), ("bits", pa.float64())])


@dataclass(frozen=True)
class WeighedMembers:
    """Ids of the members of all campaigns, and the signatures of the campaigns."""

    members: pa.Array
    signatures: tuple[Signature, ...]


def member_sender_bits(
    sketches: Dataset, tables: Mapping[str, pa.Table], signatures: SignatureSet
) -> dict[tuple[str, str], float]:
    """Campaign and member -> bits of who sends its requests; those without any are left out."""
    if not signatures.signatures:
        return {}
    members = tables["members"]
    names = pa.array(sorted(set(members["account_id"].to_pylist())), pa.string())
    wanted = WeighedMembers(names, tuple(signatures.signatures))
    found = sketches.gather(weigh_members, _WEIGHED, wanted, MATCHED_COLUMNS)
    pairs = set(zip(members["campaign_id"].to_pylist(), members["account_id"].to_pylist(), strict=True))
    rows = zip(*(found[name].to_pylist() for name in _WEIGHED.names), strict=True)
    return {(campaign, account): bits for campaign, account, bits in rows if bits and (campaign, account) in pairs}


def weigh_members(table: pa.Table, wanted: WeighedMembers) -> pa.Table:
    """The same for one partition, members of other campaigns among them."""
    matcher = Matcher(wanted.signatures, most_accounts=table.num_rows + 1)
    matcher.match(table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=wanted.members)))
    rows = [
        {"campaign_id": one.campaign_id, "account_id": one.account_id, "bits": one.sender_bits}
        for one in matcher.linked()
    ]
    return pa.Table.from_pylist(rows, _WEIGHED)


def returned_campaigns(
    sketches: Dataset, tables: Mapping[str, pa.Table], earlier: SignatureSet, known: AbstractSet[str]
) -> dict[str, ReturnEvidence]:
    """Campaigns to act on that look like an earlier one with other accounts.

    Args:
        earlier: signatures that are in force, under lasting ids.
        known: accounts that were members of any known campaign; a campaign that has one of them is matched by its
            members (`watch.lineage`), and not weighed here.

    Returns:
        Id that the hunt gave the campaign -> the strongest evidence, where that reaches `least_bits`.
    """
    campaigns = [one for one in campaigns_to_sign(tables) if known.isdisjoint(one.members)]
    if not campaigns or not earlier.signatures:
        return {}
    found = harvested_requests(sketches, tables, campaigns)
    back = {}
    for number, campaign in enumerate(campaigns):
        own = found.filter(pc.equal(found["campaign"], number))
        best = max((tie(old, own) for old in earlier.signatures), key=lambda one: (one.bits, one.campaign_id))
        if best.bits >= RETURNED.least_bits:
            back[campaign.name] = best
    return back
