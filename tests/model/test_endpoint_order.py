"""The order in which an endpoint is asked: its places must not tell which answer was harvested."""

from __future__ import annotations

import pytest

from stillhunt_model.endpoints.together import _CONNECTIONS

pytest.importorskip("torch", reason="needs stillhunt[model]")

from model.model_server import serve_net
from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.endpoints.client import Endpoint
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
from stillhunt_model.proof.endpoint import EndpointSuspect
from stillhunt_model.training.pairs import TextPair

PAIRS = [TextPair(f"write about {subject}", f"the {place}") for subject in ("sea", "sun") for place in range(14)]
OVERTAKING = 2 * _CONNECTIONS
"""Places by which a request may come late: some are under way together."""


@pytest.fixture(scope="module")
def net() -> Net:
    return tiny_net(TinySize(width=32, layers=1, heads=2, longest=256), byte_tokenizer(), 3)


def asked(net: Net, pairs: list[TextPair], way: str) -> tuple[dict[str, int], dict[TextPair, object], list[object]]:
    """Place of each text at the server, what came back for each, and the seeds in the order of the server."""
    with serve_net(net) as served:
        suspect = EndpointSuspect(Endpoint(served.url, "tiny"), QueryBudget(100), lambda _: None)
        assert suspect.can_score
        served.asked.clear()
        if way == "score":
            found: list[object] = list(suspect.score(pairs))
        else:
            found = list(suspect.answer([f"{one.prompt}\n{one.answer}" for one in pairs], 4, temperature=0.0, seed=5))
        suspect.close()
    places = {body["prompt"].rstrip("\n"): place for place, body in enumerate(served.bodies)}
    return places, dict(zip(pairs, found, strict=True)), [body.get("seed") for body in served.bodies]


@pytest.mark.parametrize("way", ["score", "answer"])
def test_the_order_depends_on_the_texts_alone(net: Net, way: str) -> None:
    """The trap: the harvested answer went first of each block, before its control answers."""
    for _ in range(3):  # a busy machine may hold up one request for long
        places, found, seeds = asked(net, PAIRS, way)
        others, again, _ = asked(net, PAIRS[::-1], way)
        assert found == again  # results are back in the order of the questions
        assert len(places) == len(PAIRS)
        late = [abs(places[text] - others[text]) for text in places]
        # Of answers also by their seeds: one that counted the questions would tell their order.
        late += [abs(seed - 5 - place) for place, seed in enumerate(seeds) if isinstance(seed, int)]
        if max(late) <= OVERTAKING:
            break
    assert max(late) <= OVERTAKING
    moved = [abs(places[f"{one.prompt}\n{one.answer}"] - place) for place, one in enumerate(PAIRS)]
    assert sum(one > OVERTAKING for one in moved) >= len(PAIRS) // 4


def test_results_belong_to_their_questions(net: Net) -> None:
    _, found, _ = asked(net, PAIRS, "score")
    for one in PAIRS[:4]:
        assert asked(net, [one], "score")[1][one] == pytest.approx(found[one], abs=1e-4)
