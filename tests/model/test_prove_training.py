"""`prove_training` with real tiny models: the student is found out, the others are not, and every promise is kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs stillhunt[model]")

from prose import prose_pairs, prose_world

from model.marks_scene import MARKS, scene_net
from model.model_server import Served, serve_net
from model.prove_scene import SIZE, copied, fingerprint, prove_scene, thief
from model.remembered import forget
from stillhunt.base.errors import ConfigError, ContractError, InputError
from stillhunt_evidence.packs.proof_file import NO_CONCLUSION, TRAINED, decoded_proof, proof_faults, proof_of_campaign
from stillhunt_model.endpoints.budget import QueryBudget, TokenPrice
from stillhunt_model.endpoints.client import Endpoint
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.keys import OTHER_ACCOUNTS
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.marks.standing import Layer
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import tiny_net
from stillhunt_model.proof.control_answers import AnswerMark, DrawnAnswers, draw_controls
from stillhunt_model.proof.endpoint import EndpointSuspect
from stillhunt_model.proof.exchangeable import alike
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, ProvenCampaign, prove_training, strongest
from stillhunt_model.proof.replies import RepliesStoppedError
from stillhunt_model.proof.report import proof_bytes, proof_document
from stillhunt_model.proof.standard_tests import ControlAnswersTest, standard_tests
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.proof.trials import TRIALS_FILE, TrialRegister
from stillhunt_model.proof.verdict import (
    CONTROLS_TEST,
    MARKS_TEST,
    TEST_WEIGHTS,
    ProofResult,
    weighed_verdict,
)
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

pytestmark = pytest.mark.usefixtures("remembers_frozen_models")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def local(name: str, most: int = 400) -> LocalSuspect:
    return LocalSuspect(getattr(prove_scene(), name), fingerprint(name), QueryBudget(most))


def proven(suspect: Suspect, folder: Path, tests: Sequence[object] = (), **settings: object) -> list[ProvenCampaign]:
    scene = prove_scene()
    context = scene.context(**settings)
    register = TrialRegister(folder, context.config.model.pairs)
    harvests = [scene.harvest("c-1"), scene.harvest("c-2")]
    return prove_training(suspect, harvests, tests or [ControlAnswersTest()], context, register, NOW)  # type: ignore[arg-type]  # tests of tests


def test_a_student_is_found_out_for_the_campaign_that_it_learned_from(tmp_path: Path) -> None:
    suspect = local("student")
    found = proven(suspect, tmp_path)
    assert [one.verdict.verdict for one in found] == [TRAINED, NO_CONCLUSION]
    assert strongest(found).harvest.campaign_id == "c-1"
    assert found[0].verdict.corrected == pytest.approx(4 * found[0].results[0].p / TEST_WEIGHTS[CONTROLS_TEST])
    assert suspect.asked == sum(one.results[0].queries for one in found) <= 400
    forget()
    again = proven(local("student"), tmp_path)
    assert [one.results for one in again] == [one.results for one in found]
    assert [one.place.number for one in again] == [3, 4]


def test_a_stranger_is_not_accused_and_not_cleared(tmp_path: Path) -> None:
    found = proven(local("stranger"), tmp_path)
    assert {one.verdict.verdict for one in found} == {NO_CONCLUSION}
    assert min(one.verdict.p for one in found) > 0.01


def test_a_student_is_found_out_behind_an_endpoint(tmp_path: Path) -> None:
    with serve_net(prove_scene().student) as served:
        suspect = EndpointSuspect(Endpoint(served.url, "m"), QueryBudget(400), lambda _: None)
        found = proven(suspect, tmp_path)
        suspect.close()
        assert suspect.asked == len(served.asked) <= 400
    assert [one.verdict.verdict for one in found] == [TRAINED, NO_CONCLUSION]


def proven_by_replies(served: Served, folder: Path, price: TokenPrice | None = None) -> ProvenCampaign:
    """What comes of twelve answers of the campaign that the student learned from, and of twelve honest ones."""
    scene = prove_scene()
    context = scene.context(queries=300)
    harvest = CampaignHarvest("c-1", scene.answers["c-1"][:12], scene.honest[:16])
    suspect = EndpointSuspect(Endpoint(served.url, "m"), QueryBudget(300, price), lambda _: None)
    register = TrialRegister(folder, context.config.model.pairs)
    try:
        return prove_training(suspect, [harvest], [ControlAnswersTest()], context, register, NOW)[0]
    finally:
        suspect.close()


def test_a_thief_is_found_out_by_its_replies_alone(tmp_path: Path) -> None:
    with serve_net(thief(), echoes=False) as served:
        found = proven_by_replies(served, tmp_path)
        prompts = Counter(body["prompt"] for body in served.bodies if body.get("temperature") == 1.0)
        drawn = {(body["prompt"], body["seed"]) for body in served.bodies if body.get("temperature") == 1.0}
    assert found.verdict.verdict == TRAINED, found.results[0]
    assert set(prompts.values()) == {11}
    assert len(drawn) == prompts.total()  # a seed for each: a server that takes it would repeat itself
    assert "a surrogate that learned 11 replies to each prompt" in found.results[0].note


def test_a_filter_on_honest_prompts_leaves_nobody_accused(tmp_path: Path) -> None:
    """The trap: honest answers that are not heard would see no difference that the harvested ones see."""
    scene = prove_scene()
    with serve_net(thief(), completions=False, filters={one.prompt for one in scene.honest}.__contains__) as served:
        by_replies = proven_by_replies(served, tmp_path).results[0]
    assert (by_replies.p, by_replies.used) == (1.0, 0)
    assert "of honest answers: 132 of 132 replies were empty or filtered" in by_replies.note
    honest = {one.prompt for one in scene.honest}
    harvest = scene.harvest()

    def found(refused: set[str]) -> ProofResult:
        with serve_net(scene.student, filters=lambda text: any(text.startswith(one) for one in refused)) as served:
            suspect = EndpointSuspect(Endpoint(served.url, "m"), QueryBudget(400), lambda _: None)
            context = replace(scene.context(), queries=400, replies=tmp_path / f"{len(refused)}.jsonl")
            result = ControlAnswersTest().run(suspect, harvest, context)
            suspect.close()
            return result

    unheard = found(honest)
    assert (unheard.p, unheard.used) == (1.0, 0)
    assert "a filter refused to score" in unheard.note
    whole, some = found(set()), found(set(sorted(honest)[:24]))
    assert 0 < some.used <= 10 < whole.used
    assert "of honest answers: of " in some.note
    harvested = found({harvest.answers[0].prompt})
    assert 0 < harvested.used < whole.used


def test_money_that_ends_while_texts_are_scored_leaves_all_places_to_the_same_run(tmp_path: Path) -> None:
    """It ends at the first campaign, then at the second; the third run asks for the rest."""
    found: list[ProvenCampaign] = []
    with serve_net(prove_scene().student) as served:
        for most in (0.004, 0.2, None):
            price = None if most is None else TokenPrice(1.0, 2.0, most)
            suspect = EndpointSuspect(Endpoint(served.url, "m"), QueryBudget(400, price), lambda _: None)
            if price is None:
                found = proven(suspect, tmp_path)
            else:
                with pytest.raises(RepliesStoppedError, match=r"USD is reached.* scores are kept"):
                    proven(suspect, tmp_path)
            suspect.close()
        texts = Counter(body["prompt"] for body in served.bodies if body.get("echo"))
    assert len(list((tmp_path / "replies").iterdir())) == 2
    assert [one.verdict.verdict for one in found] == [TRAINED, NO_CONCLUSION]
    assert [one.place.number for one in found] == [1, 2]
    assert max(count for text, count in texts.items() if "days of the week" not in text) == 1


def test_a_stranger_is_not_accused_by_its_replies(tmp_path: Path) -> None:
    with serve_net(prove_scene().stranger, echoes=False) as served:
        found = proven_by_replies(served, tmp_path)
        assert len(served.bodies) < 150  # honest answers are asked about only where the others could accuse
    assert found.verdict.p > 0.01


def test_a_run_that_broke_off_asks_for_nothing_twice(tmp_path: Path) -> None:
    """The endpoint fails once, then the money is spent; the third run asks for the rest, under the same place."""
    down = set(range(41, 999))
    with serve_net(prove_scene().stranger, echoes=False, down=down) as served:
        with pytest.raises(RepliesStoppedError, match=r"of 132 replies are kept"):
            proven_by_replies(served, tmp_path)
        first = len(served.bodies)
        down.clear()
        with pytest.raises(RepliesStoppedError, match=r"the limit of 0\.00 USD is reached"):
            proven_by_replies(served, tmp_path, TokenPrice(1.0, 2.0, 0.003))
        second = len(served.bodies)
        proven_by_replies(served, tmp_path)
        asked = sum(body.get("temperature") == 1.0 for body in served.bodies)
    assert 40 < first < second < 132
    entries = [json.loads(line) for line in (tmp_path / TRIALS_FILE).read_text(encoding="utf-8").splitlines()]
    assert [one["kind"] for one in entries] == ["register", "trial", "result"]
    (kept,) = (tmp_path / "replies").iterdir()
    assert len(kept.read_text(encoding="utf-8").splitlines()) == 132
    assert asked <= 132 + 16  # those that failed
    assert prove_scene().answers["c-1"][0].prompt not in kept.read_text(encoding="utf-8")


def test_an_endpoint_that_cannot_be_reached_costs_no_try(tmp_path: Path) -> None:
    with serve_net(prove_scene().stranger, down=range(99), echoes=False) as served:
        with pytest.raises(InputError, match="cannot be asked") as failed:
            proven_by_replies(served, tmp_path)
        harvested = {one.prompt for one in prove_scene().answers["c-1"]}
        assert not [body for body in served.bodies if harvested & {body.get("prompt")}]
    assert "no place in the register was used" in failed.value.on_command_line()
    assert not (tmp_path / TRIALS_FILE).exists()


class Nosy:
    """Looks whether the register was written before it is asked, and asks all that it may."""

    name = MARKS_TEST

    def __init__(self, register: Path, *, over: bool = False) -> None:
        self.register, self.over, self.shares = register, over, list[int]()

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        entries = [json.loads(line) for line in self.register.read_text(encoding="utf-8").splitlines()]
        mine = [one["campaign"] for one in entries if one["kind"] == "trial" and one["suspect"] == suspect.fingerprint]
        assert mine == ["c-1", "c-2"]
        assert harvest.answers
        self.shares.append(context.queries)
        suspect.answer(["a"] * (suspect.budget.left + 1 if self.over else context.queries), 1)
        return ProofResult(self.name, 0.5, used=context.queries)


def test_the_register_is_written_first_and_the_budget_is_kept(tmp_path: Path) -> None:
    nosy, suspect = Nosy(tmp_path / TRIALS_FILE), local("stranger", 100)
    found = proven(suspect, tmp_path, [nosy, ControlAnswersTest()])
    assert nosy.shares[0] == 25  # of two campaigns and two tests with the same weight
    assert suspect.asked <= 100
    assert [one.results[0].queries for one in found] == nosy.shares
    assert [len(one.results) for one in found] == [2, 2]


def test_a_test_that_needs_more_than_the_budget_has_says_nothing(tmp_path: Path) -> None:
    suspect = local("stranger", 50)
    found = proven(suspect, tmp_path, [Nosy(tmp_path / TRIALS_FILE, over=True)])
    assert suspect.asked == 0
    assert {one.results[0].p for one in found} == {1.0}
    assert "more queries than the budget has" in found[0].results[0].note


def test_nothing_is_asked_where_it_makes_no_sense(tmp_path: Path) -> None:
    scene = prove_scene()
    context, register = scene.context(), TrialRegister(tmp_path, 4)
    reference = LocalSuspect(scene.student, fingerprint("student"), QueryBudget.without_end())
    empty = CampaignHarvest("c-3", (), scene.honest)
    tests = [ControlAnswersTest()]
    for suspect, harvests, other, what in (
        (local("teacher"), [scene.harvest()], context, "the teacher itself"),
        (local("student"), [scene.harvest()], replace(context, references=(reference,)), "one of the reference models"),
        (local("student"), [scene.harvest(), empty], context, "no harvested answer of c-3"),
        (local("student"), [], context, "no campaign to ask about"),
    ):
        with pytest.raises((ConfigError, InputError), match=what):
            prove_training(suspect, harvests, tests, other, register, NOW)
        assert suspect.asked == 0
    assert register.left() == 4
    prove_training(local("student"), [scene.harvest()] * 3, tests, context, register, NOW)
    late = local("student")
    with pytest.raises(ConfigError, match="1 of 4 places left"):
        prove_training(late, [scene.harvest(), scene.harvest("c-2")], tests, context, register, NOW)
    assert late.asked == 0


def test_weights_allow_no_more_errors_than_stated() -> None:
    assert set(TEST_WEIGHTS) == {MARKS_TEST, "canaries", CONTROLS_TEST}  # of older proofs, too
    assert sum(TEST_WEIGHTS.values()) <= 1
    found = weighed_verdict([ProofResult(MARKS_TEST, 1e-9), ProofResult(CONTROLS_TEST, 1e-9)], 100, 1e-5)
    assert (found.p, found.corrected) == (1e-9 / TEST_WEIGHTS[MARKS_TEST], 100 * (1e-9 / TEST_WEIGHTS[MARKS_TEST]))
    assert found.verdict == TRAINED
    assert weighed_verdict([ProofResult(MARKS_TEST, 1e-9)], 10_000, 1e-5).verdict == NO_CONCLUSION
    assert weighed_verdict([], 1, 0.05).verdict == NO_CONCLUSION
    assert weighed_verdict([ProofResult(MARKS_TEST, 1.0)], 1, 0.05).p == 1
    assert weighed_verdict([ProofResult(MARKS_TEST, 0.0)], 1, 0.05).p > 0
    for wrong in (
        [ProofResult("other", 0.5)],
        [ProofResult(MARKS_TEST, 0.5)] * 2,
        [ProofResult(MARKS_TEST, float("nan"))],
    ):
        with pytest.raises(ContractError):
            weighed_verdict(wrong, 1, 0.05)


def control_result(campaign: CampaignHarvest, name: str = "stranger") -> ProofResult:
    context = replace(prove_scene().context(), queries=400)
    return ControlAnswersTest().run(local(name), campaign, context)


@cache
def later_teacher() -> Net:
    """A version of the teacher that learned a little more than the one that answered."""
    later = copied(prove_scene().teacher)
    train(later, prose_pairs(prose_world(), 200, 1, sentences=2), TrainingRecipe(20, 16, 5e-3))
    return later


def test_answers_that_cannot_be_drawn_again_are_not_used() -> None:
    harvest = prove_scene().harvest()
    for change in ({"temperature": None}, {"turn": 1}, {"system_prompt": "Be brief."}):
        found = control_result(replace(harvest, answers=tuple(replace(one, **change) for one in harvest.answers)))
        assert (found.p, found.used) == (1.0, 0)
        assert "no harvested answer can be drawn again" in found.note


def test_answers_of_another_temperature_accuse_nobody() -> None:
    scene = prove_scene()
    said = generate(scene.teacher, [one.prompt for one in scene.harvest().answers], Sampling(24, 0.3, seed=8))
    cold = tuple(replace(one, answer=text) for one, text in zip(scene.harvest().answers, said, strict=True))
    found = control_result(CampaignHarvest("c-1", cold, scene.honest), "student")
    assert (found.p, found.used) == (1.0, 0)
    assert "the teacher or a reference itself tells the harvested answers from their control answers" in found.note


def test_another_version_of_the_teacher_accuses_nobody() -> None:
    """The named teacher learned a little more than the one that answered; who answered prefers its own words."""
    scene = prove_scene()
    later = later_teacher()
    context = replace(scene.context(), queries=400, teacher=later, teacher_fingerprint="later")
    earlier = LocalSuspect(scene.teacher, fingerprint("teacher"), QueryBudget(800))
    found = ControlAnswersTest().run(earlier, scene.harvest(), context)
    assert found.p == 1.0
    assert "itself tells the harvested answers from their control answers" in found.note
    # Also where honest accounts had their answers from the later version, as in a trial of it; nothing is asked.
    drawn = generate(later, [one.prompt for one in scene.honest], Sampling(24, seed=6))
    same = tuple(replace(one, answer=text) for one, text in zip(scene.honest, drawn, strict=True))
    assert ControlAnswersTest().run(earlier, replace(scene.harvest(), honest=same), context).p == 1.0
    assert earlier.asked == 0


def test_the_teacher_tells_the_answers_of_a_later_version_and_not_its_own() -> None:
    scene = prove_scene()
    later = later_teacher()
    rows = [one for some in (*scene.answers.values(), scene.honest) for one in some]
    controls = draw_controls(scene.teacher, rows, 9, 3, AnswerMark())
    said = generate(later, [one.prompt for one in rows], Sampling(24, seed=8))
    own, other = (
        DrawnAnswers([replace(one, answer=text or ".") for one, text in zip(rows, texts, strict=True)], controls)
        for texts in ([one.answer for one in rows], said)
    )
    assert alike(scene.teacher, own)
    assert not alike(scene.teacher, other)


@pytest.mark.parametrize("seed", [0, 3])
def test_answers_that_share_a_seed_accuse_nobody(seed: int) -> None:
    """The trap: the log does not keep the seed, so that all answers come from one stream of random numbers."""
    scene = prove_scene()
    rows = scene.answers["c-1"]
    said = [generate(scene.teacher, [one.prompt], Sampling(24, seed=seed))[0] for one in rows]
    controls = draw_controls(scene.teacher, rows, 9, 3, AnswerMark())
    seeded = DrawnAnswers([replace(one, answer=text) for one, text in zip(rows, said, strict=True)], controls)
    assert not alike(scene.teacher, seeded)


def test_honest_answers_that_are_shorter_than_every_harvested_one_leave_nothing_to_compare() -> None:
    harvest = prove_scene().harvest()
    short = tuple(replace(one, answer=" ".join(one.answer.split()[:2])) for one in harvest.honest[:2])
    found = control_result(replace(harvest, honest=short), "student")
    assert (found.p, found.used) == (1.0, 0)
    assert "together have fewer tokens than one harvested answer" in found.note


def test_short_honest_answers_do_not_let_another_version_accuse() -> None:
    """The trap: as many honest answers, of one token each, would see no difference that the harvested ones see."""
    scene = prove_scene()
    later = later_teacher()
    context = replace(scene.context(), queries=400, teacher=later, teacher_fingerprint="later")
    short = tuple(replace(one, max_tokens=2) for one in scene.honest[:29]) + scene.honest[29:]
    earlier = LocalSuspect(scene.teacher, fingerprint("teacher"), QueryBudget(400))
    found = ControlAnswersTest().run(earlier, replace(scene.harvest("c-2"), honest=short), context)
    assert found.used < 12
    assert found.p > 4e-9  # the bar of a register for 1,000 pairs


def test_only_answers_of_models_and_days_with_honest_ones_are_compared() -> None:
    scene = prove_scene()
    dated = [replace(one, model="m", day=f"2026-03-0{1 + place % 2}") for place, one in enumerate(scene.answers["c-1"])]
    honest = tuple(replace(one, model="m", day="2026-03-02") for one in scene.honest)
    found = control_result(CampaignHarvest("c-1", tuple(dated), honest), "student")
    assert 0 < found.used <= 16
    other = tuple(replace(one, model="other") for one in honest)
    found = control_result(CampaignHarvest("c-1", tuple(dated), other), "student")
    assert (found.p, found.used) == (1.0, 0)
    assert "no answer to an honest account of the same model and day" in found.note


def test_who_learned_the_answers_of_everybody_is_not_accused_for_one_campaign() -> None:
    scene = prove_scene()
    everybody = tiny_net(SIZE, scene.teacher.tokenizer, 7, "everybody")
    pairs = [TextPair(one.prompt, one.answer) for one in (*scene.answers["c-1"], *scene.honest)]
    train(everybody, pairs, TrainingRecipe(60, batch=16, learning_rate=5e-3))
    suspect = LocalSuspect(everybody, "everybody", QueryBudget(400))
    found = ControlAnswersTest().run(suspect, scene.harvest(), replace(scene.context(), queries=400))
    assert found.p == 1.0
    assert "or the suspect learned those, too" in found.note


def test_answers_that_were_cut_at_an_unknown_limit_accuse_nobody() -> None:
    """The trap: whoever compares whole texts finds that every model prefers the shorter ones."""
    harvest = prove_scene().harvest()
    unknown = replace(harvest, answers=tuple(replace(one, max_tokens=None) for one in harvest.answers))
    assert control_result(unknown).p > 0.01
    # Few answers are as long as their controls; of these the student prefers all, which is the least p-value there is.
    found = control_result(unknown, "student")
    assert found.used >= 2
    assert found.statistic == 1.0


@pytest.fixture
def _two_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a language of few words each pair of two words is said soon, whoever says it."""
    monkeypatch.setattr("stillhunt_model.marks.keys.GROUP_LAYER", Layer(2, 4))


