"""Marks of purpose, which are skills, published models and hours of work; and ties to campaigns that are known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

from stillhunt.tools import formatting
from stillhunt.verdicts import TIES
from stillhunt_evidence.actors.actors_file import PublishedModel, WorkHours
from stillhunt_evidence.actors.observed import MarkCoverage, Row, SeenCampaign
from stillhunt_evidence.actors.parameters import MARK_CAPS, MARK_RULES, OWN_MOST, OWN_PART
from stillhunt_evidence.actors.share_marks import ActorOnCampaign, Seeing, ShareKind, addresses_used
from stillhunt_evidence.actors.weights import Mark, any_of, base_rate

OPERATOR_TIE = "operator_tie"
HIDDEN_TIES = frozenset(("payment_fingerprint", "signup_prefix"))
"""Kinds of ties of `score/operators/tie_kinds.py` that others cannot copy from what they see of an actor's traffic."""
RUNNING_TIES = frozenset(("client_fingerprint", "client_prefix", "template"))
"""Kinds of ties that show how traffic is run. Customers of one seller of accounts share what is in `HIDDEN_TIES`, and
none of these."""

ADDRESSES_USED = ShareKind(
    "addresses",
    "network",
    MARK_CAPS["address"],
    ("sends from addresses that the actor used before", "send from addresses that the actor used before"),
    "The case has no hashes of addresses, or they are under another key",
)
ACCOUNTS_USED = ShareKind(
    "accounts",
    "accounts",
    MARK_CAPS["account"],
    ("served the actor before", "served the actor before"),
    "The case names no accounts of the campaign",
)


def known_campaign_marks(on: ActorOnCampaign) -> Iterator[Mark]:
    """The marks from known campaigns that the file gives of an actor."""
    known = on.actor.known
    if known.campaigns:
        yield _tie_mark(on)
    if on.seen.campaign_id in known.campaigns:
        return  # known accounts and addresses may be those of this campaign: it cannot confirm itself
    if known.accounts:
        wanted = frozenset(known.accounts)
        yield _without_absence(ACCOUNTS_USED.weigh(_make_account_measure(wanted), on, on.stated("account"), ""))
    if known.addresses or known.networks:
        yield _without_absence(ADDRESSES_USED.weigh(addresses_used(on.actor), on, on.stated("address"), ""))


def _without_absence(mark: Mark) -> Mark:
    """Accounts are banned and addresses rented anew: that none of the old ones is used says nothing."""
    return replace(mark, bits=max(mark.bits, 0.0))


def tie_to(campaign: str, rows: Sequence[Row], known: frozenset[str]) -> tuple[list[Row], str] | None:
    """The ties that lead from a campaign to a known one within one set of one operator.

    The rows of a set form a tree: each campaign names the one to which it is tied most strongly.

    Returns:
        The rows of the ties on the shortest way, and the known campaign; None where no way leads to one.
    """
    ways: list[tuple[list[Row], str]] = [([], campaign)]
    visited = {campaign}
    for way, name in ways:  # grows while it is read: breadth first
        if name in known and name != campaign:
            return way, name
        for row in rows:
            ends = (row["campaign_id"], row["tied_to"])
            if name in ends:
                other = ends[0] if name == ends[1] else ends[1]
                if other not in visited:
                    visited.add(other)
                    ways.append(([*way, row], other))
    return None


def _tie_mark(on: ActorOnCampaign) -> Mark:
    name, known = on.seen.campaign_id, frozenset(on.actor.known.campaigns)
    if name in known:
        statement = "The actors file says that this campaign is the actor's; a campaign is no evidence of itself"
        return Mark(OPERATOR_TIE, "tie", False, 0.0, None, True, statement)
    for rows in on.case.sets_of(name, "one_operator"):
        found = tie_to(name, rows, known)
        if found is not None:
            return _build_tie_mark(*found)
    in_case = sorted(known & set(on.case.campaigns))
    if not in_case:
        statement = "This case has no known campaign of the actor, so no tie can show"
        return Mark(OPERATOR_TIE, "tie", False, 0.0, None, False, statement)
    which = formatting.plural(len(in_case), "known campaign")
    statement = f"Nothing ties the campaign to {which} of the actor in this case"
    return Mark(OPERATOR_TIE, "tie", False, 0.0, None, True, statement)


def _build_tie_mark(way: Sequence[Row], known: str) -> Mark:
    """A tie is as strong as the weakest on its way, and costly to plant where each of them is."""
    bits = min(row["bits"] for row in way)
    costly = all(map(_is_costly, way))
    said = "; ".join(statement.rstrip(".") for statement in way[0]["statements"][:3])
    over = f", through {formatting.plural(len(way) - 1, 'other campaign')}" if len(way) > 1 else ""
    loose = "" if costly else "; a supplier that both have, or an imitation, would explain that"
    statement = (
        f"It is tied to {formatting.shorten(known, 40)}, a known campaign of the actor{over}, by "
        f"{formatting.distance_bits(bits)} beyond chance ({said}){loose}"
    )
    cap = MARK_RULES.tie_cap if costly else MARK_CAPS["loose_tie"]
    return Mark(OPERATOR_TIE, "tie", costly, min(bits, cap), None, True, statement)


