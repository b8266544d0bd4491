"""The benchmark: stillhunt and its baselines on worlds with known truth, with one set of definitions."""

from stillhunt_lab.bench.report import write_report
from stillhunt_lab.bench.rows import GENERATORS, BenchSpec
from stillhunt_lab.bench.run import run_bench

__all__ = ["GENERATORS", "BenchSpec", "run_bench", "write_report"]
