"""Reading request logs again, and what a hunt keeps of a prompt; for what needs more than a case folder holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt.base.schema import REQUESTS, SAMPLING_PARAMETERS
    from stillhunt.collect.normalise.identity import IdentityHasher, email_domain, normal_email
    from stillhunt.collect.values.other_settings import named, other_settings
    from stillhunt.extract import CONDUCT_FLAGS, SKETCH_VERSION, PhraseReader, sketch_requests, word_buckets
    from stillhunt.pipeline import reading
    from stillhunt.pipeline_local import with_state_key
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
