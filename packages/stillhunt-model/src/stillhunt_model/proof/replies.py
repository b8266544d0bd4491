"""Replies of a suspect that gives text alone: asked for once, and kept as they arrive."""

import hashlib
import json
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from stillhunt import InputError, OutputError, StillhuntError
from stillhunt.tools import formatting
from stillhunt_model.proof.control_answers import plain_spaces
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.training.pairs import TextPair

LEAST_REPLIES, MOST_REPLIES = 10, 50
"""Replies to one prompt (with fewer, fewer prompts are asked; measured range of `benchmarks/model/text_only.py`)."""
_SPARE_PARTS = 20
"""One query in so many is left for requests that must be repeated (endpoints fail in fewer; judgement)."""
_TOGETHER = 256
"""Replies between two looks at progress."""


class RepliesStoppedError(InputError):
    """Asking for replies stopped; the trial is unfinished, and what arrived is kept."""


class KeptReplies:
    """Replies of one trial in a file of JSON lines: a hash of prompt, number and length, and the text.

    Prompts are not in it. Whoever changes the file changes the result, as with the log itself.

    Raises:
        OutputError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.found: dict[str, str] = {}
        try:
            content = path.read_bytes() if path.exists() else b""
            # What follows the last line feed was left by a process that died.
            whole = content[: content.rfind(b"\n") + 1]
            if whole != content:
                os.truncate(path, len(whole))
        except OSError as error:
            raise self._build_file_error(error) from error
        for line in whole.splitlines():
            key, reply = json.loads(line)
            self.found[key] = reply

    def keep(self, key: str, reply: str) -> None:
        """Write one reply to the file."""
        with self._lock:
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
                try:
                    os.write(handle, json.dumps([key, reply]).encode() + b"\n")
                finally:
                    os.close(handle)
            except OSError as error:
                raise self._build_file_error(error) from error
            self.found[key] = reply

    def _build_file_error(self, error: OSError) -> OutputError:
        return OutputError(
            f"replies cannot be kept: {error.strerror or error}",
            where=str(self.path),
            next_step="make room, or set model.folder to a folder of yours, and run the same again",
        )


def plan_replies(queries: int) -> int:
    """Replies that may be asked for with so many queries; some are left for requests that must be repeated."""
    return queries - queries // _SPARE_PARTS


def replies_of_each(queries: int, answers: int) -> int:
    """Replies to each prompt, with so many queries for so many prompts."""
    return min(MOST_REPLIES, max(LEAST_REPLIES, plan_replies(queries) // answers))


def collect_replies(
    suspect: Suspect, asked: Sequence[tuple[str, int]], tokens: int, path: Path, advance: Callable[[int], None]
) -> list[TextPair]:
    """Ask a suspect for replies at temperature 1; what a file has already is not asked again.

    Args:
        asked: prompts, each with how many replies to it.
        tokens: most tokens of a reply.
        path: file of replies.
        advance: is told of each reply that there is.

    Returns:
        Prompts with replies, white space as in `plain_spaces`; empty replies, such as refusals, are left out.

    Raises:
        RepliesStoppedError: the endpoint fails, or a limit of queries or money is reached; nothing is lost.
        OutputError: the file cannot be written.
    """
    kept = KeptReplies(path)
    wanted = [(prompt, _hash_reply_place(prompt, place, tokens)) for prompt, many in asked for place in range(many)]
    missing = [one for one in wanted if one[1] not in kept.found]
    advance(len(wanted) - len(missing))
    while missing:
        some, missing = missing[:_TOGETHER], missing[_TOGETHER:]

        def arrived(place: int, reply: str, some: Sequence[tuple[str, str]] = some) -> None:
            kept.keep(some[place][1], reply)

        try:
            # Another seed each time: a server that takes it would repeat itself.
            suspect.answer([prompt for prompt, _ in some], tokens, seed=len(kept.found), arrived=arrived)
        except StillhuntError as error:
            have = sum(key in kept.found for _, key in wanted)
            raise RepliesStoppedError(
                f"{error.what}; {have:,} of {formatting.plural(len(wanted), 'reply', 'replies')} are kept",
                where=error.where or str(path),
                next_step="run the same again, if a limit was reached with a higher one: what was answered is not "
                "asked again, and no other place in the register is used",
            ) from error
        advance(len(some))
    pairs = [TextPair(prompt, plain_spaces(kept.found[key])) for prompt, key in wanted]
    return [one for one in pairs if one.answer]


def _hash_reply_place(prompt: str, place: int, tokens: int) -> str:
    return hashlib.blake2b(json.dumps([prompt, place, tokens]).encode(), digest_size=16).hexdigest()
