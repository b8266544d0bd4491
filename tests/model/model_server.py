"""A real OpenAI-compatible server of a tiny model, on a port of its own; and one that answers what a test wants."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from stillhunt_model.nets.net import Net, plain_ids, prompt_ids

Handler = Callable[[Request], Awaitable[Response]]
Drawn = dict[tuple[float, ...], list[str]]
"""Replies by prompt, length and temperature; the seed of a request says which of them it gets."""
DRAWN_TOGETHER = 16
"""Replies to one prompt that are drawn when it is first sent: they cost hardly more than one."""


@dataclass
class Served:
    """A server that runs.

    Attributes:
        url: its address.
        asked: path, body and headers of each request.
    """

    url: str
    asked: list[tuple[str, dict[str, Any], dict[str, str]]] = field(default_factory=list)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """Of all requests."""
        return [body for _, body, _ in self.asked]


@contextmanager
def serve(*routes: tuple[str, Handler]) -> Iterator[Served]:
    """Serve routes until the context ends.

    Args:
        routes: path, and what answers a POST to it.
    """
    # asyncio sends at once only on sockets that say they are of TCP: each answer waited 40 ms for an ACK.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()  # or who asks before the server has begun is refused
    served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}")

    def noting(handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            served.asked.append((request.url.path, json.loads(await request.body()), dict(request.headers)))
            return await handler(request)

        return answer

    app = Starlette(routes=[Route(path, noting(handler), methods=["POST"]) for path, handler in routes])
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def serve_net(
    net: Net,
    *,
    completions: bool = True,
    echoes: bool = True,
    key: str = "",
    down: Container[int] = (),
    filters: Callable[[str], bool] = lambda _: False,
) -> Iterator[Served]:
    """Serve a model as vLLM and llama.cpp do.

    Args:
        net: model.
        completions: whether `/v1/completions` is served beside `/v1/chat/completions`.
        echoes: whether completions repeat the prompt with log-probabilities where that is asked for.
        key: that a request needs; empty for none.
        down: numbers of the requests that fail; may change meanwhile.
        filters: which prompts of a chat, and texts to score, a filter refuses.
    """
    lock = threading.Lock()
    drawn: Drawn = {}

    async def body_of(request: Request) -> dict[str, Any]:
        return json.loads(await request.body())

    def allowed(request: Request) -> bool:
        return not key or request.headers.get("authorization") == f"Bearer {key}"

    async def complete(request: Request) -> Response:
        body = await body_of(request)
        if not allowed(request):
            return JSONResponse({"error": {"message": "no key"}}, 401)
        if not completions:
            return JSONResponse({"error": {"message": "not found"}}, 404)
        if len(served.asked) in down:
            return JSONResponse({"error": {"message": "down"}}, 500)
        if body.get("echo") and not echoes:
            return JSONResponse({"error": {"message": "echo is not supported"}}, 400)
        if body.get("echo") and filters(body["prompt"]):
            return JSONResponse({"error": {"message": "refused", "code": "content_filter"}}, 400)
        with lock:
            choice = _completion(net, body, drawn)
        return JSONResponse({"object": "text_completion", "choices": [choice]})

    async def chat(request: Request) -> Response:
        body = await body_of(request)
        if not allowed(request):
            return JSONResponse({"error": {"message": "no key"}}, 401)
        if len(served.asked) in down:
            return JSONResponse({"error": {"message": "down"}}, 500)
        if filters(body["messages"][-1]["content"]):
            return JSONResponse({"error": {"message": "refused", "code": "content_filter"}}, 400)
        with lock:
            (ids,) = prompt_ids(net, [body["messages"][-1]["content"]])
            text = _continued(net, ids, body, drawn)
        return JSONResponse({"choices": [{"message": {"role": "assistant", "content": text}}]})

    with serve(("/v1/chat/completions", chat), ("/v1/completions", complete)) as served:
        yield served


def _completion(net: Net, body: dict[str, Any], drawn: Drawn) -> dict[str, Any]:
    (ids,) = plain_ids(net, [body["prompt"]])
    if not body.get("echo"):
        return {"index": 0, "text": _continued(net, ids, body, drawn), "finish_reason": "length"}
    with torch.no_grad():
        logits = net.model(input_ids=torch.tensor([ids])).logits[0, :-1]
    chosen = torch.log_softmax(logits, -1).gather(-1, torch.tensor(ids[1:]).unsqueeze(-1)).squeeze(-1).tolist()
    offsets = [
        start
        for start, _ in net.tokenizer(body["prompt"], add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
    ]
    logprobs = {
        "tokens": net.tokenizer.convert_ids_to_tokens(ids),
        "token_logprobs": [None, *chosen],
        "text_offset": offsets,
    }
    return {"index": 0, "text": body["prompt"], "logprobs": logprobs, "finish_reason": "length"}


def _continued(net: Net, ids: list[int], body: dict[str, Any], drawn: Drawn) -> str:
    temperature, tokens = body.get("temperature", 1.0), max(1, min(body["max_tokens"], net.longest - len(ids)))
    key = (*ids, tokens, temperature)
    if key not in drawn:
        drawn[key] = _draw_together(net, ids, tokens, temperature)
    return drawn[key][body.get("seed", 0) % len(drawn[key])]


def _draw_together(net: Net, ids: list[int], tokens: int, temperature: float) -> list[str]:
    way = {"do_sample": True, "temperature": temperature, "top_k": 0, "num_return_sequences": DRAWN_TOGETHER}
    torch.manual_seed(hash((*ids, tokens)) % (1 << 31))  # or all prompts would share one stream of noise
    with torch.no_grad():
        made = net.model.generate(
            input_ids=torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=tokens,
            pad_token_id=net.tokenizer.pad_token_id,
            eos_token_id=net.tokenizer.eos_token_id,
            **(way if temperature > 0 else {"do_sample": False}),
        )
    return [str(text) for text in net.tokenizer.batch_decode(made[:, len(ids) :], skip_special_tokens=True)]
