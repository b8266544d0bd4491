"""Prompts and answers that campaigns harvested, from a case and its logs."""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillhunt import CaseError, Config, InputError
from stillhunt.logs import named
from stillhunt.tools import Progress, formatting

TOOLS_FIELD = "tools"

HARVEST_FILE = "harvest.parquet"
OVERSAMPLING = 8
"""Harvested requests that are looked for, for each answer that is wanted: logs of which an eighth has answers still
give a full sample (judgement)."""
_BATCH = 1 << 17
_CAMPAIGN_REQUEST = ("campaign_id", "request_id")


@dataclass(frozen=True)
class HarvestedAnswer:
    """One answer that a campaign got."""

    request_id: str
    prompt: str  # what was new in the call: content of the user or of a tool
    answer: str
    system_prompt: str = ""  # system instructions of the call; empty for none
    # position in its conversation, from 0; None where it is not known. From 1 on the model saw more than the prompt.
    turn: int | None = None
    temperature: float | None = None  # of the call; None where the log does not say
    top_p: float | None = None
    max_tokens: int | None = None  # largest number of tokens that the client allowed; None where the log does not say
    model: str = ""  # of the call, as the log names it; empty where it is not known
    day: str = ""  # of the call in UTC, such as 2026-03-01; empty where it is not known
    # names of its other fields that may have changed the answer, as in REQUESTS; empty for none
    other_settings: str = ""


