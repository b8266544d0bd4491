"""From people and drafts to the world's four tables: retries, ids, tokens, order."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.schema import TIMESTAMP
from stillhunt.lab import clock
from stillhunt.lab.places import format_address
from stillhunt.lab.scene import MODELS, ORIGIN, Draft, People, Scene

Array = np.ndarray[Any, np.dtype[Any]]

_INCIDENT = 40 * 60 * clock.SECOND
_CHARACTERS_PER_TOKEN = 3.8
_MASK = (1 << 64) - 1
_WRITTEN = tuple(f.name for f in fields(Draft) if f.name not in ("prompt", "topic", "language"))


def assemble(scene: Scene, parts: list[tuple[People, Draft]]) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """The four tables of a world.

    Args:
        scene: world.
        parts: accounts and requests of every persona and campaign; their prompts are released on the way.

    Returns:
        requests (by time), accounts, truth of accounts, truth of requests.
    """
    people = _all_people([people for people, _ in parts])
    columns, prompts = _all_rows(scene, parts)
    request_ids = _ids("rq", len(prompts), scene.seed, 2)  # before sorting: campaigns do not rename honest requests
    order = np.argsort(columns["time"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    prompts, request_ids = prompts.take(pa.array(order)), request_ids.take(pa.array(order))
    account_ids = _ids("acc", len(people), scene.seed, 1)
    owners = pa.DictionaryArray.from_arrays(pa.array(columns["owner"], pa.int32()), account_ids).cast(pa.string())
    requests = _requests(scene, columns, prompts, request_ids, owners)
    _open_before_use(scene.rng("opening"), people, columns)
    truth_requests = pa.table(
        {"request_id": request_ids, "account_id": owners, "campaign": pa.array(columns["campaign"], pa.string())}
    )
    by_id = pc.sort_indices(account_ids)  # the table's order must not tell the personas
    accounts = _accounts(scene, people, account_ids).take(by_id)
    truth_accounts = pa.table(
        {
            "account_id": account_ids,
            "persona": pa.array(people.persona, pa.string()),
            "campaign": pa.array(people.campaign, pa.string()),
        }
    ).take(by_id)
    return requests, accounts, truth_accounts, truth_requests


def _all_people(blocks: list[People]) -> People:
    return People(**{f.name: np.concatenate([getattr(block, f.name) for block in blocks]) for f in fields(People)})


def _all_rows(scene: Scene, parts: list[tuple[People, Draft]]) -> tuple[dict[str, Array], pa.ChunkedArray]:
    columns: dict[str, list[Array]] = {name: [] for name in (*_WRITTEN, "status")}
    texts = []
    accounts = conversations = 0
    incident = ORIGIN + int(scene.rng("incident").uniform(0.2, 0.8) * scene.days * clock.DAY)
    for place, (people, draft) in enumerate(parts):
        row, status, delay = _retry(scene.rng(f"retry/{place}"), draft.owner, draft.time, incident)
        for name in _WRITTEN:
            columns[name].append(getattr(draft, name)[row])
        columns["status"].append(status)
        columns["time"][-1] += delay
        columns["owner"][-1] += accounts
        columns["conversation"][-1] += conversations
        accounts += len(people)
        conversations += int(draft.conversation.max(initial=-1)) + 1
        texts.append(pa.array(draft.prompt, pa.large_string()).take(pa.array(row)))
        draft.prompt = []  # Python strings take four times the room; a world of a million rows must fit
    return {name: np.concatenate(values) for name, values in columns.items()}, pa.chunked_array(
        texts, pa.large_string()
    )


def _retry(rng: np.random.Generator, owner: Array, time: Array, incident: int) -> tuple[Array, Array, Array]:
    """Refused and failed calls: 429 more often in dense traffic, 5xx anywhere; most are sent again as new rows.

    Args:
        rng: generator.
        owner: account per request, shape (n,).
        time: microseconds, shape (n,).
        incident: start of the provider's own outage; most calls fail while it lasts.

    Returns:
        Row, HTTP status and delay in microseconds of every call; the first n calls are the rows themselves.
    """
    order = np.lexsort((time, owner))
    gap = np.full(len(order), clock.DAY)
    gap[order[1:]] = np.where(np.diff(owner[order]) == 0, np.diff(time[order]), clock.DAY)
    chance = 0.003 + 0.025 * (gap < 4 * clock.SECOND)
    luck = rng.random(len(gap))
    status = np.where(luck < chance, 429, np.where(luck < chance + 0.003, 503, 200))
    status[(luck >= chance + 0.003) & (luck < chance + 0.005)] = 500
    down = (time >= incident) & (time < incident + _INCIDENT)
    status[down & (rng.random(len(gap)) < 0.7)] = 503
    rows, statuses, delays = [np.arange(len(gap))], [status], [np.zeros(len(gap), np.int64)]
    failed = np.flatnonzero(status != 200)
    late = np.zeros(len(failed), np.int64)
    for attempt in range(3):
        again = rng.random(len(failed)) < 0.85
        failed, late = failed[again], late[again]
        late = late + (rng.gamma(2.0, 4.0 * 2**attempt, len(failed)) * clock.SECOND).astype(np.int64)
        outcome = np.where(rng.random(len(failed)) < 0.15, 429, 200)
        rows.append(failed)
        statuses.append(outcome)
        delays.append(late)
        failed, late = failed[outcome != 200], late[outcome != 200]
    return np.concatenate(rows), np.concatenate(statuses), np.concatenate(delays)


def _requests(
    scene: Scene, columns: dict[str, Array], prompts: pa.ChunkedArray, request_ids: pa.Array, owners: pa.Array
) -> pa.Table:
    places = scene.places
    network = places.network_of_block[columns["address"] >> 16]
    unique, code = np.unique(columns["address"], return_inverse=True)
    dotted = pa.array([format_address(address) for address in unique.tolist()], pa.string())
    conversations = int(columns["conversation"].max(initial=-1)) + 1
    conversation_ids = _ids("cv", conversations, scene.seed, 3)
    answered = columns["status"] == 200
    return pa.table(
        {
            "request_id": request_ids,
            "timestamp": pa.array(columns["time"], pa.int64()).cast(TIMESTAMP),
            "account_id": owners,
            "conversation_id": _pick(conversation_ids, columns["conversation"]),
            "turn": pa.array(columns["turn"], pa.int32()),
            "client_ip": _pick(dotted, code),
            "asn": pa.array(places.asn[network], pa.int64()),
            "country": _pick(pa.array(places.countries, pa.string()), places.network_country[network]),
            "user_agent": _pick(pa.array(scene.clients.user_agents, pa.string()), columns["client"]),
            "tls_fingerprint": _pick(pa.array(scene.clients.fingerprints, pa.string()), columns["client"]),
            "model": _pick(pa.array(MODELS, pa.string()), columns["model"]),
            "system_prompt": _pick(pa.array(scene.systems, pa.string()), columns["system"]),
            "prompt": prompts.combine_chunks(),
            "input_tokens": pa.array(_input_tokens(scene, columns, prompts), pa.int64()),
            "output_tokens": pa.array(np.where(answered, columns["output"], 0), pa.int64()),
            "temperature": pa.array(columns["temperature"], pa.float64(), from_pandas=True),
            "max_tokens": pa.array(columns["max_tokens"], pa.float64(), from_pandas=True).cast(pa.int64()),
            "status": pa.array(columns["status"], pa.int32()),
        }
    )


def _input_tokens(scene: Scene, columns: dict[str, Array], prompts: pa.ChunkedArray) -> Array:
    own = pc.utf8_length(prompts).to_numpy()
    system = np.array([len(text) for text in scene.systems] + [0])[columns["system"]]  # -1 is the last: none
    # Earlier turns are sent again: about one question and one answer of this size each.
    history = columns["turn"] * (own / _CHARACTERS_PER_TOKEN + columns["output"]) * 0.8
    tokens: Array = np.round((own + system) / _CHARACTERS_PER_TOKEN + history)
    return np.maximum(1, tokens).astype(np.int64)


def _accounts(scene: Scene, people: People, account_ids: pa.Array) -> pa.Table:
    codes = pa.array(scene.places.countries, pa.string())
    return pa.table(
        {
            "account_id": account_ids,
            "created_at": pa.array(people.created, pa.int64()).cast(TIMESTAMP),
            "organization_id": pa.array(people.organization, pa.string()),
            "plan": pa.array(people.plan, pa.string()),
            "email_domain": pa.array(people.email_domain, pa.string()),
            "payment_fingerprint": pa.array(people.payment, pa.string()),
            "payment_country": _pick(codes, np.where(people.payment == None, -1, people.payment_country)),  # noqa: E711 - elementwise
            "phone_country": _pick(codes, people.phone_country),
            "signup_ip": pa.array([format_address(a) for a in people.signup_ip.tolist()], pa.string()),
            "signup_country": _pick(codes, people.signup_country),
        }
    )


def _open_before_use(rng: np.random.Generator, people: People, columns: dict[str, Array]) -> None:
    """An account is opened some minutes before its first call at the latest."""
    first = np.full(len(people), np.iinfo(np.int64).max)
    np.minimum.at(first, columns["owner"], columns["time"])
    warm = (rng.exponential(20.0 * 60.0, len(people)) * clock.SECOND).astype(np.int64)
    people.created = np.minimum(people.created, np.where(first == first.max(), people.created, first - warm))


def _pick(values: pa.Array, code: Array) -> pa.Array:
    """Values by code; -1 is null."""
    indices = pa.array(np.where(code < 0, 0, code), pa.int32(), mask=code < 0)
    return pa.DictionaryArray.from_arrays(indices, values).cast(pa.string())


def _ids(prefix: str, count: int, seed: int, kind: int) -> pa.Array:
    """Distinct ids in no order: a 64-bit mixer is one to one, so no two indices meet."""
    step = np.uint64(0x9E3779B97F4A7C15)
    base = np.uint64((seed * 8 + kind) * 0xD1342543DE82EF95 & _MASK)
    mixed = (np.arange(count, dtype=np.uint64) + np.uint64(1)) * step + base
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return pa.array([f"{prefix}-{value:016x}" for value in mixed.tolist()], pa.string())
