"""Reads an actors file, with the place of each error."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from stillhunt import ConfigError
from stillhunt_evidence.actors.actors_file import ActorsFile

MOST_ACTORS_BYTES = 8 << 20
_TABLE = re.compile(r"\s*(\[\[?)\s*([\w.\-]+)\s*\]\]?")
_KEY = re.compile(r"\s*([\w\-]+)\s*=")
_PLACED = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")


class KnownActors(NamedTuple):
    """Actors as they were read.

    Attributes:
        digest: SHA-256 of its bytes, in hexadecimal digits.
    """

    file: ActorsFile
    digest: str

    @property
    def hashes(self) -> list[str]:
        """Hashes of addresses and networks for which an actor is known."""
        return sorted({one for actor in self.file.actor for one in (*actor.known.addresses, *actor.known.networks)})


def read_actors(path: Path | str) -> KnownActors:
    """The actors of a file.

    Args:
        path: TOML, at most 8 MiB; docs/howto/attribute.md describes it.

    Raises:
        ConfigError: it cannot be read, or something in it is unknown, malformed or contradictory; with its line.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_ACTORS_BYTES + 1)
    except OSError as error:
        raise _refused(error.strerror or "it cannot be read", str(path)) from error
    if len(content) > MOST_ACTORS_BYTES:
        raise _refused("it is larger than 8 MiB", str(path))
    return parse_actors(content, str(path))


def parse_actors(content: bytes, name: str = "actors.toml") -> KnownActors:
    """The actors of a text.

    Args:
        content: TOML in UTF-8.

    Raises:
        ConfigError: as `read_actors`.
    """
    try:
        text = content.decode()
        found = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise _refused("it is not UTF-8", f"{name}:{content[: error.start].count(10) + 1}") from error
    except (ValueError, RecursionError) as error:
        placed = _PLACED.search(str(error))
        place = f":{placed[1]}:{placed[2]}" if placed and placed[1] else ""
        raise _refused(f"it is no TOML: {_PLACED.sub('', str(error))[:200]}", f"{name}{place}") from error
    try:
        return KnownActors(ActorsFile.model_validate(found), hashlib.sha256(content).hexdigest())
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if isinstance(part, str | int))
        what = "no such field" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        field = ".".join(str(part + 1 if isinstance(part, int) else part) for part in path)
        raise _refused(f"{field}: {what}" if field else what, f"{name}:{_line_of(text, path)}") from error


def _line_of(text: str, path: Sequence[str | int]) -> int:
    """The line, from 1, of what a path names; of the table around it where it has none of its own.

    Args:
        text: TOML as people write it: one key a line.
        path: names, and numbers from 0 for tables that repeat and for items of a list.
    """
    best = 1
    table: tuple[str | int, ...] = ()
    seen: Counter[tuple[str | int, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _TABLE.match(line):
            table = ()
            names = header[2].split(".")
            for depth, part in enumerate(names):
                table = (*table, part)
                if header[1] == "[[" and depth == len(names) - 1:
                    seen[table] += 1
                if seen[table]:
                    table = (*table, seen[table] - 1)
            if table == tuple(path[: len(table)]):
                best = number
        elif (key := _KEY.match(line)) and (*table, key[1]) == tuple(path[: len(table) + 1]):
            return number
    return best


def _refused(what: str, where: str) -> ConfigError:
    return ConfigError(
        f"the actors file cannot be used: {what}",
        where=where,
        next_step="docs/howto/attribute.md describes each field and has a file to begin with",
    )
