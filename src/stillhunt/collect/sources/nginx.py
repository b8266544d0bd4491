"""nginx access logs: JSON of an operator's own `log_format`, with or without request bodies, and `combined` lines.

Names are those of nginx's variables (nginx.org/en/docs/varindex.html), with which such formats are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stillhunt.collect.sources.bodies import call_of_body
from stillhunt.collect.sources.source import BrokenRecordError, PassedOverError, Row, Sample, Source

_LINE = re.compile(
    r'^(?P<remote_addr>\S+) \S+ (?P<remote_user>\S+) \[(?P<time_local>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-)(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<http_user_agent>(?:[^"\\]|\\.)*)")?'
)
NO_CALL = "not a POST, so no call of a model"


def _access_rows(record: Mapping[str, Any]) -> Iterator[Row]:
    method, path = _request_line(record)
    if method and method.upper() != "POST":
        raise PassedOverError(NO_CALL)
    address = _first(record, "http_x_forwarded_for", "remote_addr")
    if isinstance(address, str):
        address = address.split(",")[0].strip()
    row: Row = {
        "request_id": _first(record, "request_id", "http_x_request_id"),
        "timestamp": _began(record),
        "account_id": _first(record, "http_x_account", "http_x_account_id", "http_x_user_id", "remote_user_account"),
        "account_fallback": address,
        "client_ip": address,
        "user_agent": _first(record, "http_user_agent"),
        "conversation_id": _first(record, "http_x_session_id"),
        "tls_fingerprint": _first(record, "ssl_ja4", "http_ssl_ja4", "ssl_ja3_hash", "http_ssl_ja3_hash"),
        "status": record.get("status"),
        "links": [
            *(f"edge:{value}" for value in [_first(record, "request_id")] if value),
            *(f"call:{value}" for value in [_first(record, "litellm_call_id")] if value),
        ],
    }
    row |= call_of_body(record.get("request_body"), path)
    yield row
