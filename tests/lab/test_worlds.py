from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.base.shape import TIMESTAMP
from stillhunt_lab.worlds import build as worlds
from stillhunt_lab.worlds.build import World, WorldSpec, build_world, demo_spec, spec_for_rung, write_world
from stillhunt_lab.worlds.campaigns import CampaignSpec
from stillhunt_lab.worlds.personas import RECIPES, SANCTIONED
from stillhunt_lab.worlds.rungs import RUNGS


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_columns_are_those_that_collect_reads(mixed_world: World) -> None:
    assert mixed_world.requests.schema.names == [
        "request_id", "timestamp", "account_id", "organization_id", "api_key_id", "end_user_id", "channel",
        "conversation_id", "turn", "client_ip", "asn", "country", "user_agent", "tls_fingerprint", "model",
        "system_prompt", "tools", "prompt", "input_tokens", "output_tokens", "temperature", "top_p", "max_tokens",
        "status",
    ]  # fmt: skip
    assert mixed_world.accounts.schema.names == [
        "account_id", "created_at", "organization_id", "plan", "email_domain", "payment_fingerprint",
        "payment_country", "phone_country", "signup_ip", "signup_country", "declared_use",
    ]  # fmt: skip
    assert mixed_world.requests.schema.field("timestamp").type == TIMESTAMP
    for column in ("request_id", "account_id", "prompt", "model", "channel"):
        assert mixed_world.requests.column(column).null_count == 0


def test_ids_are_unique_and_truth_is_complete(mixed_world: World) -> None:
    ids = mixed_world.requests.column("request_id")
    assert len(pc.unique(ids)) == len(ids)
    assert mixed_world.truth_requests.column("request_id").equals(ids)
    accounts = mixed_world.accounts.column("account_id")
    assert len(pc.unique(accounts)) == len(accounts)
    assert mixed_world.truth_accounts.column("account_id").equals(accounts)
    assert set(mixed_world.requests.column("account_id").unique().to_pylist()) <= set(accounts.to_pylist())


def test_truth_of_accounts_is_the_union_of_their_requests(mixed_world: World) -> None:
    requests = mixed_world.truth_requests.to_pandas()
    requests = requests[requests.campaign != ""]
    served = requests.groupby("account_id").campaign.agg(lambda names: "|".join(sorted(set(names))))
    truth = mixed_world.truth_accounts.to_pandas().set_index("account_id").campaign
    assert served.to_dict() == truth[truth != ""].to_dict()
    assert set(requests.campaign) == {"plain", "careful", "poola", "poolb"}


def test_every_persona_occurs(mixed_world: World) -> None:
    found = set(mixed_world.truth_accounts.column("persona").to_pylist())
    assert found == {"harvest", "pool", *RECIPES}


def test_the_table_of_accounts_does_not_tell_the_truth_by_its_order(mixed_world: World) -> None:
    harvests = np.array([bool(c) for c in mixed_world.truth_accounts.column("campaign").to_pylist()])
    middle = np.flatnonzero(harvests).mean() / len(harvests)
    assert 0.35 < middle < 0.65
    ids = mixed_world.requests.column("request_id").to_pylist()
    assert ids != sorted(ids)


def test_time_is_sorted_inside_the_world_and_after_sign_up(mixed_world: World) -> None:
    times = mixed_world.requests.column("timestamp").cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()
    assert times[-1] - times[0] < 14.01 * 86_400 * 1_000_000
    requests = mixed_world.requests.select(["account_id", "timestamp"]).to_pandas()
    first = requests.groupby("account_id").timestamp.min()
    created = mixed_world.accounts.to_pandas().set_index("account_id").created_at.loc[first.index]
    assert (created < first).all()


def test_refusals_occur_and_are_sent_again(mixed_world: World) -> None:
    requests = mixed_world.requests.to_pandas().dropna(subset="conversation_id")
    assert {200, 403, 429, 500, 503} == set(requests.status)
    refused = requests[requests.status == 429]
    assert 0.003 < len(refused) / len(requests) < 0.05
    again = refused.merge(
        requests[requests.status == 200], on=["account_id", "conversation_id", "turn", "prompt"], suffixes=("", "_2")
    )
    assert len(set(again.request_id)) > 0.7 * len(refused)
    assert (again.request_id != again.request_id_2).all()
    assert (again.timestamp_2 > again.timestamp).mean() > 0.99
    assert (refused.output_tokens == 0).all()


def test_cards_are_missing_for_free_plans_only(mixed_world: World) -> None:
    accounts = mixed_world.accounts.to_pandas()
    accounts = accounts[accounts.account_id.str.startswith("acc-")]  # other channels keep cards to themselves
    free = accounts.plan == "free"
    assert accounts.payment_fingerprint.isna().equals(free)
    assert 0.3 < free.mean() < 0.5


def test_prompts_are_varied(mixed_world: World) -> None:
    requests = mixed_world.requests.to_pandas()
    opening = requests[(requests.turn == 0) & (requests.status == 200)]
    truth = mixed_world.truth_accounts.to_pandas()
    repeating = truth[truth.persona.isin(["nightly", "class", "benchmark", "localisation"])].account_id
    opening = opening[~opening.account_id.isin(repeating)]
    assert opening.prompt.nunique() / len(opening) > 0.95


