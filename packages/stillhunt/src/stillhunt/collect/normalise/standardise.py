"""One raw batch -> checked columns. Rows without a time or an account go to the rejects, with the reason.

No row is lost for what its client may choose: a value that cannot be kept as it is becomes something else or null, and
is counted. A row without a time has no place in any order, and one without an account belongs to nobody; the gateway
writes both.

Every type of value is checked in two ways: for a column at once, and value by value if something in the column is
wrong. Both accept the same values and give the same result, so that the result for one row never depends on others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError
from stillhunt.base.formatting import shorten
from stillhunt.base.ids import MOST_ID_BYTES, kept_id
from stillhunt.base.schema import ACCOUNTS, REQUESTS
from stillhunt.collect.formats import CANONICAL_FORMAT, all_sources
from stillhunt.collect.normalise.identity import IdentityHasher, email_domain, normal_email
from stillhunt.collect.normalise.networks import Networks, open_networks
from stillhunt.collect.values.chat import fill_from_messages, unfold_prompts
from stillhunt.collect.values.fields import REQUIRED_REQUEST_FIELDS, UNKNOWN_MODEL, Column, RawBatch
from stillhunt.collect.values.numbers import floats, integers
from stillhunt.collect.values.other_settings import DRAWN_SETTINGS, SETTING_FIELDS, named, setting_columns
from stillhunt.collect.values.rejects import NAME_CHARACTERS, Rejects
from stillhunt.collect.values.strings import (
    NESTED,
    Changes,
    as_text,
    bounded_texts,
    changed,
    nested_values,
    short_strings,
    texts,
)
from stillhunt.collect.values.timestamps import EARLIEST_ACCOUNT, EARLIEST_REQUEST, TimeRange, time_range, times

REQUIRED = "required value is missing"
NAMED_BY_PLACE = "missing, so the call is named after its place"
NO_MODEL = f"missing, so '{UNKNOWN_MODEL}'"
SHORT_REQUEST_COLUMNS = (
    *("request_id", "account_id", "model", "source", "conversation_id", "organization_id", "api_key_id"),
    *("end_user_id", "country", "tls_fingerprint", "channel", "ip_kind", "user_agent", "asn_name"),
)
INTEGER_COLUMNS = {"turn": 32, "asn": 64, "input_tokens": 64, "output_tokens": 64, "max_tokens": 64, "status": 32}
FLOAT_COLUMNS = ("temperature", "top_p")
MIN_SAMPLING_RATE = 1e-6
"""Smallest sampling rate that is accepted; with a smaller one the counts would mean nothing."""
CLIENT_LOOKUPS = {name: name for name in ("country", "asn_name", "asn", "ip_kind")}
"""Column -> what is looked up for it. Names of networks come before numbers, while the log's own number is known."""
BOUNDED_TEXT_COLUMNS = ("system_prompt", "response", "tools")
"""Long texts that are sampled here; prompts are sampled later, when resent history has been removed."""
SHORT_ACCOUNT_COLUMNS = (
    *("account_id", "organization_id", "plan", "payment_country", "phone_country", "signup_country", "declared_use"),
)


@dataclass
class Rules:
    """Conditions on values; made once per run, so that the clock is read once."""

    config: Config
    hasher: IdentityHasher
    request_times: TimeRange
    account_times: TimeRange
    networks: Networks | None = None
    formats: dict[int, str] = field(default_factory=dict)
    """Format of each input that is not canonical, by index of the input."""

    @classmethod
    def of(cls, config: Config) -> Rules:
        """Rules from settings and this machine's clock; a ConfigError for an unusable MMDB file or unknown format."""
        kinds = [CANONICAL_FORMAT, *(source.name for source in all_sources())]
        for kind in sorted(set(config.collect.sampling_rate) - set(kinds)):
            raise ConfigError(
                "unknown log format",
                where=f"setting collect.sampling_rate.{shorten(kind, NAME_CHARACTERS)}",
                next_step="one of " + ", ".join(kinds),
            )
        days = config.collect.future_days
        return cls(
            config,
            IdentityHasher(config.collect.identity_key),
            time_range(EARLIEST_REQUEST, days),
            time_range(EARLIEST_ACCOUNT, days),
            open_networks(config.collect.mmdb),
        )


