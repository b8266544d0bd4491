"""One candidate campaign as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.errors import ContractError
from stillhunt.score.context.coding import Floats, Ints
from stillhunt.score.context.frame import Frame
from stillhunt.score.context.slices import places


@dataclass(frozen=True)
class Candidate:
    """Slices of one candidate and the requests in them.

    Attributes:
        number: its number in CANDIDATES.
        accounts: member account codes, ascending.
        slice_cluster, slice_account: one entry a slice; the account as position in `accounts`.
        formed: halves that formed each slice's membership, as bits.
        content, queue: held-out bits of each slice.
        bare: True where its slices show no template and were found by their workload.
        searched: slices alike in subjects and work among which a bare candidate was picked by its clients.
        rows: requests of the slices, positions in the sketches, ascending.
        row_account: position in `accounts` of each of those requests.
        row_slice: slice of each of those requests.
    """

    number: int
    accounts: Ints
    slice_cluster: Ints
    slice_account: Ints
    formed: Ints
    content: Floats
    queue: Floats
    rows: Ints
    row_account: Ints
    row_slice: Ints
    bare: bool = False
    searched: int = 0

    @property
    def loads(self) -> Ints:
        """Requests of each member in its slices."""
        return np.bincount(self.row_account, minlength=len(self.accounts))

    def per_account(self, values: Floats) -> Floats:
        """Sum of a per-slice value over each member account's slices."""
        total = np.zeros(len(self.accounts))
        np.add.at(total, self.slice_account, values)
        return total


def read_candidates(candidates: pa.Table, frame: Frame) -> list[Candidate]:
    """Candidates with their requests, from the CANDIDATES table.

    Args:
        candidates: CANDIDATES.
        frame: the log.

    Raises:
        ContractError: a candidate's account has no request in the log.
    """
    number = candidates.column("candidate").to_numpy()
    order = np.argsort(number, kind="stable")
    position = pc.index_in(candidates.column("account_id").combine_chunks(), value_set=frame.account_ids)
    if position.null_count:
        raise ContractError(f"{position.null_count} accounts are not in the log", where="table candidates")
    account = position.to_numpy()
    cluster = candidates.column("cluster").to_numpy()
    formed = candidates.column("formed").to_numpy()
    content = candidates.column("content_microbits").to_numpy() / 1e6
    queue = candidates.column("queue_microbits").to_numpy() / 1e6
    bare = candidates.column("untemplated").to_numpy()
    searched = candidates.column("searched").to_numpy()
    found = []
    for own in np.split(order, np.flatnonzero(np.diff(number[order])) + 1) if len(order) else []:
        members, place = np.unique(account[own], return_inverse=True)
        row, row_slice = _rows(frame, cluster[own], account[own])
        found.append(
            Candidate(
                number=int(number[own[0]]),
                accounts=members,
                slice_cluster=cluster[own],
                slice_account=place,
                formed=formed[own],
                content=content[own],
                queue=queue[own],
                rows=row,
                row_account=place[row_slice],
                row_slice=row_slice,
                bare=bool(bare[own].any()),
                searched=int(searched[own].max()),
            )
        )
    return found


def _rows(frame: Frame, cluster: Ints, account: Ints) -> tuple[Ints, Ints]:
    """Requests of some slices, ascending, and which slice each is in."""
    slices = frame.slices.find(cluster, account)
    held = np.flatnonzero(slices >= 0)
    begin, end = frame.slices.start[slices[held]], frame.slices.start[slices[held] + 1]
    rows = frame.slices.order[places(begin, end)]
    order = np.argsort(rows)
    return rows[order], np.repeat(held, end - begin)[order]
