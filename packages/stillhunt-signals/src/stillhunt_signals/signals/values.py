"""Values of a signal by account, from files, a database, or the tables of a hunt or a case."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from stillhunt import ConfigError, InputError
from stillhunt.tools import formatting, install_command, kept_id, shorten
from stillhunt_signals.appending import iterate_whole_lines
from stillhunt_signals.signals.declared import BODY_FILES, Signal

_MOST_CHARS = 256  # characters of a value: longer ones are cut, so that no file fills memory with one field
_MOST_COLUMNS_SHOWN = 12


@dataclass(frozen=True)
class SignalValues:
    """One row for each account that has a value."""

    ids: pa.StringArray  # accounts, ascending, each once
    texts: pa.StringArray  # their values as text; of a flag "yes" or "no"
    numbers: Any  # the same as numbers, of a score; NaN elsewhere
    known_at: Any  # when each became known, seconds since 1970; NaN where that is not said

    def __len__(self) -> int:
        return len(self.ids)


def read_values(signal: Signal, accounts: pa.Table | None) -> SignalValues:
    """The values of a signal.

    Args:
        accounts: ACCOUNTS, for signals that are columns of it; with the columns of the log that `of_log` makes, for
            those of the log. None where there is no such table.

    Raises:
        InputError: the column is not there, no row can be used, or all values are the same.
        ConfigError: what `from` names cannot be read.
    """
    kept = signal.source in ("accounts", "log")
    rows = _rows_of_accounts(signal, accounts) if kept else _read_source(signal)
    return settle_values(signal, _rows_by_key(signal, rows) if signal.via else rows)


def settle_values(signal: Signal, rows: pa.Table) -> SignalValues:
    """One value for each account.

    `rows`: columns account, value and time, all of them text. Raises InputError: no row can be used, or all values are
    the same.
    """
    where = f"signal {signal.name}"
    rows = rows.set_column(0, "account", _kept_ids(rows["account"]))
    ids, raw = rows["account"], rows["value"]
    good = pc.and_(pc.is_valid(ids), pc.is_valid(raw))
    good = pc.and_(good, pc.not_equal(pc.fill_null(pc.utf8_trim_whitespace(raw), ""), ""))
    rows = rows.filter(good)
    found = _one_row_per_account(signal, rows)
    if not len(found):
        raise InputError(
            f"no row has an account and a value in {signal.account!r} and {signal.column!r}",
            where=where,
            next_step="name the columns in account and column; `stillhunt signals list` shows what was read",
        )
    if signal.kind != "shared" and len(pc.unique(found.texts)) < 2:
        only = shorten(found.texts[0].as_py(), 40)
        raise InputError(
            f"all {formatting.count(len(found))} accounts have the same value, {only!r}, which tells nothing",
            where=where,
            next_step=f"take [signals.{signal.name}] out, or name another column",
        )
    return found


def _kept_ids(given: pa.ChunkedArray) -> pa.Array:
    """Ids of accounts as the tables of a hunt have them, whatever the provider's table made of them."""
    coded = given.combine_chunks().dictionary_encode()
    return pa.array(map(kept_id, coded.dictionary.to_pylist()), pa.string()).take(coded.indices)


def _rows_by_key(signal: Signal, rows: pa.Table) -> pa.Table:
    """Rows by account, from rows by something that the table `via` has for each account: an address, a customer."""
    known = _rows_of_table(
        signal.model_copy(update={"account": "account_id", "column": signal.via_key, "time": "", "only": {}}),
        _read_table(signal, Path(signal.via)),
    )
    by_key = {row["account"]: row for row in rows.to_pylist() if row["account"]}
    ranges = [(network, row) for key, row in by_key.items() if (network := _range_of(key)) is not None]
    found: dict[str, list[str | None]] = {"account": [], "value": [], "time": []}
    for one in known.to_pylist():
        row = by_key.get(one["value"]) or _row_of_range(one["value"], ranges)
        if row is not None or (signal.listed and one["value"]):
            found["account"].append(one["account"])
            found["value"].append("no" if row is None else row["value"])
            found["time"].append(None if row is None else row["time"])
    return pa.table({name: pa.array(values, pa.string()) for name, values in found.items()})


