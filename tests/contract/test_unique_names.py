"""A public class or constant has one meaning: its name is defined in one module."""

from __future__ import annotations

import ast
from collections import defaultdict

from source_tree import name_in_package, python_files, tree_of

EVERY_KIND_HAS_ONE = {"KIND", "KINDS", "P"}
"""What a module of an evidence kind declares: its kinds, and the values of its parameter table."""
EVERY_FORMAT_HAS_ONE = {"SOURCES"}
"""What a module of a log format declares, and the list of all."""
BOTH_GENERATORS_HAVE_ONE = {"CHANNELS", "MODELS", "People", "RUNGS", "Rung", "SANCTIONED", "Scene"}
"""The second generator of worlds shares no code with the first, and the same things have the same names in both."""
SHARED_NAMES = EVERY_KIND_HAS_ONE | EVERY_FORMAT_HAS_ONE | {"T"}


def _defined(module: ast.Module) -> set[str]:
    names = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    for node in module.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        for target in targets:
            elements = target.elts if isinstance(target, ast.Tuple) else [target]
            names |= {element.id for element in elements if isinstance(element, ast.Name) and element.id.isupper()}
    return {name for name in names if not name.startswith("_")}


def repeated_names(modules: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Names that are defined in several modules, with the modules, without those that may be."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in modules.items():
        for name in _defined(module):
            if name in BOTH_GENERATORS_HAVE_ONE and path.startswith(
                ("stillhunt_lab/worlds/", "stillhunt_lab/second_worlds/")
            ):
                path_of_name = "lab"
            else:
                path_of_name = path
            if name not in SHARED_NAMES and path_of_name not in places[name]:
                places[name].append(path_of_name)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def test_public_name_is_defined_once() -> None:
    modules = {name_in_package(path): tree_of(path) for path in python_files("packages")}
    assert not repeated_names(modules), "give each of them a name of its own, or share the one definition"


def test_a_second_definition_is_caught() -> None:
    modules = {
        "a.py": ast.parse("LIMIT, OTHER = 3, 4\nclass Log: ..."),
        "b.py": ast.parse("LIMIT: int = 5\n_OWN = 1\nclass Log: ..."),
        "c.py": ast.parse("_OWN = 2\nKIND = 1"),
        "d.py": ast.parse("KIND = 2"),
    }
    assert repeated_names(modules) == {"LIMIT": ["a.py", "b.py"], "Log": ["a.py", "b.py"]}
