"""Words that the project gave up stay out of names, texts and pages; `docs/glossary.md` has the words in use."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from retired_words import MODULES, RULES, Retired
from source_tree import ROOT

FOLDERS = ("src", "tests", "docs", "benchmarks")
PAGES = ("README.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".md", ".sh", ".html", ".js", ".css"}

SKIPPED = {
    "tests/contract/retired_words.py": "it names them",
    "tests/contract/test_retired_words.py": "it names them",
    "tests/wording.py": "it names them",
    "tests/link/test_link_parameters.py": "it checks that settings of old names are refused",
    "tests/score/test_catalogue.py": "it checks that a retired word is noticed",
    "tests/triage/test_wording.py": "it checks that a retired word is noticed",
    "docs/adr/0016-rooms-inside-rooms.md": "it says which words were given up",
    "src/stillhunt/extract/lexicon/": "lists of everyday words in many languages",
    "src/stillhunt/base/redaction/": "words by which secrets in other people's texts are recognised",
    "src/stillhunt/triage/vendor/": "another project's code",
    "src/stillhunt/web/console/vendor/": "another project's code",
    "tests/web/console/axe/": "another project's code",
    "src/stillhunt/lab/worlds/templates.py": "texts of simulated customers",
    "src/stillhunt/lab/worlds/oblique_prompts.py": "texts of simulated customers",
    "src/stillhunt/lab/worlds/grammar.py": "texts of simulated customers",
}
"""Files and folders that are not searched, and why."""


@dataclass(frozen=True)
class Text:
    """One file, taken apart.

    Attributes:
        path: relative to the repository.
        code: Python code with comments and strings blanked out; empty for other files. Lines and columns are kept.
        prose: comments and strings with the code blanked out; the whole of other files.
    """

    path: str
    code: str
    prose: str


@dataclass(frozen=True)
class Hit:
    """One use of a retired word.

    Attributes:
        path, line: where.
        found: the name or the words.
        rule: the rule that it breaks.
    """

    path: str
    line: int
    found: str
    rule: Retired

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found!r} ({self.rule.word}): use {self.rule.use}"


def blanked(lines: list[str], tokens: list[tokenize.TokenInfo], *, inside: bool) -> str:
    """Python lines without what lies inside tokens, or without what lies outside of them."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for token in tokens:
        (first, begin), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            stop = end if number == last else len(lines[number - 1])
            spans.setdefault(number - 1, []).append((begin if number == first else 0, stop))
    masked = (without(line, spans.get(number, []), inside=inside) for number, line in enumerate(lines))
    return "\n".join(line.rstrip() for line in masked)


def without(line: str, spans: list[tuple[int, int]], *, inside: bool) -> str:
    """A line with blanks for what lies in the spans, or for what lies outside of them."""
    kept, done = [], 0
    for begin, end in sorted(spans):
        kept += [line[done:begin] if inside else " " * (begin - done)]
        kept += [" " * (end - begin) if inside else line[begin:end]]
        done = end
    return "".join([*kept, line[done:] if inside else " " * (len(line) - done)])


PROSE_TOKENS = {
    tokenize.COMMENT,
    tokenize.STRING,
    getattr(tokenize, "FSTRING_START", tokenize.STRING),
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),
    getattr(tokenize, "FSTRING_END", tokenize.STRING),
}
"""From Python 3.12 on, f-strings come in parts."""


def take_apart(path: str, content: str) -> Text:
    """A file as code and prose."""
    if not path.endswith(".py"):
        return Text(path, "", content)
    lines = content.splitlines(keepends=True)
    tokens = [t for t in tokenize.generate_tokens(io.StringIO(content).readline) if t.type in PROSE_TOKENS]
    prose = re.sub(r"(?m)^([ \t]*)#:?", lambda m: " " * len(m.group()), blanked(lines, tokens, inside=False))
    return Text(path, blanked(lines, tokens, inside=True), prose)


@cache
def texts() -> tuple[Text, ...]:
    """Every file of ours that is searched."""
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*"))]
    files += [ROOT / page for page in PAGES]
    found = []
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if path.suffix in SUFFIXES and not name.startswith(tuple(SKIPPED)) and "__pycache__" not in name:
            found.append(take_apart(name, path.read_text(encoding="utf-8")))
    return tuple(found)


NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NAME_IN_PROSE = re.compile(r"\b(?:[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+|_[A-Za-z]\w*|[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+)\b")
"""What can only be a name: words joined by `_`, or capitals inside a word."""
LONE_STRING = re.compile(r"""(?<=["'`])[a-z]+(?=["'`])""")
"""A string or a code span of one word: most likely a column, a key or an option."""


@cache
def words_of(name: str) -> str:
    """The words that a name is made of, in lower case and joined by `_`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def is_allowed(rule: Retired, text: str, begin: int, end: int) -> bool:
    """True where what was found is part of an ordinary use."""
    start, stop = max(0, begin - 80), end + 80
    near = (match for pattern, _ in rule.allowed for match in compiled(pattern).finditer(text, start, stop))
    return any(match.start() <= begin and end <= match.end() for match in near)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern in which a space stands for any white space, line breaks included."""
    return re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE)


