"""REQUESTS -> SKETCHES: columns in, columns out, the kernels between."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import U32, U64
from stillhunt.base.config import Config
from stillhunt.base.schema import REQUESTS, SKETCHES
from stillhunt.extract.text.byte_kernels import Work, new_work
from stillhunt.extract.text.conduct import SYSTEM_FLAGS
from stillhunt.extract.text.row_kernels import (
    RowSketches,
    Scratch,
    Texts,
    answer_rows,
    chain_rows,
    hash_rows,
    new_scratch,
    sketch_rows,
)
from stillhunt.extract.text.tables import constant_tables
from stillhunt.extract.text.word_kernels import PHRASES, SYSTEM_PHRASES, TOPIC_WORDS

SKETCHED_ROWS = 65_536
"""Rows sketched at a time; bounds memory, changes no result."""
_COPIED = tuple(name for name in SKETCHES.names if name in REQUESTS.names)
_SEED_ACCOUNT, _SEED_CONVERSATION, _SEED_REQUEST = np.uint64(0x5EED0001), np.uint64(0x5EED0002), np.uint64(0x5EED0003)
_SEED_MODEL, _SEED_SOURCE = np.uint64(0x5EED0004), np.uint64(0x5EED0006)


def sketch_requests(requests: pa.Table, config: Config) -> pa.Table:
    """Sketch every request by itself: what comes out depends on the row and, for long prompts, on the seed alone."""
    REQUESTS.check(requests)
    if requests.num_rows == 0:
        return SKETCHES.empty()
    work, scratch = new_work(), new_scratch()
    pieces = [
        _sketch_batch(batch, config.seed, work, scratch) for batch in requests.to_batches(max_chunksize=SKETCHED_ROWS)
    ]
    return SKETCHES.check(pa.Table.from_batches(pieces, schema=SKETCHES.arrow))


def _sketch_batch(batch: pa.RecordBatch, seed: int, work: Work, scratch: Scratch) -> pa.RecordBatch:
    rows = batch.num_rows
    tables = constant_tables()
    prompts = _get_text_buffers(batch.column("prompt"))
    out = _new_sketches(rows)
    sketch_rows(
        (prompts, _get_text_buffers(batch.column("system_prompt"))), np.uint64(seed), tables, work, scratch, out
    )
    columns: dict[str, pa.Array] = {name: batch.column(name) for name in _COPIED}
    accounts = _hash_column(batch.column("account_id"), _SEED_ACCOUNT)
    calls = _hash_column(batch.column("request_id"), _SEED_REQUEST)
    requests = _hash_column(batch.column("source"), _SEED_SOURCE)
    chain_rows(requests, calls)
    columns["network"] = _label_networks(batch.column("asn"), batch.column("asn_name"))
    columns["account_key"] = pa.array(accounts)
    columns["request_key"] = pa.array(requests)
    columns["conversation"] = pa.array(_hash_conversations(batch, accounts, calls))
    columns["content_hash"] = pa.array(_content_hashes(batch, accounts, calls, out))
    columns["prompt_hash"] = pa.array(out.text_hash)
    columns["numbers"] = pa.array(out.numbers)
    columns["phrases"] = _build_list_array(out.phrases, out.phrase_offsets)
    columns["system_phrases"] = _build_list_array(out.system_phrases, out.system_offsets)
    columns["topic_words"] = _build_list_array(out.topics, out.topic_offsets)
    conduct = out.conduct | (out.system_conduct & np.uint32(SYSTEM_FLAGS))
    answers = batch.column("response")
    if answers.null_count < rows:
        answer_rows(_get_text_buffers(answers), tables, work, scratch, conduct)
    columns["conduct"] = pa.array(conduct)
    columns["words"] = pa.array(out.words)
    columns["script"] = pa.array(out.script)
    return pa.RecordBatch.from_arrays([columns[name] for name in SKETCHES.names], schema=SKETCHES.arrow)


def _label_networks(numbers: pa.Array, names: pa.Array) -> pa.Array:
    """Number and name of each network, as people write them: AS64500 Example."""
    if numbers.null_count == len(numbers) and names.null_count == len(names):
        return pa.nulls(len(numbers), pa.string())
    # The join gives null where a part is null; its own way of skipping nulls loses rows in which all are.
    labelled = pc.binary_join_element_wise("AS", numbers.cast(pa.string()), "")
    return pc.coalesce(pc.binary_join_element_wise(labelled, names, " "), labelled, names)


def _new_sketches(rows: int) -> RowSketches:
    # The lists' worst case is reserved, not touched: pages that no value reaches cost no memory.
    return RowSketches(
        bytes=np.empty(rows, np.uint64),
        text_hash=np.empty(rows, np.uint64),
        numbers=np.empty(rows, np.uint32),
        words=np.empty(rows, np.int32),
        script=np.empty(rows, np.uint8),
        conduct=np.empty(rows, np.uint32),
        phrases=np.empty(rows * PHRASES, np.uint32),
        phrase_offsets=np.zeros(rows + 1, np.int32),
        topics=np.empty(rows * TOPIC_WORDS, np.uint16),
        topic_offsets=np.zeros(rows + 1, np.int32),
        system_phrases=np.empty(rows * SYSTEM_PHRASES, np.uint32),
        system_offsets=np.zeros(rows + 1, np.int32),
        system_conduct=np.empty(rows, np.uint32),
    )


def _build_list_array(values: npt.NDArray[Any], offsets: npt.NDArray[np.int32]) -> pa.ListArray:
    # The copy frees the worst-case reservation.
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values[: offsets[-1]].copy()))


def _get_text_buffers(column: pa.Array) -> Texts:
    """The bytes of a string column and where each row's begin and end; null and empty are alike."""
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    _validity, offset_buffer, data_buffer = column.buffers()
    if offset_buffer is None or len(column) == 0:
        offsets = np.zeros(len(column) + 1, np.int64)
    else:
        raw = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)
        offsets = raw[column.offset : column.offset + len(column) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    if data.flags.writeable:  # one array type for the kernels, whoever owns the buffer
        data = data.view()
        data.flags.writeable = False
    begins, ends = offsets[:-1].copy(), offsets[1:].copy()
    if column.null_count:
        absent = column.is_null().to_numpy(zero_copy_only=False)
        ends[absent] = begins[absent]
    return Texts(data, begins, ends)


def _hash_column(column: pa.Array, seed: np.uint64) -> U64:
    hashes = np.empty(len(column), np.uint64)
    hash_rows(_get_text_buffers(column), seed, hashes)
    return hashes


def _hash_conversations(batch: pa.RecordBatch, accounts: U64, calls: U64) -> U64:
    """Hash of account and conversation; of account and request where there is no conversation; never 0."""
    hashes = accounts.copy()
    conversations = batch.column("conversation_id")
    inner = _hash_column(conversations, _SEED_CONVERSATION)
    if conversations.null_count:
        absent = conversations.is_null().to_numpy(zero_copy_only=False)
        inner[absent] = calls[absent]
    chain_rows(hashes, inner)
    return np.maximum(hashes, np.uint64(1))


def _content_hashes(batch: pa.RecordBatch, accounts: U64, calls: U64, out: RowSketches) -> U64:
    """Fixed hash of what makes a row's content, so that of duplicate ids the same one is kept everywhere."""
    hashes = calls.copy()
    tokens = batch.column("output_tokens")
    present = tokens.is_valid().to_numpy(zero_copy_only=False).astype(np.uint64)
    for values in (
        batch.column("timestamp").cast(pa.int64()).to_numpy(zero_copy_only=False).view(np.uint64),
        accounts,
        _hash_column(batch.column("model"), _SEED_MODEL),
        out.text_hash,
        out.bytes,
        tokens.fill_null(0).to_numpy(zero_copy_only=False).view(np.uint64),
        present,
    ):
        chain_rows(hashes, np.array(values))
    return hashes


class PhraseReader:
    """Phrases of one request at a time, by the kernel of `sketch_requests`, for callers that cannot wait for a table.

    For one thread: the same memory is used for each request.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._tables = np.uint64(seed), constant_tables()
        self._work, self._scratch, self._out = new_work(), new_scratch(), _new_sketches(1)
        self._begin = np.zeros(1, np.int64)
        self.read(b"", b"")  # compiles the kernel, or loads it, before anybody waits

    def read(self, prompt: bytes, system_prompt: bytes) -> tuple[U32, int]:
        """Phrases of the prompt and of the system prompt, UTF-8 or empty, and the prompt's hash, as in SKETCHES."""
        texts = self._wrap_single_text(prompt), self._wrap_single_text(system_prompt)
        out = self._out
        sketch_rows(texts, self._seed, self._tables, self._work, self._scratch, out)
        own, system = out.phrases[: out.phrase_offsets[1]], out.system_phrases[: out.system_offsets[1]]
        return np.concatenate([own, system]), int(out.text_hash[0])

    def _wrap_single_text(self, text: bytes) -> Texts:
        return Texts(np.frombuffer(text, np.uint8), self._begin, np.array([len(text)]))


def warm_up() -> None:
    """Compile every kernel, or load it from the disk cache, by sketching a tiny table."""
    row = {
        "request_id": "r",
        "timestamp": 0,
        "account_id": "a",
        "model": "m",
        "source": "default",
        "prompt": "warm up",
        "response": "warm up",
        "origin_file": 0,
        "origin_row": 0,
    }
    sketch_requests(REQUESTS.build(**{name: [value] for name, value in row.items()}), Config())


NO_BUCKET = -1


def word_buckets(words: Sequence[str]) -> npt.NDArray[np.int32]:
    """The topic-word bucket of each single word, or two characters without spaces; -1 for one that shows no topic.

    Misleads: a bucket holds every 65,536th word, so that a rare word may share its bucket with a common one.
    """
    count = len(words)
    same = ["-"] * count
    requests = REQUESTS.build(
        request_id=[str(number) for number in range(count)],
        timestamp=pa.array([0] * count, pa.int64()).cast(REQUESTS.arrow.field("timestamp").type),
        account_id=same,
        model=same,
        source=same,
        prompt=list(words),
        origin_file=[0] * count,
        origin_row=list(range(count)),
    )
    found = sketch_requests(requests, Config())["topic_words"]
    one = pc.equal(pc.list_value_length(found), 1)
    first = pc.list_element(pc.if_else(one, found, pa.scalar([0], found.type)), 0)
    buckets: npt.NDArray[np.int32] = pc.if_else(one, first.cast(pa.int32()), NO_BUCKET).to_numpy().astype(np.int32)
    return buckets
