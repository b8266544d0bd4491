"""Appeals: filed against a decision, decided by somebody else than who made it, granted where nobody decides."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from stillhunt.base import formatting
from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.base.units import DAY
from stillhunt.decide.actions import Action, ReasonCode, rank
from stillhunt.decide.entries import LogEntry, end_of, standing
from stillhunt.decide.log import about_account, log_locked
from stillhunt.decide.names import DEADLINE, name_key, name_of_person, note_of, storable
from stillhunt.decide.policy import AppealTerms
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import APPEALS, DECISIONS

MOST_APPEAL_CHARACTERS = 4_000
"""Characters of a customer's text. Judgement: two pages say what is to be said, and a person can read them."""
MOST_APPEALS = 3
"""Appeals of one account within `APPEALS_DAYS`. Judgement: enough to add something, too few to wear people out."""
APPEALS_DAYS = 30
"""Days in which the appeals of an account are counted. Judgement: an appeal is decided within days."""
_HIGHEST_NUMBER = 2**31 - 1

AppealStatus = Literal["open", "upheld", "overturned", "lapsed"]
"""Nobody decided yet; the decision was right; it was wrong; nobody decided in time, which grants the appeal."""


@dataclass(frozen=True)
class Appeal:
    """One appeal."""

    appeal_id: int
    filed_at: int
    due_at: int
    account_id: str
    decision: int  # place in the log of the decision that it is about
    text: str  # what the customer says; hostile
    by: str
    status: AppealStatus = "open"
    decided_at: int | None = None
    decided_by: str | None = None  # who decided; DEADLINE where it lapsed; None while it is open
    note: str | None = None

    def is_overdue(self, now: int) -> bool:
        """True where nobody decided it in time."""
        return self.status == "open" and self.due_at <= now


class AppealError(CaseError):
    """An appeal cannot be filed or decided.

    `why`: unknown: there is no such decision or appeal. too_many: of this account. decided: somebody decided it.
    same_person: who decides made a decision about the account.
    """

    def __init__(
        self, why: Literal["unknown", "too_many", "decided", "same_person"], what: str, next_step: str
    ) -> None:
        self.why = why
        super().__init__(what, where="appeals", next_step=next_step)


def file_appeal(
    database: WatchDatabase, decision: int, account: str, text: str, by: str, terms: AppealTerms, now: int
) -> Appeal:
    """File an appeal against a decision that has begun, stands, and does more than observe.

    A decision that a rule renewed counts as one with those that it renews, since the customer was given the number of
    an earlier one. Whoever guesses numbers gets one and the same answer, whatever is wrong.

    Returns:
        The appeal; the one that is open where there is one against this decision already.

    Raises:
        AppealError: this account has no such decision, or appealed too often.
        ConfigError: the text is too long, or nobody files it.
    """
    if len(text) > MOST_APPEAL_CHARACTERS:
        longest = f"the text of an appeal has at most {MOST_APPEAL_CHARACTERS:,} characters"
        raise ConfigError(longest, where="text", next_step="shorten it")
    filed_by = _check_appeal_person(by)
    with log_locked(database) as log:
        connection = log.connection
        entries = log.read(about_account(account)) if account == storable(account) else []
        first = _first_of_renewed(entries)
        begun = [entry for entry in _list_acting_decisions(entries, now) if entry.starts_at <= now]
        if first.get(decision) not in {first[entry.seq] for entry in begun}:
            raise AppealError(
                "unknown",
                "this account has no such decision that can be appealed against",
                "give the number that came with the refusal, and the account that was refused",
            )
        earlier = _read_appeals(connection, select(APPEALS).where(APPEALS.c.account_id == account))
        for one in earlier:
            if one.status == "open" and first.get(one.decision) == first[decision]:
                return one
        if sum(one.filed_at > now - APPEALS_DAYS * DAY for one in earlier) >= MOST_APPEALS:
            raise AppealError(
                "too_many",
                f"this account appealed {MOST_APPEALS} times within {APPEALS_DAYS} days",
                "wait until these are decided and the days are over",
            )
        filed = Appeal(0, now, now + int(terms.days * DAY), account, decision, storable(text), filed_by)
        values = {name: value for name, value in asdict(filed).items() if name != "appeal_id"}
        made = connection.execute(insert(APPEALS).values(**values)).inserted_primary_key
    return replace(filed, appeal_id=int(made[0]) if made else 0)


