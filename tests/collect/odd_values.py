"""Odd values that a client may send, and the columns in which they may arrive; the harness of attacks uses them too."""

from __future__ import annotations

import json

DEEP = "[" * 3_000 + "]" * 3_000
ODD = {
    "long": json.dumps("x" * 1_100),
    "long and not of ASCII": json.dumps("é\u202e" * 900),
    "null": "null",
    "empty": '""',
    "blank": '"   "',
    "true": "true",
    "0": "0",
    "-1": "-1",
    "1.5": "1.5",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "4,999 digits": "9" * 4_999,
    "30 digits": "9" * 30,
    "[]": "[]",
    "{}": "{}",
    "list": '["a", 1, null]',
    "object": '{"id": "x", "n": [1, {"b": null}]}',
    "long list": json.dumps(["y" * 200] * 9),
    "deep list": DEEP,
    "deep object": '{"a":' * 900 + "1" + "}" * 900,
    "half a surrogate": '"\\ud800"',
    "NUL": '"a\\u0000b"',
    "bare control character": '"a\x01b"',
    "deep JSON text": json.dumps('{"a":' + DEEP + "}"),
    "word": '"none"',
    "number as text": '"-1"',
    "broken JSON text": json.dumps('[{"role": "user"'),
    "emoji": '"\U0001f600"',
    "key twice": '1, "zz": 2, "zz": 3',
}
"""Values as a client may write them, in JSON."""
CHOSEN = (
    *("request_id", "model", "prompt", "system_prompt", "messages", "response", "conversation_id", "turn"),
    *("organization_id", "api_key_id", "end_user_id", "client_ip", "asn", "asn_name", "ip_kind", "country"),
    *("user_agent", "tls_fingerprint", "channel", "input_tokens", "output_tokens", "temperature", "top_p"),
    *("max_tokens", "tools", "status", "sampling_rate"),
)
"""Columns that depend on the client, be it only in part."""
