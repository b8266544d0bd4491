"""What the policy decides about replacement accounts that a signature links between two hunts."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stillhunt.base.units import DAY
from stillhunt.decide.actions import WITHOUT_FLAG, Action, rank, weaker
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.log import NAMED_AT_A_TIME, DecisionLog
from stillhunt.decide.policy import SIGNATURE_RULE, Policy
from stillhunt.decide.rules import accounts_begun, delay_of, let_go_lately, remembered_span
from stillhunt.watch.database.tables import DECISIONS

SIGNATURE_AUTHOR = f"rule:{SIGNATURE_RULE}"


@dataclass(frozen=True)
class Link:
    """An account that a signature links to a campaign."""

    account_id: str
    campaign_id: str
    at: int
    bits: float  # what it shows of the signature
    # whether who sends its requests, its card or its sign-up agree with it, too; without, it is tagged at most, since
    # end users of an application write what its account asks
    beyond_texts: bool = False


def action_of(wanted: Action, beyond_texts: bool) -> Action:
    """The most of an action of the section `[signature]` that evidence allows."""
    return wanted if beyond_texts else weaker(wanted, WITHOUT_FLAG)


def decide_links(
    policy: Policy,
    links: Sequence[Link],
    spared: Collection[str],
    log: Sequence[LogEntry],
    now: int,
    secret: bytes,
    dismissed: frozenset[str] = frozenset(),
) -> list[LogEntry]:
    """Entries about linked accounts that the policy appends to the log.

    A link is decided once, and once more where later evidence allows a stronger action: what a person undid is not
    decided again. Such a decision ends by itself; members that a hunt finds are decided by the other rules.

    Args:
        spared: accounts that were there before their campaign was found, accounts of declared programmes, and those
            that customers or victims stand behind.
        log: entries so far that stand or were made within `rules.remembered_span`, and all about linked accounts, in
            order.

    Returns:
        Entries without places and hashes, those with the most bits first.
    """
    terms = policy.signature
    if policy.kill_switch or terms.linked == "observe":
        return []
    untouched = {*policy.exempt.accounts, *spared, *let_go_lately(policy, log, now)}
    decided: dict[tuple[str, str], int] = {}
    for entry in (entry for entry in log if entry.author == SIGNATURE_AUTHOR and not entry.undoes):
        about = entry.account_id, entry.campaign_id
        decided[about] = max(rank(entry.action), decided.get(about, 0))
    begun = accounts_begun(log, now, dry_run=policy.mode == "dry_run")
    made: list[LogEntry] = []
    for link in sorted(links, key=lambda one: (-one.bits, one.account_id, one.campaign_id)):
        pair, action = (link.account_id, link.campaign_id), action_of(terms.linked, link.beyond_texts)
        if link.account_id in untouched or link.campaign_id in dismissed or rank(action) <= decided.get(pair, 0):
            continue
        if rank(action) > rank(WITHOUT_FLAG):
            if link.account_id not in begun and len(begun) >= policy.accounts_per_day:
                continue
            begun.add(link.account_id)
        decided[pair] = rank(action)
        starts = now + delay_of(policy, *pair, secret)
        dry_run = policy.mode == "dry_run"
        entry = LogEntry(
            0, now, "rule", link.account_id, action, terms.reason, SIGNATURE_AUTHOR, dry_run, starts,
            starts + int(terms.days * DAY), link.campaign_id,
        )  # fmt: skip
        made.append(entry)
    return made


def append_links(
    log: DecisionLog,
    policy: Policy,
    links: Sequence[Link],
    spared: Collection[str],
    now: int,
    dismissed: frozenset[str] = frozenset(),
) -> list[LogEntry]:
    """Append what the policy decides about linked accounts; see `decide_links`."""
    known = {entry.seq: entry for entry in log.lately(now, remembered_span(policy))}
    accounts = sorted({link.account_id for link in links})
    for start in range(0, len(accounts), NAMED_AT_A_TIME):
        some = accounts[start : start + NAMED_AT_A_TIME]
        known |= {entry.seq: entry for entry in log.read(DECISIONS.c.account_id.in_(some))}
    entries = [known[seq] for seq in sorted(known)]
    return log.append(decide_links(policy, links, spared, entries, now, log.secret, dismissed))
