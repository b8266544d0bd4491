"""Tests ask the same frozen models the same again and again; each question is computed once a process.

Answers depend on weights and arguments alone, and weights are part of what is remembered: a model that learned in
between is asked anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch

from stillhunt_model.nets.net import Net
from stillhunt_model.proof import compared_answers, control_answers, suspects

_KNOWN: dict[tuple[object, ...], Any] = {}


@contextmanager
def remembered() -> Iterator[None]:
    """Drawn control answers, likelihoods, and whether logged answers could be draws, each computed once."""
    with (
        mock.patch.object(control_answers, "generate", _once(control_answers.generate)),
        mock.patch.object(compared_answers, "alike", _once(compared_answers.alike)),
        mock.patch.object(suspects, "answer_logprobs", _once(suspects.answer_logprobs)),
    ):
        yield


def forget() -> None:
    """Compute everything anew, for tests of what must come out the same twice."""
    _KNOWN.clear()


def _once(compute: Callable[..., Any]) -> Callable[..., Any]:
    def ask(net: Net, *given: Any, **named: Any) -> Any:
        key = (compute.__name__, _weights_of(net), repr([*map(_listed, given), named]))
        if key not in _KNOWN:
            _KNOWN[key] = compute(net, *given, **named)
        return _KNOWN[key]

    return ask


def _listed(value: Any) -> Any:
    """Sequences as lists, so that equal contents look alike; marks keep their place in memory, and are asked anew."""
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _weights_of(net: Net) -> str:
    parts = (value.view(torch.uint8).numpy().tobytes() for value in net.model.state_dict().values())
    return hashlib.blake2b(b"".join(parts)).hexdigest()
