"""The work queue of one lab: distinct items, the words around them, and how workers get them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.worlds import arrivals
from stillhunt_lab.worlds.account_events import Tenures, hand_over
from stillhunt_lab.worlds.grammar import (
    choose,
    compose_follow_ups,
    compose_items,
    draw_sentences,
    integer_stream,
    read_data,
)
from stillhunt_lab.worlds.rungs import NO_TRAITS, Calendar, Rung, Traits, Wording, draw_slots
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, merge_drafts, new_draft
from stillhunt_lab.worlds.templates import (
    APPROACHES,
    Family,
    Sentence,
    Skill,
    ask_obliquely,
    draw_family,
    draw_template,
    load_skills,
    paraphrase,
    word_probe,
)
from stillhunt_lab.worlds.traffic import lengthen, set_answers, set_parameters

_SECOND_STAGE = 0.1
"""Share of items with a second turn (a check, a harder variant), as in multi-stage recipes."""
_PROBING_DAYS = 2.0
_NUMBER = re.compile(r"\d+")
_ANSWER_TOKENS = 560.0
"""Median tokens of an answer to a harvesting request."""
_OBLIQUE_ANSWER_TOKENS = 400.0
"""The same before its reasoning is asked for."""


@dataclass(frozen=True)
class Queue:
    """The work queue of one lab.

    Args:
        topics: topic weights, shape (skills, topics).
        skill_share: shape (skills,).
        stage: fixed words of the second turn.
        approaches: oblique approaches that this lab found to work, codes into `templates.APPROACHES`.
    """

    name: str
    families: tuple[Family, ...]
    templates: tuple[tuple[str, ...], ...]
    topics: Array
    skill_share: Array
    stage: str
    wording: Wording
    approaches: tuple[int, ...]


@dataclass(frozen=True)
class Orders:
    """How workers work off a queue.

    Args:
        daily: requests per account on a day of work.
        tenures: who works when, where accounts are banned and replaced; None = everyone all the time.
        calendar: stop and pause of the operation, where its accounts are built in several parts; drawn when None.
    """

    rung: Rung
    start: int
    daily: float
    specialised: bool
    tenures: Tenures | None
    calendar: Calendar | None = None
    traits: Traits = NO_TRAITS


def draw_queue(
    scene: Scene,
    rng: np.random.Generator,
    name: str,
    rung: Rung,
    wording: Wording,
    skills: int | tuple[Skill, ...] | None,
) -> Queue:
    """Draw the work queue of a lab.

    `skills`: the skills themselves, or their number; drawn when None.
    """
    grammars = load_skills()
    draws = integer_stream(rng)
    if isinstance(skills, tuple):
        chosen, count = list(skills), len(skills)
    else:
        count = int(rng.integers(1, 5)) if skills is None else skills
        chosen = [grammars[int(at)] for at in rng.choice(len(grammars), count, replace=False)]
    families = tuple(draw_family(draws, skill, width=4) for skill in chosen)
    fixed = max(1, rung.templates)
    templates = tuple(tuple(draw_template(draws, family) for _ in range(fixed)) for family in families)
    topics = np.full((count, len(scene.popularity)), 0.0)
    for row, skill in enumerate(chosen):
        codes = scene.grammar.topic_codes(skill.topics)
        kept = rng.permutation(codes)[: int(rng.integers(3, 7))]
        topics[row, kept] = rng.dirichlet(np.full(len(kept), 3.0))
    stages = read_data("systems")["stages"]["fixed"]
    stage = choose(stages, draws)
    share = rng.dirichlet(np.full(count, 4.0))
    approaches = tuple(rng.permutation(len(APPROACHES))[: int(rng.integers(3, len(APPROACHES) + 1))].tolist())
    return Queue(name, families, templates, topics, share, stage, wording, approaches)


def hand_out_queue(scene: Scene, rng: np.random.Generator, queue: Queue, people: People, orders: Orders) -> Draft:
    """Hand out a queue: first draw slots of time for each worker, then put items onto the slots at random."""
    owner, time = draw_slots(scene, rng, orders.rung, people, orders.start, orders.daily, orders.calendar)
    probes = round(orders.rung.probing * len(owner)) if queue.wording == "oblique" else 0
    if probes:  # many techniques by few requests each, before the winners are scaled up
        scouts = rng.permutation(len(people))[: max(1, len(people) // 3)]
        early = orders.start - (rng.random(probes) * _PROBING_DAYS * DAY).astype(np.int64)
        owner = np.r_[owner, rng.choice(scouts, probes)]
        time = np.r_[time, np.maximum(early, ORIGIN + rng.integers(0, HOUR, probes))]
    skills = len(queue.families)
    skill = rng.choice(skills, len(owner), p=queue.skill_share)
    if orders.specialised:
        skill = (np.arange(len(people)) % skills)[owner]
    topic = arrivals.draw_columns(rng, queue.topics, skill)
    if orders.traits.subjects:
        skill = rng.choice(skills, len(people), p=queue.skill_share)
        topic = arrivals.draw_columns(rng, queue.topics, skill)[owner]
        skill = skill[owner]
    language = _draw_item_languages(scene, rng, queue, people, owner)
    items = _compose_queue_items(scene, rng, orders.traits, topic, language)
    tongues = [scene.grammar.languages[code] for code in language.tolist()]
    first_probe = len(owner) - probes
    prompt = _wrap_queue_items(integer_stream(rng), queue, skill, items, tongues)
    if orders.traits.rewritten:
        other = _rewrite_templates(scene.rng(f"rewritten/{queue.name}"), queue, orders.rung)
        late = np.flatnonzero(time >= ORIGIN + int(orders.traits.rewritten * scene.days * DAY)).tolist()
        chosen = ([column[row] for row in late] for column in (items, tongues))
        again = _wrap_queue_items(integer_stream(scene.rng(f"worded/{queue.name}")), other, skill[late], *chosen)
        for row, text in zip(late, again, strict=True):
            prompt[row] = text
    draws = integer_stream(rng)
    prompt[first_probe:] = [word_probe(draws, item) for item in items[first_probe:]]
    if orders.traits.copies > 1:
        source = _copied_rows(rng, owner[:first_probe], time[:first_probe], orders.traits.copies)
        prompt[:first_probe] = [prompt[row] for row in source.tolist()]
        topic[:first_probe], language[:first_probe] = topic[source], language[source]
    draft = new_draft(
        prompt,
        owner=owner,
        time=time + rng.integers(0, SECOND, len(owner)),
        conversation=np.arange(len(owner)),
        turn=np.zeros(len(owner), np.int64),
        topic=topic,
        language=language,
        address=people.address[owner],
        campaign=np.full(len(owner), queue.name, object),
    )
    draft = _stage_two(scene, rng, draft, queue, orders)
    if orders.tenures is not None:
        draft = hand_over(rng, draft, orders.tenures)
    operate(scene, rng, people, draft, orders.rung, with_reasoning=queue.wording == "oblique")
    return draft.keep(draft.time < scene.end)


def _compose_queue_items(
    scene: Scene, rng: np.random.Generator, traits: Traits, topic: Array, language: Array
) -> list[str]:
    """New items, one per row; or, in English, a few for each topic with new numbers for each row; `language` is set."""
    if not traits.bases:
        items = compose_items(scene.grammar, rng, topic, language, draw_sentences(rng, np.full(len(topic), 1.5)))
    else:
        topics = np.repeat(np.arange(len(scene.popularity)), traits.bases)
        language[:] = 0
        bases = compose_items(scene.grammar, rng, topics, 0 * topics, draw_sentences(rng, np.full(len(topics), 2.0)))
        given, draws = read_data("systems")["items"]["numbers"], integer_stream(rng)
        chosen = topic * traits.bases + rng.integers(0, traits.bases, len(topic))
        items = [
            _NUMBER.sub(lambda _: str(2 + next(draws) % 998), f"{bases[code]} {given}") for code in chosen.tolist()
        ]
    if traits.own_data:
        heads, draws = read_data("systems")["items"]["own_data"], integer_stream(rng)
        for row in np.flatnonzero((rng.random(len(items)) < traits.own_data) & (language == 0)).tolist():
            items[row] = f"{choose(heads, draws)} {items[row]}"
    return items


def _copied_rows(rng: np.random.Generator, owner: Array, time: Array, copies: int) -> Array:
    """For each slot the one whose prompt it repeats: those of different accounts at about the same time."""
    order = np.lexsort((rng.random(len(owner)), count_within_owners(owner, time)))
    source = np.empty(len(owner), np.int64)
    source[order] = order[np.arange(len(owner)) // copies * copies]
    return source


def operate(
    scene: Scene, rng: np.random.Generator, people: People, draft: Draft, rung: Rung, *, with_reasoning: bool = False
) -> None:
    """Set client programs (one to three for the campaign), models (mostly the best), parameters and answers.

    `with_reasoning`: whether the answers show their reasoning, which makes them longer.
    """
    draft.address = people.address[draft.owner]
    client_programs = different_programs(scene, rng, rung.client_programs)
    program = rng.integers(0, rung.client_programs, len(people))
    draft.client = client_programs[program][draft.owner]
    loyal = rng.random(len(people)) < (0.8 if rung.schedule == "queue" else 0.6)
    best = np.where(loyal, 1.0, rng.uniform(0.6, 0.95, len(people)))
    draft.model = np.where(rng.random(len(draft)) < best[draft.owner], 0, 1)
    if rung.own_parameters:
        set_parameters(rng, draft, np.zeros(len(people), bool))
        draft.max_tokens[draft.max_tokens < 2048] = np.nan  # whole answers are wanted
    else:
        warm, room = rng.permutation([0.7, 1.0, np.nan]), rng.permutation([4096.0, np.nan, np.nan])
        if rung.client_programs == 1:
            warm, room = np.array([0.7]), np.array([4096.0])
        draft.temperature, draft.max_tokens = warm[program][draft.owner], room[program][draft.owner]
    set_answers(rng, draft, np.full(len(people), _OBLIQUE_ANSWER_TOKENS if with_reasoning else _ANSWER_TOKENS))
    if with_reasoning:
        lengthen(draft, np.ones(len(draft), bool))


def different_programs(scene: Scene, rng: np.random.Generator, count: int) -> Array:
    """Popular client programs that differ in name and in fingerprint, shape (count,)."""
    clients = scene.clients
    chosen: list[int] = []
    seen: set[str] = set()
    for code in rng.choice(len(clients.weight), 40, p=clients.weight, replace=False).tolist():
        marks = {clients.user_agents[code], clients.fingerprints[code]}
        if len(chosen) < count and not marks & seen:
            chosen.append(code)
            seen |= marks
    return np.array(chosen)


def _draw_item_languages(scene: Scene, rng: np.random.Generator, queue: Queue, people: People, owner: Array) -> Array:
    """Mostly English; where the wording is free, every second item is in the language of the account's country."""
    stray = rng.random(len(owner)) < 0.06
    native = (rng.random(len(owner)) < 0.5) & (queue.wording in ("oblique", "untemplated"))
    own = np.where(native, people.language[owner], 0)
    return np.where(stray, rng.integers(0, len(scene.grammar.languages), len(owner)), own)


