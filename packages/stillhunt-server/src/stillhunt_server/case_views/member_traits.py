"""What the members of a campaign share: traits of their accounts, and findings; and how common each is elsewhere.

That members share a country or a plan ties nobody. How common a trait is elsewhere is told where the case can tell it:
from the evidence about it, or from the accounts of groups left alone, which are no sample of all customers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt_server.case_views.campaign_profiles import OTHER_CAMPAIGN, TRAIT_KINDS, CaseTraits, Integers

RARE, BETWEEN, COMMON, NOT_KNOWN = "rare", "between", "common", "not known"
"""How common a trait is outside the campaign."""
FINDING = "finding"
"""Kind of the traits that findings are: shared cards, addresses, templates and schedules are known only as such."""
OTHER_CAMPAIGN_KIND = TRAIT_KINDS[OTHER_CAMPAIGN].name
_RARE_BITS = 1.0
"""Mean bits for its members from which evidence calls a trait rare. Judgement: twice as likely in the campaign."""
_ELSEWHERE_LEAST = 50
"""Accounts of groups left alone that it takes to compare with them. Judgement: fewer can hide a trait of one in ten."""
_RARE_SHARE, _COMMON_SHARE = 0.1, 0.5
"""Rare is what others have at most a tenth as often as the campaign, common from half as often. Judgement: round."""
_REF_DIGITS = 10
"""Of the name of a trait in addresses: 40 bits, in which 100,000 traits collide once in 200 cases."""
_SAID: dict[str, str] = sentences_beside(__file__)["graph"]
COMMONNESS_SENTENCE = _SAID["commonness"]


@dataclass(frozen=True)
class MemberTrait:
    """One trait of members."""

    ref: str  # its name in addresses, the same in every hunt, which shows nothing of it
    kind: str
    kind_label: str
    value: str  # raw; the campaign where the kind is `OTHER_CAMPAIGN_KIND`, the name of the test where it is `FINDING`
    # label, short: safe to show, with its kind and without
    label: str
    short: str
    members: int  # members of the campaign that have it, of all
    commonness: str
    words: str


@dataclass(frozen=True)
class MemberTraits:
    """The traits that at least two members of a campaign share; made by `member_traits`."""

    facts: pa.Table  # one row for each member, in order of probability; columns of ACCOUNT_FACTS
    traits: tuple[MemberTrait, ...]  # by kind and value
    # member, trait: row of `facts` and place in `traits` of each pair, by member and trait
    member: Integers
    trait: Integers

    def count_in(self, chosen: npt.NDArray[np.bool_]) -> Integers:
        """For each trait, how many of some members have it.

        Args:
            chosen: which, shape (members,).
        """
        return np.bincount(self.trait[chosen[self.member]], minlength=len(self.traits))

    def holders_of(self, place: int) -> npt.NDArray[np.bool_]:
        """Which members have a trait."""
        held = np.zeros(self.facts.num_rows, np.bool_)
        held[self.member[self.trait == place]] = True
        return held


@dataclass(frozen=True)
class _Shared:
    """The traits of a campaign's members, as the case numbers them."""

    # here, elsewhere: for each trait, members and accounts of groups left alone that have it, and such of which any
    # trait of its kind is known
    here: tuple[Integers, Integers]
    elsewhere: tuple[Integers, Integers]
    bits: Mapping[int, float]  # trait -> mean bits of the evidence about exactly such traits


