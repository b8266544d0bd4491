"""One pass over the text: REQUESTS -> SKETCHES."""

from stillhunt.extract.conduct import CONDUCT_FLAGS
from stillhunt.extract.sketches import sketch_requests, warm_up
from stillhunt.extract.words import SCRIPTS, SKETCH_VERSION

__all__ = ["CONDUCT_FLAGS", "SCRIPTS", "SKETCH_VERSION", "sketch_requests", "warm_up"]
