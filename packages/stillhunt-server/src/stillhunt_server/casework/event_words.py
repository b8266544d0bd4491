"""What happened to a campaign, and what people did to its case, in words that are the same on each page."""

from __future__ import annotations

from stillhunt.base import formatting
from stillhunt_server.casework.history import WorkEvent
from stillhunt_server.casework.in_force import say_action

_HUNT_WORDS = {
    "born": "New",
    "merged": "Joined another campaign",
    "split": "Split off",
    "dormant": "Not found",
    "returned": "Back",
    "ended": "Ended",
    "verdict": "Another verdict",
}


def describe_hunt_event(event: str) -> str:
    """What a hunt made of a campaign, as a heading of the reason.

    Args:
        event: as CAMPAIGN_EVENTS has it.
    """
    return _HUNT_WORDS.get(event, formatting.sentence_case(event))


def describe_work_event(event: WorkEvent) -> str:
    """What somebody did to a case, in words that follow their name."""
    after = event.after
    if kept := after.get("investigation"):
        return f"kept an investigation: {kept['question']}"
    match event.kind:
        case "assign":
            return f"assigned it to {after.get('assignee')}" if after.get("assignee") else "assigned it to nobody"
        case "label" | "unlabel":
            labels = formatting.join_words(list(after.get("labels", [])))
            return f"set the labels to {labels}" if labels else "took all labels away"
        case "act" | "propose":
            act = after.get("act", {})
            number = act.get("accounts", 0)
            number = number if isinstance(number, int) else len(number)
            what = f"“{say_action(str(act.get('action', '')))}” for {formatting.plural(number, 'account')}"
            if decided_by := act.get("decided_by"):
                return f"approved what {decided_by} had decided: {what}"
            return f"decided {what}{', which waits for a second person' if event.kind == 'propose' else ''}"
        case "dismiss":
            return f"dismissed it: {str(after.get('reason', '')).replace('_', ' ')}"
        case "checklist":
            return f"ticked {formatting.plural(len(after.get('done', [])), 'point')} of the checklist"
        case "undo":
            return "undid the change before"
        case _:
            return {
                "open": "opened the case",
                "comment": "commented",
                "narrative": "wrote the narrative",
                "watch": "decided to watch it",
                "reopen": "reopened it",
                "due": "set the day by which it is to be decided",
                "second_look": f"took a second look, and would have decided to {after.get('answer')}",
                "decline": "declined what waited for a second person",
            }.get(event.kind, event.kind)
