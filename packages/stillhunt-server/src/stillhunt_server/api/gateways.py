"""What gateways ask for each request: plain ASGI, since it is on the path of every request of a customer.

Four forms of one question. Envoy and nginx ask by headers and read the status, LiteLLM and other programs ask in JSON.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from hashlib import sha256
from typing import Any

import msgspec

from stillhunt.base.config_live import DecideSettings
from stillhunt.base.errors import StillhuntError
from stillhunt.base.ids import kept_id
from stillhunt.base.plugin_groups import GATEWAYS, load_plugins
from stillhunt_server.api.gateway_home import SIGN_UP_PATH, GatewayHome, reply
from stillhunt_server.api.questions import (
    GUARDED_MEMBERS,
    MOST_READ_BYTES,
    QUESTION_MEMBERS,
    GatewayQuestion,
    Guarded,
    asked_by_litellm,
    is_list_or_null,
)
from stillhunt_server.enforcing.answers import NO_DECISION, GatewayAnswer
from stillhunt_server.enforcing.asked_texts import texts_of_messages
from stillhunt_server.enforcing.inline_matcher import AskedRequest
from stillhunt_server.enforcing.live import LiveDecisions
from stillhunt_server.enforcing.signature_answers import SignatureAnswers
from stillhunt_server.receiving.bodies import BodyError
from stillhunt_server.receiving.decoders import Decoders, UnexpectedError
from stillhunt_server.receiving.receiver import MOST_HELD_BYTES, Receive, Scope, Send
from stillhunt_server.receiving.traffic import CallCounts
from stillhunt_server.tokens import ADMIN, DECIDE, KnownTokens

DECIDE_PATH, NGINX_PATH, ENVOY_PATH = "/v1/decide", "/v1/gateway/nginx", "/v1/gateway/envoy"
LITELLM_PATH = "/beta/litellm_basic_guardrail_api"
"""Fixed by LiteLLM: its Generic Guardrail API appends it to the address that it is given."""
TOKEN_HEADER = b"x-stillhunt-token"
"""For gateways that pass on the customer's own Authorization header."""
MOST_ASKED_BYTES = 8 << 20
"""Longest question with texts: contexts of two million tokens exist. Judgement."""
MOST_GUARDED_BYTES = 32 << 20
"""Longest question of LiteLLM, which sends a request's images too, and twice. Judgement: images of 12 MB in all."""
MOST_DECODED_BYTES = 1 << 20
"""Longest question that is decoded while others wait: 6 milliseconds of the worst that can be sent."""
SOURCE = "stillhunt.source"
"""Name in the scope of a question under which the source of its token is kept."""
_JSON = b"application/json"


