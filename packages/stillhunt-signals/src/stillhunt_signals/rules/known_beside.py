"""What is known of accounts beside the log, as columns of rules: declared signals, and breaches of the terms.

Their values are kept in each snapshot, so that simulating a rule gives what deciding gave.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config, ConfigError, StillhuntError
from stillhunt_signals.rules.language import RuleColumn, rule_columns
from stillhunt_signals.signals.declared import Signal, declared_signals
from stillhunt_signals.signals.values import read_values
from stillhunt_signals.terms.breaches import TermsChecker
from stillhunt_signals.terms.declared import read_terms

_LOG = logging.getLogger("stillhunt")
_KINDS = {"score": "share", "flag": "flag", "category": "text", "shared": "number"}
"""Form of a signal -> type of its column; of what is shared, how many accounts have the same value."""
_OF_TERMS = [
    "account_id", "organization_id", "email_domain", "plan", "declared_use", "payment_country", "phone_country",
    "signup_country", "countries", "ip_kinds", "created_at", "first_seen",
]  # fmt: skip
"""Columns that clauses look at."""
_ROWS_AT_ONCE = 8_192  # Accounts that are looked at together, which bounds the memory (judgement)


def columns_with_signals(config: Config) -> Mapping[str, RuleColumn]:
    """All columns that a rule may name under these settings, by name.

    Signals of the log have none: `account.ip_kinds` and `account.countries` say the same. Raises ConfigError: a
    declaration cannot be used, or two signals would have one name.
    """
    found = dict(rule_columns())
    for one in _signals_with_columns(config):
        name = _column_name(one)
        if name in found:
            raise ConfigError(
                f"another signal is called {name} in rules, too",
                where=f"setting signals.{one.name}",
                next_step="rename one of them",
            )
        many = "Accounts with the same value, with this one: " if one.kind == "shared" else ""
        found[name] = RuleColumn(name, _KINDS[one.kind], f"{many}{one.shown}, as [signals.{one.name}] declares it.")
    return found


def add_known_columns(config: Config, accounts: pa.Table, customers: pa.Table | None) -> pa.Table:
    """What is known of the accounts of a hunt beside its log.

    A signal that cannot be read is said on the log of the program and unknown in this snapshot; the hunt goes on.

    Args:
        accounts: as rules see them.
        customers: the accounts table.

    Returns:
        account_id, and a column for each signal and for breaches of the terms, with a row for each account.
    """
    names = accounts["account_id"].cast(pa.string()).combine_chunks()
    columns = {"account_id": names}
    wanted: dict[str, Callable[[], pa.Array]] = {
        _column_name(one): partial(_values_by_account, one, customers, names) for one in _signals_with_columns(config)
    }
    if config.terms:
        wanted["breaches"] = partial(_breaches_by_account, Path(config.terms), accounts)
    for name, read in wanted.items():
        try:
            columns[name] = read()
        except StillhuntError as error:
            _LOG.warning("Rules do not see %s in this hunt: %s. Next: %s", name, error, error.next_step)
    return pa.table(columns)


def _signals_with_columns(config: Config) -> list[Signal]:
    return [one for one in declared_signals(config) if one.source != "log"]


def _column_name(signal: Signal) -> str:
    return f"signal.{signal.name.replace('-', '_')}"  # CEL would read a minus


def _values_by_account(signal: Signal, customers: pa.Table | None, names: pa.StringArray) -> pa.Array:
    """The value of each account, null where it has none; the type is that of its column."""
    found = read_values(signal, customers)
    values = found.texts
    if signal.kind == "score":
        values = pa.array(found.numbers)
    elif signal.kind == "flag":
        values = pc.equal(found.texts, "yes")
    elif signal.kind == "shared":
        coded = found.texts.dictionary_encode()
        counted = pc.value_counts(coded.indices)
        many = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
        values = pa.array([many[one] for one in coded.indices.to_pylist()], pa.int64())
    return values.take(pc.index_in(names, value_set=found.ids))


def _breaches_by_account(path: Path, accounts: pa.Table) -> pa.Array:
    checker = TermsChecker(read_terms(path), path.parent)
    # Ages count to the first request, and which models single accounts asked is not known.
    known = accounts.rename_columns({"first_request": "first_seen"}).select(_OF_TERMS)
    found: list[list[str]] = []
    for batch in known.to_batches(max_chunksize=_ROWS_AT_ONCE):
        rows = batch.to_pylist()
        broken: dict[str, list[str]] = {row["account_id"]: [] for row in rows}
        for one in checker.breaches(rows, (), datetime.now(UTC).date()):
            for account in one.accounts:
                broken[account].append(one.clause.name)
        found += [broken[row["account_id"]] for row in rows]
    return pa.array(found, pa.list_(pa.string()))