def _range_of(key: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(key, strict=False) if "/" in key else None
    except ValueError:
        return None


def _row_of_range(key: str | None, ranges: list[tuple[Any, dict[str, Any]]]) -> dict[str, Any] | None:
    """The row of the first range in which an address is; None where it is in none, or is no address."""
    if not ranges or not key:
        return None
    try:
        address = ip_address(key)
    except ValueError:
        return None
    return next((row for network, row in ranges if address in network), None)


def _rows_of_accounts(signal: Signal, accounts: pa.Table | None) -> pa.Table:
    if accounts is None:
        raise InputError(
            "there is no table of accounts", where=f"signal {signal.name}", next_step="name one for the hunt"
        )
    name, known = signal.column, accounts.column_names
    column = accounts[name].cast(pa.string()) if name in known else pa.nulls(accounts.num_rows, pa.string())
    return _table(accounts["account_id"].cast(pa.string()), column, None)


def _table(account: Any, value: Any, time: Any) -> pa.Table:
    time = pa.nulls(len(account), pa.string()) if time is None else time
    return pa.table({"account": account, "value": value, "time": time})


def _read_source(signal: Signal) -> pa.Table:
    if signal.table:
        return _rows_of_table(signal, _read_database(signal))
    path = Path(signal.source)
    if path.name.endswith(BODY_FILES):
        return _rows_of_bodies(signal, path)
    return _rows_of_table(signal, _read_table(signal, path))


def _read_table(signal: Signal, path: Path) -> pa.Table:
    try:
        return pa.parquet.read_table(path) if path.suffix == ".parquet" else _read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise _make_unreadable_error(signal, error) from error


def _make_unreadable_error(signal: Signal, error: Exception) -> ConfigError:
    return ConfigError(
        f"it cannot be read: {shorten(str(error), 200)}",
        where=f"signal {signal.name}",
        next_step=f"mend from in [signals.{signal.name}]",
    )


def _read_csv(path: Path) -> pa.Table:
    """Every column as text: `0012` and `12` are different values, and nothing is guessed at."""
    with path.open("rb") as file:
        names = pa.csv.open_csv(file).schema.names
    texts = dict.fromkeys(names, pa.string())
    options = pa.csv.ConvertOptions(column_types=texts, strings_can_be_null=True, null_values=[""])
    return pa.csv.read_csv(path, convert_options=options)


def _read_database(signal: Signal) -> pa.Table:
    where = f"signal {signal.name}"
    try:
        from adbc_driver_postgresql import dbapi  # an extra
    except ImportError as error:
        raise ConfigError(
            "a PostgreSQL driver is missing", where=where, next_step=install_command("postgres")
        ) from error
    wanted = dict.fromkeys((signal.account, signal.column, *((signal.time,) if signal.time else ()), *signal.only))
    columns = ", ".join('"' + one.replace('"', '""') + '"' for one in wanted)
    table = ".".join('"' + part + '"' for part in signal.table.split("."))
    try:
        with dbapi.connect(signal.source) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - names are quoted
            found: pa.Table = cursor.fetch_arrow_table()
    except Exception as error:  # the driver's own errors; their text may hold the address
        raise ConfigError(
            f"the database does not give these columns ({type(error).__name__})",
            where=where,
            next_step=f"check from, table and columns: {', '.join(wanted)}",
        ) from None
    return found


def _rows_of_table(signal: Signal, table: pa.Table) -> pa.Table:
    needed = [signal.account, signal.column, *((signal.time,) if signal.time else ()), *signal.only]
    for name in needed:
        if name not in table.column_names:
            shown = ", ".join(shorten(one, 40) for one in table.column_names[:_MOST_COLUMNS_SHOWN])
            raise InputError(
                f"there is no column {name!r}",
                where=f"signal {signal.name}",
                next_step=f"name one of its columns: {shown}",
            )
        if table.column_names.count(name) > 1:
            raise InputError(
                f"there are several columns {name!r}",
                where=f"signal {signal.name}",
                next_step="rename all but one of them",
            )
    keep = np.ones(table.num_rows, bool)
    for name, values in signal.only.items():
        keep &= pc.is_in(_text_column(signal, table, name), value_set=pa.array(values)).to_numpy(zero_copy_only=False)
    table = table.filter(pa.array(keep))
    time = _text_column(signal, table, signal.time) if signal.time else None
    return _table(_text_column(signal, table, signal.account), _text_column(signal, table, signal.column), time)


def _text_column(signal: Signal, table: pa.Table, name: str) -> pa.Array:
    column = table[name].combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        return column.cast(pa.string())
    except pa.ArrowException as error:
        raise InputError(
            f"the column {name!r} holds no single texts or numbers, but {shorten(str(column.type), 60)}",
            where=f"signal {signal.name}",
            next_step="name another column, or write one with a single value in each row",
        ) from error


def _rows_of_bodies(signal: Signal, path: Path) -> pa.Table:
    """Bodies that were pushed, one JSON value a line; those of other kinds are passed over."""
    rows: dict[str, list[str | None]] = {"account": [], "value": [], "time": []}
    wanted = {"account": signal.account, "value": signal.column, "time": signal.time}
    seen = 0
    for body in _read_bodies(signal, path):
        seen += 1
        if any(_text_at(body, name) not in values for name, values in signal.only.items()):
            continue
        for name, at in wanted.items():
            text = _text_at(body, at) if at else None
            rows[name].append(text if name == "account" or text is None else text[:_MOST_CHARS])
    if seen and not any(rows["value"]):
        raise InputError(
            f"none of {formatting.count(seen)} bodies has {signal.column!r}",
            where=f"signal {signal.name}",
            next_step="name its dotted path in column, such as data.object.risk_score",
        )
    return pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})


