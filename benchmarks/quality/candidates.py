"""Every candidate of many worlds, with its bits by family and the truth: the raw material of calibration and budget.

A hunt keeps its candidates of verdict none in the case (up to 500), with their evidence, so nothing but the case and
the world's truth is read. Findings are kept as measured, so that other caps can be tried on the rows. Rows of a world
are kept in a folder named after the detector's source, so that a second run takes seconds and rows of two detectors
never meet.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from third_worlds import honest_spec, hunt_third_world
from watched import Watched

import stillhunt
import stillhunt_lab
from stillhunt.base.explanations import odds_against_all
from stillhunt.base.families import OTHERS
from stillhunt.base.schema import FAMILIES
from stillhunt.score.evidence.finding import Finding
from stillhunt.score.verdict.caps import capped, family_bits
from stillhunt.score.verdict.explanations import WeighedExplanation, weigh_explanations
from stillhunt_lab.second_worlds.build import build_second_world
from stillhunt_lab.second_worlds.spec import SecondSpec
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

OPEN_KINDS = ("declared_organisation", "open_customer")
"""Findings that keep a candidate from ever being flagged: such candidates cannot be false campaigns."""
CAMPAIGN_SIZES = (12, 25, 60)
"""Accounts of the campaigns of one world: weak ones too, or the middle of the scale stays empty."""
ROOMS = ("base", "collect", "extract", "link", "resolve", "score")
MOSTLY = 0.5
"""Share of a candidate's members that must harvest for it to be a true campaign."""
GENERATORS = ("first", "second", "texts")
"""Kinds of worlds: of the first generator, of the second, and of the second with real texts."""
THIRD = "third"
"""A further kind, of honest worlds alone: of a generator that is not of this repository."""


@dataclass(frozen=True)
class WorldKind:
    """One world to hunt in.

    Attributes:
        rung: rung of its campaigns; 0 = honest.
        seed: its seed.
        accounts: honest accounts.
        days: length of its log.
        generator: one of `GENERATORS`, or `THIRD`.
        texts: file of real texts, for `texts`; folder of the generator, for `THIRD`.
    """

    rung: int
    seed: int
    accounts: int = 2_000
    days: int = 14
    generator: str = "first"
    texts: Path | None = None

    @property
    def name(self) -> str:
        """Name of the world, also of its files."""
        return f"{self.generator}-rung{self.rung:02d}-{self.accounts}x{self.days}-{self.seed}"

    def build(self) -> World:
        """The world itself."""
        if self.generator != "first":
            size = CAMPAIGN_SIZES[self.seed % len(CAMPAIGN_SIZES)]  # all campaigns of one such world are of one size
            texts = self.texts if self.generator == "texts" else None
            return build_second_world(SecondSpec(self.rung, self.accounts, self.days, self.seed, size, texts=texts))
        sizes = CAMPAIGN_SIZES if self.rung else ()
        campaigns = tuple(CampaignSpec(self.rung, size, name=f"of{size}") for size in sizes)
        return build_world(WorldSpec(self.accounts, self.days, self.seed, campaigns))


