"""The register of trials: which suspect was asked about which campaign, written before it is asked.

The number of pairs is fixed when the register is made, since every p-value is multiplied by it. It is a ledger in a
file, whose last place is kept in the folder of keys as well: whoever deletes the register gives no place back without
being seen. Whoever can write both folders can write another register, which only a place that was kept elsewhere shows.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt import ConfigError
from stillhunt.ledger.chain import LEDGER_START, LedgerPlace
from stillhunt.ledger.file_ledger import FileLedger, LedgerNames
from stillhunt.tools import write_whole

TRIALS_FILE = "trials.jsonl"
CHECKPOINT_FILE = "trials-{name}.json"
"""In the folder of keys, named by a hash of the register's path."""
_VERSION = 1
_NAMES = LedgerNames(
    "register of trials",
    "restore it from a backup; without it nobody knows how often suspects were tried",
    "set model.folder to a folder of yours; nothing was asked without an entry",
)


@dataclass(frozen=True)
class PlannedTrial:
    """What is fixed before a suspect is asked about one campaign; nobody can choose any of it after the result."""

    suspect: str
    campaign: str
    answers_sha256: str  # of the harvested answers that the tests are given, from `texts_digest`
    honest_sha256: str  # of the answers to honest accounts that they are given
    teacher: str
    references: tuple[str, ...]  # fingerprints, in the order in which they were named
    seed: int


@dataclass(frozen=True)
class TrialPlace:
    """One pair of suspect and campaign in the register."""

    number: int  # of the pair, from 1
    pairs: int  # for which the register was made
    line_hash: str  # of the pair's line, which names that of the line before: it fixes all that came before