class RefusedError(Exception):
    """A question that is not answered."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True)
class GatewayForm:
    """One form of the question that a gateway asks."""

    name: str  # of the gateway, in lower case with dashes
    path: str  # where it asks
    # answers one question, whose token was checked: by `Gateways.body`, `ask` and `reply`, or by raising `RefusedError`
    answer: Callable[[Gateways, Scope, Receive, Send], Awaitable[None]]
    # whether refusals keep their status. A gateway would refuse the customer for a 401 or 403; at 503 it does what was
    # chosen for failures
    plain_status: bool = False
    # whether `answer` finds out by itself who asks, before it does anything, such as by a signature of the body; where
    # there is none, by `Gateways.check_token`
    proves_itself: bool = False


class Gateways:
    """An ASGI application that answers gateways.

    Args:
        settings: how the account is named.
        signatures: matches texts; None where it is not done here.
        calls: counts questions; None = counts of its own.
        home: where plugins look; None where there is nothing to look at.
    """

    def __init__(
        self,
        decisions: LiveDecisions,
        tokens: KnownTokens,
        settings: DecideSettings,
        signatures: SignatureAnswers | None = None,
        calls: CallCounts | None = None,
        home: GatewayHome | None = None,
    ) -> None:
        self.home = home
        self.calls = calls or CallCounts()
        self.decisions, self._tokens, self._signatures = decisions, tokens, signatures
        self._header = settings.account_header.lower().encode()
        self._model_header = settings.model_header.lower().encode()
        self._hashed = settings.account_hash == "sha256"
        self._appeal_url = settings.appeal_url
        nothing = msgspec.json.encode(self.shown(NO_DECISION))
        headers = [(b"content-type", _JSON), (b"content-length", str(len(nothing)).encode())]
        # Made once, since nearly all answers are these.
        self._nothing: tuple[dict[str, Any], ...] = (
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": nothing},
        )
        self._held = 0
        self._decoders = Decoders(MOST_GUARDED_BYTES, processes=1)
        self._exact = {form.path: partial(form.answer, self) for form in all_forms()}
        self._plain = {form.path for form in all_forms() if form.plain_status}
        self._proving = {form.path for form in all_forms() if form.proves_itself}
        self.answered: Counter[tuple[str, str]] = Counter()
        """Path of the question and what was answered: an action, or "unknown account", "refused"."""

    def stop(self) -> None:
        """End the process that cuts long questions."""
        self._decoders.stop()

    def takes(self, path: str) -> bool:
        """Whether a path is answered here."""
        # Envoy puts its prefix before whatever was asked for, as in "OPTIONS *"; no other answer may refuse a customer.
        return path in self._exact or path.startswith(ENVOY_PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        try:
            if path not in self._proving:
                self.check_token(scope)
            if not self.decisions.revision:
                raise RefusedError(503, self.decisions.problems.get("decisions", "the decisions were not read yet"))
            await self._exact.get(path, self._answer_envoy_request)(scope, receive, send)
        except RefusedError as refused:
            self.answered[path if path in self._exact else ENVOY_PATH, "refused"] += 1
            body = msgspec.json.encode({"error": refused.text})
            status = refused.status if path in self._plain else 503
            extra = _EXTRA.get(status, [])
            await reply(send, status, body, [*extra, (b"connection", b"close")])

    def check_token(self, scope: Scope) -> None:
        """Let a question with a token of the right scope pass; RefusedError for any other."""
        text = _given_token(scope).decode("latin-1")
        token = self._tokens.of(text)
        if token is None:
            try:
                token = self._tokens.find(text)
            except StillhuntError as error:
                raise RefusedError(503, "the tokens cannot be read now") from error
        if token is None or token.revoked:
            raise RefusedError(401, "send a token of this server")
        if token.scopes.isdisjoint(_MAY_ASK):
            raise RefusedError(403, "this needs a token with the scope 'decide'")
        scope[SOURCE] = token.source

    async def _answer_decide_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise RefusedError(405, "ask with POST")
        asked = await self._read_gateway_question(
            await self.body(receive, scope, MOST_ASKED_BYTES), _QUESTIONS, QUESTION_MEMBERS
        )
        asked.by_litellm = False
        if not (is_list_or_null(asked.messages) and is_list_or_null(asked.texts)):
            raise RefusedError(400, "'messages' and 'texts' are lists")
        answer = self.ask(scope, DECIDE_PATH, asked)
        if answer is NO_DECISION:
            for part in self._nothing:
                await send(part)
        else:
            await reply(send, 200, msgspec.json.encode(self.shown(answer)), [])

    async def _answer_litellm_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise RefusedError(405, "ask with POST")
        body = await self.body(receive, scope, MOST_GUARDED_BYTES)
        asked = asked_by_litellm(await self._read_gateway_question(body, _GUARDED, GUARDED_MEMBERS))
        answer = NO_DECISION if asked is None else self.ask(scope, LITELLM_PATH, asked)
        if answer.status == 200:
            await reply(send, 200, b'{"action":"NONE"}', [])
            return
        wait = f"Try again in {answer.retry_after} seconds. " if answer.retry_after else ""  # its status cannot tell
        refused = {"action": "BLOCKED", "blocked_reason": wait + self.sentence(answer)}
        await reply(send, 200, msgspec.json.encode(refused), [])

    async def _answer_envoy_request(self, scope: Scope, _receive: Receive, send: Send) -> None:
        answer = self.ask(scope, ENVOY_PATH, self._build_header_question(scope))
        headers = self._list_answer_headers(answer)
        if answer.status == 200:
            await reply(send, 200, b"", headers)
            return
        error = {
            "message": self.sentence(answer),
            "type": "access_restricted",
            "code": answer.reason,
            "decision": answer.decision or None,
        }
        await reply(send, answer.status, msgspec.json.encode({"error": error}), headers)

    async def _answer_nginx_request(self, scope: Scope, _receive: Receive, send: Send) -> None:
        answer = self.ask(scope, NGINX_PATH, self._build_header_question(scope))
        status = 401 if answer.status == 429 else answer.status  # auth_request knows 2xx, 401 and 403 only
        headers = self._list_answer_headers(answer)
        if answer.status != 200:
            headers.append((b"x-stillhunt-message", self.sentence(answer).encode("ascii", "replace")))
        await reply(send, status, b"", headers)

    async def body(self, receive: Receive, scope: Scope, most: int) -> bytes:
        """The body of a question, of so many bytes at most; RefusedError where it is longer or cannot be had."""
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > most:
                raise RefusedError(413, f"the body is longer than {most} bytes")
        message = await receive()
        if not message.get("more_body"):
            body: bytes = message.get("body", b"")
            return body
        parts, size = [message.get("body", b"")], 0
        try:
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "the connection ended before the body did")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                self._held += len(parts[-1])
                if size > most:
                    raise RefusedError(413, f"the body is longer than {most} bytes")
                if self._held > MOST_HELD_BYTES:
                    raise RefusedError(503, "more arrives at a time than this server holds in memory")
            return b"".join(parts)
        finally:
            self._held -= size

    async def _read_gateway_question(
        self, body: bytes, form: msgspec.json.Decoder[Any], members: dict[str, list[str]]
    ) -> Any:
        """The question in a body; a long one is cut elsewhere to what is read of it, since others ask meanwhile."""
        if len(body) > MOST_DECODED_BYTES:
            try:
                body = await asyncio.to_thread(self._decoders.shrunk, body, members, MOST_READ_BYTES)
            except BodyError as error:
                raise RefusedError(error.status, error.text) from error
            except UnexpectedError as error:
                raise RefusedError(503, "the question met a bug in stillhunt") from error
        return _decode_gateway_body(body, form)

    def _build_header_question(self, scope: Scope) -> GatewayQuestion:
        account = model = b""
        for name, value in scope["headers"]:
            if name == self._header:
                account = value
            elif name == self._model_header:
                model = value
        if self._header == b"authorization":
            account = account.partition(b" ")[2].strip()
        text = sha256(account).hexdigest() if self._hashed and account else account.decode("utf-8", "replace")
        return GatewayQuestion(text, model.decode("latin-1"))

    def ask(self, scope: Scope, path: str, asked: GatewayQuestion) -> GatewayAnswer:
        """What is decided of a question, which is counted under the path."""
        self.calls.asked(scope[SOURCE])
        if (late := asked.unanswered) is not None:
            self.calls.late(scope[SOURCE], late.asker, late.total, late.known)
        if not asked.account_id:
            self.answered[path, "unknown account"] += 1
            return NO_DECISION
        decisions, now = self.decisions, time.time_ns() // 1000
        asked.account_id = kept_id(asked.account_id)  # as the readers of logs write it
        answer = decisions.answers.answer(decisions.table, asked.account_id, asked.model or "", now)
        if self._signatures is not None and self._signatures.armed and answer.status == 200:
            answer = self._signatures.answer(_as_read(asked, now), answer, decisions.answers)
        self.answered[path, answer.action] += 1
        return answer

    def shown(self, answer: GatewayAnswer) -> dict[str, Any]:
        """The answer to `POST /v1/decide`, as JSON values."""
        return {
            "allowed": answer.status == 200,
            "action": answer.action,
            "status": answer.status,
            "reason": answer.reason or None,
            "message": self.sentence(answer) or None,
            "decision": answer.decision or None,
            "expires_at": datetime.fromtimestamp(answer.expires_at / 1e6, UTC) if answer.expires_at else None,
            "retry_after": answer.retry_after or None,
        }

    def sentence(self, answer: GatewayAnswer) -> str:
        """What the customer may be told, with the number of the decision and where to appeal."""
        parts = [answer.message]
        if answer.decision:
            parts.append(f"Decision {answer.decision}.")
        if answer.decision and self._appeal_url:
            parts.append(f"You can appeal: {self._appeal_url}")
        return " ".join(part for part in parts if part)

    def _list_answer_headers(self, answer: GatewayAnswer) -> list[tuple[bytes, bytes]]:
        """Headers for what stands behind the gateway; the first is always there, so that a client's own is replaced."""
        headers = [(b"x-stillhunt-action", answer.action.encode())]
        if answer.reason:
            headers.append((b"x-stillhunt-reason", answer.reason.encode()))
        if answer.decision:
            headers.append((b"x-stillhunt-decision", str(answer.decision).encode()))
        if answer.retry_after:
            headers.append((b"retry-after", str(answer.retry_after).encode()))
        return headers


