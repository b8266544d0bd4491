"""The traffic of the demo: a simulated world of honest customers and one operation, sent through the gateway."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt_lab.worlds.build import CampaignSpec, WorldSpec, build_world

ENVOY_CONFIG = Path(__file__).parents[2] / "deploy" / "gateways" / "envoy.yaml"
DAYS, SEED = 4, 5
CONNECTIONS = 32
DROPPED = ("account_id", "model", "prompt", "system_prompt", "organization_id")


@dataclass(frozen=True)
class Call:
    """One request of a customer.

    Attributes:
        account: the customer.
        body: what is sent.
    """

    account: str
    body: bytes


@dataclass(frozen=True)
class Traffic:
    """The calls of the demo, in order of time.

    Attributes:
        before: of honest customers and of the operation's first accounts.
        honest: names of honest customers with at least one call.
        members: names of the operation's first accounts.
        reserve: calls of the accounts with which the operation returns.
        accounts: table of accounts, as a provider has it.
        sanctioned: organisations with a declared programme.
    """

    before: list[Call]
    honest: list[str]
    members: list[str]
    reserve: dict[str, list[Call]]
    accounts: pa.Table
    sanctioned: tuple[str, ...]


def traffic(honest_customers: int = 400, operation_accounts: int = 40) -> Traffic:
    """Four days of honest customers and of one operation, which holds half of its accounts back; they end now."""
    operation = CampaignSpec(2, operation_accounts, name="operation", requests_per_account_day=20.0)
    world = build_world(WorldSpec(accounts=honest_customers, days=DAYS, seed=SEED, campaigns=(operation,)))
    truth = dict(zip(*(world.truth_accounts[name].to_pylist() for name in ("account_id", "campaign")), strict=True))
    rows = world.requests.sort_by("timestamp").to_pylist()
    shift = datetime.now(UTC) - rows[-1]["timestamp"]
    members = sorted(account for account, campaign in truth.items() if campaign)
    in_reserve = operation_accounts // 2
    held = set(members[:in_reserve])
    before, honest, reserve = [], set(), dict[str, list[Call]]()
    for row in rows:
        call = call_of(row, shift)
        if row["account_id"] in held:
            reserve.setdefault(row["account_id"], []).append(call)
        else:
            before.append(call)
            if not truth[row["account_id"]]:
                honest.add(row["account_id"])
    at = world.accounts.schema.get_field_index("created_at")
    opened = pc.add(world.accounts["created_at"], pa.scalar(shift))
    accounts = world.accounts.set_column(at, "created_at", opened)
    return Traffic(before, sorted(honest), members[in_reserve:], reserve, accounts, world.sanctioned)


def call_of(row: dict[str, Any], shift: timedelta) -> Call:
    """A row of the world as a request in OpenAI's form; what a provider knows of the connection goes along."""
    known = {name: value for name, value in row.items() if value is not None and name not in DROPPED}
    known["timestamp"] = (row["timestamp"] + shift).isoformat()
    messages = [{"role": "system", "content": row["system_prompt"]}] if row["system_prompt"] else []
    messages.append({"role": "user", "content": row["prompt"]})
    return Call(row["account_id"], json.dumps({"model": row["model"], "messages": messages, "demo": known}).encode())


async def send(calls: Iterable[Call], port: int) -> list[tuple[Call, int]]:
    """Send calls through the gateway as fast as it answers; their statuses, in the order of the answers."""
    waiting, found = iter(calls), list[tuple[Call, int]]()

    async def worker() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for call in waiting:
            found.append((call, (await _asked(reader, writer, call))[0]))
        writer.close()

    await asyncio.gather(*(worker() for _ in range(CONNECTIONS)))
    return found


async def ask(call: Call, port: int) -> tuple[int, bytes]:
    """Status and body of one call."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await _asked(reader, writer, call)
    finally:
        writer.close()


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: Call) -> tuple[int, bytes]:
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: demo\r\nAuthorization: Bearer {key_of(call.account)}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n\r\n"
    )
    writer.write(head.encode() + call.body)
    answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"(?i)content-length: (\d+)", answer)
    return int(answer.split(" ", 2)[1]), await reader.readexactly(int(length[1]) if length else 0)


_KEYS: dict[str, str] = {}


def key_of(account: str) -> str:
    """The token (JWT) by which a customer shows who it is, signed with the key of the configuration of Envoy."""
    if account not in _KEYS:
        found = re.search(r'"k": "([\w-]+)"', ENVOY_CONFIG.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{ENVOY_CONFIG} has no key")
        head = _encoded(b'{"alg":"HS256","typ":"JWT"}')
        claims = _encoded(json.dumps({"iss": "https://login.example.com", "sub": account}).encode())
        key = base64.urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
        signed = _encoded(hmac.digest(key, f"{head}.{claims}".encode(), hashlib.sha256))
        _KEYS[account] = f"{head}.{claims}.{signed}"
    return _KEYS[account]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def statuses(found: Sequence[tuple[Call, int]]) -> str:
    """Counts of statuses in words."""
    counts = Counter(status for _, status in found)
    return ", ".join(f"{count:,} x {status}" for status, count in sorted(counts.items()))
