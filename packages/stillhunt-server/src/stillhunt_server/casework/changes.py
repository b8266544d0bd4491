"""What an analyst may do to a case, and what each change makes of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from stillhunt.base.errors import CaseError, ConfigError
from stillhunt.decide.actions import DECISION_TEXTS, Action, ReasonCode
from stillhunt.decide.case_work import CaseWork
from stillhunt.decide.names import label_text
from stillhunt_server.casework.history import CampaignFacts, EventKind
from stillhunt_server.casework.texts import MOST_LABELS, MOST_NARRATIVE_CHARACTERS, long_text, note_text, person_text

DismissalReason = Literal[
    "unrelated_customers",
    "shared_framework",
    "benchmark_run",
    "class_or_workshop",
    "reseller",
    "sanctioned_programme",
    "own_evaluation",
    "data_error",
    "other",
]
DISMISSAL_REASONS: dict[DismissalReason, str] = DECISION_TEXTS["dismissals"]
"""Why a campaign is dismissed -> what that means, in a sentence that names no customer."""


@dataclass(frozen=True)
class CampaignMember:
    """A member of a campaign, as the snapshot has it."""

    account_id: str
    flagged: bool
    sanctioned: bool
    role: str  # dedicated, mixed, pool, victim or unknown


@dataclass(frozen=True)
class OpenCase:
    """Begin to work on a campaign; every other change does it as well."""


@dataclass(frozen=True)
class AssignCase:
    """Give the case to a user, or to nobody."""

    assignee: str


@dataclass(frozen=True)
class AddComment:
    """Say something; it is never undone."""

    text: str


@dataclass(frozen=True)
class KeepInvestigation:
    """Keep what somebody asked about some members, what they concluded, and from which rows; it is never undone."""

    question: str
    conclusion: str
    address: str  # of the selection, from the question mark on
    selected: str  # the selection in words
    cited: tuple[tuple[str, str], ...] = ()  # kind (account or request) and id of the rows


@dataclass(frozen=True)
class KeepChecklist:
    """Keep which points of the checklist are done; it is never undone, and can be changed again."""

    done: tuple[str, ...]


@dataclass(frozen=True)
class KeepSecondLook:
    """Keep what somebody would have decided who was not shown what was decided; it is never undone."""

    answer: str
    first: str  # what was decided
    of_version: int  # of the case, by the decision
    note: str


@dataclass(frozen=True)
class AddLabel:
    """Put a label on the case."""

    label: str


@dataclass(frozen=True)
class RemoveLabel:
    """Take a label off the case."""

    label: str


@dataclass(frozen=True)
class WriteNarrative:
    """Write the narrative anew."""

    text: str


@dataclass(frozen=True)
class ActOnCampaign:
    """Decide to act on members; see `changing.plan_action` for whom it leaves out."""

    members: tuple[CampaignMember, ...]
    action: Action
    days: float
    reason: ReasonCode
    note: str
    facts: CampaignFacts
    snapshot: int = 0
    # accounts that a person chose, whatever their own verdict is; None for those whose own verdict is act
    chosen: frozenset[str] | None = None
    second_person: Collection[Action] = ()  # actions that wait for a second person, as the policy has them

    @property
    def waits(self) -> bool:
        """Whether a second person has to approve it."""
        return self.action in self.second_person


@dataclass(frozen=True)
class ApproveAction:
    """Approve what somebody else decided to do, so that it is in force."""

    note: str
    facts: CampaignFacts
    declared: frozenset[str] = frozenset()  # accounts of declared programmes by now, which are left out


@dataclass(frozen=True)
class DeclineAction:
    """Decline it, or take back what one decided oneself."""

    note: str


@dataclass(frozen=True)
class WatchCampaign:
    """Decide to do nothing but look; what cases decided about its accounts ends, and rules go on."""

    note: str
    facts: CampaignFacts
    until: int = 0  # when it is looked at again, microseconds since 1970; 0 = when it has grown


@dataclass(frozen=True)
class SetDueDay:
    """Say by when a case is to be decided, in microseconds since 1970; 0 for never."""

    due_at: int


@dataclass(frozen=True)
class DismissCampaign:
    """Decide that there is nothing to act on: what stands for it ends, and rules leave it alone."""

    reason: DismissalReason
    note: str
    facts: CampaignFacts


@dataclass(frozen=True)
class ReopenCase:
    """Work on a decided campaign again: rules may act on it from the next hunt on; what stands stays."""

    note: str = ""


CaseDecision = ActOnCampaign | ApproveAction | DeclineAction | WatchCampaign | DismissCampaign
"""What writes to the decision log."""
Change = (
    OpenCase
    | AssignCase
    | AddComment
    | KeepInvestigation
    | KeepChecklist
    | KeepSecondLook
    | AddLabel
    | RemoveLabel
    | WriteNarrative
    | SetDueDay
    | CaseDecision
    | ReopenCase
)


@dataclass(frozen=True)
class Step:
    """What a change makes of a case."""

    kind: EventKind
    fields: Mapping[str, Any] = field(default_factory=dict)  # new values of STATE_FIELDS
    note: str = ""
    said: Mapping[str, Any] = field(default_factory=dict)  # what `after` of its event has besides the fields


def step_of(work: CaseWork, change: Change) -> Step:
    """What a change makes of a case; its texts as they are stored.

    Raises:
        CaseError: the case is open already, or it is not decided and cannot be reopened.
        ConfigError: a text is too long or missing, or a reason is none.
    """
    match change:
        case AddComment():
            return _add_opened_status(
                work, Step("comment", note=_require_note_text(change.text, "a comment has no text"))
            )
        case KeepInvestigation():
            question = _require_note_text(change.question, "an investigation has no question")
            note = _require_note_text(change.conclusion, "an investigation has no conclusion")
            kept = {**asdict(change), "question": question, "conclusion": note}
            return _add_opened_status(work, Step("comment", note=note, said={"investigation": kept}))
        case KeepChecklist():
            return _add_opened_status(work, Step("checklist", said={"done": list(change.done)}))
        case KeepSecondLook():
            said = {"answer": change.answer, "first": change.first, "of": change.of_version}
            return Step("second_look", note=note_text(change.note), said=said)
        case ActOnCampaign() if change.waits:
            return _add_opened_status(work, Step("propose", note=note_text(change.note)))
        case DeclineAction():
            return Step("decline", note=note_text(change.note))
        case ActOnCampaign() | ApproveAction() | WatchCampaign() | DismissCampaign():
            return _build_decision_step(change)
        case ReopenCase():
            if work.status in ("new", "open"):
                raise CaseError(
                    "only a decided case can be reopened", where="status", next_step=f"it is {work.status}: work on it"
                )
            return Step("reopen", {"status": "open", "reason": "", "look_at": 0}, note_text(change.note))
        case _:
            return _add_opened_status(work, _build_edit_step(work, change))


def _add_opened_status(work: CaseWork, step: Step) -> Step:
    """A step that opens a case which nobody has worked on."""
    return replace(step, fields={"status": "open", **step.fields}) if work.status == "new" else step


def _build_edit_step(
    work: CaseWork, change: OpenCase | AssignCase | AddLabel | RemoveLabel | WriteNarrative | SetDueDay
) -> Step:
    match change:
        case OpenCase():
            return Step("open")
        case SetDueDay():
            return Step("due", {"due_at": change.due_at})
        case AssignCase():
            return Step("assign", {"assignee": person_text(change.assignee, "assignee") if change.assignee else ""})
        case AddLabel():
            label = label_text(change.label)
            if label not in work.labels and len(work.labels) >= MOST_LABELS:
                raise ConfigError(
                    f"a case has at most {MOST_LABELS} labels", where="label", next_step="take one off first"
                )
            return Step("label", {"labels": tuple(dict.fromkeys((*work.labels, label)))})
        case RemoveLabel():
            label = label_text(change.label)
            return Step("unlabel", {"labels": tuple(one for one in work.labels if one != label)})
        case WriteNarrative():
            text = long_text(change.text, MOST_NARRATIVE_CHARACTERS, "a narrative")
            return Step("narrative", {"narrative": text})


def _build_decision_step(change: ActOnCampaign | ApproveAction | WatchCampaign | DismissCampaign) -> Step:
    said = {"facts": asdict(change.facts)}
    match change:
        case ActOnCampaign() | ApproveAction():
            return Step("act", {"status": "acted", "reason": "", "look_at": 0}, note_text(change.note), said)
        case WatchCampaign():
            return Step(
                "watch", {"status": "watched", "reason": "", "look_at": change.until}, note_text(change.note), said
            )
        case DismissCampaign():
            if change.reason not in get_args(DismissalReason):
                raise ConfigError(
                    "this is no reason to dismiss a campaign",
                    where="reason",
                    next_step=f"choose one of: {', '.join(DISMISSAL_REASONS)}",
                )
            note = _require_note_text(change.note, "a dismissal needs a note")
            return Step("dismiss", {"status": "dismissed", "reason": change.reason, "look_at": 0}, note, said)


def _require_note_text(text: str, missing: str) -> str:
    note = note_text(text)
    if not note:
        raise ConfigError(missing, where="note", next_step="write one sentence for colleagues")
    return note
