"""Texts of the log that are read again, and redacted excerpts of them with the phrases marked that accounts share."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.arrays import I32
from stillhunt.base.formatting import ELLIPSIS
from stillhunt.base.redaction import Span
from stillhunt.base.schema_case import SAMPLES
from stillhunt.triage.redact import excerpt

ReadPrompts = Callable[[pa.Table], list[str | None]]  # rows of TRAFFIC -> the prompt of each, read again from the log


class Rereading(NamedTuple):
    """What is done with the texts of a few requests."""

    prompts: ReadPrompts
    # tells the language of each prompt; None where it cannot be told
    languages: Callable[[Sequence[str | None]], list[str | None]]
    # topic-word bucket of each word, as the sketches have it; below 0 where a word shows no topic
    buckets: Callable[[Sequence[str]], I32]


SHARED_RUN_WORDS = 5
"""Words in a row that must recur to be marked; shorter ones recur by chance in any language."""

_TEXT_CHARS = 65_536
"""Characters of a prompt that are searched for shared runs of words."""

_READ_FOR_ONE = 16
"""Times the length of an excerpt that are redacted for it, so that it reaches what stands after a long template."""

WORD_OF_PROMPT = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")
"""A word; in scripts without spaces each character counts as one."""


def sample_table(prompts: pa.Table, *, chars: int, per_campaign: int = 20) -> pa.Table:
    """Redacted excerpts of each campaign's requests, with the phrases that they share.

    A phrase is marked where five words in a row occur in the prompts of at least two accounts. A long template is cut
    in its middle, so that an excerpt also shows what differs from request to request.

    Args:
        prompts: columns campaign_id, account_id, request_id, timestamp, prompt; a few dozen rows per campaign,
            in any order.
        per_campaign: most excerpts per campaign; different accounts come first.
    """
    by_campaign: dict[str, list[dict[str, Any]]] = {}
    for row in prompts.filter(pc.is_valid(prompts["prompt"])).to_pylist():
        by_campaign.setdefault(row["campaign_id"], []).append(row)
    rows: list[dict[str, Any]] = []
    for campaign_id in sorted(by_campaign):
        candidates = sorted(by_campaign[campaign_id], key=lambda row: (row["request_id"], row["account_id"]))
        spans = _shared_spans(candidates)
        for index in _one_per_account_first(candidates, spans)[:per_campaign]:
            read = excerpt(candidates[index]["prompt"], _READ_FOR_ONE * chars, spans[index])
            text, marks = _squeeze_excerpt(*read, chars)
            kept = {name: candidates[index][name] for name in ("campaign_id", "account_id", "request_id", "timestamp")}
            rows.append({**kept, "text": text, "marks": [{"start": start, "end": end} for start, end in marks]})
    rows.sort(key=lambda row: (row["campaign_id"], row["request_id"], row["account_id"]))
    return pa.Table.from_pylist(rows, schema=SAMPLES.arrow)


def _squeeze_excerpt(text: str, marks: list[Span], chars: int) -> tuple[str, list[Span]]:
    """At most `chars` characters of a redacted text, cut far before its first mark, in its longest mark, at its end.

    `text`: redacted, so that no cut leaves half of a secret.
    """
    first = marks[0][0] if marks else 0
    if first > chars // 2:
        text, marks = _cut_span(text, marks, (0, first - chars // 4))
    longest = max(marks, key=lambda mark: mark[1] - mark[0], default=(0, 0))
    extra = min(len(text) - chars + 1, longest[1] - longest[0] - chars // 2)
    if len(text) > chars and extra > 1:
        cut = longest[0] + chars // 4
        begin, end = text.rfind(" ", longest[0] + 1, cut), text.find(" ", cut + extra, longest[1] - 1)
        text, marks = _cut_span(text, marks, (begin + 1 if begin > 0 else cut, end if end > 0 else cut + extra))
    if len(text) > chars:
        text = text[: chars - 1].rstrip() + ELLIPSIS
    return text, [(start, min(end, len(text))) for start, end in marks if start < len(text)]


def _cut_span(text: str, marks: list[Span], span: Span) -> tuple[str, list[Span]]:
    """The text with an ellipsis in place of a span in which no mark begins or ends."""
    moved = [tuple(place - (span[1] - span[0] - 1) * (place > span[0]) for place in mark) for mark in marks]
    return text[: span[0]] + ELLIPSIS + text[span[1] :], [(start, end) for start, end in moved]


def _shared_spans(candidates: list[dict[str, Any]]) -> list[list[Span]]:
    """For each prompt the spans of word runs that prompts of at least two accounts contain."""
    words = [list(WORD_OF_PROMPT.finditer(row["prompt"][:_TEXT_CHARS])) for row in candidates]
    lowered = [[match.group().lower() for match in found] for found in words]
    runs = [list(zip(*(own[offset:] for offset in range(SHARED_RUN_WORDS)), strict=False)) for own in lowered]
    holders = {(row["account_id"], run) for row, own in zip(candidates, runs, strict=True) for run in own}
    accounts_with = Counter(run for _, run in holders)
    return [
        [
            (found[start].start(), found[start + SHARED_RUN_WORDS - 1].end())
            for start, run in enumerate(own)
            if accounts_with[run] > 1
        ]
        for found, own in zip(words, runs, strict=True)
    ]


def _one_per_account_first(candidates: list[dict[str, Any]], spans: list[list[Span]]) -> list[int]:
    """Indices with those first that share phrases, then those whose account has not been shown yet."""
    seen: Counter[str] = Counter()
    ranked = []
    for index, row in enumerate(candidates):
        ranked.append((not spans[index], seen[row["account_id"]], row["request_id"], index))
        seen[row["account_id"]] += 1
    return [index for *_, index in sorted(ranked)]
