"""Useful samples of one campaign and answers to honest accounts, read again from the logs in one pass.

What counts as one useful sample is said by `triage/taken.py` and `triage/alike_prompts.py`, and is not said again here.
Memory is bounded: of more requests than are needed those with the smallest keyed hashes stay, whatever their order.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config, InputError
from stillhunt.case import (
    ALIKE,
    BUCKETS_OF_WORDS,
    NO_SKILL,
    SKILLS,
    Case,
    answered_requests,
    first_of_alike,
    resolve_id,
    sample_keys,
)
from stillhunt.logs import CONDUCT_FLAGS, REQUESTS, reading, sketch_requests, word_buckets
from stillhunt.tools import Progress
from stillhunt_model.training.pairs import TextPair

# characters: length from which two samples with the same answer are kept on one side of the comparison (shorter answers
# are those of different questions as well)
_TELLING_ANSWER = 16
# Share of the samples from which an answer or a set of words, such as a refusal, tells no question (the share from
# which a word is one of the template, in alike_prompts)
_COMMON_KEY = 0.05
# share of samples: part that samples of one group may have before conversations alone are groups; ties are still kept
# apart, at the price of samples that no student learns from
_LARGEST_GROUP = 0.1
# Harvested requests, and as many of honest accounts, that are read into memory, drawn by a keyed hash (ten times what a
# narrow skill needs, and at most 80 MB of text)
_MOST_REQUESTS = 10_000
_FOLLOW_UP = next(bit for bit, name, _ in CONDUCT_FLAGS if name == "FOLLOW_UP")


def what_belongs_together(tables: Sequence[pa.Table]) -> list[tuple[int, frozenset[bytes]]]:
    """A group and ties of each row of all tables, one table after another.

    Rows are tied if they ask the same, have the same words beside those of the template, or the same answer, unless
    many have it; follow-ups such as "go on" are tied by their answers alone. Rows are of one group if they are tied or
    of one conversation. Where that would make one group of a large part, groups are conversations alone.

    Args:
        tables: rows with `prompt_hash`, `item` (a key of what is asked, whatever was said before), `conversation`,
            `topic_words`, `conduct` and `response`.
    """
    ties = [tie for number, table in enumerate(tables) for tie in _collect_row_ties(number, table)]
    talks = [f"talk {one}".encode() for table in tables for one in table["conversation"].to_pylist()]
    groups = _group_rows_by_key([{talk, *own} for talk, own in zip(talks, ties, strict=True)])
    if groups and max(Counter(groups).values()) > max(_LARGEST_GROUP * len(groups), 1):
        groups = _group_rows_by_key([{talk} for talk in talks])
    return list(zip(groups, ties, strict=True))


def _collect_row_ties(number: int, table: pa.Table) -> list[frozenset[bytes]]:
    answers, words = _blank_common_keys(_answer_keys(table)), _blank_common_keys(_word_keys(table))
    columns = (table[name].to_pylist() for name in ("prompt_hash", "item", "conduct"))
    found = []
    for prompt, item, conduct, answer, own in zip(*columns, answers, words, strict=True):
        ties = {b"answer" + answer} if answer else set()
        if not conduct & _FOLLOW_UP:
            ties |= {f"prompt {prompt}".encode(), f"item {number} {item}".encode()}
            ties |= {f"words {number} ".encode() + own} if own else set()
        found.append(frozenset(ties))
    return found


def _answer_keys(table: pa.Table) -> list[bytes]:
    """A hash of each answer; empty for short ones."""
    texts = [" ".join(one.lower().split()) for one in table["response"].to_pylist()]
    return [
        hashlib.blake2b(one.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        if len(one) >= _TELLING_ANSWER
        else b""
        for one in texts
    ]


def _word_keys(table: pa.Table) -> list[bytes]:
    """The words of each prompt that are not of the template, as bytes; empty where there is none."""
    lists = [np.array(one, np.uint16) for one in table["topic_words"].to_pylist()]
    every = np.concatenate(lists) if lists else np.zeros(0, np.uint16)
    template = np.bincount(every, minlength=BUCKETS_OF_WORDS) > ALIKE.template_share * len(lists)
    return [np.unique(one[~template[one]]).tobytes() for one in lists]


def _blank_common_keys(keys: list[bytes]) -> list[bytes]:
    """The keys, empty where many have the same, such as a refusal or a word of everybody's."""
    often = Counter(keys)
    most = max(2.0, _COMMON_KEY * len(keys))
    return [one if often[one] <= most else b"" for one in keys]