def _rewrite_templates(rng: np.random.Generator, queue: Queue, rung: Rung) -> Queue:
    """The same queue in the words of another author, with the grammars of other skills."""
    draws, used = integer_stream(rng), {family.skill.name for family in queue.families}
    others = [skill for skill in load_skills() if skill.name not in used]
    chosen = [others[int(at)] for at in rng.choice(len(others), len(queue.families))]
    families = tuple(draw_family(draws, skill, width=4) for skill in chosen)
    fixed = max(1, rung.templates)
    templates = tuple(tuple(draw_template(draws, family) for _ in range(fixed)) for family in families)
    return replace(queue, families=families, templates=templates, approaches=queue.approaches[::-1])


def _wrap_queue_items(
    draws: Iterator[int], queue: Queue, skill: Array, items: list[str], tongues: list[str]
) -> list[str]:
    if queue.wording == "untemplated":
        return list(items)
    prompts = []
    for code, item, tongue in zip(skill.tolist(), items, tongues, strict=True):
        if queue.wording == "fixed":
            templates = queue.templates[code]
            prompts.append(choose(templates, draws) + item)
        elif queue.wording == "paraphrased":
            prompts.append(paraphrase(draws, queue.families[code], item))
        else:
            approach = choose(queue.approaches, draws)
            prompts.append(ask_obliquely(draws, item, tongue, approach))
    return prompts


