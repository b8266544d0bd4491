"""What a report shows of a campaign's requests: excerpts, timeline, origins, requests cited, and what was taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.coded import codes, plain
from stillhunt.base.config import Config
from stillhunt.triage.cited import cited_table
from stillhunt.triage.member_addresses import ADDRESS_COLUMNS, member_addresses
from stillhunt.triage.member_details import member_details
from stillhunt.triage.origins import ASPECTS, origins_table
from stillhunt.triage.rereading import Rereading
from stillhunt.triage.samples import sample_table
from stillhunt.triage.taken import other_requests, taken_table
from stillhunt.triage.timeline import timeline_table

SAMPLED_REQUESTS = 24
"""Requests of each campaign whose prompts are read again; the excerpts are chosen among these."""
SAMPLED_MOMENTS = 4
"""Moments of the log after which these requests are taken."""


class CampaignViews(NamedTuple):
    """Tables that readers need beside the findings; None without a campaign, or without excerpts.

    Attributes:
        timeline: TIMELINE, requests of each campaign by time.
        origins: ORIGINS, clients, networks and countries of each campaign.
        member_details: MEMBER_DETAILS, the same of each member, and what the accounts table says of it.
        addresses: ADDRESSES, keyed hashes of each member's addresses; None where the key of the hashes is kept nowhere.
        cited: CITED, the requests that findings name.
    """

    samples: pa.Table | None = None
    timeline: pa.Table | None = None
    origins: pa.Table | None = None
    member_details: pa.Table | None = None
    addresses: pa.Table | None = None
    cited: pa.Table | None = None
    taken: pa.Table | None = None


def campaign_views(
    traffic: pa.Table,
    tables: Mapping[str, pa.Table],
    rows: pa.Array,
    customers: pa.Table | None,
    rereading: Rereading,
    config: Config,
    totals: pa.Table,
) -> CampaignViews:
    """What readers need of all harvested requests, and excerpts of a few of them.

    Args:
        traffic: TRAFFIC with the column `topic` of SLICED.
        tables: the case tables harvest, members, campaigns and evidence.
        rows: row of the traffic of each harvested request.
        customers: ACCOUNTS; None without such a table.
        rereading: reads prompts from the log again, and tells what is in them.
        config: settings of the report; the key of hashes where the user or the state folder has it.
    """
    harvest = tables["harvest"]
    campaigns = harvest["campaign_id"]
    harvested = traffic.select(["account_id", "timestamp", *ASPECTS.values()]).take(rows)
    cited = cited_table(tables, traffic)
    details = member_details(tables["members"], campaigns, harvested, customers)
    if not harvest.num_rows:
        return CampaignViews(member_details=details, cited=cited)
    addresses = None
    if config.collect.identity_key:  # under a key that is forgotten, nobody can ask for a hash, and each run has others
        sent = traffic.select(["account_id", *ADDRESS_COLUMNS.values()]).take(rows)
        addresses = member_addresses(tables["members"], campaigns, sent)
    prompts = _read_again(traffic, harvest, rows, rereading, config)
    samples = sample_table(prompts, chars=config.report.excerpt_chars)
    others = other_requests(traffic, totals, tables["members"])
    return CampaignViews(
        samples=samples if config.report.excerpts else None,
        timeline=timeline_table(campaigns, plain(harvested["account_id"]), harvested["timestamp"]),
        origins=origins_table(campaigns, harvested),
        member_details=details,
        addresses=addresses,
        cited=cited,
        taken=taken_table(traffic, _by_campaign(campaigns, rows), (prompts, samples), others, rereading, config.report),
    )


def _read_again(traffic: pa.Table, harvest: pa.Table, rows: pa.Array, rereading: Rereading, config: Config) -> pa.Table:
    """A few requests of each campaign with their prompts; none where the settings want no excerpts."""
    times = traffic["timestamp"].take(rows).cast(pa.int64())
    chosen = (
        requests_near_moments(harvest["campaign_id"], times) if config.report.excerpts else pa.array([], pa.int64())
    )
    picked, requests = harvest.take(chosen), traffic.take(rows.take(chosen))
    return pa.table(
        {
            "campaign_id": picked["campaign_id"],
            "account_id": plain(requests["account_id"]),
            "request_id": picked["request_id"],
            "timestamp": requests["timestamp"],
            "prompt": pa.array(rereading.prompts(requests) if len(chosen) else [], pa.large_string()),
        }
    )


def _by_campaign(campaigns: pa.ChunkedArray, rows: pa.Array) -> dict[str, npt.NDArray[np.int64]]:
    """Campaign -> rows of the traffic of its harvested requests, ascending."""
    code, names = codes(campaigns)
    order, row = np.argsort(code, kind="stable"), rows.to_numpy()
    ends = np.cumsum(np.bincount(code, minlength=len(names)))
    parts = np.split(row[order], ends[:-1])
    return {name: np.sort(own) for name, own in zip(names.to_pylist(), parts, strict=True)}


def requests_near_moments(campaigns: pa.ChunkedArray, times: pa.ChunkedArray) -> pa.Array:
    """Requests of each campaign that follow a few moments of the log, which are the same for all campaigns.

    A log is mostly in order of time, so these requests lie close together: reading them again costs a few stretches
    of each file, where requests drawn at random would cost all of it.

    Args:
        times: its time, microseconds since 1970.

    Returns:
        Rows of the chosen requests: campaigns in order of appearance, within each by row.
    """
    time, code = times.to_numpy(), campaigns.combine_chunks().dictionary_encode().indices.to_numpy()
    # Codes are given in order of appearance, and most often each campaign's requests stand together already.
    order = np.arange(len(code)) if (np.diff(code) >= 0).all() else np.argsort(code, kind="stable")
    wanted = SAMPLED_REQUESTS // SAMPLED_MOMENTS
    places = np.linspace(0, len(time) - 1, SAMPLED_MOMENTS + 2).astype(np.int64)[1:-1]
    moments = np.partition(time, places)[places]
    edges = np.flatnonzero(np.diff(code[order], prepend=-1, append=-1))
    chosen = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        own = time[order[first:last]]
        begins = np.minimum([np.count_nonzero(own < moment) for moment in moments], max(last - first - wanted, 0))
        ends = np.minimum(begins + wanted, last - first)
        ranked = np.partition(own, np.unique(np.concatenate([begins, ends - 1])))
        parts = [_ranked(own, ranked, begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
        chosen.append(np.sort(order[first + np.unique(np.concatenate(parts))]))
    return pa.array(np.concatenate(chosen))


def _ranked(times: npt.NDArray[np.int64], ranked: npt.NDArray[np.int64], begin: int, end: int) -> npt.NDArray[np.int64]:
    """Places of the times with ranks `begin` to `end`, equal times by place; `ranked` is in order at these ranks."""
    around = np.flatnonzero((times >= ranked[begin]) & (times <= ranked[end - 1]))
    around = around[np.argsort(times[around], kind="stable")]
    before = begin - np.count_nonzero(times < ranked[begin])
    return around[before : before + end - begin]
