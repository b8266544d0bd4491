"""Harvested answers, and answers to honest accounts, from files of JSON lines."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from stillhunt import InputError
from stillhunt.logs import named, other_settings
from stillhunt_model.tasks.harvest_texts import (
    TOOLS_FIELD,
    AnswerSample,
    HarvestedAnswer,
    drawn_hash,
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
        InputError: the file cannot be read, or a line is not of that form or has settings that no call can have.
    """
    samples = {campaign: AnswerSample() for campaign in campaign_ids}
    for where, campaign, answer in _lines_of(path):
        if not campaign:
            raise _bad_line(where, "has no campaign_id")
        if not campaign_ids or campaign in samples:
            _take_answer(samples.setdefault(campaign, AnswerSample()), answer, where, seed, limit)
    return {campaign: sample.drawn(limit) for campaign, sample in samples.items()}


def honest_of_file(path: Path, seed: int, limit: int) -> list[HarvestedAnswer]:
    """Answers to honest accounts, from a file of JSON lines as `answers_of_file` reads them, without `campaign_id`.

    Raises InputError: the file cannot be read, or a line is not of that form or has settings that no call can have.
    """
    sample = AnswerSample()
    for where, campaign, answer in _lines_of(path):
        if campaign:
            raise _bad_line(where, "has a campaign_id, and honest answers are of none")
        _take_answer(sample, answer, where, seed, limit)
    return sample.drawn(limit)


def _take_answer(sample: AnswerSample, answer: HarvestedAnswer, where: str, seed: int, limit: int) -> None:
    if fault := settings_fault(answer):
        raise _bad_line(where, fault)
    if answer.prompt and answer.answer and sample.want(answer.request_id, drawn_hash(answer.request_id, seed)):
        sample.take(answer)
        sample.bound(limit)


def _lines_of(path: Path) -> Iterator[tuple[str, str, HarvestedAnswer]]:
    """Place of each line, its campaign, and its answer."""
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
                        *own, campaign = msgspec.structs.astuple(msgspec.convert(fields, _Line))
                        settings = named(other_settings(fields), tools) or ""
                        yield f"{path}:{number}", campaign, replace(HarvestedAnswer(*own), other_settings=settings)
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
