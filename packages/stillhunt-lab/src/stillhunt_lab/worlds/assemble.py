"""Assembles people and drafts into the four tables of a world: adds retries and ids, and sorts by time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import DAY, SECOND
from stillhunt_lab.worlds.channels import CHANNELS
from stillhunt_lab.worlds.log_tables import customer_table, log_table, pick, write_ids
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene

Array = np.ndarray[Any, np.dtype[Any]]

_ACCOUNT_SALT, _REQUEST_SALT = 1, 2
_ROWS_AT_ONCE = 1 << 18
_INCIDENT = 40 * 60 * SECOND
_WRITTEN = tuple(f.name for f in fields(Draft) if f.name not in ("prompt", "topic", "language"))


def assemble(scene: Scene, parts: Iterable[tuple[People, Draft]]) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """The four tables of a world.

    Args:
        parts: accounts and requests of every persona and campaign, taken one by one: prompts as Python strings
            need four times the room of the finished column.

    Returns:
        requests (by time), accounts, truth of accounts, truth of requests.
    """
    people, columns, prompts = _all_rows(scene, parts)
    channel = people.channel[columns["owner"]]
    # Ids come before sorting, so that campaigns do not rename honest requests.
    request_ids = write_ids(
        np.arange(len(channel)), [way.request for way in CHANNELS], channel, (scene.seed, _REQUEST_SALT)
    )
    account_ids = write_ids(
        np.arange(len(people)), [way.account for way in CHANNELS], people.channel, (scene.seed, _ACCOUNT_SALT)
    )
    order = np.argsort(columns["time"], kind="stable")
    for name in columns:
        columns[name] = columns[name][order]
    prompts, request_ids = _in_order(prompts.combine_chunks(), order), request_ids.take(pa.array(order))
    pa.default_memory_pool().release_unused()
    owners = pick(account_ids, columns["owner"])
    _open_before_use(scene.rng("opening"), people, columns)
    truth_requests = pa.table(
        {"request_id": request_ids, "account_id": owners, "campaign": pa.array(columns.pop("campaign"), pa.string())}
    )
    requests = log_table(scene, people, columns, (request_ids, owners, prompts))
    by_id = pc.sort_indices(account_ids)  # the table's order must not tell the personas
    truth_accounts = pa.table(
        {
            "account_id": account_ids,
            "persona": pa.array(people.persona, pa.string()),
            "campaign": pa.array(people.campaign, pa.string()),
        }
    ).take(by_id)
    return requests, customer_table(scene, people, account_ids).take(by_id), truth_accounts, truth_requests


def _all_rows(scene: Scene, parts: Iterable[tuple[People, Draft]]) -> tuple[People, dict[str, Array], pa.ChunkedArray]:
    blocks: list[People] = []
    columns: dict[str, list[Array]] = {name: [] for name in _WRITTEN}
    texts = []
    accounts = conversations = strangers = 0
    incident = ORIGIN + int(scene.rng("incident").uniform(0.2, 0.8) * scene.days * DAY)
    for place, (people, draft) in enumerate(parts):
        row, status, delay = _retry(scene.rng(f"retry/{place}"), draft, incident)
        for name in _WRITTEN:
            columns[name].append(_narrow(getattr(draft, name)[row]))
        columns["status"][-1] = status.astype(np.int32)
        columns["time"][-1] += delay
        columns["owner"][-1] = draft.owner[row].astype(np.int32) + np.int32(accounts)
        columns["conversation"][-1] = draft.conversation[row].astype(np.int32) + np.int32(conversations)
        columns["end_user"][-1] = np.where(draft.end_user[row] < 0, -1, draft.end_user[row] + strangers)
        blocks.append(people)
        accounts += len(people)
        conversations += int(draft.conversation.max(initial=-1)) + 1
        strangers += int(draft.end_user.max(initial=-1)) + 1
        texts.append(pa.array(draft.prompt, pa.large_string()).take(pa.array(row)))
    everybody = People(**{f.name: np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(People)})
    merged = {name: np.concatenate(columns.pop(name)) for name in _WRITTEN}
    return everybody, merged, pa.chunked_array(texts, pa.large_string())


def _in_order(texts: pa.Array, order: Array) -> pa.ChunkedArray:
    """Texts in another order, block by block; all at once would take three times their memory."""
    starts = range(0, max(len(order), 1), _ROWS_AT_ONCE)
    return pa.chunked_array([texts.take(pa.array(order[start : start + _ROWS_AT_ONCE])) for start in starts])


def _narrow(values: Array) -> Array:
    """Integers in their smallest type; floats as hundredths, -1 where nothing was sent; names unchanged."""
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), -1, np.round(values * 100)).astype(np.int64)
    if values.dtype != np.int64 or not len(values):
        return values
    for kind in (np.int8, np.int16, np.int32):
        room = np.iinfo(kind)
        if room.min <= values.min() and values.max() <= room.max:
            return values.astype(kind)
    return values


def _retry(rng: np.random.Generator, draft: Draft, incident: int) -> tuple[Array, Array, Array]:
    """Let calls fail: 429 more often in dense traffic, 5xx anywhere; most are sent again as new rows.

    Args:
        draft: n requests; those that have a status already keep it and are not sent again.
        incident: start of an outage of the provider, microseconds; most calls fail while it lasts.

    Returns:
        Row, HTTP status and delay in microseconds of every call; the first n calls are the rows themselves.
    """
    owner, time = draft.owner, draft.time
    order = np.lexsort((time, owner))
    gap = np.full(len(order), DAY)
    gap[order[1:]] = np.where(np.diff(owner[order]) == 0, np.diff(time[order]), DAY)
    chance = 0.003 + 0.025 * (gap < 4 * SECOND)
    luck = rng.random(len(gap))
    status = np.where(luck < chance, 429, np.where(luck < chance + 0.003, 503, 200))
    status[(luck >= chance + 0.003) & (luck < chance + 0.005)] = 500
    down = (time >= incident) & (time < incident + _INCIDENT)
    status[down & (rng.random(len(gap)) < 0.7)] = 503
    settled = draft.status > 0
    status[settled] = draft.status[settled]
    rows, statuses, delays = [np.arange(len(gap))], [status], [np.zeros(len(gap), np.int64)]
    failed = np.flatnonzero((status != 200) & ~settled)
    late = np.zeros(len(failed), np.int64)
    for attempt in range(3):
        again = rng.random(len(failed)) < 0.85
        failed, late = failed[again], late[again]
        late = late + (rng.gamma(2.0, 4.0 * 2**attempt, len(failed)) * SECOND).astype(np.int64)
        outcome = np.where(rng.random(len(failed)) < 0.15, 429, 200)
        rows.append(failed)
        statuses.append(outcome)
        delays.append(late)
        failed, late = failed[outcome != 200], late[outcome != 200]
    return np.concatenate(rows), np.concatenate(statuses), np.concatenate(delays)


def _open_before_use(rng: np.random.Generator, people: People, columns: dict[str, Array]) -> None:
    """Move the opening of accounts to some minutes before their first call, where it is later than that."""
    first = np.full(len(people), np.iinfo(np.int64).max)
    np.minimum.at(first, columns["owner"], columns["time"])
    warm = (rng.exponential(20.0 * 60.0, len(people)) * SECOND).astype(np.int64)
    people.created = np.minimum(people.created, np.where(first == first.max(), people.created, first - warm))
