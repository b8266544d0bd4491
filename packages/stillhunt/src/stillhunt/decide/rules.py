"""What the rules of a policy decide about one snapshot: new decisions, and the end of those that no rule says."""

import hashlib
import hmac
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.units import DAY, MINUTE
from stillhunt.decide.actions import WITHOUT_FLAG, Action, rank, weaker
from stillhunt.decide.entries import LogEntry, end_of, standing
from stillhunt.decide.names import OWN_RULE_PREFIX, RULE_PREFIX
from stillhunt.decide.policy import SIGNATURE_RULE, Policy, RuleTerms

ONE_CLIENT = 0.8
"""Share of the other flagged members with one main client from which a campaign has a client. Judgement."""
OF_FEW = 0.1
"""Share of the other flagged members with its main client below which a member stands apart. Judgement: two customers
with one client, whose end users copy the prompts of twenty accounts, still do."""


SHARED_ROLES = ("pool", "victim")  # roles of accounts that other people use, whom no rule touches


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
    """What rules look at."""

    facts: pa.Table
    kinds: Mapping[str, str]
    sequence: int
    # campaigns that an analyst dismissed; rules decide nothing for them, and what they decided ends
    dismissed: frozenset[str] = frozenset()
    # accounts and campaigns that only texts tie together, see `weighed_links.known_by_texts`
    by_texts: frozenset[tuple[str, str]] = frozenset()
    sanctioned: frozenset[str] = frozenset()  # accounts of declared programmes, in campaigns or not
    # rules of the provider's own, and the accounts that fit each; see `own_rules`
    own: tuple[tuple[RuleTerms, frozenset[str]], ...] = ()


@dataclass(frozen=True)
class _Wish:
    account_id: str
    campaign_id: str
    action: Action
    rule: RuleTerms
    score: float
    author: str


_Wishes = dict[tuple[str, bool], _Wish]  # account, and whether it is a dry run -> what rules want for it


def decide(policy: Policy, findings: Findings, log: Sequence[LogEntry], now: int, secret: bytes) -> list[LogEntry]:
    """Entries that the rules append to the log after a snapshot.

    `log`: entries so far that stand or were made within `remembered_span`, in order. Returns undone decisions first,
    then new ones, the most probable accounts first; without places and hashes. Nothing where all stays as it is.
    """
    wishes = {} if policy.kill_switch else _collect_wishes(policy, findings)
    all_own = [entry for entry in standing(log, now) if entry.kind == "rule"]
    # What a signature decided between hunts ends by itself, since a hunt may see too little of a new account to say so.
    by_signature = [entry for entry in all_own if entry.author == f"rule:{SIGNATURE_RULE}"]
    own = [entry for entry in all_own if entry.author != f"rule:{SIGNATURE_RULE}"]
    dismissed = findings.dismissed
    said = {(*key, wish.action) for key, wish in wishes.items()}
    ended = [
        one for one in own if one.campaign_id in dismissed or (one.account_id, one.dry_run, one.action) not in said
    ]
    ended += [one for one in by_signature if one.campaign_id in dismissed or not _signature_says(one, policy)]
    over = {entry.seq for entry in ended}
    kept = {(entry.account_id, entry.dry_run): entry for entry in own if entry.seq not in over}
    begun = {dry_run: accounts_begun(log, now, dry_run=dry_run) for dry_run in (False, True)}
    let_go = let_go_lately(policy, log, now)
    made = []
    for (account, dry_run), wish in wishes.items():
        before = kept.get((account, dry_run))
        if before is not None and now < before.made_at + RENEWED * (before.expires_at - before.made_at):
            continue
        if before is None and account in let_go:
            continue
        if before is None and rank(wish.action) > rank(WITHOUT_FLAG):
            if account not in begun[dry_run] and len(begun[dry_run]) >= policy.accounts_per_day:
                continue
            begun[dry_run].add(account)
        decision = _make_rule_decision(policy, wish, findings.sequence, now, secret, before)
        made.append(replace(decision, dry_run=dry_run))
    note = "the kill switch is on" if policy.kill_switch else "no rule says so any more"
    return [*(end_of(entry, entry.author, note, now) for entry in ended), *made]


