"""Measures how good a result is by the truth of a simulated world; `docs/benchmark.md` defines the measures.

They are counted from the result and the truth tables only; nothing here knows how a method works.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from scipy.stats import chi2
from sklearn.metrics import adjusted_rand_score

from stillhunt_lab.baselines.method import MethodResult


@dataclass(frozen=True)
class Quality:
    """How a result compares with the truth."""

    recall: float | None  # flagged harvesting accounts / harvesting accounts; None in an honest world
    precision: float | None  # flagged harvesting accounts / flagged accounts; None where nobody is flagged
    false_by_persona: dict[str, int]
    honest_accounts: int
    bcubed_f1: float | None  # B-cubed F1 of the harvesting accounts' main campaigns; None in an honest world
    request_recall: float | None  # truly harvested requests that are listed / truly harvested requests
    request_precision: float | None  # listed requests that are truly harvested / listed requests
    # adjusted Rand index over the truly harvested requests, by campaign; unlisted = one class; None with fewer than two
    # true campaigns, where the index is 0 by definition
    request_ari: float | None
    recall_by_campaign: dict[str, float]
    acts: int
    reviews: int
    # honest accounts that score at least as high as the first n harvesting accounts, for n = 1, 2 ... as far as
    # harvesting accounts have a score above 0.
    false_at_hits: list[int]
    harvesting_accounts: int  # accounts of which any request is harvested

    @property
    def false_accounts(self) -> int:
        """Honest accounts that are flagged."""
        return sum(self.false_by_persona.values())


class Truth:
    """The truth of a world, looked up by id.

    Args:
        requests: request_id, account_id, campaign (empty = honest).

    Attributes:
        campaign: request -> campaign, empty where honest.
    """

    def __init__(self, accounts: pa.Table, requests: pa.Table) -> None:
        self.persona = _build_column_lookup(accounts, "account_id", "persona")
        self.campaign = _build_column_lookup(requests, "request_id", "campaign")
        self.owner = _build_column_lookup(requests, "request_id", "account_id")

    @cached_property
    def serves(self) -> dict[str, Counter[str]]:
        """Harvesting account -> harvested requests by campaign; any harvested request makes an account harvest."""
        serves: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for request, account in self.owner.items():
            if self.campaign[request]:
                serves[account][self.campaign[request]] += 1
        return dict(serves)


def case_result(tables: Mapping[str, pa.Table]) -> MethodResult:
    """The result that a case folder holds."""
    verdicts = tables["campaigns"]["verdict"].to_pylist()
    accounts = tables["accounts"]
    flagged = frozenset(
        account for account, acted in _build_column_lookup(accounts, "account_id", "flagged").items() if acted
    )
    groups = _build_column_lookup(accounts, "account_id", "campaign_id")
    return MethodResult(
        scores=_build_column_lookup(accounts, "account_id", "score"),
        flagged=flagged,
        groups={account: groups[account] for account in sorted(flagged) if groups[account] is not None},
        harvest=_build_column_lookup(tables["harvest"], "request_id", "campaign_id"),
        acts=verdicts.count("act"),
        reviews=verdicts.count("review"),
    )


def measure(found: MethodResult, truth: Truth) -> Quality:
    """Compare a result with the truth."""
    flagged, serves = found.flagged, truth.serves
    listed = found.harvest
    if listed is None:
        listed = {r: found.groups.get(a, a) for r, a in truth.owner.items() if a in flagged}
    harvested = sorted(request for request, campaign in truth.campaign.items() if campaign)
    hits = sum(request in listed for request in harvested)
    ordered = sorted(serves)
    main_truth = [min((-n, name) for name, n in serves[a].items())[1] for a in ordered]
    main_found = [found.groups.get(a, f"single:{a}") if a in flagged else f"single:{a}" for a in ordered]
    members: defaultdict[str, list[bool]] = defaultdict(list)
    for account in ordered:
        for campaign in serves[account]:
            members[campaign].append(account in flagged)
    right, wrong = flagged & serves.keys(), flagged - serves.keys()
    return Quality(
        recall=len(right) / len(serves) if serves else None,
        precision=len(right) / len(flagged) if flagged else None,
        false_by_persona=dict(sorted(Counter(truth.persona.get(a, "unknown") for a in wrong).items())),
        honest_accounts=sum(a not in serves for a in truth.persona),
        bcubed_f1=bcubed_f1(main_truth, main_found) if serves else None,
        request_recall=hits / len(harvested) if harvested else None,
        request_precision=hits / len(listed) if listed else None,
        request_ari=adjusted_rand_score(
            [truth.campaign[r] for r in harvested], [listed.get(r, "unlisted") for r in harvested]
        )
        if len(members) > 1
        else None,
        recall_by_campaign={name: sum(seen) / len(seen) for name, seen in sorted(members.items())},
        acts=found.acts,
        reviews=found.reviews,
        false_at_hits=false_at_hits(found.scores, serves.keys()),
        harvesting_accounts=len(serves),
    )


def false_at_hits(scores: Mapping[str, float], harvesting: Any) -> list[int]:
    """Honest accounts at the threshold that catches one, two, three ... harvesting accounts.

    Args:
        scores: account -> score; 0 and below is no suspicion.
        harvesting: set of the harvesting accounts.

    Returns:
        One number for each harvesting account with a score above 0, in order of falling score.
    """
    at_score: defaultdict[float, list[int]] = defaultdict(lambda: [0, 0])
    for account, score in scores.items():
        if score > 0:
            at_score[score][account in harvesting] += 1
    false, costs = 0, []
    for score in sorted(at_score, reverse=True):  # a threshold takes all accounts of one score
        honest, right = at_score[score]
        false += honest
        costs += [false] * right
    return costs


def false_at_recall(quality: Quality, recall: float) -> tuple[int, float] | None:
    """Honest accounts that a method must flag to reach a recall.

    `recall`: to be reached, 0 to 1. Returns their number and the recall reached; with less recall than wanted where the
    scores reach no more; None where no harvesting account has a score.
    """
    wanted = round(recall * quality.harvesting_accounts)
    if not wanted:
        return (0, 0.0)
    reached = min(wanted, len(quality.false_at_hits))
    return (quality.false_at_hits[reached - 1], reached / quality.harvesting_accounts) if reached else None


def average_precision(quality: Quality) -> float | None:
    """Mean precision at each harvesting account, in order of score; None in an honest world."""
    if not quality.harvesting_accounts:
        return None
    hits = enumerate(quality.false_at_hits, start=1)
    return sum(n / (n + false) for n, false in hits) / quality.harvesting_accounts


def _build_column_lookup(table: pa.Table, key: str, value: str) -> dict[str, Any]:
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))


def bcubed_f1(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """B-cubed F1 of a partition (Bagga and Baldwin 1998)."""
    both, of_truth, of_found = Counter(zip(truth, found, strict=True)), Counter(truth), Counter(found)
    precision = sum(n * n / of_found[f] for (_, f), n in both.items()) / len(truth)
    recall = sum(n * n / of_truth[t] for (t, _), n in both.items()) / len(truth)
    return 2 * precision * recall / (precision + recall)


def upper_bound(events: int, worlds: int) -> float:
    """Upper 95 % bound of the mean number of events per world, exact for Poisson counts."""
    return float(chi2.ppf(0.95, 2 * (events + 1)) / 2 / worlds)
