"""E-mail addresses, network addresses and phone numbers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from stillhunt.base.redaction.edits import Edit, FindEdits, labelled, non_overlapping, only_with

_EMAIL = re.compile(
    r"[\w.+%'-]{1,64}(?:[@＠]|\s?[\[({]\s?(?:at|@)\s?[\])}]\s?)"
    r"[\w-]{1,63}(?:(?:\.|\s?[\[({]\s?(?:dot|\.)\s?[\])}]\s?)[\w-]{1,63}){1,8}"
)
_SPELT_EMAIL = re.compile(
    r"(?i)\b[\w+%-]{1,64}(?: dot [\w+%-]{1,64}){0,3} at [\w-]{1,63}(?: dot [\w-]{1,63}){0,3} dot [a-z]{2,24}\b"
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\d)")
_IPV6 = re.compile(r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])")

_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00)\d[\d ()./-]{5,18}\d(?!\d)")
_WITH_AREA = (
    re.compile(r"(?<![\w(])\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"),
    re.compile(r"(?<![\w(])\(\d{2,4}\) ?\d{3,5}[ -]\d{3,4}(?!\w)"),
    re.compile(r"(?<![\w.+-])[78] ?\(?\d{3}\)? ?\d{3}[ -]\d{2}[ -]\d{2}(?!\w)"),
    re.compile(r"(?<![\w.+-])1[3-9]\d(?:[ -]?\d{4}){2}(?![\d])"),
    re.compile(r"(?<![\w.+-])[67]\d{2}(?: \d{2}){3}(?!\w)"),
)
"""With an area code: of North America, in brackets, of Russia; mobile ones of China and Spain."""
_WITH_ZERO = re.compile(
    r"(?<![\w.,:/+-])(?!\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?![\d./-]))"
    r"\(?0\d{1,4}\)?(?:[ ./-]{1,3}\d{2,8}){1,5}(?![\w])|(?<![\w.,+-])0\d{8,10}(?!\w)"
)
"""With the zero before an area code, which most countries have; no date."""
_PHONE_WORDS = (
    r"phone(?: number| no\.?)?|tel(?:ephone|efon|éfono|efono|efone|efoon|éphone)?(?:nummer| number)?|telefonum|mobile?"
    r"|cell(?:phone|ulare|ular)?|call me (?:on|at)|handy(?:nummer)?|rufnummer|portable|móvil|celular|telemóvel|whatsapp"
    r"|fax|телефон\w{0,3}|тел|номеру?|手机号?|手機|电话|電話(?:番号)?|携帯|전화(?:번호)?|휴대폰"
    r"|(?:رقم )?(?:ال)?(?:هاتف|جوال)ي?"
)
_AFTER_PHONE_WORD = re.compile(
    rf"(?i)(?<!\w)(?:{_PHONE_WORDS})(?:\s?(?:is|ist|est|es|é|è|pod|unter|по|号码|은|는|は|是))?[\s.:：=#(]{{0,4}}"
    r"(?P<hide>\+?\(?\d[\d ()./-]{4,18}\d)(?!\d)"
)
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 8, 15
"""Digits of a number with its area code; the most are those of ITU E.164, and the fewest a judgement."""


def _address_edits(text: str) -> list[Edit]:
    found = [
        m for pattern in (_IPV4, _IPV6) for m in pattern.finditer(text) if len(m.group()) > 3 and _is_ip(m.group())
    ]
    return [(m.start(), m.end(), "[address]") for m in sorted(found, key=lambda m: m.start())]


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _phone_edits(text: str) -> list[Edit]:
    return non_overlapping((start, end, "[phone]") for start, end in _phones(text))


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (_INTERNATIONAL, *_WITH_AREA):
        yield from (match.span() for match in pattern.finditer(text))
    yield from (match.span("hide") for match in _AFTER_PHONE_WORD.finditer(text))
    for match in _WITH_ZERO.finditer(text):
        if _FEWEST_PHONE_DIGITS <= sum(map(str.isdigit, match.group())) <= _MOST_PHONE_DIGITS:
            yield match.span()


CONTACT_RULES: tuple[tuple[str, FindEdits], ...] = (
    ("[e-mail]", only_with(labelled("[e-mail]", _EMAIL), "@", "＠", "(at", "[at", "{at", "( at", "[ at", "{ at")),
    ("[e-mail]", only_with(labelled("[e-mail]", _SPELT_EMAIL), " dot ")),
    ("[address]", only_with(_address_edits, "0", ":")),
)
"""Label and rule."""
PHONE_RULES: tuple[tuple[str, FindEdits], ...] = (("[phone]", only_with(_phone_edits, "0")),)
"""Label and rule; to be used after those that know other numbers."""
