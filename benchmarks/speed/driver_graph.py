"""Memory and time of what a cluster leaves to its driver: the graph of accounts and the keys that they share.

    python benchmarks/speed/driver_graph.py                      a million accounts, ten million incidences
    python benchmarks/speed/driver_graph.py --accounts 10000000 --incidences 100000000   the largest known case

Incidences are drawn directly: keys of everybody, keys of a few, and planted templates whose accounts use most of the
template's keys. The steps are those that run on the driver whatever the engine: which recurring phrases accounts share,
their clusters, and which clusters the same accounts use. What workers would send is drawn too. Each line shows the peak
so far.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.link.requests.index_requests import IndexedLog
from stillhunt.link.template_groups import joined_labels
from stillhunt.link.templates.clusters import cluster_phrases
from stillhunt.link.templates.recurring_phrases import RECURRING_PHRASES, SharedPhrases, find_shared_phrases

Ints = npt.NDArray[np.int64]

SEED = 7
BLOCK = 1_000_000
"""Accounts drawn at a time."""
ACCOUNTS_PER_KEY = 40
TEMPLATE_KEYS = 20
TEMPLATE_SHARE = 0.05
"""Share of accounts that follow a planted template."""
USES_TEMPLATE_KEY = 0.6
HEAD = 50.0
"""Rank by which the popularity of keys is flattened: the first key is used by about one account in thirty."""
PROMPTS = 40
"""Distinct prompts of each account."""
IN_PROMPTS = 4
"""Prompts of an account in which each of its keys recurs."""
CHANCE_PAIRS = 2
"""Pairs of keys an account, drawn at random, that some accounts have together by chance."""
LIMIT_GIB = 16.0
RSS_UNIT = 1024 if sys.platform != "darwin" else 1
"""Bytes in a unit of ru_maxrss."""


def incidences(accounts: int, wanted: int, seed: int = SEED) -> tuple[Ints, Ints, int, int]:
    """Distinct (account, key) pairs, ascending.

    Args:
        accounts: number of accounts.
        wanted: pairs to draw; the result has a few per cent fewer, repeats being one.
        seed: of all draws.

    Returns:
        (account, key, number of keys, number of planted templates).
    """
    templates = max(accounts // 5000, 1)
    common = accounts // ACCOUNTS_PER_KEY
    keys = common + templates * TEMPLATE_KEYS
    popularity = np.cumsum((np.arange(common) + HEAD) ** -0.8)
    popularity /= popularity[-1]
    mean = wanted / accounts
    blocks = []
    for start in range(0, accounts, BLOCK):
        size = min(BLOCK, accounts - start)
        draw = np.random.default_rng((seed, start))
        own = draw.geometric(1 / mean, size)
        account = np.repeat(np.arange(start, start + size), own)
        key = np.searchsorted(popularity, draw.random(account.size))
        follower = start + np.flatnonzero(draw.random(size) < TEMPLATE_SHARE)
        template = draw.integers(0, templates, follower.size)
        uses = draw.random((follower.size, TEMPLATE_KEYS)) < USES_TEMPLATE_KEY
        who, which = np.nonzero(uses)
        account = np.concatenate([account, follower[who]])
        key = np.concatenate([key, common + template[who] * TEMPLATE_KEYS + which])
        blocks.append(np.unique(account * keys + key))
    pair = np.concatenate(blocks)
    del blocks
    account, key = np.divmod(pair, keys)
    return account, key, keys, templates


class Drawn:
    """Stands for the partitions of a cluster: gives what their passes would send to the driver."""

    names = ("phrases",)

    def __init__(self, account: Ints, key: Ints) -> None:
        self._recurring = pa.table(
            {
                "account": account.astype(np.int32),
                "phrase": key.astype(np.uint32),
                "prompts": np.full(len(key), IN_PROMPTS, np.int32),
            }
        )
        self._counts = np.bincount(key) * IN_PROMPTS

    def extend(self, *_: Any) -> Drawn:
        """The same: what is noted of requests stays with the workers."""
        return self

    def gather(self, function: Any, schema: pa.Schema, *_: Any) -> pa.Table:
        """Recurring phrases of accounts, or prompts of each phrase."""
        del function
        if schema is RECURRING_PHRASES:
            return self._recurring
        seen = np.flatnonzero(self._counts)
        return pa.table({"code": np.arange(len(seen), dtype=np.int32), "prompts": self._counts[seen]})


def shared_phrases_of(account: Ints, key: Ints, accounts: int) -> SharedPhrases:
    """Shared phrases by the step that every hunt runs."""
    prompts, none = np.full(accounts, PROMPTS), np.zeros(0, np.int64)
    return find_shared_phrases(
        IndexedLog(Drawn(account, key), pa.array([], pa.string()), prompts, prompts, none, none, none)
    )


def pairs_of(shared: SharedPhrases, account: Ints, key: Ints, planted: int, accounts: int) -> tuple[Ints, Ints, Ints]:
    """Pairs of shared phrases, and the accounts that have both: templates as planted, others as chance has them.

    Args:
        shared: shared phrases.
        account: of each incidence, ascending.
        key: of the same incidence.
        planted: first key of a template; all above are templates' keys.
        accounts: number of accounts.
    """
    inside = key >= planted
    owner, own = account[inside], key[inside] - planted
    pairs = []
    for step in range(1, TEMPLATE_KEYS):
        near = (owner[step:] == owner[:-step]) & (own[step:] // TEMPLATE_KEYS == own[:-step] // TEMPLATE_KEYS)
        pairs.append((own[:-step][near] + planted) << 32 | (own[step:][near] + planted))
    draw = np.random.default_rng(SEED)
    other = np.sort(draw.integers(0, planted, (accounts * CHANCE_PAIRS, 2)), axis=1)
    other = other[other[:, 0] < other[:, 1]]
    pair, together = np.unique(np.concatenate(pairs), return_counts=True)
    by_chance = np.unique(other[:, 0] << 32 | other[:, 1])
    pair = np.concatenate([pair, by_chance])
    together = np.concatenate([together, np.full(len(by_chance), 3)])
    code = shared.shared_of.astype(np.int64)
    left, right = code[pair >> 32], code[pair & 0xFFFFFFFF]
    kept = (left >= 0) & (right >= 0)
    return left[kept], right[kept], together[kept]


class Steps:
    """Runs steps and prints a line for each."""

    def __init__(self) -> None:
        self.peak = 0.0

    def run(self, name: str, step: Callable[[], Any]) -> Any:
        """One step: wall and CPU seconds, and the process's peak so far."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = step()
        self.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT / (1 << 30)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:<36}{wall:>9.1f}{cpu:>9.1f}{self.peak:>11.2f}", flush=True)
        return result


