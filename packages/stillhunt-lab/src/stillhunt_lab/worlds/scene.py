"""The parts of a world under construction: the scene, its people and their requests, in columns."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from stillhunt.tools import DAY, SECOND
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.grammar import Grammar, load_grammar, read_data
from stillhunt_lab.worlds.networks import (
    CHANNELS,
    PROGRAM_CHANNELS,
    Clients,
    Places,
    draw_clients,
    draw_home_addresses,
    draw_places,
)

ORIGIN = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp()) * SECOND
"""Start of every world, a Monday, microseconds since the epoch."""

MODELS = ("onyx-large", "onyx-medium", "onyx-small", "onyx-next")
"""The provider's models, the best first; the last one is released while the log runs."""

_POPULARITY_EXPONENT = 0.75
_USES = np.array(read_data("places")["declared_uses"], object)
_PLANS = ("free", "payg", "pro")
_NOTHING_SENT: dict[str, Any] = {
    "turn": 0, "client": 0, "model": 0, "system": -1, "temperature": np.nan, "max_tokens": np.nan, "output": 0,
    "top_p": np.nan, "tools": -1, "end_user": -1, "status": 0, "campaign": np.array("", object),
}  # fmt: skip


@dataclass
class Scene:
    """The world under construction, as far as every persona and campaign needs it.

    Args:
        popularity: share of each topic in the population, shape (topics,).
        systems: system prompts so far; rows hold codes into it.
        tools: tool definitions so far; rows hold codes into it.
    """

    seed: int
    days: int
    grammar: Grammar
    places: Places
    clients: Clients
    popularity: Array
    systems: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)

    def rng(self, name: str) -> np.random.Generator:
        """The random numbers of one named part, independent of all others; another name gives another world."""
        return np.random.default_rng(np.random.SeedSequence([self.seed, zlib.crc32(name.encode())]))

    def system_code(self, text: str) -> int:
        """Code of a new system prompt."""
        self.systems.append(text)
        return len(self.systems) - 1

    def tools_code(self, text: str) -> int:
        """Code of a tool definition; the same text keeps its code."""
        if text not in self.tools:
            self.tools.append(text)
        return self.tools.index(text)

    @property
    def release(self) -> int:
        """When the last of `MODELS` is released, microseconds since the epoch."""
        return ORIGIN + int(self.rng("release").uniform(0.4, 0.6) * self.days * DAY)

    @property
    def end(self) -> int:
        """End of the world, microseconds since the epoch."""
        return ORIGIN + self.days * DAY


@dataclass
class People:
    """Accounts of one persona or campaign, one entry per account in every column.

    Args:
        campaign: campaigns it works for, joined by "|"; empty = honest.
        address: main line, IPv4 as integer.
        channel: code into `networks.CHANNELS`.
    """

    persona: Array
    campaign: Array
    created: Array
    organization: Array
    plan: Array
    email_domain: Array
    payment: Array
    country: Array
    payment_country: Array
    phone_country: Array
    signup_ip: Array
    signup_country: Array
    address: Array
    zone: Array
    language: Array
    channel: Array
    keys: Array
    declared_use: Array

    def __len__(self) -> int:
        return len(self.created)


@dataclass
class Draft:
    """Requests of one persona or campaign in columns, in any order.

    Args:
        owner: account, counted within its `People`.
        conversation: conversation, counted within the draft.
        topic: topic code; not written to the log.
        language: language code; not written.
        client: code into `Clients`.
        model: code into `MODELS`.
        system: code into `Scene.systems`, -1 = none.
        tools: code into `Scene.tools`, -1 = none.
        end_user: end user whom the client names, counted within the draft, -1 = none.
        status: HTTP status where it is decided already (account closed, request refused); 0 = drawn later.
        campaign: name of the campaign a request harvests for, empty = honest.
    """

    owner: Array
    time: Array
    conversation: Array
    turn: Array
    topic: Array
    language: Array
    address: Array
    client: Array
    model: Array
    system: Array
    temperature: Array
    max_tokens: Array
    output: Array
    top_p: Array
    tools: Array
    end_user: Array
    status: Array
    campaign: Array
    prompt: list[str]

    def __len__(self) -> int:
        return len(self.time)

    def keep(self, wanted: Array) -> Draft:
        """The rows where `wanted` is true."""
        places = np.flatnonzero(wanted)
        columns = {f.name: getattr(self, f.name)[places] for f in fields(self) if f.name != "prompt"}
        return Draft(prompt=[self.prompt[place] for place in places.tolist()], **columns)


def new_draft(prompt: list[str], **columns: Array) -> Draft:
    """A draft from some columns; the others get the value for "nothing was sent".

    `columns`: columns of `Draft` by name, each of the prompts' number; the owners at least.
    """
    count = len(prompt)
    rest = {name: np.full(count, value) for name, value in _NOTHING_SENT.items() if name not in columns}
    return Draft(prompt=prompt, **columns, **rest)


