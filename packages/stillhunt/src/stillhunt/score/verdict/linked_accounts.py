"""Accounts of one operator that work off no queue: many accounts of one person, and accounts that serve many people.

They are looked for by what the customer table says: accounts that pay with one instrument or signed up from one
network. The rest of what they share is evidence: one client fingerprint and a further key, beyond chance. That shows
one operator, as it does of a class in a computer room. So it takes a trace of the abuse as well: accounts that are used
one after another, as when each has its free credits, or many programs behind each account. It never gets more than the
verdict review, and nothing of it is counted as harvested.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stillhunt.base.arrays import Flags, Ints
from stillhunt.base.config import ScoreSettings
from stillhunt.base.families import SIGN_KINDS
from stillhunt.base.schema_case import VERDICTS
from stillhunt.base.wording import fill
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import all_kinds
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.gather import within_sample
from stillhunt.score.evidence.kinds.account_holders import LINKED, count_programs
from stillhunt.score.evidence.kinds.open_customers import explained_by_customer
from stillhunt.score.verdict.rules import (
    LIKELY_MEMBER,
    Weighed,
    flagged_members,
    linked_verdict,
    weigh_linked_accounts,
)
from stillhunt.score.verdict.verdict import Judged


def member_ranks(verdict: str, weighed: Weighed, settings: ScoreSettings, standing: Flags | None = None) -> Ints:
    """Position in `VERDICTS` of what is said of each member, allowed programmes aside.

    Args:
        standing: True for members whom the look before flagged; None where there was none.
    """
    # Whoever is likelier a member than not is for a person to look at, as the campaign is.
    likely = weighed.member_probability >= LIKELY_MEMBER
    ranks = np.where(likely, VERDICTS.index("review"), VERDICTS.index("none"))
    if verdict == "act":
        ranks[flagged_members(weighed, settings, standing)] = VERDICTS.index("act")
    return ranks


MIN_LINKED_ACCOUNTS = 8  # Accounts from which a group is looked at (families and small firms have fewer)
_MAX_ACCOUNTS = 2000  # Accounts with one value up to which it forms a group (more have a carrier or a campus in common)
_MAX_GROUPS = 200  # Groups that are looked at, the largest first (bounds the time to about a second)
_MOST_KEY_BITS = 4.0  # Most bits of one key (half of what a family may earn, so that it takes two)
# Accounts between their first and last request at one time, on average, that are used in turn (who uses up credits
# opens the next account; classes attend together)
_MOST_AT_ONCE = 2.0


@dataclass(frozen=True)
class Trace:
    """What a trace of abuse is evidence of."""

    family: str
    operation: str


FORMED_BY = ("payment_fingerprint", "signup_prefix")
FARM, RELAY = "account_farm", "relay"
TRACES = {"many_programs": Trace("conduct", RELAY), "used_in_turn": Trace("timing", FARM)}
"""Finding that only such groups have -> its family and the kind of operation."""
_FINGERPRINT = "client_fingerprint"
_IN_TURN = (
    "Its {accounts:#} accounts are used one after another: on average {at_once:.1f} of them are between their first "
    "and last request"
)
_PROGRAMS = "Many programs stand behind each account: {settings:#} settings come back in the median account"


def linked_operations(log: ScoredLog, judged: Sequence[Judged], settings: ScoreSettings) -> list[Judged]:
    """Groups of linked accounts with a trace of abuse, each with the verdict review.

    Args:
        judged: the candidates; accounts of campaigns are not looked at again.
    """
    taken = np.zeros(log.accounts.count, bool)
    for one in judged:
        if one.verdict != "none":
            taken[one.candidate.accounts] = True
    found = []
    for number, (key, members) in enumerate(_linked_groups(log, taken)):
        case = CandidateCase.of(log, _candidate_of(log, members, -1 - number), 1)
        if (operation := _judge_group(case, key, settings)) is not None:
            taken[members] = True
            found.append(operation)
    return found


def _linked_groups(log: ScoredLog, taken: Flags) -> Iterator[tuple[str, Ints]]:
    """Key and members of each group, the largest first; no account twice once it is taken."""
    present = np.diff(log.requests.first) > 0
    seeds = []
    for place, key in enumerate(FORMED_BY):
        codes = log.accounts.customers.codes.get(key, np.zeros(0, np.int32))
        values, holder, holders = np.unique(codes, return_index=True, return_counts=True)
        fits = np.flatnonzero((values >= 0) & (holders >= MIN_LINKED_ACCOUNTS) & (holders <= _MAX_ACCOUNTS))
        seeds += [(-int(holders[at]), place, int(holder[at])) for at in fits.tolist()]
    for _, place, one in sorted(seeds)[:_MAX_GROUPS]:
        codes = log.accounts.customers.codes[FORMED_BY[place]]
        members = np.flatnonzero((codes == codes[one]) & present & ~taken)
        if len(members) >= MIN_LINKED_ACCOUNTS:
            yield FORMED_BY[place], members


def _candidate_of(log: ScoredLog, members: Ints, number: int) -> Candidate:
    """All traffic of some accounts."""
    rows, owner, nothing = log.requests.of_accounts(members), log.requests.owners(members), np.zeros(len(members))
    places = np.arange(len(members))
    return Candidate(number, members, places * 0 - 1, places, places * 0, nothing, nothing, rows, owner, owner)


def _judge_group(case: CandidateCase, key: str, settings: ScoreSettings) -> Judged | None:
    if explained_by_customer(case):
        return None
    kinds = [
        kind
        for kind in all_kinds().values()
        if kind.family in ("network", "identity") and kind.name != key and kind.name not in SIGN_KINDS
    ]
    shared = [finding for kind in kinds if (finding := kind.weigh(kind, case)) is not None]
    strong = {finding.kind for finding in shared if finding.bits >= LINKED.key_bits and not finding.insufficient}
    traces = _traces_of(case)
    if _FINGERPRINT not in strong or len(strong) < 2 or not traces:
        return None
    keys = [replace(finding, bits=min(finding.bits, _MOST_KEY_BITS)) for finding in shared if finding.bits != 0.0]
    findings = keys + list(traces.values())
    measured = within_sample(case.log, findings)
    weighed = weigh_linked_accounts(measured, len(case.candidate.accounts), settings)
    verdict = linked_verdict(weighed, settings)
    return None if verdict == "none" else Judged(case.candidate, measured, weighed, verdict, next(iter(traces)))


def _traces_of(case: CandidateCase) -> dict[str, Finding]:
    """Kind of operation -> the finding that shows it, at most one."""
    requests, candidate = case.log.requests, case.candidate
    accounts = len(candidate.accounts)
    first, last = np.full(accounts, np.iinfo(np.int64).max), np.zeros(accounts, np.int64)
    np.minimum.at(first, candidate.row_account, requests.time[candidate.rows])
    np.maximum.at(last, candidate.row_account, requests.time[candidate.rows])
    at_once = float((last - first).sum() / max(int(last.max() - first.min()), 1))
    programs = count_programs(requests, candidate.rows, candidate.row_account, accounts)
    if programs >= LINKED.programs:
        kind, statement = "many_programs", fill(_PROGRAMS, settings=programs)
    elif at_once <= _MOST_AT_ONCE:
        kind, statement = "used_in_turn", fill(_IN_TURN, accounts=accounts, at_once=at_once)
    else:
        return {}
    trace = TRACES[kind]
    return {trace.operation: Finding(trace.family, kind, statement, LINKED.trace_bits, count=len(candidate.rows))}
