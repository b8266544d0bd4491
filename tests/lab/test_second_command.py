"""`stillhunt lab world --generator second`."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
from typer.testing import CliRunner

from stillhunt.cli.app import app


def test_the_second_generator_is_an_option_of_the_command(tmp_path: Path) -> None:
    words = [
        "lab",
        "world",
        str(tmp_path / "w"),
        "--generator",
        "second",
        "--rung",
        "9",
        "--accounts",
        "50",
        "--days",
        "4",
    ]
    made = CliRunner().invoke(app, [*words, "--quiet"])
    assert made.exit_code == 0, made.output
    truth = pq.read_table(tmp_path / "w" / "truth" / "accounts.parquet")
    assert "harvester" in truth["persona"].to_pylist()
    assert "tern-grand" in pq.read_table(tmp_path / "w" / "requests")["model"].to_pylist()


def test_only_the_second_generator_takes_texts(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["lab", "world", str(tmp_path / "w"), "--texts", "t.parquet"])
    assert refused.exit_code == 2
    assert not (tmp_path / "w").exists()
