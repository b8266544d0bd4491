"""Signals as the settings declare them: `[signals.NAME]`, by itself or after one of the ready ones."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from stillhunt import Config, ConfigError

SignalForm = Literal["score", "flag", "category", "shared"]
"""A number, the higher the worse; yes or no; one of a few words; an identifier that several accounts may have."""
About = Literal["operation", "harvest", "honest"]
"""What a signal says of a group: that one operator stands behind it, that it harvests, or that it is honest."""
Text = Field("", max_length=256)
ACCOUNT_COLUMNS = (
    "plan",
    "email_domain",
    "payment_country",
    "phone_country",
    "signup_country",
    "declared_use",
    "organization_id",
)
"""Columns of the table of accounts that a signal may name with `from = "accounts"`: those that a case keeps."""
LOG_COLUMNS = ("ip_kind", "country")
"""Columns of the log that a signal may name with `from = "log"`: what an account mostly has, as a case keeps it."""
PUSHED_ENDINGS = (".jsonl", ".ndjson")  # of files to which the server appends what webhooks push
BODY_FILES = (*PUSHED_ENDINGS, ".json")
"""Endings of files of bodies that were pushed; all other files are tables."""
_NEXT = "howto/signals.md describes the entries; `stillhunt signals ready` lists the ready ones"


class Signal(BaseModel):
    """One signal."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    # `from`: a file (CSV, Parquet, JSON lines of webhook bodies), a PostgreSQL address, "accounts" or "log"
    source: str = Field(alias="from", min_length=1, max_length=4096, repr=False)
    table: str = Field("", pattern=r"^[A-Za-z0-9_.]{0,128}$")  # of a database: table or view
    # column, or dotted path in a body, with the id of the account
    account: str = Field("account_id", min_length=1, max_length=256)
    column: str = Field(min_length=1, max_length=256)  # column or dotted path with the value
    kind: SignalForm  # form of the value
    about: About  # what it says of a group
    label: str = Field("", max_length=120)  # what it is, as a noun phrase for sentences
    # values that count as yes, for a flag; compared in small letters
    yes: tuple[str, ...] = ("true", "yes", "1", "t", "y")
    # column with when it became known, ISO 8601 or seconds since 1970; values known only after we decided about an
    # account are not learned from
    time: str = Text
    # column -> values that a row must have: a webhook tells of other things, too
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    # a table with account_id and `via_key`, where the rows do not name the account, but its address or its Stripe
    # customer: then `account` names the column with that
    via: str = Field("", max_length=4096, repr=False)
    via_key: str = Field("", max_length=256)
    listed: bool = False  # the rows are a list, and an account that is not on it has the value no
    # signing secret of Stripe's webhook (`whsec_...`), by which bodies that it pushes are known as its own
    secret: str = Field("", max_length=256, repr=False)
    leaves: bool = False  # whether packs and shares may quote it

    @model_validator(mode="after")
    def _check_source(self) -> Signal:
        known = {"accounts": ACCOUNT_COLUMNS, "log": LOG_COLUMNS}.get(self.source)
        if known is not None and self.column not in known:
            raise ValueError(
                f'from = "{self.source}" has no column {self.column!r}, but {", ".join(known)}; or name a file'
            )
        if self.source.startswith(("postgresql://", "postgres://")) != bool(self.table):
            raise ValueError("a database needs table, and nothing else has one")
        if bool(self.via) != bool(self.via_key):
            raise ValueError("rows that name no account need via, a table with account_id and the column via_key")
        return self

    @property
    def shown(self) -> str:
        """What it is, for sentences."""
        return self.label or self.name

    @property
    def digest(self) -> str:
        """Names what it means: what was learned of a signal holds while this stays; where it is read may change."""
        said = self.model_dump(mode="json", include={"name", "kind", "about", "yes", "only", "listed"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


@cache
def ready_signals() -> dict[str, dict[str, Any]]:
    """Name -> entries of each signal that is ready, and what `documented` says of where its fields are described."""
    folder = Path(__file__).parents[1] / "ready"
    return {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))}


def declared_signals(config: Config) -> tuple[Signal, ...]:
    """The signals that the settings declare, by name.

    Raises ConfigError: an entry is not known, missing or of the wrong type.
    """
    tables = {name: entries for name, entries in config.signals.items() if name != "learned"}
    return tuple(signal_of(name, entries) for name, entries in sorted(tables.items()))


def signal_of(name: str, entries: object) -> Signal:
    """One signal from the entries of its table.

    Raises ConfigError: as for `declared_signals`.
    """
    where = f"setting signals.{name}"
    if not isinstance(entries, Mapping):
        raise ConfigError("this is no table", where=where, next_step=f"write [signals.{name}]; {_NEXT}")
    own = dict(entries)
    ready = own.pop("ready", None)
    if ready is not None:
        if ready not in ready_signals():
            raise ConfigError(f"there is no ready signal {ready!r:.60}", where=where, next_step=_NEXT)
        entry = {key: value for key, value in ready_signals()[ready].items() if key != "documented"}
        exported = entry.pop("export", {})
        bodies = str(own.get("from", "")).endswith(BODY_FILES)
        own = {**entry, **({} if bodies else exported), **own}
    try:
        return Signal(name=name, **own)
    except (ValidationError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise ConfigError("an entry has no name", where=where, next_step=_NEXT) from error
        first = error.errors()[0]
        at = ".".join((where, *(str(part) for part in first["loc"])))
        said = "no such entry" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
        raise ConfigError(said, where=at, next_step=_NEXT) from error


def learned_file(config: Config) -> Path | None:
    """The file that says what signals were worth in the past; None where the settings name none."""
    named = config.signals.get("learned")
    if named is not None and not isinstance(named, str):
        raise ConfigError("this is no path", where="setting signals.learned", next_step='write learned = "FILE"')
    return Path(named) if named else None
