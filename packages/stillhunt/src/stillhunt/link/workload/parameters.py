"""Parameters of the search for work queues among untemplated slices."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import derived, judgement, measured, parameter, parameter_table, values_of


@parameter_table("link.untemplated", "How traffic without a template is cut into slices.")
@dataclass(frozen=True)
class UntemplatedParameters:
    """Untemplated slices."""

    max_clients: int = parameter(
        3,
        unit="client fingerprints",
        meaning="Client fingerprints of one account and request style that become slices of their own.",
        provenance=judgement("an account with more is many customers behind one account, and stays one slice"),
    )


@parameter_table("link.background", "What untemplated slices of honest customers show.")
@dataclass(frozen=True)
class BackgroundParameters:
    """The background model."""

    preference_concentrations: tuple[float, ...] = parameter(
        (1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
        unit="Dirichlet concentration",
        meaning="Concentrations of honest topic preferences, equally likely.",
        provenance=measured("power users of wide interests reach 300 on sample worlds"),
    )
    topic_smoothing: float = parameter(
        0.5,
        unit="slices or questions",
        meaning="Count that is added to each topic of a common mixture.",
        provenance=judgement("half a count, the usual prior of a rate (Jeffreys)"),
    )
    blur: float = parameter(
        0.3,
        unit="log",
        meaning="Standard deviation by which the density of log loads and log rates is smoothed.",
        provenance=judgement("about a third of a load"),
    )
    cell: float = parameter(
        0.05,
        unit="log",
        meaning="Width of a cell of that density.",
        provenance=judgement("a sixth of the blur"),
    )
    load_dispersion: float = parameter(
        12.0,
        unit="size of the negative binomial",
        meaning="Spread of the loads of one queue's workers beyond chance.",
        provenance=judgement("leases and late starts spread loads by a quarter"),
    )
    rate_spread: float = parameter(
        0.22,
        unit="log",
        meaning="Standard deviation of the log daily rates of one queue's workers.",
        provenance=judgement("a fifth"),
    )
    keeps_both: float = parameter(
        0.6,
        unit="share of workers",
        meaning="Workers who keep the queue's load and its daily rate.",
        provenance=judgement("most of them"),
    )
    keeps_load: float = parameter(
        0.2,
        unit="share of workers",
        meaning="Workers who keep the load only: they make it up on other days.",
        provenance=derived("half of those who do not keep both"),
    )
    keeps_rate: float = parameter(
        0.2,
        unit="share of workers",
        meaning="Workers who keep the daily rate only: they miss days.",
        provenance=derived("half of those who do not keep both"),
    )
    min_likelihood: float = parameter(
        1e-12,
        unit="density ratio",
        meaning="Likelihood ratio added for any load and rate.",
        provenance=judgement("one absurd day must not outweigh all topics"),
    )


@parameter_table("link.queues", "How work queues are sought among untemplated slices.")
@dataclass(frozen=True)
class QueueParameters:
    """The search for work queues."""

    smoothing: float = parameter(
        5.0,
        unit="questions",
        meaning="Questions of the common topic mixture that are added to a queue's.",
        provenance=judgement("a small queue must not rule a topic out"),
    )
    seed_step: float = parameter(
        0.25,
        unit="log",
        meaning="Distance between seeds in log load and log rate.",
        provenance=judgement("about the spread of one queue's workers"),
    )
    min_first_share: float = parameter(
        0.01,
        unit="share of slices",
        meaning="Share of all slices that a queue is thought to hold at first, at least.",
        provenance=judgement("a seed of few slices must be able to grow"),
    )
    min_share: float = parameter(
        0.002,
        unit="share of slices",
        meaning="Share of all slices that a queue is thought to hold later, at least.",
        provenance=judgement("keeps a lane from dying of one weak round"),
    )
    max_share: float = parameter(
        0.6,
        unit="share of slices",
        meaning="Share of all slices that a queue is thought to hold, at most.",
        provenance=judgement("the background must remain the background"),
    )
    min_held: float = parameter(
        0.5,
        unit="share of the fewest members",
        meaning="Expected slices, in parts of the fewest that a queue needs, below which a trial is given up.",
        provenance=judgement("it will not recover"),
    )
    max_slice_bits: float = parameter(
        43.0,
        unit="bits",
        meaning="Most bits that one slice may bring to a queue while it forms.",
        provenance=derived("30 nats"),
    )
    glance_rounds: int = parameter(
        3,
        unit="rounds",
        meaning="Rounds of expectation-maximisation by which a seed shows whether it leads anywhere.",
        provenance=judgement("most of the way is made in the first rounds"),
    )
    rounds: int = parameter(
        30,
        unit="rounds",
        meaning="Rounds of expectation-maximisation at most.",
        provenance=judgement("trials settle earlier; bounds time"),
    )
    settled: float = parameter(
        1e-3,
        unit="probability",
        meaning="Largest change of a membership probability at which a trial has settled.",
        provenance=judgement("far below what decides membership"),
    )
    max_trials: int = parameter(
        30,
        unit="trials",
        meaning="Seeds that are followed to the end.",
        provenance=judgement("bounds time"),
    )
    same_trial: float = parameter(
        0.8,
        unit="share of slices",
        meaning="Share of a seed's slices that a better seed already holds, above which both lead to the same queue.",
        provenance=judgement("neighbouring seeds meet"),
    )
    max_queues: int = parameter(
        12,
        unit="queues",
        meaning="Work queues that are kept for one request style and fold.",
        provenance=judgement("bounds time"),
    )
    max_overlap: float = parameter(
        0.3,
        unit="share of slices",
        meaning="Share of a queue's slices that a stronger queue may already hold.",
        provenance=judgement("more is the same queue once again"),
    )


@parameter_table("link.operators", "How the workers of one queue are divided into operators by their clients.")
@dataclass(frozen=True)
class OperatorParameters:
    """Operators."""

    min_spread: float = parameter(
        0.12,
        unit="log",
        meaning="Least standard deviation of log load and log rate within a client.",
        provenance=judgement("keeps three workers that happen to agree from deciding"),
    )
    client_smoothing: float = parameter(
        0.5,
        unit="slices",
        meaning="Slices of the usual mixture of clients that are added to either side of a comparison.",
        provenance=judgement("half a count, the usual prior of a rate (Jeffreys)"),
    )
    min_pool_accounts: int = parameter(
        3,
        unit="accounts",
        meaning="Accounts with slices of both clients from which these are two customers of one pool.",
        provenance=judgement("an operator keeps one program per account"),
    )
    member_rounds: int = parameter(
        3,
        unit="rounds",
        meaning="Rounds in which clients say who else works for a queue.",
        provenance=judgement("membership settles earlier"),
    )
    max_clients: int = parameter(
        40,
        unit="clients",
        meaning="Clients of a queue that are compared, the most used; other slices go to the nearest part.",
        provenance=judgement("bounds time"),
    )
    min_client_slices: int = parameter(
        3,
        unit="slices",
        meaning="Slices of a queue that a client needs to be compared.",
        provenance=judgement("fewer have no median"),
    )


UNTEMPLATED = values_of(UntemplatedParameters)
BACKGROUND = values_of(BackgroundParameters)
QUEUES = values_of(QueueParameters)
OPERATORS = values_of(OperatorParameters)
