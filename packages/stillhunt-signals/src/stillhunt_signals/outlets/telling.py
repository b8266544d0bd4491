"""What each outlet was told, in a ledger of the data folder, and what it still has to be told."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from stillhunt import OutputError
from stillhunt.ledger.file_ledger import FileLedger, LedgerNames
from stillhunt_signals.outlets.declared import Outlet, OutletError, ToldDecision, send_to

LEDGER_FILE = "told.jsonl"
_NAMES = LedgerNames("ledger of what was told", "take it from a backup", "give stillhunt the right to write there")


class OutletChange(NamedTuple):
    """One thing that was told, or could not be."""

    outlet: str
    event: str
    account_id: str
    problem: str = ""  # why the system did not take it; empty where it did


class TellingLedger:
    """Switches of persons, and what was told; each entry has the hash of the one before.

    `data`: the data folder.
    """

    def __init__(self, data: Path) -> None:
        self._ledger = FileLedger(data / LEDGER_FILE, _NAMES)

    def switch(self, outlet: str, by: str, note: str, now: int, *, on: bool) -> None:
        """A person switches an outlet on or off; what it was told is taken back by the next `reconcile`."""
        with self._ledger.locked():
            self._ledger.append({"event": "on" if on else "off", "outlet": outlet, "by": by, "note": note, "at": now})

    def switched_on(self) -> dict[str, dict[str, Any]]:
        """Outlets that are on -> the entry by which a person switched them on."""
        if not self._ledger.path.parent.is_dir():  # nothing was switched, and looking makes no folder
            return {}
        with self._ledger.locked():
            return self._read_switches(self._ledger.entries())

    def told_of(self, account: str) -> list[dict[str, Any]]:
        """What outlets were told of an account, and of its end, in order."""
        if not self._ledger.path.exists():
            return []
        with self._ledger.locked():
            return [entry for entry in self._ledger.entries() if entry.get("account_id") == account]

    def reconcile(
        self, outlets: Mapping[str, Outlet], wanted: Mapping[str, Mapping[str, ToldDecision]], now: int
    ) -> Iterator[OutletChange]:
        """Tell what is new, and the end of what is over; what a system does not take is tried again next time.

        `wanted`: outlet -> account -> what it is to be told; of those that are off nothing is wanted.
        """
        with self._ledger.locked():
            entries = self._ledger.entries()
            on, told = self._read_switches(entries), _read_told(entries)
            for name in sorted(told.keys() - outlets.keys()):
                for account in told[name]:
                    yield OutletChange(name, "ended", account, "it is not declared any more; declare it again for that")
            for name, outlet in outlets.items():
                desired = wanted.get(name, {}) if name in on else {}
                known = told.get(name, {})
                for account, one in known.items():
                    if not _is_same(desired.get(account), one):
                        change = self._tell(outlet, one, now, ends=True)
                        yield change
                        if change.problem:  # it is told anew when what it knows has ended
                            desired = {name: other for name, other in desired.items() if name != account}
                for account, one in desired.items():
                    if not _is_same(known.get(account), one):
                        yield self._tell(outlet, one, now, ends=False)

    def _tell(self, outlet: Outlet, told: ToldDecision, now: int, *, ends: bool) -> OutletChange:
        event = "ended" if ends else "told"
        try:
            receipt = send_to(outlet, told, now, ends=ends)
        except OutletError as error:
            return OutletChange(outlet.name, event, told.account_id, str(error))
        about = {name: getattr(told, name) for name in ("account_id", "value", "action", "until")}
        try:
            self._ledger.append({"event": event, "outlet": outlet.name, **about, "receipt": receipt, "at": now})
        except OutputError:  # the disk is full: what nobody could take back later is taken back at once
            if not ends:
                with suppress(OutletError):
                    send_to(outlet, replace(told, receipt=receipt), now, ends=True)
            raise
        return OutletChange(outlet.name, event, told.account_id)

    @staticmethod
    def _read_switches(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        on: dict[str, dict[str, Any]] = {}
        for entry in entries:
            if entry["event"] == "on":
                on[entry["outlet"]] = entry
            elif entry["event"] == "off":
                on.pop(entry["outlet"], None)
        return on


def _is_same(one: ToldDecision | None, other: ToldDecision) -> bool:
    return one is not None and (one.value, one.action, one.until) == (other.value, other.action, other.until)


def _read_told(entries: list[dict[str, Any]]) -> dict[str, dict[str, ToldDecision]]:
    """Outlet -> account -> what it was told and not yet that it ended."""
    told: dict[str, dict[str, ToldDecision]] = {}
    for entry in entries:
        own = told.setdefault(entry["outlet"], {})
        if entry["event"] == "told":
            fields = ("account_id", "value", "action", "until", "receipt")
            own[entry["account_id"]] = ToldDecision(*(entry[name] for name in fields))
        elif entry["event"] == "ended":
            own.pop(entry["account_id"], None)
    return told
