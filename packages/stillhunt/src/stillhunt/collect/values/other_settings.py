"""Settings of a call that no column of REQUESTS has, by name: whoever draws its answer again would miss them.

`model prove` compares harvested answers with answers that the teacher draws again under the same settings. That is
sound only if it knows all of them: with a fixed `seed`, all answers of a campaign share one stream of random numbers.
Therefore a field is harmless only if it is in a list of `other_settings.toml`, and every other one is named.
"""

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from stillhunt.base.formatting import shorten
from stillhunt.collect.values.json_values import decoded, number

SETTING_FIELDS = (
    *("seed", "stop", "stop_sequences", "n", "top_k", "min_p", "logit_bias", "response_format", "reasoning_effort"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty"),
)
"""Settings that a table with our own columns may have; of its other columns nobody knows whether they are settings."""
DRAWN_SETTINGS = ("temperature", "top_p", "max_tokens")
"""Settings that have columns, under which answers are drawn again."""
MOST_NAMES, SETTING_NAME_CHARACTERS = 8, 40
"""Names that are kept of one call, and characters of each; the client chooses them."""
_BELOW = 3
"""Depth to which settings are looked for within settings, such as extra_body of optional_params."""


def _normalise_setting_name(name: str) -> str:
    """One spelling of topK, top_k and top-k."""
    return name.replace("_", "").replace("-", "").lower()


def _parse_setting_names(words: str) -> frozenset[str]:
    return frozenset(map(_normalise_setting_name, words.split()))


_LISTS = tomllib.loads((files(__package__) / "other_settings.toml").read_text("utf-8"))
_READ, _HARMLESS, _CONTAINERS = (_parse_setting_names(_LISTS[name]) for name in ("read", "harmless", "containers"))
_NEUTRAL = {name: values for names, values in _LISTS["neutral"].items() for name in _parse_setting_names(names)}
"""Values of settings that change nothing."""
_USUAL = frozenset(
    (
        *("model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stream", "user"),
        *("metadata", "stream_options", "tools", "system", "prompt", "input", "contents", "instructions"),
    )
)
"""What most bodies have and nothing more; for speed."""


def changes_answers(name: str, value: Any) -> bool:
    """Whether a field of a call, whose numbers may be text, may change its answer."""
    if value is None or value in ("", "null"):
        return False
    plain = _normalise_setting_name(name)
    if plain in _READ or plain in _HARMLESS:
        return False
    if isinstance(value, str):
        value = value if (found := decoded(value)) is None else found
    if value is None or (isinstance(value, list | tuple | dict) and not value):
        return False
    neutral = _NEUTRAL.get(plain, ())
    as_number = None if isinstance(value, bool) else number(value)
    return value not in neutral and (as_number is None or as_number not in neutral)


def other_settings(body: Mapping[str, Any]) -> str | None:
    """Names of the fields of a request body that may change its answer and have no column, such as "seed, stop"."""
    return None if _USUAL.issuperset(body) else named(_iterate_changing_settings(body, _BELOW))


def _iterate_changing_settings(body: Mapping[str, Any], below: int) -> Iterator[str]:
    for name, value in body.items():
        if _normalise_setting_name(name) in _CONTAINERS and below:
            inner = decoded(value)
            if isinstance(inner, Mapping):
                yield from _iterate_changing_settings(inner, below - 1)
                continue
        if changes_answers(name, value):
            yield name


def setting_columns(record: Mapping[str, Any]) -> str | None:
    """As `other_settings`, of a record of any kind: only fields that are known to be settings or hold them."""
    holding = {name: record[name] for name in record if _normalise_setting_name(name) in _CONTAINERS}
    own = (name for name in SETTING_FIELDS if changes_answers(name, record.get(name)))
    return named(own, (name for name in _iterate_changing_settings(holding, _BELOW) if name not in holding))


def named(*found: Iterator[str] | str | None) -> str | None:
    """Names, or texts that this function made, put together, sorted and bounded; None where there is none."""
    names = {
        shorten(name, SETTING_NAME_CHARACTERS)
        for part in found
        for name in (part.split(", ") if isinstance(part, str) else part or ())
    }
    return ", ".join(sorted(names)[:MOST_NAMES]) or None
