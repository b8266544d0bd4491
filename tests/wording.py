"""Checks that a text which people read is grammatical and written in the one number format; for tests of any room."""

from __future__ import annotations

import re
from string import Formatter

_NOUNS = (
    "account|answer|bit|call|campaign|card|case|combination|conversation|customer|day|domain|file|finding|fingerprint|"
    "group|hour|input|instrument|item|member|model|network|owner|phrase|prompt|question|record|refusal|reject|request|"
    "row|session|setting|skill|start|stop|template|time|token|topic|window"
)
_SINGULARS = rf"(?:{_NOUNS}|address|country|family|reply)"
_PLURALS = rf"(?:(?:{_NOUNS})s|addresses|countries|families|replies)"
_ADJECTIVE = r"(?:(?!of |to |in |from )[a-z-]+ )?"
_SINGULAR_VERBS = "(?:is|was|has|does|needs|belongs|waits|carries|asks|uses|shares|sends)"
_PLURAL_VERBS = "(?:are|were|have|do|need|belong|wait|carry|ask|use|share|send)"

FAULTS: tuple[tuple[str, str], ...] = (
    (rf"(?<![\w.,$-])(?:1|[Oo]ne) {_ADJECTIVE}{_PLURALS}\b", "a plural noun after the count 1"),
    (
        rf"(?<![\w.,])(?<!of )(?:0|[2-9]|\d[\d,]*\d|[Tt]wo|[Tt]hree) {_ADJECTIVE}{_SINGULARS}\b(?!-)",
        "a singular noun after a count that is not 1",
    ),
    (rf"(?<![\w.,])(?:1|[Oo]ne|[Nn]o) {_ADJECTIVE}{_SINGULARS} {_PLURAL_VERBS}\b", "a plural verb after the count 1"),
    (
        rf"(?<![\w.,])(?<!of )(?:0|[2-9]|\d[\d,]*\d|[Nn]o|[Tt]wo) {_ADJECTIVE}{_PLURALS} {_SINGULAR_VERBS}\b",
        "a singular verb after a count that is not 1",
    ),
    (r"  ", "two spaces in a row"),
    (r"\(\s*\)|\[\s*\]", "empty brackets"),
    (r"\( | \)| [,;:.](?!\w|\.\.)|,,|;;|\.\.(?!\.)|,\.|;\.|:\.", "stray punctuation"),
    (r"\d%", "a percentage without a space before the sign"),
    (r"\b(?:over|under|above|below|more than|less than) (?:99\.9+|0\.0*1) %", "a bound in words; use `> 99.9 %`"),
    (r"\b(?:than|over|under|about) (?:over|under|more|less|[<>])", "a bound within a comparison"),
    (r"\d\.\d{2,} %", "a percentage with more than one decimal"),
    (r"(?<![\d.])100\.0 %|(?<![\d.])0\.0 %", "a percentage that claims certainty by rounding"),
    (r"(?<![\d.,/\w-])(?!(?:19|20)\d\d\b)\d{4,}(?![\d\w%])", "a large number without thousands separators"),
    (r"(?<![\w-])-\d", "a hyphen in place of a minus sign"),
    (r"\b(?:None(?!:)|nan|inf|True|False)\b", "a programming value"),
    (r"[{}]|\bf\"", "a placeholder that was not filled"),
    (r"(?i)\b([a-z]+) \1\b(?<!that that)(?<!had had)", "the same word twice"),
    (
        r"\b(?:untold|dealt|dealing|outsiders|takeover|client stacks?|speaks (?:for|against)|the public's|manner)\b",
        "a retired word of the glossary",
    ),
)
"""Pattern -> what is wrong where it matches."""


def faults_in(text: str, *, ends: bool = True) -> list[str]:
    """What is wrong with a text, in words; empty where nothing is.

    Args:
        text: a sentence, or several.
        ends: it must begin with a capital or a number and end with a full stop; False for a phrase or a statement
            that another text takes in.
    """
    found = [
        f"{what}: {match.group()!r}" for pattern, what in FAULTS if (match := re.search(pattern, text)) is not None
    ]
    if text != text.strip() or not text:
        found.append("space at its beginning or end, or nothing at all")
    if ends and not re.search(r"[.!?\u2026][\"')]?$", text):
        found.append("no full stop at its end")
    if ends and not re.match(r"[\"'(]?[A-Z0-9<>\u2212+]", text):
        found.append("no capital at its beginning")
    if text.count("(") != text.count(")"):
        found.append("brackets that do not close")
    return found


def assert_plain(text: str, *, ends: bool = True) -> None:
    """Fail with a clear message unless a text is grammatical and in the one number format.

    Args:
        text: a sentence, or several.
        ends: as in `faults_in`.
    """
    faults = faults_in(text, ends=ends)
    assert not faults, f"{text!r} has " + "; ".join(faults)


def fields_of(template: str) -> list[tuple[str, str]]:
    """(name, form) of each field of a template, in order."""
    return [(name, form or "") for _, name, form, _ in Formatter().parse(template) if name]
