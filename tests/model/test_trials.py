"""The register of trials: written first, never changed, never more than was stated."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillhunt.base.errors import ConfigError, OutputError, StillhuntError
from stillhunt.base.table_files import write_whole
from stillhunt.ledger import file_ledger
from stillhunt.ledger.chain import entry_place
from stillhunt_model.proof.trials import TRIALS_FILE, PlannedTrial, TrialRegister

LAST_TRIAL_FILE = "trials.last"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def trials(suspect: str, campaigns: list[str]) -> list[PlannedTrial]:
    return [PlannedTrial(suspect, one, "e" * 64, "d" * 64, "f" * 64, ("b" * 64, "c" * 64), 7) for one in campaigns]


def lines_of(folder: Path) -> list[bytes]:
    return (folder / TRIALS_FILE).read_bytes().splitlines(keepends=True)


def test_places_are_used_and_stay_used(tmp_path: Path) -> None:
    register = TrialRegister(tmp_path / "model", 5)
    assert register.left() == 5
    assert not (tmp_path / "model").exists()
    places = register.enter(trials("a" * 64, ["c-1", "c-2"]), NOW)
    assert [one.number for one in places] == [1, 2]
    # A process that dies now has used them, and the same trial goes on with its place; after a result it takes another.
    again = TrialRegister(tmp_path / "model", 5)
    assert again.left() == 3
    assert again.enter(trials("a" * 64, ["c-1"]), NOW) == places[:1]
    again.conclude(places[0], {"p": 0.5})
    with pytest.raises(ConfigError, match="trial 1 has a result already"):
        again.conclude(places[0], {"p": 0.4})
    other = replace(trials("a" * 64, ["c-2"])[0], seed=8)
    assert [one.number for one in again.enter([*trials("a" * 64, ["c-1"]), other], NOW)] == [3, 4]
    entries = [json.loads(line) for line in lines_of(tmp_path / "model")]
    assert [one["kind"] for one in entries] == ["register", "trial", "trial", "result", "trial", "trial"]
    assert entries[0]["pairs"] == 5
    assert entries[1] == {
        "kind": "trial",
        "number": 1,
        "suspect": "a" * 64,
        "campaign": "c-1",
        "answers_sha256": "e" * 64,
        "honest_sha256": "d" * 64,
        "teacher": "f" * 64,
        "references": ["b" * 64, "c" * 64],
        "seed": 7,
        "at": "2026-03-01T12:00:00Z",
        "pairs": 5,
        "seq": 2,
        "before": entries[0]["digest"],
        "digest": places[0].line_hash,
    }
    assert entries[3]["number"] == 1
    assert again.left() == 1


def test_a_deleted_register_gives_no_place_back_without_being_seen(tmp_path: Path) -> None:
    register = TrialRegister(tmp_path / "model", 5, tmp_path / "keys")
    register.enter(trials("a" * 64, ["c-1"]), NOW)
    first = register.verified_entries()[-1]
    register.enter(trials("b" * 64, ["c-1"]), NOW)
    kept = [(one, one.read_bytes()) for one in (tmp_path / "model").iterdir()]
    for path, _ in kept:
        path.unlink()
    for deleted in (register, TrialRegister(tmp_path / "model", 5, tmp_path / "keys")):
        for use in (deleted.left, deleted.verified_entries, lambda: register.enter(trials("c" * 64, ["c-1"]), NOW)):
            with pytest.raises(ConfigError, match="it had 3 entries and has 0"):
                use()
    # A new register with as many lines is another one, and so is one that somebody's note does not fit.
    (checkpoint,) = (tmp_path / "keys").iterdir()
    known = checkpoint.read_bytes()
    checkpoint.unlink()
    register.enter(trials("d" * 64, ["c-1", "c-2"]), NOW)
    with pytest.raises(ConfigError, match="entry 2 is another one than before"):
        register.verified_entries(entry_place(first))
    checkpoint.write_bytes(known)
    with pytest.raises(ConfigError, match="entry 3 is another one than before"):
        register.left()
    for path, content in kept:
        path.write_bytes(content)
    assert register.left() == 3
    assert [one["kind"] for one in register.verified_entries(entry_place(first))] == ["register", "trial", "trial"]
    checkpoint.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="cannot be read"):
        register.left()


def test_a_full_register_refuses_and_uses_nothing(tmp_path: Path) -> None:
    register = TrialRegister(tmp_path, 3)
    register.enter(trials("a", ["c-1", "c-2"]), NOW)
    with pytest.raises(ConfigError, match=r"1 of 3 places left, and 2 are needed"):
        register.enter(trials("b", ["c-1", "c-2"]), NOW)
    assert register.left() == 1
    register.enter(trials("b", ["c-1"]), NOW)
    with pytest.raises(ConfigError, match="0 of 3 places left"):
        register.enter(trials("c", ["c-1"]), NOW)


def test_the_number_that_was_stated_first_holds(tmp_path: Path) -> None:
    TrialRegister(tmp_path, 3).enter(trials("a", ["c-1"]), NOW)
    for pairs in (2, 4):
        other = TrialRegister(tmp_path, pairs)
        for refused in (other.left, lambda other=other: other.enter(trials("b", ["c-1"]), NOW)):
            with pytest.raises(ConfigError, match="made for 3 pairs") as found:
                refused()
            assert "model.pairs = 3" in found.value.next_step


def changed_byte(folder: Path, place: int) -> None:
    lines = lines_of(folder)
    lines[place] = lines[place].replace(b"c-", b"d-").replace(b'"version":1', b'"version": 1')
    (folder / TRIALS_FILE).write_bytes(b"".join(lines))


def without(folder: Path, place: int) -> None:
    lines = lines_of(folder)
    del lines[place]
    (folder / TRIALS_FILE).write_bytes(b"".join(lines))


@pytest.mark.parametrize("change", [changed_byte, without])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_changed_or_missing_line_is_found(tmp_path: Path, change: object, place: int) -> None:
    register = TrialRegister(tmp_path, 9)
    register.enter(trials("a", ["c-1", "c-2", "c-3"]), NOW)
    assert callable(change)
    change(tmp_path, place)
    with pytest.raises(ConfigError, match="changed or damaged"):
        register.left()
    if place == 3:  # whoever appends reads the end
        with pytest.raises(ConfigError, match="changed or damaged"):
            register.enter(trials("b", ["c-1"]), NOW)


def test_a_register_without_its_end_or_all_of_it_is_found(tmp_path: Path) -> None:
    register = TrialRegister(tmp_path, 9)
    register.enter(trials("a", ["c-1", "c-2"]), NOW)
    content = (tmp_path / TRIALS_FILE).read_bytes()
    for cut in (
        content[:-1],
        b"",
        content + b"{}\n",
        content.replace(b"\n", b"\r", 1),
        b"[]\n",
        b"[" * 100_000 + b"\n",
    ):
        (tmp_path / TRIALS_FILE).write_bytes(cut)
        with pytest.raises(ConfigError, match="changed or damaged"):
            register.left()
    (tmp_path / TRIALS_FILE).unlink()
    with pytest.raises(ConfigError, match="changed or damaged"):
        register.left()
    (tmp_path / TRIALS_FILE).write_bytes(content)
    assert register.left() == 7
    (tmp_path / LAST_TRIAL_FILE).unlink()
    with pytest.raises(ConfigError, match="changed or damaged"):
        register.left()


def test_a_line_that_a_dead_process_left_half_is_written_over(tmp_path: Path) -> None:
    register = TrialRegister(tmp_path, 9)
    register.enter(trials("a", ["c-1"]), NOW)
    with (tmp_path / TRIALS_FILE).open("ab") as file:
        file.write(
            b'{"kind": "trial", "campaign": "a very long id that is longer than the next line can be", ' + b" " * 500
        )
    assert register.left() == 8
    assert [one.number for one in register.enter(trials("b", ["c-1"]), NOW)] == [2]
    assert register.left() == 7


def written_lasts(register: TrialRegister, last: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the file with the last hash held after each write, while two trials were entered."""
    found: list[bytes] = []

    def write(path: Path, parts: list[bytes]) -> None:
        write_whole(path, parts)
        found.append(last.read_bytes())

    monkeypatch.setattr(file_ledger, "write_whole", write)
    register.enter(trials("a", ["c-1", "c-2"]), NOW)
    monkeypatch.undo()
    return found


