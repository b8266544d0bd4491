"""The signals that take part: declared, read, and with what was learned of them."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from stillhunt import Config
from stillhunt_signals.signals.declared import Signal, declared_signals, learned_file
from stillhunt_signals.signals.learned_file import read_learned
from stillhunt_signals.signals.values import SignalValues, read_values, settle_values
from stillhunt_signals.signals.weighing import UsedSignal

_LOG = logging.getLogger("stillhunt")
_NO_VALUES = SignalValues(pa.array([], pa.string()), pa.array([], pa.string()), np.zeros(0), np.zeros(0))


def read_signals(
    config: Config,
    accounts: pa.Table | None,
    wanted: Callable[[Signal], bool] = lambda _: True,
    *,
    in_hunt: bool = False,
) -> list[UsedSignal]:
    """The signals that say something: values of those for which something was learned.

    `in_hunt`: the columns of the log are not known yet, and `of_log` adds them. Raises ConfigError, InputError: a
    declaration, or what it names, cannot be used.
    """
    learned = read_learned(learned_file(config))
    used = []
    for signal in filter(wanted, declared_signals(config)):
        known = learned.get(signal.name)
        if known is None or known.digest != signal.digest:
            why = "nothing was learned of it yet" if known is None else "its declaration changed since it was learned"
            _LOG.warning("The signal %s takes no part: %s. Next: stillhunt signals learn", signal.name, why)
            continue
        later = in_hunt and signal.source == "log"
        used.append(UsedSignal(signal, known, _NO_VALUES if later else read_values(signal, accounts)))
    return used


def of_log(one: UsedSignal, log: Any) -> UsedSignal:
    """A signal with its values, where they are a column of the log: what each account mostly has.

    `log`: `CandidateCase.log`.
    """
    if one.signal.source != "log":
        return one
    column = log.requests.table.column(one.signal.column).cast(pa.string()).combine_chunks().dictionary_encode()
    codes = column.indices.fill_null(-1).to_numpy().astype(np.int64)
    width = max(len(column.dictionary), 1)
    pairs, times = np.unique((log.requests.account * width + codes)[codes >= 0], return_counts=True)
    order = np.lexsort((times, pairs // width))
    account, code = (pairs // width)[order], (pairs % width)[order]
    last = np.append(account[1:] != account[:-1], True)[: len(account)]
    ids, values = log.accounts.ids.take(pa.array(account[last])), column.dictionary.take(pa.array(code[last]))
    rows = pa.table({"account": ids, "value": values, "time": pa.nulls(len(ids), pa.string())})
    return replace(one, values=settle_values(one.signal, rows))
