"""What stands in the log as compact tables in memory, for a look-up in each request of a gateway."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from struct import Struct
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.ids import MOST_ID_BYTES, kept_id
from stillhunt.base.units import DAY
from stillhunt.decide.actions import ACTIONS, Action, ReasonCode
from stillhunt.decide.entries import PRECEDENCE, Kind, LogEntry, has_begun, weight

_REASONS: tuple[ReasonCode, ...] = get_args(ReasonCode)
_CODES = tuple(product(PRECEDENCE, ACTIONS, _REASONS))
"""Kind, action and reason of each code; one byte has room for all."""
_NAMES = ("kind", "action", "reason")
_WEIGHTS = [weight(kind, action) for kind, action, _reason in _CODES]
_COLUMNS = ("starts_at", "expires_at", "seq", "code")
_ROW_TYPE = np.dtype(
    [("hash", "<u8"), ("starts_at", "<i8"), ("expires_at", "<i8"), ("seq", "<i8"), ("begin", "<i8"), ("size", "<u4"),
     ("code", "<u4")]
)  # fmt: skip
_ROW = Struct("<QqqqqII")
_ROW_BYTES, _unpack = _ROW.size, _ROW.unpack_from
_HASH_BITS = 64
_ALL_BITS = (1 << _HASH_BITS) - 1
_HASHED_AT_A_TIME = 1 << 14
"""Ids hashed without a pause for other threads: some 2 milliseconds."""
_COUNTED_AT_A_TIME = 1 << 10
"""Decisions of which one page of a list is made; a page has a thousand."""
RECENT_ROWS = 1 << 12
RECENT_SHARE = 1 / 16
"""Newer decisions stand in a small table of their own, made anew each time, until they are more than this number and
this share of the large one. Judgement: a new decision costs milliseconds, and one in sixteen a new large table."""
KEPT_DAYS = 30
"""Days for which a decision is kept after its end, by the clock and by the newest entry, for a clock may be ahead.
Judgement: a clock that is further ahead steps back, and then the table is made anew."""


class InForce(NamedTuple):
    """The decision that counts for an account."""

    seq: int
    kind: Kind
    action: Action
    reason: ReasonCode
    expires_at: int


class DecisionTable:
    """Decisions of a log that stand; never changed once made, so that readers need no lock.

    An account takes some 60 bytes and the length of its id. A hash leads to a bucket with one row on average, and the
    account id of a row is compared, so that accounts with equal hashes are told apart.
    """

    def __init__(self, settled: _Rows, recent: _Rows, undone: frozenset[int]) -> None:
        """Make a table of its parts; see `empty_table` and `with_entries`."""
        self._settled, self._recent, self._undone = settled, recent, undone
        # What a look-up reads, without the way through attributes.
        self._parts = [(one.first, one.shift, one.packed, one.ids) for one in (settled, recent) if len(one.accounts)]

    def __len__(self) -> int:
        """Decisions that stand, with those that expired or were undone lately."""
        return len(self._settled.accounts) + len(self._recent.accounts)

    def find(self, account: str, now: int) -> InForce | None:
        """The decision that counts for an account; None where there is none."""
        best, best_weight = None, -1
        key = hash(account) & _ALL_BITS
        for first, shift, packed, ids in self._parts:
            bucket = key >> shift
            place, end = first[bucket], first[bucket + 1]
            while place < end:
                digest, starts_at, expires_at, seq, begin, size, code = _unpack(packed, place * _ROW_BYTES)
                place += 1
                if (
                    digest == key
                    and ids[begin : begin + size] == account.encode("utf-8", "surrogatepass")
                    and starts_at <= now < expires_at
                    and _WEIGHTS[code] >= best_weight  # as `entries.in_force`: of equals the later one counts
                    and seq not in self._undone
                ):
                    best, best_weight = (seq, *_CODES[code], expires_at), _WEIGHTS[code]
        return InForce._make(best) if best is not None else None

    def counting(self, now: int, after: int = 0) -> Iterator[tuple[str, InForce]]:
        """Accounts and the decisions that count for them, in order of the log, from behind the place `after`."""
        for part in (self._settled, self._recent):  # what is recent is behind what is settled
            order, seqs = part.by_seq, part.columns["seq"]
            begin = bisect_right(order, after, key=seqs.__getitem__)
            for start in range(begin, len(order), _COUNTED_AT_A_TIME):
                some = order[start : start + _COUNTED_AT_A_TIME]
                some = some[part.columns["expires_at"][some] > now]
                accounts = part.accounts.take(pa.array(some)).to_pylist()
                for seq, account in zip(seqs[some].tolist(), accounts, strict=True):
                    decision = self.find(account, now)
                    if decision is not None and decision.seq == seq:
                        yield account, decision

    def with_entries(
        self, entries: Sequence[LogEntry], now: int, allowed: frozenset[str] = frozenset()
    ) -> DecisionTable:
        """A table with further entries of the log.

        `now`: microseconds since 1970; what expired long before is left out. `allowed`: accounts of declared
        programmes, about which rules say nothing.
        """
        if not entries:
            return self
        undone = self._undone.union(entry.undoes for entry in entries if entry.undoes)
        new = [entry for entry in entries if _has_effect(entry, allowed)]
        over = min(now, entries[-1].made_at) - KEPT_DAYS * DAY
        number = len(self._recent.accounts) + len(new) + len(undone)
        if number <= max(RECENT_ROWS, RECENT_SHARE * len(self._settled.accounts)):
            return DecisionTable(self._settled, _join_decision_rows([self._recent], new, undone, over), undone)
        settled = _join_decision_rows([self._settled, self._recent], new, undone, over)
        return DecisionTable(settled, _no_rows(), frozenset())

    def has_rules(self, now: int) -> bool:
        """Whether a decision of a rule is in force, as far as the log goes."""
        rules = [code for code, (kind, _action, _reason) in enumerate(_CODES) if kind == "rule"]
        for rows in (self._settled.columns, self._recent.columns):
            found = rows[np.isin(rows["code"], rules) & (rows["starts_at"] <= now) & (now < rows["expires_at"])]
            if not self._undone.issuperset(found["seq"].tolist()):
                return True
        return False

    def rows(self) -> pa.Table:
        """All decisions that stand, in order of the log, as `table_of` takes them."""
        joined = _join_decision_rows([self._settled, self._recent], [], self._undone, 0)
        order = np.argsort(joined.columns["seq"], kind="stable")
        columns = {name: pa.array(joined.columns[name][order]) for name in ("seq", "starts_at", "expires_at")}
        for place, name in enumerate(_NAMES):
            values = pa.array([code[place] for code in _CODES]).dictionary_encode()
            columns[name] = values.take(pa.array(joined.columns["code"][order]))
        return pa.table({"account_id": joined.accounts.take(pa.array(order)), **columns})


class _Rows:
    """Decisions ascending by a hash of the account, and of one hash in order of the log.

    What a look-up needs of a row lies together, so that it waits for memory once; the ids lie elsewhere.
    """

    def __init__(self, accounts: pa.LargeStringArray, columns: Mapping[str, npt.NDArray[np.int64]]) -> None:
        if (pc.max(pc.binary_length(accounts)).as_py() or 0) > MOST_ID_BYTES:  # decided about by an earlier version
            accounts = pa.array(map(kept_id, accounts.to_pylist()), pa.large_string())
        hashes = _hashes_of(accounts)
        order = np.argsort(hashes, kind="stable")
        self.accounts = accounts.take(pa.array(order)) if len(order) else accounts
        rows = np.empty(len(order), _ROW_TYPE)
        rows["hash"] = hashes[order]
        for name in _COLUMNS:
            rows[name] = columns[name][order]
        _validity, offsets, ids = self.accounts.buffers()
        if len(order):
            begins = np.frombuffer(offsets, np.int64)
            rows["begin"], rows["size"] = begins[:-1], np.diff(begins)
        bits = max(1, len(order).bit_length())
        self.shift = _HASH_BITS - bits
        first = np.searchsorted(rows["hash"] >> np.uint64(self.shift), np.arange((1 << bits) + 1, dtype=np.uint64))
        self.first = first.astype(np.uint32).data
        self.columns = rows
        self.by_seq = np.argsort(rows["seq"]).astype(np.uint32)
        self.packed = rows.view(np.uint8).data
        self.ids = memoryview(ids).cast("B") if ids is not None else memoryview(b"")


def empty_table() -> DecisionTable:
    """The table of a log without entries."""
    return DecisionTable(_no_rows(), _no_rows(), frozenset())


def table_of(rows: pa.Table, allowed: frozenset[str] = frozenset()) -> DecisionTable:
    """The table of `DecisionTable.rows`; ValueError or KeyError if this version does not know what a row says."""
    said = zip(*(rows[name].to_pylist() for name in _NAMES), strict=True)
    codes = {code: number for number, code in enumerate(_CODES)}
    columns = {name: rows[name].to_numpy() for name in ("seq", "starts_at", "expires_at")}
    columns["code"] = np.array([codes[one] for one in said], np.int64)
    accounts = rows["account_id"].cast(pa.large_string()).combine_chunks()
    spared = np.isin(columns["code"], [codes[one] for one in codes if one[0] == "rule"])
    kept = ~(spared & pc.is_in(accounts, pa.array(sorted(allowed), pa.large_string())).to_numpy(zero_copy_only=False))
    columns = {name: column[kept] for name, column in columns.items()}
    return DecisionTable(_Rows(accounts.filter(pa.array(kept)), columns), _no_rows(), frozenset())


def _no_rows() -> _Rows:
    return _Rows(pa.nulls(0, pa.large_string()), {name: np.zeros(0, np.int64) for name in _COLUMNS})


def _join_decision_rows(parts: Sequence[_Rows], new: Sequence[LogEntry], undone: frozenset[int], over: int) -> _Rows:
    """Rows of parts and of new entries, but for what was undone, or expired before a time."""
    names = pa.array([entry.account_id for entry in new], pa.large_string())
    columns = {
        name: np.concatenate([*(part.columns[name] for part in parts), _build_decision_column(new, name)])
        for name in _COLUMNS
    }
    kept = ~np.isin(columns["seq"], np.array(sorted(undone), np.int64)) & (columns["expires_at"] > over)
    accounts = pa.concat_arrays([*(part.accounts for part in parts), names]).filter(pa.array(kept))
    columns = {name: column[kept] for name, column in columns.items()}
    order = np.argsort(columns["seq"], kind="stable")
    return _Rows(accounts.take(pa.array(order)), {name: column[order] for name, column in columns.items()})


def _hashes_of(accounts: pa.LargeStringArray) -> npt.NDArray[np.uint64]:
    """Python's own keyed hash of each id; in pieces, since ten million ids as objects are a gigabyte."""
    pieces = [accounts.slice(begin, _HASHED_AT_A_TIME) for begin in range(0, len(accounts), _HASHED_AT_A_TIME)]
    found = [np.fromiter(map(hash, piece.to_pylist()), np.int64, len(piece)) for piece in pieces]
    return np.concatenate([np.zeros(0, np.int64), *found]).view(np.uint64)


def _has_effect(entry: LogEntry, allowed: frozenset[str]) -> bool:
    return entry.kind != "undo" and not entry.dry_run and not (entry.kind == "rule" and entry.account_id in allowed)


def _build_decision_column(entries: Sequence[LogEntry], name: str) -> npt.NDArray[np.int64]:
    if name == "code":
        return np.array([_CODES.index((one.kind, one.action, one.reason)) for one in entries], np.int64)
    if name == "starts_at":  # one without a delay has begun, whatever the clock says; see `entries.has_begun`
        return np.array([0 if has_begun(one, one.made_at) else one.starts_at for one in entries], np.int64)
    return np.array([getattr(entry, name) for entry in entries], np.int64)
