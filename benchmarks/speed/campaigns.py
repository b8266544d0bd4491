"""What it costs to tie campaigns to their operators: 50 to 2,000 campaigns among the same other accounts.

    python benchmarks/speed/campaigns.py                     50, 200, 800 and 2,000 campaigns
    python benchmarks/speed/campaigns.py --campaigns 100,400 --accounts 50000

Campaigns are judged already; no text is needed. Every fourth one has an operator of its own, and the other three have
one in common: its client, its cards and its sign-up networks. All use the common clients, too, and some carriers'
networks. Growth is CPU seconds over those of the line before, as a share of the growth in campaigns: 1.00 is linear.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from processes import machine, print_table

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.score.row_logs import DAY, log_of_rows  # a log given row by row

from stillhunt.base.arrays import Ints
from stillhunt.score.context.candidate import Candidate
from stillhunt.score.context.log import ScoredLog
from stillhunt.score.operators.ties import find_campaign_sets

MEMBERS, EACH, DAYS = 25, 40, 14
OTHERS_EACH = 4  # requests of an account outside of all campaigns


def chosen(rng: np.random.Generator, own: Ints, share: float, everybody: Ints) -> Ints:
    """The own value of each account with some probability, else what everybody has."""
    return np.where((own >= 0) & (rng.random(len(own)) < share), own, everybody)


def make_log(campaigns: int, others: int, seed: int = 3) -> tuple[ScoredLog, list[Candidate]]:
    """A log, and its campaigns as candidates."""
    rng = np.random.default_rng(seed)
    count = campaigns * MEMBERS + others
    campaign = np.where(np.arange(count) < campaigns * MEMBERS, np.arange(count) // MEMBERS, -1)
    operator = np.where(campaign % 4 == 3, campaign, campaign // 4 * 4)
    pool = np.where(campaign >= 0, 1_000_000 + operator * 16, -1)
    common = rng.zipf(1.3, count) % 200
    card = chosen(rng, pool + rng.integers(0, 12, count), 0.6, 100_000_000 + np.arange(count))
    network = chosen(rng, pool + rng.integers(0, 6, count), 0.5, rng.integers(0, 20_000, count))
    agent = chosen(rng, pool, 0.7, common)
    account = np.repeat(np.arange(count), np.where(campaign >= 0, EACH, OTHERS_EACH))
    sender = chosen(rng, (pool + rng.integers(0, 12, count))[account], 0.3, rng.integers(0, 60_000, len(account)))
    log = log_of_rows(
        account,
        rng.integers(0, DAYS * DAY, len(account)),
        cluster=np.where(campaign < 0, rng.integers(0, 500, count), 500 + campaign)[account],
        customers={
            "payment_fingerprint": card.tolist(),
            "signup_prefix": network.tolist(),
            "created_at": (rng.integers(0, 400, count) * DAY).tolist(),
            "email_domain": [f"d{code}.example" for code in common.tolist()],
        },
        user_agent=pa.array(agent[account]).cast(pa.string()),
        client_prefix=sender.astype(np.uint64),
    )
    return log, [campaign_of(log, number) for number in range(campaigns)]


def campaign_of(log: ScoredLog, number: int) -> Candidate:
    """One campaign with all requests of its accounts."""
    places, zero = np.arange(MEMBERS), np.zeros(MEMBERS)
    accounts = number * MEMBERS + places
    owner = log.requests.owners(accounts)
    rows = log.requests.of_accounts(accounts)
    return Candidate(number, accounts, places * 0 + 500 + number, places, places, zero, zero, rows, owner, owner)


def main() -> int:
    """Tie the campaigns of each size once, the smallest twice: the first time is that of compiling."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", default="50,200,800,2000", help="sizes, with commas between")
    parser.add_argument("--accounts", type=int, default=200_000, help="accounts outside of all campaigns")
    arguments = parser.parse_args()
    sizes = list(map(int, arguments.campaigns.split(",")))
    print(machine() + "\n")
    find_campaign_sets(*make_log(2, 1000))
    lines: list[list[object]] = []
    before: tuple[int, float] | None = None
    for size in sizes:
        log, campaigns = make_log(size, arguments.accounts)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.process_time()
        found = find_campaign_sets(log, campaigns)
        spent = time.process_time() - began
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1e3
        growth = f"{spent / before[1] / (size / before[0]):.2f}" if before else "-"
        sets = sum(one.relation == "one_operator" for one in found)
        pairs = size * (size - 1) // 2
        lines.append(
            [f"{size:,}", f"{pairs:,}", f"{sets:,}", f"{spent:.2f}", growth, f"{1e3 * spent / size:.2f}", f"{more:.0f}"]
        )
        before = (size, spent)
    print_table(["campaigns", "pairs", "operators", "CPU s", "growth", "ms a campaign", "more MB"], lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
