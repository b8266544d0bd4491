"""What honest accounts look like: frozen reference distributions, measured, not learned from the log that is judged.

A reference learned from the judged log is one that a large campaign moves. These were set from the honest accounts of
seeded worlds of two generators. A log's own traffic enters only where the comparison accounts are more alike than
these say, and then only in the group's favour (`background_correlation.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of

_HONEST_WORLDS = measured("honest accounts of seeded worlds of two generators; no script repeats it")
_ICC = "intra-class correlation"
_LOG = "log units"


@dataclass(frozen=True)
class Overdispersion:
    """Intra-class correlation of one view, in honest groups and in traffic from one work queue.

    Attributes:
        honest_median, honest_spread: lognormal distribution over honest groups that share a content cluster.
        queue_median, queue_spread: the same where one queue feeds all; not zero, since no queue is perfectly mixed.
        queue_share: share of operations that draw this view at random from one queue.
        noise: extra standard deviation of the log index, for what the model leaves out.
    """

    honest_median: float
    honest_spread: float
    queue_median: float
    queue_spread: float
    queue_share: float
    noise: float


@parameter_table("score.topic_dispersion", "How far the topic mixtures of accounts differ.")
@dataclass(frozen=True)
class TopicDispersion(Overdispersion):
    """Topics: apps and framework users 0.04 to 0.09, chat 0.04, seats 0.018, power users 0.007."""

    honest_median: float = parameter(0.03, unit=_ICC, meaning="Median over honest groups.", provenance=_HONEST_WORLDS)
    honest_spread: float = parameter(
        1.6, unit=_LOG, meaning="Standard deviation of its logarithm over honest groups.", provenance=_HONEST_WORLDS
    )
    queue_median: float = parameter(
        3e-4, unit=_ICC, meaning="Median over operations with one work queue.", provenance=judgement("near 0")
    )
    queue_spread: float = parameter(
        1.2,
        unit=_LOG,
        meaning="Standard deviation of its logarithm over operations.",
        provenance=judgement("queues are mixed more or less well"),
    )
    queue_share: float = parameter(
        0.95,
        unit="share",
        meaning="Operations whose accounts draw topics at random from one queue.",
        provenance=judgement("specialised workers are the exception"),
    )
    noise: float = parameter(
        0.03,
        unit=_LOG,
        meaning="Extra standard deviation of the log dispersion index.",
        provenance=judgement("for what the model leaves out"),
    )


@parameter_table("score.time_dispersion", "How far the active hours of accounts differ, in bins of 12 hours.")
@dataclass(frozen=True)
class TimeDispersion(Overdispersion):
    """Active hours: bursts of honest accounts 0.08 to 0.7; many operations keep human hours instead."""

    honest_median: float = parameter(0.15, unit=_ICC, meaning="Median over honest groups.", provenance=_HONEST_WORLDS)
    honest_spread: float = parameter(
        1.2, unit=_LOG, meaning="Standard deviation of its logarithm over honest groups.", provenance=_HONEST_WORLDS
    )
    queue_median: float = parameter(
        2e-3, unit=_ICC, meaning="Median over operations with one work queue.", provenance=judgement("near 0")
    )
    queue_spread: float = parameter(
        1.2,
        unit=_LOG,
        meaning="Standard deviation of its logarithm over operations.",
        provenance=judgement("queues drain more or less steadily"),
    )
    queue_share: float = parameter(
        0.5,
        unit="share",
        meaning="Operations whose accounts are active at the same hours.",
        provenance=judgement("many operations keep human hours instead"),
    )
    noise: float = parameter(
        0.05,
        unit=_LOG,
        meaning="Extra standard deviation of the log dispersion index.",
        provenance=judgement("for what the model leaves out"),
    )


@parameter_table("score.volume_dispersion", "How far the requests per account differ.")
@dataclass(frozen=True)
class VolumeDispersion(Overdispersion):
    """Volume: honest volumes differ by 0.8 of their mean (0.4 to 2), those from one queue by 0.1 to 0.3."""

    honest_median: float = parameter(0.7, unit=_ICC, meaning="Median over honest groups.", provenance=_HONEST_WORLDS)
    honest_spread: float = parameter(
        0.9, unit=_LOG, meaning="Standard deviation of its logarithm over honest groups.", provenance=_HONEST_WORLDS
    )
    queue_median: float = parameter(
        0.02,
        unit=_ICC,
        meaning="Median over operations with one work queue.",
        provenance=measured("campaigns of seeded worlds: 0.1 to 0.3 of the mean, leases and outages included"),
    )
    queue_spread: float = parameter(
        1.4,
        unit=_LOG,
        meaning="Standard deviation of its logarithm over operations.",
        provenance=judgement("leases, outages, late joiners and early bans"),
    )
    queue_share: float = parameter(
        0.75,
        unit="share",
        meaning="Operations that spread their volume evenly.",
        provenance=judgement("some ramp their accounts up one after another"),
    )
    noise: float = parameter(
        0.15,
        unit=_LOG,
        meaning="Extra standard deviation of the log dispersion index.",
        provenance=judgement("for what the model leaves out"),
    )


@parameter_table("score.volumes", "How the volumes of single accounts spread around the middle of their group.")
@dataclass(frozen=True)
class VolumeSpreads:
    """Standard deviations of the logarithm of requests per account."""

    customers: float = parameter(
        1.3, unit=_LOG, meaning="Honest accounts around the middle of their group.", provenance=_HONEST_WORLDS
    )
    workers: float = parameter(
        0.6,
        unit=_LOG,
        meaning="Accounts that work off one queue and share a template.",
        provenance=judgement("a queue gives 0.1 to 0.3; late joiners and early bans widen it"),
    )
    untemplated_workers: float = parameter(
        0.3,
        unit=_LOG,
        meaning="Accounts that were found by their workload.",
        provenance=judgement("that of the model by which they were found"),
    )
    member_cap_bits: float = parameter(
        6.0,
        unit="bits",
        meaning="Most bits that the volume of one account may say about its membership.",
        provenance=judgement("one number of one account"),
    )


TOPIC_REFERENCE = values_of(TopicDispersion)
TIME_REFERENCE = values_of(TimeDispersion)
VOLUME_REFERENCE = values_of(VolumeDispersion)
SPREADS = values_of(VolumeSpreads)
