"""The accounts of logs, for signals that are a column of the table of accounts or of the log."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config, InputError
from stillhunt.logs import reading
from stillhunt_signals.signals.declared import LOG_COLUMNS, Signal, declared_signals


def known_accounts(
    config: Config, logs: Sequence[str] | None, accounts: str | None, mapping: Mapping[str, str] | None
) -> pa.Table | None:
    """ACCOUNTS, and what each account mostly has in the logs; None where no signal needs them.

    Raises InputError: a signal needs logs, and there are none.
    """
    needing = [one for one in declared_signals(config) if one.source in ("accounts", "log")]
    if not needing:
        return None
    if not logs:
        raise InputError(
            f'the signal {needing[0].name} is a column of the {needing[0].source} ("from")',
            next_step="name the logs as well, and the table of accounts",
        )
    with reading(list(logs), accounts, config, mapping=mapping) as (batches, customers):
        mostly = _mostly_used(batches, needing)
    if customers is None:
        customers = pa.table({"account_id": pa.array(sorted({name for one in mostly.values() for name in one}))})
    ids = customers["account_id"].to_pylist()
    for column, values in mostly.items():
        customers = customers.append_column(column, pa.array([values.get(one) for one in ids], pa.string()))
    return customers


def _mostly_used(batches: Any, needing: Sequence[Signal]) -> dict[str, dict[str, str]]:
    """Column of the log -> account -> its commonest value; of equals the first in the alphabet."""
    columns = [name for name in LOG_COLUMNS if any((one.source, one.column) == ("log", name) for one in needing)]
    counts: dict[str, dict[str, Counter[str]]] = {name: defaultdict(Counter) for name in columns}
    for batch in batches if columns else ():
        for name in columns:
            table = pa.table({"account": batch["account_id"], "value": batch[name]}).filter(pc.is_valid(batch[name]))
            for row in table.group_by(["account", "value"]).aggregate([([], "count_all")]).to_pylist():
                counts[name][row["account"]][row["value"]] += row["count_all"]
    return {
        name: {account: min(found, key=lambda value: (-found[value], value)) for account, found in own.items()}
        for name, own in counts.items()
    }
