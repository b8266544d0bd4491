"""One moved parameter in a fresh process, for `sensitivity.py`.

Rooms read their parameters when they are imported, so a value is moved before that. Reads one JSON object from stdin:

- `worlds`: folders that `sensitivity.py` prepared;
- `moved`: full name of a parameter -> value, empty for the declared values;
- `start`: first room to run again: `hunt` (all of them), `resolve` or `score`;
- `modules`: modules to import beside the rooms.

Prints one JSON line for each world. Without anything moved it also keeps what `resolve` and `score` were called with,
so that later processes can start there.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from stillhunt.base.parameters import moved

Outcome = dict[str, Any]
CANDIDATES = "<candidates of this process>"
"""Stands in the kept call of `score` where the output of `resolve` stood."""
MIN_SHARED = 0.5
"""Share of the smaller campaign's accounts from which two campaigns of two runs are the same."""


def run(world: Path, start: str) -> Mapping[str, Any]:
    """The case tables of a world, from a room on.

    Args:
        world: prepared folder.
        start: `hunt`, `resolve` or `score`.
    """
    if start == "hunt":
        return hunted(world)
    if start == "resolve":
        args, kwargs = kept(world / "resolve.pickle")
        candidates = import_module("stillhunt.resolve").resolve_campaigns(*args, **kwargs)
    else:
        candidates = kept(world / "candidates.pickle")
    args, kwargs = replaced(
        kept(world / "score.pickle"), lambda value: isinstance(value, str) and value == CANDIDATES, candidates
    )
    tables: Mapping[str, Any] = import_module("stillhunt.score").score_campaigns(*args, **kwargs)[0]
    return tables


def hunted(world: Path, *, keep: bool = False) -> Mapping[str, Any]:
    """The case tables of a whole hunt.

    Args:
        world: prepared folder.
        keep: whether the calls of `resolve` and `score` are kept beside it.
    """
    stillhunt, pipeline = import_module("stillhunt"), import_module("stillhunt.pipeline")
    config = stillhunt.Config.load({"threads": 1}, environ={}, file=world / "stillhunt.toml")
    spine = pipeline.resolve_campaigns, pipeline.score_campaigns
    if keep:
        keep_calls(pipeline, world)
    try:
        tables: Mapping[str, Any] = stillhunt.hunt(
            str(world / "requests.parquet"), str(world / "accounts.parquet"), config
        ).tables
    finally:  # or the next world's calls would be kept as this one's, too
        pipeline.resolve_campaigns, pipeline.score_campaigns = spine
    return tables


def keep_calls(pipeline: Any, world: Path) -> None:
    """Have the spine write down what it hands to `resolve` and `score`, and what `resolve` answers."""
    resolve, score = pipeline.resolve_campaigns, pipeline.score_campaigns
    answers: list[Any] = []

    def kept_resolve(*args: Any, **kwargs: Any) -> Any:
        (world / "resolve.pickle").write_bytes(pickle.dumps((args, kwargs)))
        answers.append(resolve(*args, **kwargs))
        (world / "candidates.pickle").write_bytes(pickle.dumps(answers[-1]))
        return answers[-1]

    def kept_score(*args: Any, **kwargs: Any) -> Any:
        hits: list[bool] = []

        def is_answer(value: Any) -> bool:
            if value is answers[-1]:
                hits.append(True)
            return value is answers[-1]

        (world / "score.pickle").write_bytes(pickle.dumps(replaced((args, kwargs), is_answer, CANDIDATES)))
        if len(hits) != 1:
            raise SystemExit("score is no longer called with what resolve answers: this script must follow the spine")
        return score(*args, **kwargs)

    pipeline.resolve_campaigns, pipeline.score_campaigns = kept_resolve, kept_score


def kept(path: Path) -> Any:
    """What `keep_calls` wrote."""
    return pickle.loads(path.read_bytes())  # noqa: S301 - written by this script


