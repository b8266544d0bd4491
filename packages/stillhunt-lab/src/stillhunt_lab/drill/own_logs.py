"""The user's logs in memory, in a form that can be hunted again with planted rows, and what is learned from them."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt import Config, InputError
from stillhunt.logs import REQUESTS, reading
from stillhunt.tools import DAY, HOUR, Progress
from stillhunt_lab.arrays import Array

ID_MARK = "drill--"
"""Prefix of the ids of all planted accounts, requests, conversations and cards."""
MAX_LOG_BYTES = 1 << 30
"""Bytes of rows kept in memory, answers left out; a hunt takes about four times as much at its peak."""
DERIVED_COLUMNS = ("client_prefix", "origin_file", "origin_row")
"""Made by the hunt itself."""
SECRETS = ("email_hash", "payment_fingerprint")


@dataclass(frozen=True)
class LogsToDrill:
    """Where the logs are, as for `stillhunt.hunt`.

    `accounts`: path or table of the customers; None where there is none. `sample`: accounts to drill on, drawn by a
    keyed hash of their id, with all their requests; 0 = all.
    """

    logs: Any
    accounts: Any = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    accounts_mapping: Mapping[str, str] = field(default_factory=dict)
    sample: int = 0


@dataclass(frozen=True)
class OwnLogs:
    """The logs as a hunt takes them.

    `requests`: by time; addresses are replaced by stand-ins of private ranges that are equal, and lie in one network,
    exactly where the true ones do. `accounts`: customers of those requests; None where there are none.
    """

    requests: pa.Table
    accounts: pa.Table | None
    is_sample: bool


def read_own_logs(source: LogsToDrill, config: Config, progress: Progress) -> OwnLogs:
    """Read the logs into memory; the files are opened for reading only.

    `config`: settings; `seed` keys the sample. Raises InputError: nothing can be read, the rows are too many for
    memory, or ids begin with the drill's own mark.
    """
    with reading(
        source.logs,
        source.accounts,
        config,
        mapping=dict(source.mapping) or None,
        accounts_mapping=dict(source.accounts_mapping) or None,
        progress=progress,
    ) as (batches, customers):
        tables, is_sample = _gather_account_rows(batches, source.sample, config.seed)
    requests = pa.concat_tables([REQUESTS.empty(), *tables])
    if not requests.num_rows:
        raise InputError("the logs hold no request", where="LOGS", next_step="give logs with some days of traffic")
    requests = requests.sort_by([("timestamp", "ascending"), ("request_id", "ascending")]).combine_chunks()
    if pc.any(pc.starts_with(pc.unique(requests["account_id"]), ID_MARK)).as_py():
        raise InputError(
            f"account ids begin with {ID_MARK!r}, the mark of planted accounts",
            where="LOGS",
            next_step="drill on the logs themselves, not on a drill's copy of them",
        )
    if customers is not None:
        customers = customers.filter(pc.is_in(customers["account_id"], pc.unique(requests["account_id"])))
    return OwnLogs(*_with_stand_ins(requests, customers), is_sample)


def _gather_account_rows(batches: Iterable[pa.Table], sample: int, seed: int) -> tuple[list[pa.Table], bool]:
    """Rows of all accounts, or of those whose keyed hashes are the `sample` smallest."""
    tables: list[pa.Table] = []
    sampled: dict[str, bytes] = {}
    cutoff: bytes | None = None
    size = 0
    for table in batches:
        kept = table
        if sample:
            names = pc.unique(table["account_id"]).to_pylist()
            drawn = {name: _hash_account_name(name, seed) for name in names}
            sampled.update({name: value for name, value in drawn.items() if cutoff is None or value < cutoff})
            kept = _of_accounts(table, sampled)
        tables.append(_without_answers(kept))
        size += tables[-1].nbytes
        if sample and (len(sampled) > 2 * sample or size > MAX_LOG_BYTES):
            sampled, cutoff, tables = _prune_sampled_accounts(sampled, sample, cutoff, tables)
            size = sum(one.nbytes for one in tables)
        if size > MAX_LOG_BYTES:
            raise InputError(
                f"the rows fill more than {MAX_LOG_BYTES >> 20} MiB of memory, the limit of a drill",
                where="LOGS",
                next_step="drill on a sample of the accounts, for instance 5000, or on fewer days",
                command_step="drill on part of the accounts, for instance --sample 5000, or on fewer days",
            )
    if sample:
        sampled, cutoff, tables = _prune_sampled_accounts(sampled, sample, cutoff, tables)
    return tables, cutoff is not None


def _hash_account_name(account: str, seed: int) -> bytes:
    key = seed.to_bytes(8, "big")
    return hashlib.blake2b(account.encode("utf-8", "surrogatepass"), digest_size=16, key=key).digest()


def _of_accounts(table: pa.Table, accounts: Iterable[str]) -> pa.Table:
    return table.filter(pc.is_in(table["account_id"], pa.array(list(accounts), pa.string())))


def _prune_sampled_accounts(
    sampled: dict[str, bytes], sample: int, cutoff: bytes | None, tables: list[pa.Table]
) -> tuple[dict[str, bytes], bytes | None, list[pa.Table]]:
    if len(sampled) <= sample:
        return sampled, cutoff, tables
    ordered = sorted(sampled.items(), key=lambda pair: pair[1])
    kept = dict(ordered[:sample])
    return kept, ordered[sample][1], [_of_accounts(table, kept) for table in tables]


def _without_answers(table: pa.Table) -> pa.Table:
    """Drop the text of answers: the hunt does not read it, and it is most of many logs."""
    field = table.schema.field("response")
    return _replace_column(table, field.name, pa.nulls(table.num_rows, field.type))


def _with_stand_ins(requests: pa.Table, customers: pa.Table | None) -> tuple[pa.Table, pa.Table | None]:
    """Replace hashed identities by texts that the hunt hashes again; they are equal where the hashes are."""
    prefixes = [requests["client_prefix"], *([] if customers is None else [customers["signup_prefix"]])]
    # Numbered by appearance, since nothing may depend on the key that the hashes were made with.
    known = pc.unique(pa.chunked_array([chunk for column in prefixes for chunk in column.chunks], pa.uint64()))
    requests = _replace_column(
        requests, "client_ip", _build_stand_in_addresses(requests["client_ip"], requests["client_prefix"], known)
    )
    requests = requests.drop_columns(list(DERIVED_COLUMNS))
    if customers is not None:
        texts = _build_stand_in_addresses(customers["signup_ip"], customers["signup_prefix"], known)
        customers = _replace_column(customers, "signup_ip", texts).drop_columns(["signup_prefix"])
        for name in SECRETS:
            customers = _replace_column(customers, name, customers[name].cast(pa.string()))
    return requests, customers


def _build_stand_in_addresses(hashes: pa.ChunkedArray, prefixes: pa.ChunkedArray, known: pa.Array) -> pa.Array:
    """A private IPv6 address per entry: its /48 tells the prefix, its last 64 bits the address."""
    pairs = pa.table({"address": hashes, "network": pc.index_in(prefixes, known)})
    distinct = pairs.group_by(["address", "network"], use_threads=False).aggregate([])
    texts = list(map(_format_stand_in_address, distinct["address"].to_pylist(), distinct["network"].to_pylist()))
    places = pc.index_in(hashes, distinct["address"].combine_chunks())
    return pa.array(texts, pa.string()).take(places.combine_chunks())


def _format_stand_in_address(address: int | None, network: int | None) -> str | None:
    if address is None:
        return None
    return f"host-{address:016x}" if network is None else stand_in(network, 0, address)


def stand_in(network: int, subnet: int, host: int) -> str:
    """A private IPv6 address.

    Args:
        network: number of the /48, 40 bits.
        subnet: 16 bits; 0 for the user's own addresses.
        host: 64 bits.
    """
    digits = f"fd{network:010x}{subnet:04x}{host:016x}"
    return ":".join(digits[place : place + 4] for place in range(0, 32, 4))


def network_of(address: str) -> int | None:
    """Number of the /48 of a stand-in; None where the log's address was none."""
    return None if address.startswith("host-") else int(address[2:14].replace(":", ""), 16)


