"""How an id with control characters is written, so that it can be shown and different ids stay different."""

from __future__ import annotations

import re

REPLACEMENT = "\ufffd"
UNPRINTABLE = re.compile(
    # Control characters of both sets, then invisible, direction-changing and tag characters, with which a log line
    # can repaint a terminal or make two ids look alike. Lone surrogates cannot be written as UTF-8 at all.
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)
"""Characters that ids may not hold: they are replaced in the tables, not only where a text is shown."""


def visible_id(value: str) -> str:
    """An id with each of these characters as U+FFFD, its code in hexadecimal and a semicolon; others unchanged."""
    if not UNPRINTABLE.search(value):
        return value
    marked = value.replace(REPLACEMENT, f"{REPLACEMENT}fffd;")
    return UNPRINTABLE.sub(lambda found: f"{REPLACEMENT}{ord(found[0]):x};", marked)
