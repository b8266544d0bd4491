"""How far a student's next tokens are from the teacher's, over the whole vocabulary or over top tokens and the rest.

One number `beta` chooses the divergence, as TRL has it: 0 is the forward one, KL(teacher, student); 1 the reverse one,
KL(student, teacher); between them stands the generalised Jensen-Shannon divergence
beta KL(teacher, mixture) + (1 - beta) KL(student, mixture), whose mixture is beta teacher + (1 - beta) student.
"""

from __future__ import annotations

import math
from typing import Any

import torch

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
        return _relative(teacher_logs, student_logs)
    if beta == REVERSE:
        return _relative(student_logs, teacher_logs)
    mixture = torch.logaddexp(teacher_logs + math.log(beta), student_logs + math.log1p(-beta))
    return beta * _relative(teacher_logs, mixture) + (1 - beta) * _relative(student_logs, mixture)


def top_logs(logits: Any, ids: Any, temperature: float) -> Any:
    """Log-probabilities of given tokens, and of all others together as the last outcome.

    Args:
        temperature: by which logits are divided.

    Returns:
        Positions x (N + 1).
    """
    logs = torch.log_softmax(logits.float() / temperature, dim=-1)
    chosen = logs.gather(-1, ids)
    if ids.shape[-1] == logits.shape[-1]:
        rest = torch.full_like(chosen[:, :1], LEAST_LOG)
    else:
        # The sum of the others, not 1 less the sum of these: the difference loses all digits where these are sure.
        rest = torch.logsumexp(logs.scatter(-1, ids, -math.inf), dim=-1, keepdim=True)
    return torch.cat([chosen, rest.clamp(min=LEAST_LOG)], dim=-1)


def _relative(first: Any, second: Any) -> Any:
    """KL(first, second) in nats; outcomes that the first never has add nothing."""
    return (first.exp() * (first - second)).sum(-1)