@dataclass
class _Build:
    """Columns that are finished, and for each refused row the first column at fault."""

    raw: RawBatch
    rules: Rules
    columns: dict[str, pa.Array] = field(default_factory=dict)
    faults: dict[int, tuple[str, str]] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    broken: int = 0

    def values(self, name: str) -> Column:
        """Raw values of a column; nulls if the input lacks it."""
        found = self.raw.columns.get(name)
        return pa.nulls(self.raw.rows) if found is None else found

    def put(self, name: str, values: pa.Array, changes: Changes | None = None, broken: int = 0) -> None:
        """Store a finished column."""
        self.columns[name] = values
        self.broken += broken
        for reason, count in (changes or {}).items():
            self.changes[f"{name}: {reason}"] += count

    def require(self, names: tuple[str, ...]) -> None:
        """Refuse rows that lack a required value."""
        for name in names:
            for row in self._find_missing_rows(name):
                self.faults.setdefault(row, (name, REQUIRED))

    def name_calls(self) -> None:
        """Name calls without an id after their place in the input."""
        if missing := self._find_missing_rows("request_id"):
            ids = self.columns["request_id"].to_pylist()
            for row in missing:
                ids[row] = kept_id(f"{self.raw.source}#{self.raw.place(row)}", self._limit)
            self.put("request_id", pa.array(ids, pa.string()), {NAMED_BY_PLACE: len(missing)})

    def name_models(self) -> None:
        """Fill in the model of calls that name none."""
        if missing := self._find_missing_rows("model"):
            self.put("model", pc.fill_null(self.columns["model"], UNKNOWN_MODEL), {NO_MODEL: len(missing)})

    def _find_missing_rows(self, name: str) -> list[int]:
        """Rows without a value in a finished column."""
        values = self.columns[name]
        return np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False)).tolist() if values.null_count else []

    @property
    def _limit(self) -> int:
        return self.rules.config.collect.max_field_bytes

    def short(self, name: str) -> None:
        """A short string column."""
        values = self.values(name)
        # An account has the same id under all settings: decisions about it outlive them.
        limit = MOST_ID_BYTES if name == "account_id" else self._limit
        text, changes, broken = short_strings(values, limit)
        if name in REQUIRED_REQUEST_FIELDS and (nested := nested_values(values)):
            changes[NESTED] = nested
        self.put(name, text, changes, broken)

    def time(self, name: str, allowed: TimeRange) -> None:
        """A timestamp column."""
        self.columns[name], faults = times(self.values(name), allowed)
        for row, reason in faults.items():
            self.faults.setdefault(row, (name, reason))

    def look_up(self, address: str, lookups: Mapping[str, str]) -> None:
        """Fill gaps in columns about an address, which must not be hashed yet, from the MMDB files."""
        wanted = [name for name in lookups if self.columns[name].null_count]
        if self.rules.networks is None or not wanted or address not in self.raw.columns:
            return
        found = self.rules.networks.of(self.values(address), self._limit)
        own = self.columns.get("asn")
        for name in wanted:
            values = found.column(lookups[name])
            if lookups[name] == "asn_name" and own is not None:
                # The name belongs to the number that was looked up; the log may have another number.
                values = pc.if_else(pc.fill_null(pc.equal(own, found.column("asn")), True), values, None)
            self.columns[name] = pc.coalesce(self.columns[name], values)

    def rate(self) -> None:
        """The sampling rate of the log: its own column, else the setting for its format."""
        stated, changes = floats(self.values("sampling_rate"))
        wrong = pc.fill_null(pc.or_(pc.less(stated, MIN_SAMPLING_RATE), pc.greater(stated, 1.0)), False)
        if count := pc.sum(wrong).as_py():
            changes[f"not a share from {MIN_SAMPLING_RATE:g} to 1, so unknown"] = count
            stated = pc.if_else(wrong, None, stated)
        rates = self.rules.config.collect.sampling_rate
        usual = rates.get(self.rules.formats.get(self.raw.origin_file, CANONICAL_FORMAT)) if rates else None
        self.put("sampling_rate", stated if usual is None else pc.fill_null(stated, usual), changes)

    def text(self, name: str) -> pa.Array:
        """A long text column, not yet bounded."""
        values, broken = texts(self.values(name))
        self.broken += broken
        return values

    def accepted(self, rejects: Rejects) -> npt.NDArray[np.bool_]:
        """Which rows are accepted; the others go to the rejects."""
        good = np.ones(self.raw.rows, np.bool_)
        accounts = self.columns.get("account_id")
        for row in sorted(self.faults):
            name, reason = self.faults[row]
            good[row] = False
            place, account = (
                f"{self.raw.place(row)}, column {name}",
                None if accounts is None else accounts[row].as_py(),
            )
            rejects.add(self.raw.source, place, reason, self.raw.raw(row), account=account)
        return good


