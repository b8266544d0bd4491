"""The findings on the screen: what was found, how sure, why, what could not be checked, and what to type next."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from stillhunt.base.schema import FAMILIES
from stillhunt.cli.findings import Campaign, Findings, Reason
from stillhunt.cli.terminal import print_columns, printable
from stillhunt.collect.checks.coverage import by_address_sentence
from stillhunt.collect.formats import CANONICAL

CAMPAIGNS_SHOWN = 20
FAMILIES_SHOWN = 3
REJECT_REASONS_SHOWN = 3
STATEMENT_CHARS = 240
NAME_CHARS = 80
DOUBTS_SHOWN = 5
WEAK_SHOWN = 3
LEAST_BITS = 0.1
FEWEST_SURE = 0.01
"""Probability below which a group left alone is not named."""
INDENT = 9
DETAIL_LABEL = 7
VERDICT_STYLES = {"act": "bold red", "review": "bold yellow", "none": "dim"}
COLUMNS = ("verdict", "campaign", "sure", "accounts", "requests", "first seen", "last seen")


def print_findings(console: Console, findings: Findings, case_folder: str | None) -> None:
    """Print the findings of one hunt.

    Args:
        console: where to.
        findings: what was found.
        case_folder: where the case was written; None when it was not.
    """
    console.print(_headline(findings))
    worth_showing = [campaign for campaign in findings.campaigns if campaign.row["verdict"] != "none"]
    _print_campaigns(console, worth_showing[:CAMPAIGNS_SHOWN], _currency(findings))
    rest = len(worth_showing) - CAMPAIGNS_SHOWN
    if rest > 0:
        console.print(f"\n... and {rest:,} more campaigns in campaigns.parquet")
    console.print()
    print_columns(console, _without_repeats(_facts(findings, worth_showing, case_folder)), ("dim",))


def probability_words(probability: float) -> str:
    """A probability as people read it: never 100 %, because no evidence is that good."""
    if probability > 0.999:
        return "> 99.9 %"
    return "< 0.1 %" if probability < 0.001 else f"{100 * probability:.1f} %"


def _headline(findings: Findings) -> Text:
    act, review = findings.of_verdict("act"), findings.of_verdict("review")
    read = f"{_counted(findings.count('requests'), 'request')} of {_counted(findings.count('accounts'), 'account')}"
    if not act and not review:
        return Text.assemble(("No campaign found", "bold"), f" in {read}.")
    requests = sum(campaign.row["requests"] for campaign in (*act, *review))
    share = requests / max(findings.count("requests"), 1)
    groups = [(act, "to act on"), (review, "to review")]
    counts = [f"{len(group):,} {words}" for group, words in groups if group]
    counts[0] = counts[0].replace(" ", f" {_plural(len(act or review), 'campaign')} ", 1)
    taken = (
        f": {_counted(findings.accounts_involved, 'account')} took {requests:,} answers, {100 * share:.1f} % of {read}."
    )
    return Text.assemble((" and ".join(counts), "bold"), taken)


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else noun + "s"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {_plural(number, noun)}"


def _print_campaigns(console: Console, campaigns: Sequence[Campaign], currency: str) -> None:
    if not campaigns:
        return
    cells = [_cells(campaign.row) for campaign in campaigns]
    widths = [max(cell_len(text) for text in column) for column in zip(COLUMNS, *cells, strict=True)]
    widths[0] = max(widths[0], INDENT - 2)
    console.print()
    console.print(_line(COLUMNS, widths, "dim", "dim"))
    for campaign, row_cells in zip(campaigns, cells, strict=True):
        console.print(_line(row_cells, widths, VERDICT_STYLES.get(campaign.row["verdict"], ""), ""))
        for label, text in _details(campaign, currency):
            print_columns(console, [("", label, text)], ("", "dim"), (INDENT - 2, DETAIL_LABEL))


def _currency(findings: Findings) -> str:
    return str(findings.run.get("settings", {}).get("report", {}).get("currency", ""))


def _cells(row: Any) -> tuple[str, ...]:
    return (
        row["verdict"],
        printable(row["campaign_id"], 48),
        probability_words(row["score"]),
        f"{row['accounts']:,}",
        f"{row['requests']:,}",
        _day(row["first_seen"]),
        _day(row["last_seen"]),
    )


def _line(cells: Sequence[str], widths: Sequence[int], first_style: str, style: str) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell_len(cell))
        right_aligned = COLUMNS[index] in ("sure", "accounts", "requests")
        line.append(space + cell if right_aligned else cell + space, first_style if index == 0 else style)
        line.append("  ")
    line.rstrip()
    return line


def _details(campaign: Campaign, currency: str) -> list[tuple[str, str]]:
    row = campaign.row
    taken = ", ".join(row["skills"]) or "no single skill"
    models = ", ".join(row["models"][:2]) + (" ..." if len(row["models"]) > 2 else "")
    value = f"{row['output_tokens']:,} output tokens, {row['list_value']:,.0f} {currency} at list price".replace(
        "  ", " "
    )
    if row["estimated_requests"] != row["requests"]:
        value += f", of about {row['estimated_requests']:,} requests with those that the log leaves out"
    details = [("taken", f"{taken} from {models or 'unknown models'}; {value}")]
    if campaign.origins:
        details.append(("from", "; ".join(words for _, words in campaign.origins)))
    in_favour = _by_family(campaign)
    against = [reason for reason in campaign.reasons if reason.bits < 0]
    for position, reason in enumerate(in_favour[:FAMILIES_SHOWN]):
        details.append(("" if position else "why", f"{reason.family} {reason.bits:+.1f} bits: {reason.statement}"))
    if rest := in_favour[FAMILIES_SHOWN:]:
        details.append(("", "and " + ", ".join(f"{reason.family} {reason.bits:+.1f} bits" for reason in rest)))
    details += [("held back", reason.statement) for reason in campaign.reasons if reason.family == "budget"]
    if against:
        strongest = against[-1]
        details.append(("against", f"{strongest.family} {strongest.bits:+.1f} bits: {strongest.statement}"))
    return [(label, printable(text, STATEMENT_CHARS)) for label, text in details]


def _by_family(campaign: Campaign) -> list[Reason]:
    """What speaks for a campaign, one line for each family: its bits together, and its strongest statement."""
    families: dict[str, Reason] = {}
    for reason in campaign.reasons:  # the strongest first
        if reason.bits > 0:
            first = families.setdefault(reason.family, Reason(reason.family, 0.0, reason.statement))
            families[reason.family] = replace(first, bits=first.bits + reason.bits)
    return sorted(families.values(), key=lambda reason: (-reason.bits, reason.family))


def _facts(findings: Findings, shown: Sequence[Campaign], case_folder: str | None) -> list[tuple[str, str]]:
    coverage = findings.run.get("coverage", [])
    facts = _logs(findings)
    facts += [("not checked", entry["sentence"]) for entry in coverage if not entry["available"]]
    facts += [
        ("in part", entry["sentence"])
        for entry in coverage
        if entry["available"] and (entry["missing"] or entry.get("rare"))
    ]
    facts += [("not looked up", printable(told, STATEMENT_CHARS)) for told in findings.run.get("unenriched", [])]
    if sampled := findings.run.get("sampled"):
        facts.append(("sample", sampled["sentence"]))
    if findings.count("rejects"):
        facts.append(("set aside", _rejects(findings)))
    allowed = findings.count("allowed")
    if allowed:
        facts.append(("allowed", f"{_counted(allowed, 'group')} of programmes that the settings declare; in the case"))
    quiet = len(findings.campaigns) - len(findings.of_verdict("act")) - len(findings.of_verdict("review"))
    weaker = quiet - allowed
    if weaker > 0:
        facts.append(("left alone", f"{_counted(weaker, 'group')} below the review threshold"))
        facts += [("", text) for text in _strongest_weak(findings)]
    return facts + _next_steps(shown, case_folder)


def _strongest_weak(findings: Findings) -> list[str]:
    """The groups nearest to a verdict, with what they lack: a small log cannot tell more, and its owner may."""
    review = findings.run.get("settings", {}).get("score", {}).get("review_probability", 0.5)
    lines = []
    for campaign in findings.of_verdict("none"):
        row = campaign.row
        if FEWEST_SURE <= row["score"] < review:
            lacking = math.log2(review / (1 - review)) - math.log2(row["score"] / (1 - row["score"]))
            families = (
                ", ".join(f"{r.family} {r.bits:+.1f}" for r in _by_family(campaign) if r.bits >= LEAST_BITS) or "no"
            )
            lines.append(
                f"{printable(row['campaign_id'], 48)}: {_counted(row['accounts'], 'account')}, "
                f"{_counted(row['requests'], 'request')}, {probability_words(row['score'])}; {families} bits speak for "
                f"it, {lacking:.1f} more would bring it to review{_untold(campaign)}"
            )
    return lines[:WEAK_SHOWN]


def _untold(campaign: Campaign) -> str:
    """Which tests the log holds too little for."""
    lacking = [reason.statement for reason in campaign.reasons if reason.family in FAMILIES and reason.bits == 0]
    return f"; not told: {'; '.join(printable(text, STATEMENT_CHARS) for text in lacking)}" if lacking else ""


def _logs(findings: Findings) -> list[tuple[str, str]]:
    """Which kinds of vendor logs were read, and what of them was no call; nothing where all had our columns."""
    inputs = findings.run.get("inputs", [])
    kinds = Counter(entry.get("format", CANONICAL) for entry in inputs)
    passed: Counter[str] = Counter()
    for entry in inputs:
        passed.update(entry.get("passed_over", {}))
    by_address = sum(entry.get("by_address", 0) for entry in inputs)
    doubts = [(entry.get("name", ""), told) for entry in inputs for told in entry.get("doubts", ())]
    if set(kinds) <= {CANONICAL}:
        return []
    facts = [("logs", ", ".join(f"{kind} ({_counted(count, 'file')})" for kind, count in sorted(kinds.items())))]
    for reason, count in passed.most_common(REJECT_REASONS_SHOWN):
        facts.append(("passed over", f"{_counted(count, 'record')}: {printable(reason, STATEMENT_CHARS)}"))
    if by_address:
        facts.append(("by address", by_address_sentence(by_address)))
    for name, told in doubts[:DOUBTS_SHOWN]:
        facts.append(("check", f"{printable(name, NAME_CHARS)}: {printable(told, 2 * STATEMENT_CHARS)}"))
    return [*facts, ("mapping", "'stillhunt inspect LOGS' shows which field went into which column")]


def _rejects(findings: Findings) -> str:
    top = [f"{reason} ({rows:,})" for reason, rows in list(findings.rejects.items())[:REJECT_REASONS_SHOWN]]
    more = ", ..." if len(findings.rejects) > REJECT_REASONS_SHOWN else ""
    over = f"; above the limit of {100 * findings.rejects_limit:g} %, so this input is partial"
    return (
        f"{_counted(findings.count('rejects'), 'row')}, {100 * findings.rejected_share:.2f} %: {', '.join(top)}{more}"
        + (over if findings.rejected_share > findings.rejects_limit else "")
    )


def _next_steps(shown: Sequence[Campaign], case_folder: str | None) -> list[tuple[str, str]]:
    if case_folder is None:
        return [("next", "add --out CASE to keep the report and to ask why with 'stillhunt explain'")]
    folder = shlex.quote(case_folder)
    example = shlex.quote(printable(shown[0].row["campaign_id"])) if shown else "ACCOUNT_ID"
    return [("report", f"{case_folder}/report.html"), ("next", f"stillhunt explain {folder} {example}")]


def _without_repeats(facts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same facts, each label only on its first line."""
    return [
        ("" if position and facts[position - 1][0] == label else label, text)
        for position, (label, text) in enumerate(facts)
    ]


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d")
