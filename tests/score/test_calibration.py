"""The measures of calibration against cases where the answer is known."""

from __future__ import annotations

import ast
import json
import re
import sys
from xml.parsers import expat

import numpy as np
import pytest

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/benchmarks/quality")

import calibration
import pyarrow as pa
import reliability
from candidates import candidate_schema

EDGES = calibration.EDGES


def drawn(cases: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits whose ratio of likelihoods is what they say: Gaussian with one spread, means a bit's worth apart."""
    rng = np.random.default_rng(seed)
    true = rng.random(cases) < 0.5
    mean, spread = 3.0, np.sqrt(2.0 * 3.0 / np.log(2.0))
    return rng.normal(np.where(true, mean, -mean), spread), true


def test_weights_have_the_base_rate_of_the_prior() -> None:
    true = np.array([True, False, False, False])
    weight = reliability.weights_at(-2.0, true)
    assert weight.sum() == pytest.approx(1.0)
    assert weight[true].sum() == pytest.approx(0.2)


@pytest.mark.parametrize("prior", [0.0, -3.0, -11.0])
def test_true_likelihood_ratios_are_calibrated_at_any_prior(prior: float) -> None:
    bits, true = drawn(200_000, seed=1)
    probability = 1.0 / (1.0 + np.exp2(-(bits + prior)))
    weight = reliability.weights_at(prior, true)
    assert reliability.calibration_error(probability, true, weight, EDGES) < 0.006
    for one in reliability.reliability(probability, true, weight, EDGES):
        # Few cases with great weights stand in the upper bins of a low prior: there the interval decides.
        assert one.observed_low - 0.02 <= one.stated <= one.observed_high + 0.02
        assert one.observed_low <= one.observed <= one.observed_high
    offset, slope = reliability.fitted_line(bits, true)
    assert (offset, slope) == (pytest.approx(0.0, abs=0.05), pytest.approx(1.0, abs=0.03))


def test_bits_that_boast_are_seen() -> None:
    """Twice the bits and three more: the error is large, and the line says by how much."""
    bits, true = drawn(100_000, seed=2)
    boast = 2.0 * bits + 3.0
    probability = 1.0 / (1.0 + np.exp2(-boast))
    assert reliability.calibration_error(probability, true, reliability.weights_at(0.0, true), EDGES) > 0.05
    offset, slope = reliability.fitted_line(boast, true)
    assert (offset, slope) == (pytest.approx(-1.5, abs=0.1), pytest.approx(0.5, abs=0.02))


def test_error_and_brier_by_hand() -> None:
    probability, true = np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, True, True, True])
    weight = np.ones(4)
    assert reliability.calibration_error(probability, true, weight, (0.0, 0.5, 1.0)) == pytest.approx((0.8 + 0.2) / 4)
    assert reliability.brier(probability, true, weight) == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    low, high = reliability.reliability(probability, true, weight, (0.0, 0.5, 1.0))
    assert (low.count, low.true, low.observed) == (2, 1, 0.5)
    assert (high.count, high.true, high.observed, high.observed_high) == (2, 2, 1.0, 1.0)


def test_measured_bits_by_hand() -> None:
    bits = np.array([0.5] * 7 + [2.5] * 3)
    true = np.array([False] * 6 + [True] + [True] * 3)
    rows = reliability.measured_bits(bits, true, (0, 2, 4))
    assert [row[:4] for row in rows] == [(0, 2, 6, 1), (2, 4, 0, 3)]
    assert rows[0][4] == pytest.approx(np.log2((1.5 / 4.5) / (6.5 / 6.5)))
    assert rows[1][4] == pytest.approx(np.log2((3.5 / 4.5) / (0.5 / 6.5)))


