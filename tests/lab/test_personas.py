"""What the honest look-alikes have in common with campaigns, and what tells them apart."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from test_campaigns import homogeneity

from stillhunt_lab.worlds.personas import RECIPES, SANCTIONED, build_persona, persona_counts
from stillhunt_lab.worlds.scene import Draft, People, Scene
from stillhunt_lab.worlds.traffic import REASONING_LENGTH, lengthen, set_answers

_BY_NAME = {recipe.persona: recipe for recipe in RECIPES.values()}


def persona(scene: Scene, name: str, count: int) -> tuple[People, Draft]:
    return build_persona(scene, _BY_NAME[name], count)


def test_small_worlds_keep_some_of_each_and_chat_is_the_rest() -> None:
    for accounts in (10, 80, 300, 1200, 5000):
        counts = {recipe.persona: count for recipe, count in persona_counts(accounts)}
        assert sum(counts.values()) == accounts
        assert counts["chat"] > 0.25 * accounts
    assert min(counts.values()) >= 1
    assert len(counts) == 26


@pytest.mark.parametrize(
    ("name", "least", "most"), [("chat", 1.3, 2.5), ("generalist", 1.5, 2.5), ("framework", 12, 26)]
)
def test_topic_preferences_differ_as_much_as_measured_elsewhere(
    scene: Scene, name: str, least: float, most: float
) -> None:
    """Ranges of worlds of another construction, 64 topics there, 63 here."""
    _, draft = persona(scene, name, 500)
    assert least < homogeneity(draft, draft.turn == 0) < most


def test_pipelines_answer_with_tool_results(scene: Scene) -> None:
    people, draft = persona(scene, "ci_agent", 30)
    assert (draft.tools >= 0).all()
    assert len(set(draft.system.tolist())) == 1
    later = [draft.prompt[row] for row in np.flatnonzero(draft.turn > 0).tolist()]
    assert all(text.startswith("Tool result") for text in later)
    assert len(later) > 0.5 * len(draft)
    assert len(set(people.address.tolist())) < 10


def test_a_gateway_names_many_users_of_several_apps(scene: Scene) -> None:
    _, draft = persona(scene, "gateway", 2)
    for account in (0, 1):
        own = draft.owner == account
        assert len(set(draft.end_user[own].tolist())) >= 10
        assert len(set(draft.system[own].tolist())) >= 4
        assert len(set(draft.model[own].tolist())) >= 2


def test_a_team_key_comes_from_many_lines_and_programs(scene: Scene) -> None:
    people, draft = persona(scene, "team_key", 12)
    assert (people.keys == 1).all()
    busy = [account for account in range(12) if (draft.owner == account).sum() > 60]
    for account in busy:
        own = draft.owner == account
        assert len(set(draft.address[own].tolist())) >= 3
        assert len(set(draft.client[own].tolist())) >= 2
    assert busy


def test_auditors_ask_for_reasons_as_campaigns_do(scene: Scene) -> None:
    people, draft = persona(scene, "audit_trail", 16)
    assert (draft.system >= 0).mean() > 0.95
    assert len(set(people.organization.tolist())) == 4
    assert len(set(people.address.tolist())) == 4
    groups = np.array(scene.grammar.groups)[draft.topic]
    assert np.isin(groups, ("law", "finance", "support")).mean() > 0.85


def test_safety_researchers_try_another_technique_each_time(scene: Scene) -> None:
    people, draft = persona(scene, "safety", 10)
    assert set(people.declared_use.tolist()) == {"security research"}
    assert len(set(draft.prompt)) > 0.85 * len(draft)


def test_niche_communities_share_a_subject_and_nothing_else(scene: Scene) -> None:
    people, draft = persona(scene, "niche", 300)
    favourite = Counter(int(np.bincount(draft.topic[draft.owner == account]).argmax()) for account in range(300))
    assert sum(count for _, count in favourite.most_common(3)) > 0.8 * 300
    assert len(set(people.address.tolist())) > 290
    assert len(set(people.payment[people.payment != None].tolist())) == (people.payment != None).sum()  # noqa: E711 - elementwise


def test_workshops_share_a_room_and_talk_back(scene: Scene) -> None:
    people, draft = persona(scene, "workshop", 40)
    assert len(set(people.address.tolist())) == 4
    assert len(set(people.email_domain.tolist())) > 4
    assert (draft.turn > 0).mean() > 0.3


def test_graders_use_few_rubrics_and_translators_one_list(scene: Scene) -> None:
    _, draft = persona(scene, "grader", 6)
    assert (draft.temperature == 0.0).all()
    assert all("Answer A: " in text for text in draft.prompt)
    assert len({text.split("\n")[0].rsplit(". ", 1)[0] for text in draft.prompt}) <= 6
    _, draft = persona(scene, "localisation", 8)
    sources = Counter(text.split("\n", 1)[1] for text in draft.prompt if "\n" in text)
    assert sources.most_common(1)[0][1] >= 3  # one text, several languages


def test_resellers_under_contract_are_declared(scene: Scene) -> None:
    assert set(SANCTIONED) == {"vendor", "contracted_reseller"}
    people, _ = persona(scene, "contracted_reseller", 2)
    assert set(people.declared_use.tolist()) == {"resale under contract"}
    assert None not in set(people.organization.tolist())


def test_answers_that_tell_their_reasoning_are_longer(scene: Scene) -> None:
    _, draft = persona(scene, "chat", 60)
    set_answers(np.random.default_rng(0), draft, np.full(60, 300.0))
    before = draft.output.copy()
    rows = np.arange(len(draft)) % 2 == 0
    lengthen(draft, rows)
    assert (draft.output[~rows] == before[~rows]).all()
    free = rows & np.isnan(draft.max_tokens) & (before < 5000)
    assert abs((draft.output[free] / np.maximum(before[free], 1)).mean() - REASONING_LENGTH) < 0.05
    limited = ~np.isnan(draft.max_tokens)
    assert (draft.output[limited] <= draft.max_tokens[limited]).all()
