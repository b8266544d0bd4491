"""What is known of a campaign's accounts: when and from where each sent, and the rows a person reads before acting."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32
from stillhunt.base.coded import codes
from stillhunt.base.redaction import redacted
from stillhunt.base.schema_case import ACCOUNT_FACTS, MEMBER_DETAILS
from stillhunt.triage.model import CampaignModel, CaseModel
from stillhunt.triage.origins import ASPECTS, VALUE_CHARACTERS, as_families


def redacted_texts(values: pa.ChunkedArray | pa.Array, longest: int) -> pa.Array:
    """A column of texts that people wrote, redacted; equal texts are read once.

    `values`: strings; null stays null. `longest`: characters of a text that are kept; what is read of it is as much
    again.
    """
    texts = values.to_pylist()
    known = {text: redacted(text[: 2 * longest])[:longest] for text in dict.fromkeys(texts) if text is not None}
    return pa.array([known.get(text) for text in texts], pa.string())


VALUES_OF_MEMBER = 5
"""Clients, networks, kinds of addresses and countries that are kept of each member, because clients name themselves."""
MOST_DECLARED = 500
"""Characters that are kept of what a customer says they use it for. Judgement: a few sentences."""
_COLUMN_OF = {"client": "clients", "network": "networks", "ip_kind": "ip_kinds", "country": "countries"}
_CUSTOMER_COLUMNS = (
    "created_at",
    "organization_id",
    "plan",
    "email_domain",
    "payment_country",
    "phone_country",
    "signup_country",
    "declared_use",
)


def member_details(
    members: pa.Table, campaigns: pa.ChunkedArray, traffic: pa.Table, customers: pa.Table | None
) -> pa.Table:
    """Times and origins of each member's harvested requests, and what the accounts table says of it.

    `traffic`: account_id, timestamp and the columns of `ASPECTS` of the same requests, row for row. Returns a
    MEMBER_DETAILS table, row for row with the members; a member of a group left alone has no harvested requests.
    """
    member = row_of_member(members, campaigns, traffic["account_id"]).to_numpy(zero_copy_only=False)
    times = pa.table({"member": member, "time": traffic["timestamp"]}).group_by("member")
    times = times.aggregate([("time", "min"), ("time", "max")])
    place = pc.index_in(pa.array(np.arange(members.num_rows, dtype=np.int32)), value_set=times["member"])
    columns = {"first_seen": times["time_min"].take(place), "last_seen": times["time_max"].take(place)}
    for aspect, column in ASPECTS.items():
        value, texts = codes(traffic[column])
        words = texts.to_pylist()
        value, words = as_families(value, words) if aspect == "client" else (value, words)
        columns[_COLUMN_OF[aspect]] = most_used_values(member, value, words, members.num_rows)
    if customers is not None:
        own = customers.take(pc.index_in(members["account_id"], value_set=customers["account_id"]))
        columns |= {name: own[name] for name in _CUSTOMER_COLUMNS}
        columns["declared_use"] = redacted_texts(own["declared_use"], MOST_DECLARED)
    return MEMBER_DETAILS.build(campaign_id=members["campaign_id"], account_id=members["account_id"], **columns)


def row_of_member(
    table: pa.Table, campaigns: pa.ChunkedArray, accounts: pa.ChunkedArray | pa.DictionaryArray
) -> pa.Array:
    """Row of a table for each pair of campaign and account; null where it has none.

    `table`: campaign_id and account_id, each pair once. `accounts`: its account, plain or coded.
    """
    campaign, campaign_names = codes(campaigns)
    account, account_names = codes(accounts)
    own = [
        pc.fill_null(pc.index_in(table[column], value_set=names).cast(pa.int64()), -1).to_numpy()
        for column, names in (("campaign_id", campaign_names), ("account_id", account_names))
    ]
    pair = np.where((own[0] < 0) | (own[1] < 0), -1, own[0] * len(account_names) + own[1])
    wanted = campaign.astype(np.int64) * len(account_names) + account
    return pc.index_in(pa.array(wanted), value_set=pa.array(pair))


def most_used_values(member: I32, value: I32, words: list[str], members: int) -> pa.ListArray:
    """The values of each member, the most used first, at most VALUES_OF_MEMBER.

    `member`: number of the member of each request. `value`: number of its value among the words; -1 where it is not
    known.
    """
    known = value >= 0
    used = pa.table({"member": member[known], "value": value[known]}).group_by(["member", "value"])
    used = used.aggregate([([], "count_all")])
    owner, count, code = (used[name].to_numpy() for name in ("member", "count_all", "value"))
    rank = np.argsort(np.argsort(np.array(words, object)))  # equally frequent values by name, whatever their codes
    order = np.lexsort((rank[code], -count, owner))
    owner, code = owner[order], code[order]
    kept = np.arange(len(owner)) - np.searchsorted(owner, owner) < VALUES_OF_MEMBER
    names = pa.array([word[:VALUE_CHARACTERS] for word in words], pa.string())
    offsets = np.searchsorted(owner[kept], np.arange(members + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(code[kept])))


def account_facts(case: CaseModel, campaigns: Sequence[CampaignModel]) -> pa.Table:
    """The facts of the member accounts of some campaigns.

    Returns an ACCOUNT_FACTS table: campaigns in the given order, in each the most probable account first, then the one
    with the most requests, then by account id.
    """
    tables, names = case.tables, pa.array([one.row["campaign_id"] for one in campaigns], pa.string())
    members = tables["members"].filter(pc.is_in(tables["members"]["campaign_id"], value_set=names))
    accounts = tables["accounts"].take(pc.index_in(members["account_id"], value_set=tables["accounts"]["account_id"]))
    details = case.member_details.take(
        row_of_member(case.member_details, members["campaign_id"], members["account_id"])
    )
    place = pc.index_in(members["campaign_id"], value_set=names)
    columns = {
        **{name: _without_null_lists(details[name]) for name in details.schema.names},
        **{name: members[name] for name in members.schema.names},
        "campaign_verdict": pa.array([one.verdict for one in campaigns], pa.string()).take(place),
        "verdict": pc.fill_null(accounts["verdict"], "none"),
        "flagged": pc.fill_null(accounts["flagged"], False),
        "sanctioned": pc.fill_null(accounts["sanctioned"], False),
        "main_campaign_id": accounts["campaign_id"],
        "operator_id": _operator_of(members["campaign_id"], tables["operators"]),
        "other_requests": pc.fill_null(pc.subtract(accounts["requests"], members["requests"]), 0),
    }
    facts = ACCOUNT_FACTS.build(**columns)
    order = facts.select(["score", "requests", "account_id"]).append_column("place", place)
    keys = [("place", "ascending"), ("score", "descending"), ("requests", "descending"), ("account_id", "ascending")]
    return facts.take(pc.sort_indices(order, sort_keys=keys))


def _operator_of(campaigns: pa.ChunkedArray, operators: pa.Table) -> pa.ChunkedArray:
    """The operator of each campaign; null where it is tied to no other."""
    known = operators.filter(pc.equal(operators["relation"], "one_operator"))
    places = pc.index_in(campaigns.cast(pa.string()), value_set=known["campaign_id"].combine_chunks())
    return known["operator_id"].combine_chunks().take(places)


def _without_null_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, pa.scalar([], column.type)) if pa.types.is_list(column.type) else column
