"""Reading request logs again, and what a hunt keeps of a prompt; for what needs more than a case folder holds."""

from __future__ import annotations

from stillhunt.base.schema import REQUESTS, SAMPLING_PARAMETERS
from stillhunt.collect.values.other_settings import named, other_settings
from stillhunt.extract import CONDUCT_FLAGS, SKETCH_VERSION, PhraseReader, sketch_requests, word_buckets
from stillhunt.pipeline import reading

__all__ = [
    "CONDUCT_FLAGS",
    "REQUESTS",
    "SAMPLING_PARAMETERS",
    "SKETCH_VERSION",
    "PhraseReader",
    "named",
    "other_settings",
    "reading",
    "sketch_requests",
    "word_buckets",
]
