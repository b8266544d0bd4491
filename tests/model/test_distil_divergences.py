"""Divergences and stored logits, against plain formulas and against TRL."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from stillhunt.base.errors import ConfigError, InputError
from stillhunt_model.distil.top_logits import (
    TopLogits,
    divergence,
    online_loss,
    read_top_logits,
    stored_loss,
    top_logits,
    top_logs,
    write_top_logits,
)
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
from stillhunt_model.training.pairs import EncodedPair, TextPair, collate, encode

BETAS = [0.0, 0.1, 0.5, 0.9, 1.0]
PAIRS = [TextPair(f"say {word}", word * 2) for word in ("a", "longer", "ö", "")]


def by_formula(student: Any, teacher: Any, beta: float) -> Any:
    """The definition, with sums over outcomes."""
    p, q = (np.exp(one) / np.exp(one).sum(-1, keepdims=True) for one in (teacher, student))

    def relative(one: Any, other: Any) -> Any:
        return (one * np.log(one / other)).sum(-1)

    if beta in (0, 1):
        return relative(p, q) if beta == 0 else relative(q, p)
    mixture = beta * p + (1 - beta) * q
    return beta * relative(p, mixture) + (1 - beta) * relative(q, mixture)


def random_logits(seed: int, places: int = 6, vocabulary: int = 12) -> tuple[Any, Any]:
    source = torch.Generator().manual_seed(seed)
    shape = (places, vocabulary)
    return (3 * torch.randn(shape, generator=source) for _ in range(2))  # type: ignore[return-value]  # it has two


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_divergence_is_that_of_the_formula_and_of_trl(beta: float, temperature: float) -> None:
    student, teacher = random_logits(1)
    found = divergence(*(torch.log_softmax(one / temperature, -1) for one in (student, teacher)), beta)
    expected = by_formula(student.double().numpy() / temperature, teacher.double().numpy() / temperature, beta)
    assert np.allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TRL says that its older trainer is experimental
        from trl.experimental.gkd import GKDTrainer
    theirs = GKDTrainer.generalized_jsd_loss(
        student[None], teacher[None], beta=beta, temperature=temperature, reduction="none"
    )
    assert torch.allclose(found, theirs.sum(-1)[0], rtol=1e-4, atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(seed=st.integers(0, 10**6), beta=st.sampled_from(BETAS), top=st.integers(1, 12))
def test_top_tokens_and_rest_never_say_more_than_the_whole_vocabulary(seed: int, beta: float, top: int) -> None:
    student, teacher = random_logits(seed)
    ids = teacher.topk(top).indices
    coarse = divergence(top_logs(student, ids, 1.0), top_logs(teacher, ids, 1.0), beta)
    whole = divergence(torch.log_softmax(student, -1), torch.log_softmax(teacher, -1), beta)
    assert (coarse <= whole + 1e-5).all()
    assert (coarse >= -1e-5).all()
    if top == 12:
        assert torch.allclose(coarse, whole, atol=1e-5)


def test_the_rest_keeps_its_digits_where_the_teacher_is_sure() -> None:
    logits = torch.tensor([[40.0, 0.0, 0.0]])
    logs = top_logs(logits, torch.tensor([[0]]), 1.0)
    assert logs[0, 1].item() == pytest.approx(np.log(2) - 40, abs=1e-4)


@pytest.fixture(scope="module")
def nets() -> tuple[Net, Net]:
    return tuple(tiny_net(TinySize(width, 1, 2, 64), byte_tokenizer(), width) for width in (32, 16))  # type: ignore[return-value]  # two


def batch_of(encoded: list[EncodedPair], rows: list[int]) -> dict[str, Any]:
    return {**collate([encoded[row] for row in rows], 0), "rows": torch.tensor(rows)}


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_stored_logits_of_all_tokens_give_the_loss_of_the_teacher_itself(
    nets: tuple[Net, Net], beta: float, temperature: float
) -> None:
    teacher, student = nets
    encoded = encode(student, PAIRS)
    batch = batch_of(encoded, [2, 0, 3])
    stored = top_logits(teacher, encoded, 258, temperature)
    online = online_loss(teacher, beta, temperature)(student.model, batch)
    assert stored_loss(stored, beta, 258)(student.model, batch).item() == pytest.approx(online.item(), abs=2e-3)
    few = stored_loss(top_logits(teacher, encoded, 8, temperature), beta, 258)(student.model, batch)
    assert 0 < few.item() <= online.item() + 1e-3


def test_the_loss_is_the_mean_over_answers_and_falls_with_the_gradient(nets: tuple[Net, Net]) -> None:
    teacher, student = nets
    encoded = encode(student, PAIRS)
    loss = online_loss(teacher, 0.0, 1.0)
    each = [loss(student.model, batch_of(encoded, [row])).item() for row in range(len(PAIRS))]
    together = loss(student.model, batch_of(encoded, list(range(len(PAIRS)))))
    lengths = [one.learned for one in encoded]
    assert together.item() == pytest.approx(np.average(each, weights=lengths), rel=1e-4)
    assert online_loss(student, 0.5, 1.0)(student.model, batch_of(encoded, [0])).item() == pytest.approx(0, abs=1e-6)
    together.backward()
    assert all(one.grad is None for one in teacher.model.parameters())
    assert any(one.grad is not None and one.grad.abs().sum() > 0 for one in student.model.parameters())


def test_stored_logits_come_back_from_their_file(nets: tuple[Net, Net], tmp_path: Path) -> None:
    teacher, student = nets
    encoded = encode(student, PAIRS)
    stored = top_logits(teacher, encoded, 5, 2.0)
    places = sum(one.learned for one in encoded)
    assert stored.ids.shape == (places, 5)
    mass = stored.logs.float().exp().sum(-1) + stored.rest.exp()
    assert torch.allclose(mass, torch.ones(places), atol=5e-3)
    write_top_logits(stored, tmp_path / "top.safetensors")
    size = (tmp_path / "top.safetensors").stat().st_size
    assert size <= (5 * 6 + 4) * places + 8 * len(stored.starts) + 1000
    again = read_top_logits(tmp_path / "top.safetensors", encoded, 258)
    assert again.temperature == 2.0
    for name in ("ids", "logs", "rest", "starts"):
        assert torch.equal(getattr(again, name), getattr(stored, name))


def test_stored_logits_of_other_answers_or_damaged_ones_are_refused(nets: tuple[Net, Net], tmp_path: Path) -> None:
    teacher, student = nets
    encoded = encode(student, PAIRS)
    path = tmp_path / "top.safetensors"
    write_top_logits(top_logits(teacher, encoded, 5), path)
    for other in (encode(student, PAIRS[::-1]), encode(student, [TextPair("x", "y")])):
        with pytest.raises(InputError, match="other answers"):
            read_top_logits(path, other, 258)
    with pytest.raises(InputError, match="other answers, or are damaged"):
        read_top_logits(path, encoded, 20)  # a token beyond the vocabulary
    tensors = load_file(path)
    save_file(tensors, tmp_path / "plain.safetensors")
    whole = path.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-9])
    (tmp_path / "none.safetensors").write_bytes(b"nothing")
    for name in ("plain", "cut", "none", "missing"):
        with pytest.raises(InputError, match="damaged"):
            read_top_logits(tmp_path / f"{name}.safetensors", encoded, 258)


@pytest.mark.parametrize("top", [0, 1025])
def test_a_number_of_top_tokens_out_of_range_is_refused(nets: tuple[Net, Net], top: int) -> None:
    with pytest.raises(ConfigError, match="top tokens cannot be stored"):
        top_logits(nets[0], encode(nets[0], PAIRS), top)


def test_top_logits_are_named_by_the_likeliest_first(nets: tuple[Net, Net]) -> None:
    stored: TopLogits = top_logits(nets[0], encode(nets[0], PAIRS), 7)
    assert (stored.logs[:, :-1] >= stored.logs[:, 1:]).all()
