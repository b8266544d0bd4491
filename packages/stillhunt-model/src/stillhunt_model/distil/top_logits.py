"""What of a teacher's logits is kept and learned from: divergences, over the whole vocabulary or top tokens."""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from stillhunt import ConfigError, InputError
from stillhunt.tools import write_whole
from stillhunt_model.nets.net import Net
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import NOT_LEARNED, EncodedPair

FORWARD, REVERSE = 0.0, 1.0
LEAST_LOG = -60.0
"""Natural logarithm below which a share counts as this small; it keeps logarithms of an empty rest finite."""


def divergence(student_logs: Any, teacher_logs: Any, beta: float) -> Any:
    """Divergence of two distributions, position by position.

    Args:
        student_logs: natural logarithms of the student's probabilities, positions x outcomes.
        teacher_logs: those of the teacher, the same shape.
        beta: 0 to 1.

    Returns:
        One number for each position, in nats.
    """
    if beta == FORWARD:
        return _compute_kl_divergence(teacher_logs, student_logs)
    if beta == REVERSE:
        return _compute_kl_divergence(student_logs, teacher_logs)
    mixture = torch.logaddexp(teacher_logs + math.log(beta), student_logs + math.log1p(-beta))
    return beta * _compute_kl_divergence(teacher_logs, mixture) + (1 - beta) * _compute_kl_divergence(
        student_logs, mixture
    )


def top_logs(logits: Any, ids: Any, temperature: float) -> Any:
    """Log-probabilities of given tokens, and of all others together as the last outcome.

    Returns positions x (N + 1).
    """
    logs = torch.log_softmax(logits.float() / temperature, dim=-1)
    chosen = logs.gather(-1, ids)
    if ids.shape[-1] == logits.shape[-1]:
        rest = torch.full_like(chosen[:, :1], LEAST_LOG)
    else:
        # The sum of the others, not 1 less the sum of these: the difference loses all digits where these are sure.
        rest = torch.logsumexp(logs.scatter(-1, ids, -math.inf), dim=-1, keepdim=True)
    return torch.cat([chosen, rest.clamp(min=LEAST_LOG)], dim=-1)


def _compute_kl_divergence(first: Any, second: Any) -> Any:
    """KL(first, second) in nats; outcomes that the first never has add nothing."""
    return (first.exp() * (first - second)).sum(-1)


MOST_TOP = 1024
"""Most tokens that are stored for one place."""
_FORMAT = "stillhunt-top-logits-1"
_PARTS = {"ids": torch.int32, "logs": torch.float16, "rest": torch.float32, "starts": torch.int64}


@dataclass(frozen=True)
class TopLogits:
    """The teacher's top tokens at each token of each answer."""

    ids: Any  # tokens, likeliest first; places x N
    logs: Any  # natural logarithms of their probabilities
    rest: Any  # natural logarithm of the probability of all others together
    starts: Any  # first place of each answer, and the number of places at the end
    temperature: float
    bound: str  # hash of the tokens to which they belong


def top_logits(teacher: Net, encoded: Sequence[EncodedPair], top: int, temperature: float = 1.0) -> TopLogits:
    """The teacher's top tokens over answers.

    `top`: tokens that are kept at each place. Raises ConfigError: the number of tokens is not between 1 and 1,024.
    """
    if not 1 <= top <= MOST_TOP:
        raise ConfigError(f"{top} top tokens cannot be stored", next_step=f"name 1 to {MOST_TOP}")
    vocabulary = len(teacher.tokenizer)
    found: list[tuple[Any, Any]] = [(None, None)] * len(encoded)
    for places, logits, labels in scored_batches(teacher, encoded):
        for row, place in enumerate(places):
            here = logits[row][labels[row] != NOT_LEARNED][:, :vocabulary].float()
            ids = here.topk(min(top, vocabulary), dim=-1).indices
            found[place] = ids, top_logs(here, ids, temperature)
    lengths = torch.tensor([0, *(len(ids) for ids, _ in found)])
    logs = torch.cat([one for _, one in found])
    return TopLogits(
        torch.cat([ids for ids, _ in found]).to(torch.int32),
        logs[:, :-1].to(torch.float16),
        logs[:, -1].clone(),
        lengths.cumsum(0),
        temperature,
        bound_to(encoded),
    )


