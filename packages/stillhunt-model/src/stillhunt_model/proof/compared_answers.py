"""The test of control answers: how it asks, what stops it, and what it says of itself."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stillhunt.tools import formatting
from stillhunt_model.data_files import read_data
from stillhunt_model.marks.detecting import KeyedMark, score_texts
from stillhunt_model.marks.gate import gate_of
from stillhunt_model.marks.keys import OTHER_ACCOUNTS
from stillhunt_model.marks.serving import StandingProcessor
from stillhunt_model.nets.net import plain_ids
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
from stillhunt_model.proof.heard_answers import HeardAnswers, hear_replies, hear_scores, score_heard
from stillhunt_model.proof.own_models import learn_reader
from stillhunt_model.proof.parameters import MOST_COMPARED_ANSWERS, MOST_CONTROL_ANSWERS, P
from stillhunt_model.proof.proving import CampaignHarvest, ProofContext, largest_p
from stillhunt_model.proof.replies import plan_replies, replies_of_each
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
        usable = drawn_again(harvest.answers)
        if not usable:
            return ProofResult(self.name, 1.0, note=_SAID["none_usable"].format(temperature=P.least_temperature))
        honest = drawn_again(harvest.honest)
        mark, mark_of_honest = (
            _mark_alike(some, group, context)
            for some, group in ((usable, harvest.campaign_id), (honest, OTHER_ACCOUNTS))
        )
        usable = _with_honest(usable, honest)
        if not usable:
            return ProofResult(self.name, 1.0, note=_SAID["no_honest"])
        by = context.drawn_by
        most = _most_compared(context.queries, usable, honest)
        parts = [
            separate_draws(cut_as_logged(DrawnAnswers(some, _draw_alike(some, like, context))))
            for some, like in ((usable[:most], mark), (honest[: most_honest(most, context)], mark_of_honest))
        ]
        if by is not None:
            context = replace(context, teacher=learn_reader(parts, by.name, context.seed))
        whole = ended_alike(context.teacher, parts)
        own, others = (comparable(context.teacher, one, whole=whole) for one in parts)
        note = _explain_unlike_controls(own, _HARVESTED, suspect, context) or _explain_unlike_controls(
            others, _HONEST, suspect, context
        )
        if note:
            return ProofResult(self.name, 1.0, note=note)
        found = _ask_about_drawn_answers(suspect, own, others, context)
        left_out = describe_left_out(harvest.answers)
        more = [found.note, "" if whole else _SAID["cut"], left_out and _SAID["left_out"].format(reasons=left_out)]
        more.append(_SAID["no_weights"] if by is not None else "")
        return replace(found, note="; ".join(filter(None, more)))


@dataclass(frozen=True)
class PlannedComparison:
    """What the test of control answers will ask, as far as it is known before."""

    answers: int  # harvested ones that are drawn again
    asked: int  # of these, whose prompts a suspect that gives text alone is asked
    each: int  # replies to each


def plan_compared(harvest: CampaignHarvest, queries: int, context: ProofContext) -> PlannedComparison:
    """What will be compared with so many queries for one campaign, the test of marks included."""
    honest = drawn_again(harvest.honest)
    usable = _with_honest(drawn_again(harvest.answers), honest)
    marked = context.marks is not None and context.marks.has_group(harvest.campaign_id)
    share = queries // 2 if marked else queries  # the weights of both tests are equal
    most, left = _most_compared(share, usable, honest), share // _PARTS
    each = replies_of_each(left, most)
    return PlannedComparison(most, min(most, plan_replies(left) // each), each)


def _most_compared(queries: int, usable: Sequence[HarvestedAnswer], honest: Sequence[HarvestedAnswer]) -> int:
    return max(1, min(queries // _PARTS // 2, MOST_COMPARED_ANSWERS, len(usable), len(honest)))


def most_honest(answers: int, context: ProofContext) -> int:
    """Honest answers that are drawn again for so many harvested ones: spare ones where the teacher's draws are free."""
    return min((2 if context.drawn_by is None else 1) * answers, MOST_COMPARED_ANSWERS)


