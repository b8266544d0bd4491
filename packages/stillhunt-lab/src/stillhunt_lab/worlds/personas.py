"""Honest personas: their parameters, and how the accounts of one persona are built."""

import numpy as np

from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.account_events import adopt_release, close_some
from stillhunt_lab.worlds.accounts import SHARED_TRAITS
from stillhunt_lab.worlds.arrivals import Rhythm
from stillhunt_lab.worlds.grammar import integer_stream, read_data
from stillhunt_lab.worlds.look_alikes import RICH_PROMPT_WRITERS, RICH_SHARED_TRAITS
from stillhunt_lab.worlds.persona_prompts import PROMPT_WRITERS, write_wordy
from stillhunt_lab.worlds.scene import Draft, People, Scene, draw_people
from stillhunt_lab.worlds.templates import Skill, load_skills
from stillhunt_lab.worlds.traffic import Recipe, draw_loads, draw_resold, draw_rows, draw_topic_preferences

RECIPES, RICH_RECIPES = (
    {
        name: Recipe(name, **{**laws, "rhythm": Rhythm(**laws.get("rhythm", {}))})
        for name, laws in read_data(file).items()
    }
    for file in ("personas", "rich_personas")
)
CHAT = RECIPES["chat"]
"""People who chat; takes all accounts that no other persona takes."""

WORDY = ("batch", "one_template", "vendor")
"""Personas that use the same template grammars as campaigns."""

_RESOLD = ("reseller", "contracted_reseller", "gateway")
_PERSONAS_WITH_GROUP_TOPICS = ("seat", "class", "workshop", "localisation", "undeclared_company", "class_sheet")
_TRADES = {"ci_agent": ("code",), "audit_trail": ("law", "finance", "support")}
"""Topic groups to which a persona keeps."""
_NICHES = 3
"""Narrow subjects that communities of strangers gather around."""

SANCTIONED = ("vendor", "contracted_reseller")
"""Personas under a contract that the provider knows of."""


def persona_counts(accounts: int, *, rich: bool = False) -> list[tuple[Recipe, int]]:
    """How many accounts each persona has in a world of `accounts` honest ones; chat takes the rest.

    Small worlds keep some of each kind as far as there is room.

    Args:
        rich: with the personas of rich worlds.
    """
    others = [*RECIPES.values(), *(RICH_RECIPES.values() if rich else ())]
    counts = [(r, max(round(r.share * accounts), min(r.least, accounts // 80))) for r in others if r != CHAT]
    left = accounts - sum(count for _, count in counts)
    return [(CHAT, max(left, 0)), *counts]


def build_persona(scene: Scene, recipe: Recipe, count: int) -> tuple[People, Draft]:
    """All accounts of one persona and their requests."""
    rng = scene.rng(f"persona/{recipe.persona}")
    people = draw_people(scene, rng, recipe.persona, count, paid=recipe.paid, recent=recipe.recent)
    group = np.arange(count) // recipe.group
    if recipe.shares:
        (SHARED_TRAITS | RICH_SHARED_TRAITS)[recipe.shares](scene, rng, people, group)
    draft = _persona_rows(scene, rng, recipe, people, group)
    adopt_release(scene, people, draft, recipe.persona)
    return people, close_some(scene, people, draft, recipe.persona)


def _persona_rows(scene: Scene, rng: np.random.Generator, recipe: Recipe, people: People, group: Array) -> Draft:
    loads = draw_loads(rng, recipe, people, scene)
    if recipe.persona in WORDY:
        return _draft_wordy_requests(scene, rng, recipe, people, loads)
    if recipe.persona in _RESOLD:
        draft = draw_resold(scene, rng, CHAT, people, loads, named=recipe.persona == "gateway")
    else:
        draft = draw_rows(scene, rng, recipe, people, loads, _topic_preferences(scene, rng, recipe, group))
    if recipe.prompts:
        (PROMPT_WRITERS | RICH_PROMPT_WRITERS)[recipe.prompts](scene, rng, people, draft, group)
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


def _draft_wordy_requests(
    scene: Scene, rng: np.random.Generator, recipe: Recipe, people: People, loads: Array
) -> Draft:
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
