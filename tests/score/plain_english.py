"""A small check that a sentence with figures is grammatical and keeps to the one number format."""

from __future__ import annotations

import re

_NOUNS = (
    "account|bit|combination|customer|day|domain|fingerprint|instrument|network|prompt|question|refusal|start|stop|time|"
    "token|window"
)
_FAULTS = (
    (rf"(?<![\d,.])1 (?:[a-z-]+ )?(?:(?:{_NOUNS})s|addresses)\b", "a plural noun after 1"),
    (rf"(?<![\d,.])(?:0|[2-9]|\d[\d,]*\d) (?:[a-z]+ )?(?:{_NOUNS}|address)\b(?!-)", "a singular noun after a count"),
    (rf"(?<![\d,.])(?<!of )1 (?:{_NOUNS}) (?:ask|do|have|keep|pay|send|share|use)\b", "a plural verb after 1"),
    (
        rf"(?<![\d,.])(?<!of )(?:0|[2-9]|\d[\d,]*\d) (?:{_NOUNS})s (?:asks|does|has|keeps|uses)\b",
        "a singular verb after a count",
    ),
    (r"\b(?!(?:19|20)\d\d\b)\d{4,}", "a number without separators"),
    (r"\d%", "no space before the percent sign"),
    (r"\b(?:than|over|under|about) (?:over|under|more|less|[<>])\b", "a bound within a comparison"),
    (r"  |^\s|\s$", "spaces"),
    (r"[{}]|\b(?:None(?!:)|nan|inf)\b", "something that was not filled"),
    (r"[.,;:]$", "punctuation at the end of a statement"),
    (r"(?<![\w-])-\d", "a hyphen for a minus sign"),
    (r"\b(\w+) \1\b", "a word twice"),
    (
        r"(?i)\b(?:bare|manner|dealt|dealing|outsiders?|crowd|takeover|take-over|pivot|untold|operator|stacks?|speaks)\b",
        "a retired word",
    ),
)


def faults_in(sentence: str) -> list[str]:
    """What is wrong with a statement, in words; empty where nothing is."""
    found = [
        f"{what}: {match.group()!r}" for pattern, what in _FAULTS if (match := re.search(pattern, sentence)) is not None
    ]
    if not re.match(r"[A-Z0-9<>]|(?:under|over) \d", sentence):
        found.append("no capital or digit at its beginning")
    if sentence.count("(") != sentence.count(")"):
        found.append("brackets that do not close")
    return found


def assert_plain(sentence: str) -> None:
    """Fail with the faults of a statement, if it has any."""
    assert not faults_in(sentence), f"{sentence!r}: {'; '.join(faults_in(sentence))}"
