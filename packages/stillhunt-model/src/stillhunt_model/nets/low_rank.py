"""Low-rank adaptation (LoRA, 2106.09685): a model keeps its weights, and learns a small change of each of them."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.utils import parametrize

from stillhunt import ConfigError
from stillhunt_model.nets.net import Net

MOST_RANK = 1024
"""Ranks above this save nothing in any model that fits a machine."""


class _LowRankChange(torch.nn.Module):  # type: ignore[misc]  # torch is not typed here
    """A weight with a change of low rank, which is nothing before it learns."""

    def __init__(self, weight: Any, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = torch.nn.Parameter(torch.empty(rank, columns))
        self.up = torch.nn.Parameter(torch.zeros(rows, rank))
        torch.nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Any) -> Any:
        """The weight with its change."""
        return weight + self.up @ self.down


@contextmanager
def low_rank_changes(net: Net, rank: int, seed: int) -> Iterator[None]:
    """Let a model learn low-rank changes alone; at the end they are part of its weights, in place.

    Args:
        rank: of the change of each linear layer between the tokens' tables; 0 lets all weights learn.

    Raises:
        ConfigError: the rank is too high.
    """
    if not 0 <= rank <= MOST_RANK:
        raise ConfigError(f"a rank of {rank} is none", next_step=f"name 1 to {MOST_RANK}, or 0 to change all weights")
    if not rank:
        yield
        return
    tables = {id(net.model.get_input_embeddings().weight), id(net.model.get_output_embeddings().weight)}
    chosen = [one for one in net.model.modules() if isinstance(one, torch.nn.Linear) and id(one.weight) not in tables]
    learning = [(one, one.requires_grad) for one in net.model.parameters()]
    net.model.requires_grad_(requires_grad=False)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    for one in chosen:
        parametrize.register_parametrization(one, "weight", _LowRankChange(one.weight, rank))
    torch.random.set_rng_state(state)
    try:
        yield
    finally:
        for one in chosen:
            parametrize.remove_parametrizations(one, "weight", leave_parametrized=True)
        for parameter, learns in learning:
            parameter.requires_grad_(learns)