def member_traits(
    case: CaseModel, campaign: CampaignModel, traits: CaseTraits, facts: pa.Table, evidence: pa.Table
) -> MemberTraits:
    """The traits that members of a campaign share with each other, and the findings that are for their membership.

    Args:
        facts: of its members, in order of probability.
        evidence: rows about it.

    Returns:
        The traits; none where the case knows nothing of its members.
    """
    own = traits.codes_of(facts["account_id"])
    account, trait = traits.pairs_of(own)
    others = traits.kind == OTHER_CAMPAIGN
    this = [place for place in np.flatnonzero(others).tolist() if traits.values[place] == campaign.row["campaign_id"]]
    kept = ~np.isin(trait, this)
    account, trait = account[kept], trait[kept]
    apart = _left_alone(case, traits, own)
    shared = _Shared(
        here=_count_holders(account, trait, traits),
        elsewhere=_count_holders(traits.account[apart], traits.trait[apart], traits),
        bits=_mean_bits(evidence, traits, account, trait),
    )
    several = np.flatnonzero(shared.here[0] > 1)
    place_of = np.full(len(traits.values), -1, np.int64)
    place_of[several] = np.arange(len(several))
    row_of = np.full(len(traits.accounts) + 1, -1, np.int64)
    row_of[own] = np.arange(len(own))
    member, place = row_of[account], place_of[trait]
    found = [_trait_of_account(shared, traits, one, facts.num_rows) for one in several.tolist()]
    more, more_members, more_places = _findings_as_traits(facts, evidence)
    member = np.concatenate([member[place >= 0], more_members])
    place = np.concatenate([place[place >= 0], more_places + len(found)])
    order = np.lexsort((place, member))
    return MemberTraits(facts, (*found, *more), member[order], place[order])


def _findings_as_traits(facts: pa.Table, evidence: pa.Table) -> tuple[list[MemberTrait], Integers, Integers]:
    """Findings for the membership of at least two members, as traits, with members and traits of all pairs."""
    own = evidence.select(["account_id", "family", "kind", "statement", "bits"]).filter(
        pc.and_(pc.is_valid(evidence["account_id"]), pc.greater(evidence["bits"], 0))
    )
    # few texts stand in many rows: they are compared once
    coded = {name: own[name].combine_chunks().dictionary_encode() for name in ("family", "kind", "statement")}
    names, families, said = (coded[name].dictionary.to_pylist() for name in ("kind", "family", "statement"))
    code, family, words_of = (np.asarray(coded[name].indices, np.int64) for name in ("kind", "family", "statement"))
    rows = pc.index_in(own["account_id"], value_set=facts["account_id"]).fill_null(-1)
    member, bits = np.asarray(rows.to_numpy(), np.int64), own["bits"].to_numpy()
    told = (member >= 0) & (np.array([one != "prior" for one in families], np.bool_)[family])
    statements = {
        names[kind]: min(said[one] for one in np.unique(words_of[told & (code == kind)]))
        for kind in np.unique(code[told]).tolist()
    }
    sums, total = (np.bincount(code[told], each, minlength=len(names)) for each in (bits[told], None))
    means = {name: float(sums[at] / max(total[at], 1)) for at, name in enumerate(names)}
    order = sorted(names)
    code = np.array([order.index(name) for name in names], np.int64)[code[told]]
    names = order
    pair = np.unique(member[told] * max(len(names), 1) + code)
    member, code = pair // max(len(names), 1), pair % max(len(names), 1)
    counts, found = np.bincount(code, minlength=len(names)), list[MemberTrait]()
    place_of = np.full(len(names), -1, np.int64)
    for at in np.flatnonzero(counts > 1).tolist():
        mean, number = means[names[at]], int(counts[at])
        common = RARE if mean >= _RARE_BITS else BETWEEN
        weighs = fill(_SAID["finding"], bits=formatting.bits(mean))
        words = f"{_who_shares(number, facts.num_rows)} {weighs}"
        said_of = f"“{formatting.shorten(statements[names[at]], 80)}”"
        place_of[at] = len(found)
        found.append(
            MemberTrait(
                *(trait_ref(FINDING, names[at]), FINDING, "Finding", names[at], said_of, said_of, number, common, words)
            )
        )
    kept = place_of[code] >= 0
    return found, member[kept], place_of[code[kept]]


def trait_ref(kind: str, value: str) -> str:
    """The name of a trait in addresses."""
    return hashlib.sha256(f"{kind}\0{value}".encode("utf-8", "surrogatepass")).hexdigest()[:_REF_DIGITS]


def describe_traits(traits: Sequence[MemberTrait], most: int) -> str:
    """Some traits in words, at most so many by name."""
    return formatting.join_some([one.label for one in traits], most)


def _left_alone(case: CaseModel, traits: CaseTraits, own: Integers) -> npt.NDArray[np.bool_]:
    """Which pairs are of accounts outside this campaign that are in groups left alone only."""
    members = case.tables["members"]
    names = pa.array([one.row["campaign_id"] for one in case.of_verdict("act", "review")], pa.string())
    accused = members.filter(pc.is_in(members["campaign_id"], value_set=names))["account_id"]
    apart = np.ones(len(traits.accounts), np.bool_)
    for codes in (own, traits.codes_of(accused)):
        apart[codes[codes >= 0]] = False
    return apart[traits.account]