def decide_appeal(
    database: WatchDatabase, appeal_id: int, *, overturn: bool, by: str, note: str, terms: AppealTerms, now: int
) -> Appeal:
    """Decide an appeal, also where its decision does not stand any more, so that it is known who was right.

    Args:
        overturn: the decision was wrong: all that stands against the account ends, and it is let through for a time.
        by: name of the person, who made no decision about this account that stands, nor the one appealed against.

    Raises:
        AppealError: there is no such appeal, somebody decided it, or this person may not.
    """
    person = _check_appeal_person(by)
    with log_locked(database) as log:
        appeal = _require_appeal(_read_appeals(log.connection, _select_appeal(appeal_id)), appeal_id)
        if appeal.status != "open":
            raise _decided_already(appeal)
        entries = log.read(about_account(appeal.account_id))
        if name_key(person) in _collect_author_keys(entries, appeal.decision, now):
            raise AppealError(
                "same_person",
                f"{formatting.escape_controls(person)} made a decision about this account",
                "let somebody else decide the appeal",
            )
        status: AppealStatus = "overturned" if overturn else "upheld"
        if overturn:
            why = f"appeal {appeal_id}: {note}"
            ends = [end_of(one, person, note_of(why), now) for one in _list_acting_decisions(entries, now)]
            log.append([*ends, _let_through(appeal.account_id, person, why, terms, now)])
        decided = replace(appeal, status=status, decided_at=now, decided_by=person, note=note_of(note))
        _write_decided(log.connection, [decided])
    return decided


def lift_overdue(database: WatchDatabase, terms: AppealTerms, now: int) -> list[Appeal]:
    """Grant the appeals against rules that nobody decided in time: silence of ours is no reason against a customer.

    What rules decided about the account ends, and it is let through for a time, unless a decision of a person stands:
    then somebody looked at it, and that decision remains. Appeals against persons stay open.
    """
    against_rules = select(APPEALS).join(DECISIONS, DECISIONS.c.seq == APPEALS.c.decision)
    overdue = against_rules.where(APPEALS.c.status == "open", APPEALS.c.due_at <= now, DECISIONS.c.kind == "rule")
    if terms.overdue == "keep" or not database.read(overdue):
        return []
    with log_locked(database) as log:
        note = "nobody decided by its deadline"
        lapsed = [
            replace(one, status="lapsed", decided_at=now, decided_by=DEADLINE, note=note)
            for one in _read_appeals(log.connection, overdue)
        ]
        numbers: dict[str, list[int]] = {}
        for one in lapsed:
            numbers.setdefault(one.account_id, []).append(one.appeal_id)
        new: list[LogEntry] = []
        for account, appeals in numbers.items():
            own = _list_acting_decisions(log.read(about_account(account)), now)
            why = f"appeal {', '.join(map(str, appeals))}: {note}"
            new += [end_of(entry, DEADLINE, note_of(why), now) for entry in own if entry.kind == "rule"]
            if all(entry.kind == "rule" for entry in own):
                new.append(_let_through(account, DEADLINE, why, terms, now))
        if lapsed:
            log.append(new)
            _write_decided(log.connection, lapsed)
    return lapsed


