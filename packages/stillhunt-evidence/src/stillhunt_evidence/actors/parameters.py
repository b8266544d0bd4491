"""Numbers of attribution: how much each kind of mark may weigh, and when an actor is named."""

from typing import NamedTuple

from stillhunt.tools import read_parameters

CAUTIOUS_RATES = {
    "network": 0.1,
    "own_network": 0.02,
    "address": 0.05,
    "country": 0.25,
    "hours": 0.3,
    "client": 0.3,
    "settings": 0.3,
    "phrase": 0.05,
    "sign_up": 0.25,
    "account": 0.05,
    "skill": 0.3,
}
"""Share of other campaigns with a value of each kind, where the file states none. High on purpose: a rare value is
worth more only where the case or the file shows that it is rare."""
MARK_CAPS = {
    "network": 3.0,
    "address": 3.0,
    "country": 3.0,
    "hours": 3.0,
    "client": 3.0,
    "settings": 3.0,
    "phrase": 4.0,
    "sign_up": 3.0,
    "account": 2.0,
    "skill": 1.0,
    "known_release": 1.5,
    "loose_tie": 2.0,
}
"""Most bits of each kind of mark that anybody who reads a report about the actor can imitate: of accounts that several
actors may share (docs/adr/0025), a release that others may have known of, and a tie without an instrument in common."""
OWN_MOST = 0.5  # Campaigns of an actor in which a known mark covers most accounts (actors change what is known of them)
# Campaigns, of the actor and of others, in which a mark is in a part of the accounts (equal for both, so that a mark in
# a part of the accounts is no evidence)
OWN_PART = 0.2


class MarkParameters(NamedTuple):
    """Parameters of marks."""

    most: float
    part: float
    comparison: float
    own_network_cap: float
    used_network_cap: float
    release_cap: float
    tie_cap: float
    cheap_cap: float
    against_cap: float


class NamingParameters(NamedTuple):
    """Parameters of naming an actor."""

    somebody_else: float
    bar: float
    kinds: int
    costly_bits: float
    rival_bits: float
    accounts: int


MARK_RULES = read_parameters(MarkParameters, "dossier.attribution_marks")
NAMING = read_parameters(NamingParameters, "dossier.attribution")
