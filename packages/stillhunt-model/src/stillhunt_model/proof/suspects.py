"""Whom `prove` asks: a model that runs here, or one behind an endpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from stillhunt import InputError
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair

_READ = 1 << 20
Arrived = Callable[[int, str], None]
"""Is told the place of a prompt, and the answer."""
ArrivedScore = Callable[[int, Sequence[float]], None]
"""Is told the place of a text, and its score."""


class Suspect(Protocol):
    """A model that may have been trained on harvested answers."""

    @property
    def name(self) -> str:
        """What it is called in tables and in proof.json; neither a path nor a secret."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 that stays the same when the same suspect is named again, in hexadecimal."""

    @property
    def budget(self) -> QueryBudget:
        """What it may be asked, and what it was."""

    @property
    def asked(self) -> int:
        """Queries that were used."""

    @property
    def can_score(self) -> bool:
        """Whether it says how likely it finds a given answer. To find out may take queries."""

    @property
    def scores_end(self) -> bool:
        """Whether the last value of each score is that of the end of the text."""

    def reach(self) -> None:
        """See that it answers, by a question that is about no campaign; a query, where it is behind an endpoint.

        Raises:
            EndpointError: it does not.
        """

    def answer(
        self,
        prompts: Sequence[str],
        tokens: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        arrived: Arrived | None = None,
    ) -> list[str]:
        """Its answer to each prompt; one query each.

        Args:
            temperature: of the draw; 0 takes the likeliest token.
            arrived: is told of each answer as it arrives, also where a later one fails.

        Raises:
            QueryBudgetError: the budget does not allow it.
            EndpointError: an endpoint fails.
        """

    def score(self, pairs: Sequence[TextPair], arrived: ArrivedScore | None = None) -> list[list[float]]:
        """Log-probability of each token of each answer; one query each.

        Args:
            arrived: is told of each score as it arrives, also where a later one fails.

        Returns:
            Natural logarithms; a local model's last one is that of the end, an endpoint gives none for it.

        Raises:
            QueryBudgetError: the budget does not allow it.
            EndpointError: an endpoint fails, or it does not score.
        """

    def close(self) -> None:
        """Let go of connections."""


class LocalSuspect:
    """A model that runs here."""

    can_score = True
    scores_end = True

    def __init__(self, net: Net, fingerprint: str, budget: QueryBudget) -> None:
        self.net, self.fingerprint, self.budget = net, fingerprint, budget

    @property
    def name(self) -> str:
        """Name of its folder or file."""
        return self.net.name

    @property
    def asked(self) -> int:
        """Queries that were used."""
        return self.budget.used

    def reach(self) -> None:
        """It is here."""

    def answer(
        self,
        prompts: Sequence[str],
        tokens: int,
        *,
        temperature: float = 1.0,
        seed: int = 0,
        arrived: Arrived | None = None,
    ) -> list[str]:
        """As `Suspect.answer`; arguments are those."""
        self.budget.spend(len(prompts))
        sampling = Sampling(tokens=tokens, temperature=temperature, seed=seed)
        found = generate(self.net, prompts, sampling) if prompts else []
        for place, answer in enumerate(found if arrived else ()):
            arrived(place, answer)  # type: ignore[misc]  # there is one where something is enumerated
        return found

    def score(self, pairs: Sequence[TextPair], arrived: ArrivedScore | None = None) -> list[list[float]]:
        """As `Suspect.score`; arguments are those."""
        self.budget.spend(len(pairs))
        found = answer_logprobs(self.net, pairs) if pairs else []
        for place, score in enumerate(found if arrived else ()):
            arrived(place, score)  # type: ignore[misc]  # there is one where something is enumerated
        return found

    def close(self) -> None:
        """Nothing is held."""


def open_suspect(path: Path, budget: QueryBudget) -> LocalSuspect:
    """A suspect, or a reference model, that is a folder or a GGUF file.

    Raises InputError: it is no model that can be opened.
    """
    net = load_net(path)
    return LocalSuspect(net, weights_fingerprint(path), budget)


def weights_fingerprint(path: Path) -> str:
    """SHA-256 of the GGUF file, or of the list of a folder's safetensors as sha256sum prints it.

    Raises InputError: it cannot be read.
    """
    try:
        if not path.is_dir():
            return _digest_of(path)
        files = sorted(one for one in path.iterdir() if one.suffix == ".safetensors" and one.is_file())
        lines = "".join(f"{_digest_of(one)}  {one.name}\n" for one in files)
        return hashlib.sha256(lines.encode()).hexdigest()
    except OSError as error:
        raise InputError(
            f"the weights cannot be read: {error.strerror or error}", where=str(path), next_step="name a readable model"
        ) from error


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ):
            digest.update(part)
    return digest.hexdigest()