def _replace_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)


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

    `suspects`: accounts that the hunt flags without any plant; nothing is learned from them. Raises InputError: the
    logs are too short, or hold no honest request with a text.
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
    models, share, answers = _learn_model_shares(requests, rows)
    donors, rows_of = _group_rows_by_donor(names, account, rows)
    return HonestTraffic(
        first=first,
        last=last,
        hours=_weigh_busy_hours(time[rows], first, last),
        models=models,
        model_share=share,
        answers=answers,
        characters_per_token=_characters_per_token(requests, rows),
        programs=_count_program_users(requests, account, rows),
        rows_of=rows_of,
        customer_of=_find_donor_customers(own.accounts, donors),
        filled=frozenset(name for name in requests.schema.names if requests[name].null_count < requests.num_rows),
    )


def _weigh_busy_hours(time: Array, first: int, last: int) -> Array:
    hour = np.arange(first // HOUR, last // HOUR + 1)
    of_day = np.bincount(time // HOUR % 24, minlength=24) + 1.0
    days = np.bincount(time // DAY - first // DAY, minlength=int(last // DAY - first // DAY) + 1) + 1.0
    # The log seldom covers the first and the last day fully: they count at least as much as the day beside them.
    days[0] = max(days[0], days[min(1, len(days) - 1)])
    days[-1] = max(days[-1], days[max(len(days) - 2, 0)])
    weight: Array = of_day[hour % 24] * days[hour * HOUR // DAY - first // DAY]
    weight /= weight.sum()
    return weight


def _learn_model_shares(requests: pa.Table, rows: Array) -> tuple[tuple[str, ...], Array, tuple[Array, ...]]:
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


def _count_program_users(requests: pa.Table, account: Array, rows: Array) -> tuple[Array, Array]:
    program = pc.binary_join_element_wise(
        pc.fill_null(requests["user_agent"], ""), pc.fill_null(requests["tls_fingerprint"], ""), "\n"
    ).combine_chunks()
    code = program.dictionary_encode().indices.to_numpy()[rows]
    pair, first = np.unique(code * (int(account.max()) + 1) + account[rows], return_index=True)
    used, at, users = np.unique(pair // (int(account.max()) + 1), return_index=True, return_counts=True)
    del used
    return rows[first[at]], users


def _group_rows_by_donor(names: list[str], account: Array, rows: Array) -> tuple[list[str], tuple[Array, ...]]:
    order = rows[np.argsort(account[rows], kind="stable")]
    codes, starts = np.unique(account[order], return_index=True)
    parts = np.split(order, starts[1:])
    by_name = sorted(range(len(codes)), key=lambda at: names[codes[at]])
    return [names[codes[at]] for at in by_name], tuple(parts[at] for at in by_name)


def _find_donor_customers(customers: pa.Table | None, donors: list[str]) -> Array:
    if customers is None:
        return np.full(len(donors), -1)
    found = pc.index_in(pa.array(donors, pa.string()), customers["account_id"].combine_chunks())
    places: Array = pc.fill_null(found, -1).to_numpy()
    return places


def private_customers(own: OwnLogs, honest: HonestTraffic) -> Array:
    """Donors whose customer rows a stranger may copy: those without an organisation and with a common mail provider.

    Returns positions in `honest.rows_of`; all donors where the customer table is absent or has no such account.
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
