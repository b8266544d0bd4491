"""Modules below 400 lines, functions below 60, at most 7 parameters."""

from __future__ import annotations

import ast

import pytest
from source_tree import PACKAGE, functions_of, place, python_files

MODULE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 7

SOURCES = python_files("src")


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A Typer command: its parameters are the options of the command line, which no object can hold for it."""
    return any(
        isinstance(decorator, ast.Call)
        and isinstance(decorator.func, ast.Attribute)
        and decorator.func.attr in ("command", "callback")
        for decorator in function.decorator_list
    )


def parameter_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def line_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_there_is_something_to_measure() -> None:
    assert len(SOURCES) > 20


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_keeps_its_budgets(path: object) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines < MODULE_LINES, f"{path} has {lines} lines: split it by meaning"
    too_long = [place(path, f) for f in functions_of(path) if line_count(f) >= FUNCTION_LINES and not is_command(f)]
    assert not too_long, f"functions of {FUNCTION_LINES} lines or more: {too_long}"
    too_many = [place(path, f) for f in functions_of(path) if parameter_count(f) > PARAMETERS and not is_command(f)]
    assert not too_many, f"functions with more than {PARAMETERS} parameters: {too_many}"


def test_budgets_can_be_broken() -> None:
    tree = ast.parse("def f(a, b, c, d, e, f, g, *, h):\n" + "    pass\n" * 60)
    function = tree.body[0]
    assert parameter_count(function) == 8
    assert line_count(function) == 61
