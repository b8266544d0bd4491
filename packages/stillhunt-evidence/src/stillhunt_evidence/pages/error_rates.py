"""How often such findings are wrong, as far as it was measured: on simulated logs, under the default settings.

The figures are those of `docs/calibration.md`, `docs/benchmark.md` and the README, which a test compares; the expected
number of false campaigns is computed for the log at hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from stillhunt import Config
from stillhunt.case import CampaignModel
from stillhunt.tools import formatting
from stillhunt.verdicts import HONEST_SEARCH, expected_false
from stillhunt_evidence.pages.page_texts import PAGE_TEXTS

_GROUPS = ("link", "resolve", "score")
_SEED = "seed"
_SHOWN = 12
_NAME_CHARS, _VALUE_CHARS = 60, 24
_LEAST_PLAIN, _MOST_PLAIN = 1e-4, 1e15
_UNKNOWN = object()
EXTRAPOLATED = "by extrapolation from 88 simulated logs"
"""What stands beside every rarity beyond what was seen in honest logs."""
_OTHER_CLAIM = (
    "Measured shares and rates of error are left out: they were measured for harvests, and this is a different claim."
)


@dataclass(frozen=True)
class ChangedSettings:
    """What a run's settings are beside the defaults."""

    sentence: str  # the settings that differ, each with its value and its default; empty where none does
    withheld: str = ""  # why the measured shares and rates of error are left out; empty where they hold
    # the same in words that fit beside a probability
    not_measured: str = (
        "not measured: how many groups with such a probability are campaigns under settings other than the defaults"
    )

    @property
    def rates_hold(self) -> bool:
        """Whether the measured shares and rates of error hold for the run."""
        return not self.withheld

    def of_claim(self, model: CampaignModel) -> ChangedSettings:
        """The same for one campaign: nothing was measured for claims of another kind than a harvest."""
        if model.harvests or model.verdict == "none":
            return self
        return ChangedSettings(self.sentence, _OTHER_CLAIM, "not measured for claims of this kind")


def changed_settings(run: Mapping[str, Any]) -> ChangedSettings:
    """What a run's settings are beside the defaults; those of the search, the score and the seed.

    The seed alone changes no rate of error, which is an average over seeds.
    """
    recorded = run.get("settings")
    if not isinstance(recorded, Mapping) or not recorded:
        return ChangedSettings(
            "The settings of this run were not recorded; whether they differ from the defaults is not known.",
            "Measured shares and rates of error are left out: they were measured under the default settings, and those "
            "of this run were not recorded.",
        )
    defaults, own = _flatten_search_settings(Config().model_dump(mode="json")), _flatten_search_settings(recorded)
    names = sorted(
        name for name in defaults.keys() | own.keys() if own.get(name, _UNKNOWN) != defaults.get(name, _UNKNOWN)
    )
    if not names:
        return ChangedSettings("")
    shown = [
        f"{formatting.shorten(name, _NAME_CHARS)} {_format_exact_value(own.get(name, _UNKNOWN))} "
        f"(default {_format_exact_value(defaults.get(name, _UNKNOWN))})"
        for name in names[:_SHOWN]
    ]
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    sentence = f"Settings that differ from the defaults: {'; '.join(shown)}{more}."
    if names == [_SEED]:
        return ChangedSettings(sentence)
    return ChangedSettings(
        sentence,
        "Measured shares and rates of error are left out: they were measured under the default settings and do not "
        "hold under these, which change what a stated probability and a verdict mean.",
    )


def _flatten_search_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
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


def _format_exact_value(value: Any) -> str:
    """A value with all digits that matter, safe to show."""
    if value is _UNKNOWN:
        return "not recorded"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return formatting.shorten(str(value), _VALUE_CHARS)
    if value and not _LEAST_PLAIN <= abs(value) < _MOST_PLAIN:
        return formatting.shorten(str(value), _VALUE_CHARS)
    return f"{value:,.15g}".replace("-", formatting.MINUS)


class StatedShare(NamedTuple):
    """One row of the calibration at the stated prior: stated probabilities, and how many groups were campaigns."""

    least: float
    most: float
    groups: int
    campaigns: int
    observed: float
    interval: tuple[float, float]


STATED_SHARES = tuple(StatedShare._make((*row[:5], tuple(row[5:]))) for row in PAGE_TEXTS["stated_shares"])
CALIBRATION_CANDIDATES: int = PAGE_TEXTS["calibration_candidates"]
CALIBRATION_WORLDS: int = PAGE_TEXTS["calibration_worlds"]
_OFTEN = 0.75
_LEAST_WHOLE = 0.01
_MOST_MONTHS = 100.0
"""Months between two honest groups beyond which nothing is said; 80 logs of 14 days are 37 months."""
HONEST_FLAGGED, HONEST_IN_ALL, HONEST_WORLDS, HONEST_REVIEWS = 0, 293_692, 100, 2
"""README: honest worlds of three generators."""
LADDER_FLAGGED, LADDER_ACCOUNTS = 2, 170_016
"""`docs/benchmark.md`: honest accounts of worlds with campaigns."""


class ErrorRate(NamedTuple):
    """One measured or computed rate of error, and where the figure comes from."""

    question: str
    answer: str
    source: str


