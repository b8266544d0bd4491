"""What a report shows of a campaign's requests: excerpts, timeline, origins, requests cited, and what was taken."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32, I64, U64, Ints
from stillhunt.base.coded import codes, plain
from stillhunt.base.column_files import release_mapped
from stillhunt.base.config import Config
from stillhunt.base.formatting import hash_digits
from stillhunt.base.schema_case import ADDRESS_KINDS, ADDRESSES, CITED
from stillhunt.triage.account_facts import member_details, row_of_member
from stillhunt.triage.origins import ASPECTS, as_families, origins_table, timeline_table
from stillhunt.triage.samples import Rereading, sample_table
from stillhunt.triage.taken import other_requests, taken_table

ADDRESS_COLUMNS = dict(zip(ADDRESS_KINDS, ("client_ip", "client_prefix"), strict=True))
"""Kind -> the column of TRAFFIC that holds its hashes."""
ADDRESSES_OF_MEMBER = 20
"""Addresses, and as many networks, that are kept of each member: an attacker can have any number. Judgement: whoever
searches has an address from a log, and one that is used often is found; a table of 5,000 members has 200,000 rows."""
_BLOCK_ROWS = 1 << 13
"""Requests that are counted at a time. In the processor's cache it costs a third; it changes no result."""


def member_addresses(members: pa.Table, campaigns: pa.ChunkedArray, traffic: pa.Table) -> pa.Table:
    """The addresses and networks that each member uses most in a campaign, as the log's own keyed hashes.

    Misleads: members behind one proxy or one carrier have equal hashes and need not know of each other.

    Args:
        campaigns: campaign of each harvested request.
        traffic: account_id and the columns of `ADDRESS_COLUMNS` of the same requests, row for row.

    Returns:
        An ADDRESSES table: by kind, member, requests (most first) and hash. Requests whose log names no IP address are
        left out; a text in its place has a hash as well, but no network.
    """
    member = row_of_member(members, campaigns, traffic["account_id"]).to_numpy(zero_copy_only=False)
    known = np.flatnonzero(traffic["client_prefix"].is_valid().to_numpy())
    order = known[np.argsort(member[known], kind="stable")]
    member = member[order].astype(np.int32)
    starts = np.unique(np.searchsorted(member, member[::_BLOCK_ROWS])).tolist()
    bounds = [0, *starts[1:], len(member)]
    parts = []
    for kind, column in ADDRESS_COLUMNS.items():
        value = pc.fill_null(traffic[column], 0).to_numpy()[order]
        blocks = [_most_used(member[first:last], value[first:last]) for first, last in pairwise(bounds)]
        owner, hashes, requests, different = map(np.concatenate, zip(*blocks, strict=True))
        whose = members.take(pa.array(owner))
        parts.append(
            ADDRESSES.build(
                campaign_id=whose["campaign_id"],
                account_id=whose["account_id"],
                kind=[kind] * len(owner),
                hash=[hash_digits(one) for one in hashes.tolist()],
                requests=requests,
                different=different,
            )
        )
    return pa.concat_tables(parts)


