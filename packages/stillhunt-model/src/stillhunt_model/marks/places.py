"""Where in an answer one stands, read piece by piece as it is written: in code, in a quotation, within a word."""

from __future__ import annotations

from stillhunt_model.marks.requests import is_safety_word

_FENCE = 3
_INDENT = 4
_CLOSING = {'"': '"', "“": "”", "„": "“", "«": "»", "‘": "\n\n"}
"""What opens a quotation -> what closes it; a closing single quote is an apostrophe, too, and closes nothing."""
_WEB = ("http", "www")
_LONGEST_WORD = 64


class AnswerPlace:
    """The place at the end of an answer so far.

    A quotation or inline code that nobody closes ends with its paragraph; a fence ends only with another one.

    Attributes:
        word: the characters since the last space.
        is_about_safety: a word about safety was written: what follows is left alone.
    """

    def __init__(self) -> None:
        self.word = ""
        self.is_about_safety = False
        self._ticks, self._tick, self._fence = 0, "`", ""
        self._inline = self._mathematics = False
        self._quote = ""
        self._line = ""  # the line so far, while it has nothing but spaces
        self._begun = False  # the line has something else than spaces
        self._indented = self._heading = False

    def feed(self, text: str) -> None:
        """Go on by a piece of the answer."""
        if self._begun and not self._ticks:
            if text.isalpha():  # nearly all pieces are this or the next: nothing changes but the word
                self.word += text
                return
            if text[:1] == " " and text[1:].isalpha():
                self._word_ends()
                self.word = text[1:]
                return
        for sign in text:
            self._sign(sign)

    def _sign(self, sign: str) -> None:
        if sign in "`~":
            self._ticks, self._tick = (self._ticks + 1, sign) if sign == self._tick else (1, sign)
        elif self._ticks:
            self._ticks_end()
        if sign == "\n":
            self._line_ends()
        elif not self._begun:
            self._line_begins(sign)
        if self._quote:
            self._quote = "" if sign == self._quote else self._quote
        elif sign in _CLOSING:
            self._quote = _CLOSING[sign]
        if sign == "$":
            self._mathematics = not self._mathematics
        if sign.isspace():
            self._word_ends()
        else:
            self.word = (self.word + sign)[-_LONGEST_WORD:]

    def _word_ends(self) -> None:
        self.is_about_safety = self.is_about_safety or is_safety_word(self.word)
        self.word = ""

    def _ticks_end(self) -> None:
        if self._ticks >= _FENCE:
            if not self._fence:
                self._fence, self._inline = self._tick, False
            elif self._fence == self._tick:
                self._fence = ""
        elif self._tick == "`" and not self._fence:
            self._inline = not self._inline
        self._ticks = 0

    def _line_ends(self) -> None:
        if not self._begun:  # an empty line: the end of a paragraph
            self._inline = self._mathematics = False
            self._quote = ""
        self._line, self._begun, self._indented, self._heading = "", False, False, False

    def _line_begins(self, sign: str) -> None:
        if sign in " \t":
            self._line += sign
            self._indented = self._indented or sign == "\t" or len(self._line) >= _INDENT
            return
        self._begun = True
        self._heading = sign in "#>|"  # headings, quoted lines and tables

    @property
    def in_code(self) -> bool:
        """Whether it is in a fence, inline code or an indented line, or may be at the edge of one."""
        return bool(self._fence) or self._inline or bool(self._ticks) or self._indented

    @property
    def is_plain(self) -> bool:
        """Whether it is in running text: no code, quotation, mathematics, heading or address, and not about safety."""
        return not (
            self.in_code
            or self._quote
            or self._mathematics
            or self._heading
            or self.is_about_safety
            or self.word.lower().startswith(_WEB)
        )

    @property
    def in_plain_word(self) -> bool:
        """Whether what stands since the last space is lower-case letters only, or nothing."""
        return not self.word or (self.word.isalpha() and self.word.islower())
