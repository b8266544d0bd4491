"""A warm hunt: campaigns of a base that later requests touch are judged again, and all else is taken over.

A new campaign, an account that begins to send a template, and what cannot be placed wait for the next cold hunt. The
process that follows the arrivals asks for one where it sees a sign (`watch.recurring_texts`), and a warm hunt gives way
to one where it finds such an account itself.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.column_files import release_mapped
from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES
from stillhunt.base.schema_case import CASE_TABLES, HARVEST_OPERATION
from stillhunt.extract import languages_of, word_buckets
from stillhunt.link.placing import find_labels
from stillhunt.link.requests.arrays import Ints
from stillhunt.link.templates.clusters import P
from stillhunt.pipeline import NewRequests, read_new_requests
from stillhunt.run_record import findings_record
from stillhunt.score import judge_campaigns_again, prepare_evidence
from stillhunt.triage import Case
from stillhunt.triage.excerpts import campaign_views
from stillhunt.triage.samples import Rereading
from stillhunt.watch.warm.base import Base, digest_accounts
from stillhunt.watch.warm.joining import JoinedTraffic, account_codes, join_requests
from stillhunt.watch.warm.merging import merge_tables, merge_views

MOST_NEW = 0.1
"""Requests since the base, as a share of its traffic, beyond which a hunt is cold. Judgement: rates move by as much."""
WARM = "warm"
"""Field of run.json and of the facts of a snapshot: what a warm hunt did, as `WarmHunt` has it."""

COLD = "cold"
"""Field of the same: why a hunt that might have been warm was not."""


@dataclass(frozen=True)
class WarmHunt:
    """What a warm hunt did."""

    base: int  # number of the snapshot of the cold hunt
    base_at: int
    new_requests: int  # since the base
    placed: int  # those of them that members of campaigns sent
    harvested: int  # requests that the campaigns which were judged again have more than before
    judged: list[str]  # campaigns that were judged again; all others are as the base has them
    waiting: list[str]  # campaigns that new requests touch, and that only a cold hunt can judge


def tell_warm(facts: Mapping[str, Any]) -> str:
    """What a warm hunt did, or why one was cold that might have been warm, from the facts of its snapshot."""
    said = facts.get(WARM)
    if not said:
        return f"{COLD}: {facts[COLD]}" if facts.get(COLD) else ""
    judged, waiting = formatting.plural(len(said["judged"]), "campaign"), len(said["waiting"])
    new = formatting.plural(said["new_requests"], "new request")
    waits = f", {formatting.count(waiting)} to wait for a search" if waiting else ""
    return f"warm: {new}, {judged} judged again{waits}"


def hunt_warm(
    base: Base, case: Case, inputs: Sequence[Any], config: Config, flagged_before: Collection[str]
) -> tuple[Case, pa.Table | None] | str:
    """Judge again what later requests touch.

    Args:
        case: of the base, under lasting ids.
        inputs: all that a cold hunt would read now.
        config: settings, with the state folder and its key.
        flagged_before: accounts that the hunt before flagged.

    Returns:
        The case and the accounts table as it is now, or why the hunt has to be cold, in a few words.
    """
    found = read_new_requests(inputs, config, base.inputs, MOST_NEW * base.requests)
    new, customers = found.sketches, found.customers
    if new is None:
        return "much is new"
    if digest_accounts(customers) != base.accounts:
        return "the accounts table has changed"
    campaigns = _Campaigns.of(base, case)
    inside = pc.is_in(new["account_id"].cast(pa.string()), campaigns.accounts)
    newcomers = _count_newcomers(base, new.filter(pc.invert(inside)), campaigns, config.link.min_slice_requests)
    if newcomers:
        return f"{formatting.plural(newcomers, 'account')} began to send the template of a campaign"
    own = new.filter(inside)
    touched = campaigns.touched_by(set(own["account_id"].to_pylist()))
    judged = [name for name in touched if name in campaigns.candidates]
    tables, views = {name: table.empty() for name, table in CASE_TABLES.items()}, dict[str, pa.Table]()
    placed = 0
    if judged:
        joined = join_requests(base, own, config.seed)
        placed = joined.traffic.num_rows - base.requests
        tables, views = _judge_again(joined, customers, campaigns, judged, config, flagged_before)
        release_mapped()
    names, harvest = pa.array(judged, pa.string()), case.harvest
    said = WarmHunt(
        base=base.sequence,
        base_at=base.made_at,
        new_requests=new.num_rows,
        placed=placed,
        harvested=tables["harvest"].num_rows - harvest.filter(pc.is_in(harvest["campaign_id"], names)).num_rows,
        judged=judged,
        waiting=[name for name in touched if name not in campaigns.candidates],
    )
    more = pa.Table.from_struct_array(pc.value_counts(new["account_id"].cast(pa.string())))
    merged = {**merge_tables(case, tables, judged, more), "rejects": found.rejects}
    views = merge_views(case, views, judged, merged)
    return Case(merged, run=_record_warm(case, merged, base, found, config, said), **views), customers


def _judge_again(
    joined: JoinedTraffic,
    customers: pa.Table | None,
    campaigns: "_Campaigns",
    judged: Sequence[str],
    config: Config,
    flagged_before: Collection[str],
) -> tuple[dict[str, pa.Table], dict[str, pa.Table]]:
    """Case tables and views of some campaigns alone."""
    traffic, sliced, totals = joined
    config = prepare_evidence(config, customers)
    candidates = campaigns.table_of(judged)
    tables, harvested = judge_campaigns_again(
        traffic, sliced, candidates, customers, config, totals, flagged_before, judged
    )
    quiet = config.model_copy(update={"report": config.report.model_copy(update={"excerpts": False})})
    traffic = traffic.append_column("topic", sliced["topic"])
    rereading = Rereading(lambda rows: [None] * rows.num_rows, languages_of, word_buckets)
    return tables, campaign_views(traffic, tables, harvested, customers, rereading, quiet, totals)


def _record_warm(
    case: Case, tables: dict[str, pa.Table], base: Base, found: NewRequests, config: Config, said: WarmHunt
) -> dict[str, Any]:
    """The record of the base with what is new. The budget stays that of the base, under which all was judged."""
    repeats = (0, int(case.run["counts"]["duplicates"]))
    made = findings_record(tables, base.tables["totals"], config, found.facts, repeats)
    made["counts"]["requests"] = int(pc.sum(tables["accounts"]["requests"]).as_py() or 0)
    read = [asdict(one) for one in found.facts.inputs]
    of_base = {name: value for name, value in case.run.items() if name != COLD}
    return {**of_base, **made, "inputs": read, "timings": [], WARM: asdict(said)}


def _count_newcomers(base: Base, new: pa.Table, campaigns: "_Campaigns", least: int) -> int:
    """Slices of accounts outside of campaigns that have come to hold enough of a campaign's template to be looked at.

    `new`: SKETCHES of accounts that are in no campaign. `least`: requests from which a slice is looked at.
    """
    if not new.num_rows or not len(campaigns.templates):
        return 0
    ids = base.tables["totals"]["account_id"].combine_chunks()
    _, label, matched = find_labels(new, account_codes(new["account_id"], ids), base.learned)
    rows = np.flatnonzero(np.isin(label, campaigns.templates) & (matched >= P.min_matched))
    names = new["account_id"].cast(pa.string()).take(pa.array(rows)).to_pylist()
    held = Counter(f"{name}/{own}" for name, own in zip(names, label[rows].tolist(), strict=True))
    grown = pa.array([name for name, requests in held.items() if requests >= least], pa.string())
    before = campaigns.case.slices.filter(pc.is_in(campaigns.case.slices["slice_id"], grown))
    looked_at: int = before.filter(pc.greater_equal(before["requests"], least)).num_rows
    return len(grown) - looked_at


@dataclass(frozen=True)
class _Campaigns:
    """The campaigns of a case."""

    case: Case
    candidates: dict[str, pa.Table]  # CANDIDATES of those that can be judged again
    members: dict[str, set[str]]
    templates: Ints  # labels of their content clusters

    @property
    def accounts(self) -> pa.Array:
        """Accounts of all of them."""
        return pa.array(sorted(set().union(*self.members.values())), pa.string())

    @classmethod
    def of(cls, base: Base, case: Case) -> Self:
        """Only those can be judged again whose slices the search found, and whose members are in no other kind."""
        rows = case.campaigns.select(["campaign_id", "kind"]).to_pylist()
        members: dict[str, set[str]] = {row["campaign_id"]: set() for row in rows}
        for row in case.members.select(["campaign_id", "account_id"]).to_pylist():
            if row["campaign_id"] in members:
                members[row["campaign_id"]].add(row["account_id"])
        found = base.tables["candidates"]
        words = pc.cast(found["cluster"], pa.string())
        names = pc.binary_join_element_wise(found["account_id"], words, "/").combine_chunks()
        slices = case.harvest.group_by(["campaign_id", "slice_id"]).aggregate([])
        place = pc.index_in(slices["slice_id"], value_set=names)
        candidates = {}
        for row in rows:
            own = place.filter(pc.equal(slices["campaign_id"], row["campaign_id"]))
            if row["kind"] == HARVEST_OPERATION and len(own) and not own.null_count:
                candidates[row["campaign_id"]] = found.take(own)
        apart = set().union(*(own for name, own in members.items() if name not in candidates))
        while more := [name for name in candidates if members[name] & apart]:
            for name in more:
                del candidates[name]
                apart |= members[name]
        clusters = [one.filter(pc.invert(one["untemplated"]))["cluster"].to_numpy() for one in candidates.values()]
        return cls(case, candidates, members, np.unique(np.concatenate([np.zeros(0, np.int64), *clusters])))

    def touched_by(self, accounts: Collection[str]) -> list[str]:
        """Campaigns of some accounts, and those that have an account in common with one of these."""
        reached, touched = set(accounts), set[str]()
        while more := {name for name, own in self.members.items() if name not in touched and own & reached}:
            touched |= more
            reached = reached.union(*(self.members[name] for name in more))
        return sorted(touched)

    def table_of(self, names: Sequence[str]) -> pa.Table:
        """CANDIDATES of some, numbered in the order given."""
        field, place = CANDIDATES.arrow.field("candidate"), CANDIDATES.names.index("candidate")
        parts = [self.candidates[name] for name in names]
        numbers = [pa.array([number] * one.num_rows, field.type) for number, one in enumerate(parts)]
        tables = [one.set_column(place, field, own) for one, own in zip(parts, numbers, strict=True)]
        return CANDIDATES.check(pa.concat_tables(tables).combine_chunks())
