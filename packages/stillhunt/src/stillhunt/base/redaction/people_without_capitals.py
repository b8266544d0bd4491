"""Names of people in Chinese, Japanese, Korean and Arabic, whose scripts have no capital letters."""

import re
from collections.abc import Collection
from functools import cache

from stillhunt.base.redaction.edits import Edit, FindEdits, labelled
from stillhunt.base.redaction.name_lists import name_lists

_HAN = r"[\u3005\u3400-\u9fff]"
_KANA_HAN = r"[\u3005\u3040-\u30ff\u3400-\u9fff]"
_ARABIC_WORD = r"[\u0621-\u064a\u0671-\u06d3]{2,20}"
_LABELS = (
    "姓名|联系人|收件人|收货人|寄件人|患者|病人|客户|签名|签字|申请人|租客|房东|租户|受益人|氏名|お?名前|担当者?|宛名|契約者|入居者|署名"
    "|이름|성명|성함|환자|서명|세입자|임차인|수신인?|발신인?|보호자|신청인|예금주|수취인|고객명?"
)
_KOREAN_PARTICLES = (
    "이|가|은|는|을|를|의|와|과|도|께|께서|에게|에게서|한테|이랑|랑|하고"
    "|으로|로|만|에 대한|이라고|라고|이에요|예요|입니다|이다|다"
)
_KOREAN_WORDS = (
    "이미지|지하철|지도자|노동자|지나가|유전자|강아지|나아가|강원도|구성원|노하우|성남시|지지자|우주선|배우자|최우선|정보원|차가운|이민자|우승자"
    "|이용자|주유소|전주시|지원자|차세대|성명서|전성기|하하하|이태원|조지아|구조대|유리창|서식지|고용주|이태리|유명세|남조선|구원자|손수건|구세주"
    "|조선소|지름길|유람선|정수기|고아원|하남시|구리시|이주민|송아지|이동식|양재동|오리진|주전자|지하수|진주시|구미시|양주시|우선시|전용기|나선다"
    "|구미호|한남동|심정지|유원지|지원서|손재주|조수석|조중동|나아진|성수동"
)
"""Words that have the form of a name."""


def _any_of(words: Collection[str]) -> str:
    """One of some words, the longest first; those of one character as a class, which is faster."""
    longer = sorted((word for word in words if len(word) > 1), key=lambda word: (-len(word), word))
    single = "".join(sorted(word for word in words if len(word) == 1))
    return "(?:" + "|".join((*map(re.escape, longer), *([f"[{single}]"] if single else []))) + ")"


@cache
def _east_asian() -> tuple[re.Pattern[str], ...]:
    """Patterns whose group `hide` is a name in Chinese, Japanese or Korean."""
    after_label = (
        rf"(?:我叫|名字(?:是|叫)|我名叫|(?:{_LABELS})[:：]\s?)"
        rf"(?P<hide>{_KANA_HAN}{{1,6}}(?:[ 　·・]{_KANA_HAN}{{1,6}})?"
        r"|[가-힣]{2,4}(?:\s[가-힣]{1,3})?)"
    )
    return tuple(
        map(
            re.compile,
            (after_label, *_build_chinese_patterns(), *_build_japanese_patterns(), *_build_korean_patterns()),
        )
    )


def _build_chinese_patterns() -> tuple[str, ...]:
    lists = name_lists()
    chinese, given = _any_of(lists.chinese_family), "[" + "".join(sorted(lists.chinese_given)) + "]"
    often = "[" + "".join(sorted(lists.chinese_given_often)) + "]"
    no_word = _any_of(lists.chinese_family - set("但和于那都应时来公平南位全国原海幸强戴班彼桑智解"))
    before = (
        rf"(?:(?<!{_HAN})|(?<=[给和与由请找是叫对跟让向为了被把帮替同及之])"
        r"|(?<=联系)|(?<=通知)|(?<=转交)|(?<=听说)|(?<=据说)|(?<=告诉)|(?<=[昨今明]天))"
    )
    titles = "老师|教授|医生|经理|律师"
    return (
        rf"(?:我是|本人|这是)(?P<hide>{chinese}{given}{{1,2}})(?!{_HAN})",
        rf"(?<!{_HAN})(?P<hide>{chinese}{_HAN}{{0,2}})(?=先生|女士|小姐|太太)",
        rf"尊敬的(?P<hide>{chinese}{_HAN}{{0,2}})(?=先生|女士|小姐|太太|{titles})",
        rf"(?<!{_HAN})(?P<hide>{chinese}{given}{{1,2}})(?={titles}|同学|总)",
        rf"{before}(?P<hide>{no_word}{given}{{2}})(?!{given})",
        rf"(?P<hide>{no_word}{often}{{2}})(?![^。！？\n]{{0,60}}[\u3040-\u30ff])",
        rf"(?:[：:]\s?|\n)(?P<hide>{chinese}{given}{{1,2}})(?=\s*(?:[，,。；;（(]|\n|$))",
    )


