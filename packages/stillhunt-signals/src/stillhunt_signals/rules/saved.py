"""Rules and labels as they were saved: a hash-chained ledger in the data folder says who changed what, when and why."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from stillhunt import ConfigError
from stillhunt.ledger.file_ledger import FileLedger, LedgerNames
from stillhunt.live import DataFolder, RuleState
from stillhunt.tools import DAY, escape_controls, label_text, name_of_person, note_of, read_secret
from stillhunt_signals.rules.language import RuleColumn, RuleCondition, typed_columns
from stillhunt_signals.rules.rule_file import OwnRuleFile, check_new_rule, parse_rule

RULES_LEDGER = "rules.jsonl"
LONGEST_LABEL_DAYS = 3650.0
LabelSubject = Literal["account", "card", "network", "client"]
LABEL_SUBJECTS: tuple[LabelSubject, ...] = get_args(LabelSubject)
_NAMES = LedgerNames(
    "ledger of rules", "restore rules.jsonl and rules.last from a backup", "see whether the data folder can be written"
)


class ChangeAuthor(NamedTuple):
    """Who changes a rule or a label, why, and when (microseconds since 1970)."""

    name: str
    reason: str
    now: int


@dataclass(frozen=True)
class SavedRule:
    """A rule as it was saved last."""

    name: str
    state: RuleState  # that was set last, by the file or alone
    content: str
    seq: int  # place of that change in the ledger
    at: int
    by: str
    reason: str
    microseconds: float | None  # that it takes for one account, measured when it was saved; None from earlier versions
    signals: Mapping[str, str]  # columns of signals that it or its examples name -> their types then

    @cached_property
    def _checked(self) -> tuple[OwnRuleFile, RuleCondition]:
        return parse_rule(self.content.encode(), f"rule {self.name}", typed_columns(self.signals))

    @property
    def file(self) -> OwnRuleFile:
        """What the file says, in its present state; checked anew, but for its cost."""
        return self._checked[0].model_copy(update={"state": self.state})

    @property
    def condition(self) -> RuleCondition:
        """Its condition, with the types that signals had when it was saved."""
        return self._checked[1]


class RuleLedger:
    """The ledger of a data folder.

    What reads or changes it raises ConfigError where it was changed, or where a change is none that may be made, and
    OutputError where the file cannot be used. Accounts and cards stand in it under keyed hashes, so that an erasure
    leaves nothing behind that names anybody.

    `columns`: that rules which are saved may name; without it, those that there always are.
    """

    def __init__(self, folder: DataFolder, columns: Mapping[str, RuleColumn] | None = None) -> None:
        self._columns = columns
        self._ledger = FileLedger(folder.path / RULES_LEDGER, _NAMES)

    def entries(self) -> list[dict[str, Any]]:
        """All changes, in order."""
        if not self._ledger.path.exists() and not self._ledger.path.with_suffix(".last").exists():
            return []
        with self._ledger.locked():
            return self._ledger.entries()

    def rules(self) -> dict[str, SavedRule]:
        """The rules as they stand, by name."""
        return dict(sorted(_collect_saved_rules(self.entries()).items()))

    def save_rule(self, content: bytes, where: str, author: ChangeAuthor) -> SavedRule:
        """Save a rule, or another version of it, in the state that it says.

        `content`: of its file. `where`: name of the file, for errors.
        """
        rule, condition, took = check_new_rule(content, where, self._columns)
        named = condition.names.union(*(one.values() for one in rule.example))
        signals = {name: condition.columns[name].kind for name in sorted(named) if name.startswith("signal.")}
        kept = {"content": content.decode(), "microseconds": round(took, 1), "signals": signals}
        about = {"name": rule.name, "state": rule.state, **kept}
        return self._append_rule(about, author)

    def set_rule_state(self, name: str, state: RuleState, author: ChangeAuthor) -> SavedRule:
        """Turn a rule on or off, or simulate it."""
        found = self.rules().get(name)
        if found is None:
            raise ConfigError("no such rule was saved", where=f"rule {name[:64]}", next_step="list the rules")
        kept = {"content": found.content, "microseconds": found.microseconds, "signals": found.signals}
        about = {"name": name, "state": state, **kept}
        return self._append_rule(about, author)

    def put_label(self, subject: LabelSubject, value: str, label: str, days: float, author: ChangeAuthor) -> None:
        """Label an account, a card, a network or a client for some days; 0 days take the label away.

        `value`: id of an account; what `card_name` gives; a network or a client as `account.networks` has them.
        """
        text = label_text(label)
        if not 0 <= days <= LONGEST_LABEL_DAYS:
            raise ConfigError(
                "a label needs an end", where="days", next_step=f"give days up to {LONGEST_LABEL_DAYS:,.0f}"
            )
        until = author.now + int(days * DAY)
        kept = self.hidden_name(value) if subject in ("account", "card") else value
        with self._changing(author) as said:
            self._ledger.append({**said, "kind": "label", "on": subject, "value": kept, "label": text, "until": until})

    def labels(self, now: int) -> dict[tuple[LabelSubject, str], frozenset[str]]:
        """Labels that stand at a time, by subject and what it is called in the ledger.

        What was changed later does not count, so that the past stays as it was.
        """
        ends: dict[tuple[LabelSubject, str, str], int] = {}
        for entry in self.entries():
            if entry["kind"] == "label" and entry["at"] <= now:
                ends[entry["on"], entry["value"], entry["label"]] = entry["until"]
        found: dict[tuple[LabelSubject, str], set[str]] = {}
        for (subject, value, label), until in ends.items():
            if until > now:
                found.setdefault((subject, value), set()).add(label)
        return {about: frozenset(labels) for about, labels in found.items()}

    def labels_of(self, account: str) -> list[dict[str, Any]]:
        """Entries that label an account, also those whose time is over, in order."""
        found = [entry for entry in self.entries() if entry["kind"] == "label" and entry["on"] == "account"]
        return [entry for entry in found if entry["value"] == self.hidden_name(account)]

    def hidden_name(self, name: str) -> str:
        """What an account or a card is called in the ledger: a keyed hash, whose key lies beside it."""
        return hmac.new(self._key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:32]

    @cached_property
    def _key(self) -> bytes:
        return _folder_secret(self._ledger.path.with_suffix(".key"))

    def _append_rule(self, about: Mapping[str, Any], author: ChangeAuthor) -> SavedRule:
        with self._changing(author) as said:
            return _saved_rule(self._ledger.append({**said, "kind": "rule", **about}))

    @contextmanager
    def _changing(self, author: ChangeAuthor) -> Iterator[dict[str, Any]]:
        """What every change says, while nobody else changes anything; one without a reason is none."""
        by = name_of_person(author.name, "a change of a rule needs the name of who makes it", "by")
        reason = author.reason.strip()
        if not reason:
            raise ConfigError("a change of a rule needs a reason", where="reason", next_step="say why, for colleagues")
        with self._ledger.locked():
            yield {"at": author.now, "by": by, "reason": note_of(escape_controls(reason))}


def _folder_secret(path: Path) -> bytes:
    """The secret in a file of a data folder, drawn once."""
    with suppress(FileExistsError):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_hex(32))
    return read_secret(path)


def card_name(fingerprint: int | None) -> str:
    """What labels call a card: its keyed hash in the snapshot; "" where it is not known."""
    return "" if fingerprint is None else f"{fingerprint:016x}"


def _collect_saved_rules(entries: Iterable[Mapping[str, Any]]) -> dict[str, SavedRule]:
    return {entry["name"]: _saved_rule(entry) for entry in entries if entry["kind"] == "rule"}


def _saved_rule(entry: Mapping[str, Any]) -> SavedRule:
    about = ("name", "state", "content", "seq", "at", "by", "reason")
    kept = {name: entry[name] for name in about}
    return SavedRule(**kept, microseconds=entry.get("microseconds"), signals=entry.get("signals", {}))
