"""What was appended to the spool since the last look, in whole records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stillhunt.watch.spool.parts import OPEN, all_parts, whole_prefix

READ_BYTES = 32 << 20
"""Most bytes of one part at a time; the rest follows at once. It bounds memory. Judgement."""


class SpoolTail:
    """Reads what is new in every part of a spool; a part is known by its name without the ending of open parts.

    Args:
        spool: the spool folder; what is there already is passed over.
    """

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._read: dict[str, int] = {}
        for path in all_parts(spool):
            self._read[_name(path)] = path.stat().st_size

    def new_records(self) -> Iterator[tuple[bytes, str]]:
        """Records of each part that grew, with the ending of its name (jsonl or pb)."""
        present = set()
        for path in all_parts(self._spool):
            name = _name(path)
            present.add(name)
            while records := self._more(path, name):
                yield records, "pb" if name.endswith(".pb") else "jsonl"
        for name in self._read.keys() - present:
            del self._read[name]  # it was deleted

    def _more(self, path: Path, name: str) -> bytes:
        start = self._read.get(name, 0)
        try:
            with path.open("rb") as file:
                file.seek(start)
                data = file.read(READ_BYTES)
        except OSError:
            return b""  # closed meanwhile: under its new name at the next look; or one that cannot be read
        whole = whole_prefix(data, name)
        if not whole and len(data) == READ_BYTES:  # no signature is worth the memory of such a record
            whole = path.stat().st_size - start
            data = b""
        self._read[name] = start + whole
        return data[:whole]


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}/{path.name.removesuffix(OPEN)}"
