"""Data for a distillation: rows of prompts, with what they may be used for and from whom they came."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stillhunt import InputError
from stillhunt.case import Case
from stillhunt.tools import visible_id
from stillhunt_model.distil.permission import LONGEST_TERMS, Declared, check_terms

LONGEST_DATA_ROW = 1 << 20
"""Bytes of one line; longer ones are left out."""
MOST_ROWS = 1_000_000
_LONGEST_ID = 10_000
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXTS = {"prompt": LONGEST_DATA_ROW, "answer": LONGEST_DATA_ROW, "account_id": 1 << 17, "request_id": 1 << 17}
FLAGGED_ACCOUNT = "its account is flagged"
FLAGGED_REQUEST = "its request is part of a campaign"
NOT_READ = "it is no JSON object with a prompt"
TOO_LONG = "its line is too long"
WRONG_TERMS = f"its terms are no text of at most {LONGEST_TERMS} characters"
WRONG_TEXT = "its answer, account or request is no text, or too long"
HALF_CHARACTERS = "its text has halves of characters, which no file can hold"


@dataclass(frozen=True)
class DataRow:
    """One prompt."""

    prompt: str
    answer: str = ""  # the data's own answer; empty where there is none


@dataclass(frozen=True)
class Flagged:
    """Accounts and requests that may not teach."""

    accounts: frozenset[str] = frozenset()  # accounts with the verdict act
    requests: frozenset[str] = frozenset()
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class DistilData:
    """What a distillation learns from."""

    rows: list[DataRow]
    files: dict[str, str] = field(default_factory=dict)  # name -> SHA-256 of the file
    terms: dict[str, str] = field(default_factory=dict)
    rejects: dict[str, int] = field(default_factory=dict)  # reason -> rows that were left out for it
    unchecked: int = 0  # rows that name neither account nor request, so that they could not be compared with cases


@dataclass(frozen=True)
class DataOrder:
    """Which data, and under which terms."""

    # JSON lines with `prompt`, and `answer`, `account_id`, `request_id`, `terms` and `source` where known
    files: Sequence[Path]
    terms: str = ""  # of rows that declare none; empty for none
    accepted: Sequence[str] = ()  # terms that somebody has read and that allow this use
    flagged: Flagged = field(default_factory=Flagged)


def read_data_rows(order: DataOrder, also: Sequence[Declared] = ()) -> DistilData:
    """Read the data and refuse what may not teach.

    `also`: other declarations that must allow training, such as that of the teacher. Raises InputError: a file cannot
    be read, terms do not allow training, or no row is left.
    """
    rejects: Counter[str] = Counter()
    rows: list[DataRow] = []
    declared: list[Declared] = list(also)
    files: dict[str, str] = {}
    unchecked = 0
    for file in order.files:
        digest = hashlib.sha256()
        for number, line in _iterate_data_lines(file, digest.update):
            row = _parse_data_row(line)
            reason = row if isinstance(row, str) else _find_flag_reason(row, order.flagged)
            if reason:
                rejects[reason] += 1
                continue
            assert isinstance(row, dict)  # noqa: S101  # the reason is empty only for a row
            unchecked += bool(order.flagged.cases) and not (row.get("account_id") or row.get("request_id"))
            declared.append(Declared(row.get("terms") or order.terms, f"{file}, line {number}"))
            rows.append(DataRow(row["prompt"], row.get("answer") or ""))
            if len(rows) > MOST_ROWS:
                raise InputError(f"there are more than {MOST_ROWS:,} rows", where=str(file), next_step="use fewer")
        files[file.name if file.name not in files else str(file)] = digest.hexdigest()
    if not rows:
        raise InputError(
            "no row is left to learn from" + "".join(f"; {count:,}: {why}" for why, count in rejects.items()),
            where=", ".join(map(str, order.files)),
            next_step="a row is a JSON object with a prompt, one a line",
        )
    return DistilData(rows, files, check_terms(declared, order.accepted), dict(rejects), unchecked)


def _iterate_data_lines(file: Path, seen: Callable[[bytes], None]) -> Any:
    """Lines with their numbers; an empty one for one that is too long."""
    try:
        with file.open("rb") as opened:
            number = 0
            while line := opened.readline(LONGEST_DATA_ROW + 1):
                seen(line)
                number += 1
                whole = len(line) <= LONGEST_DATA_ROW
                while len(line) > LONGEST_DATA_ROW and not line.endswith(b"\n"):
                    line = opened.readline(LONGEST_DATA_ROW + 1)
                    seen(line)
                    if not line:
                        break
                if not whole or line.strip():
                    yield number, line if whole else b""
    except OSError as error:
        raise InputError(
            f"the file cannot be read: {error.strerror}", where=str(file), next_step="name a file of JSON lines"
        ) from error


def _parse_data_row(line: bytes) -> dict[str, Any] | str:
    if not line:
        return TOO_LONG
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return NOT_READ
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str) or not row["prompt"].strip():
        return NOT_READ
    for name in ("account_id", "request_id"):  # as the tables of a case have them
        if isinstance(row.get(name), str | int):
            row[name] = visible_id(str(row[name])[:_LONGEST_ID])
    for name, longest in (*_TEXTS.items(), ("terms", LONGEST_TERMS)):
        value = row.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > longest):
            return WRONG_TERMS if name == "terms" else WRONG_TEXT
        if value is not None and _SURROGATE.search(value):
            return HALF_CHARACTERS
    return row


def _find_flag_reason(row: dict[str, Any], flagged: Flagged) -> str:
    if row.get("account_id") in flagged.accounts:
        return FLAGGED_ACCOUNT
    return FLAGGED_REQUEST if row.get("request_id") in flagged.requests else ""


def flagged_of(cases: Sequence[Path]) -> Flagged:
    """Flagged accounts of cases, and the requests of their campaigns.

    Raises CaseError: one is none, or is damaged.
    """
    accounts: set[str] = set()
    requests: set[str] = set()
    for folder in cases:
        case = Case.read(folder)
        table = case.accounts
        accounts.update(table.filter(table["flagged"])["account_id"].to_pylist())
        requests.update(case.harvest["request_id"].to_pylist())
    return Flagged(frozenset(accounts), frozenset(requests), tuple(map(str, cases)))
