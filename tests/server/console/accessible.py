"""What axe-core finds on a page that is open in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "axe" / "axe.min.js"
GRAVE = ("serious", "critical")
RUN = """async (grave) => {
  const found = await axe.run(document, { resultTypes: ["violations"], preload: false });
  const places = (rule) => rule.nodes.map((node) => node.html.slice(0, 200)).join(" | ");
  const broken = found.violations.filter((rule) => grave.includes(rule.impact));
  return broken.map((rule) => `${rule.id}, ${rule.impact}: ${rule.help}: ${places(rule)}`);
}"""


def violations(page: Any) -> list[str]:
    """Rules that the page breaks seriously or critically, each with the elements that break it; empty is good."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(AXE.read_text(encoding="utf-8"))  # by the debugger: the page's own policy would refuse a script
    found: list[str] = page.evaluate(RUN, GRAVE)
    return found
