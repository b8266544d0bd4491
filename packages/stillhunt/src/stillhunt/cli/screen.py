"""The findings on the screen: what was found, how sure, why, what could not be checked, and what to type next."""

import shlex
from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from stillhunt.base import formatting
from stillhunt.cli.terminal import print_columns
from stillhunt.collect.formats import CANONICAL_FORMAT
from stillhunt.collect.inspection import by_address_sentence
from stillhunt.triage import CaseModel, changed_values, set_aside_sentence
from stillhunt.triage.folder import DAMAGE
from stillhunt.triage.kinds import roles_in_words
from stillhunt.triage.model import NAME_CHARS, CampaignModel, family_name
from stillhunt.triage.score_breakdown import STATEMENT_CHARS, Term

CAMPAIGNS_SHOWN = 20
FAMILIES_SHOWN = 3
REASONS_SHOWN = 3
DOUBTS_SHOWN = 5
OPERATORS_SHOWN = 10
NEAR_MISSES_SHOWN = 3
NEAR_MISS_PROBABILITY = 0.01
"""Groups below this probability are counted but not listed."""
INDENT = 9
DETAIL_LABEL = 9
VERDICT_STYLES = {"act": "bold red", "review": "bold yellow", "none": "dim"}
SCREEN_COLUMNS = ("verdict", "campaign", "probability", "accounts", "requests", "first seen", "last seen (UTC)")
RIGHT_ALIGNED = ("probability", "accounts", "requests")
DAY_CHARS = len("2026-03-03")


def print_findings(console: Console, case: CaseModel, case_folder: str | None, rejects_limit: float) -> None:
    """Print the findings of one hunt, whose folder is None when not written; `rejects_limit` as in `exit_code`."""
    found = case.of_verdict("act", "review")
    console.print(Text(case.headline, "bold"))
    _print_campaigns(console, found[:CAMPAIGNS_SHOWN])
    rest = len(found) - CAMPAIGNS_SHOWN
    if rest > 0:
        console.print(f"\n... and {formatting.plural(rest, 'more campaign')} in campaigns.parquet")
    console.print()
    notes = [
        *_list_operator_notes(case),
        *_list_log_notes(case),
        *_list_coverage_gaps(case, rejects_limit),
        *_near_misses(case),
        *_next_steps(found, case_folder),
    ]
    print_columns(console, _without_repeats(notes), ("dim",))


def _print_campaigns(console: Console, campaigns: Sequence[CampaignModel]) -> None:
    if not campaigns:
        return
    cells = [_format_screen_cells(campaign) for campaign in campaigns]
    widths = _measure_column_widths(cells)
    if console.is_terminal and sum(widths) + 2 * (len(widths) - 1) > console.width:  # no room for the time of day
        cells = [(*row[:-2], *(moment[:DAY_CHARS] for moment in row[-2:])) for row in cells]
        widths = _measure_column_widths(cells)
    console.print()
    console.print(_align_screen_line(SCREEN_COLUMNS, widths, "dim", "dim"))
    for campaign, row_cells in zip(campaigns, cells, strict=True):
        console.print(_align_screen_line(row_cells, widths, VERDICT_STYLES[campaign.verdict], ""))
        for label, text in _without_repeats(_list_campaign_details(campaign)):
            print_columns(console, [("", label, text)], ("", "dim"), (INDENT - 2, DETAIL_LABEL))


def _measure_column_widths(cells: Sequence[Sequence[str]]) -> list[int]:
    widths = [max(cell_len(text) for text in column) for column in zip(SCREEN_COLUMNS, *cells, strict=True)]
    return [max(widths[0], INDENT - 2), *widths[1:]]


def _format_screen_cells(campaign: CampaignModel) -> tuple[str, ...]:
    row = campaign.row
    return (
        campaign.verdict,
        campaign.name,
        campaign.probability,
        formatting.count(row["accounts"]),
        formatting.count(row["requests"]),
        formatting.minute(row["first_seen"]).removesuffix(" UTC"),
        formatting.minute(row["last_seen"]).removesuffix(" UTC"),
    )


def _align_screen_line(cells: Sequence[str], widths: Sequence[int], first_style: str, style: str) -> Text:
    line = Text(no_wrap=True, overflow="ignore")
    for index, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        space = " " * (width - cell_len(cell))
        line.append(
            space + cell if SCREEN_COLUMNS[index] in RIGHT_ALIGNED else cell + space, style if index else first_style
        )
        line.append("  ")
    line.rstrip()
    return line


def _list_campaign_details(campaign: CampaignModel) -> list[tuple[str, str]]:
    unsampled = f"; {campaign.unsampled}" if campaign.unsampled else ""
    details = [("taken", f"{campaign.skills} from {campaign.models}; {campaign.volume}{unsampled}")]
    if not campaign.harvests:
        details = [("kind", f"{campaign.kind}, no harvest shown; {campaign.volume}{unsampled}")]
    if campaign.origins:
        details.append(("from", "; ".join(words for _, words in campaign.origins)))
    total = formatting.bits(campaign.total.log2_odds)
    details.append(("bits", f"{campaign.family_bits}; together {total}, {campaign.margin}"))
    if campaign.roles.keys() - {"unknown"}:
        details.append(("roles", roles_in_words(campaign.roles)))
    details += [("why", _format_family_finding(term)) for term in campaign.strongest[:FAMILIES_SHOWN]]
    details += [("held back", statement) for statement in campaign.held_back]
    details += [("against", _format_family_finding(term)) for term in campaign.total.opposing[:1]]
    details += [("or else", one.words.rstrip(".")) for one in campaign.total.explanations[:1]]
    return details


def _format_family_finding(term: Term) -> str:
    return f"{formatting.bits(term.bits)} {family_name(term.family)}: {term.shown}"


