"""Everything the evidence looks at, as arrays in the sketches' order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.score.log_facts import DAY, GroupTraits, Launch, find_launches, group_traits, parts_of_use

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Frame:
    """Sketches, slices and the customer table, coded.

    Attributes:
        account_ids: distinct accounts, ascending.
        account: account code of each request, ascending along the rows.
        cluster, bare, half, topic, fresh: as in SLICED.
        time: microseconds since 1970.
        columns: further columns of the sketches by name, each coded as small integers (-1 = unknown).
        customers: columns of ACCOUNTS by name, one code an account (-1 = unknown); `institution` is 1 where the mail
            domain is one that only institutions get.
        customer_organisations: organisation of each account by ACCOUNTS, where there is that table.
        country: country from which each account mostly sends; -1 unknown.
        sketches: the table itself, for the few columns read once.
    """

    account_ids: list[str]
    account: Ints
    cluster: Ints
    bare: Flags
    half: Ints
    topic: Ints
    fresh: Flags
    time: Ints
    columns: dict[str, Ints]
    customers: dict[str, Ints]
    customer_organisations: list[str | None] | None
    country: Ints
    sketches: pa.Table

    @property
    def accounts(self) -> int:
        """Number of accounts."""
        return len(self.account_ids)

    def organisations(self, names: set[str]) -> Flags:
        """True for the accounts that declare one of the named organisations, in either table.

        Args:
            names: organisation ids.
        """
        found = np.zeros(self.accounts, bool)
        if not names:
            return found
        wanted = pa.array(sorted(names), pa.string())
        logged = pc.is_in(self.sketches.column("organization_id"), value_set=wanted).to_numpy()
        found[np.unique(self.account[logged])] = True
        if self.customer_organisations is not None:
            found |= np.array([name in names for name in self.customer_organisations], bool)
        return found

    def numbers(self, name: str, rows: Ints | None = None) -> Ints:
        """A whole-number column of the sketches; -1 where unknown.

        Args:
            name: the column.
            rows: positions in the sketches; all when None.
        """
        column = self.sketches.column(name)
        column = column if rows is None else column.take(pa.array(rows))
        numbers: Ints = pc.fill_null(column.cast(pa.int64()), -1).to_numpy()
        return numbers

    def rows_of(self, accounts: Ints) -> Ints:
        """Positions in the sketches of all requests of some accounts, ascending.

        Args:
            accounts: account codes, ascending.
        """
        first = np.searchsorted(self.account, accounts)
        lengths = np.searchsorted(self.account, accounts, side="right") - first
        before = np.cumsum(lengths) - lengths
        positions: Ints = np.repeat(first - before, lengths) + np.arange(int(lengths.sum()))
        return positions

    @cached_property
    def model(self) -> Ints:
        """Model of each request, coded in order of first appearance along the rows."""
        return _code(self.sketches.column("model"))[0]

    @cached_property
    def settings(self) -> Ints:
        """Joint code of each request's temperature, top_p and max_tokens; -1 where all are left to the default."""
        joint = np.full(len(self.time), -1, np.int64)
        for name in ("temperature", "top_p", "max_tokens"):
            # Thousandths: a client's 0.7 is 0.7 in single precision too.
            # An absurd max_tokens may lose its last digits: it is only compared.
            column = self.sketches.column(name).cast(pa.float64(), safe=False)
            thousandths = pc.round(pc.multiply(column, 1000.0))
            code = _code(thousandths)[0]
            _, mixed = np.unique(joint * (code.max(initial=-1) + 2) + code, return_inverse=True)
            joint = np.where((joint < 0) & (code < 0), -1, mixed.astype(np.int64))
        return joint

    @cached_property
    def usual_settings(self) -> Ints:
        """Commonest of them of each account; -1 where it leaves them to the default."""
        return commonest(self.account, self.settings, self.accounts)

    @cached_property
    def use(self) -> Ints:
        """Tokens answered to each account."""
        tokens = np.maximum(self.numbers("output_tokens"), 0)
        return np.bincount(self.account, weights=tokens, minlength=self.accounts).astype(np.int64)

    @cached_property
    def manner(self) -> Ints:
        """1 where a request sets a sampling parameter, 0 where not."""
        given = [pc.is_valid(self.sketches.column(name)) for name in ("temperature", "top_p", "max_tokens")]
        manner: Ints = pc.or_(pc.or_(given[0], given[1]), given[2]).to_numpy().astype(np.int64)
        return manner

    @cached_property
    def day(self) -> Ints:
        """Days of 24 hours from the log's first request to each."""
        day: Ints = (self.time - self.time.min()) // DAY
        return day

    @cached_property
    def part(self) -> Ints:
        """What each request is of its account's use, in millionths."""
        return parts_of_use(self.account, self.accounts)

    @cached_property
    def daily(self) -> Ints:
        """Sum of those parts over all requests of each day: the log's days, every account weighing the same."""
        return np.bincount(self.day, weights=self.part).astype(np.int64)

    @cached_property
    def groups(self) -> GroupTraits:
        """Traits of the log's content clusters, counted once for all candidates."""
        return group_traits(
            np.where(self.bare, -1, self.cluster), self.numbers("conduct"), self.model, self.numbers("output_tokens")
        )

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        """Models that appeared while the log ran, found once for all candidates."""
        return find_launches(self.account, self.time, self.model, self.accounts)


