"""Control answers: what the teacher might as well have said, drawn with the settings of what it did say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.proof.parameters import P
from stillhunt_model.proof.statistics import aligned_rank_p, unexplained
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair


@dataclass(frozen=True)
class AnswerMark:
    """How harvested answers were marked; controls are marked with the same key, so that they could change places."""

    processors: Sequence[Any] = ()
    rewrite: Callable[[str], str] | None = None


@dataclass(frozen=True)
class DrawnAnswers:
    """Logged answers with control answers."""

    answers: Sequence[HarvestedAnswer]
    controls: Sequence[Sequence[str]]

    @property
    def pairs(self) -> list[TextPair]:
        """Every text with its prompt, block by block, the logged answer first."""
        return [
            TextPair(answer.prompt, text)
            for answer, others in zip(self.answers, self.controls, strict=True)
            for text in (answer.answer, *others)
        ]

    @property
    def sizes(self) -> list[int]:
        """Texts of each block."""
        return [1 + len(others) for others in self.controls]


def drawn_alone(one: HarvestedAnswer) -> bool:
    """Whether the teacher can draw such an answer again: it saw nothing but the prompt, and drew by chance.

    Near temperature 0 all answers to a prompt are one, but for the arithmetic of the machine: others got it, too, and
    whichever differs does so for all prompts alike.
    """
    drawn = one.temperature is not None and one.temperature >= P.least_temperature
    return drawn and not one.system_prompt and one.turn in (None, 0)


def drawn_again(answers: Sequence[HarvestedAnswer]) -> list[HarvestedAnswer]:
    """The first answer to each prompt that the teacher can draw again.

    A cache, a retry or a fixed seed gives one answer many ids: one toss of a coin would count as many.
    """
    first: dict[str, HarvestedAnswer] = {}
    for one in filter(drawn_alone, answers):
        first.setdefault(one.prompt, one)
    return list(first.values())


def draw_controls(
    teacher: Net, answers: Sequence[HarvestedAnswer], draws: int, seed: int, mark: AnswerMark
) -> list[list[str]]:
    """Other answers of the teacher to each prompt, with the settings of the first."""
    groups: dict[tuple[float, float, int], list[int]] = defaultdict(list)
    longest, most = _measure_longest_answer(teacher, answers), _most_drawn(teacher, answers)
    for place, one in enumerate(answers):
        limit = min(most, longest + 1 if one.max_tokens is None else max(1, one.max_tokens))
        groups[one.temperature or 0.0, 1.0 if one.top_p is None else one.top_p, limit].append(place)
    drawn: list[list[str]] = [[] for _ in answers]
    for (temperature, top_p, limit), places in sorted(groups.items()):
        sampling = Sampling(limit, temperature, top_p, seed, mark.processors)
        repeated = places * draws
        texts = generate(teacher, [answers[place].prompt for place in repeated], sampling)
        for place, text in zip(repeated, texts, strict=True):
            drawn[place].append(mark.rewrite(text) if mark.rewrite else text)
    return drawn


def _measure_longest_answer(teacher: Net, answers: Sequence[HarvestedAnswer]) -> int:
    """Tokens of the longest answer."""
    return max(map(len, plain_ids(teacher, [one.answer for one in answers])), default=0)


def _most_drawn(teacher: Net, answers: Sequence[HarvestedAnswer]) -> int:
    """Most tokens of a control answer: twice those of the longest answer, or a teacher that does not end goes on."""
    return max(1, min(2 * _measure_longest_answer(teacher, answers), teacher.longest // 2))


def _limit_answer_tokens(teacher: Net, answer: HarvestedAnswer) -> int:
    """Tokens at which an answer and its controls had to end."""
    longest = teacher.longest // 2
    return longest if answer.max_tokens is None else min(max(1, answer.max_tokens), longest)


def ended_alike(teacher: Net, parts: Sequence[DrawnAnswers]) -> bool:
    """Whether answers ended where control answers do, so that whole texts can be compared.

    They did if the log has the limit of each, and lengths show no difference. How texts end is then compared as well;
    what is peculiar to the ends of logged answers must be seen in those to honest accounts, too, so that nearly as many
    of them must have ended by themselves.
    """
    ends = []
    for part in parts:
        if any(one.max_tokens is None for one in part.answers):
            return False
        limits, most = [_limit_answer_tokens(teacher, one) for one in part.answers], _most_drawn(teacher, part.answers)
        texts = zip(_encode_answer_blocks(teacher, part), limits, strict=True)
        blocks = [[min(len(ids), limit) for ids in block] for block, limit in texts]
        stopped = any(max(block) >= most < limit for block, limit in zip(blocks, limits, strict=True))
        if stopped or not _are_blocks_exchangeable(blocks):
            return False
        ends.append(sum(block[0] < limit for block, limit in zip(blocks, limits, strict=True)))
    return ends[-1] >= P.ends * ends[0]


def comparable(teacher: Net, drawn: DrawnAnswers, *, whole: bool) -> DrawnAnswers:
    """Answers with their controls, none of which is longer than another for a reason that they do not share.

    A longer text is less likely under any model. Texts that did not end alike are cut to a common number of the
    teacher's tokens, and those that have fewer are left out, harvested answers as well as controls, so that one short
    text does not make all of them short.

    Returns:
        Those that differ from a control, and their controls.
    """
    answers: list[HarvestedAnswer] = []
    controls: list[list[str]] = []
    for answer, block in zip(drawn.answers, _encode_answer_blocks(teacher, drawn), strict=True):
        kept = [ids[: _limit_answer_tokens(teacher, answer)] for ids in block] if whole else _cut_alike(block)
        first, *others = (teacher.tokenizer.decode(ids, skip_special_tokens=True) for ids in kept or [[]])
        others = [one for one in others if one]  # no endpoint says how likely it finds nothing
        if first and any(one != first for one in others):
            answers.append(replace(answer, answer=first))
            controls.append(others)
    return DrawnAnswers(answers, controls)


def _encode_answer_blocks(teacher: Net, drawn: DrawnAnswers) -> list[list[list[int]]]:
    """Tokens of each answer and its controls, without the white space around them, which many logs do not keep."""
    return [
        plain_ids(teacher, [one.strip() for one in (answer.answer, *others)])
        for answer, others in zip(drawn.answers, drawn.controls, strict=True)
    ]


def _cut_alike(block: Sequence[list[int]]) -> list[list[int]]:
    """The first tokens of the texts that have enough of them; nothing if the first text has not.

    How many are enough depends on the lengths alone: whichever number keeps most tokens to compare.
    """
    sizes = sorted(len(ids) - 1 for ids in block)  # the last token of a text that was cut may be a part of one
    common = max(sizes, key=lambda size: (size * (sum(one >= size for one in sizes) - 1), -size))
    return [ids[:common] for ids in block if len(ids) > common] if len(block[0]) > common > 0 else []


def alike(model: Net, drawn: DrawnAnswers, *, ends: bool = True) -> bool:
    """Whether the teacher, or a reference, finds harvested answers as likely as their controls, as it must.

    It need not if they were given at another temperature, by another version, or under instructions that the log does
    not have; then any model would prefer one kind, and the suspect's preference would say nothing. Small differences of
    version pass: the test holds for the very version that gave the answers.

    Args:
        model: the teacher, or a model that was not trained on the harvest.
        ends: whether the suspect says how likely it finds the end of a text.
    """
    scores = [one if ends else one[:-1] for one in answer_logprobs(model, drawn.pairs)]
    likelihoods, lengths = (np.array([count(one) for one in scores], np.float64) for count in (sum, len))
    return _are_blocks_exchangeable(unexplained(likelihoods, [lengths], drawn.sizes))


def _are_blocks_exchangeable(blocks: Sequence[Sequence[float]]) -> bool:
    """Whether the first values of blocks are neither higher nor lower than the others."""
    turned = [[-value for value in block] for block in blocks]
    return 2 * min(aligned_rank_p(blocks), aligned_rank_p(turned)) >= P.unlike
