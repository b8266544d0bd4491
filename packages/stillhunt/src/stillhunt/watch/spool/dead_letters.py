"""Dead letters: what a fault of the receiver kept from being stored as a record, and that it kept as it came."""

import re
from pathlib import Path

LETTER_ENDING = ".letter"
_NAME = re.compile(r"(\d{20})-\d+-\d+\.letter")


def letters_of(folder: Path) -> list[tuple[Path, int]]:
    """Dead letters with the times at which they came, microseconds since 1970, the oldest first.

    `folder`: where they lie; none where it does not exist.
    """
    named = [(path, _NAME.fullmatch(path.name)) for path in sorted(folder.glob(f"*{LETTER_ENDING}"))]
    return [(path, int(name[1]) // 1000) for path, name in named if name and not path.is_symlink()]
