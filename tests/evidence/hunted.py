"""A small hunted world as a case folder, and packs of it; made once a process."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import stillhunt
from golden.golden_world import SPEC
from stillhunt_evidence.keys.signing import PublicKey, new_signing_key, read_signer
from stillhunt_evidence.packs.contents import Discretion, Pseudonyms
from stillhunt_evidence.packs.making import Pack, PackOrder, make_pack
from stillhunt_lab.worlds.build import build_world

MADE_AT = datetime(2026, 3, 20, 12, 30, tzinfo=UTC)
PSEUDONYMS = bytes(range(32))
SHORT = Discretion(Pseudonyms(PSEUDONYMS), 120)
FULL = Discretion(Pseudonyms(None), None)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="stillhunt-test-")


@cache
def world_files() -> tuple[Path, Path, list[str]]:
    """Requests, accounts, and the organisations that are allowed."""
    world = build_world(SPEC)
    folder = Path(_kept().name)
    pq.write_table(world.requests, folder / "requests.parquet")
    pq.write_table(world.accounts, folder / "accounts.parquet")
    return folder / "requests.parquet", folder / "accounts.parquet", world.sanctioned


@cache
def case_folder() -> Path:
    """The case of that world."""
    requests, accounts, sanctioned = world_files()
    config = stillhunt.Config(sanctioned={"organizations": sanctioned})
    return stillhunt.hunt(requests, accounts, config).write(Path(_kept().name) / "case")


@cache
def hunted_case() -> stillhunt.Case:
    """The same, read."""
    return stillhunt.Case.read(case_folder())


def campaigns() -> list[str]:
    """Ids of its campaigns, the strongest first."""
    ids: list[str] = hunted_case().campaigns["campaign_id"].to_pylist()
    return ids


@cache
def keys() -> Path:
    """A folder with a signing key."""
    folder = Path(_kept().name) / "keys"
    new_signing_key(folder)
    return folder


@cache
def signer() -> PublicKey:
    """Who signs the packs here."""
    return read_signer(keys())[1]


def packed(**changes: Any) -> Pack:
    """A pack of the strongest campaign."""
    order = {"folder": case_folder(), "campaign_id": campaigns()[0], "discretion": SHORT, "made_at": MADE_AT}
    return make_pack(PackOrder(**{**order, **changes}), *read_signer(keys()))


@cache
def one_pack() -> Pack:
    """One that tests share and do not change."""
    return packed(narrative="They came in March.\nThey left in April.\x1b[31m")
