"""Parameters of the search for topics."""

from __future__ import annotations

from dataclasses import dataclass

from stillhunt.base.parameters import judgement, measured, parameter, parameter_table, values_of


@parameter_table("link.topics", "How topics are learned and which words of a request show its topic.")
@dataclass(frozen=True)
class TopicParameters:
    """Topics."""

    topics: int = parameter(
        64,
        unit="topics",
        meaning="Number of topics.",
        provenance=measured("dispersion index at 64 topics: one work queue 0.99 to 1.05, honest groups 1.35 to 26"),
    )
    dimensions: int = parameter(
        64,
        unit="dimensions",
        meaning="Dimensions of the latent space in which topics are sought.",
        provenance=judgement("as many as topics"),
    )
    subspace_iterations: int = parameter(
        6,
        unit="rounds",
        meaning="Rounds of subspace iteration by which the latent space is found.",
        provenance=judgement("the space hardly turns after that"),
    )
    centre_rounds: int = parameter(
        12,
        unit="rounds",
        meaning="Rounds of spherical k-means.",
        provenance=judgement("few requests change their topic after that"),
    )
    start_quantile: int = parameter(
        8,
        unit="1 / share",
        meaning="A new centre starts at this part of the sample in order of distance from the centres so far.",
        provenance=judgement("the very farthest points are outliers"),
    )
    sample: int = parameter(
        30_000,
        unit="requests",
        meaning="Requests from which topics are learned, chosen by a keyed hash.",
        provenance=judgement("bounds time and memory"),
    )
    max_word_share: float = parameter(
        0.08,
        unit="share of requests",
        meaning="Share of requests above which a word shows no topic.",
        provenance=judgement("words of every text"),
    )
    min_word_requests: int = parameter(
        5,
        unit="requests",
        meaning="Requests below which a word shows no topic.",
        provenance=judgement("misspellings and names"),
    )
    min_words: int = parameter(
        3,
        unit="words",
        meaning="Topic words that a request needs to have a topic.",
        provenance=judgement("'go on' and 'try again' have no topic, and would make all accounts alike"),
    )
    wrapper_word_rate: float = parameter(
        0.04,
        unit="share of prompts",
        meaning="Share of an account's prompts in a cluster from which a word recurs there.",
        provenance=judgement("words of a template with many variants"),
    )
    wrapper_word_requests: int = parameter(
        2,
        unit="requests",
        meaning="Requests of an account in a cluster from which a word recurs there.",
        provenance=judgement("once is no recurrence"),
    )
    wrapper_account_share: float = parameter(
        0.34,
        unit="share of accounts",
        meaning="Share of a cluster's accounts in which a word must recur to belong to the template.",
        provenance=judgement("counted by accounts, so that one large pipeline cannot declare its topic a template"),
    )
    wrapper_min_accounts: int = parameter(
        2,
        unit="accounts",
        meaning="Accounts in which it must recur at least.",
        provenance=judgement("one account's words may be its topic"),
    )


TOPIC_PARAMETERS = values_of(TopicParameters)
