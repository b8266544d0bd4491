"""Records of a world under construction: people, the texts they send, and the calls that carry them."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from stillhunt_lab.arrays import Array


@dataclass
class People:
    """Accounts, one entry each: first the fields that are published, then those that steer their traffic.

    Args:
        campaign: campaigns it works for, joined by "|"; empty = honest.
        created: when it was opened, microseconds.
        signup_address: code of the address it was opened from.
        topics: topics that an account asks about, shape (n, kinds).
        topic_cdf: their cumulative shares, shape (n, kinds).
        group: number of the group that it shares things with; -1 = none.
    """

    persona: Array
    campaign: Array
    created: Array
    organization: Array
    plan: Array
    mail: Array
    card: Array
    card_country: Array
    phone_country: Array
    signup_country: Array
    signup_address: Array
    purpose: Array
    country: Array
    language: Array
    client: Array
    topics: Array
    topic_cdf: Array
    group: Array

    def __len__(self) -> int:
        return len(self.persona)


@dataclass
class Jobs:
    """Texts to write, one entry each: before + (stock or a new item) + after.

    `size`: words of the item, about. `stock`: code of a ready text in the shelf, in place of an item; -1 = none.
    """

    topic: Array
    language: Array
    size: Array
    stock: Array
    before: Array
    after: Array

    def __len__(self) -> int:
        return len(self.topic)


@dataclass
class WorldCalls:
    """Requests, one entry each.

    Args:
        owner: account, as a position in the people of its block.
        talk: conversation, counted within its block.
        job: text, as a position in the jobs of its block.
        temperature: as sent; NaN = left out.
        top_p: as sent; NaN = left out.
        limit: largest answer asked for, in tokens; NaN = left out.
        key: number of the API key within the account.
        user: end user, counted within the block; -1 = none named.
        system: code of the system prompt in the shelf; -1 = none.
        campaign: code of the campaign in the shelf; -1 = honest.
        status: HTTP status; `add_failures` may still turn 200 into a failure.
    """

    owner: Array
    time: Array
    talk: Array
    turn: Array
    job: Array
    model: Array
    client: Array
    address: Array
    temperature: Array
    top_p: Array
    limit: Array
    output: Array
    channel: Array
    key: Array
    user: Array
    system: Array
    campaign: Array
    status: Array

    def __len__(self) -> int:
        return len(self.owner)


@dataclass
class Block:
    """One persona or one campaign: its people, texts and calls, which refer to each other by position."""

    name: str
    people: People
    jobs: Jobs
    calls: WorldCalls


@dataclass
class StringTable:
    """Strings by code; equal strings share a code."""

    texts: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)

    def put(self, text: str) -> int:
        """Code of a string, which is added if it is new."""
        code = self.codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def put_all(self, texts: list[str]) -> Array:
        """Codes of several strings, shape (n,)."""
        return np.array([self.put(text) for text in texts], np.int64)


def join_records(parts: list[Any]) -> Any:
    """Join several records of one kind, entry after entry; the caller shifts references between them.

    `parts`: at least one `People`, `Jobs` or `WorldCalls`, all of one kind.
    """
    kind = type(parts[0])
    return kind(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(kind)})


def join_traffic(parts: list[tuple[Jobs, WorldCalls]]) -> tuple[Jobs, WorldCalls]:
    """Join traffic of the same people that was built in parts; texts, conversations and end users stay apart."""
    jobs = talks = users = 0
    for made, calls in parts:
        calls.job = calls.job + jobs
        calls.talk = calls.talk + talks
        calls.user = np.where(calls.user < 0, -1, calls.user + users)
        jobs += len(made)
        talks = int(calls.talk.max(initial=talks - 1)) + 1
        users = int(calls.user.max(initial=users - 1)) + 1
    return join_records([made for made, _ in parts]), join_records([calls for _, calls in parts])


def take(records: Any, rows: Array) -> Any:
    """Chosen entries of a record."""
    return type(records)(**{f.name: getattr(records, f.name)[rows] for f in fields(records)})