@cache
def names_in(text: Text) -> tuple[tuple[str, str, int], ...]:
    """Every name in a file: its words, the part of the file that holds it, and where it begins there."""
    searched = (("code", NAME), ("prose", NAME_IN_PROSE), ("prose", LONE_STRING))
    return tuple(
        (match.group(), part, match.start())
        for part, pattern in searched
        for match in pattern.finditer(getattr(text, part))
    )


@cache
def names_search(names: str) -> Callable[[str], bool]:
    """Whether a name is one that a rule names; the same names come again in many files."""
    pattern = re.compile(rf"(?:^|_)(?:{names})(?:_|$)")
    return cache(lambda name: pattern.search(words_of(name)) is not None)


def found_in(rule: Retired, text: Text) -> Iterator[tuple[str, str, int]]:
    """What a rule finds: the words, the part of the file, and where they begin there.

    The name of a test is a sentence, and is searched like one.
    """
    for name, part, begin in names_in(text):
        is_sentence = name.startswith("test_")
        if rule.names and not is_sentence and names_search(rule.names)(name):
            yield name, part, begin
        if rule.prose and is_sentence and compiled(rule.prose).search(name.replace("_", " ")):
            yield name, part, begin
    if rule.prose:
        for match in compiled(rule.prose).finditer(text.prose):
            yield match.group(), "prose", match.start()


def hits_of(rule: Retired, text: Text) -> Iterator[Hit]:
    """Every use of a retired word in one file, its name included."""
    if rule.names and names_search(rule.names)(Path(text.path).stem):
        yield Hit(text.path, 1, Path(text.path).name, rule)
    for found, part, begin in found_in(rule, text):
        content = getattr(text, part)
        if not is_allowed(rule, content, begin, begin + len(found)):
            yield Hit(text.path, content.count("\n", 0, begin) + 1, " ".join(found.split()), rule)


def hits_anywhere(rule: Retired) -> list[Hit]:
    """Every use of a retired word in the places where it is searched, one for each line and word."""
    searched = [text for text in texts() if not rule.places or text.path.startswith(rule.places)]
    return list(dict.fromkeys(hit for text in searched for hit in hits_of(rule, text)))


def old_module_names() -> list[str]:
    """Modules that carry a name which another replaced."""
    return [
        f"{path.relative_to(ROOT)}:1: {path.stem!r} (module): use {names[path.stem]}"
        for room, names in MODULES.items()
        for path in sorted((ROOT / "src" / "stillhunt" / room).rglob("*.py"))
        if path.stem in names
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.word)
def test_retired_word_is_not_used(rule: Retired) -> None:
    hits = hits_anywhere(rule)
    if hits:  # the list is the message; a trace would bury it
        pytest.fail(f"{len(hits)} uses of a retired word:\n" + "\n".join(map(str, hits)), pytrace=False)


def test_modules_carry_their_names() -> None:
    assert not old_module_names()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.word)
def test_rule_catches_and_passes(rule: Retired) -> None:
    """A rule that catches nothing guards nothing; one that catches ordinary English is soon switched off."""
    caught = take_apart("src/a.py", f'"""One: {rule.caught}."""\n')
    assert list(hits_of(rule, caught)), "its own example is not caught"
    assert not list(hits_of(rule, take_apart("src/a.py", f'"""One: {rule.passed}."""\n')))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("class BareSlices: ...", "bare"),
        ("frame.cut_bare(rows)", "bare"),
        ("MOST_STACKS = 3", "stack"),
        ('columns = ["fresh"]', "fresh"),
        ('x = "take_over"', "takeover"),
        ("taste: float = 3.0", "taste"),
    ],
)
def test_names_are_caught_in_every_form(line: str, word: str) -> None:
    (rule,) = (rule for rule in RULES if rule.word == word)
    assert [hit.line for hit in hits_of(rule, take_apart("src/a.py", f"import os\n{line}\n"))] == [2]


def test_lines_are_counted_as_in_the_file() -> None:
    """Comments, blank lines and strings of several lines do not move what comes after them."""
    (rule,) = (rule for rule in RULES if rule.word == "outsiders")
    text = take_apart("src/a.py", '"""One.\n\ntwo\n"""\n\n# three\n\nx = 1\n\n# rarer among outsiders\n')
    assert [hit.line for hit in hits_of(rule, text)] == [10]


def test_ordinary_code_passes() -> None:
    ordinary = (
        'x = np.stack([a, b], axis=1)\ny = header.ahead("the stack trace", barely=1)\n'
        "# half of the rows, a whole number of them, told apart by kind, for the whole file\n"
    )
    assert [str(hit) for rule in RULES for hit in hits_of(rule, take_apart("src/a.py", ordinary))] == []
