"""Texts from logs, made fit to leave: redacted, bounded, without ids, and without what a page would obey.

Platforms that receive the files show descriptions as Markdown or HTML, so characters that begin tags, links or code
give way to harmless ones that look alike.
"""

import re
from collections.abc import Iterable

from stillhunt.case import excerpt
from stillhunt.tools import formatting
from stillhunt_evidence.sharing.parameters import SHARED_VALUE_CHARS
from stillhunt_evidence.sharing.shared_models import base_model

# characters: longest sentence of a finding (the longest sentence that a kind of evidence makes has some 200)
_SENTENCE_CHARS = 300
# characters: ids from this length on are hidden wherever they appear in a text that is shared (shorter ones are parts
# of ordinary words and numbers)
_SHORTEST_ID = 6


HIDDEN_ID = "(hidden id)"
_HARMLESS = str.maketrans(
    {"<": "\u2039", ">": "\u203a", "[": "(", "]": ")", "{": "(", "}": ")", "`": "'", "\\": "\u2216", "|": "\u00a6"}
)
_LINK = re.compile(r"(?i)\b(javascript|vbscript|data)\s*:|:(?=//)")
_READ = 8
"""Times the longest result that is read of a text: room for what is redacted."""


class TextCleaner:
    """Cleans texts, and hides ids in them.

    `ids`: of accounts and requests; short ones are not hidden, since they are parts of ordinary words.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = sorted({one for one in ids if len(one) >= _SHORTEST_ID}, key=lambda one: (-len(one), one))
        self._longest = len(self._ids[0]) if self._ids else 0

    def value(self, text: str) -> str:
        """One value, such as the name of a client.

        `text`: from a log; may be hostile and megabytes long.
        """
        return self._clean_shared_text(text, SHARED_VALUE_CHARS)

    def model(self, text: str) -> str:
        """The name of a model without a customer's part; empty where it has no other part."""
        return self.value(base_model(text))

    def sentence(self, text: str) -> str:
        """A finding in a sentence."""
        return self._clean_shared_text(text, _SENTENCE_CHARS)

    def _clean_shared_text(self, text: str, chars: int) -> str:
        shown, _ = excerpt(self._without_ids(self._cut_text_beginning(text, chars)), chars)
        shown = _LINK.sub("\\1\u02d0", shown.translate(_HARMLESS))
        return formatting.shorten(self._without_ids(shown), chars).strip()

    def _cut_text_beginning(self, text: str, chars: int) -> str:
        """What is read of a long text; an id that the cut divides is left out with it."""
        read = _READ * chars + self._longest
        if len(text) <= read:
            return text
        hidden = self._without_ids(text[:read])
        return hidden[: max(0, len(hidden) - self._longest)]

    def _without_ids(self, text: str) -> str:
        for one in self._ids:
            if one in text:
                text = text.replace(one, HIDDEN_ID)
        return text
