"""What the contract tests read: the repository's files and their syntax trees."""

from __future__ import annotations

import ast
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
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions_of(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods of one file, nested ones too."""
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def place(path: Path, node: ast.AST) -> str:
    """`file:line`, for messages."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"
