"""Postal addresses in the forms of many countries: a street with its number, the town after it, and labelled lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stillhunt.base.redaction.edits import Edit, FindEdits, non_overlapping, only_with

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
        rf"|Zur) {_NAME}(?: {_NAME}){{0,2}} \d{{1,4}}"
        rf"[a-z]?(?!\w)(?=,? \d{{5}})"
    ),
    # French: 12 bis rue des Lilas
    (
        rf"(?<![\w.])\d{{1,4}}(?: ?bis| ?ter| ?[A-D])?,? (?:rue|avenue|av\.|boulevard|bd|place|chemin|impasse|allée"
        rf"|quai|cours"
        rf"|route|square|passage|faubourg|rue)(?: {_LOCAL_NAME}){{1,5}}"
    ),
    # Spanish, Portuguese, Italian: Calle Mayor 45, Rua das Acácias, 230, Via Garibaldi 33
    (
        rf"(?<!\w)(?:Calle|C/|Avenida|Avda?\.?|Av\.|Plaza|Pza\.|Paseo|P\.º|Carrera|Cra\.|Camino|Ronda|Travesía|Rua|R\."
        rf"|Travessa"
        rf"|Praça|Alameda|Estrada|Largo|Rodovia|Via|Viale|V\.le|Piazza|P\.zza|Piazzale|Corso|Vicolo|Strada|Lungotevere)"
        rf"(?: {_LOCAL_NAME}){{1,5}},? {_NUMBER}(?!\w){_INSIDE}"
    ),
    # Polish, Turkish
    rf"(?<!\w)(?:ul|al|pl|os)\. {_NAME}(?: {_NAME}){{0,3}} {_NUMBER}",
    (
        rf"(?<!\w)(?:{_NAME} ){{1,4}}(?:Mah(?:allesi|\.)|Cad(?:desi|\.)|Sok(?:ak|ağı|\.)|Bulvarı)"
        rf"(?:,? (?:{_NAME} ){{1,3}}(?:Cad(?:desi|\.)|Sok(?:ak|ağı|\.)))?,? No:? ?\d{{1,4}}{_INSIDE}"
    ),
    # Russian: г. Москва, ул. Ленина, д. 15, кв. 42
    (
        rf"(?:(?:г\.|город) ?{_NAME}, ?|{_NAME}, )?(?:(?<!\w)(?:ул\.?|улица|пр-т|просп\.|проспект|переулок|пер\."
        rf"|бульвар|б-р"
        rf"|площадь|пл\.|наб\.|шоссе) "
        rf"?{_NAME}(?: {_NAME}){{0,2}}|{_NAME} (?:улица|проспект|переулок|бульвар|шоссе|набережная))"
        rf",? ?(?:д\.|дом)? ?\d{{1,4}}[а-я]?(?:/\d{{1,3}})?{_INSIDE}"
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
_TOWN_AND_CODE = (
    re.compile(rf"(?<!\w){_TOWN}, [A-Z]{{2}} \d{{5}}(?:-\d{{4}})?(?!\w)"),
    re.compile(r"〒? ?\d{3}[-‐－]\d{4}(?=[\s　]?[\u4e00-\u9fff]{2,8}[都道府県市区])|〒 ?\d{3}-?\d{4}"),
)
_HAN = r"[\u3005\u4e00-\u9fff]"
_KANA_HAN = r"[\u3005\u3040-\u30ff\u4e00-\u9fff]"
_EAST_ASIAN = (
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
        r"[가-힣]{2,8}(?:특별자치시|특별시|광역시|도|시)(?:\s[가-힣]{1,6}(?:시|군|구)){0,2}"
        r"\s[가-힣\d]{1,10}(?:로|길|동)\s?\d{1,4}(?:-\d{1,4})?"
        r"(?:\s\d{1,4}동)?(?:\s\d{1,4}호)?"
    ),
)
_LABELS = (
    r"(?:(?:home|postal|mailing|shipping|billing|delivery|street|residential|return) )?address|address line \d|ship to"
    r"|anschrift"
    r"|(?:liefer|rechnungs|post)?adresse|adresse postale|domicile|direcci[oó]n|domicilio|endere[cç]o|morada|indirizzo"
    r"|residenza"
    r"|adres|adresi?n?i?z?|адрес|地址|收货地址|住址|住所|現住所|주소|العنوان"
)
_AFTER_LABEL = re.compile(
    rf"(?i)(?<![\w-])(?:{_LABELS})\"?\s?(?:[:：=]|は)\s{{0,3}}\"?(?P<hide>[^\n;|\"'<>{{}}\[\]；。，、]{{4,120}})"
)
_END_OF_LINE = re.compile(r"[.!?](?=\s)(?<!\b\w\.)(?<!\b\w\w\.)|,\s(?=[a-zà-ÿ]{3,}\s[a-zà-ÿ]{2,})")
"""Where a labelled line ends: a sentence's end that is no abbreviation, or a comma before words in small letters."""


def _postal_edits(text: str) -> list[Edit]:
    return non_overlapping((start, end, "[postal address]") for start, end in _addresses(text))


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    for pattern in (*_STREET, *_SMALL_STREETS, *_TOWN_AND_CODE, *_EAST_ASIAN):
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
