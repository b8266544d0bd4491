"""A small world with a campaign, as lines of JSON that may be sent or written in any order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

SPEC = WorldSpec(
    accounts=120,
    days=3,
    seed=29,
    campaigns=(CampaignSpec(2, 12, name="crude", requests_per_account_day=20.0),),
)


@cache
def _world(accounts: int = 12) -> World:
    return build_world(replace(SPEC, campaigns=(replace(SPEC.campaigns[0], accounts=accounts),)))


@cache
def harvesters(accounts: int = 12) -> frozenset[str]:
    """Accounts of its campaign."""
    rows = _world(accounts).truth_accounts.to_pylist()
    return frozenset(row["account_id"] for row in rows if row["campaign"])


@cache
def lines(accounts: int = 12) -> tuple[bytes, ...]:
    """Requests of the world in order of time, one JSON line each, without personal data of the client."""
    rows = _world(accounts).requests.sort_by("timestamp").to_pylist()
    return tuple(json.dumps(_plain(row)).encode() + b"\n" for row in rows)


def recent(accounts: int = 12) -> list[bytes]:
    """The small world, moved in time so that it ends now: a signature of an old campaign has expired."""
    rows = [json.loads(line) for line in lines(accounts)]
    times = [datetime.fromisoformat(row["timestamp"]) for row in rows]
    shift = datetime.now(UTC) - max(times)
    moved = [{**row, "timestamp": (time + shift).isoformat()} for row, time in zip(rows, times, strict=True)]
    return [json.dumps(row).encode() + b"\n" for row in moved]


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in row.items()
        if value is not None
    }