def marked_context(queries: int = 120) -> ProofContext:
    """With a key for the accounts of c-1."""
    return replace(prove_scene().context(replace(MARKS, groups={"someone": "c-1"})), queries=queries)


@pytest.mark.usefixtures("_two_tokens")
def test_the_mark_of_a_campaign_is_looked_for_where_it_has_a_key() -> None:
    context, suspect, harvest = marked_context(), local("student"), prove_scene().harvest()
    marks, controls = standard_tests()
    found = [test.run(suspect, harvest, context) for test in (marks, controls)]
    assert suspect.asked <= 240
    assert found[1].used  # these answers have no mark in truth, so that control answers need none
    # Whatever is found is chance.
    assert found[0].p > 1e-3
    assert found[0].used > 0
    elsewhere = marks.run(local("student"), prove_scene().harvest("c-2"), context)
    assert (elsewhere.p, elsewhere.used) == (1.0, 0)
    assert "had no key" in elsewhere.note


def test_a_suspect_with_other_tokens_is_heard_once(tmp_path: Path) -> None:
    context = replace(marked_context(), replies=tmp_path / "replies.jsonl")
    for asked in (110, 0):  # ten replies to each of eleven prompts, which are kept
        suspect = LocalSuspect(scene_net(), "", QueryBudget(120))
        found = standard_tests()[0].run(suspect, prove_scene().harvest(), context)
        assert suspect.asked == asked
        assert found.used > 0
        assert found.p > 1e-3


