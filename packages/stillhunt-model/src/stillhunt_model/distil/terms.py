"""What well-known licences and contracts say of training a model on a text, however they are spelt."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Stance = Literal["allows", "depends", "forbids"]


@dataclass(frozen=True)
class Terms:
    """What terms say of training a model."""

    stance: Stance
    why: str


_OUTPUT = "forbid training a model that competes with the provider's on its output"
_LLAMA = "forbid improving any other language model with its output"
_NAMED = "a model that it trains must bear the name Llama"
TERMS: Mapping[str, Terms] = {
    "own": Terms("allows", "the operator's own text, or that of its own model"),
    "customer-consent": Terms("allows", "the customer agreed that it trains models"),
    "agreement": Terms("allows", "a written agreement that lets it train models"),
    "public-domain": Terms("allows", "no rights are held"),
    "cc0": Terms("allows", "all rights are waived"),
    "pddl": Terms("allows", "all rights are waived"),
    "cc-by": Terms("allows", "any use; name the author"),
    "cc-by-sa": Terms("allows", "any use; name the author, share adaptations alike"),
    "odc-by": Terms("allows", "any use; name the source"),
    "cdla": Terms("allows", "any use of what is computed from the data"),
    "mit": Terms("allows", "any use"),
    "apache-2.0": Terms("allows", "any use"),
    "bsd": Terms("allows", "any use"),
    "cc-by-nc": Terms("depends", "no commercial use"),
    "cc-by-nc-sa": Terms("depends", "no commercial use; share adaptations alike"),
    "cc-by-nd": Terms("depends", "no adaptations may be shared, and a model may count as one"),
    "cc-by-nc-nd": Terms("depends", "no commercial use, and no adaptations may be shared"),
    "llama-3.1": Terms("depends", _NAMED),
    "llama-3.2": Terms("depends", _NAMED),
    "llama-3.3": Terms("depends", _NAMED),
    "no-training": Terms("forbids", "forbid training"),
    "evaluation-only": Terms("forbids", "allow evaluation alone"),
    "all-rights-reserved": Terms("forbids", "keep all rights"),
    "openai-terms": Terms("forbids", _OUTPUT),
    "anthropic-terms": Terms("forbids", _OUTPUT),
    "gemini-terms": Terms("forbids", _OUTPUT),
    "llama-2": Terms("forbids", _LLAMA),
    "llama-3": Terms("forbids", _LLAMA),
}
"""Terms by family, as far as they are known here; versions that are not listed count as unknown."""
UNKNOWN_TERMS = Terms("depends", "are not in the table of known terms")

_FILLERS = re.compile(
    r"\b(the|licen[cs]ed?|licensing|under|version|ver|v|international|unported|generic|universal|public(?! domain)"
    r"|deed|dedication)\b"
)
_CC = r"(cc|creative commons) (by|attribution)"
_NC, _ND, _SA = "(nc|non ?commercial)", "(nd|no ?deriv\\w*)", "(sa|share ?alike)"
_CC_VERSION = r"( (1\.0|2\.0|2\.5|3\.0|4\.0|[1-4]))?"
_FAMILIES: Mapping[str, str] = {
    **{name: name.replace("-", " ") for name in ("own", "customer-consent", "agreement", "public-domain")},
    "cc0": r"(cc|creative commons) (0|zero)( 1\.0| 1)?",
    "pddl": r"(odc )?pddl( 1\.0| 1)?",
    "cc-by": _CC + _CC_VERSION,
    "cc-by-sa": f"{_CC} {_SA}{_CC_VERSION}",
    "cc-by-nc": f"{_CC} {_NC}{_CC_VERSION}",
    "cc-by-nc-sa": f"{_CC} {_NC} {_SA}{_CC_VERSION}",
    "cc-by-nd": f"{_CC} {_ND}{_CC_VERSION}",
    "cc-by-nc-nd": f"{_CC} {_NC} {_ND}{_CC_VERSION}",
    "odc-by": r"(odc by|open data commons attribution)( 1\.0| 1)?",
    "cdla": r"(cdla|community data agreement)( permissive| sharing)?( 1\.0| 2\.0| 1| 2)?",
    "mit": r"(mit|expat)",
    "apache-2.0": r"(apache|asl)( software)?( 2| 2\.0)?",
    "bsd": r"(bsd( [0234]( clauses?)?)?|[0234] clauses? bsd|(new|simplified|modified) bsd)",
}
"""Family -> the whole text, as `_words` has it."""
_ALWAYS_REFUSED: Mapping[str, str] = {
    "openai-terms": r"\b(open ?ai|chat ?gpt|gpt ?[345]\S*|gpt 4 o)\b",
    "anthropic-terms": r"\b(anthropic|claude)\b",
    "gemini-terms": r"\bgemini\b",
    "llama-2": r"\bllama 2(\.0)?\b(?!\.)",
    "llama-3": r"\bllama 3(\.0)?\b(?!\.)",
    "all-rights-reserved": r"\ball rights( are)? reserved\b",
    "evaluation-only": r"\b(evaluat\w*|testing|benchmark\w*)( purposes?| uses?)? (only|alone)\b"
    r"|\b(only|solely|exclusively)( be used)?( for| to)?( the)?( purposes? of)? (evaluat|benchmark)\w*",
}
"""Family -> what names it anywhere in the text."""
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

    Args:
        text: an id, a name of a licence, or a sentence.
    """
    clean = _clean(text)
    words = _words(clean)
    for family, named in _ALWAYS_REFUSED.items():
        if re.search(named, words):
            return family
    if _forbids_training(clean):
        return "no-training"
    if found := _LLAMA_NAMED.search(words):
        return f"llama-{found[1]}"
    rest = " ".join(_FILLERS.sub(" ", words).split())
    return next((family for family, whole in _FAMILIES.items() if re.fullmatch(whole, rest)), "")


def terms_of(text: str) -> Terms:
    """What declared terms say of training a model.

    Args:
        text: an id, a name of a licence, or a sentence.
    """
    return TERMS.get(terms_family(text), UNKNOWN_TERMS)


def accepts(accepted: str, declared: str) -> bool:
    """Whether somebody who accepted some terms accepted these, under whatever spelling.

    Args:
        declared: terms of a row or a model.
    """
    words = _words(_clean(declared))
    return bool(words) and _words(_clean(accepted)) == words


def _clean(text: str) -> str:
    """Small letters without signs that nobody sees."""
    seen = "".join(sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    return seen.casefold().replace("’", "'")


def _words(text: str) -> str:
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