def _is_costly(row: Row) -> bool:
    """True where a tie has both a hidden kind and one of how traffic is run, each strong enough to tie by itself."""
    kinds = {kind for kind, bits in zip(row["kinds"], row["kind_bits"], strict=True) if bits >= TIES.kind_bits}
    return bool(HIDDEN_TIES & kinds) and bool(RUNNING_TIES & kinds)


def _make_account_measure(wanted: frozenset[str]) -> Seeing:
    return lambda seen: seen.account_coverage({row["account_id"]: row["account_id"] in wanted for row in seen.members})


# days: time after the end of a campaign in which a model trained on it is published (training and tests; campaigns in
# public reports ended weeks before a release)
_RELEASE_DAYS = 60.0
# Campaigns of an actor after which it publishes a model with that skill in that time (much of what is taken is never
# published)
_RELEASE_SHARE = 0.5
# days: shortest period over which an actor's releases are counted, to see how often one follows by chance (a year has
# every season of releases)
_RELEASE_WINDOW_LEAST = 365.0
# Share of requests in an actor's working hours from which the campaign keeps them (people start and stop queues; work
# that runs around the clock keeps none)
_HOURS_SHARE = 0.75

RELEASE = "release"
_NO_SKILLS = "The case does not say what the campaign took"
_NO_HOURS = "The campaign's timeline has no hours"
_HOUR_BUCKETS = timedelta(hours=3)
"""Longest buckets of a timeline that show hours of the day."""
_HOURS_OF_DAY = 24


def purpose_marks(on: ActorOnCampaign, as_of: date | None) -> Iterator[Mark]:
    """The marks of purpose that the file gives of an actor.

    `as_of`: day until which releases in the file are complete.
    """
    if on.actor.skills:
        yield _skills_mark(on)
    if on.actor.model:
        yield _release_mark(on, as_of)
    if on.actor.hours is not None:
        yield _hours_mark(on, on.actor.hours)


def skill_coverage(seen: SeenCampaign, skills: Sequence[str]) -> MarkCoverage | None:
    """How much of a campaign takes some skills; None where the case does not say what it takes.

    A request may show several skills, so that counts cannot be added up: taken is the least that they allow. Where the
    case has no counts, the first named skill counts as most of the campaign and the others as a part of it.
    """
    accounts = max(int(seen.row["accounts"]), 1)
    counts = {row["value"]: row["requests"] for row in seen.taken if row["aspect"] == "skill"}
    total = sum(row["requests"] for row in seen.taken if row["aspect"] == "all") or sum(counts.values())
    if total:
        wanted = [times for name, times in counts.items() if name in skills]
        rest = sum(times for name, times in counts.items() if name not in skills)
        share = min(max(*wanted, 0, total - rest) / total, 1.0) if wanted else 0.0
    elif seen.row["skills"]:
        named = [name in skills for name in seen.row["skills"]]
        share = 1.0 if named[0] else (MARK_RULES.most + MARK_RULES.part) / 2 if any(named) else 0.0
    else:
        return None
    return MarkCoverage(accounts, accounts, share, accounts)


def _skills_mark(on: ActorOnCampaign) -> Mark:
    coverage = skill_coverage(on.seen, on.actor.skills)
    if coverage is None:
        return Mark("skills", "skills", False, 0.0, None, False, _NO_SKILLS)
    stated = any_of([on.stated("skill")] * len(set(on.actor.skills)))
    rate = base_rate(stated, (skill_coverage(one, on.actor.skills) for one in on.others))
    bits = _known_share_bits(coverage.share, rate, MARK_CAPS["skill"])
    wanted = formatting.join_some(sorted(on.actor.skills), 4)
    statement = (
        f"{formatting.percent(coverage.share)} of the requests take what it wants ({wanted}); about "
        f"{formatting.percent(rate)} of other campaigns are like that"
    )
    return Mark("skills", "skills", False, bits, coverage.share, True, statement)


def _known_share_bits(share: float, rate: float, cap: float) -> float:
    """As `coverage_bits`, for a share that no small number of accounts makes uncertain."""
    if MARK_RULES.part <= share < MARK_RULES.most:
        return 0.0
    other = min(rate, OWN_MOST)
    if share >= MARK_RULES.most:
        return min(math.log2(OWN_MOST / other), cap)
    ratio = (1.0 - OWN_MOST - OWN_PART) / (1.0 - other - OWN_PART)
    return max(math.log2(ratio), -MARK_RULES.against_cap)


