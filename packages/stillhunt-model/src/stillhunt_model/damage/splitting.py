"""Which samples students learn from, and which they are asked: by groups and keyed hashes, never by order."""

from collections.abc import Sequence
from dataclasses import dataclass

from stillhunt import InputError
from stillhunt.tools import plural, verb
from stillhunt_model.damage.samples import GatheredAnswers, TakenAnswer, keyed_number

# Share of useful samples that no student sees, drawn by a keyed hash of their group (three in four teach, one in four
# says what was learned)
_HELD_OUT = 0.25
# Held-out samples that students are asked; a third of them chooses the best moment of a training (the loss is then
# known to a few percent, and asking costs less than training)
_MOST_HELD_OUT = 384
_FEWEST_HELD_OUT = 12  # Held-out samples below which nothing is said (fewer give intervals that hold everything)
# Useful samples to learn from below which nothing is said (a curve needs at least three counts, and a student some
# samples)
_FEWEST_SAMPLES = 32
_SMALLEST_COUNT = 4  # samples: smallest count of the curve (fewer samples are an anecdote)


HARVESTED, HONEST = "harvested", "honest"
KINDS = (HARVESTED, HONEST)
_CHOOSING = 3
"""One in so many of the held-out groups chooses the best moment of a training; the others measure."""
_WHOLE = 1 << 64
_MORE = {
    HARVESTED: "name all logs of the hunt, or a campaign that took more; prompts that differ in numbers alone count as "
    "one sample",
    HONEST: "name all logs of the hunt, those of honest accounts included",
}


@dataclass(frozen=True)
class HeldOut:
    """What students learn from and what they are asked."""

    training: dict[str, list[TakenAnswer]]  # kind -> samples to learn from, in no order of meaning
    choosing: list[TakenAnswer]  # held-out harvested samples that choose the best moment of a training
    asked: list[TakenAnswer]
    asked_honest: list[TakenAnswer]  # held-out honest ones, to see what a student knows of ordinary traffic


def hold_out(gathered: GatheredAnswers, seed: int) -> HeldOut:
    """Part samples into those to learn from and those to ask; samples of one group stay together.

    Raises InputError: there are too few to say anything.
    """
    every = [*gathered.harvested, *gathered.honest]
    drawn: dict[int, int] = {}
    for one in every:
        number = keyed_number(one.request_id, "held out", seed)
        drawn[one.group] = min(number, drawn.get(one.group, _WHOLE))
    # The least hash of several is small: it is hashed once more, so that large groups are held out as often as others.
    place = {group: keyed_number(str(number), "side", seed) for group, number in drawn.items()}
    out = {group for group, number in place.items() if number < _HELD_OUT * _WHOLE}
    held = shuffled([one for one in gathered.harvested if one.group in out], seed)[:_MOST_HELD_OUT]
    chooses = {group for group, number in place.items() if not keyed_number(str(number), "chooses", seed) % _CHOOSING}
    asked = [one for one in held if one.group not in chooses]
    choosing = _without_ties([one for one in held if one.group in chooses], asked)
    training = {
        kind: _without_ties([one for one in samples if one.group not in out], held)
        for kind, samples in ((HARVESTED, gathered.harvested), (HONEST, gathered.honest))
    }
    honest = shuffled([one for one in gathered.honest if one.group in out], seed)[: len(asked)]
    _check_sample_counts(training, len(choosing), len(asked))
    return HeldOut(training, choosing, asked, honest)


def _without_ties(samples: Sequence[TakenAnswer], others: Sequence[TakenAnswer]) -> list[TakenAnswer]:
    """The samples that share no tie with any of the others."""
    tied: set[bytes] = set().union(*(one.ties for one in others))
    return [one for one in samples if not one.ties & tied]


def _check_sample_counts(training: dict[str, list[TakenAnswer]], choosing: int, asked: int) -> None:
    for kind, samples in training.items():
        if len(samples) < _FEWEST_SAMPLES:
            raise InputError(
                f"there {verb(len(samples), 'is', 'are')} {plural(len(samples), f'{kind} answer')} to learn from, "
                f"and {_FEWEST_SAMPLES} are needed",
                where="LOGS",
                next_step=_MORE[kind],
            )
    if choosing < 2 or asked < _FEWEST_HELD_OUT:
        raise InputError(
            f"only {choosing} and {asked} useful samples could be held out, and 2 and {_FEWEST_HELD_OUT} are needed",
            where="LOGS",
            next_step="name all logs of the hunt, or a campaign whose samples are not all of a few conversations",
        )


def shuffled(samples: Sequence[TakenAnswer], seed: int) -> list[TakenAnswer]:
    """Samples in an order that depends on their ids and the seed alone."""
    return sorted(samples, key=lambda one: (keyed_number(one.request_id, "order", seed), one.request_id))


def curve_counts(most: int) -> tuple[int, ...]:
    """Counts of samples at which students are trained: a sixteenth, an eighth ... and all."""
    counts = [most >> halvings for halvings in (4, 3, 2, 1, 0)]
    return tuple(one for one in counts if one >= _SMALLEST_COUNT)