def test_same_seed_same_bytes_other_seed_other_world(tmp_path: Path) -> None:
    spec = WorldSpec(accounts=150, days=5, seed=4, campaigns=(CampaignSpec(6, 10), CampaignSpec(1, 10)))
    for name in ("one", "two"):
        write_world(build_world(spec), tmp_path / name)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")
    other = build_world(WorldSpec(accounts=150, days=5, seed=5, campaigns=spec.campaigns))
    first = build_world(spec)
    assert not set(first.accounts.column("account_id").to_pylist()) & set(
        other.accounts.column("account_id").to_pylist()
    )
    shared = set(first.requests.column("prompt").to_pylist()) & set(other.requests.column("prompt").to_pylist())
    assert len(shared) < 0.08 * first.requests.num_rows  # stock phrases and very short questions only


def test_honest_traffic_does_not_depend_on_campaigns(mixed_world: World, honest_world: World) -> None:
    keep = pc.is_in(mixed_world.requests.column("account_id"), honest_world.accounts.column("account_id"))
    assert mixed_world.requests.filter(keep).equals(honest_world.requests)
    keep = pc.is_in(mixed_world.accounts.column("account_id"), honest_world.accounts.column("account_id"))
    assert mixed_world.accounts.filter(keep).equals(honest_world.accounts)


def test_written_world_has_the_promised_files(
    tmp_path: Path, honest_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worlds, "ROWS_PER_FILE", 10_000)
    out = tmp_path / "world"
    out.mkdir()  # an empty folder is taken
    write_world(honest_world, out)
    parts = sorted((out / "requests").glob("*.parquet"))
    assert [part.name for part in parts[:2]] == ["part-0000.parquet", "part-0001.parquet"]
    assert pa.concat_tables([pq.read_table(part) for part in parts]).equals(honest_world.requests)
    assert pq.read_table(out / "truth" / "requests.parquet").num_rows == honest_world.requests.num_rows
    assert set(pq.read_table(out / "truth" / "accounts.parquet").column("campaign").to_pylist()) == {""}
    assert not (tmp_path / "world.part").exists()
    config = Config.load(file=out / "stillhunt.toml", environ={})
    assert config.sanctioned.organizations == honest_world.sanctioned


def test_sanctioned_organisations_are_those_with_a_contract(mixed_world: World) -> None:
    truth = mixed_world.truth_accounts.to_pandas().merge(mixed_world.accounts.to_pandas(), on="account_id")
    assert set(truth[truth.persona.isin(SANCTIONED)].organization_id) == set(mixed_world.sanctioned)
    assert set(truth[truth.organization_id.isin(mixed_world.sanctioned)].persona) == set(SANCTIONED)


def test_a_folder_with_content_is_refused(tmp_path: Path, honest_world: World) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        write_world(honest_world, tmp_path)
    with pytest.raises(OutputError, match="not empty"):
        write_world(honest_world, tmp_path / "kept.txt")
    assert (tmp_path / "kept.txt").read_text() == "mine"
    with pytest.raises(OutputError, match="cannot be written"):
        write_world(honest_world, tmp_path / "kept.txt" / "below")


def test_specs() -> None:
    assert spec_for_rung(0, campaigns=3).campaigns == ()
    spec = spec_for_rung(4, accounts=500, seed=9, campaign_accounts=20, campaigns=2, cover_share=0.3)
    assert [(c.rung, c.accounts, c.cover_share) for c in spec.campaigns] == [(4, 20, 0.3)] * 2
    assert {c.rung for c in demo_spec().campaigns} == {2, 6, 10}
    for wrong in ({"accounts": 3}, {"days": 1}, {"seed": -1}):
        with pytest.raises(ConfigError):
            WorldSpec(**wrong)
    with pytest.raises(ConfigError, match="two campaigns"):
        WorldSpec(campaigns=(CampaignSpec(1, name="a"), CampaignSpec(2, name="a")))


def test_data_files_parse_and_agree() -> None:
    data = Path(worlds.__file__).parents[1] / "data"
    files = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(data.glob("*.toml"))}
    assert set(files["topics"]) == set(files["tongues"]["phrases"])
    for skill in files["wrappers"].values():
        assert set(skill["topics"]) <= set(files["topics"])


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    accounts=st.integers(10, 60),
    days=st.integers(2, 30),
    seed=st.integers(0, 2**31),
    rung=st.sampled_from(sorted(RUNGS)),
    workers=st.integers(2, 20),
    kind=st.sampled_from(["dedicated", "pool"]),
)
def test_the_smallest_worlds_hold_together(
    accounts: int, days: int, seed: int, rung: int, workers: int, kind: Literal["dedicated", "pool"]
) -> None:
    kind = kind if RUNGS[rung].work in ("queue", "pool") else "dedicated"
    world = build_world(WorldSpec(accounts, days, seed, (CampaignSpec(rung, workers, kind=kind),)))
    assert world.accounts.num_rows == accounts + workers
    harvested = [name for name in world.truth_requests.column("campaign").to_pylist() if name]
    assert harvested
    times = world.requests.column("timestamp").cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()
    assert times[-1] - times[0] < (days + 0.01) * 86_400 * 1_000_000
    assert min(world.requests.column("input_tokens").to_pylist()) >= 1


def test_no_process_state_enters_a_world() -> None:
    """Another process with another string-hash seed builds the same rows."""
    program = (
        "import hashlib, pyarrow as pa\n"
        "from stillhunt_lab.worlds.campaigns import CampaignSpec\n"
        "from stillhunt_lab.worlds.build import WorldSpec, build_world\n"
        "world = build_world(WorldSpec(60, 4, 2, (CampaignSpec(6, 5), CampaignSpec(3, 5, kind='pool'))))\n"
        "sink = pa.BufferOutputStream()\n"
        "pa.ipc.new_stream(sink, world.requests.schema).write_table(world.requests)\n"
        "print(hashlib.sha256(sink.getvalue()).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64
