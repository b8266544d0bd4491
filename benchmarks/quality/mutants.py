"""How many small faults in resolve and in the score the fast tests notice: mutation testing.

Each mutant is one module with one expression changed: a comparison, an operator, a number, `and` for `or`, `min` for
`max`, a missing `not`, a lost result or statement. It is killed where the tests of its module fail. Parameter tables
and the texts of declarations are left alone: their numbers are judged by the sensitivity benchmark, not by tests.

    python benchmarks/quality/mutants.py                    # all mutants of all modules
    python benchmarks/quality/mutants.py resolve/           # of one room
    python benchmarks/quality/mutants.py caps --sample 20   # of one module, 20 drawn at random

Every mutant runs in a fork of one process that has imported the libraries and compiled the kernels, so that it costs
what its tests cost and no more. Needs fork (Linux).
"""

from __future__ import annotations

import argparse
import ast
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import pytest

from stillhunt.base import parameters

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "packages/stillhunt/src/stillhunt"
TESTS = ROOT / "tests"
OF_ALL_KINDS = ("test_catalogue.py", "kinds/test_all_kinds.py")
SCORE_TESTS = {
    "verdict/caps.py": ("test_caps.py",),
    "verdict/verdict.py": ("test_verdict.py", "test_untemplated_verdict.py"),
    "verdict/budget.py": ("test_budget.py",),
    "verdict/explanations.py": ("test_explanations.py",),
    "verdict/members.py": ("test_members.py",),
    "verdict/rules.py": (
        "test_verdict.py",
        "test_explanations.py",
        "test_flagged_members.py",
        "test_linked_accounts.py",
    ),
    "evidence/finding.py": ("test_gather.py", "test_verdict.py", "kinds/test_topic_mixture.py"),
    "evidence/gather.py": ("test_gather.py",),
    "evidence/kind.py": ("test_catalogue.py",),
    "evidence/catalogue.py": ("test_catalogue.py",),
    "evidence/held_out.py": ("kinds/test_topic_mixture.py", "kinds/test_common_times.py"),
}
SECOND_KINDS = {
    "common_days": "common_times",
    "no_repeats": "follow_ups",
    "ordinary_use": "asked_conduct",
    "phrase_mixture": "topic_mixture",
    "plan_use": "model_and_answers",
    "shared_customer_keys": "shared_addresses",
}
"""Module with several kinds -> what the test file of the others is called after."""
SCORE_TESTS |= {
    f"evidence/kinds/{path.name}": (
        f"kinds/test_{path.name}",
        *([f"kinds/test_{SECOND_KINDS[path.stem]}.py"] if path.stem in SECOND_KINDS else []),
        *OF_ALL_KINDS,
    )
    for path in sorted((PACKAGE / "score/evidence/kinds").glob("[a-z]*.py"))
}
RESOLVE_TESTS = ("resolve/test_resolve_boundaries.py", "resolve/test_resolve_candidates.py")
TESTS_OF = {
    "resolve/__init__.py": RESOLVE_TESTS,
    "resolve/candidates.py": RESOLVE_TESTS,
    **{f"score/{name}": tuple(f"score/{test}" for test in tests) for name, tests in SCORE_TESTS.items()},
}
"""Module -> the files that test it; resolve's table of parameters is left out, since it only declares."""
DECLARED = {"read_parameters", "declared_kind", "Null", "Column", "judgement", "measured", "derived", "dataclass"}
"""Calls whose arguments are declarations."""
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.RShift: ast.LShift,
    ast.LShift: ast.RShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum"}

RELOADED = (
    "stillhunt.resolve",
    "stillhunt.score.evidence",
    "stillhunt.score.verdict",
    "stillhunt.score.output",
    "row_logs",
    "stories",
    "test_",
)
"""Modules that a fork imports anew, since they hold what a mutated module defines; the rest is kept."""
SLOW = (
    "average",
    "luck",
    "bursts_of_their_own",
    "rhythm",
    "public_set_is_no_failover",
    "honest_groups",
    "unrelated_starts",
    "move_as",
    "framework",
)
"""Words in the names of tests that judge many drawn logs: their definitions are held by faster tests."""

Change = tuple[str, Callable[[], None]]


def changes_of(tree: ast.AST) -> Iterator[tuple[int, Change]]:
    """(line, change) of each possible fault of a parsed module, in a fixed order."""
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            for place, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
                if isinstance(node, ast.AST) and not getattr(parent, "declared", False):
                    yield from _changes(parent, name, place, node)
                elif isinstance(node, ast.AST):
                    node.declared = True  # type: ignore[attr-defined]  # a mark for the walk below it


