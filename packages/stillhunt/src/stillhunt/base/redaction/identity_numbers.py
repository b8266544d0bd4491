"""Numbers of cards, bank accounts and papers, and dates of birth."""

from __future__ import annotations

import re

from stillhunt.base.redaction.edits import (
    NO_WORD_BEFORE,
    NO_WORD_BEHIND,
    Edit,
    FindEdits,
    labelled,
    non_overlapping,
    only_with,
)

_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")
_FORMS = (
    re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"),  # United States: social security
    re.compile(r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d{2}(?!\w)"),  # Brazil: CPF
    re.compile(r"(?<!\w)[A-CEGHJ-PR-TW-Z][A-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)"),  # Britain: insurance
    re.compile(r"(?<!\w)[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z](?!\w)"),  # Italy: codice fiscale
    re.compile(r"(?<!\w)(?:\d{8}|[XYZ]\d{7})-?[A-HJ-NP-TV-Z](?!\w)"),  # Spain: DNI, NIE
    re.compile(r"(?<!\w)[12] ?\d{2} ?[0-9]{2} ?\d[\dAB] ?\d{3} ?\d{3}(?: ?\d{2})?(?!\w)"),  # France: NIR
    re.compile(r"(?<!\w)[1-9]\d{5}(?:18|19|20)\d{9}[\dXx](?!\w)"),  # China: resident
    re.compile(r"(?<!\w)\d{3}-\d{3}-\d{3}[ -]\d{2}(?!\w)"),  # Russia: SNILS
    re.compile(r"(?<!\w)\d{6}-[1-8]\d{6}(?!\w)"),  # Korea: resident
    re.compile(r"(?<!\w)[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d(?!\w)"),  # Mexico: CURP
    re.compile(r"(?<!\w)(?=\d{0,3}[A-Z])[A-HJ-NPR-Z\d]{13}\d{4}(?!\w)"),  # ISO 3779: vehicle
)
_PAPERS = (
    r"passport|pass(?:port)?nummer|reisepass|passeport|pasaporte|passaporte|passaporto|paspoort|paszport\w?|паспорт\w?"
    r"|护照号?|護照|パスポート|여권|(?:رقم )?(?:ال)?جواز(?: السفر)?"
    r"|(?:personal)?ausweis(?:nummer)?|(?:national |tax |voter )?id(?:entity|entification)?(?: card)?"
    r"|carte d['’]identité"
    r"|carta d['’]identità|documento de identidad|dni|(?-i:NIE)|nif|cif|rg|cpf|cnpj|curp|rfc|bsn|pesel|nip|cnp"
    r"|tc kimlik"
    r"|身份证号?|身分證|マイナンバー|個人番号|주민등록번호|رقم الهوية|рнокпп|инн|снилс"
    r"|s\.?s\.?n|social security|sozialversicherungs(?:nummer)?|steuer-?id(?:nummer)?|sécurité sociale|seguridad social"
    r"|codice fiscale|national insurance|nhs|medicare|aadhaar|aadhar|pan card|tax file|tfn|tin|(?-i:EIN)"
    r"|driv(?:er['’]?s?|ing) licen[cs]e|führerschein|permis de conduire|patente|licence plate|license plate"
    r"|mrn|medical record|patient id|chart|policy|claim|case|docket|membership|employee|staff|imei|vin|chassis"
    r"|plate|kennzeichen|versichert(?:en)?nummer|kranken(?:versicherungs|kassen)nummer|aktenzeichen|rentenversicherungs\w{0,8}"
    r"|num[eé]ro fiscal|n° fiscal|plaque|immatriculation|tarjeta sanitaria|matr[ií]cula|cart[ãa]o sus|partita iva|targa"
    r"|tessera sanitaria|burgerservice(?:nummer)?|rijbewijs|kenteken|dow[oó]d(?: osobisty)?|prawo jazdy|pasaport"
    r"|t\.?c\.?|kimlik|vergi|ehliyet|plaka|полис(?: омс)?|омс|водительск\w{1,4}(?: удостоверени\w)?"
    r"|医保卡|社保卡?|驾驶证|免許証?|保険証|健康保険|기초연금|여권|운전면허|건강보험|주민"
    r"|(?:الرقم )?القومي|رقم الإقامة|الإقامة"
    r"|account|konto(?:nummer)?|numéro de compte|número de cuenta|routing|sort code"
)
_AFTER_PAPER = re.compile(
    rf"(?i:{NO_WORD_BEFORE}(?:{_PAPERS})(?:[\s-]{{0,2}}(?:number|num|no|nr|nummer|numer|numéro|número|numero|numara(?:m|sı)?"
    r"|n°|nº|№|#|番号|号码?|번호)\.?)?(?:\s?(?:is|ist|est|es|é|è|to|は|是|는|은))?)[\s:：=#.]{0,4}"
    r"(?P<hide>(?:[A-Z]{1,3}|[A-Z]{0,6}\d[\dA-Z]{0,20})(?:[ ./-](?:[A-Z]{1,2}(?![\w])"
    rf"|[A-Z]{{0,3}}\d[\dA-Z]{{0,20}})){{0,7}}){NO_WORD_BEHIND}"
)
_FEWEST_PAPER_DIGITS = 4
"""Digits of a number after the name of a paper; fewer are a version or a section. Judgement."""
_LONG = re.compile(r"(?<![\d.])\d{13,}")

_BIRTH = (
    r"d\.?o\.?b\.?|date of birth|birth ?(?:date|day)|born|geboren|geb\.|geburts(?:datum|tag)|née?|naissance"
    r"|nacid[oa]|fecha de nacimiento|nacimiento|nascid[oa]|data de nascimento|nat[oa]|data di nascita|geboortedatum"
    r"|urodzon[ya]|data urodzenia|родил(?:ся|ась)|дата рождения|рожд\w*|г\.р\."
    r"|出生日期|出生于|出生|生于|生日|生年月日|誕生日|생년월일|생일|تاريخ الميلاد|مواليد|doğum tarihi"
)
_MONTH_WORD = r"[^\W\d_]{3,12}\.?"
_DATE = (
    r"\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}|\d{4}\s?[年년]\s?\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]?"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|º|\.)?\s(?:de\s|of\s)?{_MONTH_WORD}(?:\sde|\sdel|,)?\s\d{{4}}"
    rf"|{_MONTH_WORD}\s\d{{1,2}}(?:st|nd|rd|th)?,?\s\d{{4}}|(?:18|19|20)\d{{6}}"
)
_BORN = re.compile(
    rf"(?i){NO_WORD_BEFORE}(?:{_BIRTH})[\s:：=,\"'()-]{{0,5}}"
    r"(?:(?:is|on|the|am|le|el|em|il|den|op|den|w dniu|dnia|:|은|는|は|是|为)[\s:]{0,2}){0,2}"
    rf"(?P<hide>{_DATE})(?!\d)"
)


