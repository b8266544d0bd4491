"""A mock model behind the gateway: it answers at once, and sends stillhunt a record of each request that it answered.

    python model.py PORT STILLHUNT_PORT      the token with the scope 'ingest' is in the environment: INGEST_TOKEN

The account is what the gateway says (x-account-id). What a real provider knows of a connection, and the time, come from
the traffic of the demo, which plays four days in half a minute.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import httpx
import uvicorn

MOST_WAITING = 500
"""Records that are sent together."""
EVERY_SECONDS = 0.2


class Model:
    """An ASGI application.

    Args:
        address: where records go.
        token: with the scope ingest.
    """

    def __init__(self, address: str, token: str) -> None:
        self._address, self._headers = address, {"Authorization": f"Bearer {token}"}
        self._records: list[bytes] = []
        self._sending = asyncio.Lock()
        self._sender: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        account = dict(scope["headers"]).get(b"x-account-id", b"").decode()
        self._records.append(record_of(json.loads(body), account))
        answer = b'{"choices": [{"message": {"role": "assistant", "content": "An answer."}}]}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._sender = asyncio.create_task(self._send_records())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._sender.cancel()
        await send({"type": "lifespan.shutdown.complete"})

    async def _send_records(self) -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                while some := self._records[:MOST_WAITING]:
                    try:
                        answer = await client.post(self._address, content=b"\n".join(some), headers=self._headers)
                        answer.raise_for_status()
                    except httpx.HTTPError:
                        break  # they are sent again
                    del self._records[: len(some)]


def record_of(body: dict[str, Any], account: str) -> bytes:
    """The record of a request, as a line of JSON."""
    texts = {message["role"]: message["content"] for message in body["messages"]}
    record = {**body["demo"], "account_id": account, "model": body["model"], "prompt": texts["user"]}
    if "system" in texts:
        record["system_prompt"] = texts["system"]
    return json.dumps(record).encode()


if __name__ == "__main__":
    own, stillhunt = sys.argv[1:]
    application = Model(f"http://127.0.0.1:{stillhunt}/v1/ingest/jsonl", os.environ["INGEST_TOKEN"])
    uvicorn.run(application, host="127.0.0.1", port=int(own), log_level="error", access_log=False)
