"""The inputs of a log: found, opened, and sorted into those that can be used and those that cannot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillhunt.base.config import Config
from stillhunt.base.engine import Engine
from stillhunt.base.errors import InputError
from stillhunt.base.formatting import shorten
from stillhunt.collect.decode.columnar import Reader, UnusableInputError
from stillhunt.collect.decode.records import RecordReader
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.locate.catalog import Found, FoundFile, find_inputs
from stillhunt.collect.locate.database import StoredTable
from stillhunt.collect.read.recognise import FormatsMet, open_reader
from stillhunt.collect.values.fields import FieldMap
from stillhunt.collect.values.rejects import NAME_CHARACTERS, Rejects

_MAP_FIELDS = "correct the log or name its fields with {}; the message says what is wrong with one row"
NO_USABLE_ROW = {
    "next_step": _MAP_FIELDS.format('mapping={"OURS": "THEIRS"}'),
    "command_step": _MAP_FIELDS.format("--map OURS=THEIRS"),
}
NO_USABLE_ACCOUNT = {
    "next_step": _MAP_FIELDS.format('accounts_mapping={"OURS": "THEIRS"}'),
    "command_step": _MAP_FIELDS.format("--map-accounts OURS=THEIRS"),
}


@dataclass(frozen=True)
class OpenedInputs:
    """Inputs as found, by whose place all else is known: readers of the wanted kind, and why others are unusable."""

    found: Sequence[Found]
    readers: Mapping[int, Reader]
    rejects: Rejects
    customers: Mapping[int, Reader] = field(default_factory=dict)
    unmapped: tuple[str, ...] = ()

    def format_of(self, index: int) -> str:
        """Name of an input's format; `canonical` if the input has our columns."""
        reader = self.readers.get(index) or self.customers.get(index)
        return reader.source.name if isinstance(reader, RecordReader) else CANONICAL_FORMAT

    def name_of(self, index: int) -> str:
        """Name of an input as it is printed in REJECTS."""
        return shorten(self.found[index].name, NAME_CHARACTERS)

    def shares_name(self, index: int) -> bool:
        """Whether another input has the same name, so that their rejects cannot be told apart."""
        return sum(found.name == self.found[index].name for found in self.found) > 1

    def files(self) -> dict[int, FoundFile]:
        """Index -> input, for the inputs that are files or stored tables."""
        return {index: found for index, found in enumerate(self.found) if isinstance(found, FoundFile)}

    def customer_files(self) -> list[FoundFile]:
        """Customer tables found among the logs."""
        files = self.files()
        return [files[index] for index in sorted(self.customers) if index in files]

    def end_snapshots(self) -> None:
        """Close the databases that were read: an open transaction keeps their servers from cleaning up."""
        for item in self.files().values():
            if isinstance(item.path, StoredTable):
                item.path.database.close()


def open_inputs(
    sources: Any,
    fields: FieldMap,
    required: Sequence[str],
    config: Config,
    engine: Engine,
    *,
    customers: bool = False,
    note: Callable[[str], None] = lambda _text: None,
) -> OpenedInputs:
    """Find and open all inputs. An input that cannot be used goes to rejects, as long as another can be used.

    Args:
        sources: as for `find_inputs`.
        customers: whether customer tables are wanted instead of request logs.
        note: receives a sentence about files that are not read.

    Raises:
        InputError: no input can be used (the message gives the first reason), or a mapped field is in no log.
    """
    rejects = Rejects()
    found = find_inputs(sources, engine, rejects, note)
    wanted: dict[int, Reader] = {}
    others: dict[int, Reader] = {}
    formats = FormatsMet()
    failure: InputError | None = None
    for index, item in enumerate(found):
        try:
            reader = open_reader(item, index, fields, required, config, formats)
            fits = not isinstance(reader, RecordReader) or (reader.source.role == "accounts") is customers
            if customers and not fits:
                raise UnusableInputError(f"{reader.name} is a request log, not a customer table")
            (wanted if fits else others)[index] = reader
        except UnusableInputError as error:
            rejects.add(item.name, error.place, error.reason, rows=error.rows)
            failure = failure or _make_input_error(item.name, error)
    if not wanted:
        raise _nothing_usable(found, others, rejects, failure)
    if not customers and all(isinstance(reader, RecordReader) for reader in wanted.values()):
        fields.check_mapping()
    return OpenedInputs(found, wanted, rejects, others, fields.unmapped())


def _nothing_usable(
    found: Sequence[Found], customers: Mapping[int, Reader], rejects: Rejects, failure: InputError | None
) -> InputError:
    if customers:
        where = shorten(found[min(customers)].name, NAME_CHARACTERS)
        reason = "the input holds customer tables but no request log"
        return InputError(reason, where=where, next_step="name the request logs as well")
    step = "check that the names and permissions are right"
    return failure or InputError("no input can be read", where=rejects.first, next_step=step)


def _make_input_error(name: str, cause: UnusableInputError) -> InputError:
    return InputError(
        cause.reason,
        where=f"{shorten(name, NAME_CHARACTERS)}, {cause.place}",
        next_step=cause.next_step or "name a file that holds requests",
        command_step=cause.command_step,
    )
