"""One candidate campaign as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import Flags, Floats, Ints, ranges
from stillhunt.base.errors import ContractError
from stillhunt.score.context.log import ScoredLog


@dataclass(frozen=True)
class Candidate:
    """Slices of one candidate and the requests in them."""

    number: int
    accounts: Ints
    # slice_cluster, slice_account: one entry a slice; the account as position in `accounts`
    slice_cluster: Ints
    slice_account: Ints
    formed_on: Ints  # folds on which each slice was found to be a member, as bits
    # content, queue: held-out bits of each slice
    content: Floats
    queue: Floats
    rows: Ints  # requests of the slices, as positions in the log, ascending
    row_account: Ints  # position in `accounts` of each of those requests
    row_slice: Ints  # slice of each of those requests
    untemplated: bool = False  # True where its slices show no template and were found by their workload
    # slices alike in topics and workload among which its untemplated slices were selected by client fingerprint; 0
    # where it has none
    searched: int = 0
    # True where all its slices were found by their wording style, so that no run of words recurs in them
    style: bool = False
    remembered: bool = False  # True where an earlier look found it, and this one judges it once more

    @cached_property
    def volumes(self) -> Ints:
        """Requests of each member in its slices."""
        return np.bincount(self.row_account, minlength=len(self.accounts))

    @property
    def has_untemplated(self) -> bool:
        """True where some slices show no template: all of them, or the bare questions of a whole."""
        return self.untemplated or self.searched > 0

    def without(self, stays: Flags) -> Candidate:
        """The candidate without some of its members; itself where all stay."""
        if stays.all():
            return self
        kept_slice = stays[self.slice_account]
        position = np.cumsum(stays) - 1
        slice_position = np.cumsum(kept_slice) - 1
        kept_row = kept_slice[self.row_slice]
        return replace(
            self,
            accounts=self.accounts[stays],
            slice_cluster=self.slice_cluster[kept_slice],
            slice_account=position[self.slice_account[kept_slice]],
            formed_on=self.formed_on[kept_slice],
            content=self.content[kept_slice],
            queue=self.queue[kept_slice],
            rows=self.rows[kept_row],
            row_account=position[self.row_account[kept_row]],
            row_slice=slice_position[self.row_slice[kept_row]],
        )

    def per_account(self, values: Floats) -> Floats:
        """Sum of a per-slice value over each member account's slices."""
        total = np.zeros(len(self.accounts))
        np.add.at(total, self.slice_account, values)
        return total


def read_candidates(candidates: pa.Table, log: ScoredLog) -> list[Candidate]:
    """Candidates of CANDIDATES with their requests; a ContractError if an account of one has no request in the log."""
    number = candidates.column("candidate").to_numpy()
    order = np.argsort(number, kind="stable")
    position = pc.index_in(candidates.column("account_id").combine_chunks(), value_set=log.accounts.ids)
    if position.null_count:
        raise ContractError(f"{position.null_count} accounts are not in the log", where="table candidates")
    account = position.to_numpy()
    cluster = candidates.column("cluster").to_numpy()
    formed_on = candidates.column("formed").to_numpy()
    content = candidates.column("content_microbits").to_numpy() / 1e6
    queue = candidates.column("queue_microbits").to_numpy() / 1e6
    untemplated = candidates.column("untemplated").to_numpy()
    searched = candidates.column("searched").to_numpy()
    style = candidates.column("style").to_numpy()
    remembered = candidates.column("remembered").to_numpy()
    found = []
    for own in np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []:
        slices = (column[own] for column in (cluster, account, formed_on, content, queue))
        found.append(
            replace(
                candidate_of(log, int(number[own[0]]), *slices),
                untemplated=bool(untemplated[own].all()),
                searched=int(searched[own].max()),
                style=bool(style[own].all()),
                remembered=bool(remembered[own].any()),
            )
        )
    return found


def candidate_of(
    log: ScoredLog, number: int, cluster: Ints, account: Ints, formed_on: Ints, content: Floats, queue: Floats
) -> Candidate:
    """A templated candidate of some slices, one entry each, with their requests."""
    members, place = np.unique(account, return_inverse=True)
    rows, of_slice = _rows_of_slices(log, cluster, account)
    return Candidate(number, members, cluster, place, formed_on, content, queue, rows, place[of_slice], of_slice)


def _rows_of_slices(log: ScoredLog, cluster: Ints, account: Ints) -> tuple[Ints, Ints]:
    """Requests of some slices, ascending, and which slice each is in."""
    slices = log.slices.find(cluster, account)
    held = np.flatnonzero(slices >= 0)
    begin, end = log.slices.start[slices[held]], log.slices.start[slices[held] + 1]
    rows = log.slices.order[ranges(begin, end)]
    order = np.argsort(rows)
    return rows[order], np.repeat(held, end - begin)[order]