def _most_used(owner: I32, value: U64) -> tuple[I32, U64, I64, I64]:
    """Owner, value, how often, and how many values the owner has; equally frequent values by number."""
    order = np.lexsort((value, owner))
    owner, value = owner[order], value[order]
    begins = np.ones(len(owner), np.bool_)
    begins[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
    first = np.flatnonzero(begins)
    count = np.diff(first, append=len(owner))
    owner, value = owner[first], value[first]
    order = np.lexsort((-count, owner))  # stable: equally frequent values stay in order
    owner, value, count = owner[order], value[order], count[order]
    start = np.searchsorted(owner, owner)
    kept = np.arange(len(owner)) - start < ADDRESSES_OF_MEMBER
    different = np.searchsorted(owner, owner[kept], "right") - start[kept]
    return owner[kept], value[kept], count[kept], different


_NAMING = ("account_id", "request_id", "timestamp", "origin_file", "origin_row")
"""Columns of the traffic by which prompts are read again, and which stand beside their excerpts."""
_COPIED = tuple(name for name in CITED.names if name not in ("campaign_id", "client"))
"""Columns of CITED that the traffic has under the same name."""


def cited_table(tables: Mapping[str, pa.Table], traffic: pa.Table) -> pa.Table:
    """The requests that findings about campaigns and about their members name.

    They are found by their ids among the requests of the campaign's members, because an id is unique within one source
    only.

    Returns:
        A CITED table: campaigns in their order, within each by account and time.
    """
    campaigns = tables["campaigns"]
    names = campaigns.filter(pc.not_equal(campaigns["verdict"], "none"))["campaign_id"].combine_chunks()
    request_id, namer, request_ids = _cited_pairs(tables["evidence"], names)
    if not len(request_id):
        return CITED.empty()
    account, ids = codes(traffic["account_id"])
    member = _member_codes(tables["members"], names, ids)
    rows = np.flatnonzero(np.isin(account, member % len(ids)))
    found = pc.fill_null(pc.index_in(traffic["request_id"].take(pa.array(rows)), request_ids), -1).to_numpy()
    rows, found = rows[found >= 0], found[found >= 0]
    # Each of these rows, once for each campaign that names its id; only those of members stay.
    first, last = np.searchsorted(request_id, found), np.searchsorted(request_id, found, side="right")
    times = last - first
    row = np.repeat(rows, times)
    campaign = namer[np.repeat(last - np.cumsum(times), times) + np.arange(len(row))]
    inside = np.isin(campaign * len(ids) + account[row], member)
    row, campaign = row[inside], campaign[inside]
    order = np.lexsort((row, campaign))
    return _make_cited(traffic, row[order], names.take(pa.array(campaign[order])))


def _make_cited(traffic: pa.Table, rows: Ints, campaigns: pa.Array) -> pa.Table:
    columns = traffic.select([*_COPIED, "user_agent"]).take(pa.array(rows))
    value, agents = codes(columns["user_agent"])
    family, words = as_families(value, agents.to_pylist())
    return CITED.build(
        campaign_id=campaigns,
        client=pa.array(words, pa.string()).take(pa.array(family, mask=family < 0)),
        **{name: plain(columns[name]) for name in _COPIED},
    )


def _cited_pairs(evidence: pa.Table, names: pa.Array) -> tuple[Ints, Ints, pa.Array]:
    """Pairs of a request id and a campaign that names it, by id, each once; and the ids by code."""
    own = evidence.select(["campaign_id", "request_ids"]).filter(pc.is_in(evidence["campaign_id"], names))
    lists = own["request_ids"].combine_chunks()
    coded = lists.flatten().dictionary_encode()
    namer = pc.index_in(own["campaign_id"].combine_chunks(), names).to_numpy().astype(np.int64)
    namer = np.repeat(namer, lists.value_lengths().to_numpy(zero_copy_only=False))
    pairs = np.unique(coded.indices.to_numpy().astype(np.int64) * max(len(names), 1) + namer)
    return pairs // max(len(names), 1), pairs % max(len(names), 1), coded.dictionary


def _member_codes(members: pa.Table, names: pa.Array, ids: pa.Array) -> Ints:
    """Campaign times the number of accounts, plus account, of each member of one of the campaigns."""
    own = members.filter(pc.is_in(members["campaign_id"], names))
    campaign = pc.index_in(own["campaign_id"].combine_chunks(), names).to_numpy().astype(np.int64)
    member: Ints = campaign * len(ids) + pc.index_in(own["account_id"].combine_chunks(), ids).to_numpy()
    return member


SAMPLED_REQUESTS = 24
"""Requests of each campaign whose prompts are read again; the excerpts are chosen among these."""
SAMPLED_MOMENTS = 4
"""Moments of the log after which these requests are taken."""


def campaign_views(
    traffic: pa.Table,
    tables: Mapping[str, pa.Table],
    rows: pa.Array,
    customers: pa.Table | None,
    rereading: Rereading,
    config: Config,
    totals: pa.Table,
) -> dict[str, pa.Table]:
    """Tables of `CASE_VIEWS` by name but the phrases, as far as they are made; they lack those without a campaign.

    There are no addresses where the key of their hashes is kept nowhere, and no excerpts where none are wanted.

    Args:
        traffic: TRAFFIC with the column `topic` of SLICED.
        tables: the case tables harvest, members, campaigns and evidence.
        rows: row of the traffic of each harvested request.
        config: settings of the report; the key of hashes where the user or the state folder has it.
    """
    harvest = tables["harvest"]
    campaigns = harvest["campaign_id"]
    harvested = traffic.select(["account_id", "timestamp", *ASPECTS.values()]).take(rows)
    cited = cited_table(tables, traffic)
    details = member_details(tables["members"], campaigns, harvested, customers)
    if not harvest.num_rows:
        return {"member_details": details, "cited": cited}
    prompts = _read_again(traffic, harvest, rows, rereading, config)
    release_mapped()
    samples = sample_table(prompts, chars=config.report.excerpt_chars)
    others = other_requests(traffic, totals, tables["members"])
    release_mapped()
    views = {
        "timeline": timeline_table(campaigns, plain(harvested["account_id"]), harvested["timestamp"]),
        "origins": origins_table(campaigns, harvested),
        "member_details": details,
        "cited": cited,
        "taken": taken_table(
            traffic, _by_campaign(campaigns, rows), prompts, samples, others, rereading, config.report
        ),
    }
    if config.report.excerpts:
        views["samples"] = samples
    if config.collect.identity_key:  # under a key that is forgotten, nobody can ask for a hash, and each run has others
        sent = traffic.select(["account_id", *ADDRESS_COLUMNS.values()]).take(rows)
        views["addresses"] = member_addresses(tables["members"], campaigns, sent)
    return views


def _read_again(traffic: pa.Table, harvest: pa.Table, rows: pa.Array, rereading: Rereading, config: Config) -> pa.Table:
    """A few requests of each campaign with their prompts; none where the settings want no excerpts."""
    times = traffic["timestamp"].take(rows).cast(pa.int64())
    chosen = (
        requests_near_moments(harvest["campaign_id"], times) if config.report.excerpts else pa.array([], pa.int64())
    )
    picked, requests = harvest.take(chosen), traffic.select(_NAMING).take(rows.take(chosen))
    return pa.table(
        {
            "campaign_id": picked["campaign_id"],
            "account_id": plain(requests["account_id"]),
            "request_id": picked["request_id"],
            "timestamp": requests["timestamp"],
            "prompt": pa.array(rereading.prompts(requests) if len(chosen) else [], pa.large_string()),
        }
    )


def _by_campaign(campaigns: pa.ChunkedArray, rows: pa.Array) -> dict[str, I64]:
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
        parts = [
            _places_of_ranks(own, ranked, begin, end) for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
        ]
        chosen.append(np.sort(order[first + np.unique(np.concatenate(parts))]))
    return pa.array(np.concatenate(chosen))


def _places_of_ranks(times: I64, ranked: I64, begin: int, end: int) -> I64:
    """Places of the times with ranks `begin` to `end`, equal times by place; `ranked` is in order at these ranks."""
    around = np.flatnonzero((times >= ranked[begin]) & (times <= ranked[end - 1]))
    around = around[np.argsort(times[around], kind="stable")]
    before = begin - np.count_nonzero(times < ranked[begin])
    return around[before : before + end - begin]