def source_fingerprint() -> str:
    """Hash of the source files that decide the rows: the detector's, and the lab's that build the worlds.

    The budget's constants are left out: they move verdicts, never bits, and are fitted from these rows.
    """
    digest = hashlib.sha256()
    core, lab = Path(stillhunt.__file__).parent, Path(stillhunt_lab.__file__).parent
    for home in (*(core / room for room in ROOMS), lab):
        for path in sorted(path for path in home.rglob("*") if path.suffix in (".py", ".toml")):
            if path.name != "budget.py":
                digest.update(path.relative_to(home.parent).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def gather(folder: Path, kinds: Sequence[WorldKind], threads: int) -> tuple[pa.Table, pa.Table]:
    """Candidates and accounts of the worlds, hunted now or read from the folder.

    Args:
        folder: where rows are kept.
        kinds: worlds.
        threads: worker threads of a hunt; 0 = one per core.

    Returns:
        Candidates (world, generator, rung, seed, accounts, days, requests, bits, true, open, verdict, score, kind that
        the case gives it (null where rows are older than this column), size, persona of most of its honest members,
        findings as measured as JSON, and for each family a column of its bits against separate customers) and
        accounts (world, persona, score, harvests, verdict, flagged).
    """
    home = folder / source_fingerprint()
    home.mkdir(parents=True, exist_ok=True)
    found: list[tuple[pa.Table, pa.Table]] = []
    for place, kind in enumerate(kinds, start=1):
        paths = [home / f"{kind.name}-{part}.parquet" for part in ("candidates", "accounts")]
        if not all(path.exists() for path in paths):
            started = time.perf_counter()
            for path, table in zip(paths, _hunted(kind, threads), strict=True):
                beside = path.with_suffix(".part")
                pq.write_table(table, beside)
                beside.replace(path)
            print(f"  {place}/{len(kinds)} {kind.name}: {time.perf_counter() - started:.1f} s", flush=True)
        found.append((pq.read_table(paths[0]), pq.read_table(paths[1])))
    return pa.concat_tables([c for c, _ in found], promote_options="default"), pa.concat_tables([a for _, a in found])


def _hunted(kind: WorldKind, threads: int) -> tuple[pa.Table, pa.Table]:
    if kind.generator == THIRD:
        if kind.texts is None:
            raise ValueError(f"{kind.name}: the folder of the generator is missing")
        spec = honest_spec(kind.texts, kind.seed, kind.accounts, kind.days)
        tables, truth = hunt_third_world(kind.texts, spec, threads)
        harvests: dict[str, str] = {}
        requests = int(pc.sum(tables["accounts"]["requests"]).as_py())
        names = truth["kind"]
    else:
        world = kind.build()
        tables, truth, requests = Watched(world, threads).judged(), world.truth_accounts, world.requests.num_rows
        harvests = dict(zip(truth["account_id"].to_pylist(), truth["campaign"].to_pylist(), strict=True))
        names = truth["persona"]
    personas = dict(zip(truth["account_id"].to_pylist(), names.to_pylist(), strict=True))
    facts = {
        "world": kind.name,
        "generator": kind.generator,
        "rung": kind.rung,
        "seed": kind.seed,
        "accounts": kind.accounts,
        "days": kind.days,
        "requests": requests,
    }
    rows = [{**facts, **row} for row in candidate_rows(tables, harvests, personas)]
    accounts = tables["accounts"]
    of_accounts = pa.table(
        {
            "world": pa.array([kind.name] * accounts.num_rows, pa.string()),
            "persona": pa.array([personas.get(a, "") for a in accounts["account_id"].to_pylist()], pa.string()),
            "score": accounts["score"],
            "flagged": accounts["flagged"],
            "harvests": pa.array([bool(harvests.get(a)) for a in accounts["account_id"].to_pylist()], pa.bool_()),
            "verdict": accounts["verdict"],
        }
    )
    return pa.Table.from_pylist(rows, candidate_schema()), of_accounts


def candidate_rows(
    tables: dict[str, pa.Table], harvests: dict[str, str], personas: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """One row a candidate, prior excluded from its bits.

    Args:
        tables: a case's tables.
        harvests: account -> its campaigns in the truth; empty = honest.
        personas: account -> its persona in the truth.
    """
    bits, members = harvest_bits(tables["evidence"]), _members(tables["members"])
    kinds = _kinds(tables["evidence"])
    for row in tables["campaigns"].to_pylist():
        own = row["campaign_id"]
        guilty = sum(bool(harvests.get(account)) for account in members[own])
        honest = Counter(personas.get(a, "") for a in members[own] if not harvests.get(a))
        text = json.dumps(kinds[own])
        families = family_bits(weighed(text)[0].findings)
        yield {
            "bits": bits[own],
            "true": guilty >= MOSTLY * len(members[own]),
            "open": is_open(text),
            "verdict": row["verdict"],
            "score": row["score"],
            "operation_kind": row["kind"],
            "size": len(members[own]),
            "persona": honest.most_common(1)[0][0] if honest else "",
            "kinds": text,
            **{family: families.get(family, 0.0) for family in FAMILIES},
        }


def harvest_bits(evidence: pa.Table) -> dict[str, float]:
    """Log2 odds of a harvest against everything else, by campaign, less the prior against separate customers.

    That is what the false-alarm budget is held against. Linked accounts, which are weighed against nothing else, have
    the sum of their findings.
    """
    odds: defaultdict[str, list[float]] = defaultdict(list)
    total: Counter[str] = Counter()
    for row in _campaign_rows(evidence):
        total[row["campaign_id"]] += row["bits"]
        if row["family"] == OTHERS:
            odds[row["campaign_id"]].append(row["raw_bits"])
    prior = stillhunt.Config().score.prior_bits
    return {own: (odds_against_all(odds[own]) if odds[own] else bits) - prior for own, bits in total.items()}


def findings(text: str) -> list[Finding]:
    """Findings of one candidate as measured, from its row.

    Args:
        text: the row's `kinds`.
    """
    return [
        Finding(family, kind, "", bits, independent=independent) for family, kind, bits, independent in json.loads(text)
    ]


def weighed(text: str, **caps: float) -> list[WeighedExplanation]:
    """The findings of one candidate weighed against every explanation; separate customers come first.

    Args:
        text: the row's `kinds`.
        caps: of families, in place of those in force.
    """
    settings = stillhunt.Config().score
    within = capped(findings(text), settings.family_cap_bits.model_dump() | caps)
    return weigh_explanations(within, settings.prior_bits, settings.linkage_cap_bits)


def is_open(text: str) -> bool:
    """Whether a candidate openly is one customer.

    Args:
        text: the row's `kinds`.
    """
    return any(found.kind in OPEN_KINDS for found in findings(text))


def _kinds(evidence: pa.Table) -> defaultdict[str, list[tuple[str, str, float, bool]]]:
    kinds: defaultdict[str, list[tuple[str, str, float, bool]]] = defaultdict(list)
    for row in _campaign_rows(evidence):
        if row["family"] in FAMILIES:
            kinds[row["campaign_id"]].append((row["family"], row["kind"], row["raw_bits"], row["independent"]))
    return kinds


def _campaign_rows(evidence: pa.Table) -> list[dict[str, Any]]:
    """What the table says of whole campaigns."""
    wanted = evidence.select(["campaign_id", "account_id", "family", "kind", "bits", "raw_bits", "independent"])
    rows: list[dict[str, Any]] = wanted.filter(pc.is_null(wanted["account_id"])).to_pylist()
    return rows


def _members(listed: pa.Table) -> defaultdict[str, list[str]]:
    members: defaultdict[str, list[str]] = defaultdict(list)
    for campaign, account in zip(listed["campaign_id"].to_pylist(), listed["account_id"].to_pylist(), strict=True):
        members[campaign].append(account)
    return members


def candidate_schema() -> pa.Schema:
    """Columns of the candidates' rows."""
    names = {"world": pa.string(), "generator": pa.string()}
    names |= {"rung": pa.int64(), "seed": pa.int64(), "accounts": pa.int64(), "days": pa.int64()}
    names |= {"requests": pa.int64(), "bits": pa.float64(), "true": pa.bool_(), "open": pa.bool_()}
    names |= {"verdict": pa.string(), "score": pa.float64(), "operation_kind": pa.string(), "size": pa.int64()}
    names |= {"persona": pa.string(), "kinds": pa.string()}
    return pa.schema([*names.items(), *((family, pa.float64()) for family in FAMILIES)])