def _read_bodies(signal: Signal, path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as lines:
            whole = [lines.read()] if path.suffix == ".json" else iterate_whole_lines(lines)
            for number, line in enumerate(whole, 1):
                if line.strip():
                    body = _body_of(signal, number, line)
                    yield from body if isinstance(body, list) else [body]
    except OSError as error:
        raise _make_unreadable_error(signal, error) from error


def _body_of(signal: Signal, number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"line {number} is no JSON",
            where=f"signal {signal.name}",
            next_step="store each body that is pushed as one line",
        ) from error


def _text_at(body: Any, path: str) -> str | None:
    """What stands at a dotted path, as text; None where it is not there or is no single value."""
    for part in path.split("."):
        if isinstance(body, list) and part.isdigit() and int(part) < len(body):
            body = body[int(part)]
        elif isinstance(body, dict) and part in body:
            body = body[part]
        else:
            return None
    if isinstance(body, bool):
        return "true" if body else "false"
    if not isinstance(body, str | int | float):
        return None
    return str(body).encode("utf-8", "replace").decode()  # JSON may have half a character


def _one_row_per_account(signal: Signal, rows: pa.Table) -> SignalValues:
    """Of several rows of an account: the highest score, a yes before a no, and else the latest or last value."""
    texts = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(rows["value"]), 0, _MOST_CHARS).combine_chunks()
    times = np.array([_seconds_of(text) for text in rows["time"].to_pylist()], float)
    numbers = np.full(len(texts), np.nan)
    if signal.kind == "score":
        numbers = np.array([_number_of(text) for text in texts.to_pylist()], float)
        order = np.lexsort((numbers,))
    elif signal.kind == "flag":
        yes = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(signal.yes)).to_numpy(zero_copy_only=False)
        texts = pa.array(np.where(yes, "yes", "no").tolist(), pa.string())
        order = np.lexsort((yes,))
    else:
        order = np.argsort(np.nan_to_num(times, nan=-np.inf), kind="stable")
    if signal.kind == "score":
        order = order[np.isfinite(numbers[order])]
    ids = rows["account"].combine_chunks().take(pa.array(order, pa.int64()))
    by_id = pc.sort_indices(ids).to_numpy()
    # `sort_indices` is stable, so that the last row of each account is the one that counts.
    sorted_ids = ids.take(pa.array(by_id))
    last = np.append(pc.not_equal(sorted_ids[1:], sorted_ids[:-1]).to_numpy(zero_copy_only=False), True)
    kept = order[by_id[last[: len(by_id)]]] if len(by_id) else order
    taken = pa.array(kept, pa.int64())
    return SignalValues(rows["account"].combine_chunks().take(taken), texts.take(taken), numbers[kept], times[kept])


def _number_of(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _seconds_of(text: str | None) -> float:
    if text is None:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return float("nan")