def _group_rows_by_key(keys: Sequence[set[bytes]]) -> list[int]:
    """A number for each row: rows that share a key, directly or through others, have the same."""
    parent = list(range(len(keys)))
    seen: dict[bytes, int] = {}
    for place, own in enumerate(keys):
        for key in own:
            left, right = _find_group_root(parent, place), _find_group_root(parent, seen.setdefault(key, place))
            parent[max(left, right)] = min(left, right)
    return [_find_group_root(parent, place) for place in range(len(keys))]


def _find_group_root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


TEXT_CHARS = 4000
"""Characters kept of a prompt, at its end, and of an answer, at its beginning; more than any student here takes."""
_PRUNE_AT = 2
"""Times as many requests as are wanted, at which those with larger hashes are dropped."""
_SKETCHED = ("prompt_hash", "conversation", "topic_words", "conduct")
_COLUMNS = ("request_id", "timestamp", "turn", "status", "output_tokens", "prompt", "response")


@dataclass(frozen=True)
class HarvestSource:
    """Where a campaign and its answers are."""

    case: Path
    campaign: str  # id of a campaign, or its beginning
    logs: Any
    mapping: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TakenAnswer:
    """One useful sample: a request with its answer."""

    request_id: str
    pair: TextPair  # prompt and answer, cut to what students take at most
    group: int  # number that samples share which belong together; they are never on both sides of a comparison
    ties: frozenset[bytes]  # what it asks and answers, as hashes; samples that share one are never on both sides either
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GatheredAnswers:
    """What was read."""

    campaign: str
    harvested: list[TakenAnswer]
    honest: list[TakenAnswer]  # answers to accounts that no campaign and no group left alone has, of alike prompts one
    requests: int
    requests_read: int  # those of them that were found in the logs, at most the number that is kept
    useful: int | None  # useful samples of the whole campaign, as the case counts them; None where it does not


def count_different(samples: Sequence[TakenAnswer]) -> int:
    """Samples, of which those with the same words or answer count once, also where they asked different things."""
    return len(set(_group_rows_by_key([set(one.ties) for one in samples])))


def keyed_number(text: str, purpose: str, seed: int) -> int:
    """A number of 64 bits that depends on a text, what it is for, and the seed, and on no order.

    `purpose`: keeps draws for different purposes independent of each other.
    """
    key = f"{seed}-{purpose}".encode()[:64]
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=key)
    return int.from_bytes(digest.digest(), "big")


