"""From a case to what may leave of it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import CaseError
from stillhunt.case import FAMILIES, OTHER, UNKNOWN, Case, stays_here
from stillhunt_evidence.keys.folder import keyed_hash
from stillhunt_evidence.sharing.atlas import SHARED_MEASURES, TECHNIQUES, measures_for, techniques_of
from stillhunt_evidence.sharing.clean_texts import TextCleaner
from stillhunt_evidence.sharing.log_addresses import AddressCounts
from stillhunt_evidence.sharing.parameters import MOST_SHARED_ADDRESSES, MOST_SHARED_PHRASES, MOST_SHARED_VALUES, P
from stillhunt_evidence.sharing.shared_campaign import (
    SharedCampaign,
    SharedCounts,
    SharedFile,
    SharedFinding,
    SharedHash,
    SharedOperator,
    SharedValue,
    SharedValues,
    ShareIds,
)
from stillhunt_evidence.sharing.shared_models import LEAST_SHARE, models_to_share, settings_of, withheld_names
from stillhunt_evidence.sharing.tlp import TlpLabel

# sentences: most findings of a campaign, the strongest first (beyond them findings weigh less than a bit)
_MOST_SENTENCES = 12
# First and last times are widened to multiples of it (an exact time finds the request in another log; an hour holds
# thousands)
_TIME_STEP = 3600


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION_STEP = timedelta(milliseconds=1)
"""A withdrawal is later than what was shared from the same case."""
_NETWORK = re.compile(r"AS(\d{1,10})\b\s*(.*)", re.DOTALL)
_LARGEST_AS = 2**32 - 1
_NOT_VALUES = (OTHER, UNKNOWN, "")


@dataclass(frozen=True)
class ShareTerms:
    """How a case is shared."""

    circle: str
    circle_key: bytes = field(repr=False)
    own_key: bytes = field(repr=False)  # the sharer's own secret, for ids
    tlp: TlpLabel
    sender: str = ""  # who shares it, as receivers see it; empty: a member of the circle
    at: datetime | None = None  # time of this version; None for the latest time that the case knows
    withdrawn: bool = False


def share_of(
    case: Case, terms: ShareTerms, campaigns: Sequence[str], addresses: AddressCounts | None = None
) -> SharedFile:
    """What may leave of some campaigns of a case.

    Args:
        campaigns: their ids; where they are withdrawn, also of campaigns that the case does not have any more.
        addresses: their addresses under the key of the circle; None where the logs were not read again.

    Raises:
        CaseError: a campaign is not in the case with the verdict act or review, and is not withdrawn.
    """
    ids = ShareIds(terms.own_key, terms.circle)
    rows = {row["campaign_id"]: row for row in case.campaigns.to_pylist()}
    wanted = sorted(set(campaigns))
    if missing := [name for name in wanted if name not in rows and not terms.withdrawn]:
        raise CaseError(
            "only campaigns with the verdict act or review are shared",
            where=missing[0][:70],
            next_step="name one of the campaigns that the case shows, or withdraw this one",
        )
    at = (terms.at or case_end(case)).astimezone(UTC) + (_VERSION_STEP if terms.withdrawn else timedelta(0))
    cleaner = TextCleaner(
        _ids_of(case, wanted) | _withheld_models(case, [rows[name] for name in wanted if name in rows])
    )
    operators = _collect_shared_operators(case, wanted, rows, ids, cleaner)
    tied = {uid: operator.uid for operator in operators for uid in operator.campaigns}
    shared = []
    for name in wanted:
        uid = ids.uuid("campaign", name)
        if name in rows:
            reader = _CampaignReader(case, rows[name], cleaner, terms.circle_key)
            shared.append(reader.campaign(uid, tied.get(uid, ""), addresses))
        else:
            shared.append(_build_withdrawn_campaign(uid, at))
    if terms.withdrawn:  # all that can have been shared, whatever this case says of it
        shared = [replace(one, techniques=TECHNIQUES, measures=SHARED_MEASURES) for one in shared]
    return SharedFile(
        ids=ids,
        sender=cleaner.value(terms.sender) or f"A member of the sharing circle {terms.circle}",
        key_check=keyed_hash(terms.circle_key, "key check", terms.circle),
        tlp=terms.tlp,
        at=at,
        withdrawn=terms.withdrawn,
        campaigns=tuple(sorted(shared, key=lambda one: one.uid)),
        operators=operators,
    )


def case_end(case: Case) -> datetime:
    """The latest time that a case knows of, to the minute: of a campaign, a group or a member.

    Returns the end of that minute; the beginning of 1970 for a case without any time.
    """
    columns = (case.tables["campaigns"]["last_seen"], case.member_details["last_seen"])
    latest = max((time for column in columns if (time := pc.max(column).as_py()) is not None), default=EPOCH)
    return _round_time_to_step(latest, timedelta(minutes=1), up=True)


class _CampaignReader:
    """Reads what may leave of one campaign."""

    def __init__(self, case: Case, row: Mapping[str, Any], cleaner: TextCleaner, key: bytes) -> None:
        self._case, self._row, self._clean, self._key = case, row, cleaner, key
        self._name: str = row["campaign_id"]
        self._enough = row["accounts"] >= P.least_accounts

    def campaign(self, uid: str, operator: str, addresses: AddressCounts | None) -> SharedCampaign:
        row, members = self._row, self._read_campaign_rows(self._case.members)
        evidence = [one for one in self._read_campaign_rows(self._case.evidence) if one["account_id"] is None]
        evidence = [one for one in evidence if one["family"] in FAMILIES and not stays_here(one["kind"])]
        step = timedelta(seconds=_TIME_STEP)
        counts = SharedCounts(
            row["accounts"],
            self._count_flagged_members([one["account_id"] for one in members]),
            row["requests"],
            row["estimated_requests"],
            row["output_tokens"],
        )
        return SharedCampaign(
            uid=uid,
            kind=self._clean.value(row["kind"]),
            verdict=row["verdict"],
            probability=row["score"],
            first_seen=_round_time_to_step(row["first_seen"], step, up=False),
            last_seen=_round_time_to_step(row["last_seen"], step, up=True),
            counts=counts,
            values=self._collect_shared_values(),
            hashes=(*self._address_hashes(addresses), *self._phrase_hashes()),
            families=tuple(one for one in row["families"] if one in FAMILIES),
            findings=self._list_shared_findings(evidence),
            techniques=techniques_of(
                row["kind"],
                {one["role"] for one in members},
                {one["kind"] for one in evidence if one["raw_bits"] > 0},
            ),
            measures=measures_for(row["verdict"], row["kind"]),
            operator=operator,
        )

    def _read_campaign_rows(self, table: pa.Table) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = table.filter(pc.equal(table["campaign_id"], self._name)).to_pylist()
        return rows

    def _count_flagged_members(self, members: list[str]) -> int:
        accounts = self._case.accounts
        own = pc.is_in(accounts["account_id"], value_set=pa.array(members, pa.string()))
        return int(pc.sum(pc.and_(own, accounts["flagged"])).as_py() or 0)

    def _list_shared_findings(self, evidence: list[dict[str, Any]]) -> tuple[SharedFinding, ...]:
        counted = [one for one in evidence if one["bits"]]
        strongest = sorted(counted, key=lambda one: (-abs(one["bits"]), one["kind"], one["statement"]))
        return tuple(
            SharedFinding(
                one["family"], self._clean.value(one["kind"]), self._clean.sentence(one["statement"]), one["bits"]
            )
            for one in strongest[:_MOST_SENTENCES]
        )

    def _collect_shared_values(self) -> SharedValues:
        cited = self._read_campaign_rows(self._case.cited)
        models = models_to_share(self._row, self._read_campaign_rows(self._case.taken), cited)
        return SharedValues(
            skills=self._select_shared_skills() or self._build_named_values(self._row["skills"]),
            models=_join_equal_values(
                SharedValue(self._clean.value(name), requests) for name, requests in models.items()
            ),
            languages=_join_equal_values(self._list_taken_values("language")),
            clients=self._list_origin_values("client"),
            networks=self._list_origin_values("network"),
            countries=self._list_origin_values("country"),
            settings=settings_of(cited),
        )

    def _build_named_values(self, names: Iterable[str]) -> tuple[SharedValue, ...]:
        """Values that the case only names, in the order that it gives them."""
        values = [self._clean.value(one) for one in names if one not in _NOT_VALUES] if self._enough else []
        return tuple(SharedValue(one, 0) for one in dict.fromkeys(values) if one)[:MOST_SHARED_VALUES]

    def _select_shared_skills(self) -> tuple[SharedValue, ...]:
        """Those that the campaign is named after, and others of which it took a noticeable part."""
        least = LEAST_SHARE * self._row["requests"]
        own = {self._clean.value(one) for one in self._row["skills"]}
        return _join_equal_values(
            one for one in self._list_taken_values("skill") if one.value in own or one.requests >= least
        )

    def _list_taken_values(self, aspect: str) -> list[SharedValue]:
        """What was taken along one aspect; subjects are never asked for: their words come from prompts."""
        rows = self._read_campaign_rows(self._case.taken) if self._enough else []
        chosen = [one for one in rows if one["aspect"] == aspect and one["value"] not in _NOT_VALUES]
        return [SharedValue(self._clean.value(one["value"]), one["requests"]) for one in chosen]

    def _list_origin_values(self, aspect: str) -> tuple[SharedValue, ...]:
        chosen = [
            one
            for one in self._read_campaign_rows(self._case.origins)
            if one["aspect"] == aspect and one["accounts"] >= P.least_accounts and one["value"] not in _NOT_VALUES
        ]
        return _join_equal_values(self._build_origin_value(aspect, one) for one in chosen)

    def _build_origin_value(self, aspect: str, row: Mapping[str, Any]) -> SharedValue:
        found = _NETWORK.fullmatch(row["value"]) if aspect == "network" else None
        number = int(found[1]) if found and int(found[1]) <= _LARGEST_AS else None
        text = found[2] if found and number is not None else row["value"]
        return SharedValue(self._clean.value(text), row["requests"], row["accounts"], number)

    def _phrase_hashes(self) -> list[SharedHash]:
        rows = [
            one
            for one in self._read_campaign_rows(self._case.phrases)
            if one["kind"] == "phrase" and one["accounts"] >= P.least_accounts
        ]
        found = {
            one["phrase"]: SharedHash(
                "phrase", keyed_hash(self._key, "matched phrase", str(one["phrase"])), one["requests"], one["accounts"]
            )
            for one in sorted(rows, key=lambda one: (one["accounts"], one["requests"]))
        }
        return sorted(found.values(), key=_most_accounts)[:MOST_SHARED_PHRASES]

    def _address_hashes(self, addresses: AddressCounts | None) -> list[SharedHash]:
        counted = addresses.of(self._name) if addresses is not None else {}
        return [
            one
            for kind in sorted(counted)
            for one in sorted(
                (
                    SharedHash(kind, digest, requests, accounts)
                    for digest, (requests, accounts) in counted[kind].items()
                    if accounts >= P.address_accounts
                ),
                key=_most_accounts,
            )[:MOST_SHARED_ADDRESSES]
        ]


def _most_accounts(one: SharedHash) -> tuple[int, int, str]:
    return -one.accounts, -one.requests, one.digest


def _join_equal_values(values: Iterable[SharedValue]) -> tuple[SharedValue, ...]:
    """Values by how much they are used; those that look the same after cleaning are one."""
    joined: dict[tuple[int | None, str], SharedValue] = {}
    for one in sorted(values, key=lambda one: (-one.requests, one.value, one.accounts)):
        key = (one.number, "" if one.number is not None else one.value)
        known = joined.get(key)
        if known is None:
            joined[key] = one
        else:
            requests = known.requests + one.requests
            joined[key] = SharedValue(known.value, requests, max(known.accounts, one.accounts), one.number)
    named = [one for one in joined.values() if one.value or one.number is not None]
    return tuple(sorted(named, key=lambda one: (-one.requests, one.value, one.number or 0))[:MOST_SHARED_VALUES])


def _ids_of(case: Case, campaigns: Sequence[str]) -> set[str]:
    """Ids that could stand in a text of these campaigns: of their members, and of the requests that findings cite."""
    wanted = pa.array(list(campaigns), pa.string())

    def own(table: pa.Table) -> pa.Table:
        return table.filter(pc.is_in(table["campaign_id"], value_set=wanted))

    members, evidence = own(case.members)["account_id"], own(case.evidence)
    cited, samples = own(case.cited), own(case.samples)
    found = [members, evidence["account_id"], pc.list_flatten(evidence["request_ids"])]
    found += [table[name] for table in (cited, samples) for name in ("account_id", "request_id")]
    return {one for column in found for one in pc.unique(column).to_pylist() if one}


def _withheld_models(case: Case, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Names of models of these campaigns that may not leave."""
    names: set[str] = set()
    leaving: set[str] = set()
    for row in rows:
        taken, cited = (
            table.filter(pc.equal(table["campaign_id"], row["campaign_id"])).to_pylist()
            for table in (case.taken, case.cited)
        )
        leaving.update(models_to_share(row, taken, cited))
        names.update(row["models"], (one["model"] for one in cited))
        names.update(one["value"] for one in taken if one["aspect"] == "model")
    return withheld_names(names, leaving)


