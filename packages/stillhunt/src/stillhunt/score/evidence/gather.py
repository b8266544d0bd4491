"""All findings about one candidate: every kind looks at it, and samples claim no more than they can."""

from dataclasses import replace
from threading import Lock

import numpy as np

from stillhunt.base.column_files import release_mapped_beyond
from stillhunt.base.container_memory import give_back
from stillhunt.base.families import SIGN_KINDS
from stillhunt.base.plugin_groups import EVIDENCE_PLUGINS, note_failure
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.evidence.catalogue import KIND_OF, all_kinds, kinds_that_see
from stillhunt.score.evidence.finding import CandidateCase, Finding
from stillhunt.score.evidence.kind import EvidenceKind

_MANY_ROWS = 500_000
"""Requests of a candidate from which memory is given back after each kind. Judgement: few candidates are so large."""
_FILE_BYTES = 1_250_000_000
"""Memory that may hold pages of files, those of the program among them, before what was read of columns is given back.
Judgement: judging 12 million requests takes 2.4 GB then, not 3.4, in the same time; with 1.0 GB, 2.2 GB and a fifth
more processor time, since each candidate reads much of them anew (measured)."""
_PLUGIN_AT_WORK = Lock()  # candidates are judged on several threads, for which somebody else's code need not be made


def gather_evidence(case: CandidateCase) -> list[Finding]:
    """All findings about one candidate, before caps, in the order of the catalogue."""
    weighed = []
    for kind in all_kinds().values():
        weighed.append(_weigh_kind(kind, case))
        if len(case.candidate.rows) >= _MANY_ROWS:
            give_back()
        release_mapped_beyond(_FILE_BYTES)
    findings = within_sample(case.log, [finding for finding in weighed if finding is not None])
    return [f for f in findings if f.bits != 0.0 or f.member_bits is not None or f.insufficient or f.kind in SIGN_KINDS]


def _weigh_kind(kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    """What a kind finds; one of a plugin that fails, or says what it did not declare, finds nothing and is reported."""
    if kind.name in KIND_OF:
        return kind.weigh(kind, case)
    try:
        with _PLUGIN_AT_WORK:
            found = kind.weigh(kind, case)
        if found is not None:
            _check_declared(kind, found, len(case.candidate.accounts))
    except Exception as error:  # whatever somebody else's code does, a hunt goes on
        note_failure(EVIDENCE_PLUGINS, kind.name, error)
        return None
    return found


def _check_declared(kind: EvidenceKind, found: Finding, members: int) -> None:
    """Raise ValueError where a finding is not as its kind declares."""
    if (found.kind, found.family, found.independent) != (kind.name, kind.family, False):
        raise ValueError("its finding is not of its own kind and family, or claims to stand outside of the caps")
    low, high = (-np.inf if kind.least_bits is None else kind.least_bits), kind.most_bits
    if not (np.isfinite(found.bits) and low <= found.bits <= (np.inf if high is None else high)):
        raise ValueError("its bits are outside of its bounds")
    bits = np.zeros(members) if found.member_bits is None else found.member_bits
    if (kind.members is None and bits.any()) or bits.shape != (members,) or not np.isfinite(bits).all():
        raise ValueError("it judges members without words for them, or not each of them with a number")


def within_sample(log: ScoredLog, findings: list[Finding]) -> list[Finding]:
    """Findings without what a sample of the calls cannot show; evidence against stays.

    Each call is kept with the same chance, whatever it is, so that shares, mixtures and shared keys are as in the whole
    log, only with fewer requests behind them, which the kinds know. But that nobody repeats a prompt, comes back to it
    another day, asks back or sends again may just be what the sample left out.
    """
    rates = log.requests.sampling_rates
    if rates is None:
        return findings
    silent = kinds_that_see("every") + (() if len(np.unique(rates)) == 1 else kinds_that_see("even"))
    return [_silence_finding(found) if found.kind in silent else found for found in findings]


def _silence_finding(found: Finding) -> Finding:
    if found.bits <= 0.0:
        return replace(found, member_bits=None)
    statement = f"{found.statement}, which a sample of the calls cannot show"
    return replace(found, statement=statement, bits=0.0, member_bits=None, insufficient=True)
