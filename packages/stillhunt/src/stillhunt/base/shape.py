"""What a table is: named, typed columns with a meaning, and the boundary check."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from stillhunt.base.errors import ContractError

TIMESTAMP = pa.timestamp("us", tz="UTC")  # type of every moment
CODED = pa.dictionary(pa.int32(), pa.string())
"""Strings of few distinct values beside the rows: kept once each, four bytes a row."""
_TYPES = {
    "moment": TIMESTAMP,
    "coded": CODED,
    "bool": pa.bool_(),
    "strings": pa.list_(pa.string()),
    "doubles": pa.list_(pa.float64()),
    "uint16s": pa.list_(pa.uint16()),
    "uint32s": pa.list_(pa.uint32()),
    "spans": pa.list_(pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32())])),
}
"""Type of a column in a file of tables, where Arrow has no word for it."""


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type, whether it may hold nulls, and what it means."""

    name: str
    type: pa.DataType
    nullable: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table between two rooms, or one file of the case folder."""

    name: str
    meaning: str
    columns: tuple[Column, ...]

    @property
    def arrow(self) -> pa.Schema:
        """The Arrow schema, in declared column order."""
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in declared order."""
        return tuple(c.name for c in self.columns)

    def empty(self) -> pa.Table:
        """An empty table of this shape."""
        return self.arrow.empty_table()

    def build(self, **columns: object) -> pa.Table:
        """A checked table from one array or list per column; a missing nullable column becomes all null.

        Raises ContractError where a column is missing, unknown, of another length or type.
        """
        unknown = set(columns) - set(self.names)
        if unknown:
            raise ContractError(f"unknown columns {sorted(unknown)}", where=f"table {self.name}")
        length = max((len(v) for v in columns.values()), default=0)  # type: ignore[arg-type]  # sized by contract
        arrays = []
        for column in self.columns:
            if column.name not in columns:
                if not column.nullable:
                    raise ContractError("required column missing", where=f"{self.name}.{column.name}")
                arrays.append(pa.nulls(length, column.type))
                continue
            value = columns[column.name]
            try:
                arrays.append(_as_type(value, column.type))
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
                raise ContractError(str(error), where=f"{self.name}.{column.name}") from error
        try:
            table = pa.Table.from_arrays(arrays, schema=self.arrow)
        except (pa.ArrowInvalid, ValueError) as error:
            raise ContractError(str(error), where=f"table {self.name}") from error
        return self.check(table)

    def check(self, table: pa.Table) -> pa.Table:
        """The table, if it has exactly this shape; else a ContractError."""
        if table.schema.names != list(self.names):
            raise ContractError(
                f"columns are {table.schema.names}, declared are {list(self.names)}", where=f"table {self.name}"
            )
        for column in self.columns:
            got = table.schema.field(column.name).type
            if got != column.type:
                raise ContractError(f"type is {got}, declared is {column.type}", where=f"{self.name}.{column.name}")
            if not column.nullable and table.column(column.name).null_count:
                raise ContractError("nulls in a column that must not have any", where=f"{self.name}.{column.name}")
        return table


def _as_type(value: object, wanted: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(value, pa.Array | pa.ChunkedArray):
        return value if value.type == wanted else value.cast(wanted)
    return pa.array(value, wanted)


def read_tables(name: str) -> dict[str, Table]:
    """The tables of a file here, whose first lines say how it is written; a ContractError for an unknown type."""
    declared = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return {table: Table(table, lines.get("", ""), _columns_of(table, declared)) for table, lines in declared.items()}


def _columns_of(table: str, declared: dict[str, dict[str, str]]) -> tuple[Column, ...]:
    columns: list[Column] = []
    for name, text in declared[table].items():
        if name.startswith("+"):
            columns += _columns_of(name[1:], declared)
        elif name:
            kind, meaning = text.split(": ", 1)
            plain = kind.rstrip("?")
            arrow = _TYPES.get(plain) or getattr(pa, plain, lambda: None)()
            if arrow is None:
                raise ContractError(f"there is no type {plain}", where=f"{table}.{name}")
            columns.append(Column(name, arrow, kind != plain, meaning))
    return tuple(columns)
