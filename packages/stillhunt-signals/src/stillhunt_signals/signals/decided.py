"""What people decided about campaigns and accounts so far, for whoever learns from it."""

from typing import NamedTuple

from stillhunt.live import ACTIONS, CAMPAIGN_MEMBERS, WatchDatabase, list_appeals, read_all_work, read_state, standing


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
        for row in database.read(CAMPAIGN_MEMBERS.select().order_by(CAMPAIGN_MEMBERS.c.campaign_id))
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