def gather_answers(source: HarvestSource, config: Config, progress: Progress, seed: int) -> GatheredAnswers:
    """Read a campaign's useful samples, and answers to honest accounts, from the logs.

    Args:
        config: settings; their seed must be that of the hunt.

    Raises:
        CaseError: there is no such campaign or case.
        InputError: the logs hold no responses, or none of the campaign's requests.
    """
    case = Case.read(source.case)
    _, campaign = resolve_id(case.tables, source.campaign, ("campaign",))
    harvest = case.harvest
    own = harvest.filter(pc.equal(harvest["campaign_id"], campaign))["request_id"].combine_chunks()
    if not len(own):
        raise InputError(
            "nothing is counted as harvested by this campaign, so that there is nothing to learn from",
            where=campaign,
            next_step="name a campaign of the kind harvest",
        )
    chosen = _Chosen(own, case.members["account_id"], harvest["request_id"], seed)
    with reading(source.logs, None, config, mapping=dict(source.mapping) or None, progress=progress) as (batches, _):
        taken, others = _read_kept_rows(batches, chosen, config)
    if not chosen.responses:
        raise InputError(
            "these logs hold no responses, and what a harvest is worth is in its answers",
            where="LOGS",
            next_step="name logs that keep the text of answers, or map the field that holds it to the column response",
            command_step="give logs that keep the text of answers, or --map response=FIELD",
        )
    if not taken.num_rows:
        raise InputError(
            "the logs hold none of the campaign's requests with an answer",
            where=campaign,
            next_step="name the logs that were hunted for this case",
        )
    harvested, honest = _collect_useful_samples(taken, others, _subject_words(case, campaign))
    whole = pc.and_(pc.equal(case.taken["campaign_id"], campaign), pc.equal(case.taken["aspect"], "all"))
    useful = case.taken.filter(whole)["samples"].to_pylist()
    return GatheredAnswers(campaign, harvested, honest, len(own), taken.num_rows, useful[0] if useful else None)


class _Chosen:
    """Which rows are kept."""

    def __init__(self, own: pa.Array, members: pa.ChunkedArray, harvested: pa.ChunkedArray, seed: int) -> None:
        self.own, self.members, self.harvested, self.seed = own, pc.unique(members), harvested, seed
        self.responses = False

    def of(self, batch: pa.Table) -> tuple[pa.Table, pa.Table]:
        """Rows of the campaign and of honest accounts, both with answers."""
        answered = pc.fill_null(pc.greater(pc.utf8_length(batch["response"]), 0), False)
        self.responses = self.responses or bool(pc.any(answered).as_py())
        batch = batch.filter(pc.and_(answered, pc.fill_null(pc.greater(pc.utf8_length(batch["prompt"]), 0), False)))
        mine = pc.is_in(batch["request_id"], self.own)
        guilty = pc.or_(pc.is_in(batch["account_id"], self.members), pc.is_in(batch["request_id"], self.harvested))
        return batch.filter(mine), batch.filter(pc.invert(pc.or_(mine, guilty)))


def _read_kept_rows(batches: Iterable[pa.Table], chosen: _Chosen, config: Config) -> tuple[pa.Table, pa.Table]:
    """Kept rows of the campaign and of honest accounts, by time, each request once."""
    kept = (_Kept(_MOST_REQUESTS, chosen.seed), _Kept(_MOST_REQUESTS, chosen.seed))
    for batch in batches:
        for part, keeper in zip(chosen.of(batch), kept, strict=True):
            rows = keeper.below(part)
            if rows.num_rows:
                keeper.add(_sketch_kept_rows(rows, config))
    return kept[0].table(), kept[1].table()


