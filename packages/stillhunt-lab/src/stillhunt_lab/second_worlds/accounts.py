"""The accounts of a world: sign-up, card, mail, organisation and topic preferences."""

from __future__ import annotations

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.second_worlds.customer_kinds import CustomerKind
from stillhunt_lab.second_worlds.network import CODES, COUNTRIES, PEOPLE_CLIENTS, PROGRAM_CLIENTS, WEIGHTS
from stillhunt_lab.second_worlds.records import Array, People
from stillhunt_lab.second_worlds.scene import Scene
from stillhunt_lab.second_worlds.spec import START
from stillhunt_lab.second_worlds.texts import pitman_yor_shares

MAIL = np.array(
    [f"{name}.example" for name in ("courier", "postbox", "letterbird", "inkwell", "mailhall", "stamp")], object
)
_MAIL_SHARES = (0.44, 0.2, 0.14, 0.1, 0.07, 0.05)
_PLANS = np.array(["free", "plus", "pro", "scale"], object)
_PURPOSES = np.array(
    [None, "own use", "study", "software", "customer service", "research", "writing", "data work"], object
)
_PURPOSE_SHARES = (0.4, 0.16, 0.1, 0.12, 0.06, 0.06, 0.06, 0.04)
_KINDS = 24


def enroll(scene: Scene, rng: np.random.Generator, kind: CustomerKind, count: int) -> People:
    """Draw the honest accounts of one kind of customer."""
    group = draw_groups(rng, kind.group, count)
    country = rng.choice(len(WEIGHTS), count, p=WEIGHTS)
    if kind.group[1]:
        country = country[_leader(group)]
    is_program = rng.random(count) < kind.program
    client = np.where(
        is_program,
        rng.choice(len(PROGRAM_CLIENTS), count, p=PROGRAM_CLIENTS),
        rng.choice(len(PEOPLE_CLIENTS), count, p=PEOPLE_CLIENTS),
    )
    people = blank_people(scene, rng, country, client, kind.name)
    people.group = group
    people.topics, people.topic_cdf = draw_topic_preferences(scene, rng, count, kind.strength, kind.discount)
    business = (rng.random(count) < 0.12 + 0.5 * is_program) & (group < 0)
    for row in np.flatnonzero(business).tolist():
        name = scene.wording.name(rng)
        people.mail[row] = f"{name.lower()}-{rng.integers(10, 999)}.example"
        if rng.random() < 0.4:
            people.organization[row] = f"org-{rng.integers(0, 1 << 40):010x}"
    if kind.group[1]:
        _share_in_groups(scene, rng, kind, people)
    return people


def blank_people(scene: Scene, rng: np.random.Generator, country: Array, client: Array, persona: str) -> People:
    """Unrelated accounts with ordinary sign-up data.

    Args:
        country: where each lives, shape (n,).
        client: usual client of each, shape (n,).
    """
    count = len(country)
    paying = rng.random(count) < 0.8
    abroad = np.where(rng.random(count) < 0.06, rng.choice(len(WEIGHTS), count, p=WEIGHTS), country)
    age = (rng.weibull(0.8, count) * 170 * DAY).astype(np.int64)
    opens_in_log = rng.random(count) < 0.22
    topics, topic_cdf = draw_topic_preferences(scene, rng, count, 5.0, 0.25)
    empty = np.full(count, None, object)
    return People(
        persona=np.full(count, persona, object),
        campaign=np.full(count, "", object),
        created=np.where(opens_in_log, scene.end, START - age),  # opened just before first use; see `publish`
        organization=empty.copy(),
        plan=np.where(paying, _PLANS[rng.choice((1, 2, 3), count, p=(0.45, 0.35, 0.2))], _PLANS[0]),
        mail=rng.choice(MAIL, count, p=_MAIL_SHARES),
        card=np.where(paying, new_cards(rng, count), empty),
        card_country=np.where(paying, CODES[abroad], empty),
        phone_country=CODES[np.where(rng.random(count) < 0.04, abroad, country)],
        signup_country=CODES[country],
        signup_address=scene.network.homes(rng, country),
        purpose=rng.choice(_PURPOSES, count, p=_PURPOSE_SHARES),
        country=country,
        language=draw_languages(scene, rng, country),
        client=client,
        topics=topics,
        topic_cdf=topic_cdf,
        group=np.full(count, -1),
    )


def new_cards(rng: np.random.Generator, count: int) -> Array:
    """Payment fingerprints, each its own."""
    return np.array([f"pay-{a:08x}{b:08x}" for a, b in rng.integers(0, 1 << 32, (count, 2)).tolist()], object)


def draw_languages(scene: Scene, rng: np.random.Generator, country: Array) -> Array:
    """Language of each account: its country's for most, English for others.

    Args:
        country: index of the country, shape (n,).
    """
    place = {language.name: number for number, language in enumerate(scene.languages)}
    own = np.array([place[name] for *_, name in COUNTRIES])[country]
    return np.where(rng.random(len(country)) < 0.7, own, 0)


def draw_topic_preferences(
    scene: Scene, rng: np.random.Generator, count: int, strength: float, discount: float
) -> tuple[Array, Array]:
    """Topics of each account and their cumulative shares: a Pitman-Yor process over what people ask.

    Returns:
        Topics and cumulative shares, each of shape (count, kinds).
    """
    popularity = scene.texts.popularity
    topics = rng.choice(len(popularity), (count, _KINDS), p=popularity)
    shares = np.stack([pitman_yor_shares(rng, _KINDS, strength, discount) for _ in range(count)]) if count else topics
    return topics, np.cumsum(shares, axis=1)


def draw_groups(rng: np.random.Generator, bounds: tuple[int, int], count: int) -> Array:
    """Group number of each account; -1 where this kind of customer has no groups."""
    if not bounds[1]:
        return np.full(count, -1)
    sizes = rng.integers(bounds[0], bounds[1] + 1, count // bounds[0] + 1)
    return np.repeat(np.arange(len(sizes)), sizes)[:count]


def _leader(group: Array) -> Array:
    """Position of the first member of each account's group."""
    return np.searchsorted(group, group)


def _share_in_groups(scene: Scene, rng: np.random.Generator, kind: CustomerKind, people: People) -> None:
    """One card, organisation, mail domain and sign-up place for each group; a class shares domain and hour only."""
    first = _leader(people.group)
    for leader in np.unique(first).tolist():
        name = scene.wording.name(rng).lower()
        is_class = kind.items == "assignment"
        rows = np.flatnonzero(first == leader)
        people.mail[rows] = f"{'campus' if is_class else 'office'}-{name}.example"
        office = scene.network.pool(rng, "office", int(people.country[leader]), 3)
        people.signup_address[rows] = rng.choice(office, len(rows))
        spread = 2 * HOUR if is_class else 20 * DAY
        opened = START - int(rng.exponential(60 * DAY)) if not is_class else START + int(rng.exponential(2 * DAY))
        people.created[rows] = opened + (rng.random(len(rows)) * spread).astype(np.int64)
        if is_class:
            continue
        people.organization[rows] = f"org-{rng.integers(0, 1 << 40):010x}"
        people.card[rows] = new_cards(rng, 1)[0]
        people.card_country[rows] = CODES[people.country[leader]]
        people.plan[rows] = "team"
        if kind.any_member:
            people.topics[rows], people.topic_cdf[rows] = (
                people.topics[leader],
                people.topic_cdf[leader],
            )