def bound_to(encoded: Sequence[EncodedPair]) -> str:
    """A hash of tokens, so that stored logits are never used with others."""
    digest = hashlib.sha256()
    for one in encoded:
        digest.update(f"{one.start}:{','.join(map(str, one.tokens))};".encode())
    return digest.hexdigest()


def write_top_logits(stored: TopLogits, path: Path) -> None:
    """Write a file of safetensors: `ids`, `logs`, `rest` and `starts`.

    Raises OutputError: it cannot be written.
    """
    about = {"format": _FORMAT, "temperature": repr(stored.temperature), "bound": stored.bound}
    tensors = {name: getattr(stored, name).contiguous() for name in _PARTS}
    write_whole(path, [save(tensors, {"stillhunt": json.dumps(about)})])


def read_top_logits(path: Path, encoded: Sequence[EncodedPair], vocabulary: int) -> TopLogits:
    """Read what was stored, for the answers to which it belongs.

    Raises InputError: it is damaged, or belongs to other answers.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("stillhunt", "{}"))
            read = {name: file.get_tensor(name) for name in _PARTS}
        stored = TopLogits(**read, temperature=float(about["temperature"]), bound=str(about["bound"]))
        whole = about["format"] == _FORMAT and _is_whole(stored, vocabulary)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError("the stored logits are damaged", where=str(path), next_step="store them again") from error
    lengths = [one.learned for one in encoded]
    if not whole or stored.bound != bound_to(encoded) or stored.starts.diff().tolist() != lengths:
        raise InputError(
            "the stored logits belong to other answers, or are damaged", where=str(path), next_step="store them again"
        )
    return stored


def _is_whole(stored: TopLogits, vocabulary: int) -> bool:
    shapes = (
        stored.ids.dim() == 2 and stored.logs.shape == stored.ids.shape and stored.rest.shape == stored.ids.shape[:1]
    )
    kinds = all(getattr(stored, name).dtype == kind for name, kind in _PARTS.items())
    if not shapes or not kinds or stored.starts.dim() != 1 or not len(stored.starts):
        return False
    inside = bool(((stored.ids >= 0) & (stored.ids < vocabulary)).all())
    return inside and int(stored.starts[0]) == 0 and int(stored.starts[-1]) == len(stored.ids)


def stored_loss(stored: TopLogits, beta: float, vocabulary: int) -> Any:
    """The loss of a batch against stored logits.

    `vocabulary`: number of tokens; a model may have more rows than its tokenizer has tokens. Returns a function of
    model and batch: mean divergence over the tokens of answers, in nats, over the stored tokens and the rest as one
    outcome. It is at most the divergence over the whole vocabulary.
    """
    teacher = torch.cat([stored.logs.float(), stored.rest.unsqueeze(-1)], dim=-1)
    # Half-precision logarithms do not quite add up to one.
    teacher = torch.log_softmax(teacher, dim=-1)
    ids = stored.ids.long()
    starts = stored.starts.tolist()

    def loss(model: Any, batch: dict[str, Any]) -> Any:
        logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits[:, :-1]
        learned = batch["labels"][:, 1:] != NOT_LEARNED
        places = torch.cat([torch.arange(starts[row], starts[row + 1]) for row in batch["rows"].tolist()])
        student = top_logs(logits[learned][:, :vocabulary], ids[places], stored.temperature)
        return divergence(student, teacher[places], beta).mean()

    return loss


def online_loss(teacher: Net, beta: float, temperature: float) -> Any:
    """The loss of a batch against the teacher itself, over the whole vocabulary.

    Returns a function of model and batch: mean divergence over the tokens of answers, in nats.
    """
    vocabulary = len(teacher.tokenizer)
    teacher.model.eval()

    def loss(model: Any, batch: dict[str, Any]) -> Any:
        asked = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
        learned = batch["labels"][:, 1:] != NOT_LEARNED
        with torch.no_grad():
            there = teacher.model(**asked).logits[:, :-1][learned][:, :vocabulary].float() / temperature
        here = model(**asked).logits[:, :-1][learned][:, :vocabulary].float() / temperature
        return divergence(torch.log_softmax(here, -1), torch.log_softmax(there, -1), beta).mean()

    return loss