def _build_japanese_patterns() -> tuple[str, ...]:
    families = name_lists().japanese_family
    japanese, long_japanese = _any_of(families), _any_of([name for name in families if len(name) > 1])
    return (
        (
            rf"(?:名前は|氏名は|名は|私は|僕は|わたしは)[ 　]?(?P<hide>{_KANA_HAN}{{2,8}}(?:[ 　]{_KANA_HAN}{{1,5}})?)"
            r"(?=です|と申し|と言い|といい|だ)"
        ),
        rf"(?P<hide>{_HAN}{{2,6}}(?:[ 　]{_HAN}{{1,4}})?)(?=と申し(?:ます|上げ))",
        (
            rf"(?P<hide>{japanese}(?:[ 　]?{_HAN}{{1,3}}[\u3040-\u309f]?)?)[ 　]?"
            r"(?=様|さま|さん|氏(?!名)|殿|ちゃん|くん|君|先生)"
        ),
        rf"(?P<hide>{long_japanese}[ 　]?(?:(?![様氏殿]){_HAN}){{2,3}})(?![県市区町村駅川山島])",
        rf"(?<!{_HAN})(?P<hide>{long_japanese}(?![様氏殿県市区町村駅川山島]){_HAN})(?=[はがのをにへと、。]|\s*$)",
    )


def _build_korean_patterns() -> tuple[str, ...]:
    lists = name_lists()
    korean = _any_of(lists.korean_family)
    korean_given = f"[{''.join(sorted(lists.korean_syllables))}]{{2}}"
    korean_titles = "씨|님|군|양|선생|교수|과장|부장|대리|사장"
    return (
        (
            rf"(?:제 이름은|내 이름은|저는|나는)\s(?P<hide>{korean}\s?[가-힣]{{1,2}})"
            r"(?=입니다|이라고|라고|이에요|예요|이야|이고)"
        ),
        rf"(?<![가-힣])(?!고객|선생)(?P<hide>{korean}[가-힣]{{1,2}})(?=\s?(?:{korean_titles})(?![가-힣]{{2}}))",
        (
            rf"(?<![가-힣])(?!{_KOREAN_WORDS})(?P<hide>{korean}\s?{korean_given})"
            rf"(?=(?:{_KOREAN_PARTICLES})?(?![가-힣])|\s?(?:{korean_titles}))"
        ),
        rf"(?<![가-힣])(?P<hide>{korean}[가-힣]{{2}})(?=\s(?:드림|올림|배상)(?![가-힣]))",
    )


@cache
def _compile_arabic_patterns() -> tuple[re.Pattern[str], ...]:
    """Patterns whose group `hide` is a name in Arabic."""
    lists = name_lists()
    # found with hamza and without
    given, family = (re.sub("[اأإآ]", "[اأإآ]", _any_of(names)) for names in (lists.arabic, lists.arabic_family))
    more = rf"(?: (?:بن|ابن|بنت|أبو|عبد|آل)?\s?(?:ال)?{_ARABIC_WORD})"
    end = r"[،,.؛:\n]|$"
    patterns = (
        # after a label, and after "my name is"; after a title; after "I am"; a given name and a family name
        (
            r"(?:اسمي|أدعى|(?:الاسم|الاسم الكامل|اسم (?:العميل|المريض)|المريضة?|العميلة?|المستأجرة?|المستلمة?|المرسلة?"
            r"|التوقيع|المستفيدة?|صاحبة? الحساب)\s?[:：])\s?"
            rf"(?P<hide>{_ARABIC_WORD}{more}{{0,3}}?)(?=\s(?:و|من|في|على|أ)|{end})"
        ),
        (
            r"(?<!\w)(?:عزيزي|عزيزتي|حضرة|السيدة?|الدكتورة?|الأستاذة?|المهندسة?|الآنسة|د\.|أ\.)\s"
            rf"(?P<hide>{_ARABIC_WORD}{more}{{0,2}}?)(?=\s(?:المحترم|و|من|في|على)|{end})"
        ),
        rf"(?<!\w)أنا\s(?P<hide>{given}{more}?)(?!\w)(?=\s(?:و|من|في)|{end})",
        (
            rf"(?<!\w)(?P<hide>{given}(?: (?:بن|ابن|بنت|عبد) {_ARABIC_WORD}| (?:{family}|ال{_ARABIC_WORD}))"
            rf"(?: ال{_ARABIC_WORD})?)(?!\w)"
        ),
    )
    return tuple(map(re.compile, patterns))


_EAST_ASIAN_LETTER = re.compile(r"[\u3040-\u30ff\u3400-\u9fff가-힣]")
_ARABIC_LETTER = re.compile(r"[\u0621-\u06d3]")


def _name_edits(text: str) -> list[Edit]:
    patterns = _east_asian() if _EAST_ASIAN_LETTER.search(text) else ()
    patterns += _compile_arabic_patterns() if _ARABIC_LETTER.search(text) else ()
    return labelled("[name]", *patterns)(text)


OTHER_NAME_RULES: tuple[tuple[str, FindEdits], ...] = (("[name]", _name_edits),)  # label and rule
