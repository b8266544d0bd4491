"""From a hunt's case tables and sketches to early signs.

Three things are looked for, which reports of real campaigns tell of: a group whose accounts take up a new model within
a day of its appearance; a group that tries a model with a few requests of a few accounts, and then moves there within
a day; and hundreds of different attempts at one kind of extraction within two days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import pyarrow as pa

from stillhunt.base.dataset import Dataset
from stillhunt.base.units import HOUR
from stillhunt.watch.early_signs.attempts import extraction_attempts
from stillhunt.watch.early_signs.moves import unusual_moves
from stillhunt.watch.early_signs.signs import EarlySign

# Signs that are kept at a hunt, those of most accounts first (more cannot be read; bounds what hostile traffic can
# cost)
_MOST_SIGNS = 200


def early_signs(sketches: Dataset, tables: Mapping[str, pa.Table], now: int) -> list[EarlySign]:
    """Early signs of campaigns, whatever the verdict on the group that shows them.

    Accounts of declared programmes raise none. Groups are those of this hunt: an operation whose accounts the search
    does not tie together shows as single accounts or not at all.

    Args:
        sketches: SKETCHES in account partitions, as `stillhunt.pipeline.hunt` hands them to `after`.
        tables: the case tables of the same hunt.
        now: microseconds since 1970.

    Returns:
        Signs under the ids that the hunt gave, those of most accounts first.
    """
    accounts, listed = tables["accounts"], tables["members"]
    allowed = set(accounts.filter(accounts["sanctioned"])["account_id"].to_pylist())
    members: dict[str, set[str]] = defaultdict(set)
    for group, account in zip(listed["campaign_id"].to_pylist(), listed["account_id"].to_pylist(), strict=True):
        members[group].add(account)
    groups = {group: frozenset(own - allowed) for group, own in sorted(members.items())}
    aside = pa.array(sorted(set(listed["account_id"].to_pylist())), pa.string())
    seen = [*unusual_moves(sketches, groups, aside), *extraction_attempts(sketches, groups, allowed)]
    signs = [
        EarlySign("", one.kind, one.group, sorted(one.accounts), one.model, one.hour * HOUR, now, one.statement)
        for one in seen
    ]
    return sorted(signs, key=lambda one: (-len(one.accounts), one.kind, one.accounts))[:_MOST_SIGNS]
