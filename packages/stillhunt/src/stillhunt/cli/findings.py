"""The findings of a hunt for scripts: the exit code, and the document of `--json`."""

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from stillhunt.base.families import OTHERS, PRIOR
from stillhunt.triage import CaseModel
from stillhunt.triage.account_facts import account_facts
from stillhunt.triage.model import CampaignModel
from stillhunt.triage.sentences import OperatorModel

EXIT_NOTHING = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_FINDINGS = 3
EXIT_PARTIAL = 4
EXIT_CONFIG = 5
EXIT_LEASE_LOST = 75
"""EX_TEMPFAIL of sysexits.h: start it again. It is no success for a service manager, as the end by a signal is."""
EXIT_INTERRUPTED = 130
EXIT_MEANINGS: dict[int, str] = {
    EXIT_NOTHING: "nothing found",
    EXIT_ERROR: "error: the input, the case folder or the engine could not be used",
    EXIT_USAGE: "usage: a command or option is wrong",
    EXIT_FINDINGS: "findings: at least one campaign has the verdict act or review",
    EXIT_PARTIAL: "partial: in a hunt, the share of rejected rows is above collect.rejects_limit (this takes "
    "precedence over 3, and the findings are still written); with subject --erase, a legal hold keeps a part; "
    "with watch --once and spool, acknowledged requests are missing or damaged",
    EXIT_CONFIG: "configuration: a setting is unknown, malformed or contradictory",
    EXIT_LEASE_LOST: "lease lost: another process hunts now, with serve and watch; start this one again, and it waits",
    EXIT_INTERRUPTED: "interrupted: no incomplete output stays behind",
}
"""Exit code -> its meaning for a script; `docs/commands.md` and the README are checked against it."""


def exit_code(case: CaseModel, rejects_limit: float) -> int:
    """0, 3 or 4; 4, for a larger share of rejected rows (0 to 1), goes first: what was not read may hide more."""
    if case.rejected_share > rejects_limit:
        return EXIT_PARTIAL
    return EXIT_FINDINGS if case.of_verdict("act", "review") else EXIT_NOTHING


def as_document(case: CaseModel, case_folder: str | None, rejects_limit: float) -> dict[str, Any]:
    """The document of `--json`; `case_folder` is None when it was not written, `rejects_limit` as in `exit_code`."""
    code, run = exit_code(case, rejects_limit), case.run
    found = case.of_verdict("act", "review")
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in account_facts(case, found).to_pylist():
        members[row["campaign_id"]].append(row)
    reasons: dict[str, int] = {}
    for (_, reason), rows in case.rejects.items():
        reasons[reason] = reasons.get(reason, 0) + rows
    return {
        "version": run.get("version"),
        **code_fields(code),
        "case": case_folder,
        "report": None if case_folder is None else f"{case_folder}/report.html",
        "counts": dict(run.get("counts", {})),
        "campaigns": [
            {**_build_campaign_json(campaign), "members": members[campaign.row["campaign_id"]]} for campaign in found
        ],
        "left_alone": [_build_campaign_json(group) for group in case.of_verdict("none")],
        "operators": [_build_operator_json(one) for one in case.operators],
        "coverage": list(run.get("coverage", [])),
        "unmapped": list(run.get("unmapped", [])),
        "unenriched": list(run.get("unenriched", [])),
        "few_accounts": run.get("few_accounts", ""),
        "personal_ids": dict(run.get("personal_ids", {})),
        "sampled": dict(run.get("sampled", {})),
        "rejects": {
            "rows": case.count("rejects"),
            "share": case.rejected_share,
            "reasons": dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
            "accounts": dict(run.get("set_aside", {})),
        },
        "changed": dict(run.get("changed", {})),
        "inputs": list(run.get("inputs", [])),
    }


def _build_operator_json(operator: OperatorModel) -> dict[str, Any]:
    """Campaigns that belong together: id, relation, accounts, and each campaign with its strongest tie."""
    first, own = operator.rows[0], ("campaign_id", "tied_to", "bits")
    return {
        **{name: first[name] for name in ("operator_id", "relation", "accounts")},
        "campaigns": [
            {
                **{name: row[name] for name in own},
                "ties": [
                    {"kind": kind, "bits": round(bits, 3)}
                    for kind, bits in zip(row["kinds"], row["kind_bits"], strict=True)
                ],
                "why": row["statements"],
            }
            for row in operator.rows
        ],
    }


def code_fields(code: int) -> dict[str, Any]:
    """The fields of the document that say with which code the command ends."""
    return {"exit_code": code, "meaning": EXIT_MEANINGS[code]}


def _build_campaign_json(campaign: CampaignModel) -> dict[str, Any]:
    """A campaign or a group left alone: the row's columns, its evidence, origins and roles, and what to do first."""
    terms = sorted(campaign.total.terms, key=lambda term: (-term.bits, term.family, term.statement))
    why = [
        {"family": term.family, "bits": round(term.bits, 3), "statement": term.statement}
        for term in terms
        if term.family not in (PRIOR, OTHERS)
    ]
    beside = {
        "one_operator": campaign.total.one_operator,
        "other_explanations": [asdict(one) for one in campaign.total.explanations],
    }
    roles, steps = (dict(campaign.roles), list(campaign.steps)) if campaign.verdict != "none" else ({}, [])
    own = {"why": why, **beside, "origins": dict(campaign.origins), "roles": roles, "before_acting": steps}
    return {**campaign.row, **own}
