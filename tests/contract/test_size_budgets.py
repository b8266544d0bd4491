"""Modules have at most 600 lines, over 400 only with a reason; functions under 60 lines and at most 8 parameters.

A file holds one subject, so that most have some 150 lines. A file that grows is split by subject, never by number: one
of 450 lines that is read from top to bottom is better than two that are read side by side.
"""

from __future__ import annotations

import ast

import pytest
from source_tree import functions_of, name_in_package, place, python_files

MOST_MODULE_LINES = 600
MODULE_LINES_WITHOUT_REASON = 400
MOST_FUNCTION_LINES = 59
MOST_PARAMETERS = 8

LONG_MODULES: dict[str, str] = {
    "stillhunt/extract/text/row_kernels.py": "one pass over the text of a row; its steps share their scratch arrays",
}
"""Module of more than 400 lines -> why it is one subject. An entry that is not needed any more fails, too."""

SOURCES = python_files("packages")


def is_command(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A command: its parameters are the options of the command line, which no object can hold for it."""
    return any(
        argument.annotation is not None and "typer." in ast.unparse(argument.annotation)
        for argument in function.args.args
    )


def parameter_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def line_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def fault_of(name: str, lines: int, reasons: dict[str, str]) -> str:
    """What is wrong with a module of so many lines; empty where nothing is.

    Args:
        name: path in the package.
        lines: its lines.
        reasons: reason by module, for those of more than 400 lines.
    """
    if lines > MOST_MODULE_LINES:
        return f"{name} has {lines} lines, more than {MOST_MODULE_LINES}: split it by subject"
    if lines > MODULE_LINES_WITHOUT_REASON and not reasons.get(name):
        return f"{name} has {lines} lines: split it by subject, or say in LONG_MODULES why it is one subject"
    if lines <= MODULE_LINES_WITHOUT_REASON and name in reasons:
        return f"{name} has {lines} lines: take it out of LONG_MODULES"
    return ""


def test_there_is_something_to_measure() -> None:
    assert len(SOURCES) > 20


def test_modules_are_short_enough() -> None:
    lines = {name_in_package(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert [fault for name, count in lines.items() if (fault := fault_of(name, count, LONG_MODULES))] == []


def test_functions_are_short_enough() -> None:
    functions = [(path, one) for path in SOURCES for one in functions_of(path) if not is_command(one)]
    too_long = [place(path, one) for path, one in functions if line_count(one) > MOST_FUNCTION_LINES]
    assert not too_long, f"functions of more than {MOST_FUNCTION_LINES} lines: {too_long}"
    too_many = [place(path, one) for path, one in functions if parameter_count(one) > MOST_PARAMETERS]
    assert not too_many, f"functions with more than {MOST_PARAMETERS} parameters: {too_many}"


def test_reasons_are_given_for_modules_that_exist() -> None:
    assert not set(LONG_MODULES) - {name_in_package(path) for path in SOURCES}


@pytest.mark.parametrize(
    ("lines", "reasons", "fault"),
    [
        (400, {}, ""),
        (401, {}, "say in LONG_MODULES"),
        (401, {"a.py": "one table"}, ""),
        (401, {"a.py": ""}, "say in LONG_MODULES"),
        (600, {"a.py": "one table"}, ""),
        (601, {"a.py": "one table"}, "more than 600"),
        (400, {"a.py": "one table"}, "take it out"),
    ],
)
def test_limits_of_a_module(lines: int, reasons: dict[str, str], fault: str) -> None:
    found = fault_of("a.py", lines, reasons)
    assert fault in found
    assert bool(found) == bool(fault)


def test_limits_of_a_function_can_be_broken() -> None:
    tree = ast.parse("def f(a, b, c, d, e, f, g, *, h):\n" + "    pass\n" * 60)
    function = tree.body[0]
    assert parameter_count(function) == 8
    assert line_count(function) == 61
