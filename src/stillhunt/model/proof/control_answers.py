"""Control answers: what the teacher might as well have said, drawn with the settings of what it did say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stillhunt.model.nets.net import Net, plain_ids
from stillhunt.model.proof.aligned_ranks import aligned_rank_p
from stillhunt.model.proof.parameters import P
from stillhunt.model.tasks.harvest_texts import HarvestedAnswer
from stillhunt.model.training.generating import Sampling, generate
from stillhunt.model.training.likelihood import answer_logprobs
from stillhunt.model.training.pairs import TextPair


@dataclass(frozen=True)
class AnswerMark:
    """How the harvested answers were marked; controls are marked with the same key, so that they could change places.

    Attributes:
        processors: logits processors with the key.
        rewrite: puts the key's wordings into an answer.
    """

    processors: Sequence[Any] = ()
    rewrite: Callable[[str], str] | None = None


def drawn_alone(one: HarvestedAnswer) -> bool:
    """Whether the teacher can draw such an answer again: it saw nothing but the prompt, and drew by chance.

    Near temperature 0 all answers to a prompt are one, but for the arithmetic of the machine: others got it, too, and
    whichever differs does so for all prompts alike.

    Args:
        one: harvested answer.
    """
    drawn = one.temperature is not None and one.temperature >= P.least_temperature
    return drawn and not one.system_prompt and one.turn in (None, 0)


def drawn_again(answers: Sequence[HarvestedAnswer]) -> list[HarvestedAnswer]:
    """The first answer to each prompt that the teacher can draw again.

    A cache, a retry or a fixed seed gives one answer many ids: one toss of a coin would count as many.

    Args:
        answers: harvested ones, in an order that depends on no text.
    """
    first: dict[str, HarvestedAnswer] = {}
    for one in filter(drawn_alone, answers):
        first.setdefault(one.prompt, one)
    return list(first.values())


def draw_controls(
    teacher: Net, answers: Sequence[HarvestedAnswer], draws: int, seed: int, mark: AnswerMark
) -> list[list[str]]:
    """Other answers of the teacher to each prompt, with the settings of the first.

    Args:
        teacher: whose answers were harvested.
        answers: harvested ones, each at a known temperature.
        draws: other answers to each.
        seed: of the draws.
        mark: that of the harvest.
    """
    longest = max(map(len, plain_ids(teacher, [one.answer for one in answers])), default=0) + 1
    most = min(longest, teacher.longest // 2)
    groups: dict[tuple[float, float, int], list[int]] = defaultdict(list)
    for place, one in enumerate(answers):
        limit = most if one.max_tokens is None else max(1, min(one.max_tokens, most))
        groups[one.temperature or 0.0, 1.0 if one.top_p is None else one.top_p, limit].append(place)
    drawn: list[list[str]] = [[] for _ in answers]
    for (temperature, top_p, limit), places in sorted(groups.items()):
        sampling = Sampling(limit, temperature, top_p, seed, mark.processors)
        repeated = places * draws
        texts = generate(teacher, [answers[place].prompt for place in repeated], sampling)
        for place, text in zip(repeated, texts, strict=True):
            drawn[place].append(mark.rewrite(text) if mark.rewrite else text)
    return drawn


def comparable(
    teacher: Net, answers: Sequence[HarvestedAnswer], controls: Sequence[Sequence[str]]
) -> tuple[list[HarvestedAnswer], list[list[str]]]:
    """Answers with their controls, all cut to the tokens that each of them has.

    Where the log has no limit of tokens they were cut at different places, and a longer text is less likely under any
    model: uncut, every innocent would prefer the shorter kind. Tokens of the teacher, since limits are in them: to cut
    at words would leave one of them with the longer words.

    Args:
        teacher: whose answers they are.
        answers: harvested ones.
        controls: control answers of each.

    Returns:
        Those that differ from a control, and their controls.
    """
    chosen: list[HarvestedAnswer] = []
    texts: list[list[str]] = []
    for answer, others in zip(answers, controls, strict=True):
        encoded = plain_ids(teacher, [answer.answer, *others])
        common = min(map(len, encoded)) - 1  # the last one of a text that was cut may be a part of a token
        first, *cut = (teacher.tokenizer.decode(ids[:common], skip_special_tokens=True) for ids in encoded)
        if common > 0 and any(one != first for one in cut):
            chosen.append(replace(answer, answer=first))
            texts.append(cut)
    return chosen, texts


def alike(model: Net, answers: Sequence[HarvestedAnswer], controls: Sequence[Sequence[str]]) -> bool:
    """Whether the teacher, or a reference, finds harvested answers as likely as their controls, as it must.

    It need not if they were given at another temperature, by another version, or under instructions that the log does
    not have; then any model would prefer one kind, and the suspect's preference would say nothing. Small differences of
    version pass: the test holds for the very version that gave the answers.

    Args:
        model: the teacher, or a model that was not trained on the harvest.
        answers: from `comparable`.
        controls: of these.
    """
    pairs = [
        TextPair(answer.prompt, text)
        for answer, others in zip(answers, controls, strict=True)
        for text in (answer.answer, *others)
    ]
    values = iter([sum(one) for one in answer_logprobs(model, pairs)])
    blocks = [[next(values) for _ in range(1 + len(others))] for others in controls]
    turned = [[-value for value in block] for block in blocks]
    return 2 * min(aligned_rank_p(blocks), aligned_rank_p(turned)) >= P.unlike
