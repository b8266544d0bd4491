"""Random logs in which every step of the link room finds something: templates, stock turns, topics, clients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from drawn_sketches import Prompt, sketches_of

DAY = 86_400_000_000
AGENTS = (None, "a/1", "b/2", "c/3", "d/4")


def random_log(seed: int, accounts: int = 36, load: float = 30.0) -> pa.Table:
    """Some of the accounts use one or two of some templates, all ask about topics of their own topic preference.

    Times, prompts, conversations and hashes clash on purpose; turns and clients are known or not.

    Args:
        seed: of everything.
        accounts: number of accounts.
        load: requests of each, in the mean.
    """
    rng = np.random.default_rng(seed)
    templates = [
        [int(p) for p in rng.integers(0, 2**32, rng.integers(2, 9), dtype=np.uint64)] for _ in range(rng.integers(1, 5))
    ]
    stock = [int(p) for p in rng.integers(0, 2**32, 3, dtype=np.uint64)]
    prompts: list[Prompt] = []
    for account in range(accounts):
        own = rng.choice(len(templates), rng.integers(0, 3)).tolist()
        preference, clients = rng.dirichlet(np.full(70, 0.2)), rng.choice(len(AGENTS), rng.integers(1, 6))
        parameters = bool(rng.random() < 0.5)
        prompts.extend(
            {
                "account_id": f"acc{account * 7919 % 1000:03d}",
                "timestamp": int(rng.integers(0, 12)) * DAY + int(rng.integers(0, 40)),
                "content_hash": int(rng.integers(0, 5)),
                "conversation": 1 + account * 1_000 + (number if rng.random() < 0.8 else int(rng.integers(0, 4))),
                "turn": [None, 0, 1][int(rng.choice(3, p=[0.3, 0.6, 0.1]))],
                "user_agent": AGENTS[int(rng.choice(clients))],
                "tls_fingerprint": None if rng.random() < 0.8 else "t",
                "temperature": 0.5 if parameters and rng.random() < 0.9 else None,
                "output_tokens": None if rng.random() < 0.1 else int(rng.integers(0, 900)),
                **_text(rng, templates, own, stock, preference),
            }
            for number in range(rng.poisson(load))
        )
    order = rng.permutation(len(prompts)).tolist()
    return sketches_of([prompts[place] for place in order])


def _text(rng: np.random.Generator, templates: Any, own: list[int], stock: list[int], preference: Any) -> Prompt:
    phrases = [int(p) for p in rng.integers(0, 2**32, rng.integers(0, 4), dtype=np.uint64)]
    system: list[int] = []
    words = {int(w) for w in rng.choice(70, p=preference) * 12 + rng.integers(0, 12, 8)}
    if own and rng.random() < 0.7:
        number = int(rng.choice(own))
        chosen = [phrase for phrase in templates[number] if rng.random() < 0.8]
        (phrases if rng.random() < 0.7 else system).extend(chosen)
        words |= {2_000 + number * 10 + int(w) for w in rng.integers(0, 4, 3)}
    if rng.random() < 0.1:
        phrases += stock
        system += stock[:1]
    prompt_hash = 0 if rng.random() < 0.03 else int(rng.integers(1, 6 if rng.random() < 0.1 else 2**62))
    return {"phrases": phrases, "system_phrases": system, "topic_words": sorted(words), "prompt_hash": prompt_hash}
