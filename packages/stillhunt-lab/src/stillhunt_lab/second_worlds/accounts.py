"""The accounts of a world, of customers and of campaigns: sign-up, card, mail, organisation, topic preferences."""

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.second_worlds.call_details import place_calls
from stillhunt_lab.second_worlds.kinds import CustomerKind, Rung
from stillhunt_lab.second_worlds.network import CODES, COUNTRIES, PEOPLE_CLIENTS, PROGRAM_CLIENTS, WEIGHTS
from stillhunt_lab.second_worlds.records import People, WorldCalls
from stillhunt_lab.second_worlds.scene import CHANNELS, MODELS, Scene
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
        country = country[_find_group_leaders(group)]
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
    """Unrelated accounts with ordinary sign-up data."""
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
    """Language of each account: its country's for most, English for others."""
    place = {language.name: number for number, language in enumerate(scene.languages)}
    own = np.array([place[name] for *_, name in COUNTRIES])[country]
    return np.where(rng.random(len(country)) < 0.7, own, 0)


def draw_topic_preferences(
    scene: Scene, rng: np.random.Generator, count: int, strength: float, discount: float
) -> tuple[Array, Array]:
    """Topics of each account and their cumulative shares: a Pitman-Yor process over what people ask.

    Returns topics and cumulative shares, each of shape (count, kinds).
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


def _find_group_leaders(group: Array) -> Array:
    """Position of the first member of each account's group."""
    return np.searchsorted(group, group)


def _share_in_groups(scene: Scene, rng: np.random.Generator, kind: CustomerKind, people: People) -> None:
    """One card, organisation, mail domain and sign-up place for each group; a class shares domain and hour only."""
    first = _find_group_leaders(people.group)
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


_POOL_SHARE = 6
_ODD_MAIL = 9


def recruit(scene: Scene, rng: np.random.Generator, rung: Rung, count: int) -> People:
    """Draw the accounts of a campaign."""
    country = rng.choice(len(WEIGHTS), count, p=WEIGHTS)
    if rung.clients:
        client = rng.choice(np.flatnonzero(PROGRAM_CLIENTS > 0.05), 1).repeat(count)
    else:
        is_program = rng.random(count) < 0.45
        client = np.where(
            is_program,
            rng.choice(len(PROGRAM_CLIENTS), count, p=PROGRAM_CLIENTS),
            rng.choice(len(PEOPLE_CLIENTS), count, p=PEOPLE_CLIENTS),
        )
    if rung.papers == "burst":
        country[:] = country[0]
    people = blank_people(scene, rng, country, client, "pool" if rung.labs > 1 else "harvester")
    if rung.labs > 1:  # hidden customers ask about anything
        people.topics, people.topic_cdf = draw_topic_preferences(scene, rng, count, 12.0, 0.2)
    if rung.papers != "clean":
        _forge_sign_up_data(scene, rng, rung, people)
        return people
    opened = START - rng.random() * 20 * DAY - rng.random(count) * rung.opened_days * DAY
    mixed = rng.random(count) < 0.55  # the others were bought with an age of their own
    people.created = np.where(mixed, opened.astype(np.int64), people.created)
    return people


def _forge_sign_up_data(scene: Scene, rng: np.random.Generator, rung: Rung, people: People) -> None:
    """Sign-up data of the crude rungs: few cards and one mail domain, or a virtual card each and throw-away mail."""
    n = len(people)
    opened = START - int(rng.uniform(0.5, 4.0) * DAY)
    people.created = opened + (rng.random(n) * rung.opened_days * DAY).astype(np.int64)
    names = [f"{scene.wording.name(rng).lower()}{rng.integers(1, 99)}.example" for _ in range(_ODD_MAIL)]
    issuer = CODES[int(rng.integers(0, len(CODES)))]
    people.card_country = np.full(n, issuer, object)
    people.plan = np.full(n, "pro", object)
    if rung.papers == "burst":
        people.mail = np.full(n, names[0], object)
        people.card = rng.choice(new_cards(rng, 3), n)
        people.purpose = np.full(n, "research", object)
    else:
        people.mail = rng.choice(np.array(names, object), n)
        people.card = new_cards(rng, n)


def disguise_calls(scene: Scene, rng: np.random.Generator, rung: Rung, people: People, calls: WorldCalls) -> None:
    """Set addresses, parameters, models and channels of a campaign, over what its accounts would have by themselves.

    `calls`: harvested and cover calls, changed in place.
    """
    n = len(people)
    if rung.network == "few":
        _rotate_pool_addresses(rng, people, calls, scene.network.pool(rng, "cloud", 0, 4))
    elif rung.network == "pool":
        _rotate_pool_addresses(rng, people, calls, scene.network.pool(rng, "cloud", 0, max(4, n // _POOL_SHARE)))
    else:
        place_calls(scene, rng, people, calls, rung.network)
    if rung.clients:
        calls.client = people.client[calls.owner]
        calls.channel[:] = CHANNELS.index("api")
    if rung.parameters != "own":
        _set_parameters(rng, rung, n, calls)
    if rung.best == 1.0:
        calls.model[:] = len(MODELS) - 1
    if rung.channels:
        # Accounts are spread over the channels: a third plain API, the rest subscriptions, clouds and a router.
        calls.channel = rng.choice(len(CHANNELS), n, p=(0.34, 0.3, 0.0, 0.14, 0.1, 0.12))[calls.owner]


def _rotate_pool_addresses(rng: np.random.Generator, people: People, calls: WorldCalls, pool: Array) -> None:
    calls.address = rng.choice(pool, len(calls))
    people.signup_address = rng.choice(pool, len(people))


def _set_parameters(rng: np.random.Generator, rung: Rung, accounts: int, calls: WorldCalls) -> None:
    """One set of parameters for all accounts, or three, one of which sends none."""
    temperature = np.array([0.7, np.nan, 1.0]) if rung.parameters == "few" else np.array([0.7])
    limit = np.array([4096.0, np.nan, np.nan]) if rung.parameters == "few" else np.array([4096.0])
    chosen = rng.choice(len(temperature), accounts, p=(0.3, 0.5, 0.2) if rung.parameters == "few" else (1.0,))
    calls.temperature, calls.limit = temperature[chosen][calls.owner], limit[chosen][calls.owner]
    calls.top_p = np.full(len(calls), np.nan)
    calls.output = np.minimum(np.nan_to_num(calls.limit, nan=16_384.0), calls.output).astype(np.int64)
