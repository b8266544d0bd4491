"""What a chat template puts before and after a prompt.

A template is a program of whoever made the folder. It is rendered once, by the sandbox of Jinja in a process with
bounds, around a mark instead of a prompt; prompts are then put in the mark's place, and it sees none of them.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from stillhunt import InputError
from stillhunt.tools import shorten
from stillhunt_model.nets import template_child

LONGEST_TEMPLATE = 1 << 16
"""Characters of a chat template; the longest real ones have some 20,000."""
_PATIENCE = 30.0
"""Seconds of wall time on a busy machine; processor time has a bound of its own."""
_MARK = "stillhunt-prompt-7d1f0c"
_EDGE = "\t\t"
"""White space beside the mark, to see whether the template strips it."""
_LONGEST_REASON = 200


@dataclass(frozen=True)
class ChatFrame:
    """What stands around a prompt."""

    before: str
    after: str
    strips: bool  # white space at the prompt's ends is dropped

    def around(self, prompt: str) -> str:
        """A prompt in its frame."""
        return f"{self.before}{prompt.strip() if self.strips else prompt}{self.after}"


def frame_of(tokenizer: Any, where: str) -> ChatFrame | None:
    """The frame of a tokenizer's chat template; None where it has none.

    Raises InputError: the template is too long, fails, takes too much time or memory, or does not keep the prompt.
    """
    template = getattr(tokenizer, "chat_template", None)
    if isinstance(template, dict):
        template = template.get("default")
    if not template:
        return None
    if not isinstance(template, str):
        raise _build_chat_template_error("it is no text", where)
    if len(template) > LONGEST_TEMPLATE:
        raise _build_chat_template_error(f"it has more than {LONGEST_TEMPLATE:,} characters", where)
    tokens = tuple(sorted((name, str(one)) for name, one in tokenizer.special_tokens_map.items() if "\0" not in name))
    found = _derive_chat_frame(template, tokens)
    if isinstance(found, str):
        raise _build_chat_template_error(found, where)
    return found


@lru_cache(maxsize=64)
def _derive_chat_frame(template: str, tokens: tuple[tuple[str, str], ...]) -> ChatFrame | str:
    """The frame, or why there is none."""
    text, error = _render_in_child_process(
        {"template": template, "tokens": dict(tokens), "content": _EDGE + _MARK + _EDGE}
    )
    if error:
        return error
    if text.count(_MARK) != 1:
        return "it does not keep the prompt as it is"
    strips = _EDGE + _MARK + _EDGE not in text
    before, _, after = text.partition(_MARK if strips else _EDGE + _MARK + _EDGE)
    return ChatFrame(before, after, strips)


def _render_in_child_process(asked: dict[str, Any]) -> tuple[str, str]:
    """The text, or why there is none."""
    try:
        done = subprocess.run(  # noqa: S603  # our own file, by the interpreter that runs this
            [sys.executable, "-I", str(Path(template_child.__file__))],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return "", "it takes too much time"
    try:
        said = json.loads(done.stdout)
    except ValueError:
        return "", "it takes too much time or memory"
    return str(said.get("text", "")), str(said.get("error", ""))


def _build_chat_template_error(why: str, where: str) -> InputError:
    return InputError(
        f"the chat template cannot be used: {shorten(why, _LONGEST_REASON)}",
        where=where,
        next_step="get the model again from where it comes, or remove the template from a copy of the folder",
    )
