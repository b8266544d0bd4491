"""Postal addresses in the forms of many countries, and e-mail addresses, network addresses and phone numbers."""

import ipaddress
import re
from collections.abc import Iterator

from stillhunt.base.redaction.edits import NO_WORD_BEFORE, Edit, FindEdits, labelled, non_overlapping, only_with

_CAPITAL = r"[A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĢĪĮİĶĹĻŁŃŅŇŌŐŒŔŘŚŞŠŤŪŮŰŲŹŻŽΑ-ΫА-ЯЁІЇЄҐ]"
_NAME = rf"(?:{_CAPITAL}[\w'’.-]{{0,30}}|\d{{1,2}}(?:st|nd|rd|th))"
_SMALL_PARTS = (
    r"(?:de|del|della|delle|dei|degli|dell['’]|di|da|das|do|dos|du|des|la|las|le|les|los|l['’]|d['’]|y|e|et|à|aux?"
    r"|van|von|zum|zur)"
)
_LOCAL_NAME = rf"(?:(?:{_SMALL_PARTS}[ ]?){{0,2}}{_CAPITAL}[\w'’.-]{{0,30}})"
"""A word of a street's name in a Romance language, with the small words before it."""
_NUMBER = r"(?:n\.?[º°o]?\.? ?|nº ?|№ ?|No:? ?|#)?\d{1,5}(?: ?[a-zA-Z](?!\w)| ?bis| ?ter)?(?:[/-]\d{1,5})?"
_INSIDE = (
    r"(?:,? ?(?:(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|apto?|apartamento|ap|sala|bloco|piso|planta|puerta|pta"
    r"|int|scala|interno|Wohnung|Whg|D|Daire|кв|квартира|корп|корпус|стр|офис)[.:]? ?[\w-]{1,6}|#\d{1,6}"
    r"|\d{1,2}[ºª°]?(?: ?(?:[A-Z]|\d?[ªº]|izq|dcha))(?!\w))){0,3}"
)
"""What stands behind the number of a house: the flat, the floor."""
_ARABIC = r"[\u0621-\u064a]{2,15}"
_CODE = r"(?:[A-Z]{1,2}-)?(?:\d{5}(?:-\d{3,4})?|\d{4} ?[A-Z]{2}(?!\w)|\d{4}(?:-\d{3})?|\d{2}-\d{3}|\d{6})"
_UK_CODE = r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}(?!\w)"
_TOWN = rf"{_CAPITAL}[\w'’.-]{{0,30}}(?:[ ]{_CAPITAL}[\w'’.-]{{0,30}}){{0,2}}"
_REST = (
    rf"(?:(?:,|\s[-–])?\s(?:{_CODE}(?:[ ]{_TOWN})?|{_UK_CODE})|(?:,|\s[-–])\s{_TOWN}"
    rf"(?:[ ](?:\d{{5}}(?:-\d{{4}})?(?!\w)|{_UK_CODE}))?){{0,3}}"
)
"""What follows a street: towns and codes, each after a comma, or a code after a space."""
_ENGLISH_KINDS = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Way|Place|Pl|Terrace|Square|Sq|Close"
    r"|Crescent|Parkway|Pkwy|Highway|Hwy|Circle|Trail|Grove|Gardens|Mews|Row|View|Hill|Walk|Quay|Wharf)(?!\w)\.?"
)
_STREETS = (
    # English: 12 Elm Street, Flat 3, 92 Harbour Road
    (
        rf"(?:(?:Flat|Apt|Apartment|Unit|Suite)\.? ?\w{{1,5}},? )?(?<![\w.])\d{{1,5}}[A-Za-z]?(?:-\d{{1,5}})? "
        rf"(?:{_NAME} ){{1,4}}{_ENGLISH_KINDS}{_INSIDE}"
    ),
    r"(?<!\w)P\.? ?O\.? ?Box \d{1,7}",
    # German, Dutch: Goethestraße 14b, Rosa-Luxemburg-Allee 3, Am Alten Markt 7, Prinsengracht 263
    (
        rf"(?<!\w){_CAPITAL}[\w'’-]{{2,40}}(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gasse|ring|damm|ufer|chaussee|steig|markt"
        rf"|graben|straat|laan|plein|gracht|kade|singel|dijk|gatan|vägen|gade|vej|veien"
        rf"|[ -](?:Straße|Str\.|Allee|Platz|Weg|Ring|Damm|Ufer)) ?{_NUMBER}{_INSIDE}"
    ),
    (
        rf"(?<!\w)(?:Am|An der|An den|Im|In der|In den|Auf der|Auf dem|Unter den|Zum"
        rf"|Zur) {_NAME}(?: {_NAME}){{0,2}} \d{{1,4}}[a-z]?(?!\w)(?=,? \d{{5}})"
    ),
    # French: 12 bis rue des Lilas
    (
        rf"(?<![\w.])\d{{1,4}}(?: ?bis| ?ter| ?[A-D])?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|impasse|allée"
        rf"|quai|cours|route|square|passage|faubourg|rue)(?: {_LOCAL_NAME}){{1,5}}"
    ),
    # Spanish, Portuguese, Italian: Calle Mayor 45, Rua das Acácias, 230, Via Garibaldi 33
    (
        rf"(?<!\w)(?:Calle|C/|Avenida|Avda?\.?|Av\.|Plaza|Pza\.|Paseo|P\.º|Carrera|Cra\.|Camino|Ronda|Travesía|Rua|R\."
        rf"|Travessa|Praça|Alameda|Estrada|Largo|Rodovia|Via|Viale|V\.le|Piazza|P\.zza|Piazzale|Corso|Vicolo|Strada"
        rf"|Lungotevere)(?: {_LOCAL_NAME}){{1,5}},? {_NUMBER}(?!\w){_INSIDE}"
    ),
    # Polish, Turkish
    rf"(?<!\w)(?:ul|al|pl|os)\. {_NAME}(?: {_NAME}){{0,3}} {_NUMBER}",
    (
        rf"(?<!\w)(?:{_NAME} ){{1,4}}(?:Mah(?:allesi|\.)|Cad(?:desi|\.)|Sok(?:ak|ağı|\.)|Bulvarı)"
        rf"(?:,? (?:{_NAME} ){{1,3}}(?:Cad(?:desi|\.)|Sok(?:ak|ağı|\.)))?,? No:? ?\d{{1,4}}{_INSIDE}"
    ),
)
_OTHER_STREETS = (
    # Russian: г. Москва, ул. Ленина, д. 15, кв. 42
    (
        rf"(?:(?:г\.|город) ?{_NAME}, ?|{_NAME}, )?(?:(?<!\w)(?:ул\.?|улица|пр-т|просп\.|проспект|переулок|пер\."
        rf"|бульвар|б-р|площадь|пл\.|наб\.|шоссе) ?{_NAME}(?: {_NAME}){{0,2}}|{_NAME} (?:улица|проспект|переулок"
        rf"|бульвар|шоссе|набережная)),? ?(?:д\.|дом)? ?\d{{1,4}}[а-я]?(?:/\d{{1,3}})?{_INSIDE}"
    ),
    # Arabic: street with a number before or behind
    rf"(?:\d{{1,5}} )?شارع(?: {_ARABIC}){{1,4}}(?:[ ،,]{{1,2}}\d{{1,5}})?(?:[،,] {_ARABIC}(?: {_ARABIC})?)?",
)
_SMALL = r"(?:(?!(?:and|or|of|the|to|in|on|a|is|per|with) )[a-zà-ÿа-яёğışąćęłńóśźż'-]{2,20} )"
_SMALL_TOWN = r"(?:,? (?!and |or |is )[a-zà-ÿğışćńóśźż]{3,20}(?: [a-z]{2}(?!\w))?(?: \d{5})?)?"
_SMALL_KINDS = "street|st|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|court|terrace"
_SMALL_LOCAL_KINDS = r"calle|avenida|avda\.?|plaza|paseo|rua|travessa|alameda|viale|corso|piazza"
_SMALL_STREETS = tuple(
    re.compile(rf"(?<![\w.]){pattern}(?:,? \d{{4,6}}(?: ?[a-z]{{2}}(?!\w))?|,? \d{{2}}-\d{{3}})?{_SMALL_TOWN}")
    for pattern in (
        rf"\d{{1,5}} {_SMALL}{{1,3}}(?:{_SMALL_KINDS})\b\.?",
        rf"\d{{1,4}}(?: bis| ter)?,? (?:rue|avenue|boulevard|impasse|chemin|quai) {_SMALL}{{0,3}}[a-zà-ÿ'-]{{2,20}}",
        rf"(?:{_SMALL_LOCAL_KINDS}) {_SMALL}{{1,4}}(?:n[º°o]?\.? ?)?\d{{1,4}}",
        rf"via {_SMALL}{{1,3}}\d{{1,4}}(?=,? \d{{5}} )",
        r"[a-zäöüß-]{3,30}(?:stra(?:ß|ss)e|str\.|allee|gasse|straat|laan|plein|gracht|kade) \d{1,4} ?[a-z]?\b",
        rf"(?:am|an der|in der|auf der|zum|zur) {_SMALL}{{1,2}}\d{{1,4}}[a-z]?(?=,? \d{{5}} )",
        rf"(?:ul|al|os|пл|ул|пер)\. ?{_SMALL}{{1,3}}\d{{1,4}}",
        rf"(?:улица|проспект|переулок|бульвар) {_SMALL}{{1,2}}\d{{1,4}}",
        (
            rf"{_SMALL}{{1,2}}(?:mah|cad|sok)(?:allesi|desi|ak|ağı|\.) "
            rf"(?:{_SMALL}{{1,2}}(?:cad|sok)(?:desi|ak|ağı|\.) )?no:? ?\d{{1,4}}"
        ),
    )
)
"""The same in small letters, of the kinds that end in a number or begin with one."""
_STREET = tuple(re.compile(f"{pattern}{_REST}") for pattern in _STREETS)
_TOWN_AND_CODE = re.compile(rf"(?<!\w){_TOWN}, [A-Z]{{2}} \d{{5}}(?:-\d{{4}})?(?!\w)")
_HAN = r"[\u3005\u4e00-\u9fff]"
_KANA_HAN = r"[\u3005\u3040-\u30ff\u4e00-\u9fff]"
_NOT_IN_ASCII = (
    *(re.compile(f"{pattern}{_REST}") for pattern in _OTHER_STREETS),
    re.compile(r"〒? ?\d{3}[-‐－]\d{4}(?=[\s　]?[\u4e00-\u9fff]{2,8}[都道府県市区])|〒 ?\d{3}-?\d{4}"),
    # Chinese: province, city, district, then a road with a number, and what lies behind it
    re.compile(
        rf"(?:{_HAN}{{2,7}}(?:省|自治区|市|区|县|镇|乡|村)){{0,5}}{_HAN}{{1,8}}(?:路|街|大道|巷|弄|胡同|道)"
        r" ?[\d一二三四五六七八九十]{1,5} ?"
        r"(?:号|號|弄)(?:[\dA-Za-z\u4e00-\u9fff-]{0,12}(?:栋|座|单元|室|楼|层|号)){0,3}\d{0,5}室?"
    ),
    # Japanese: prefecture, city, ward, then numbers
    re.compile(
        rf"(?:{_HAN}{{2,3}}[都道府県])?(?:{_KANA_HAN}{{1,6}}[市区町村郡]){{1,3}}{_KANA_HAN}{{0,8}}"
        r"[\d０-９]{1,4}(?:丁目|番地?|号|[-‐－のノ]|[\d０-９]){1,12}(?:[\s　]?[\w　]{1,16}[\d０-９]{2,4}号?室?)?"
    ),
    # Korean: province or city, district, then a road with a number
    re.compile(
        r"[가-힣]{2,8}(?:특별자치시|특별시|광역시|도|시)(?:\s[가-힣]{1,6}(?:시|군|구)){0,2}\s[가-힣\d]{1,10}(?:로|길"
        r"|동)\s?\d{1,4}(?:-\d{1,4})?(?:\s\d{1,4}동)?(?:\s\d{1,4}호)?"
    ),
)
_LABELS = (
    r"(?:(?:home|postal|mailing|shipping|billing|delivery|street|residential|return) )?address|address line \d|ship to"
    r"|anschrift|(?:liefer|rechnungs|post)?adresse|adresse postale|domicile|direcci[oó]n|domicilio|endere[cç]o|morada"
    r"|indirizzo|residenza|adres|adresi?n?i?z?|адрес|地址|收货地址|住址|住所|現住所|주소|العنوان"
)
_AFTER_LABEL = re.compile(
    rf"(?i)(?<![\w-])(?:{_LABELS})\"?\s?(?:[:：=]|は)\s{{0,3}}\"?(?P<hide>[^\n;|\"'<>{{}}\[\]；。，、]{{4,120}})"
)
_END_OF_LINE = re.compile(r"[.!?](?=\s)(?<!\b\w\.)(?<!\b\w\w\.)|,\s(?=[a-zà-ÿ]{3,}\s[a-zà-ÿ]{2,})")
"""Where a labelled line ends: a sentence's end that is no abbreviation, or a comma before words in small letters."""


