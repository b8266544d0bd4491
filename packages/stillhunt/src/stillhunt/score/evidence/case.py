"""One candidate before the kinds of evidence, with what several of them look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog


@dataclass(frozen=True)
class CandidateCase:
    """What a kind of evidence is given.

    Attributes:
        min_slice_requests: requests a slice needs; volumes cut off near it are not judged.
        as_found: the candidate before strangers left it, some for their volume: volumes are judged on all of them, or
            those who stayed would look even by selection.
        without_refuted: the same without those whom independent evidence refutes: topics of an untemplated group are
            judged on it.
        shared: results that several kinds use, by name; each is computed once for a candidate.
    """

    log: ScoredLog
    candidate: Candidate
    min_slice_requests: int
    as_found: Candidate
    without_refuted: Candidate
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        log: ScoredLog,
        candidate: Candidate,
        min_slice_requests: int,
        as_found: Candidate | None = None,
        without_refuted: Candidate | None = None,
    ) -> CandidateCase:
        """A case in which the candidate stands for what is not given.

        Args:
            as_found: the candidate before strangers left it.
            without_refuted: the same without those whom independent evidence refutes.
        """
        found = as_found or candidate
        return cls(log, candidate, min_slice_requests, found, without_refuted or found)