def _stage_two(scene: Scene, rng: np.random.Generator, draft: Draft, queue: Queue, orders: Orders) -> Draft:
    again = draft.keep(rng.random(len(draft)) < (orders.traits.talk or _SECOND_STAGE))
    again.turn = again.turn + 1
    again.time = again.time + (rng.gamma(3.0, 15.0, len(again)) * SECOND).astype(np.int64)
    if orders.traits.talk:
        again.prompt = compose_follow_ups(scene.grammar, rng, again.topic, again.language)
    elif orders.rung.schedule == "queue" and queue.wording == "fixed":
        again.prompt = [queue.stage] * len(again)
    else:
        asides = compose_follow_ups(scene.grammar, rng, again.topic, again.language)
        again.prompt = _second_words(scene, integer_stream(rng), queue, again, asides)
    both = merge_drafts(draft, again)
    both.conversation = np.concatenate([draft.conversation, again.conversation])
    return both


def _second_words(scene: Scene, draws: Iterator[int], queue: Queue, again: Draft, asides: list[str]) -> list[str]:
    if queue.wording == "untemplated":
        return asides
    if queue.wording == "oblique":
        tongues = [scene.grammar.languages[code] for code in again.language.tolist()]
        with_reasoning = [ask_obliquely(draws, aside, tongue) for aside, tongue in zip(asides, tongues, strict=True)]
        return [asides[at] if next(draws) % 2 else text for at, text in enumerate(with_reasoning)]
    options = [Sentence.parse(text) for text in read_data("systems")["stages"]["check"]]
    return [f"{choose(options, draws).say(draws)} {aside}" for aside in asides]
