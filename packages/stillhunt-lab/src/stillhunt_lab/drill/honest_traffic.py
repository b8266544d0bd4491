"""Learns what honest traffic looks like in the user's log; planted accounts and requests are drawn from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.errors import InputError
from stillhunt.base.units import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.drill.own_logs import OwnLogs

MIN_LOG_LENGTH = DAY
PROVIDER_ACCOUNTS = 5
"""Accounts of one mail domain from which it counts as a provider's and not as one firm's."""
MIN_ANSWER_LIMIT = 1024
"""Whoever wants full answers does not set `max_tokens` below this."""


@dataclass(frozen=True)
class HonestTraffic:
    """What was learned from honest accounts; rows are positions in the requests of the log.

    Args:
        first, last: microseconds since the epoch of the first and the last request.
        hours: weight of each hour of the log, shape (hours,): curve of the day times curve of the days.
        model_share: shape (models,).
        answers: output tokens by model, ascending.
        programs: a row of each client fingerprint (user agent with TLS fingerprint), and how many accounts have it.
        rows_of: rows of each donor account, by time.
        customer_of: row of each donor in the customer table; -1 where it has none.
        filled: columns of the requests that hold a value anywhere.
    """

    first: int
    last: int
    hours: Array
    models: tuple[str, ...]
    model_share: Array
    answers: tuple[Array, ...]
    characters_per_token: float
    programs: tuple[Array, Array]
    rows_of: tuple[Array, ...]
    customer_of: Array
    filled: frozenset[str]


def learn_honest_traffic(own: OwnLogs, suspects: frozenset[str]) -> HonestTraffic:
    """Learn from the honest accounts.

    Args:
        suspects: accounts that the hunt flags without any plant; nothing is learned from them.

    Raises:
        InputError: the logs are too short, or hold no honest request with a text.
    """
    requests = own.requests
    time = requests["timestamp"].cast(pa.int64()).to_numpy()
    first, last = int(time[0]), int(time[-1])
    if last - first < MIN_LOG_LENGTH:
        raise InputError(
            f"the logs span {(last - first) / HOUR:.1f} hours",
            where="LOGS",
            next_step="drill on logs of two days or more",
        )
    coded = requests["account_id"].combine_chunks().dictionary_encode()
    names = coded.dictionary.to_pylist()
    honest = np.array([name not in suspects for name in names])
    account = coded.indices.to_numpy()
    usable = honest[account] & (pc.fill_null(pc.utf8_length(requests["prompt"]), 0).to_numpy() > 0)
    rows = np.flatnonzero(usable)
    if not rows.size:
        raise InputError(
            "no request has a prompt",
            where="LOGS",
            next_step='give logs with prompts, or name them with mapping={"prompt": "FIELD"}',
            command_step="give logs with prompts, or name them with --map prompt=FIELD",
        )
    models, share, answers = _models(requests, rows)
    donors, rows_of = _donors(names, account, rows)
    return HonestTraffic(
        first=first,
        last=last,
        hours=_hours(time[rows], first, last),
        models=models,
        model_share=share,
        answers=answers,
        characters_per_token=_characters_per_token(requests, rows),
        programs=_programs(requests, account, rows),
        rows_of=rows_of,
        customer_of=_customers(own.accounts, donors),
        filled=frozenset(name for name in requests.schema.names if requests[name].null_count < requests.num_rows),
    )


def _hours(time: Array, first: int, last: int) -> Array:
    hour = np.arange(first // HOUR, last // HOUR + 1)
    of_day = np.bincount(time // HOUR % 24, minlength=24) + 1.0
    days = np.bincount(time // DAY - first // DAY, minlength=int(last // DAY - first // DAY) + 1) + 1.0
    # The log seldom covers the first and the last day fully: they count at least as much as the day beside them.
    days[0] = max(days[0], days[min(1, len(days) - 1)])
    days[-1] = max(days[-1], days[max(len(days) - 2, 0)])
    weight: Array = of_day[hour % 24] * days[hour * HOUR // DAY - first // DAY]
    weight /= weight.sum()
    return weight


def _models(requests: pa.Table, rows: Array) -> tuple[tuple[str, ...], Array, tuple[Array, ...]]:
    coded = requests["model"].combine_chunks().dictionary_encode()
    code = coded.indices.to_numpy()[rows]
    counts = np.bincount(code, minlength=len(coded.dictionary))
    names = coded.dictionary.to_pylist()
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda at: (-counts[at], names[at]))
    output = pc.fill_null(requests["output_tokens"], 0).to_numpy()[rows]
    answers = tuple(np.sort(output[(code == at) & (output > 0)]) for at in order)
    return tuple(names[at] for at in order), counts[order] / counts[order].sum(), answers


def _characters_per_token(requests: pa.Table, rows: Array) -> float:
    length = pc.utf8_length(requests["prompt"]).to_numpy(zero_copy_only=False)[rows]
    tokens = pc.fill_null(requests["input_tokens"], 0).to_numpy()[rows]
    turn = pc.fill_null(requests["turn"], 0).to_numpy()[rows]
    single_turn = (tokens > 0) & (turn == 0) & requests["system_prompt"].is_null().to_numpy()[rows]
    return float(np.median(length[single_turn] / tokens[single_turn])) if single_turn.any() else 4.0


def _programs(requests: pa.Table, account: Array, rows: Array) -> tuple[Array, Array]:
    program = pc.binary_join_element_wise(
        pc.fill_null(requests["user_agent"], ""), pc.fill_null(requests["tls_fingerprint"], ""), "\n"
    ).combine_chunks()
    code = program.dictionary_encode().indices.to_numpy()[rows]
    pair, first = np.unique(code * (int(account.max()) + 1) + account[rows], return_index=True)
    used, at, users = np.unique(pair // (int(account.max()) + 1), return_index=True, return_counts=True)
    del used
    return rows[first[at]], users


def _donors(names: list[str], account: Array, rows: Array) -> tuple[list[str], tuple[Array, ...]]:
    order = rows[np.argsort(account[rows], kind="stable")]
    codes, starts = np.unique(account[order], return_index=True)
    parts = np.split(order, starts[1:])
    by_name = sorted(range(len(codes)), key=lambda at: names[codes[at]])
    return [names[codes[at]] for at in by_name], tuple(parts[at] for at in by_name)


def _customers(customers: pa.Table | None, donors: list[str]) -> Array:
    if customers is None:
        return np.full(len(donors), -1)
    found = pc.index_in(pa.array(donors, pa.string()), customers["account_id"].combine_chunks())
    places: Array = pc.fill_null(found, -1).to_numpy()
    return places


def private_customers(own: OwnLogs, honest: HonestTraffic) -> Array:
    """Donors whose customer rows a stranger may copy: those without an organisation and with a common mail provider.

    Returns:
        Positions in `honest.rows_of`; all donors where the customer table is absent or has no such account.
    """
    everyone = np.arange(len(honest.rows_of))
    if own.accounts is None:
        return everyone
    domain = own.accounts["email_domain"].combine_chunks().dictionary_encode()
    code = pc.fill_null(domain.indices, -1).to_numpy()
    users = np.bincount(code[code >= 0], minlength=len(domain.dictionary) + 1)
    plain = own.accounts["organization_id"].is_null().to_numpy() & ((code < 0) | (users[code] >= PROVIDER_ACCOUNTS))
    chosen = everyone[(honest.customer_of >= 0) & plain[honest.customer_of]]
    return chosen if chosen.size else everyone