def stated_share(probability: float) -> StatedShare:
    """The row of the calibration into which a stated probability falls."""
    return next((row for row in STATED_SHARES if row.least <= probability < row.most), STATED_SHARES[-1])


def evidence_bits(model: CampaignModel) -> float:
    """Bits of the evidence without the prior, as the false-alarm budget counts them."""
    return model.total.log2_odds - model.run.settings.prior_bits


def expected_honest_groups(bits: float, budget: Mapping[str, Any]) -> float | None:
    """Expected number of honest groups with as many bits or more in 30 days of hourly looks at this log.

    `bits`: of the campaign, prior excluded; below the level from which the null is known, that level. `budget`: the
    run's false-alarm budget: accounts and days of the log; empty where it was not recorded.
    """
    if "accounts" not in budget or "days" not in budget:
        return None
    return expected_false(max(bits, HONEST_SEARCH.level), int(budget["accounts"]), float(budget["days"]))


def calibration_sentence(probability: float) -> str:
    """How many groups with such a stated probability were campaigns, in a sentence."""
    row = stated_share(probability)
    low, high = (formatting.exact_percent(bound) for bound in row.interval)
    stated = f"{formatting.exact_percent(row.least)} to {formatting.exact_percent(row.most)}"
    return (
        f"Of simulated groups with a stated probability of {stated}, {formatting.percent(row.observed)} were campaigns "
        f"(95 % interval {low} to {high}), if campaigns are as rare as the method assumes."
    )


def measured_share(probability: float) -> str:
    """How many groups with such a probability were campaigns, in words that fit beside it."""
    row = stated_share(probability)
    low, high = (_format_rounded_share(bound) for bound in row.interval)
    found = f"{_format_rounded_share(row.observed)} % of groups with such a probability were campaigns"
    return f"in simulated worlds {found} ({low} to {high} %)"


def _format_rounded_share(share: float) -> str:
    return f"{share * 100:.0f}" if share >= _LEAST_WHOLE or share <= 0 else f"{share * 100:.2g}"


def false_groups_sentence(bits: float, budget: Mapping[str, Any]) -> str:
    """How many honest groups would look as strong in a month, in a sentence.

    `bits`: of the evidence, prior excluded.
    """
    expected = expected_honest_groups(bits, budget)
    if expected is None:
        return "The run did not record how large its log was, so no number of false alarms is computed."
    days = formatting.number(float(budget["days"]), 0)
    size = f"{formatting.plural(int(budget['accounts']), 'account')} and {days} days"
    looks = f"In a log of {size}, an honest group looks at least this strong"
    if bits < HONEST_SEARCH.level:
        return f"{looks} {how_often(expected)} or more often."
    if 1.0 / max(expected, 1e-9) > _MOST_MONTHS:
        return f"{looks} {how_often(expected)}, {EXTRAPOLATED}."
    return f"{looks} at most {how_often(expected)}, {EXTRAPOLATED}."


def how_often(expected: float) -> str:
    """An expected number in 30 days: `6 times in 30 days`, `once in 29 months`, `less than once in 100 months`."""
    if expected >= _OFTEN:
        return f"{formatting.plural(round(expected), 'time')} in 30 days of hourly looks"
    months = 1.0 / max(expected, 1e-9)
    if months > _MOST_MONTHS:
        return f"less than once in {_MOST_MONTHS:.0f} months of hourly looks"
    return f"once in {formatting.plural(_two_digits(months), 'month')} of hourly looks"


def _two_digits(number: float) -> int:
    """A number of 1 or more with two significant digits."""
    scale: int = 10 ** max(math.floor(math.log10(number)) - 1, 0)
    return round(number / scale) * scale


def error_rates(
    probability: float, bits: float, budget: Mapping[str, Any], changed: ChangedSettings
) -> tuple[ErrorRate, ...]:
    """All rates of error that a reader should know, each with its source; none where they do not hold.

    `bits`: of the evidence, prior excluded.
    """
    if not changed.rates_hold:
        return ()
    allowed = budget.get("false_campaigns_per_month")
    bar = ""
    if allowed is not None and "required_bits" in budget:
        bar = (
            f" The settings allow {formatting.number(float(allowed), 1)} false campaigns in 30 days, for which the "
            f"verdict act needs {formatting.number(float(budget['required_bits']), 1)} bits of evidence here; this "
            f"campaign has {formatting.number(bits, 1)}."
        )
    numbers = {
        "honest_groups": false_groups_sentence(bits, budget) + bar,
        "calibration": calibration_sentence(probability),
        "candidates": formatting.count(CALIBRATION_CANDIDATES),
        "worlds": CALIBRATION_WORLDS,
        "flagged": formatting.count(HONEST_FLAGGED),
        "honest": formatting.count(HONEST_IN_ALL),
        "honest_worlds": HONEST_WORLDS,
        "reviews": HONEST_REVIEWS,
        "ladder_flagged": formatting.count(LADDER_FLAGGED),
        "ladder": formatting.count(LADDER_ACCOUNTS),
    }
    return tuple(ErrorRate(*(text.format_map(numbers) for text in rate.values())) for rate in PAGE_TEXTS["rates"])
