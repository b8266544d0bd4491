"""Train and test the classifier of what requests ask for, and write its data and figures.

    python benchmarks/quality/asked/train.py CORPUS.parquet              print the tests
    python benchmarks/quality/asked/train.py CORPUS.parquet --write      also write asked.npz of the room extract
    python benchmarks/quality/asked/train.py CORPUS.parquet --held-out   also test on wordings left out

CORPUS.parquet has columns `text` and `set`: real requests, which stand for traffic that asks for nothing special. It is
not part of this repository; without it the script says so and exits with 0. All chance is seeded, so that the same
corpus gives the same file. `docs/asked.md` has the figures.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from texts import TRAIN, Corpus, lab_wordings, own_wordings, read_corpus

from figures import by_set, false_alarms, held_out_generator, held_out_wordings, known_wordings
from model import SEED, Traffic, fit, write_model

DATA = Path(__file__).parents[3] / "packages" / "stillhunt" / "src" / "stillhunt" / "extract" / "data" / "asked.npz"
ITEMS, ITEM_CHARACTERS = 3_000, 300
ITEM_SETS = (
    "banking77",
    "clinc150",
    "math_problems",
    "plexpt_questions_zh",
    "sgd_dialogue_users",
    "sharegpt_user",
    "wildchat_hard_ru",
    "xquad_rag_multiling",
)


def items_of(corpus: Corpus) -> list[str]:
    """Short texts of the training part that stand for what prompts are about."""
    found = [
        text
        for text, name, use in zip(corpus.texts, corpus.sets, corpus.use, strict=True)
        if use == TRAIN and name in ITEM_SETS and len(text) < ITEM_CHARACTERS
    ]
    return [found[k] for k in np.random.default_rng(SEED).permutation(len(found))[:ITEMS]]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("corpus", type=Path)
    arguments.add_argument("--write", action="store_true", help="write the data file")
    arguments.add_argument("--held-out", action="store_true", help="also test on wordings left out; takes ten minutes")
    chosen = arguments.parse_args()
    if not chosen.corpus.is_file():
        print(f"no corpus at {chosen.corpus}: nothing is trained and nothing is tested")
        return
    corpus = read_corpus(chosen.corpus)
    traffic, items = Traffic.of(corpus), items_of(corpus)
    own, lab = own_wordings(), lab_wordings()
    model = fit(own + lab, traffic, items)
    found: dict[str, Any] = {
        "cues": len(model.cues),
        "features": len(model.keys),
        "false_alarms": false_alarms(model, traffic),
        "by_set": by_set(model, traffic),
        "known_wordings": known_wordings(model, own, items).shares(),
        "known_generators": known_wordings(model, lab, items).shares(),
    }
    if chosen.write:
        write_model(model, DATA)
    if chosen.held_out:
        found["held_out_wordings"] = held_out_wordings(own, lab, traffic, items).shares()
        found["held_out_generators"] = held_out_generator(own, lab, traffic, items).shares()
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