_BORN_BEHIND = re.compile(
    rf"(?i)(?<!\w)(?P<hide>{_DATE})(?=['’]?\w{{0,4}} ?(?:doğumlu|生まれ|出生|년생|생(?!\w)|geboren))"
)


def _card_edits(text: str) -> list[Edit]:
    return [(m.start(), m.end(), "[card number]") for m in _CARD.finditer(text) if passes_luhn(m.group())]


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a card's number is right (ISO/IEC 7812).

    Args:
        number: digits; others are passed over.
    """
    digits = [int(character) for character in number if character.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _paper_edits(text: str) -> list[Edit]:
    named = [
        match.span("hide")
        for match in _AFTER_PAPER.finditer(text)
        if sum(map(str.isdigit, match.group("hide"))) >= _FEWEST_PAPER_DIGITS
    ]
    formed = [match.span() for pattern in _FORMS for match in pattern.finditer(text)]
    return non_overlapping((start, end, "[id number]") for start, end in (*named, *formed))


NUMBER_RULES: tuple[tuple[str, FindEdits], ...] = (
    ("[card number]", only_with(_card_edits, "0")),
    ("[bank account]", only_with(labelled("[bank account]", _IBAN), "0")),
    ("[date of birth]", only_with(labelled("[date of birth]", _BORN, _BORN_BEHIND), "0")),
    ("[id number]", only_with(_paper_edits, "0")),
)
"""Label and rule."""
LONG_NUMBER_RULES: tuple[tuple[str, FindEdits], ...] = (
    ("[long number]", only_with(labelled("[long number]", _LONG), "0")),
)
"""Label and rule; to be used after those that know what a number is."""