def _changes(parent: ast.AST, name: str, place: int | None, node: ast.AST) -> Iterator[tuple[int, Change]]:
    line = getattr(node, "lineno", getattr(parent, "lineno", 0))

    def put(new: ast.AST) -> Callable[[], None]:
        def change() -> None:
            if place is None:
                setattr(parent, name, new)
            else:
                getattr(parent, name)[place] = new

        return change

    if _is_declaration(node):
        node.declared = True  # type: ignore[attr-defined]  # a mark for the walk below it
        return
    if getattr(getattr(parent, "func", None), "id", "") == "_kind" and isinstance(node, ast.Constant):
        return  # the place of a kind in tables
    if name in ("annotation", "returns", "decorator_list") or (
        isinstance(parent, ast.keyword) and parent.arg in ("order", "strict")
    ):
        node.declared = True  # type: ignore[attr-defined]  # a mark for the walk below it
        return
    if type(node) in SWAPS and not (isinstance(node, ast.Or) and name == "annotation"):
        new = SWAPS[type(node)]
        yield line, (f"{type(node).__name__} -> {new.__name__}", put(new()))
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield line, (f"{node.value} -> {not node.value}", put(ast.Constant(not node.value)))
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        changed = node.value + 1 if isinstance(node.value, int) else node.value * 2.0 or 1.0
        yield line, (f"{node.value} -> {changed}", put(ast.Constant(changed)))
    if isinstance(node, ast.UnaryOp):
        yield line, (f"{type(node.op).__name__} dropped", put(node.operand))
    if isinstance(node, ast.Name) and node.id in NAMES and isinstance(parent, ast.Call):
        yield line, (f"{node.id} -> {NAMES[node.id]}", put(ast.Name(NAMES[node.id], ast.Load())))
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        yield line, (f"{node.attr} -> {NAMES[node.attr]}", put(ast.Attribute(node.value, NAMES[node.attr], node.ctx)))
    if isinstance(node, ast.Return) and node.value is not None and ast.unparse(node.value) != "None":
        yield line, ("return None", put(ast.Return(ast.Constant(None))))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield line, ("statement dropped", put(ast.Pass()))


def _is_declaration(node: ast.AST) -> bool:
    if isinstance(node, ast.ClassDef):
        return [ast.unparse(base) for base in node.bases] == ["NamedTuple"]
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") in DECLARED


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):
    """Imports one module from a changed tree."""

    def __init__(self, module: str, path: Path, tree: ast.AST) -> None:
        self.module, self.path, self.source = module, str(path), ast.unparse(tree).encode()

    def find_spec(self, name: str, _path: object, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_filename(self, _name: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        return self.source if path == self.path else Path(path).read_bytes()

    def path_stats(self, _path: str) -> dict[str, float]:
        raise OSError  # no cached byte code


def run_tests(tests: list[str], mutated: _Mutated | None, limit: float) -> str:
    """killed, survived or timeout: what the tests say in a fork of this process."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        signal.alarm(int(limit) + 1)
        for name in [name for name in sys.modules if name == "stillhunt.score" or name.startswith(RELOADED)]:
            del sys.modules[name]
        tables = parameters._TABLES
        for name in [name for name, table in tables.items() if table.kind.__module__.startswith(RELOADED)]:
            del tables[name]
        if mutated is not None:
            sys.meta_path.insert(0, mutated)
        os._exit(int(_pytest(tests)))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) == signal.SIGALRM else "killed"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def _pytest(tests: list[str]) -> int:
    fast = " and ".join(f"not {word}" for word in SLOW)
    return int(pytest.main(["-x", "-q", "-k", fast, "-p", "no:cacheprovider", *tests]))


def judge_module(name: str, sample: int | None, seed: int) -> tuple[int, list[str]]:
    """Mutants of a module, and those that survive."""
    path, tests = PACKAGE / name, [str(TESTS / test) for test in TESTS_OF[name]]
    source = path.read_text()
    module = ".".join(["stillhunt", *Path(name).with_suffix("").parts]).removesuffix(".__init__")
    begun = time.perf_counter()
    if run_tests(tests, None, 600.0) != "survived":
        raise SystemExit(f"the tests of {name} fail without any mutant")
    limit = 10.0 + 5.0 * (time.perf_counter() - begun)
    numbers = list(range(sum(1 for _ in changes_of(ast.parse(source)))))
    if sample is not None and sample < len(numbers):
        numbers = sorted(random.Random(f"{seed} {name}").sample(numbers, sample))  # noqa: S311 - no secret depends on it
    survivors = []
    for number in numbers:
        tree = ast.parse(source)
        line, (what, change) = next(one for place, one in enumerate(changes_of(tree)) if place == number)
        change()
        if run_tests(tests, _Mutated(module, path, ast.fix_missing_locations(tree)), limit) == "survived":
            survivors.append(f"{name}:{line}: {what}: {source.splitlines()[line - 1].strip()}")
    return len(numbers), survivors


def main() -> None:
    """Judge the chosen modules and print the killed share and the survivors of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help="parts of the modules' names; all when none")
    parser.add_argument("--sample", type=int, help="mutants of each module, drawn at random; all when not given")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    chosen = [name for name in TESTS_OF if not args.only or any(part in name for part in args.only)]
    # Compiles the kernels and imports the libraries once, for all forks.
    _pytest([str(TESTS / test) for test in dict.fromkeys(t for name in chosen for t in TESTS_OF[name])])
    mutants = alive = 0
    for name in chosen:
        count, survivors = judge_module(name, args.sample, args.seed)
        mutants, alive = mutants + count, alive + len(survivors)
        print(f"{name}: {count - len(survivors)} of {count} killed", flush=True)
        for line in survivors:
            print(f"    {line}", flush=True)
    print(f"in all {mutants - alive} of {mutants} mutants killed: {100 * (mutants - alive) / max(mutants, 1):.1f} %")


if __name__ == "__main__":
    main()
