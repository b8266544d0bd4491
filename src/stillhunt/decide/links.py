"""What the policy decides about replacement accounts that a signature links between two hunts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from stillhunt.base.units import DAY
from stillhunt.decide.actions import WITHOUT_FLAG, rank
from stillhunt.decide.entries import LogEntry
from stillhunt.decide.policy import SIGNATURE_RULE, Policy
from stillhunt.decide.rules import accounts_begun, delay_of, let_go_lately

SIGNATURE_AUTHOR = f"rule:{SIGNATURE_RULE}"


@dataclass(frozen=True)
class Link:
    """An account that a signature links to a campaign.

    Attributes:
        account_id: the account.
        campaign_id: lasting id of the campaign.
        at: when it was linked, microseconds since 1970.
        bits: what it shows of the signature.
    """

    account_id: str
    campaign_id: str
    at: int
    bits: float


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

    A link is decided once: what a person undid is not decided again. Such a decision ends by itself; members that a
    hunt finds are decided by the other rules.

    Args:
        policy: what rules may do.
        links: accounts linked lately.
        spared: accounts that were there before their campaign was found, accounts of declared programmes, and those
            that customers or victims stand behind.
        log: all entries so far, in order.
        now: microseconds since 1970.
        secret: of the data folder; the delay is made of it.
        dismissed: campaigns that an analyst dismissed; nothing is decided for them.

    Returns:
        Entries without places and hashes, those with the most bits first.
    """
    terms = policy.signature
    if policy.kill_switch or terms.linked == "observe":
        return []
    untouched = {*policy.exempt.accounts, *spared, *let_go_lately(policy, log, now)}
    decided = {(entry.account_id, entry.campaign_id) for entry in log if entry.author == SIGNATURE_AUTHOR}
    begun = accounts_begun(policy, log, now)
    made: list[LogEntry] = []
    for link in sorted(links, key=lambda one: (-one.bits, one.account_id, one.campaign_id)):
        pair = link.account_id, link.campaign_id
        if link.account_id in untouched or link.campaign_id in dismissed or pair in decided:
            continue
        if rank(terms.linked) > rank(WITHOUT_FLAG):
            if link.account_id not in begun and len(begun) >= policy.accounts_per_day:
                break
            begun.add(link.account_id)
        decided.add(pair)
        starts = now + delay_of(policy, *pair, secret)
        dry_run = policy.mode == "dry_run"
        entry = LogEntry(
            0, now, "rule", link.account_id, terms.linked, terms.reason, SIGNATURE_AUTHOR, dry_run, starts,
            starts + int(terms.days * DAY), link.campaign_id,
        )  # fmt: skip
        made.append(entry)
    return made
