"""Everything that is known of one account, and why it is or is not a member of a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.explain import Explanation
from stillhunt.triage.folder import canonical_order
from stillhunt.triage.lookup import explain_id, resolve_id
from stillhunt.triage.model import ID_CHARS, CaseModel
from stillhunt.triage.score_breakdown import ScoreSum
from stillhunt_server.case_views.campaign_profiles import OTHER_CAMPAIGN, TRAIT_KINDS, CaseTraits

_RARE_SHARE = 0.05
"""A trait is rare that at most so many of the members have of whom a value is known. Judgement: one in twenty."""
_LEAST_KNOWN = 20
"""Members of whom a value must be known to call one rare. Judgement: below, one of them is no longer one in twenty."""
_NEIGHBOURS_SHOWN = 10
_TRAITS_NAMED = 6


@dataclass(frozen=True)
class Neighbour:
    """An account that shares rare traits with another one."""

    account_id: str
    name: str  # its id, safe to show
    verdict: str
    campaigns: tuple[str, ...]  # campaigns and groups that it is in, raw ids, at most 20
    traits: tuple[str, ...]
    rarity_bits: float

    @property
    def words(self) -> str:
        """What is shared, in a sentence."""
        return f"Shares {formatting.join_some(self.traits, _TRAITS_NAMED)}."


_SAID: dict[str, str] = sentences_beside(__file__)["why"]
NEIGHBOURS_MEANING = _SAID["neighbours"]
"""What neighbours are, for the heading of their table."""


def neighbours(case: CaseModel, traits: CaseTraits, account_id: str) -> tuple[Neighbour, ...]:
    """The accounts that share most rare traits with one, by the sum of the traits' rarity.

    It misleads where traits go together, as the countries of sign-up, phone and payment do: each is counted.

    Returns:
        At most 10; none for an account that is a member of nothing, since its traits are not known.
    """
    own = int(traits.codes_of(pa.array([account_id], pa.string()))[0])
    known = traits.known[traits.kind]
    rare = (traits.kind != OTHER_CAMPAIGN) & (known >= _LEAST_KNOWN) & (traits.holders <= known * _RARE_SHARE)
    of_own = traits.trait[traits.account == own]
    wanted = np.zeros(len(traits.values), np.bool_)
    wanted[of_own[rare[of_own]]] = True
    pairs = np.flatnonzero(wanted[traits.trait] & (traits.account != own))
    bits = np.log2(np.maximum(known, 1) / np.maximum(traits.holders, 1))
    sums = np.bincount(traits.account[pairs], weights=bits[traits.trait[pairs]], minlength=len(traits.accounts))
    found = np.unique(traits.account[pairs])
    # sums are rounded for the order, so that the last bit of an addition decides nothing
    first = found[np.lexsort((found, -np.round(sums[found], 6)))][:_NEIGHBOURS_SHOWN]
    ids = traits.accounts.take(pa.array(first))
    accounts = case.tables["accounts"]
    verdicts = accounts["verdict"].take(pc.index_in(ids, value_set=accounts["account_id"])).to_pylist()
    rows = []
    for code, name, verdict in zip(first.tolist(), ids.to_pylist(), verdicts, strict=True):
        shared = np.sort(traits.trait[pairs[traits.account[pairs] == code]]).tolist()
        all_of = traits.trait[traits.account == code]
        campaigns = [traits.values[trait] for trait in all_of[traits.kind[all_of] == OTHER_CAMPAIGN][:20].tolist()]
        rows.append(
            Neighbour(
                account_id=name,
                name=formatting.shorten(name, ID_CHARS),
                verdict=verdict or "none",
                campaigns=tuple(campaigns),
                traits=tuple(_trait_words(traits, trait) for trait in shared),
                rarity_bits=float(sums[code]),
            )
        )
    return tuple(rows)


def _trait_words(traits: CaseTraits, trait: int) -> str:
    kind = int(traits.kind[trait])
    label = TRAIT_KINDS[kind].label
    having = f"{formatting.count(int(traits.holders[trait]))} of {formatting.count(int(traits.known[kind]))}"
    return f"{label[:1].lower()}{label[1:]} {traits.label(trait)} ({having})"


_REASONS_NAMED = 3
_VALUES_SHOWN = 5
_VALUE_CHARS = 64


@dataclass(frozen=True)
class AccountMembership:
    """One campaign or group that an account is in."""

    campaign_id: str
    name: str  # its id, safe to show
    verdict: str
    role: str
    requests: int
    share: float
    score: float
    main: bool  # whether its explanation rests on this one
    details: Mapping[str, Any]


@dataclass(frozen=True)
class AccountSlices:
    """The slices of an account, counted."""

    slices: int
    in_campaigns: int
    requests: int
    harvested: int
    largest: int

    @property
    def words(self) -> str:
        """The counts in a sentence."""
        return fill(_SAID["slices"], **asdict(self))


@dataclass(frozen=True)
class AccountPage:
    """What is known of one account."""

    account_id: str
    name: str  # its id, safe to show
    row: Mapping[str, Any]
    explanation: Explanation
    why: tuple[str, ...]
    memberships: tuple[AccountMembership, ...]
    # what the accounts table and its requests in campaigns say of it, as label and value, safe to show
    details: tuple[tuple[str, str], ...]
    slices: AccountSlices | None
    evidence: pa.Table
    neighbours: tuple[Neighbour, ...]


def account_page(
    case: CaseModel, account_id: str, origins: pa.Table, traits: CaseTraits, slices: pa.Table | None = None
) -> AccountPage:
    """What is known of one account.

    Args:
        slices: SLICES rows of this account or of all; None where they are not to be counted.

    Raises:
        CaseError: no account has this id; the nearest ones are named.
    """
    _, wanted = resolve_id(case.tables, account_id, ("account",))
    own = _tables_of(case.tables, wanted)
    explanation = explain_id(own, case.run, wanted, origins, ("account",))
    evidence = own["evidence"].filter(pc.equal(own["evidence"]["account_id"], wanted))
    details = case.member_details.filter(pc.equal(case.member_details["account_id"], wanted)).to_pylist()
    by_campaign = {row["campaign_id"]: row for row in details}
    verdicts = {row["campaign_id"]: row["verdict"] for row in own["campaigns"].to_pylist()}
    counted = _count_slices(slices, wanted)
    return AccountPage(
        account_id=wanted,
        name=formatting.shorten(wanted, ID_CHARS),
        row=own["accounts"].slice(0, 1).to_pylist()[0],
        explanation=explanation,
        why=_say_why(case, explanation, verdicts, counted),
        memberships=tuple(
            AccountMembership(
                campaign_id=one.campaign_id,
                name=formatting.shorten(one.campaign_id, ID_CHARS),
                verdict=verdicts.get(one.campaign_id, "none"),
                role=one.role,
                requests=one.requests,
                share=one.share,
                score=one.probability,
                main=place == 0,
                details=by_campaign.get(one.campaign_id, {}),
            )
            for place, one in enumerate(explanation.memberships)
        ),
        details=_account_details(details),
        slices=counted,
        evidence=canonical_order("evidence", evidence),
        neighbours=neighbours(case, traits, wanted),
    )


def _tables_of(tables: Mapping[str, pa.Table], account_id: str) -> dict[str, pa.Table]:
    """The case tables cut to one account and its campaigns, so that explaining it reads the evidence only once."""
    accounts = tables["accounts"].filter(pc.equal(tables["accounts"]["account_id"], account_id))
    members = tables["members"].filter(pc.equal(tables["members"]["account_id"], account_id))
    campaigns = pc.unique(members["campaign_id"])
    evidence = tables["evidence"]
    # first by account: few rows are left whose campaign must be compared
    near = evidence.filter(
        pc.or_(pc.is_null(evidence["account_id"]), pc.fill_null(pc.equal(evidence["account_id"], account_id), False))
    )
    return {
        "accounts": accounts,
        "members": members,
        "campaigns": tables["campaigns"].filter(pc.is_in(tables["campaigns"]["campaign_id"], value_set=campaigns)),
        "evidence": near.filter(pc.is_in(near["campaign_id"], value_set=campaigns)),
    }


def _count_slices(slices: pa.Table | None, account_id: str) -> AccountSlices | None:
    if slices is None:
        return None
    own = slices.filter(pc.equal(slices["account_id"], account_id))
    return AccountSlices(
        slices=own.num_rows,
        in_campaigns=own.num_rows - own["campaign_id"].null_count,
        requests=int(pc.sum(own["requests"]).as_py() or 0),
        harvested=int(pc.sum(own["harvest_requests"]).as_py() or 0),
        largest=int(pc.max(own["requests"]).as_py() or 0),
    )


def _say_why(
    case: CaseModel, explanation: Explanation, verdicts: Mapping[str, str], slices: AccountSlices | None
) -> tuple[str, ...]:
    """Why an account is or is not a member, in sentences."""
    if not explanation.memberships:
        return (*explanation.change[:1], *_too_little(case, slices))
    main = explanation.memberships[0]
    place = main.verdict if main.verdict in ("act", "review") else "other"
    reason = ""
    if verdicts.get(main.campaign_id, "none") == "none":
        group = next((one for one in case.campaigns if one.row["campaign_id"] == main.campaign_id), None)
        reason = "; ".join(group.held_back) if group is not None and group.reached else ""
        place = "reached" if reason else "none"
    opening = fill(
        _SAID[place],
        name=formatting.shorten(main.campaign_id, ID_CHARS),
        reason=reason,
        probability=formatting.probability(main.probability),
        parts=fill(
            _SAID["parts"],
            campaign=formatting.probability(main.campaign.probability),
            member=formatting.probability(main.member.probability),
        ),
    )
    allowed = [_SAID["allowed"]] if explanation.sanctioned else []
    return (opening, *allowed, *_say_reasons(main.member))


def _say_reasons(member: ScoreSum) -> list[str]:
    """The strongest findings about the account itself, for and against."""
    sides = (("For its part in it", member.supporting), ("Against its part in it", member.opposing))
    return [
        f"{heading}: "
        + ". ".join(f"{term.shown.rstrip('.')} ({formatting.bits(term.bits)} bits)" for term in terms[:_REASONS_NAMED])
        + "."
        for heading, terms in sides
        if terms
    ]


def _too_little(case: CaseModel, slices: AccountSlices | None) -> list[str]:
    """Whether it sent too little for anything to be inferred."""
    link = case.run.get("settings", {}).get("link", {})
    least = link.get("min_slice_requests") if isinstance(link, dict) else None
    if slices is None or not isinstance(least, int) or slices.largest >= least:
        return []
    return [fill(_SAID["too_little"], least=least, slices=slices.words)]


def _account_details(rows: list[dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """What is known of the account itself, in the order of `TRAIT_KINDS`; of its campaigns it says nothing."""
    found: list[tuple[str, str]] = []
    for kind in TRAIT_KINDS:
        if kind.column == "campaign_id":
            continue
        values: dict[Any, None] = {}
        for row in sorted(rows, key=lambda row: row["campaign_id"]):
            value = row[kind.column]
            values |= dict.fromkeys(value if isinstance(value, list) else [] if value is None else [value])
        if not values:
            continue
        if kind.column == "created_at":
            found.append(("Signed up", formatting.minute(next(iter(values)))))
        else:
            texts = [formatting.shorten(value, _VALUE_CHARS) for value in values]
            found.append((kind.label, formatting.join_some(texts, _VALUES_SHOWN)))
    return tuple(found)
