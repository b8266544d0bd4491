"""What `serve` prints to be pasted: how a gateway, a collector or a script sends to it."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path

PASTE_LITELLM = """\
# LiteLLM: into config.yaml, joined with what is under these names already; docs/howto/serve.md says more
litellm_settings:
  callbacks: [stillhunt]
  global_disable_no_log_param: true
callback_settings:
  stillhunt:
    callback_type: generic_api
    endpoint: http://{address}/v1/ingest/litellm
    headers: {{Content-Type: application/x-ndjson, Authorization: Bearer {token}}}
    log_format: ndjson
    max_retries: 8
    retry_delay: 1"""
PASTE_COLLECTOR = """\
# OpenTelemetry collector: into its configuration; add otlphttp/stillhunt to the exporters of your pipelines
exporters:
  otlphttp/stillhunt:
    endpoint: http://{address}
    headers: {{Authorization: Bearer {token}}}"""
PASTE_CURL = """\
# Anything else: one request a line
curl -H 'Authorization: Bearer {token}' --data-binary @calls.jsonl http://{address}/v1/ingest/jsonl"""
PASTE_FOLDER = """\
# A folder or bucket of logs that grows, read in place
stillhunt serve --data {data} --logs FOLDER"""


def reachable(listen: str) -> str:
    """Where others reach a server that listens on all interfaces; other addresses as they are.

    Args:
        listen: ADDRESS:PORT.
    """
    host, _, port = listen.rpartition(":")
    return f"{socket.gethostname()}:{port}" if host in ("", "0.0.0.0", "[::]") else listen  # noqa: S104 - it is compared


def pasteable_lines(listen: str, data: Path, token: str, parts: frozenset[str]) -> str:
    """Where the server listens, the first token, and what to paste; nothing to paste where it receives nothing.

    Args:
        listen: ADDRESS:PORT.
        token: the first token; "" where there were tokens before.
    """
    shown, receives = token or "TOKEN", "ingest" in parts
    lines = [f"listening on http://{listen}, data in {data}", ""]
    if token:
        lines += [f"token, shown only now: {token}", ""]
    elif receives:
        lines += ["TOKEN is what 'stillhunt token add NAME' prints", ""]
    for text in (PASTE_LITELLM, PASTE_COLLECTOR, PASTE_CURL, PASTE_FOLDER) if receives else ():
        lines += [text.format(address=reachable(listen), token=shown, data=shlex.quote(str(data))), ""]
    return "\n".join(lines)
