"""The experiment: one small student for each kind of answers, count and seed."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stillhunt.tools import Progress, number, plural, write_whole
from stillhunt.tools import count as count_words
from stillhunt_model.damage.splitting import HARVESTED, KINDS, HeldOut, curve_counts, shuffled
from stillhunt_model.nets.loading import load_net
from stillhunt_model.nets.net import Net
from stillhunt_model.nets.tiny import TinySize, text_tokenizer, tiny_net
from stillhunt_model.training.likelihood import scored_batches
from stillhunt_model.training.pairs import NOT_LEARNED, TextPair, encode
from stillhunt_model.training.run import TrainingRecipe, train


@dataclass(frozen=True)
class AnswerScores:
    """One number for each answer."""

    nats: list[float]  # negative log-likelihood, summed over the tokens of the answer and its end
    tokens: list[int]
    bytes: list[int]  # bytes of the answer, as far as it was not cut, and one for its end
    short: list[bool]  # whether it is short and whole, so that giving it exactly can be asked for
    # whether the likeliest token is the right one everywhere: the student, asked without chance, gives it
    exact: list[bool]


def score_answers(net: Net, pairs: Sequence[TextPair]) -> AnswerScores:
    """Ask a student for the likelihood of answers."""
    encoded = encode(net, pairs)
    nats, exact = [0.0] * len(encoded), [False] * len(encoded)
    for places, logits, labels in scored_batches(net, encoded):
        learned = labels != NOT_LEARNED
        wanted = labels.clamp(min=0).unsqueeze(-1)
        losses = logits.float().logsumexp(dim=-1) - logits.float().gather(-1, wanted).squeeze(-1)
        sums = (losses * learned).sum(dim=-1).tolist()
        right = ((logits.argmax(dim=-1) == labels) | ~learned).all(dim=-1).tolist()
        for row, place in enumerate(places):
            nats[place], exact[place] = sums[row], right[row]
    end = net.tokenizer.eos_token_id
    sizes, short = [], []
    for one, pair in zip(encoded, pairs, strict=True):
        whole = one.tokens[-1:] == [end]
        text = pair.answer if whole else net.tokenizer.decode(one.tokens[one.start :])
        sizes.append(len(text.encode("utf-8", "surrogatepass")) + 1)
        short.append(whole and sizes[-1] <= _SHORT_ANSWER + 1)
    return AnswerScores(nats, [one.learned for one in encoded], sizes, short, exact)


# bytes: longest answer of which it is counted whether a student gives it exactly (longer answers have many right forms)
_SHORT_ANSWER = 48
CHECKED_AT = (0.125, 0.25, 0.5, 0.75)
"""Shares of a training after which a student is asked, beside its end; the best moment counts. A student of few samples
forgets what it can do when it goes on."""
_HEADS = 4
_LONGEST_RECORD = 1 << 24
_ROUNDS = 20
"""Batches in one pass over the samples at least, so that a last batch that is not full is rare however few they are."""
_VERSION = 1


@dataclass(frozen=True)
class StudentSpec:
    """How students are made and trained."""

    samples: int = 1024  # most useful samples that a student learns from
    seeds: int = 3
    steps: int = 300
    batch: int = 16
    # width, layers: shape of a tiny student
    width: int = 64
    layers: int = 2
    longest: int = 192  # tokens of a prompt and its answer together; what is longer is cut
    vocabulary: int = 1024  # tokens of tiny students, learned from the samples to learn from
    learning_rate: float = 3e-3
    seed: int = 0
    # folder or GGUF file of the model that each student starts from; None for tiny ones made from nothing
    base: Path | None = None


@dataclass(frozen=True)
class StudentScores:
    """What one student knows at its best moment."""

    kind: str
    count: int
    seed: int  # number of the student among those of the same kind and count
    best_step: int  # updates after which it was best on the samples that choose
    nats: list[float]
    exact: list[bool]
    honest_nats: list[float]
    tokens_per_second: float  # of its training; 0 where it was kept from an earlier run


@dataclass(frozen=True)
class Students:
    """All students, and what they were asked."""

    counts: dict[str, tuple[int, ...]]
    scores: list[StudentScores]
    # asked, asked_honest: sizes of the answers that were asked
    asked: AnswerScores
    asked_honest: AnswerScores
    parameters: int
    kept: int


def train_students(held: HeldOut, spec: StudentSpec, progress: Progress, work: Path | None = None) -> Students:
    """Train and ask all students.

    `work`: folder in which finished students are kept, so that a run that was stopped goes on; None for none.
    """
    counts = {
        kind: _list_training_counts(len(held.training[kind]), len(held.training[HARVESTED]), spec) for kind in KINDS
    }
    fresh = student_maker(held, spec, max(counts[HARVESTED]))
    first = fresh(0)
    tokens = score_answers(first, [one.pair for one in held.asked])
    honest = score_answers(first, [one.pair for one in held.asked_honest])
    shelf = _Shelf(work, experiment_key(held, spec, first))
    orders = [(kind, count, seed) for seed in range(spec.seeds) for kind in KINDS for count in counts[kind]]
    scores, kept = [], 0
    with progress.stage("training students", len(orders) * spec.steps, "updates") as advance:
        for place, (kind, count, seed) in enumerate(orders, 1):
            found = shelf.find(kind, count, seed, (len(held.asked), len(held.asked_honest)))
            kept += found is not None
            if found is None:
                pairs = [one.pair for one in shuffled(held.training[kind], spec.seed * 1000 + seed)[:count]]
                found = _train_one(kind, count, seed, pairs, fresh(seed), held, spec, advance)
                shelf.keep(found)
                loss = sum(found.nats) / max(1, sum(tokens.tokens))
                progress.note(
                    f"student {place} of {len(orders)}: {plural(count, f'{kind} answer')}, seed {seed}, "
                    f"{number(loss, 3)} nats a token, {count_words(round(found.tokens_per_second))} tokens/s"
                )
            else:
                advance(spec.steps)
            scores.append(found)
    return Students(counts, scores, tokens, honest, first.parameters, kept)


def _list_training_counts(there: int, harvested: int, spec: StudentSpec) -> tuple[int, ...]:
    """The counts of one kind: those of the harvest, as far as there are so many answers of this kind, and all."""
    most = min(harvested, spec.samples)
    counts = [one for one in curve_counts(most) if one <= there]
    return tuple(counts) if there >= most else (*counts, *([there] if there > counts[-1] else []))


def student_maker(held: HeldOut, spec: StudentSpec, most: int) -> Callable[[int], Net]:
    """What makes untrained students; all have one tokenizer, so that their losses can be compared.

    `most`: samples of each kind from which tiny students have their tokens. Returns seed -> student; that of a given
    model is the same for every seed.
    """
    if spec.base is not None:
        base = spec.base
        return lambda _seed: _of_base(base, spec.longest)
    texts = [
        text
        for kind in KINDS
        for one in shuffled(held.training[kind], spec.seed)[:most]
        for text in (one.pair.prompt, one.pair.answer)
    ]
    tokenizer = text_tokenizer(texts, spec.vocabulary)
    size = TinySize(spec.width, spec.layers, _HEADS, spec.longest)
    return lambda seed: tiny_net(size, tokenizer, spec.seed * 1000 + seed)


@dataclass(frozen=True)
class _ShorterNet(Net):
    """A model that is given less than it takes, as tiny students are."""

    limit: int = 0

    @property
    def longest(self) -> int:
        """Most tokens of prompt and answer together."""
        return min(self.limit, super().longest)


def _of_base(base: Path, longest: int) -> Net:
    net = load_net(base)
    return _ShorterNet(net.model, net.tokenizer, net.name, longest)


def _train_one(
    kind: str,
    count: int,
    seed: int,
    pairs: Sequence[TextPair],
    net: Net,
    held: HeldOut,
    spec: StudentSpec,
    advance: Callable[[int], None],
) -> StudentScores:
    exam = _Exam(net, held, spec.steps, advance)
    recipe = TrainingRecipe(spec.steps, spec.batch, spec.learning_rate, spec.seed * 1000 + seed)
    done = train(net, filled(pairs, spec.batch), recipe, watch=exam.watch)
    exam.ask(spec.steps)
    best_step, scores, honest = exam.best()
    speed = done.tokens / max(done.seconds - exam.seconds, 1e-9)
    return StudentScores(kind, count, seed, best_step, scores.nats, scores.exact, honest.nats, speed)


def filled(pairs: Sequence[TextPair], batch: int) -> list[TextPair]:
    """Samples repeated in turn until they fill whole batches, so that every update is of the same size."""
    whole = math.ceil(max(len(pairs), _ROUNDS * batch) / batch) * batch
    return [pairs[place % len(pairs)] for place in range(whole)]


class _Exam:
    """Asks a student at some moments of its training."""

    def __init__(self, net: Net, held: HeldOut, steps: int, advance: Callable[[int], None]) -> None:
        self._net, self._held, self._advance = net, held, advance
        self._due = [max(1, round(share * steps)) for share in CHECKED_AT]
        self._steps, self._known = steps, 0
        self._found: dict[int, tuple[float, AnswerScores, AnswerScores]] = {}
        self.seconds = 0.0

    def watch(self, step: int, loss: float, speed: float) -> None:
        del loss, speed  # said once a student is done
        self._advance(step - self._known)
        self._known = step
        if self._due and step >= self._due[0] and step < self._steps:
            self._due = [one for one in self._due if one > step]
            self.ask(step)

    def ask(self, step: int) -> None:
        begun = time.perf_counter()
        choosing, asked, honest = (
            score_answers(self._net, [one.pair for one in part])
            for part in (self._held.choosing, self._held.asked, self._held.asked_honest)
        )
        self._found[step] = (sum(choosing.nats), asked, honest)
        if step < self._steps:
            self.seconds += time.perf_counter() - begun
        else:
            self._advance(self._steps - self._known)
            self._known = self._steps

    def best(self) -> tuple[int, AnswerScores, AnswerScores]:
        step = min(self._found, key=lambda one: (self._found[one][0], one))
        return step, self._found[step][1], self._found[step][2]


class _Shelf:
    """Finished students in a folder, one file each; those of another experiment are not used."""

    def __init__(self, folder: Path | None, fingerprint: str) -> None:
        self._folder, self._fingerprint = folder, fingerprint

    def find(self, kind: str, count: int, seed: int, asked: tuple[int, int]) -> StudentScores | None:
        """The student, where it is there, whole, and of this experiment."""
        path = self._locate_student_file(kind, count, seed)
        if path is None:
            return None
        with suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
            if path.stat().st_size > _LONGEST_RECORD:
                return None
            record = json.loads(path.read_bytes())
            if record["experiment"] != self._fingerprint:
                return None
            nats, honest = ([float(one) for one in record[name]] for name in ("nats", "honest_nats"))
            exact = [bool(one) for one in record["exact"]]
            if (len(nats), len(honest)) == asked and len(exact) == asked[0] and all(map(math.isfinite, nats + honest)):
                return StudentScores(kind, count, seed, int(record["best_step"]), nats, exact, honest, 0.0)
        return None

    def keep(self, student: StudentScores) -> None:
        """Write a student's file."""
        path = self._locate_student_file(student.kind, student.count, student.seed)
        if path is not None:
            record = {"experiment": self._fingerprint, **asdict(student)}
            text = json.dumps(record, sort_keys=True) + "\n"
            write_whole(path, [text.encode()])

    def _locate_student_file(self, kind: str, count: int, seed: int) -> Path | None:
        return None if self._folder is None else self._folder / f"{kind}-{count}-{seed}.json"


def experiment_key(held: HeldOut, spec: StudentSpec, first: Net) -> str:
    """A hash of all that a student's scores depend on: samples, what is asked, how it is made.

    `spec`: how they are made; the number of seeds does not count, so that more seeds go on from fewer.
    """
    digest = hashlib.blake2b(digest_size=16)
    known: dict[str, Any] = {**asdict(spec), "base": first.name if spec.base else "", "version": _VERSION}
    del known["seeds"]
    digest.update(json.dumps(known, sort_keys=True).encode())
    # A model may change under its name.
    weights = sum(float(one.detach().double().sum()) for one in first.model.parameters())
    digest.update(str((first.parameters, weights, len(first.tokenizer), CHECKED_AT)).encode())
    for samples in (*held.training.values(), held.choosing, held.asked, held.asked_honest):
        digest.update(b"\0part")
        for one in samples:
            for text in (one.request_id, one.pair.prompt, one.pair.answer):
                digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
    return digest.hexdigest()
