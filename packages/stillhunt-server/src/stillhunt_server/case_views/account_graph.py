"""The account graph of a campaign: its accounts, and the traits that they share; a sample of it where it is large.

An edge says that an account has a trait, and no more: that customers share a country or a plan ties nobody. How common
a trait is elsewhere is told where the case can tell it: from the evidence about it, or from the accounts of groups left
alone, which are no sample of all customers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.kinds import role_label
from stillhunt.triage.model import ID_CHARS, CampaignModel, CaseModel
from stillhunt_server.case_views.campaign_profiles import OTHER_CAMPAIGN, TRAIT_KINDS, CaseTraits, Integers

ACCOUNTS_DRAWN = 150
"""Most accounts of a drawing. Judgement: more cannot be told apart on a screen."""
_TRAITS_DRAWN = 40
RARE, BETWEEN, COMMON, NOT_KNOWN = COMMONNESS = ("rare", "between", "common", "not known")
"""How common a trait is outside the campaign."""
_WEIGHT_DRAWN = {RARE: 4, BETWEEN: 2, NOT_KNOWN: 2, COMMON: 1}
"""Times the members of a trait, to choose those drawn. Judgement: a rare one of few says as much as a common one of
many."""
_RARE_BITS = 1.0
"""Mean bits for its members from which evidence calls a trait rare. Judgement: twice as likely in the campaign."""
_ELSEWHERE_LEAST = 50
"""Accounts of groups left alone that it takes to compare with them. Judgement: fewer can hide a trait of one in ten."""
_RARE_SHARE, _COMMON_SHARE = 0.1, 0.5
"""Rare is what others have at most a tenth as often as the campaign, common from half as often. Judgement: round."""


@dataclass(frozen=True)
class GraphAccount:
    """One account of the drawing; `label` is safe to show, `account_id` is raw."""

    key: str
    account_id: str
    label: str
    role: str
    verdict: str
    score: float
    requests: int


@dataclass(frozen=True)
class GraphTrait:
    """One trait of the drawing.

    Attributes:
        kind: name of its kind in `TRAIT_KINDS`.
        label: its value, safe to show.
        members: members of the campaign that have it, of all.
    """

    key: str
    kind: str
    kind_label: str
    label: str
    members: int
    drawn: int
    commonness: str
    words: str


@dataclass(frozen=True)
class AccountGraph:
    """The drawing of a campaign's accounts and the traits they share.

    Attributes:
        traits: traits that at least two members share, the most telling first: by members, the rare ones counted more.
    """

    accounts: tuple[GraphAccount, ...]
    traits: tuple[GraphTrait, ...]
    edges: tuple[tuple[str, str], ...]
    total: int
    traits_left_out: int
    sentence: str
    commonness_sentence: str

    @property
    def drawn(self) -> int:
        """Accounts drawn."""
        return len(self.accounts)

    def as_dict(self) -> dict[str, Any]:
        """The drawing as plain data for JSON; every text in it but `account_id` is safe to show."""
        return {**asdict(self), "drawn": self.drawn}


@dataclass(frozen=True)
class _Shared:
    """The traits of a campaign's members.

    Attributes:
        here, elsewhere: for each trait, members and accounts of groups left alone that have it, and such of which any
            trait of its kind is known.
        bits: trait -> mean bits of the evidence about exactly such traits.
    """

    facts: pa.Table
    account: Integers
    trait: Integers
    here: tuple[Integers, Integers]
    elsewhere: tuple[Integers, Integers]
    bits: Mapping[int, float]


def account_graph(
    case: CaseModel, campaign: CampaignModel, traits: CaseTraits, limit: int = ACCOUNTS_DRAWN
) -> AccountGraph:
    """The accounts of a campaign and the traits that tie them, drawn as far as they can be told apart.

    Of more members than the limit a systematic sample is drawn: members in order of verdict, role and probability, at
    equal distances; with the most and the least probable one, and the most probable of each verdict and role. It is the
    same for any row order. It misleads about counts, which are therefore given for all members.

    Args:
        limit: most accounts; at least 2.

    Returns:
        The drawing; without edges where the case knows nothing of its members.
    """
    return _drawn_graph(_shared_traits(case, campaign, traits), traits, limit)


def campaign_ties(case: CaseModel, campaign: CampaignModel, traits: CaseTraits) -> tuple[AccountGraph, pa.Table]:
    """The graph of `account_graph` and the table of `account_trait_rows`, for the work of one."""
    shared = _shared_traits(case, campaign, traits)
    return _drawn_graph(shared, traits, ACCOUNTS_DRAWN), _trait_rows(shared, traits)


def _drawn_graph(shared: _Shared, traits: CaseTraits, limit: int) -> AccountGraph:
    rows = _sample_members(shared.facts, max(limit, 2))
    facts = shared.facts.take(pa.array(rows)).to_pylist()
    codes = traits.codes_of(shared.facts["account_id"])[rows]
    key_of = {code: f"a{place}" for place, code in enumerate(codes.tolist()) if code >= 0}
    of_drawn = np.isin(shared.account, codes)
    pairs = list(zip(shared.account[of_drawn].tolist(), shared.trait[of_drawn].tolist(), strict=True))
    drawn = Counter(trait for _, trait in pairs)
    members = shared.here[0]
    several = np.flatnonzero(members > 1).tolist()
    weight = {trait: int(members[trait]) * _WEIGHT_DRAWN[_judge_commonness(shared, traits, trait)] for trait in several}
    several.sort(key=lambda trait: (-weight[trait], trait))  # traits are numbered by kind
    trait_key = {trait: f"t{place}" for place, trait in enumerate([t for t in several if drawn[t]][:_TRAITS_DRAWN])}
    return AccountGraph(
        accounts=tuple(
            GraphAccount(
                key=f"a{place}",
                account_id=row["account_id"],
                label=formatting.shorten(row["account_id"], ID_CHARS),
                role=role_label(row["role"]),
                verdict="allowed" if row["sanctioned"] else formatting.shorten(row["verdict"], 12),
                score=row["score"],
                requests=row["requests"],
            )
            for place, row in enumerate(facts)
        ),
        traits=tuple(_graph_trait(shared, traits, trait, key, drawn[trait]) for trait, key in trait_key.items()),
        edges=tuple((key_of[account], trait_key[trait]) for account, trait in pairs if trait in trait_key),
        total=shared.facts.num_rows,
        traits_left_out=len(several) - len(trait_key),
        sentence=_how_drawn(len(rows), shared.facts.num_rows),
        commonness_sentence=_SAID["commonness"],
    )


def account_trait_rows(case: CaseModel, campaign: CampaignModel, traits: CaseTraits) -> pa.Table:
    """The graph as a table, of all members and with traits that only one has.

    Returns:
        One row per account and trait: account_id and trait (raw), trait_kind, members (who share it), commonness; by
        account and kind.
    """
    return _trait_rows(_shared_traits(case, campaign, traits), traits)


def _trait_rows(shared: _Shared, traits: CaseTraits) -> pa.Table:
    codes = np.flatnonzero(shared.here[0])
    kinds = [TRAIT_KINDS[traits.kind[trait]].label for trait in codes]
    columns = {
        "trait_kind": pa.array(kinds, pa.string()),
        "trait": pa.array([traits.values[trait] for trait in codes], pa.string()),
        "members": pa.array(shared.here[0][codes], pa.int64()),
        "commonness": pa.array([_judge_commonness(shared, traits, int(trait)) for trait in codes], pa.string()),
    }
    place = np.searchsorted(codes, shared.trait)
    accounts = traits.accounts.take(pa.array(shared.account))
    return pa.table({"account_id": accounts, **{name: c.take(pa.array(place)) for name, c in columns.items()}})


_SAID: dict[str, str] = sentences_beside(__file__)["graph"]


def _shared_traits(case: CaseModel, campaign: CampaignModel, traits: CaseTraits) -> _Shared:
    facts = account_facts(case, [campaign])
    own = traits.codes_of(facts["account_id"])
    account, trait = traits.pairs_of(own)
    this = [
        place
        for place in np.flatnonzero(traits.kind == OTHER_CAMPAIGN).tolist()
        if traits.values[place] == campaign.row["campaign_id"]
    ]
    kept = ~np.isin(trait, this)
    account, trait = account[kept], trait[kept]
    apart = _left_alone(case, traits, own)
    return _Shared(
        facts=facts,
        account=account,
        trait=trait,
        here=_count_holders(account, trait, traits),
        elsewhere=_count_holders(traits.account[apart], traits.trait[apart], traits),
        bits=_mean_bits(case, campaign, traits, account, trait),
    )


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


def _mean_bits(
    case: CaseModel, campaign: CampaignModel, traits: CaseTraits, account: Integers, trait: Integers
) -> dict[int, float]:
    """Trait -> mean bits that evidence about exactly such traits has for the members with it."""
    evidence = case.tables["evidence"]
    wanted = pc.and_(
        pc.equal(evidence["campaign_id"], campaign.row["campaign_id"]), pc.is_valid(evidence["account_id"])
    )
    own = evidence.select(["account_id", "kind", "bits"]).filter(wanted)
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


def _graph_trait(shared: _Shared, traits: CaseTraits, trait: int, key: str, drawn: int) -> GraphTrait:
    kind, members = TRAIT_KINDS[traits.kind[trait]], int(shared.here[0][trait])
    commonness = _judge_commonness(shared, traits, trait)
    who = formatting.sentence_case(formatting.part_of(members, shared.facts.num_rows, "member"))
    return GraphTrait(
        key=key,
        kind=kind.name,
        kind_label=kind.label,
        label=traits.label(trait),
        members=members,
        drawn=drawn,
        commonness=commonness,
        words=f"{who} {formatting.verb(members, 'shares', 'share')} it. {_commonness_words(shared, trait, commonness)}",
    )


def _sample_members(facts: pa.Table, limit: int) -> Integers:
    """Rows of the members drawn, ascending, of members in order of probability."""
    total = facts.num_rows
    if total <= limit:
        return np.arange(total)
    strata = list(zip(facts["verdict"].to_pylist(), facts["role"].to_pylist(), strict=True))
    order = sorted(range(total), key=lambda row: (strata[row], row))
    first = [row for place, row in enumerate(order) if not place or strata[row] != strata[order[place - 1]]]
    chosen = dict.fromkeys([0, total - 1, *first][:limit])
    rest = [row for row in order if row not in chosen]
    # distances in whole numbers, so that no rounding of a computer decides who is drawn
    left = limit - len(chosen)
    chosen |= dict.fromkeys(rest[(2 * place + 1) * len(rest) // (2 * left)] for place in range(left))
    return np.array(sorted(chosen), np.int64)


def _how_drawn(drawn: int, total: int) -> str:
    everybody = formatting.sentence_case(formatting.part_of(total, total, "member"))
    return fill(_SAID["all_drawn" if drawn == total else "some_drawn"], everybody=everybody, drawn=drawn, total=total)