def _given_token(scope: Scope) -> bytes:
    """Our own header goes first, beside which a customer's Authorization may stand; none that stands twice counts."""
    names = [TOKEN_HEADER, b"authorization", *([b"x-api-key"] if scope["path"] == LITELLM_PATH else [])]
    found: dict[bytes, list[bytes]] = {name: [] for name in names}
    for name, value in scope["headers"]:
        if name in found:
            found[name].append(value)
    for name in names:
        if name == b"authorization":
            schemes = [value.partition(b" ") for value in found[name]]
            found[name] = [text.strip() for scheme, _, text in schemes if scheme.lower() == b"bearer"]
        if found[name]:
            return found[name][0] if len(found[name]) == 1 else b""
    return b""


_MAY_ASK = frozenset((DECIDE, ADMIN))
_EXTRA = {401: [(b"www-authenticate", b"Bearer")], 405: [(b"allow", b"POST")], 503: [(b"retry-after", b"5")]}
_QUESTIONS, _GUARDED = msgspec.json.Decoder(GatewayQuestion), msgspec.json.Decoder(Guarded)


def _decode_gateway_body(body: bytes, form: msgspec.json.Decoder[Any]) -> Any:
    try:
        return form.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, "the body is no such JSON: it needs 'account_id', and texts of strings") from error


