"""Assembles people and drafts into the four tables of a world: retries, ids, tokens, and what each channel shows."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import DAY, SECOND, TIMESTAMP
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.networks import CHANNELS, format_address, hides
from stillhunt_lab.worlds.scene import MODELS, ORIGIN, Draft, People, Scene

_CHARACTERS_PER_TOKEN = 3.8
_IDS_AT_ONCE = 1 << 17
_MASK = (1 << 64) - 1


def log_table(
    scene: Scene,
    people: People,
    columns: dict[str, Array],
    request_ids: pa.Array,
    owners: pa.Array,
    prompts: pa.ChunkedArray,
) -> pa.Table:
    """The log of requests.

    `columns`: columns of all requests by name, as in `Draft`, each of shape (n,); parameters in hundredths, -1 = not
    sent.
    """
    places, clients = scene.places, scene.clients
    channel = people.channel[columns["owner"]]
    network = places.network_of_block[columns["address"].astype(np.int64) >> 16]
    unique, address = np.unique(columns["address"], return_inverse=True)
    dotted = pa.array([format_address(number) for number in unique.tolist()], pa.string())
    conversations = _write_code_ids(columns["conversation"], "cv-{}", (scene.seed, 3))
    end_users = _write_code_ids(columns["end_user"], "usr-{}", (scene.seed, 4))
    keys, key = _assign_api_keys(scene, people, columns)
    organizations, organization = np.unique(people.organization.astype(str), return_inverse=True)
    organization = np.where(people.organization == None, -1, organization)  # noqa: E711 - elementwise

    def seen(name: str, values: pa.Array, code: Array) -> pa.Array:
        return pick(values, np.where(hides(name, "hidden")[channel], -1, code))

    answered = columns["status"] == 200
    return pa.table(
        {
            "request_id": request_ids,
            "timestamp": pa.array(columns["time"], pa.int64()).cast(TIMESTAMP),
            "account_id": owners,
            "organization_id": seen("organization_id", pa.array(organizations), organization[columns["owner"]]),
            "api_key_id": seen("api_key_id", keys, key),
            "end_user_id": pick(end_users, columns["end_user"]),
            "channel": pick(pa.array([way.name for way in CHANNELS]), channel),
            "conversation_id": seen("conversation_id", conversations, columns["conversation"]),
            "turn": pa.array(columns["turn"], pa.int32(), mask=hides("turn", "hidden")[channel]),
            "client_ip": seen("client_ip", dotted, address),
            "asn": pa.array(places.asn[network], pa.int64(), mask=hides("asn", "hidden")[channel]),
            "country": seen("country", pa.array(places.countries), places.network_country[network]),
            "user_agent": seen("user_agent", pa.array(clients.user_agents), columns["client"]),
            "tls_fingerprint": seen("tls_fingerprint", pa.array(clients.fingerprints), columns["client"]),
            "model": pick(pa.array(MODELS), columns["model"]),
            "system_prompt": pick(pa.array(scene.systems, pa.string()), columns["system"]),
            "tools": pick(pa.array(scene.tools, pa.string()), columns["tools"]),
            "prompt": prompts,
            "input_tokens": pa.array(_input_tokens(scene, columns, prompts), pa.int64()),
            "output_tokens": pa.array(np.where(answered, columns["output"], 0), pa.int64()),
            "temperature": _decode_hundredths(columns["temperature"]),
            "top_p": _decode_hundredths(columns["top_p"]),
            "max_tokens": _decode_hundredths(columns["max_tokens"]).cast(pa.int64()),
            "status": pa.array(columns["status"], pa.int32()),
        }
    )


def customer_table(scene: Scene, people: People, account_ids: pa.Array) -> pa.Table:
    """The provider's customer table, in the order of the ids."""
    codes = pa.array(scene.places.countries, pa.string())
    unpaid = people.payment == None  # noqa: E711 - elementwise
    table = {
        "account_id": account_ids,
        "created_at": pa.array(people.created, pa.int64()).cast(TIMESTAMP),
        "organization_id": pa.array(people.organization, pa.string()),
        "plan": pa.array(people.plan, pa.string()),
        "email_domain": pa.array(people.email_domain, pa.string()),
        "payment_fingerprint": pa.array(people.payment, pa.string()),
        "payment_country": pick(codes, np.where(unpaid, -1, people.payment_country)),
        "phone_country": pick(codes, people.phone_country),
        "signup_ip": pa.array([format_address(a) for a in people.signup_ip.tolist()], pa.string()),
        "signup_country": pick(codes, people.signup_country),
        "declared_use": pa.array(people.declared_use, pa.string()),
    }
    for name, values in table.items():
        withheld = hides(name, "withheld")[people.channel]
        table[name] = pc.if_else(pa.array(withheld), pa.scalar(None, values.type), values)
    return pa.table(table)


