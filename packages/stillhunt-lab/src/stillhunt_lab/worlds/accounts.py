"""What accounts share: an address, a card, an organisation, a week of sign-up; of honest accounts and of campaigns."""

from collections.abc import Callable

import numpy as np

from stillhunt.tools import DAY, HOUR, SECOND
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.networks import API, SPREAD_CHANNELS, SUBSCRIPTION, draw_cloud_addresses, draw_home_addresses
from stillhunt_lab.worlds.scene import ORIGIN, People, Scene, draw_people, new_cards, own_domains, where_none

TraitSharing = Callable[[Scene, np.random.Generator, People, Array], None]

EGRESS_ADDRESSES = 9
"""Egress addresses that all serverless apps of a world share."""


def share_office(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One organisation, card, mail domain, country and address per group; seats bought on one day."""
    groups = _count_account_groups(group)
    share_room(scene, rng, people, group)
    people.signup_ip = people.address
    people.payment = new_cards(rng, groups)[group]
    people.organization = _draw_organization_ids(rng, groups)[group]
    people.email_domain = own_domains(rng, groups)[group]
    people.plan[:] = "enterprise"
    people.channel = people.channel[np.searchsorted(group, np.arange(groups))][group]
    opened = people.created[np.searchsorted(group, np.arange(groups))]
    people.created = opened[group] + (rng.random(len(people)) * 0.3 * DAY).astype(np.int64)


def share_class(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One campus address and mail domain per class; everyone signs up in the first lesson."""
    groups = _count_account_groups(group)
    share_room(scene, rng, people, group)
    people.signup_ip = people.address
    people.channel[:] = API
    people.declared_use[:] = "education"
    domains = own_domains(rng, groups, ("edu",))
    people.email_domain = domains[group]
    lesson = ORIGIN + (rng.uniform(0.05, 0.5, groups) * scene.days * DAY).astype(np.int64)
    people.created = lesson[group] + (rng.gamma(2.0, 900.0, len(people)) * SECOND).astype(np.int64)


def share_vendor(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """A firm under contract to make synthetic data: organisation, card and address of its own."""
    share_office(scene, rng, people, group)
    people.address = draw_cloud_addresses(rng, scene.places, _count_account_groups(group))[group]
    people.channel[:] = API  # a contract names the organisation, which an aggregator would withhold


def share_egress(scene: Scene, rng: np.random.Generator, people: People, _group: Array) -> None:
    """Unrelated apps on one serverless platform, or projects on one pipeline service, share a few egress addresses."""
    people.channel[:] = API  # another cloud would hide the address
    pool = draw_cloud_addresses(rng, scene.places, EGRESS_ADDRESSES)
    people.address = rng.choice(pool, len(people))


def share_cloud(scene: Scene, rng: np.random.Generator, people: People, _group: Array) -> None:
    """Most programs run in a data centre, each on an address of its own; some belong to an organisation."""
    hosted = rng.random(len(people)) < 0.7
    people.address = np.where(hosted, draw_cloud_addresses(rng, scene.places, len(people)), people.address)
    firm = rng.random(len(people)) < 0.25
    people.organization = np.where(firm, _draw_organization_ids(rng, len(people)), people.organization)


def share_room(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """People who meet in one room share its address and country, but no card, mail domain or sign-up."""
    groups = _count_account_groups(group)
    country = rng.choice(len(scene.places.countries), groups, p=scene.places.share)
    _share_country(scene, people, country[group])
    people.address = draw_home_addresses(rng, scene.places, country)[group]


def share_reseller(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """A firm with a contract to resell: an organisation, a card and a data centre of its own."""
    share_vendor(scene, rng, people, group)
    people.declared_use[:] = "resale under contract"


def _share_country(scene: Scene, people: People, country: Array) -> None:
    people.country = country
    people.payment_country = country.copy()
    people.signup_country = country.copy()
    people.phone_country = np.where(np.arange(len(country)) % 9 == 0, people.phone_country, country)
    people.zone = scene.places.zone[country]


def _draw_organization_ids(rng: np.random.Generator, count: int) -> Array:
    return np.array([f"org-{value:010x}" for value in rng.integers(0, 1 << 40, count).tolist()], object)


def _count_account_groups(group: Array) -> int:
    return int(group.max(initial=-1)) + 1


SHARED_TRAITS: dict[str, TraitSharing] = {
    "office": share_office, "class": share_class, "vendor": share_vendor, "egress": share_egress,
    "cloud": share_cloud, "reseller": share_reseller, "room": share_room,
}  # fmt: skip
"""What accounts of personas share, by the name that `data/personas.toml` has for it."""


SPREAD_RUNG = 10
"""Rung on which a campaign comes in by every channel."""

_SIGN_UP_DAYS = {1: 0.1, 2: 1.0, 3: 6.0, 4: 25.0, 5: 60.0}
_AGED_DAYS = 120.0
"""Days over which the accounts were opened; from rung 4 on aged ones are bought too, from rung 6 on these only."""
_RELAYED = 0.25
"""Share of careful campaigns' accounts that are subscriptions behind a relay program."""
_PROGRAMMES = ("education", "research", "coding", "other")


def recruit_workers(scene: Scene, rng: np.random.Generator, rung: int, count: int, start: int) -> People:
    """Draw the accounts of a campaign that has accounts of its own.

    `start`: start of the operation, microseconds since the epoch. Returns accounts with `persona` "harvest"; rung 1
    shares cards and addresses, rung 2 addresses and odd mail domains, from rung 3 on each has a household line, a card
    and a common mail provider, on rung 10 they are spread over all channels.
    """
    people = draw_people(scene, rng, "harvest", count, paid=1.0 if rung < 3 else 0.85, recent=1.0)
    _open_over(rng, people, start, _SIGN_UP_DAYS.get(rung, _AGED_DAYS), burst=rung <= 2)
    people.channel = _draw_account_channels(rng, rung, count)
    if rung <= 2:
        _one_country(scene, rng, people)
        people.plan[:] = "payg"
        addresses = draw_cloud_addresses(rng, scene.places, max(2, count // (30 if rung == 1 else 6)))
        people.address = rng.choice(addresses, count)
        people.signup_ip = rng.choice(addresses, count)
    if rung == 1:
        people.payment = rng.choice(new_cards(rng, max(2, count // 25)), count)
        people.email_domain[:] = own_domains(rng, 1)[0]
    if rung == 2:
        people.email_domain = rng.choice(own_domains(rng, max(3, count // 8), ("xyz", "top", "site", "online")), count)
    if rung >= 3:
        stated = rng.random(count) < 0.4  # programmes with cheap access are abused
        people.declared_use = where_none(stated, rng.choice(np.array(_PROGRAMMES, object), count))
        # Cards and phones of other countries are cheaper; honest people move about as well, only less.
        odd = rng.random(count) < 0.2
        people.payment_country = np.where(
            odd, rng.integers(0, len(scene.places.countries), count), people.payment_country
        )
        odd = rng.random(count) < 0.2
        people.phone_country = np.where(odd, rng.integers(0, len(scene.places.countries), count), people.phone_country)
    return people


def recruit_pool(scene: Scene, rng: np.random.Generator, count: int, *, household: bool) -> People:
    """A reseller's pool: accounts bought over months.

    `household`: a household line and a card for each account; otherwise few hosted lines and few cards.
    """
    people = draw_people(scene, rng, "pool", count, paid=0.8, recent=0.5)
    people.channel = _draw_account_channels(rng, 3, count)
    if household:
        return people
    addresses = draw_cloud_addresses(rng, scene.places, max(2, count // 5))
    people.address = rng.choice(addresses, count)
    paid = people.plan != "free"
    people.payment = where_none(paid, rng.choice(new_cards(rng, max(2, count // 3)), count))
    return people


def recruit_company(scene: Scene, rng: np.random.Generator, count: int) -> People:
    """Service accounts of one company: months old, with one contract, card, mail domain and data centre."""
    people = draw_people(scene, rng, "shell", count, paid=1.0, recent=0.0)
    share_vendor(scene, rng, people, np.zeros(count, np.int64))
    people.created = np.minimum(people.created, ORIGIN - (90 * DAY))
    people.channel[:] = API
    people.declared_use[:] = "customer support"
    return people


def recruit_customers(scene: Scene, rng: np.random.Generator, count: int) -> People:
    """Paying customers like any other, each with users of its own, who sell their logs."""
    people = draw_people(scene, rng, "log_seller", count, paid=1.0, recent=0.2)
    share_cloud(scene, rng, people, np.arange(count))
    return people


def _draw_account_channels(rng: np.random.Generator, rung: int, count: int) -> Array:
    if rung == SPREAD_RUNG:
        return rng.choice(len(SPREAD_CHANNELS), count, p=SPREAD_CHANNELS)
    relayed: Array = rng.random(count) < (_RELAYED if rung >= 3 else 0.0)
    return np.where(relayed, SUBSCRIPTION, API)


def _open_over(rng: np.random.Generator, people: People, start: int, days: float, *, burst: bool) -> None:
    if burst:
        waves = start - (rng.random(3) * days * DAY).astype(np.int64) - 2 * HOUR
        people.created = rng.choice(waves, len(people)) + (rng.gamma(2.0, 240.0, len(people)) * SECOND).astype(np.int64)
        return
    before = rng.random(len(people)) ** 1.5 * days * DAY
    people.created = start - 6 * HOUR - before.astype(np.int64)


def _one_country(scene: Scene, rng: np.random.Generator, people: People) -> None:
    country = int(rng.choice(len(scene.places.countries), p=scene.places.share))
    people.country[:] = country
    people.payment_country[:] = country
    people.phone_country[:] = country
    people.signup_country[:] = country
    people.zone[:] = scene.places.zone[country]