def list_appeals(database: WatchDatabase, *, open_only: bool) -> list[Appeal]:
    """Appeals: the open ones first, by their deadlines; then the others, the last decided first."""
    wanted = select(APPEALS).where(APPEALS.c.status == "open") if open_only else select(APPEALS)
    found = [_build_appeal(row) for row in database.read(wanted)]
    undecided = sorted((one for one in found if one.decided_at is None), key=lambda one: (one.due_at, one.appeal_id))
    decided = (one for one in found if one.decided_at is not None)
    return [*undecided, *sorted(decided, key=lambda one: (-(one.decided_at or 0), -one.appeal_id))]


def find_appeal(database: WatchDatabase, appeal_id: int) -> Appeal:
    """The appeal of a number; an AppealError if there is none."""
    return _require_appeal([_build_appeal(row) for row in database.read(_select_appeal(appeal_id))], appeal_id)


def _select_appeal(appeal_id: int) -> Select[Any]:
    """The appeal of a number; 0, which none has, in place of what no column can hold."""
    return select(APPEALS).where(APPEALS.c.appeal_id == (appeal_id if 0 < appeal_id <= _HIGHEST_NUMBER else 0))


def _require_appeal(found: Sequence[Appeal], appeal_id: int) -> Appeal:
    if not found:
        raise AppealError("unknown", f"there is no appeal {appeal_id}", "list the appeals for their numbers")
    return found[0]


def _read_appeals(connection: Connection, wanted: Select[Any]) -> list[Appeal]:
    return [_build_appeal(row) for row in connection.execute(wanted).mappings()]


def _build_appeal(row: Any) -> Appeal:
    return Appeal(**{field.name: row[field.name] for field in fields(Appeal)})


def _write_decided(connection: Connection, appeals: Iterable[Appeal]) -> None:
    names = ("status", "decided_at", "decided_by", "note")
    statement = update(APPEALS).where(APPEALS.c.appeal_id == bindparam("number"))
    statement = statement.values({name: bindparam(f"new_{name}") for name in names})
    rows = [{"number": one.appeal_id, **{f"new_{name}": getattr(one, name) for name in names}} for one in appeals]
    connection.execute(statement, rows)


def _list_acting_decisions(entries: Iterable[LogEntry], now: int) -> list[LogEntry]:
    """Decisions that stand, are no dry run, and do more than observe."""
    return [entry for entry in standing(entries, now) if not entry.dry_run and rank(entry.action) > rank("observe")]


def _first_of_renewed(entries: Iterable[LogEntry]) -> dict[int, int]:
    """Place of each entry -> place of the first decision that it renews or ends; its own where there is none."""
    first: dict[int, int] = {}
    for entry in entries:
        first[entry.seq] = first.get(entry.undoes, entry.seq)
    return first


def _collect_author_keys(entries: Sequence[LogEntry], decision: int, now: int) -> set[str]:
    """Keys of who made the decisions that stand, and the one appealed against; no person has the name of a rule."""
    counting = [*standing(entries, now), *(entry for entry in entries if entry.seq == decision)]
    approved = {entry.undoes for entry in counting}  # who decided what a second person approved
    return {name_key(entry.author) for entry in entries if entry in counting or entry.seq in approved}


def _let_through(account: str, author: str, why: str, terms: AppealTerms, now: int) -> LogEntry:
    end = now + int(terms.let_through_days * DAY)
    what: tuple[Action, ReasonCode] = ("observe", "operator_decision")
    return LogEntry(0, now, "override", account, *what, author, False, now, end, note=note_of(why))


def _decided_already(appeal: Appeal) -> AppealError:
    when = formatting.minute(datetime.fromtimestamp((appeal.decided_at or 0) / 1e6, UTC))
    who = formatting.escape_controls(appeal.decided_by or "")
    became = "granted at its deadline" if appeal.status == "lapsed" else f"{appeal.status} by {who}"
    return AppealError("decided", f"appeal {appeal.appeal_id} was {became}, {when}", "the customer may appeal again")


def _check_appeal_person(by: str) -> str:
    return name_of_person(by, "an appeal needs the name of who files or decides it", "by")
