"""Numbers of signatures: which phrases tell a campaign, and when a request or an account matches."""

from typing import NamedTuple

from stillhunt.base.parameters import read_parameters

# accounts: members of the campaign that must use a phrase (a phrase of fewer accounts links nobody)
LEAST_PHRASE_ACCOUNTS = 3
# Counts added to what is seen of a phrase in honest traffic, and prior counts in the campaign (half a count, the usual
# prior of a rate (Jeffreys))
PHRASE_SMOOTHING = 0.5
# Honest accounts that are needed in each half of the honest traffic (with fewer, nothing is known of what is rare)
LEAST_HONEST_ACCOUNTS = 50


class SignatureParameters(NamedTuple):
    """What a signature is made of."""

    phrase_share: float
    least_phrase_bits: float
    most_phrase_bits: float
    all_style_bits: tuple[float, float]
    most_sender_bits: float


FIRST_REQUESTS = 50  # Requests of an account that are weighed, from the first with a phrase of the signature
# Accounts with a part of a template that are followed at a time; then the less suspicious half goes (measured: 90 MB at
# 100,000 accounts with half a template each)
MOST_FOLLOWED_ACCOUNTS = 100_000


class MatchingParameters(NamedTuple):
    """Two levels: requests and accounts."""

    request_bits: float
    account_bits: float
    member_share: float
    honest_margin: float
    least_alone_bits: float
    sender_bits: float
    least_caught: float
    allowed_per_million: float


SIGNATURES = read_parameters(SignatureParameters, "watch.signatures")
MATCHING = read_parameters(MatchingParameters, "watch.matching")
