"""Settings of a run that differ from the defaults, under which alone the rates of error were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillhunt import Config
from stillhunt.tools import formatting

_GROUPS = ("link", "resolve", "score")
_SEED = "seed"
_SHOWN = 12
_NAME_CHARS, _VALUE_CHARS = 60, 24
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e15
_UNKNOWN = object()


@dataclass(frozen=True)
class ChangedSettings:
    """What a run's settings are beside the defaults.

    Attributes:
        sentence: the settings that differ, each with its value and its default; empty where none does.
        rates_hold: whether the measured shares and rates of error hold for the run.
        withheld: why they are left out; empty where they hold.
    """

    sentence: str
    rates_hold: bool
    withheld: str


def changed_settings(run: Mapping[str, Any]) -> ChangedSettings:
    """What a run's settings are beside the defaults; those of the search, the score and the seed.

    The seed alone changes no rate of error, which is an average over seeds.
    """
    recorded = run.get("settings")
    if not isinstance(recorded, Mapping) or not recorded:
        return ChangedSettings(
            "The settings of this run were not recorded; whether they differ from the defaults is not known.",
            False,
            "Measured shares and rates of error are left out: they were measured under the default settings, and those "
            "of this run were not recorded.",
        )
    defaults, own = _leaves(Config().model_dump(mode="json")), _leaves(recorded)
    names = sorted(
        name for name in defaults.keys() | own.keys() if own.get(name, _UNKNOWN) != defaults.get(name, _UNKNOWN)
    )
    if not names:
        return ChangedSettings("", True, "")
    shown = [
        f"{formatting.shorten(name, _NAME_CHARS)} {_said(own.get(name, _UNKNOWN))} "
        f"(default {_said(defaults.get(name, _UNKNOWN))})"
        for name in names[:_SHOWN]
    ]
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    sentence = f"Settings that differ from the defaults: {'; '.join(shown)}{more}."
    if names == [_SEED]:
        return ChangedSettings(sentence, True, "")
    return ChangedSettings(
        sentence,
        False,
        "Measured shares and rates of error are left out: they were measured under the default settings and do not "
        "hold under these, which change what a stated probability and a verdict mean.",
    )


def _leaves(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the search, the score and the seed by their dotted names."""
    found: dict[str, Any] = {_SEED: settings[_SEED]} if _SEED in settings else {}
    for group in _GROUPS:
        for name, value in _as_mapping(settings.get(group)).items():
            inner = _as_mapping(value)
            found |= {f"{group}.{name}.{part}": one for part, one in inner.items()}
            if not inner:
                found[f"{group}.{name}"] = value
    return found


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _said(value: Any) -> str:
    """A value with all digits that matter, safe to show."""
    if value is _UNKNOWN:
        return "not recorded"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return formatting.shorten(str(value), _VALUE_CHARS)
    if value and not _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        return formatting.shorten(str(value), _VALUE_CHARS)
    return f"{value:,.15g}".replace("-", formatting.MINUS)
