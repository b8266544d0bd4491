"""Draw the two pictures of `how-it-works.md`; `docs/generate.py` writes them.

Each is drawn for the width of a phone and follows the colours of the page: an image is told by its page whether light
or dark is wanted.
"""

from __future__ import annotations

import re
from math import log2
from pathlib import Path

from stillhunt.base.config import Config
from stillhunt.base.families import EVIDENCE_FAMILIES, PRIOR
from stillhunt.base.formatting import bits as bits_text

FOLDER = Path(__file__).parent
WIDTH = 480
STYLE = """<style>
  svg { color-scheme: light dark; }
  text { font: 14px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1c2233;
    paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
  .box + text, .box + text + text { stroke: none; }
  .name { font-weight: 600; } .small { font-size: 12.5px; } .quiet { fill: #4b5468; } .strong { font-weight: 600; }
  .paper { fill: #ffffff; } .box { fill: #eef1fb; stroke: #8c9bd0; } .end { fill: #fff; stroke: #8c9bd0; }
  .line { stroke: #6b7aa8; stroke-width: 1.5; fill: none; } .head { fill: #6b7aa8; }
  .cap { fill: none; stroke: #8c9bd0; stroke-dasharray: 3 3; } .for { fill: #3f51b5; } .against { fill: #b4532a; }
  .sum { fill: #1c2233; } .mark { stroke: #4b5468; stroke-dasharray: 2 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9f2; stroke: #1e2129; } .quiet { fill: #b3bacb; } .paper { fill: #1e2129; }
    .box { fill: #2a3046; stroke: #6f7fb8; }
    .end { fill: #1e2129; stroke: #6f7fb8; } .line { stroke: #9aa7d4; } .head { fill: #9aa7d4; }
    .cap { stroke: #6f7fb8; } .for { fill: #8c9eff; } .against { fill: #ff9e6b; } .sum { fill: #e6e9f2; }
    .mark { stroke: #b3bacb; }
  }
</style>"""

ROOMS = {
    "collect": ("reads logs of any format, joins them, checks every value", "requests and accounts, with the text"),
    "extract": ("reads each text once, and keeps hashes, topics and flags", "sketches: no text any more"),
    "link": ("finds requests with one template or one kind of work", "links between slices of accounts"),
    "resolve": ("joins the links into groups of accounts", "candidates: possible campaigns"),
    "score": ("weighs the evidence for and against each candidate", "scores, verdicts and every piece of evidence"),
    "triage": ("explains and writes down what was found", "the case: report, tables, excerpts"),
}
"""Room -> what it does, and what it hands on; in the order of the flow, which is the order of the alphabet."""


def _svg(height: int, title: str, parts: list[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>'
    return "\n".join([head, f"<title>{title}</title>", STYLE, paper, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}">{words}</text>'


def _arrow(y: float, words: str) -> list[str]:
    return [
        f'<path class="line" d="M40 {y:g}v24"/><path class="head" d="M35 {y + 22:g}h10l-5 9z"/>',
        _text(58, y + 20, words, "small quiet"),
    ]


def rooms_picture() -> str:
    """`img/rooms.svg`: what happens between the logs and the case."""
    y, parts = 16.0, [f'<rect class="end" x="16" y="16" width="{WIDTH - 32}" height="34" rx="17"/>']
    parts += [_text(36, 38, "your logs", "name"), *_arrow(y + 34, "files, object stores or a database")]
    y += 68
    for number, (room, (does, hands_on)) in enumerate(ROOMS.items(), start=1):
        parts.append(f'<rect class="box" x="16" y="{y:g}" width="{WIDTH - 32}" height="54" rx="6"/>')
        parts += [_text(32, y + 22, f"{number}  {room}", "name"), _text(32, y + 42, does, "small")]
        if room != "triage":
            parts += _arrow(y + 54, hands_on)
        y += 88
    y -= 34
    parts += _arrow(y, ROOMS["triage"][1])
    parts.append(f'<rect class="end" x="16" y="{y + 34:g}" width="{WIDTH - 32}" height="34" rx="17"/>')
    parts.append(_text(36, y + 56, "you: read, explain, decide", "name"))
    return _svg(int(y + 84), "From logs to a case: six rooms, each hands a table to the next", parts)


def tutorial_bits() -> dict[str, float]:
    """Bits of each family, of the prior and together, in the first campaign of the tutorial."""
    page = (FOLDER / "tutorial.md").read_text(encoding="utf-8")
    told = re.search(r"^ +bits +(.*?), [\d.]+ bits", page, re.MULTILINE | re.DOTALL)
    if told is None:
        raise ValueError("docs/tutorial.md shows no campaign")
    return {name: float(bits.replace("−", "-")) for name, bits in re.findall(r"(\w+)\s+([+−][\d.]+)", told[1])}


LEFT, RIGHT, LOW, HIGH = 24, 456, -10.0, 22.0


def _at(bits: float) -> float:
    return LEFT + (bits - LOW) / (HIGH - LOW) * (RIGHT - LEFT)


def _bar(y: float, start: float, end: float, kind: str) -> str:
    left, right = sorted((_at(start), _at(end)))
    return f'<rect class="{kind}" x="{left:.1f}" y="{y:g}" width="{right - left:.1f}" height="14" rx="2"/>'


def evidence_picture() -> str:
    """`img/evidence.svg`: how the bits of the families add up to a verdict, at the tutorial's first campaign."""
    told, settings = tutorial_bits(), Config().score
    caps = {family.name: getattr(settings.family_cap_bits, family.name) for family in EVIDENCE_FAMILIES}
    total, y = told[PRIOR], 62.0
    parts = [_text(LEFT, y, "before any evidence (prior)"), _text(RIGHT, y, bits_text(total), "strong", "end")]
    parts.append(_bar(y + 7, 0, total, "against"))
    for family in EVIDENCE_FAMILIES:
        y += 42
        added = told.get(family.name, 0.0)
        joint = " *" if family.linkage else ""
        parts.append(_text(LEFT, y, f"{family.label}{joint} ({family.name})"))
        parts.append(_text(RIGHT, y, f"{bits_text(added)} of at most {caps[family.name]:g}", "", "end"))
        parts.append(_bar(y + 7, total, total + caps[family.name], "cap"))
        parts.append(_bar(y + 7, total, total + added, "for" if added >= 0 else "against"))
        total += added
    y += 42
    parts += [_text(LEFT, y, "together", "name"), _text(RIGHT, y, bits_text(told["together"]), "strong", "end")]
    parts.append(_bar(y + 7, 0, told["together"], "sum"))
    y += 34
    for name, probability in (("review", settings.review_probability), ("act", settings.act_probability)):
        x = _at(log2(probability / (1 - probability)))
        parts.insert(0, f'<path class="mark" d="M{x:.1f} 38V{y:g}"/>')
        parts.append(_text(x, 18, name, "name", "middle"))
        parts.append(_text(x, 33, f"{probability:.0%}".replace("%", " %"), "small quiet", "middle"))
    joint_cap = f"* identity, network and timing together add at most {settings.linkage_cap_bits:g} bits"
    parts.append(_text(LEFT, y + 20, joint_cap, "small quiet"))
    return _svg(int(y + 36), "How evidence adds up from the prior to a verdict, in bits", parts)
