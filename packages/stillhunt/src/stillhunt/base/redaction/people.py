"""Names of people in scripts with capital letters: by what stands before them, and by lists of names.

A full name is found by a known given name, and any name after a title, a greeting, "my name is", a label of a form, or
the end of a letter. A given name without all of these stays: it names nobody, and questions about apples need theirs.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from stillhunt.base.redaction.edits import Edit, FindEdits, Span, non_overlapping
from stillhunt.base.redaction.name_lists import folded, name_lists

_WORD = re.compile(r"[^\W\d_]{1,40}(?:['’-][^\W\d_]{1,40}){0,3}\.?")
_GAP = re.compile(r"[ \t\u00a0]{1,2}")
_PARTS = re.compile(r"['’-]")
_END_OF_VALUE = re.compile(r"[ \t]*(?:[,;.\n|\"']|$|(?:and|und|et|y|e|en|i|ve|и)\s)")
_MOST_WORDS = 5
"""Words of a name, particles and initials included."""
_NO_NAMES = re.compile("not?|the|an?|on|in|my|your|very|also|for|of|and|nicht|kein|der|die|das|pas|non|el|la")
"""Small words with which no name begins."""
_FEWEST_LETTERS = 4
"""Letters of an unknown word in small letters that is taken for a family name; most shorter ones are and, is, has.
Judgement."""
_TITLES = (
    r"Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Professor|Doctor|Herrn?|Frau|Fräulein|M|Mme|Mlle|Mmes|Monsieur|Madame|Mademoiselle"
    r"|Maître|Sr|Sra|Srta|[Ss]eñor(?:a|ita)?|Don|Doña|[Ss]enhor(?:a|ita)?|Dona|Sig|Sig\.ra|[Ss]ignora?|Dott|Dott\.ssa"
    r"|Ing|Avv|Dhr|Mevr|[Hh]eer|[Mm]evrouw|[Mm]eneer|Panie|Pani|Pana|Panu|Panią|[Гг]осподину?|[Гг]оспож[аеу]|[Гг]-н"
    r"|[Гг]-жа|Sayın|Mag|Dipl\.-Ing"
)
_TITLE = re.compile(rf"(?<![\w.])(?:(?:{_TITLES})\.?[ ]){{1,3}}(?=[^\W\d_])")
_SMALL_TITLE = re.compile(
    r"(?<!\w)(?:mrs?|ms|miss|dr|prof|herrn?|frau|mme|mlle|monsieur|madame|señor(?:a|ita)?|senhora?|signora?|mevrouw|meneer"
    r"|panie?|pan|г-н|г-жа|господину?|госпож[аеу]|sayın|bay|bayan)\.?[ ](?=[^\W\d_])"
)
_NAMED = re.compile(
    r"(?i)(?<!\w)(?:(?:my|his|her|their|full|the customer['’]s|the patient['’]s)(?: full)? name(?: is|['’]s)"
    r"|i am called|mein name ist|ich hei(?:ß|ss)e|hei(?:ß|ss)e|je m['’]appelle|mon nom est|me llamo|mi nombre es"
    r"|me chamo|(?:o )?meu nome é|mi chiamo|il mio nome è|mijn naam is|ik heet|nazywam się|mam na imię|jag heter"
    r"|mitt namn är|jeg heter|mit navn er|(?:benim )?ad[ıi]m|меня зовут|моё имя|мене звати)[\s:]{1,2}"
)
_INTRODUCED = re.compile(
    r"(?i)(?<!\w)(?:(?P<self>i['’]m|i am|je suis|soy|sou(?: o| a)?|sono|ik ben|jestem|я)|this is|it['’]s|call me"
    r"|ich bin|hier ist"
    r"|c['’]est|ben|это|hi|hello|hey|hallo|bonjour|salut|hola|olá|ciao|hoi|cześć|привет|merhaba)[ ,]{1,2}"
)
"""What may stand before a name and before anything else: a known name must follow, or, where people say who they are,
two words with capital letters."""
_NAME_LABELS = (
    r"(?:full|first|last|given|sur|family|middle|maiden|customer|patient|client|contact|account|user|employee|holder"
    r"|beneficiary|tenant|guest)[ _-]?name|(?:vor|nach|familien)name|nom(?: et prénom|s)?|prénom|nombre(?: completo"
    r"| y apellidos)?|apellidos?|nome completo|sobrenome|nome(?: e cognome)?|cognome|naam|voornaam|achternaam"
    r"|imię(?: i nazwisko)?|nazwisko|фио|ф\.и\.о\.|имя|фамилия|отчество|ad[ıi]?[ ]?soyad[ıi]|isim"
)
_LABELS = (
    r"employee|applicant|(?:account )?holder|attn\.?|attention|contact(?: person)?|signed(?: by)?|sender|recipient"
    r"|bill to|ship to|invoice to|deliver to|customer|client|insured|tenant|landlord|guest|passenger|beneficiary"
    r"|author of the letter|patient(?:e|in)?|kundin|kunde|ansprechpartner(?:in)?|(?:ver)?mieter(?:in)?|empfänger(?:in)?"
    r"|absender(?:in)?|unterzeichnet|unterschrift|versicherte[rn]?|destinataire|expéditeur|locataire|bailleur|signé"
    r"|signature|cliente?|assurée?|paciente|destinatari[oa]|remitente|inquilin[oa]|firmado|firma|arrendatari[oa]"
    r"|remetente|assinado|assinatura|segurad[oa]|paziente|mittente|firmato|affittuario|assicurato|patiënte?|klant"
    r"|ontvanger|afzender|huurder|verhuurder|ondertekend|handtekening|pacjent(?:ka)?|klient(?:ka)?|odbiorca|nadawca"
    r"|najemca|podpis(?:ano)?|пациент(?:ка)?|клиент(?:ка)?|получатель|отправитель|арендатор|подпись|заявитель|hasta"
    r"|müşteri|alıcı|gönderen|kiracı|imza|sigortalı"
)
_FORM = re.compile(rf"(?i)(?<!\w)(?:(?P<name>{_NAME_LABELS})|{_LABELS})\"?[ ]?[:=][\s\"]{{0,3}}")
_WEAK_FORM = re.compile(r"(?i)(?<!\w)(?:name|from|to|cc|bcc|by|von|an|de|para|da|ad)\"?[ ]?[:=][\s\"]{0,3}")
"""Labels that stand before other things too: two words, or a known name, must follow."""
_LETTER = re.compile(
    r"(?i)(?<!\w)(?:Dear|Dearest|Liebe[rs]?|Sehr geehrte[rsn]?|Geehrte[rsn]?|Chère?s?|Cher|Estimad[oa]s?|Querid[oa]s?"
    r"|Prezad[oa]s?|Car[oa]|Gentile|Egregi[oa]|Geachte|Beste|Lieve|Szanown[ya]|Drog[ia]|Уважаем(?:ый|ая)|Дорог(?:ой|ая)"
    r"|Здравствуйте,|Kære|Kära|Bästa|Sevgili)[ ]"
)
_CLOSING = re.compile(
    r"(?i)(?<!\w)(?:(?:best|kind|warm|warmest|many|with) (?:regards|wishes|thanks)|regards|sincerely(?: yours)?"
    r"|yours(?: truly| faithfully| sincerely)?|thanks(?: a lot| so much| again)?|thank you|cheers|respectfully|love"
    r"|mit freundlichen grü(?:ß|ss)en|freundliche grü(?:ß|ss)e|(?:viele|liebe|beste|herzliche) grü(?:ß|ss)e|mfg|lg"
    r"|hochachtungsvoll|cordialement|bien à vous|sincères salutations|salutations distinguées|amicalement|atentamente"
    r"|saludos(?: cordiales)?|un saludo|cordialmente|atenciosamente|(?:com os )?melhores cumprimentos|cumprimentos"
    r"|abraços?|cordiali saluti|distinti saluti|saluti|un abbraccio|met vriendelijke groet(?:en)?|groet(?:en|jes)?"
    r"|z poważaniem|pozdrawiam|с уважением|с наилучшими пожеланиями|saygılarımla|med vänliga hälsningar"
    r"|med venlig hilsen)(?P<stop>[,.!]?\s{1,3}|[,\n])(?=[^\W\d_])"
)
_PATRONYMIC = re.compile(r"[А-ЯЁ][а-яё]{2,20}(?:ович|евич|ич|овна|евна|ична|инична)(?:а|у|ем|ом|е|ы|ой|и)?")
_SLAVIC_FAMILY = re.compile(
    r"[А-ЯЁІЇЄ][а-яёіїє]{1,20}(?:ов|ев|ёв|ин|ын|ск(?:ий|ой|ая)|цк(?:ий|ая)|енко|ук|юк|чук|ян|дзе|швили|ых|их)(?:а|у|ым"
    r"|ой|е|ого|ому|ую)?"
)
_CYRILLIC_ENDINGS = ("ой", "ей", "ом", "ем", "ия", "ию", "ии", "а", "у", "ы", "е", "и", "ю", "я", "й", "ь")
_INITIALS = re.compile(r"(?<![\w.])(?:[A-ZÀ-ÞŁŚ]\.[ -]?){1,3}(?=[^\W\d_]{3})")


def _strip_final_dots(word: str) -> str:
    return word.rstrip(".")


def _is_name(word: str) -> bool:
    """Whether a word has the form of a name: a capital letter, then not all of them."""
    plain = _strip_final_dots(word)
    if not plain[0].isupper() or plain in name_lists().no_names:
        return False
    return len(plain) == 1 or not plain.isupper() or len(plain) > 3


@lru_cache(maxsize=1 << 15)
def _normalise_name_word(word: str) -> str:
    """A word as lists write it: the first part of a double name, in small letters."""
    return folded(_PARTS.split(_strip_final_dots(word))[0])


@lru_cache(maxsize=1 << 15)
def is_given(word: str) -> bool:
    """Whether a word, Latin or Cyrillic, is a known given name that is hardly ever anything else."""
    lists, plain = name_lists(), _normalise_name_word(word)
    if plain in lists.given or plain in lists.cyrillic:
        return True
    if "\u0400" <= plain[:1] <= "\u04ff":
        return any(
            plain.endswith(end)
            and any(plain[: -len(end)] + ending in lists.cyrillic for ending in ("", "й", "я", "а", "ь"))
            for end in _CYRILLIC_ENDINGS
        )
    return False


def _may_be_given(word: str) -> bool:
    return is_given(word) or _normalise_name_word(word) in name_lists().given_words


def _is_family(word: str) -> bool:
    return (
        _normalise_name_word(word) in name_lists().family
        or _SLAVIC_FAMILY.fullmatch(_strip_final_dots(word).capitalize()) is not None
    )


def _may_be_family(word: str) -> bool:
    return _is_family(word) or _normalise_name_word(word) in name_lists().family_words


def _name_from(text: str, start: int, most: int = _MOST_WORDS) -> list[Span]:
    """Spans of the words of a name that begins here; empty where none does."""
    words: list[Span] = []
    kept = 0
    for span in _words_from(text, start, most):
        word = text[slice(*span)]
        if _is_name(word):
            words.append(span)
            kept = len(words)
        elif words and word in name_lists().particles:
            words.append(span)
        else:
            break
    return words[:kept]


def _words_from(text: str, at: int, most: int) -> Iterator[Span]:
    """Spans of words with one gap between them; a full stop behind a long word ends the sentence, and the name."""
    for _ in range(most):
        match = _WORD.match(text, at)
        if match is None:
            return
        ends = match.group().endswith(".") and len(match.group()) > 3
        yield match.start(), match.end() - ends
        gap = _GAP.match(text, match.end())
        if ends or gap is None:
            return
        at = gap.end()


def _iterate_whole_names(words: list[Span]) -> Iterator[Span]:
    if words:
        yield words[0][0], words[-1][1]


def _small_name_from(text: str, at: int, *, labelled: bool = False) -> list[Span]:
    """Spans of the words of a name in small letters that begins here, as in "my name is jane doe".

    A given name, and what follows it: known names, and one word more, for most family names are in no list. What a
    label announces is a name, too, where nothing but two or three words stands there.
    """
    words = list(_words_from(text, at, _MOST_WORDS))
    names = [text[slice(*span)] for span in words]
    if not names or not names[0][0].islower() or _NO_NAMES.fullmatch(names[0]):
        return []
    kept = int(_may_be_given(names[0]))
    if kept or (len(names) > 1 and _is_family(names[1])):
        for place, name in enumerate(names[1:], 2):
            known = _may_be_given(name) or _may_be_family(name)
            if known or (kept == 1 and len(name) >= _FEWEST_LETTERS and is_given(names[0])):
                kept = place
            elif name not in name_lists().particles:
                break
    if labelled and len(words) in (2, 3) and _END_OF_VALUE.match(text, words[-1][1]):
        kept = len(words)
    return words[:kept]


def _after_context(text: str) -> Iterator[Span]:
    for match in _TITLE.finditer(text):
        yield from _iterate_whole_names(_name_from(text, match.end(), 4))
    for match in _SMALL_TITLE.finditer(text):
        yield from _iterate_whole_names(_small_name_from(text, match.end()))
    for pattern in (_NAMED, _FORM):
        for match in pattern.finditer(text) if pattern is _NAMED or ":" in text or "=" in text else ():
            labelled = pattern is _NAMED or match["name"] is not None
            yield from _iterate_whole_names(
                _name_from(text, match.end()) or _small_name_from(text, match.end(), labelled=labelled)
            )
    for match in _WEAK_FORM.finditer(text):
        words = _name_from(text, match.end())
        if len(words) > 1 or (words and is_given(text[slice(*words[0])])):
            yield from _iterate_whole_names(words)
    for match in _LETTER.finditer(text):
        title = _TITLE.match(text, match.end())
        at = title.end() if title else match.end()
        yield from _iterate_whole_names(
            _name_from(text, at, 4) if match.group()[0].isupper() else _small_name_from(text, at)
        )
    for match in _INTRODUCED.finditer(text):
        words = _name_from(text, match.end())
        known = words and (is_given(text[slice(*words[0])]) or _is_family(text[slice(*words[-1])]))
        if known or (match["self"] and len(words) > 1):
            yield from _iterate_whole_names(words)
    for match in _CLOSING.finditer(text):
        words = _name_from(text, match.end(), 4)
        first = text[slice(*words[0])] if words else ""
        if words and (is_given(first) or (len(words) > 1 and match["stop"].strip(" ") in ("", ",", "\n", ",\n"))):
            yield from _iterate_whole_names(words)
        elif not words and (
            "," in match["stop"] or "\n" in match["stop"] or match.group()[:3].lower() in ("mfg", "lg ")
        ):
            yield from _iterate_whole_names(_small_name_from(text, match.end()))


def _known_names(text: str) -> Iterator[Span]:
    """Full names by lists: one pass over the words."""
    done = 0
    for match in _WORD.finditer(text):
        word = match.group()
        if match.start() < done:
            continue
        if word[0].isupper():
            words = _name_from(text, match.start()) if _is_name(word) else []
            found = words if _is_full_name([text[slice(*span)] for span in words]) else []
        else:
            found = _small_name_from(text, match.start()) if is_given(word) else []
            found = found if len(found) > 1 else []
        for start, done in _iterate_whole_names(found):
            yield start, done
    for match in _INITIALS.finditer(text):
        words = _name_from(text, match.end(), 2)
        if words and _may_be_family(text[slice(*words[0])]):
            yield match.start(), words[-1][1]


def _is_full_name(words: list[str]) -> bool:
    """Whether words with capital letters are the name of somebody: by a known given name, or by a patronymic."""
    names = [word for word in words if word not in name_lists().particles]
    if len(names) < 2:
        return False
    return (
        (is_given(names[0]) and any(len(_strip_final_dots(name)) > 1 for name in names[1:]))
        or (_may_be_given(names[0]) and any(map(_may_be_family, names[1:])))
        or (_may_be_family(names[0]) and is_given(names[1]))
        or any(_PATRONYMIC.fullmatch(_strip_final_dots(name)) for name in names[1:])
    )


def _name_edits(text: str) -> list[Edit]:
    return non_overlapping((start, end, "[name]") for start, end in (*_after_context(text), *_known_names(text)))


NAME_RULES: tuple[tuple[str, FindEdits], ...] = (("[name]", _name_edits),)  # label and rule
