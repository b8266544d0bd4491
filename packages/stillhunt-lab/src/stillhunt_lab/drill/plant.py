"""Builds one labelled campaign that looks like the user's own traffic."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.tools import DAY, HOUR, SECOND, TIMESTAMP
from stillhunt_lab.arrays import Array, split_evenly
from stillhunt_lab.drill.own_logs import (
    ID_MARK,
    MIN_ANSWER_LIMIT,
    HonestTraffic,
    OwnLogs,
    network_of,
    private_customers,
    stand_in,
)
from stillhunt_lab.drill.sentences import Sentences, draw_items, draw_subject
from stillhunt_lab.worlds.arrivals import Rhythm, expand_sessions
from stillhunt_lab.worlds.grammar import integer_stream
from stillhunt_lab.worlds.templates import draw_family, draw_template, load_skills, paraphrase

Kind = Literal["template", "paraphrase", "untemplated"]

CAMPAIGN_KINDS: tuple[Kind, ...] = ("template", "paraphrase", "untemplated")
SUBJECTS_PER_CAMPAIGN = 2
"""Subjects, and skills, of one campaign."""
PROGRAMS_PER_CAMPAIGN = 3
"""Client programs of one campaign."""
QUIET_SHARE = 0.12
"""Share of the log before a campaign starts."""
ITEMS_PER_LEASE = 5.0
"""Items that a worker takes from the queue at a time."""
LOAD_SPREAD = 0.1
"""Standard deviation over mean of the accounts' loads: a queue equalises them."""
SIGN_UP_DAYS = 25.0
LOYALTY = 0.85
"""Share of the harvest that goes to the campaign's main model."""
COVER_ENTRIES = 60
"""Entries that one account's cover traffic is about."""
_PLANTED_SUBNET = 0xD411


@dataclass(frozen=True)
class Cell:
    """One campaign of the grid.

    `kind`: template = the same words around each item; paraphrase = worded anew each time; untemplated = nothing but
    the item. `pace`: harvest requests per account and day.
    """

    kind: Kind
    accounts: int
    pace: float

    @property
    def name(self) -> str:
        """Its part of the planted ids, such as `template-30-12`."""
        return f"{self.kind}-{self.accounts}-{self.pace:g}"


@dataclass(frozen=True)
class Planted:
    """A campaign ready to be hunted.

    Args:
        requests: in the form of the own requests, by time.
        accounts: rows for the customer table; None where there is none.
        harvest_times: microseconds of its harvest requests, ascending; cover is not among them.
    """

    cell: Cell
    requests: pa.Table
    accounts: pa.Table | None
    account_ids: tuple[str, ...]
    harvest_times: Array


@dataclass(frozen=True)
class DrillContext:
    """What all campaigns of a drill are planted into, and their common sizes.

    `cover`: share of the planted accounts' traffic that is not harvest. `queue`: items of one campaign at most.
    """

    own: OwnLogs
    honest: HonestTraffic
    sentences: Sentences
    cover: float
    queue: int


@dataclass(frozen=True)
class _Draft:
    """Requests before the other columns are filled: account position, time, text, and whether each one harvests."""

    owner: Array
    time: Array
    prompt: list[str]
    harvest: Array


def plant(context: DrillContext, cell: Cell, rng: np.random.Generator) -> Planted:
    """Build one campaign."""
    people = rng.choice(private_customers(context.own, context.honest), cell.accounts)
    draft = _without_known(context, _with_cover(context, _draft_planted_harvest(context, cell, rng), people, rng))
    order = np.argsort(draft.time, kind="stable")
    names = tuple(f"{ID_MARK}{cell.name}-{at:04d}" for at in range(cell.accounts))
    requests = _build_planted_requests(context, cell, draft, people, order, rng)
    start = context.honest.first + int(QUIET_SHARE * (context.honest.last - context.honest.first))
    return Planted(
        cell,
        requests,
        _build_planted_customers(context, cell, people, start, rng),
        names,
        np.sort(draft.time[draft.harvest]),
    )


def _draft_planted_harvest(context: DrillContext, cell: Cell, rng: np.random.Generator) -> _Draft:
    honest = context.honest
    start = honest.first + int(QUIET_SHARE * (honest.last - honest.first))
    each = min(cell.pace * (honest.last - start) / DAY, context.queue / cell.accounts)
    end = min(start + int(max(each / cell.pace, 1 / 24) * DAY), honest.last)
    loads = np.maximum(1, np.round(each * rng.normal(1.0, LOAD_SPREAD, cell.accounts))).astype(np.int64)
    owner, time = _draw_request_slots(honest, loads, start, end, rng)
    # Each account's share of the subject must last for its load, or sentences would recur.
    size = max(400, 2 * int(loads.max()))
    subjects = [draw_subject(context.sentences, rng, size) for _ in range(SUBJECTS_PER_CAMPAIGN)]
    subject = np.where(rng.random(len(owner)) < rng.uniform(0.35, 0.65), 0, 1)
    wrap = _make_prompt_wrapper(cell.kind, rng)
    prompts = [""] * len(owner)
    for account in range(cell.accounts):
        for number in range(SUBJECTS_PER_CAMPAIGN):
            rows = np.flatnonzero((owner == account) & (subject == number))
            items = draw_items(context.sentences, rng, subjects[number], len(rows))
            for row, item in zip(rows.tolist(), items, strict=True):
                prompts[row] = wrap(number, item)
    return _Draft(owner, time, prompts, np.ones(len(owner), bool))


