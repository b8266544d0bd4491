"""What is read quickly of bodies as most are is what reading with care gives, whatever else a body holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from fixtures import FIXTURES
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.collect.formats import SOURCES
from stillhunt.collect.formats.shared.bodies import answer_of_body, call_of_body
from stillhunt.collect.formats.shared.plain_bodies import answer_of_text, body_of_text
from stillhunt.collect.formats.source import BrokenRecordError, PassedOverError, Source
from stillhunt.collect.values.chat import read_chat, settle_messages
from stillhunt.collect.values.fields import REQUEST_FIELDS
from thoroughness import examples

ODD = (None, "", "odd", 0, 7, 0.5, True, False, 2**60, -1.5e300, [], ["odd"], {}, {"odd": "odd"}, [{"text": "odd"}])
TEXTS = st.sampled_from(("", "why", "[images: 1]", "[", "zwölf\nBoxkämpfer", "redacted-by-litellm"))
PARTS = st.one_of(
    st.builds(dict, type=st.sampled_from(("text", "input_text", "output_text", "thinking", None)), text=TEXTS),
    st.just({"type": "image_url", "image_url": {"url": "x"}}),
    st.just({"type": "tool_result", "content": "done"}),
)
CONTENTS = st.one_of(TEXTS, st.none(), st.lists(PARTS, max_size=3))
ROLES = st.sampled_from(("user", "user", "assistant", "assistant", "system", "tool", "developer", "User", "model"))
MESSAGES = st.lists(
    st.one_of(st.builds(dict, role=ROLES, content=CONTENTS), st.builds(dict, role=ROLES, parts=st.lists(PARTS))),
    max_size=6,
)
SMALL = st.sampled_from(ODD)
BODIES = st.builds(
    lambda messages, options, rare: {"model": "m-1", "messages": messages, **options, **dict(rare)},
    MESSAGES,
    st.fixed_dictionaries(
        {},
        optional={
            "model": SMALL,
            "temperature": SMALL,
            "top_p": SMALL,
            "max_tokens": SMALL,
            "max_completion_tokens": SMALL,
            "tools": SMALL,
            "system": st.one_of(SMALL, CONTENTS),
            "user": SMALL,
            "safety_identifier": SMALL,
            "metadata": st.one_of(SMALL, st.just({"user_id": "u-1", "session_id": "s-1"})),
        },
    ),
    st.lists(
        st.tuples(
            st.sampled_from(
                (
                    *("maxTokens", "topP", "generationConfig", "functions", "instructions", "previous_response_id"),
                    *("conversation", "session_id", "thread_id", "input", "prompt", "contents", "modelId", "headers"),
                )
            ),
            SMALL,
        ),
        max_size=2,
    ),
)
ANSWERS = st.builds(
    lambda choices, rest: {"id": "a-1", "choices": choices, **rest},
    st.lists(
        st.one_of(
            st.builds(lambda content: {"message": {"role": "assistant", "content": content}}, CONTENTS),
            st.just({"text": "of old"}),
            st.just({"delta": {"content": "in part"}}),
        ),
        max_size=3,
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "id": SMALL,
            "content": CONTENTS,
            "created": SMALL,
            "usage": st.one_of(
                SMALL,
                st.dictionaries(
                    st.sampled_from(("prompt_tokens", "completion_tokens", "input_tokens", "outputTokens")), SMALL
                ),
            ),
            "prompt_tokens": SMALL,
            "output": st.one_of(SMALL, st.just([{"type": "message", "content": "there"}])),
            "delta": st.just({"text": "more"}),
            "candidates": SMALL,
        },
    ),
)


def settled(row: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a row, `messages` read as they are later where they could not be settled at once."""
    row = copy.deepcopy(row)
    settle_messages(row)
    row["messages"] = read_chat(row.get("messages"))
    return {name: value for name, value in row.items() if value not in (None, "", [])}


@settings(derandomize=True, deadline=None, max_examples=examples(300))
@given(body=BODIES)
def test_a_body_is_read_alike_as_text_and_with_care(body: dict[str, Any]) -> None:
    quick, careful = settled(call_of_body(json.dumps(body))), settled(call_of_body(body))
    assert quick == careful


@settings(derandomize=True, deadline=None, max_examples=examples(300))
@given(answer=ANSWERS)
def test_an_answer_is_read_alike_as_text_and_with_care(answer: dict[str, Any]) -> None:
    assert settled(answer_of_body(json.dumps(answer))) == settled(answer_of_body(answer))


def test_most_bodies_are_plain() -> None:
    """Else nothing above was tested but reading with care against itself."""
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "why"}]}]
    body = body_of_text(
        json.dumps({"model": "m", "messages": chat, "temperature": 0.2, "tools": [{"type": "function"}]})
    )
    assert body is not None
    assert settled(call_of_body(body))["prompt"] == "why"
    claude = {"id": "msg-1", "content": [{"type": "text", "text": "so"}], "usage": {"input_tokens": 3}}
    answer = answer_of_text(json.dumps(claude))
    assert answer is not None
    assert answer_of_body(answer) == {"input_tokens": 3, "links": ["response:msg-1"], "response": "so"}


def variants(record: Any) -> Iterator[Any]:
    """The record, and all in which one value, at any depth, is another or missing."""
    yield record
    for path in paths(record):
        for odd in (*ODD, ...):
            changed = copy.deepcopy(record)
            inner = changed
            for step in path[:-1]:
                inner = inner[step]
            if odd is ... and isinstance(inner, dict):
                del inner[path[-1]]
            elif odd is not ...:
                inner[path[-1]] = odd
            yield changed


def paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for step in value if isinstance(value, dict) else range(len(value)):
            yield (*before, step)
            yield from paths(value[step], (*before, step))


def told(source: Source, record: Any) -> Any:
    """Our columns of each call, or what became of the record."""
    context: Any = frozenset()
    try:
        if source.rows is not None:
            made = list(source.rows(record))
        else:
            assert source.rows_within is not None
            made = list(source.rows_within(record, context))
    except (PassedOverError, BrokenRecordError) as error:
        return repr(error)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        return "another shape"
    rows = [settled(row) if isinstance(row, dict) else repr(row) for row in made]
    wanted = (*REQUEST_FIELDS, "links", "account_fallback")
    return [{n: row[n] for n in wanted if n in row} if isinstance(row, dict) else row for row in rows]


@pytest.mark.parametrize("source", [s for s in SOURCES if s.plain_record is not None], ids=lambda s: s.name)
def test_a_record_is_read_alike_as_plain_and_with_care(source: Source) -> None:
    plain = msgspec.json.Decoder(source.plain_record)
    careful = msgspec.json.Decoder(source.fields_read or Any)
    compared = 0
    for record in FIXTURES[source.name].records:
        for variant in variants(record):
            data = json.dumps(variant).encode()
            try:
                value = plain.decode(data)
            except msgspec.DecodeError:
                continue
            compared += 1
            assert told(source, value) == told(source, msgspec.json.decode(data)), variant
            assert told(source, careful.decode(data)) == told(source, msgspec.json.decode(data)), variant
    assert compared > 50
