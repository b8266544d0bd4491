"""What opens something or names one person: keys, passwords, and numbers of cards, bank accounts and papers."""

import re
from functools import cache
from pathlib import Path

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
    r"|护照号?|護照|パスポート|여권|(?:رقم )?(?:ال)?جواز(?: السفر)?|(?:personal)?ausweis(?:nummer)?|(?:national |tax "
    r"|voter )?id(?:entity|entification)?(?: card)?|carte d['’]identité|carta d['’]identità|documento de identidad|dni"
    r"|(?-i:NIE)|nif|cif|rg|cpf|cnpj|curp|rfc|bsn|pesel|nip|cnp|tc kimlik|身份证号?|身分證|マイナンバー|個人番号"
    r"|주민등록번호|رقم الهوية|рнокпп|инн|снилс|s\.?s\.?n|social security|sozialversicherungs(?:nummer)?"
    r"|steuer-?id(?:nummer)?|sécurité sociale|seguridad social|codice fiscale|national insurance|nhs|medicare|aadhaar"
    r"|aadhar|pan card|tax file|tfn|tin|(?-i:EIN)|driv(?:er['’]?s?|ing) licen[cs]e|führerschein|permis de conduire"
    r"|patente|licence plate|license plate|mrn|medical record|patient id|chart|policy|claim|case|docket|membership"
    r"|employee|staff|imei|vin|chassis|plate|kennzeichen|versichert(?:en)?nummer|kranken(?:versicherungs|kassen)nummer"
    r"|aktenzeichen|rentenversicherungs\w{0,8}|num[eé]ro fiscal|n° fiscal|plaque|immatriculation|tarjeta sanitaria"
    r"|matr[ií]cula|cart[ãa]o sus|partita iva|targa|tessera sanitaria|burgerservice(?:nummer)?|rijbewijs|kenteken"
    r"|dow[oó]d(?: osobisty)?|prawo jazdy|pasaport|t\.?c\.?|kimlik|vergi|ehliyet|plaka|полис(?: омс)?|омс"
    r"|водительск\w{1,4}(?: удостоверени\w)?|医保卡|社保卡?|驾驶证|免許証?|保険証|健康保険|기초연금|여권|운전면허"
    r"|건강보험|주민|(?:الرقم )?القومي|رقم الإقامة|الإقامة|account|konto(?:nummer)?|numéro de compte|número de cuenta"
    r"|routing|sort code"
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
    return [(*m.span(), "[card number]") for m in _CARD.finditer(text) if passes_luhn(m.group())]


