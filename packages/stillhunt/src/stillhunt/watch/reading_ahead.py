"""Reading ahead while a backlog arrives: the next hunt need not sketch what has come until then."""

from stillhunt.base.units import DAY
from stillhunt.pipeline import keep_sketches
from stillhunt.watch.folder import HUNT_ROLE
from stillhunt.watch.hunting import HuntPlan, hunt_settings
from stillhunt.watch.inputs import window_parts
from stillhunt.watch.shared.snapshots import share_state_key, shared_store


def read_ahead(plan: HuntPlan) -> None:
    """Keep sketches of the closed parts of the window in the state folder.

    No writer is asked to close a part: a hunt that follows asks, and every reading would cut a part in two.

    Raises:
        InputError: no row can be used.
        OutputError: another process hunts in this folder, or there is no room.
    """
    folder, store = plan.data, shared_store(plan.config)
    with folder.role(HUNT_ROLE):
        if store is not None:
            share_state_key(folder, store)
        start = plan.now - int(plan.config.watch.window_days * DAY)
        if parts := window_parts(folder, start, plan.now, wait=None):
            keep_sketches([*map(str, parts)], hunt_settings(plan))
