"""E-mail addresses, network addresses and phone numbers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from stillhunt.base.redaction.edits import NO_WORD_BEFORE, Edit, FindEdits, labelled, non_overlapping, only_with

_AT = r"(?:at|a|ät|arroba|arobase|chiocciola|małpa|собака|@)"
_DOT = r"(?:dot|punkt|point|punto|ponto|punt|kropka|nokta|точка|\.)"
_EMAIL = re.compile(
    rf"(?i)[\w.+%'-]{{1,64}}(?:[@＠]|\s?[\[({{]\s?{_AT}\s?[\])}}]\s?)"
    rf"[\w-]{{1,63}}(?:(?:\.|\s?[\[({{]\s?{_DOT}\s?[\])}}]\s?)[\w-]{{1,63}}){{1,8}}"
)
_SPELT_EMAIL = re.compile(
    r"(?i)\b[\w+%-]{1,64}(?: dot [\w+%-]{1,64}){0,3} at [\w-]{1,63}(?: dot [\w-]{1,63}){0,3} dot [a-z]{2,24}\b"
    r"|\b[a-z0-9.+-]{1,64}_at_[a-z0-9-]{1,63}(?:_dot_[a-z0-9-]{1,63}){1,3}"
)
_HANDLE = re.compile(
    r"(?i)(?<!\w)(?:instagram|insta|twitter|telegram|snapchat|tiktok|discord|skype|wechat|line id|threads"
    r"|mastodon|reddit)"
    r"(?:\.com/|(?: (?:is|name|handle|id))?[\s:]{1,3})(?P<hide>(?=[\w.#@-]{0,32}[\d_.#@])@?[\w.-]{2,32}"
    r"(?:#\d{2,5})?)(?!\w)"
    r"|(?<=[^\s@] )(?P<mention>@(?=[a-z.]{0,30}[\d_])[a-z][\w.]{2,30})(?![\w(/])"
)
_MAC = re.compile(r"(?i)(?<![\w:-])(?:(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})(?![\w:.-])")
_DEGREES = r"\d{1,3}(?:\.\d{2,9} ?° ?|[°º] ?\d{1,2} ?['′’](?: ?\d{1,2}(?:\.\d{1,4})? ?[\"″”])? ?)[NSEWO](?!\w)"
_PLACE = re.compile(
    rf"{_DEGREES}(?:,? {_DEGREES})?"
    r"|(?i:(?<!\w)(?:gps|coord\w{0,10}|lat(?:itude)?|lon(?:gitude)?|lng|located|location|position|geo|map|at))"
    r"[\s:=('\"]{1,4}(?P<hide>-?\d{1,3}\.\d{4,12}(?: ?° ?[NSEWO])?(?:\s?[,;]\s?-?\d{1,3}\.\d{4,12}"
    r"(?: ?° ?[NSEWO])?)?)(?![\d.])"
)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:(?:\.|\[\.\]|\(\.\)|\[dot\])\d{1,3}){3}(?!\d)")
_DEFANGED = re.compile(r"\[\.\]|\(\.\)|\[dot\]")
_IPV6 = re.compile(r"(?i)(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])")

_INTERNATIONAL = re.compile(r"(?<![\w+])(?:\+|00)\d[\d ()./-]{5,18}\d(?!\d)")
_WITH_AREA = (
    re.compile(r"(?<![\w(])\(?\d{3}\)?[ .-]{1,2}\d{3}[ .-]\d{4}(?!\w)"),
    re.compile(r"(?<![\w(])\(\d{2,4}\) ?\d{3,5}[ -]\d{3,4}(?!\w)"),
    re.compile(r"(?<![\w.+-])[78] ?\(?\d{3}\)? ?\d{3}[ -]\d{2}[ -]\d{2}(?!\w)"),
    re.compile(r"(?<![\w.+-])1[3-9]\d(?:[ -]?\d{4}){2}(?![\d])"),
    re.compile(r"(?<![\w.+-])[67]\d{2}(?: \d{2}){3}(?!\w)"),
    re.compile(r"(?<![\w.+-])\(\d{2}\) \d{3} \d{2} \d{2}(?!\w)"),
)
"""With an area code: of North America, in brackets, of Russia; mobile ones of China and Spain; of Poland."""
_WITH_ZERO = re.compile(
    r"(?<![\w.,:/+-])(?!\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?![\d./-]))"
    r"\(?0\d{1,4}\)?(?:[ ./-]{1,3}\d{2,8}){1,5}(?![\w])|(?<![\w.,+-])0\d{8,10}(?!\w)"
)
"""With the zero before an area code, which most countries have; no date."""
_PHONE_WORDS = (
    r"phone(?: number| no\.?)?|tel(?:ephone|efon|éfono|efono|efone|efoon|éphone)?(?:nummer| number)?|telefonum|mobile?"
    r"|cell(?:phone|ulare|ular)?|call me (?:on|at)|handy(?:nummer)?|rufnummer|portable|móvil|celular|telemóvel|whatsapp"
    r"|fax|(?:call|text|sms|dial|ring)(?:/(?:call|text|sms))?(?: me)?(?: on| at)?|festnetz|ruf(?:en sie)?(?: mich)? an"
    r"|appelez(?:-moi)?(?: au)?|fixe|ll[aá]mame al?|me liga(?: no)?|chiamami(?: al)?|mobiel|vast nummer|bel"
    r"(?: mij| me)?(?: op)?"
    r"|zadzwoń|dzwoń|kom\.?|komórka|stacjonarny|cep(?: telefonu)?|beni ara|позвони\w{0,3}|звони\w{0,3}|моб|联系方式"
    r"|連絡先"
    r"|연락처|اتصل بي"
    r"|телефон\w{0,3}|тел|номеру?|手机号?|手機|电话|電話(?:番号)?|携帯|전화(?:번호)?|휴대폰"
    r"|(?:رقم )?(?:ال)?(?:هاتف|جوال)ي?"
)
_AFTER_PHONE_WORD = re.compile(
    rf"(?i){NO_WORD_BEFORE}(?:{_PHONE_WORDS})(?:\s?(?:is|ist|est|es|é|è|pod|unter|по|号码|은|는|は|是))?[\s.:：=#(]{{0,4}}"
    r"(?P<hide>\+?\(?\d[\d ()./-]{4,18}\d)(?!\d)"
)
_FEWEST_PHONE_DIGITS, _MOST_PHONE_DIGITS = 8, 15
"""Digits of a number with its area code; the most are those of ITU E.164, and the fewest a judgement."""


def _address_edits(text: str) -> list[Edit]:
    found = [
        m for pattern in (_IPV4, _IPV6) for m in pattern.finditer(text) if len(m.group()) > 3 and _is_ip(m.group())
    ]
    found += _MAC.finditer(text)
    return non_overlapping((*match.span(), "[address]") for match in found)


def _handle_edits(text: str) -> list[Edit]:
    return [(*match.span(match.lastgroup or 0), "[handle]") for match in _HANDLE.finditer(text)]


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(_DEFANGED.sub(".", text))
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
    (
        "[e-mail]",
        only_with(
            labelled("[e-mail]", _EMAIL),
            "@",
            "＠",
            *(f"{open_}{a}" for open_ in "([{" for a in ("a", " a", "ä", "c", "с", "m")),
        ),
    ),
    ("[e-mail]", only_with(labelled("[e-mail]", _SPELT_EMAIL), " dot ", "_dot_")),
    ("[handle]", only_with(_handle_edits, "0", "_", "@", "#")),
    ("[place]", only_with(labelled("[place]", _PLACE), "0")),
    ("[address]", only_with(_address_edits, "0", ":")),
)
"""Label and rule."""
PHONE_RULES: tuple[tuple[str, FindEdits], ...] = (("[phone]", only_with(_phone_edits, "0")),)
"""Label and rule; to be used after those that know other numbers."""
