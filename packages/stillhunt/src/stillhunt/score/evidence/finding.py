"""One candidate before the kinds of evidence, and what one of them found about it, before caps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from stillhunt.base.arrays import Flags, Floats, Ints
from stillhunt.base.parameters import read_parameters
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog


@dataclass(frozen=True)
class CandidateCase:
    """What a kind of evidence is given."""

    log: ScoredLog
    candidate: Candidate
    min_slice_requests: int  # requests a slice needs; volumes cut off near it are not judged
    # the candidate before strangers left it, some for their volume: volumes are judged on all of them, or those who
    # stayed would look even by selection
    as_found: Candidate
    # the same without those whom independent evidence refutes: topics of an untemplated group are judged on it
    without_refuted: Candidate
    # results that several kinds use, by name; each is computed once for a candidate
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def own_requests(self, candidate: Candidate) -> Flags:
        """True for the candidate's requests that are the campaign's own, not cover traffic by the same client.

        Where accounts without a template have phrases of their own in common, these are the requests that carry one;
        elsewhere all of them are.
        """
        phrases = self.log.requests.own_phrases[candidate.rows]
        carries = phrases > 0
        known = np.count_nonzero(phrases >= 0)
        enough = known and np.count_nonzero(carries) >= OWN_SHARE * known
        return carries if enough else np.ones(len(carries), bool)

    @classmethod
    def of(
        cls,
        log: ScoredLog,
        candidate: Candidate,
        min_slice_requests: int,
        as_found: Candidate | None = None,
        without_refuted: Candidate | None = None,
    ) -> CandidateCase:
        """A case in which the candidate stands for what is not given."""
        found = as_found or candidate
        return cls(log, candidate, min_slice_requests, found, without_refuted or found)


OWN_SHARE = 0.3
"""Share of a group's requests that must carry a phrase of its own for these to be weighed alone (seen: 0.69 and more in
campaigns of a third generator whose cover traffic has the same client; 0.23 and less in honest groups of eight and more
accounts)."""


class MemberEvidence(NamedTuple):
    """Bounds of evidence about single members."""

    key_bits: float


CAPS = read_parameters(MemberEvidence, "score.member_evidence")


EXAMPLES = 50
"""Most requests that one finding names."""


@dataclass(frozen=True)
class Finding:
    """What one kind of evidence found."""

    # family, kind: evidence family and name of the kind
    family: str
    kind: str
    statement: str  # one sentence with its figures
    bits: float  # log2 likelihood ratio for the whole candidate
    # requests that show it, at most `EXAMPLES`, as positions in the log
    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    count: int = 0
    # bits for each member account, in the order of the candidate's accounts; None where the kind says nothing of single
    # accounts
    member_bits: Floats | None = None
    # True where the group was formed without looking at what this kind looks at, and could have been refuted by it.
    # Such a finding has a cap of its own and takes no room from the others
    independent: bool = False
    # True where the log holds too little data: no bits, and the statement says what is lacking
    insufficient: bool = False


def examples(rows: Ints) -> Ints:
    """At most `EXAMPLES` of the requests, evenly spread."""
    if len(rows) <= EXAMPLES:
        return rows
    return rows[np.linspace(0, len(rows) - 1, EXAMPLES).astype(np.int64)]
