"""Conventions of the code: reasons beside suppressions, tests that do not sleep, errors that say what to do next."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from source_tree import files_with, functions_of, place, python_files, text_of, tree_of

SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover)")
REASONED = re.compile(SUPPRESSION.pattern + r"(?::\s*[A-Z0-9, ]+|\[[a-z, -]+\])?\s+[#-]+\s*\w.*\w")
USER_ERRORS = ("InputError", "ConfigError", "OutputError", "CaseError")
SLEEPERS = ("sleep", "wait_for_timeout")

HERE = Path(__file__).resolve()
OURS = python_files("packages", "tests", "benchmarks", "docs")


def suppressions_without_reason(text: str) -> list[str]:
    """Lines that silence a checker and do not say, after the rule's name and a `#` or `-`, why."""
    lines = [line.strip() for line in text.splitlines() if SUPPRESSION.search(line)]
    return [line for line in lines if not REASONED.search(line)]


def test_suppressions_have_reasons() -> None:
    found = {path: suppressions_without_reason(text_of(path)) for path in OURS}
    assert {str(path): lines for path, lines in found.items() if lines and path != HERE} == {}


def test_suppression_without_reason_is_caught() -> None:
    assert suppressions_without_reason("x = 1  # noqa: E501") == ["x = 1  # noqa: E501"]
    assert suppressions_without_reason("x = 1  # type: ignore[arg-type]")
    assert not suppressions_without_reason("x = 1  # noqa: E501 - a table is easier to read in one line")
    assert not suppressions_without_reason("x = 1  # type: ignore[arg-type]  # sized by contract")
    assert not suppressions_without_reason("x = 1  # noqa: E501  # the table is easier to read in one line")


def raised_user_errors(path: Path) -> list[ast.Call]:
    """Every call in a file that builds a user error."""
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in USER_ERRORS]


def test_user_errors_say_what_to_do_next() -> None:
    """A user error without `next_step` does not help the reader."""
    silent = [
        place(path, call)
        for path in files_with(USER_ERRORS, "packages")
        for call in raised_user_errors(path)
        if not any(keyword.arg in ("next_step", None) for keyword in call.keywords)
    ]
    assert not silent, f"add next_step= to {silent}"


FLAG = re.compile(r"(?<![\w-])--[a-z]")
FLAGS_BELONG = ("command_step", "notes")
"""Arguments and names whose texts are for users of the command line: steps of errors, and what `inspect` says."""


def flags_in_texts(tree: ast.AST) -> list[ast.Constant]:
    """Texts with an option of the command line, without docstrings and those that only the command line shows."""
    kept: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):  # a docstring, or a note on a constant
            kept.add(node.value)
        elif isinstance(node, ast.keyword) and node.arg in FLAGS_BELONG:
            kept.update(ast.walk(node.value))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in FLAGS_BELONG:
                    kept.update(ast.walk(value))
        elif isinstance(node, ast.FunctionDef) and node.name in ("_as_flags", "_format_bench_commands"):
            kept.update(ast.walk(node))
    texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [node for node in texts if node not in kept and FLAG.search(node.value)]


def test_the_library_speaks_of_no_option_of_the_command_line() -> None:
    """Who calls `stillhunt.hunt` has arguments and settings; options stand in `command_step`, for the command line."""
    found = [
        f"{place(path, node)}: {node.value!r:.80}"
        for path in files_with(("--",), "packages")
        if FLAG.search(text_of(path)) and not {"cli", "commands"} & set(path.parts)
        for node in flags_in_texts(tree_of(path))
    ]
    assert not found, "say it in words of the library, and give the option in command_step=:\n" + "\n".join(found)


def test_an_option_in_an_error_of_the_library_is_caught() -> None:
    assert flags_in_texts(ast.parse('raise InputError("x", next_step="use --map a=b")'))
    assert flags_in_texts(ast.parse('raise InputError("x", next_step=f"use --map {a}=b")'))
    assert not flags_in_texts(ast.parse('raise InputError("x", next_step="map it", command_step="use --map a=b")'))


def test_there_are_user_errors_to_check() -> None:
    assert sum(len(raised_user_errors(path)) for path in files_with(USER_ERRORS, "packages")) >= 8


def test_no_test_sleeps() -> None:
    sleepers = [
        place(path, call)
        for path in files_with(SLEEPERS, "tests")
        for call in ast.walk(tree_of(path))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) in SLEEPERS
    ]
    assert not sleepers, f"wait for a condition instead: {sleepers}"


def test_public_functions_have_docstrings() -> None:
    without = [
        place(path, function)
        for path in python_files("packages")
        for function in functions_of(path)
        if not function.name.startswith("_") and not ast.get_docstring(function) and not is_private(path, function)
    ]
    assert not without, f"no docstring: {without}"


def is_private(path: Path, function: ast.AST) -> bool:
    """True for a function inside another function, and for a method of a private class."""
    classes = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef) and node.name.startswith("_")]
    return any(function in ast.walk(outer) for outer in (*functions_of(path), *classes) if outer is not function)


def test_function_level_imports_say_why() -> None:
    """An import inside a function hides a dependency, so its line needs a comment with the reason."""
    silent = [
        place(path, node)
        for path in python_files("packages")
        for function in functions_of(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and "#" not in line_of(path, node)
    ]
    assert not silent, f"say why the import is not at the top: {silent}"


def line_of(path: Path, node: ast.stmt) -> str:
    return text_of(path).splitlines()[node.lineno - 1]


def test_nothing_prints_from_the_library() -> None:
    """Only the command line talks to the terminal."""
    talkers = [
        place(path, node)
        for path in files_with(("print",), "packages")
        if not {"cli", "commands"} & set(path.parts)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not talkers


def test_generated_examples_are_the_same_every_time() -> None:
    """Hypothesis draws new examples in every run by default; a failure must be one that others can repeat."""
    texts = {path: text_of(path) for path in python_files("tests") if path != HERE}
    drawn = {path: text for path, text in texts.items() if "from hypothesis import" in text and "@given" in text}
    new = [str(path) for path, text in drawn.items() if "derandomize=True" not in text and "@seed(" not in text]
    assert len(drawn) > 20
    assert not new, f"add derandomize=True: {new}"
