"""The teachers that `stillhunt model distil` names: model folders, GGUF files, and addresses of servers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stillhunt import ConfigError
from stillhunt_model.commands.endpoint_key import read_endpoint_key
from stillhunt_model.distil.permission import OWN_TERMS, Declared, teacher_terms

if TYPE_CHECKING:
    from stillhunt_model.distil.lessons import Teacher

_KEPT = "served-{number}.jsonl"
"""In the folder of checkpoints, what a served teacher answered."""


@dataclass(frozen=True)
class NamedTeachers:
    """Teachers as the command line names them."""

    places: tuple[str, ...]  # folders, files and addresses
    model_names: tuple[str, ...]  # of the addresses, in their order
    key_variable: str  # environment variable with the key of the servers; empty for none
    terms: str  # that somebody states; empty for those of each teacher's README, or own

    def __post_init__(self) -> None:
        served = [one for one in self.places if is_address(one)]
        if len(served) != len(self.model_names):
            raise ConfigError(
                f"{len(served)} of the teachers are behind servers, and {len(self.model_names)} models are named",
                next_step="name the model of each server, in their order",
                command_step="give --model-name once for each address, in their order",
            )
        if self.key_variable and not served:
            raise ConfigError("only a server needs a key", next_step="leave it out")

    def declared(self) -> list[Declared]:
        """The terms of each teacher.

        Raises InputError: the README of one declares terms that forbid training, and nothing that is stated answers it.
        """
        return [
            Declared(
                (self.terms or OWN_TERMS) if is_address(one) else teacher_terms(self.terms, Path(one)),
                "the teacher" if len(self.places) == 1 else f"the teacher {one}",
            )
            for one in self.places
        ]

    def open_all(self, work: Path | None) -> list[Teacher]:
        """Open each teacher.

        `work`: folder in which the answers of servers are kept; None for none. Raises InputError: one is no model.
        Raises ConfigError: an address is none.
        """
        from stillhunt_model.distil.served_teacher import ServedTeacher  # torch, which takes seconds
        from stillhunt_model.endpoints.client import Endpoint  # httpx, which takes a tenth of one
        from stillhunt_model.nets.loading import load_net  # torch, which takes seconds

        names, key = iter(self.model_names), read_endpoint_key(self.key_variable)
        opened: list[Teacher] = []
        for number, place in enumerate(self.places, 1):
            if is_address(place):
                kept = work and work / _KEPT.format(number=number)
                endpoint = Endpoint(place, next(names), key)
                opened.append(ServedTeacher(endpoint, "teacher", kept))
            else:
                opened.append(load_net(Path(place), "teacher"))
        return opened

    def hash_all(self, opened: list[Teacher]) -> str:
        """SHA-256 of the one teacher, or over those of all."""
        from stillhunt_model.distil.students import model_hash  # torch, which takes seconds

        hashes = [
            one.fingerprint if is_address(place) else model_hash(Path(place))  # type: ignore[union-attr]  # served
            for place, one in zip(self.places, opened, strict=True)
        ]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def in_words(self) -> str:
        """The teachers by their names, without folders."""
        names = iter(self.model_names)
        return ", ".join(f"{next(names)} at {one}" if is_address(one) else Path(one).name for one in self.places)


def is_address(place: str) -> bool:
    """Whether a teacher is behind a server."""
    return "://" in place
