"""Control answers of a teacher whose weights are not here: a server draws them, or a file has them.

Its likelihoods are then unknown; `own_models` says what reads the texts in its place.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import msgspec

from stillhunt import InputError, StillhuntError
from stillhunt.tools import Progress, formatting
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.endpoints.client import Endpoint, EndpointClient, EndpointError, FilteredAnswerError, chat_text
from stillhunt_model.endpoints.kept_replies import KeptReplies
from stillhunt_model.endpoints.together import ask_together
from stillhunt_model.tasks.harvest_files import LONGEST_LINE
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.pairs import TextPair

DRAWS_FOLDER = "draws"
"""In the folder of models, what served teachers drew."""
_SEEDS = 1 << 31
_PROBE = "Say one word."


class DrawSource(Protocol):
    """What draws control answers in place of the teacher's weights."""

    @property
    def name(self) -> str:
        """What it is called in tables and in proof.json; neither a path nor a secret."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what it is, in hexadecimal."""

    def reach(self) -> None:
        """See that it answers, by a question that is about no campaign.

        Raises:
            EndpointError: it does not.
        """

    def draw(self, answers: Sequence[HarvestedAnswer], draws: int, seed: int, progress: Progress) -> list[list[str]]:
        """At most so many other answers to each prompt, with the settings of the first; empty ones are left out.

        Raises:
            InputError: it fails; what was drawn is kept.
        """


class ServedDraws:
    """A teacher behind a server that speaks the OpenAI API, such as the one that gave the logged answers.

    Args:
        endpoint: where it is.
        folder: of models, in which draws are kept, so that nothing is drawn twice.
        pause: waits so many seconds between two tries.

    Raises:
        ConfigError: the endpoint cannot be asked so.
    """

    def __init__(self, endpoint: Endpoint, folder: Path, pause: Callable[[float], None] = time.sleep) -> None:
        self.endpoint, self._pause = endpoint, pause
        self._open_client().close()  # an address that is none is told of at once
        self._file = folder / DRAWS_FOLDER / f"{self.fingerprint}.jsonl"

    @property
    def name(self) -> str:
        """The model, without the address of its server, which may be a name within a company."""
        return self.endpoint.model

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the address, a line feed, and the model's name."""
        return hashlib.sha256(f"{self.endpoint.base}\n{self.endpoint.model}".encode()).hexdigest()

    def reach(self) -> None:
        """As `DrawSource.reach`."""
        with closing(self._open_client()) as client:
            _ask_for_draw(client, _PROBE, {"max_tokens": 1})

    def draw(self, answers: Sequence[HarvestedAnswer], draws: int, seed: int, progress: Progress) -> list[list[str]]:
        """As `DrawSource.draw`; arguments are those. Each draw is sent with a seed of its own."""
        kept = KeptReplies(self._file)
        wanted = [(one, place) for one in answers for place in range(draws)]
        bodies = [_build_draw_request(one, place, seed) for one, place in wanted]
        keys = [_hash_draw(one.prompt, body) for (one, _), body in zip(wanted, bodies, strict=True)]
        missing = [place for place, key in enumerate(keys) if key not in kept.found]
        # A hash stands in the pair beside the prompt, so that draws to one prompt are not sent one after the other.
        asked = [TextPair(wanted[place][0].prompt, keys[place]) for place in missing]
        body_of = dict(zip(keys, bodies, strict=True))
        with progress.stage(f"drawing answers of {self.name}", len(wanted), "draws") as advance:
            advance(len(wanted) - len(missing))

            def arrived(place: int, text: str) -> None:
                kept.keep(keys[missing[place]], text)
                advance(1)

            try:
                with closing(self._open_client()) as client:
                    ask_together(asked, lambda one, _: _ask_for_draw(client, one.prompt, body_of[one.answer]), arrived)
            except StillhuntError as error:
                reason = error.reason if isinstance(error, EndpointError) else error.what
                have = sum(key in kept.found for key in keys)
                raise InputError(
                    f"the teacher cannot be asked: {reason}; {have:,} of "
                    f"{formatting.plural(len(keys), 'draw')} are kept",
                    where=error.where or self.endpoint.base,
                    next_step="see that it runs, and run the same again: it goes on with its place in the register",
                ) from error
        texts = [kept.found[key] for key in keys]
        return [list(filter(None, texts[first : first + draws])) for first in range(0, len(texts), draws)]

    def _open_client(self) -> EndpointClient:
        return EndpointClient(self.endpoint, QueryBudget.without_end(), self._pause)


class FiledDraws:
    """Draws of a teacher in a file of JSON lines with `request_id` and `draws`, a list of texts.

    Args:
        path: the file.
        wanted: ids of the requests whose draws are kept in memory.

    Raises:
        InputError: it cannot be read, or a line is not of that form.
    """

    def __init__(self, path: Path, wanted: Iterable[str]) -> None:
        self.name = f"draws in {path.name}"
        ids, digest = set(wanted), hashlib.sha256()
        self._draws: dict[str, list[str]] = {}
        try:
            with path.open("rb") as file:
                for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                    digest.update(line)
                    if line.strip():
                        one = _decode_draws_line(line, f"{path}:{number}")
                        if one.request_id in ids:
                            self._draws.setdefault(one.request_id, list(filter(None, one.draws)))
        except OSError as error:
            raise InputError(
                f"the file of draws cannot be read: {error.strerror or error}",
                where=str(path),
                next_step="name a file of JSON lines",
            ) from error
        self.fingerprint = digest.hexdigest()

    def reach(self) -> None:
        """It is here."""

    def with_draws(self, answers: Iterable[HarvestedAnswer]) -> list[HarvestedAnswer]:
        """Answers for which there are draws."""
        return [one for one in answers if self._draws.get(one.request_id)]

    def draw(self, answers: Sequence[HarvestedAnswer], draws: int, seed: int, progress: Progress) -> list[list[str]]:
        """As `DrawSource.draw`; arguments are those."""
        del seed, progress
        return [self._draws[one.request_id][:draws] for one in answers]


class _DrawsLine(msgspec.Struct):
    request_id: str
    draws: list[str]


def _build_draw_request(one: HarvestedAnswer, place: int, seed: int) -> dict[str, Any]:
    """The settings of the logged call; what it left to the server is left to the server again."""
    hashed = hashlib.blake2b(json.dumps([one.prompt, seed]).encode(), digest_size=4).digest()
    body = {"temperature": one.temperature, "top_p": one.top_p, "max_tokens": one.max_tokens}
    settings = {name: value for name, value in body.items() if value is not None}
    return settings | {"seed": (int.from_bytes(hashed, "big") + place) % _SEEDS}


def _hash_draw(prompt: str, body: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps([prompt, body], sort_keys=True).encode(), digest_size=16).hexdigest()


def _ask_for_draw(client: EndpointClient, prompt: str, body: dict[str, Any]) -> str:
    """A draw; empty where a filter refused it, as the log would have no answer there."""
    sent = {"messages": [{"role": "user", "content": prompt}], **body}
    try:
        return client.post("chat/completions", sent, chat_text)
    except FilteredAnswerError:
        return ""


def _decode_draws_line(line: bytes, where: str) -> _DrawsLine:
    try:
        if len(line) <= LONGEST_LINE:
            return msgspec.json.decode(line, type=_DrawsLine)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        pass
    raise InputError(
        f"line {where.rpartition(':')[2]} is no JSON object with request_id and draws, a list of texts",
        where=where,
        next_step="correct the line, or leave it out",
    )
