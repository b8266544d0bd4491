"""A harvest that was found, customers whose end users copy its prompts, and replacements of its accounts.

The prompts arrive as in a running server: records in the spool, matched by the signatures of the last hunt, and
decided between hunts under a policy. A customer keeps what an end user does not choose: client program, settings,
address, model and system prompt.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt.base.config import Config
from stillhunt.decide.actions import Action, rank
from stillhunt.decide.between_hunts import BetweenHunts
from stillhunt.decide.entries import in_force
from stillhunt.decide.log import read_log
from stillhunt.decide.policy import parse_policy
from stillhunt.decide.running import decide_latest
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.following import SpoolFollower
from stillhunt.watch.hunting import HuntPlan, hunt_now
from stillhunt.watch.spool.parts import Stream, new_part
from stillhunt_lab.worlds.build import CampaignSpec, WorldSpec, build_world
from stillhunt_server.enforcing.answers import NO_DECISION, Answers
from stillhunt_server.enforcing.inline_matcher import AskedRequest
from stillhunt_server.enforcing.signature_answers import SignatureAnswers

HARSHEST = """
mode = "enforce"
ceiling = "limit"
accounts_per_day = 10000000
established_days = 0
[signature]
first_request = "limit"
linked = "limit"
days = 365
[[rule]]
name = "all"
verdict = ["act", "review"]
kind = ["harvest", "account_farm", "relay"]
probability = 0.0
action = "limit"
"""
"""As much as a policy can let rules do."""
_STREAM = Stream("gateway", "jsonl", "jsonl")
_TEXTS = ("prompt", "output_tokens", "input_tokens")
Row = dict[str, Any]


@dataclass(frozen=True)
class Copying:
    """What arrives through one customer's account.

    Attributes:
        persona: of the lab, whose client, settings, address and own requests the customer has.
        copies: prompts of the campaign that end users send through it.
        honest: its own requests.
        days_old: how long before the hunt it was opened.
    """

    persona: str
    copies: int
    honest: int
    days_old: int = 1

    @property
    def name(self) -> str:
        """As account ids may be."""
        return f"{self.persona}-{self.copies}-{self.honest}-{self.days_old}"


@dataclass
class CopiedScene:
    """A data folder after a hunt that found a campaign, half of whose accounts stand by.

    Args:
        root: empty folder.
        accounts: honest accounts.
        seed: of the world.
        rung: of the campaign.
        table: whether hunts and links know the accounts table.
    """

    root: Path
    accounts: int = 400
    seed: int = 5
    rung: int = 2
    table: bool = True
    harvest: list[Row] = field(init=False)
    replacements: dict[str, list[Row]] = field(init=False)
    personas: dict[str, dict[str, list[Row]]] = field(init=False)

    def __post_init__(self) -> None:
        campaign = CampaignSpec(self.rung, 40, name="operation", requests_per_account_day=20.0)
        world = build_world(WorldSpec(accounts=self.accounts, days=4, seed=self.seed, campaigns=(campaign,)))
        rows = world.requests.sort_by("timestamp").to_pylist()
        later = datetime.now(UTC) - rows[-1]["timestamp"] - timedelta(minutes=5)
        for row in rows:
            row["timestamp"] += later
        truth = {row["account_id"]: row for row in world.truth_accounts.to_pylist()}
        operation = sorted(name for name, row in truth.items() if row["campaign"])
        kept = set(random.Random(self.seed).sample(operation, len(operation) // 2))
        self.harvest = [row for row in rows if truth[row["account_id"]]["campaign"] and row["account_id"] not in kept]
        self.replacements = {name: [row for row in rows if row["account_id"] == name] for name in sorted(kept)}
        self.personas = {}
        for row in rows:
            if not truth[row["account_id"]]["campaign"]:
                of_kind = self.personas.setdefault(truth[row["account_id"]]["persona"], {})
                of_kind.setdefault(row["account_id"], []).append(row)
        self._table = world.accounts.to_pylist()
        self._schema = world.accounts.schema
        for row in self._table:
            row["created_at"] += later
        self.folder = DataFolder(self.root / "data")
        settings = {"sanctioned": {"organizations": list(world.sanctioned)}, "threads": 1}
        settings["watch"] = {"accounts": str(self.root / "accounts.parquet") if self.table else ""}
        self.config = Config.load(settings, environ={})
        (self.folder.path / "policy.toml").write_text(HARSHEST)
        self.policy = parse_policy(HARSHEST.encode())
        self.write_accounts(())
        self.post(row for row in rows if row["account_id"] not in kept)
        self.database = WatchDatabase("", self.folder.database)
        self.hunt()
        self.follower = SpoolFollower(HuntPlan(self.folder, self.config), self.database)
        self.follower.look()
        self.between = BetweenHunts(self.folder, self.database, self.config, lambda _made: None, _fail)
        self.inline = SignatureAnswers(self.folder, self.database, self.config)
        self.inline.refresh()

    def hunt(self) -> None:
        """Hunt over all that was posted, and decide by rules."""
        now = time.time_ns() // 1000
        hunt_now(HuntPlan(self.folder, self.config, (), now))
        decide_latest(self.folder, self.database, self.config, self.policy, now)

    def close(self) -> None:
        """Free what it holds."""
        self.follower.close()
        self.database.close()

    def post(self, rows: Iterable[Row]) -> None:
        """Write requests into the spool."""
        handle, _ = new_part(self.folder.spool, _STREAM, datetime.now(UTC))
        os.write(handle, b"".join(_line(row) for row in rows))
        os.close(handle)

    def write_accounts(self, customers: Sequence[Copying]) -> None:
        """Write the accounts table: that of the world, and these customers."""
        now = datetime.now(UTC)
        new = [
            {
                "account_id": one.name,
                "created_at": now - timedelta(days=one.days_old),
                "email_domain": f"{one.name}.com",
            }
            for one in customers
        ]
        pq.write_table(pa.Table.from_pylist([*self._table, *new], self._schema), self.root / "accounts.parquet")

    def requests_of(self, copying: Copying, end_users: int = 20) -> list[Row]:
        """All requests of a customer, in order of time: its own, and the copies of its end users among them."""
        chance = random.Random(copying.name)
        own = chance.choice(list(self.personas[copying.persona].values()))
        kept = [self.harvest[at % len(self.harvest)] for at in range(copying.copies)]
        texts = [*(own[at % len(own)] for at in range(copying.honest)), *kept]
        chance.shuffle(texts)
        base, now = own[0], datetime.now(UTC)
        ago = sorted((chance.uniform(0.0, 3600.0) for _ in texts), reverse=True)
        made = []
        for at, text in enumerate(texts):
            user = chance.randrange(end_users)
            made.append(
                base
                | {name: text[name] for name in _TEXTS}
                | {
                    "request_id": f"{copying.name}-{at}",
                    "account_id": copying.name,
                    "conversation_id": f"{copying.name}-{user}-{at}",
                    "end_user_id": f"{copying.name}-{user}" if base["end_user_id"] else None,
                    "turn": 0,
                    "timestamp": now - timedelta(seconds=ago[at]),
                }
            )
        return made

    def send(self, rows: Sequence[Row], asked: int = 100) -> Action:
        """Requests of one account arrive, and each of the first is asked about before; the strongest of all answers."""
        answers, strongest = Answers(self.policy), [0]
        for row in rows[:asked]:
            now = int(row["timestamp"].timestamp() * 1e6)
            question = AskedRequest(
                row["account_id"], row["prompt"], row["system_prompt"] or "", now, row["model"], row["user_agent"],
                (row["temperature"], row["top_p"], row["max_tokens"]), row["conversation_id"],
            )  # fmt: skip
            answer = self.inline.answer(question, NO_DECISION, answers)
            strongest.append(0 if answer.action == "none" else rank(answer.action))
        self.post(rows)
        self.follower.look()
        self.inline.refresh()
        self.between.look()
        decided = self.decided().get(rows[0]["account_id"])
        order: tuple[Action, ...] = ("observe", "tag", "step_up", "throttle", "limit", "block")
        return order[max([*strongest, rank(decided) if decided else 0])]

    def decided(self) -> dict[str, Action]:
        """The decision that counts for each account now."""
        now = time.time_ns() // 1000
        return {name: entry.action for name, entry in in_force(read_log(self.database), now).items()}


def _line(row: Row) -> bytes:
    kept = {name: value for name, value in row.items() if value is not None}
    return json.dumps(kept | {"timestamp": row["timestamp"].isoformat()}).encode() + b"\n"


def _fail(error: Exception) -> None:
    raise error
