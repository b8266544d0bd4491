"""The tests of `prove`: what each needs, how it asks, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt.base import formatting
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.keys import order_key
from stillhunt_model.marks.serving import CANARY, GREEN, GUMBEL, sampling_mark
from stillhunt_model.orders.order import Order
from stillhunt_model.proof.asking import ask, plan_questions
from stillhunt_model.proof.compared_answers import ControlAnswersTest
from stillhunt_model.proof.inherited_marks import KeyedMark, MarkScore, read_mark, score_mark
from stillhunt_model.proof.kept_canaries import canary_questions, score_choices, score_wordings
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, ProofTest, mark_orders
from stillhunt_model.proof.suspects import LocalSuspect, Suspect
from stillhunt_model.proof.verdict import CANARIES_TEST, MARKS_TEST, SMALLEST_P, ProofResult
from stillhunt_model.training.pairs import TextPair


def standard_tests() -> list[ProofTest]:
    """All tests, in the order in which they are run."""
    return [InheritedMarksTest(), CanariesTest(), ControlAnswersTest()]


class InheritedMarksTest:
    """Whether the suspect's own words carry the mark that was ordered for the campaign."""

    name = MARKS_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, (GREEN, GUMBEL))
        if not orders:
            return ProofResult(self.name, 1.0, note="no mark was ordered for the answers to this campaign")
        scores = _read(suspect, orders, harvest, context) or _asked(suspect, orders, harvest, context)
        best = min(scores, key=lambda one: one.p)
        return ProofResult(
            self.name,
            min(1.0, len(scores) * best.p),
            statistic=best.value,
            used=best.scored,
            note=f"{best.value:.3f} on {formatting.plural(best.scored, 'distinct token')}; "
            f"chance gives {best.expected:.3f}",
            power="no student of a million parameters with 100 marked answers was found by its mark alone; copies of "
            "SmolLM2-135M that learned 20 had p = 5e-19 if they were made from the teacher, and 5e-7 if they were not",
        )


def _read(
    suspect: Suspect, orders: Sequence[Order], harvest: CampaignHarvest, context: ProofContext
) -> list[MarkScore]:
    """Let a local suspect with the teacher's tokenizer read the harvest; nothing for another suspect."""
    vocabulary = context.teacher.tokenizer.get_vocab()
    if not isinstance(suspect, LocalSuspect) or suspect.net.tokenizer.get_vocab() != vocabulary:
        return []
    pairs = [TextPair(one.prompt, one.answer) for one in harvest.answers[: context.queries]]
    suspect.budget.spend(len(pairs))
    alike_nets = [one.net for one in context.references if one.net.tokenizer.get_vocab() == vocabulary]
    gate, keys = gate_of(context.teacher.tokenizer), keys_folder(context.config)
    references = [context.teacher, *alike_nets]
    return [
        read_mark(suspect.net, references, pairs, KeyedMark(order_key(keys, one), sampling_mark(one), gate))
        for one in orders
    ]


def _asked(
    suspect: Suspect, orders: Sequence[Order], harvest: CampaignHarvest, context: ProofContext
) -> list[MarkScore]:
    """Let a suspect go on from the beginnings of harvested answers."""
    before = suspect.asked
    continues = suspect.continues
    left = context.queries - (suspect.asked - before)
    asked = ask(suspect, harvest.answers, (), plan_questions(harvest.answers, (), left, continues=continues))
    gate, keys = gate_of(context.teacher.tokenizer), keys_folder(context.config)
    return [score_mark(asked, KeyedMark(order_key(keys, one), sampling_mark(one), gate)) for one in orders]


class CanariesTest:
    """Whether the suspect makes the keyed choices of wording that were ordered for the campaign."""

    name = CANARIES_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, (CANARY,))
        if not orders:
            return ProofResult(self.name, 1.0, note="no canary was ordered for the answers to this campaign")
        before = suspect.asked
        scores = suspect.can_score
        if not scores and not suspect.continues:
            return ProofResult(self.name, 1.0, note="the endpoint neither scores nor continues an answer")
        left = (context.queries - (suspect.asked - before)) // len(orders)
        keys = keys_folder(context.config)
        questions = canary_questions(harvest.answers, left // 2 if scores else left)
        if not questions:
            return ProofResult(self.name, 1.0, note="no harvested answer has a wording to choose")
        score = score_wordings if scores else score_choices
        found = [score(suspect, context.compared_with, questions, order_key(keys, one)) for one in orders]
        best = min(found, key=lambda one: one.p)
        return ProofResult(
            self.name,
            min(1.0, len(found) * best.p),
            statistic=best.kept,
            used=best.scored,
            note=f"{formatting.percent(best.kept)} of {formatting.plural(best.scored, 'choice')} are those of the key; "
            "chance gives 50 %",
            power=_power_of_canaries(best.scored, scores=scores),
        )


def _power_of_canaries(choices: int, *, scores: bool) -> str:
    """What the test of canaries could have seen, in a sentence (measured: docs/model-figures.md, canaries)."""
    floor = max(0.5**choices, SMALLEST_P)
    measured = (
        "no student of a million parameters that learned 20 to 400 answers with one choice each was found by canaries "
        "alone"
    )
    if scores:
        measured += (
            "; with 400 its p-value before correction was about 1e-4 with the teacher as reference, and 3e-5 with the "
            "model that it was made from as well (medians of three)"
        )
    return f"{measured}; no p-value below {floor:.0e} was possible"
