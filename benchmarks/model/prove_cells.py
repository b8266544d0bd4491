"""Students and innocents of the measurement of `prove`, one cell at a time."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from prove_world import ANSWER_TOKENS, ASKED, CAMPAIGNS, SCHEMES, World

from stillhunt_model.endpoints.budget import QueryBudget
from stillhunt_model.marks.detecting import KeyedMark
from stillhunt_model.nets.net import Net
from stillhunt_model.proof.control_answers import DrawnAnswers, comparable
from stillhunt_model.proof.inherited_marks import read_mark
from stillhunt_model.proof.preferred_answers import score_likelihoods
from stillhunt_model.proof.replies import LEAST_REPLIES
from stillhunt_model.proof.suspects import LocalSuspect
from stillhunt_model.tasks.harvest_texts import HarvestedAnswer
from stillhunt_model.training.likelihood import answer_logprobs
from stillhunt_model.training.pairs import TextPair
from stillhunt_model.training.run import TrainingRecipe

SAMPLES = 2000
"""Pairs of a student's training data."""
EPOCHS, BATCH, RATE = 2, 32, 1e-3
QUERIES = 2000
"""Queries for each pair of suspect and campaign, and test."""
FEW = 400
"""Queries for each test of an innocent, who is tried on every campaign under every scheme."""
MARKED_CAMPAIGNS = 3
"""Campaigns whose marks innocents are tried on; they are tried on the control answers of all."""
REFERENCES = {
    "control answers": ("teacher-0",),
    "control answers, kin known": ("teacher-0", "kin-1"),
    "control answers, base known": ("teacher-0", "base-0"),
}
"""Test -> models whose likelihoods are taken out."""
NO_LIMIT = ", no limit logged"
"""End of the name of a test in which the log does not say how long answers could be, so that texts are cut."""
SHARES = (0.05, 0.02, 0.01, 0.005)


@dataclass(frozen=True)
class Cell:
    """One model that is trained and tried.

    Attributes:
        kind: `thief`, or the kind of innocent.
        scheme: how the harvest is marked; of innocents `none`.
        share: harvested part of the training data.
        paraphrase: share of the harvest's words that the thief exchanged.
        seed: of its data and training.
    """

    kind: str
    scheme: str
    share: float
    paraphrase: float
    seed: int

    @property
    def campaign(self) -> int:
        """The campaign whose harvest the thief has."""
        return self.seed % CAMPAIGNS


PARAPHRASED = 0.3
"""Share of words that a paraphrase exchanges."""
INNOCENTS = ("other data", "same public data", "student of a sibling", "honest student", "paraphrases of public data")


def all_cells(seeds: int, innocents: int) -> Iterator[Cell]:
    """Cells in the order in which they say most: one seed of everything, then the next one.

    Args:
        seeds: students of each kind.
        innocents: innocents of each kind.
    """
    for seed in range(max(seeds, innocents)):
        if seed < seeds:
            for share in SHARES:
                yield Cell("thief", "none", share, 0.0, seed)
            yield Cell("thief", "standing", SHARES[0], 0.0, seed)
            for scheme in ("none", "standing"):
                yield Cell("thief", scheme, SHARES[0], PARAPHRASED, seed)
            for share in SHARES[1:]:
                yield Cell("thief", "standing", share, 0.0, seed)
        if seed < innocents:
            for kind in INNOCENTS:
                yield Cell(kind, "none", 0.0, 0.0, seed)


def run_cell(world: World, cell: Cell) -> dict[str, Any]:
    """Train the model of a cell and try it.

    Args:
        world: what cells share.
        cell: which.

    Returns:
        The cell, with p-values by test and campaign.
    """
    net = student(world, cell)
    row: dict[str, Any] = {**asdict(cell), "tests": []}
    harvested = round(SAMPLES * cell.share) if cell.kind == "thief" else ASKED
    schemes = (cell.scheme,) if cell.kind == "thief" else (*SCHEMES, "none")
    for campaign in range(CAMPAIGNS):
        own = cell.kind == "thief" and campaign == cell.campaign
        for scheme in schemes:
            if scheme != "none" and cell.kind != "thief" and campaign >= MARKED_CAMPAIGNS:
                continue
            innocent = cell.kind != "thief"
            labels = random.Random(f"{cell}-{campaign}-{scheme}") if innocent else None  # noqa: S311  # no secret
            limit = QUERIES if own else FEW
            for test, score, queries in tried(world, net, campaign, scheme, limit, harvested, labels):
                row["tests"].append(
                    {"campaign": campaign, "scheme": scheme, "test": test, "queries": queries} | asdict(score)
                )
    return row


