"""Write the practice log of the tutorial: `python docs/practice_log.py FOLDER`.

A simulated world, in the form in which a LiteLLM proxy and the nginx in front of it would have logged it: LiteLLM knows
accounts and prompts, nginx knows addresses and clients, and the two share a request id. The same bytes every time.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

Row = dict[str, Any]
SPEC = WorldSpec(
    accounts=400,
    days=7,
    seed=5,
    campaigns=(CampaignSpec(1, 30, name="crude"), CampaignSpec(4, 20, name="careful", requests_per_account_day=12.0)),
)
ACCOUNT_COLUMNS = ["account_id", "created_at", "organization_id", "plan", "email_domain", "payment_fingerprint"]


def litellm(row: Row) -> Row:
    """A record of LiteLLM's callback (StandardLoggingPayload), with what a hunt uses of it."""
    told = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    for _ in range(row["turn"] or 0):
        told += [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]
    options = {name: row[name] for name in ("temperature", "top_p", "max_tokens") if row[name] is not None}
    failed = row["status"] != 200
    return {
        "id": f"chatcmpl-{row['request_id']}",
        "litellm_call_id": f"call-{row['request_id']}",
        "call_type": "acompletion",
        "status": "failure" if failed else "success",
        "startTime": row["timestamp"].timestamp(),
        "model": f"openai/{row['model']}",
        "model_group": row["model"],
        "custom_llm_provider": "openai",
        "metadata": {
            "user_api_key_hash": hashlib.sha256(row["account_id"].encode()).hexdigest(),
            "user_api_key_user_id": row["account_id"],
            "user_api_key_org_id": row["organization_id"],
            "requester_metadata": {
                "session_id": row["conversation_id"],
                "headers": {"x-request-id": f"edge-{row['request_id']}"},
            },
        },
        "model_parameters": options,
        "messages": [*told, {"role": "user", "content": row["prompt"]}],
        "prompt_tokens": 0 if failed else row["input_tokens"],
        "completion_tokens": 0 if failed else row["output_tokens"],
        "error_information": {"error_code": str(row["status"])} if failed else None,
    }


def nginx(row: Row) -> Row:
    """A line of nginx's access log as JSON."""
    return {
        "time": row["timestamp"].strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "request_id": f"edge-{row['request_id']}",
        "remote_addr": row["client_ip"],
        "request": "POST /v1/chat/completions HTTP/1.1",
        "status": str(row["status"]),
        "http_user_agent": row["user_agent"],
    }


def write_log(path: Path, rows: list[Row], shape: Callable[[Row], Row]) -> None:
    """Write rows as compressed JSON lines."""
    lines = "".join(json.dumps(shape(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(lines.encode(), compresslevel=1, mtime=0))


def main(folder: Path) -> None:
    """Write one file per day and log into the folder, and the table of accounts beside them."""
    world = build_world(SPEC)
    (folder / "logs").mkdir(parents=True)
    for day, rows in groupby(world.requests.to_pylist(), key=lambda row: row["timestamp"].date()):
        of_day = list(rows)
        write_log(folder / "logs" / f"litellm-{day}.jsonl.gz", of_day, litellm)
        write_log(folder / "logs" / f"nginx-{day}.jsonl.gz", of_day, nginx)
    pq.write_table(world.accounts.select(ACCOUNT_COLUMNS), folder / "accounts.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
