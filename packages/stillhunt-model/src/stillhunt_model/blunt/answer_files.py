"""Countermeasures in a file of answers: only those to the accounts of an order, all other bytes as they are."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from stillhunt_model.blunt.measures import MeasureName, blunted_reasoning
from stillhunt_model.blunt.notices import REFUSED_ANSWER, changed_notice, refused_notice
from stillhunt_model.tasks.answer_rows import LONGEST_ROW, account_of, value_places

REASONING_FIELDS = ("reasoning", "reasoning_content", "thinking")
"""Where APIs put the reasoning beside the answer."""
_BYTE_ORDER_MARK = "\ufeff"
"""Begins files of some editors; no part of the first row."""
_BEGIN, _END = "<think>", "</think>"
"""Around reasoning inside the answer, as open models write it before the result."""
_KEPT_FIELDS = frozenset(
    {"account_id", "prompt", "request_id", "id", "object", "created", "created_at", "model", "user"}
)
"""Texts of a refused row that are passed on, with numbers of any name; anything else may hold the answer."""


@dataclass(frozen=True)
class BluntTerms:
    """What is done, as an order says."""

    measure: MeasureName
    keep_samples: int | None  # useful samples of the campaign that are answered; None for all
    until: str  # when the order ends, in words
    appeal: str = ""  # address at which a customer appeals; empty where the terms name it


@dataclass
class BluntCounts:
    """What was done with a file, in numbers."""

    rows: int = 0
    of_campaign: int = 0
    changed: int = 0
    refused: int = 0  # those that were refused, since the samples were used up
    samples: int = 0  # useful samples that were answered; of equal prompts one
    # answers that have no reasoning apart from the result; passed on as they are, if not refused
    without_reasoning: int = 0
    # responses that begin with <think> and do not show where the reasoning ends; passed on as they are, if not refused
    unclear: int = 0
    # lines that are no JSON object with account_id, prompt and response as texts, or whose reasoning is no text; passed
    # on as they are
    unread: int = 0

    def as_dict(self) -> dict[str, int]:
        """The numbers by name."""
        return asdict(self)


@dataclass
class SampleCount:
    """Useful samples that a campaign got so far."""

    before: int = 0
    prompts: set[int] = field(default_factory=set)  # those of this one, without letters' case and runs of spaces

    def takes(self, prompt: str, keep: int | None) -> bool:
        """Whether one more answer to this prompt is given.

        `keep`: samples that are answered; None for all.
        """
        # hashes hold the memory small; Python's own differ from run to run and are compared within one
        sample = hash(" ".join(prompt.casefold().split()))
        if sample in self.prompts:
            return True  # no new sample; its answer was given before
        if keep is not None and self.before + len(self.prompts) >= keep:
            return False
        self.prompts.add(sample)
        return True


def blunted_rows(
    file: BinaryIO, terms: BluntTerms, is_meant: Callable[[str], bool], samples: SampleCount, counts: BluntCounts
) -> Iterator[bytes]:
    """The lines of a file, with the answers to the accounts of an order as it wants them.

    Args:
        file: JSON lines, each an object with account_id, prompt and response, and mostly with reasoning.

    Yields:
        Each line; those of other accounts byte for byte as they were. A changed one has a notice.
    """
    begins = True  # a line that is too long comes in pieces
    while line := file.readline(LONGEST_ROW + 1):
        counts.rows += begins
        if begins:
            yield _blunted_row(line, terms, is_meant, samples, counts)
        else:
            yield line
        begins = line.endswith(b"\n")
    counts.samples = len(samples.prompts)


def _blunted_row(
    line: bytes, terms: BluntTerms, is_meant: Callable[[str], bool], samples: SampleCount, counts: BluntCounts
) -> bytes:
    try:
        text = line.decode("utf-8") if len(line) <= LONGEST_ROW else ""
        mark = _BYTE_ORDER_MARK if text.startswith(_BYTE_ORDER_MARK) else ""
        text = text.removeprefix(mark)
        places = value_places(text)
        row = json.loads(text)
        account = account_of(row["account_id"])
        prompt, response = (_checked_text(row[name]) for name in ("prompt", "response"))
        reasonings = {name: _checked_text(row[name]) for name in REASONING_FIELDS if row.get(name) is not None}
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        counts.unread += bool(line.strip())
        return line
    if not is_meant(account):
        return line
    counts.of_campaign += 1
    teaches = any(one.strip() for one in (response, *reasonings.values()))
    if teaches and not samples.takes(prompt, terms.keep_samples):
        counts.refused += 1
        return (mark + _refused_row(text, places, row, terms)).encode()
    values = {name: blunted_reasoning(terms.measure, one) for name, one in reasonings.items()}
    before, thought, result = _thought_and_result(response)
    if thought is not None:
        kept = blunted_reasoning(terms.measure, thought)
        if kept != thought:
            values["response"] = before + (f"{_BEGIN}{kept}{_END}" if kept else "") + result
    changes = {name: value for name, value in values.items() if value != row[name]}
    unclear = thought is None and response.lstrip().startswith(_BEGIN)
    counts.unclear += unclear
    if not changes:
        counts.without_reasoning += not unclear and thought is None and not any(reasonings.values())
        return line
    counts.changed += 1
    notice = changed_notice(terms.measure, terms.appeal, has_result=bool(result.strip()))
    return (mark + _with_values(text, places, {**changes, "notice": notice})).encode()


def _thought_and_result(response: str) -> tuple[str, str | None, str]:
    """What stands before <think>, the reasoning, and the result; no reasoning where its end is not clear."""
    start = len(response) - len(response.lstrip())
    # A result may speak of the signs, and so may a reasoning: with more than one of each nobody knows which is which.
    if not response.startswith(_BEGIN, start) or response.count(_BEGIN) != 1 or response.count(_END) != 1:
        return "", None, response
    thought, _, result = response[start + len(_BEGIN) :].partition(_END)
    return response[:start], thought, result


def _refused_row(text: str, places: dict[str, tuple[int, int]], row: dict[str, Any], terms: BluntTerms) -> str:
    """A row with a refusal and nothing that may hold the answer."""
    kept = {name: text[slice(*places[name])] for name, value in row.items() if _is_passed_on(name, value)}
    ascii_only = text.isascii()
    said = {"response": REFUSED_ANSWER, "notice": refused_notice(terms.until, terms.appeal)}
    blank = {name: "" for name in REASONING_FIELDS if name in row}
    values = {**kept, **{name: _encode_json_text(value, ascii_only) for name, value in {**blank, **said}.items()}}
    end = text[text.rindex("}") + 1 :]
    return (
        "{" + ", ".join(f"{_encode_json_text(name, ascii_only)}: {value}" for name, value in values.items()) + "}" + end
    )


def _is_passed_on(name: str, value: object) -> bool:
    return (name in _KEPT_FIELDS and isinstance(value, str)) or value is None or isinstance(value, bool | int | float)


def _with_values(text: str, places: dict[str, tuple[int, int]], values: dict[str, str]) -> str:
    """An object with other texts in some of its values, and new names before its end."""
    ascii_only = text.isascii()
    new = {name: value for name, value in values.items() if name not in places}
    end = text.rindex("}")
    added = "".join(f", {json.dumps(name)}: {_encode_json_text(value, ascii_only)}" for name, value in new.items())
    text = text[:end] + added + text[end:]
    for name in sorted(set(values) - set(new), key=lambda name: -places[name][0]):
        first, last = places[name]
        text = text[:first] + _encode_json_text(values[name], ascii_only) + text[last:]
    return text


def _encode_json_text(value: str, ascii_only: bool) -> str:
    # one surrogate of a pair can be escaped in JSON, and is nothing in UTF-8
    return json.dumps(value, ensure_ascii=ascii_only or any("\ud800" <= sign <= "\udfff" for sign in value))


def _checked_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
