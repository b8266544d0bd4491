"""What analysts' dismissals say about verdicts and probabilities."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from stillhunt.decide.case_work import CaseStatus, CaseWork
from stillhunt_server.casework.calibration import PROBABILITY_BANDS, dismissal_calibration
from stillhunt_server.casework.history import CampaignFacts


def test_dismissals_are_counted_by_verdict_and_band() -> None:
    rows: list[tuple[CaseStatus, str, str, float]] = [
        ("acted", "", "act", 0.995),
        ("acted", "", "act", 1.0),
        ("dismissed", "reseller", "act", 0.99),
        ("dismissed", "reseller", "act", 0.95),
        ("dismissed", "data_error", "act", 0.95),
        ("acted", "", "review", 0.6),
        ("watched", "", "act", 0.95),
        ("open", "", "act", 0.95),
        ("dismissed", "other", "none", 0.2),
    ]
    work = {f"c{place}": CaseWork(f"c{place}", 1, row[0], reason=row[1]) for place, row in enumerate(rows)}
    facts = {f"c{place}": CampaignFacts(5, row[2], row[3]) for place, row in enumerate(rows)}
    work["forgotten"] = CaseWork("forgotten", 1, "acted")
    found = {(one.verdict, one.band): one for one in dismissal_calibration(work, facts)}
    assert list(found) == [(verdict, band) for verdict in ("act", "review") for band in (None, *PROBABILITY_BANDS)]
    counts = {key: (one.decided, one.dismissed) for key, one in found.items() if one.decided}
    assert counts == {
        ("act", None): (5, 3),
        ("act", (0.9, 0.99)): (2, 2),
        ("act", (0.99, 1.0)): (3, 1),
        ("review", None): (1, 0),
        ("review", (0.5, 0.9)): (1, 0),
    }
    whole = found["act", None]
    assert list(whole.reasons.items()) == [("reseller", 2), ("data_error", 1)]
    assert whole.share is not None
    exact = binomtest(3, 5).proportion_ci(0.95, "exact")
    assert (whole.share.low, whole.share.high) == pytest.approx((exact.low, exact.high))
    assert found["act", (0.0, 0.5)].share is None
