"""Play a small world through a gateway: `python docs/practice_traffic.py --to http://127.0.0.1:4000 --minutes 10`.

60 customers, and one operator who asks from 12 accounts by one template: five days of calls in a few minutes, in their
order. Account NAME calls with the key sk-user-NAME. The gateway should answer by itself (`mock_response` in LiteLLM),
so that this costs nothing.
"""

from __future__ import annotations

import argparse
import http.client
import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

SPEC = WorldSpec(
    accounts=60,
    days=5,
    seed=29,
    campaigns=(CampaignSpec(2, 12, name="crude", requests_per_account_day=30.0),),
)
AT_ONCE = 16


def body_of(row: dict[str, Any]) -> dict[str, Any]:
    """A call of the chat API; earlier turns of a conversation are left out but for their number."""
    messages = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    for _ in range(row["turn"] or 0):
        messages += [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]
    messages.append({"role": "user", "content": row["prompt"]})
    options = {name: row[name] for name in ("temperature", "top_p", "max_tokens") if row[name] is not None}
    return {"model": "small", "messages": messages, **options}


def send(to: str, row: dict[str, Any]) -> int:
    """Send one call; its status, or 0 where nobody answered."""
    place = urlsplit(to)
    connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port or 80, timeout=60)
    headers = {"Authorization": f"Bearer sk-user-{row['account_id']}", "Content-Type": "application/json"}
    headers |= {"User-Agent": row["user_agent"]} if row["user_agent"] else {}
    headers |= {"x-litellm-session-id": row["conversation_id"]} if row["conversation_id"] else {}
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body_of(row)), headers)
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def main() -> None:
    """Send every call at its time, and count the answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", default="http://127.0.0.1:4000", help="the gateway")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the five days take")
    options = parser.parse_args()
    rows = build_world(SPEC).requests.sort_by("timestamp").to_pylist()
    first, last = rows[0]["timestamp"], rows[-1]["timestamp"]
    faster = (last - first).total_seconds() / (60.0 * options.minutes)
    began, answers = time.monotonic(), []
    with ThreadPoolExecutor(AT_ONCE) as senders:
        for row in rows:
            due = began + (row["timestamp"] - first).total_seconds() / faster
            time.sleep(max(0.0, due - time.monotonic()))
            answers.append(senders.submit(send, options.to, row))
    counts = Counter(answer.result() for answer in answers)
    told = ", ".join(f"{count} with status {status}" for status, count in sorted(counts.items()))
    print(f"{len(rows)} calls of {len({row['account_id'] for row in rows})} accounts: {told}")


if __name__ == "__main__":
    main()