def _release_mark(on: ActorOnCampaign, as_of: date | None) -> Mark:
    ended = on.seen.row["last_seen"].date()
    fitting: list[PublishedModel] = []
    for model in on.actor.model:
        coverage = skill_coverage(on.seen, model.skills)
        if coverage is None:
            return Mark(RELEASE, "purpose", False, 0.0, None, False, _NO_SKILLS)
        if coverage.share >= MARK_RULES.most:
            fitting.append(model)
    after = timedelta(days=_RELEASE_DAYS)
    followed = [model for model in fitting if ended < model.released <= ended + after]
    if not followed:
        return _no_release(fitting, as_of, ended)
    secret = [model for model in followed if model.announced is not None and model.announced > ended]
    model = min(secret or followed, key=lambda one: (one.released, one.name))
    coverage = skill_coverage(on.seen, model.skills)
    chance = _chance_of_release(fitting, as_of)
    cap = MARK_RULES.release_cap if secret else MARK_CAPS["known_release"]
    bits = min(math.log2(_RELEASE_SHARE / min(chance, _RELEASE_SHARE)), cap)
    days = formatting.plural((model.released - ended).days, "day")
    known = (
        f"its date became known on {_format_long_date(model.announced)}, after the campaign had ended"
        if secret and model.announced is not None
        else "its date may have been known while the campaign ran"
    )
    statement = (
        f"{formatting.shorten(model.name, 40)} was published on {_format_long_date(model.released)}, "
        f"{days} after the last request, "
        f"and is good at what the campaign took; {known}; by chance, one follows after {formatting.percent(chance)} of "
        "days"
    )
    share = None if coverage is None else coverage.share
    return Mark(RELEASE, "purpose", bool(secret) and bits > 0, bits, share, True, statement)


def _no_release(fitting: list[PublishedModel], as_of: date | None, ended: date) -> Mark:
    days = formatting.plural(round(_RELEASE_DAYS), "day")
    if as_of is None or as_of < ended + timedelta(days=_RELEASE_DAYS):
        statement = f"The file does not reach {days} beyond the campaign's end, and has no fitting model of that time"
        return Mark(RELEASE, "purpose", False, 0.0, None, False, statement)
    chance = _chance_of_release(fitting, as_of)
    bits = max(math.log2((1.0 - _RELEASE_SHARE) / (1.0 - min(chance, _RELEASE_SHARE))), -MARK_RULES.against_cap)
    statement = f"It published no model with these skills within {days} of the campaign's end"
    return Mark(RELEASE, "purpose", False, bits, 0.0, True, statement)


def _chance_of_release(models: Sequence[PublishedModel], as_of: date | None) -> float:
    """Share of days after which a release of one of some models follows within the time that counts."""
    if not models:
        return 0.0
    days = {model.released.toordinal() - back for model in models for back in range(1, math.floor(_RELEASE_DAYS) + 1)}
    last = max(model.released for model in models)
    end = max(last, as_of or last).toordinal()
    return min(len(days) / max(end - min(days), _RELEASE_WINDOW_LEAST), 1.0)


def _hours_mark(on: ActorOnCampaign, hours: WorkHours) -> Mark:
    kind = ShareKind("working_hours", "hours", MARK_CAPS["hours"], ("works", "work"), _NO_HOURS)
    share = _hours_share(on.seen, hours)
    if share is None:
        return Mark(kind.name, kind.source, False, 0.0, None, False, _NO_HOURS)
    others = [_hours_share(one, hours) for one in on.others]
    seen = [MarkCoverage(1, int(one >= _HOURS_SHARE), 1.0, 1) for one in others if one is not None]
    rate = base_rate(on.stated("hours"), seen)
    length = ((hours.end - hours.begin) % _HOURS_OF_DAY or _HOURS_OF_DAY) / _HOURS_OF_DAY
    kept = MARK_RULES.most if share >= _HOURS_SHARE else MARK_RULES.part if share > length else 0.0
    bits = _known_share_bits(kept, rate, kind.cap)
    statement = (
        f"{formatting.percent(share)} of the requests fall in its working hours ({hours.begin} to {hours.end} o'clock "
        f"at UTC{hours.utc_offset:+g}); spread evenly, {formatting.percent(length)} would"
    ).replace("UTC-", f"UTC{formatting.MINUS}")
    return Mark(kind.name, kind.source, False, bits, share, True, statement)


def _hours_share(seen: SeenCampaign, hours: WorkHours) -> float | None:
    """Share of the requests in working hours; None where the timeline has days alone."""
    buckets = sorted((row["bucket"], row["requests"]) for row in seen.timeline)
    steps = [later[0] - earlier[0] for earlier, later in pairwise(buckets)]
    if not steps or min(steps) > _HOUR_BUCKETS:
        return None
    middle = min(steps) / 2
    length = (hours.end - hours.begin) % _HOURS_OF_DAY or _HOURS_OF_DAY
    total = inside = 0
    for bucket, requests in buckets:
        local = bucket + middle + timedelta(hours=hours.utc_offset)
        total += requests
        inside += requests * (((local.hour + local.minute / 60 - hours.begin) % _HOURS_OF_DAY) < length)
    return inside / total if total else None


def _format_long_date(moment: date) -> str:
    return f"{moment.day} {moment:%B} {moment.year}"
