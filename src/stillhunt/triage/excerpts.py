"""What a report shows of a campaign's requests: excerpts of a few prompts, the timeline, and the origins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillhunt.base.coded import plain
from stillhunt.base.config import Config
from stillhunt.triage.member_addresses import ADDRESS_COLUMNS, member_addresses
from stillhunt.triage.member_details import member_details
from stillhunt.triage.origins import ASPECTS, origins_table
from stillhunt.triage.samples import sample_table
from stillhunt.triage.timeline import timeline_table

SAMPLED_REQUESTS = 24
"""Requests of each campaign whose prompts are read again; the excerpts are chosen among these."""
SAMPLED_MOMENTS = 4
"""Moments of the log after which these requests are taken."""

ReadPrompts = Callable[[pa.Table], list[str | None]]
"""Rows of TRAFFIC -> the prompt of each, read again from the log."""


class CampaignViews(NamedTuple):
    """Tables that the report needs beside the findings; None without a campaign, or without excerpts.

    Attributes:
        samples: SAMPLES, excerpts of prompts.
        timeline: TIMELINE, requests of each campaign by time.
        origins: ORIGINS, clients, networks and countries of each campaign.
        member_details: MEMBER_DETAILS, the same of each member, and what the accounts table says of it.
        addresses: ADDRESSES, keyed hashes of each member's addresses; None where the key of the hashes is kept nowhere.
    """

    samples: pa.Table | None
    timeline: pa.Table | None
    origins: pa.Table | None
    member_details: pa.Table | None
    addresses: pa.Table | None


def campaign_views(
    traffic: pa.Table,
    tables: Mapping[str, pa.Table],
    rows: pa.Array,
    customers: pa.Table | None,
    read_prompts: ReadPrompts,
    config: Config,
) -> CampaignViews:
    """What the report shows of all harvested requests, and excerpts of a few of them.

    Args:
        traffic: TRAFFIC.
        tables: the case tables harvest and members.
        rows: row of the traffic of each harvested request.
        customers: ACCOUNTS; None without such a table.
        read_prompts: reads prompts from the log again.
        config: settings of the report; the key of hashes where the user or the state folder has it.
    """
    harvest = tables["harvest"]
    campaigns = harvest["campaign_id"]
    harvested = traffic.select(["account_id", "timestamp", *ASPECTS.values()]).take(rows)
    details = member_details(tables["members"], campaigns, harvested, customers)
    if not harvest.num_rows:
        return CampaignViews(None, None, None, details, None)
    addresses = None
    if config.collect.identity_key:  # under a key that is forgotten, nobody can ask for a hash, and each run has others
        sent = traffic.select(["account_id", *ADDRESS_COLUMNS.values()]).take(rows)
        addresses = member_addresses(tables["members"], campaigns, sent)
    timeline = timeline_table(campaigns, plain(harvested["account_id"]), harvested["timestamp"])
    origins = origins_table(campaigns, harvested)
    if not config.report.excerpts:
        return CampaignViews(None, timeline, origins, details, addresses)
    chosen = requests_near_moments(campaigns, harvested["timestamp"].cast(pa.int64()))
    picked, requests = harvest.take(chosen), traffic.take(rows.take(chosen))
    prompts = pa.table(
        {
            "campaign_id": picked["campaign_id"],
            "account_id": plain(requests["account_id"]),
            "request_id": picked["request_id"],
            "timestamp": requests["timestamp"],
            "prompt": pa.array(read_prompts(requests), pa.large_string()),
        }
    )
    samples = sample_table(prompts, chars=config.report.excerpt_chars)
    return CampaignViews(samples, timeline, origins, details, addresses)


def requests_near_moments(campaigns: pa.ChunkedArray, times: pa.ChunkedArray) -> pa.Array:
    """Requests of each campaign that follow a few moments of the log, which are the same for all campaigns.

    A log is mostly in order of time, so these requests lie close together: reading them again costs a few stretches
    of each file, where requests drawn at random would cost all of it.

    Args:
        campaigns: campaign of each harvested request.
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
