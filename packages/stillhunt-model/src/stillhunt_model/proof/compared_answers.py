"""The test of control answers: how it asks, what stops it, and what it says of itself."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from stillhunt.tools import formatting
from stillhunt_evidence.keys.folder import keys_folder
from stillhunt_model.data_files import read_data
from stillhunt_model.marks.canaries import canary_bit, canary_choices, canary_text
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.keys import order_key
from stillhunt_model.marks.serving import CANARY, MARK_SCHEMES, mark_processor, sampling_mark
from stillhunt_model.nets.net import plain_ids
from stillhunt_model.orders.order import Order
from stillhunt_model.proof.control_answers import (
    AnswerMark,
    DrawnAnswers,
    comparable,
    cut_as_logged,
    describe_left_out,
    draw_controls,
    drawn_again,
    ended_alike,
    separate_draws,
)
from stillhunt_model.proof.exchangeable import alike
from stillhunt_model.proof.inherited_marks import KeyedMark, score_texts
from stillhunt_model.proof.parameters import MOST_COMPARED_ANSWERS, MOST_CONTROL_ANSWERS, P
from stillhunt_model.proof.preferred_answers import ControlScore, score_likelihoods
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, largest_p, mark_orders
from stillhunt_model.proof.replies import plan_replies, replies_of_each
from stillhunt_model.proof.surrogate import score_surrogate
from stillhunt_model.proof.suspects import Suspect
from stillhunt_model.proof.verdict import CONTROLS_TEST, SMALLEST_P, ProofResult
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer

POWER = ((100, 6, 6, 6, 6), (40, 0, 6, 6, 6), (20, 0, 0, 4, 6), (10, 0, 0, 0, 3))
"""Harvested answers; students that were found at a corrected p of 1e-5 for 1,000 pairs, with the teacher as reference,
with a model of their size as well, and with the one that they were made from; students (measured, descending:
docs/model-figures.md, unmarked harvests in whole texts)."""
_PARTS = 2
"""Harvested answers and honest ones have a part of the queries each (derived: both must see a difference alike)."""
_SAID: dict[str, str] = read_data("proof")["controls"]
_HARVESTED, _HONEST = "harvested answers", "answers to honest accounts"


class ControlAnswersTest:
    """Whether the suspect prefers harvested answers to others of the teacher, by its likelihoods or a surrogate's."""

    name = CONTROLS_TEST

    def run(self, suspect: Suspect, harvest: CampaignHarvest, context: ProofContext) -> ProofResult:
        """As `ProofTest.run`; arguments are those. Nothing is asked before the teacher has judged the answers."""
        orders = mark_orders(context, harvest.campaign_id, MARK_SCHEMES)
        if len(orders) > 1:
            return ProofResult(self.name, 1.0, note=_SAID["several"])
        usable, mark = _marked_alike(drawn_again(harvest.answers), orders, context)
        if not usable:
            return ProofResult(self.name, 1.0, note=_SAID["none_usable"].format(temperature=P.least_temperature))
        honest = drawn_again(harvest.honest)
        usable = _with_honest(usable, honest)
        if not usable:
            return ProofResult(self.name, 1.0, note=_SAID["no_honest"])
        most = max(1, min(context.queries // _PARTS // 2, MOST_COMPARED_ANSWERS, len(usable), len(honest)))
        parts = [
            cut_as_logged(
                DrawnAnswers(some, draw_controls(context.teacher, some, MOST_CONTROL_ANSWERS, context.seed, like))
            )
            for some, like in ((usable[:most], mark), (honest[: min(2 * most, MOST_COMPARED_ANSWERS)], AnswerMark()))
        ]
        whole = ended_alike(context.teacher, parts)
        own, others = (separate_draws(comparable(context.teacher, one, whole=whole)) for one in parts)
        note = _explain_unlike_controls(own, _HARVESTED, suspect, context) or _explain_unlike_controls(
            others, _HONEST, suspect, context
        )
        if note:
            return ProofResult(self.name, 1.0, note=note)
        found = _ask_about_drawn_answers(suspect, own, others, context)
        left_out = describe_left_out(harvest.answers)
        more = [found.note, "" if whole else _SAID["cut"], left_out and _SAID["left_out"].format(reasons=left_out)]
        return replace(found, note="; ".join(filter(None, more)))


def _ask_about_drawn_answers(
    suspect: Suspect, own: DrawnAnswers, others: DrawnAnswers, context: ProofContext
) -> ProofResult:
    """Ask about harvested answers, and where they could accuse, about answers to honest accounts in the same way."""
    before = suspect.asked
    scores = suspect.can_score
    left = (context.queries - (suspect.asked - before)) // _PARTS
    if scores:
        draws = min(MOST_CONTROL_ANSWERS, max(1, left // len(own.answers) - 1))
        most, each = left // (1 + draws), 0
    else:
        draws, each = MOST_CONTROL_ANSWERS, replies_of_each(left, len(own.answers))
        most = plan_replies(left) // each
    own, others = (
        DrawnAnswers(part.answers[:most], [texts[:draws] for texts in part.controls[:most]]) for part in (own, others)
    )
    own = _no_longer(own, others, context)
    if not own.answers:
        return ProofResult(CONTROLS_TEST, 1.0, note=_SAID["too_long"])

    def score(part: DrawnAnswers) -> ControlScore:
        if scores:
            return score_likelihoods(suspect, context.compared_with, part)
        return score_surrogate(suspect, part, each, context)

    found = score(own)
    preferred, scored = formatting.percent(found.preferred), formatting.plural(found.scored, "answer")
    note = _SAID["prefers" if scores else "surrogate_prefers"].format(preferred=preferred, scored=scored, each=each)
    if found.p < max(P.honest, largest_p(context)):  # a larger one accuses nobody
        control = score(others)
        if control.p < P.honest:
            innocent = _SAID["prefers_honest"].format(scored=control.scored, p=control.p)
            return ProofResult(CONTROLS_TEST, 1.0, note=innocent)
        note += _SAID["with_honest"].format(scored=formatting.plural(control.scored, "answer"), p=control.p)
    power = power_of_controls(found.scored, draws, scores=scores)
    return ProofResult(CONTROLS_TEST, found.p, found.preferred, found.scored, note=note, power=power)


def power_of_controls(answers: int, draws: int, *, scores: bool) -> str:
    """What the test of control answers could have seen, in a sentence.

    Args:
        scores: whether the suspect says how likely it finds an answer.
    """
    if not scores:
        return _SAID["no_scores"]
    floor = max(float(1 + draws) ** -answers, SMALLEST_P)
    for count, with_teacher, with_kin, with_base, students in POWER:
        if count <= answers:
            found = {"with_teacher": with_teacher, "with_kin": with_kin, "with_base": with_base}
            return _SAID["power"].format(students=students, count=count, floor=floor, **found)
    return _SAID["too_few"].format(floor=floor)


def _with_honest(answers: Sequence[HarvestedAnswer], honest: Sequence[HarvestedAnswer]) -> list[HarvestedAnswer]:
    """Answers of models and days of which there is an honest one; all where nothing is known of an honest one."""
    known = {(one.model, one.day) for one in honest}
    return [one for one in answers if ("", "") in known or (one.model, one.day) in known]


def _explain_unlike_controls(part: DrawnAnswers, kind: str, suspect: Suspect, context: ProofContext) -> str:
    """Why answers cannot be compared with their control answers; empty if they can."""
    if not part.answers:
        return _SAID["all_one"].format(kind=kind)
    models = [context.teacher, *(one.net for one in context.references)]
    found_alike = all(alike(one, part, ends=suspect.scores_end) for one in models)
    return "" if found_alike else _SAID["not_alike"].format(kind=kind)


def _no_longer(own: DrawnAnswers, others: DrawnAnswers, context: ProofContext) -> DrawnAnswers:
    """The first harvested answers, no more than honest ones, and with no more tokens together.

    Fewer or shorter honest answers would not see a difference of versions that the harvested ones see.
    """
    sizes, other_sizes = (
        [len(one) for one in plain_ids(context.teacher, [answer.answer for answer in part.answers])]
        for part in (own, others)
    )
    fitting = [total <= sum(other_sizes) for total in itertools.accumulate(sizes)]
    count = min(sum(fitting), len(other_sizes))
    return DrawnAnswers(own.answers[:count], own.controls[:count])


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
