"""One pass over the text: REQUESTS -> SKETCHES."""

from stillhunt.base.conduct_flags import CONDUCT_FLAGS
from stillhunt.extract.languages import languages_of
from stillhunt.extract.sketches import PhraseReader, sketch_requests, warm_up, word_buckets
from stillhunt.extract.store.folders import KEY as STATE_KEY
from stillhunt.extract.store.folders import identity_key
from stillhunt.extract.store.partials import KeptInput, Partials, names_in_use
from stillhunt.extract.store.store import SHARED_ID, Store
from stillhunt.extract.text.words import SCRIPTS, SKETCH_VERSION
