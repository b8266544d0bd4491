"""The adapters to vLLM under its documented interfaces; vLLM itself cannot run here, so its classes are stood in for.

They follow `vllm/v1/sample/logits_processor/interface.py` (0.10 to 0.31) and
`vllm/v1/worker/gpu/sample/logits_processor/interface.py` (0.32).
"""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from enum import Enum, auto
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from model.marks_scene import MARKS, of_words, scene_gate, scene_net
from stillhunt_model.marks import vllm_serving
from stillhunt_model.marks.keys import OTHER_ACCOUNTS
from stillhunt_model.marks.standing import MarkedAnswer, mark_answers
from stillhunt_model.marks.vllm_serving import MarkedRequests, MarkedRequestsV1

CONFIG = SimpleNamespace(model_config=SimpleNamespace(tokenizer="model"), speculative_config=None)


class MoveDirectionality(Enum):
    UNIDIRECTIONAL = auto()
    SWAP = auto()


@pytest.fixture(autouse=True)
def _served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_serving, "_read_marks_by_settings", lambda: MARKS)
    stand_in = SimpleNamespace(from_pretrained=lambda *_, **__: scene_net().tokenizer)
    monkeypatch.setattr(vllm_serving, "AutoTokenizer", stand_in)


def params(account: Any = None, temperature: float = 1.0) -> Any:
    """Sampling parameters of a request."""
    return SimpleNamespace(extra_args=account and {"stillhunt_account": account}, temperature=temperature)


def expected(group: str, tokens: list[int]) -> Any:
    """What a row is with the marks of a group, written token by token."""
    answer, row = MarkedAnswer(MARKS.keys_of(group), []), of_words().row[None, :]
    for one in tokens:
        answer.tokens.append(one)
        made = mark_answers(row, [answer], MARKS.layers, scene_gate())
    return made[0]


def words(count: int, seed: int) -> list[int]:
    """Tokens of an answer."""
    plain = torch.nonzero(scene_gate().plain & scene_gate().starts).ravel().numpy()
    return [int(one) for one in np.random.default_rng(seed).permutation(plain)[:count]]


def test_requests_come_move_and_go_as_the_first_interface_says() -> None:
    marked = MarkedRequestsV1(CONFIG, "cpu", False)
    thief, honest = words(8, 1), words(8, 2)
    lists: list[list[int]] = [[], []]
    added = [(0, params("thief"), [1], lists[0]), (1, params(), [1], lists[1])]
    marked.update_state(SimpleNamespace(batch_size=2, removed=[], added=added, moved=[]))
    places = {0: 0, 1: 1}
    for step in range(8):
        lists[0].append(thief[step])
        lists[1].append(honest[step])
        if step == 4:
            moved = [(0, 1, MoveDirectionality.SWAP)]
            marked.update_state(SimpleNamespace(batch_size=2, removed=[], added=[], moved=moved))
            places = {0: 1, 1: 0}
        else:
            marked.update_state(None)
        made = marked.apply(of_words().row.repeat(2, 1))
        assert torch.equal(made[places[0]], expected("camp-1", thief[: step + 1]))
        assert torch.equal(made[places[1]], expected(OTHER_ACCOUNTS, honest[: step + 1]))
    moved = [(1, 0, MoveDirectionality.UNIDIRECTIONAL)]
    marked.update_state(SimpleNamespace(batch_size=1, removed=[0], added=[], moved=moved))
    lists[0].append(words(9, 1)[-1])
    (made,) = marked.apply(of_words().row.repeat(1, 1))
    assert torch.equal(made, expected("camp-1", lists[0]))
    assert not marked.is_argmax_invariant()


def test_slots_are_read_from_the_servers_table_as_the_second_interface_says() -> None:
    states = SimpleNamespace(
        prompt_len=SimpleNamespace(np=np.array([2, 3, 1])),
        total_len=SimpleNamespace(gpu=torch.tensor([2, 3, 1])),
        all_token_ids=SimpleNamespace(gpu=torch.zeros(3, 40, dtype=torch.int32)),
    )
    marked = MarkedRequests(CONFIG, states)
    assert marked.add_request(2, params("thief"))
    assert marked.add_request(0, params(7))  # no id of an account: the group of all others
    said = {2: words(8, 3), 0: words(8, 4)}
    rows = [2, 0]  # another order than that of slots
    layout = SimpleNamespace(expanded_idx_mapping=torch.tensor(rows), idx_mapping_np=np.array(rows))
    for step in range(8):
        for slot in rows:
            states.all_token_ids.gpu[slot, int(states.total_len.gpu[slot])] = said[slot][step]
            states.total_len.gpu[slot] += 1
        made = marked.apply(of_words().row.repeat(2, 1), layout)
        assert torch.equal(made[0], expected("camp-1", said[2][: step + 1]))
        assert torch.equal(made[1], expected(OTHER_ACCOUNTS, said[0][: step + 1]))
    assert marked.add_request(2, params())  # the slot is taken by another request
    states.total_len.gpu[2] = 1
    made = marked.apply(of_words().row.repeat(2, 1), layout)
    assert torch.equal(made[0], of_words().row)


def test_a_server_that_drafts_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="without speculative decoding"):
        MarkedRequests(SimpleNamespace(**{**vars(CONFIG), "speculative_config": object()}), None)
