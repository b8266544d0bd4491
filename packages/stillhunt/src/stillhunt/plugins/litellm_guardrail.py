"""A guardrail for the LiteLLM proxy that asks stillhunt about each request before a model gets it.

docs/howto/litellm.md says how to configure it. It refuses with the statuses 403 and 429, which LiteLLM's own Generic
Guardrail API cannot, and it is asked for every kind of request, also for those without a text.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import secrets
import time
from typing import Any

import httpx

try:
    from fastapi import HTTPException
    from litellm.integrations.custom_guardrail import CustomGuardrail
    from litellm.types.guardrails import GuardrailEventHooks
except ImportError as error:
    raise ImportError("this runs inside the LiteLLM proxy, which is not here: pip install 'litellm[proxy]'") from error

ACTION, REASON, DECISION = "x-stillhunt-action", "x-stillhunt-reason", "x-stillhunt-decision"
KEYS_WITHOUT_USER = frozenset(("", "default_user_id", "default_user", "None"))
"""Users that LiteLLM gives to keys without a user; readers of its logs pass them over too."""
MOST_QUESTION_BYTES = 2 << 20
"""Longest question with texts; about longer requests, only the account and the model are asked."""
MOST_CHARACTERS = 512
"""Longest name of a model, a client or a session that is sent."""
DATA_FIELDS = frozenset(("data", "url", "image_url", "file_data", "file_url"))
"""Fields of messages that hold images and files; no signature looks at them, and long ones are left out."""
LONG_DATA = 1024
DEPTH = 16
"""Levels of nested messages that are sent; real ones have about six."""
SAID_IN = {
    "aresponses": ("input", "instructions"),
    "aembedding": ("input", ""),
    "atext_completion": ("prompt", ""),
    "agenerate_content": ("contents", ""),
    "agenerate_content_stream": ("contents", ""),
}
"""Type of call -> fields with what is asked and with the instructions; a client may fill others to mislead."""
PASSED_THROUGH = frozenset(("pass_through_endpoint",))
"""Type of call whose data are the body itself, which is sent to the model as it is."""
OTHERWISE_IN = ("messages", "input", "contents", "prompt")
LOG_SECONDS = 10.0
"""How often a failure is written into the log, at most."""
_LOG = logging.getLogger("stillhunt")


class StillhuntGuardrail(CustomGuardrail):  # type: ignore[misc]  # LiteLLM is not there when types are checked
    """Asks stillhunt what is decided about the account of a request.

    Args:
        api_key: token with the scope `decide`; without it, the variable LITELLM_STILLHUNT_TOKEN of the environment.
        timeout: seconds after which an answer is not waited for.
        fail: what happens to requests while stillhunt does not answer. open: they pass. closed: 503.
        tell_model: also send the action to the server of the model, in the header x-stillhunt-action.
        options: what LiteLLM gives to each guardrail.

    Raises:
        ValueError: something of this cannot be used; LiteLLM does not start then.
    """

    def __init__(
        self,
        api_base: str = "http://127.0.0.1:8686",
        api_key: str | None = None,
        timeout: float = 1.0,
        fail: str = "open",
        tell_model: bool = False,
        **options: Any,
    ) -> None:
        token = api_key or os.environ.get("LITELLM_STILLHUNT_TOKEN", "")
        if not token:
            raise ValueError("stillhunt needs a token: set api_key, or LITELLM_STILLHUNT_TOKEN in the environment")
        if fail not in ("open", "closed"):
            raise ValueError(f"fail is {fail!r}: write open or closed")
        if not timeout > 0:
            raise ValueError("timeout must be above 0 seconds")
        self._address, self._token, self._timeout = f"{api_base.rstrip('/')}/v1/decide", token, timeout
        self._open, self._tell_model = fail == "open", tell_model
        self._client: httpx.AsyncClient | None = None
        self._failures, self._logged = 0, -LOG_SECONDS
        self._asker, self._unanswered, self._known = secrets.token_hex(8), 0, 0
        super().__init__(supported_event_hooks=[GuardrailEventHooks.pre_call], **options)

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: Any, call_type: Any) -> Any:  # noqa: ARG002 - LiteLLM gives a cache
        """Called by LiteLLM before it calls a model.

        Args:
            call_type: LiteLLM's name for the API.

        Returns:
            The request, with what is decided in LiteLLM's metadata.

        Raises:
            HTTPException: 403 or 429 as stillhunt says, or 503 where it does not answer and this fails closed.
        """
        account = account_of(getattr(user_api_key_dict, "user_id", None), getattr(user_api_key_dict, "api_key", None))
        if account is None:
            return data
        try:
            total = self._unanswered
            question = question_of(account, data, call_type, self._describe_late_answers())
            answer = await asyncio.wait_for(self._ask_stillhunt(question), self._timeout)
            self._known = max(self._known, total)
        except Exception as failure:
            self._unanswered += 1
            self._log_ask_failure(failure)
            if not self._open:
                raise _build_refusal(503, {"message": "Try again in a moment.", "retry_after": 1}) from failure
            answer = {"status": 200}
        if answer["status"] != 200:
            raise _build_refusal(answer["status"], answer)
        if call_type not in PASSED_THROUGH:
            self._mark_request_action(data, answer.get("action"))
        return data

    def _describe_late_answers(self) -> dict[str, Any] | None:
        """What stillhunt does not know yet of questions whose answers came too late, or never."""
        if self._unanswered == self._known:
            return None
        return {"asker": self._asker, "total": self._unanswered, "known": self._known}

    async def _ask_stillhunt(self, question: bytes) -> dict[str, Any]:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=self._timeout)
        headers = {"x-stillhunt-token": self._token, "content-type": "application/json"}
        response = await self._client.post(self._address, content=question, headers=headers)
        if response.status_code != 200:
            raise ValueError(f"stillhunt answered with status {response.status_code}: {response.text[:200]}")
        answer = response.json()
        if not isinstance(answer, dict) or answer.get("status") not in (200, 403, 429):
            raise ValueError("stillhunt's answer has another form; its version may not fit this guardrail")
        return answer

    def _mark_request_action(self, data: dict[str, Any], action: str | None) -> None:
        """Write the action where LiteLLM itself wrote whose request it is, in place of what a client wrote there."""
        for name in ("litellm_metadata", "metadata"):
            metadata = data.get(name)
            if isinstance(metadata, dict) and "user_api_key_hash" in metadata:  # else it is sent to the model
                metadata.pop(ACTION, None)
                if action:
                    metadata[ACTION] = action
                if action and self._tell_model:
                    data["extra_headers"] = {**(data.get("extra_headers") or {}), ACTION: action}
                return

    def _log_ask_failure(self, failure: Exception) -> None:
        self._failures += 1
        now = time.monotonic()
        if now - self._logged >= LOG_SECONDS:
            _LOG.warning(
                "stillhunt did not answer %d requests, which were %s; the last one: %s: %s",
                self._failures, "let through" if self._open else "refused", type(failure).__name__, failure,
            )  # fmt: skip
            self._failures, self._logged = 0, now


def account_of(user: Any, key: Any) -> str | None:
    """The account as stillhunt reads it from LiteLLM's logs: the user of the key, else the key's hash."""
    if isinstance(user, str) and user not in KEYS_WITHOUT_USER:
        return user
    if isinstance(key, str) and key.startswith("sk-"):
        key = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    return key if isinstance(key, str) and key else None


def question_of(account: str, data: dict[str, Any], call_type: str, late: dict[str, Any] | None = None) -> bytes:
    """The body of `POST /v1/decide` for a request as LiteLLM gives it; `late`: earlier answers that came too late."""
    headers = _get_dict_or_empty(_get_dict_or_empty(data.get("proxy_server_request")).get("headers"))
    session = _get_dict_or_empty(data.get("metadata")).get("session_id") or headers.get("x-litellm-session-id")
    named = {"model": data.get("model"), "user_agent": headers.get("user-agent"), "conversation_id": session}
    asked: dict[str, Any] = {name: text[:MOST_CHARACTERS] for name, text in named.items() if isinstance(text, str)}
    asked["account_id"] = account
    if late is not None:
        asked["unanswered"] = late
    body = json.dumps({**asked, **_texts_of(data, call_type)}, ensure_ascii=False).encode("utf-8", "replace")
    return body if len(body) <= MOST_QUESTION_BYTES else json.dumps(asked).encode()


def _texts_of(data: dict[str, Any], call_type: str) -> dict[str, list[Any]]:
    """What the request says, whatever API it is for."""
    field, instructions = SAID_IN.get(call_type, ("messages", "system"))
    said = next((data[name] for name in (field, *OTHERWISE_IN) if data.get(name)), None)
    said = [said] if isinstance(said, str) else said
    if not isinstance(said, list):
        return {}
    texts = [text for text in said if isinstance(text, str)]
    if len(texts) > 1:
        return {"texts": texts}
    before = [{"role": "system", "content": data[instructions]}] if data.get(instructions) else []
    asked = [{"role": "user", "content": one} if isinstance(one, str) else one for one in said]
    return {"messages": [_without_data(message, DEPTH) for message in (*before, *asked) if isinstance(message, dict)]}


def _without_data(value: Any, depth: int) -> Any:
    """A value without numbers, images and files."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and depth:
        return [_without_data(one, depth - 1) for one in value]
    if not isinstance(value, dict) or not depth:
        return None
    kept = {}
    for name, one in value.items():
        long = name in DATA_FIELDS and isinstance(one, str) and len(one) > LONG_DATA
        kept[str(name)] = "" if long else _without_data(one, depth - 1)
    return kept


def _get_dict_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _build_refusal(status: int, answer: dict[str, Any]) -> Exception:
    reason, decision, wait = (answer.get(name) for name in ("reason", "decision", "retry_after"))
    kind = "service_unavailable" if status == 503 else "access_restricted"
    error = {"message": answer.get("message") or "", "type": kind, "code": reason, "decision": decision}
    headers = {REASON: reason, DECISION: decision, "retry-after": wait}
    refusal: Any = HTTPException(status, {"error": error}, {name: str(it) for name, it in headers.items() if it})
    refusal.message = error["message"]  # some of LiteLLM's APIs answer with it, and others would with the whole detail
    made: Exception = refusal
    return made
