"""The spine: what goes in, what run.json says, and inputs that hold next to nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, InputError
from stillhunt.base.families import LIMIT_FAMILIES, OTHERS, SIGN_KINDS
from stillhunt.base.schema import FAMILIES
from stillhunt.base.schema_case import CASE_TABLES, CASE_VERSION
from stillhunt.extract import SHARED_ID
from stillhunt_lab.worlds.build import World, WorldSpec, build_world
from stillhunt_lab.worlds.campaigns import CampaignSpec

STAGES = ["accounts", "collect and extract", "link", "resolve", "score", "excerpts", "phrases"]
START = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def world() -> World:
    campaign = CampaignSpec(2, 20, name="plain", requests_per_account_day=40.0)
    return build_world(WorldSpec(accounts=200, days=7, seed=3, campaigns=(campaign,)))


@pytest.fixture(scope="module")
def case(world: World, tmp_path_factory: pytest.TempPathFactory) -> stillhunt.Case:
    """A hunt from files, with customers."""
    folder = tmp_path_factory.mktemp("logs")
    pq.write_table(world.requests, folder / "log.parquet")
    pq.write_table(world.accounts, folder / "accounts.parquet")
    return stillhunt.hunt(folder / "log.parquet", folder / "accounts.parquet", Config(seed=4))


def few_requests(count: int, **changes: object) -> pa.Table:
    """Requests of one account an hour apart."""
    row: dict[str, Any] = {"account_id": "a", "model": "m", "prompt": "How do I prune an old apple tree in winter?"}
    rows = [{"request_id": f"r{n}", "timestamp": START + dt.timedelta(hours=n), **row, **changes} for n in range(count)]
    schema = pa.schema(
        {"request_id": pa.string(), "timestamp": pa.timestamp("us", tz="UTC"), "account_id": pa.string()}
    )
    schema = pa.schema([*schema, ("model", pa.string()), ("prompt", pa.string())])
    extra = [(name, pa.string()) for name in changes if name not in schema.names]
    return pa.Table.from_pylist(rows, schema=pa.schema([*schema, *extra]))


def test_a_phrase_that_all_accounts_use_alike_is_no_template_and_no_error() -> None:
    opening = "could you please tell me in plain words"
    rows = [
        {
            "request_id": f"r{n}",
            "timestamp": START + dt.timedelta(hours=n),
            "account_id": f"a{n % 6}",
            "model": "m",
            "prompt": f"{opening if n // 6 % 3 == 0 else ''} item{n * 7919 % 104729} part{n * 31337 % 99991} unit{n}",
        }
        for n in range(72)
    ]
    assert stillhunt.hunt(pa.Table.from_pylist(rows)).run["counts"]["requests"] == 72


def test_run_record_tells_how_the_case_came_about(case: stillhunt.Case, world: World) -> None:
    run = case.run
    assert run["version"] == stillhunt.__version__
    assert run["case_version"] == CASE_VERSION
    assert run["seed"] == run["settings"]["seed"] == 4
    assert [timing["stage"] for timing in run["timings"]] == STAGES
    assert all(timing["seconds"] >= 0 for timing in run["timings"])
    assert {family["family"] for family in run["coverage"]} == set(FAMILIES)
    (log,) = run["inputs"]
    assert log["name"] == "log.parquet"
    assert log["rows"] == world.requests.num_rows
    assert len(log["sha256"]) == 64
    assert log["sha256"] != hashlib.sha256(b"").hexdigest()


def test_counts_are_those_of_the_tables(case: stillhunt.Case, world: World) -> None:
    counts = case.run["counts"]
    assert counts["requests"] == world.requests.num_rows
    assert counts["accounts"] == case.accounts.num_rows == len(pc.unique(world.requests["account_id"]))
    assert counts["flagged"] == pc.sum(case.accounts["flagged"]).as_py() > 0
    verdicts = Counter(case.campaigns["verdict"].to_pylist())
    assert (counts["campaigns"], counts["review"]) == (verdicts["act"], verdicts["review"])
    assert counts["rejects"] == case.rejects.num_rows == 0


def test_samples_are_texts_of_harvested_requests(case: stillhunt.Case, world: World) -> None:
    prompts = dict(zip(*(world.requests[c].to_pylist() for c in ("request_id", "prompt")), strict=True))
    owner = dict(zip(*(world.requests[c].to_pylist() for c in ("request_id", "account_id")), strict=True))
    harvested = set(zip(*(case.harvest[c].to_pylist() for c in ("request_id", "campaign_id")), strict=True))
    assert case.samples.num_rows
    for row in case.samples.to_pylist():
        assert (row["request_id"], row["campaign_id"]) in harvested
        assert row["account_id"] == owner[row["request_id"]]
        words = row["text"].split()
        assert any(
            " ".join(words[n : n + 3]) in " ".join(prompts[row["request_id"]].split()) for n in range(len(words))
        )


def test_timeline_counts_the_harvest(case: stillhunt.Case) -> None:
    harvested = Counter(case.harvest["campaign_id"].to_pylist())
    shown: Counter[str] = Counter()
    for row in case.timeline.to_pylist():
        shown[row["campaign_id"]] += row["requests"]
        assert 0 <= row["accounts"] <= row["requests"] or row["requests"] == 0
    assert shown == harvested


def test_details_of_members_are_those_of_the_logs(case: stillhunt.Case, world: World) -> None:
    times = dict(zip(*(world.requests[c].to_pylist() for c in ("request_id", "timestamp")), strict=True))
    owner = dict(zip(*(world.requests[c].to_pylist() for c in ("request_id", "account_id")), strict=True))
    sent = defaultdict(list)
    for row in case.harvest.to_pylist():
        sent[row["campaign_id"], owner[row["request_id"]]].append(times[row["request_id"]])
    customers = {row["account_id"]: row for row in world.accounts.to_pylist()}
    facts = case.account_facts().to_pylist()
    assert {(row["campaign_id"], row["account_id"]) for row in facts} == set(sent)
    for row in facts:
        own = sent[row["campaign_id"], row["account_id"]]
        assert (row["first_seen"], row["last_seen"], row["requests"]) == (min(own), max(own), len(own))
        assert row["clients"]
        assert row["networks"]
        assert row["countries"]
        assert row["plan"] == customers[row["account_id"]]["plan"]
        assert row["created_at"] == customers[row["account_id"]]["created_at"]
    assert case.member_details.num_rows == case.members.num_rows
    assert case.addresses.num_rows == 0  # their hashes would be under a key that nobody has


def test_excerpts_can_be_left_out(world: World) -> None:
    case = stillhunt.hunt(world.requests, world.accounts, Config(report={"excerpts": False}))
    assert case.samples.num_rows == 0
    assert case.run["counts"]["flagged"] > 0


def test_without_customers_and_network_the_work_itself_still_shows(world: World) -> None:
    """Only what every log has, and the prompt: identity and network say nothing, and the run says so."""
    plain = world.requests.select(["request_id", "timestamp", "account_id", "model", "prompt"])
    case = stillhunt.hunt(plain, None, Config())
    families = {row["family"] for row in case.evidence.to_pylist() if row["kind"] not in SIGN_KINDS}
    assert families <= {"prior", OTHERS, *LIMIT_FAMILIES, "content", "queue", "timing", "conduct"}
    lost = {family["family"] for family in case.run["coverage"] if not family["available"]}
    assert {"network", "identity"} <= lost
    truth = world.truth_accounts
    harvesters = set(truth.filter(pc.not_equal(truth["campaign"], ""))["account_id"].to_pylist())
    strongest = case.campaigns["campaign_id"][0].as_py()
    members = case.members.filter(pc.equal(case.members["campaign_id"], strongest))["account_id"].to_pylist()
    assert len(harvesters & set(members)) >= 0.9 * max(len(members), len(harvesters))
    assert case.campaigns["verdict"][0].as_py() in ("act", "review")


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_handful_of_requests_is_an_empty_case(count: int) -> None:
    case = stillhunt.hunt(few_requests(count), None, Config())
    assert case.run["counts"] == {
        "requests": count,
        "accounts": 1,
        "rejects": 0,
        "duplicates": 0,
        "campaigns": 0,
        "review": 0,
        "flagged": 0,
        "allowed": 0,
    }
    assert case.accounts.to_pylist()[0]["verdict"] == "none"
    assert all(case.tables[name].num_rows == 0 for name in ("campaigns", "members", "harvest", "evidence", "rejects"))


def test_no_rows_at_all_is_an_empty_case() -> None:
    case = stillhunt.hunt(few_requests(0), None, Config())
    assert set(case.tables) == set(CASE_TABLES)
    assert all(case.tables[name].num_rows == 0 for name in CASE_TABLES)


def test_prompts_may_be_absent() -> None:
    """Without prompts there is no content to compare: nobody is found, and nothing breaks."""
    plain = few_requests(40).drop_columns(["prompt"])
    case = stillhunt.hunt(plain, None, Config())
    assert case.run["counts"]["requests"] == 40
    assert case.run["counts"]["campaigns"] == 0


def test_calls_that_share_an_id_are_all_kept_and_told(tmp_path: Path) -> None:
    one, other = few_requests(3), few_requests(3, prompt="Another question under an id that is taken?")
    kept = []
    for parts in ([one, other], [other, one]):
        case = stillhunt.hunt(pa.concat_tables(parts), None, Config())
        assert (case.run["counts"]["requests"], case.run["counts"]["rejects"]) == (6, 0)
        assert case.run["changed"] == {SHARED_ID: 6}
        kept.append(case.slices)
    assert kept[0].equals(kept[1])


def test_same_ids_in_two_sources_are_two_requests(tmp_path: Path) -> None:
    """Each log numbers its calls by itself."""
    first = few_requests(5, source="east")
    second = few_requests(5, source="west", account_id="b")
    case = stillhunt.hunt(pa.concat_tables([first, second]), None, Config())
    assert case.run["counts"]["requests"] == 10
    assert case.run["counts"]["rejects"] == 0
    assert case.accounts["requests"].to_pylist() == [5, 5]


def test_another_source_with_the_ids_of_harvested_requests_moves_no_sample(world: World, case: stillhunt.Case) -> None:
    """The account named first in the alphabet has, in another log, the ids of a thousand harvested requests."""
    taken = case.harvest["request_id"].to_pylist()[:1_000]
    rows = world.requests.slice(0, len(taken)).to_pylist()
    for number, (row, name) in enumerate(zip(rows, taken, strict=True)):
        row.update(
            account_id="0-elsewhere", request_id=name, prompt=f"What is {number} times seven?", system_prompt=None
        )
    other = pa.Table.from_pylist(rows, schema=world.requests.schema)
    both = [
        log.append_column("source", pa.array([source] * log.num_rows))
        for source, log in (("east", world.requests), ("west", other))
    ]
    found = stillhunt.hunt(pa.concat_tables(both), world.accounts, Config(seed=4))
    times = dict(zip(*(world.requests[c].to_pylist() for c in ("request_id", "timestamp")), strict=True))
    hours = Counter(
        times[name].replace(minute=0, second=0, microsecond=0) for name in found.harvest["request_id"].to_pylist()
    )
    shown: Counter[dt.datetime] = Counter()
    for row in found.timeline.to_pylist():
        shown[row["bucket"]] += row["requests"]
    assert {hour: n for hour, n in shown.items() if n} == hours
    assert set(found.samples["account_id"].to_pylist()) <= set(found.members["account_id"].to_pylist())


def test_what_cannot_be_used_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        stillhunt.hunt(few_requests(3).drop_columns(["account_id"]), None, Config())
    assert "account_id" in str(refused.value)
    assert refused.value.next_step
    with pytest.raises(InputError):
        stillhunt.hunt(tmp_path / "nothing-here.parquet", None, Config())


@pytest.mark.parametrize("seed", [0, 1, 2**40, 2**63 - 1])
def test_any_allowed_seed_works(seed: int) -> None:
    assert stillhunt.hunt(few_requests(3), None, Config(seed=seed)).run["seed"] == seed


@pytest.mark.parametrize("seed", ["-1", str(2**63)])
def test_other_seeds_are_refused(seed: str) -> None:
    with pytest.raises(ConfigError, match="seed"):
        Config.load({"seed": int(seed)}, environ={})
