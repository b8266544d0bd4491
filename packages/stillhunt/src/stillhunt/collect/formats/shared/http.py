"""HTTP headers as logs keep them, and what access logs of several servers have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.values.json_values import decoded, is_list

NOT_A_POST = "not a POST, so no model call"
"""Why an entry of an access log is skipped."""


def user_agent(value: Any) -> Any:
    """A User-Agent header; nginx and Envoy write a dash when there is none."""
    return None if value == "-" else value


def header(headers: Any, *names: str) -> str | None:
    """Value of the first of these HTTP headers that is present, whatever the case of its name.

    Args:
        headers: an object (name -> value), a list of {name, value}, or the JSON text of either.
    """
    return header_in(lower_case(headers), *names) if headers else None


def lower_case(headers: Any) -> Mapping[str, Any]:
    """Headers with their names in lower case; see `header`."""
    headers = decoded(headers)
    if is_list(headers):
        headers = {h.get("name"): h.get("value") for h in headers if isinstance(h, dict)}
    if not isinstance(headers, dict):
        return {}
    return {name.lower(): value for name, value in headers.items() if isinstance(name, str)}


def header_in(headers: Mapping[str, Any], *names: str) -> str | None:
    """As `header`, for headers whose names are in lower case already."""
    for name in names:
        value = headers.get(name)
        if value:
            value = value[0] if is_list(value) else value
            if value and isinstance(value, str):
                return value
    return None
