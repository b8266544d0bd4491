"""The part of the lever that runs in another process, which starts the sooner the less this module loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, ContractError
from stillhunt.base.families import LIMIT_FAMILIES
from stillhunt.base.plugin_groups import EVIDENCE_PLUGINS, plugins_named

_SETTINGS = ("score", "resolve")


def weigh_tables(
    run: Mapping[str, Any], tables: Sequence[pa.Table], without: Sequence[str]
) -> tuple[str, float, tuple[str, ...], list[str], int]:
    """Judge a campaign without some kinds of findings; see `lever.weigh_without`.

    Args:
        run: settings, budget and plugins of the case.
        tables: its evidence, members and their accounts, whose texts are coded.

    Returns:
        Verdict, probability, families that count, kinds of what limits it, and how many members are flagged.

    Raises:
        CaseError: the case does not say how it was judged, or its verdict does not follow from its evidence.
    """
    from stillhunt.verdicts import rebuild_verdict  # memory: only that process needs it

    evidence, members, own = map(_as_texts, tables)
    kept = pc.invert(pc.is_in(evidence["kind"], value_set=pa.array(without, pa.string())))
    try:
        config = Config(**{name: value for name, value in run["settings"].items() if name in _SETTINGS})
        budget = run["budget"]
        known = plugins_named(run, EVIDENCE_PLUGINS)
        rows = evidence.filter(kept)
        found = rebuild_verdict(rows, members, own, config, int(budget["accounts"]), float(budget["days"]), known)
    except (ContractError, KeyError, TypeError, ValueError) as error:
        raise CaseError(
            "this case cannot be weighed again: it does not say how it was judged",
            where="run.json and evidence of the campaign",
            next_step="hunt again with this version",
        ) from error
    limits = [kind for family, kind in found.rules if family in LIMIT_FAMILIES]
    return found.verdict, found.score, tuple(found.families), limits, len(found.flagged)


def _as_texts(table: pa.Table) -> pa.Table:
    """The table as it was before its texts were coded."""
    texts = [one.cast(pa.string()) if pa.types.is_dictionary(one.type) else one for one in table.columns]
    return pa.table(texts, names=table.column_names)
