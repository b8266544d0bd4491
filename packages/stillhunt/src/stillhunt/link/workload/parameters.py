"""Parameters of the search for work queues among untemplated slices."""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters

# slices or questions: count that is added to each topic of a common mixture (half a count, the usual prior of a rate
# (Jeffreys))
TOPIC_SMOOTHING = 0.5


class BackgroundParameters(NamedTuple):
    """The background model."""

    preference_concentrations: tuple[float, ...]
    load_dispersion: float
    rate_spread: float
    keeps_both: float


# Questions of the common topic mixture that are added to a queue's (a small queue must not rule a topic out)
QUEUE_SMOOTHING = 5.0


class QueueParameters(NamedTuple):
    """The search for work queues."""

    max_share: float
    max_slice_bits: float


BACKGROUND = read_parameters(BackgroundParameters, "link.background")
QUEUES = read_parameters(QueueParameters, "link.queues")
