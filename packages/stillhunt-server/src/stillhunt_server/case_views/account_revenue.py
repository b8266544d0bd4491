"""What customers pay a month, where the accounts file declares it: for whom a decision would hit."""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting

REVENUE_COLUMN = "monthly_revenue"
"""Column of the accounts file: what the account's customer pays a month, in the currency of `report.currency`."""
_ACCOUNT = "account_id"
_LOG = logging.getLogger(__name__)


def read_revenue(source: str) -> pa.Table | None:
    """The revenue of each account as account_id and monthly_revenue; None where the accounts file does not declare it.

    It reads Parquet and CSV (also compressed) with these two columns, and no database. What is no number from 0 on is
    not known, and of several rows of an account the largest counts. It misleads where one customer pays for several
    accounts: each is then worth what its own row says.

    Args:
        source: setting `watch.accounts`; "" for none.
    """
    from pyarrow import csv, parquet  # late: only where a file declares it

    file, wanted = Path(source), [_ACCOUNT, REVENUE_COLUMN]
    if not source or "://" in source or not file.is_file():
        return None
    try:
        if file.suffix == ".parquet":
            if not set(wanted) <= set(parquet.read_schema(file).names):
                return None
            table = parquet.read_table(file, columns=wanted)
        elif ".csv" in file.suffixes:
            texts = dict.fromkeys(wanted, pa.string())
            with csv.open_csv(file) as opened:
                if not set(wanted) <= set(opened.schema.names):
                    return None
            table = csv.read_csv(file, convert_options=csv.ConvertOptions(include_columns=wanted, column_types=texts))
        else:
            return None
        revenue = _read_numbers(table[REVENUE_COLUMN])
        rows = pa.table({_ACCOUNT: table[_ACCOUNT].cast(pa.string()), REVENUE_COLUMN: revenue})
        once = rows.group_by(_ACCOUNT, use_threads=False).aggregate([(REVENUE_COLUMN, "max")])
        return once.rename_columns({f"{REVENUE_COLUMN}_max": REVENUE_COLUMN}).select(wanted)
    except (pa.ArrowException, OSError, ValueError):
        _LOG.exception("the revenue of accounts cannot be read from %s", file)
        return None


def _read_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers from 0 on as float64; null for all else."""
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        texts = values.cast(pa.string())
        values = pc.if_else(pc.match_substring_regex(texts, r"^\d{1,12}(\.\d{1,20})?$"), texts, None)
    numbers = values.cast(pa.float64())
    return pc.if_else(pc.and_(pc.is_finite(numbers), pc.greater_equal(numbers, 0.0)), numbers, None)


def describe_customers(
    paying: tuple[int, int] | None, plans: str, revenue: tuple[float, int] | None, currency: str
) -> str:
    """Who pays among the accounts that a decision would hit, in words; what is not known is said.

    Args:
        paying: how many of how many have a payment instrument; None where the accounts table has none of anybody.
        plans: their plans in words; "" where they are not known.
        revenue: what they pay a month, and of how many that is known; None where no column declares it.
    """
    said = [f"{formatting.count(paying[0])} of {formatting.count(paying[1])} have a card" if paying else "", plans]
    if revenue is None:
        said.append(f"revenue is not known: no accounts file has the columns {_ACCOUNT} and {REVENUE_COLUMN}")
    else:
        said.append(f"{formatting.money(revenue[0], currency)} a month, known of {formatting.count(revenue[1])}")
    return "; ".join(filter(None, said)) or "not known"


def sum_revenue(revenue: pa.Table, accounts: pa.Array) -> tuple[float, int]:
    """What some accounts pay a month, and of how many of them that is known."""
    own = revenue.filter(pc.is_in(revenue[_ACCOUNT], value_set=accounts))[REVENUE_COLUMN]
    return float(pc.sum(own).as_py() or 0.0), len(own) - own.null_count
