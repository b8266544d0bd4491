"""One pass over the text: REQUESTS -> SKETCHES."""

from stillhunt.extract.conduct import CONDUCT_FLAGS
from stillhunt.extract.merge import merge_sketches
from stillhunt.extract.sketches import sketch_requests, warm_up
from stillhunt.extract.words import SCRIPTS, SKETCH_VERSION

__all__ = ["CONDUCT_FLAGS", "SCRIPTS", "SKETCH_VERSION", "merge_sketches", "sketch_requests", "warm_up"]