def passes_luhn(number: str) -> bool:
    """Whether the check digit among the digits of a card's number is right (ISO/IEC 7812)."""
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
_PRIVATE_KEY = re.compile(
    r"(?s)-----BEGIN [A-Z0-9 ]{0,40}KEY[A-Z ]{0,10}-----.{0,8192}?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)"
)
_JWT = re.compile(r"\beyJ[\w-]{6,4096}\.[\w-]{4,}(?:\.[\w-]*)*")
_KEYS = (
    re.compile(r"(?i)(?<![a-z0-9])(?:sk|pk|rk|gsk|r8|xai|nvapi|pplx|whsec)[-_][\w-]{10,}"),
    re.compile(
        r"(?<![A-Za-z0-9])(?:gh[opsur]|github_pat|gl(?:pat|rt|ptt|dt|cbt|ft)|hf|npm|pypi|rubygems|do[oprt]_v1"
        r"|shp[a-z]{2}|xox[a-z]|xapp|SG|hvs|hvb|sbp|lin_api|figd|glsa|glc|pscale_[a-z]+|dckr_pat|NRAK|PMAK"
        r"|dp\.(?:pt|st|ct|sa)|sq0(?:atp|csp)|tskey|ATATT3|EAAA|AGE-SECRET-KEY)[-_.][\w.-]{8,}"
    ),
    re.compile(r"(?<![A-Za-z0-9_-])(?:ntn|secret|fc|tvly|jina|fw|key)[-_](?=[A-Za-z]{0,40}\d)[\w.-]{16,}"),
    re.compile(r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{12,}|AIza[\w-]{16,}|ya29\.[\w-]{8,}|GOCSPX-[\w-]{16,})"),
    re.compile(r"(?<![A-Za-z0-9])(?:dapi|SK|AC)[0-9a-f]{32}(?![0-9A-Za-z])"),
    re.compile(r"(?<!\d)\d{8,10}:[A-Za-z0-9_-]{32,40}(?![\w-])"),
    re.compile(r"(?<![\w-])[MNO][\w-]{22,27}\.[\w-]{5,7}\.[\w-]{25,40}(?![\w-])"),
)
_BEARER = re.compile(r"(?i)\b(?:bearer|basic)\s{1,4}[a-z0-9._~+/=-]{8,}")
_WORDS = re.compile(r"[A-Za-z]+\s{1,4}[a-z-]{0,20}[.]?")
_NAMES = (
    r"pass(?:word|wd|phrase|code)?|pwd?|(?<!\w)pw|passwort|kennwort|mot de passe|contrase[nñ]a|clave|senha"
    r"|palavra-passe|password|wachtwoord|has[lł]o|l[oö]senord|parola|[sş]ifre|пароль|密码|密碼|口令|パスワード|暗証番号"
    r"|비밀번호|كلمة (?:المرور|السر)"
)
_NAMED_SECRET = re.compile(
    rf"(?i)(?:{_NAMES}|secret|(?:api|access|secret|account|private|auth|signing|encryption)[_ -]?key"
    r"|(?:access|auth|session|refresh|id|bot)?[_ -]?token|authorization|cookie|credential)(?:s|_id)?"
    r"[\"'`]{0,2}\s{0,4}(?:[:=：]|=>|\b(?:is|lautet|ist|est|es|é|è|w postaci)\b:?|是|は|为)\s{0,4}[\"'`]{0,2}"
    r"(?:(?:Bearer|Basic|Token)\s{1,4})?(?P<hide>[^\s\"'`,;<>\[\]，。、；]{4,})"
)
_NO_PLAIN_WORD = r"(?![(\[{<])(?=[^\s]{0,40}[^\W\d_])(?=[^\s]{0,40}[\d#@%&+*!?$^~=-])[^\s\"'`,;<>，。、；]{5,80}"
"""A word with letters and with digits or signs."""
_UNSIGNED_SECRET = re.compile(
    rf"(?i)(?!pass\s)(?:{_NAMES}|(?:wi-?fi|network|licen[cs]e|activation|product|recovery|backup) (?:key|code))"
    r"(?:\s{1,3}|(?<=[\u0600-\uffff]))(?:(?:to|for|of|für|pour|de|del|do|da|per|van|voor|dla"
    r"|для)(?:\s[\w'’-]{1,20}){1,4}\s)?(?:(?:is|was|to|lautet|war|ist|est|es|é|è|jest|هي)\s)?"
    rf"(?P<hide>{_NO_PLAIN_WORD})"
)
"""What stands behind the name of a secret with nothing between them, and is no plain word."""
_LOGIN = re.compile(
    r"(?i)(?<!\w)(?:log-?in|logon|credentials?|creds|user(?:name)?|zugang(?:sdaten)?|identifiants?|usuario|usuário|utente"
    r"|gebruiker|użytkownik|kullanıcı|логин|账号|アカウント|아이디)(?:\s{0,2}[:=：]\s{0,2}|\s)"
    rf"(?P<hide>[\w.@+-]{{2,64}}\s?[/|]\s?{_NO_PLAIN_WORD})"
)
_CODE = re.compile(
    r"(?i:(?<![\w-])(?:pin(?:[ -]?code)?|cvv2?|cvc2?|csc|otp|tan|(?:one-time|mfa|2fa|sms|verification|security|access"
    r"|door|gate) code))(?:\s(?:is|ist|est|es|é|è))?[\s:=#]{1,3}(?P<hide>\d{3,8})(?![\w.])"
)
_SAID = re.compile(r"(?i)(?:[\"'`\s](?:is|lautet|ist|est|es|é|è)\b|[は是为]):?[\s\"'`]*$")
_PLAIN_WORD = re.compile(r"[^\W\d_]+[.!?)]*")
_URL = re.compile(
    r"(?i)\b[a-z][a-z0-9+.-]{1,15}://(?P<user>[^\s/?#@]{0,256}@)?"
    r"(?P<host>[^\s/?#]{0,256})(?P<path>[^\s?#]{0,2048})(?P<query>[?#][^\s\[]{1,})?"
)
_SECRET_PATHS = re.compile(
    r"(?i)^(?:hooks\.slack\.com|(?:\w+\.)?discord(?:app)?\.com|[\w.-]*webhook\.office\.com|chat\.googleapis\.com"
    r"|api\.telegram\.org)$"
)
"""Hosts of web hooks, where the path is the secret."""
_SEED_WORD = re.compile(r"[^\W\d_]{2,40}")
_FEWEST_SEED_WORDS, _WIDEST_GAP = 12, 6
"""Words of the shortest seed phrase of BIP-39, and characters between two of them, such as a number and line end."""
_FEWEST_DISTINCT = 8
"""Different words among them: judgement; a phrase draws them from 2,048, and a text that repeats one word is none."""
_UUID = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![0-9a-f])")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?[0-9a-fA-F]{20,}(?![G-Zg-z])")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{28,}={0,2}")


