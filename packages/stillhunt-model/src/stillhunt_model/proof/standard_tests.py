"""The tests of `prove`: what each needs, how it asks, and what it says of itself."""

from __future__ import annotations

from collections.abc import Sequence

from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.data_files import read_data
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

_SAID: dict[str, dict[str, str]] = read_data("proof")


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
            return ProofResult(self.name, 1.0, note=_SAID["marks"]["none_ordered"])
        scores = _read_harvest_marks(suspect, orders, harvest, context) or _ask_mark_continuations(
            suspect, orders, harvest, context
        )
        best = min(scores, key=lambda one: one.p)
        said, scored = _SAID["marks"], formatting.plural(best.scored, "distinct token")
        return ProofResult(
            self.name,
            min(1.0, len(scores) * best.p),
            statistic=best.value,
            used=best.scored,
            note=said["found"].format(value=best.value, scored=scored, expected=best.expected),
            power=said["power"],
        )


def _read_harvest_marks(
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


def _ask_mark_continuations(
    suspect: Suspect, orders: Sequence[Order], harvest: CampaignHarvest, context: ProofContext
) -> list[MarkScore]:
    """Let a suspect go on from the beginnings of harvested answers."""
    before = suspect.asked
    continues = suspect.continues
    left = context.queries - (suspect.asked - before)
    asked = ask(suspect, harvest.answers, plan_questions(harvest.answers, left, continues=continues))
    gate, keys = gate_of(context.teacher.tokenizer), keys_folder(context.config)
    return [score_mark(asked, KeyedMark(order_key(keys, one), sampling_mark(one), gate)) for one in orders]


class CanariesTest:
    """Whether the suspect makes the keyed choices of wording that were ordered for the campaign."""

    name = CANARIES_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, (CANARY,))
        if not orders:
            return ProofResult(self.name, 1.0, note=_SAID["canaries"]["none_ordered"])
        before = suspect.asked
        scores = suspect.can_score
        if not scores and not suspect.continues:
            return ProofResult(self.name, 1.0, note=_SAID["canaries"]["not_asked"])
        left = (context.queries - (suspect.asked - before)) // len(orders)
        keys = keys_folder(context.config)
        questions = canary_questions(harvest.answers, left // 2 if scores else left)
        if not questions:
            return ProofResult(self.name, 1.0, note=_SAID["canaries"]["no_wording"])
        score = score_wordings if scores else score_choices
        found = [score(suspect, context.compared_with, questions, order_key(keys, one)) for one in orders]
        best = min(found, key=lambda one: one.p)
        choices = formatting.plural(best.scored, "choice")
        return ProofResult(
            self.name,
            min(1.0, len(found) * best.p),
            statistic=best.kept,
            used=best.scored,
            note=_SAID["canaries"]["found"].format(kept=formatting.percent(best.kept), scored=choices),
            power=_power_of_canaries(best.scored, scores=scores),
        )


def _power_of_canaries(choices: int, *, scores: bool) -> str:
    """What the test of canaries could have seen, in a sentence (measured: docs/model-figures.md, canaries)."""
    said = _SAID["canaries"]
    floor, of_scores = max(0.5**choices, SMALLEST_P), said["of_scores"] if scores else ""
    return said["power"].format(of_scores=of_scores, floor=floor)
