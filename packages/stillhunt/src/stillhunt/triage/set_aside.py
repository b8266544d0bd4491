"""What was set aside or left out: rows, values, groups of declared programmes; and what is said beside the findings."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.families import MEMBERSHIP


def allowed_groups(tables: dict[str, pa.Table], review: float) -> int:
    """Number of groups at the review threshold or above it that have no verdict for their allowed programmes."""
    campaigns, evidence = tables["campaigns"], tables["evidence"]
    quiet = pc.and_(pc.equal(campaigns["verdict"], "none"), pc.greater_equal(campaigns["score"], review))
    limited = evidence.filter(pc.equal(evidence["family"], MEMBERSHIP))["campaign_id"]
    allowed = pc.and_(quiet, pc.invert(pc.is_in(campaigns["campaign_id"], value_set=limited)))
    return int(pc.sum(allowed).as_py() or 0)


LEAST_ROWS = 5
"""Rows of an account that must be set aside before it is named. Judgement: fewer happen to anybody."""
LEAST_SET_ASIDE_SHARE = 0.5
"""Share of the rows of an account, 0 to 1, above which it is named. Judgement: what is left says little of it."""
MOST_SET_ASIDE_NAMED = 20
"""Accounts that are named. Judgement: whoever sees so many looks at the log, not at the accounts."""
_NAMES_IN_SENTENCE, _NAME_CHARACTERS = 3, 64


def set_aside_facts(set_aside: Mapping[str, int], accounts: pa.Table) -> dict[str, Any]:
    """Accounts most of whose rows were set aside, for run.json.

    Returns number of accounts that lost rows; of those most of whose rows were set aside the number, and the ones with
    most such rows, with these and with their requests. Empty where no account lost rows.
    """
    if not set_aside:
        return {}
    used = accounts.filter(pc.is_in(accounts["account_id"], value_set=pa.array(sorted(set_aside))))
    requests = dict(zip(used["account_id"].to_pylist(), used["requests"].to_pylist(), strict=True))
    mostly = [
        {"account_id": account, "rows": rows, "requests": requests.get(account, 0)}
        for account, rows in set_aside.items()
        if rows >= LEAST_ROWS and rows > LEAST_SET_ASIDE_SHARE * (rows + requests.get(account, 0))
    ]
    mostly.sort(key=lambda one: (-one["rows"], one["account_id"]))
    return {"accounts": len(set_aside), "mostly": len(mostly), "named": mostly[:MOST_SET_ASIDE_NAMED]}


def set_aside_sentence(run: Mapping[str, Any]) -> str:
    """Which accounts lost most of their rows, in a sentence; empty where none did."""
    facts = run.get("set_aside") or {}
    named = facts.get("named") or []
    if not named:
        return ""
    parts = [
        f"{formatting.shorten(str(one['account_id']), _NAME_CHARACTERS)} "
        f"({formatting.count(one['rows'])} of {formatting.plural(one['rows'] + one['requests'], 'row')})"
        for one in named[:_NAMES_IN_SENTENCE]
    ]
    rest = int(facts["mostly"]) - len(parts)
    if rest > 0:
        parts.append(formatting.plural(rest, "more account"))
    return f"most rows of {formatting.join_words(parts)} were set aside: look at what they send"


def changed_values(run: Mapping[str, Any], most: int) -> list[str]:
    """Values that could not be kept as they were, the most frequent first, in words."""
    changed = sorted((run.get("changed") or {}).items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"{formatting.plural(count, 'value')} of {formatting.shorten(what, 200)}" for what, count in changed[:most]]


_LABEL_CHARS, _BESIDE_CHARS = 64, 1200


def facts_beside(run: Mapping[str, Any], campaign: str) -> Iterator[tuple[str, str]]:
    """Label and words of what is said beside the findings of a campaign, by run.json, which may hold anything."""
    beside = run.get("beside")
    told = beside.get(campaign, ()) if isinstance(beside, Mapping) else ()
    for one in told if isinstance(told, list) else ():
        if isinstance(one, list | tuple) and len(one) == 2:
            label, words = map(str, one)
            yield formatting.shorten(label, _LABEL_CHARS), formatting.shorten(words, _BESIDE_CHARS)
