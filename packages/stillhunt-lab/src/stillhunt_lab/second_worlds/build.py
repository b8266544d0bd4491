"""Builds worlds of the second generator: adds failures to its blocks, and writes them as log, customers and truth."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import DAY, MINUTE, SECOND, TIMESTAMP, Progress, Silent
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.campaigns import build_campaign
from stillhunt_lab.second_worlds.customers import build_customers
from stillhunt_lab.second_worlds.kinds import SANCTIONED, customer_counts
from stillhunt_lab.second_worlds.network import CLIENTS, CODES
from stillhunt_lab.second_worlds.records import Block, Jobs, People, join_records, join_traffic, take
from stillhunt_lab.second_worlds.scene import CHANNELS, MODELS, Scene, open_scene
from stillhunt_lab.second_worlds.spec import START, SecondSpec
from stillhunt_lab.worlds.build import World

_OUTAGE_MINUTES = (18, 55)
_BURST_CALLS = 8
_TRIES = 3


def outages(scene: Scene) -> Array:
    """Two outages of the provider itself, as (from, to) in microseconds, shape (2, 2)."""
    rng = scene.stream("outages")
    first = START + (rng.uniform(0.1, 0.9, 2) * scene.spec.days * DAY).astype(np.int64)
    length = rng.integers(*_OUTAGE_MINUTES, 2) * MINUTE
    return np.stack([first, first + length], axis=1)


def add_failures(scene: Scene, block: Block) -> None:
    """Let some calls of a block fail with 429, 500, 503 or 529, and send most of them again.

    Rate limits bite where an account made `_BURST_CALLS` calls within a minute; failures come singly and in outages.
    Each further try waits twice as long.
    """
    rng = scene.stream(f"weather/{block.name}")
    calls = block.calls
    down = np.zeros(len(calls), bool)
    for first, last in outages(scene).tolist():
        down |= (calls.time >= first) & (calls.time < last)
    luck = rng.random(len(calls))
    status = calls.status.copy()
    fine = status == 200
    status[fine & (luck < 0.0025)] = 500
    status[fine & (luck >= 0.0025) & (luck < 0.006)] = 529
    status[fine & _is_burst(calls.owner, calls.time) & (rng.random(len(calls)) < 0.09)] = 429
    status[fine & down & (luck < 0.8)] = 503
    calls.status = status
    failed = np.flatnonzero(fine & (status != 200))
    tries = [calls]
    delay = np.zeros(len(failed))
    for attempt in range(_TRIES):
        again = rng.random(len(failed)) < 0.8
        failed, delay = failed[again], delay[again]
        delay = delay + (2.0**attempt) * rng.uniform(1.5, 12.0, len(failed))
        retried = take(calls, failed)
        retried.time = retried.time + (delay * SECOND).astype(np.int64)
        outcome = np.where(rng.random(len(failed)) < 0.12, 529, 200)
        for first, last in outages(scene).tolist():
            outcome[(retried.time >= first) & (retried.time < last)] = 503
        retried.status = outcome
        inside = retried.time < scene.end
        tries.append(take(retried, inside))
        keep = (outcome != 200) & inside
        failed, delay = failed[keep], delay[keep]
    block.calls = type(calls)(**{name: np.concatenate([getattr(part, name) for part in tries]) for name in vars(calls)})
    block.calls.output = np.where(block.calls.status == 200, block.calls.output, 0)


def _is_burst(owner: Array, time: Array) -> Array:
    """Whether an account made its last `_BURST_CALLS` calls within a minute."""
    order = np.lexsort((time, owner))
    burst = np.zeros(len(order), bool)
    if len(order) > _BURST_CALLS:
        late, early = order[_BURST_CALLS:], order[:-_BURST_CALLS]
        burst[late] = (owner[late] == owner[early]) & (time[late] - time[early] < MINUTE)
    return burst


_CHARACTERS_PER_TOKEN = 4.1
_NO_CONVERSATION = 0.12


def write_texts(scene: Scene, name: str, jobs: Jobs) -> pa.Array:
    """The text of each job: before, stock or item, after."""
    rng = scene.stream(f"texts/{name}")
    strings = pa.array([*scene.strings.texts, ""], pa.large_string())
    is_item = jobs.stock < 0
    items = scene.texts.write(rng, jobs.topic[is_item], jobs.language[is_item], jobs.size[is_item])
    place = np.where(is_item, np.cumsum(is_item) - 1, 0)
    none = len(strings) - 1
    stock = strings.take(pa.array(np.where(is_item, none, jobs.stock)))
    body = pc.if_else(pa.array(is_item), items.take(pa.array(place)), stock) if len(items) else stock
    before = strings.take(pa.array(np.where(jobs.before < 0, none, jobs.before)))
    after = strings.take(pa.array(np.where(jobs.after < 0, none, jobs.after)))
    return pc.binary_join_element_wise(before, body, after, pa.scalar("", pa.large_string()))


def publish(scene: Scene, blocks: list[Block]) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """The four tables of a world.

    Returns requests (by time), accounts, truth of accounts, truth of requests.
    """
    prompts, request_ids, account_ids, talk_ids = [], [], [], []
    accounts = 0
    for block in blocks:
        rng = scene.stream(f"names/{block.name}")
        prompts.append(write_texts(scene, block.name, block.jobs).take(pa.array(block.calls.job)))
        account_ids.append(_draw_random_ids(rng, "cust", len(block.people)))
        request_ids.append(_draw_random_ids(rng, "req", len(block.calls)))
        talks = _draw_random_ids(rng, "sess", int(block.calls.talk.max(initial=-1)) + 1)
        silent = (rng.random(len(block.people)) < _NO_CONVERSATION)[block.calls.owner]
        talk_ids.append(talks.take(pa.array(block.calls.talk, mask=silent)))
        _open_before_use(rng, block)
        block.calls.owner = block.calls.owner + accounts
        accounts += len(block.people)
    people: People = join_records([block.people for block in blocks])
    _, calls = join_traffic([(block.jobs, block.calls) for block in blocks])
    ids = pa.concat_arrays(account_ids)
    order = np.argsort(calls.time, kind="stable")
    row = pa.array(order)
    prompt = pa.chunked_array(prompts).take(row).combine_chunks()
    calls = type(calls)(**{name: values[order] for name, values in vars(calls).items()})
    request_id, talk_id = (pa.chunked_array(part).take(row).combine_chunks() for part in (request_ids, talk_ids))
    requests = _build_requests_table(
        scene, calls, ids, {"request_id": request_id, "talk_id": talk_id, "prompt": prompt}
    )
    by_name = pc.sort_indices(ids)
    truth_requests = pa.table(
        {
            "request_id": request_id,
            "account_id": requests["account_id"].combine_chunks(),
            "campaign": _pick_values_by_code(
                [*scene.strings.texts, ""], np.where(calls.campaign < 0, len(scene.strings.texts), calls.campaign)
            ),
        }
    )
    truth_accounts = pa.table(
        {
            "account_id": ids,
            "persona": pa.array(people.persona, pa.string()),
            "campaign": pa.array(people.campaign, pa.string()),
        }
    )
    return (
        requests,
        _build_accounts_table(scene, people, ids).take(by_name),
        truth_accounts.take(by_name),
        truth_requests,
    )


def _build_requests_table(scene: Scene, calls: object, ids: pa.Array, texts: dict[str, pa.Array]) -> pa.Table:
    raw = vars(calls)
    net = scene.network
    agents = [agent for agent, *_ in CLIENTS]
    prints = [print_ for _, print_, *_ in CLIENTS]
    asn, country = np.array(net.asn, np.int64), np.array(net.country, np.int64)
    key = pc.binary_join_element_wise(ids.take(pa.array(raw["owner"])), pa.array(raw["key"]).cast(pa.string()), "/k")
    user = pa.array(raw["user"], mask=raw["user"] < 0).cast(pa.string())
    return pa.table(
        {
            "request_id": texts["request_id"],
            "timestamp": pa.array(raw["time"], pa.int64()).cast(TIMESTAMP),
            "account_id": ids.take(pa.array(raw["owner"])),
            "api_key_id": key,
            "end_user_id": pc.binary_join_element_wise("u", user, ""),
            "conversation_id": texts["talk_id"],
            "turn": pa.array(raw["turn"], pa.int32()),
            "client_ip": _pick_values_by_code(net.text, raw["address"]),
            "asn": pa.array(asn[raw["address"]], pa.int64()),
            "country": _pick_values_by_code(CODES.tolist(), country[raw["address"]]),
            "user_agent": _pick_values_by_code(agents, raw["client"]),
            "tls_fingerprint": _pick_values_by_code(prints, raw["client"]),
            "channel": _pick_values_by_code(list(CHANNELS), raw["channel"]),
            "model": _pick_values_by_code(list(MODELS), raw["model"]),
            "system_prompt": _pick_values_by_code(scene.strings.texts, raw["system"]),
            "prompt": texts["prompt"].cast(pa.string()),
            "input_tokens": pa.array(_input_tokens(scene, raw, texts["prompt"]), pa.int64()),
            "output_tokens": pa.array(raw["output"], pa.int64()),
            "temperature": pa.array(raw["temperature"], pa.float64(), from_pandas=True),
            "top_p": pa.array(raw["top_p"], pa.float64(), from_pandas=True),
            "max_tokens": pa.array(raw["limit"], pa.float64(), from_pandas=True).cast(pa.int64()),
            "status": pa.array(raw["status"], pa.int32()),
        }
    )


def _input_tokens(scene: Scene, raw: dict[str, Array], prompt: pa.Array) -> Array:
    """Tokens of the prompt, the system prompt and all earlier turns of the conversation."""
    own = pc.utf8_length(prompt).to_numpy() / _CHARACTERS_PER_TOKEN
    system = np.array([*map(len, scene.strings.texts), 0])[raw["system"]] / _CHARACTERS_PER_TOKEN
    order = np.lexsort((raw["time"], raw["talk"]))
    said = np.where(raw["status"] == 200, own + raw["output"], 0.0)[order]
    talk = raw["talk"][order]
    total = np.cumsum(said) - said
    starts_conversation = np.concatenate([[True], np.diff(talk) != 0]) if len(talk) else np.zeros(0, bool)
    base = np.maximum.accumulate(np.where(starts_conversation, total, 0.0))
    history = np.empty(len(own))
    history[order] = total - base
    tokens: Array = np.maximum(1, np.round(own + system + history)).astype(np.int64)
    return tokens


def _build_accounts_table(scene: Scene, people: People, ids: pa.Array) -> pa.Table:
    strings = {
        "organization_id": people.organization,
        "plan": people.plan,
        "email_domain": people.mail,
        "payment_fingerprint": people.card,
        "payment_country": people.card_country,
        "phone_country": people.phone_country,
        "signup_country": people.signup_country,
        "declared_use": people.purpose,
    }
    return pa.table(
        {
            "account_id": ids,
            "created_at": pa.array(people.created, pa.int64()).cast(TIMESTAMP),
            "signup_ip": _pick_values_by_code(scene.network.text, people.signup_address),
            **{name: pa.array(values, pa.string()) for name, values in strings.items()},
        }
    )


def _open_before_use(rng: np.random.Generator, block: Block) -> None:
    """An account is opened some minutes before its first call at the latest."""
    first = np.full(len(block.people), np.iinfo(np.int64).max)
    np.minimum.at(first, block.calls.owner, block.calls.time)
    ahead = (rng.gamma(1.5, 30.0, len(first)) * MINUTE).astype(np.int64)
    block.people.created = np.minimum(block.people.created, first - ahead)


def _pick_values_by_code(values: list[str], code: Array) -> pa.Array:
    """Values by code; -1 is null."""
    indices = pa.array(np.where(code < 0, 0, code), pa.int32(), mask=code < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array([*values, ""], pa.string())).cast(pa.string())


def _draw_random_ids(rng: np.random.Generator, prefix: str, count: int) -> pa.Array:
    """Random ids of 64 bits, which do not collide in a log of this size."""
    return pa.array(
        [f"{prefix}_{high:08x}{low:08x}" for high, low in rng.integers(0, 1 << 32, (count, 2)).tolist()], pa.string()
    )


def build_second_world(spec: SecondSpec, progress: Progress | None = None) -> World:
    """Build a world of the second generator; the same spec gives the same rows.

    Raises InputError: the file of real texts cannot be used.
    """
    scene = open_scene(spec)
    total = spec.accounts + spec.campaigns * spec.campaign_accounts * (spec.rung > 0)
    with (progress or Silent()).stage("building world", total, "accounts") as advance:
        blocks = []
        for block in lay_out(scene):
            blocks.append(block)
            advance(len(block.people))
        sanctioned = {
            str(name) for block in blocks if block.name in SANCTIONED for name in block.people.organization.tolist()
        }
        return World(*publish(scene, blocks), sanctioned=tuple(sorted(sanctioned)))


def lay_out(scene: Scene) -> list[Block]:
    """Lay out all traffic before texts are written: customers first, then campaigns."""
    blocks = [build_customers(scene, kind, count) for kind, count in customer_counts(scene.spec.accounts) if count]
    if scene.spec.rung:
        blocks += [build_campaign(scene, place) for place in range(scene.spec.campaigns)]
    for block in blocks:
        add_failures(scene, block)
    return blocks