CODED_COLUMNS = ("client_ip", "client_prefix", "organization_id", "whole")
CUSTOMER_COLUMNS = (
    "organization_id",
    "plan",
    "email_domain",
    "payment_fingerprint",
    "payment_country",
    "signup_prefix",
    "signup_country",
)
INSTITUTION = r"\.(edu|gov|ac)(\.[a-z]{2})?$"
"""Mail domains that are given to institutions only: their people come from many countries and hide nothing by that."""
SIGNUP_HOURS = 12
"""Width of the bins in which sign-up bursts are seen: an operator's working session."""


def build_frame(sketches: pa.Table, sliced: pa.Table, accounts: pa.Table | None) -> Frame:
    """Code the tables.

    Args:
        sketches: SKETCHES in canonical order.
        sliced: SLICED, row for row with it.
        accounts: ACCOUNTS, or None.
    """
    account, ids = _code(sketches.column("account_id"))
    columns = {name: _code(sketches.column(name))[0] for name in CODED_COLUMNS}
    columns["stack"] = _joint(sketches.column("user_agent"), sketches.column("tls_fingerprint"))
    return Frame(
        account_ids=[str(i) for i in ids],
        account=account,
        cluster=sliced.column("cluster").to_numpy().astype(np.int64),
        bare=sliced.column("bare").to_numpy(),
        half=sliced.column("half").to_numpy().astype(np.int64),
        topic=sliced.column("topic").to_numpy().astype(np.int64),
        fresh=sliced.column("fresh").to_numpy(),
        time=sketches.column("timestamp").cast(pa.int64()).to_numpy(),
        columns=columns,
        customers=_customers(accounts, ids),
        customer_organisations=_organisations(accounts, ids),
        country=commonest(account, _code(sketches.column("country"))[0], len(ids)),
        sketches=sketches,
    )


def commonest(account: Ints, value: Ints, accounts: int) -> Ints:
    """Most frequent known value of each account; the smaller code on ties, -1 where none.

    Args:
        account: account of each request.
        value: value code of each request, -1 unknown.
        accounts: number of accounts.
    """
    known = value >= 0
    out = np.full(accounts, -1, np.int64)
    if not known.any():
        return out
    width = int(value.max()) + 1
    key, count = np.unique(account[known] * width + value[known], return_counts=True)
    owner, code = np.divmod(key, width)
    order = np.lexsort((code, -count, owner))
    first = np.unique(owner[order], return_index=True)[1]
    out[owner[order][first]] = code[order][first]
    return out


def _code(column: pa.ChunkedArray) -> tuple[Ints, list[object]]:
    """Codes in order of first appearance, -1 for null, and the distinct values."""
    encoded = pc.dictionary_encode(column.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.chunk(0) if encoded.num_chunks else pa.array([], column.type).dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, encoded.dictionary.to_pylist()


def _joint(first: pa.ChunkedArray, second: pa.ChunkedArray) -> Ints:
    """One code for each pair of values; -1 where both are unknown."""
    left, right = _code(first)[0], _code(second)[0]
    _, codes = np.unique(left * (right.max(initial=0) + 2) + right, return_inverse=True)
    joint: Ints = np.where((left < 0) & (right < 0), -1, codes.astype(np.int64))
    return joint


def _customers(accounts: pa.Table | None, ids: list[object]) -> dict[str, Ints]:
    if accounts is None:
        return {}
    position = pc.index_in(pa.array(ids, pa.string()), value_set=accounts.column("account_id").combine_chunks())
    found = pc.fill_null(position, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    out: dict[str, Ints] = {}
    for name in CUSTOMER_COLUMNS:
        codes = _code(accounts.column(name))[0]
        out[name] = _aligned(codes, found)
    named = pc.fill_null(accounts.column("email_domain"), "")
    institution = pc.match_substring_regex(named, INSTITUTION).combine_chunks().cast(pa.int64()).to_numpy()
    out["institution"] = _aligned(institution, found)
    created = accounts.column("created_at").cast(pa.int64())
    hours = pc.fill_null(created, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    bins = np.where(hours < 0, -1, hours // (SIGNUP_HOURS * 3_600_000_000))
    out["created_at"] = _aligned(bins, found)
    return out


def _organisations(accounts: pa.Table | None, ids: list[object]) -> list[str | None] | None:
    if accounts is None:
        return None
    known = dict(
        zip(accounts.column("account_id").to_pylist(), accounts.column("organization_id").to_pylist(), strict=True)
    )
    return [known.get(account) for account in ids]


def _aligned(codes: Ints, found: Ints) -> Ints:
    if not len(codes):
        return np.full(len(found), -1, np.int64)
    aligned: Ints = np.where(found >= 0, codes[np.maximum(found, 0)], -1)
    return aligned
