"""What the rules of a policy decide about one snapshot: new decisions, and the end of those that no rule says."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.units import DAY, MINUTE
from stillhunt.decide.actions import WITHOUT_FLAG, Action, rank, weaker
from stillhunt.decide.entries import LogEntry, end_of, standing
from stillhunt.decide.policy import SIGNATURE_RULE, Policy, Rule

ONE_CLIENT = 0.8
"""Share of the other flagged members with one main client from which a campaign has a client. Judgement."""
OF_FEW = 0.1
"""Share of the other flagged members with its main client below which a member stands apart. Judgement: two customers
with one client, whose end users copy the prompts of twenty accounts, still do."""


def maybe_copied(facts: pa.Table, by_texts: AbstractSet[tuple[str, str]]) -> list[bool]:
    """Whether each row's account may be one whose end users copy prompts.

    It may where only texts tie it to the campaign and the accounts table says nothing about it. Where nearly all of a
    campaign use one client program, it also may where it uses another one, and where only texts link it: those who
    copy may be many, so they do not count as members here. Where a campaign uses many clients, they tell nothing.

    Args:
        facts: ACCOUNT_FACTS; of the clients of an account, the first is its main one.
    """
    names = ("account_id", "campaign_id", "flagged", "clients", "created_at")
    rows = list(zip(*(facts[name].to_pylist() for name in names), strict=True))
    used: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for account, campaign, flagged, clients, _ in rows:
        if flagged and clients and (account, campaign) not in by_texts:
            used[campaign][clients[0]] += 1
    found = []
    for account, campaign, flagged, clients, opened in rows:
        only_texts, own = (account, campaign) in by_texts, clients[0] if clients else None
        unknown = only_texts and opened is None
        found.append(bool(flagged) and (unknown or _is_apart(own, used[campaign], only_texts)))
    return found


def _is_apart(own: str | None, used: Counter[str], only_texts: bool) -> bool:
    counted = own is not None and not only_texts
    others = used.total() - counted
    one_client = others > 0 and max(used.values()) >= ONE_CLIENT * others
    return one_client and (only_texts or (counted and used[own or ""] - 1 < OF_FEW * others))


RENEWED = 0.5
"""Part of its time after which a decision that a rule still says is renewed. Judgement: no late hunt lets it lapse."""


@dataclass(frozen=True)
class Findings:
    """What rules look at.

    Attributes:
        dismissed: campaigns that an analyst dismissed; rules decide nothing for them, and what they decided ends.
        by_texts: accounts and campaigns that only texts tie together, see `weighed_links.known_by_texts`.
    """

    facts: pa.Table
    kinds: Mapping[str, str]
    sequence: int
    dismissed: frozenset[str] = frozenset()
    by_texts: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class _Wish:
    account_id: str
    campaign_id: str
    action: Action
    rule: Rule
    score: float


def decide(policy: Policy, findings: Findings, log: Sequence[LogEntry], now: int, secret: bytes) -> list[LogEntry]:
    """Entries that the rules append to the log after a snapshot.

    Args:
        log: entries so far that stand or were made within `remembered_span`, in order.

    Returns:
        Undone decisions first, then new ones, the most probable accounts first; without places and hashes. Nothing
        where all stays as it is.
    """
    wishes = {} if policy.kill_switch else _collect_wishes(policy, findings)
    all_own = [entry for entry in standing(log, now) if entry.kind == "rule"]
    # What a signature decided between hunts ends by itself, since a hunt may see too little of a new account to say so.
    by_signature = [entry for entry in all_own if entry.author == f"rule:{SIGNATURE_RULE}"]
    own = [entry for entry in all_own if entry.author != f"rule:{SIGNATURE_RULE}"]
    dismissed = findings.dismissed
    ended = [
        one for one in own if one.campaign_id in dismissed or not _still_said(one, wishes.get(one.account_id), policy)
    ]
    ended += [one for one in by_signature if one.campaign_id in dismissed or not _signature_says(one, policy)]
    over = {entry.seq for entry in ended}
    kept = {entry.account_id: entry for entry in own if entry.seq not in over}
    begun, let_go = accounts_begun(policy, log, now), let_go_lately(policy, log, now)
    made = []
    for wish in wishes.values():
        before = kept.get(wish.account_id)
        if before is not None and now < before.made_at + RENEWED * (before.expires_at - before.made_at):
            continue
        if before is None and wish.account_id in let_go:
            continue
        if before is None and rank(wish.action) > rank(WITHOUT_FLAG):
            if wish.account_id not in begun and len(begun) >= policy.accounts_per_day:
                continue
            begun.add(wish.account_id)
        made.append(_make_rule_decision(policy, wish, findings.sequence, now, secret, before))
    note = "the kill switch is on" if policy.kill_switch else "no rule says so any more"
    return [*(end_of(entry, entry.author, note, now) for entry in ended), *made]


def _collect_wishes(policy: Policy, findings: Findings) -> dict[str, _Wish]:
    """Account -> the strongest of what the rules want for it, the most probable first; no cap is applied."""
    wishes: dict[str, _Wish] = {}
    exempt = set(policy.exempt.accounts)
    names = ("account_id", "campaign_id", "campaign_verdict", "flagged", "sanctioned", "role", "score")
    columns = [findings.facts[name].to_pylist() for name in names]
    kept_back = zip(
        _mark_established_accounts(policy, findings.facts), maybe_copied(findings.facts, findings.by_texts), strict=True
    )
    for *row, (established, copied) in zip(*columns, kept_back, strict=True):
        account, campaign, verdict, flagged, sanctioned, role, score = row
        if sanctioned or account in exempt or campaign in findings.dismissed:
            continue
        for rule in policy.rule:
            fits = verdict in rule.verdict and findings.kinds.get(campaign) in rule.kind and role in rule.role
            if not fits or score < rule.probability:
                continue
            least = established or copied or not flagged
            action = weaker(rule.action, weaker(policy.ceiling, WITHOUT_FLAG) if least else policy.ceiling)
            wish = _Wish(account, campaign, action, rule, score)
            if account not in wishes or _rank_wish(wish) > _rank_wish(wishes[account]):
                wishes[account] = wish
    return dict(sorted(wishes.items(), key=lambda item: (-item[1].score, item[0])))


def _mark_established_accounts(policy: Policy, facts: pa.Table) -> list[bool]:
    """Whether each account was opened long before its campaign's first request; False where its age is not known."""
    begins = facts.group_by("campaign_id").aggregate([("first_seen", "min")])
    place = pc.index_in(facts["campaign_id"], value_set=begins["campaign_id"])
    begin = begins["first_seen_min"].take(place)
    microseconds = pc.subtract(begin.cast(pa.int64()), facts["created_at"].cast(pa.int64()))
    older = pc.greater(microseconds, int(policy.established_days * DAY))
    known: list[bool] = pc.fill_null(older, False).to_pylist()
    return known if policy.established_days else [False] * len(known)