def _collect_shared_operators(
    case: Case, campaigns: Sequence[str], rows: Mapping[str, Any], ids: ShareIds, cleaner: TextCleaner
) -> tuple[SharedOperator, ...]:
    """Operators that the case ties to campaigns that are shared."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in case.operators.to_pylist():
        if row["relation"] == "one_operator" and row["campaign_id"] in rows and row["campaign_id"] in campaigns:
            found.setdefault(row["operator_id"], []).append(row)
    step = timedelta(seconds=_TIME_STEP)
    operators = []
    for name, ties in found.items():
        strongest = min(ties, key=lambda tie: (-tie["bits"], tie["campaign_id"]))
        own = [rows[tie["campaign_id"]] for tie in ties]
        operators.append(
            SharedOperator(
                uid=ids.uuid("intrusion-set", name),
                campaigns=tuple(sorted({ids.uuid("campaign", tie["campaign_id"]) for tie in ties})),
                bits=strongest["bits"],
                sentences=tuple(cleaner.sentence(one) for one in strongest["statements"][:_MOST_SENTENCES]),
                first_seen=_round_time_to_step(min(one["first_seen"] for one in own), step, up=False),
                last_seen=_round_time_to_step(max(one["last_seen"] for one in own), step, up=True),
            )
        )
    return tuple(sorted(operators, key=lambda one: one.uid))


def _round_time_to_step(time: datetime, step: timedelta, *, up: bool) -> datetime:
    """A time moved to a multiple of a step, so that it names no request."""
    passed = time.astimezone(UTC) - EPOCH
    whole = passed // step
    if up and passed % step:
        whole += 1
    return EPOCH + whole * step


def _build_withdrawn_campaign(uid: str, at: datetime) -> SharedCampaign:
    """A campaign that is withdrawn, and of which the case knows nothing more."""
    none, nothing = SharedCounts(0, 0, 0, 0, 0), SharedValues((), (), (), (), (), (), ())
    return SharedCampaign(uid, "not_known", "none", 0.0, at, at, none, nothing)
