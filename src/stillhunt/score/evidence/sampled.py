"""Logs that are samples: what there would be without, and which evidence then claims nothing.

Each call is kept with the same chance, whatever it is. Shares, mixtures and shared keys are then as in the whole log,
only with fewer requests behind them, which the tests know. What must see every call is another matter: that nobody
repeats a prompt, comes back to it another day, asks back or sends again may just be what the sample left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stillhunt.base.schema import NEEDS_EVEN, NEEDS_EVERY
from stillhunt.score.context.coding import Floats, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.evidence.findings import Finding


def unsampled(values: Ints, rates: Floats | None) -> int:
    """What a sum would be in a log that keeps every call: each value stands for 1 / rate of its kind.

    Args:
        values: whole numbers, one a request.
        rates: share of such calls that the log keeps, of the same requests; None: all are kept.

    Returns:
        The Horvitz-Thompson estimate (1952), to the nearest whole; the sum itself where nothing is sampled.
    """
    if rates is None:
        return int(values.sum())
    known, place = np.unique(rates, return_inverse=True)
    # Whole sums for each rate, added in order of rates: the same for any order of rows.
    sums = [int(values[place == number].sum()) for number in range(len(known))]
    total: float = sum(part / rate for part, rate in zip(sums, known.tolist(), strict=True))
    return round(total)


def claiming_no_more(frame: Frame, findings: list[Finding]) -> list[Finding]:
    """Findings without what a sample cannot show; what speaks against stays.

    Args:
        frame: the log.
        findings: of one candidate.
    """
    if frame.rates is None:
        return findings
    silent = NEEDS_EVERY if len(np.unique(frame.rates)) == 1 else (*NEEDS_EVERY, *NEEDS_EVEN)
    return [_silenced(found) if found.kind in silent else found for found in findings]


def _silenced(found: Finding) -> Finding:
    if found.bits <= 0.0:
        return replace(found, member_bits=None)
    what = f"{found.statement}, which a sample of the calls cannot show"
    return replace(found, statement=what, bits=0.0, member_bits=None, untold=True)
