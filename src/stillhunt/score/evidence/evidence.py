"""The tests: each looks at one candidate and returns findings in bits.

Content, topics and times are judged on the half of the conversations that did not form the group; sharing of keys took
no part in forming it. What speaks against earns negative bits by the same tests.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stillhunt.score.context import kernels
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.coding import Floats, Ints, commonest
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.account_replacement import take_overs
from stillhunt.score.evidence.common_days import common_days
from stillhunt.score.evidence.conduct import asked_conduct, own_matters
from stillhunt.score.evidence.economics import economics
from stillhunt.score.evidence.failover import failovers
from stillhunt.score.evidence.findings import Finding, examples, untold
from stillhunt.score.evidence.model_adoption import new_model
from stillhunt.score.evidence.open_customers import declared_organisation, open_customers
from stillhunt.score.evidence.sampled import claiming_no_more
from stillhunt.score.evidence.untemplated import bare_stacks, client_rows, like_work
from stillhunt.score.stats import baseline
from stillhunt.score.stats.background_correlation import TIME_BIN
from stillhunt.score.stats.baseline import Overdispersion
from stillhunt.score.stats.homogeneity import (
    Homogeneity,
    homogeneity,
    index_bits,
    load_evenness,
    load_fit,
    pooled,
    trimmed,
)
from stillhunt.score.stats.shared_keys import SharedKey, shared_address, shared_value

MEMBER_CAP = 6.0
"""Most bits that one key may say about one member's part in the campaign."""
LOAD_CAP = 6.0
LOADS_PER_SUBJECT = 2.0
"""Equal loads are also what a class shows that does one assignment, or a roster of equal machines: they corroborate
that subjects are dealt, at most so many bits for each bit of that, and establish nothing alone. So does alike work: a
group whose subjects are everybody's is a region of loads, and customers' loads follow the assumed law only nearly."""
CONTENT_SCALE = 20.0
"""Bits over all slices that count as one unit; two bits of evidence for each doubling (honest groups reach 1-7 by
sharing the phrases of public data sets)."""
LEAST_LIFT_BITS = 4.0
"""Phrases whose share of the members' traffic is 16 times the public's are everybody's language and tell nothing; from
256 times they count in full."""
STACK_CAP = 4.0
"""A popular framework brings its own client, so that its users share both; stacks alone stay weak evidence."""
PUBLIC_ITEMS = 0.1
"""Share of such prompts from which the items themselves are shared; campaigns of the worlds stay below 3 %."""
FEWEST = 3
"""Accounts from which mixtures are compared (`dealt.index_bits`)."""
SOME_BACK = 0.03
"""Share of follow-ups that cover traffic leaks into a campaign's slices."""
REPEATED = 0.02
"""Share of prompts that several members send, up to which items count as not repeated: retries and tiny tasks."""


def gather_evidence(
    frame: Frame,
    candidate: Candidate,
    *,
    least: int,
    found_as: Candidate | None = None,
    cleared: Candidate | None = None,
) -> list[Finding]:
    """All findings about one candidate, before caps.

    Args:
        frame: the log.
        candidate: the candidate.
        least: requests a slice needs; loads cut off near it are not judged.
        found_as: the candidate before strangers left it, some for their load: loads are judged on all of them, or
            those who stayed would look equal by selection.
        cleared: the same without those whom their stacks refute: subjects of a bare group are judged on it.
    """
    subjects = _topic_mixture(frame, candidate, cleared or found_as or candidate)
    findings = [
        subjects,
        *(_bare if candidate.bare else _templated)(frame, candidate, subjects, least, found_as or candidate),
        _no_repeats(frame, candidate),
        _common_times(frame, candidate),
        common_days(frame, candidate),
        failovers(frame, candidate),
        take_overs(frame, candidate),
        new_model(frame, candidate),
        asked_conduct(frame, candidate),
        *own_matters(frame, candidate),
        *economics(frame, candidate),
    ]
    organisation = declared_organisation(frame, candidate) or open_customers(frame, candidate)
    if organisation is not None:
        findings.append(organisation)
    else:
        findings += _shared_customers(frame, candidate)
        findings += _shared_addresses(frame, candidate)
    findings = claiming_no_more(frame, findings)
    return [f for f in findings if f.bits != 0.0 or f.member_bits is not None or f.untold]