def _url_edits(text: str) -> list[Edit]:
    edits: list[Edit] = []
    for match in _URL.finditer(text):
        if match.group("user"):
            edits.append((*match.span("user"), "[user]@"))
        if len(match.group("path")) > 1 and _SECRET_PATHS.match(match.group("host")):
            edits.append((*match.span("path"), "/[secret]"))
        if match.group("query"):
            edits.append((*match.span("query"), "?[query]"))
    return [edit for edit in edits if text[edit[0] : edit[1]] != edit[2]]


def _secret_edits(text: str) -> list[Edit]:
    """What follows the name of a secret; after "is", no plain word: "the password is required" says none."""
    return [
        (*match.span("hide"), "[secret]")
        for match in _NAMED_SECRET.finditer(text)
        if not (
            _PLAIN_WORD.fullmatch(match.group("hide"))
            and _SAID.search(text[max(match.start(), match.start("hide") - 24) : match.start("hide")])
        )
    ]


def _bearer_edits(text: str) -> list[Edit]:
    """What follows Bearer or Basic, and is no plain word: "basic information" is none."""
    return [(*m.span(), "[token]") for m in _BEARER.finditer(text) if not _WORDS.fullmatch(m.group())]


def _base64_edits(text: str) -> list[Edit]:
    return [(m.start(), m.end(), "[encoded]") for m in _BASE64.finditer(text) if _looks_random(m.group())]


def _looks_random(text: str) -> bool:
    """True for keys and encoded bytes, false for long words, paths and identifiers in plain words."""
    kinds = (any(c.isdigit() for c in text), any(c.isupper() for c in text), any(c.islower() for c in text))
    return sum(kinds) == 3 or (len(text) >= 40 and kinds[0])


@cache
def _seed_words() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("seed_words.txt").read_text(encoding="utf-8").split())


def _seed_phrase_edits(text: str) -> list[Edit]:
    """Runs of words of BIP-39: so many of them follow each other in no sentence, for "the" and "and" are none."""
    edits: list[Edit] = []
    first, count, end = 0, 0, -_WIDEST_GAP - 1
    distinct: set[str] = set()
    for match in _SEED_WORD.finditer(text):
        word = match.group().lower()
        if word in _seed_words():
            if match.start() - end > _WIDEST_GAP:
                first, count, distinct = match.start(), 0, set()
            count, end = count + 1, match.end()
            distinct.add(word)
            if count >= _FEWEST_SEED_WORDS and len(distinct) >= _FEWEST_DISTINCT:
                if edits and edits[-1][0] == first:
                    edits.pop()
                edits.append((first, end, "[seed phrase]"))
        else:
            end = -_WIDEST_GAP - 1
    return edits


CREDENTIAL_RULES: tuple[tuple[str, FindEdits], ...] = (
    ("[private key]", only_with(labelled("[private key]", _PRIVATE_KEY), "-----begin ")),
    ("[user]", only_with(_url_edits, "://")),
    ("[token]", only_with(labelled("[token]", _JWT), "eyj")),
    ("[key]", labelled("[key]", *_KEYS)),
    ("[token]", only_with(_bearer_edits, "bearer", "basic")),
    (
        "[secret]",
        only_with(_secret_edits, ":", "=", "：", " is ", " est ", " ist ", " es ", " é ", " è ", "lautet", *"是は为"),
    ),
    ("[secret]", labelled("[secret]", _UNSIGNED_SECRET)),
    ("[secret]", only_with(labelled("[secret]", _LOGIN), "/", "|")),
    ("[secret]", only_with(labelled("[secret]", _CODE), "0")),
    ("[seed phrase]", _seed_phrase_edits),
    ("[uuid]", only_with(labelled("[uuid]", _UUID), "-")),
)
"""Label and rule, to be used before all others."""
ENCODED_RULES: tuple[tuple[str, FindEdits], ...] = (("[hex]", labelled("[hex]", _HEX)), ("[encoded]", _base64_edits))
"""Label and rule, to be used after those that know what a number or a word is."""
