"""Parameters of the search for topics."""

from __future__ import annotations

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class TopicParameters(NamedTuple):
    """Topics."""

    topics: int
    max_word_share: float
    min_words: int
    wrapper_word_rate: float
    wrapper_account_share: float


TOPIC_PARAMETERS = read_parameters(TopicParameters, "link.topics")
