"""Harvests that other people write: users of a rival product, contractors, customers who sell their logs."""

from dataclasses import replace

import numpy as np

from stillhunt.tools import DAY
from stillhunt_lab.worlds.arrivals import Rhythm
from stillhunt_lab.worlds.grammar import Pattern, choose, expand_alternatives, integer_stream, read_data
from stillhunt_lab.worlds.personas import CHAT
from stillhunt_lab.worlds.rungs import Rung
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, draw_people, merge_drafts
from stillhunt_lab.worlds.templates import load_skills
from stillhunt_lab.worlds.traffic import Recipe, draw_loads, draw_resold, draw_rows
from stillhunt_lab.worlds.work_queues import operate

USERS = replace(
    CHAT, load=8.0, load_sigma=0.9, session=5.0, follow=0.3, browsers=0.0, moving=0.0, recent=0.0, verbosity=2.2
)
"""People who use a rival's product and do not know which model answers."""

CONTRACTORS = Recipe(
    "contractor", 0.0, load=24, load_sigma=0.4, session=4, follow=0.3, talkers=0.8, breadth=6.0, moving=0.1,
    answer=800, verbosity=5.0, rhythm=Rhythm(hours="office", presence=0.6, weekend=0.2, gap=240.0),
)  # fmt: skip
"""People who write hard questions by hand, each in a field of their own."""

_HARNESSED = 0.45
_LEAKY = 0.4
"""Share of relayed sessions that still carry the rival's system prompt, on this share of the accounts."""
_SHIFTS = 3
"""Parts of a day; an account of the relay has its own."""
_HARNESSES = 3
_REPLAYED = 0.12
"""Share of relayed sessions that are sent again days later through another account."""


def relay_users(
    scene: Scene, rng: np.random.Generator, people: People, name: str, rung: Rung, start: int, daily: float
) -> Draft:
    """Sessions of a rival product's users, routed over the accounts that are on duty that day.

    `start`: microseconds since the epoch. `daily`: requests per account and day of work.
    """
    days = scene.days
    wanted = daily * rung.presence * days * len(people) / (1.0 + _REPLAYED)
    end_users = draw_people(scene, rng, "end user", max(2, round(wanted / 12.5 * 14 / days)), paid=0.0, recent=0.0)
    home = int(rng.choice(len(scene.places.countries), p=scene.places.share))  # most users live in the rival's market
    local = rng.random(len(end_users)) < 0.6
    end_users.zone = np.where(local, scene.places.zone[home], end_users.zone)
    tongue = scene.grammar.languages.index(scene.places.language[home])
    end_users.language = np.where(local, tongue, end_users.language)
    draft = draw_rows(scene, rng, USERS, end_users, draw_loads(rng, USERS, end_users, scene))
    draft = draft.keep(draft.time >= start)
    draft.end_user = draft.owner  # whom the relay serves; it tells nobody
    draft = _route_users_to_accounts(rng, draft, len(people), rung, days)
    draft = merge_drafts(draft, _replay_relay_sessions(scene, rng, draft, len(people), rung))
    _add_harness_prompts(scene, rng, draft, len(people))
    draft.end_user[:] = -1
    draft.campaign = np.full(len(draft), name, object)
    operate(scene, rng, people, draft, rung)
    return draft.keep(draft.time < scene.end)


def write_by_hand(scene: Scene, rng: np.random.Generator, people: People, name: str, daily: float) -> Draft:
    """A few thousand questions by contractors; what they ask outside their field is not harvested.

    `daily`: requests per account on a day of work.
    """
    skills = load_skills()
    field = rng.integers(0, len(skills), len(people))
    topic_preferences = np.tile(0.3 * scene.popularity, (len(people), 1))
    known = np.zeros((len(people), len(scene.popularity)), bool)
    for account, skill in enumerate(field.tolist()):
        codes = scene.grammar.topic_codes(skills[skill].topics)
        known[account, codes] = True
        topic_preferences[account, codes] += 0.7 * rng.dirichlet(np.full(len(codes), 0.8))
    recipe = replace(CONTRACTORS, load=CONTRACTORS.load * daily / 5.0)
    draft = draw_rows(scene, rng, recipe, people, draw_loads(rng, recipe, people, scene), topic_preferences)
    draft.campaign = np.where(known[draft.owner, draft.topic], name, "").astype(object)
    return draft


