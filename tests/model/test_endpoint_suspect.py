"""A suspect behind an endpoint: a real model behind a real server, and servers that attack the client."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from stillhunt_model.endpoints.client import _FIRST_PAUSE, _LONGEST_PAUSE, QUERY_TRIES

pytest.importorskip("torch", reason="needs stillhunt[model]")

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse

from model.model_server import Served, serve, serve_net
from stillhunt.base.errors import ConfigError
from stillhunt_model.endpoints import client as endpoint_client
from stillhunt_model.endpoints.budget import QueryBudget, QueryBudgetError
from stillhunt_model.endpoints.client import Endpoint, EndpointError
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
from stillhunt_model.proof.endpoint import _PROBE, EndpointSuspect
from stillhunt_model.proof.suspects import LocalSuspect
from stillhunt_model.training.pairs import TextPair

PROMPTS = ["write about a bag", "what is 2 + 2?", "sag mir \u00e4 \U0001f600"]
KEY = "sk-very-long-31"


@pytest.fixture(scope="module")
def net() -> Net:
    return tiny_net(TinySize(width=32, layers=1, heads=2, longest=256), byte_tokenizer(), 3)


@dataclass
class Scripted:
    """A server that answers what a test wants."""

    served: Served
    answer: Callable[[], Response]

    def __call__(self, answer: Callable[[], Response]) -> Served:
        self.answer = answer
        self.served.asked.clear()
        return self.served


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    async def answer(_: Request) -> Response:
        return server.answer()

    with serve(("/{path:path}", answer)) as served:
        server = Scripted(served, Response)
        yield server


OPEN: list[EndpointSuspect] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def suspect_at(served: Served, most: int = 100, *, key: str = "", pauses: list[float] | None = None) -> EndpointSuspect:
    wait = (lambda _: None) if pauses is None else pauses.append
    OPEN.append(EndpointSuspect(Endpoint(served.url, "tiny", key), QueryBudget(most), wait))
    return OPEN[-1]


def local(net: Net) -> LocalSuspect:
    return LocalSuspect(net, "0" * 64, QueryBudget.without_end())


def test_an_endpoint_says_what_its_model_says(net: Net) -> None:
    with serve_net(net) as served:
        suspect = suspect_at(served)
        assert suspect.answer(PROMPTS, 6, temperature=0) == local(net).answer(PROMPTS, 6, temperature=0)
        assert suspect.asked == len(served.asked) == 3
        drawn = suspect.answer(["same"] * 3, 8, seed=4)
        assert len(set(drawn)) == 3  # each draw has a seed of its own
        assert suspect.answer(["same"] * 3, 8, seed=4) == drawn
        assert {body["model"] for body in served.bodies} == {"tiny"}


def test_an_endpoint_scores_as_its_model_does(net: Net) -> None:
    pairs = [
        TextPair(prompt, answer)
        for prompt, answer in zip(PROMPTS, ("a bag is", "4", "gr\u00fcn \U0001f600!"), strict=True)
    ]
    with serve_net(net) as served:
        suspect = suspect_at(served)
        assert suspect.can_score
        found, expected = suspect.score(pairs), local(net).score(pairs)
        assert suspect.asked == len(served.asked) == 5
    # An endpoint does not say how likely the end is. A sign of several byte tokens begins once.
    for own, true in zip(found, expected, strict=True):
        assert sum(own) == pytest.approx(sum(true[:-1]), abs=1e-3)


def test_an_endpoint_that_fails_once_can_still_score(net: Net) -> None:
    """The trap: one lost connection, and the proof went on without likelihoods and said nothing."""
    with serve_net(net, down=range(1, 2)) as served:
        suspect = suspect_at(served)
        assert suspect.can_score
        assert suspect.asked == len(served.asked) == 3


def test_a_chat_endpoint_answers_and_scores_nothing(net: Net) -> None:
    with serve_net(net, completions=False) as served:
        suspect = suspect_at(served)
        assert suspect.answer(PROMPTS, 6, temperature=0) == local(net).answer(PROMPTS, 6, temperature=0)
        assert suspect.asked == len(served.asked) == 4  # one showed that completions are not served
        assert not suspect.can_score
        with pytest.raises(EndpointError, match="how likely"):
            suspect.score([TextPair("a", "b")])


def test_without_echo_nothing_is_scored(net: Net) -> None:
    with serve_net(net, echoes=False) as served:
        suspect = suspect_at(served)
        assert not suspect.can_score
        assert not suspect.can_score  # it asks once
        assert suspect.asked == len(served.asked) == 1
        assert suspect.answer(PROMPTS[:1], 3)


def test_the_key_goes_into_the_header_and_nowhere_else(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # a proxy would see it
    with serve_net(net, key=KEY) as served:
        suspect = suspect_at(served, key=KEY)
        suspect.answer(PROMPTS[:1], 2)
        assert served.asked[-1][2]["authorization"] == f"Bearer {KEY}"
        assert KEY not in json.dumps(served.bodies)
        assert KEY not in f"{suspect.name} {suspect.fingerprint} {suspect.endpoint!r} {vars(suspect)}"
        wrong = suspect_at(served, key="sk-wrong")
        with pytest.raises(EndpointError, match=r"refuses the key, or needs one \(401\)") as found:
            wrong.answer(PROMPTS[:1], 2)
        assert "sk-wrong" not in str(found.value)
        assert wrong.asked == 1


def test_the_budget_is_never_exceeded(net: Net) -> None:
    with serve_net(net) as served:
        suspect = suspect_at(served, 4)
        with pytest.raises(QueryBudgetError, match="5 more queries"):
            suspect.answer(["a"] * 5, 2)
        assert served.asked == []
        suspect.answer(["a"] * 3, 2)
        with pytest.raises(QueryBudgetError):
            suspect.answer(["a"] * 2, 2)
        suspect.answer(["a"], 2)
        with pytest.raises(QueryBudgetError):
            suspect.answer(["a"], 2)
        assert suspect.asked == len(served.asked) == 4


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 9])
def test_repeated_requests_count_against_the_budget(scripted: Scripted, most: int) -> None:
    served = scripted(lambda: JSONResponse({}, 429))
    suspect = suspect_at(served, most)
    with pytest.raises((EndpointError, QueryBudgetError)):
        suspect.answer(["a"] * min(2, most), 2)
    assert suspect.asked == len(served.asked) == min(most, QUERY_TRIES)


def test_a_busy_endpoint_is_asked_again_after_a_pause(scripted: Scripted) -> None:
    replies: Iterator[Response] = iter(
        [
            JSONResponse({}, 429, {"retry-after": "7"}),
            JSONResponse({}, 503, {"retry-after": "1e9"}),
            JSONResponse({}, 500, {"retry-after": "soon"}),
            JSONResponse({"choices": [{"text": "yes"}]}),
        ]
    )

    pauses: list[float] = []
    served = scripted(lambda: next(replies))
    assert suspect_at(served, pauses=pauses).answer(["a"], 2) == ["yes"]
    assert len(served.asked) == 4
    assert pauses == [7.0, _LONGEST_PAUSE, 4 * _FIRST_PAUSE]


def raw(content: bytes, **headers: str) -> Callable[[], Response]:
    return lambda: Response(content, media_type="application/json", headers=headers)


async def _far_too_long() -> AsyncIterator[bytes]:
    for _ in range(64):
        yield b" " * (1 << 18)


HOSTILE = {
    "empty": raw(b""),
    "no JSON": raw(b"<html>login</html>"),
    "not UTF-8": raw(b'{"choices": [{"text": "\xff\xfe"}]}'),
    "nested": raw(b'{"more": ' + b"[" * 200_000 + b"]" * 200_000 + b', "choices": [{"text": "a"}]}'),
    "nested in a choice": raw(b'{"choices": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "no choices": raw(b'{"choices": []}'),
    "choices missing": raw(b"{}"),
    "a list": raw(b"[]"),
    "text is a number": raw(b'{"choices": [{"text": 7}]}'),
    "text is an object": raw(b'{"choices": [{"text": {"a": 1}}]}'),
    "compressed": raw(gzip.compress(b'{"choices": [{"text": "a"}]}'), **{"content-encoding": "gzip"}),
    "too long": lambda: StreamingResponse(_far_too_long(), media_type="application/json"),
    "endless redirect": lambda: RedirectResponse("/v1/completions", 307),
    "redirect to a word": lambda: Response(status_code=307, headers={"location": "http://[::"}),
    "redirect to nowhere": lambda: Response(status_code=308),
    "other method": lambda: RedirectResponse("/v1/completions", 302),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_answers_end_in_a_readable_error(scripted: Scripted, name: str) -> None:
    served = scripted(HOSTILE[name])
    suspect = suspect_at(served, 50)
    with pytest.raises(EndpointError, match="the endpoint cannot be asked") as found:
        suspect.answer(["a"], 2)
    assert 1 <= suspect.asked == len(served.asked) <= QUERY_TRIES
    assert len(str(found.value)) < 500
    assert str(found.value).replace("\n", "").isprintable()


def test_a_redirect_to_another_host_is_not_followed(net: Net, scripted: Scripted) -> None:
    with serve_net(net) as other:
        target = f"{other.url}/v1/completions"
        for status in (301, 302, 303, 307, 308):
            suspect = suspect_at(scripted(lambda status=status: RedirectResponse(target, status)), key=KEY)
            with pytest.raises(EndpointError, match="redirects to another host"):
                suspect.answer(["a"], 2)
            assert suspect.asked == 1
        assert other.asked == []


def test_a_redirect_within_the_host_is_followed_and_counted(scripted: Scripted) -> None:
    def moved() -> Response:
        if len(served.asked) % 2:
            return RedirectResponse("/new/completions", 308)
        return JSONResponse({"choices": [{"text": "yes"}]})

    served = scripted(moved)
    suspect = suspect_at(served)
    assert suspect.answer(["a"], 2) == ["yes"]
    assert suspect.answer(["b"], 2) == ["yes"]
    assert suspect.asked == len(served.asked) == 4
    assert {path for path, _, _ in served.asked} == {"/v1/completions", "/new/completions"}
    with pytest.raises(QueryBudgetError):
        suspect_at(served, 1).answer(["a"], 2)


def test_a_long_answer_is_cut_and_control_characters_are_nobodys_orders(scripted: Scripted) -> None:
    text = "\x1b[31m\x00\u202e" + "x" * 1_000_000
    (found,) = suspect_at(scripted(lambda: JSONResponse({"choices": [{"text": text}]}))).answer(["a"], 2)
    assert len(found) == 512
    assert found.startswith("\x1b[31m\x00")  # what it says is compared, not shown


def test_no_text_is_an_empty_answer(scripted: Scripted) -> None:
    assert suspect_at(scripted(lambda: JSONResponse({"choices": [{"text": None}]}))).answer(["a"], 2) == [""]
    refused = JSONResponse({"choices": [{"message": {"content": None}}]})
    served = scripted(lambda: refused if "chat" in served.asked[-1][0] else JSONResponse({}, 404))
    assert suspect_at(served).answer(["a"], 2) == [""]


def test_an_answer_that_never_ends_in_time_is_given_up(scripted: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1_000_000, 1_000))
    served = scripted(raw(b'{"choices": [{"text": "a"}]}'))
    suspect = suspect_at(served, 50)
    monkeypatch.setattr(endpoint_client, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with pytest.raises(EndpointError, match="ReadTimeout"):
        suspect.answer(["a"], 2)
    assert len(served.asked) == QUERY_TRIES


def test_nobody_there_is_a_readable_error() -> None:
    with socket.socket() as listener:  # bound and not listening
        listener.bind(("127.0.0.1", 0))
        suspect = suspect_at(Served(f"http://127.0.0.1:{listener.getsockname()[1]}"), 9)
        with pytest.raises(EndpointError, match="ConnectError, 4 times"):
            suspect.answer(["a"], 2)
    assert suspect.asked == QUERY_TRIES


def scores(text: str, offsets: list[int], values: list[float | None]) -> Callable[[], Response]:
    return lambda: JSONResponse(
        {"choices": [{"text": text, "logprobs": {"text_offset": offsets, "token_logprobs": values}}]}
    )


SENT = "The days of the week are\nMonday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."
PLACES = [0, 4, 25, 30, 40, 50]
LIES = {
    "another text": scores("Monday", PLACES, [None, -1.0, -2.0, -3.0, -1.0, -2.0]),
    "all the same": scores(SENT, PLACES, [None, -1.0, -1.0, -1.0, -1.0, -1.0]),
    "above one": scores(SENT, PLACES, [None, -1.0, 2.0, -3.0, -1.0, -2.0]),
    "far too small": scores(SENT, PLACES, [None, -1.0, -1.7e308, -1.7e308, -1.0, -2.0]),
    "smaller than any": scores(SENT, PLACES, [None, -1.0, -10_001.0, -3.0, -1.0, -2.0]),
    "no number": raw(
        json.dumps({"choices": [{"text": SENT, "logprobs": {"text_offset": PLACES, "token_logprobs": [0] * 6}}]})
        .replace("[0, 0, 0, 0, 0, 0]", "[null, -1, NaN, -2, -3, -4]")
        .encode()
    ),
    "missing": scores(SENT, PLACES, [None, -1.0, None, -3.0, -1.0, -2.0]),
    "too few": scores(SENT, PLACES, [None, -1.0, -2.0]),
    "out of order": scores(SENT, [0, 4, 50, 40, 30, 25], [None, -1.0, -2.0, -3.0, -1.0, -2.0]),
    "elsewhere": scores(SENT, [0, 1, 2, 3, 4, 5], [None, -1.0, -2.0, -3.0, -1.0, -2.0]),
    "not finite": raw(
        json.dumps({"choices": [{"text": SENT, "logprobs": {"text_offset": PLACES, "token_logprobs": [0] * 6}}]})
        .replace("[0, 0, 0, 0, 0, 0]", "[null, -1, -1e999, -2, -3, -4]")
        .encode()
    ),
    "no numbers": lambda: JSONResponse({"choices": [{"text": SENT, "logprobs": None}]}),
}


@pytest.mark.parametrize("name", LIES)
def test_scores_that_cannot_be_are_not_believed(scripted: Scripted, name: str) -> None:
    suspect = suspect_at(scripted(LIES[name]))
    assert not suspect.can_score
    assert suspect.asked <= 2


@pytest.mark.parametrize("wrong", [-10_001.0, -1.7e308, 0.1])
def test_an_endpoint_that_lies_after_the_first_scores_is_refused(scripted: Scripted, wrong: float) -> None:
    def answer() -> Response:
        lies = len(served.asked) > 2
        return scores(SENT, PLACES, [None, -1.0, wrong if lies else -9_999.0, -3.0, 1e-9, wrong if lies else -2.0])()

    served = scripted(answer)
    suspect = suspect_at(served)
    assert suspect.can_score
    with pytest.raises(EndpointError, match="it lies about its log-probabilities: one is no number from -10,000 to 0"):
        suspect.score([_PROBE])


def test_scores_that_are_drawn_are_not_believed(scripted: Scripted) -> None:
    count = iter(range(100))

    def drawn() -> Response:
        return scores(SENT, PLACES, [None, -1.0, -1.0 - next(count), -3.0, -1.0, -2.0])()

    assert not suspect_at(scripted(drawn)).can_score
    sound = scores(SENT + " More.", PLACES, [None, -1.0, -2.0, -3.0, -1.0, -2.0])
    assert suspect_at(scripted(sound)).can_score


@pytest.mark.parametrize(
    ("url", "model", "key", "what"),
    [
        ("ftp://host/v1", "m", "", "must begin with http"),
        ("http:///v1", "m", "", "must begin with http"),
        ("http://user:word@host/v1", "m", "", "no user, password"),
        ("http://host/v1?key=1", "m", "", "no user, password"),
        ("http://host:port/v1", "m", "", "not of the form"),
        ("http://host/v1", " ", "", "has no name"),
        ("http://host/v1", "m", "a\r\nx-other: 1", "no key has"),
    ],
)
def test_addresses_that_cannot_be_asked_are_refused(url: str, model: str, key: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as found:
        EndpointSuspect(Endpoint(url, model, key), QueryBudget(1))
    assert "word" not in str(found.value).replace("password", "")
    assert "x-other" not in str(found.value)


def test_one_endpoint_has_one_fingerprint() -> None:
    def fingerprint(url: str, model: str = "m") -> str:
        OPEN.append(EndpointSuspect(Endpoint(url, model), QueryBudget(1)))
        return OPEN[-1].fingerprint

    assert fingerprint("http://host") == fingerprint("http://host/v1/") == fingerprint("http://host/v1")
    assert len({fingerprint("http://host"), fingerprint("http://host", "n"), fingerprint("http://other")}) == 3
