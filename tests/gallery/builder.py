"""Worlds of the gallery: 600 honest accounts of the lab, and the accounts of one case or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pyarrow as pa

from gallery.gallery_cases import Asking, GalleryCase, Group
from gallery.gallery_texts import draw_topics, write_prompts
from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array, count_within
from stillhunt_lab.worlds.arrivals import human_hours
from stillhunt_lab.worlds.assemble import assemble
from stillhunt_lab.worlds.grammar import compose_follow_ups
from stillhunt_lab.worlds.networks import API, draw_cloud_addresses, draw_home_addresses
from stillhunt_lab.worlds.personas import CHAT, RECIPES, SANCTIONED, build_persona, persona_counts
from stillhunt_lab.worlds.scene import (
    ORIGIN,
    Draft,
    People,
    Scene,
    draw_people,
    merge_drafts,
    new_cards,
    new_draft,
    open_scene,
    own_domains,
)
from stillhunt_lab.worlds.traffic import draw_models, draw_resold, draw_rows, set_answers
from stillhunt_lab.worlds.work_queues import different_programs

ACCOUNTS, DAYS, SEED = 600, 10, 5
_WINDOWS = 0.6  # Share of the 12-hour windows of its days in which an operation with common windows works
_PERSONA = "gallery: "  # Before the name of a case, where the lab has the name of a persona
_REFUSED = 3  # Calls of a banned account that are refused before it is given up


@dataclass(frozen=True)
class GalleryWorld:
    """A world with cases in it.

    Attributes:
        members: case -> its account ids.
        allowed: organisations under contract.
    """

    requests: pa.Table
    accounts: pa.Table
    members: dict[str, frozenset[str]]
    allowed: tuple[str, ...]


@cache
def _honest() -> tuple[Scene, tuple[tuple[People, Draft], ...], tuple[str, ...]]:
    """The honest part of all worlds: scene, accounts with their requests, organisations under contract."""
    scene = open_scene(SEED, DAYS)
    counts = [(recipe, count) for recipe, count in persona_counts(ACCOUNTS) if count]
    parts = tuple(build_persona(scene, recipe, count) for recipe, count in counts)
    allowed = {name for people, _ in parts if people.persona[0] in SANCTIONED for name in people.organization.tolist()}
    return scene, parts, tuple(sorted(allowed))


def build_gallery(cases: Sequence[GalleryCase]) -> GalleryWorld:
    """A world with these cases; what a case holds does not depend on the others."""
    scene, parts, allowed = _honest()
    groups = [
        _group(scene, scene.rng(f"gallery/{case.name}/{place}"), case.name, group)
        for case in cases
        for place, group in enumerate(case.groups)
    ]
    requests, accounts, truth, _ = assemble(scene, [*parts, *groups])
    owners = dict.fromkeys((case.name for case in cases), frozenset[str]())
    for account, persona in zip(truth["account_id"].to_pylist(), truth["persona"].to_pylist(), strict=True):
        if persona.startswith(_PERSONA):
            owners[persona.removeprefix(_PERSONA)] |= {account}
    contracts = {group.organization for case in cases if case.allowed for group in case.groups}
    return GalleryWorld(requests, accounts, owners, (*allowed, *sorted(contracts)))


def _group(scene: Scene, rng: np.random.Generator, name: str, group: Group) -> tuple[People, Draft]:
    people = _people(scene, rng, name, group)
    count = len(people)
    own = different_programs(scene, rng, group.clients) if group.clients else _own_programs(scene, rng, group)
    # Accounts that replace each other are used with the same program.
    client = np.resize(own, count // group.waves)[np.arange(count) % (count // group.waves)] if group.clients else own
    drafts = [_requests(scene, rng, people, asking, client, group.waves) for asking in group.asks]
    if group.cover:
        drafts.append(_cover(scene, rng, people, drafts[0], group.cover, client))
    if group.end_users:
        average = CHAT.load * np.exp(CHAT.load_sigma**2 / 2)
        loads = np.full(count, round(average * group.end_users / count))
        resold = draw_resold(scene, rng, CHAT, people, loads, lines=1)
        resold.client = client[resold.owner] if group.clients else resold.client
        drafts.append(resold)
    if group.customers:
        drafts.append(_customers(scene, rng, people, group, client))
    draft = drafts[0]
    for other in drafts[1:]:
        draft = merge_drafts(draft, other)
    return people, draft.keep((draft.time >= ORIGIN) & (draft.time < scene.end))


def _people(scene: Scene, rng: np.random.Generator, name: str, group: Group) -> People:
    count = group.accounts
    people = draw_people(scene, rng, _PERSONA + name, count, paid=1.0, recent=0.0 if group.opened == "aged" else 0.3)
    people.channel[:] = API
    people.keys[:] = 1
    part = np.arange(count) % (count // group.waves)
    if countries := group.lines or group.countries:
        _settle(scene, rng, people, people.country[:countries][part % countries])
    if group.cards:
        people.payment = new_cards(rng, group.cards)[part % group.cards]
        people.payment_country = people.payment_country[: group.cards][part % group.cards]
    if group.mail_domains:
        people.email_domain = own_domains(rng, group.mail_domains)[part % group.mail_domains]
    if group.signup_networks:
        first = people.country[: group.signup_networks]
        people.signup_ip = _within(rng, draw_home_addresses(rng, scene.places, first), part)
        people.signup_country = first[part % group.signup_networks]
    if group.networks:
        people.address = _within(rng, draw_cloud_addresses(rng, scene.places, group.networks), part)
    if group.lines:
        people.address = draw_home_addresses(rng, scene.places, people.country[: group.lines])[part % group.lines]
    if group.organization:
        people.organization[:] = group.organization
    if group.declared_use:
        people.declared_use[:] = group.declared_use
    if group.opened == "burst":
        people.created = ORIGIN + (rng.random(count) * HOUR).astype(np.int64) - DAY
    if group.opened == "weeks":
        people.created = ORIGIN - (rng.random(count) * 30 * DAY).astype(np.int64)
    return people


def _settle(scene: Scene, rng: np.random.Generator, people: People, country: Array) -> None:
    """Let the accounts be of these countries."""
    people.country, people.payment_country, people.phone_country = country, country.copy(), country.copy()
    people.signup_country = country.copy()
    people.zone = scene.places.zone[country]
    people.address = draw_home_addresses(rng, scene.places, country)
    people.signup_ip = people.address.copy()


def _within(rng: np.random.Generator, blocks: Array, part: Array) -> Array:
    """An address of its own for each account in the /24 of its block."""
    return (blocks >> 8 << 8)[part % len(blocks)] + rng.integers(1, 255, len(part))


def _own_programs(scene: Scene, rng: np.random.Generator, group: Group) -> Array:
    programs, browsers = (
        rng.choice(len(weight), group.accounts, p=weight)
        for weight in (scene.clients.weight, scene.clients.browser_weight)
    )
    return np.where(rng.random(group.accounts) < group.by_hand, browsers, programs)


def _requests(
    scene: Scene, rng: np.random.Generator, people: People, asking: Asking, client: Array, waves: int
) -> Draft:
    count = len(people) // waves
    owner, time, position = _moments(rng, asking, people.zone[:count])
    goes_on = (position > 0) & (rng.random(len(owner)) < asking.talking)
    conversation = np.cumsum(~goes_on) - 1
    turn = np.arange(len(owner)) - np.flatnonzero(~goes_on)[conversation]
    topic = draw_topics(scene, rng, asking, owner, count)
    topic = topic[np.flatnonzero(~goes_on)][conversation]
    prompts = write_prompts(scene, rng, asking, topic, turn == 0)
    if not asking.then:
        later = np.flatnonzero(turn > 0)
        said = compose_follow_ups(scene.grammar, rng, topic[later], np.zeros(len(later), np.int64))
        for place, text in zip(later.tolist(), said, strict=True):
            prompts[place] = text
    draft = new_draft(
        prompts, owner=owner, time=time, conversation=conversation, turn=turn, topic=topic,
        language=np.zeros(len(owner), np.int64), address=people.address[owner], client=client[owner],
        model=np.zeros(len(owner), np.int64) if asking.best_model else draw_models(rng, count, owner),
    )  # fmt: skip
    if asking.system:
        draft.system[:] = scene.system_code(asking.system)
    if asking.tools:
        draft.tools[:] = scene.tools_code(asking.tools)
    draft.temperature[:] = asking.temperature
    draft.max_tokens[:] = asking.max_tokens
    set_answers(rng, draft, np.full(count, asking.answer))
    if waves > 1:
        draft = _ban_and_return(rng, people, draft, waves, asking)
        draft.address = people.address[draft.owner]
    if asking.sends_from:
        lines = draw_cloud_addresses(rng, scene.places, asking.sends_from)
        draft.address = rng.choice(lines, len(draft))
        draft.client = different_programs(scene, rng, asking.sends_from)[draft.owner % asking.sends_from]
    return draft


def _moments(rng: np.random.Generator, asking: Asking, zone: Array) -> tuple[Array, Array, Array]:
    """Account, time and place in its sitting of each request."""
    first, last = asking.days
    load = asking.per_day * (last - first) * np.exp(rng.normal(0.0, asking.spread, len(zone)))
    sittings = np.maximum(1, rng.poisson(load / asking.sitting))
    keeper = np.repeat(np.arange(len(zone)), sittings)
    size = np.maximum(1, rng.poisson(asking.sitting, len(keeper))) if asking.sitting > 1 else np.ones_like(keeper)
    day = np.floor(first + rng.random(len(keeper)) * (last - first))
    if asking.hours in ("office", "evening"):
        middle, spread, awake = (13.5, 1.2, 2.6) if asking.hours == "office" else (17.0, 3.0, 3.2)
        day = np.where((day % 7 >= 5) & (asking.hours == "office"), day % 4, day)
        start = day * DAY + human_hours(rng, keeper, zone, rng.normal(middle, spread, len(zone)), awake)
    elif asking.hours == "night":
        alarm = rng.integers(0, 24 * 4, len(zone)) * (HOUR // 4)
        start = day * DAY + alarm[keeper] + rng.exponential(600.0, len(keeper)) * SECOND
    elif asking.hours == "windows":
        windows = np.arange(int(first * 2), int(last * 2))
        common = rng.permutation(windows)[: max(1, round(_WINDOWS * len(windows)))]
        start = (rng.choice(common, len(keeper)) + rng.random(len(keeper))) * DAY / 2
    else:
        start = (first + rng.random(len(keeper)) * (last - first)) * DAY
    sitting = np.repeat(np.arange(len(keeper)), size)
    position = count_within(size)
    gap = np.where(position > 0, np.minimum(np.exp(rng.normal(np.log(60.0), 1.2, len(sitting))), 3_600.0), 0.0)
    passed = np.cumsum(gap)
    passed -= passed[np.cumsum(size) - size][sitting]
    time = ORIGIN + (start[sitting] + passed * SECOND).astype(np.int64) + rng.integers(0, SECOND, len(sitting))
    return keeper[sitting], time, position


def _ban_and_return(rng: np.random.Generator, people: People, draft: Draft, waves: int, asking: Asking) -> Draft:
    """Each worker goes through one account of each wave; a banned one makes a few more calls that are refused."""
    workers = len(people) // waves
    first, last = (ORIGIN + int(day * DAY) for day in asking.days)
    steps = (np.arange(1, waves) + rng.uniform(-0.3, 0.3, (workers, waves - 1))) / waves
    banned = first + (steps * (last - first)).astype(np.int64)
    worker = draft.owner.copy()
    draft.owner = worker + workers * (draft.time[:, None] >= banned[worker]).sum(axis=1)
    for wave in range(1, waves):
        people.created[wave * workers : (wave + 1) * workers] = banned[:, wave - 1] - 3 * HOUR
    order = np.lexsort((draft.time, draft.owner))
    place = np.empty(len(order), np.int64)
    place[order] = count_within(np.bincount(draft.owner, minlength=len(people)))
    refused = draft.keep((draft.owner >= workers) & (place < _REFUSED))
    refused.owner = refused.owner - workers
    refused.status[:] = 403
    refused.time = refused.time - 20 * SECOND
    return merge_drafts(draft, refused)


def _cover(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float, client: Array) -> Draft:
    sent = np.bincount(draft.owner, minlength=len(people))
    loads = np.maximum(1, np.round(sent * share / (1.0 - share))).astype(np.int64)
    cover = draw_rows(scene, rng, replace(CHAT, browsers=0.0, moving=0.0), people, loads)
    cover.client = client[cover.owner]
    cover.address = people.address[cover.owner]
    people.channel[:] = API
    return cover


def _customers(scene: Scene, rng: np.random.Generator, people: People, group: Group, client: Array) -> Draft:
    """What the accounts send as customers of a kind, each with a program of its own."""
    recipe = replace(RECIPES[group.customers], browsers=0.0)
    loads = np.exp(rng.normal(np.log(recipe.load), 0.8, len(people))) * scene.days / 14
    own = draw_rows(scene, rng, recipe, people, np.maximum(1, loads).astype(np.int64))
    if group.clients:
        own.client = client[own.owner]
    people.channel[:] = API
    return own
