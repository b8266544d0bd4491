"""The licence that a model folder declares in the front matter of its README, as Hugging Face has it."""

from __future__ import annotations

import re
from pathlib import Path

from stillhunt import InputError
from stillhunt.tools import shorten
from stillhunt_model.distil.permission import LONGEST_TERMS
from stillhunt_model.distil.terms import terms_family, terms_of

_README = "README.md"
_LARGEST_README = 1 << 16
"""Bytes that are read; front matter comes first."""
_LINE = re.compile(r"(license|license_name)[ \t]*:[ \t]*(.*)")
OWN_TERMS = "own"


def declared_license(model: Path) -> str:
    """What the README of a model folder declares; empty where there is none, as beside a GGUF file."""
    try:
        with (model / _README).open("rb") as opened:
            lines = opened.read(_LARGEST_README).decode("utf-8", "replace").lstrip("\ufeff").splitlines()
    except OSError:
        return ""
    if not lines or lines[0].strip() != "---":
        return ""
    found: dict[str, str] = {}
    for place, line in enumerate(lines[1:], 1):
        if line.strip() in ("---", "..."):
            break
        if at := _LINE.fullmatch(line.rstrip()):
            found[at[1]] = _value(at[2], lines[place + 1 :])
    named = found.get("license", "")
    if named.casefold() in ("", "other"):
        named = found.get("license_name", "") or named
    return named[:LONGEST_TERMS]


def _value(text: str, following: list[str]) -> str:
    """A value of YAML: plain, quoted, or a list in brackets or on lines of its own, joined."""
    value = re.sub(r"(^|\s)#.*$", "", text).strip()
    if value:
        return ", ".join(one.strip().strip("'\"") for one in value.strip("[]").split(","))
    items = []
    for line in following:
        if not re.match(r"\s*-\s+", line):
            break
        items.append(line.split("-", 1)[1].strip().strip("'\""))
    return ", ".join(items)


def teacher_terms(stated: str, model: Path) -> str:
    """The terms of a teacher: those that somebody states, else those of its README, else own.

    Args:
        stated: terms that somebody states; empty for none.
        model: folder or file of the teacher.

    Raises:
        InputError: the README declares terms that forbid training, or that are not known to allow it, and nothing
            that is stated answers it.
    """
    declared = declared_license(model)
    if not declared:
        return stated or OWN_TERMS
    terms = terms_of(declared)
    if terms.stance == "allows":
        return stated or declared
    # Only a written agreement stands above a licence that forbids it.
    if stated and (terms.stance == "depends" or terms_family(stated) == "agreement"):
        return stated
    what = terms.why if terms.stance == "forbids" else f"need a reader: {terms.why.removeprefix('are ')}"
    step = (
        "use another teacher; or state that its terms are an agreement, if its owner let you do this in writing"
        if terms.stance == "forbids"
        else "read its licence and state the terms of the teacher"
    )
    raise InputError(
        f"the terms '{shorten(declared, 60)}' that the teacher declares {what}",
        where=str(model / _README),
        next_step=step,
        command_step=step + ", with --teacher-terms",
    )
