"""Harvested answers, and answers to honest accounts, from files of JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from stillhunt import InputError
from stillhunt.logs import named, other_settings
from stillhunt_model.tasks.harvest_texts import (
    TOOLS_FIELD,
    AnswerSample,
    CallSettings,
    HarvestedAnswer,
    drawn_hash,
    refuse_other_settings,
    settings_fault,
)

LONGEST_LINE = 4 << 20
"""Bytes of one line of a file of harvested answers; hunts keep at most a mebibyte of each text."""


class _Line(msgspec.Struct):
    """What a line says: an answer, field by field, and its campaign."""

    request_id: str
    prompt: str
    response: str
    system_prompt: str = ""
    turn: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    model: str = ""
    day: str = ""
    campaign_id: str = ""


def answers_of_file(path: Path, campaign_ids: Sequence[str], seed: int, limit: int) -> dict[str, list[HarvestedAnswer]]:
    """What campaigns harvested, from a file of JSON lines; the sample is drawn as `campaign_answers` draws it.

    Args:
        path: each line has `request_id`, `campaign_id`, `prompt` and `response`, and may have `system_prompt`, `turn`,
            `temperature`, `top_p`, `max_tokens`, `model` and `day`.
        campaign_ids: campaigns; empty for all of the file.

    Raises:
        InputError: the file cannot be read, a line is not of that form or has settings that no call can have, or a call
            has settings under which no control answer is drawn.
    """
    samples = {campaign: AnswerSample() for campaign in campaign_ids}
    settings: dict[str, CallSettings] = {}
    for number, line, more in _lines_of(path):
        if not line.campaign_id:
            raise _bad_line(f"{path}:{number}", "has no campaign_id")
        if campaign_ids and line.campaign_id not in samples:
            continue
        own = settings.setdefault(line.campaign_id, CallSettings(line.campaign_id))
        own.add(more, tools=False)
        _take_line(samples.setdefault(line.campaign_id, AnswerSample()), line, f"{path}:{number}", seed, limit)
    refuse_other_settings(settings.values())
    return {campaign: sample.drawn(limit) for campaign, sample in samples.items()}


def honest_of_file(path: Path, seed: int, limit: int) -> list[HarvestedAnswer]:
    """Answers to honest accounts, from a file of JSON lines as `answers_of_file` reads them, without `campaign_id`.

    Raises:
        InputError: the file cannot be read, or a line is not of that form or has settings that no call can have.
    """
    sample = AnswerSample()
    for number, line, more in _lines_of(path):
        if line.campaign_id:
            raise _bad_line(f"{path}:{number}", "has a campaign_id, and honest answers are of none")
        if more:
            raise _bad_line(f"{path}:{number}", f"has {more}, with which no control answer can be drawn")
        _take_line(sample, line, f"{path}:{number}", seed, limit)
    return sample.drawn(limit)


def _take_line(sample: AnswerSample, line: _Line, where: str, seed: int, limit: int) -> None:
    *own, _ = msgspec.structs.astuple(line)
    answer = HarvestedAnswer(*own)
    if fault := settings_fault(answer):
        raise _bad_line(where, fault)
    if line.prompt and line.response and sample.want(line.request_id, drawn_hash(line.request_id, seed)):
        sample.take(answer)
        sample.bound(limit)


def _lines_of(path: Path) -> Iterator[tuple[int, _Line, str | None]]:
    """Number of each line, what it says, and the names of its other fields that may have changed the answer."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                if len(line) > LONGEST_LINE:
                    raise _bad_line(f"{path}:{number}", f"is longer than {LONGEST_LINE:,} bytes")
                if line.strip():
                    try:
                        fields = decoder.decode(line)
                        tools = TOOLS_FIELD if fields.get(TOOLS_FIELD) else None
                        yield number, msgspec.convert(fields, _Line), named(other_settings(fields), tools)
                    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
                        what = "is no JSON object with request_id, prompt and response as texts"
                        raise _bad_line(f"{path}:{number}", what) from error
    except OSError as error:
        raise InputError(
            f"the file of answers cannot be read: {error.strerror or error}",
            where=str(path),
            next_step="name a file of JSON lines",
        ) from error


def _bad_line(where: str, what: str) -> InputError:
    return InputError(
        f"line {where.rpartition(':')[2]} {what}", where=where, next_step="correct the line, or leave it out"
    )
