"""Tests of the classifier: false alarms on real texts, and recall on wordings that it did not learn from."""

from __future__ import annotations

import numpy as np
from texts import FLAGS, Wording, read_out
from windows import token_lists

from model import Model, Traffic, counts_against, fit

FOLDS = 3
PER_WORDING = 4
SEED = 7


def false_alarms(model: Model, traffic: Traffic) -> dict[str, float]:
    """Share of the corpus's test texts that reach each bar, data sets that do ask for it left out."""
    reached = model.sums(traffic.test) >= model.bars
    return {
        flag: float(reached[counts_against(traffic.test_sets, flag), column].mean())
        for column, flag in enumerate(FLAGS)
    }


def by_set(model: Model, traffic: Traffic) -> dict[str, dict[str, float]]:
    """The same of every data set, those included that do ask for it."""
    reached = model.sums(traffic.test) >= model.bars
    return {
        flag: {
            str(name): float(reached[traffic.test_sets == name, column].mean()) for name in np.unique(traffic.test_sets)
        }
        for column, flag in enumerate(FLAGS)
    }


def sample_prompts(wordings: list[Wording], items: list[str]) -> tuple[list[Wording], list[str]]:
    """Readings of wordings, every second one beside an item."""
    rng = np.random.default_rng(SEED)
    owners, texts = [], []
    for wording in wordings:
        for number in range(PER_WORDING):
            text = read_out(rng, wording.text)
            if number % 2:
                item = items[int(rng.integers(len(items)))]
                text = f"{text}\n{item}" if rng.random() < 0.7 else f"{item}\n\n{text}"
            owners.append(wording)
            texts.append(text)
    return owners, texts


class Recall:
    """Recall of held-out wordings, collected fold by fold: by flag, and by flag and language."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], list[bool]] = {}

    def add(self, model: Model, wordings: list[Wording], items: list[str]) -> None:
        """Count readings of wordings that a model did not learn from."""
        owners, texts = sample_prompts([w for w in wordings if w.flag in FLAGS], items)
        sums = model.sums(token_lists(texts))
        for owner, row in zip(owners, sums, strict=True):
            column = FLAGS.index(owner.flag)
            for language in ("all", owner.language):
                self.seen.setdefault((owner.flag, language), []).append(bool(row[column] >= model.bars[column]))

    def shares(self) -> dict[str, dict[str, float]]:
        """Flag -> language -> recall."""
        shares: dict[str, dict[str, float]] = {}
        for (flag, language), seen in self.seen.items():
            shares.setdefault(flag, {})[language] = float(np.mean(seen))
        return shares


def held_out_wordings(own: list[Wording], lab: list[Wording], traffic: Traffic, items: list[str]) -> Recall:
    """Recall on every third wording in turn, by models that learned from the other two thirds."""
    recall = Recall()
    for fold in range(FOLDS):
        rest = [wording for number, wording in enumerate(own) if number % FOLDS != fold]
        recall.add(fit(rest + lab, traffic, items), own[fold::FOLDS], items)
    return recall


def known_wordings(model: Model, wordings: list[Wording], items: list[str]) -> Recall:
    """Recall on other readings of the wordings that a model learned from, each alone or beside an item."""
    recall = Recall()
    recall.add(model, wordings, items)
    return recall


def held_out_generator(own: list[Wording], lab: list[Wording], traffic: Traffic, items: list[str]) -> Recall:
    """Recall on the lab's templates by a model that learned from our own wordings alone."""
    recall = Recall()
    recall.add(fit(own, traffic, items), lab, items)
    return recall
