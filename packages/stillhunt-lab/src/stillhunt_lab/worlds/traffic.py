"""Requests of ordinary use: who asks what, when and with which program, and what resellers pass on."""

from dataclasses import dataclass, field, replace

import numpy as np

from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds import arrivals
from stillhunt_lab.worlds.arrivals import Rhythm, Sessions
from stillhunt_lab.worlds.grammar import compose_follow_ups, compose_items, draw_sentences
from stillhunt_lab.worlds.networks import SUBSCRIPTION
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, draw_people, new_draft

REASONING_LENGTH = 1.7
"""Length of an answer that shows its reasoning, over one that does not."""


@dataclass(frozen=True)
class Recipe:
    """The laws of one persona; `data/personas.toml` says what each field means."""

    persona: str
    share: float
    least: int = 0
    load: float = 15.0
    load_sigma: float = 1.2
    session: float = 3.0
    session_sigma: float = 0.7
    rhythm: Rhythm = field(default_factory=Rhythm)
    follow: float = 0.0
    talkers: float = 0.0
    breadth: float = 3.0
    verbosity: float = 2.0
    browsers: float = 0.0
    moving: float = 0.15
    paid: float = 0.7
    recent: float = 0.3
    answer: float = 350.0
    group: int = 1
    prompts: str = ""
    shares: str = ""


def draw_loads(rng: np.random.Generator, recipe: Recipe, people: People, scene: Scene) -> Array:
    """Requests per account, log-normal between accounts and shorter for the newly opened, shape (accounts,)."""
    here = np.clip((scene.end - people.created) / (scene.days * DAY), 0.05, 1.0)
    raw = np.exp(rng.normal(np.log(recipe.load), recipe.load_sigma, len(people)))
    return np.maximum(1, np.round(np.minimum(raw, 60 * recipe.load) * here * scene.days / 14)).astype(np.int64)


def draw_rows(
    scene: Scene,
    rng: np.random.Generator,
    recipe: Recipe,
    people: People,
    loads: Array,
    topic_preferences: Array | None = None,
) -> Draft:
    """The requests of a persona's accounts.

    `loads`: requests wanted of each account (met on average), shape (accounts,). `topic_preferences`: topic weights,
    shape (accounts, topics); drawn from the recipe when None.
    """
    sessions = _draw_honest_sessions(scene, rng, recipe, people, loads)
    first_turns, conversation, turn = _split_into_conversations(rng, recipe, people, sessions)
    if topic_preferences is None:
        topic_preferences = draw_topic_preferences(scene, rng, recipe, len(people))
    owner = sessions.owner
    browsing = rng.random(len(people)) < recipe.browsers
    topic = arrivals.draw_columns(rng, topic_preferences, owner[first_turns])[conversation]
    spoken = np.where(rng.random(first_turns.sum()) < 0.92, people.language[owner[first_turns]], 0)[conversation]
    draft = new_draft(
        _compose_prompt_texts(scene, rng, recipe, owner, turn, topic, spoken, len(people)),
        owner=owner,
        time=sessions.time,
        conversation=conversation,
        turn=turn,
        topic=topic,
        language=spoken,
        address=_draw_request_addresses(rng, people, sessions, recipe.moving),
        client=_draw_request_clients(scene, rng, browsing, owner),
        model=draw_models(rng, len(people), owner),
    )
    people.channel[browsing] = SUBSCRIPTION  # whoever types into the provider's own page has one
    set_parameters(rng, draft, browsing)
    set_answers(rng, draft, recipe.answer * np.exp(rng.normal(0.0, 1.0, len(people))))
    return draft.keep(draft.time < scene.end)


def draw_topic_preferences(scene: Scene, rng: np.random.Generator, recipe: Recipe, count: int) -> Array:
    """Each account's own topic weights: Dirichlet around the population's, shape (count, topics).

    How narrow it is differs by account: among those who chat some have one hobby and some ask about everything.
    """
    breadth = recipe.breadth * np.exp(rng.normal(0.0, 0.9, (count, 1)))
    return rng.gamma(breadth * scene.popularity, 1.0) + 1e-9


def draw_models(rng: np.random.Generator, accounts: int, owner: Array) -> Array:
    """Model of each request, without the one released later: most accounts have a favourite, many never leave it."""
    favourite = rng.choice(3, accounts, p=[0.48, 0.34, 0.18])
    loyalty = np.where(rng.random(accounts) < 0.6, 1.0, rng.beta(4.0, 2.0, accounts))
    other = rng.choice(3, len(owner), p=[0.35, 0.40, 0.25])
    return np.where(rng.random(len(owner)) < loyalty[owner], favourite[owner], other)


