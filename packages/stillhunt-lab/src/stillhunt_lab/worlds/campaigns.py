"""Harvesting campaigns: many accounts work off one queue of distinct items.

The rungs are those of the evasion ladder, see `rungs`. On every rung with a queue, the queue shows: items never repeat
across accounts, loads are even, all workers draw from the same topics, they start, pause and stop together, and few
client programs serve all of them. Rungs 9, 12 and 13 have no queue: there other people write the requests.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from stillhunt import ConfigError
from stillhunt.tools import DAY, HOUR
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.account_events import adopt_release, draw_tenures
from stillhunt_lab.worlds.accounts import recruit_company, recruit_customers, recruit_pool, recruit_workers
from stillhunt_lab.worlds.indirect_harvests import relay_users, sell_logs, write_by_hand
from stillhunt_lab.worlds.personas import CHAT
from stillhunt_lab.worlds.rungs import NO_TRAITS, RUNGS, Traits, Wording
from stillhunt_lab.worlds.scene import ORIGIN, Draft, People, Scene, merge_drafts, new_cards, where_none
from stillhunt_lab.worlds.traffic import draw_resold, draw_rows, set_parameters
from stillhunt_lab.worlds.work_queues import Orders, different_programs, draw_queue, hand_out_queue

_REPLACEMENT_RUNG = 11
_POOL_COVER = 0.6
_CUSTOMER = replace(CHAT, load=5.0)
"""A reseller's customer: so little that several fit on one account."""
_LABS: tuple[Wording, ...] = ("fixed", "paraphrased", "oblique")
"""What the labs of a mixed pool put around their items, one each."""


@dataclass(frozen=True)
class CampaignSpec:
    """One campaign.

    Args:
        rung: 1 to 13 or 15, see the table in `docs/worlds.md`.
        name: name in the truth; "c0", "c1" ... by place when empty.
        skills: skills it takes, 1 to 4; drawn when None.
        cover_share: share of the accounts' traffic that is not harvest; the rung's default when None.
        requests_per_account_day: harvest requests per account on a day of work; the rung's default when None.
        specialised: each account works on one skill only instead of all.
        kind: dedicated = own accounts; pool = a reseller's accounts, which serve two labs and real customers. Rung 8 is
            always a pool, of three labs.
        template: rung = what the rung puts around the items; none = the items alone.
        traits: what it does beside; needs a rung with a queue.
    """

    rung: int
    accounts: int = 60
    name: str = ""
    skills: int | None = None
    cover_share: float | None = None
    requests_per_account_day: float | None = None
    specialised: bool = False
    kind: Literal["dedicated", "pool"] = "dedicated"
    template: Literal["rung", "none"] = "rung"
    traits: Traits = NO_TRAITS

    def __post_init__(self) -> None:
        where = f"CampaignSpec(name={self.name!r})"
        if self.rung not in RUNGS:
            raise ConfigError(
                f"rung {self.rung} has no campaign", where=where, next_step="use a rung from 1 to 13, or 15"
            )
        if self.kind == "pool" and RUNGS[self.rung].work not in ("queue", "pool"):
            raise ConfigError(
                f"rung {self.rung} has no queue that a pool could serve", where=where, next_step="use kind dedicated"
            )
        if self.traits != NO_TRAITS and RUNGS[self.rung].work not in ("queue", "pool", "company"):
            raise ConfigError(f"rung {self.rung} has no queue to vary", where=where, next_step="leave the traits out")
        shares = (self.traits.own_data, self.traits.talk)
        if min(self.traits.cards, self.traits.bases, self.traits.copies - 1) < 0 or not all(
            0 <= share <= 1 for share in shares
        ):
            raise ConfigError(f"impossible: {self.traits}", where=where, next_step="use shares and whole numbers")
        if self.accounts < 2:
            raise ConfigError(f"{self.accounts} accounts are no campaign", where=where, next_step="use at least 2")
        if self.skills is not None and not 1 <= self.skills <= 4:
            raise ConfigError(f"skills is {self.skills}", where=where, next_step="use 1 to 4")
        if self.cover_share is not None and not 0 <= self.cover_share < 1:
            raise ConfigError(
                f"cover_share is {self.cover_share}", where=where, next_step="use a share from 0 to below 1"
            )
        if self.requests_per_account_day is not None and self.requests_per_account_day <= 0:
            raise ConfigError("requests_per_account_day is not positive", where=where, next_step="use a number above 0")


