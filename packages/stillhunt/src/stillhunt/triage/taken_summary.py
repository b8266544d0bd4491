"""What a campaign took, in sentences."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base import formatting
from stillhunt.base.clients import OTHER, UNKNOWN
from stillhunt.triage.taken import ENOUGH_SAMPLES

_SHOWN = 5
_NAME_CHARACTERS = 60


def taken_summary(taken: pa.Table, campaign_id: str, money: Callable[[float], str]) -> tuple[str, ...]:
    """What a campaign took: samples, models, skills, subjects, range, languages.

    Misleads as the table does, see docs/howto/what-was-taken.md: languages are those of some two dozen requests.

    Args:
        money: an amount in words; empty where nobody set a price.

    Returns:
        Sentences; none where nothing is known of the campaign.
    """
    own = taken.filter(pc.equal(taken["campaign_id"], campaign_id))
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in own.sort_by([("requests", "descending"), ("value", "ascending")]).to_pylist():
        rows.setdefault(row["aspect"], []).append(row)
    if "all" not in rows:
        return ()
    (whole,) = rows["all"]
    return tuple(
        sentence
        for sentence in (
            _say_volume(whole, money(whole["list_value"])),
            _say_shares("Models", rows.get("model", []), whole["requests"]),
            _say_shares("Skills that the requests show", rows.get("skill", []), whole["requests"]),
            _say_subjects(rows.get("subject", []), whole["requests"]),
            _say_range(rows.get("range", [])),
            _say_languages(rows.get("language", []), whole["requests"]),
        )
        if sentence
    )


def _say_volume(row: dict[str, Any], price: str) -> str:
    tokens = row["output_tokens"]
    value = f"{formatting.amount(tokens)} output {formatting.verb(tokens, 'token', 'tokens')}"
    value = f"{value}, {price} at list price" if price else value
    requests = formatting.plural(row["requests"], "request")
    if not row["samples"]:
        return f"{requests}; {value}. How many useful samples they are is not known: none has a prompt and an answer."
    samples = formatting.plural(row["samples"], "useful sample")
    return f"{samples} in {requests} (answered; prompts that are alike count once); {value}."


def _say_parts(rows: Sequence[dict[str, Any]], total: int) -> list[str]:
    return [
        f"{formatting.shorten(row['value'], _NAME_CHARACTERS)} {formatting.share_of(row['requests'], total)}"
        for row in rows
    ]


def _say_shares(label: str, rows: Sequence[dict[str, Any]], total: int) -> str:
    return f"{label}: {formatting.join_some(_say_parts(rows, total), _SHOWN)}." if rows else ""


def _say_subjects(rows: Sequence[dict[str, Any]], total: int) -> str:
    named = [row for row in rows if row["value"] not in (OTHER, UNKNOWN)]
    unnamed = sum(row["requests"] for row in rows) - sum(row["requests"] for row in named)
    if not named:
        return ""
    words = [
        f"{formatting.shorten(row['value'], _NAME_CHARACTERS)} ({formatting.share_of(row['requests'], total)})"
        for row in named
    ]
    rest = f" {formatting.share_of(unnamed, total)} of the requests are on subjects without a name." if unnamed else ""
    more = f"; and {formatting.count(len(words) - _SHOWN)} more" if len(words) > _SHOWN else ""
    return f"Subjects, by their most telling words: {'; '.join(words[:_SHOWN])}{more}.{rest}"


def _say_range(rows: Sequence[dict[str, Any]]) -> str:
    if not rows or rows[0]["everybody"] is None:
        return ""
    share = formatting.percent(rows[0]["everybody"])
    return f"Range, roughly: {ENOUGH_SAMPLES} make up {share} of what other customers ask."


def _say_languages(rows: Sequence[dict[str, Any]], total: int) -> str:
    if not any(row["value"] != UNKNOWN for row in rows):
        return ""
    shares = formatting.join_some(_say_parts(rows, total), _SHOWN)
    return f"Languages, estimated from a few requests that were read again: {shares}."
