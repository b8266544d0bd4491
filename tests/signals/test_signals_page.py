"""The console's page of signals: what is declared and what was learned; `test_in_a_hunt` tries them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from signal_files import FLAG, simulated, values_of, write_rows

from server.console.conftest import Published
from server.console.console_html import page_of
from server.console.console_scenes import Scene, open_scene
from stillhunt.base.config import Config
from stillhunt_signals.signals.declared import signal_of
from stillhunt_signals.signals.learned_file import write_learned
from stillhunt_signals.signals.learning import learn_signal

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def marked(published: Published, tmp_path: Path, runner: asyncio.Runner) -> Iterator[Scene]:
    """A console with three signals: one that marks the members of a campaign, one never learned, one without a file."""
    marks, past = simulated(np.random.default_rng(4), [0.5] * 20, [0.05] * 10)
    write_rows(tmp_path / "marks.csv", [{"account_id": name, "mark": mark} for name, mark in marks.items()])
    known = {**FLAG, "from": str(tmp_path / "marks.csv"), "label": HOSTILE}
    one = signal_of("radar", known)
    write_learned(tmp_path / "learned.json", [learn_signal(one, values_of(one, marks), past)])
    tables = {"radar": known, "new": known, "gone": {**known, "from": "postgresql://u:secret@db/x", "table": "t"}}
    config = Config.model_validate({"signals": {"learned": str(tmp_path / "learned.json"), **tables}})
    opened = open_scene(tmp_path / "data", published.folder.database, published.source, runner, config=config)
    yield opened
    opened.database.close()


def test_a_viewer_sees_what_is_declared_and_learned(marked: Scene) -> None:
    vera = marked.reader("vera")
    page = vera.get("/signals")
    text = page_of(page).text
    assert "3 signals beside the log" in text
    assert "not learned yet" in text
    assert "20 confirmed groups, 10 dismissed groups" in text
    assert "PostgreSQL, t" in text
    assert "secret" not in page.text
    assert HOSTILE not in page.text


def test_without_signals_the_page_says_how_to_declare_one(scene: Scene) -> None:
    assert "stillhunt signals ready" in page_of(scene.reader("vera").get("/signals")).text
