"""What honest accounts share: an address, a card, an organisation, a week of sign-up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from stillhunt.base.units import DAY, SECOND
from stillhunt_lab.arrays import Array
from stillhunt_lab.worlds.networks import API, draw_cloud_addresses, draw_home_addresses
from stillhunt_lab.worlds.scene import ORIGIN, People, Scene, new_cards, own_domains

TraitSharing = Callable[[Scene, np.random.Generator, People, Array], None]

EGRESS_ADDRESSES = 9
"""Egress addresses that all serverless apps of a world share."""


def share_office(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One organisation, card, mail domain, country and address per group; seats bought on one day."""
    groups = _count(group)
    country = rng.choice(len(scene.places.countries), groups, p=scene.places.share)
    _share_country(scene, people, country[group])
    address = draw_home_addresses(rng, scene.places, country)
    people.address = address[group]
    people.signup_ip = address[group]
    people.payment = new_cards(rng, groups)[group]
    people.organization = _organizations(rng, groups)[group]
    people.email_domain = own_domains(rng, groups)[group]
    people.plan[:] = "enterprise"
    people.channel = people.channel[np.searchsorted(group, np.arange(groups))][group]
    opened = people.created[np.searchsorted(group, np.arange(groups))]
    people.created = opened[group] + (rng.random(len(people)) * 0.3 * DAY).astype(np.int64)


def share_class(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """One campus address and mail domain per class; everyone signs up in the first lesson."""
    groups = _count(group)
    country = rng.choice(len(scene.places.countries), groups, p=scene.places.share)
    _share_country(scene, people, country[group])
    address = draw_home_addresses(rng, scene.places, country)
    people.address = address[group]
    people.signup_ip = address[group]
    people.channel[:] = API
    people.declared_use[:] = "education"
    domains = own_domains(rng, groups, ("edu",))
    people.email_domain = domains[group]
    lesson = ORIGIN + (rng.uniform(0.05, 0.5, groups) * scene.days * DAY).astype(np.int64)
    people.created = lesson[group] + (rng.gamma(2.0, 900.0, len(people)) * SECOND).astype(np.int64)


def share_vendor(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """A firm under contract to make synthetic data: organisation, card and address of its own."""
    share_office(scene, rng, people, group)
    people.address = draw_cloud_addresses(rng, scene.places, _count(group))[group]
    people.channel[:] = API  # a contract names the organisation, which an aggregator would withhold


def share_egress(scene: Scene, rng: np.random.Generator, people: People, _group: Array) -> None:
    """Unrelated apps on one serverless platform share a few egress addresses."""
    people.channel[:] = API  # another cloud would hide the address
    pool = draw_cloud_addresses(rng, scene.places, EGRESS_ADDRESSES)
    people.address = rng.choice(pool, len(people))


def share_cloud(scene: Scene, rng: np.random.Generator, people: People, _group: Array) -> None:
    """Most programs run in a data centre, each on an address of its own; some belong to an organisation."""
    hosted = rng.random(len(people)) < 0.7
    people.address = np.where(hosted, draw_cloud_addresses(rng, scene.places, len(people)), people.address)
    firm = rng.random(len(people)) < 0.25
    people.organization = np.where(firm, _organizations(rng, len(people)), people.organization)


def share_runners(scene: Scene, rng: np.random.Generator, people: People, _group: Array) -> None:
    """Hosted runners of one pipeline service: unrelated projects share a few egress addresses."""
    pool = draw_cloud_addresses(rng, scene.places, EGRESS_ADDRESSES)
    people.address = rng.choice(pool, len(people))
    people.channel[:] = API


def share_room(scene: Scene, rng: np.random.Generator, people: People, group: Array) -> None:
    """People who meet in one room share its address and country, but no card, mail domain or sign-up."""
    groups = _count(group)
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


def _organizations(rng: np.random.Generator, count: int) -> Array:
    return np.array([f"org-{value:010x}" for value in rng.integers(0, 1 << 40, count).tolist()], object)


def _count(group: Array) -> int:
    return int(group.max(initial=-1)) + 1


SHARED_TRAITS: dict[str, TraitSharing] = {
    "seat": share_office,
    "class": share_class,
    "vendor": share_vendor,
    "serverless": share_egress,
    "app": share_cloud,
    "framework": share_cloud,
    "framework_random": share_cloud,
    "benchmark": share_cloud,
    "batch": share_cloud,
    "one_template": share_cloud,
    "nightly": share_cloud,
    "backfill": share_cloud,
    "reseller": share_cloud,
    "ci_agent": share_runners,
    "gateway": share_vendor,
    "audit_trail": share_office,
    "contracted_reseller": share_reseller,
    "workshop": share_room,
    "grader": share_vendor,
    "localisation": share_office,
}
"""Persona -> the function that lets its accounts share something; accounts of other personas share nothing."""
