"""The declared signals as people read them: where each comes from, what was learned of it, and what was read."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from stillhunt import Config, StillhuntError
from stillhunt.tools import formatting, shorten
from stillhunt_signals.signals.declared import Signal, declared_signals, learned_file
from stillhunt_signals.signals.learned_file import read_learned
from stillhunt_signals.signals.learning import LearnedSignal
from stillhunt_signals.signals.values import read_values


class DescribedSignal(NamedTuple):
    """One declared signal."""

    signal: Signal
    place: str  # where it comes from, without folders and passwords
    weight: str  # part of the difference that was kept, or why it takes no part
    learned: LearnedSignal | None  # None where nothing was learned, or for another declaration

    @property
    def told(self) -> str:
        """The step that tells most, with its shares in harvests and in others; "" where there is none."""
        return "" if self.learned is None else say_step(self.learned)


def describe_signals(config: Config) -> list[DescribedSignal]:
    """All declared signals, by name; nothing is read but what was learned.

    Raises ConfigError: a declaration, or what was learned, cannot be used.
    """
    file = learned_file(config)
    learned = read_learned(file if file is not None and file.exists() else None)
    found = []
    for one in declared_signals(config):
        known = learned.get(one.name)
        if known is not None and known.digest == one.digest:
            weight = formatting.percent(known.trust) if known.trust else "none: no more than chance"
            found.append(DescribedSignal(one, _place_of(one), weight, known))
        else:
            weight = "not learned yet" if known is None else "declared in another way than it was learned"
            found.append(DescribedSignal(one, _place_of(one), weight, None))
    return found


def say_read(signal: Signal, accounts: pa.Table | None) -> str:
    """How many accounts have a value, or why none can be read.

    `accounts`: as for `read_values`.
    """
    try:
        return formatting.plural(len(read_values(signal, accounts)), "account")
    except StillhuntError as error:
        return f"refused: {error.what}; next: {error.next_step}"


def say_step(learned: LearnedSignal) -> str:
    """The step that is most frequent in harvests against others, with both shares; "" where chance explains it."""
    if not learned.trust:
        return ""
    ratio = [harvest / honest for harvest, honest in zip(learned.harvest, learned.honest, strict=True)]
    step = ratio.index(max(ratio))
    shares = formatting.percent(learned.harvest[step]), formatting.percent(learned.honest[step])
    return f"{learned.steps.name(step)}: {', '.join(shares)}"


def _place_of(signal: Signal) -> str:
    if signal.table:
        return f"PostgreSQL, {signal.table}"
    if signal.source in ("accounts", "log"):
        return {"accounts": "the accounts table", "log": "the log"}[signal.source]
    return shorten(Path(signal.source).name, 60)