def test_the_known_end_may_lag_by_one_line_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register, last = TrialRegister(tmp_path, 9), tmp_path / LAST_TRIAL_FILE
    lasts = written_lasts(register, last, monkeypatch)
    lines = lines_of(tmp_path)
    assert len(lasts) == len(lines) + 1
    for count in range(len(lines) + 1):
        for place, content in enumerate(lasts):
            (tmp_path / TRIALS_FILE).write_bytes(b"".join(lines[:count]))
            last.write_bytes(content)
            if place in (count, count - 1):
                assert register.left() == 9 - max(0, count - 1)
            else:
                with pytest.raises(ConfigError, match="changed or damaged"):
                    register.left()
        last.unlink()
        if count:
            with pytest.raises(ConfigError, match=r"trials.last with the hash of the last line is missing"):
                register.left()


def test_a_second_death_between_the_writes_leaves_a_register_that_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each process dies after it wrote a line and before it noted it as the last one."""
    path = tmp_path / TRIALS_FILE
    for dead in range(4):
        before = len(lines_of(tmp_path)) if path.exists() else 0

        def die(place: Path, parts: list[bytes], before: int = before) -> None:
            if path.exists() and len(lines_of(tmp_path)) > before:
                raise OutputError("dead", where="", next_step="")
            write_whole(place, parts)

        monkeypatch.setattr(file_ledger, "write_whole", die)
        with pytest.raises(OutputError, match="dead"):
            TrialRegister(tmp_path, 9).enter(trials(f"s{dead}", ["c-1"]), NOW)
        monkeypatch.undo()
        assert TrialRegister(tmp_path, 9).left() == 9 - dead  # the first one wrote the line before all trials
    TrialRegister(tmp_path, 9).enter(trials("a", ["c-1"]), NOW)
    assert TrialRegister(tmp_path, 9).left() == 5


def test_a_result_needs_its_trial(tmp_path: Path) -> None:
    place = TrialRegister(tmp_path / "one", 9).enter(trials("a", ["c-1"]), NOW)[0]
    other = TrialRegister(tmp_path / "two", 9)
    other.enter(trials("b", ["c-1"]), NOW)
    with pytest.raises(ConfigError, match="no longer has the trial"):
        other.conclude(place, {"p": 1.0})


def test_registers_at_once_share_no_place(tmp_path: Path) -> None:
    def enter(number: int) -> list[int]:
        return [one.number for one in TrialRegister(tmp_path, 100).enter(trials(f"s{number}", ["c-1", "c-2"]), NOW)]

    with ThreadPoolExecutor(8) as pool:
        numbers = [number for found in pool.map(enter, range(24)) for number in found]
    assert sorted(numbers) == list(range(1, 49))
    assert TrialRegister(tmp_path, 100).left() == 52


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(StillhuntError, match="the register of trials cannot be used"):
        TrialRegister(tmp_path / "file", 9).enter(trials("a", ["c-1"]), NOW)
