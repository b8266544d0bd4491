"""Expected harm: what orders the queue, so that an analyst's next hour goes where most is probably being taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.shape import TIMESTAMP
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.triage.model import CampaignModel, CaseModel

HARM_DAYS = 7
"""Days before a campaign's last request over which its rate is taken. Judgement: a week has each weekday once."""
_LEAST_DAYS = 1.0
"""A younger campaign is spread over so many days. Judgement: a burst of minutes says nothing of the rate of a day."""
_SAID: dict[str, str] = sentences_beside(__file__)["harm"]
HARM_MEANING = _SAID["meaning"]
"""What the figure is, for the heading of its column."""
_DAY = 86_400.0


@dataclass(frozen=True)
class ExpectedHarm:
    """The expected harm of one campaign with the parts that it is made of."""

    campaign_id: str
    probability: float
    value_per_request: float  # list value of a harvested request, in the currency; 0 where nothing is harvested
    requests_per_day: float
    days: float
    harvests: bool
    # True if the timeline gave the rate; False where there is none and the rate is that of its whole time
    measured: bool
    currency: str

    @property
    def value_per_day(self) -> float:
        """List value of what is taken in a day."""
        return self.value_per_request * self.requests_per_day

    @property
    def per_day(self) -> float:
        """Probability times list value a day: what the queue is ordered by."""
        return self.probability * self.value_per_day

    @property
    def order(self) -> tuple[float, float, str]:
        """Sorts campaigns, most harm first; those without any by probability times requests a day, then by id."""
        return -self.per_day, -self.probability * self.requests_per_day, self.campaign_id

    @property
    def shown(self) -> str:
        """The figure with its unit: `USD 12.30 daily`."""
        return f"{formatting.money(self.per_day, self.currency)} daily"

    @property
    def words(self) -> str:
        """How the figure came about, in sentences."""
        length = "whole_time" if not self.measured else "last_days" if self.days > _LEAST_DAYS else "last_day"
        value, each = (formatting.money(sum_, self.currency) for sum_ in (self.value_per_day, self.value_per_request))
        return fill(
            _SAID["harvest" if self.harvests else "no_harvest"],
            probability=formatting.probability(self.probability),
            value=value,
            each=each,
            pace=fill(_SAID["pace"], requests=round(self.requests_per_day)),
            period=fill(_SAID[length], days=formatting.number(self.days, 0 if self.days >= 2 else 1)),
        )


def expected_harm(campaign: CampaignModel, timeline: pa.Table) -> ExpectedHarm:
    """Probability times list value a day over a campaign's last days of activity.

    The requests of the last `HARM_DAYS` days up to its last request are counted from the timeline, a bucket that lies
    partly before them in proportion, and divided by these days; idle days count, too. Each request has the mean list
    value of the campaign's requests. It misleads where expensive requests came early, and for a campaign that has
    stopped: the rate is that of its end, not of today.

    Returns:
        The figure and its parts; the list value is 0 for kinds that do not harvest.
    """
    row = campaign.row
    first, last = row["first_seen"], row["last_seen"]
    own = timeline.filter(pc.equal(timeline["campaign_id"], row["campaign_id"])).sort_by("bucket")
    measured, whole = own.num_rows > 0, max((last - first).total_seconds() / _DAY, _LEAST_DAYS)
    days = min(whole, float(HARM_DAYS)) if measured else whole
    requests = _requests_since(last - timedelta(days=days), own, last) if measured else float(row["requests"])
    value = row["list_value"] / max(row["requests"], 1) if campaign.harvests else 0.0
    return ExpectedHarm(
        campaign_id=row["campaign_id"],
        probability=min(max(row["score"], 0.0), 1.0),
        value_per_request=value if math.isfinite(value) else 0.0,
        requests_per_day=requests / days,
        days=days,
        harvests=campaign.harvests,
        measured=measured,
        currency=campaign.run.currency,
    )


def queue_order(case: CaseModel, timeline: pa.Table) -> list[tuple[CampaignModel, ExpectedHarm]]:
    """The campaigns with a verdict to act or to review and their expected harm, most harm first."""
    queued = [(campaign, expected_harm(campaign, timeline)) for campaign in case.of_verdict("act", "review")]
    return sorted(queued, key=lambda pair: pair[1].order)


def _requests_since(begin: datetime, timeline: pa.Table, last: datetime) -> float:
    """Requests after a moment.

    Args:
        timeline: rows of TIMELINE of one campaign, ascending, at least one.
    """
    starts = timeline["bucket"].cast(pa.int64()).to_numpy()
    since, stop = pa.array([begin, last], TIMESTAMP).cast(pa.int64()).to_pylist()
    # Buckets are equally long, and empty ones are left out: the least distance is their length.
    width = int(np.diff(starts).min(initial=max(stop - int(starts[0]), 0)))
    ends = np.maximum(np.minimum(starts + width, stop), starts)
    inside = np.clip(ends - np.maximum(starts, since), 0, None) / np.maximum(ends - starts, 1)
    inside[ends == starts] = starts[ends == starts] >= since
    return math.fsum((timeline["requests"].to_numpy() * inside).tolist())
