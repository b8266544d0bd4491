"""Prompts of each persona: what its program puts around the user's words, and which words it repeats."""

from collections.abc import Callable

import numpy as np

from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array, count_within_owners
from stillhunt_lab.worlds.grammar import (
    Pattern,
    choose,
    compose_items,
    draw_sentences,
    integer_stream,
    parse_readings,
    read_data,
)
from stillhunt_lab.worlds.networks import SUBSCRIPTION
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene
from stillhunt_lab.worlds.team_prompts import (
    write_audit_trail,
    write_ci_agent,
    write_gateway,
    write_grader,
    write_localisation,
    write_safety,
    write_team_key,
)
from stillhunt_lab.worlds.templates import Skill, ask_obliquely, draw_family, draw_template, load_skills
from stillhunt_lab.worlds.traffic import lengthen

PromptWriter = Callable[[Scene, np.random.Generator, People, Draft, Array], None]

BENCHMARK_SETS = 5
BENCHMARK_ITEMS = 400
_ASSIGNMENT_ITEMS = 7
PUBLIC_TEMPLATES = 15
_TEMPLATE_COPIERS = 0.07
"""Share of ordinary people who use a template they found."""
_REASONING_ASKERS = 0.09
"""Share of ordinary people who ask for the reasoning in some requests: teachers, reviewers, learners."""
_TOOL_SENDERS = 0.25
"""Share of programs that send tool definitions."""


