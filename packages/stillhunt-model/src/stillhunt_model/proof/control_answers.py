"""Control answers: what the teacher might as well have said, drawn with the settings of what it did say."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stillhunt.tools import formatting
from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.proof.parameters import P
from stillhunt_model.proof.statistics import two_sided_rank_p
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair

_MOST_REASONS = 5  # Reasons that a sentence names; clients choose names of fields


@dataclass(frozen=True)
class AnswerMark:
    """How logged answers were marked; controls are marked with the same keys, so that they could change places."""

    at: Callable[[float], Any] | None = None  # temperature -> logits processor; None where nothing was marked


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


def why_not_drawn(one: HarvestedAnswer) -> str:
    """What keeps the teacher from drawing such an answer again, by name; empty where nothing does.

    It must have seen nothing but the prompt, and drawn by chance. Near temperature 0 all answers to a prompt are one,
    but for the arithmetic of the machine: others got it, too, and whichever differs does so for all prompts alike.
    """
    if one.other_settings:
        return one.other_settings
    if one.system_prompt:
        return "system prompt"
    if one.turn not in (None, 0):
        return "history"
    if one.temperature is None:
        return "no temperature"
    return "" if one.temperature >= P.least_temperature else f"temperature below {P.least_temperature:g}"


def drawn_again(answers: Sequence[HarvestedAnswer]) -> list[HarvestedAnswer]:
    """The first answer to each prompt that the teacher can draw again.

    A cache, a retry or a fixed seed gives one answer many ids: one toss of a coin would count as many. Caches take
    prompts for one that differ in white space, case or the width of letters.
    """
    first: dict[str, HarvestedAnswer] = {}
    for one in answers:
        if not why_not_drawn(one):
            first.setdefault(_fold_prompt(one.prompt), one)
    return list(first.values())


def count_left_out(answers: Sequence[HarvestedAnswer]) -> Counter[str]:
    """Why answers are not drawn again -> how many; one call may carry several fields."""
    reasons = [why_not_drawn(one) for one in answers]
    found = Counter(name for reason in reasons if reason for name in reason.split(", "))
    if repeated := reasons.count("") - len(drawn_again(answers)):
        found["prompt of another answer"] = repeated
    return found


def describe_left_out(answers: Sequence[HarvestedAnswer]) -> str:
    """Why answers are not drawn again, the most frequent reason first: "seed in 12, history in 3"; empty for none."""
    found = count_left_out(answers)
    rows = [f"{name} in {count:,}" for name, count in sorted(found.items(), key=lambda one: (-one[1], one[0]))]
    return formatting.join_some(rows, _MOST_REASONS) if rows else ""


def _fold_prompt(prompt: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", prompt).casefold().split())


def plain_spaces(text: str) -> str:
    """A text with one space in place of each run of white space: logs and caches change these, and strip the ends."""
    return " ".join(text.split())


def cut_as_logged(drawn: DrawnAnswers) -> DrawnAnswers:
    """All texts with plain spaces, control answers cut where the log cuts.

    A log cuts if two of its answers have the same number of characters, and none has more. Whatever it cuts then, it
    would have cut of the control answers as well.
    """
    sizes = [len(one.answer) for one in drawn.answers]
    longest = max(sizes, default=0)
    cut = longest if sizes.count(longest) > 1 else None
    return DrawnAnswers(
        [replace(one, answer=plain_spaces(one.answer)) for one in drawn.answers],
        [[plain_spaces(text[:cut]) for text in others] for others in drawn.controls],
    )


def separate_draws(drawn: DrawnAnswers) -> DrawnAnswers:
    """Blocks without those in which the logged answer of an earlier one occurs, in whatever place.

    Two logged answers that are the same text may be one draw, from a cache of like prompts. To look at all texts of the
    later block, and not at its logged one alone, keeps its texts exchangeable.
    """
    kept, seen = [], set[str]()
    for place, (answer, others) in enumerate(zip(drawn.answers, drawn.controls, strict=True)):
        if seen.isdisjoint((answer.answer, *others)):
            kept.append(place)
            seen.add(answer.answer)
    return DrawnAnswers([drawn.answers[one] for one in kept], [drawn.controls[one] for one in kept])


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
        sampling = Sampling(limit, temperature, top_p, seed, () if mark.at is None else (mark.at(temperature),))
        repeated = places * draws
        texts = generate(teacher, [answers[place].prompt for place in repeated], sampling)
        for place, text in zip(repeated, texts, strict=True):
            drawn[place].append(text)
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
        if stopped or two_sided_rank_p(blocks) < P.unlike:
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
    blocks = _encode_answer_blocks(teacher, drawn)
    sizes = [len(block[0]) for block in blocks]
    longest = max(sizes, default=0)
    cut = longest if sizes.count(longest) > 1 else None  # where the log cuts, if it cuts by tokens
    for answer, block in zip(drawn.answers, blocks, strict=True):
        limit = _limit_answer_tokens(teacher, answer) if whole else cut
        kept = [ids[:limit] for ids in block]
        kept = kept if whole else _cut_alike(kept)
        first, *others = (teacher.tokenizer.decode(ids, skip_special_tokens=True) for ids in kept or [[]])
        others = [one for one in others if one]  # no endpoint says how likely it finds nothing
        if first and any(one != first for one in others):
            answers.append(replace(answer, answer=first))
            controls.append(others)
    return DrawnAnswers(answers, controls)


def _encode_answer_blocks(teacher: Net, drawn: DrawnAnswers) -> list[list[list[int]]]:
    """Tokens of each answer and its controls."""
    return [
        plain_ids(teacher, [answer.answer, *others])
        for answer, others in zip(drawn.answers, drawn.controls, strict=True)
    ]


def _cut_alike(block: Sequence[list[int]]) -> list[list[int]]:
    """The first tokens of the texts that have enough of them; nothing if the first text has not.

    How many are enough depends on the lengths alone: whichever number keeps most tokens to compare.
    """
    sizes = sorted(len(ids) - 1 for ids in block)  # the last token of a text that was cut may be a part of one
    common = max(sizes, key=lambda size: (size * (sum(one >= size for one in sizes) - 1), -size))
    return [ids[:common] for ids in block if len(ids) > common] if len(block[0]) > common > 0 else []
