"""The answers of one batch while they are written: what stands before each token, and whether a mark may act on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import LogitsProcessor

from stillhunt_model.marks.gate import Gate
from stillhunt_model.marks.hashing import Seeds, context_seeds
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
            self._follow_answer_sign(sign)

    def _follow_answer_sign(self, sign: str) -> None:
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


@dataclass(frozen=True)
class Position:
    """The next token of each answer.

    Attributes:
        rows: answers on which a mark may act.
        seeds: seed of the context of each of these.
    """

    rows: npt.NDArray[np.int64]
    seeds: Seeds


class MarkProcessor(LogitsProcessor):  # type: ignore[misc]  # transformers ships no types
    """What marks have in common: they follow the answers of a batch, and act where the gate is open.

    One processor serves one batch at a time. A batch begins where the tokens do not go on from those of the last call.

    Attributes:
        positions: tokens of answers that were drawn under it, marked or not, since it was made.
        open_positions: those on which the mark acted.
        batch_marks: tokens of each answer of the present batch on which the mark acted.
    """

    def __init__(self, key: bytes, width: int, gate: Gate) -> None:
        self._key, self._width, self._gate = key, width, gate
        self._ids: Any = None
        self._places: list[AnswerPlace] = []
        self._refused: list[str | None] = []
        self._seen: list[set[int]] = []
        self._goes: npt.NDArray[np.bool_] = np.zeros(0, bool)
        self._ends = {gate.padding, gate.tokenizer.eos_token_id}
        self.positions = self.open_positions = 0
        self.batch_marks: npt.NDArray[np.int64] = np.zeros(0, np.int64)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Logits with the mark.

        Args:
            input_ids: tokens so far, rows x length.
        """
        position = self._compute_mark_position(input_ids, scores)
        self.positions += int(self._goes.sum())
        if not len(position.rows):
            return scores
        marked = scores.clone()
        chosen = torch.from_numpy(position.rows).to(scores.device)
        marked[chosen] = self._marked(scores[chosen], position)
        return marked

    def _marked(self, scores: Any, position: Position) -> Any:
        """Logits with the mark, for the rows of the position only."""
        raise NotImplementedError

    def _compute_mark_position(self, input_ids: Any, scores: Any) -> Position:
        ids = input_ids.detach().cpu().numpy()
        if self._goes_on(ids):
            for place, token in zip(self._places, ids[:, -1].tolist(), strict=True):
                place.feed(self._gate.pieces[token] if token < len(self._gate.pieces) else "")
            self._goes &= ~np.isin(ids[:, -1], [one for one in self._ends if one is not None])
        else:
            self._begin_answer_batch(ids)
        self._ids = ids
        ready = np.array(
            [refused is None and place.is_plain for refused, place in zip(self._refused, self._places, strict=True)],
            dtype=bool,
        )
        contexts = ids[:, -self._width :]
        ready &= self._goes
        ready &= contexts.shape[1] == self._width and ~(contexts == self._gate.padding).any(axis=1)
        if ready.any():
            within = torch.tensor([place.in_plain_word for place in self._places], device=scores.device)
            ready &= self._gate.open_by_scores(scores, within).cpu().numpy()
        rows = np.flatnonzero(ready)
        return Position(rows, context_seeds(self._key, contexts[rows]))

    def _count(self, rows: npt.NDArray[np.int64]) -> None:
        """Count tokens on which the mark acts, one of each of these answers."""
        self.open_positions += len(rows)
        self.batch_marks[rows] += 1

    def _goes_on(self, ids: npt.NDArray[np.int64]) -> bool:
        last = self._ids
        return (
            last is not None and ids.shape == (last.shape[0], last.shape[1] + 1) and np.array_equal(ids[:, :-1], last)
        )

    def _begin_answer_batch(self, ids: npt.NDArray[np.int64]) -> None:
        prompts = [row[row != self._gate.padding].tolist() for row in ids]
        texts = self._gate.tokenizer.batch_decode(prompts, skip_special_tokens=True)
        self._refused = [self._gate.why_unmarked(text) for text in texts]
        self._places = [AnswerPlace() for _ in texts]
        self._seen = [set() for _ in texts]
        self._goes = np.ones(len(texts), bool)
        self.batch_marks = np.zeros(len(texts), np.int64)
