"""How good teacher and students are on prompts that no student saw, and what a token of each costs."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stillhunt.tools import Progress
from stillhunt_model.distil.parameters import FEWEST_ASKED_PROMPTS
from stillhunt_model.distil.work_folder import draw_answers
from stillhunt_model.nets.net import Net, plain_ids
from stillhunt_model.training.generating import Sampling
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair

_RESAMPLES = 2000  # Draws of the bootstrap over questions (the ends of an interval of 95 % then rest on 50 draws each)


Grade = Callable[[int, str], bool]
"""Whether an answer to the question with this number is right."""
Floats = npt.NDArray[np.float64]
_Z = 1.959963984540054
"""Standard deviations within which 95 % of a normal distribution lie."""


@dataclass(frozen=True)
class Spread:
    """A number with its interval of 95 %."""

    value: float  # the number; nan where it is not known
    # low, high: ends of the interval; nan where there were too few questions for one
    low: float
    high: float


@dataclass(frozen=True)
class AskedModel:
    """One model on the held-out questions."""

    name: str
    parameters: int  # 0 where nobody knows, as behind a server
    flops: int  # floating-point operations of one token, without those of attention over the context
    seconds: float  # of processor time for answering 1,000 tokens, here and now; other work on the machine adds little
    right: Floats
    bits: Floats  # for each question, the bits that the model needs for the teacher's answer
    sizes: Floats  # bytes of the teacher's answers

    @property
    def share_right(self) -> Spread:
        """Share of right answers, with Wilson's interval."""
        share = wilson_interval(int(self.right.sum()), len(self.right))
        return share if len(self.right) >= FEWEST_ASKED_PROMPTS else Spread(share.value, math.nan, math.nan)

    @property
    def bits_per_byte(self) -> Spread:
        """Bits that the model needs for a byte of the teacher's answers, with a bootstrap interval over questions."""
        return _resample_statistic(lambda drawn: self.bits[drawn].sum(-1) / self.sizes[drawn].sum(-1), len(self.bits))


def ask_model(
    net: Net, name: str, pairs: Sequence[TextPair], grade: Grade, tokens: int, progress: Progress
) -> AskedModel:
    """Ask a model the held-out questions, and score the teacher's answers with it.

    `pairs`: held-out prompts with the teacher's answers.
    """
    began = time.process_time()
    named = Net(net.model, net.tokenizer, name)
    answers = draw_answers(named, [one.prompt for one in pairs], Sampling(tokens=tokens, temperature=0), progress)
    seconds = time.process_time() - began
    written = sum(len(ids) + 1 for ids in plain_ids(net, answers))
    return AskedModel(
        name,
        net.parameters,
        flops_per_token(net),
        1000 * seconds / max(1, written),
        np.array([float(grade(place, answer)) for place, answer in enumerate(answers)]),
        np.array([-sum(one) / math.log(2) for one in answer_logprobs(net, pairs)]),
        np.array([float(len(one.answer.encode("utf-8", "replace")) + 1) for one in pairs]),
    )


def judge_answers(name: str, pairs: Sequence[TextPair], answers: Sequence[str], grade: Grade) -> AskedModel:
    """A model behind a server, by its answers alone: its size, cost and likelihoods are not known.

    `pairs`: held-out prompts with the answers of the first teacher.
    """
    unknown = np.full(len(pairs), math.nan)
    sizes = np.array([float(len(one.answer.encode("utf-8", "replace")) + 1) for one in pairs])
    right = np.array([float(grade(place, answer)) for place, answer in enumerate(answers)])
    return AskedModel(name, 0, 0, math.nan, right, unknown, sizes)


def flops_per_token(net: Net) -> int:
    """Operations of one token: two for each weight that multiplies; a table that is only looked up costs none."""
    embedding, output = net.model.get_input_embeddings().weight, net.model.get_output_embeddings().weight
    return 2 * (net.parameters - (0 if output is embedding else embedding.numel()))


def gap_recovered(model: AskedModel, untrained: AskedModel, teacher: AskedModel) -> Spread:
    """Share of the way from the untrained student to the teacher, with a paired bootstrap over questions.

    Args:
        untrained: 0.
        teacher: 1.

    Returns:
        By right answers where the teacher has more of them than the untrained student, else by bits per byte.
    """
    by_right = teacher.right.sum() > untrained.right.sum()

    def share(drawn: npt.NDArray[np.int64]) -> Floats:
        def level(one: AskedModel) -> Floats:
            if by_right:
                return np.asarray(one.right[drawn].mean(-1))
            return np.asarray(-one.bits[drawn].sum(-1) / one.sizes[drawn].sum(-1))

        gap = level(teacher) - level(untrained)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(gap > 0, (level(model) - level(untrained)) / gap, np.nan))

    return _resample_statistic(share, len(model.right))


def wilson_interval(right: int, asked: int) -> Spread:
    """A share with its interval of 95 % by Wilson."""
    if not asked:
        return Spread(math.nan, 0.0, 1.0)
    share, z = right / asked, _Z
    middle = (share + z * z / (2 * asked)) / (1 + z * z / asked)
    reach = z / (1 + z * z / asked) * math.sqrt(share * (1 - share) / asked + z * z / (4 * asked * asked))
    return Spread(share, max(0.0, middle - reach), min(1.0, middle + reach))


def _resample_statistic(statistic: Callable[[Any], Floats], questions: int) -> Spread:
    value = float(statistic(np.arange(questions)[None])[0])
    if questions < FEWEST_ASKED_PROMPTS:
        return Spread(value, math.nan, math.nan)
    drawn = np.random.default_rng(0).integers(0, questions, (_RESAMPLES, questions))
    found = statistic(drawn)
    found = found[np.isfinite(found)]
    if not len(found):
        return Spread(value, math.nan, math.nan)
    low, high = np.quantile(found, (0.025, 0.975))
    return Spread(value, float(low), float(high))
