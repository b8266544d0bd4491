"""The stored answer for one small seeded world, and how it is made.

    python tests/golden/golden_world.py            print the answer
    python tests/golden/golden_world.py --write    store it in golden_case.json

Write it anew only where a change was to move findings; read the difference, and say in the commit why it is right.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import stillhunt
from stillhunt_lab.worlds.build import WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

STORED = Path(__file__).with_name("golden_case.json")
SPEC = WorldSpec(
    accounts=300,
    days=8,
    seed=29,
    campaigns=(
        CampaignSpec(2, 16, name="crude", requests_per_account_day=30.0),
        CampaignSpec(6, 30, name="careful", requests_per_account_day=20.0),
    ),
)


def golden_answer() -> dict[str, Any]:
    """What the hunt finds in the world: counts, who is flagged by truth, and each live campaign with its members."""
    world = build_world(SPEC)
    config = stillhunt.Config(sanctioned={"organizations": world.sanctioned})
    case = stillhunt.hunt(world.requests, world.accounts, config)
    members: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in case.members.to_pylist():
        members[row["campaign_id"]][row["account_id"]] = row["role"]
    truth = {row["account_id"]: row["campaign"] for row in world.truth_accounts.to_pylist()}
    campaigns = [
        {
            "campaign_id": row["campaign_id"],
            "verdict": row["verdict"],
            "score": round(row["score"], 3),
            "families": row["families"],
            "skills": row["skills"],
            "requests": row["requests"],
            "truth": sorted({truth[account] or "honest" for account in members[row["campaign_id"]]}),
            "members": members[row["campaign_id"]],
        }
        for row in case.campaigns.to_pylist()
    ]
    flagged = Counter(truth[row["account_id"]] or "honest" for row in case.accounts.to_pylist() if row["flagged"])
    return {"counts": case.run["counts"], "flagged": dict(sorted(flagged.items())), "campaigns": campaigns}


def as_text(answer: dict[str, Any]) -> str:
    """The answer as it is stored."""
    return json.dumps(answer, indent=1) + "\n"


def main(words: list[str] | None = None) -> int:
    """Print the answer, or store it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"store it in {STORED.name}")
    text = as_text(golden_answer())
    if parser.parse_args(words).write:
        STORED.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
