"""Findings -> EVIDENCE: rows that rebuild every probability."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from stillhunt.base.config import Config, ScoreSettings
from stillhunt.base.errors import ContractError
from stillhunt.base.schema import EVIDENCE
from stillhunt.score.context.coding import Floats, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.verdict.verdict import Judged, member_evidence

MEMBER_EXAMPLES = 5
PRIOR = ("prior", "prior", "odds that a group like this harvests, before any evidence")
EVEN_ODDS = ("prior", "prior", "even odds that an account in the group is part of it")

Text = tuple[str, str, str]
"""Family, kind and statement."""


@dataclass
class _Rows:
    """Rows as they are gathered; one array a campaign in each list but those of distinct values.

    Attributes:
        texts: distinct texts, each with its number.
        examples: distinct lists of requests, as positions in the sketches.
        number, account, text, bits, example, count: campaign, account (-1: all of it), text, bits, list of examples and
            number of requests of each row.
    """

    texts: dict[Text, int] = field(default_factory=dict)
    examples: list[Ints] = field(default_factory=list)
    number: list[Ints] = field(default_factory=list)
    account: list[Ints] = field(default_factory=list)
    text: list[Ints] = field(default_factory=list)
    bits: list[Floats] = field(default_factory=list)
    example: list[Ints] = field(default_factory=list)
    count: list[Ints] = field(default_factory=list)

    def code(self, text: Text) -> int:
        """Number of a text."""
        return self.texts.setdefault(text, len(self.texts))

    def add(self, number: int, account: Ints, text: Ints, bits: Floats, example: Ints, count: Ints) -> None:
        """Rows of one campaign."""
        self.number.append(np.full(len(account), number))
        for column, values in zip(
            (self.account, self.text, self.example, self.count), (account, text, example, count), strict=True
        ):
            column.append(values)
        self.bits.append(bits)


def evidence_table(frame: Frame, shown: list[Judged], names: list[str], config: Config) -> pa.Table:
    """Every finding about a campaign and about each of its members, priors included.

    The bits of a campaign's rows sum to its log2 odds, those of a member's rows to its log2 odds given the campaign.

    Args:
        frame: the log.
        shown: judged candidates.
        names: their campaign ids.
        config: settings, for the prior.
    """
    if not shown:
        return EVIDENCE.empty()
    rows = _Rows()
    for place, judged in enumerate(shown):
        _campaign_rows(rows, place, judged, config, frame.accounts)
        _member_rows(rows, place, judged)
    number, account, text, example = (
        np.concatenate(column) for column in (rows.number, rows.account, rows.text, rows.example)
    )
    texts = [pa.array(column).take(pa.array(text)) for column in zip(*rows.texts, strict=True)]
    offsets = np.cumsum([0, *(len(one) for one in rows.examples)]).astype(np.int32)
    requests = frame.sketches.column("request_id").take(pa.array(np.concatenate(rows.examples)))
    lists = pa.ListArray.from_arrays(pa.array(offsets), requests.combine_chunks())
    return EVIDENCE.build(
        campaign_id=pa.array(names).take(pa.array(number)),
        account_id=frame.account_ids.take(pa.array(account, mask=account < 0)),
        family=texts[0],
        kind=texts[1],
        statement=texts[2],
        bits=np.concatenate(rows.bits),
        request_ids=lists.take(pa.array(example)),
        request_count=np.concatenate(rows.count),
    )


def budget_statement(judged: Judged, settings: ScoreSettings, accounts: int) -> str:
    """Why a campaign that is probable enough is only put up for review.

    Args:
        judged: a campaign that the false-alarm budget holds back.
        settings: prior and budget.
        accounts: accounts of the log.

    Raises:
        ContractError: the budget does not hold it back.
    """
    if judged.held_back is None:
        raise ContractError("the false-alarm budget does not hold this campaign back", where="budget_statement")
    allowed = settings.false_campaigns_per_month
    return (
        f"it would be act, but a budget of {allowed:g} false campaign{'s' * (allowed != 1)} in 30 days asks "
        f"{judged.held_back:.1f} bits of evidence in a log of {accounts:,} accounts; it has "
        f"{judged.bits - settings.prior_bits:.1f}"
    )


def _campaign_rows(rows: _Rows, number: int, judged: Judged, config: Config, accounts: int) -> None:
    nothing = np.zeros(0, np.int64)
    told: list[tuple[Text, float, Ints, int]] = [(PRIOR, config.score.prior_bits, nothing, 0)]
    speaking = [found for found in judged.findings if found.bits != 0.0 or found.untold]
    told += [((found.family, found.kind, found.statement), found.bits, found.rows, found.count) for found in speaking]
    if judged.held_back is not None and judged.verdict == "review":
        text = budget_statement(judged, config.score, accounts)
        told.append((("budget", "false_alarm_budget", text), 0.0, nothing, 0))
    first = len(rows.examples)
    rows.examples += [examples for _, _, examples, _ in told]
    rows.add(
        number,
        np.full(len(told), -1),
        np.array([rows.code(text) for text, _, _, _ in told]),
        np.array([bits for _, bits, _, _ in told]),
        np.arange(first, first + len(told)),
        np.array([count for _, _, _, count in told]),
    )


def _member_rows(rows: _Rows, number: int, judged: Judged) -> None:
    """One row for each member's prior and for each finding that says something of it, member after member."""
    candidate = judged.candidate
    members = len(candidate.accounts)
    table = np.concatenate([np.zeros((1, members)), member_evidence(judged.findings, members)]).T
    speaks = table != 0.0
    speaks[:, 0] = True
    member, finding = np.nonzero(speaks)
    bits = table[member, finding]
    # The prior and, for each finding, what it says for and against; some findings never speak of members.
    texts = np.zeros((table.shape[1], 2), np.int64)
    texts[0] = rows.code(EVEN_ODDS)
    for place, found in enumerate(judged.findings, start=1):
        if speaks[:, place].any():
            texts[place] = [
                rows.code((found.family, found.kind, words)) for words in reversed(_MEMBER_WORDS[found.kind])
            ]
    loads = candidate.loads
    ends = np.cumsum(loads)
    by_member = candidate.rows[np.argsort(candidate.row_account, kind="stable")]
    begins = (ends - loads).tolist()
    own = [by_member[begin:end][:MEMBER_EXAMPLES] for begin, end in zip(begins, ends.tolist(), strict=True)]
    # The prior stands on no request.
    first = len(rows.examples)
    rows.examples += [np.zeros(0, np.int64), *own]
    rows.add(
        number,
        candidate.accounts[member],
        texts[finding, (bits > 0).astype(np.int64)],
        bits,
        np.where(finding == 0, first, first + 1 + member),
        np.where(finding == 0, 0, loads[member]),
    )


_MEMBER_WORDS = {
    "phrase_mixture": ("its phrases are mixed as the group mixes them", "its phrases are mixed in a way of its own"),
    "topic_mixture": ("its subjects are dealt as the group's are", "its subjects are its own"),
    "even_loads": ("its load is near the group's middle", "its load is far from the group's"),
    "like_work": ("it does as much work as the others", "it does more or less work than the others"),
    "client_stacks": ("it uses one of the group's client stacks", "its client stack is its own"),
    "payment_fingerprint": ("it pays with an instrument that others of the group use", "its payment is its own"),
    "email_domain": ("its mail domain is one of the group's", "its mail domain is common or its own"),
    "signup_prefix": ("it was opened from a network of the group", "it was opened from a network of its own"),
    "created_at": ("it was opened in a sign-up session of the group", "it was opened at a time of its own"),
    "client_ip": ("it sends from an address of the group", "its addresses are its own"),
    "client_prefix": ("it sends from a network of the group", "its networks are its own"),
    "open_customer": ("it belongs to the one payer", "it belongs to the one payer"),
    "declared_organisation": ("it declares another organisation", "it is a seat of the declared organisation"),
}