def _templated(frame: Frame, candidate: Candidate, subjects: Finding, least: int, found_as: Candidate) -> list[Finding]:
    """What only a template shows."""
    return [
        _phrase_mixture(frame, candidate, least),
        _even_loads(found_as, candidate, least, most=LOADS_PER_SUBJECT * max(subjects.bits, 0.0)),
        _follow_ups(frame, candidate, candidate.rows),
        *_shared_stacks(frame, candidate),
    ]


def _bare(frame: Frame, candidate: Candidate, subjects: Finding, least: int, found_as: Candidate) -> list[Finding]:
    """The same for a group that its workload formed: work earns nothing, stacks more."""
    del least
    return [
        _follow_ups(frame, candidate, client_rows(frame, candidate)),
        like_work(frame, candidate, cap=LOADS_PER_SUBJECT * max(subjects.bits, 0.0)),
        *bare_stacks(frame, candidate, found_as),
    ]


def _phrase_mixture(frame: Frame, candidate: Candidate, least: int) -> Finding:
    total = float(np.clip(candidate.content, -MEMBER_CAP * 2, MEMBER_CAP * 2).sum())
    accounts = len(candidate.accounts)
    lift = _template_lift(frame, candidate, least)
    known = float(np.clip((np.log2(lift) - LEAST_LIFT_BITS) / LEAST_LIFT_BITS, 0.0, 1.0))
    bits = float(np.sign(total) * np.log2(1.0 + abs(total) / CONTENT_SCALE) * 2.0) * known
    return Finding(
        "content",
        "phrase_mixture",
        f"{accounts} accounts mix the phrases of one template as if dealt from one source ({total:.0f} bits over all "
        f"slices on requests that did not form the group), {lift:,.0f} times the public's use of it",
        bits,
        examples(candidate.rows),
        len(candidate.rows),
        np.clip(candidate.per_account(candidate.content), -2 * MEMBER_CAP, 2 * MEMBER_CAP),
    )


def _template_lift(frame: Frame, candidate: Candidate, least: int) -> float:
    """Share of the members' traffic in these clusters over the share of casual users' traffic.

    Accounts that lean on the template without being members (pipelines with the same wording) are left out: they are
    neither the public nor the group.
    """
    clusters = np.unique(candidate.slice_cluster)
    slices = frame.slices.of_clusters(clusters)
    owners, requests = frame.slices.account[slices], frame.slices.start[slices + 1] - frame.slices.start[slices]
    if len(clusters) > 1:  # the slices of one cluster have an owner each, ascending
        owners, place = np.unique(owners, return_inverse=True)
        requests = np.bincount(place, weights=requests)
    inside = np.asarray(requests, np.float64)
    member = np.zeros(frame.accounts, bool)
    member[candidate.accounts] = True
    member = member[owners]
    # Outsiders: all of the public, less the members and those who lean on the template.
    outside = frame.public[owners] & ~member
    leaning = outside & (inside >= least)
    own_public = candidate.accounts[frame.public[candidate.accounts]]
    total = frame.public_requests - frame.requests[own_public].sum() - frame.requests[owners[leaning]].sum()
    public = (float(inside[outside & ~leaning].sum()) + 1.0) / (float(total) + 1.0)
    of_member = np.zeros(len(candidate.accounts))
    of_member[np.searchsorted(candidate.accounts, owners[member])] = inside[member]
    own = float(np.median(of_member / np.maximum(frame.requests[candidate.accounts], 1)))
    return max(own / public, 1.0)


