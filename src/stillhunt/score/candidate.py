"""One candidate campaign as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from stillhunt.score.frame import Flags, Floats, Frame, Ints


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

    def is_member(self, frame: Frame) -> Flags:
        """True for the member accounts, one entry per account of the log."""
        member = np.zeros(frame.accounts, bool)
        member[self.accounts] = True
        return member

    def per_account(self, values: Floats) -> Floats:
        """Sum of a per-slice value over each member account's slices."""
        total = np.zeros(len(self.accounts))
        np.add.at(total, self.slice_account, values)
        return total


def read_candidates(candidates: pa.Table, frame: Frame) -> list[Candidate]:
    """Candidates with their requests, from the CANDIDATES table."""
    code = {account: position for position, account in enumerate(frame.account_ids)}
    number = candidates.column("candidate").to_numpy()
    cluster = candidates.column("cluster").to_numpy().astype(np.int64)
    account = np.array([code[a] for a in candidates.column("account_id").to_pylist()], np.int64)
    formed = candidates.column("formed").to_numpy().astype(np.int64)
    content = candidates.column("content_microbits").to_numpy() / 1e6
    queue = candidates.column("queue_microbits").to_numpy() / 1e6
    bare = candidates.column("bare").to_numpy()
    searched = candidates.column("searched").to_numpy()
    clustered = np.flatnonzero(frame.cluster >= 0)
    row_key = frame.cluster[clustered] * frame.accounts + frame.account[clustered]
    order = np.argsort(row_key, kind="stable")
    row_key, clustered = row_key[order], clustered[order]
    found = []
    for label in np.unique(number):
        own = number == label
        candidate = _candidate(
            int(label),
            cluster[own],
            account[own],
            (formed[own], content[own], queue[own]),
            (row_key, clustered, frame.accounts),
        )
        found.append(replace(candidate, bare=bool(bare[own].any()), searched=int(searched[own].max())))
    return found


def _candidate(
    number: int, cluster: Ints, account: Ints, links: tuple[Ints, Floats, Floats], rows: tuple[Ints, Ints, int]
) -> Candidate:
    row_key, row, accounts = rows
    key = cluster * accounts + account
    first, last = np.searchsorted(row_key, key), np.searchsorted(row_key, key + 1)
    lengths = last - first
    position = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(int(lengths.sum()))
    slices = np.repeat(np.arange(len(key)), lengths)
    members = np.unique(account)
    slice_account = np.searchsorted(members, account)
    chosen = row[position]
    order = np.argsort(chosen, kind="stable")
    return Candidate(
        number=number,
        accounts=members,
        slice_cluster=cluster,
        slice_account=slice_account,
        formed=links[0],
        content=links[1],
        queue=links[2],
        rows=chosen[order],
        row_account=slice_account[slices][order],
        row_slice=slices[order],
    )
