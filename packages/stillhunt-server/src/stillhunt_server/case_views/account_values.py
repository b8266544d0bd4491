"""Values that pages show of accounts: which of them contain a text, and all accounts that have one of them.

A snapshot tells the customer columns and the origins of every account (`rule_accounts.parquet`); a case folder alone
tells them of members. Cards, mail addresses and sign-up addresses are keyed hashes, shown and searched as tags.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base.errors import CaseError
from stillhunt.triage import Case
from stillhunt_server.case_views.campaign_profiles import OTHER_CAMPAIGN, TRAIT_KINDS, known_values
from stillhunt_server.case_views.member_traits import FINDING, trait_ref

MODEL, EXCERPT = "model", "excerpt"
TAG_KINDS = {"card": "Card", "mail": "Mail address", "address": "Sign-up address", "prefix": "Sign-up network"}
"""Values of which only keyed hashes are kept, and what they are called."""
_TAG_COLUMNS = {"card": "payment_fingerprint", "mail": "email_hash", "address": "signup_ip", "prefix": "signup_prefix"}
_TRAIT_COLUMNS = {one.name: one.column for place, one in enumerate(TRAIT_KINDS) if place != OTHER_CAMPAIGN}
VALUE_LABELS = {
    **{one.name: one.label for one in TRAIT_KINDS if one.name in _TRAIT_COLUMNS},
    **{name: f"{label} (tag)" for name, label in TAG_KINDS.items()},
    MODEL: "Model that its campaign asks",
    FINDING: "Finding about the account",
    EXCERPT: "Words of its excerpts",
}
"""Kind of value -> what it is called, in the order in which hits are shown."""
_TAG = re.compile(r"[0-9a-f]{6,16}")
"""A tag or its beginning; fewer digits would be found by chance."""


@dataclass(frozen=True)
class ValueHit:
    """A value that contains what was searched for."""

    kind: str
    ref: str  # its name in addresses, which shows nothing of it
    value: str  # raw
    accounts: int


def find_values(case: Case, folder: Path, wanted: str, limit: int) -> tuple[list[ValueHit], int]:
    """The values that contain a text, in capitals or not, and how many there are.

    Args:
        folder: of the case.
        wanted: not "".
        limit: values at most; exact ones come first, then those that begin with it, then those of most accounts.

    Raises:
        CaseError: the accounts of the snapshot cannot be read.
    """
    folded = wanted.casefold()
    tags = _TAG.fullmatch(folded) is not None
    kinds = [one for one in VALUE_LABELS if one != EXCERPT and (tags or one not in TAG_KINDS)]
    found: list[ValueHit] = []
    for kind, pairs in _pairs(case, folder, kinds):
        names = pairs["value"].combine_chunks().dictionary_encode()
        matches = pc.match_substring(names.dictionary, folded if kind in TAG_KINDS else wanted, ignore_case=True)
        kept = pc.take(matches, names.indices)
        own = pairs.filter(kept).group_by(["account_id", "value"]).aggregate([])
        counted = own.group_by("value").aggregate([([], "count_all")])
        found += [
            ValueHit(kind, trait_ref(kind, row["value"]), row["value"], row["count_all"]) for row in counted.to_pylist()
        ]
    rank = list(VALUE_LABELS).index
    found.sort(
        key=lambda one: (
            one.value.casefold() != folded,
            not one.value.casefold().startswith(folded),
            -one.accounts,
            rank(one.kind),
            one.value,
        )
    )
    return found[:limit], len(found)


def find_accounts_with_value(case: Case, folder: Path, kind: str, ref: str) -> tuple[str, pa.Array]:
    """The value of a name in addresses, and the ids of all accounts that have it.

    Raises:
        CaseError: this case has no such value, or the accounts of the snapshot cannot be read.
    """
    known = [kind] if kind in VALUE_LABELS and kind != EXCERPT else []
    for _, pairs in _pairs(case, folder, known):
        for value in pc.unique(pairs["value"]).to_pylist():
            if trait_ref(kind, value) == ref:
                return value, pc.unique(pairs.filter(pc.equal(pairs["value"], value))["account_id"])
    raise CaseError(
        "no account of this snapshot has such a value", where="this page", next_step="search for the value again"
    )


def find_accounts_with_words(case: Case, words: str) -> pa.Array:
    """Accounts of which the case shows an excerpt with some words, in capitals or not."""
    samples = case.samples
    return pc.unique(samples.filter(pc.match_substring(samples["text"], words, ignore_case=True))["account_id"])


def list_account_tags(folder: Path, account: str) -> list[tuple[str, str]]:
    """Kind and tag of the keyed hashes that the snapshot has of an account."""
    known = _read_accounts(folder, ["account_id", *_TAG_COLUMNS.values()])
    rows = [] if known is None else known.filter(pc.equal(known["account_id"], account)).to_pylist()
    return [
        (kind, _tag_of(row[column]))
        for row in rows
        for kind, column in _TAG_COLUMNS.items()
        if row.get(column) is not None
    ]


def tabulate_accounts(case: Case, accounts: pa.Array) -> pa.Table:
    """Some accounts with each campaign or group that they are in, the most probable first.

    Returns:
        account_id, verdict, score (of the account), campaign_id and campaign_verdict ("" for none), requests.
    """
    own = case.accounts.filter(pc.is_in(case.accounts["account_id"], value_set=accounts))
    members = case.members.filter(pc.is_in(case.members["account_id"], value_set=accounts))
    alone = own.filter(pc.invert(pc.is_in(own["account_id"], value_set=pc.unique(members["account_id"]))))
    names = pa.chunked_array([*members["account_id"].chunks, *alone["account_id"].chunks], pa.string())
    campaigns = pa.chunked_array([*members["campaign_id"].chunks, pa.nulls(alone.num_rows, pa.string())], pa.string())
    of_account = pc.index_in(names, value_set=own["account_id"])
    of_campaign = pc.index_in(campaigns, value_set=case.campaigns["campaign_id"])
    table = pa.table(
        {
            "account_id": names,
            "verdict": own["verdict"].take(of_account),
            "score": own["score"].take(of_account),
            "campaign_id": pc.fill_null(campaigns, ""),
            "campaign_verdict": pc.fill_null(case.campaigns["verdict"].take(of_campaign), ""),
            "requests": own["requests"].take(of_account),
        }
    )
    return table.sort_by([("score", "descending"), ("account_id", "ascending"), ("campaign_id", "ascending")])


def _pairs(case: Case, folder: Path, kinds: Iterable[str]) -> Iterator[tuple[str, pa.Table]]:
    """Account and value of some kinds; a pair may come twice."""
    wanted = {kind: _TRAIT_COLUMNS.get(kind) or _TAG_COLUMNS.get(kind) for kind in kinds}
    columns = list(dict.fromkeys(column for column in wanted.values() if column))
    known = _read_accounts(folder, ["account_id", *columns]) if columns else None
    tables = [case.model.member_details, *([known] if known is not None else [])]
    for kind, column in wanted.items():
        if column:
            yield kind, _pairs_of_column(tables, column)
        elif kind == MODEL:
            yield kind, _pairs_of_models(case)
        else:
            rows = case.evidence.filter(pc.is_valid(case.evidence["account_id"]))
            yield kind, pa.table({"account_id": rows["account_id"], "value": rows["statement"].cast(pa.string())})


def _pairs_of_column(tables: Iterable[pa.Table], column: str) -> pa.Table:
    found = []
    for table in tables:
        if column not in table.column_names:
            continue
        if column in _TAG_COLUMNS.values():
            own = table.filter(pc.is_valid(table[column]))
            values = pa.array([_tag_of(one) for one in own[column].to_pylist()], pa.string())
            found.append(pa.table({"account_id": own["account_id"], "value": values}))
        else:
            rows, words = known_values(table[column])
            found.append(pa.table({"account_id": table["account_id"].take(pa.array(rows)), "value": words}))
    empty = pa.table({"account_id": pa.array([], pa.string()), "value": pa.array([], pa.string())})
    return pa.concat_tables([one.cast(empty.schema) for one in (empty, *found)])


def _pairs_of_models(case: Case) -> pa.Table:
    models = case.campaigns["models"].combine_chunks()
    asked = pa.table(
        {
            "campaign_id": case.campaigns["campaign_id"].take(pc.list_parent_indices(models)),
            "value": pc.list_flatten(models),
        }
    )
    joined = case.members.select(["account_id", "campaign_id"]).join(asked, "campaign_id", join_type="inner")
    return joined.select(["account_id", "value"])


def _tag_of(value: int) -> str:
    return f"{value:016x}"


def _read_accounts(folder: Path, columns: list[str]) -> pa.Table | None:
    """Columns of all accounts of the snapshot that a case is part of; None where it is part of none."""
    path = folder.parent / "rule_accounts.parquet"
    try:
        with pq.ParquetFile(path) as file:
            known = file.schema_arrow.names
            return file.read([one for one in columns if one in known])
    except FileNotFoundError:
        return None
    except (OSError, pa.ArrowException) as error:
        raise CaseError(
            "the accounts of this snapshot cannot be read", where=str(path), next_step="wait for the next hunt"
        ) from error
