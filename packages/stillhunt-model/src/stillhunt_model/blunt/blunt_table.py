"""The table of the experiment: gains, cuts with their intervals, and what an honest user loses."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.tools import formatting

AIM_CUT, AIM_LOSS = 0.5, 0.005
"""A measure is good enough from this cut of an adaptive student's gain on, at most at this loss for honest use."""
LEAST_GAIN = 0.05
"""Gain without any measure below which there is nothing to cut, and no cut is said."""
RESAMPLES = 2_000
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BluntResult:
    """One line of the table."""

    task: str
    condition: str
    seeds: int
    # passive, adaptive: gain of the students, in shares of right answers
    passive: float
    adaptive: float
    # adaptive_low, adaptive_high: 95 % interval of the latter
    adaptive_low: float
    adaptive_high: float
    cut: float | None  # 1 - the adaptive gain / the adaptive gain without any measure; None where that is too small
    # cut_low, cut_high: its 95 % interval
    cut_low: float | None
    cut_high: float | None
    way: str
    results_lost: float
    steps_lost: float
    flagged_results_lost: float
    flagged_steps_lost: float

    @property
    def reaches_aim(self) -> bool:
        """Whether both aims are reached."""
        return self.cut is not None and self.cut >= AIM_CUT and max(self.results_lost, self.steps_lost) <= AIM_LOSS

    def as_dict(self) -> dict[str, Any]:
        """The line as JSON holds it."""
        return {**asdict(self), "reaches_aim": self.reaches_aim}


def blunt_results(rows: Sequence[Mapping[str, Any]]) -> list[BluntResult]:
    """The lines of the table, from the rows of one set of budgets.

    `rows`: from `run_blunt_cells`; seeds without a row of the condition `none` are left out.
    """
    found: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["task"], row["condition"]), {})[row["seed"]] = row
    return [
        _build_blunt_result(task, condition, seeds, found[task, "none"])
        for (task, condition), seeds in found.items()
        if (task, "none") in found and set(seeds) & set(found[task, "none"])
    ]


def blunt_cells(results: Sequence[BluntResult]) -> list[tuple[str, ...]]:
    """The table as text, its headings first."""
    headings = (
        "task", "measure", "passive gain", "adaptive gain", "95 %", "cut", "95 %", "honest loss", "if flagged wrongly",
        "aim", "what the adaptive student did",
    )  # fmt: skip
    return [headings, *map(_format_result_cells, results)]


def _build_blunt_result(task: str, condition: str, rows: Mapping[int, Mapping[str, Any]], none: Any) -> BluntResult:
    seeds = sorted(set(rows) & set(none))
    gains = np.array([_compute_answer_gains(rows[seed], "adaptive") for seed in seeds])
    free = np.array([_compute_answer_gains(none[seed], "adaptive") for seed in seeds])
    drawn, drawn_free = _resampled_means(gains, free)
    low, high = _compute_percentile_interval(drawn)
    cut = cut_low = cut_high = None
    if free.mean() >= LEAST_GAIN and condition != "none":
        cut = float(1 - gains.mean() / free.mean())
        cut_low, cut_high = _compute_percentile_interval(1 - drawn / np.maximum(drawn_free, LEAST_GAIN))
    ways = [str(rows[seed]["way"]) for seed in seeds]
    honest = rows[seeds[0]]["honest"]
    return BluntResult(
        task=task,
        condition=condition,
        seeds=len(seeds),
        passive=float(np.mean([_compute_answer_gains(rows[seed], "passive").mean() for seed in seeds])),
        adaptive=float(gains.mean()),
        adaptive_low=low,
        adaptive_high=high,
        cut=cut,
        cut_low=cut_low,
        cut_high=cut_high,
        way=", ".join(f"{way} ({ways.count(way)} of {len(ways)})" for way in dict.fromkeys(ways)),
        **{name: float(honest[name]) for name in honest},
    )


def _compute_answer_gains(row: Mapping[str, Any], student: str) -> Floats:
    """For each question 1 where the harvest made the answer right, -1 where wrong."""
    right, without = (np.array([int(one) for one in row[name]], dtype=float) for name in (student, "without"))
    gain: Floats = right - without
    return gain


def _resampled_means(gains: Floats, free: Floats) -> tuple[Floats, Floats]:
    """Means over seeds and questions that are drawn again, the same for both."""
    source = np.random.default_rng(0)
    seeds, questions = gains.shape
    means = []
    for _ in range(RESAMPLES):
        which: Ints = source.integers(seeds, size=(seeds, 1))
        drawn = which, source.integers(questions, size=(seeds, questions))
        means.append((gains[drawn].mean(), free[drawn].mean()))
    both = np.array(means)
    return both[:, 0], both[:, 1]


def _compute_percentile_interval(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def _format_result_cells(one: BluntResult) -> tuple[str, ...]:
    cut = "" if one.cut is None else _format_share_percent(one.cut)
    between = (
        ""
        if one.cut_low is None or one.cut_high is None
        else f"{_format_share_percent(one.cut_low)} to {_format_share_percent(one.cut_high)}"
    )
    lost = f"results {formatting.percent(one.flagged_results_lost)}, steps {formatting.percent(one.flagged_steps_lost)}"
    aim = "" if one.cut is None else "reached" if one.reaches_aim else "not reached"
    return (
        one.task,
        one.condition,
        _format_share_percent(one.passive),
        _format_share_percent(one.adaptive),
        f"{_format_share_percent(one.adaptive_low)} to {_format_share_percent(one.adaptive_high)}",
        cut,
        between,
        formatting.percent(max(one.results_lost, one.steps_lost)),
        lost,
        aim,
        one.way,
    )


def _format_share_percent(share: float) -> str:
    return f"{formatting.number(100 * share, 1)} %"