def build_campaign(scene: Scene, spec: CampaignSpec, name: str, place: int) -> tuple[People, Draft]:
    """Build the accounts of one campaign and all their requests, harvest and cover.

    `place`: place among the world's campaigns; separates their chance.
    """
    rng = scene.rng(f"campaign/{place}/{spec.rung}/{spec.kind}")
    rung = RUNGS[spec.rung]
    start = ORIGIN + int(rng.uniform(0.04, 0.18) * scene.days * DAY)
    daily = rung.daily if spec.requests_per_account_day is None else spec.requests_per_account_day
    orders = Orders(rung, start, daily, spec.specialised, None, traits=spec.traits)
    if spec.kind == "pool" or rung.work == "pool":
        people, draft = _draft_pool_requests(scene, rng, spec, name, orders)
    elif rung.work == "customers":
        people = recruit_customers(scene, rng, spec.accounts)
        draft = sell_logs(scene, rng, people, name, daily)
    elif rung.work == "company":
        people = recruit_company(scene, rng, spec.accounts)
        draft = _draft_dedicated_requests(scene, rng, spec, people, name, orders)
    else:
        people = recruit_workers(scene, rng, spec.rung, spec.accounts, start)
        if rung.work == "contractors":
            draft = write_by_hand(scene, rng, people, name, daily)
        elif rung.work == "relay":
            draft = relay_users(scene, rng, people, name, rung, start, daily)
        else:
            draft = _draft_dedicated_requests(scene, rng, spec, people, name, orders)
    if spec.traits.cards:
        few = rng.choice(new_cards(rng, spec.traits.cards), len(people))
        people.payment = where_none(people.payment != None, few)  # noqa: E711 - elementwise
    adopt_release(scene, people, draft, f"campaign/{place}")
    people.campaign = _name_served_campaigns(people, draft)
    return people, draft


def _draft_dedicated_requests(
    scene: Scene, rng: np.random.Generator, spec: CampaignSpec, people: People, name: str, orders: Orders
) -> Draft:
    """Requests of one queue, and the cover traffic beside them."""
    if spec.rung == _REPLACEMENT_RUNG or spec.traits.replaced:
        orders = replace(orders, tenures=draw_tenures(rng, spec.accounts, orders.start, scene.end))
    wording = "untemplated" if spec.template == "none" else orders.rung.wording
    queue = draw_queue(scene, rng, name, orders.rung, wording, spec.skills)
    draft = hand_out_queue(scene, rng, queue, people, orders)
    share = orders.rung.cover if spec.cover_share is None else spec.cover_share
    if share > 0:
        cover = _draft_cover_traffic(scene, rng, people, draft, share)
        if orders.tenures is not None:
            cover = cover.keep(cover.time < orders.tenures.banned[cover.owner])
        draft = merge_drafts(draft, cover)
    return draft


