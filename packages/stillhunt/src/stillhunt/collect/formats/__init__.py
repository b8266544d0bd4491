"""Log formats that are read without a mapping, in the order in which they are tried on a file."""

import difflib
from functools import cache

from stillhunt.base.errors import ConfigError
from stillhunt.base.plugin_groups import READERS, load_plugins
from stillhunt.base.schema import ACCOUNTS, REQUESTS
from stillhunt.collect.formats.bodies import batches, generic_bodies
from stillhunt.collect.formats.edge import envoy, nginx
from stillhunt.collect.formats.litellm import calls, customers
from stillhunt.collect.formats.otlp import sources
from stillhunt.collect.formats.source import Sample, Source
from stillhunt.collect.formats.vendors import azure, bedrock, cloudflare, exports, helicone, kong, langfuse, vertex

SOURCES: tuple[Source, ...] = (
    *calls.SOURCES,
    *customers.SOURCES,
    *langfuse.SOURCES,
    *helicone.SOURCES,
    *bedrock.SOURCES,
    *azure.SOURCES,
    *vertex.SOURCES,
    *kong.SOURCES,
    *cloudflare.SOURCES,
    *exports.SOURCES,
    *sources.SOURCES,
    *batches.SOURCES,
    *envoy.SOURCES,
    *nginx.SOURCES,
    *generic_bodies.SOURCES,
)
CANONICAL_FORMAT = "canonical"
"""`--format` name of tables that have the columns of REQUESTS."""


def source_faults(source: Source) -> str:
    """What is wrong with the declaration of a format, in words; empty where nothing is."""
    tables = {name for table in (REQUESTS, ACCOUNTS) for name in table.names}
    if unknown := sorted(set(source.carries) - tables):
        return f"there is no column {unknown[0]}"
    if (source.rows is None) == (source.rows_within is None):
        return "it needs either rows or rows_within"
    return ""


@cache
def all_sources() -> tuple[Source, ...]:
    """All formats in the order in which they are tried: those of plugins before the one that takes any API body.

    Not a constant, since plugins import this room.
    """
    taken = (CANONICAL_FORMAT, *(source.name for source in SOURCES))
    last = len(SOURCES) - len(generic_bodies.SOURCES)
    return SOURCES[:last] + load_plugins(READERS, Source, taken, source_faults) + SOURCES[last:]


def recognise(sample: Sample) -> Source | None:
    """The first source that recognises the beginning of an input; None if no source does."""
    for source in all_sources():
        if sample.framing in source.framings and source.recognises(sample):
            return source
    return None


def source_named(name: str) -> Source:
    """The source with this name; a ConfigError if there is none."""
    for source in all_sources():
        if source.name == name:
            return source
    names = [CANONICAL_FORMAT, *(source.name for source in all_sources())]
    near = difflib.get_close_matches(name, names, n=3)
    raise ConfigError(
        f"unknown log format '{name[:60]}'",
        where="collect.format",
        next_step=f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(names)}",
        command_step=f"--format {near[0]}" + (f" or {' or '.join(near[1:])}" if near[1:] else "")
        if near
        else f"--format takes one of {', '.join(names)}",
    )
