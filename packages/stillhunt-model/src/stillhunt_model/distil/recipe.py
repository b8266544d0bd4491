"""How a student is distilled."""

from dataclasses import dataclass
from typing import Literal, get_args

from stillhunt import ConfigError
from stillhunt_model.distil.top_logits import FORWARD, MOST_TOP, REVERSE
from stillhunt_model.nets.low_rank import MOST_RANK
from stillhunt_model.training.run import TrainingRecipe

Method = Literal["sequence", "logits", "on-policy"]
DISTIL_METHODS: tuple[Method, ...] = get_args(Method)
_HOTTEST = 1000
"""At higher temperatures all tokens are equally likely."""
BETAS = {"forward": FORWARD, "reverse": REVERSE, "jsd": 0.5}
"""Name of a divergence -> its beta."""


@dataclass(frozen=True)
class DistilRecipe:
    """How a student learns from a teacher."""

    training: TrainingRecipe
    # from the teacher's answers (sequence), from its logits over them, or from its logits over the student's own
    # answers (on-policy)
    method: Method = "sequence"
    # divergence of logits: 0 forward, 1 reverse, between them the generalised Jensen-Shannon divergence
    beta: float = 0.0
    temperature: float = 1.0  # of logits, and of the student's own answers
    top: int = 0  # the teacher's top tokens that are stored for each place; 0 asks the teacher at every step
    # of the steps of on-policy distillation, the first that learn from the teacher's answers instead: a student that
    # can say nothing yet has nothing to be corrected
    warm_up: int = 0
    answer_tokens: int = 128
    answer_temperature: float = 0.0  # of the teacher's answers; 0 takes the likeliest token
    rank: int = 0  # of the changes of each layer (LoRA); 0 changes all weights
    own_answers: bool = False  # learn over the answers of the data instead of the teacher's

    def __post_init__(self) -> None:
        rate = self.training.learning_rate
        wrong = {
            f"there is no method {self.method!r}": self.method not in DISTIL_METHODS,
            f"beta is {self.beta:g}, and goes from 0 to 1": not 0 <= self.beta <= 1,
            f"the temperature is {self.temperature:g}, and must lie above 0 and below 1,000": not (
                0 < self.temperature < _HOTTEST
            ),
            f"the temperature of the teacher's answers is {self.answer_temperature:g}, and must be 0 or more and below "
            "1,000": not 0 <= self.answer_temperature < _HOTTEST,
            f"the learning rate is {rate:g}, and must lie above 0 and below 1": not 0 < rate < 1,
            f"a rank of {self.rank} is none": not 0 <= self.rank <= MOST_RANK,
            f"{self.top} top tokens cannot be stored": not 0 <= self.top <= MOST_TOP,
            "stored logits are for the method logits alone": self.top > 0 and self.method != "logits",
            "the warm-up is longer than the training": not 0 <= self.warm_up <= self.training.steps,
            "data's own answers without logits would teach nothing of the teacher": self.own_answers
            and self.method != "logits",
        }
        for what, is_wrong in wrong.items():
            if is_wrong:
                raise ConfigError(what, next_step="change the recipe of the distillation")

    def in_words(self) -> str:
        """One sentence on the method."""
        return self._describe_method() + (f"; changes of rank {self.rank} (LoRA)" if self.rank else "")

    def _describe_method(self) -> str:
        kind = {FORWARD: "forward KL divergence", REVERSE: "reverse KL divergence"}.get(
            self.beta, f"generalised Jensen-Shannon divergence with beta {self.beta:g}"
        )
        if self.method == "sequence":
            return "sequence level: cross entropy of the teacher's answers"
        over = "the data's answers" if self.own_answers else "the teacher's answers"
        if self.method == "on-policy":
            warm = f", after {self.warm_up:,} steps at sequence level" if self.warm_up else ""
            return f"on-policy: {kind} of logits at temperature {self.temperature:g} over the student's answers{warm}"
        stored = f", from the {self.top} top tokens and the rest, stored" if self.top else ""
        return f"logit level: {kind} of logits at temperature {self.temperature:g} over {over}{stored}"