def main() -> int:
    """Print the table; 1 where the peak is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--incidences", type=int, default=10_000_000)
    given = parser.parse_args()
    none = np.zeros(0, np.int64)
    joined_labels(np.arange(3), np.arange(3), 3, 3, none)  # compiled, or loaded, before anything is timed
    steps = Steps()
    print(f"{'step':<36}{'wall s':>9}{'CPU s':>9}{'peak GiB':>11}")
    account, key, keys, templates = steps.run(
        "(drawing incidences)", lambda: incidences(given.accounts, given.incidences)
    )
    shared = steps.run("shared phrases", lambda: shared_phrases_of(account, key, given.accounts))
    planted = keys - templates * TEMPLATE_KEYS
    pairs = steps.run("(drawing pairs)", lambda: pairs_of(shared, account, key, planted, given.accounts))
    of_phrase = steps.run("phrases clustered", lambda: cluster_phrases(shared, *pairs))
    label = steps.run("fragments joined", lambda: joined_labels(account, key, given.accounts, keys, none))
    print(f"{len(account):,} incidences, {keys:,} keys, {shared.size:,} shared phrases, {len(pairs[0]):,} pairs")
    for what, labels in (("a cluster", of_phrase[shared.shared_of[planted:]]), ("joined", label[planted:])):
        own = labels.reshape(templates, TEMPLATE_KEYS)
        print(
            f"{int((own == own[:, :1]).all(axis=1).sum()):,} of {templates:,} planted templates are one label: {what}"
        )
    return int(steps.peak > LIMIT_GIB)


if __name__ == "__main__":
    sys.exit(main())
