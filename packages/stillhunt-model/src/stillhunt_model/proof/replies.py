"""Replies and scores of a suspect behind an endpoint: asked for once, and kept as they arrive."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stillhunt import InputError, StillhuntError
from stillhunt.tools import formatting
from stillhunt_model.endpoints.kept_replies import KeptReplies
from stillhunt_model.proof.control_answers import plain_spaces
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.training.pairs import TextPair

LEAST_REPLIES, MOST_REPLIES = 10, 50
"""Replies to one prompt (with fewer, fewer prompts are asked; measured range of `benchmarks/model/text_only.py`)."""
_SPARE_PARTS = 20
"""One query in so many is left for requests that must be repeated (endpoints fail in fewer; judgement)."""
_CANNED_PROMPTS, _CANNED_PART = 5, 0.1
"""Prompts, and part of them, to which one text must be the reply to be somebody else's than the model's: the sentence
with which a gateway refuses (judgement: who says a text so often shows nothing of what it learned)."""
_TOGETHER = 256
"""Replies between two looks at progress."""


class RepliesStoppedError(InputError):
    """Asking for replies stopped; the trial is unfinished, and what arrived is kept."""


@dataclass(frozen=True)
class CollectedReplies:
    """What a suspect replied, and what of it says nothing about the model."""

    pairs: Sequence[TextPair]  # prompts with replies, white space as in `plain_spaces`
    empty: int = 0  # replies without a text: filtered, refused, or nothing said
    canned: int = 0  # replies that are one text to many prompts

    @property
    def prompts(self) -> set[str]:
        """Prompts to which there is a reply."""
        return {one.prompt for one in self.pairs}


def plan_replies(queries: int) -> int:
    """Replies that may be asked for with so many queries; some are left for requests that must be repeated."""
    return queries - queries // _SPARE_PARTS


def replies_of_each(queries: int, answers: int) -> int:
    """Replies to each prompt, with so many queries for so many prompts."""
    return min(MOST_REPLIES, max(LEAST_REPLIES, plan_replies(queries) // answers))


def collect_replies(
    suspect: Suspect, asked: Sequence[tuple[str, int]], tokens: int, path: Path, advance: Callable[[int], None]
) -> CollectedReplies:
    """Ask a suspect for replies at temperature 1; what a file has already is not asked again.

    Args:
        asked: prompts, each with how many replies to it.
        tokens: most tokens of a reply.
        path: file of replies.
        advance: is told of each reply that there is.

    Raises:
        RepliesStoppedError: the endpoint fails, or a limit of queries or money is reached; nothing is lost.
        OutputError: the file cannot be written.
    """
    kept = KeptReplies(path)
    wanted = [(prompt, _hash_place(prompt, place, tokens)) for prompt, many in asked for place in range(many)]
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
            kept_part = f"{have:,} of {formatting.plural(len(wanted), 'reply', 'replies')} are kept"
            raise stop_of_replies(error, kept_part, str(path)) from error
        advance(len(some))
    return sort_out_replies([TextPair(prompt, plain_spaces(kept.found[key])) for prompt, key in wanted])


def collect_scores(suspect: Suspect, pairs: Sequence[TextPair], path: Path) -> list[list[float]]:
    """Ask a suspect how likely it finds texts; what a file has already is not asked again.

    Returns log-probabilities of each text, none where a filter refused it. Raises as `collect_replies`.
    """
    kept = KeptReplies(path)
    keys = [_hash_place("score", one.prompt, one.answer) for one in pairs]
    missing = [place for place, key in enumerate(keys) if key not in kept.found]

    def arrived(place: int, score: Sequence[float]) -> None:
        kept.keep(keys[missing[place]], json.dumps(score))

    try:
        suspect.score([pairs[place] for place in missing], arrived)
    except StillhuntError as error:
        have = sum(key in kept.found for key in keys)
        kept_part = f"{have:,} of {formatting.plural(len(keys), 'score')} are kept"
        raise stop_of_replies(error, kept_part, str(path)) from error
    return [json.loads(kept.found[key]) for key in keys]


def stop_of_replies(error: StillhuntError, kept: str, where: str = "") -> RepliesStoppedError:
    """The error of a trial that waits for the same run.

    `kept`: what need not be asked again. `where`: file of it, where the error names no other place.
    """
    return RepliesStoppedError(
        f"{error.what}; {kept}",
        where=error.where or where,
        next_step="run the same again, if a limit was reached with a higher one: what was answered is not "
        "asked again, and no other place in the register is used",
    )


def sort_out_replies(replies: Sequence[TextPair]) -> CollectedReplies:
    """Replies without those that are the endpoint's own and not the model's.

    Which of the draws was harvested plays no part in it, so that what is left out can neither convict nor acquit.
    """
    prompts = defaultdict[str, set[str]](set)
    for one in replies:
        prompts[one.answer].add(one.prompt)
    many = max(_CANNED_PROMPTS, _CANNED_PART * len({one.prompt for one in replies}))
    own = [one for one in replies if one.answer and len(prompts[one.answer]) < many]
    empty = sum(not one.answer for one in replies)
    return CollectedReplies(own, empty, len(replies) - len(own) - empty)


def _hash_place(*asked: str | int) -> str:
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=16).hexdigest()
