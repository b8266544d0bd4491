"""Names of people in scripts with capital letters: by what stands before them, and by lists of names.

A full name is found by a known given name, and any name after a title, a greeting, "my name is", a label of a form, or
the end of a letter. A given name without all of these stays: it names nobody, and questions about apples need theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillhunt.base.redaction.edits import Edit, FindEdits, non_overlapping
from stillhunt.base.redaction.name_lists import name_lists

_WORD = re.compile(r"[^\W\d_]{1,40}(?:['’-][^\W\d_]{1,40}){0,3}\.?")
_GAP = re.compile(r"[ \t\u00a0]{1,2}")
_MOST_WORDS = 5
"""Words of a name, particles and initials included."""

_TITLES = (
    r"Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Doctor|Herrn?|Frau|Fräulein|M|Mme|Mlle|Mmes|Monsieur|Madame|Mademoiselle"
    r"|Maître"
    r"|Sr|Sra|Srta|[Ss]eñor(?:a|ita)?|Don|Doña|[Ss]enhor(?:a|ita)?|Dona|Sig|Sig\.ra|[Ss]ignora?|Dott|Dott\.ssa|Ing|Avv"
    r"|Dhr|Mevr"
    r"|[Hh]eer|[Mm]evrouw|[Mm]eneer|Panie|Pani|Pana|Panu|Panią|[Гг]осподину?|[Гг]оспож[аеу]|[Гг]-н|[Гг]-жа|Sayın|Mag"
    r"|Dipl\.-Ing"
)
_TITLE = re.compile(rf"(?<![\w.])(?:(?:{_TITLES})\.?[ ]){{1,3}}(?=[^\W\d_])")
_NAMED = re.compile(
    r"(?i)(?<!\w)(?:(?:my|his|her|their|full|the customer['’]s|the patient['’]s)(?: full)? name(?: is|['’]s)"
    r"|i am called|mein name ist|ich hei(?:ß|ss)e|hei(?:ß|ss)e"
    r"|je m['’]appelle|mon nom est|me llamo|mi nombre es|me chamo|(?:o )?meu nome é|mi chiamo|il mio nome è"
    r"|mijn naam is"
    r"|ik heet|nazywam się|mam na imię|jag heter|mitt namn är|jeg heter|mit navn er|(?:benim )?ad[ıi]m|меня зовут"
    r"|моё имя"
    r"|мене звати)[\s:]{1,2}"
)
_INTRODUCED = re.compile(
    r"(?i)(?<!\w)(?:(?P<self>i['’]m|i am|je suis|soy|sou(?: o| a)?|sono|ik ben|jestem|я)|this is|it['’]s|call me"
    r"|ich bin|hier ist"
    r"|c['’]est|ben|это|hi|hello|hey|hallo|bonjour|salut|hola|olá|ciao|hoi|cześć|привет|merhaba)[ ,]{1,2}"
)
"""What may stand before a name and before anything else: a known name must follow, or, where people say who they are,
two words with capital letters."""
_LABELS = (
    r"(?:full|first|last|given|sur|family|middle|maiden|customer|patient|client|contact|account|user|employee|holder"
    r"|beneficiary)[ _-]?name"
    r"|patient(?:in)?|employee|applicant|account holder|holder|attn\.?|attention|contact(?: person)?|signed(?: by)?"
    r"|sender|recipient"
    r"|bill to|ship to|invoice to|deliver to|customer|client|insured|tenant|guest|passenger|author of the letter"
    r"|(?:vor|nach|familien)name|kundin|kunde|ansprechpartner(?:in)?|empfänger(?:in)?|unterzeichnet|nom(?: et prénom)?"
    r"|prénom|client|destinataire"
    r"|nombre(?: completo| y apellidos)?|apellidos?|paciente|cliente|destinatario|nome(?: completo)?|sobrenome"
    r"|nome e cognome|cognome|paziente"
    r"|naam|voornaam|achternaam|imię(?: i nazwisko)?|nazwisko|фио|ф\.и\.о\.|имя|фамилия|отчество|пациент|клиент"
    r"|получатель|ad[ıi] soyad[ıi]"
)
_FORM = re.compile(rf"(?i)(?<!\w)(?:{_LABELS})\"?[ ]?[:=][\s\"]{{0,3}}")
_WEAK_FORM = re.compile(r"(?i)(?<!\w)(?:name|from|to|cc|bcc|by|von|an|de|para|da|ad)\"?[ ]?[:=][\s\"]{0,3}")
"""Labels that stand before other things too: two words, or a known name, must follow."""
_LETTER = re.compile(
    r"(?<!\w)(?:Dear|Dearest|Liebe[rs]?|Sehr geehrte[rsn]?|Geehrte[rsn]?|Chère?s?|Cher|Estimad[oa]s?|Querid[oa]s?"
    r"|Prezad[oa]s?|Car[oa]|Gentile|Egregi[oa]"
    r"|Geachte|Beste|Lieve|Szanown[ya]|Drog[ia]|Уважаем(?:ый|ая)|Дорог(?:ой|ая)|Здравствуйте,|Kære|Kära|Bästa"
    r"|Sevgili)[ ]"
)
_CLOSING = re.compile(
    r"(?i)(?<!\w)(?:(?:best|kind|warm|warmest|many|with) (?:regards|wishes|thanks)|regards|sincerely(?: yours)?"
    r"|yours(?: truly| faithfully| sincerely)?"
    r"|thanks(?: a lot| so much| again)?|thank you|cheers|respectfully|love|mit freundlichen grü(?:ß|ss)en"
    r"|freundliche grü(?:ß|ss)e"
    r"|(?:viele|liebe|beste|herzliche) grü(?:ß|ss)e|mfg|lg|hochachtungsvoll|cordialement|bien à vous"
    r"|sincères salutations|salutations distinguées|amicalement"
    r"|atentamente|saludos(?: cordiales)?|un saludo|cordialmente|atenciosamente|(?:com os )?melhores cumprimentos"
    r"|cumprimentos|abraços?"
    r"|cordiali saluti|distinti saluti|saluti|un abbraccio|met vriendelijke groet(?:en)?|groet(?:en|jes)?|z poważaniem"
    r"|pozdrawiam"
    r"|с уважением|с наилучшими пожеланиями|saygılarımla|med vänliga hälsningar"
    r"|med venlig hilsen)(?P<stop>[,.!]?\s{1,3}|[,\n])(?=[^\W\d_])"
)
_PATRONYMIC = re.compile(r"[А-ЯЁ][а-яё]{2,20}(?:ович|евич|ич|овна|евна|ична|инична)(?:а|у|ем|ом|е|ы|ой|и)?")
_SLAVIC_FAMILY = re.compile(
    r"[А-ЯЁІЇЄ][а-яёіїє]{1,20}(?:ов|ев|ёв|ин|ын|ск(?:ий|ой|ая)|цк(?:ий|ая)|енко|ук|юк|чук|ян|дзе|швили|ых|их)(?:а|у|ым"
    r"|ой|е|ого|ому|ую)?"
)
_CYRILLIC_ENDINGS = ("ой", "ей", "ом", "ем", "ия", "ию", "ии", "а", "у", "ы", "е", "и", "ю", "я", "й", "ь")
_INITIALS = re.compile(r"(?<![\w.])(?:[A-ZÀ-ÞŁŚ]\.[ -]?){1,3}(?=[^\W\d_]{3})")


def _clean(word: str) -> str:
    return word.rstrip(".")


def _is_name(word: str) -> bool:
    """Whether a word has the form of a name: a capital letter, then not all of them."""
    plain = _clean(word)
    if not plain[0].isupper() or plain in name_lists().no_names:
        return False
    return len(plain) == 1 or not plain.isupper() or len(plain) > 3


def _titled(word: str) -> str:
    """A word as lists write it: the first part of a double name, and no capitals behind the first letter."""
    first = re.split(r"['’-]", _clean(word))[0]
    return first if not first.isupper() else first.title()


def is_given(word: str) -> bool:
    """Whether a word is a known given name that is hardly ever anything else.

    Args:
        word: as it stands in a text, in Latin or Cyrillic letters.
    """
    lists, plain = name_lists(), _titled(word)
    if plain in lists.given or plain in lists.cyrillic:
        return True
    if "\u0400" <= plain[:1] <= "\u04ff":
        return any(
            plain.endswith(end)
            and any(plain[: -len(end)] + ending in lists.cyrillic for ending in ("", "й", "я", "а", "ь"))
            for end in _CYRILLIC_ENDINGS
        )
    return False


def _is_family(word: str) -> bool:
    return _titled(word) in name_lists().family or _SLAVIC_FAMILY.fullmatch(_clean(word)) is not None


def _name_from(text: str, start: int, most: int = _MOST_WORDS) -> list[tuple[int, int]]:
    """Spans of the words of a name that begins here; empty where none does."""
    words: list[tuple[int, int]] = []
    kept = 0
    at = start
    while len(words) < most and (match := _WORD.match(text, at)):
        word = match.group()
        if _is_name(word):
            # a full stop behind a long word ends the sentence, and the name
            end = match.end() - (word.endswith(".") and len(word) > 3)
            words.append((match.start(), end))
            kept = len(words)
            if word.endswith(".") and len(word) > 3:
                break
        elif words and word in name_lists().particles:
            words.append(match.span())
        else:
            break
        gap = _GAP.match(text, match.end())
        if gap is None:
            break
        at = gap.end()
    return words[:kept]


def _whole(words: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    if words:
        yield words[0][0], words[-1][1]


def _after_context(text: str) -> Iterator[tuple[int, int]]:
    for match in _TITLE.finditer(text):
        yield from _whole(_name_from(text, match.end(), 4))
    for match in _NAMED.finditer(text):
        words = _name_from(text, match.end())
        yield from _whole(words) if words else _in_small_letters(text, match.end())
    for match in _FORM.finditer(text):
        yield from _whole(_name_from(text, match.end()))
    for match in _WEAK_FORM.finditer(text):
        words = _name_from(text, match.end())
        if len(words) > 1 or (words and is_given(text[slice(*words[0])])):
            yield from _whole(words)
    for match in _LETTER.finditer(text):
        at = match.end()
        title = _TITLE.match(text, at)
        yield from _whole(_name_from(text, title.end() if title else at, 4))
    for match in _INTRODUCED.finditer(text):
        words = _name_from(text, match.end())
        known = words and (is_given(text[slice(*words[0])]) or _is_family(text[slice(*words[-1])]))
        if known or (match["self"] and len(words) > 1):
            yield from _whole(words)
    for match in _CLOSING.finditer(text):
        words = _name_from(text, match.end(), 4)
        first = text[slice(*words[0])] if words else ""
        if words and (is_given(first) or (len(words) > 1 and match["stop"].strip(" ") in ("", ",", "\n", ",\n"))):
            yield from _whole(words)


def _in_small_letters(text: str, at: int) -> Iterator[tuple[int, int]]:
    """A known given name, and a known name behind it, as in "my name is jane doe"."""
    first = _WORD.match(text, at)
    if first and is_given(first.group().capitalize()):
        gap = _GAP.match(text, first.end())
        second = _WORD.match(text, gap.end()) if gap else None
        known = second and (_is_family(second.group().capitalize()) or is_given(second.group().capitalize()))
        yield first.start(), second.end() if second and known else first.end()


def _known_names(text: str) -> Iterator[tuple[int, int]]:
    """Full names by lists: one pass over the words."""
    lists = name_lists()
    done = 0
    for match in _WORD.finditer(text):
        word = match.group()
        if match.start() < done or not word[0].isupper() or not _is_name(word):
            continue
        words = _name_from(text, match.start())
        names = [text[slice(*span)] for span in words]
        names = [name for name in names if name not in lists.particles]
        if len(names) < 2:
            continue
        known = is_given(word) and any(len(_clean(name)) > 1 for name in names[1:])
        known = known or (_titled(word) in lists.given_words and any(map(_is_family, names[1:])))
        known = known or (_is_family(word) and is_given(names[1]))
        known = known or any(_PATRONYMIC.fullmatch(_clean(name)) for name in names[1:])
        if known:
            done = words[-1][1]
            yield words[0][0], done
    for match in _INITIALS.finditer(text):
        words = _name_from(text, match.end(), 2)
        if words and _is_family(text[slice(*words[0])]):
            yield match.start(), words[-1][1]


def _name_edits(text: str) -> list[Edit]:
    return non_overlapping((start, end, "[name]") for start, end in (*_after_context(text), *_known_names(text)))


NAME_RULES: tuple[tuple[str, FindEdits], ...] = (("[name]", _name_edits),)
"""Label and rule."""
