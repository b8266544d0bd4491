"""The register of trials: which suspect was asked about which campaign, written before it is asked.

The number of pairs is fixed when the register is made, since every p-value is multiplied by it. It is a ledger in a
file, which protects against accidents: whoever can write the folder can write another register.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stillhunt import ConfigError
from stillhunt.ledger.file_ledger import FileLedger, LedgerNames

TRIALS_FILE = "trials.jsonl"
_VERSION = 1
_NAMES = LedgerNames(
    "register of trials",
    "restore it from a backup; without it nobody knows how often suspects were tried",
    "set model.folder to a folder of yours; nothing was asked without an entry",
)


@dataclass(frozen=True)
class PlannedTrial:
    """What is fixed before a suspect is asked about one campaign; nobody can choose any of it after the result.

    Attributes:
        answers_sha256: of the harvested answers that the tests are given, from `texts_digest`.
        honest_sha256: of the answers to honest accounts that they are given.
        references: fingerprints, in the order in which they were named.
    """

    suspect: str
    campaign: str
    answers_sha256: str
    honest_sha256: str
    teacher: str
    references: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class TrialPlace:
    """One pair of suspect and campaign in the register.

    Attributes:
        number: of the pair, from 1.
        pairs: for which the register was made.
        line_hash: of the pair's line, which names that of the line before: it fixes all that came before.
    """

    number: int
    pairs: int
    line_hash: str


class TrialRegister:
    """The register of one model folder.

    Args:
        folder: the model folder; made when the first pair is entered.
        pairs: setting `model.pairs`; of a register that is there it must be the same.
    """

    def __init__(self, folder: Path, pairs: int) -> None:
        self.path = folder / TRIALS_FILE
        self._ledger = FileLedger(self.path, _NAMES)
        self._pairs = pairs

    def left(self) -> int:
        """Pairs that may still be tried; the whole register is checked.

        Raises:
            ConfigError: it was made for another number of pairs, or it was changed.
        """
        if not self.path.parent.is_dir():
            return self._pairs
        with self._ledger.locked():
            return self._pairs - self._count_used_places(whole=True)[0]

    def enter(self, trials: Sequence[PlannedTrial], now: datetime) -> list[TrialPlace]:
        """Use one place for each trial; to be called before the suspect is asked anything.

        Returns:
            The places. They stay used, whatever comes of it, and the same pair uses another one next time.

        Raises:
            ConfigError: too few places are left (none is then used), or the register is that of another number of
                pairs, or it was changed.
            OutputError: it cannot be written.
        """
        with self._ledger.locked():
            used, begun = self._count_used_places(whole=False)
            if len(trials) > self._pairs - used:
                raise ConfigError(
                    f"the register has {self._pairs - used:,} of {self._pairs:,} places left, and "
                    f"{len(trials):,} are needed",
                    where=str(self.path),
                    next_step="name fewer campaigns. A full register stays full: a new one in another model.folder is "
                    "a new promise about the error rate, and whoever relies on its results must know of both",
                )
            at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            if not begun:
                self._ledger.append({"kind": "register", "version": _VERSION, "pairs": self._pairs, "at": at})
            places = []
            for number, one in enumerate(trials, used + 1):
                trial = {"kind": "trial", "number": number, "pairs": self._pairs, "at": at, **asdict(one)}
                places.append(TrialPlace(number, self._pairs, self._ledger.append(trial)["digest"]))
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
            if all(entry["digest"] != place.line_hash for entry in self._ledger.newest()):
                raise self._ledger.changed("it no longer has the trial of which this is the result")
            self._ledger.append({"kind": "result", "number": place.number, **result})

    def _count_used_places(self, *, whole: bool) -> tuple[int, bool]:
        """Places that are used, and whether there is a register.

        Args:
            whole: check all of it, and not only its end.
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
