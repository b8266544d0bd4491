"""Changes a built world: taken keys, the trial accounts of one person, a relay, a class in a computer room.

The generators know no such accounts. Each is made from accounts that they do know, by giving requests to other accounts
and by changing what those share. `roles.py` looks at what a hunt says of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillhunt.base.units import DAY, HOUR
from stillhunt_lab.worlds.build import World

BUSY_REQUESTS = 10
BUSY_DAYS = 3
USERS_OF_RELAY = 12
NETWORK = "203.0.113"
MAIL_PROVIDERS = 4
PEOPLE = ("chat", "developer", "generalist", "niche", "talker", "tinkerer", "polymath", "tunneler")
Row = dict[str, Any]


def steal_keys(world: World, seed: int) -> tuple[World, set[str]]:
    """Let half of a campaign's requests come in with the keys of honest customers, whose own traffic goes on.

    Args:
        world: with a campaign.
        seed: seed.

    Returns:
        The world, and the customers whose keys were taken.
    """
    rng = np.random.default_rng(seed)
    campaign = _column_of(world, "campaign")
    account, time = _senders(world)
    workers = sorted(name for name, of in campaign.items() if of)
    taken = sorted(rng.choice(workers, len(workers) // 2, replace=False).tolist())
    days: dict[str, set[int]] = {}
    for name, moment in zip(account, time.tolist(), strict=True):
        days.setdefault(name, set()).add(moment // DAY)
    allowed = set(world.sanctioned)
    firms = _column_of(world, "organization_id", world.accounts)
    requests = Counter(account)
    customers = sorted(
        name
        for name, of in campaign.items()
        if not of
        and requests[name] >= BUSY_REQUESTS
        and len(days[name]) >= BUSY_DAYS
        and firms.get(name) not in allowed
    )
    victims = rng.choice(customers, len(taken), replace=False).tolist()
    key_of = dict(zip(taken, victims, strict=True))
    # Each key is taken some days into the log.
    begin = {name: time.min() + int(rng.uniform(0.2, 0.6) * (time.max() - time.min())) for name in taken}
    kept = np.array([when >= begin.get(name, 0) for name, when in zip(account, time.tolist(), strict=True)])
    served = {key_of[name]: campaign[name] for name in taken}
    persona = _column_of(world, "persona")
    truth = [
        {"account_id": name, "persona": persona[name], "campaign": served.get(name, of)}
        for name, of in campaign.items()
        if name not in key_of
    ]
    return _rebuilt(world, [key_of.get(name, name) for name in account], kept, truth), set(victims)


def trial_accounts(world: World, count: int, seed: int) -> World:
    """Cut the requests of one busy person into accounts without a card that are used one after another.

    Args:
        world: any world.
        count: accounts of the person.
        seed: seed.
    """
    rng = np.random.default_rng(seed)
    account, time = _senders(world)
    people = _people(world, account, 4 * count)
    one = people[int(rng.integers(len(people)))]
    rows = np.flatnonzero(np.array(account, object) == one)
    rows = rows[np.argsort(time[rows], kind="stable")]
    ids = [f"acc-trial-{place:04d}" for place in range(count)]
    for place, row in enumerate(rows.tolist()):
        account[row] = ids[place * count // len(rows)]
    return _linked(
        world, account, dict.fromkeys(ids, one), rng, lambda _: {"plan": "free", "payment_fingerprint": None}
    )


def resold_accounts(world: World, count: int, seed: int) -> World:
    """Let twelve people ask through each of some accounts, which share cards, a client and addresses.

    Args:
        world: any world.
        count: accounts of the relay.
        seed: seed.
    """
    rng = np.random.default_rng(seed)
    account, _ = _senders(world)
    users = rng.choice(_people(world, account, 3), USERS_OF_RELAY * count, replace=False).tolist()
    ids = [f"acc-relay-{place:04d}" for place in range(count)]
    through = {user: ids[place // USERS_OF_RELAY] for place, user in enumerate(users)}
    account = [through.get(name, name) for name in account]
    source = dict(zip(ids, users[::USERS_OF_RELAY], strict=True))
    return _linked(world, account, source, rng, lambda place: {"payment_fingerprint": f"pay-relay-{place % 2}"}, users)


def room_of_people(world: World, count: int, seed: int) -> World:
    """Let people with private mail sign up in one hour and ask with one client from one room: a class.

    Args:
        world: any world.
        count: people.
        seed: seed.
    """
    rng = np.random.default_rng(seed)
    account, _ = _senders(world)
    people = sorted(rng.choice(_people(world, account, 3), count, replace=False).tolist())
    return _linked(world, account, {name: name for name in people}, rng, lambda _: {}, people)


def _linked(
    world: World,
    account: list[str],
    source: dict[str, str],
    rng: np.random.Generator,
    papers: Callable[[int], Row],
    gone: list[str] | None = None,
) -> World:
    """The world with accounts that share a client, addresses and the hour of sign-up; others leave it.

    Args:
        world: the world.
        account: sender of each request from now on.
        source: account -> the one whose row of the customer table it begins with.
        rng: generator.
        papers: columns of the customer table by place of the account.
        gone: accounts that are no more; the sources when None.
    """
    own = np.array([name in source for name in account])
    table = world.requests
    addresses = [f"{NETWORK}.{number}" for number in rng.integers(1, 4, int(own.sum())).tolist()]
    table = _filled(table, "client_ip", own, addresses)
    table = _filled(table, "user_agent", own, ["python-httpx/0.27.2"] * len(addresses))
    table = _filled(table, "tls_fingerprint", own, ["t13d-linked"] * len(addresses))
    left = set(source.values() if gone is None else gone) | set(source)
    rows = {row["account_id"]: row for row in world.accounts.to_pylist()}
    providers = [name for name, _ in Counter(row["email_domain"] for row in rows.values()).most_common(MAIL_PROVIDERS)]
    opened = pc.min(table["timestamp"]).as_py()
    kept = [row for name, row in rows.items() if name not in left]
    for place, (name, first) in enumerate(source.items()):
        hour = (8 * DAY - int(rng.integers(HOUR))) / 1e6
        shared = {
            "created_at": opened - np.timedelta64(int(hour), "s").item(),
            "signup_ip": f"{NETWORK}.{1 + place % 3}",
        }
        mail = {"email_domain": providers[int(rng.integers(MAIL_PROVIDERS))], "organization_id": None}
        kept.append({**rows[first], **shared, **mail, **papers(place), "account_id": name})
    kept.sort(key=lambda row: str(row["account_id"]))
    persona, campaign = _column_of(world, "persona"), _column_of(world, "campaign")
    truth = [
        {"account_id": name, "persona": persona[name], "campaign": campaign[name]}
        for name in persona
        if name not in left
    ]
    truth += [{"account_id": name, "persona": "linked", "campaign": ""} for name in source]
    changed = replace(world, requests=table, accounts=pa.Table.from_pylist(kept, schema=world.accounts.schema))
    return _rebuilt(changed, account, np.ones(len(account), bool), truth)


def _rebuilt(world: World, account: list[str], kept: np.ndarray, truth: list[Row]) -> World:
    """The world with other senders, without some requests, and with another truth."""
    place = world.requests.schema.get_field_index("account_id")
    requests = world.requests.set_column(place, "account_id", pa.array(account)).filter(pa.array(kept))
    truth_accounts = pa.Table.from_pylist(truth, schema=world.truth_accounts.schema)
    listed = truth_accounts["account_id"]
    ids = requests["request_id"]
    place = pc.index_in(ids, value_set=world.truth_requests["request_id"].combine_chunks())
    truth_requests = world.truth_requests.take(place)
    at = truth_requests.schema.get_field_index("account_id")
    return replace(
        world,
        requests=requests,
        accounts=world.accounts.filter(pc.is_in(world.accounts["account_id"], value_set=listed.combine_chunks())),
        truth_accounts=truth_accounts,
        truth_requests=truth_requests.set_column(at, "account_id", requests["account_id"]),
    )


def _people(world: World, account: list[str], least: int) -> list[str]:
    """Honest people without an organisation who send at least so many requests, by id."""
    requests, persona = Counter(account), _column_of(world, "persona")
    campaign, firm = _column_of(world, "campaign"), _column_of(world, "organization_id", world.accounts)
    return sorted(
        name
        for name, kind in persona.items()
        if kind in PEOPLE and not campaign[name] and not firm.get(name) and requests[name] >= least
    )


def _senders(world: World) -> tuple[list[str], np.ndarray]:
    """Account and time in microseconds of each request."""
    return world.requests["account_id"].to_pylist(), world.requests["timestamp"].cast(pa.int64()).to_numpy()


def _column_of(world: World, name: str, table: pa.Table | None = None) -> dict[str, Any]:
    """Account -> its value in a column of the truth, or of another table."""
    table = world.truth_accounts if table is None else table
    return dict(zip(table["account_id"].to_pylist(), table[name].to_pylist(), strict=True))


def _filled(table: pa.Table, name: str, rows: np.ndarray, values: list[str]) -> pa.Table:
    """The table with other values in some rows of a text column."""
    column = np.array(table[name].to_pylist(), object)
    column[rows] = values
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, pa.array(column.tolist(), table.schema.field(name).type))
