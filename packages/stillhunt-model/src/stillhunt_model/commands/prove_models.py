"""The models of `stillhunt model prove`: suspect, teacher and references, as the command line names them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from stillhunt import Config
from stillhunt.tools import Progress
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.commands.endpoint_key import read_endpoint_key
from stillhunt_model.commands.prove_answers import ProveFault
from stillhunt_model.endpoints.budget import QueryBudget, TokenPrice
from stillhunt_model.orders.register import model_folder

if TYPE_CHECKING:  # torch, which takes seconds
    from collections.abc import Sequence

    from stillhunt_model.nets.net import Net
    from stillhunt_model.proof.proving import CampaignHarvest, ProofContext
    from stillhunt_model.proof.suspects import Suspect
    from stillhunt_model.proof.teachers import DrawSource


class TeacherFloat(StrEnum):
    """Numbers in which the teacher computes, and how many bytes a weight takes."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


_BYTES = {TeacherFloat.FLOAT32: 4, TeacherFloat.BFLOAT16: 2}


@dataclass(frozen=True)
class NamedTeacher:
    """The teacher of a proof: weights, a server, or a file of what it drew."""

    place: str
    model_name: str  # at the server
    key_env: str
    floats: TeacherFloat
    draws: Path | None

    @property
    def is_served(self) -> bool:
        """Whether it is behind a server."""
        return "://" in self.place

    @property
    def weights(self) -> Path | None:
        """Its folder or file; None where its weights are not here."""
        return Path(self.place) if self.place and not self.is_served else None

    def faults(self) -> list[ProveFault]:
        """Options that are missing or do not go together."""
        found = []
        if bool(self.place) == (self.draws is not None):
            what = "control answers come from the teacher or from a file of what it drew"
            found.append(ProveFault(what, "give --teacher MODEL, its folder, GGUF file or address, or --draws FILE"))
        if self.is_served != bool(self.model_name):
            what = "a teacher behind a server has a name there, and no other has one"
            found.append(ProveFault(what, "give --teacher-name with the address of a server, and with nothing else"))
        return found

    def source_of_draws(
        self, config: Config, harvests: Sequence[CampaignHarvest], progress: Progress
    ) -> tuple[list[CampaignHarvest], DrawSource | None]:
        """What draws control answers in its place, None where its weights do; and the answers that it has draws for.

        Raises InputError: the file of draws cannot be read. Raises ConfigError: the address is none.
        """
        from stillhunt_model.endpoints.client import Endpoint  # httpx, which takes a tenth of one
        from stillhunt_model.proof.teachers import FiledDraws, ServedDraws  # torch, which takes seconds

        if self.draws is not None:
            ids = [one.request_id for some in harvests for one in (*some.answers, *some.honest)]
            filed = FiledDraws(self.draws, ids)
            kept = [
                replace(one, answers=tuple(filed.with_draws(one.answers)), honest=tuple(filed.with_draws(one.honest)))
                for one in harvests
            ]
            lost = len(ids) - sum(len(one.answers) + len(one.honest) for one in kept)
            progress.note(f"Answers left out, because {filed.name} has none for them: {lost:,} of {len(ids):,}")
            return kept, filed
        if not self.is_served:
            return list(harvests), None
        endpoint = Endpoint(self.place, self.model_name, read_endpoint_key(self.key_env))
        return list(harvests), ServedDraws(endpoint, model_folder(config))


@dataclass(frozen=True)
class ProofNames:
    """Who is asked, and with whom it is compared."""

    suspect: str
    model_name: str
    key_env: str
    prompt_form: str
    teacher: NamedTeacher
    references: list[Path]

    @property
    def is_endpoint(self) -> bool:
        """Whether the suspect is behind an endpoint."""
        return "://" in self.suspect

    def faults(self) -> list[ProveFault]:
        """Options that are missing or do not go together."""
        found = self.teacher.faults()
        if self.is_endpoint and not self.model_name.strip():
            found.append(ProveFault("the model of the endpoint has no name", "add --model-name NAME"))
        if not self.is_endpoint and (self.model_name or self.key_env):
            found.append(ProveFault("only an endpoint has a name of its model and a key", "leave them out"))
        if self.prompt_form.count("{prompt}") != 1:
            step = "write {prompt} once in --prompt-form, such as '<|user|>{prompt}<|assistant|>'"
            found.append(ProveFault("the form of prompts does not say where the prompt is", step))
        return found

    def describe_memory(self) -> str:
        """What the models take.

        Raises ConfigError: there is less. Raises InputError: the header of one cannot be read.
        """
        from stillhunt_model.nets.loading import count_weights  # torch, which takes seconds
        from stillhunt_model.proof.needs import ProofModels, check_memory, free_memory  # torch, which takes seconds

        weights = self.teacher.weights
        models = ProofModels(
            0 if weights is None else count_weights(weights),
            _BYTES[self.teacher.floats],
            tuple(map(count_weights, self.references)),
            0 if self.is_endpoint else count_weights(Path(self.suspect)),
        )
        return check_memory(models, free_memory())

    def open(
        self, config: Config, price: TokenPrice | None, source: DrawSource | None, progress: Progress
    ) -> tuple[Suspect, ProofContext]:
        """Suspect, and what tests have beside it.

        Raises InputError: one is no model that can be opened. Raises ConfigError: an address or a key is none.
        """
        from stillhunt_model.endpoints.client import Endpoint  # httpx, which takes a tenth of one
        from stillhunt_model.marks.keys import read_standing_marks  # torch, which takes seconds
        from stillhunt_model.proof.endpoint import EndpointSuspect  # torch, which takes seconds
        from stillhunt_model.proof.proving import ProofContext  # torch, which takes seconds
        from stillhunt_model.proof.suspects import open_suspect  # torch, which takes seconds

        budget = QueryBudget(config.model.queries, price)
        suspect: Suspect
        if self.is_endpoint:
            form = self.prompt_form.replace("\\n", "\n")
            endpoint = Endpoint(self.suspect, self.model_name, read_endpoint_key(self.key_env), form)
            suspect = EndpointSuspect(endpoint, budget)
        else:
            suspect = open_suspect(Path(self.suspect), budget)
        compared = tuple(open_suspect(path, QueryBudget.without_end()) for path in self.references)
        net, fingerprint = self._open_teacher(source)
        marks = read_standing_marks(keys_folder(config), model_folder(config))
        context = ProofContext(config, net, fingerprint, compared, marks, budget.most, progress)
        return suspect, replace(context, drawn_by=source)

    def _open_teacher(self, source: DrawSource | None) -> tuple[Net, str]:
        import torch  # which takes seconds

        from stillhunt_model.nets.loading import load_net  # torch, which takes seconds
        from stillhunt_model.proof.own_models import unread_teacher  # torch, which takes seconds
        from stillhunt_model.proof.suspects import weights_fingerprint  # torch, which takes seconds

        weights = self.teacher.weights
        if source is not None:
            return unread_teacher(source.name), source.fingerprint
        assert weights is not None  # noqa: S101  # faults
        return load_net(weights, dtype=getattr(torch, self.teacher.floats)), weights_fingerprint(weights)
