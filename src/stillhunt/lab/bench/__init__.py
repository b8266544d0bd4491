"""The benchmark: stillhunt and its baselines on worlds with known truth, by one set of definitions."""

from stillhunt.lab.bench.report import write_report
from stillhunt.lab.bench.run import run_bench
from stillhunt.lab.bench.spec import GENERATORS, BenchSpec

__all__ = ["GENERATORS", "BenchSpec", "run_bench", "write_report"]