def merge_drafts(first: Draft, second: Draft) -> Draft:
    """Rows of two drafts over the same people; conversations stay apart."""
    columns = {
        f.name: np.concatenate([getattr(first, f.name), getattr(second, f.name)])
        for f in fields(first)
        if f.name not in ("prompt", "conversation", "end_user")
    }
    shift, strangers = (int(column.max(initial=-1)) + 1 for column in (first.conversation, first.end_user))
    users = np.where(second.end_user < 0, -1, second.end_user + strangers)
    return Draft(
        prompt=first.prompt + second.prompt,
        conversation=np.concatenate([first.conversation, second.conversation + shift]),
        end_user=np.concatenate([first.end_user, users]),
        **columns,
    )


def open_scene(seed: int, days: int) -> Scene:
    """A new scene: map, client programs and topic popularity of a seed."""
    grammar = load_grammar()
    scene = Scene(seed, days, grammar, *_draw_world_map(seed), popularity=np.ones(len(grammar.topics)))
    rank = np.arange(1, len(grammar.topics) + 1)
    weight = rank**-_POPULARITY_EXPONENT * np.exp(scene.rng("popularity").normal(0.0, 0.3, len(rank)))
    scene.popularity = weight / weight.sum()
    return scene


def draw_people(
    scene: Scene, rng: np.random.Generator, persona: str, count: int, *, paid: float, recent: float
) -> People:
    """Draw unrelated people as a provider sees them.

    `paid`: share that pays (the rest is on the free plan, without a card). `recent`: share of accounts opened shortly
    before or during the log; the others are up to two years old.
    """
    places = scene.places
    country = rng.choice(len(places.countries), count, p=places.share)
    age = np.where(rng.random(count) < recent, rng.exponential(8.0, count), rng.exponential(220.0, count))
    paying = rng.random(count) < paid
    address = draw_home_addresses(rng, places, country)
    mail, mail_weight = (np.array(column, object) for column in zip(*read_data("places")["mail"], strict=True))
    domains = rng.choice(mail, count, p=(mail_weight / mail_weight.sum()).astype(float))
    own = rng.random(count) < 0.12  # people with a domain of their own
    domains[own] = own_domains(rng, int(own.sum()))
    at_home = rng.random(count) < 0.9  # signed up from another line of the same country otherwise
    language = np.array([scene.grammar.languages.index(places.language[c]) for c in country.tolist()])
    return People(
        persona=np.full(count, persona, object),
        campaign=np.full(count, "", object),
        created=ORIGIN + ((scene.days * 0.6 - age) * DAY).astype(np.int64),
        organization=np.full(count, None, object),
        plan=np.where(paying, rng.choice(np.array(_PLANS[1:], object), count, p=[0.72, 0.28]), _PLANS[0]),
        email_domain=domains,
        payment=where_none(paying, new_cards(rng, count)),
        country=country,
        payment_country=_replace_some_countries(rng, country, 0.93, places),
        phone_country=_replace_some_countries(rng, country, 0.94, places),
        signup_ip=np.where(at_home, address, draw_home_addresses(rng, places, country)),
        signup_country=country.copy(),
        address=address,
        zone=places.zone[country],
        language=np.where(rng.random(count) < 0.75, language, 0),
        channel=rng.choice(len(CHANNELS), count, p=PROGRAM_CHANNELS),
        keys=rng.choice([1, 2, 3], count, p=[0.78, 0.16, 0.06]),
        declared_use=where_none(rng.random(count) < 0.3, rng.choice(_USES, count)),
    )


def new_cards(rng: np.random.Generator, count: int) -> Array:
    """New payment fingerprints, shape (count,)."""
    return np.array([f"card-{value:014x}" for value in rng.integers(0, 1 << 55, count).tolist()], object)


def where_none(wanted: Array, values: Array) -> Array:
    """Values where wanted, else None, shape (n,)."""
    kept = values.astype(object)
    kept[~wanted] = None
    return kept


def own_domains(
    rng: np.random.Generator, count: int, endings: tuple[str, ...] = ("com", "io", "net", "org", "dev")
) -> Array:
    """Private mail domains, shape (count,)."""
    pools = load_grammar().pools[0][0]["x"]
    names = rng.integers(0, len(pools), (count, 2)).tolist()
    tails = rng.integers(0, len(endings), count).tolist()
    return np.array([f"{pools[a]}{pools[b][:3]}.{endings[t]}" for (a, b), t in zip(names, tails, strict=True)], object)


def _replace_some_countries(rng: np.random.Generator, country: Array, share: float, places: Places) -> Array:
    other = rng.choice(len(places.countries), len(country), p=places.share)
    return np.where(rng.random(len(country)) < share, country, other)


def _draw_world_map(seed: int) -> tuple[Places, Clients]:
    rng = np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(b"map")]))
    return draw_places(rng), draw_clients(rng)
