"""Honest personas: their parameters, and how the accounts of one persona are built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from stillhunt_lab.worlds.account_events import adopt_release, close_some
from stillhunt_lab.worlds.arrivals import Rhythm
from stillhunt_lab.worlds.grammar import integer_stream
from stillhunt_lab.worlds.persona_prompts import PROMPT_WRITERS, write_wordy
from stillhunt_lab.worlds.resold_traffic import draw_resold
from stillhunt_lab.worlds.scene import Draft, People, Scene, draw_people
from stillhunt_lab.worlds.shared_traits import SHARED_TRAITS
from stillhunt_lab.worlds.templates import Skill, load_skills
from stillhunt_lab.worlds.traffic import Recipe, draw_loads, draw_rows, draw_topic_preferences

Array = np.ndarray[Any, np.dtype[Any]]

_MACHINE = Rhythm(hours="round", presence=0.5, gap=8.0, gap_sigma=1.3)
_SERVICE = Rhythm(hours="evening", presence=0.8, day_sigma=0.9, gap=50.0, gap_sigma=1.6)
_OFFICE = Rhythm(hours="office", presence=0.55, weekend=0.15, gap=70.0, gap_sigma=1.3)

CHAT = Recipe(
    "chat", 0.0, load=12, load_sigma=1.2, session=2.5, follow=0.45, talkers=0.85, breadth=36.0, browsers=0.65,
    moving=0.2, paid=0.35, recent=0.34, answer=480, verbosity=2.6, rhythm=Rhythm(presence=0.55),
)  # fmt: skip
"""People who chat; takes all accounts that no other persona takes."""

RECIPES: tuple[Recipe, ...] = (
    Recipe("developer", 0.15, least=5, load=28, load_sigma=1.1, session=4, follow=0.3, talkers=0.55, breadth=32.0,
           browsers=0.35, moving=0.3, paid=0.7, answer=650, verbosity=3.2, rhythm=_OFFICE),
    Recipe("generalist", 0.04, least=4, load=42, load_sigma=0.9, session=4, follow=0.4, talkers=0.8, breadth=60.0,
           browsers=0.4, moving=0.35, paid=0.75, answer=650, verbosity=3.0, rhythm=Rhythm(presence=0.8)),
    Recipe("app", 0.085, least=5, load=60, load_sigma=1.0, session=3, breadth=0.7, moving=0.1, paid=0.85, recent=0.25,
           answer=220, verbosity=2.4, rhythm=_SERVICE),
    Recipe("framework", 0.06, least=8, load=55, load_sigma=1.0, session=4, follow=0.3, talkers=0.3, breadth=4.2,
           paid=0.75, answer=450, rhythm=_SERVICE),
    Recipe("framework_random", 0.012, least=6, load=55, load_sigma=0.9, session=4, breadth=3.0, paid=0.75, answer=450,
           rhythm=_SERVICE),
    Recipe("seat", 0.05, least=12, load=22, load_sigma=0.95, session=3, follow=0.4, talkers=0.85, breadth=5.0,
           browsers=0.5, moving=0.05, paid=1.0, recent=0.2, group=14, rhythm=_OFFICE),
    Recipe("class", 0.035, least=24, load=13, load_sigma=0.7, session=4, follow=0.35, talkers=0.8, breadth=1.0,
           browsers=0.9, moving=0.3, paid=0.1, recent=1.0, group=24),
    Recipe("benchmark", 0.005, least=4, load=300, load_sigma=0.6, session=90, session_sigma=0.6, breadth=5.0,
           paid=0.8, answer=300, rhythm=replace(_MACHINE, presence=0.25)),
    Recipe("batch", 0.005, least=3, load=600, load_sigma=0.6, session=150, session_sigma=0.9, breadth=1.5, moving=0.0,
           paid=1.0, answer=700, rhythm=replace(_MACHINE, gap=5.0)),
    Recipe("one_template", 0.012, least=5, load=120, load_sigma=0.5, session=14, session_sigma=0.9, breadth=1.5,
           moving=0.1, paid=0.8, recent=0.4, answer=700, rhythm=Rhythm(presence=0.4, gap=25.0)),
    Recipe("reseller", 0.0008, least=2, load=1800, load_sigma=0.4, paid=1.0, moving=0.0),
    Recipe("serverless", 0.02, least=8, load=55, load_sigma=1.0, session=3, breadth=0.7, paid=0.8, answer=220,
           moving=0.0, rhythm=_SERVICE),
    Recipe("vendor", 0.0006, least=2, load=800, load_sigma=0.3, session=60, breadth=40.0, paid=1.0, answer=900,
           moving=0.0, group=3, rhythm=_MACHINE),
    Recipe("nightly", 0.01, least=3, load=220, load_sigma=0.6, session=25, session_sigma=0.2, breadth=2.0, paid=0.9,
           recent=0.15, answer=250, moving=0.3, rhythm=Rhythm("nightly", 0.9, 0.3, 1.0, 2.0, 0.6)),
    Recipe("backfill", 0.002, least=2, load=400, load_sigma=0.6, session=260, session_sigma=0.8, breadth=4.0, paid=1.0,
           answer=60, verbosity=9.0, moving=0.0, rhythm=replace(_MACHINE, presence=0.15, gap=2.0)),
    Recipe("ci_agent", 0.012, least=3, load=110, load_sigma=0.9, session=14, follow=0.75, talkers=1.0, breadth=3.0,
           paid=0.9, answer=260, moving=0.5, rhythm=replace(_MACHINE, gap=12.0, weekend=0.3)),
    Recipe("gateway", 0.0015, least=1, load=900, load_sigma=0.5, paid=1.0, moving=0.0),
    Recipe("team_key", 0.006, least=2, load=130, load_sigma=0.8, session=4, follow=0.3, talkers=0.7, breadth=10.0,
           paid=0.95, answer=500, rhythm=_OFFICE),
    Recipe("audit_trail", 0.005, least=4, load=60, load_sigma=0.8, session=5, follow=0.15, talkers=0.5, breadth=2.0,
           paid=1.0, answer=450, moving=0.05, verbosity=3.5, group=4, rhythm=_OFFICE),
    Recipe("safety", 0.003, least=2, load=90, load_sigma=0.9, session=12, follow=0.2, talkers=0.6, breadth=4.0,
           paid=0.7, answer=420, rhythm=replace(_OFFICE, gap=40.0)),
    Recipe("contracted_reseller", 0.0005, least=1, load=1500, load_sigma=0.4, paid=1.0, moving=0.0),
    Recipe("workshop", 0.02, least=10, load=20, load_sigma=0.8, session=4, follow=0.55, talkers=1.0, breadth=4.0,
           browsers=0.7, moving=0.2, paid=0.5, answer=480, group=10, rhythm=_OFFICE),
    Recipe("niche", 0.025, least=6, load=16, load_sigma=1.1, session=3, follow=0.45, talkers=0.85, breadth=6.0,
           browsers=0.6, moving=0.2, paid=0.4, answer=480, verbosity=2.6),
    Recipe("grader", 0.004, least=3, load=220, load_sigma=0.7, session=70, session_sigma=0.6, breadth=3.0, paid=1.0,
           answer=280, moving=0.0, group=3, rhythm=replace(_MACHINE, presence=0.4)),
    Recipe("localisation", 0.006, least=4, load=60, load_sigma=0.7, session=12, follow=0.1, talkers=0.5, breadth=1.5,
           paid=1.0, answer=220, moving=0.05, group=4, rhythm=_OFFICE),
)  # fmt: skip
"""Every other persona; `share` of the honest accounts, at least `least` of each."""

WORDY = ("batch", "one_template", "vendor")
"""Personas that use the same template grammars as campaigns."""

_RESOLD = ("reseller", "contracted_reseller", "gateway")
_PERSONAS_WITH_GROUP_TOPICS = ("seat", "class", "workshop", "localisation")
_TRADES = {"ci_agent": ("code",), "audit_trail": ("law", "finance", "support")}
"""Topic groups to which a persona keeps."""
_NICHES = 3
"""Narrow subjects that communities of strangers gather around."""

SANCTIONED = ("vendor", "contracted_reseller")
"""Personas under a contract that the provider knows of."""


def persona_counts(accounts: int) -> list[tuple[Recipe, int]]:
    """How many accounts each persona has in a world of `accounts` honest ones; chat takes the rest.

    Small worlds keep some of each kind as far as there is room.
    """
    counts = [(recipe, max(round(recipe.share * accounts), min(recipe.least, accounts // 80))) for recipe in RECIPES]
    left = accounts - sum(count for _, count in counts)
    return [(CHAT, max(left, 0)), *counts]


def build_persona(scene: Scene, recipe: Recipe, count: int) -> tuple[People, Draft]:
    """All accounts of one persona and their requests."""
    rng = scene.rng(f"persona/{recipe.persona}")
    people = draw_people(scene, rng, recipe.persona, count, paid=recipe.paid, recent=recipe.recent)
    group = np.arange(count) // recipe.group
    share_traits = SHARED_TRAITS.get(recipe.persona)
    if share_traits is not None:
        share_traits(scene, rng, people, group)
    draft = _persona_rows(scene, rng, recipe, people, group)
    adopt_release(scene, people, draft, recipe.persona)
    return people, close_some(scene, people, draft, recipe.persona)


def _persona_rows(scene: Scene, rng: np.random.Generator, recipe: Recipe, people: People, group: Array) -> Draft:
    loads = draw_loads(rng, recipe, people, scene)
    if recipe.persona in WORDY:
        return _wordy(scene, rng, recipe, people, loads)
    if recipe.persona in _RESOLD:
        draft = draw_resold(scene, rng, CHAT, people, loads, named=recipe.persona == "gateway")
    else:
        draft = draw_rows(scene, rng, recipe, people, loads, _topic_preferences(scene, rng, recipe, group))
    write_prompts = PROMPT_WRITERS.get(recipe.persona)
    if write_prompts is not None:
        write_prompts(scene, rng, people, draft, group)
    return draft


def _topic_preferences(scene: Scene, rng: np.random.Generator, recipe: Recipe, group: Array) -> Array:
    """Topic preferences of each account, shape (accounts, topics)."""
    if recipe.persona in _PERSONAS_WITH_GROUP_TOPICS:
        groups = int(group.max(initial=-1)) + 1
        centre = rng.dirichlet(5.0 * scene.popularity, groups)
        # Members lean to their group's subjects, each in a way of their own.
        mixed = 0.6 * centre[group] + 0.4 * scene.popularity
        together: Array = rng.gamma(recipe.breadth * 3.0 * mixed, 1.0) + 1e-9
        return together
    own: Array = draw_topic_preferences(scene, rng, recipe, len(group))
    if recipe.persona == "niche":
        subjects = rng.permutation(len(scene.popularity))[:_NICHES]
        devotion = rng.beta(5.0, 2.0, len(group))[:, None]
        chosen = np.zeros_like(own)
        chosen[np.arange(len(group)), rng.choice(subjects, len(group))] = 1.0
        own = devotion * chosen + (1.0 - devotion) * own / own.sum(axis=1, keepdims=True)
    if recipe.persona in _TRADES:
        trade = np.isin(np.array(scene.grammar.groups), _TRADES[recipe.persona])
        own[:, trade] *= 0.95 / own[:, trade].sum(axis=1, keepdims=True)
        own[:, ~trade] *= 0.05 / own[:, ~trade].sum(axis=1, keepdims=True)
    return own


def _wordy(scene: Scene, rng: np.random.Generator, recipe: Recipe, people: People, loads: Array) -> Draft:
    """One wordy template per author, over the topics of its skill."""
    skills = load_skills()
    draws = integer_stream(rng)
    chosen: list[Skill] = [skills[next(draws) % len(skills)] for _ in range(-(-len(people) // recipe.group))]
    weights = np.full((len(people), len(scene.popularity)), 1e-9)
    for account in range(len(people)):
        topics = scene.grammar.topic_codes(chosen[account // recipe.group].topics)
        weights[account, topics] += rng.gamma(recipe.breadth / len(topics), 1.0, len(topics))
    draft = draw_rows(scene, rng, recipe, people, loads, weights)
    write_wordy(rng, draft, people, chosen, recipe.group)
    return draft