def write_public(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Some use wordy templates from public prompt collections, as strangers do; some ask for reasons."""
    # From the scene, not from the persona: chat users and developers read the same collections.
    draws = integer_stream(scene.rng("public templates"))
    skills = load_skills()
    templates = [
        draw_template(draws, draw_family(draws, choose(skills, draws), width=5)) for _ in range(PUBLIC_TEMPLATES)
    ]
    popularity = 1.0 / np.arange(1, PUBLIC_TEMPLATES + 1)
    chosen = rng.choice(PUBLIC_TEMPLATES, len(people), p=popularity / popularity.sum())
    share = np.where(rng.random(len(people)) < _TEMPLATE_COPIERS, rng.uniform(0.1, 0.7, len(people)), 0.0)
    used = (draft.turn == 0) & (rng.random(len(draft)) < share[draft.owner])
    for place in np.flatnonzero(used).tolist():
        draft.prompt[place] = templates[chosen[draft.owner[place]]] + draft.prompt[place]
    curious = np.where(rng.random(len(people)) < _REASONING_ASKERS, rng.uniform(0.05, 0.6, len(people)), 0.0)
    asking = ~used & (draft.turn == 0) & (rng.random(len(draft)) < curious[draft.owner])
    own = integer_stream(rng)
    for place in np.flatnonzero(asking).tolist():
        tongue = scene.grammar.languages[int(draft.language[place])]
        draft.prompt[place] = ask_obliquely(own, draft.prompt[place], tongue)
    lengthen(draft, asking)
    sets = np.array([scene.tools_code(text) for text in read_data("systems")["tools"]["sets"]])
    armed = np.where(rng.random(len(people)) < _TOOL_SENDERS, rng.choice(sets, len(people)), -1)
    armed[people.channel == SUBSCRIPTION] = -1
    draft.tools = armed[draft.owner]


def write_app(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Give each app a system prompt, a few fixed words before each message, or both."""
    systems, prefixes = _app_texts(scene, rng, draft, len(people))
    style = rng.choice(3, len(people), p=[0.6, 0.25, 0.15])
    draft.system = np.where(style[draft.owner] != 1, systems[draft.owner], draft.system)
    if len(draft):  # some name their users to the provider
        names = rng.random(len(people)) < 0.35
        user = draft.owner * 64 + rng.integers(0, 64, int(draft.conversation.max()) + 1)[draft.conversation]
        draft.end_user = np.where(names[draft.owner], user, -1)
    prefixed = np.flatnonzero(style[draft.owner] != 0)
    for place in prefixed.tolist():
        draft.prompt[place] = f"{prefixes[int(draft.owner[place])]} {draft.prompt[place]}"


def write_framework(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """A popular open framework's words, shared by strangers: before the message or as system prompt."""
    prompts = read_data("systems")["frameworks"]["prompts"]
    popularity = 1.0 / np.arange(1, len(prompts) + 1)
    chosen = rng.choice(len(prompts), len(people), p=popularity / popularity.sum())
    codes = np.array([scene.system_code(text.strip()) if place % 2 else -1 for place, text in enumerate(prompts)])
    draft.system = codes[chosen][draft.owner]
    for place, framework in enumerate(chosen[draft.owner].tolist()):
        if framework % 2 == 0 and draft.turn[place] == 0:
            draft.prompt[place] = prompts[framework] + draft.prompt[place]


def write_framework_random(
    _scene: Scene, rng: np.random.Generator, _people: People, draft: Draft, _group: Array
) -> None:
    """A framework that shuffles its own wording for every call."""
    words = read_data("systems")["frameworks"]
    draws = integer_stream(rng)
    roles, rules, labels = (parse_readings(words[name]) for name in ("random_role", "random_rule", "random_label"))
    for place in range(len(draft)):
        picked = [
            choose(roles, draws),
            *(choose(rules, draws) for _ in range(1 + next(draws) % 3)),
            choose(labels, draws),
        ]
        draft.prompt[place] = f"{' '.join(p.text for p in picked)} {draft.prompt[place]}"


def write_seat(scene: Scene, rng: np.random.Generator, _people: People, draft: Draft, group: Array) -> None:
    """One company assistant for all seats of an organisation; three in ten firms have none."""
    words = read_data("systems")["seat"]
    draws = integer_stream(rng)
    roles, rules = parse_readings(words["role"]), parse_readings(words["rule"])
    pools = scene.grammar.pools[0][0]
    codes = []
    for _ in range(int(group.max(initial=-1)) + 1):
        text = " ".join(
            [choose(roles, draws).fill(pools, draws), *(choose(rules, draws).fill(pools, draws) for _ in "123")]
        )
        codes.append(scene.system_code(text) if next(draws) % 10 < 7 else -1)
    draft.system = np.array(codes, np.int64)[group[draft.owner]]


def write_class(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """One assignment per class, asked by many in almost the same words, within a week of the first lesson."""
    groups = int(group.max(initial=-1)) + 1
    topics = np.repeat(rng.choice(len(scene.popularity), groups, p=scene.popularity), _ASSIGNMENT_ITEMS)
    sheets = compose_items(
        scene.grammar, rng, topics, np.zeros(len(topics), np.int64), draw_sentences(rng, np.full(len(topics), 3.0))
    )
    draws = integer_stream(rng)
    heads = ("", "", "homework: ", "please solve: ", "Task from class: ", "1) ")
    repeated = (draft.turn == 0) & (rng.random(len(draft)) < 0.5)
    for place in np.flatnonzero(repeated).tolist():
        sheet = int(group[draft.owner[place]]) * _ASSIGNMENT_ITEMS + next(draws) % _ASSIGNMENT_ITEMS
        draft.prompt[place] = choose(heads, draws) + sheets[sheet]
    keep_to_lessons(scene, people, draft)


def keep_to_lessons(scene: Scene, people: People, draft: Draft) -> None:
    """Move requests into the week after the sign-up of their account."""
    lesson = people.created[draft.owner]
    week = min(7, scene.days) * DAY
    draft.time = lesson + 10 * 60 * SECOND + (draft.time - ORIGIN) % week
    draft.time = np.minimum(draft.time, scene.end - 1)


def write_benchmark(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Public test sets, run by unrelated labs, each in a wrapper of its harness, in the set's order."""
    total = BENCHMARK_SETS * BENCHMARK_ITEMS
    topics = np.repeat(rng.choice(len(scene.popularity), BENCHMARK_SETS * 4, replace=False), BENCHMARK_ITEMS // 4)
    items = compose_items(
        scene.grammar, rng, topics, np.zeros(total, np.int64), draw_sentences(rng, np.full(total, 2.0))
    )
    wrappers = read_data("systems")["harness"]["wrappers"]
    sets = rng.integers(0, BENCHMARK_SETS, len(people))
    harness = rng.integers(0, len(wrappers), len(people))
    first = rng.integers(0, BENCHMARK_ITEMS, len(people))
    place_in_account = count_within_owners(draft.owner, draft.time)
    chosen = sets[draft.owner] * BENCHMARK_ITEMS + (first[draft.owner] + place_in_account) % BENCHMARK_ITEMS
    draft.topic = topics[chosen]
    for place, item in enumerate(chosen.tolist()):
        draft.prompt[place] = wrappers[harness[draft.owner[place]]].replace("{item}", items[item])


def write_nightly(_scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """The same list of checks every night, in the same order."""
    size = rng.integers(15, 45, len(people))
    lists: dict[int, list[str]] = {}
    for place, owner in enumerate(draft.owner.tolist()):
        own = lists.setdefault(owner, [])
        if len(own) < size[owner]:
            own.append(draft.prompt[place])
    # Rows lie session by session; a jump in time or another account is the next night.
    jump = np.abs(np.diff(draft.time)) > HOUR
    first = np.r_[True, jump | (np.diff(draft.owner) != 0)] if len(draft) else np.zeros(0, bool)
    step = 0
    for place, owner in enumerate(draft.owner.tolist()):
        step = 0 if first[place] else step + 1
        draft.prompt[place] = lists[owner][step % len(lists[owner])]


def write_backfill(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """A search index is filled: one label and a long passage, thousands of times."""
    labels = [Pattern.parse(text) for text in read_data("systems")["retrieval"]["label"]]
    draws = integer_stream(rng)
    own = [choose(labels, draws).fill(scene.grammar.pools[0][0], draws) for _ in range(len(people))]
    for place, owner in enumerate(draft.owner.tolist()):
        draft.prompt[place] = own[owner] + draft.prompt[place]


def write_wordy(rng: np.random.Generator, draft: Draft, people: People, skills: list[Skill], group: int) -> None:
    """One fixed wordy template per author, and constant parameters; every second author uses the best model only."""
    draws = integer_stream(rng)
    templates = [draw_template(draws, draw_family(draws, skill, width=5)) for skill in skills]
    for place, owner in enumerate(draft.owner.tolist()):
        draft.prompt[place] = templates[owner // group] + draft.prompt[place]
    warm = rng.choice([0.0, 0.3, 0.7, 1.0], len(skills))
    room = rng.choice([1024.0, 2048.0, 4096.0], len(skills))
    draft.temperature = warm[draft.owner // group]
    draft.max_tokens = room[draft.owner // group]
    best = rng.random(len(people)) < 0.5
    draft.model = np.where(best[draft.owner], 0, draft.model)


def _app_texts(scene: Scene, rng: np.random.Generator, draft: Draft, accounts: int) -> tuple[Array, list[str]]:
    """System prompt code and message prefix of each account, worded around its main topic."""
    words = read_data("systems")["app"]
    draws = integer_stream(rng)
    roles, tasks, rules = (parse_readings(words[name]) for name in ("role", "task", "rule"))
    labels = parse_readings(words["prefix"])
    topics = len(scene.popularity)
    counts = np.bincount(draft.owner * topics + draft.topic, minlength=accounts * topics).reshape(accounts, topics)
    codes, prefixes = [], []
    for topic in counts.argmax(axis=1).tolist():
        pools = scene.grammar.pools[0][topic]
        used = [choose(roles, draws), choose(tasks, draws), *(choose(rules, draws) for _ in range(1 + next(draws) % 4))]
        codes.append(scene.system_code(" ".join(pattern.fill(pools, draws) for pattern in used)))
        prefixes.append(choose(labels, draws).fill(pools, draws))
    return np.array(codes, np.int64), prefixes


PROMPT_WRITERS: dict[str, PromptWriter] = {
    "public": write_public, "app": write_app, "framework": write_framework,
    "framework_random": write_framework_random, "seat": write_seat, "class": write_class,
    "benchmark": write_benchmark, "nightly": write_nightly, "backfill": write_backfill, "ci_agent": write_ci_agent,
    "gateway": write_gateway, "team_key": write_team_key, "audit_trail": write_audit_trail, "safety": write_safety,
    "grader": write_grader, "localisation": write_localisation,
}  # fmt: skip
"""How the prompts of personas are rewritten, by the name that `data/personas.toml` has for it."""
