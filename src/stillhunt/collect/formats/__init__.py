"""Kinds of logs that are read as they are, in the order in which they are asked whether a file is theirs."""

from __future__ import annotations

import difflib

from stillhunt.base.errors import ConfigError
from stillhunt.collect.formats.bodies import batches
from stillhunt.collect.formats.bodies import generic_bodies as requests
from stillhunt.collect.formats.edge import envoy, nginx
from stillhunt.collect.formats.litellm import calls as litellm
from stillhunt.collect.formats.litellm import customers as litellm_accounts
from stillhunt.collect.formats.otlp import otlp
from stillhunt.collect.formats.source import Sample, Source
from stillhunt.collect.formats.vendors import azure, bedrock, cloudflare, helicone, kong, langfuse, vertex

__all__ = ["CANONICAL", "SOURCES", "Sample", "Source", "recognise", "source_named"]

SOURCES: tuple[Source, ...] = (
    *litellm.SOURCES,
    *litellm_accounts.SOURCES,
    *langfuse.SOURCES,
    *helicone.SOURCES,
    *bedrock.SOURCES,
    *azure.SOURCES,
    *vertex.SOURCES,
    *kong.SOURCES,
    *cloudflare.SOURCES,
    *otlp.SOURCES,
    *batches.SOURCES,
    *envoy.SOURCES,
    *nginx.SOURCES,
    *requests.SOURCES,
)
CANONICAL = "canonical"
"""Name for `--format` of logs that have our columns."""


def recognise(sample: Sample) -> Source | None:
    """The first source that knows these records as its own; None where none does.

    Args:
        sample: the beginning of an input.
    """
    for source in SOURCES:
        if sample.framing in source.framings and source.recognises(sample):
            return source
    return None


def source_named(name: str) -> Source:
    """The source of this name.

    Raises:
        ConfigError: there is none.
    """
    for source in SOURCES:
        if source.name == name:
            return source
    names = [CANONICAL, *(source.name for source in SOURCES)]
    near = difflib.get_close_matches(name, names, n=3)
    raise ConfigError(
        f"'{name[:60]}' is no format that can be read",
        where="--format (collect.format)",
        next_step=f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(names)}",
    )
