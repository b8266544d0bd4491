"""Parameters of the search for templates: recurring phrases, content clusters and their fragments."""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters


class PhraseParameters(NamedTuple):
    """Recurring phrases."""

    min_prompts: int
    min_lift: float
    min_nats: float
    min_accounts: int


class ClusterParameters(NamedTuple):
    """Content clusters."""

    jaccard_levels: tuple[float, ...]
    min_cohesion: float
    min_pair_accounts: int
    min_pair_requests: int
    min_phrases: int
    min_matched: int


class FragmentParameters(NamedTuple):
    """Fragments of templates."""

    max_account_share: float
    min_relative_risk: float
    min_jaccard: float
    complete_bits: float


PHRASE_VALUES = read_parameters(PhraseParameters, "link.phrases")
CLUSTERS = read_parameters(ClusterParameters, "link.clusters")
FRAGMENTS = read_parameters(FragmentParameters, "link.fragments")
