"""A small made-up log: one candidate group among other accounts, each trait of the group chosen by the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from row_logs import sliced_table

from stillhunt.base.config import Config
from stillhunt.base.families import OTHERS
from stillhunt.base.progress import Silent
from stillhunt.base.schema import ACCOUNTS, CANDIDATES, TRAFFIC
from stillhunt.base.shape import TIMESTAMP
from stillhunt.score import score_campaigns

DAY = 24 * 3_600_000_000
DAYS = 10
TOPIC_COUNT = 24
OTHERS_FOLLOW_UPS = 0.3
MICROBITS = 1_000_000
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Story:
    """What the candidate's members do.

    Attributes:
        members, others: accounts of the group, and all others.
        prompts: requests of each member; the others send a third of that.
        content_bits, queue_bits: held-out bits of each member's slice.
        one_queue: topics and rare words drawn from one work queue; else each member has its own.
        even_volume: every member sends as much; else as unevenly as customers do.
        repeated: share of the members' prompts that come from a set which all of them send.
        follow_ups: share of later turns of the members, as short as people write them; three in ten of the others'.
        examples: answers that the members put before each of their questions.
        bursts: members work in the same 12-hour windows; else each at times of its own.
        linked: one card, one address, one client fingerprint, one sign-up window for all members.
        organisation: what the members declare; empty = nothing.
        domains: shares of popular mail domains; the rest has domains of its own. Members draw from them too.
        own_domain: members share one mail domain that nobody else has.
        countries: countries that the members claim at sign-up.
        carrier: share of all accounts, members and others alike, that come through one address.
        others_alike: the others ask about the same topics as the first member.
        style: the group was found by its wording style.
    """

    members: int = 20
    others: int = 240
    prompts: int = 40
    content_bits: float = 8.0
    queue_bits: float = 5.0
    one_queue: bool = True
    even_volume: bool = True
    repeated: float = 0.0
    follow_ups: float = 0.0
    examples: int = 0
    bursts: bool = False
    linked: bool = False
    organisation: str = ""
    domains: tuple[float, ...] = ()
    own_domain: bool = False
    countries: int = 5
    carrier: float = 0.0
    others_alike: bool = False
    style: bool = False
    seed: int = 0

    def names(self) -> list[str]:
        """The members' account ids."""
        return [f"m{number:03d}" for number in range(self.members)]


def score_story(
    story: Story, config: Config | None = None, flagged_before: tuple[str, ...] = ()
) -> dict[str, pa.Table]:
    """Case tables of the story, and of one whose look before flagged some accounts."""
    tables, customers = story_tables(story)
    return score_campaigns(*tables, customers, config or Config(), Silent(), flagged_before=flagged_before)[0]


def story_tables(story: Story) -> tuple[tuple[pa.Table, pa.Table, pa.Table], pa.Table]:
    """(TRAFFIC, SLICED, CANDIDATES) of the story, and ACCOUNTS."""
    rng = np.random.default_rng(story.seed)
    owner, account_ids = _owners(rng, story)
    traffic, sliced = _requests(rng, story, owner, account_ids)
    candidates = CANDIDATES.build(
        candidate=[0] * story.members,
        cluster=[0] * story.members,
        account_id=story.names(),
        formed=[3] * story.members,
        content_microbits=[round(story.content_bits * MICROBITS)] * story.members,
        queue_microbits=[round(story.queue_bits * MICROBITS)] * story.members,
        untemplated=[False] * story.members,
        searched=[0] * story.members,
        style=[story.style] * story.members,
        remembered=[False] * story.members,
    )
    return (traffic, sliced, candidates), _customers(rng, story, account_ids)


def campaign_bits(tables: dict[str, pa.Table]) -> dict[str, float]:
    """Bits of each kind of evidence about the campaign, as measured."""
    return {row["kind"]: row["raw_bits"] for row in _campaign_rows(tables) if row["family"] != OTHERS}


def odds_against(tables: dict[str, pa.Table]) -> dict[str, float]:
    """Log2 odds of a harvest against each explanation of the campaign."""
    return {row["kind"]: row["raw_bits"] for row in _campaign_rows(tables) if row["family"] == OTHERS}


def statements(tables: dict[str, pa.Table]) -> dict[str, str]:
    """Statement of each kind of evidence about the campaign."""
    return {row["kind"]: row["statement"] for row in _campaign_rows(tables) if row["family"] != OTHERS}