def standardise_requests(
    raw: RawBatch, rules: Rules, rejects: Rejects, required: tuple[str, ...] = REQUIRED_REQUEST_FIELDS
) -> pa.Table:
    """REQUESTS rows of one batch; prompts still contain resent history and have their full length.

    `required`: columns without which a row cannot be used. Calls without an id get one in any case, and calls without a
    model are of an unknown model if it is required.
    """
    build = _Build(raw, rules)
    config = rules.config
    for name in SHORT_REQUEST_COLUMNS:
        build.short(name)
    build.put("source", _source_names(build.columns["source"], config.collect.source))
    build.time("timestamp", rules.request_times)
    _put_texts(build)
    _put_other_settings(build)
    for name, bits in INTEGER_COLUMNS.items():
        build.put(name, *integers(build.values(name), bits, prefix="AS" if name == "asn" else ""))
    for name in FLOAT_COLUMNS:
        build.put(name, *floats(build.values(name)))
    for name in DRAWN_SETTINGS:
        _name_unusable_setting(build, name)
    build.rate()
    build.look_up("client_ip", CLIENT_LOOKUPS)
    address, prefix, broken = rules.hasher.addresses(build.values("client_ip"), config.collect.max_field_bytes)
    build.put("client_ip", address, broken=broken)
    build.put("client_prefix", prefix)
    build.name_calls()
    if "model" in required:
        build.name_models()
    build.require(required)
    build.put("origin_file", pa.array(np.full(raw.rows, raw.origin_file, np.int32)))
    build.put("origin_row", pa.array(raw.origin_rows, pa.int64()))
    return _finish_batch(build, REQUESTS.arrow, rejects)


def standardise_keys(raw: RawBatch, rules: Rules, wanted: Sequence[str]) -> pa.Table:
    """Time and turn, and account and conversation if wanted, of the rows in which these are usable."""
    build = _Build(raw, rules)
    named = [name for name in ("account_id", "conversation_id") if name in wanted]
    for name in named:
        build.short(name)
    build.time("timestamp", rules.request_times)
    build.put("turn", *integers(build.values("turn"), INTEGER_COLUMNS["turn"]))
    build.require(("account_id", "timestamp") if named else ("timestamp",))
    return _finish_batch(build, pa.schema([REQUESTS.arrow.field(name) for name in build.columns]), Rejects())


def standardise_texts(raw: RawBatch, rules: Rules) -> tuple[pa.Array, pa.Array]:
    """Prompts and system prompts of all rows, at full length."""
    return _prompts_and_systems(_Build(raw, rules))


def _finish_batch(build: _Build, schema: pa.Schema, rejects: Rejects) -> pa.Table:
    rejects.replaced_texts += build.broken
    rejects.changed.update(build.changes)
    batch = pa.RecordBatch.from_arrays([build.columns[name] for name in schema.names], names=schema.names)
    if build.faults:
        batch = batch.filter(pa.array(build.accepted(rejects)))
    return pa.Table.from_batches([pa.RecordBatch.from_arrays(batch.columns, schema=schema)], schema=schema)


def _source_names(values: pa.Array, configured: str) -> pa.Array:
    """Source of each row: the log's own column, of a path only the last part; else the setting."""
    if values.null_count == len(values):
        return pa.repeat(pa.scalar(configured), len(values))
    coded = values.dictionary_encode()
    words = [
        name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or configured for name in coded.dictionary.to_pylist()
    ]
    return pc.fill_null(pa.array(words, pa.string()).take(coded.indices), configured)


def _prompts_and_systems(build: _Build) -> tuple[pa.Array, pa.Array]:
    prompts, systems = unfold_prompts(build.text("prompt"), build.text("system_prompt"))
    if "messages" in build.raw.columns and prompts.null_count:
        prompts, systems = fill_from_messages(prompts, systems, build.values("messages"))
    return prompts, systems


