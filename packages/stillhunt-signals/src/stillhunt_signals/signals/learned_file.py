"""The file of what was learned of signals: written by `stillhunt signals learn`, read before a hunt."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhunt import ConfigError
from stillhunt.tools import write_whole
from stillhunt_signals.signals.learning import LearnedSignal
from stillhunt_signals.signals.steps import Steps

_VERSION = 1


def write_learned(path: Path, learned: list[LearnedSignal]) -> None:
    """Write what was learned, readable for people."""
    content = {"version": _VERSION, "signals": [asdict(one) for one in learned]}
    write_whole(path, [json.dumps(content, indent=1).encode() + b"\n"])


def read_learned(path: Path | None) -> dict[str, LearnedSignal]:
    """What was learned, by signal; nothing where there is no file.

    Raises ConfigError: the file cannot be read, or is none of these.
    """
    if path is None:
        return {}
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != _VERSION:
            raise ValueError(f"version {content['version']!r:.20}")
        found = [_learned_of(one) for one in content["signals"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(
            f"what was learned of signals cannot be read: {error!s:.120}",
            where=f"setting signals.learned, {path}",
            next_step="write it anew with `stillhunt signals learn`",
        ) from error
    return {one.name: one for one in found}


def _learned_of(one: dict[str, Any]) -> LearnedSignal:
    steps = Steps(one["steps"]["kind"], tuple(one["steps"]["edges"]), tuple(one["steps"]["words"]))
    shares = {name: tuple(float(share) for share in one[name]) for name in ("honest", "harvest")}
    learned = LearnedSignal(**{**one, **shares, "steps": steps})
    whole = all(len(part) == steps.count and min(part) > 0 for part in shares.values())
    if not (whole and 0 < learned.alike < 1 and 0 <= learned.trust <= 1):
        raise ValueError(f"the numbers of {learned.name!r:.40} are none that can have been learned")
    return learned
