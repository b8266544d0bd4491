"""Modules that offer names of other modules, and load each when it is used.

Such a module imports the names for the type checker alone, and this reads them from its source: each stands there once.
The method is that of `attach_stub` in lazy_loader (Scientific Python, SPEC 1).
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def offer_names(file: str, module: str) -> tuple[list[str], Callable[[str], Any]]:
    """The `__all__` and the `__getattr__` of a module that offers names of this project's other modules.

    Args:
        file: its `__file__`.
        module: its `__name__`.

    Returns:
        All that it imports from public modules of the project, and its own public functions; and what loads a name.
    """
    homes: dict[str, tuple[str, str]] = {}
    own = []
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stillhunt"):
            names = (name for name in node.names if "._" not in str(node.module) or name.name.startswith("__"))
            homes |= {name.asname or name.name: (str(node.module), name.name) for name in names}
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            own.append(node.name)

    def load_name(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        home, original = homes[name]
        found = import_module(home)
        return getattr(found, original) if hasattr(found, original) else import_module(f"{home}.{original}")

    return sorted([*homes, *own]), load_name
