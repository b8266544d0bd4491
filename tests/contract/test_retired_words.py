"""Words that the project gave up stay out of names, texts and pages; `docs/glossary.md` has the words in use.

A word is searched in two ways. In *names* (identifiers, files, columns, settings) it is one of the words that a name
is made of: `BareSlices` and `cut_bare` hold "bare", `barely` does not. In *prose* (comments, docstrings, messages,
pages) it is a regular expression, as narrow as the retired sense needs: "half of the rows" is ordinary English, "judged
on the other half" is a fold. Ordinary uses that would still match are listed with a reason.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from source_tree import ROOT

FOLDERS = ("src", "tests", "docs", "benchmarks")
PAGES = ("README.md", "CONTRIBUTING.md")
SUFFIXES = {".py", ".md", ".sh", ".html", ".js", ".css"}

SKIPPED = {
    "tests/contract/test_retired_words.py": "it names them",
    "docs/adr/0016-rooms-inside-rooms.md": "it says which words were given up",
    "src/stillhunt/extract/lexicon/": "lists of everyday words in many languages",
    "src/stillhunt/triage/vendor/": "another project's code",
    "src/stillhunt/lab/worlds/wrappers.py": "texts of simulated customers",
    "src/stillhunt/lab/worlds/oblique.py": "texts of simulated customers",
    "src/stillhunt/lab/worlds/grammar.py": "texts of simulated customers",
}
"""Files and folders that are not searched, and why."""

DETECTION = tuple(f"src/stillhunt/{room}" for room in ("base", "extract", "link", "resolve", "score", "pipeline"))
DETECTION += tuple(f"tests/{room}/" for room in ("base", "extract", "link", "oracle", "property", "resolve", "score"))
"""Where requests are indexed, grouped and judged: the only place where some words had a sense of their own."""
COLLECT = ("src/stillhunt/collect/", "tests/collect/")
LAB = ("src/stillhunt/lab/", "tests/lab/", "src/stillhunt/cli/", "docs/", "README.md", "benchmarks/quality/")
PRODUCT = ("src/", "docs/", "README.md", "CONTRIBUTING.md")


@dataclass(frozen=True)
class Retired:
    """One word that is not used any more.

    Attributes:
        word: name of the rule.
        use: what to write in its place.
        names: regular expression for the words of a name, in lower case and joined by `_`; empty: not searched.
        prose: regular expression for text, a space stands for any white space; empty: not searched.
        places: beginnings of paths in which it is searched; empty: everywhere.
        allowed: ordinary uses, blanked out before the search: regular expression and reason.
        caught, passed: an example of each, which tests hold the rule to.
    """

    word: str
    use: str
    names: str = ""
    prose: str = ""
    places: tuple[str, ...] = ()
    allowed: tuple[tuple[str, str], ...] = ()
    caught: str = ""
    passed: str = ""


RULES = (
    Retired(
        "bare",
        "untemplated",
        names="bare",
        prose=r"\bbare (questions?|slices?|groups?|search|requests?|candidates?|traffic|workloads?|plan|ones)\b",
        caught="bare questions of one client",
        passed="a bare newline in a string",
    ),
    Retired(
        "manner",
        "request style",
        names="manners?",
        prose=r"\bmanners?\b",
        allowed=((r"manner of use", "label of the conduct family"), (r"in the manner of", "ordinary English")),
        caught="slices of one manner",
        passed="Manner of use",
    ),
    Retired(
        "stack",
        "client fingerprint",
        names="stacks?",
        prose=r"\b(client|shared|different|other|one|own|each|same|two|which|whose|these|of) stacks?\b|\bstacks\b",
        allowed=(
            (r"\b(np|torch)\.stack\(|\b(column|v|h|d)stack\b|\bcolumn_stack\b", "numpy's function"),
            (r"llama[_ ]?stack\w*", "another product"),
            (r"stack[_ -](traces?|smoothing|pointers?|overflow|frames?)", "the call stack"),
            (r"call stack", "the call stack"),
        ),
        caught="users of one client stack",
        passed="the stack trace of the error",
    ),
    Retired(
        "dealt",
        "drawn from one work queue",
        names="dealt|dealing|deal|deals",
        prose=r"\b(dealt|dealing|deals?)\b",
        allowed=(
            (r"\b(dealt|dealing|deals?) with\b", "to handle something"),
            (r"a (good|great) deal", "ordinary English"),
        ),
        caught="subjects dealt from one source",
        passed="dealt with elsewhere",
    ),
    Retired(
        "habit",
        "recurring phrase (of people: kind of customer, usual pattern; of code: convention)",
        names="habits?|habitual",
        prose=r"\bhabit(s|ual)?\b",
        caught="phrases that are a habit",
        passed="inhabitants",
    ),
    Retired(
        "outsiders",
        "comparison accounts",
        names="outsiders?",
        prose=r"\boutsiders?'?\b",
        caught="rarer among outsiders",
        passed="accounts outside the candidate",
    ),
    Retired(
        "crowd",
        "background model",
        names="crowds?",
        prose=r"\bcrowds?\b",
        caught="the crowd of a style",
        passed="crowded addresses",
    ),
    Retired(
        "taste",
        "topic preference",
        names="tastes?",
        prose=r"\btastes?\b",
        caught="an account's own taste",
        passed="a tasteless joke",
    ),
    Retired(
        "takeover",
        "account replacement",
        names="take_?overs?",
        prose=r"\btake-?overs?\b|\baccounts? (that )?takes? over\b",
        allowed=((r"account take-?overs?", "theft of an account, which is another thing"),),
        caught="take-over after stops",
        passed="account takeover means theft",
    ),
    Retired("pivot", "new-model adoption", names="pivots?", prose=r"\bpivots?\b", caught="pivot to a new model"),
    Retired(
        "peers (lab)",
        "baselines",
        names="peers?",
        prose=r"\bpeers?\b",
        places=LAB,
        allowed=((r"peer[- ]reviewed", "a published paper"),),
        caught="the best peer",
    ),
    Retired(
        "peers (collect)",
        "proxy check (of an address: peer address)",
        names="peers",
        prose=r"\bpeers\b",
        places=COLLECT,
        allowed=((r"peers?['’]s? addresses|\bpeers? addresses", "the other end of a connection, as nginx calls it"),),
        caught="peers of a log",
        passed="the peer address in $remote_addr",
    ),
    Retired(
        "peers (score)",
        "comparison accounts",
        names="peers?",
        prose=r"\bpeers?\b",
        places=DETECTION,
        caught="peers of the same plan",
    ),
    Retired(
        "twins",
        "duplicate inputs (of a kernel in tests: plain reference)",
        names="twins?",
        prose=r"\btwins?\b",
        places=PRODUCT,
        allowed=(
            (r"\bplain(-Python)? twins?\b|\btwins? (in|on) (plain )?Python", "the slow form of a kernel in tests"),
        ),
        caught="twins of a log",
        passed="each has a plain twin in tests",
    ),
    Retired("untold", "insufficient data", names="untold", prose=r"\buntold\b", caught="untold times"),
    Retired(
        "told",
        "known",
        names="told",
        prose=r"\b(is|are|was|were) told of\b|\bwhether (it is|they are) told\b",
        places=("src/",),
        caught="What is told of an account",
        passed="kinds are told apart by their content",
    ),
    Retired(
        "half",
        "fold",
        names="half|halves",
        prose=(
            r"\b(other|each|same|this|that|keyed|either|which|first|second|one|both|two|the) hal(f|ves)\b"
            r"(?!( of | an? |-| again| the | past))"
        ),
        places=(*DETECTION, "docs/", "README.md", "src/stillhunt/triage/"),
        allowed=(
            (r"half[_-](hours?|day|life|width|open|written|made|product)", "a fixed expression"),
            (r"half (a |an )?surrogates?", "UTF-16"),
        ),
        caught="judged on the other half",
        passed="the first half of the text",
    ),
    Retired(
        "fresh",
        "first occurrence",
        names="fresh",
        prose=r"\bfresh (prompts?|requests?|questions?|texts?|rows?)\b|\b(is|are|be|never|not) fresh\b",
        places=DETECTION,
        caught="its fresh prompts",
        passed="a fresh random key",
    ),
    Retired(
        "alone",
        "single-turn",
        names="alone",
        allowed=((r"_?left_alone", "groups that stay below the review threshold"),),
        prose=r"\balone (requests?|questions?|prompts?)\b|\b(questions?|requests?) that (is|are) alone\b",
        places=DETECTION,
        caught="requests that are alone",
        passed="topics alone do not tell",
    ),
    Retired(
        "whole",
        "prompt hash",
        names="wholes?",
        prose=r"\bhash of the whole\b|\bwhole hash\b",
        places=("src/stillhunt/extract/", "src/stillhunt/link/", "tests/link/", "tests/oracle/"),
        allowed=((r"\bwhole[_ ](numbers?|log|file|lines?|characters?|documents?)", "ordinary English"),),
        caught="the hash of the whole",
        passed="the whole file",
    ),
    Retired(
        "head",
        "resent prefix",
        names="heads?",
        prose=r"\b(resent|cut|longest|known|new|kept) head\b|\bhead of (history|a call)\b|\bheads\b",
        places=(
            "src/stillhunt/collect/history/",
            "src/stillhunt/collect/read/",
            "docs/adr/0014",
            "tests/collect/history",
        ),
        caught="the heads that they continue",
        passed="head, tail and middle of a text",
    ),
    Retired(
        "door",
        "entry point, or boundary check",
        names="doors?",
        prose=r"\bdoors?\b",
        allowed=((r"front[ -]door", "products of cloud vendors"),),
        caught="tables are checked at each door",
        passed="outdoor",
    ),
    Retired(
        "plan",
        "work queue (`plan` is a price plan)",
        names="plans?",
        places=("src/stillhunt/link/", "src/stillhunt/resolve/", "tests/link/", "tests/resolve/", "tests/oracle/"),
        caught="plan_bits",
        passed="planted",
    ),
    Retired(
        "plan (of work)",
        "work queue",
        prose=(
            r"\b(one|two|common|shared|working|a wide|nobody's) plans?\b(?! of price)|\bplans? of work\b"
            r"|\bwork plans?\b"
            r"|\b(off|from) (a|the|its|one's) plan\b|\bthe plan's (topics|subjects|mixture|load|workers|share)\b"
            r"|\bplans? (is|are) dealt\b|\bplan that shows\b"
        ),
        allowed=((r"\b(price|same|each|its|one) (price )?plans?\b(?=,? (at|with) list)", "what a customer pays"),),
        caught="they work off one plan",
        passed="customers of the same price plan",
    ),
    Retired(
        "public",
        "background sample",
        names="public",
        prose=(
            r"\bthe public('s|’s)|\b(among|by|of|than|from|in) the public\b(?! (names?|key|cloud|internet|interface))"
            r"|\bthe public (use|uses|has|is|are|itself|who|counts?|does)\b|\bpublic (accounts?|users?|use)\b"
        ),
        places=(*DETECTION, "src/stillhunt/triage/", "docs/", "README.md"),
        allowed=(
            (r"public (cloud|cards?|sets?|benchmarks?|templates?|wording)", "what is published"),
            (r"\bpublic_(key|suffix)\b|\bPUBLIC_(TEMPLATES|ITEMS)\b|\bis_public\b", "published, or of an address"),
        ),
        caught="times the public's use of it",
        passed="a public benchmark",
    ),
    Retired(
        "role operator",
        "dedicated",
        prose=r"\brole[s:]?( is)? `?\"?operator\b|\boperator, shared\b|\"(victim|operator)\"",
        caught="operator, shared, victim or unknown",
        passed="the operator of the API",
    ),
    Retired(
        "speaks for, against",
        "evidence for, evidence against",
        prose=r"\b(speaks?|speaking|spoke) (for|against)\b",
        allowed=((r"\bspeaks? for (itself|themselves|both)\b", "ordinary English"),),
        caught="what speaks against a campaign",
        passed="the figure speaks for itself",
    ),
)

MODULES = {
    "collect": {
        "ahead": "parallel_read",
        "framed": "record_readers",
        "framing": "protobuf_framing",
        "joining": "log_join",
        "layouts": "mmdb_schemas",
        "ledger": "input_stats",
        "lenient": "tolerant_json",
        "naming": "field_suggestions",
        "opening": "inputs",
        "otlp_who": "otlp_identity",
        "peers": "proxy_check",
        "pieces": "batch_sizing",
        "remembered": "incremental_history",
        "requests": "generic_bodies",
        "stretches": "read_tasks",
        "texts": "reread_prompts",
        "twins": "duplicate_inputs",
    },
    "link": {
        "arrange": "index_requests",
        "bare": "untemplated_slices",
        "crowd": "background_model",
        "cut": "judged_requests",
        "fragments": "merge_fragments",
        "kernels_alike": "dispersion_kernels",
    },
    "score": {
        "dealt": "homogeneity",
        "frame": "a name that says which part of the evidence context it holds",
        "outsiders": "background_correlation",
        "pivot": "model_adoption",
        "public": "key_frequencies",
        "takeover": "account_replacement",
    },
    "triage": {"plain": "formatting", "sums": "score_breakdown"},
}
"""Room -> name that one of its modules had -> its name now."""


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
    kept = [[inside] * len(line) for line in lines]
    for token in tokens:
        (first, begin), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            start = begin if number == first else 0
            stop = end if number == last else len(lines[number - 1])
            kept[number - 1][start:stop] = [not inside] * (stop - start)
    masked = (
        "".join(c if k else " " for c, k in zip(line, row, strict=True)) for line, row in zip(lines, kept, strict=True)
    )
    return "\n".join(line.rstrip() for line in masked)


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


def name_pattern(rule: Retired) -> re.Pattern[str]:
    """What is searched in the words of a name."""
    return re.compile(rf"(?:^|_)(?:{rule.names})(?:_|$)")


@cache
def names_in(text: Text) -> tuple[tuple[str, str, int], ...]:
    """Every name in a file: its words, the part of the file that holds it, and where it begins there."""
    searched = (("code", NAME), ("prose", NAME_IN_PROSE), ("prose", LONE_STRING))
    return tuple(
        (match.group(), part, match.start())
        for part, pattern in searched
        for match in pattern.finditer(getattr(text, part))
    )


def found_in(rule: Retired, text: Text) -> Iterator[tuple[str, str, int]]:
    """What a rule finds: the words, the part of the file, and where they begin there.

    The name of a test is a sentence, and is searched like one.
    """
    for name, part, begin in names_in(text):
        is_sentence = name.startswith("test_")
        if rule.names and not is_sentence and name_pattern(rule).search(words_of(name)):
            yield name, part, begin
        if rule.prose and is_sentence and compiled(rule.prose).search(name.replace("_", " ")):
            yield name, part, begin
    if rule.prose:
        for match in compiled(rule.prose).finditer(text.prose):
            yield match.group(), "prose", match.start()


def hits_of(rule: Retired, text: Text) -> Iterator[Hit]:
    """Every use of a retired word in one file, its name included."""
    if rule.names and name_pattern(rule).search(words_of(Path(text.path).stem)):
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
