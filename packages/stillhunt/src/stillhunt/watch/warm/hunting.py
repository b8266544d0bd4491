"""A warm hunt: the campaigns of a base that later requests touch are judged again, and all else is taken over.

A candidate that is new, an account that begins to send a template, and traffic that nobody has placed wait for the next
cold hunt. The process that follows the arrivals asks for one when it sees a sign of them (`watch.recurring_texts`), and
a warm hunt gives way to one where it finds such an account itself.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.config import Config
from stillhunt.base.schema import CANDIDATES
from stillhunt.base.schema_case import HARVEST_OPERATION
from stillhunt.collect import LogFacts
from stillhunt.extract import languages_of, word_buckets
from stillhunt.link.placing import find_labels
from stillhunt.link.requests.arrays import Ints
from stillhunt.link.templates.clusters import P
from stillhunt.pipeline import read_new_requests
from stillhunt.run_record import findings_record
from stillhunt.score import judge_campaigns_again, prepare_evidence
from stillhunt.triage import Case
from stillhunt.triage.excerpts import campaign_views
from stillhunt.triage.samples import Rereading
from stillhunt.watch.warm.base import Base
from stillhunt.watch.warm.joining import JoinedTraffic, counted_requests, join_requests
from stillhunt.watch.warm.merging import merge_campaigns

MOST_NEW = 0.1
"""Requests since the base, as a share of its traffic, from which a hunt is cold. Judgement: rates move by as much."""
WARM = "warm"
"""Field of run.json: what a warm hunt did, as `WarmHunt` says it."""


@dataclass(frozen=True)
class WarmHunt:
    """What a warm hunt did."""

    base: int  # number of the snapshot of the cold hunt
    base_at: int
    new_requests: int  # since the base
    placed: int  # those of them that members of campaigns sent
    harvested: int  # those of them that fell into slices of campaigns
    judged: list[str]  # campaigns that were judged again; all others are as the base has them
    waiting: list[str]  # campaigns that new requests touch, and that only a cold hunt can judge


def hunt_warm(
    base: Base, case: Case, inputs: Sequence[Any], config: Config, flagged_before: Collection[str]
) -> Case | str:
    """Judge again what later requests touch.

    Args:
        case: of the base, under lasting ids.
        inputs: all that a cold hunt would read now.
        config: settings, with the state folder and its key.
        flagged_before: accounts that the hunt before flagged.

    Returns:
        The case, or why a cold hunt is needed, in a few words.
    """
    new, digests, facts = read_new_requests(inputs, config, base.inputs)
    if new.num_rows > MOST_NEW * base.tables["traffic"].num_rows:
        return f"{new.num_rows} requests are new"
    campaigns = _Campaigns.of(base, case)
    members = pa.array(sorted(campaigns.accounts), pa.string())
    inside = pc.is_in(new["account_id"].cast(pa.string()), members)
    newcomers = count_newcomers(base, new.filter(pc.invert(inside)), campaigns, config.link.min_slice_requests)
    if newcomers:
        return f"{newcomers} accounts have begun to send the template of a campaign"
    joined = join_requests(base, new.filter(inside), config.seed)
    touched = campaigns.touched_by(joined)
    judged = [name for name in touched if name in campaigns.candidates]
    harvested = campaigns.count_harvested(joined, judged)
    counts = counted_requests(new)
    said = WarmHunt(
        base.sequence, base.made_at, new.num_rows, joined.placed.num_rows, harvested, judged, sorted({*touched} - {*judged})
    )
    return _judged_case(case, (base, joined), campaigns, said, (config, facts, flagged_before, counts, digests))


def _judged_case(
    case: Case, logs: tuple[Base, JoinedTraffic], campaigns: "_Campaigns", said: WarmHunt, rest: tuple[Any, ...]
) -> Case:
    (base, joined), (config, facts, flagged_before, counts, digests) = logs, rest
    config = prepare_evidence(config, base.tables.get("customers"))
    again, harvested = judge_campaigns_again(
        joined.traffic,
        joined.sliced,
        campaigns.table_of(said.judged),
        base.tables.get("customers"),
        config,
        joined.totals,
        flagged_before,
        said.judged,
    )
    quiet = config.model_copy(update={"report": config.report.model_copy(update={"excerpts": False})})
    traffic = joined.traffic.append_column("topic", joined.sliced["topic"])
    rereading = Rereading(lambda rows: [None] * rows.num_rows, languages_of, word_buckets)
    views = campaign_views(traffic, again, harvested, base.tables.get("customers"), rereading, quiet, joined.totals)
    more = pa.table({"account_id": pa.array(list(counts), pa.string()), "requests": pa.array(list(counts.values()), pa.int64())})
    merged = merge_campaigns(case, again, views, said.judged, more)
    run = _run_of(case, merged["tables"], joined.totals, config, facts)
    run["counts"]["requests"] = int(pc.sum(merged["tables"]["accounts"]["requests"]).as_py() or 0)
    run["inputs"] = [one for one in map(asdict, facts.inputs)]
    return Case(merged["tables"], run={**run, WARM: asdict(said)}, **merged["views"])


def _run_of(case: Case, tables: dict[str, pa.Table], totals: pa.Table, config: Config, facts: LogFacts) -> dict[str, Any]:
    duplicates = int(case.run["counts"]["duplicates"])
    return {**case.run, **findings_record(tables, totals, config, facts, (0, duplicates)), "timings": []}


def count_newcomers(base: Base, new: pa.Table, campaigns: "_Campaigns", least: int) -> int:
    """Accounts outside of campaigns that have come to send a campaign's template often enough to be looked at.

    `new`: SKETCHES of accounts that are in no campaign. `least`: requests from which an account is looked at.
    """
    if not new.num_rows:
        return 0
    ids = base.tables["totals"]["account_id"].combine_chunks()
    names = new["account_id"].cast(pa.string()).combine_chunks().dictionary_encode()
    code = pc.fill_null(pc.index_in(names.dictionary, value_set=ids), len(ids)).to_numpy().astype(np.int64)
    own = names.indices.to_numpy().astype(np.int64)
    _, label, matched = find_labels(new, code[own], base.learned)
    carried = np.isin(label, campaigns.templates) & (matched >= P.min_matched)
    width = int(label.max(initial=0)) + 1
    keys, times = np.unique(own[carried] * width + label[carried], return_counts=True)
    enough = keys[times >= least]
    known = {f"{names.dictionary[int(key // width)].as_py()}/{key % width}" for key in enough.tolist()}
    return len(known - campaigns.slices_of_others(known, least))


@dataclass(frozen=True)
class _Campaigns:
    """The campaigns of a case that took something."""

    case: Case
    candidates: dict[str, pa.Table]  # CANDIDATES of those that can be judged again
    members: dict[str, set[str]]  # accounts of all of them
    templates: Ints  # labels of their content clusters

    @property
    def accounts(self) -> set[str]:
        """Accounts of all of them."""
        return set().union(*self.members.values())

    @classmethod
    def of(cls, base: Base, case: Case) -> "_Campaigns":
        """Those with slices that the search found, and whose members are in no other group that says something."""
        table = case.campaigns.select(["campaign_id", "kind"]).to_pylist()
        shown = {row["campaign_id"]: row["kind"] == HARVEST_OPERATION for row in table}
        members: dict[str, set[str]] = {name: set() for name in shown}
        for row in case.members.select(["campaign_id", "account_id"]).to_pylist():
            if row["campaign_id"] in members:
                members[row["campaign_id"]].add(row["account_id"])
        found = base.tables["candidates"]
        words = pc.cast(found["cluster"], pa.string())
        names = pc.binary_join_element_wise(found["account_id"], words, "/").combine_chunks()
        slices = case.harvest.select(["campaign_id", "slice_id"]).group_by(["campaign_id", "slice_id"]).aggregate([])
        place = pc.index_in(slices["slice_id"], value_set=names)
        candidates = {}
        for name in shown:
            own = place.filter(pc.equal(slices["campaign_id"], name))
            if len(own) and not own.null_count:
                candidates[name] = found.take(own)
        apart = [name for name in shown if name not in candidates]
        strange = set().union(*(members[name] for name in apart)) if apart else set()
        while more := [name for name in candidates if members[name] & strange]:
            for name in more:
                del candidates[name]
                strange |= members[name]
        clusters = [one["cluster"].filter(pc.invert(one["untemplated"])).to_numpy() for one in candidates.values()]
        return cls(case, candidates, members, np.unique(np.concatenate([np.zeros(0, np.int64), *clusters])))

    def touched_by(self, joined: JoinedTraffic) -> list[str]:
        """Campaigns whose members have sent something, and those that have an account in common with one of these."""
        accounts = set(joined.placed["account_id"].to_pylist())
        touched: set[str] = set()
        while more := {name for name, own in self.members.items() if name not in touched and own & accounts}:
            touched |= more
            accounts = accounts.union(*(self.members[name] for name in more))
        return sorted(touched)

    def table_of(self, names: Sequence[str]) -> pa.Table:
        """CANDIDATES of some, numbered in the order given."""
        parts = []
        for number, name in enumerate(names):
            own = self.candidates[name]
            column = pa.array([number] * own.num_rows, pa.int32())
            parts.append(own.set_column(own.column_names.index("candidate"), CANDIDATES.arrow.field("candidate"), column))
        return CANDIDATES.check(pa.concat_tables(parts).combine_chunks()) if parts else CANDIDATES.empty()

    def count_harvested(self, joined: JoinedTraffic, names: Sequence[str]) -> int:
        """Later requests that fell into slices of some campaigns."""
        table = self.table_of(names)
        own = set(zip(table["account_id"].to_pylist(), table["cluster"].to_pylist(), strict=True))
        sent = zip(joined.placed["account_id"].to_pylist(), joined.placed["cluster"].to_pylist(), strict=True)
        return sum(one in own for one in sent)

    def slices_of_others(self, slices: Collection[str], least: int) -> set[str]:
        """Those of some slices that had as many requests when the case was made: the search looked at them."""
        table = self.case.slices
        kept = table.filter(pc.is_in(table["slice_id"], pa.array(sorted(slices), pa.string())))
        return set(kept.filter(pc.greater_equal(kept["requests"], least))["slice_id"].to_pylist())
