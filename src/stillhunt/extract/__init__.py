"""One pass over the text: REQUESTS -> SKETCHES."""

from stillhunt.extract.conduct import CONDUCT_FLAGS
from stillhunt.extract.folders import identity_key
from stillhunt.extract.partials import KeptInput, Partials
from stillhunt.extract.sketches import sketch_requests, warm_up
from stillhunt.extract.store import Store
from stillhunt.extract.words import SCRIPTS, SKETCH_VERSION

__all__ = [
    "CONDUCT_FLAGS",
    "SCRIPTS",
    "SKETCH_VERSION",
    "KeptInput",
    "Partials",
    "Store",
    "identity_key",
    "sketch_requests",
    "warm_up",
]
