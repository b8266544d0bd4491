"""What honest accounts look like: frozen reference distributions, measured, not learned from the log that is judged.

A reference learned from the judged log is one that a large campaign moves. These were set from the honest accounts of
seeded worlds of two generators. A log's own traffic enters only where the comparison accounts are more alike than
these say, and then only in the group's favour (`homogeneity.py`).
"""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class Overdispersion(NamedTuple):
    """How far accounts differ beyond chance in one view, in honest groups and in traffic from one work queue.

    Of topics and times it is the intra-class correlation; of volumes the squared coefficient of variation, which may
    exceed 1.
    """

    # honest_median, honest_spread: lognormal distribution over honest groups that share a content cluster
    honest_median: float
    honest_spread: float
    # queue_median, queue_spread: the same where one queue feeds all; not zero, since no queue is perfectly mixed
    queue_median: float
    queue_spread: float
    queue_share: float  # share of operations that draw this view at random from one queue
    noise: float  # extra standard deviation of the log index, for what the model leaves out


class VolumeSpreads(NamedTuple):
    """Standard deviations of the logarithm of requests per account."""

    customers: float
    workers: float
    untemplated_workers: float
    member_cap_bits: float


TOPIC_REFERENCE = read_parameters(Overdispersion, "score.topic_dispersion")
"""Topics: apps and framework users 0.04 to 0.09, chat 0.04, seats 0.018, power users 0.007."""
TIME_REFERENCE = read_parameters(Overdispersion, "score.time_dispersion")
VOLUME_REFERENCE = read_parameters(Overdispersion, "score.volume_dispersion")
"""Volume: honest volumes differ by 0.8 of their mean (0.4 to 2), those from one queue by 0.1 to 0.3."""
SPREADS = read_parameters(VolumeSpreads, "score.volumes")
