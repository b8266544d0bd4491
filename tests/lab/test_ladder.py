"""What each rung from 7 on adds to the ladder, and what it leaves out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from test_campaigns import first_turns, homogeneity

from stillhunt.base.units import DAY, HOUR
from stillhunt_lab.worlds.account_events import NEW_MODEL
from stillhunt_lab.worlds.build import build_world, spec_for_rung
from stillhunt_lab.worlds.campaigns import CampaignSpec, build_campaign
from stillhunt_lab.worlds.grammar import integer_stream
from stillhunt_lab.worlds.networks import CHANNELS
from stillhunt_lab.worlds.personas import CHAT, build_persona
from stillhunt_lab.worlds.rungs import RUNGS
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene
from stillhunt_lab.worlds.templates import APPROACHES, ask_obliquely, word_probe


def campaign(scene: Scene, rung: int, accounts: int = 60, **options: object) -> tuple[People, Draft]:
    return build_campaign(scene, CampaignSpec(rung, accounts, **options), "c", 0)  # type: ignore[arg-type]  # forwarded


def test_oblique_requests_have_no_phrase_in_common(scene: Scene) -> None:
    _, draft = campaign(scene, 7)
    texts = [draft.prompt[row].lower().split() for row in np.flatnonzero(draft.campaign != "").tolist()]
    phrases = Counter(phrase for text in texts for phrase in {tuple(text[at : at + 3]) for at in range(len(text) - 2)})
    assert phrases.most_common(1)[0][1] < 0.08 * len(texts)
    assert len({tuple(text[:6]) for text in texts}) > 0.75 * len(texts)
    # The measure can fail: a fixed template is in every second request at least.
    _, plain = campaign(scene, 5, skills=1)
    heads = Counter(" ".join(text.split()[:3]) for text in plain.prompt)
    assert heads.most_common(1)[0][1] > 0.1 * len(plain)


def test_oblique_wordings_speak_several_languages_and_approaches() -> None:
    draws = integer_stream(np.random.default_rng(3))
    for tongue in ("en", "de", "zh", "ja", "th"):
        texts = {ask_obliquely(draws, "ITEM", tongue) for _ in range(300)}
        assert len(texts) > 270
        assert all(text.count("ITEM") == 1 and "%s" not in text and "|" not in text for text in texts)
    assert "ITEM" in ask_obliquely(draws, "ITEM", "en", len(APPROACHES) - 1)


def test_probes_are_thousands_of_techniques() -> None:
    draws = integer_stream(np.random.default_rng(4))
    probes = [word_probe(draws, "") for _ in range(12_000)]
    assert len(set(probes)) > 11_500


def test_a_probing_phase_comes_before_the_campaign(scene: Scene) -> None:
    _, draft = campaign(scene, 7)
    days = (draft.time - ORIGIN) / DAY
    start = np.sort(days)[int(0.06 * len(days))]
    early = days < start
    per_account = np.bincount(draft.owner[early], minlength=60)
    assert (per_account > 0).sum() <= 40  # a third of the accounts, some with the first days of work besides
    assert np.bincount(draft.owner[early]).max() < 20
    assert days.min() < 1.5


def test_untemplated_items_still_come_from_one_queue(scene: Scene) -> None:
    _, draft = campaign(scene, 7, accounts=100, template="none", skills=2)
    rows = first_turns(draft)
    assert 0.85 < homogeneity(draft, rows) < 1.15
    words = [len(draft.prompt[row].split()) for row in np.flatnonzero(rows).tolist()]
    _, wrapped = campaign(scene, 7, accounts=100, skills=2)
    assert np.median(words) < 0.6 * np.median([len(text.split()) for text in wrapped.prompt])


def test_a_pool_of_three_labs_and_many_customers(scene: Scene) -> None:
    people, draft = campaign(scene, 8, accounts=120)
    assert set(draft.campaign.tolist()) == {"", "ca", "cb", "cc"}
    assert 0.5 < (draft.campaign == "").mean() < 0.9
    assert len(set(people.campaign.tolist())) >= 6  # varied subsets of the labs
    assert set(people.persona.tolist()) == {"pool"}
    for lab in ("ca", "cb", "cc"):
        assert 0.8 < homogeneity(draft, (draft.campaign == lab) & (draft.turn == 0)) < 1.25


def test_a_relay_serves_many_users_and_replays_some_sessions(scene: Scene) -> None:
    people, draft = campaign(scene, 9, accounts=80)
    assert (draft.campaign == "c").all()
    assert (draft.turn > 0).mean() > 0.1
    harnessed = draft.system >= 0
    assert 0.05 < harnessed.mean() < 0.4
    assert 1 <= len(set(draft.system[harnessed].tolist())) <= 3
    assert set(draft.tools[~harnessed].tolist()) == {-1}
    assert 0.2 < np.mean(np.bincount(draft.owner[harnessed], minlength=len(people)) > 0) < 0.5
    assert (draft.end_user == -1).all()
    # Replays: the same long text again, on another day and mostly by another account.
    seen: dict[str, list[int]] = {}
    for row, text in enumerate(draft.prompt):
        if len(text) > 250:
            seen.setdefault(text, []).append(row)
    twice = [rows for rows in seen.values() if len(rows) == 2]
    assert 0.05 < len(twice) / len(seen) < 0.2
    assert np.mean([draft.owner[a] != draft.owner[b] for a, b in twice]) > 0.9
    assert min(abs(draft.time[a] - draft.time[b]) for a, b in twice) > 0.9 * DAY


def test_a_campaign_comes_in_by_every_channel() -> None:
    world = build_world(spec_for_rung(10, accounts=300, seed=5, campaign_accounts=60))
    requests, truth = world.requests.to_pandas(), world.truth_requests.to_pandas()
    harvested = requests[(truth.campaign != "").to_numpy()]
    assert set(harvested.channel) == set(requests.channel) == {way.name for way in CHANNELS}
    for way in CHANNELS:
        own = requests[requests.channel == way.name]
        shape = way.account.split("{}")
        assert own.account_id.str.startswith(shape[0]).all()
        assert own.account_id.str.endswith(shape[1]).all()
        for column in ("conversation_id", "client_ip", "user_agent", "api_key_id"):
            assert own[column].isna().all() == (column in way.hidden)
    customers = world.accounts.to_pandas()
    assert customers[customers.account_id.str.startswith("cumulus")].email_domain.isna().all()


def test_banned_accounts_fall_silent_and_the_queue_goes_on(scene: Scene) -> None:
    people, draft = campaign(scene, 11, accounts=100)
    harvest = draft.campaign != ""
    banned = np.unique(draft.owner[draft.status == 403])
    assert 20 <= len(banned) <= 38
    for account in banned.tolist():
        own = draft.owner == account
        first = draft.time[own & (draft.status == 403)].min()
        after = own & (draft.time > first)
        assert (draft.status[after & harvest] == 403).all()
        assert after.sum() <= 12  # the last cover requests were under way
    # What was refused is done by somebody else within minutes.
    refused = np.flatnonzero(harvest & (draft.status > 0))
    minutes = []
    for row in refused.tolist():
        same = [
            at
            for at in np.flatnonzero((draft.time > draft.time[row]) & (draft.time < draft.time[row] + HOUR))
            if draft.prompt[at] == draft.prompt[row] and draft.owner[at] != draft.owner[row]
        ]
        minutes += [(draft.time[at] - draft.time[row]) / 60e6 for at in same[:1]]
    assert len(minutes) > 0.9 * len(refused)
    assert max(minutes) < 10
    # Successors begin within hours: work per day stays level although accounts go.
    days = np.bincount((draft.time[harvest] - ORIGIN) // DAY)[3:-2]
    assert days.min() > 0.4 * np.median(days)
    late = np.array([draft.time[draft.owner == account].min() for account in range(len(people))])
    assert (late > ORIGIN + 4 * DAY).sum() >= len(banned) // 2


def test_a_campaign_turns_to_a_new_model_within_a_day_and_people_over_weeks(scene: Scene) -> None:
    _, draft = campaign(scene, 5, accounts=120)
    new = draft.model == NEW_MODEL
    assert draft.time[new].min() > scene.release
    settled = draft.time > scene.release + DAY
    assert 0.4 < new[settled].mean() < 0.6
    _, chat = build_persona(scene, CHAT, 400)
    soon = (chat.time > scene.release + DAY) & (chat.time < scene.release + 3 * DAY)
    last = chat.time > scene.end - 2 * DAY
    share = [float((chat.model == NEW_MODEL)[rows].mean()) for rows in (soon, last)]
    assert share[0] < 0.15
    assert share[0] < share[1] < 0.35


def test_curated_questions_are_few_and_come_from_no_queue(scene: Scene) -> None:
    _, draft = campaign(scene, 12)
    assert 400 < (draft.campaign != "").sum() < 10_000
    assert 0.1 < (draft.campaign == "").mean() < 0.5
    assert homogeneity(draft, first_turns(draft)) > 2.0
    assert (draft.turn > 0).mean() > 0.1


def test_log_sellers_are_customers_like_any_other(scene: Scene) -> None:
    people, draft = campaign(scene, 13, accounts=10)
    assert (draft.campaign == "c").all()
    assert set(people.campaign.tolist()) == {"c"}
    assert len(set(draft.end_user.tolist())) > 50
    assert homogeneity(draft, draft.turn == 0) > 1.2


def test_a_shell_company_has_clean_papers(scene: Scene) -> None:
    people, draft = campaign(scene, 15)
    for column in (people.organization, people.payment, people.email_domain, people.plan):
        assert len(set(column.tolist())) == 1
    assert None not in set(people.organization.tolist())
    assert people.created.max() < ORIGIN - 80 * DAY
    assert (draft.model == 1).mean() < 0.1


@pytest.mark.parametrize("rung", sorted(RUNGS))
def test_every_rung_has_a_world(rung: int) -> None:
    world = build_world(spec_for_rung(rung, accounts=30, days=6, seed=rung, campaign_accounts=12))
    named = set(world.truth_requests.column("campaign").to_pylist()) - {""}
    assert named == ({"c0a", "c0b", "c0c"} if rung == 8 else {"c0"})
    assert world.accounts.num_rows == 42
