"""A few requests to an endpoint at a time."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from stillhunt import StillhuntError
from stillhunt_model.training.pairs import TextPair

_CONNECTIONS = 4  # Requests to an endpoint that are under way together (little enough not to be a load)
Got = TypeVar("Got")


def ask_together(
    pairs: Sequence[TextPair],
    ask: Callable[[TextPair, int], Got],
    arrived: Callable[[int, Got], None] | None = None,
) -> list[Got]:
    """The answer to each, a few requests at a time; after a failure no more is asked.

    They are sent in the order of their hashes: it depends on nothing but the texts, so that the endpoint cannot see by
    it which of them was harvested. A seed would not do, since whoever knows it could undo the shuffle.

    Args:
        ask: what asks one; it also takes the place in the order.
        arrived: is told of each answer, with the place of its pair.
    """
    failures: list[StillhuntError] = []
    got: dict[int, Got] = {}
    order = sorted(range(len(pairs)), key=lambda place: _hash_text_pair(pairs[place]))

    def guarded(sent: int) -> None:
        if not failures:
            try:
                got[order[sent]] = ask(pairs[order[sent]], sent)
                if arrived is not None:
                    arrived(order[sent], got[order[sent]])
            except StillhuntError as error:
                failures.append(error)

    pool = ThreadPoolExecutor(_CONNECTIONS)
    try:
        # The first alone: by it the kind of request is found that the endpoint serves.
        for sent in range(min(1, len(order))):
            guarded(sent)
        for _ in pool.map(guarded, range(1, len(order))):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    if failures:
        raise failures[0]
    return [got[place] for place in range(len(pairs))]


def _hash_text_pair(pair: TextPair) -> bytes:
    return hashlib.blake2b(f"{pair.prompt}\n{pair.answer}".encode("utf-8", "surrogatepass")).digest()
