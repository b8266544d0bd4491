"""Numbers that decide what may leave, and how much weight a receiver should give to it."""

from typing import NamedTuple

from stillhunt.tools import read_parameters

# Most values of one aspect, the most used first (more than a reader looks at; the tail of a campaign's networks is
# chance)
MOST_SHARED_VALUES = 20
# Most keyed hashes of addresses, and as many of networks, the most used first (17 KB in each list; platforms that take
# patterns refuse much longer ones)
MOST_SHARED_ADDRESSES = 1000
# Most keyed hashes of phrases, those with the most accounts first (a template has tens to hundreds of phrases, and a
# campaign a few templates)
MOST_SHARED_PHRASES = 2000
# Most keyed hashes of one kind in one event for a SIEM (some 40 KB; pipelines cut or refuse events of 256 KB to 1 MB)
MOST_EVENT_HASHES = 200
# characters: longest text of one value (names of networks and clients are shorter; a log can hold any text)
SHARED_VALUE_CHARS = 80
# percent: confidence that OCSF and ECS call high (derived: STIX 2.1, appendix A: the scale none, low, medium, high)
HIGH_CONFIDENCE = 70
# percent: confidence that OCSF and ECS call medium (derived: STIX 2.1, appendix A: the scale none, low, medium, high)
MEDIUM_CONFIDENCE = 30


class SharingParameters(NamedTuple):
    """Limits of what is shared."""

    least_accounts: int
    address_accounts: int


P = read_parameters(SharingParameters, "dossier.sharing")
