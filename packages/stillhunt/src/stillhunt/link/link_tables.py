"""What the search found, as tables: LINKS and TOTALS."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from stillhunt.base.schema import LINKS, TOTALS
from stillhunt.base.units import MICROBITS
from stillhunt.link.requests.arrays import Flags, Floats, Ints
from stillhunt.link.requests.index_requests import IndexedLog
from stillhunt.link.template_groups import Found
from stillhunt.link.workload.operators import Operator
from stillhunt.link.workload.untemplated_slices import UntemplatedSlices

UNTEMPLATED_SEARCH = -1
"""LINKS.search of groups without a template; other groups have the label of their content cluster."""


def links_table(
    log: IndexedLog,
    found: Found,
    untemplated: UntemplatedSlices,
    operators: list[Operator],
    labels: Ints,
    first_style: int,
) -> pa.Table:
    """LINKS: first the groups of content clusters, then the operators among untemplated slices.

    Args:
        log: all requests, for the ids of accounts.
        labels: label of each untemplated slice.
        first_style: label of the first wording style; content clusters lie below.
    """
    parts = [_template_links(log, found, number, first_style) for number in range(len(found))]
    for number, operator in enumerate(operators, len(found)):
        parts.append(_operator_links(log, untemplated, operator, labels, number))
    return pa.concat_tables(parts).combine_chunks() if parts else LINKS.empty()


def _template_links(log: IndexedLog, found: Found, number: int, first_style: int) -> pa.Table:
    slices, group = found[number]
    count = len(slices.account)
    member = np.zeros(count, bool)
    member[group.members] = True
    return LINKS.build(
        group=np.full(count, number),
        search=np.full(count, group.cluster),
        cluster=np.full(count, group.cluster),
        formed_on=np.full(count, group.formed_on),
        account_id=log.account_ids.take(pa.array(slices.account)),
        member=member,
        content_microbits=_microbits(group.phrase),
        queue_microbits=_microbits(group.topic),
        work_microbits=np.zeros(count, np.int64),
        searched=np.zeros(count, np.int64),
        style=np.full(count, group.cluster >= first_style),
    )


def _operator_links(
    log: IndexedLog, untemplated: UntemplatedSlices, operator: Operator, labels: Ints, number: int
) -> pa.Table:
    count = len(operator.slices)
    return LINKS.build(
        group=np.full(count, number),
        search=np.full(count, UNTEMPLATED_SEARCH),
        cluster=labels[operator.slices],
        formed_on=np.full(count, operator.formed_on),
        account_id=log.account_ids.take(pa.array(untemplated.account[operator.slices])),
        member=operator.formed,
        content_microbits=np.zeros(count, np.int64),
        queue_microbits=_microbits(operator.topic),
        work_microbits=_microbits(operator.work),
        searched=np.full(count, operator.searched),
        style=np.zeros(count, bool),
    )


def _microbits(bits: Floats) -> Ints:
    return np.rint(bits * MICROBITS).astype(np.int64)


def totals_table(log: IndexedLog, background: Flags) -> pa.Table:
    """TOTALS.

    Args:
        background: True for the accounts of the background sample.
    """
    return TOTALS.build(
        account_id=log.account_ids,
        requests=log.requests,
        output_tokens=log.output_tokens,
        first_seen=pa.array(log.first),
        last_seen=pa.array(log.last),
        background=background,
    )
