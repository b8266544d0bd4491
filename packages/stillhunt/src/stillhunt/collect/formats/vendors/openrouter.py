"""OpenRouter's export of activity (CSV): one row a generation, without texts; its Broadcast is OTLP.

Source: the header of an export of 2026, and openrouter.ai/docs/guides/guides/activity-export.
"""

from collections.abc import Mapping
from typing import Any

from stillhunt.collect.formats.source import Row, call_links, load_source
from stillhunt.collect.values.json_values import number, text


def _convert_generation(record: Mapping[str, Any]) -> list[Row]:
    get, key = record.get, text(record.get("api_key_name"))
    row = Row(
        request_id=text(get("generation_id")),
        timestamp=get("created_at"),
        account_id=text(get("user")) or key,
        account_fallback=text(get("app_name")),
        api_key_id=key,
        model=text(get("model_permaslug")),
        input_tokens=number(get("tokens_prompt")),
        output_tokens=number(get("tokens_completion")),
        links=call_links(response=get("generation_id")),
    )
    return [row]


SOURCES = (load_source("openrouter", rows=_convert_generation),)