def _rank_wish(wish: _Wish) -> tuple[int, float, str, str]:
    """Of two wishes for one account the stronger, then the longer one counts; the rest makes it one of several."""
    return rank(wish.action), wish.rule.days, wish.campaign_id, wish.rule.name


def _still_said(entry: LogEntry, wish: _Wish | None, policy: Policy) -> bool:
    dry_run = policy.mode == "dry_run"
    return wish is not None and (wish.action, dry_run) == (entry.action, entry.dry_run)


def _signature_says(entry: LogEntry, policy: Policy) -> bool:
    wanted = policy.signature.linked
    known = entry.action in (wanted, weaker(wanted, WITHOUT_FLAG)) and entry.account_id not in policy.exempt.accounts
    return known and not policy.kill_switch and entry.dry_run == (policy.mode == "dry_run")


def remembered_span(policy: Policy) -> int:
    """Microseconds for which rules look back at what was decided and has ended."""
    return max(DAY, int(policy.appeals.let_through_days * DAY))


def accounts_begun(policy: Policy, log: Iterable[LogEntry], now: int) -> set[str]:
    """Accounts for which rules began something stronger than tag within 24 hours; renewals are none.

    A dry run and the real thing are counted apart, so that a policy that is switched on has its whole day.
    """
    dry_run = policy.mode == "dry_run"
    new = (entry for entry in log if entry.kind == "rule" and not entry.undoes and entry.made_at > now - DAY)
    return {one.account_id for one in new if one.dry_run == dry_run and rank(one.action) > rank(WITHOUT_FLAG)}


def let_go_lately(policy: Policy, log: Sequence[LogEntry], now: int) -> set[str]:
    """Accounts for which a person ended a rule's decision lately: rules do not decide about them again for a time."""
    since = now - int(policy.appeals.let_through_days * DAY)
    by_rules = {entry.seq for entry in log if entry.kind == "rule"}
    ends = (entry for entry in log if entry.kind == "undo" and entry.undoes in by_rules and entry.made_at > since)
    return {entry.account_id for entry in ends if not entry.author.startswith("rule:")}


def _make_rule_decision(
    policy: Policy, wish: _Wish, sequence: int, now: int, secret: bytes, before: LogEntry | None
) -> LogEntry:
    starts = now if before is not None else now + delay_of(policy, wish.account_id, wish.campaign_id, secret)
    return LogEntry(
        seq=0,
        made_at=now,
        kind="rule",
        account_id=wish.account_id,
        action=wish.action,
        reason=wish.rule.reason,
        author=f"rule:{wish.rule.name}",
        dry_run=policy.mode == "dry_run",
        starts_at=starts,
        expires_at=starts + int(wish.rule.days * DAY),
        campaign_id=wish.campaign_id,
        snapshot=sequence,
        undoes=0 if before is None else before.seq,
    )


def delay_of(policy: Policy, account: str, campaign: str, secret: bytes) -> int:
    """Microseconds between the bounds, which only who knows the secret can tell beforehand."""
    least, most = (bound * MINUTE for bound in policy.delay_minutes)
    drawn = hmac.digest(secret, f"{account}\0{campaign}".encode(), hashlib.sha256)
    return int(least + (most - least) * (int.from_bytes(drawn[:8]) / 2**64))
