"""Renders one chat template, in a process of its own that may take little time and memory.

It is run by its path and imports nothing of stillhunt: standard input has the template, standard output the text.
"""

import datetime
import json
import sys
from typing import Any

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

PROCESSOR_SECONDS, RENDERING_BYTES, LONGEST_RENDERED = 2, 1 << 29, 1 << 17
"""What one rendering may take; real templates take milliseconds and some thousands of characters."""
_LONGEST_REASON = 200


def _bound_process_resources() -> None:
    try:
        import resource  # optional: Unix alone has it; elsewhere the caller's timeout is the only bound
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (RENDERING_BYTES, RENDERING_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _render_chat_template(asked: dict[str, Any]) -> str:
    """The text, with the names that templates of Hugging Face expect; the day is a fixed one, so that runs repeat."""

    class Generation(Extension):
        """A block that marks what the assistant says."""

        tags = {"generation"}  # noqa: RUF012  # as Jinja has it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True)).set_lineno(line)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, indent: int | None = None, **_: Any) -> str:
        return json.dumps(value, ensure_ascii=False, indent=indent)

    room = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    room.filters["tojson"] = tojson
    room.globals["raise_exception"] = raise_exception
    room.globals["strftime_now"] = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).strftime
    named = {
        "messages": [{"role": "user", "content": asked["content"]}],
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
    }
    return room.from_string(asked["template"]).render({**asked["tokens"], **named})


def answer_once() -> None:
    """Read one order and answer it with `text` or with `error`."""
    asked = json.load(sys.stdin)
    _bound_process_resources()
    try:
        text = _render_chat_template(asked)
        said = {"text": text} if len(text) <= LONGEST_RENDERED else {"error": "its text is too long"}
    except MemoryError:
        said = {"error": "it takes too much memory"}
    except Exception as error:  # a hostile template raises anything
        said = {"error": f"{type(error).__name__}: {error}"[:_LONGEST_REASON]}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    answer_once()
