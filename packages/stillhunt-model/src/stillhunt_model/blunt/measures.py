"""What is done to the reasoning of an answer. Results are never touched, and nothing is said that was not there.

A measure leaves steps out, or puts them into another order and says so. It writes no sentence of its own but counts of
what it left out, since a wrong or invented step would mislead whoever reads it, a wrongly flagged customer included.
"""

import re
from collections.abc import Sequence
from typing import Literal, get_args

from stillhunt import ConfigError
from stillhunt_model.blunt.parameters import OUTLINE_EVERY

MeasureName = Literal["withhold", "summarise", "rewrite", "cap"]
"""No reasoning; an outline of it; all steps, numbered and the last first; nothing at all after a number of samples."""
MEASURES: tuple[MeasureName, ...] = get_args(MeasureName)
_LINES = re.compile(r"(?<=\n)(?=[^\n])")
_CUTS = (re.compile(r"(?<=;)(?=.)", re.DOTALL), re.compile(r"(?<=[.!?])\s+(?=\S)"))
"""Where the steps of a text of one line without code begin: after semicolons; else at sentences."""
_FENCE = re.compile(r"`{3,}|~{3,}")
_LIST_SIGN = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]+")
_CODE = re.compile(
    r"""[`{}\\$\#@|<>]|~~~|&[#\w]{1,32};|//|/\*|==|!=|:=|\+=|-=|\+\+|--|&&|::|"[^"\n]{0,200};
    |\([^()\n]{0,200};|\[[^\[\]\n]{0,200};|;\s?\)
    |\w\(|\w\[|\w\.\w{1,40}\(|\b(?:for|while|if|switch|catch)\ ?\(
    |^(?:\t|\ {4})[ \t]{0,40}\S
    |\b(?:return|let|const|var|import|def|class|int|float|char|void|echo|print|lambda)\b[^.;\n]{0,80};
    |\b(?:SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER)\b""",
    re.MULTILINE | re.VERBOSE,
)
"""What looks like code or markup. Too much is better than too little: a semicolon or full stop there ends no step."""
_NUMBERED = re.compile(r"\[step (\d+) of (\d+)\] ")


def checked_measure(name: str) -> MeasureName:
    """A measure by its name.

    Raises ConfigError: there is none of this name.
    """
    for measure in MEASURES:
        if name == measure:
            return measure
    raise ConfigError(
        f"there is no measure {name[:40]!r}", where="measure", next_step=f"choose one of {', '.join(MEASURES)}"
    )


def reasoning_steps(reasoning: str) -> list[str]:
    """The steps of a reasoning, each as it stands there; put together they are the whole of it.

    Lines are steps, and code between fences is one. A text of one line is cut after semicolons, or else at its
    sentences, if nothing in it looks like code.
    """
    lines = _line_steps(reasoning)
    if len(lines) > 1 or _CODE.search(reasoning):
        return lines
    for cut in _CUTS:
        places = [place for found in cut.finditer(reasoning) if 0 < (place := found.end()) < len(reasoning)]
        if places:
            return _cut_text_at_places(reasoning, places)
    return lines


def _cut_text_at_places(text: str, places: Sequence[int]) -> list[str]:
    return [text[first:last] for first, last in zip([0, *places], [*places, None], strict=True)]


def _line_steps(reasoning: str) -> list[str]:
    """Lines with the empty ones after them; those from the beginning of a fence to its end together."""
    if not reasoning:
        return []
    steps: list[str] = []
    gathered: list[str] = []
    fence = ""
    for line in _cut_text_at_places(reasoning, [found.end() for found in _LINES.finditer(reasoning) if found.end()]):
        gathered.append(line)
        fence = _fence_after(line, fence)
        if not fence:
            steps.append("".join(gathered))
            gathered.clear()
    return [*steps, "".join(gathered)] if gathered else steps  # a fence that never ends is a step, too


def _fence_after(line: str, fence: str) -> str:
    """The fence inside which the text goes on after a line; empty where it is inside none."""
    plain = line.lstrip(" \t>")
    if fence:
        found = _FENCE.match(plain)
        ends = found and found[0].startswith(fence) and not plain[found.end() :].strip()
        return "" if ends else fence
    listed = _LIST_SIGN.match(plain)
    found = _FENCE.match(plain[listed.end() :] if listed else plain)
    if found is None or (found[0][0] == "`" and "`" in (plain[listed.end() :] if listed else plain)[found.end() :]):
        return ""  # code within a line, such as ```x```, ends in it
    return found[0]


def blunted_reasoning(measure: MeasureName, reasoning: str) -> str:
    """The reasoning as the accounts of an order get it.

    `measure`: what is done; `cap` leaves it as it is, since it only counts. `reasoning`: of one answer; one without any
    word stays as it is.
    """
    if not reasoning.strip():
        return reasoning
    if measure == "withhold":
        return ""
    if measure == "summarise":
        return _outline_reasoning(reasoning)
    return _last_first(reasoning) if measure == "rewrite" else reasoning


def steps_in_order(reasoning: str) -> str:
    """The reasoning that `rewrite` changed, put in order again; what it did not change stays."""
    _, *parts = _NUMBERED.split(reasoning)
    places, steps = parts[::3], parts[2::3]
    if [int(place) for place in places] != list(range(len(places), 0, -1)) or not places:
        return reasoning
    plain = (step[1:] if step[:1] == "\n" and _fence_after(step[1:].partition("\n")[0], "") else step for step in steps)
    return "".join(reversed([step.removesuffix("\n") for step in plain]))


def _outline_reasoning(reasoning: str) -> str:
    steps, outline, missing = reasoning_steps(reasoning), "", 0
    for place, step in enumerate(steps):
        if place % OUTLINE_EVERY or len(steps) == 1:
            missing += 1
        else:
            outline += _prepend_step_head(_left_out(missing), step)
            missing = 0
    return outline + _left_out(missing)


def _left_out(steps: int) -> str:
    return f"[{steps} step{'s' if steps > 1 else ''} left out] " if steps else ""


def _prepend_step_head(head: str, step: str) -> str:
    # a fence is one only at the beginning of a line
    return f"{head}\n{step}" if head and _fence_after(step.partition("\n")[0], "") else f"{head}{step}"


def _last_first(reasoning: str) -> str:
    steps = reasoning_steps(reasoning)
    if len(steps) < 2:
        return reasoning
    numbered = [_prepend_step_head(f"[step {place} of {len(steps)}] ", step) for place, step in enumerate(steps, 1)]
    return "".join(f"{step}\n" for step in reversed(numbered))