def write_ids(numbers: Array, shapes: list[str], shape: Array | None, salt: tuple[int, int]) -> pa.Array:
    """One id per number, all distinct and in no order.

    Args:
        numbers: non-negative integers, all different.
        shapes: texts with `{}` for sixteen hexadecimal digits.
        shape: code into `shapes` per number; the first one for all when None.
        salt: seed of the world and 0 to 7; ids of two salts have nothing in common.
    """
    parts = [pa.array([], pa.string())]
    for first in range(0, len(numbers), _IDS_AT_ONCE):  # Python strings need three times the room
        mixed = _scramble_numbers(numbers[first : first + _IDS_AT_ONCE], *salt).tolist()
        codes = [0] * len(mixed) if shape is None else shape[first : first + _IDS_AT_ONCE].tolist()
        texts = [shapes[code].format(f"{value:016x}") for code, value in zip(codes, mixed, strict=True)]
        parts.append(pa.array(texts, pa.string()))
    return pa.concat_arrays(parts)


def _scramble_numbers(numbers: Array, seed: int, kind: int) -> Array:
    """Mix numbers one to one into 64 bits, so that no two become equal."""
    step = np.uint64(0x9E3779B97F4A7C15)
    base = np.uint64((seed * 8 + kind) * 0xD1342543DE82EF95 & _MASK)
    mixed: Array = (numbers.astype(np.uint64) + np.uint64(1)) * step + base
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def pick(values: pa.Array, code: Array) -> pa.Array:
    """Values by code, shape (n,); -1 is null."""
    indices = pa.array(np.where(code < 0, 0, code), pa.int32(), mask=code < 0)
    return pa.DictionaryArray.from_arrays(indices, values).cast(pa.string())


def _write_code_ids(code: Array, shape: str, salt: tuple[int, int]) -> pa.Array:
    """Ids for the codes from 0 to the largest one."""
    return write_ids(np.arange(int(code.max(initial=-1)) + 1), [shape], None, salt)


def _assign_api_keys(scene: Scene, people: People, columns: dict[str, Array]) -> tuple[pa.Array, Array]:
    """Key ids, and the key of each request: an account with several has one for each of its programs."""
    used = columns["owner"].astype(np.int64) * 8 + columns["client"] % people.keys[columns["owner"]]
    unique, code = np.unique(used, return_inverse=True)
    return write_ids(unique, ["key-{}"], None, (scene.seed, 5)), code


def _decode_hundredths(hundredths: Array) -> pa.Array:
    return pa.array(hundredths / 100.0, pa.float64(), mask=hundredths < 0)


def _input_tokens(scene: Scene, columns: dict[str, Array], prompts: pa.ChunkedArray) -> Array:
    own = pc.utf8_length(prompts).to_numpy()
    system, tools = (
        np.array([len(text) for text in texts] + [0])[columns[name]]  # -1 is the last: none
        for name, texts in (("system", scene.systems), ("tools", scene.tools))
    )
    # Earlier turns are sent again: about one question and one answer of this size each.
    history = columns["turn"].astype(np.int64) * (own / _CHARACTERS_PER_TOKEN + columns["output"]) * 0.8
    tokens: Array = np.round((own + system + tools) / _CHARACTERS_PER_TOKEN + history)
    return np.maximum(1, tokens).astype(np.int64)


_ACCOUNT_SALT, _REQUEST_SALT = 1, 2
_ROWS_AT_ONCE = 1 << 18
_INCIDENT = 40 * 60 * SECOND
_WRITTEN = tuple(f.name for f in fields(Draft) if f.name not in ("prompt", "topic", "language"))


def assemble(scene: Scene, parts: Iterable[tuple[People, Draft]]) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """The four tables of a world.

    `parts`: accounts and requests of every persona and campaign, taken one by one: prompts as Python strings need four
    times the room of the finished column. Returns requests (by time), accounts, truth of accounts, truth of requests.
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
    requests = log_table(scene, people, columns, request_ids, owners, prompts)
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
        row, status, delay = _simulate_failed_calls(scene.rng(f"retry/{place}"), draft, incident)
        for name in _WRITTEN:
            columns[name].append(_narrow_column_type(getattr(draft, name)[row]))
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


def _narrow_column_type(values: Array) -> Array:
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


def _simulate_failed_calls(rng: np.random.Generator, draft: Draft, incident: int) -> tuple[Array, Array, Array]:
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