def _campaign_rows(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    return [row for row in tables["evidence"].to_pylist() if row["account_id"] is None]


def verdict(tables: dict[str, pa.Table]) -> str:
    """Verdict of the only campaign."""
    (found,) = tables["campaigns"]["verdict"].to_pylist()
    return str(found)


def _owners(rng: np.random.Generator, story: Story) -> tuple[Array, list[str]]:
    volumes = rng.poisson(story.prompts, story.members)
    if not story.even_volume:
        volumes = rng.lognormal(np.log(story.prompts), 1.2, story.members).astype(np.int64) + 4
    others = rng.lognormal(np.log(story.prompts / 3), 1.0, story.others).astype(np.int64) + 1
    ids = [*story.names(), *(f"z{number:04d}" for number in range(story.others))]
    return np.repeat(np.arange(len(ids)), np.concatenate([volumes, others])), ids


def _requests(rng: np.random.Generator, story: Story, owner: Array, ids: list[str]) -> tuple[pa.Table, pa.Table]:
    rows = len(owner)
    inside = owner < story.members
    own_windows = rng.integers(0, DAYS * 2, (len(ids), 6))
    common = rng.choice(DAYS * 2, 6, replace=False)
    window = own_windows[owner, rng.integers(0, 6, rows)]
    if story.bursts:
        window = np.where(inside, common[rng.integers(0, 6, rows)], window)
    time = np.sort(rng.integers(0, DAY // 2, rows)) + window * (DAY // 2)
    order = np.lexsort((time, owner))
    time = time[order]
    mixtures = rng.dirichlet(np.full(TOPIC_COUNT, 0.3), len(ids))
    if story.one_queue:
        mixtures[: story.members] = rng.dirichlet(np.full(TOPIC_COUNT, 0.7))
    if story.others_alike:
        mixtures[story.members :] = mixtures[0]
    topic = (rng.random(rows)[:, None] > mixtures.cumsum(axis=1)[owner]).sum(axis=1).clip(max=TOPIC_COUNT - 1)
    prompt = np.arange(rows) + 1_000
    repeated = inside & (rng.random(rows) < story.repeated)
    prompt[repeated] = rng.integers(1, 40, int(repeated.sum()))
    behind = rng.random(len(ids)) < story.carrier
    address = np.where(behind, 1, np.arange(len(ids)) + 10)
    if story.linked:
        address[: story.members] = 2
    fingerprint = (
        np.where(np.arange(len(ids)) < story.members, "odd/1", "common/2") if story.linked else np.full(len(ids), "x")
    )
    later = rng.random(rows) < np.where(inside, story.follow_ups, OTHERS_FOLLOW_UPS)
    columns: dict[str, Any] = {name: pa.nulls(rows, TRAFFIC.arrow.field(name).type) for name in TRAFFIC.names}
    for name in ("conduct", "origin_file"):
        columns[name] = np.zeros(rows, np.int64)
    columns.update(
        request_id=[f"r{number}" for number in range(rows)],
        source=["default"] * rows,
        account_id=[ids[number] for number in owner],
        timestamp=pa.array(time, pa.int64()).cast(TIMESTAMP),
        conversation=np.arange(rows),
        turn=later.astype(np.int32) + np.where(inside, story.examples, 0),
        model=["large"] * rows,
        client_ip=address[owner].astype(np.uint64),
        client_prefix=address[owner].astype(np.uint64),
        user_agent=fingerprint[owner].tolist(),
        output_tokens=np.full(rows, 100),
        prompt_hash=prompt,
        words=np.where(later, 8, 30),
        topic_words=_rare_words(story, owner),
        origin_row=np.arange(rows),
        script=np.ones(rows, np.int64),
    )
    traffic = TRAFFIC.build(**columns)
    sliced = sliced_table(
        traffic,
        cluster=np.where(inside, 0, -1),
        matched=np.where(inside, 3, 0),
        fold=rng.integers(0, 2, rows),
        topic=topic,
    )
    return traffic, sliced


def _rare_words(story: Story, owner: Array) -> list[list[int]]:
    """Six rare words of each request: of all members' one work queue, or else of the account's own subjects."""
    rng = np.random.default_rng(1_000 + story.seed)
    queued = story.one_queue & (owner < story.members)
    begin, width = np.where(queued, 0, 3_000 + 200 * owner), np.where(queued, 3_000, 200)
    words = begin[:, None] + (rng.random((len(owner), 6)) * width[:, None]).astype(np.int64)
    return [sorted({*own}) for own in (words % (1 << 16)).tolist()]


def _customers(rng: np.random.Generator, story: Story, ids: list[str]) -> pa.Table:
    count = len(ids)
    inside = np.arange(count) < story.members
    card = np.where(inside & story.linked, 5, np.arange(count) + 100)
    # Honest sign-ups spread over two years.
    created = rng.integers(0, 730 * DAY, count)
    created[inside & story.linked] = 400 * DAY + rng.integers(0, DAY // 24, int((inside & story.linked).sum()))
    place = (rng.random(count)[:, None] > np.cumsum(story.domains)[None, :]).sum(axis=1)
    domains = [f"mail{p}.example" if p < len(story.domains) else f"own{n}.example" for n, p in enumerate(place)]
    if story.own_domain:
        domains = ["firm.example" if member else domain for member, domain in zip(inside, domains, strict=True)]
    country = [f"C{n % (story.countries if member else 7)}" for n, member in enumerate(inside)]
    return ACCOUNTS.build(
        account_id=ids,
        signup_country=country,
        created_at=pa.array(created, pa.int64()).cast(TIMESTAMP),
        organization_id=[story.organisation or None if member else None for member in inside],
        email_domain=domains,
        payment_fingerprint=card.astype(np.uint64),
        signup_prefix=card.astype(np.uint64),
    )
