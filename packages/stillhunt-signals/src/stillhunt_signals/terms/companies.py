"""Names of customers compared with those of companies that are owned by somebody whom the terms exclude.

An identifier (registration number, LEI) that is the same is proof; names are only alike, by how much is said, and a
name that is a little different may be another company: a person has to look.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from cleanco import basename
from rapidfuzz import fuzz, process

from stillhunt import ConfigError
from stillhunt.tools import shorten

SAME_NAME, ALIKE_NAME = 97.0, 90.0
"""Points of 100 (indel similarity of sorted words) from which names are the same, or alike. Judgement: at 90 a name of
twenty letters differs in two."""
_FEWEST_LETTERS = (
    5  # Letters of a name without its legal form that can be told from another (shorter ones are initials)
)


@dataclass(frozen=True)
class OwnedCompany:
    """A company on the list."""

    name: str
    identifier: str = ""
    share: float = 100.0  # per cent that is owned; 100 where the list does not say


@dataclass(frozen=True)
class OwnedMatch:
    """A company that a customer may be."""

    company: OwnedCompany
    points: float  # how alike the names are, 0 to 100; 100 where the identifier is the same
    by_identifier: bool

    @property
    def words(self) -> str:
        """What matched, and how sure that is."""
        name = shorten(self.company.name, 80)
        if self.by_identifier:
            return f"{name}, by its identifier"
        how = "the same name" if self.points >= SAME_NAME else "a name that is alike"
        return f"{name}, by {how} ({self.points:.0f} of 100 points), which is no proof"


class OwnedCompanies:
    """A list of owned companies, to be searched by name and identifier."""

    def __init__(self, companies: Sequence[OwnedCompany]) -> None:
        self._companies = list(companies)

    @cached_property
    def _names(self) -> list[str]:
        return [plain_company_name(one.name) for one in self._companies]

    @cached_property
    def _by_identifier(self) -> Mapping[str, OwnedCompany]:
        return {_plain_identifier(one.identifier): one for one in self._companies if one.identifier}

    def match(self, name: str, identifier: str = "") -> OwnedMatch | None:
        """The company that a customer may be; None where none is alike."""
        known = self._by_identifier.get(_plain_identifier(identifier)) if identifier else None
        if known is not None:
            return OwnedMatch(known, 100.0, True)
        plain = plain_company_name(name)
        if len(plain.replace(" ", "")) < (_FEWEST_LETTERS if plain.isascii() else 2):
            return None
        found = process.extractOne(plain, self._names, scorer=fuzz.token_sort_ratio, score_cutoff=ALIKE_NAME)
        return None if found is None else OwnedMatch(self._companies[found[2]], float(found[1]), False)


_EAST_ASIAN_FORMS = ("股份有限公司", "有限责任公司", "有限公司", "株式会社", "주식회사")
_MOST_CHARS = 200


def plain_company_name(name: str) -> str:
    """A name without its legal form, accents, marks and case."""
    text = unicodedata.normalize("NFKD", name[:_MOST_CHARS]).casefold()
    text = unicodedata.normalize("NFC", "".join(one for one in text if not unicodedata.combining(one)))
    for form in _EAST_ASIAN_FORMS:
        text = text.replace(unicodedata.normalize("NFC", form), "")
    before = ""
    while text and text != before:  # "Co., Ltd." is two forms
        before, text = text, basename(text)
    words = "".join(one if one.isalnum() else " " for one in text or before).split()
    return " ".join(words)


def _plain_identifier(identifier: str) -> str:
    return "".join(one for one in identifier.upper() if one.isalnum())


def read_owned(path: Path, least_share: float) -> OwnedCompanies:
    """The companies of a list that are owned to at least so many per cent.

    Raises ConfigError: it cannot be read, or has no column name.
    """
    rows = read_named_rows(path)
    companies = [
        OwnedCompany(row["name"], row.get("identifier") or "", _share_of(row.get("share"), path))
        for row in rows
        if row["name"]
    ]
    return OwnedCompanies([one for one in companies if one.share >= least_share])


def _share_of(text: str | None, path: Path) -> float:
    try:
        return float(text.rstrip(" %")) if text else 100.0
    except ValueError as error:
        raise ConfigError(
            f"{shorten(text or '', 40)!r} is no share", where=str(path), next_step="write per cent, such as 50"
        ) from error


def read_named_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a table with a column name, as text.

    Raises ConfigError: it cannot be read, or has no such column.
    """
    try:
        table = pa.parquet.read_table(path) if path.suffix == ".parquet" else _read_csv_as_text(path)
        table = table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))
    except (OSError, pa.ArrowException) as error:
        raise ConfigError(
            f"it cannot be read: {error!s:.200}", where=str(path), next_step="name a CSV or Parquet file"
        ) from error
    if "name" not in table.column_names:
        shown = ", ".join(shorten(one, 40) for one in table.column_names[:12])
        raise ConfigError("there is no column name", where=str(path), next_step=f"name one of {shown}")
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _read_csv_as_text(path: Path) -> pa.Table:
    """Identifiers keep their zeros: `00445790` is no number."""
    with path.open("rb") as file:
        names = pa.csv.open_csv(file).schema.names
    return pa.csv.read_csv(path, convert_options=pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())))