def _postal_edits(text: str) -> list[Edit]:
    return non_overlapping((start, end, "[postal address]") for start, end in _iterate_address_spans(text))


def _iterate_address_spans(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (*_STREET, *_SMALL_STREETS, _TOWN_AND_CODE, *(() if text.isascii() else _NOT_IN_ASCII)):
        for match in pattern.finditer(text):
            yield match.start(), match.start() + len(match.group().rstrip(" ,.-"))
    for match in _AFTER_LABEL.finditer(text):
        start, end = match.span("hide")
        stop = _END_OF_LINE.search(text, start, end)
        value = text[start : stop.start() if stop else end].rstrip()
        if any(map(str.isdigit, value)):  # a line without a number is a definition, or a type
            yield start, start + len(value)


POSTAL_RULES: tuple[tuple[str, FindEdits], ...] = (
    ("[postal address]", only_with(_postal_edits, "0", "شارع", "号", "號")),
)
"""Label and rule."""
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
    r"(?i)(?<!\w)(?:instagram|insta|twitter|telegram|snapchat|tiktok|discord|skype|wechat|line id|threads|mastodon"
    r"|reddit)(?:\.com/|(?: (?:is|name|handle"
    r"|id))?[\s:]{1,3})(?P<hide>(?=[\w.#@-]{0,32}[\d_.#@])@?[\w.-]{2,32}(?:#\d{2,5})?)(?!\w)"
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
    r"|appelez(?:-moi)?(?: au)?|fixe|ll[aá]mame al?|me liga(?: no)?|chiamami(?: al)?|mobiel|vast nummer|bel(?: mij"
    r"| me)?(?: op)?|zadzwoń|dzwoń|kom\.?|komórka|stacjonarny|cep(?: telefonu)?|beni ara|позвони\w{0,3}|звони\w{0,3}"
    r"|моб|联系方式|連絡先|연락처|اتصل بي|телефон\w{0,3}|тел|номеру?|手机号?|手機|电话|電話(?:番号)?|携帯|전화(?:번호)?"
    r"|휴대폰|(?:رقم )?(?:ال)?(?:هاتف|جوال)ي?"
)
_AFTER_PHONE_WORD = re.compile(
    rf"(?i){NO_WORD_BEFORE}(?:{_PHONE_WORDS})(?:\s?(?:is|ist|est|es|é|è|pod|unter|по|号码|은|는|は|是))?[\s.:：=#(]{{0,4}}"
    r"(?P<hide>\+?\(?\d[\d ()./-]{4,18}\d)(?!\d)"
)
_LIKE_PHONE = re.compile(r"\d[\d ()./-]{4,}\d")
"""What all of these hold."""
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
    return non_overlapping((start, end, "[phone]") for start, end in _iterate_phone_spans(text))


def _iterate_phone_spans(text: str) -> Iterator[tuple[int, int]]:
    if not _LIKE_PHONE.search(text):  # which takes a tenth of the time
        return
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