def set_parameters(rng: np.random.Generator, draft: Draft, without_parameters: Array) -> None:
    """Sampling parameters: constant for most programs, varied by some, absent for people in a browser.

    `without_parameters`: whether an account never sends any, shape (accounts,).
    """
    accounts = len(without_parameters)
    warm = rng.choice(
        [np.nan, 0.0, 0.2, 0.3, 0.5, 0.7, 0.8, 1.0], accounts, p=[0.3, 0.15, 0.1, 0.06, 0.05, 0.18, 0.04, 0.12]
    )
    room = rng.choice([np.nan, 256, 512, 1024, 2048, 4096, 8192], accounts, p=[0.35, 0.06, 0.1, 0.17, 0.14, 0.13, 0.05])
    draft.temperature = warm[draft.owner]
    draft.max_tokens = room[draft.owner]
    restless = (rng.random(accounts) < 0.2)[draft.owner] & (rng.random(len(draft)) < 0.5)
    draft.temperature[restless] = np.round(rng.random(int(restless.sum())), 1)
    roomy = (rng.random(accounts) < 0.15)[draft.owner] & (rng.random(len(draft)) < 0.5)
    draft.max_tokens[roomy] = rng.choice([1000, 1500, 3000, 4000], int(roomy.sum()))
    nucleus = rng.choice([np.nan, 0.9, 0.95, 1.0], accounts, p=[0.86, 0.04, 0.06, 0.04])
    draft.top_p = np.where(without_parameters, np.nan, nucleus)[draft.owner]
    draft.temperature[without_parameters[draft.owner]] = np.nan
    draft.max_tokens[without_parameters[draft.owner]] = np.nan


def set_answers(rng: np.random.Generator, draft: Draft, median: Array) -> None:
    """Answer lengths, log-normal about each account's median and cut at what the client allowed."""
    tokens = np.exp(rng.normal(np.log(median[draft.owner]), 0.7))
    tokens *= np.where(draft.turn > 0, 0.6, 1.0)
    room = np.where(np.isnan(draft.max_tokens), 16_384, draft.max_tokens)
    draft.output = np.maximum(1, np.minimum(tokens, room)).astype(np.int64)


def lengthen(draft: Draft, rows: Array) -> None:
    """Lengthen the answers of the given rows, shape (n,) bool: answers that show their reasoning are longer."""
    room = np.where(np.isnan(draft.max_tokens), 16_384, draft.max_tokens)
    draft.output = np.where(rows, np.minimum(draft.output * REASONING_LENGTH, room), draft.output).astype(np.int64)