def _topic_mixture(frame: Frame, candidate: Candidate, cleared: Candidate) -> Finding:
    # Who left a bare group as a likely stranger left for its subjects on this half, too.
    judged = cleared if candidate.bare else candidate
    found = _held_out(frame, judged, frame.topic[judged.rows])
    usual = _usual_here(frame, candidate, found, "topic")
    bits = index_bits(found, usual)
    told = int(np.count_nonzero(frame.topic[judged.rows] >= 0))
    members: Floats = np.clip(candidate.per_account(candidate.queue), -MEMBER_CAP, MEMBER_CAP)
    if found.freedom < 1 or found.accounts < FEWEST:
        few = (
            f"too few of its requests tell a subject ({told:,} of {len(judged.rows):,}) for its accounts to be compared"
        )
        return replace(untold("queue", "topic_mixture", few), member_bits=members)
    compared = "as alike as dealing at random gives" if bits > 0 else "as different as separate customers' are"
    return Finding(
        "queue",
        "topic_mixture",
        f"the subjects of its {found.accounts} accounts are {compared}: index {found.index:.2f} on requests that did "
        f"not form the group (1 = dealt at random; honest groups of this size {_usual(found, usual):.1f})",
        bits,
        examples(candidate.rows),
        len(candidate.rows),
        members,
    )


def _usual_here(frame: Frame, candidate: Candidate, found: Homogeneity, view: str) -> Overdispersion:
    """The baseline; where the outsiders are more alike than it says, what it would be for groups of them."""
    base = {"topic": baseline.TOPICS, "time": baseline.TIMES}[view]
    if index_bits(found, base) <= 0.0:
        return base
    outside = frame.outsiders(view, candidate.accounts).correlation
    # Outsiders who are more alike than dealing makes them speak against nobody.
    return replace(base, honest_median=float(np.clip(outside, base.dealt_median, base.honest_median)))


def _usual(found: Homogeneity, base: Overdispersion) -> float:
    return 1.0 + max(found.size - 1.0, 0.0) * base.honest_median


def _held_out(frame: Frame, candidate: Candidate, category: Ints) -> Homogeneity:
    """Homogeneity within each content cluster, each half judged for the slices that the other half formed.

    Args:
        frame: the log.
        candidate: the candidate.
        category: category of each of its requests; below 0 unknown.
    """
    # Bare slices of one plan are one table whatever client each uses.
    table = np.zeros_like(candidate.slice_cluster) if candidate.bare else candidate.slice_cluster
    half = frame.half[candidate.rows]
    held_out = (candidate.formed[candidate.row_slice] >> (1 - half) & 1) > 0
    chosen = np.flatnonzero(held_out & frame.fresh[candidate.rows] & (category >= 0))
    clusters, number = np.unique(table, return_inverse=True)
    part = number[candidate.row_slice[chosen]] * 2 + half[chosen]
    # Narrow numbers are sorted by counting.
    order = np.argsort(part.astype(np.uint16) if len(clusters) < 1 << 15 else part, kind="stable")
    tables = np.split(chosen[order], np.flatnonzero(np.diff(part[order])) + 1)
    return pooled([homogeneity(candidate.row_account[rows], category[rows]) for rows in tables])


def _no_repeats(frame: Frame, candidate: Candidate) -> Finding:
    distinct, shared = kernels.count_shared(frame.whole[candidate.rows], candidate.row_account)
    repeated = shared / distinct if distinct else 0.0
    bits = 1.5 * (1.0 - repeated / REPEATED) if repeated <= REPEATED else -min(20.0 * (repeated - REPEATED), 10.0)
    if repeated <= REPEATED:
        statement = f"nearly every one of its {distinct:,} distinct prompts was sent by one account only"
    elif repeated < PUBLIC_ITEMS:
        statement = "some of its prompts were sent by several accounts"
    else:
        statement = "many of its prompts were sent by several accounts, as with a public set or an assignment"
    statement += f" ({repeated:.1%} of them repeat)"
    return Finding("queue", "no_repeats", statement, bits, examples(candidate.rows), len(candidate.rows))


def _even_loads(found_as: Candidate, candidate: Candidate, least: int, most: float) -> Finding:
    loads = np.bincount(found_as.row_account, minlength=len(found_as.accounts))
    found = load_evenness(trimmed(loads))
    truncated = float(loads.mean()) < 3 * least
    bits = 0.0 if truncated else min(index_bits(found, baseline.LOADS), LOAD_CAP, most)
    return Finding(
        "queue",
        "even_loads",
        f"loads are {'equalised' if bits > 0 else 'as uneven as separate customers are'}: {loads.mean():.0f} requests "
        f"an account, spread {loads.std():.1f} (dealt at random {np.sqrt(loads.mean()):.1f})",
        bits,
        count=len(candidate.rows),
        member_bits=load_fit(
            np.bincount(candidate.row_account, minlength=len(candidate.accounts)), baseline.WORKER_LOAD_SPREAD
        ),
    )


