"""Prompts and answers that campaigns harvested: from a case and its logs, or from a file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt.base import formatting
from stillhunt.base.config import Config
from stillhunt.base.errors import CaseError, InputError
from stillhunt.base.progress import Progress

HARVEST_FILE = "harvest.parquet"
OVERSAMPLING = 8
"""Harvested requests that are looked for, for each answer that is wanted: logs of which an eighth has answers still
give a full sample (judgement)."""
LONGEST_LINE = 4 << 20
"""Bytes of one line of a file of harvested answers; hunts keep at most a mebibyte of each text."""
_BATCH = 1 << 17
_CAMPAIGN_REQUEST = ("campaign_id", "request_id")


@dataclass(frozen=True)
class HarvestedAnswer:
    """One answer that a campaign got.

    Attributes:
        request_id: id of the call.
        prompt: what was new in the call: content of the user or of a tool.
        answer: text of the answer.
        system_prompt: system instructions of the call; empty for none.
        turn: position in its conversation, from 0; None where it is not known. From 1 on the model saw more than the
            prompt.
        temperature: of the call; None where the log does not say.
        top_p: the same.
        max_tokens: largest number of tokens that the client allowed; None where the log does not say.
    """

    request_id: str
    prompt: str
    answer: str
    system_prompt: str = ""
    turn: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


@dataclass
class _Sample:
    """The answers of one campaign so far: those with the smallest keyed hashes of their ids."""

    wanted: dict[str, int]
    found: dict[str, HarvestedAnswer] = field(default_factory=dict)
    conflicting: set[str] = field(default_factory=set)

    def take(self, answer: HarvestedAnswer) -> None:
        """Keep an answer; of two different ones with one id neither, since nobody knows which was harvested."""
        earlier = self.found.setdefault(answer.request_id, answer)
        if earlier != answer:
            self.conflicting.add(answer.request_id)

    def bound(self, limit: int) -> None:
        """Forget answers that cannot be drawn any more."""
        if len(self.found) > OVERSAMPLING * limit:
            self.wanted = _smallest(self.wanted, OVERSAMPLING * limit // 2)
            self.found = {one: answer for one, answer in self.found.items() if one in self.wanted}

    def drawn(self, limit: int) -> list[HarvestedAnswer]:
        """The sample, in the order of the hashes."""
        ids = sorted(set(self.found) - self.conflicting, key=lambda one: (self.wanted[one], one))
        return [self.found[one] for one in ids[:limit]]


def campaign_answers(
    case_folder: Path,
    campaign_ids: Sequence[str],
    logs: Any,
    config: Config,
    limit: int,
    progress: Progress,
    mapping: dict[str, str] | None = None,
) -> dict[str, list[HarvestedAnswer]]:
    """What campaigns harvested, as a sample drawn by a keyed hash of the request id.

    Args:
        case_folder: of the hunt.
        campaign_ids: campaigns.
        logs: the logs of that hunt, with answers; as for `stillhunt.hunt`.
        config: settings; `seed` keys the sample.
        limit: most answers of one campaign.
        progress: receiver of progress while reading.
        mapping: our column -> field of the logs.

    Returns:
        Campaign -> answers; fewer than `limit` where the logs have no more, none where they have no answers.

    Raises:
        CaseError: harvest.parquet cannot be read.
        InputError: the logs cannot be read.
    """
    from stillhunt.pipeline import reading  # start-up time

    unsound = 0
    samples = {
        campaign: _Sample(wanted)
        for campaign, wanted in _wanted_ids(case_folder, campaign_ids, config.seed, OVERSAMPLING * limit).items()
    }
    ids = pa.array(sorted({one for sample in samples.values() for one in sample.wanted}), pa.string())
    with reading(logs, None, config, mapping=mapping, progress=progress) as (batches, _):
        for table in batches:
            for row in _answered(table, ids).to_pylist():
                answer = _of_row(row)
                if settings_fault(answer):
                    unsound += 1
                    # Nobody knows how it was drawn. Tests that draw nothing can still use it.
                    answer = replace(answer, temperature=None, top_p=None, max_tokens=None)
                for sample in samples.values():
                    if answer.request_id in sample.wanted:
                        sample.take(answer)
    if unsound:
        progress.note(
            f"{formatting.plural(unsound, 'harvested answer')} with a temperature, top_p or max_tokens that no call "
            "can have: not drawn again, and so not compared with control answers"
        )
    return {campaign: samples[campaign].drawn(limit) for campaign in campaign_ids}


def _of_row(row: Mapping[str, Any]) -> HarvestedAnswer:
    return HarvestedAnswer(
        row["request_id"],
        row["prompt"],
        row["response"],
        row["system_prompt"] or "",
        row["turn"],
        row["temperature"],
        row["top_p"],
        row["max_tokens"],
    )


def settings_fault(answer: HarvestedAnswer) -> str:
    """Why nothing can be drawn with the settings of an answer; empty where it can, or where they are not known.

    Args:
        answer: harvested one.
    """
    temperature, top_p, most = answer.temperature, answer.top_p, answer.max_tokens
    if temperature is not None and not (math.isfinite(temperature) and temperature >= 0):
        return "has a temperature that is not finite or below 0"
    if top_p is not None and not 0 < top_p <= 1:
        return "has a top_p that is not above 0 and at most 1"
    if most is not None and most < 1:
        return "has a max_tokens below 1"
    return ""


def texts_digest(answers: Iterable[HarvestedAnswer]) -> str:
    """SHA-256 of harvested answers: of the lines `SHA-256 of request id, line feed, prompt, byte 0, answer`, sorted.

    Args:
        answers: whose texts are fixed by it.
    """
    lines = sorted(
        hashlib.sha256(f"{one.request_id}\n{one.prompt}\0{one.answer}".encode("utf-8", "surrogatepass")).hexdigest()
        for one in answers
    )
    return hashlib.sha256("\n".join([*lines, ""]).encode()).hexdigest()


class _Line(msgspec.Struct):
    request_id: str
    campaign_id: str
    prompt: str
    response: str
    system_prompt: str = ""
    turn: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


def answers_of_file(path: Path, campaign_ids: Sequence[str], seed: int, limit: int) -> dict[str, list[HarvestedAnswer]]:
    """What campaigns harvested, from a file of JSON lines; the sample is drawn as `campaign_answers` draws it.

    Args:
        path: each line has `request_id`, `campaign_id`, `prompt` and `response`, and may have `system_prompt`, `turn`,
            `temperature`, `top_p` and `max_tokens`.
        campaign_ids: campaigns; empty for all of the file.
        seed: keys the sample.
        limit: most answers of one campaign.

    Returns:
        Campaign -> answers.

    Raises:
        InputError: the file cannot be read, or a line is not of that form or has settings that no call can have.
    """
    samples = {campaign: _Sample({}) for campaign in campaign_ids}
    for number, line in _lines_of(path):
        if campaign_ids and line.campaign_id not in samples:
            continue
        sample = samples.setdefault(line.campaign_id, _Sample({}))
        if line.prompt and line.response:
            answer = HarvestedAnswer(
                line.request_id,
                line.prompt,
                line.response,
                line.system_prompt,
                line.turn,
                line.temperature,
                line.top_p,
                line.max_tokens,
            )
            if fault := settings_fault(answer):
                raise _bad_line(path, number, fault)
            sample.wanted[line.request_id] = _drawn_hash(line.request_id, seed)
            sample.take(answer)
            sample.bound(limit)
    return {campaign: sample.drawn(limit) for campaign, sample in samples.items()}


def check_harvested(case_folder: Path, answers: Mapping[str, Sequence[HarvestedAnswer]]) -> None:
    """Refuse answers that a case does not count as harvested by their campaign.

    Args:
        case_folder: of the hunt.
        answers: campaign -> answers.

    Raises:
        CaseError: harvest.parquet cannot be read.
        InputError: an answer is of another request.
    """
    missing = {(campaign, one.request_id) for campaign, found in answers.items() for one in found}
    ids = pa.array(sorted({request for _, request in missing}), pa.string())
    for batch in _harvest_rows(case_folder):
        own = batch.filter(pc.is_in(batch.column("request_id"), value_set=ids))
        missing.difference_update(zip(*(own.column(name).to_pylist() for name in _CAMPAIGN_REQUEST), strict=True))
    if missing:
        campaign, request = min(missing)
        raise InputError(
            f"the case does not count {len(missing):,} of the answers as harvested by their campaign, such "
            f"as {formatting.shorten(request, 80)} of {formatting.shorten(campaign, 80)}",
            where=str(case_folder),
            next_step="leave them out, or name the case in which they were harvested",
        )


def _harvest_rows(folder: Path) -> Iterator[pa.RecordBatch]:
    path = folder / HARVEST_FILE
    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(_BATCH, columns=list(_CAMPAIGN_REQUEST), use_threads=False)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise CaseError(
            f"the harvested requests cannot be read: {error}",
            where=str(path),
            next_step="run the hunt again, or restore the folder",
        ) from error


def _lines_of(path: Path) -> Iterator[tuple[int, _Line]]:
    decoder = msgspec.json.Decoder(_Line)
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
                if len(line) > LONGEST_LINE:
                    raise _bad_line(path, number, f"is longer than {LONGEST_LINE:,} bytes")
                if line.strip():
                    try:
                        yield number, decoder.decode(line)
                    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
                        what = "is no JSON object with request_id, campaign_id, prompt and response"
                        raise _bad_line(path, number, what) from error
    except OSError as error:
        raise InputError(
            f"the harvested answers cannot be read: {error.strerror or error}",
            where=str(path),
            next_step="name a file of JSON lines",
        ) from error


def _bad_line(path: Path, number: int, what: str) -> InputError:
    return InputError(f"line {number} {what}", where=f"{path}:{number}", next_step="correct the line, or leave it out")


def _wanted_ids(folder: Path, campaigns: Sequence[str], seed: int, most: int) -> dict[str, dict[str, int]]:
    """Campaign -> the ids with the smallest keyed hashes, with these; a campaign may have millions."""
    kept: dict[str, dict[str, int]] = {campaign: {} for campaign in campaigns}
    named = pa.array(list(campaigns), pa.string())
    for batch in _harvest_rows(folder):
        own = batch.filter(pc.is_in(batch.column("campaign_id"), value_set=named))
        for campaign, one in zip(*(own.column(name).to_pylist() for name in _CAMPAIGN_REQUEST), strict=True):
            kept[campaign][one] = _drawn_hash(one, seed)
        kept = {campaign: _smallest(ids, most) for campaign, ids in kept.items()}
    return kept


def _smallest(ids: dict[str, int], most: int) -> dict[str, int]:
    if len(ids) <= most:
        return ids
    return dict(sorted(ids.items(), key=lambda pair: (pair[1], pair[0]))[:most])


def _drawn_hash(request_id: str, seed: int) -> int:
    key = seed.to_bytes(8, "big")
    hashed = hashlib.blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8, key=key, person=b"harvest")
    return int.from_bytes(hashed.digest(), "big")


def _answered(table: pa.Table, ids: pa.Array) -> pa.Table:
    """Rows of the wanted requests that have a prompt and an answer."""
    own = table.filter(pc.is_in(table["request_id"], value_set=ids))
    full = pc.and_(
        pc.greater(pc.fill_null(pc.binary_length(own["prompt"]), 0), 0),
        pc.greater(pc.fill_null(pc.binary_length(own["response"]), 0), 0),
    )
    return own.filter(full)
