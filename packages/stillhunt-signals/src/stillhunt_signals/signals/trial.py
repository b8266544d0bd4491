"""What signals would have changed in a case: each group judged once more with what they say of it."""

from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config
from stillhunt.case import Case
from stillhunt.plugins import EvidenceKind
from stillhunt.verdicts import EVIDENCE_PLUGINS, plugins_named, rebuild_verdict
from stillhunt_signals.kinds import OUTSIDE_KINDS
from stillhunt_signals.signals.weighing import SignalsOfLog, UsedSignal


class TriedGroup(NamedTuple):
    """One campaign, or group left alone, without signals and with them."""

    campaign_id: str
    accounts: int
    score: float
    verdict: str
    score_with: float
    verdict_with: str
    said: tuple[tuple[str, float], ...]  # what the signals say of it, with their bits before caps


def try_used_signals(case: Case, config: Config, used: list[UsedSignal]) -> list[TriedGroup]:
    """Judge each group of a case with the signals; those about which they say nothing are left out.

    `config`: settings, those of the case where the verdicts are to compare. Raises ContractError: the case is damaged,
    or written by rules that this version does not have.
    """
    names = case.accounts["account_id"].combine_chunks()
    signals = SignalsOfLog(used, names)
    found = []
    for campaign in case.tables["campaigns"].to_pylist():
        members = _rows_of(case.members, campaign["campaign_id"])
        own = pc.index_in(members["account_id"].combine_chunks(), value_set=names).to_numpy()
        said = [
            (kind, signal)
            for kind, about, leaves in OUTSIDE_KINDS
            if (signal := signals.weigh(own, about, leaves=leaves)) is not None
        ]
        if not said:
            continue
        evidence = _rows_of(case.evidence, campaign["campaign_id"])
        evidence = evidence.filter(pc.invert(pc.starts_with(evidence["kind"], "outside_")))
        rows = [_evidence_row(evidence, kind, signal.bits, signal.sentence) for kind, signal in said]
        more = pa.concat_tables([evidence, pa.Table.from_pylist(rows, evidence.schema)])
        without, with_them = (_judge_group(case, config, table, members) for table in (evidence, more))
        told = tuple((signal.sentence, signal.bits) for _, signal in said)
        found.append(TriedGroup(campaign["campaign_id"], campaign["accounts"], *without, *with_them, told))
    return found


def _judge_group(case: Case, config: Config, evidence: pa.Table, members: pa.Table) -> tuple[float, str]:
    budget = case.run["budget"]
    strangers = plugins_named(case.run, EVIDENCE_PLUGINS)
    rebuilt = rebuild_verdict(
        evidence, members, case.accounts, config, int(budget["accounts"]), float(budget["days"]), strangers
    )
    return rebuilt.score, rebuilt.verdict


def _evidence_row(evidence: pa.Table, kind: EvidenceKind, bits: float, sentence: str) -> dict[str, Any]:
    """A row as a hunt would have written it; what it rebuilds from is its bits before caps."""
    empty: dict[str, Any] = dict.fromkeys(evidence.column_names)
    (campaign,) = set(evidence["campaign_id"].to_pylist())
    return empty | {
        "campaign_id": campaign,
        "family": kind.family,
        "kind": kind.name,
        "statement": sentence,
        "bits": bits,
        "raw_bits": bits,
        "independent": False,
        "act_needs": "nothing",
        "request_ids": [],
        "request_count": 0,
    }


def _rows_of(table: pa.Table, campaign_id: str) -> pa.Table:
    return table.filter(pc.equal(table["campaign_id"], campaign_id))
