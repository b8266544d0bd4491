"""What a hunt found, worked out once for the screen and for `--json`, and the exit code that says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.triage.origins import origin_words

EXIT_NOTHING = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_FINDINGS = 3
EXIT_PARTIAL = 4
EXIT_CONFIG = 5
EXIT_INTERRUPTED = 130

EXIT_MEANINGS: dict[int, str] = {
    EXIT_NOTHING: "nothing found",
    EXIT_ERROR: "error: the input, the case folder or the engine could not be used",
    EXIT_USAGE: "usage: a command or option is wrong",
    EXIT_FINDINGS: "findings: at least one campaign has the verdict act or review",
    EXIT_PARTIAL: "partial input: the share of rejected rows is above collect.rejects_limit; wins over 3, "
    "the findings are written all the same",
    EXIT_CONFIG: "configuration: a setting is unknown, malformed or contradictory",
    EXIT_INTERRUPTED: "interrupted: nothing half-written stays behind",
}
"""Exit code -> what it tells a script; `docs/commands.md` and the README are checked against it."""

VERDICT_ORDER = {"act": 0, "review": 1, "none": 2}


@dataclass(frozen=True)
class Reason:
    """One piece of evidence about a whole campaign: its family, its bits, and the sentence."""

    family: str
    bits: float
    statement: str


@dataclass(frozen=True)
class Campaign:
    """One campaign as the screen shows it: its row of campaigns.parquet, why, and with what and from where."""

    row: Mapping[str, Any]
    reasons: tuple[Reason, ...]
    origins: tuple[tuple[str, str], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The row's columns, `why` and `origins`, ready for JSON."""
        why = [{"family": r.family, "bits": round(r.bits, 3), "statement": r.statement} for r in self.reasons]
        return {**self.row, "why": why, "origins": dict(self.origins)}


@dataclass(frozen=True)
class Findings:
    """All that is told after a hunt.

    Args:
        campaigns: ranked: act before review before none, then by score, accounts and id.
        accounts_involved: accounts that serve at least one campaign to act on or review, each counted once.
        run: the content of run.json.
        rejects: reason -> rows set aside, the most frequent first.
        rejects_limit: share of rejected rows above which the input counts as partial.
    """

    campaigns: tuple[Campaign, ...]
    accounts_involved: int
    run: Mapping[str, Any]
    rejects: Mapping[str, int] = field(default_factory=dict)
    rejects_limit: float = 1.0

    def count(self, name: str) -> int:
        """One of the run's counts; 0 where it is absent."""
        return int(self.run.get("counts", {}).get(name, 0))

    @property
    def rejected_share(self) -> float:
        """Rejected rows as a share of all rows read, 0 to 1."""
        rejected = self.count("rejects")
        rows = self.count("requests") + rejected
        return rejected / rows if rows else 0.0

    def of_verdict(self, verdict: str) -> list[Campaign]:
        """The campaigns of one verdict, ranked."""
        return [campaign for campaign in self.campaigns if campaign.row["verdict"] == verdict]

    @property
    def exit_code(self) -> int:
        """0, 3 or 4; partial input wins over findings, because what was not read may hide more."""
        if self.rejected_share > self.rejects_limit:
            return EXIT_PARTIAL
        return EXIT_FINDINGS if self.of_verdict("act") or self.of_verdict("review") else EXIT_NOTHING

    def as_dict(self, case_folder: str | None) -> dict[str, Any]:
        """The document of `--json`.

        Args:
            case_folder: where the case was written; None when it was not.
        """
        return {
            "version": self.run.get("version"),
            "exit_code": self.exit_code,
            "meaning": EXIT_MEANINGS[self.exit_code],
            "case": case_folder,
            "report": None if case_folder is None else f"{case_folder}/report.html",
            "counts": dict(self.run.get("counts", {})),
            "campaigns": [campaign.as_dict() for campaign in self.campaigns],
            "coverage": list(self.run.get("coverage", [])),
            "unenriched": list(self.run.get("unenriched", [])),
            "sampled": dict(self.run.get("sampled", {})),
            "rejects": {"rows": self.count("rejects"), "share": self.rejected_share, "reasons": dict(self.rejects)},
            "inputs": list(self.run.get("inputs", [])),
        }


def gather_findings(
    tables: Mapping[str, Any], run: Mapping[str, Any], rejects_limit: float, origins: pa.Table | None = None
) -> Findings:
    """Findings from a case's tables.

    Args:
        tables: file stem of the case folder -> Arrow table.
        run: the content of run.json.
        rejects_limit: share of rejected rows, 0 to 1, above which the input counts as partial.
        origins: the ORIGINS table; None where nobody asks for clients and networks.

    Returns:
        The ranked campaigns with their evidence, the strongest statement first.
    """
    reasons: dict[str, list[Reason]] = {}
    evidence = tables["evidence"].select(["campaign_id", "account_id", "family", "bits", "statement"])
    of_whole_campaigns = pc.and_(pc.is_null(evidence["account_id"]), pc.not_equal(evidence["family"], "prior"))
    for row in evidence.filter(of_whole_campaigns).to_pylist():
        reasons.setdefault(row["campaign_id"], []).append(Reason(row["family"], row["bits"], row["statement"]))
    came_from: dict[str, list[dict[str, Any]]] = {}
    for row in [] if origins is None else origins.to_pylist():
        came_from.setdefault(row["campaign_id"], []).append(row)
    campaigns = [
        Campaign(
            row,
            tuple(sorted(reasons.get(row["campaign_id"], []), key=lambda r: (-r.bits, r.family, r.statement))),
            tuple(origin_words(came_from.get(row["campaign_id"], []))),
        )
        for row in tables["campaigns"].to_pylist()
    ]
    shown = {campaign.row["campaign_id"] for campaign in campaigns if campaign.row["verdict"] in ("act", "review")}
    members = zip(
        tables["members"].column("account_id").to_pylist(),
        tables["members"].column("campaign_id").to_pylist(),
        strict=True,
    )
    counted = Counter(tables["rejects"].column("reason").to_pylist())
    return Findings(
        campaigns=tuple(sorted(campaigns, key=_rank)),
        accounts_involved=len({account for account, campaign in members if campaign in shown}),
        run=run,
        rejects=dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))),
        rejects_limit=rejects_limit,
    )


def _rank(campaign: Campaign) -> tuple[int, float, int, str]:
    row = campaign.row
    return (VERDICT_ORDER.get(row["verdict"], 3), -row["score"], -row["accounts"], row["campaign_id"])
