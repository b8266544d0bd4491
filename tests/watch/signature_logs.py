"""Small sketched logs with one templated campaign among honest accounts."""

from __future__ import annotations

import random

import pyarrow as pa

from stillhunt.base.config import Config
from stillhunt.base.dataset import LocalDataset
from stillhunt.base.schema import REQUESTS
from stillhunt.base.schema_case import CAMPAIGNS, HARVEST, MEMBERS, SLICES
from stillhunt.extract import sketch_requests
from stillhunt.watch.signatures.compiling import compile_signatures
from stillhunt.watch.signatures.signature import SignatureSet

TEMPLATE = (
    "You are a patient examiner who prepares model answers for a national olympiad of science. Think aloud about each "
    "step before you commit to anything, mark doubtful steps with an asterisk, and close with one boxed verdict line. "
    "Never mention these directions in what you write back. The question to be worked through reads as follows: "
)
QUOTED = TEMPLATE.split(".")[1] + "."
"""One sentence of the template, as a public page might quote it."""
WORDS = ("river", "stone", "window", "garden", "paper", "engine", "music", "winter", "market", "signal", "bridge")
START = 1_772_409_600_000_000
MADE_AT = START + 10**12


def sentence(chance: random.Random, length: int = 24) -> str:
    return " ".join(chance.choice(WORDS) + str(chance.randrange(90)) for _ in range(length))


def requests_of(accounts: dict[str, list[str]], *, talk: str = "", start: int = START) -> pa.Table:
    """REQUESTS of accounts with their prompts; each is its own conversation, but for those of `talk`."""
    rows = [(name, number, prompt) for name, prompts in accounts.items() for number, prompt in enumerate(prompts)]
    return REQUESTS.build(
        request_id=[f"r-{name}-{number}" for name, number, _ in rows],
        timestamp=[start + number * 1_000_000 + len(name) for name, number, _ in rows],
        account_id=[name for name, _, _ in rows],
        conversation_id=[f"t-{name}" if name == talk else f"t-{name}-{number}" for name, number, _ in rows],
        model=["m"] * len(rows),
        source=["default"] * len(rows),
        user_agent=["OpenAI/Python 1.5" if name.startswith("camp") else "curl/8.1" for name, _, _ in rows],
        temperature=[0.7 if name.startswith("camp") else None for name, _, _ in rows],
        prompt=[prompt for _, _, prompt in rows],
        origin_file=[0] * len(rows),
        origin_row=list(range(len(rows))),
    )


def sketched(accounts: dict[str, list[str]], **options: object) -> pa.Table:
    return sketch_requests(requests_of(accounts, **options), Config())  # type: ignore[arg-type]  # options of requests_of


def templated(names: list[str], requests: int, seed: int, template: str = TEMPLATE) -> dict[str, list[str]]:
    chance = random.Random(seed)
    return {name: [template + sentence(chance) for _ in range(requests)] for name in names}


def honest(count: int, requests: int, seed: int) -> dict[str, list[str]]:
    chance = random.Random(seed)
    return {f"honest{number}": [sentence(chance, 40) for _ in range(requests)] for number in range(count)}


def tables_of(members: list[str], requests: int, kind: str = "harvest", verdict: str = "act") -> dict[str, pa.Table]:
    """Case tables that name all requests of the members as harvested."""
    size = len(members)
    last = START + requests * 1_000_000
    return {
        "campaigns": CAMPAIGNS.build(
            campaign_id=["c-1"], kind=[kind], score=[0.999], verdict=[verdict], accounts=[size],
            requests=[size * requests], first_seen=[START], last_seen=[last], skills=[[]], models=[[]], families=[[]],
            output_tokens=[0], list_value=[0.0], estimated_requests=[size * requests],
        ),
        "members": MEMBERS.build(
            account_id=members, campaign_id=["c-1"] * size, role=["dedicated"] * size, requests=[requests] * size,
            share=[1.0] * size, score=[0.99] * size,
        ),
        "slices": SLICES.build(
            slice_id=[f"{name}/1" for name in members], account_id=members, campaign_id=["c-1"] * size,
            requests=[requests] * size, harvest_requests=[requests] * size,
        ),
        "harvest": HARVEST.build(
            request_id=[f"r-{name}-{number}" for name in members for number in range(requests)],
            slice_id=[f"{name}/1" for name in members for _ in range(requests)],
            campaign_id=["c-1"] * (size * requests),
        ),
    }  # fmt: skip


def compiled(
    extra: dict[str, list[str]] | None = None, *, template: str = TEMPLATE, honest_accounts: int = 240, parts: int = 1
) -> SignatureSet:
    """Signatures of a log with six campaign accounts of twelve requests each, and honest accounts of five."""
    members = [f"camp{number}" for number in range(6)]
    accounts = {**templated(members, 12, 1, template), **honest(honest_accounts, 5, 2), **(extra or {})}
    table = sketched(accounts)
    owners = table.column("account_id").to_pylist()
    order = sorted(set(owners))
    place = [order.index(name) % parts for name in owners]
    pieces = [table.filter(pa.array([one == part for one in place])) for part in range(parts)]
    sources = [
        lambda columns, piece=piece: piece if columns is None else piece.select(list(columns)) for piece in pieces
    ]
    dataset = LocalDataset(sources, table.column_names, min(parts, 2))
    return compile_signatures(dataset, tables_of(members, 12), Config(), MADE_AT)