def _count_holders(account: Integers, trait: Integers, traits: CaseTraits) -> tuple[Integers, Integers]:
    """For each trait, the accounts that have it, and those of which any trait of its kind is known."""
    known = np.zeros((len(traits.accounts), len(TRAIT_KINDS)), np.bool_)
    known[account, traits.kind[trait]] = True
    return np.bincount(trait, minlength=len(traits.values)), known.sum(axis=0)[traits.kind]


def _mean_bits(evidence: pa.Table, traits: CaseTraits, account: Integers, trait: Integers) -> dict[int, float]:
    """Trait -> mean bits that evidence about exactly such traits has for the members with it."""
    own = evidence.select(["account_id", "kind", "bits"]).filter(pc.is_valid(evidence["account_id"]))
    means: dict[int, float] = {}
    for place, kind in enumerate(TRAIT_KINDS):
        if not kind.evidence:
            continue
        rows = own.filter(pc.equal(own["kind"], kind.evidence))
        codes = traits.codes_of(rows["account_id"])
        bits_of = np.full(len(traits.accounts), np.nan)
        bits_of[codes[codes >= 0]] = rows["bits"].to_numpy()[codes >= 0]
        about = np.flatnonzero((traits.kind[trait] == place) & np.isfinite(bits_of[account]))
        counts = np.bincount(trait[about], minlength=len(traits.values))
        sums = np.bincount(trait[about], weights=bits_of[account[about]], minlength=len(traits.values))
        means |= {code: float(sums[code] / counts[code]) for code in np.flatnonzero(counts).tolist()}
    return means


def _judge_commonness(shared: _Shared, traits: CaseTraits, trait: int) -> str:
    if trait in shared.bits:
        bits = shared.bits[trait]
        return RARE if bits >= _RARE_BITS else COMMON if bits <= 0 else BETWEEN
    if shared.elsewhere[1][trait] < _ELSEWHERE_LEAST or traits.kind[trait] == OTHER_CAMPAIGN:
        return NOT_KNOWN
    share, other = (float(having[trait] / known[trait]) for having, known in (shared.here, shared.elsewhere))
    return RARE if other <= share * _RARE_SHARE else COMMON if other >= share * _COMMON_SHARE else BETWEEN


def _commonness_words(shared: _Shared, trait: int, commonness: str) -> str:
    """What the judgement of a trait rests on, in a sentence."""
    if trait in shared.bits:
        rarer = "rarer" if shared.bits[trait] > 0 else "no rarer"
        return fill(_SAID["by_evidence"], bits=formatting.bits(shared.bits[trait]), rarer=rarer)
    if commonness == NOT_KNOWN:
        return _SAID["not_known"]
    members, of_members = (int(column[trait]) for column in shared.here)
    others, of_others = (int(column[trait]) for column in shared.elsewhere)
    return fill(
        _SAID["elsewhere"],
        accounts=formatting.part_of(others, of_others, "account"),
        others=others,
        elsewhere=formatting.share_of(others, of_others),
        here=formatting.share_of(members, of_members),
    )


def _who_shares(members: int, total: int) -> str:
    who = formatting.sentence_case(formatting.part_of(members, total, "member"))
    return f"{who} {formatting.verb(members, 'shares', 'share')} it."


def _trait_of_account(shared: _Shared, traits: CaseTraits, trait: int, total: int) -> MemberTrait:
    kind, members = TRAIT_KINDS[traits.kind[trait]], int(shared.here[0][trait])
    commonness = _judge_commonness(shared, traits, trait)
    return MemberTrait(
        ref=trait_ref(kind.name, traits.values[trait]),
        kind=kind.name,
        kind_label=kind.label,
        value=traits.values[trait],
        label=f"{kind.label}: {traits.label(trait)}",
        short=traits.label(trait),
        members=members,
        commonness=commonness,
        words=f"{_who_shares(members, total)} {_commonness_words(shared, trait, commonness)}",
    )