def _draft_pool_requests(
    scene: Scene, rng: np.random.Generator, spec: CampaignSpec, name: str, orders: Orders
) -> tuple[People, Draft]:
    """Requests of two or three labs and of a reseller's customers, on the same accounts."""
    rung = orders.rung
    mixed = rung.wording == "mixed"
    people = recruit_pool(scene, rng, spec.accounts, household=mixed)
    labs = [f"{name}{letter}" for letter in ("abc" if mixed else "ab")]
    parts = []
    for place, lab in enumerate(labs):
        wording = _LABS[place] if mixed else rung.wording
        wording = "untemplated" if spec.template == "none" else wording
        parts.append(
            hand_out_queue(scene, rng, draw_queue(scene, rng, lab, rung, wording, spec.skills), people, orders)
        )
    # A reseller routes: each lab reaches only part of the accounts, some serve several.
    reach = rng.random((len(labs), len(people))) < (0.5 if mixed else 0.7)
    reach[rng.integers(0, len(labs), len(people)), np.arange(len(people))] = True
    draft = parts[0].keep(reach[0][parts[0].owner])
    for place, part in enumerate(parts[1:], start=1):
        draft = merge_drafts(draft, part.keep(reach[place][part.owner]))
    share = np.full(len(people), _POOL_COVER if spec.cover_share is None else spec.cover_share)
    if mixed and spec.cover_share is None:
        share = rng.uniform(0.5, 0.9, len(people))  # every account has customers of its own
    harvested = np.bincount(draft.owner, minlength=len(people))
    loads = np.maximum(1, np.round(harvested * share / (1.0 - share))).astype(np.int64)
    customers = draw_resold(scene, rng, _CUSTOMER, people, loads, lines=1 if mixed else 10)
    if mixed:
        customers = _between_leases(scene, rng, people, draft, customers)
        sold = rng.random(len(people)) < 0.6  # what is sold on these accounts is the best model
        customers.model = np.where(sold[customers.owner], 0, customers.model)
    draft = merge_drafts(draft, customers)
    if mixed:
        set_parameters(rng, draft, np.zeros(len(people), bool))
    # All of it leaves through the reseller's relay, whoever asked.
    relays = different_programs(scene, rng, 3)
    draft.client = rng.choice(relays, len(people))[draft.owner]
    return people, draft


def _draft_cover_traffic(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, share: float) -> Draft:
    """Cover traffic: honest chat on the addresses and programs of the workers."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    loads = np.maximum(1, np.round(harvested * share / (1.0 - share))).astype(np.int64)
    recipe = replace(CHAT, browsers=0.0, moving=0.0)
    cover = draw_rows(scene, rng, recipe, people, loads)
    cover = _between_leases(scene, rng, people, draft, cover)
    for name in ("client", "temperature", "max_tokens", "top_p"):  # the same program speaks for both
        own = np.zeros(len(people), getattr(draft, name).dtype)
        own[draft.owner] = getattr(draft, name)
        setattr(cover, name, own[cover.owner])
    return cover


def _between_leases(scene: Scene, rng: np.random.Generator, people: People, draft: Draft, cover: Draft) -> Draft:
    """Move each cover conversation close to a harvest request: cover is sent between leases."""
    harvested = np.bincount(draft.owner, minlength=len(people))
    by_owner = np.argsort(draft.owner, kind="stable")
    begin = np.cumsum(harvested) - harvested
    first_rows = np.flatnonzero(cover.turn == 0)
    keeper = cover.owner[first_rows]
    drawn = (rng.random(len(first_rows)) * np.maximum(harvested[keeper], 1)).astype(np.int64)
    near = by_owner[np.minimum(begin[keeper] + drawn, len(by_owner) - 1)]  # rows of who harvests nothing go below
    moved = draft.time[near] + (rng.normal(0.0, 0.4, len(first_rows)) * HOUR).astype(np.int64) - cover.time[first_rows]
    shift = np.zeros(int(cover.conversation.max(initial=-1)) + 1, np.int64)
    shift[cover.conversation[first_rows]] = moved
    cover.time = cover.time + shift[cover.conversation]
    return cover.keep((cover.time >= draft.time.min()) & (cover.time < scene.end) & (harvested[cover.owner] > 0))


def _name_served_campaigns(people: People, draft: Draft) -> Array:
    """The campaigns of each account, joined by "|"; empty for a pool account that serves customers only."""
    names = sorted(set(draft.campaign.tolist()) - {""})
    served = [np.bincount(draft.owner[draft.campaign == name], minlength=len(people)) > 0 for name in names]
    return np.array(
        ["|".join(n for n, on in zip(names, row, strict=True) if on) for row in zip(*served, strict=True)], object
    )
