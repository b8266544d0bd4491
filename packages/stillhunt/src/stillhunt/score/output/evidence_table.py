"""Findings -> EVIDENCE, rows that rebuild every probability; operators, pools and split groups -> CASE_OPERATORS."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyarrow as pa

from stillhunt.base import formatting
from stillhunt.base.arrays import Flags, Floats, Ints, ranges
from stillhunt.base.errors import ContractError
from stillhunt.base.explanations import EXPLANATION_OF
from stillhunt.base.families import OTHERS, PRIOR, SIGN_KINDS, STANDING
from stillhunt.base.schema_case import CASE_OPERATORS, EVIDENCE, HARVEST_OPERATION, POSING_OPERATION
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import all_kinds
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.operators.mixtures import Split
from stillhunt.score.operators.ties import CampaignSet, Pair, find_campaign_sets
from stillhunt.score.verdict.caps import member_bits
from stillhunt.score.verdict.members import hold_set_apart
from stillhunt.score.verdict.rules import FLAGGED_BEFORE
from stillhunt.score.verdict.verdict import Judged

FIRST_MEMBERS = 3
"""Members whose harvest begins first: ids are made from them, so that growth does not change them."""
_BEGINNINGS = {"one_operator": "o", "one_pool": "p", "two_operators": "t"}
_SPLIT_WORDS = (
    "They were found as one group, but their client fingerprints ask in different words: {z:.1f} standard deviations "
    "beyond chance"
)


def operators_table(log: ScoredLog, shown: Sequence[Judged], names: Sequence[str], splits: Sequence[Split]) -> pa.Table:
    """Which judged candidates belong together, and why; those of verdict none, account farms and relays never do."""
    kinds = (HARVEST_OPERATION, POSING_OPERATION)
    places = [place for place, one in enumerate(shown) if one.verdict != "none" and one.kind in kinds]
    campaigns = [shown[place].candidate for place in places]
    sets = [*find_campaign_sets(log, campaigns), *_taken_apart(campaigns, splits)]
    rows = []
    for one in sets:
        accounts = np.unique(np.concatenate([campaigns[place].accounts for place in one.campaigns]))
        first = first_members(log, [shown[places[place]] for place in one.campaigns])
        digest = hashlib.sha256(f"{one.relation}\n{first}".encode()).hexdigest()
        set_id = f"{_BEGINNINGS[one.relation]}-{digest[:8]}"
        strongest = one.strongest_pairs()
        for place in one.campaigns:
            pair = strongest[place]
            other = pair.first if pair.second == place else pair.second
            rows.append(
                {
                    "operator_id": set_id,
                    "relation": one.relation,
                    "campaign_id": names[places[place]],
                    "tied_to": names[places[other]],
                    "accounts": len(accounts),
                    "bits": pair.bits,
                    "kinds": [tie.kind.name for tie in pair.ties],
                    "kind_bits": [tie.bits for tie in pair.ties],
                    "statements": [pair.statement] if pair.statement else [tie.statement for tie in pair.ties],
                }
            )
    if not rows:
        return CASE_OPERATORS.empty()
    return CASE_OPERATORS.build(**{name: [row[name] for row in rows] for name in CASE_OPERATORS.arrow.names})


def first_members(log: ScoredLog, judged: Sequence[Judged]) -> str:
    """Ids of the members whose harvest begins first, line by line."""
    start: dict[int, int] = {}
    for one in judged:
        candidate = one.candidate
        first = np.full(len(candidate.accounts), np.iinfo(np.int64).max)
        np.minimum.at(first, candidate.row_account, log.requests.time[candidate.rows])
        for account, time in zip(candidate.accounts.tolist(), first.tolist(), strict=True):
            start[account] = min(time, start.get(account, time))
    earliest = sorted(start, key=lambda account: (start[account], account))[:FIRST_MEMBERS]
    return "\n".join(log.accounts.ids[account].as_py() for account in earliest)


def _taken_apart(campaigns: Sequence[Candidate], splits: Sequence[Split]) -> list[CampaignSet]:
    """The parts of each mixture that are both campaigns."""
    place = {one.number: position for position, one in enumerate(campaigns)}
    found = []
    for split in splits:
        if split.first in place and split.second in place:
            first, second = sorted((place[split.first], place[split.second]))
            said = partial(Pair, statement=fill(_SPLIT_WORDS, z=split.z))
            found.append(CampaignSet("two_operators", (first, second), ((first, second),), (), said))
    return found


MEMBER_EXAMPLES = 5
OPERATION_PRIOR = (PRIOR, PRIOR, "Odds that a group like this is one operation of this kind, before any evidence")
MEMBER_PRIOR = (PRIOR, PRIOR, "Odds that an account of the group is part of it, from how many of the others are")

_FLAGGED_BEFORE = (STANDING, FLAGGED_BEFORE, "The look before flagged it")

Text = tuple[str, str, str]  # family, kind and statement


@dataclass
class _Rows:
    """Rows as they are gathered; one array a campaign in each list but those of distinct values."""

    texts: dict[Text, int] = field(default_factory=dict)
    # requests of distinct lists, list after list, as positions in the sketches
    examples: list[Ints] = field(default_factory=list)
    sizes: list[Ints] = field(default_factory=list)  # requests of each of these lists
    lists: int = 0  # how many lists there are
    # number, account, text, bits, raw, example, count: campaign, account (-1: all of it), text, bits after and before
    # caps, list of examples and number of requests of each row
    number: list[Ints] = field(default_factory=list)
    account: list[Ints] = field(default_factory=list)
    text: list[Ints] = field(default_factory=list)
    bits: list[Floats] = field(default_factory=list)
    raw: list[Floats] = field(default_factory=list)
    example: list[Ints] = field(default_factory=list)
    count: list[Ints] = field(default_factory=list)
    independent: list[Flags] = field(default_factory=list)  # of each row, whether it is

    def code(self, text: Text) -> int:
        """Number of a text."""
        return self.texts.setdefault(text, len(self.texts))

    def add_lists(self, examples: Ints, sizes: Ints) -> int:
        """Add lists of requests; returns the number of the first."""
        self.examples.append(examples)
        self.sizes.append(sizes)
        self.lists += len(sizes)
        return self.lists - len(sizes)

    def add(self, number: int, **columns: Ints | Floats | Flags) -> None:
        """Rows of one campaign, an array for each of the other lists."""
        self.number.append(np.full(len(columns["account"]), number))
        for name, values in columns.items():
            getattr(self, name).append(values)


def evidence_table(log: ScoredLog, shown: list[Judged], names: list[str]) -> pa.Table:
    """Every finding about a campaign and about each of its members, priors included.

    The bits of a campaign's rows sum to its log2 odds, those of a member's rows to its log2 odds given the campaign.
    `rebuild.py` derives all that is said of the campaign from the bits before caps again, so every finding on which
    that depends has a row, also where its cap leaves it no bits.
    """
    if not shown:
        return EVIDENCE.empty()
    rows = _Rows()
    for place, judged in enumerate(shown):
        _campaign_rows(rows, place, judged)
        _member_rows(rows, place, judged)
    gathered = (rows.number, rows.account, rows.text, rows.example)
    number, account, text, example = map(np.concatenate, gathered)
    texts = [pa.array(column).take(pa.array(text)) for column in zip(*rows.texts, strict=True)]
    offsets = np.append(0, np.cumsum(np.concatenate(rows.sizes))).astype(np.int32)
    requests = log.requests.table.column("request_id").take(pa.array(np.concatenate(rows.examples)))
    lists = pa.ListArray.from_arrays(pa.array(offsets), requests.combine_chunks())
    return EVIDENCE.build(
        campaign_id=pa.array(names).take(pa.array(number)),
        account_id=log.accounts.ids.take(pa.array(account, mask=account < 0)),
        family=texts[0],
        kind=texts[1],
        statement=texts[2],
        bits=np.concatenate(rows.bits),
        raw_bits=np.concatenate(rows.raw),
        independent=np.concatenate(rows.independent),
        act_needs=["nothing"] * len(text),
        request_ids=lists.take(pa.array(example)),
        request_count=np.concatenate(rows.count),
    )


def _campaign_rows(rows: _Rows, number: int, judged: Judged) -> None:
    """The prior and the findings against separate customers, what the other explanations take, and the limits."""
    claim = judged.weighed.claim
    stated = [_rule_row(_prior_text(judged.kind, claim.leading), claim.prior_bits)]
    raw = [claim.prior_bits]
    for measured, found in zip(judged.measured, judged.weighed.findings, strict=True):
        if measured.bits != 0.0 or found.insufficient or found.kind in SIGN_KINDS:
            stated.append(found)
            raw.append(measured.bits)
    for key, odds in claim.odds.items():
        leads = key == claim.leading
        stated.append(_rule_row((OTHERS, key, explanation_statement(key, odds)), claim.other_bits if leads else 0.0))
        raw.append(odds)
    stated += [_rule_row((limit.family, limit.kind, limit.statement), 0.0) for limit in judged.limits]
    raw += [0.0] * len(judged.limits)
    sizes = np.array([len(found.rows) for found in stated], np.int64)
    first = rows.add_lists(np.concatenate([found.rows for found in stated]), sizes)
    rows.add(
        number,
        account=np.full(len(stated), -1),
        text=np.array([rows.code((found.family, found.kind, found.statement)) for found in stated]),
        bits=np.array([found.bits for found in stated]),
        raw=np.array(raw),
        example=np.arange(first, first + len(stated)),
        count=np.array([found.count for found in stated]),
        independent=np.array([found.independent for found in stated]),
    )


def _prior_text(kind: str, leading: str) -> Text:
    if not leading:
        return OPERATION_PRIOR
    what = "has one operator" if kind == POSING_OPERATION else "harvests"
    return PRIOR, PRIOR, f"Odds that a group like this {what} and is no chance group, before any evidence"


def explanation_statement(key: str, odds: float) -> str:
    """How an explanation stands beside a harvest, in one sentence."""
    name = formatting.sentence_case(EXPLANATION_OF[key].name)
    return f"{name}: {formatting.odds_in_words(odds)} a harvest"


def _rule_row(text: Text, bits: float) -> Finding:
    """A row that stands on no request."""
    family, kind, statement = text
    return Finding(family, kind, statement, bits)


def _member_rows(rows: _Rows, number: int, judged: Judged) -> None:
    """One row for each member's prior and for each finding that says something of it, member after member."""
    candidate = judged.candidate
    members = len(candidate.accounts)
    findings = judged.weighed.findings
    prior = np.full((1, members), judged.weighed.member_prior)
    table = np.concatenate([prior, hold_set_apart(findings, judged.weighed.set_apart)]).T
    raw = np.concatenate([prior, member_bits(judged.measured, members)]).T
    speaks = table != 0.0
    speaks[:, 0] = True
    member, finding = np.nonzero(speaks)
    bits, values = table[member, finding], raw[member, finding]
    # The prior and, for each finding, what it says for and against; some findings never speak of members.
    texts = np.zeros((table.shape[1], 2), np.int64)
    texts[0] = rows.code(MEMBER_PRIOR)
    for place, found in enumerate(findings, start=1):
        if speaks[:, place].any():
            words = all_kinds()[found.kind].members
            if words is None:
                raise ContractError(f"{found.kind} judges members without words for it", where="evidence catalogue")
            said = (words.evidence_against, words.evidence_for)
            texts[place] = [rows.code((found.family, found.kind, statement)) for statement in said]
    volumes = candidate.volumes
    ends = np.cumsum(volumes)
    by_member = candidate.rows[np.argsort(candidate.row_account, kind="stable")]
    begins, own = ends - volumes, np.minimum(volumes, MEMBER_EXAMPLES)
    if any(limit.family == STANDING for limit in judged.limits) and judged.standing is not None:
        before = np.flatnonzero(judged.standing)
        nothing = np.zeros(len(before))
        member, finding = np.append(member, before), np.append(finding, np.full(len(before), len(texts)))
        bits, values = np.append(bits, nothing), np.append(values, nothing)
        texts = np.vstack([texts, [rows.code(_FLAGGED_BEFORE)] * 2])
    # The prior, and that the account was flagged before, stand on no request.
    by_rule = (finding == 0) | (finding > len(findings))
    first = rows.add_lists(by_member[ranges(begins, begins + own)], np.append(0, own))
    rows.add(
        number,
        account=candidate.accounts[member],
        text=texts[finding, (bits > 0).astype(np.int64)],
        bits=bits,
        raw=values,
        example=np.where(by_rule, first, first + 1 + member),
        count=np.where(by_rule, 0, volumes[member]),
        independent=np.zeros(len(member), bool),
    )