def _as_read(question: GatewayQuestion, now: int) -> AskedRequest:
    """A question as signatures are matched with it; settings of sampling are not told by gateways."""
    texts = texts_of_messages(*question.read())
    return AskedRequest(
        account_id=question.account_id,
        prompt=texts.prompt,
        system_prompt=texts.system_prompt,
        now=now,
        model=question.model or None,
        user_agent=question.user_agent,
        conversation=question.conversation_id,
    )


def _path_faults(form: GatewayForm) -> str:
    """What is wrong with the path of a form, in words; empty where nothing is."""
    if form.path == SIGN_UP_PATH:
        return ""
    if not form.path.startswith("/v1/gateway/") or form.path.startswith(ENVOY_PATH):
        return "its path does not begin with /v1/gateway/NAME"
    return "its path is taken" if form.path in {one.path for one in GATEWAY_FORMS} else ""


GATEWAY_FORMS = (
    GatewayForm("decide", DECIDE_PATH, Gateways._answer_decide_request, plain_status=True),
    GatewayForm("nginx", NGINX_PATH, Gateways._answer_nginx_request),
    GatewayForm("litellm", LITELLM_PATH, Gateways._answer_litellm_request),
)
"""What is built in. Envoy has no path of its own: it puts its prefix before the path that was asked for."""


@cache
def all_forms() -> tuple[GatewayForm, ...]:
    """The forms of a question that are built in, and those of plugins."""
    return GATEWAY_FORMS + load_plugins(
        GATEWAYS, GatewayForm, (*(one.name for one in GATEWAY_FORMS), "envoy"), _path_faults
    )
