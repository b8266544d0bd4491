"""What stands about the accounts of campaigns: told where one looks first."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from stillhunt.base import formatting
from stillhunt.base.wording import fill, sentences_beside
from stillhunt.decide.actions import Action, rank
from stillhunt.decide.log import is_standing
from stillhunt.decide.names import RULE_PREFIX
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import DECISIONS

_AUTHOR_CHARS = 60
_TEXTS = sentences_beside(str(Path(__file__).parents[1] / "case_views" / "wording.py"))
_SAID: dict[str, str] = _TEXTS["in_force"]
ACTION_WORDS: dict[str, str] = _TEXTS["action"]
"""Action -> what it is called where it is offered."""


def say_action(action: str) -> str:
    """An action as it is called where it is offered; one that a damaged file names bounded and safe to show."""
    return ACTION_WORDS.get(action, formatting.shorten(action.replace("_", " "), 64))


@dataclass(frozen=True)
class StandingPart:
    """Decisions of one author that stand about accounts of one campaign and are alike."""

    action: Action
    author: str
    dry_run: bool
    accounts: int  # how many they are about
    # since, until: when the first began and when the last ends, microseconds since 1970
    since: int
    until: int

    @property
    def waits(self) -> bool:
        """Whether a person decided it and a second one has not approved it."""
        return self.dry_run and not self.author.startswith(RULE_PREFIX)

    def words(self, members: int) -> str:
        """What stands, about how many of a campaign's members, and by whom."""
        if self.waits:
            action = say_action(self.action)
            about = {"accounts": self.accounts, "members": max(members, self.accounts)}
            return fill(_SAID["waits"], action=action, author=formatting.shorten(self.author, _AUTHOR_CHARS), **about)
        said = _SAID.get(self.action, self.action)
        author = formatting.shorten(self.author.removeprefix(RULE_PREFIX), _AUTHOR_CHARS)
        by = fill(_SAID["by_rule" if self.author.startswith(RULE_PREFIX) else "by_person"], author=author)
        trial = " (dry run: not in force)" if self.dry_run else ""
        return f"{fill(said, accounts=self.accounts, members=max(members, self.accounts))}, {by}{trial}"


def standing_parts(database: WatchDatabase, now: int, campaign: str = "") -> dict[str, list[StandingPart]]:
    """What stands about the accounts of each campaign, the strongest first; those in force before those of a dry run.

    Args:
        now: microseconds since 1970.
        campaign: only of this one; "" for all.
    """
    row = DECISIONS.c
    alike = (row.campaign_id, row.action, row.author, row.dry_run)
    number = func.count(row.account_id.distinct()).label("accounts")
    span = (func.min(row.starts_at).label("since"), func.max(row.expires_at).label("until"))
    wanted = select(*alike, number, *span)
    wanted = wanted.where(is_standing(now), row.campaign_id.is_not(None)).group_by(*alike)
    if campaign:
        wanted = wanted.where(row.campaign_id == campaign)
    found: dict[str, list[StandingPart]] = defaultdict(list)
    for one in database.read(wanted):
        values = {name: one[name] for name in ("action", "author", "dry_run", "accounts", "since", "until")}
        found[one["campaign_id"]].append(StandingPart(**values))
    for parts in found.values():
        parts.sort(key=lambda one: (one.dry_run, -rank(one.action), one.author))
    return found
