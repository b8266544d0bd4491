"""What a dossier says beyond the case: who signed it, what is in the pack, what was read, what was redacted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RecordedInput:
    """One input of the hunt, as its record names it."""

    name: str
    sha256: str
    bytes: int
    rows: int


@dataclass(frozen=True)
class FileOfPack:
    """One file of the pack, with what it holds in one line."""

    name: str
    description: str


@dataclass(frozen=True)
class DossierFacts:
    """What a dossier says beyond the case; everything may be left out, and the page then says that it is not known."""

    narrative: str = ""
    # an `Attribution` of `dossier/actors` as a dict: `decision`, `statement`, `reasons`, `missing` and `alternatives`;
    # None: nobody asked
    attribution: Mapping[str, Any] | None = None
    # whether a model was trained on its answers, as proof.json says of this campaign; None: nobody asked
    proof: Mapping[str, Any] | None = None
    versions: tuple[tuple[str, str], ...] = ()
    seed: int | str | None = None
    inputs: tuple[RecordedInput, ...] = ()
    signer: str = ""
    time_stamp: str = ""
    # whether the pack has the excerpts as the case has them; else they are shortened once more
    full_excerpts: bool = False
    pseudonyms: bool = True
    request_count: int = 0  # requests counted as harvested, of which the pack lists only the cited ones
    request_digest: str = ""
    files: tuple[FileOfPack, ...] = field(default=())


def facts_of_run(run: Mapping[str, Any]) -> DossierFacts:
    """The facts that a run's record has, for a dossier outside of a pack."""
    versions = [(name, str(run[key])) for name, key in _VERSIONS if key in run]
    inputs = tuple(
        RecordedInput(
            str(one.get("name", "")), str(one.get("sha256", "")), int(one.get("bytes", 0)), int(one.get("rows", 0))
        )
        for one in run.get("inputs", [])
    )
    return DossierFacts(versions=tuple(versions), seed=run.get("seed"), inputs=inputs)


_VERSIONS = (
    ("stillhunt", "version"),
    ("case folder", "case_version"),
    ("sketches", "sketch_version"),
    ("list of disposable mail domains", "disposable_domains"),
)
