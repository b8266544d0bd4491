"""The tests of `prove`: what each needs, how it asks, and what it says of itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from stillhunt.base import formatting
from stillhunt.dossier.keys.folder import keys_folder
from stillhunt.model.marks.canaries import canary_bit, canary_choices, canary_text
from stillhunt.model.marks.gate import gate_of
from stillhunt.model.marks.keys import order_key
from stillhunt.model.marks.schemes import CANARY, GREEN, GUMBEL, MARK_SCHEMES, sampling_mark
from stillhunt.model.marks.serving import mark_processor
from stillhunt.model.orders.order import Order
from stillhunt.model.orders.register import OrderRegister
from stillhunt.model.proof.asking import ask, plan_questions
from stillhunt.model.proof.budget import QueryBudget
from stillhunt.model.proof.canary_test import canary_questions, score_choices, score_wordings
from stillhunt.model.proof.control_answers import (
    AnswerMark,
    alike,
    comparable,
    draw_controls,
    drawn_alone,
    one_of_each_prompt,
)
from stillhunt.model.proof.control_test import score_continuations, score_likelihoods
from stillhunt.model.proof.mark_test import KeyedMark, MarkScore, read_mark, score_mark, score_texts
from stillhunt.model.proof.parameters import P
from stillhunt.model.proof.proving import CampaignHarvest, ProofContext, ProofTest
from stillhunt.model.proof.suspects import LocalSuspect, Suspect
from stillhunt.model.proof.verdict import CANARIES_TEST, CONTROLS_TEST, MARKS_TEST, SMALLEST_P, TestResult
from stillhunt.model.tasks.harvest_texts import HarvestedAnswer
from stillhunt.model.training.pairs import TextPair

_NONE_USABLE = (
    f"no harvested answer can be drawn again: it needs a temperature of {P.least_temperature} or more in the log, and "
    "no history or instructions"
)
_SEVERAL = "several marks were ordered for this campaign, so that one control answer cannot be like all harvested ones"
POWER = ((100, 2, 3, 3), (40, 1, 2, 2), (20, 0, 1, 2), (10, 0, 0, 2))
"""Harvested answers; students that were found at a corrected p of 1e-5 for 1,000 pairs, with the teacher as reference,
and with their base model too; students (measured: docs/model-figures.md, unmarked harvests, descending)."""
_NOT_ALIKE = (
    "the teacher or a reference itself prefers harvested answers or control answers: they were given by another "
    "version, at another temperature, or under instructions that the log does not have"
)


def standard_tests() -> list[ProofTest]:
    """All tests, in the order in which they are run."""
    return [InheritedMarksTest(), CanariesTest(), ControlAnswersTest()]


class InheritedMarksTest:
    """Whether the suspect's own words carry the mark that was ordered for the campaign."""

    name = MARKS_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> TestResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, (GREEN, GUMBEL))
        if not orders:
            return TestResult(self.name, 1.0, note="no mark was ordered for the answers to this campaign")
        scores = _read(suspect, orders, harvest, context) or _asked(suspect, orders, harvest, context)
        best = min(scores, key=lambda one: one.p)
        return TestResult(
            self.name,
            min(1.0, len(scores) * best.p),
            statistic=best.value,
            used=best.scored,
            note=f"{best.value:.3f} on {formatting.plural(best.scored, 'distinct token')}; "
            f"chance gives {best.expected:.3f}",
            power="no student of a million parameters with 100 to 500 marked answers was found by its mark alone",
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

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> TestResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, (CANARY,))
        if not orders:
            return TestResult(self.name, 1.0, note="no canary was ordered for the answers to this campaign")
        before = suspect.asked
        scores = suspect.can_score
        if not scores and not suspect.continues:
            return TestResult(self.name, 1.0, note="the endpoint neither scores nor continues an answer")
        left = (context.queries - (suspect.asked - before)) // len(orders)
        keys = keys_folder(context.config)
        questions = canary_questions(harvest.answers, left // 2 if scores else left)
        if not questions:
            return TestResult(self.name, 1.0, note="no harvested answer has a wording to choose")
        found = [
            score_wordings(suspect, context.references, questions, order_key(keys, one))
            if scores
            else score_choices(suspect, questions, order_key(keys, one))
            for one in orders
        ]
        best = min(found, key=lambda one: one.p)
        return TestResult(
            self.name,
            min(1.0, len(found) * best.p),
            statistic=best.kept,
            used=best.scored,
            note=f"{formatting.percent(best.kept)} of {formatting.plural(best.scored, 'choice')} are those of the key; "
            "chance gives 50 %",
        )


def mark_orders(context: ProofContext, campaign_id: str, schemes: Sequence[str]) -> list[Order]:
    """Orders to mark the answers to a campaign, in force or not: a mark stays in what was trained on it.

    Args:
        context: with the folder of the register.
        campaign_id: campaign.
        schemes: of marks.
    """
    orders = OrderRegister(context.orders).all_orders()
    return [one for one in orders if one.kind == "mark" and one.measure in schemes and one.campaign_id == campaign_id]


class ControlAnswersTest:
    """Whether the suspect prefers harvested answers to others of the teacher, by likelihood or by continuations."""

    name = CONTROLS_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> TestResult:
        """As `ProofTest.run`; arguments are those."""
        orders = mark_orders(context, harvest.campaign_id, MARK_SCHEMES)
        if len(orders) > 1:
            return TestResult(self.name, 1.0, note=_SEVERAL)
        before = suspect.asked
        scores = suspect.can_score
        continues = scores or suspect.continues
        left = context.queries - (suspect.asked - before)
        known = one_of_each_prompt([one for one in harvest.answers if drawn_alone(one)])
        usable, mark = _marked_alike(known, orders, context)
        usable = usable[: max(1, min(left // 2, P.most_answers))]
        if not usable:
            return TestResult(self.name, 1.0, note=_NONE_USABLE)
        draws = min(P.most_controls, max(1, left // len(usable) - 1)) if scores else 1
        drawn = draw_controls(context.teacher, usable, draws, context.seed, mark)
        chosen, controls = comparable(context.teacher, usable, drawn)
        if not chosen:
            return TestResult(self.name, 1.0, note=_NONE_USABLE)
        if not all(alike(one, chosen, controls) for one in [context.teacher, *(one.net for one in context.references)]):
            return TestResult(self.name, 1.0, note=_NOT_ALIKE)
        if scores:
            score = score_likelihoods(suspect, _references(context), chosen, controls)
        else:
            singles = [others[0] for others in controls]
            questions = plan_questions(chosen, singles, left, continues=continues)
            score = score_continuations(ask(suspect, chosen, singles, questions))
        return TestResult(
            self.name,
            score.p,
            statistic=score.preferred,
            used=score.scored,
            note=f"prefers the harvested answer to {formatting.percent(score.preferred)} of its control answers, over "
            f"{formatting.plural(score.scored, 'answer')}; chance gives 50 %",
            power=power_of_controls(len(chosen), draws, scores=scores),
        )


def power_of_controls(answers: int, draws: int, *, scores: bool) -> str:
    """What the test of control answers could have seen, in a sentence.

    Args:
        answers: harvested answers that were compared.
        draws: control answers of each.
        scores: whether the suspect says how likely it finds an answer.
    """
    if not scores:
        return "without scores, none of the students with 10 to 100 harvested answers was found"
    floor = max(float(1 + draws) ** -answers, SMALLEST_P)
    known = [one for one in POWER if one[0] <= answers]
    measured = "no student with so few answers was measured"
    if known:
        count, with_teacher, with_base, students = known[0]
        measured = (
            f"of {students} students of a million parameters that learned {count} answers, {with_teacher} were found "
            f"with the teacher as reference, {with_base} with the model that they were made from"
        )
    return f"{measured}; no p-value below {floor:.0e} was possible"


def _references(context: ProofContext) -> list[Suspect]:
    """The teacher, and the models that the user named; their queries do not count."""
    unlimited = QueryBudget(sys.maxsize)
    return [LocalSuspect(context.teacher, context.teacher_fingerprint, unlimited), *context.references]


def _marked_alike(
    answers: list[HarvestedAnswer], orders: Sequence[Order], context: ProofContext
) -> tuple[list[HarvestedAnswer], AnswerMark]:
    """Answers that could change places with control answers, and the mark that those need for it.

    An order says that answers were to be marked, and not that these were: they may be older, or were never marked.
    """
    if not orders:
        return answers, AnswerMark()
    key = order_key(keys_folder(context.config), orders[0])
    if orders[0].measure == CANARY:
        choices = [choice for one in answers for choice in canary_choices(one.answer)]
        kept = [choice.variant == canary_bit(key, choice.pair, choice.previous) for choice in choices]
        if sum(kept) < P.kept_wordings * len(kept):
            return answers, AnswerMark()
        return (
            [one for one in answers if not canary_text(key, one.answer)[1]],
            AnswerMark(rewrite=lambda text: canary_text(key, text)[0]),
        )
    mark = KeyedMark(key, sampling_mark(orders[0]), gate_of(context.teacher.tokenizer))
    if score_texts([(one.prompt, "", one.answer) for one in answers], mark).p > P.marked:
        return answers, AnswerMark()
    return answers, AnswerMark(processors=[mark_processor(key, mark.settings, mark.gate)])
