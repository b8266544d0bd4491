"""Where a text names an account among other words, and the text without it."""

from __future__ import annotations

import json
import re

from stillhunt.watch.subject.records import SHORTEST_SURE_ID

ERASED = "[erased account]"


class Mentions:
    """Finds one account's id in texts, as a word of its own.

    Args:
        account: its id; one of few characters is not looked for inside texts, where it may be a number or a word.
    """

    def __init__(self, account: str) -> None:
        self._forms = (account, json.dumps(account)[1:-1]) if len(account) >= SHORTEST_SURE_ID else ()
        either = "|".join(re.escape(form) for form in sorted(set(self._forms), key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w-])(?:{either})(?![\w-])" if either else r"(?!)")

    def found_in(self, text: str) -> bool:
        """Whether a text names the account."""
        return any(form in text for form in self._forms) and self._pattern.search(text) is not None

    def removed_from(self, text: str) -> str:
        """The text with a label in place of the account."""
        return self._pattern.sub(ERASED, text) if self.found_in(text) else text