def _draw_request_slots(
    honest: HonestTraffic, loads: Array, start: int, end: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Account and time of each request: leases at the busy hours of the user's own log."""
    leases = np.maximum(1, rng.poisson(loads / ITEMS_PER_LEASE))
    account, sizes = split_evenly(loads, leases)
    hour = np.arange(honest.first // HOUR, honest.last // HOUR + 1) * HOUR
    weight = np.where((hour + HOUR > start) & (hour < end), honest.hours, 0.0)
    begin = rng.choice(hour, len(account), p=weight / weight.sum()) + rng.integers(0, HOUR, len(account))
    sessions = expand_sessions(rng, account, np.clip(begin, start, end), sizes, Rhythm(gap=40.0, gap_sigma=1.2))
    kept = sessions.time <= honest.last
    return sessions.owner[kept], sessions.time[kept] + rng.integers(0, SECOND, int(kept.sum()))


def _make_prompt_wrapper(kind: Kind, rng: np.random.Generator) -> Callable[[int, str], str]:
    """What puts the campaign's words around an item of a subject."""
    skills = rng.choice(len(load_skills()), SUBJECTS_PER_CAMPAIGN, replace=False).tolist()
    draws = integer_stream(rng)
    families = [draw_family(draws, load_skills()[skill], width=4) for skill in skills]
    templates = [draw_template(draws, family) for family in families]
    if kind == "template":
        return lambda number, item: templates[number] + item
    if kind == "paraphrase":
        return lambda number, item: paraphrase(draws, families[number], item)
    return lambda _number, item: item


def _with_cover(context: DrillContext, harvest: _Draft, people: Array, rng: np.random.Generator) -> _Draft:
    """Add honest-looking requests between the leases, each account on a subject of its own."""
    if not context.cover:
        return harvest
    loads = np.round(np.bincount(harvest.owner, minlength=len(people)) * context.cover / (1.0 - context.cover))
    owner, prompts, times = [], [], []
    for account, load in enumerate(loads.astype(np.int64).tolist()):
        own = np.flatnonzero(harvest.owner == account)
        if load and own.size:
            near = harvest.time[rng.choice(own, load)] + (rng.normal(0.0, 1.5, load) * HOUR).astype(np.int64)
            times.append(np.clip(near, context.honest.first, context.honest.last))
            owner.append(np.full(load, account))
            prompts += draw_items(context.sentences, rng, draw_subject(context.sentences, rng, COVER_ENTRIES), load)
    return _Draft(
        np.concatenate([harvest.owner, *owner]),
        np.concatenate([harvest.time, *times]),
        harvest.prompt + prompts,
        np.r_[harvest.harvest, np.zeros(len(prompts), bool)],
    )


def _without_known(context: DrillContext, draft: _Draft) -> _Draft:
    """Drop texts that a real request has, and texts that occurred before."""
    texts = pa.array(draft.prompt, pa.large_string())
    known = pc.is_in(texts, context.own.requests["prompt"].combine_chunks()).to_numpy(zero_copy_only=False)
    first = np.zeros(len(texts), bool)
    first[list(dict(zip(reversed(draft.prompt), range(len(texts) - 1, -1, -1), strict=True)).values())] = True
    kept = np.flatnonzero(first & ~known)
    return _Draft(draft.owner[kept], draft.time[kept], [draft.prompt[at] for at in kept.tolist()], draft.harvest[kept])


def _build_planted_requests(
    context: DrillContext, cell: Cell, draft: _Draft, people: Array, order: Array, rng: np.random.Generator
) -> pa.Table:
    """The rows as the log would hold them; columns that the log leaves empty stay empty."""
    own, honest = context.own.requests, context.honest
    count = len(order)
    owner, prompts = draft.owner[order], pa.array(draft.prompt, pa.large_string()).take(pa.array(order))
    rows, users = honest.programs
    programs = rng.choice(rows, PROGRAMS_PER_CAMPAIGN, p=users / users.sum())[
        rng.integers(0, PROGRAMS_PER_CAMPAIGN, len(people))
    ]
    homes = np.array([honest.rows_of[person][0] for person in people.tolist()])
    model, output = _draw_models_and_lengths(honest, count, rng)
    ids = [f"{ID_MARK}{cell.name}-{at:07d}" for at in range(count)]
    room = own["max_tokens"].take(pa.array(programs)).combine_chunks()
    wide = pc.if_else(pc.less(room, MIN_ANSWER_LIMIT), None, room)
    tokens = np.maximum(1, np.round(pc.utf8_length(prompts).to_numpy() / honest.characters_per_token))
    made: dict[str, Any] = {
        "request_id": pa.array(ids),
        "timestamp": pa.array(draft.time[order], pa.int64()).cast(TIMESTAMP),
        "account_id": pa.array([f"{ID_MARK}{cell.name}-{at:04d}" for at in owner.tolist()]),
        "model": pa.array([honest.models[at] for at in model.tolist()]),
        "source": own["source"].take(pa.array(np.zeros(count, np.int64))),
        "prompt": prompts,
        "conversation_id": pa.array(ids),
        "turn": pa.array(np.zeros(count, np.int32)),
        "api_key_id": pa.array([f"{ID_MARK}key-{cell.name}-{at:04d}" for at in owner.tolist()]),
        "client_ip": _new_addresses(own, homes, rng).take(pa.array(owner)),
        "input_tokens": pa.array(tokens.astype(np.int64)),
        "output_tokens": pa.array(output),
        "max_tokens": wide.take(pa.array(owner)),
        "status": pa.array(np.full(count, 200, np.int32)),
        **{name: own[name].take(pa.array(homes[owner])) for name in ("asn", "country", "channel")},
        **{
            name: own[name].take(pa.array(programs[owner]))
            for name in ("user_agent", "tls_fingerprint", "temperature", "top_p")
        },
    }
    columns = [
        made[field.name] if field.name in made and field.name in honest.filled else pa.nulls(count, field.type)
        for field in own.schema
    ]
    return pa.table(dict(zip(own.schema.names, columns, strict=True))).cast(own.schema)


def _draw_models_and_lengths(honest: HonestTraffic, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Model and answer length of each request; lengths are among the longer honest answers of that model."""
    best = int(rng.choice(len(honest.models), p=honest.model_share))
    other = rng.choice(len(honest.models), count, p=honest.model_share)
    model = np.where(rng.random(count) < LOYALTY, best, other)
    output = np.zeros(count, np.int64)
    for at in np.unique(model).tolist():
        answers = honest.answers[at]
        mine = np.flatnonzero(model == at)
        if answers.size:
            output[mine] = rng.choice(answers[answers.size // 2 :], len(mine))
    return model, output


def _new_addresses(own: pa.Table, homes: Array, rng: np.random.Generator) -> pa.Array:
    """A new address for each account, in the network of the honest account that it copies."""
    honest = own["client_ip"].take(pa.array(homes)).to_pylist()
    hosts = rng.integers(1, 1 << 62, len(homes)).tolist()
    return pa.array(
        [_build_neighbour_address(text, host) for text, host in zip(honest, hosts, strict=True)], pa.string()
    )


def _build_neighbour_address(address: str | None, host: int) -> str | None:
    if address is None:
        return None
    network = network_of(address)
    return f"{ID_MARK}host-{host:016x}" if network is None else stand_in(network, _PLANTED_SUBNET, host)


def _build_planted_customers(
    context: DrillContext, cell: Cell, people: Array, start: int, rng: np.random.Generator
) -> pa.Table | None:
    """Customer rows of the planted accounts: each copies an honest account, with a card and addresses of its own."""
    own = context.own.accounts
    if own is None:
        return None
    count = len(people)
    table = own.take(pa.array(np.maximum(context.honest.customer_of[people], 0)))
    created = start - 6 * HOUR - (rng.random(count) ** 1.5 * SIGN_UP_DAYS * DAY).astype(np.int64)
    hosts = rng.integers(1, 1 << 62, count).tolist()
    new: dict[str, list[Any]] = {
        "account_id": [f"{ID_MARK}{cell.name}-{at:04d}" for at in range(count)],
        "organization_id": [None] * count,
        "email_hash": [f"{ID_MARK}mail-{cell.name}-{at}" for at in range(count)],
        "payment_fingerprint": [f"{ID_MARK}card-{cell.name}-{at}" for at in range(count)],
        "signup_ip": [
            _build_neighbour_address(text, host)
            for text, host in zip(table["signup_ip"].to_pylist(), hosts, strict=True)
        ],
        "created_at": created.tolist(),
    }
    for name, values in new.items():
        place = table.schema.get_field_index(name)
        column = pa.array(values, table.schema.field(name).type)
        if name not in ("account_id", "organization_id"):  # what the honest account left empty stays empty
            column = pc.if_else(table[name].is_null(), None, column)
        table = table.set_column(place, table.schema.field(name), column)
    return table
