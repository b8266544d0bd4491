"""What a word is: classes, folding and scripts of code points, as one table that kernels read.

The table is fixed for ever under a `SKETCH_VERSION`: it is built from the Unicode 3.2 data that every Python
ships unchanged, so the same text gives the same hashes on every interpreter. Code points assigned later are
letters outside the symbol blocks; they take part in words unfolded.
"""

import tomllib
import unicodedata
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

SKETCH_VERSION = 4
"""Version of every hash and bucket in SKETCHES; sketches of two versions must not be compared."""
SCRIPTS = (
    *("none", "latin", "greek", "cyrillic", "hebrew", "arabic", "devanagari", "indic", "thai", "lao", "khmer"),
    *("myanmar", "han", "japanese", "hangul", "other"),
)
"""Script names; the index is the code in SKETCHES.script. Han beside kana counts as japanese."""
SEPARATOR, LETTER, CHARACTER, IGNORED = 0, 1, 2, 3
"""Class of a code point: ends a word; part of a word; a word by itself; not seen at all."""
CLASS_SHIFT, SCRIPT_SHIFT = 21, 24
FOLDED_MASK = (1 << CLASS_SHIFT) - 1
MATH_FIRST, MATH_STOP = 0x1D400, 0x1D800
"""Mathematical letters: look-alikes of plain ones that evasive text is written in, so they are folded too."""
TABLE_SIZE = 0x10000 + MATH_STOP - MATH_FIRST
_CODE_MARKS = "{}[];=<>\\`"
_UNICODE = unicodedata.ucd_3_2_0
_BORDERS = tomllib.loads((files(__package__) / "code_points.toml").read_text("utf-8"))
_BLOCKS: list[tuple[int, int, str]] = _BORDERS["blocks"]

# Scripts written without spaces: one character is one word.
_UNSPACED = frozenset({"thai", "lao", "khmer", "myanmar", "han", "japanese"})
_IGNORED_POINTS = frozenset(point for first, last in _BORDERS["ignored"] for point in range(first, last + 1))


def _plain_form(character: str) -> str:
    return _UNICODE.normalize("NFKC", character)


def _strip_accents(character: str) -> str:
    parts = _UNICODE.normalize("NFD", character)
    if len(parts) > 1 and all(ord(mark) in _IGNORED_POINTS for mark in parts[1:]):
        return parts[0]
    return character


def fold(character: str) -> str:
    """The code point that stands for it in a word: lower case, plain, no accent, ASCII digit; or itself if not one."""
    if _UNICODE.category(character) == "Nd":
        return str(_UNICODE.digit(character))
    if character == "\u2019":
        return "'"
    if not _UNICODE.category(character).startswith("L"):
        return character
    folded = character
    for _ in range(3):  # compatibility form, accent and case feed one another; three rounds reach the fixed point
        before = folded
        for step in (_plain_form, _strip_accents, str.casefold):
            changed = step(folded)
            if len(changed) == 1 and ord(changed) < 0x10000 and _UNICODE.category(changed).startswith("L"):
                folded = changed
        if folded == before:
            break
    return folded


def classify(code_point: int) -> int:
    """Class of a code point (SEPARATOR, LETTER, CHARACTER or IGNORED) after folding."""
    if code_point in _IGNORED_POINTS:
        return IGNORED
    character = chr(code_point)
    if character in "'_":
        return LETTER
    category = _UNICODE.category(character)
    if category == "Cn":
        if any(first <= code_point <= last for first, last in _BORDERS["later_symbols"]):
            return SEPARATOR
    elif not (category[0] in "LM" or category in ("Nd", "Nl")):
        return SEPARATOR
    return CHARACTER if SCRIPTS[script_of(code_point)] in _UNSPACED and category != "Nd" else LETTER


def script_of(code_point: int) -> int:
    """Script code of a letter, an index into SCRIPTS."""
    for first, last, name in _BLOCKS:
        if first <= code_point <= last:
            return SCRIPTS.index(name)
    return SCRIPTS.index("other")


def _encode_code_point(code_point: int) -> int:
    folded = ord(fold(chr(code_point)))
    kind = IGNORED if code_point in _IGNORED_POINTS else classify(folded)
    if kind in (SEPARATOR, IGNORED):
        # The script bits of an ASCII separator say whether it is a mark that code is full of.
        script = int(code_point < 0x80 and chr(code_point) in _CODE_MARKS)
        return code_point | kind << CLASS_SHIFT | script << SCRIPT_SHIFT
    script = 0 if chr(folded) in "0123456789'_" else script_of(folded)
    return folded | kind << CLASS_SHIFT | script << SCRIPT_SHIFT


@cache
def code_point_table() -> npt.NDArray[np.uint32]:
    """Per code point: folded in bits 0-20, class 21-23, script 24-27; the mathematical letters follow 0x10000."""
    table = np.zeros(TABLE_SIZE, dtype=np.uint32)
    han = SCRIPTS.index("han")
    hangul = SCRIPTS.index("hangul")
    other = SCRIPTS.index("other")
    for code_point in (*range(0x3400), *range(0xA490, 0xAC00), *range(0xF900, 0x10000)):
        table[code_point] = _encode_code_point(code_point)
    # The large blocks fold to themselves; a loop over 30,000 characters would be felt at start-up.
    for first, last, kind, script in (
        (0x3400, 0x4DBF, CHARACTER, han),
        (0x4E00, 0x9FFF, CHARACTER, han),
        (0xA000, 0xA48F, LETTER, other),
        (0xAC00, 0xD7FF, LETTER, hangul),
    ):
        block = np.arange(first, last + 1, dtype=np.uint32)
        table[first : last + 1] = block | np.uint32(kind << CLASS_SHIFT | script << SCRIPT_SHIFT)
    for offset, code_point in enumerate(range(MATH_FIRST, MATH_STOP)):
        table[0x10000 + offset] = _encode_code_point(code_point)
    table.flags.writeable = False
    return table