def _list_coverage_gaps(case: CaseModel, rejects_limit: float) -> list[tuple[str, str]]:
    """What could not be checked, or only in part."""
    coverage = case.run.get("coverage", [])
    notes = [("damaged", _shorten_statement(one)) for one in case.run.get(DAMAGE, [])]
    notes += [("not checked", entry["sentence"]) for entry in coverage if not entry["available"]]
    notes += [
        ("in part", entry["sentence"])
        for entry in coverage
        if entry["available"] and (entry["missing"] or entry.get("rare"))
    ]
    notes += [("check", _shorten_statement(sentence)) for sentence in case.run.get("unmapped", [])]
    notes += [("not looked up", formatting.shorten(note, STATEMENT_CHARS)) for note in case.run.get("unenriched", [])]
    if few := case.run.get("few_accounts"):
        notes.append(("check", few))
    if case.personal_ids:
        notes.append(("ids", case.personal_ids))
    if sampled := case.run.get("sampled"):
        notes.append(("sample", sampled["sentence"]))
    if rows := case.count("rejects"):
        over = f"; more than {formatting.exact_percent(rejects_limit)}, so this input is partial"
        share = formatting.percent(case.rejected_share) + (over if case.rejected_share > rejects_limit else "")
        notes.append(("set aside", f"{formatting.plural(rows, 'row')}, {share}"))
        notes += [
            ("", f"{formatting.count(count)} in {formatting.shorten(source, NAME_CHARS)}: {_shorten_statement(reason)}")
            for (source, reason), count in list(case.rejects.items())[:REASONS_SHOWN]
        ]
    if losers := set_aside_sentence(case.run):
        notes.append(("check", _shorten_statement(losers)))
    changed = changed_values(case.run, REASONS_SHOWN)
    notes += [("changed" if place == 0 else "", _shorten_statement(text)) for place, text in enumerate(changed)]
    return notes


def _list_operator_notes(case: CaseModel) -> list[tuple[str, str]]:
    """Campaigns that belong together, and why."""
    rest = len(case.operators) - OPERATORS_SHOWN
    more = [("", f"... and {formatting.count(rest)} more in operators.parquet")] if rest > 0 else []
    return [*((one.label, one.words) for one in case.operators[:OPERATORS_SHOWN]), *more]


def _shorten_statement(text: str) -> str:
    return formatting.shorten(text, STATEMENT_CHARS)


def _near_misses(case: CaseModel) -> list[tuple[str, str]]:
    """The groups nearest to a verdict, with what they lack: their owner may know more than the log shows."""
    notes, allowed, limited = [], case.count("allowed"), case.limited
    below = [campaign for campaign in case.of_verdict("none") if not campaign.reached]
    if allowed:
        groups = formatting.plural(allowed, "group")
        belongs = formatting.verb(allowed, "belongs", "belong")
        notes.append(("allowed", f"{groups} {belongs} to programmes that the settings allow; shown in the case"))
    if limited:
        has = formatting.verb(len(limited), "has", "have")
        reached = f"{formatting.plural(len(limited), 'group')} reached the review threshold and {has} no verdict"
        notes.append(("no verdict", reached))
        notes += [("", campaign.near_miss) for campaign in limited[:CAMPAIGNS_SHOWN]]
    if below:
        notes.append(("left alone", f"{formatting.plural(len(below), 'group')} below the review threshold"))
        near = [campaign.near_miss for campaign in below if campaign.row["score"] >= NEAR_MISS_PROBABILITY]
        notes += [("", text) for text in near[:NEAR_MISSES_SHOWN]]
    return notes


def _list_log_notes(case: CaseModel) -> list[tuple[str, str]]:
    """Which kinds of vendor logs were read, and what of them was no call; nothing where all had our columns."""
    inputs = case.run.get("inputs", [])
    kinds = Counter(entry.get("format", CANONICAL_FORMAT) for entry in inputs)
    if set(kinds) <= {CANONICAL_FORMAT}:
        return []
    passed: Counter[str] = Counter()
    for entry in inputs:
        passed.update(entry.get("passed_over", {}))
    by_address = sum(entry.get("by_address", 0) for entry in inputs)
    doubts = [(entry.get("name", ""), doubt) for entry in inputs for doubt in entry.get("doubts", ())]
    notes = [("logs", ", ".join(f"{kind} ({formatting.plural(n, 'file')})" for kind, n in sorted(kinds.items())))]
    for reason, count in passed.most_common(REASONS_SHOWN):
        notes.append(("passed over", f"{formatting.plural(count, 'record')}: {_shorten_statement(reason)}"))
    if by_address:
        notes.append(("by address", by_address_sentence(by_address)))
    for name, doubt in doubts[:DOUBTS_SHOWN]:
        notes.append(("check", f"{formatting.shorten(name, NAME_CHARS)}: {_shorten_statement(doubt)}"))
    return [*notes, ("mapping", "'stillhunt inspect LOGS' shows which field fills which column")]


def _next_steps(found: Sequence[CampaignModel], case_folder: str | None) -> list[tuple[str, str]]:
    if case_folder is None:
        return [("next", "add --out CASE to keep the report and to ask for reasons with 'stillhunt explain'")]
    folder = shlex.quote(case_folder)
    example = shlex.quote(formatting.escape_controls(found[0].row["campaign_id"])) if found else "ACCOUNT_ID"
    return [("report", f"{case_folder}/report.html"), ("next", f"stillhunt explain {folder} {example}")]


def _without_repeats(notes: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same lines, each label only on its first one."""
    return [
        ("" if position and notes[position - 1][0] == label else label, text)
        for position, (label, text) in enumerate(notes)
    ]
