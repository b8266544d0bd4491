"""Prompts of honest teams and machines that resemble a campaign: pipelines, shared keys, auditors, graders."""

import numpy as np

from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.grammar import (
    choose,
    compose_items,
    draw_sentences,
    integer_stream,
    load_grammar,
    parse_readings,
    read_data,
)
from stillhunt_lab.worlds.networks import draw_home_addresses
from stillhunt_lab.worlds.scene import Draft, People, Scene
from stillhunt_lab.worlds.templates import (
    APPROACHES,
    ask_obliquely,
    draw_family,
    draw_template,
    load_skills,
    word_probe,
)
from stillhunt_lab.worlds.traffic import lengthen

_SOURCE_STRINGS = 60
"""Texts that a localisation team translates, each into every language of its list."""
_RUBRICS = 3


def write_ci_agent(scene: Scene, rng: np.random.Generator, _people: People, draft: Draft, _group: Array) -> None:
    """A coding agent in a pipeline: one public system prompt and tool set, then tool results instead of follow-ups."""
    words = read_data("systems")
    draft.system[:] = scene.system_code(words["ci"]["system"])
    draft.tools[:] = scene.tools_code(words["tools"]["sets"][0])
    heads, results = (parse_readings(words["ci"][name]) for name in ("head", "result"))
    pools, draws = load_grammar().pools[0][0], integer_stream(rng)
    for place, turn in enumerate(draft.turn.tolist()):
        if turn:
            draft.prompt[place] = choose(results, draws).fill(pools, draws)
        else:
            draft.prompt[place] = f"{choose(heads, draws).fill(pools, draws)}\n{draft.prompt[place]}"


def write_gateway(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """A company's gateway: each named end user comes from one of a few apps with a system prompt and model each."""
    words, draws = read_data("systems")["app"], integer_stream(rng)
    parts = [parse_readings(words[name]) for name in ("role", "task", "rule")]
    apps = 6
    codes = np.empty((len(people), apps), np.int64)
    for account in range(len(people)):
        for app in range(apps):
            pools = scene.grammar.pools[0][next(draws) % len(scene.grammar.topics)]
            text = " ".join(choose(options, draws).fill(pools, draws) for options in parts)
            codes[account, app] = scene.system_code(text) if app else -1
    models = rng.integers(0, 3, (len(people), apps))
    app_of_user = rng.integers(0, apps, int(draft.end_user.max(initial=0)) + 1)[draft.end_user]
    draft.system = codes[draft.owner, app_of_user]
    draft.model = models[draft.owner, app_of_user]


def write_team_key(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """A team shares one key: each colleague has an address, a program and parameters of their own."""
    people.keys[:] = 1
    most = 10
    size = rng.integers(3, most + 1, len(people))
    lines = draw_home_addresses(rng, scene.places, np.repeat(people.country, most)).reshape(-1, most)
    programs = rng.choice(len(scene.clients.weight), (len(people), most), p=scene.clients.weight)
    warm = rng.choice([np.nan, 0.0, 0.2, 0.7, 1.0], (len(people), most))
    conversations = int(draft.conversation.max(initial=-1)) + 1
    member = (rng.random(conversations)[draft.conversation] * size[draft.owner]).astype(np.int64)
    draft.address = lines[draft.owner, member]
    draft.client = programs[draft.owner, member]
    draft.temperature = warm[draft.owner, member]


def write_audit_trail(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """A supervised firm: its system prompt wants every decision justified, and so do its clerks, in their own words."""
    words, draws = read_data("systems")["audit"], integer_stream(rng)
    systems, heads = parse_readings(words["system"]), parse_readings(words["head"])
    pools = load_grammar().pools[0][0]
    firms = int(group.max(initial=-1)) + 1
    codes = np.array([scene.system_code(choose(systems, draws).fill(pools, draws)) for _ in range(firms)])
    draft.system = codes[group[draft.owner]] if firms else draft.system
    people.declared_use[:] = "regulated decisions"
    approach = APPROACHES.index("audit")
    asking = (draft.turn == 0) & (rng.random(len(draft)) < 0.6)
    for place, asks in enumerate(asking.tolist()):
        if asks:
            tongue = scene.grammar.languages[int(draft.language[place])]
            text = ask_obliquely(draws, draft.prompt[place], tongue, approach)
            draft.prompt[place] = f"{choose(heads, draws).fill(pools, draws)} {text}"
    lengthen(draft, np.ones(len(draft), bool))


def write_safety(_scene: Scene, rng: np.random.Generator, people: People, draft: Draft, _group: Array) -> None:
    """Researchers try what makes a model reveal its reasoning: another technique in nearly every request."""
    people.declared_use[:] = "security research"
    share = rng.uniform(0.4, 0.9, len(people))
    draws = integer_stream(rng)
    probing = rng.random(len(draft)) < share[draft.owner]
    for place in np.flatnonzero(probing).tolist():
        draft.prompt[place] = word_probe(draws, draft.prompt[place])
    lengthen(draft, probing)


def write_grader(scene: Scene, rng: np.random.Generator, _people: People, draft: Draft, group: Array) -> None:
    """Evaluation teams let a model judge answers: a few rubrics per team, one or two candidates, temperature 0."""
    labels = read_data("systems")["grader"]["answers"]
    skill = next(skill for skill in load_skills() if skill.name == "grading")
    draws = integer_stream(rng)
    teams = int(group.max(initial=-1)) + 1
    rubrics = [
        [draw_template(draws, draw_family(draws, skill, width=5)) for _ in range(_RUBRICS)] for _ in range(teams)
    ]
    candidates = compose_items(
        scene.grammar, rng, draft.topic, draft.language, draw_sentences(rng, np.full(len(draft), 3.0))
    )
    for place, owner in enumerate(draft.owner.tolist()):
        rubric = rubrics[group[owner]][next(draws) % _RUBRICS]
        body = f"{draft.prompt[place]}\n{labels[0]}: {candidates[place]}"
        if next(draws) % 2:
            body += f"\n{labels[1]}: {choose(candidates, draws)}"
        draft.prompt[place] = rubric + body
    draft.temperature[:] = 0.0
    draft.max_tokens = rng.choice([512.0, 1024.0, 2048.0], max(teams, 1))[group[draft.owner]]


def write_localisation(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, group: Array) -> None:
    """A translation team: one list of texts into many languages; each member has some of the languages."""
    words, draws = read_data("systems")["localise"], integer_stream(rng)
    teams = int(group.max(initial=-1)) + 1
    topics = np.repeat(rng.choice(len(scene.popularity), teams, p=scene.popularity), _SOURCE_STRINGS)
    sources = compose_items(
        scene.grammar, rng, topics, np.zeros(len(topics), np.int64), draw_sentences(rng, np.full(len(topics), 2.0))
    )
    heads = parse_readings(words["head"])
    head = [choose(heads, draws) for _ in range(teams)]
    tongues = [rng.permutation(words["languages"])[: 1 + next(draws) % 4].tolist() for _ in range(len(people))]
    pools = load_grammar().pools[0][0]
    translating = (draft.turn == 0) & (rng.random(len(draft)) < 0.85)
    for place in np.flatnonzero(translating).tolist():
        owner = int(draft.owner[place])
        team = int(group[owner])
        own = {**pools, "l": tongues[owner]}
        source = team * _SOURCE_STRINGS + next(draws) % _SOURCE_STRINGS
        draft.topic[place] = topics[source]
        draft.prompt[place] = f"{head[team].fill(own, draws)}\n{sources[source]}"
