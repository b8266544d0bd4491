"""Two providers' logs from one simulated world, hunted, as case folders with the truth beside them.

Used by `match.py`. Two kinds of pairs: in a *shared* pair every campaign sends half of its traffic to each provider, by
account or by request; in an *honest* pair each campaign is a customer of one provider only. Honest customers are
divided between the providers: nobody is at both, and both have users of the same public frameworks.
"""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.pipeline import hunt
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

DAYS = 14
SHARED_HONEST, HONEST_HONEST = 2_000, 1_200
"""Honest accounts of both providers together, in shared and in honest pairs."""
CAMPAIGN_ACCOUNTS = 120
"""Of both providers together: 60 at each."""
TEXTS = Path(os.environ.get("STILLHUNT_TEXTS", "texts.parquet"))
"""Real texts, with the column text; named by the environment, since none are shipped."""
TRUTH_FILE = "truth.json"
SIDES = ("a", "b")


@dataclass(frozen=True)
class PairSpec:
    """One pair of logs.

    Attributes:
        generator: first, second, or second-texts (items are real texts).
        rung: of the campaigns.
        seed: of the world.
        shared: half of each campaign at each provider; otherwise each campaign at one of them.
        by: account or request: how the traffic of a shared campaign is divided.
    """

    generator: str
    rung: int
    seed: int
    shared: bool
    by: str = "account"

    @property
    def name(self) -> str:
        """Name of its folder."""
        kind = f"shared-{self.by}" if self.shared else "honest"
        return f"{self.generator}-r{self.rung:02}-s{self.seed}-{kind}"


def world_of(spec: PairSpec) -> World:
    """The world of a pair: one campaign if it is shared, otherwise one for each provider."""
    campaigns, size = (1, CAMPAIGN_ACCOUNTS) if spec.shared else (2, CAMPAIGN_ACCOUNTS // 2)
    honest = SHARED_HONEST if spec.shared else HONEST_HONEST
    if spec.generator == "first":
        other = 1 + (spec.rung + spec.seed) % 11
        rungs = [spec.rung] if spec.shared else [spec.rung, other]
        operations = tuple(CampaignSpec(rung, size) for rung in rungs)
        return build_world(WorldSpec(honest, DAYS, spec.seed, operations))
    texts = TEXTS if spec.generator == "second-texts" else None
    return build_second_world(SecondSpec(spec.rung, honest, DAYS, spec.seed, size, campaigns=campaigns, texts=texts))


def sides_of(world: World, spec: PairSpec) -> np.ndarray[Any, np.dtype[Any]]:
    """0 or 1 for each request: the provider that serves it."""
    truth = world.truth_accounts
    of_account: dict[str, int] = {}
    pools = _pools([set(name.split("|")) for name in truth["campaign"].to_pylist() if name])
    for account, campaign in zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True):
        drawn = zlib.crc32(f"{spec.seed}:{account}".encode()) & 1
        own = pools[campaign.split("|")[0]] % 2 if campaign else drawn
        of_account[account] = drawn if spec.shared else own
    side = np.array([of_account[name] for name in world.requests["account_id"].to_pylist()])
    if spec.shared and spec.by == "request":
        harvesters = set(truth.filter(pc.not_equal(truth["campaign"], ""))["account_id"].to_pylist())
        own = np.array([name in harvesters for name in world.requests["account_id"].to_pylist()])
        # A conversation stays with one provider.
        ids = world.requests["request_id"].to_pylist()
        talks = world.requests["conversation_id"].to_pylist()
        keys = [talk or one for talk, one in zip(talks, ids, strict=True)]
        drawn = np.array([zlib.crc32(f"{spec.seed}:{key}".encode()) & 1 for key in keys])
        side = np.where(own, drawn, side)
    return side


def _pools(together: list[set[str]]) -> dict[str, int]:
    """Number of the pool of each campaign: campaigns with an account in common are in one."""
    pools: list[set[str]] = []
    for names in together:
        joined = set(names)
        for pool in [pool for pool in pools if pool & joined]:
            joined |= pool
            pools.remove(pool)
        pools.append(joined)
    pools.sort(key=min)
    return {name: number for number, pool in enumerate(pools) for name in pool}


def build_pair(spec: PairSpec, out: Path) -> None:
    """Hunt both logs of a pair and write their cases; a pair that is there is left alone.

    Args:
        spec: which.
        out: folder of all pairs.
    """
    folder = out / spec.name
    if (folder / TRUTH_FILE).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    world = world_of(spec)
    side = sides_of(world, spec)
    truth: dict[str, Any] = {"spec": vars(spec)}
    config = Config.load({"threads": 1, "sanctioned": {"organizations": list(world.sanctioned)}}, environ={})
    campaign_of = dict(
        zip(world.truth_requests["request_id"].to_pylist(), world.truth_requests["campaign"].to_pylist(), strict=True)
    )
    for number, name in enumerate(SIDES):
        requests = world.requests.filter(pa.array(side == number))
        case = hunt(requests, world.accounts, config)
        case.write(folder / name, force=True)
        truth[name] = _truth_of(case, campaign_of)
        true = Counter(campaign_of[one] for one in requests["request_id"].to_pylist())
        truth[name]["true"] = {campaign: count for campaign, count in sorted(true.items()) if campaign}
    (folder / TRUTH_FILE).write_text(json.dumps(truth))


def _truth_of(case: Any, campaign_of: dict[str, str]) -> dict[str, Any]:
    """For each found campaign: the true campaign of most of its harvested requests, and their share."""
    found = {}
    for row in case.campaigns.select(["campaign_id", "verdict", "kind"]).to_pylist():
        harvest = case.harvest.filter(pc.equal(case.harvest["campaign_id"], row["campaign_id"]))
        true = Counter(campaign_of[one] for one in harvest["request_id"].to_pylist())
        most, count = true.most_common(1)[0] if true else ("", 0)
        found[row["campaign_id"]] = {**row, "true": most, "share": count / max(harvest.num_rows, 1)}
    return {"found": found}


if __name__ == "__main__":
    generator, rung, seed, kind, out = sys.argv[1:]
    shared, _, by = kind.partition("-")
    build_pair(PairSpec(generator, int(rung), int(seed), shared == "shared", by or "account"), Path(out))