def _put_other_settings(build: _Build) -> None:
    """Names of the settings that have no column: as a format found them, and from fields of our own tables."""
    build.short("other_settings")
    columns = {name: build.raw.columns[name] for name in SETTING_FIELDS if name in build.raw.columns}
    given = {
        name: column if isinstance(column, list) else column.to_pylist()
        for name, column in columns.items()
        if isinstance(column, list) or column.null_count < len(column)
    }
    if given:
        rows = (dict(zip(given, values, strict=True)) for values in zip(*given.values(), strict=True))
        known = build.columns["other_settings"].to_pylist()
        joined = [named(one, setting_columns(row)) for one, row in zip(known, rows, strict=True)]
        build.put("other_settings", pa.array(joined, pa.string()))


def _name_unusable_setting(build: _Build, name: str) -> None:
    """Name a setting among the others where its value was no such number: what the server made of it is not known."""
    if any(reason.startswith(f"{name}: ") for reason in build.changes):
        given, kept = build.values(name), build.columns[name].to_pylist()
        values = given if isinstance(given, list) else given.to_pylist()
        lost = [name if one not in (None, "") and kept[row] is None else None for row, one in enumerate(values)]
        known = build.columns["other_settings"].to_pylist()
        build.put("other_settings", pa.array(map(named, known, lost), pa.string()))


def _put_texts(build: _Build) -> None:
    config = build.rules.config
    prompts, systems = _prompts_and_systems(build)
    build.put("prompt", prompts)
    finished = {"system_prompt": systems, "response": build.text("response"), "tools": build.text("tools")}
    for name in BOUNDED_TEXT_COLUMNS:
        texts = bounded_texts(finished[name], config.collect.max_text_bytes, config.seed)
        build.put(name, texts.cast(REQUESTS.arrow.field(name).type))


def standardise_accounts(
    raw: RawBatch, rules: Rules, rejects: Rejects
) -> tuple[pa.Table, pa.Table, npt.NDArray[np.int64]]:
    """ACCOUNTS rows of one batch, the texts behind their hashes (to resolve duplicates), and their row numbers."""
    build = _Build(raw, rules)
    limit = rules.config.collect.max_field_bytes
    for name in SHORT_ACCOUNT_COLUMNS:
        build.short(name)
    build.time("created_at", rules.account_times)
    mails, domains = _mail_columns(build)
    build.put("email_domain", *short_strings(domains, limit))
    hidden = {"email": mails, **{name: as_text(build.values(name))[0] for name in ("payment_fingerprint", "signup_ip")}}
    hashed, broken = rules.hasher.secrets(mails, "email", limit)
    build.put("email_hash", hashed, broken=broken)
    cards, broken = rules.hasher.secrets(build.values("payment_fingerprint"), "card", limit)
    build.put("payment_fingerprint", cards, broken=broken)
    build.look_up("signup_ip", {"signup_country": "country"})
    address, prefix, broken = rules.hasher.addresses(build.values("signup_ip"), limit)
    build.put("signup_ip", address, broken=broken)
    build.put("signup_prefix", prefix)
    build.require(("account_id",))
    good = np.ones(raw.rows, np.bool_)
    good[list(build.faults)] = False
    return _finish_batch(build, ACCOUNTS.arrow, rejects), pa.table(hidden).filter(pa.array(good)), np.flatnonzero(good)


def account_contents(table: pa.Table, hidden: pa.Table) -> list[str]:
    """One text per row with all of its values, before hashing."""
    plain = [table.column(name).to_pylist() for name in (*SHORT_ACCOUNT_COLUMNS, "email_domain")]
    created = table.column("created_at").cast(pa.int64()).to_pylist()
    return [repr(row) for row in zip(*plain, created, *(column.to_pylist() for column in hidden.columns), strict=True)]


def _mail_columns(build: _Build) -> tuple[pa.Array, pa.Array]:
    """Text to be hashed for each e-mail address, and its domain: from the address, else from hash and domain."""
    given, named, texts_of = (as_text(build.values(name))[0] for name in ("email_hash", "email_domain", "email"))
    if texts_of.null_count == len(texts_of) and named.null_count == len(named):
        return given, named
    mails = changed(texts_of, normal_email)
    keys = pc.if_else(pc.fill_null(pc.not_equal(mails, ""), False), mails, given)
    own = pc.if_else(pc.match_substring(mails, "@"), mails, pa.scalar(None, pa.large_string()))
    domains = pc.if_else(pc.fill_null(pc.not_equal(named, ""), False), named, own)
    return keys, changed(domains, email_domain)