def test_correlations_are_numpys_and_intervals_hold_them() -> None:
    rng = np.random.default_rng(3)
    columns = rng.normal(size=(600, 4))
    columns[:, 1] += 0.5 * columns[:, 0]
    columns[:, 3] = 0.0
    world = rng.integers(0, 20, 600)
    value, low, high = reliability.correlations(columns, world, 20)
    assert value[:3, :3] == pytest.approx(np.corrcoef(columns[:, :3].T))
    assert (value[3] == 0.0).all(), "a family that never speaks correlates with none"
    assert low[0, 1] < 0.45 < high[0, 1]
    assert low[0, 2] < 0.0 < high[0, 2]


def test_the_page_is_written_from_rows_alone() -> None:
    """Two worlds' rows as a hunt would leave them; every section has its figures, and the plot is well formed."""
    rng = np.random.default_rng(4)
    names = candidate_schema().names
    rows = []
    for number in range(80):
        true = number % 8 == 0
        row = dict.fromkeys(names, 0.0) | {"world": f"w{number % 2}", "rung": 3 * int(true), "seed": 1}
        row |= {"generator": ("first", "second")[number // 8 % 2], "persona": "class"}
        row |= {
            "accounts": 2_000,
            "days": 14,
            "requests": 9,
            "verdict": "none",
            "size": 6,
            "open": False,
            "true": true,
            "operation_kind": "",
        }
        row |= {"content": rng.normal(2.0), "queue": rng.normal(1.0 + 12 * true)}
        kinds = [("content", "phrase_mixture", row["content"], False), ("queue", "topic_mixture", row["queue"], False)]
        rows.append(row | {"bits": row["content"] + row["queue"], "kinds": json.dumps(kinds)})
    candidates = pa.Table.from_pylist(rows, candidate_schema())
    accounts = pa.table({"world": ["w0"] * 4, "score": [0.0, 0.2, 0.995, 1.0], "harvests": [False, False, True, True]})
    text, picture = calibration.page(candidates, accounts, "a command")
    assert "80 candidates of 2 worlds" in text
    assert "10 of them true campaigns" in text
    assert "Rungs: first generator 3; second generator 3." in text
    assert text.count("| none: settings in force, ") == 2
    assert "4 accounts, 2 of them harvest" in text
    assert text.count("| 0.99 - 1 |") >= 2
    parser = expat.ParserCreate()
    parser.Parse(picture, True)
    assert picture.count("<circle") >= 6


def test_the_sentence_on_a_fitted_line_follows_from_its_numbers() -> None:
    assert calibration.line_sentence(1.9, 0.36) == (
        "Ten stated bits are worth +5.5, and ten against -1.7: one stated bit multiplies the odds by 1.28, less than "
        "the two that the word promises."
    )
    assert ", more than the two" in calibration.line_sentence(-1.0, 1.2)
    assert calibration.line_sentence(0.0, 1.0).endswith("one stated bit doubles the odds.")


def test_the_page_says_of_its_line_what_the_script_would_say() -> None:
    text = (calibration.DOCS / "calibration.md").read_text("utf-8")
    (line,) = re.findall(r"measured bits = ([+-][\d.]+) ([+-][\d.]+) x stated bits", text)
    assert calibration.line_sentence(*map(float, line)) in text


def test_no_fixed_sentence_says_which_way_a_generated_figure_goes() -> None:
    """Such words are chosen by the figure: a fixed one stays when the figure changes its sign."""
    told = re.compile(
        r"the (negative|positive) |makes up for|claim most|(under|over)state|(is|are) (higher|lower|better|worse) than",
        re.I,
    )
    folder = calibration.DOCS.parent / "benchmarks"
    scripts = [path for path in sorted(folder.rglob("*.py")) if '"--write"' in path.read_text("utf-8")]
    assert len(scripts) > 8
    found = []
    for path in scripts:
        tree = ast.parse(path.read_text("utf-8"))
        plain = {id(one.value) for one in ast.walk(tree) if isinstance(one, ast.Expr)}  # docstrings
        for one in ast.walk(tree):
            if isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in plain:
                found += [f"{path.name}:{one.lineno}: {hit[0]}" for hit in told.finditer(one.value)]
    assert not found
