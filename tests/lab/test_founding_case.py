"""`stillhunt lab world --case founding`: three labs in blocks of accounts, written by time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import stillhunt
from stillhunt.base.config import Config
from stillhunt.base.errors import ConfigError, OutputError
from stillhunt.cli.app import app
from stillhunt_lab.founding.build import HONEST_ACCOUNTS, AccountBlock, FoundingSpec, plan_blocks, write_founding_case
from stillhunt_lab.founding.labs import LABS, Lab
from stillhunt_lab.worlds.build import SANCTIONED_FILE

SCALE = 0.01


@pytest.fixture(scope="module")
def founding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundredth of the founding case; with less, a twentieth of the smaller labs is less than one account."""
    folder = tmp_path_factory.mktemp("founding") / "world"
    write_founding_case(FoundingSpec(SCALE, seed=0), folder)
    return folder


def test_the_three_labs_have_the_sizes_that_were_published(founding: Path) -> None:
    assert sum(lab.accounts for lab in LABS) == 24_000
    truth = pq.read_table(founding / "truth" / "requests.parquet")
    sent = _counts(truth["campaign"])
    for lab in LABS:
        part = max(8, round(SCALE * lab.accounts)) / lab.accounts  # the fewest that are built are eight
        assert sent[lab.name] == pytest.approx(part * lab.requests, rel=0.1)
    personas = pq.read_table(founding / "truth" / "accounts.parquet")
    honest = personas.filter(pc.invert(pc.is_in(personas["persona"], value_set=pa.array(["harvest", "pool"]))))
    from_honest = pc.sum(pc.is_in(truth["account_id"], value_set=honest["account_id"])).as_py()
    assert from_honest >= SCALE * 16_000_000
    assert len(honest) == round(SCALE * HONEST_ACCOUNTS)


def test_a_proxy_network_mixes_harvest_with_unrelated_customers(founding: Path) -> None:
    truth = pq.read_table(founding / "truth" / "requests.parquet").to_pandas()
    personas = pq.read_table(founding / "truth" / "accounts.parquet").to_pandas()
    network = truth[truth.account_id.isin(personas.account_id[personas.persona == "pool"])]
    assert 0.1 < (network.campaign == "").mean() < 0.25
    assert set(network.campaign) == {"", "hydra"}


def test_half_of_each_lab_moves_to_the_new_model_within_a_day(founding: Path) -> None:
    log = pq.read_table(founding / "requests", columns=["request_id", "timestamp", "model"])
    truth = pq.read_table(founding / "truth" / "requests.parquet")
    rows = log.join(truth, "request_id").to_pandas()
    for lab in LABS:
        own = rows[rows.campaign == lab.name]
        moved = own.timestamp[own.model == "onyx-next"].min()
        after = own[own.timestamp > moved + np.timedelta64(24, "h")]
        assert 0.35 < (after.model == "onyx-next").mean() < 0.65


def test_ids_are_unique_and_files_are_by_time(founding: Path) -> None:
    log = pq.read_table(founding / "requests", columns=["request_id", "account_id", "timestamp"])
    assert pc.count_distinct(log["request_id"]).as_py() == len(log)
    times = log["timestamp"].cast(pa.int64()).to_numpy()
    assert (np.diff(times) >= 0).all()
    truth = pq.read_table(founding / "truth" / "requests.parquet")
    assert truth["request_id"].equals(log["request_id"])
    assert truth["account_id"].equals(log["account_id"])
    accounts = pq.read_table(founding / "accounts.parquet")["account_id"]
    assert accounts.to_pylist() == sorted(set(accounts.to_pylist()))
    assert not (founding / "scratch").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plan(monkeypatch, [(6, None), *((1, lab) for lab in LABS)])
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        write_founding_case(FoundingSpec(seed=seed), tmp_path / name)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "two")
    assert _digests(tmp_path / "one") != _digests(tmp_path / "three")


def test_blocks_of_a_lab_are_one_operation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In three blocks a lab still has one set of templates, one client program, and one pause."""
    _plan(monkeypatch, [(20, LABS[0])] * 3)
    write_founding_case(FoundingSpec(seed=1), tmp_path / "w")
    log = pq.read_table(tmp_path / "w" / "requests").to_pandas()
    assert log.account_id.nunique() == 60
    assert log.user_agent.nunique() == 1
    assert log.prompt[log.turn == 0].str.split("\n").str[0].nunique() == 9  # three for each of three skills
    assert np.diff(log.timestamp.to_numpy()).max() >= np.timedelta64(9, "h")


def test_the_plan_has_every_account_once_and_no_large_block() -> None:
    for scale in (0.0003, 0.1, 1.0):
        blocks = plan_blocks(scale)
        assert [block.number for block in blocks] == list(range(len(blocks)))
        assert max(block.accounts for block in blocks) <= 10_000
        for lab in LABS:
            accounts = sum(block.accounts for block in blocks if block.lab is lab)
            assert accounts == max(8, round(lab.accounts * scale))


def test_a_hunt_finds_the_labs_and_no_honest_account(founding: Path) -> None:
    case = stillhunt.hunt(
        founding / "requests", founding / "accounts.parquet", Config.load(file=founding / SANCTIONED_FILE)
    )
    truth = pq.read_table(founding / "truth" / "accounts.parquet").to_pandas().set_index("account_id").campaign
    accounts = case.accounts.to_pandas().set_index("account_id")
    flagged = accounts[accounts.flagged]
    assert (truth[flagged.index] != "").all()
    for name in ("reasoning", "hydra"):
        members = truth.index[truth == name]
        assert accounts.flagged[members].mean() > 0.95
        assert _operators(flagged.loc[members.intersection(flagged.index)]) == 1
    # The third lab has nine accounts at this scale: whether they are flagged is left open. No campaign holds two labs.
    assert (truth[flagged.index].groupby(flagged.campaign_id).nunique() == 1).all()
    assert _operators(flagged) in (2, 3)


def test_the_command_writes_it_and_refuses_what_belongs_to_other_worlds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plan(monkeypatch, [(12, None), (4, LABS[0])])
    words = ["lab", "world", str(tmp_path / "w"), "--case", "founding", "--quiet"]
    made = CliRunner().invoke(app, [*words, "--scale", "0.001"])
    assert made.exit_code == 0, made.output
    assert "stillhunt hunt" in made.output
    for extra in (["--rung", "3"], ["--accounts", "50"], ["--days", "3"], ["--generator", "second"]):
        assert CliRunner().invoke(app, [*words, *extra]).exit_code == 2
    assert CliRunner().invoke(app, ["lab", "world", str(tmp_path / "v"), "--scale", "0.5"]).exit_code == 2
    with pytest.raises(OutputError):
        write_founding_case(FoundingSpec(0.001), tmp_path / "w")
    with pytest.raises(ConfigError):
        FoundingSpec(1.5)


def _operators(flagged: pd.DataFrame) -> int:
    """Operators behind flagged accounts, as the case tells them apart: its campaigns."""
    return int(flagged.campaign_id.nunique())


def _plan(monkeypatch: pytest.MonkeyPatch, sizes: list[tuple[int, Lab | None]]) -> None:
    """Let the case consist of blocks of these sizes."""
    plan = [AccountBlock(number, accounts, lab) for number, (accounts, lab) in enumerate(sizes)]
    monkeypatch.setattr("stillhunt_lab.founding.build.plan_blocks", lambda _scale: plan)


def _counts(values: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(values).to_pylist()}


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
