"""Whether a text is recognisably English: by the share of words that no other language with Latin letters has."""

from __future__ import annotations

import re

from stillhunt_model.marks.parameters import P

_CLEAR_TEXT = """
the and about with that this these those what which who whose how why when where while from into onto upon it its it's
they their them there here you your yours are were been being has have having would could should does did done doing not
than then because between through during before after against each every other others another some any such only more
most much many very also just like if since until without within both few own same too again once if she his him himself
herself themselves itself can cannot can't don't doesn't didn't isn't aren't wasn't weren't won't they're you're that's
there's what's must might shall may though although however whether yet often never always still even ever rather
perhaps maybe might around across along behind beyond under above below near towards toward among
my myself i'm i've i'd i'll we're our ours
write tell describe explain give make show say talk read think know look looks looking go goes going went come comes
story stories short long people things thing way ways something someone everything nothing day night old new small great
good little two three first last world time life water please would one
"""
_CLEAR = frozenset(_CLEAR_TEXT.split())
"""Function words, and what requests mostly begin with."""
_SHARED_TEXT = """
a i in is of to on as do no so was am an will we me he at be or for by but all over her had us up man men war hat
"""
_SHARED = frozenset(_SHARED_TEXT.split())
"""English words that are words of other languages, too: they count for nothing."""
_ENGLISH_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE = re.compile(r"[^.!?:;\n]+")
_LEAST_WORDS = 3
"""Words of a sentence from which it must have an English one: fewer may be a name."""


def english_share(text: str) -> float:
    """The share of the words of a text that are clearly English; 0 where there are none to tell by."""
    clear, telling = _counted(text)
    return clear / telling if telling else 0.0


def is_english(text: str) -> bool:
    """Whether a text is recognisably English."""
    return english_share(text) >= P.english


def has_foreign_sentence(text: str) -> bool:
    """Whether a sentence has several words and none that is clearly English."""
    counts = (_counted(found[0]) for found in _SENTENCE.finditer(text))
    return any(not clear and telling >= _LEAST_WORDS for clear, telling in counts)


def _counted(text: str) -> tuple[int, int]:
    words = [word.replace("’", "'") for word in _ENGLISH_WORD.findall(text.lower())]
    clear = sum(word in _CLEAR for word in words)
    return clear, sum(word not in _SHARED for word in words)
