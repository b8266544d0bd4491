"""The licence that a model folder declares in the front matter of its README, as Hugging Face has it."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from stillhunt import InputError
from stillhunt.tools import plural, shorten
from stillhunt_model.data_files import read_data

Stance = Literal["allows", "depends", "forbids"]


@dataclass(frozen=True)
class Terms:
    """What terms say of training a model."""

    stance: Stance
    why: str


_DATA: dict[str, dict[str, str]] = read_data("terms")
TERMS: Mapping[str, Terms] = {
    family: Terms(stance, why) for stance in get_args(Stance) for family, why in _DATA[stance].items()
}
"""Terms by family, as far as they are known here; versions that are not listed count as unknown."""
UNKNOWN_TERMS = Terms("depends", "are not in the table of known terms")

_FILLERS = re.compile(
    r"\b(the|licen[cs]ed?|licensing|under|version|ver|v|international|unported|generic|universal|public(?! domain)"
    r"|deed|dedication)\b"
)
_LLAMA_NAMED = re.compile(r"\bllama (3\.[123])\b")
_TEACHES = r"(train\w*|distil\w*|fine ?tun\w*|machine learning|text and data mining|data mining|tdm)"
_GAP = r"([\w.']+ ){0,6}?"
_UNLIMITED = re.compile(
    r"\b(no|not|never|without|nor)( any| be| been| is| are)? (further |other )?"
    r"(restrict|limit|condition|prohibit|forb|objection|constrain|exclu|disallow)\w*"
)
_BEFORE = re.compile(
    rf"\b(no|not|never|cannot|can't|mustn't|without|non|forbid\w*|forbad\w*|prohibit\w*|disallow\w*|exclud\w*"
    rf"|ban|bans|banned|except|opt(ed)? out) {_GAP}{_TEACHES}\b"
)
_AFTER = re.compile(
    rf"\b{_TEACHES} {_GAP}(no|not|never|forbidden|prohibited|disallowed|excluded|banned|denied|impermissible|reserved"
    r"|opt(ed)? out|unlicensed)\b"
)
_ANSWERED = re.compile(rf"\b{_TEACHES} ?[:=] ?(no|not|never|none|false|forbidden|prohibited|disallowed|denied|0)\b")


def terms_id(text: str) -> str:
    """Terms as they are compared: small letters, hyphens for spaces."""
    return re.sub(r"[\s_]+", "-", text.strip().casefold())


def terms_family(text: str) -> str:
    """The family of known terms to which a declaration belongs; empty where it is unknown.

    `text`: an id, a name of a licence, or a sentence.
    """
    clean = _clean_terms_text(text)
    words = _join_terms_words(clean)
    for family, named in _DATA["always_refused"].items():
        if re.search(named, words):
            return family
    if _forbids_training(clean):
        return "no-training"
    if found := _LLAMA_NAMED.search(words):
        return f"llama-{found[1]}"
    rest = " ".join(_FILLERS.sub(" ", words).split())
    return next((family for family, whole in _DATA["families"].items() if re.fullmatch(whole, rest)), "")


def terms_of(text: str) -> Terms:
    """What declared terms say of training a model."""
    return TERMS.get(terms_family(text), UNKNOWN_TERMS)


def accepts(accepted: str, declared: str) -> bool:
    """Whether somebody who accepted some terms accepted these, under whatever spelling."""
    words = _join_terms_words(_clean_terms_text(declared))
    return bool(words) and _join_terms_words(_clean_terms_text(accepted)) == words


def _clean_terms_text(text: str) -> str:
    """Small letters without signs that nobody sees."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return seen.casefold().replace("’", "'")


def _join_terms_words(text: str) -> str:
    """Words and numbers with one space between them; digits stand apart from letters: `llama2` is `llama 2`."""
    return " ".join(re.findall(r"\d+(?:\.\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?", text))


def _forbids_training(text: str) -> bool:
    plain = re.sub(r"[-_/,()\"]+", " ", text)
    if _ANSWERED.search(" ".join(plain.split())):
        return True
    for clause in re.split(r"[;:!?\n]|\.(?:\s|$)", plain):
        words = _UNLIMITED.sub("freely", " ".join(clause.split()))
        if _BEFORE.search(words) or _AFTER.search(words):
            return True
    return False


LONGEST_TERMS = 200
"""Characters of terms that a row may declare."""


@dataclass(frozen=True)
class Declared:
    """One declaration of terms."""

    text: str  # as declared; empty where nothing was
    place: str


def check_terms(declared: Iterable[Declared], accepted: Iterable[str] = ()) -> dict[str, str]:
    """Refuse data whose terms do not let it train a model.

    Args:
        declared: the terms of each row, and of the teacher.
        accepted: terms that somebody has read and that allow this use; terms that forbid training cannot be accepted.

    Returns:
        The terms in use, as declared, with what they say.

    Raises:
        InputError: terms forbid it, are not declared, or depend on the use and are not accepted.
    """
    read = list(accepted)
    used: dict[str, str] = {}
    refused: dict[str, tuple[Declared, str, int]] = {}
    for one in declared:
        name = terms_id(one.text)
        if name in used:
            continue
        terms = terms_of(one.text)
        why = _explain_terms_refusal(one.text, terms, any(accepts(text, one.text) for text in read))
        if why:
            first, _, count = refused.get(name, (one, why, 0))
            refused[name] = (first, why, count + 1)
        else:
            used[name] = terms.why + (" (accepted)" if terms.stance == "depends" else "")
    if refused:
        first, why, _ = next(iter(refused.values()))
        count = sum(rows for _, _, rows in refused.values())
        raise InputError(
            why + (f" ({plural(count, 'such row')})" if count > 1 else ""),
            where=first.place,
            next_step="leave these rows out; or state the terms of rows that have none; or accept terms that you have "
            "read and that allow this use. Terms that forbid training cannot be accepted",
            command_step="leave these rows out; or state the terms of rows that have none with --terms; or accept "
            "terms that you have read and that allow this use with --accept. Terms that forbid training cannot be "
            "accepted",
        )
    return used


def _explain_terms_refusal(text: str, terms: Terms, accepted: bool) -> str:
    shown = shorten(text, 60)
    if not text.strip():
        return "no terms are declared, so nothing says that this may train a model"
    if terms.stance == "forbids":
        return f"the declared terms '{shown}' {terms.why}"
    if terms.stance == "depends" and not accepted:
        return f"the declared terms '{shown}' need a reader: {terms.why.removeprefix('are ')}"
    return ""


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
            found[at[1]] = _parse_yaml_value(at[2], lines[place + 1 :])
    named = found.get("license", "")
    if named.casefold() in ("", "other"):
        named = found.get("license_name", "") or named
    return named[:LONGEST_TERMS]


def _parse_yaml_value(text: str, following: list[str]) -> str:
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

    `stated`: terms that somebody states; empty for none. Raises InputError: the README declares terms that forbid
    training, or that are not known to allow it, and nothing that is stated answers it.
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