class _Kept:
    """Rows with the smallest keyed hashes."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._seed = most, seed
        self._cutoff: int | None = None
        self._tables: list[pa.Table] = []
        self._rows = 0

    def below(self, rows: pa.Table) -> pa.Table:
        """Rows that may still be among them, with their hashes."""
        drawn = [keyed_number(one, "kept", self._seed) >> 1 for one in rows["request_id"].to_pylist()]
        rows = rows.append_column("drawn", pa.array(drawn, pa.int64()))
        return rows if self._cutoff is None else rows.filter(pc.less(rows["drawn"], self._cutoff))

    def add(self, rows: pa.Table) -> None:
        self._tables.append(rows)
        self._rows += rows.num_rows
        if self._rows > _PRUNE_AT * self._most:
            self._tables = [self._prune_kept_tables()]
            self._rows = self._tables[0].num_rows

    def table(self) -> pa.Table:
        if not self._tables:
            return pa.table({"request_id": pa.array([], pa.string())})
        return self._prune_kept_tables().sort_by([("timestamp", "ascending"), ("request_id", "ascending")])

    def _prune_kept_tables(self) -> pa.Table:
        table = pa.concat_tables(self._tables).sort_by([("drawn", "ascending"), ("request_id", "ascending")])
        _, first = np.unique(np.asarray(table["request_id"].to_numpy(zero_copy_only=False), str), return_index=True)
        table = table.take(pa.array(np.sort(first)))
        if table.num_rows > self._most:
            self._cutoff = table["drawn"][self._most].as_py()
            table = table.slice(0, self._most)
        return table.combine_chunks()


def _sketch_kept_rows(rows: pa.Table, config: Config) -> pa.Table:
    """What is kept of rows: texts, cut, and what the sketches say of the whole ones."""
    sketches = sketch_requests(rows.select(REQUESTS.names), config)
    kept = rows.select([*_COLUMNS, "drawn"])
    # The end of a prompt asks, and the beginning of an answer is what a student learns of a long one.
    for name, (start, stop) in {"prompt": (-TEXT_CHARS, None), "response": (0, TEXT_CHARS)}.items():
        kept = kept.set_column(
            kept.schema.get_field_index(name), name, pc.utf8_slice_codeunits(kept[name], start, stop)
        )
    for name in _SKETCHED:
        kept = kept.append_column(name, sketches[name])
    return kept.combine_chunks()


def _subject_words(case: Case, campaign: str) -> dict[str, frozenset[int]]:
    """Name of a subject of the campaign -> buckets of the words in it."""
    own = pc.and_(pc.equal(case.taken["campaign_id"], campaign), pc.equal(case.taken["aspect"], "subject"))
    taken = case.taken.filter(own)
    names = [name for name in taken["value"].to_pylist() if ", " in name]
    return {name: frozenset(int(one) for one in word_buckets(name.split(", ")) if one >= 0) for name in names}


def _collect_useful_samples(
    taken: pa.Table, others: pa.Table, subjects: Mapping[str, frozenset[int]]
) -> tuple[list[TakenAnswer], list[TakenAnswer]]:
    """Useful samples of the campaign and of honest accounts, with groups over both."""
    useful = [_filter_useful_rows(table) for table in (taken, others) if table.num_rows]
    belonging = iter(what_belongs_together(useful))
    made: list[list[TakenAnswer]] = [[], []]
    for own, table in enumerate(useful):
        for row in table.select(["request_id", "prompt", "response", "conduct", "topic_words"]).to_pylist():
            pair = TextPair(row["prompt"], row["response"])
            labels = _list_sample_labels(row["conduct"], frozenset(row["topic_words"]), subjects)
            made[own].append(TakenAnswer(row["request_id"], pair, *next(belonging), labels))
    return made[0], made[1]


def _filter_useful_rows(table: pa.Table) -> pa.Table:
    """The useful samples among rows, with a key of what each asks, whatever was said before it."""
    rows = np.arange(table.num_rows)
    first = first_of_alike(sample_keys(table, rows), answered_requests(table))
    alone = table.set_column(
        table.schema.get_field_index("turn"), "turn", pa.array(np.zeros(table.num_rows, np.int32), pa.int32())
    )
    keyed = table.append_column("item", pa.array(sample_keys(alone, rows)))
    return keyed.filter(pa.array(first))


def _list_sample_labels(
    conduct: int, words: frozenset[int], subjects: Mapping[str, frozenset[int]]
) -> tuple[tuple[str, str], ...]:
    """Skills by the flags of the request, and the one subject whose name has the most words in it."""
    skills = [("skill", name) for flags, name in SKILLS if conduct & flags] or [("skill", NO_SKILL)]
    shared = {name: len(words & own) for name, own in subjects.items()}
    best = max(shared.values(), default=0)
    return (*skills, *[("subject", name) for name, count in shared.items() if best and count == best][:1])