def _common_times(frame: Frame, candidate: Candidate) -> Finding:
    found = _held_out(frame, candidate, frame.time[candidate.rows] // TIME_BIN)
    usual = _usual_here(frame, candidate, found, "time")
    bits = index_bits(found, usual)
    if found.freedom < 1 or found.accounts < FEWEST:
        return untold("timing", "common_times", "too few of its requests, or too short a time, for busy and idle hours")
    return Finding(
        "timing",
        "common_times",
        f"its accounts are busy and idle {'together, as one queue drains' if bits > 0 else 'each at its own times'}: "
        f"index {found.index:.2f} over 12-hour bins (honest groups of this size {_usual(found, usual):.1f})",
        bits,
        count=len(candidate.rows),
    )


def _follow_ups(frame: Frame, candidate: Candidate, rows: Ints) -> Finding:
    turn = frame.turn[rows]
    known, later = int(np.count_nonzero(turn >= 0)), int(np.count_nonzero(turn > 0))
    if not known:
        return Finding("conduct", "follow_ups", "turns are not known", 0.0)
    share = later / known
    bits = 1.5 * (1.0 - share / SOME_BACK) if share < SOME_BACK and known >= 50 else -min(8.0 * share, 6.0)
    statement = (
        f"hardly anybody asks back: {1 - share:.1%} of its requests are first turns"
        if bits > 0
        else f"{share:.0%} of its requests are follow-ups in a conversation, as people write them"
    )
    return Finding("conduct", "follow_ups", statement, bits, examples(candidate.rows), known)


def _shared_stacks(frame: Frame, candidate: Candidate) -> list[Finding]:
    key = frame.stack_key()
    if key.empty:
        return []
    own = commonest(candidate.row_account, frame.stack[candidate.rows], len(candidate.accounts))
    found = shared_value(own, candidate.accounts, key)
    bits = min(found.bits, STACK_CAP)
    return [
        Finding(
            "network",
            "client_stacks",
            f"{found.sharing} of {len(candidate.accounts)} accounts use {found.values} client stacks (SDK and TLS) "
            "that are rarer outside",
            bits,
            count=len(candidate.rows),
            member_bits=np.clip(found.member_bits, -3.0, 3.0),
        )
    ]


CUSTOMER_KEYS = (
    ("payment_fingerprint", "payment instruments"),
    ("email_domain", "mail domains"),
    ("signup_prefix", "sign-up networks"),
    ("created_at", "sign-up sessions of 12 hours"),
)


def _shared_customers(frame: Frame, candidate: Candidate) -> list[Finding]:
    findings = []
    for name, words in CUSTOMER_KEYS:
        if name not in frame.customers.codes or frame.customer_key(name).empty:
            continue
        own = frame.customers.codes[name][candidate.accounts]
        found = shared_value(own, candidate.accounts, frame.customer_key(name))
        finding = _sharing("identity", name, words, found, candidate)
        throwaway = int((frame.customers.codes["disposable"][candidate.accounts] > 0).sum())
        if name == "email_domain" and throwaway:
            finding = replace(finding, statement=f"{finding.statement}; {throwaway} use disposable mail")
        findings.append(finding)
    return findings


def _shared_addresses(frame: Frame, candidate: Candidate) -> list[Finding]:
    findings = []
    for name, words in (("client_ip", "addresses"), ("client_prefix", "networks (/24 or /48)")):
        key = frame.address_key(name)
        if key.empty:
            continue
        found = shared_address(candidate.accounts, key)
        findings.append(_sharing("network", name, words, found, candidate))
    return findings


def _sharing(family: str, kind: str, words: str, found: SharedKey, candidate: Candidate) -> Finding:
    members: Floats = np.clip(found.member_bits, -MEMBER_CAP, MEMBER_CAP)
    return Finding(
        family,
        kind,
        f"{found.sharing} of {len(candidate.accounts)} accounts share {found.values} {words} "
        "more than outsiders' use explains",
        found.bits,
        count=len(candidate.rows),
        member_bits=members,
    )