def replaced(value: Any, is_old: Callable[[Any], bool], new: Any) -> Any:
    """A value with another one in place of some of its parts, inside tuples, lists and dictionaries."""
    if is_old(value):
        return new
    if type(value) in (tuple, list):
        return type(value)(replaced(part, is_old, new) for part in value)
    if type(value) is dict:
        return {name: replaced(part, is_old, new) for name, part in value.items()}
    return value


def outcome(tables: Mapping[str, Any]) -> Outcome:
    """Verdicts other than `none` by account, and bits and accounts of each campaign, as JSON can hold them."""
    verdicts = zip(*columns(tables["accounts"], "account_id", "verdict"), strict=True)
    bits: defaultdict[str, float] = defaultdict(float)
    for campaign, account, value in zip(*columns(tables["evidence"], "campaign_id", "account_id", "bits"), strict=True):
        bits[campaign] += value if account is None else 0.0
    members: defaultdict[str, list[str]] = defaultdict(list)
    for campaign, account in zip(*columns(tables["members"], "campaign_id", "account_id"), strict=True):
        members[campaign].append(account)
    return {
        "verdicts": {account: verdict for account, verdict in verdicts if verdict != "none"},
        "campaigns": [{"bits": round(bits[name], 6), "accounts": sorted(members[name])} for name in sorted(members)],
    }


def columns(table: Any, *names: str) -> Iterable[list[Any]]:
    """Columns of a table as lists."""
    return (table[name].to_pylist() for name in names)


def compared(found: Outcome, declared: Outcome, harvesting: set[str]) -> dict[str, Any]:
    """What a moved value changed.

    Args:
        found: with the moved value.
        declared: with the declared ones.
        harvesting: accounts that truly harvest.

    Returns:
        verdicts: accounts with another verdict; honest: honest accounts with verdict act; recall: share of the
        harvesting accounts with verdict act, None where there are none; bits: largest change of a campaign's bits;
        campaigns: candidates that only one of the two runs has.
    """
    before, after = declared["verdicts"], found["verdicts"]
    flagged = {account for account, verdict in after.items() if verdict == "act"}
    pairs = matched(found["campaigns"], declared["campaigns"])
    return {
        "verdicts": sum(before.get(account) != after.get(account) for account in before.keys() | after.keys()),
        "honest": len(flagged - harvesting),
        "recall": round(len(flagged & harvesting) / len(harvesting), 4) if harvesting else None,
        "bits": max((round(abs(new - old), 6) for new, old in pairs), default=0.0),
        "campaigns": len(found["campaigns"]) + len(declared["campaigns"]) - 2 * len(pairs),
    }


def matched(found: list[Outcome], declared: list[Outcome]) -> list[tuple[float, float]]:
    """Bits of the campaigns that two runs have in common, those with most shared accounts first."""
    shared = sorted(
        (-len(set(new["accounts"]) & set(old["accounts"])), i, j)
        for i, new in enumerate(found)
        for j, old in enumerate(declared)
    )
    used: tuple[set[int], set[int]] = (set(), set())
    pairs = []
    for minus, i, j in shared:
        smaller = min(len(found[i]["accounts"]), len(declared[j]["accounts"]))
        if -minus >= MIN_SHARED * smaller and i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            pairs.append((found[i]["bits"], declared[j]["bits"]))
    return pairs


def main() -> int:
    """Run what stdin asks for."""
    order = json.load(sys.stdin)
    moved.update({name: frozen(value) for name, value in order["moved"].items()})
    for name in order["modules"]:
        import_module(name)
    for world in map(Path, order["worlds"]):
        if not order["moved"]:
            found = outcome(hunted(world, keep=True))
            (world / "declared.json").write_text(json.dumps(found), "utf-8")
        else:
            found = outcome(run(world, order["start"]))
        declared = json.loads((world / "declared.json").read_text("utf-8"))
        harvesting = set(json.loads((world / "harvesting.json").read_text("utf-8")))
        print(json.dumps({"world": world.name, **compared(found, declared, harvesting)}), flush=True)
    return 0


def frozen(value: Any) -> Any:
    """Lists of JSON as the tuples that they were."""
    return tuple(map(frozen, value)) if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
