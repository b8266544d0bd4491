"""What the contract tests read: the repository's files and their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "packages" / "stillhunt" / "src" / "stillhunt"


def python_files(*folders: str) -> list[Path]:
    """All Python files under folders of the repository, sorted; our own only."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name_in_package(path: Path) -> str:
    """The path of a source file below `packages/NAME/src`, such as `stillhunt/base/errors.py`."""
    return Path(*path.relative_to(ROOT / "packages").parts[2:]).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of one file."""
    return ast.parse(text_of(path), filename=str(path))


@cache
def text_of(path: Path) -> str:
    """The text of one file."""
    return path.read_text(encoding="utf-8")


@cache
def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of one file, nested ones too."""
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def files_with(words: Iterable[str], *folders: str) -> list[Path]:
    """Python files that hold one of these words: only these are read as syntax, which takes a hundred times as long."""
    wanted = tuple(words)
    return [path for path in python_files(*folders) if any(word in text_of(path) for word in wanted)]


def place(path: Path, node: ast.AST) -> str:
    """`file:line`, for messages."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
