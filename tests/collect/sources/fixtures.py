"""A few invented records of every source, for the checks that all of them pass and for what times and fuzzes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.collect.sources.cloud_records import BATCH, CHAT, KONG, KONG_OLD, RECORDS
from tests.collect.sources.litellm_records import payload, spend_row
from tests.collect.sources.otlp_dialect_records import CURRENT, LITELLM
from tests.collect.sources.otlp_fixtures import START, event, export, span

Records = Sequence[Any]
OWN = ("acct-1", "reader-7", "reader-1", "customer-1", "s-1", "chat-7", "org-1", "key-1")
"""Names of customers and sessions, which become others in every copy, as ids of calls do."""


@dataclass(frozen=True)
class Fixture:
    """Records of one source.

    Attributes:
        records: together at least one call; JSON values, or lines where the source is of text.
        ids: words in them that make calls distinct, the first of them that of the request id.
        time: how the beginning of the first call is written, the same with a fraction of a second, and that
            fraction in microseconds; None where the log tells whole seconds or nothing.
        extension: of a file that holds them.
        beside: records of another source, without which these are no calls.
        made: number of a copy -> records, where changing words is not enough.
    """

    records: Records
    ids: tuple[str, ...]
    time: tuple[str, str, int] | None = None
    extension: str = "jsonl"
    beside: Records = ()
    made: Callable[[int], Records] | None = field(default=None, repr=False)

    def copy(self, mark: str) -> Records:
        """The same records as another call of another customer.

        Args:
            mark: digits that are added to every id.
        """
        if self.made is not None:
            return self.made(int(mark))
        return [_marked(record, (*self.ids, *OWN), mark) for record in self.records]

    def copy_beside(self, mark: str) -> Records:
        """The records beside those of such a copy."""
        return [_marked(record, (*self.ids, *OWN), mark) for record in self.beside]

    def lines(self, records: Records) -> bytes:
        """Records as a file holds them."""
        texts = (record if isinstance(record, str) else json.dumps(record) for record in records)
        return "".join(text + "\n" for text in texts).encode()


def _marked(record: Any, words: Sequence[str], mark: str) -> Any:
    text = record if isinstance(record, str) else json.dumps(record)
    for word in words:
        text = text.replace(f'"{word}', f'"{word}{mark}')
    return text.replace("192.0.2.7", f"192.0.2.{int(mark) % 250}") if isinstance(record, str) else json.loads(text)


NGINX = {
    "request_id": "5f2b7c",
    "msec": 1_795_000_001.75,
    "request_time": 0.5,
    "remote_addr": "192.0.2.7",
    "request_method": "POST",
    "status": 200,
    "http_user_agent": "OpenAI/Python 1.109.1",
    "http_x_account": "acct-1",
    "http_x_session_id": "s-1",
    "ssl_ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
    "request_body": json.dumps(CHAT),
}
COMBINED = '192.0.2.7 - - [02/Nov/2026:10:00:00 +0000] "POST /v1/messages HTTP/1.1" 200 512 "-" "curl/8.5"'
ACCOUNTS = {
    "user_id": "acct-1",
    "user_email": "dev@example.org",
    "user_role": "internal_user",
    "organization_id": "org-1",
    "teams": [],
    "metadata": {"plan": "pro", "signup_country": "NO"},
    "created_at": "2026-01-02T00:00:00Z",
}
SPAN = CURRENT | {name: value for name, value in LITELLM.items() if name.startswith(("metadata.", "litellm."))}
_ONLY_ON_SPANS = ("client.address", "user_agent.original", "http.response.status_code", "gen_ai.user")
DETAILS = {name: value for name, value in CURRENT.items() if name not in _ONLY_ON_SPANS}


def _spans(number: int) -> Records:
    own = {"litellm.call_id": f"call-{number}", "user.id": f"wader-{number}", "gen_ai.conversation.id": f"t-{number}"}
    return [export([span(number, SPAN | own | {"gen_ai.response.id": f"resp-{number}"})])]


def _events(number: int) -> Records:
    own = {"user.id": f"wader-{number}", "gen_ai.conversation.id": f"t-{number}", "gen_ai.response.id": f"r-{number}"}
    return [export([event(number, "gen_ai.client.inference.operation.details", None, attributes=DETAILS | own)])]


def _nanos(number: int) -> tuple[str, str, int]:
    whole = START + number * 10**9
    return f'"{whole}"', f'"{whole + 123_456_789}"', 123_456


_ISO = ("2026-11-02T10:00:00.000Z", "2026-11-02T10:00:00.123456Z", 123_456)
_SQL = ("2026-11-02 10:00:00.000", "2026-11-02 10:00:00.123456", 123_456)
_SQL_MICROS = ("2026-11-02 10:00:00.000000", "2026-11-02 10:00:00.123456", 123_456)
_SECOND = ("2026-11-02T10:00:00Z", "2026-11-02T10:00:00.123456Z", 123_456)
_TRACE = RECORDS["langfuse-legacy"][0]["id"]
_OTHER_KONG = {**KONG_OLD, "request": {**KONG["request"], "id": "9ec9264b"}}

FIXTURES: Mapping[str, Fixture] = {
    "litellm-callback": Fixture(
        [payload()], ("call-1", "chatcmpl-1", "edge-1"), ("1795000001.25", "1795000001.123456", 123_456)
    ),
    "litellm-spendlogs": Fixture(
        [spend_row()], ("call-1", "chatcmpl-1", "edge-1"), ("11:06:41.25", "11:06:41.123456", 123_456)
    ),
    "litellm-accounts": Fixture([ACCOUNTS], ("acct-1",)),
    "langfuse-ingestion": Fixture(RECORDS["langfuse-ingestion"], ("g-1", "t-1", "e-1", "e-2", "e-3", "e-4"), _ISO),
    "langfuse": Fixture(RECORDS["langfuse"], ("b7ad6b7169203331", _TRACE), _SQL_MICROS),
    "langfuse-legacy": Fixture(RECORDS["langfuse-legacy"], ("b7ad6b7169203331", _TRACE), _SQL_MICROS),
    "helicone": Fixture(RECORDS["helicone"], ("8d0a1b5e-0000-4000-8000-000000000001",), _SQL),
    "bedrock": Fixture(RECORDS["bedrock"], ("r-1", "r-2"), _SECOND),
    "azure-llm": Fixture(
        RECORDS["azure-llm"], ("c-1",), ("2026-11-02T10:00:00.5Z", "2026-11-02T10:00:00.123456Z", 123_456)
    ),
    "azure-gateway": Fixture(
        RECORDS["azure-gateway"], ("c-1",), ("2026-11-02T10:00:00.0Z", "2026-11-02T10:00:00.123456Z", 123_456)
    ),
    "vertex": Fixture(RECORDS["vertex"], ("7315802184490319872",), _SQL_MICROS),
    "kong": Fixture([KONG, _OTHER_KONG], ("9ec9264a", "9ec9264b"), ("1793613600000", "1793613600123", 123_000)),
    "cloudflare": Fixture(RECORDS["cloudflare"], ("01JADMCQQQBWH3NXZ5GCRN98DP",), _ISO),
    "portkey": Fixture(RECORDS["portkey"], ("0d6f8c1e-6d55-4a39-9b1c-6b8f0b0c9a01",), _ISO),
    "openrouter": Fixture(RECORDS["openrouter"], ("gen-1793613600-abcdefghijklmnopqrst",), _SQL),
    "otlp": Fixture(_spans(1), ("call-1",), _nanos(1), made=_spans),
    "otlp-logs": Fixture(_events(1), (f"{0xCD00 + 1:016x}",), _nanos(1), made=_events),
    "batch": Fixture(RECORDS["batch"], ("row-1", "row-2", "row-3")),
    "batch-output": Fixture(
        RECORDS["batch-output"],
        ("row-1", "row-2", "batch_req_1", "msg_1"),
        ("1795000000", "1795000000.123456", 123_456),
        beside=BATCH,
    ),
    "envoy": Fixture(RECORDS["envoy"], ("q-1",), _ISO),
    "nginx": Fixture([NGINX], ("5f2b7c",), ("1795000001.75", "1795000001.623", 123_000)),
    "nginx-combined": Fixture([COMBINED], (), extension="log"),
    "bodies": Fixture(RECORDS["bodies"], ("r-1",), _SECOND),
}
"""Source -> its records."""
