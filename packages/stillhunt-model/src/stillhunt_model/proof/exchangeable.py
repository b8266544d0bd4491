"""Whether logged answers could be draws of the teacher: what is looked at before a suspect is asked anything.

Under the null hypothesis any of the draws to a prompt might be the logged one. A log breaks that if another version of
the teacher answered, if calls shared a seed, or if texts were filtered or rewritten; then a suspect that never saw
the campaign may prefer what was logged. The likelihood under the teacher shows little of it: of 95 answers of a version
that was trained 20 steps further it had p = 0.5, while an innocent was accused with 6e-11. So two more things are
looked at: in which direction the teacher's last layer would have to move from the control answers to the logged ones
(that version went 11 standard deviations), and how much likelier tokens are than the teacher expects at their place,
which a sharper version changes (of 64 answers p = 3e-11).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers
from stillhunt_model.proof.parameters import P
from stillhunt_model.proof.statistics import Floats, two_sided_rank_p, unexplained
from stillhunt_model.training.likelihood import answer_logprobs, model_outputs
from stillhunt_model.training.pairs import NOT_LEARNED, TextPair, encode

Sketches = npt.NDArray[np.float32]
_LOOKS = 4
"""Statistics of one model, each of which may refuse with a quarter of `unlike`."""
_SKETCH = 512
"""Numbers in which a direction is kept; its length is right to 1 part in 16 (derived: the root of 2 / 512)."""
_BEGINNING, _BEGINNING_SKETCH = 8, 64
"""Tokens whose chance is looked at one by one, since calls with one seed share it; numbers in which each is kept."""
_PICKS = 1999
"""Random picks with which the logged answers are compared (derived: the least p-value, times `_LOOKS`, is 0.002)."""


def alike(model: Net, drawn: DrawnAnswers, *, ends: bool = True) -> bool:
    """Whether logged answers could change places with their controls, as far as the teacher, or a reference, can tell.

    It cannot tell a version that differs in what the last layer does not see, or by less than chance does in so many
    answers.

    Args:
        model: the teacher, or a model that was not trained on the harvest.
        ends: whether the suspect says how likely it finds the end of a text.
    """
    scores = [one if ends else one[:-1] for one in answer_logprobs(model, drawn.pairs)]
    likelihoods, lengths = (np.array([count(one) for one in scores], np.float64) for count in (sum, len))
    found = [two_sided_rank_p(unexplained(likelihoods, [lengths], drawn.sizes))]
    moved, begun, surprise = sketch_directions(model, drawn.pairs)
    found += [picked_direction_p(one, drawn.sizes) for one in (moved, begun)]
    found.append(two_sided_rank_p(unexplained(surprise, [], drawn.sizes)))
    return _LOOKS * min(found) >= P.unlike


def sketch_directions(model: Net, pairs: Sequence[TextPair]) -> tuple[Sketches, Sketches, Floats]:
    """In which direction each answer would move the last layer, and what its tokens were beyond expectation.

    The gradient of an answer's log-probability by the last layer is the sum over its tokens of (token that came -
    chances of all) times the state before it; its mean over draws of the model itself is 0. Gradients are kept as
    tensor sketches (Pham and Pagh 2013), whose inner products are nearly theirs.

    Returns:
        Texts x `_SKETCH`; texts x (`_BEGINNING` times `_BEGINNING_SKETCH`); and how much likelier each text is than
        what the model expects at each of its tokens, in nats: what a sharper or flatter version changes.
    """
    source = torch.Generator().manual_seed(0)
    encoded, vocabulary = encode(model, pairs), model.model.get_output_embeddings().weight.shape[0]
    signs, of_first = (_draw_signs(vocabulary, size, source) for size in (_SKETCH, _BEGINNING_SKETCH))
    of_states: torch.Tensor | None = None
    moved = torch.zeros(len(encoded), _SKETCH)
    begun = torch.zeros(len(encoded), _BEGINNING, _BEGINNING_SKETCH)
    surprise = torch.zeros(len(encoded))
    for places, output, labels in model_outputs(model, encoded, with_states=True):
        states, learned = output.hidden_states[-1][:, :-1].float(), labels != NOT_LEARNED
        if of_states is None:
            of_states = _draw_signs(states.shape[-1], _SKETCH, source) / states.shape[-1] ** 0.5
        logs = torch.log_softmax(output.logits[:, :-1].float(), dim=-1)
        chances, came = logs.exp(), labels.clamp(min=0)
        beyond = logs.gather(-1, came.unsqueeze(-1)).squeeze(-1) - (chances * logs).sum(-1)
        surprise[places] = (beyond * learned).sum(1)
        moved[places] = (((signs[came] - chances @ signs) * (states @ of_states)) * learned[..., None]).sum(1)
        for row, place in enumerate(places):
            own = torch.nonzero(learned[row]).squeeze(1)[:_BEGINNING]
            begun[place, : len(own)] = of_first[came[row, own]] - chances[row, own] @ of_first
    return moved.numpy(), begun.flatten(1).numpy(), surprise.double().numpy()


def picked_direction_p(sketches: Sketches, sizes: Sequence[int]) -> float:
    """Probability that a random pick from each block goes as far in one direction as the first texts do, or further.

    `sketches`: of all texts, block after block. `sizes`: texts of each block.
    """
    source, starts = np.random.default_rng(0), np.cumsum([0, *sizes[:-1]])
    means = np.add.reduceat(sketches, starts, axis=0) / np.asarray(sizes)[:, None]
    centred = (sketches - np.repeat(means, sizes, axis=0)).astype(np.float32)
    picks = source.integers(0, np.asarray(sizes), (_PICKS, len(sizes))) + starts
    ways = np.stack([centred[one].sum(0) for one in (starts, *picks)])
    lengths = (ways.astype(np.float64) ** 2).sum(1)
    return float(np.mean(lengths >= lengths[0] * (1 - 1e-9)))


def _draw_signs(rows: int, columns: int, source: torch.Generator) -> torch.Tensor:
    return (torch.randint(0, 2, (rows, columns), generator=source) * 2 - 1).float()
