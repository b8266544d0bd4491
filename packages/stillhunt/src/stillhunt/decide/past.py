"""What people decided about campaigns and accounts so far, for whoever learns from it."""

from typing import NamedTuple

from sqlalchemy import select

from stillhunt.decide.actions import ACTIONS
from stillhunt.decide.appeals import list_appeals
from stillhunt.decide.case_work import read_all_work
from stillhunt.decide.entries import standing
from stillhunt.decide.log import read_state
from stillhunt.watch.database.store import WatchDatabase
from stillhunt.watch.database.tables import CAMPAIGN_MEMBERS


class DecidedAccount(NamedTuple):
    """An account about which a person decided."""

    account_id: str
    group: str  # the campaign, or the account itself where the decision was about it alone
    # True for a member of a campaign that was acted on; False for one of a dismissed campaign, and for an account that
    # a person lets through or whose appeal was granted
    confirmed: bool
    decided_at: int  # microseconds since 1970


def past_decisions(database: WatchDatabase, now: int) -> list[DecidedAccount]:
    """All accounts about which people decided by `now`, microseconds since 1970; rules are nobody's judgement."""
    decided = {
        campaign: (work.status == "acted", work.changed_at)
        for campaign, work in read_all_work(database).items()
        if work.status in ("acted", "dismissed")
    }
    found = [
        DecidedAccount(row["account_id"], row["campaign_id"], *decided[row["campaign_id"]])
        for row in database.read(select(CAMPAIGN_MEMBERS).order_by(CAMPAIGN_MEMBERS.c.campaign_id))
        if row["campaign_id"] in decided
    ]
    found += [
        DecidedAccount(one.account_id, one.account_id, False, one.made_at)
        for one in standing(read_state(database, now), now)
        if one.kind == "override" and one.action == ACTIONS[0] and not one.dry_run
    ]
    # An appeal that lapsed was granted by the clock, which is no judgement.
    granted = [one for one in list_appeals(database, open_only=False) if one.status == "overturned"]
    return found + [DecidedAccount(one.account_id, one.account_id, False, one.decided_at or now) for one in granted]
