"""How well excerpts are redacted, beside libraries: recall by kind and language, false redactions, speed, size.

    python benchmarks/dossier/redaction.py                  ours alone
    pip install presidio-analyzer scrubadub phonenumbers datafog detect-secrets
    python benchmarks/dossier/redaction.py                  beside those that are installed
    python benchmarks/dossier/redaction.py --misses         and what ours leaves

The labelled texts are in tests/data/redaction: rules were written with `dev.jsonl` in view and without `held.jsonl`.
They are synthetic. Something counts as hidden where at least 80 % of its letters and digits are gone. Ordinary prompts
come from the Parquet file that STILLHUNT_TEXTS names, where there is one. The libraries run with what they find without
a model of a language: Presidio's and scrubadub's recognisers of names need one, which its makers do not publish on
PyPI.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import logging
import os
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "src"))
from stillhunt.base.redaction import REDACTIONS

LABELLED = Path(__file__).parents[2] / "tests" / "data" / "redaction"
CORPUS = Path(os.environ.get("STILLHUNT_TEXTS", "texts.parquet"))
"""Real texts, with the column text; named by the environment, since none are shipped."""
CORPUS_TEXTS, CORPUS_CHARACTERS, SEED = 4000, 4000, 7
HIDDEN_SHARE = 0.8
KNOWN_ENDING = ".company"
"""In place of .example, which no registry gives out: libraries look the ending of an address up."""
REGIONS = {
    "en": ("US", "GB", "AU", "IN"), "de": ("DE",), "fr": ("FR",), "es": ("ES", "MX"), "pt": ("BR", "PT"), "it": ("IT",),
    "nl": ("NL",), "pl": ("PL",), "ru": ("RU",), "zh": ("CN",), "ja": ("JP",), "ko": ("KR",), "ar": ("AE", "SA", "EG"),
    "tr": ("TR",),
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


def scrub() -> Finder:
    import scrubadub

    scrubber = scrubadub.Scrubber()
    return lambda text, _language: [(one.beg, one.end) for one in scrubber.iter_filth(text)]


def phones() -> Finder:
    import phonenumbers

    def find(text: str, language: str) -> Iterable[tuple[int, int]]:
        for region in REGIONS[language]:
            for hit in phonenumbers.PhoneNumberMatcher(text, region):
                yield hit.start, hit.end

    return find


def fog() -> Finder:
    import datafog

    return lambda text, _language: [(one.start, one.end) for one in datafog.scan(text, engine="regex").entities]


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


LIBRARIES: dict[str, Callable[[], Finder]] = {
    "presidio_analyzer": presidio,
    "scrubadub": scrub,
    "phonenumbers": phones,
    "datafog": fog,
    "detect-secrets": secrets,
}


def hidden(spans: Iterable[tuple[int, int]]) -> set[int]:
    return {place for start, end in spans for place in range(start, end)}


def measure(find: Finder, part: str, *, misses: bool) -> None:
    found, all_, false, clean = Counter[str](), Counter[str](), 0, 0
    for line in (LABELLED / f"{part}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        text = row["text"].replace(".example", KNOWN_ENDING)
        gone = hidden(find(text, row["language"]))
        clean += not row["spans"]
        false += bool(gone) and not row["spans"]
        for start, end, kind in row["spans"]:
            letters = [place for place in range(start, end) if text[place].isalnum()]
            hit = sum(place in gone for place in letters) >= HIDDEN_SHARE * len(letters)
            for key in (kind, row["language"], "all"):
                all_[key] += 1
                found[key] += hit
            if misses and not hit:
                print(f"    left: {kind} {text[start:end]!r}")
    kinds = ", ".join(f"{key} {found[key]}/{all_[key]}" for key in sorted(all_, key=lambda key: (len(key) == 2, key)))
    print(f"  {part}: {kinds}; texts with nothing to hide that are changed: {false}/{clean}")


def corpus_texts() -> list[str]:
    if not CORPUS.exists():
        return []
    import pyarrow.parquet as pq

    texts = pq.read_table(CORPUS, columns=["text"])["text"].to_pylist()
    drawn = random.Random(SEED).sample(texts, CORPUS_TEXTS)  # noqa: S311 - a sample that is the same every time
    return [text[:CORPUS_CHARACTERS] for text in drawn]


def on_prompts(find: Finder, texts: list[str]) -> None:
    begin = time.process_time()
    gone = [len(hidden(find(text, "en"))) for text in texts]
    seconds, characters = time.process_time() - begin, sum(map(len, texts))
    print(
        f"  {len(texts)} ordinary prompts: {sum(map(bool, gone)) / len(texts):.1%} changed, "
        f"{sum(gone) / characters:.2%} of their characters hidden; {characters / 1e6 / seconds:.2f} MB/s"
    )


def installed_size(name: str) -> str:
    files = importlib.metadata.files(name) or []
    size = sum(Path(str(file.locate())).stat().st_size for file in files if Path(str(file.locate())).is_file())
    about: Any = importlib.metadata.metadata(name)
    licence = about.get("License-Expression") or about.get("License") or "see its classifiers"
    return f"{importlib.metadata.version(name)}, {size / 1e6:.1f} MB installed without what it needs, {licence[:40]!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--misses", action="store_true", help="show what ours leaves")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable()  # tldextract cannot ask for a newer list, and says so at length
    texts = corpus_texts()
    if not texts:
        print("no ordinary prompts here: STILLHUNT_TEXTS names no file")
    print("ours")
    for part in ("dev", "held"):
        measure(ours, part, misses=arguments.misses)
    if texts:
        on_prompts(ours, texts)
    for name, make in LIBRARIES.items():
        try:
            print(f"{name} ({installed_size(name)})")
            find = make()
        except (importlib.metadata.PackageNotFoundError, ImportError) as error:
            print(f"{name}: not installed ({error})")
            continue
        for part in ("dev", "held"):
            measure(find, part, misses=False)
        if texts:
            on_prompts(find, texts[:400])  # some of them take a second for a long text


if __name__ == "__main__":
    main()
