"""Students of the experiment: copies of one small base model, trained on what a thief has."""

import copy
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, byte_tokenizer, tiny_net
from stillhunt_model.tasks.checkable import RESULT, Example, result_of
from stillhunt_model.training.generating import Sampling, generate
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe, train

# Share of an adaptive student's own draws that must give one result before it takes that for right (three of four: one
# of two is a guess)
_AGREEING_DRAWS = 0.75


_SIGNS = "abcdefghij0123456789"
_EXERCISES = 6000
_TEMPERATURE = 0.8
"""Of draws from which traces are kept: enough variety for another try, and few slips."""


@dataclass(frozen=True)
class StudentSize:
    """How large students are and how long they learn."""

    shape: TinySize = field(default_factory=lambda: TinySize(width=96, layers=3, heads=4, longest=128))
    base_steps: int = 500  # updates of the base model, which learns to copy
    steps: int = 150
    learning_rate: float = 3e-3


@dataclass(frozen=True)
class Student:
    """A trained student."""

    net: Net
    right: tuple[bool, ...]

    def share(self, first: int, last: int | None = None) -> float:
        """Share of right answers among some of the questions."""
        some = self.right[first:last]
        return sum(some) / len(some)


class School:
    """Makes students from one base model, and none twice."""

    def __init__(
        self,
        base: Net,
        questions: Sequence[Example],
        size: StudentSize,
        seed: int,
        watch: Callable[[], None] | None = None,
    ) -> None:
        self._base, self._size, self._seed, self._watch = base, size, seed, watch
        self._questions = list(questions)
        self._known: dict[tuple[TextPair, ...], Student] = {}

    def student_of(self, pairs: Sequence[TextPair]) -> Student:
        """The student that learned from these pairs; without any, the base model."""
        key = tuple(pairs)
        if key not in self._known:
            net = Net(copy.deepcopy(self._base.model), self._base.tokenizer, "student")
            recipe = TrainingRecipe(self._size.steps, learning_rate=self._size.learning_rate, seed=self._seed)
            if pairs:
                train(net, pairs, recipe)
            answers = generate(net, [one.prompt for one in self._questions], self._build_sampling_settings(0.0, 0))
            right = tuple(result_of(said) == one.result for said, one in zip(answers, self._questions, strict=True))
            self._known[key] = Student(net, right)
            if self._watch is not None:
                self._watch()
        return self._known[key]

    def traces(self, student: Student, known: Sequence[tuple[str, str, str]], draws: int) -> list[TextPair]:
        """Answers of a student whose result is the right one: rejection sampling (STaR, 2203.14465).

        `known`: prompt, beginning of the reasoning, right result of each question.
        """
        kept: dict[str, TextPair] = {}
        for draw in range(draws):
            left = [one for one in known if one[0] not in kept]
            if left:
                begun = [one[1] for one in left]
                sampling = self._build_sampling_settings(_TEMPERATURE if draw else 0.0, 1 + draw)
                answers = generate(student.net, [one[0] for one in left], sampling, begun)
                for (prompt, start, result), rest in zip(left, answers, strict=True):
                    if result_of(start + rest) == result and (start + rest).partition(RESULT)[0]:
                        kept[prompt] = TextPair(prompt, start + rest)
        return [kept[one[0]] for one in known if one[0] in kept]

    def own_majority(self, student: Student, prompts: Sequence[str], draws: int) -> list[TextPair]:
        """Answers of a student in whose result most of its own draws agree."""
        answers = [
            generate(student.net, prompts, self._build_sampling_settings(_TEMPERATURE, 100 + draw)) if prompts else []
            for draw in range(draws)
        ]
        pairs = []
        for prompt, *said in zip(prompts, *answers, strict=True):
            results = [result_of(one) for one in said]
            result, agreeing = Counter(results).most_common(1)[0]
            if result is not None and agreeing >= _AGREEING_DRAWS * draws:
                pairs.append(TextPair(prompt, said[results.index(result)]))
        return pairs

    def _build_sampling_settings(self, temperature: float, draw: int) -> Sampling:
        longest = max(len(one.answer) for one in self._questions) + 8
        return Sampling(longest, temperature, seed=1000 * self._seed + draw)


def copying_base(size: StudentSize, watch: Callable[[int, float, float], None] | None = None) -> Net:
    """A base model that can copy, cut and join short words, in the form of steps and a result, and knows no task."""
    net = tiny_net(size.shape, byte_tokenizer(), 0, "base")
    source = random.Random("copying")  # noqa: S311  # exercises are no secret
    pairs = [_draw_copying_exercise(source) for _ in range(min(_EXERCISES, TrainingRecipe.batch * size.base_steps))]
    train(net, pairs, TrainingRecipe(size.base_steps, learning_rate=size.learning_rate), watch=watch)
    return net


def _draw_copying_exercise(source: random.Random) -> TextPair:
    asked, reasoning, result = [], "", ""
    for _ in range(2):
        what = source.choice(("echo", "last", "first", "twice", "tail"))
        word = "".join(source.choice(_SIGNS) for _ in range(source.randrange(1, 6)))
        made = {"echo": word, "last": word[-1], "first": word[0], "twice": word * 2, "tail": word[1:]}[what]
        asked.append(f"{what} {word}")
        reasoning += f"{what}:{made};"
        result += made
    return TextPair(" ".join(asked), f"{reasoning}{RESULT}{result}")