@dataclass(frozen=True)
class _Member:
    """One row of the facts, and whether rules only tag it."""

    account_id: str
    campaign_id: str
    campaign_verdict: str
    role: str
    score: float
    only_tagged: bool


def _collect_wishes(policy: Policy, findings: Findings) -> _Wishes:
    """The strongest of what the rules want for each account, the most probable first; no cap is applied."""
    names = ("account_id", "campaign_id", "campaign_verdict", "role", "score", "flagged", "sanctioned")
    columns = (findings.facts[name].to_pylist() for name in names)
    established = _mark_established_accounts(policy, findings.facts)
    copied = maybe_copied(findings.facts, findings.by_texts)
    untouched = {*policy.exempt.accounts, *findings.sanctioned}
    members: defaultdict[str, list[_Member]] = defaultdict(list)
    rows = zip(zip(*columns, strict=True), established, copied, strict=True)
    for (account, campaign, verdict, role, score, flagged, sanctioned), old, may_be_copied in rows:
        only_tagged = old or may_be_copied or not flagged
        members[account].append(_Member(account, campaign, verdict, role, score, only_tagged))
        if sanctioned:
            untouched.add(account)
    wished = [*_list_campaign_wishes(policy, findings, members), *_list_own_wishes(findings, members)]
    wishes: _Wishes = {}
    for wish in wished:
        if wish.account_id in untouched or wish.campaign_id in findings.dismissed or wish.rule.state == "off":
            continue
        about = wish.account_id, policy.mode == "dry_run" or wish.rule.state == "simulated"
        wish = replace(wish, action=weaker(wish.action, policy.ceiling))
        if about not in wishes or _rank_wish(wish) > _rank_wish(wishes[about]):
            wishes[about] = wish
    return dict(sorted(wishes.items(), key=lambda item: (-item[1].score, item[0])))


def _list_campaign_wishes(
    policy: Policy, findings: Findings, members: Mapping[str, Sequence[_Member]]
) -> Iterator[_Wish]:
    for one in (row for rows in members.values() for row in rows):
        for rule in policy.rule:
            fits = one.campaign_verdict in rule.verdict and findings.kinds.get(one.campaign_id) in rule.kind
            if fits and one.role in rule.role and one.score >= rule.probability:
                action = weaker(rule.action, WITHOUT_FLAG) if one.only_tagged else rule.action
                yield _Wish(one.account_id, one.campaign_id, action, rule, one.score, f"{RULE_PREFIX}{rule.name}")


def _list_own_wishes(findings: Findings, members: Mapping[str, Sequence[_Member]]) -> Iterator[_Wish]:
    """What rules of the provider's own want: no more than others, for accounts outside of campaigns too.

    A row of a dismissed campaign that flags the account is dropped with its wish, and one that others use is none.
    """
    for rule, accounts in findings.own:
        for account in sorted(accounts):
            rows = members.get(account, ())
            if any(row.role in SHARED_ROLES or row.campaign_id in findings.dismissed for row in rows):
                continue
            only_tagged = all(row.only_tagged for row in rows)
            action = weaker(rule.action, WITHOUT_FLAG) if only_tagged else rule.action
            best = max(rows, key=lambda row: (not row.only_tagged, row.score, row.campaign_id), default=None)
            campaign, score = ("", 0.0) if best is None else (best.campaign_id, best.score)
            yield _Wish(account, campaign, action, rule, score, f"{OWN_RULE_PREFIX}{rule.name}")


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
    return rank(wish.action), wish.rule.days, wish.campaign_id, wish.author


def _signature_says(entry: LogEntry, policy: Policy) -> bool:
    wanted = policy.signature.linked
    known = entry.action in (wanted, weaker(wanted, WITHOUT_FLAG)) and entry.account_id not in policy.exempt.accounts
    return known and not policy.kill_switch and entry.dry_run == (policy.mode == "dry_run")


def remembered_span(policy: Policy) -> int:
    """Microseconds for which rules look back at what was decided and has ended."""
    return max(DAY, int(policy.appeals.let_through_days * DAY))


def accounts_begun(log: Iterable[LogEntry], now: int, *, dry_run: bool) -> set[str]:
    """Accounts for which rules began something stronger than tag within 24 hours; renewals are none.

    A dry run and the real thing are counted apart, so that a policy that is switched on has its whole day.
    """
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
        author=wish.author,
        dry_run=False,
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
