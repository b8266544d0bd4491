"""Write `docs/python.md`: the public names with their docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

import stillhunt

SECTION = re.compile(r"^(Args|Attributes|Returns|Raises):$", re.MULTILINE)
CONFIG = (
    'Settings by their sections: `Config(engine="spark")`, `Config(score={"prior_bits": -12.0})`. '
    "[Settings](settings.md) lists them all. `Config.load()` also reads the settings file and the environment."
)
INTRODUCTION = """\
`hunt` reads files, and also Arrow tables, DuckDB
relations, and Polars and pandas data frames. The names on this page are the public ones; everything else may change
until 1.0.

```python
import stillhunt

case = stillhunt.hunt("logs/", "accounts.parquet")
print(case.campaigns)  # verdict act or review; case.left_alone has the other groups
print(case.explain("ACCOUNT_OR_CAMPAIGN_ID").text())
case.write("case")
```

[Read the case in Python and SQL](howto/read-the-case.md) shows what to do with the tables.
"""


def python_page() -> list[str]:
    """Lines of the page, without its head."""
    errors = [name for name in stillhunt.__all__ if name.endswith("Error")]
    lines = [INTRODUCTION, *_function("hunt", stillhunt.hunt), *_case()]
    lines += ["## Config\n", f"{CONFIG}\n", "## Errors\n"]
    lines += ["All are kinds of `StillhuntError`. The text says what went wrong, where, and what to do next.\n"]
    lines += ["| error | raised when |", "|---|---|"]
    lines += [f"| `{name}` | {_first(getattr(stillhunt, name))} |" for name in errors]
    return [*lines, ""]


def _case() -> list[str]:
    lines = ["## Case\n", *_docstring(stillhunt.Case, {"Attributes"})]
    for name, member in vars(stillhunt.Case).items():
        if not name.startswith("_") and not isinstance(member, property):
            lines += _function(f"Case.{name}", getattr(stillhunt.Case, name))
    lines += ["### Tables as attributes\n", "| attribute | meaning |", "|---|---|"]
    lines += [f"| `{name}` | {_first(member)} |" for name, member in vars(stillhunt.Case).items() if _is_table(member)]
    return [*lines, ""]


def _is_table(member: Any) -> bool:
    return isinstance(member, property) and "Table" in str(inspect.signature(member.fget).return_annotation)


def _function(name: str, function: Any) -> list[str]:
    level = "###" if "." in name else "##"
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    shown = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
    call = str(inspect.Signature(shown))
    return [f"{level} {name}\n", f"    {name}{call}\n", *_docstring(function, {"Args", "Returns", "Raises"})]


def _first(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").split("\n\n", 1)[0].replace("\n", " ")


def _docstring(thing: Any, wanted: set[str]) -> list[str]:
    about, *sections = SECTION.split(inspect.getdoc(thing) or "")
    lines = [about.strip() + "\n"]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        if title in wanted:
            body = inspect.cleandoc(text)
            lines += [
                f"{title.replace('Args', 'Arguments')}:\n",
                _items(body) if title != "Returns" else " ".join(body.split()),
                "",
            ]
    return lines


def _items(body: str) -> str:
    """`name: text` items as a list; lines that are further in belong to the item before them."""
    items = re.sub(r"\n\s+", " ", body).split("\n")
    return "\n".join(re.sub(r"^(\w+): ", r"- `\1`: ", item) for item in items if item)
