"""What axe-core finds on a page that is open in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "axe" / "axe.min.js"
GRAVE = ("serious", "critical")
TARGETS = {"target-size": {"enabled": True}}
"""WCAG 2.5.8, which axe leaves out unless told."""
RUN = """async ([grave, rules, only]) => {
  const found = await axe.run(document, { resultTypes: ["violations"], preload: false, rules, ...only });
  const places = (rule) => rule.nodes.map((node) => node.html.slice(0, 200)).join(" | ");
  const ours = (rule) => grave.includes(rule.impact) || rule.tags.some((tag) => tag.startsWith("wcag"));
  const broken = found.violations.filter(ours);
  return broken.map((rule) => `${rule.id}, ${rule.impact}: ${rule.help}: ${places(rule)}`);
}"""


def violations(page: Any, *only: str) -> list[str]:
    """Rules that the page breaks, each with the elements that break it: of WCAG 2.2 AA, and other grave ones.

    Args:
        only: the rules that are looked at; all where none is named.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger: the page's own policy would refuse a script
    found: list[str] = page.evaluate(RUN, [GRAVE, TARGETS, {"runOnly": only} if only else {}])
    return found
