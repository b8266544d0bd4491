"""The benchmark: stillhunt and its peers on worlds with known truth, by one set of definitions."""

from stillhunt.lab.bench.plan import GENERATORS, Plan
from stillhunt.lab.bench.report import write_report
from stillhunt.lab.bench.run import run_bench

__all__ = ["GENERATORS", "Plan", "run_bench", "write_report"]
