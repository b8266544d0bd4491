"""Newcomers that go on with the work queue of an earlier campaign, and those that share their new words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.dataset import Dataset
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.base.units import DAY
from stillhunt.link.requests.arrays import lists, values
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.matcher import MATCHED_COLUMNS, LinkedAccount, Matcher
from stillhunt.watch.signatures.parameters import LEAST_PHRASE_ACCOUNTS
from stillhunt.watch.signatures.queues import (
    ABOUT_BITS,
    COLUMNS,
    MEASURED,
    NEW,
    OLD,
    OVERLAP_DAYS,
    QueueModel,
    bar_of_many,
    chances_of,
    measure_newcomers,
    restore_queue,
)
from stillhunt.watch.signatures.signature import QueueProfile, Signature, SignatureSet, fill_sentence

_ABOUT = pa.schema([("request_id", pa.string()), ("account_id", pa.string()), ("time", pa.int64())])
_ABOUT_COLUMNS = ("request_id", "account_id", "timestamp", "topic_words")
_MATCHED = pa.schema([("account_id", pa.string()), ("bits", pa.float64()), ("requests", pa.int64()),
                      ("matched", pa.int64()), ("first_matched", pa.int64()), ("linked_at", pa.int64()),
                      ("reasons", pa.string())])  # fmt: skip


def linked_by_queue(
    sketches: Dataset, earlier: SignatureSet, known: AbstractSet[str], config: Config
) -> list[LinkedAccount]:
    """Newcomers that go on with the queue of an earlier campaign, by account and campaign.

    Where several do, the new words that they share link the others: those who were too short of requests for the queue.

    Args:
        earlier: profiles that are in force, under lasting ids.
        config: settings of the hunt.
        known: accounts that were members of any known campaign.
    """
    profiles = earlier.queues
    if not profiles:
        return []
    models = tuple(restore_queue(one) for one in profiles)
    since = tuple(one.last_seen - int(OVERLAP_DAYS * DAY) for one in profiles)
    found = sketches.gather(measure_newcomers, MEASURED, (models, since), COLUMNS)
    found = found.filter(pc.invert(pc.is_in(found["account_id"], value_set=pa.array(sorted(known), pa.string()))))
    linked: dict[tuple[str, str], LinkedAccount] = {}
    pools = []
    for number, profile in enumerate(profiles):
        own = found.filter(pc.equal(found["model"], number))
        chance, kind = chances_of(own, profile), values(own, "half")
        # Accounts that stood by are judged apart: customers who were there before are many.
        shown = [(kind == one) & (chance <= bar_of_many(chance[kind == one])) for one in (NEW, OLD)]
        rows = np.flatnonzero(shown[0] | shown[1])
        for row, one in zip(own.take(pa.array(rows)).to_pylist(), chance[rows].tolist(), strict=True):
            linked[profile.campaign_id, row["account_id"]] = _link_account(profile, row, one)
        suspects = own["account_id"].filter(pa.array(chance < 1.0)).to_pylist()
        everyone = own["account_id"].combine_chunks()
        seeds = everyone.take(pa.array(rows))
        if len(seeds) >= LEAST_PHRASE_ACCOUNTS:
            pools.append(_Pool(profile.campaign_id, models[number], seeds, suspects, everyone))
    for one in _link_by_new_words(sketches, pools, config):
        linked.setdefault((one.campaign_id, one.account_id), one)
    return sorted(linked.values(), key=lambda one: (one.account_id, one.campaign_id))


@dataclass(frozen=True)
class _Pool:
    """Newcomers that a queue links, those that may belong to them, and all newcomers."""

    name: str
    model: QueueModel
    seeds: pa.Array
    suspects: list[str]
    newcomers: pa.Array


def _link_by_new_words(sketches: Dataset, pools: Sequence[_Pool], config: Config) -> list[LinkedAccount]:
    """Newcomers that share the new template of those whom a queue links, by signatures with their usual bars."""
    if not pools:
        return []
    harvests = [sketches.gather(requests_about, _ABOUT, pool, _ABOUT_COLUMNS) for pool in pools]
    now = max(int(pc.max(one["time"]).as_py()) for one in harvests)
    size = len(pools)
    names = [name for pool in pools for name in [pool.name] * len(pool.seeds) + [""] * len(pool.suspects)]
    accounts = [one for pool in pools for one in [*pool.seeds.to_pylist(), *pool.suspects]]
    taken = [name for pool, one in zip(pools, harvests, strict=True) for name in [pool.name] * one.num_rows]
    harvest = pa.concat_tables(harvests)
    owners = harvest["account_id"].unique()
    verdicts = {"kind": [HARVEST_OPERATION] * size, "verdict": ["act"] * size}
    times = pa.array([now] * size, pa.timestamp("us"))
    tables = {
        "campaigns": pa.table({"campaign_id": [pool.name for pool in pools], "last_seen": times, **verdicts}),
        "members": pa.table({"campaign_id": names, "account_id": accounts}),
        "slices": pa.table({"slice_id": owners, "account_id": owners}),
        "harvest": pa.table(
            {"request_id": harvest["request_id"], "slice_id": harvest["account_id"], "campaign_id": taken}
        ),
    }
    signed = compile_signatures(sketches, tables, config, now, queues=False)
    newcomers = {pool.name: pool.newcomers for pool in pools}
    seeds = {pool.name: len(pool.seeds) for pool in pools}
    found = []
    for signature in signed.signatures:
        wanted = signature, newcomers[signature.campaign_id]
        for row in sketches.gather(match_newcomers, _MATCHED, wanted, MATCHED_COLUMNS).to_pylist():
            shared = fill_sentence("queue_words", seeds=seeds[signature.campaign_id], name=signature.campaign_id)
            reasons = (shared, *json.loads(row.pop("reasons"))[:2], fill_sentence("queue_alone"))
            found.append(LinkedAccount(**row, campaign_id=signature.campaign_id, reasons=reasons))
    return found


def requests_about(table: pa.Table, pool: _Pool) -> pa.Table:
    """Requests of the seeds of a pool that are about its queue."""
    own = table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=pool.seeds))
    begins, words = lists(own, "topic_words")
    own = own.filter(pa.array(pool.model.weigh(begins, words.astype(np.int64)) >= ABOUT_BITS))
    columns = [own["request_id"], own["account_id"].cast(pa.string()), own["timestamp"].cast(pa.int64())]
    return pa.table(columns, names=_ABOUT.names)


def match_newcomers(table: pa.Table, wanted: tuple[Signature, pa.Array]) -> pa.Table:
    """Newcomers of one partition that a signature links, without what shows who sends their requests."""
    matcher = Matcher([wanted[0]], most_accounts=table.num_rows + 1)
    matcher.match(table.filter(pc.is_in(table["account_id"].cast(pa.string()), value_set=wanted[1])))
    rows = [{**asdict(one), "reasons": json.dumps(one.reasons)} for one in matcher.linked()]
    return pa.Table.from_pylist(rows, _MATCHED)


def _link_account(profile: QueueProfile, row: dict[str, Any], chance: float) -> LinkedAccount:
    name, about, seen = profile.campaign_id, row["about"], row["all"]
    # No test of this chance can be worth more (Sellke, Bayarri and Berger 2001).
    bits = -math.log2(math.e * chance * -math.log(chance))
    reasons = (
        fill_sentence("queue_about", about=about, seen=seen, name=name),
        fill_sentence("queue_chance", times=round(1.0 / chance), bits=bits),
        *profile.reasons,
        fill_sentence("queue_alone"),
    )
    return LinkedAccount(row["account_id"], name, round(bits, 3), seen, about, row["first"], row["last"], reasons)
