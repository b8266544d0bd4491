"""Names of objects that hold records: RECORDS/SOURCE/HOUR/STAMP-RECORDS-DIGEST-KIND[-LAST-PARTS].ENDING."""

from __future__ import annotations

import re
from typing import NamedTuple

RECORDS = "records"
"""Begin of the names of all objects that hold records."""
_STAMP = r"\d{8}T\d{12}"
_NAME = re.compile(
    rf"({_STAMP})-(\d{{1,9}})-([0-9a-f]{{32}})-(traces|logs|litellm|jsonl)(?:-({_STAMP}-[0-9a-f]{{16}}))?\.(jsonl|pb)"
)
_HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d")


class RecordName(NamedTuple):
    """The last part of a name."""

    stamp: str  # when it was made, or the first of those that it merges
    records: int  # number of records; 0 for a name that is none of ours
    digest: str  # of the content, SHA-256 to 32 digits
    kind: str
    ending: str
    parts: str = ""  # of a merged object: stamp of the last one and hash of the names; "" for others

    @property
    def text(self) -> str:
        """The name."""
        parts = f"-{self.parts}" if self.parts else ""
        return f"{self.stamp}-{self.records}-{self.digest}-{self.kind}{parts}.{self.ending}"


_NONE = RecordName("", 0, "", "", "")


def parse_record_name(name: str) -> RecordName:
    """What the last part of a name says; `records` is 0 for one that is none of ours."""
    found = _NAME.fullmatch(name.rpartition("/")[2])
    if found is None:
        return _NONE
    return RecordName(found[1], int(found[2]), found[3], found[4], found[6], found[5] or "")


def is_hour_name(text: str) -> bool:
    """Whether a folder holds the objects of an hour."""
    return _HOUR.fullmatch(text) is not None
