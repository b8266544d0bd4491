"""Compiling once: every kernel is compiled by somebody, reported, and not compiled again."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import stillhunt
from stillhunt.base.progress import Silent
from stillhunt.cli import compiling, shipped_kernels
from stillhunt.collect.history import resent_prefixes
from stillhunt.extract import sketches
from stillhunt.link.groups import search_kernels
from stillhunt.link.groups.groups import compile_search, find_groups
from stillhunt.link.groups.slices import ClusterSlices


@pytest.fixture(autouse=True)
def stamp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stamp that is not there yet."""
    path = tmp_path / compiling.STAMP
    monkeypatch.setattr(compiling, "_locate_compile_stamp", lambda: path)
    return path


def test_kernels_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(compiling, "compile_parts", lambda _, parts: calls.extend(parts) is None)
    assert not compiling.is_compiled()
    compiling.compile_once(Silent())
    assert compiling.is_compiled()
    compiling.compile_once(Silent())
    assert calls == ["hunt", "search"]


def test_failed_compilation_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hunt goes on all the same, and compiles what it needs itself."""
    monkeypatch.setattr(compiling, "compile_parts", lambda *_: False)
    compiling.compile_once(Silent())
    assert not compiling.is_compiled()


def test_changed_kernel_is_compiled_again(stamp: Path) -> None:
    stamp.write_text("another key", encoding="ascii")
    assert not compiling.is_compiled()


def test_second_hunt_waits_for_the_first(stamp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so, and then finds the kernels compiled."""
    monkeypatch.setattr(compiling, "compile_parts", lambda *_: pytest.fail("compiled a second time"))
    with stamp.with_suffix(".lock").open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)

        class Noted(Silent):
            def note(self, text: str) -> None:
                assert "another hunt is compiling" in text
                stamp.write_text(compiling._hash_compile_inputs(), encoding="ascii")
                fcntl.flock(first, fcntl.LOCK_UN)

        compiling.compile_once(Noted())
    assert compiling.is_compiled()


def test_unknown_part_is_a_failure() -> None:
    """A process that ends with an error is noticed."""
    assert not compiling.compile_parts(lambda _: None, ["no such part"])


def test_compiled_kernel_is_reported(tmp_path: Path) -> None:
    code = (
        "import numpy as np; from numba.core import event; from stillhunt.cli.compiling import _Reporter\n"
        "from stillhunt.link.topics.topic_word_kernels import orthonormal\n"
        "event.register('numba:compile', _Reporter()); orthonormal(np.ones((3, 2)))"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "stillhunt.link.topics.topic_word_kernels orthonormal" in result.stdout.splitlines()


def test_search_without_a_log_is_compiled_for_the_types_of_a_log() -> None:
    """Otherwise the hunt would compile it a second time."""
    compile_search()
    before = list(search_kernels.search.signatures)
    counts = np.full((2, 3), 40)
    occurrences = tuple(np.arange(3) for _ in range(2))
    slices = ClusterSlices(
        0, np.arange(3), counts, counts[:, :, None], counts[:, :, None], occurrences, occurrences, occurrences
    )
    find_groups(slices, formed_on=0, least=3)
    assert list(search_kernels.search.signatures) == before


def test_bytecode_makes_nobody_compile_once_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stillhunt, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "parameters.toml").write_text("one = 1", "utf-8")
    before = compiling._hash_compile_inputs()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "parameters.cpython-311.pyc").write_bytes(b"of a module that was just imported")
    assert compiling._hash_compile_inputs() == before
    (tmp_path / "parameters.toml").write_text("one = 2", "utf-8")
    assert compiling._hash_compile_inputs() != before


SHIPPED_SCRIPT = """
import json, sys
import numpy as np
from pathlib import Path
from numba.core import event
from stillhunt.cli import compiling, shipped_kernels
from stillhunt.link.topics.topic_word_kernels import orthonormal
shipped_kernels.SHIPPED_KERNELS = Path(sys.argv[1])
if sys.argv[2:] == ["facts"]:
    print(json.dumps(shipped_kernels.kernel_facts("key", [])))
else:
    print(shipped_kernels.unpack_kernels([orthonormal], "key"))
event.register("numba:compile", compiling._Reporter())
print(orthonormal(np.ones((3, 2))).tolist())
"""


def kernels_run(tmp_path: Path, cache: str, *arguments: str, **environment: str) -> list[str]:
    """What a process prints that uses one kernel: first what it says of shipped kernels, then what it compiles."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cache), **environment}
    command = [sys.executable, "-c", SHIPPED_SCRIPT, str(tmp_path / "shipped"), *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return result.stdout.splitlines()


def test_shipped_kernels_are_used_and_nothing_is_compiled(tmp_path: Path) -> None:
    """One kernel as a wheel brings it: compiled for a level of instructions, not for this very processor."""
    named = {"NUMBA_CPU_NAME": "x86-64" if "86" in os.uname().machine else "generic", "NUMBA_CPU_FEATURES": ""}
    facts, compiled, result = kernels_run(tmp_path, "building", "facts", **named)
    assert compiled == "stillhunt.link.topics.topic_word_kernels orthonormal"
    folder = tmp_path / "shipped" / "link" / "topics"
    folder.mkdir(parents=True)
    for path in (tmp_path / "building").glob("*/topic_word_kernels.orthonormal*"):
        shutil.copy(path, folder)
    (tmp_path / "shipped" / shipped_kernels.KERNEL_FACTS).write_text(facts)
    assert kernels_run(tmp_path, "cache") == ["True", result]


@pytest.mark.parametrize(
    ("other", "fits"),
    [
        ({}, True),
        ({"key": "of other sources"}, False),
        ({"python": "3.10"}, False),
        ({"triple": "of another machine"}, False),
        ({"features": ["no-such-instruction"]}, False),
        ({"features": 1}, False),
    ],
)
def test_kernels_that_do_not_fit_are_left_alone(
    other: dict[str, object], fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_kernels, "SHIPPED_KERNELS", tmp_path)
    facts = {**shipped_kernels.kernel_facts("key", []), **other}
    (tmp_path / shipped_kernels.KERNEL_FACTS).write_text(json.dumps(facts))
    assert shipped_kernels.unpack_kernels([search_kernels.search], "key") == fits


def test_no_bar_is_shown_where_kernels_were_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "unpack_kernels", lambda *_: True)
    monkeypatch.setattr(compiling, "compile_parts", lambda *_: pytest.fail("compiled"))
    compiling.compile_once(Silent())
    assert compiling.is_compiled()


def test_the_world_makes_a_hunt_call_what_logs_of_chats_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are sketched, and history that was sent again is cut off: kernels that plain requests do not reach."""
    called: set[str] = set()

    def noting(module: object, name: str) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: (called.add(name), real(*given))[1])

    noting(resent_prefixes, "cut_prefixes")
    noting(sketches, "answer_rows")
    hunt = stillhunt.hunt
    monkeypatch.setattr(stillhunt, "hunt", lambda requests, *given: hunt(requests.slice(0, 400), *given))
    compiling._compile_hunt_kernels()
    assert called == {"cut_prefixes", "answer_rows"}
