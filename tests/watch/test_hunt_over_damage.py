"""A hunt over a spool with damage says so: in its outcome, its exit code, the snapshot and the report."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from stillhunt.cli.app import app
from stillhunt.watch.folder import DataFolder
from stillhunt.watch.snapshots import latest_snapshot
from stillhunt.watch.spool.parts import closed_parts
from stillhunt_server.receiving.committer import Committer
from watch.small_world import recent
from watch.spooling import commit


def test_a_missing_part_is_in_exit_code_snapshot_and_report(tmp_path: Path) -> None:
    folder, records = DataFolder(tmp_path / "data"), recent()
    (tmp_path / "logs").mkdir()
    for half in (records[::2], records[1::2]):
        committer = Committer(folder.spool)
        assert commit(committer, b"".join(half), records=len(half)) is None
        committer.stop()
    closed_parts(folder.spool)[0].unlink()
    run = CliRunner().invoke(app, ["watch", str(tmp_path / "logs"), "--once", "--data", str(folder.path), "--quiet"])
    assert run.exit_code == 4
    snapshot = latest_snapshot(folder)
    assert snapshot is not None
    said = f"is missing: {len(records[::2]):,} requests were acknowledged in it"
    assert said in snapshot.facts()["damage"][0]
    assert said in json.loads((snapshot.case / "run.json").read_text())["damage"][0]
    assert said in (snapshot.case / "report.html").read_text()
