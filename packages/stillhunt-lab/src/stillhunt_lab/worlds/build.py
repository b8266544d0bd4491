"""Builds and writes worlds of the first generator: seeded logs of an API with known truth."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from stillhunt import ConfigError, OutputError
from stillhunt.tools import Progress, Silent, remove_at_forced_end
from stillhunt_lab.worlds.assemble import assemble
from stillhunt_lab.worlds.campaigns import CampaignSpec, build_campaign
from stillhunt_lab.worlds.personas import RICH_RECIPES, SANCTIONED, build_persona, persona_counts
from stillhunt_lab.worlds.scene import Draft, People, open_scene

ROWS_PER_FILE = 250_000
SANCTIONED_FILE = "stillhunt.toml"


@dataclass(frozen=True)
class WorldSpec:
    """What to build.

    Args:
        seed: seed of everything; the honest part does not depend on the campaigns.
        campaigns: campaigns hidden in it; none = an honest world.
        look_alikes: rich = also honest groups that share cards, networks, prompts or items much as campaigns do.
        guests: personas of rich worlds of which one group each comes on top; "trial_farm" is one person with ten
            accounts.
    """

    accounts: int = 2000
    days: int = 14
    seed: int = 0
    campaigns: tuple[CampaignSpec, ...] = ()
    look_alikes: Literal["usual", "rich"] = "usual"
    guests: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, value, least in (("accounts", self.accounts, 10), ("days", self.days, 2), ("seed", self.seed, 0)):
            if value < least:
                raise ConfigError(f"{name} is {value}", where="WorldSpec", next_step=f"use {least} or more")
        if not set(self.guests) <= set(RICH_RECIPES) or (self.guests and self.look_alikes == "rich"):
            raise ConfigError(
                f"guests are {self.guests}", where="WorldSpec", next_step="use rich personas, in a usual world"
            )
        names = [campaign_name(campaign, place) for place, campaign in enumerate(self.campaigns)]
        if len(set(names)) < len(names):
            raise ConfigError(f"two campaigns have one name: {names}", where="WorldSpec", next_step="rename one")


@dataclass(frozen=True)
class World:
    """A built world.

    Args:
        truth_accounts: account_id, persona, campaign (several joined by "|"; empty = honest).
        truth_requests: request_id, account_id, campaign (empty = honest).
        sanctioned: organisations under contract to make synthetic data or to resell; they are honest, and the settings
            have to declare them.
    """

    requests: pa.Table
    accounts: pa.Table
    truth_accounts: pa.Table
    truth_requests: pa.Table
    sanctioned: tuple[str, ...]


def spec_for_rung(
    rung: int,
    *,
    accounts: int = 2000,
    days: int = 14,
    seed: int = 0,
    campaign_accounts: int = 60,
    campaigns: int = 1,
    cover_share: float | None = None,
) -> WorldSpec:
    """A world with campaigns of one rung.

    Args:
        rung: 0 = honest only, 1 to 13, 15.
        cover_share: share of the campaign accounts' traffic that is cover; the rung's default when None.

    Raises:
        ConfigError: unknown rung or a number out of range.
    """
    operations = tuple(
        CampaignSpec(rung, campaign_accounts, cover_share=cover_share) for _ in range(campaigns if rung else 0)
    )
    return WorldSpec(accounts, days, seed, operations)


def campaign_name(campaign: CampaignSpec, place: int) -> str:
    """Name of a campaign in the truth: its own, or its place among the world's campaigns."""
    return campaign.name or f"c{place}"


def demo_spec() -> WorldSpec:
    """The world of `stillhunt demo`: 3,020 accounts, and a case of each kind that a person decides about.

    A crude and a careful campaign are to act on; a small one shows too little for that, and is to be watched; one
    person with ten accounts is to be dismissed. With another seed, the last two may not be found.
    """
    crude = CampaignSpec(2, 70, name="crude", requests_per_account_day=20.0)
    careful = CampaignSpec(6, 50, name="careful", requests_per_account_day=8.0)
    small = CampaignSpec(10, 10, name="small", requests_per_account_day=4.5)
    return WorldSpec(accounts=2_880, days=11, seed=7, campaigns=(crude, careful, small), guests=("trial_farm",))


def build_world(spec: WorldSpec, progress: Progress | None = None) -> World:
    """Build a world; the same spec gives the same bytes."""
    scene = open_scene(spec.seed, spec.days)
    guests = [RICH_RECIPES[name] for name in spec.guests]
    total = spec.accounts + sum(campaign.accounts for campaign in spec.campaigns) + sum(guest.group for guest in guests)
    contracts: set[str] = set()

    def parts(advance: Callable[[int], None]) -> Iterator[tuple[People, Draft]]:
        for recipe, count in persona_counts(spec.accounts, rich=spec.look_alikes == "rich"):
            if count:
                people, draft = build_persona(scene, recipe, count)
                if recipe.persona in SANCTIONED:
                    contracts.update(people.organization.tolist())
                yield people, draft
                advance(count)
        for place, campaign in enumerate(spec.campaigns):
            yield build_campaign(scene, campaign, campaign_name(campaign, place), place)
            advance(campaign.accounts)
        for recipe in guests:  # the last, so that all others stay as they are without them
            yield build_persona(scene, recipe, recipe.group)
            advance(recipe.group)

    with (progress or Silent()).stage("building world", total, "accounts") as advance:
        tables = assemble(scene, parts(advance))
    return World(*tables, sanctioned=tuple(sorted(contracts)))


def write_world(world: World, out: Path) -> None:
    """Write the folder of a world.

    Raises OutputError: the folder holds something, or cannot be written.
    """
    with new_world_folder(out) as folder:
        for number, first in enumerate(range(0, max(world.requests.num_rows, 1), ROWS_PER_FILE)):
            write_part(world.requests.slice(first, ROWS_PER_FILE), folder, number)
        write_tables(folder, world.accounts, world.truth_accounts, world.sanctioned)
        _write_parquet_file(world.truth_requests, folder / "truth" / "requests.parquet")


@contextmanager
def new_world_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that is renamed to it when all is written.

    `out`: folder to make; may exist if empty. Raises OutputError: the folder holds something, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError("the world's folder is not empty", where=str(out), next_step="choose another or empty it")
    beside = out.with_name(out.name + ".part")
    remove_at_forced_end(beside)
    try:
        shutil.rmtree(beside, ignore_errors=True)
        for folder in ("requests", "truth"):
            (beside / folder).mkdir(parents=True)
        yield beside
        if out.exists():
            out.rmdir()
        beside.replace(out)
    except OSError as error:
        raise OutputError(
            f"the world cannot be written: {error}", where=str(out), next_step="check space and permissions"
        ) from error


def write_part(requests: pa.Table, folder: Path, number: int) -> None:
    """Write one file of the log of a world."""
    _write_parquet_file(requests, folder / "requests" / f"part-{number:04d}.parquet")


def write_tables(folder: Path, accounts: pa.Table, truth: pa.Table, sanctioned: tuple[str, ...]) -> None:
    """Write the tables of accounts of a world, and the settings that declare who is under contract."""
    _write_parquet_file(accounts, folder / "accounts.parquet")
    _write_parquet_file(truth, folder / "truth" / "accounts.parquet")
    if sanctioned:
        names = ", ".join(f'"{name}"' for name in sanctioned)
        (folder / SANCTIONED_FILE).write_text(f"[sanctioned]\norganizations = [{names}]\n", "utf-8")


def _write_parquet_file(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd")
