"""Honest groups of rich worlds: they share cards, networks, programs, prompts or items much as campaigns do."""

import numpy as np

from stillhunt.tools import DAY, SECOND
from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.worlds.accounts import TraitSharing, share_room
from stillhunt_lab.worlds.grammar import choose, compose_items, draw_sentences, integer_stream
from stillhunt_lab.worlds.networks import API, draw_cloud_addresses, draw_home_addresses
from stillhunt_lab.worlds.persona_prompts import (
    PromptWriter,
    keep_to_lessons,
    write_app,
    write_public,
)
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, new_cards, own_domains, where_none
from stillhunt_lab.worlds.templates import draw_family, draw_template, load_skills

SHEET_ITEMS = 24
_ON_THE_SHEET = 0.85
"""Share of a student's questions that are the sheet's."""
JUDGE_REPEATS = (3, 9)
"""How often a judge asks for one item, at least and below."""
PACK_TEMPLATES = 12
_IN_AN_OFFICE = 0.5
"""Share of an undeclared company's seats that are in its office."""
_SHOP_LINES = 3
"""Addresses of a shop's or a host's data centre."""


def share_card(_scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One operator opens all accounts of a group with one card, from one network and within some weeks."""
    groups = int(group.max(initial=-1)) + 1
    people.channel[:] = API
    people.payment = new_cards(rng, groups)[group]
    people.payment_country = people.payment_country[np.searchsorted(group, np.arange(groups))][group]
    people.signup_ip = _draw_neighbour_addresses(rng, people.signup_ip, group)
    opened = people.created[np.searchsorted(group, np.arange(groups))]
    people.created = np.minimum(opened[group], ORIGIN) - (rng.random(len(people)) * 20 * DAY).astype(np.int64)


def share_gateway(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """The same, and all calls come from the operator's data centre."""
    share_card(scene, rng, people, group)
    share_host(scene, rng, people, group)


def share_host(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """Customers of one host send from its few addresses and have nothing else in common."""
    people.channel[:] = API
    groups = int(group.max(initial=-1)) + 1
    lines = draw_cloud_addresses(rng, scene.places, groups * _SHOP_LINES).reshape(groups, _SHOP_LINES)
    people.address = lines[group, rng.integers(0, _SHOP_LINES, len(people))]


def share_trial(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One person behind each group, at one line; every second one has one card, the others free accounts."""
    share_room(scene, rng, people, group)
    first = np.searchsorted(group, np.arange(int(group.max(initial=-1)) + 1))[group]
    people.language = people.language[first]
    people.channel[:] = API
    free = group % 2 == 1
    people.payment = where_none(~free, people.payment[first])
    people.plan = np.where(free, "free", people.plan[first])
    people.signup_ip = np.where(free, _draw_neighbour_addresses(rng, people.address, group), people.signup_ip)
    people.created = np.minimum(people.created, ORIGIN)  # so that the person asks all the time; see `write_in_turn`


def share_mail_domain(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """Seats that a firm never declared: one mail domain and country, own cards, and an office for half of them."""
    home = people.address
    share_room(scene, rng, people, group)
    outside = draw_home_addresses(rng, scene.places, people.country)
    people.address = np.where(rng.random(len(home)) < _IN_AN_OFFICE, people.address, outside)
    people.email_domain = own_domains(rng, int(group.max(initial=-1)) + 1)[group]
    people.channel[:] = API


def write_relayed(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """Customers of many kinds behind one gateway, whose program sends all their calls."""
    write_public(scene, rng, people, draft, group)
    _send_by_one(draft, group, "client", "top_p")


def write_hosted_app(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """Apps of one host: its runtime is their common program."""
    write_app(scene, rng, people, draft, group)
    _send_by_one(draft, group, "client")


def write_in_turn(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """One person's conversations on one account after the other, each opened when the last one is used up."""
    write_public(scene, rng, people, draft, group)
    _send_by_one(draft, group, "client", "temperature", "max_tokens", "top_p")
    _, opening, conversation = np.unique(draft.conversation, return_index=True, return_inverse=True)
    begun, person = draft.time[opening], group[draft.owner[opening]]
    accounts, talks = np.bincount(group), np.bincount(person)
    part = count_within_owners(person, begun) * accounts[person] // talks[person]
    owner = np.searchsorted(group, person) + part
    draft.owner = owner[conversation]
    first = np.full(len(people), scene.end)
    np.minimum.at(first, owner, begun)
    people.created = first - (rng.exponential(1_200.0, len(people)) * SECOND).astype(np.int64)


def write_class_sheet(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """A class works through one sheet in its order, in the template that the teacher handed out with it."""
    classes = int(group.max(initial=-1)) + 1
    draws, skills = integer_stream(rng), load_skills()
    heads = [draw_template(draws, draw_family(draws, choose(skills, draws), width=5)) for _ in range(classes)]
    topics = np.repeat(rng.choice(len(scene.popularity), classes, p=scene.popularity), SHEET_ITEMS)
    sentences = draw_sentences(rng, np.full(len(topics), 2.5))
    sheets = compose_items(scene.grammar, rng, topics, np.zeros(len(topics), np.int64), sentences)
    keep_to_lessons(scene, people, draft)
    asked = (draft.turn == 0) & (rng.random(len(draft)) < _ON_THE_SHEET)
    place = count_within_owners(draft.owner, draft.time) % SHEET_ITEMS
    for row in np.flatnonzero(asked).tolist():
        own = int(group[draft.owner[row]])
        item = own * SHEET_ITEMS + int(place[row])
        draft.topic[row] = topics[item]
        draft.prompt[row] = heads[own] + sheets[item]


def write_judge(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Strangers with one public judge prompt ask several times for each item, and count the verdicts."""
    draws = integer_stream(scene.rng("public judge"))
    skill = next(skill for skill in load_skills() if skill.name == "grading")
    judge = draw_template(draws, draw_family(draws, skill, width=5))
    repeats = rng.integers(*JUDGE_REPEATS, len(people))[draft.owner]
    place = count_within_owners(draft.owner, draft.time)
    order = np.lexsort((draft.time, draft.owner))
    begin = np.searchsorted(draft.owner[order], np.arange(len(people)))
    source = order[begin[draft.owner] + place // repeats * repeats]
    draft.topic, draft.language = draft.topic[source], draft.language[source]
    draft.prompt = [judge + draft.prompt[row] for row in source.tolist()]
    draft.temperature = rng.choice([0.5, 0.7, 1.0], len(people))[draft.owner]


def write_pack(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Buyers of one pack of wordy templates use some of them for most of what they ask."""
    draws, skills = integer_stream(scene.rng("prompt pack")), load_skills()
    pack = [draw_template(draws, draw_family(draws, choose(skills, draws), width=5)) for _ in range(PACK_TEMPLATES)]
    liked = rng.integers(2, 7, len(people))
    favourites = rng.permuted(np.tile(np.arange(PACK_TEMPLATES), (len(people), 1)), axis=1)
    chosen = favourites[draft.owner, (rng.random(len(draft)) * liked[draft.owner]).astype(np.int64)]
    used = (draft.turn == 0) & (rng.random(len(draft)) < rng.uniform(0.5, 0.95, len(people))[draft.owner])
    for row in np.flatnonzero(used).tolist():
        draft.prompt[row] = pack[chosen[row]] + draft.prompt[row]


def _draw_neighbour_addresses(rng: np.random.Generator, address: Array, group: Array) -> Array:
    """Addresses in the /24 network of each group's first one."""
    first = address[np.searchsorted(group, np.arange(int(group.max(initial=-1)) + 1))]
    near: Array = (first >> 8 << 8)[group] + rng.integers(1, 255, len(group))
    return near


def _send_by_one(draft: Draft, group: Array, *columns: str) -> None:
    """Give all requests of a group the values of one of them, as one program sends them."""
    own = group[draft.owner]
    for name in columns:
        value = np.zeros(int(group.max(initial=-1)) + 1, getattr(draft, name).dtype)
        value[own] = getattr(draft, name)
        setattr(draft, name, value[own])


RICH_SHARED_TRAITS: dict[str, TraitSharing] = {
    "one_card": share_card, "gateway": share_gateway, "host": share_host, "trial": share_trial,
    "mail_domain": share_mail_domain,
}  # fmt: skip
"""What accounts of rich personas share, by the name that `data/rich_personas.toml` has for it."""

RICH_PROMPT_WRITERS: dict[str, PromptWriter] = {
    "relayed": write_relayed, "hosted_app": write_hosted_app, "in_turn": write_in_turn,
    "class_sheet": write_class_sheet, "judge": write_judge, "pack": write_pack,
}  # fmt: skip
"""How the prompts of rich personas are rewritten, by the name that `data/rich_personas.toml` has for it."""