def _draw_honest_sessions(
    scene: Scene, rng: np.random.Generator, recipe: Recipe, people: People, loads: Array
) -> Sessions:
    average = recipe.session * np.exp(recipe.session_sigma**2 / 2)
    frequency = np.exp(rng.normal(0.0, 0.5, len(people)))  # some come often for little, some seldom for much
    count = np.maximum(1, rng.poisson(loads / (average * frequency)))
    owner = np.repeat(np.arange(len(people)), count)
    typical = np.minimum(recipe.session * frequency, loads)[owner]
    sizes = np.exp(rng.normal(np.log(np.maximum(typical, 0.5)), recipe.session_sigma))
    sizes = np.clip(np.round(sizes), 1, 3.0 * loads[owner] + 1).astype(np.int64)
    start = arrivals.place_sessions(rng, owner, people.zone, recipe.rhythm, ORIGIN, scene.days)
    # Before an account exists it cannot be used: earlier sessions move into the time that is left.
    opened = np.clip(people.created, ORIGIN, scene.end - HOUR)[owner]
    left = np.maximum(scene.end - opened, 1)
    early = start < opened
    moved = opened + DAY * ((start - ORIGIN) // DAY) + (start - ORIGIN) % DAY
    start = np.where(early, opened + (moved - opened) % left, start)
    return arrivals.expand_sessions(rng, owner, start, sizes, recipe.rhythm)


def _split_into_conversations(
    rng: np.random.Generator, recipe: Recipe, people: People, sessions: Sessions
) -> tuple[Array, Array, Array]:
    """Mask of first turns, conversation of each request, turn of each request."""
    talks = rng.random(len(people)) < recipe.talkers
    share = np.where(talks, rng.beta(4.0 * recipe.follow + 1e-9, 4.0 * (1.0 - recipe.follow), len(people)), 0.0)
    first_turns = (sessions.position == 0) | (rng.random(len(sessions.owner)) >= share[sessions.owner])
    conversation = np.cumsum(first_turns) - 1
    turn = np.arange(len(first_turns)) - np.flatnonzero(first_turns)[conversation]
    return first_turns, conversation, turn


def _compose_prompt_texts(
    scene: Scene,
    rng: np.random.Generator,
    recipe: Recipe,
    owner: Array,
    turn: Array,
    topic: Array,
    spoken: Array,
    accounts: int,
) -> list[str]:
    verbosity = np.exp(rng.normal(np.log(recipe.verbosity), 0.65, accounts))
    # A later turn is a short reaction most of the time and a new question on the matter otherwise.
    short = (turn > 0) & (rng.random(len(turn)) < 0.7)
    long = np.flatnonzero(~short)
    items = compose_items(scene.grammar, rng, topic[long], spoken[long], draw_sentences(rng, verbosity[owner[long]]))
    brief = np.flatnonzero(short)
    reactions = compose_follow_ups(scene.grammar, rng, topic[brief], spoken[brief])
    texts = [""] * len(owner)
    for place, text in zip(long.tolist(), items, strict=True):
        texts[place] = text
    for place, text in zip(brief.tolist(), reactions, strict=True):
        texts[place] = text
    return _vary_surface_style(rng, texts, owner, accounts)


def _vary_surface_style(rng: np.random.Generator, texts: list[str], owner: Array, accounts: int) -> list[str]:
    """Lower the case of some accounts' prompts, and let others greet."""
    style = rng.choice(3, accounts, p=[0.8, 0.12, 0.08])[owner].tolist()
    return [
        text if how == 0 else text.lower() if how == 1 else "Hi, " + text
        for text, how in zip(texts, style, strict=True)
    ]


def _draw_request_addresses(rng: np.random.Generator, people: People, sessions: Sessions, moving: float) -> Array:
    """Address of each request: the account's main one, or for some sessions another one of the same network."""
    count = int(sessions.session[-1]) + 1 if len(sessions.session) else 0
    away = rng.random(count) < moving
    # Dial-up lines change the low half of the address and keep the network.
    other = rng.integers(1, 65_535, count)
    shift = np.where(away, other, 0)[sessions.session]
    main = people.address[sessions.owner]
    return np.where(shift > 0, (main >> 16 << 16) + shift, main)


def _draw_request_clients(scene: Scene, rng: np.random.Generator, browsing: Array, owner: Array) -> Array:
    """One program per account; three in ten use a second one for part of their work."""
    clients, accounts = scene.clients, len(browsing)
    programs = rng.choice(len(clients.weight), (2, accounts), p=clients.weight)
    browsers = rng.choice(len(clients.weight), (2, accounts), p=clients.browser_weight)
    own: Array = np.where(browsing, browsers, programs)
    second = (rng.random(accounts) < 0.3)[owner] & (rng.random(len(owner)) < 0.4)
    chosen: Array = np.where(second, own[1][owner], own[0][owner])
    return chosen


def draw_resold(
    scene: Scene,
    rng: np.random.Generator,
    recipe: Recipe,
    people: People,
    loads: Array,
    *,
    named: bool = False,
    lines: int = 10,
) -> Draft:
    """Requests of hidden end users, sent through the given accounts.

    Args:
        recipe: laws of the end users.
        loads: requests wanted of each account, met on average.
        named: whether the end users are named to the provider.
        lines: addresses that one account's calls are spread over; 1 = its own line only.
    """
    average = recipe.load * np.exp(recipe.load_sigma**2 / 2)
    users = np.maximum(2, np.round(loads / average)).astype(np.int64)
    behind = np.repeat(np.arange(len(people)), users)
    # Some want chat, some run little programs: what is resold is as mixed as the population.
    end_users = draw_people(scene, rng, "end user", len(behind), paid=0.0, recent=0.0)
    wide = replace(recipe, breadth=4.0, browsers=0.0, moving=0.0)
    draft = draw_rows(scene, rng, wide, end_users, draw_loads(rng, wide, end_users, scene))
    if named:
        draft.end_user = draft.owner
    draft.owner = behind[draft.owner]
    own = (people.address[:, None] >> 8 << 8) + rng.integers(1, 255, (len(people), lines))
    own[:, 0] = people.address
    draft.address = own[draft.owner, rng.integers(0, lines, len(draft))]
    programs = rng.choice(len(scene.clients.weight), (len(people), 2), p=scene.clients.weight)
    draft.client = programs[draft.owner, rng.integers(0, 2, len(draft))]
    draft.model = draw_models(rng, len(people), draft.owner)
    set_parameters(rng, draft, np.zeros(len(people), bool))
    return draft
