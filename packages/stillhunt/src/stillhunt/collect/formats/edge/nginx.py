"""nginx access logs: JSON from a `log_format` of one's own, with or without request bodies, and `combined` lines.

Fields are named as nginx's variables (nginx.org/en/docs/varindex.html), as is usual in such formats.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from stillhunt.collect.formats.shared.bodies import call_of_body
from stillhunt.collect.formats.shared.http import NOT_A_POST, client_address, user_agent
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Row, call_links, load_source
from stillhunt.collect.values.json_values import first, first_of, number

_LINE = re.compile(
    r'^(?P<remote_addr>\S+) \S+ (?P<remote_user>\S+) \[(?P<time_local>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" '
    r'(?P<status>\d{3}) (?P<bytes>\d+|-)(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<http_user_agent>(?:[^"\\]|\\.)*)")?'
)
_ACCOUNT_HEADERS = ("http_x_account", "http_x_account_id", "http_x_consumer_username")
_MAX_TIME_CHARACTERS = 40
_COMMON_LOG_TIME = re.compile(
    r"(\d\d)/([A-Z][a-z]{2})/(\d{4}):((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d) ([+-]\d\d)([0-5]\d)", re.ASCII
)
_MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{place:02d}" for place, name in enumerate(_MONTH_NAMES, 1)}
_ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")


def _access_rows(record: Mapping[str, Any]) -> list[Row]:
    get = record.get
    method = get("request_method") or first(record, "request_method") or str(get("request") or "").split(" ", 1)[0]
    if method and method != "POST" and method.upper() != "POST":
        raise PassedOverError(NOT_A_POST)
    began = _compute_arrival_time(record)
    if began is None:
        raise BrokenRecordError("it has no time (msec, time_iso8601, time_local or time)")
    address = client_address(get("http_x_forwarded_for"), get("remote_addr"))
    session = first_of(get, "http_x_session_id")
    row: Row = {
        "request_id": get("request_id") or first(record, "request_id", "http_x_request_id"),
        "timestamp": began,
        "account_id": get("http_x_account") or first_of(get, *_ACCOUNT_HEADERS),
        "account_fallback": address,
        "client_ip": address,
        "user_agent": user_agent(get("http_user_agent")),
        "tls_fingerprint": first_of(get, "ssl_ja4", "http_ssl_ja4", "ssl_ja3_hash", "http_ssl_ja3_hash"),
        "status": number(get("status")),
        "links": call_links(edge=get("request_id"), call=get("litellm_call_id")),
    }
    if body := get("request_body"):
        row.update(call_of_body(unescaped(body)))
    if session is not None:
        row["conversation_id"] = session
    return [row]


def _line_rows(line: str) -> list[Row]:
    found = _LINE.match(line)
    if found is None:
        raise BrokenRecordError("not a line in the combined log format")
    return _access_rows(found.groupdict())


def _compute_arrival_time(record: Mapping[str, Any]) -> Any:
    """When the request arrived: nginx writes when it was answered, and how long that took."""
    ended, took = number(record.get("msec")), number(record.get("request_time"))
    if ended is not None:
        return round(ended - (took or 0.0), 3)
    time = first(record, "time_iso8601", "time_local", "time")
    if isinstance(time, str) and "/" in time:
        try:
            return _common_log_time(time)
        except ValueError as error:
            raise BrokenRecordError(f"not a time as nginx writes it: {time[:40]}") from error
    return time


def _common_log_time(time: str) -> str:
    """02/Nov/2026:10:00:00 +0000 as ISO 8601."""
    if len(time) > _MAX_TIME_CHARACTERS:
        raise ValueError(time)
    return _cached_time(time)


@lru_cache(1 << 12)
def _cached_time(time: str) -> str:  # many calls end within one second
    if found := _COMMON_LOG_TIME.fullmatch(time):
        day, name, year, clock, hours, minutes = found.groups()
        if month := _MONTHS.get(name):  # ten times as fast as strptime, which a log of many seconds feels
            return datetime.fromisoformat(f"{year}-{month}-{day}T{clock}{hours}:{minutes}").isoformat()
    return datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z").isoformat()


def unescaped(value: Any) -> Any:
    r"""A body that nginx wrote with `escape=default`, where quotes and backslashes are \x22 and \x5C."""
    if isinstance(value, str) and "\\x22" in value and value.startswith("{\\x22"):
        return (
            _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)
            .encode("latin-1", "replace")
            .decode("utf-8", "replace")
        )
    return value


SOURCES = (
    load_source("nginx", rows=_access_rows),
    load_source(
        "nginx-combined",
        lambda sample: sum(_LINE.match(line) is not None for line in sample.records) * 2 > len(sample.records),
        rows=_line_rows,
    ),
)