def sell_logs(scene: Scene, rng: np.random.Generator, people: People, name: str, daily: float) -> Draft:
    """All requests of customers who sell their logs: they come from named users and show nothing unusual.

    `daily`: requests per account and day, at the median.
    """
    loads = np.exp(rng.normal(np.log(daily * scene.days), 0.8, len(people)))
    draft = draw_resold(scene, rng, CHAT, people, np.maximum(2, np.round(loads)).astype(np.int64), named=True)
    draft.campaign = np.full(len(draft), name, object)
    return draft


def _route_users_to_accounts(rng: np.random.Generator, draft: Draft, accounts: int, rung: Rung, days: int) -> Draft:
    """Assign each user to an account on duty in that part of the day, in turn, so that loads stay even."""
    parts = (days + 1) * _SHIFTS
    shift = rng.permutation(accounts) % _SHIFTS
    duty = (rng.random((parts, accounts)) < rung.presence) & (np.arange(parts)[:, None] % _SHIFTS == shift)
    duty[np.arange(parts), rng.integers(0, accounts, parts)] = True
    first_rows = np.flatnonzero(draft.turn == 0)
    part = np.minimum((draft.time[first_rows] - ORIGIN) * _SHIFTS // DAY, parts - 1)
    # A user stays on one account for that part of the day, as relays do.
    visit, visitor = np.unique(
        part * (int(draft.end_user.max(initial=0)) + 1) + draft.end_user[first_rows], return_inverse=True
    )
    when = np.empty(len(visit), np.int64)
    when[visitor] = part
    chosen = np.zeros(len(visit), np.int64)
    for now in np.unique(when).tolist():
        rows = rng.permutation(np.flatnonzero(when == now))
        ready = rng.permutation(np.flatnonzero(duty[now]))
        chosen[rows] = ready[np.arange(len(rows)) % len(ready)]
    router = np.zeros(int(draft.conversation.max(initial=-1)) + 1, np.int64)
    router[draft.conversation[first_rows]] = chosen[visitor]
    draft.owner = router[draft.conversation]
    return draft


def _replay_relay_sessions(scene: Scene, rng: np.random.Generator, draft: Draft, accounts: int, rung: Rung) -> Draft:
    sessions = int(draft.conversation.max(initial=-1)) + 1
    again = draft.keep((rng.random(sessions) < _REPLAYED)[draft.conversation])
    again.time = again.time + (rng.uniform(1.0, 4.0, sessions) * DAY).astype(np.int64)[again.conversation]
    again = again.keep(again.time < scene.end)
    return _route_users_to_accounts(rng, again, accounts, rung, scene.days)


def _add_harness_prompts(scene: Scene, rng: np.random.Generator, draft: Draft, accounts: int) -> None:
    """Leave the rival's system prompt and tools on some sessions, where the relay does not strip them."""
    words = read_data("systems")["rival"]
    draws = integer_stream(rng)
    product = scene.grammar.pools[0][0]["x"][next(draws) % len(scene.grammar.pools[0][0]["x"])].capitalize()
    pools = {**scene.grammar.pools[0][0], "x": [product]}
    codes = []
    for _ in range(_HARNESSES):
        chosen = [words["role"], *(words["rule"][place::3] for place in range(3))]
        texts = [expand_alternatives(choose(options, draws)) for options in chosen]
        text = " ".join(Pattern.parse(choose(readings, draws)).fill(pools, draws) for readings in texts)
        codes.append(scene.system_code(text))
    tools = scene.tools_code(words["tools"].replace("{x}", product.lower()))
    sessions = int(draft.conversation.max(initial=-1)) + 1
    harness = rng.choice(np.array([*codes, -1]), sessions, p=[_HARNESSED / _HARNESSES] * _HARNESSES + [1 - _HARNESSED])
    leaky = rng.permutation(accounts) < _LEAKY * accounts
    draft.system = np.where(leaky[draft.owner], harness[draft.conversation], -1)
    draft.tools = np.where(draft.system == codes[0], tools, -1)