class TrialRegister:
    """The register of one model folder.

    Args:
        folder: the model folder; made when the first pair is entered.
        pairs: setting `model.pairs`; of a register that is there it must be the same.
        keys: folder of keys, for the checkpoint; None for none.
    """

    def __init__(self, folder: Path, pairs: int, keys: Path | None = None) -> None:
        self.path = folder / TRIALS_FILE
        self._ledger = FileLedger(self.path, _NAMES)
        self._pairs = pairs
        name = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]
        self._checkpoint = None if keys is None else keys / CHECKPOINT_FILE.format(name=name)

    def left(self) -> int:
        """Pairs that may still be tried; the whole register is checked.

        Raises ConfigError: it was made for another number of pairs, or it was changed.
        """
        self._check_against(self._read_checkpoint())
        if not self.path.parent.is_dir():
            return self._pairs
        with self._ledger.locked():
            return self._pairs - self._count_used_places(whole=True)[0]

    def verified_entries(self, kept: LedgerPlace = LEDGER_START) -> list[dict[str, Any]]:
        """All entries, after the whole register was checked.

        `kept`: a place that somebody kept; the register must have it. Raises ConfigError: it was changed, or it lacks
        that place or the one in the folder of keys.
        """
        for one in (kept, self._read_checkpoint()):
            self._check_against(one)
        if not self.path.exists():
            return []
        with self._ledger.locked():
            return self._ledger.entries()

    def replies_file(self, place: TrialPlace) -> Path:
        """Where the replies of one trial are kept."""
        return self.path.parent / "replies" / f"{place.line_hash}.jsonl"

    def enter(self, trials: Sequence[PlannedTrial], now: datetime) -> list[TrialPlace]:
        """Use one place for each trial; to be called before the suspect is asked anything.

        Returns:
            The places. They stay used, whatever comes of it. A trial that is the same in all and has no result yet,
            because it broke off, keeps its place: nobody has seen what came of it. After a result the same pair uses
            another one.

        Raises:
            ConfigError: too few places are left (none is then used), or the register is that of another number of
                pairs, or it was changed.
            OutputError: it cannot be written.
        """
        self._check_against(self._read_checkpoint())
        with self._ledger.locked():
            used, begun = self._count_used_places(whole=False)
            unfinished = self._find_unfinished_places()
            taken_up = [unfinished.pop(one, None) for one in trials]
            if taken_up.count(None) > self._pairs - used:
                raise ConfigError(
                    f"the register has {self._pairs - used:,} of {self._pairs:,} places left, and "
                    f"{taken_up.count(None):,} are needed",
                    where=str(self.path),
                    next_step="name fewer campaigns. A full register stays full: a new one in another model.folder is "
                    "a new promise about the error rate, and whoever relies on its results must know of both",
                )
            at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if not begun:
                self._append_entry({"kind": "register", "version": _VERSION, "pairs": self._pairs, "at": at})
            places = []
            for one, place in zip(trials, taken_up, strict=True):
                if place is None:
                    used += 1
                    trial = {"kind": "trial", "number": used, "pairs": self._pairs, "at": at, **asdict(one)}
                    place = TrialPlace(used, self._pairs, self._append_entry(trial)["digest"])
                places.append(place)
            return places

    def conclude(self, place: TrialPlace, result: Mapping[str, Any]) -> None:
        """Write down what came of a trial.

        Args:
            place: from `enter`.

        Raises:
            ConfigError: the register was changed since.
            OutputError: it cannot be written.
        """
        with self._ledger.locked():
            for entry in self._ledger.newest():
                if entry["digest"] == place.line_hash:
                    break
                if entry.get("kind") == "result" and entry["number"] == place.number:
                    raise ConfigError(
                        f"trial {place.number:,} has a result already: another run took it up at the same time",
                        where=str(self.path),
                        next_step="read that result with `stillhunt model trials list`; this one does not count",
                    )
            else:
                raise self._ledger.changed("it no longer has the trial of which this is the result")
            self._append_entry({"kind": "result", "number": place.number, **result})

    def _append_entry(self, content: Mapping[str, Any]) -> dict[str, Any]:
        entry = self._ledger.append(content)
        if self._checkpoint is not None:
            known = {"register": str(self.path.resolve()), "seq": entry["seq"], "digest": entry["digest"]}
            self._checkpoint.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._checkpoint, [json.dumps(known).encode() + b"\n"])
        return entry

    def _read_checkpoint(self) -> LedgerPlace:
        if self._checkpoint is None or not self._checkpoint.exists():
            return LEDGER_START
        try:
            known = json.loads(self._checkpoint.read_text(encoding="utf-8"))
            return LedgerPlace(int(known["seq"]), str(known["digest"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the checkpoint of the register of trials cannot be read",
                where=str(self._checkpoint),
                next_step="restore it from a backup of the folder of keys",
            ) from error

    def _check_against(self, kept: LedgerPlace) -> None:
        """Raise a ConfigError where the register does not have a place that it had."""
        if not kept.seq:
            return
        number, digest = 0, ""
        if self.path.parent.is_dir():
            with self._ledger.locked():
                for entry in self._ledger.newest():
                    number = max(number, entry["seq"])
                    if entry["seq"] <= kept.seq:
                        digest = entry["digest"]
                        break
        if number < kept.seq:
            raise self._ledger.changed(f"it had {kept.seq:,} entries and has {number:,}")
        if digest != kept.digest:
            raise self._ledger.changed(f"entry {kept.seq:,} is another one than before")

    def _find_unfinished_places(self) -> dict[PlannedTrial, TrialPlace]:
        """Trials without a result; of the same ones the first."""
        found, finished = dict[PlannedTrial, TrialPlace](), set[int]()
        for entry in self._ledger.newest():
            if entry.get("kind") == "result":
                finished.add(entry["number"])
            elif entry.get("kind") == "trial" and entry["number"] not in finished:
                fixed = {one.name: entry.get(one.name) for one in fields(PlannedTrial)}
                trial = PlannedTrial(**{**fixed, "references": tuple(fixed["references"] or ())})  # type: ignore[arg-type]  # the ledger has what was written
                found[trial] = TrialPlace(entry["number"], self._pairs, entry["digest"])
        return found

    def _count_used_places(self, *, whole: bool) -> tuple[int, bool]:
        """Places that are used, and whether there is a register.

        `whole`: check all of it, and not only its end.
        """
        used = before = pairs = None
        kind: Any = ""
        for entry in self._ledger.newest():
            kind = entry.get("kind")
            if kind == "trial":
                number = entry.get("number")
                if before not in (None, number) or not isinstance(number, int):
                    raise self._ledger.changed(f"trial {before} is missing")
                used, before = used or number, number - 1
            pairs = pairs or entry.get("pairs")
            if pairs and not whole:
                break
        if kind and (not isinstance(pairs, int) or (whole and (kind != "register" or before))):
            raise self._ledger.changed("its first line is missing, or another version wrote it")
        if pairs not in (None, self._pairs):
            raise ConfigError(
                f"the register was made for {pairs:,} pairs of suspect and campaign, and model.pairs is "
                f"{self._pairs:,}",
                where=str(self.path),
                next_step=f"set model.pairs = {pairs}: the number that was stated first holds for all trials",
            )
        return used or 0, pairs is not None