def student(world: World, cell: Cell) -> Net:
    """The model of a cell, trained once and kept in the world's folder.

    Args:
        world: what cells share.
        cell: which.
    """
    named = "-".join(str(part).replace(" ", "_") for part in asdict(cell).values())
    pairs = training_data(world, cell)
    recipe = TrainingRecipe(EPOCHS * len(pairs) // BATCH, BATCH, RATE, seed=cell.seed)
    return world.trained(f"student-{named}", world.net("base-0"), pairs, recipe)


def training_data(world: World, cell: Cell) -> list[TextPair]:
    """What the model of a cell learns.

    Args:
        world: what cells share.
        cell: which.
    """
    source = random.Random(f"{cell.kind}-{cell.seed}")  # noqa: S311  # texts are no secret
    own = source.sample(world.texts.own, SAMPLES)
    if cell.kind == "thief":
        stolen = _pairs(world, cell.campaign, cell.scheme, "harvested", "teacher-0", round(SAMPLES * cell.share))
        if cell.paraphrase:
            stolen = [TextPair(one.prompt, paraphrased(world, one.answer, cell.paraphrase, source)) for one in stolen]
        return own[: SAMPLES - len(stolen)] + stolen
    # Innocents have more of what could be taken for guilt than thieves have of the harvest.
    alike = round(SAMPLES * SHARES[0] * 2)
    asked = world.texts.asked[: CAMPAIGNS * ASKED]
    if cell.kind == "same public data":
        own[:alike] = source.sample(asked, alike)
    if cell.kind == "student of a sibling":
        own[:alike] = source.sample(_all_answers(world, "sibling", "sibling-1"), alike)
    if cell.kind == "honest student":
        own[:alike] = source.sample(_all_answers(world, "honest", "teacher-0"), alike)
    if cell.kind == "paraphrases of public data":
        chosen = source.sample(asked, alike)
        own[:alike] = [TextPair(one.prompt, paraphrased(world, one.answer, PARAPHRASED, source)) for one in chosen]
    return own


def _all_answers(world: World, draw: str, teacher: str) -> list[TextPair]:
    return [pair for campaign in range(CAMPAIGNS) for pair in _pairs(world, campaign, "none", draw, teacher, ASKED)]


def _pairs(world: World, campaign: int, scheme: str, draw: str, teacher: str, count: int) -> list[TextPair]:
    answers = world.harvest(campaign, scheme, draw, teacher)
    return [TextPair(*one) for one in zip(world.prompts(campaign), answers, strict=True)][:count]


def paraphrased(world: World, text: str, share: float, source: random.Random) -> str:
    """A text with a share of its words exchanged for words like them.

    Args:
        world: what cells share.
        text: an answer.
        share: of its words.
        source: of chance.
    """
    words = text.split()
    for place in range(len(words)):
        if source.random() < share:
            words[place] = source.choice(world.synonyms.get(words[place], [words[place]]))
    return " ".join(words)


def relabelled(
    answers: list[HarvestedAnswer], controls: list[list[str]], source: random.Random
) -> tuple[list[HarvestedAnswer], list[list[str]]]:
    """The same texts, of which another one of each prompt counts as harvested: to who learned none, another harvest.

    Args:
        answers: harvested ones.
        controls: of each.
        source: of chance.
    """
    mixed = [source.sample([one.answer, *texts], 1 + len(texts)) for one, texts in zip(answers, controls, strict=True)]
    chosen = [replace(one, answer=texts[0]) for one, texts in zip(answers, mixed, strict=True)]
    return chosen, [texts[1:] for texts in mixed]


def tried(
    world: World,
    net: Net,
    campaign: int,
    scheme: str,
    queries: int,
    harvested: int,
    labels: random.Random | None = None,
) -> Iterator[tuple[str, Any, int]]:
    """Every test that applies to a campaign's scheme, each with its own queries.

    Args:
        world: what cells share.
        net: suspect.
        campaign: its number.
        scheme: how its harvest is marked.
        queries: most of them for each test.
        harvested: answers that the campaign got.
        labels: of innocents: which texts count as harvested, so that each has harvests of its own.

    Yields:
        Name of the test, its score, and queries used.
    """
    answers = world.answers(campaign, scheme)[:harvested]
    if scheme in SCHEMES:
        suspect = _suspect(net)
        mark = KeyedMark(world.key(campaign, scheme), SCHEMES[scheme], world.gate)
        prompts = [one.prompt for one in answers] * LEAST_REPLIES
        said = [TextPair(*one) for one in zip(prompts, suspect.answer(prompts, ANSWER_TOKENS), strict=True) if one[1]]
        yield "marks, replies", read_mark(None, [world.net("teacher-0")], said, mark), suspect.asked
        pairs = [TextPair(one.prompt, one.answer) for one in answers]
        yield "marks", read_mark(net, [world.net("teacher-0")], pairs, mark), len(pairs)
    controls = world.controls(campaign, scheme)[: queries // len(answers) - 1]
    texts = [[control[place] for control in controls] for place in range(len(answers))]
    if labels is not None:
        answers, texts = relabelled(answers, texts, labels)
    suspect = ScoredOnce(net)
    for whole, limit in ((True, ""), (False, NO_LIMIT)):
        compared = comparable(world.net("teacher-0"), DrawnAnswers(answers, texts), whole=whole)
        for test, names in REFERENCES.items():
            references = [KnownScores(world, name) for name in names]
            yield test + limit, score_likelihoods(suspect, references, compared), sum(compared.sizes)


class ScoredOnce:
    """A suspect whose scores serve several tests, which differ in their references or in some texts.

    Args:
        net: suspect.
    """

    scores_end = True
    name = "suspect"

    def __init__(self, net: Net) -> None:
        self._net = net
        self._found: dict[TextPair, list[float]] = {}

    def score(self, pairs: Sequence[TextPair]) -> list[list[float]]:
        """As a suspect's.

        Args:
            pairs: prompts and answers.
        """
        new = [one for one in dict.fromkeys(pairs) if one not in self._found]
        self._found.update(zip(new, answer_logprobs(self._net, new), strict=True))
        return [self._found[one] for one in pairs]


class KnownScores:
    """A reference whose scores are kept: it is the same for all suspects.

    Args:
        world: what cells share.
        name: of the model.
    """

    scores_end = True
    _kept: ClassVar[dict[str, ScoredOnce]] = {}

    def __init__(self, world: World, name: str) -> None:
        if name not in self._kept:
            self._kept[name] = ScoredOnce(world.net(name))
        self.name = name
        self.score = self._kept[name].score


def _suspect(net: Net) -> LocalSuspect:
    return LocalSuspect(net, "", QueryBudget(QUERIES))
