"""Ids from outside, as all tables and decisions keep them: visible, of bounded length, and different if they differ."""

import hashlib
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
    r"""An id with each of these characters as U+FFFD, its code in hexadecimal and a semicolon; others unchanged.

    >>> visible_id("ann\u202e")
    'ann�202e;'
    """
    if not UNPRINTABLE.search(value):
        return value
    marked = value.replace(REPLACEMENT, f"{REPLACEMENT}fffd;")
    return UNPRINTABLE.sub(lambda found: f"{REPLACEMENT}{ord(found[0]):x};", marked)


MOST_ID_BYTES = 1024
"""Bytes of an account's id that are kept everywhere. Judgement: ids of customers are below 100 bytes; indexes of
databases take 2,700."""
_DIGEST_BYTES = 16
"""Of the hash that stands for a long id. Derived: among 2^40 values no two are expected to share 128 bits."""


def kept_id(value: str, most: int = MOST_ID_BYTES) -> str:
    """An id as all tables and decisions keep it: visible, and beyond `most` bytes its beginning and a hash of all.

    Equal ids stay equal and different ones different, however long they are, and a kept id is kept as it is. Whatever
    compares the id of an account that comes from outside with one that is kept compares this form.

    Args:
        value: an id as a log, a gateway or a person gives it; halves of surrogate pairs are replaced.
        most: bytes, at least 64; ids of accounts have the usual number everywhere.
    """
    if len(value) <= most and value.isascii() and value.isprintable():
        return value
    data = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    if len(data) <= most:
        shown = visible_id(data.decode())
        if len(shown.encode()) <= most:
            return shown
    digest = hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
    head = visible_id(cut_at(data, most)).encode()
    return f"{cut_at(head, most - len(digest) - 1)}~{digest}"


def stands_for_another(kept: str) -> bool:
    """Whether a kept id may be another than the id that was given: something in it was replaced, or it was cut."""
    return REPLACEMENT in kept or kept[-2 * _DIGEST_BYTES - 1 :].startswith("~")


def cut_at(data: bytes, limit: int) -> str:
    """The longest beginning of UTF-8 bytes that fits a limit and cuts no character."""
    end = limit
    while 0 < end < len(data) and (data[end] & 0xC0) == 0x80:
        end -= 1
    return data[:end].decode("utf-8", "replace")
