"""Sentences with figures: templates whose fields say how a number is written, so that grammar and format hold.

A field is `{name:form}`, where the form is one of

- `#`: a whole number with separators (`4,896`);
- `%`: a share of one in percent (`8.6 %`);
- `.2f`: so many digits after the point;
- `account`: the number with its noun, singular or plural (`1 account`, `4,896 accounts`);
- `#address|addresses`: the same for a noun whose plural is not made with an s;
- `uses|use`: no number, but the verb or noun that goes with it, singular first;
- nothing: text as it is.
"""

import re
import tomllib
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from stillhunt.base import formatting

_DIGITS = re.compile(r"\.\d+f")


class _Figures(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if not format_spec:
            return str(value)
        if "|" in format_spec:
            singular, plural = format_spec.removeprefix("#").split("|")
            if format_spec.startswith("#"):
                return formatting.plural(int(value), singular, plural)
            return singular if value == 1 else plural
        if format_spec == "#":
            return formatting.count(round(value))
        if format_spec == "%":
            return formatting.percent(float(value))
        if _DIGITS.fullmatch(format_spec):
            return f"{value:,{format_spec}}"
        return formatting.plural(int(value), format_spec)


def fill(template: str, **figures: Any) -> str:
    """A sentence from its template and figures; a KeyError for a field that is not given.

    >>> fill("{n:account} {n:uses|use} one template", n=2)
    '2 accounts use one template'
    """
    return _Figures().vformat(template, (), figures)


@cache
def sentences_beside(module: str) -> dict[str, Any]:
    """The templates of the `wording.toml` beside the module of this `__file__`, by section and name."""
    return tomllib.loads(Path(module).with_name("wording.toml").read_text("utf-8"))