@dataclass
class AnswerSample:
    """A sample of answers while they are read: those with the smallest keyed hashes of their ids, in any order."""

    wanted: dict[str, int] = field(default_factory=dict)
    found: dict[str, HarvestedAnswer] = field(default_factory=dict)
    conflicting: set[str] = field(default_factory=set)
    largest: int = 1 << 64  # hash that can still be drawn

    def want(self, request_id: str, hashed: int) -> bool:
        """Whether an answer can still be drawn; then it is wanted."""
        if hashed > self.largest:
            return False
        self.wanted[request_id] = hashed
        return True

    def take(self, answer: HarvestedAnswer) -> None:
        """Keep an answer; of two different ones with one id neither, since nobody knows which was harvested."""
        earlier = self.found.setdefault(answer.request_id, answer)
        if earlier != answer:
            self.conflicting.add(answer.request_id)

    def bound(self, limit: int) -> None:
        """Forget answers that cannot be drawn any more."""
        if len(self.found) > OVERSAMPLING * limit:
            self.wanted = _keep_smallest_ids(self.wanted, OVERSAMPLING * limit // 2)
            self.largest = max(self.wanted.values())
            self.found = {one: answer for one, answer in self.found.items() if one in self.wanted}
            self.conflicting &= self.wanted.keys()

    def drawn(self, limit: int) -> list[HarvestedAnswer]:
        """The sample, in the order of the hashes."""
        ids = sorted(set(self.found) - self.conflicting, key=lambda one: (self.wanted[one], one))
        return [self.found[one] for one in ids[:limit]]


@dataclass(frozen=True)
class AnswerLogs:
    """Where answers are."""

    case_folder: Path
    members: pa.Array  # accounts of its campaigns and of its groups left alone
    logs: Any  # the logs of that hunt, with answers; as for `stillhunt.hunt`
    mapping: dict[str, str] | None = None  # our column -> field of the logs


def campaign_answers(
    source: AnswerLogs, campaign_ids: Sequence[str], config: Config, limit: int, progress: Progress
) -> dict[str, list[HarvestedAnswer]]:
    """What campaigns harvested, as a sample drawn by a keyed hash of the request id.

    Returns:
        Campaign -> answers; fewer than `limit` where the logs have no more, none where they have no answers.

    Raises:
        CaseError: harvest.parquet cannot be read.
        InputError: the logs cannot be read.
    """
    from stillhunt.logs import reading  # start-up time

    unsound = 0
    samples = {
        campaign: AnswerSample(wanted)
        for campaign, wanted in _wanted_ids(source.case_folder, campaign_ids, config.seed, OVERSAMPLING * limit).items()
    }
    ids = pa.array(sorted({one for sample in samples.values() for one in sample.wanted}), pa.string())
    with reading(source.logs, None, config, mapping=source.mapping, progress=progress) as (batches, _):
        for table in batches:
            wanted = pc.and_(
                pc.is_in(table["request_id"], value_set=ids), pc.is_in(table["account_id"], value_set=source.members)
            )
            for row in with_texts(table.filter(wanted)).to_pylist():
                answer = answer_of_row(row)
                unsound += answer.temperature != row["temperature"]
                for sample in samples.values():
                    if answer.request_id in sample.wanted:
                        sample.take(answer)
    if unsound:
        progress.note(
            f"{formatting.plural(unsound, 'harvested answer')} with a temperature, top_p or max_tokens that no call "
            "can have: not drawn again, and so not compared with control answers"
        )
    return {campaign: samples[campaign].drawn(limit) for campaign in campaign_ids}


def answer_of_row(row: Mapping[str, Any]) -> HarvestedAnswer:
    """The answer of a row of a log, without its settings where they are unsound."""
    answer = HarvestedAnswer(
        row["request_id"],
        row["prompt"],
        row["response"],
        row["system_prompt"] or "",
        row["turn"],
        row["temperature"],
        row["top_p"],
        row["max_tokens"],
        row["model"] or "",
        row["timestamp"].date().isoformat(),
        named(row["other_settings"], TOOLS_FIELD if row["tools"] else None) or "",
    )
    if settings_fault(answer):
        # Nobody knows how it was drawn. Tests that draw nothing can still use it.
        return replace(answer, temperature=None, top_p=None, max_tokens=None)
    return answer


def settings_fault(answer: HarvestedAnswer) -> str:
    """Why nothing can be drawn with the settings of an answer; empty where it can, or where they are not known."""
    temperature, top_p, most = answer.temperature, answer.top_p, answer.max_tokens
    if temperature is not None and not (math.isfinite(temperature) and temperature >= 0):
        return "has a temperature that is not finite or below 0"
    if top_p is not None and not 0 < top_p <= 1:
        return "has a top_p that is not above 0 and at most 1"
    if most is not None and most < 1:
        return "has a max_tokens below 1"
    return ""


def texts_digest(answers: Iterable[HarvestedAnswer]) -> str:
    """SHA-256 of answers: of the sorted SHA-256 of each one's id, prompt, answer and settings, as a JSON list."""
    lines = sorted(hashlib.sha256(json.dumps(list(astuple(one))).encode()).hexdigest() for one in answers)
    return hashlib.sha256("\n".join([*lines, ""]).encode()).hexdigest()


def check_harvested(case_folder: Path, answers: Mapping[str, Sequence[HarvestedAnswer]]) -> None:
    """Refuse answers that a case does not count as harvested by their campaign.

    Raises CaseError: harvest.parquet cannot be read. Raises InputError: an answer is of another request.
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


def check_honest(
    case_folder: Path | None, honest: Sequence[HarvestedAnswer], harvested: Mapping[str, Sequence[HarvestedAnswer]]
) -> None:
    """Refuse answers that are to stand for honest ones, and that were harvested.

    Raises CaseError: harvest.parquet cannot be read. Raises InputError: an answer was harvested.
    """
    ids = {one.request_id for one in honest}
    found = ids & {one.request_id for answers in harvested.values() for one in answers}
    if case_folder is not None:
        wanted = pa.array(sorted(ids), pa.string())
        for batch in _harvest_rows(case_folder):
            column = batch.column("request_id")
            found.update(column.filter(pc.is_in(column, value_set=wanted)).to_pylist())
    if found:
        raise InputError(
            f"{len(found):,} of the honest answers were harvested, such as {formatting.shorten(min(found), 80)}",
            where="answers to honest accounts",
            next_step="name answers to accounts that nobody suspects",
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


def _wanted_ids(folder: Path, campaigns: Sequence[str], seed: int, most: int) -> dict[str, dict[str, int]]:
    """Campaign -> the ids with the smallest keyed hashes, with these; a campaign may have millions."""
    kept: dict[str, dict[str, int]] = {campaign: {} for campaign in campaigns}
    named = pa.array(list(campaigns), pa.string())
    for batch in _harvest_rows(folder):
        own = batch.filter(pc.is_in(batch.column("campaign_id"), value_set=named))
        for campaign, one in zip(*(own.column(name).to_pylist() for name in _CAMPAIGN_REQUEST), strict=True):
            kept[campaign][one] = drawn_hash(one, seed)
        kept = {campaign: _keep_smallest_ids(ids, most) for campaign, ids in kept.items()}
    return kept


def _keep_smallest_ids(ids: dict[str, int], most: int) -> dict[str, int]:
    if len(ids) <= most:
        return ids
    return dict(sorted(ids.items(), key=lambda pair: (pair[1], pair[0]))[:most])


def drawn_hash(request_id: str, seed: int) -> int:
    """A number of 64 bits by which answers are drawn; it depends on no order."""
    key = seed.to_bytes(8, "big")
    hashed = hashlib.blake2b(request_id.encode("utf-8", "surrogatepass"), digest_size=8, key=key, person=b"harvest")
    return int.from_bytes(hashed.digest(), "big")


def with_texts(table: pa.Table) -> pa.Table:
    """Rows that have a prompt and an answer."""
    full = pc.and_(
        pc.greater(pc.fill_null(pc.binary_length(table["prompt"]), 0), 0),
        pc.greater(pc.fill_null(pc.binary_length(table["response"]), 0), 0),
    )
    return table.filter(full)