@pytest.mark.usefixtures("_two_tokens")
def test_control_answers_have_the_marks_of_the_logged_ones() -> None:
    """The trap: to a marked harvest, unmarked control answers are unlike, and the teacher tells them apart."""
    scene, context = prove_scene(), marked_context(200)
    marks = context.marks
    assert marks is not None
    prompts = [one.prompt for one in scene.answers["c-1"]]
    parts = []
    for group, seed in (("c-1", 5), (OTHER_ACCOUNTS, 6)):
        mark = StandingProcessor([marks.keys_of(group)], marks.layers, gate_of(scene.teacher.tokenizer))
        said = generate(scene.teacher, prompts, Sampling(tokens=24, seed=seed, processors=(mark,)))
        rows = zip(scene.answers["c-1"], said, strict=True)
        parts.append(tuple(replace(one, answer=text or ".") for one, text in rows))
    found = ControlAnswersTest().run(local("stranger"), CampaignHarvest("c-1", *parts), context)
    assert found.used
    assert found.p > 1e-3


def test_the_result_is_canonical_and_holds_no_texts(tmp_path: Path) -> None:
    scene = prove_scene()
    texts = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        suspect = local("student")  # that what is computed anew comes out the same has a test of its own
        found = proven(suspect, folder)
        document = proof_document(suspect, found, scene.context())
        texts.append(proof_bytes(document))
        assert document.named == "c-1"
        assert document.asked == suspect.asked
        assert decoded_proof(texts[-1], "") == document
        harvest = {"requests": 0, "sha256": ""}
        shown = proof_of_campaign(document, "c-2", "c-shown", harvest)
        assert [one.campaign_id for one in shown.campaigns] == ["c-shown"]
        assert shown.named == ""
        assert list(proof_faults(shown, "c-shown", harvest)) == []
    assert texts[0] == texts[1]
    for one in scene.answers["c-1"]:
        for text in (one.prompt, one.answer, one.request_id):
            assert json.dumps(text)[1:-1].encode() not in texts[0]
