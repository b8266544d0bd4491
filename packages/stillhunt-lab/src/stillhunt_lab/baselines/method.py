"""What every method that is compared takes and gives, and the log as the baselines read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt_lab.arrays import Array

MIN_ACCOUNTS = 5
"""Fewer accounts are no campaign."""
MIN_PURITY = 0.9
"""Share of the group's accounts that must belong to the true campaign."""


def is_correct_call(accounts: int, from_campaign: int) -> bool:
    """Whether a group that a method would act on is a true campaign.

    `from_campaign`: how many of them belong to one true campaign.
    """
    return accounts >= MIN_ACCOUNTS and from_campaign >= MIN_PURITY * accounts


@dataclass(frozen=True)
class MethodResult:
    """The result of a method on a log."""

    # account -> how suspicious, higher is more; accounts that are absent or at 0 or below are not ranked
    scores: Mapping[str, float]
    flagged: frozenset[str]  # accounts that the method would act on, at its paper's threshold
    # flagged account -> its group; flagged accounts may have none
    groups: Mapping[str, str] = field(default_factory=dict)
    # request -> group, for the requests counted as harvested; None where the method names no requests: then all
    # requests of flagged accounts count
    harvest: Mapping[str, str] | None = None
    acts: int = 0
    reviews: int = 0  # groups that a person should look at


class MethodSettings:
    """What a method may use beside the log.

    `history`: builds the requests of known honest traffic, for methods that need some; called once at most.
    `sanctioned`: organisations whose programmes the provider has declared.
    """

    def __init__(self, seed: int, history: Callable[[], pa.Table], sanctioned: tuple[str, ...] = ()) -> None:
        self.seed = seed
        self.sanctioned = sanctioned
        self._history = history

    @cached_property
    def history(self) -> pa.Table:
        """Requests of known honest traffic, of the same kind as the log, with none of its accounts."""
        return self._history()


Method = Callable[[pa.Table, pa.Table | None, MethodSettings], MethodResult]
"""requests, accounts (None where there is no such table), settings -> the result."""


PREFIX_CHARACTERS = 64
"""Prompts with the same first characters count as one template, as an analyst would group them."""


class AccountLog:
    """Requests and customer table, coded.

    Args:
        requests: the log; only request_id, timestamp and account_id must be there.
        accounts: the customer table, or None.

    Attributes:
        owner: place in `ids` of each request's account, shape (requests,).
        time: microseconds since the epoch of each request, shape (requests,).
    """

    def __init__(self, requests: pa.Table, accounts: pa.Table | None) -> None:
        self.requests = requests
        self.ids: list[str] = sorted(pc.unique(requests["account_id"]).to_pylist())
        known = pa.array(self.ids, pa.string())
        self.owner: Array = pc.index_in(requests["account_id"].combine_chunks(), value_set=known).to_numpy()
        self.time: Array = requests["timestamp"].cast(pa.int64()).to_numpy()
        self._customers = None
        if accounts is not None:
            self._customers = accounts.take(pc.index_in(known, value_set=accounts["account_id"].combine_chunks()))

    @property
    def size(self) -> int:
        """Number of accounts."""
        return len(self.ids)

    def codes(self, column: str) -> Array:
        """One column of the requests as small numbers.

        Returns a number per request, equal where the values are equal, shape (requests,); -1 where null or absent.
        """
        if column not in self.requests.column_names:
            return np.full(len(self.owner), -1)
        return _encode_column_values(self.requests[column])

    def customer_codes(self, column: str) -> Array:
        """One column of the customer table as small numbers, by account, shape (accounts,); -1 where null or absent."""
        if self._customers is None or column not in self._customers.column_names:
            return np.full(self.size, -1)
        return _encode_column_values(self._customers[column])

    def numbers(self, column: str) -> Array:
        """One column of the requests as floats, shape (requests,); nan where null or absent."""
        if column not in self.requests.column_names:
            return np.full(len(self.owner), np.nan)
        values: Array = self.requests[column].cast(pa.float64()).to_numpy()
        return values

    def opened(self) -> Array:
        """When each account was opened, microseconds since the epoch, shape (accounts,); nan where unknown."""
        if self._customers is None or "created_at" not in self._customers.column_names:
            return np.full(self.size, np.nan)
        opened: Array = self._customers["created_at"].cast(pa.int64()).cast(pa.float64()).to_numpy()
        return opened

    def prompts(self) -> pa.Array:
        """The prompts, empty where null or absent."""
        if "prompt" not in self.requests.column_names:
            return pa.array([""] * len(self.owner), pa.large_string())
        return pc.fill_null(self.requests["prompt"].cast(pa.large_string()).combine_chunks(), "")

    def prefix_codes(self) -> Array:
        """Code of the first characters of each prompt, shape (requests,); -1 where the prompt is shorter."""
        prompts = self.prompts()
        codes = _encode_column_values(pa.chunked_array([pc.utf8_slice_codeunits(prompts, 0, PREFIX_CHARACTERS)]))
        return np.where(pc.utf8_length(prompts).to_numpy() >= PREFIX_CHARACTERS, codes, -1)

    def result(self, scores: Array, flagged: Array, group: Array | None = None) -> MethodResult:
        """The result of a method that judges accounts.

        `group`: number of each account's group, shape (accounts,); -1 = none. None: the method makes no groups.
        """
        chosen = np.flatnonzero(flagged).tolist()
        groups = {} if group is None else {self.ids[i]: f"g{group[i]}" for i in chosen if group[i] >= 0}
        return MethodResult(
            scores=dict(zip(self.ids, scores.tolist(), strict=True)),
            flagged=frozenset(self.ids[i] for i in chosen),
            groups=groups,
            acts=len(set(groups.values())),
        )


def _encode_column_values(column: pa.ChunkedArray) -> Array:
    indices = column.combine_chunks().dictionary_encode().indices
    codes: Array = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def distinct_pairs(account: Array, code: Array) -> tuple[Array, Array]:
    """Each pair of account and code once, without the codes below 0, sorted by account."""
    known = code >= 0
    if not known.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    width = int(code.max()) + 1
    keys = np.unique(account[known].astype(np.int64) * width + code[known])
    return keys // width, keys % width


def distinct_counts(account: Array, code: Array, size: int) -> Array:
    """Number of distinct codes of each account, shape (size,)."""
    return np.bincount(distinct_pairs(account, code)[0], minlength=size)