def _draw_alike(some: Sequence[HarvestedAnswer], like: AnswerMark, context: ProofContext) -> list[list[str]]:
    if context.drawn_by is not None:
        return context.drawn_by.draw(some, MOST_CONTROL_ANSWERS, context.seed, context.progress)
    return draw_controls(context.teacher, some, MOST_CONTROL_ANSWERS, context.seed, like)


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
    count = _count_no_longer(own, others, context)
    if not count:
        return ProofResult(CONTROLS_TEST, 1.0, note=_SAID["too_long"])

    def hear(part: DrawnAnswers) -> HeardAnswers:
        return hear_scores(suspect, part, context) if scores else hear_replies(suspect, part, each, context)

    heard = hear(DrawnAnswers(own.answers[:count], own.controls[:count]))
    found, notes = score_heard(heard, suspect, context), [heard.note]
    if found.p < max(P.honest, largest_p(context)):  # a larger one accuses nobody
        honest = hear(others)
        notes.append(honest.note and _SAID["of_honest"].format(note=honest.note))
        # A filter that refuses honest prompts must not leave fewer of them than of the harvested ones.
        count = _count_no_longer(heard.drawn, honest.drawn, context)
        if not count:
            return ProofResult(CONTROLS_TEST, 1.0, note="; ".join(filter(None, (_SAID["too_long"], *notes))))
        if count < len(heard.drawn.answers):
            found = score_heard(heard.first(count), suspect, context)
        control = score_heard(honest, suspect, context)
        if control.p < P.honest:
            innocent = _SAID["prefers_honest"].format(scored=control.scored, p=control.p)
            return ProofResult(CONTROLS_TEST, 1.0, note=innocent)
        notes.insert(0, _SAID["with_honest"].format(scored=formatting.plural(control.scored, "answer"), p=control.p))
    preferred, scored = formatting.percent(found.preferred), formatting.plural(found.scored, "answer")
    note = _SAID["prefers" if scores else "surrogate_prefers"].format(preferred=preferred, scored=scored, each=each)
    note = "; ".join(filter(None, (note, *notes)))
    power = power_of_controls(found.scored, draws, scores=scores)
    return ProofResult(CONTROLS_TEST, found.p, found.preferred, found.scored, note=note, power=power)


def power_of_controls(answers: int, draws: int, *, scores: bool) -> str:
    """What the test of control answers could have seen, in a sentence.

    `scores`: whether the suspect says how likely it finds an answer.
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


def _count_no_longer(own: DrawnAnswers, others: DrawnAnswers, context: ProofContext) -> int:
    """How many harvested answers may be compared: no more than honest ones, with no more tokens together.

    Fewer or shorter honest answers would not see a difference of versions that the harvested ones see.
    """
    sizes, other_sizes = (
        [len(one) for one in plain_ids(context.teacher, [answer.answer for answer in part.answers])]
        for part in (own, others)
    )
    fitting = [total <= sum(other_sizes) for total in itertools.accumulate(sizes)]
    return min(sum(fitting), len(other_sizes))


def _mark_alike(answers: Sequence[HarvestedAnswer], group: str, context: ProofContext) -> AnswerMark:
    """The mark that control answers need so that they could change places with logged ones.

    That there is a key does not say that these answers were marked: they may be older, so the mark is looked for.
    """
    marks, gate = context.marks, gate_of(context.teacher.tokenizer)
    if marks is None:
        return AnswerMark()
    replies = [(one.prompt, "", one.answer) for one in answers]
    keys = [
        key if score_texts(replies, KeyedMark(key, layer, gate)).p <= P.marked else None
        for key, layer in zip(marks.keys_of(group), marks.layers, strict=True)
    ]
    if not any(keys):
        return AnswerMark()
    return AnswerMark(lambda temperature: StandingProcessor([keys], marks.layers, gate, temperature))
