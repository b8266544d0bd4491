"""The kinds of evidence that signals are, for the catalogue of the core; nothing is read where none is declared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from stillhunt.plugins import CandidateCase, EvidenceKind, Finding, Null, Wording
from stillhunt.tools import judgement

if TYPE_CHECKING:
    from stillhunt import Config
    from stillhunt_signals.signals.declared import About
    from stillhunt_signals.signals.weighing import SignalsOfLog, UsedSignal

_FAMILIES: dict[About, tuple[str, str, float, float]] = {
    "operation": ("identity", "what you know beside the log says of one operation", -1.0, 2.0),
    "harvest": ("conduct", "what you know beside the log says of harvests", -2.0, 3.0),
    "honest": ("conduct", "what you know beside the log says of honest customers", -2.0, 0.0),
}
"""About -> family, what is measured, least and most bits: those of `SUMMED_BITS`, which a test holds together."""


_SAID = "Known beside the log: {said}"


class PreparedSignals:
    """The signals of one hunt: read before it, matched with its accounts when the first group is weighed."""

    def __init__(self, used: list[UsedSignal]) -> None:
        self.used = used
        self._of_log: SignalsOfLog | None = None

    def of_log(self, log: Any) -> SignalsOfLog:
        """The values of a log's accounts.

        `log`: `CandidateCase.log`.
        """
        from stillhunt_signals.signals.using import of_log  # only where there are signals
        from stillhunt_signals.signals.weighing import SignalsOfLog  # as above

        if self._of_log is None:
            self._of_log = SignalsOfLog([of_log(one, log) for one in self.used], log.accounts.ids)
        return self._of_log


def _prepare_signals(about: About, leaves: bool, config: Config, accounts: pa.Table | None) -> PreparedSignals | None:
    if not config.signals:
        return None
    from stillhunt_signals.signals.using import read_signals  # only where there are signals

    wanted = partial(lambda signal: (signal.about, signal.leaves) == (about, leaves))
    used = read_signals(config, accounts, wanted, in_hunt=True)
    return PreparedSignals(used) if used else None


def _weigh_signals(about: About, leaves: bool, kind: EvidenceKind, case: CandidateCase) -> Finding | None:
    prepared: Any = case.log.prepared.get(kind.name)
    if prepared is None:
        return None
    found = prepared.of_log(case.log).weigh(case.candidate.accounts, about, leaves=leaves)
    if found is None:
        return None
    return kind.finding(found.bits, {"said": found.sentence})


def _signal_kind(about: About, leaves: bool) -> EvidenceKind:
    family, measures, least, most = _FAMILIES[about]
    return EvidenceKind(
        name=f"outside_{about}" + ("_told" if leaves else ""),
        family=family,
        measures=measures + (", which may leave" if leaves else ""),
        null=Null("your own past", judgement("learned from what people decided, and shrunk")),
        columns=(),
        calls="any",
        most_bits=most,
        least_bits=least,
        wording=Wording(_SAID, _SAID, "Nothing is known beside the log"),
        members=None,
        weigh=partial(_weigh_signals, about, leaves),
        prepare=partial(_prepare_signals, about, leaves),
    )


OUTSIDE_OPERATION = _signal_kind("operation", leaves=False)
OUTSIDE_HARVEST = _signal_kind("harvest", leaves=False)
OUTSIDE_HONEST = _signal_kind("honest", leaves=False)
OUTSIDE_OPERATION_TOLD = _signal_kind("operation", leaves=True)
OUTSIDE_HARVEST_TOLD = _signal_kind("harvest", leaves=True)
OUTSIDE_HONEST_TOLD = _signal_kind("honest", leaves=True)
OUTSIDE_KINDS: tuple[tuple[EvidenceKind, About, bool], ...] = (
    (OUTSIDE_OPERATION, "operation", False),
    (OUTSIDE_HARVEST, "harvest", False),
    (OUTSIDE_HONEST, "honest", False),
    (OUTSIDE_OPERATION_TOLD, "operation", True),
    (OUTSIDE_HARVEST_TOLD, "harvest", True),
    (OUTSIDE_HONEST_TOLD, "honest", True),
)
"""Each kind, with what its signals are about and whether they may be quoted to others."""
