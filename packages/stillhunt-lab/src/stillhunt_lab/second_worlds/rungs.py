"""What a campaign does on each rung of the evasion ladder."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Rung:
    """How a campaign behaves.

    Args:
        papers: sign-up data: "burst" (shared cards, one mail domain), "cards" (virtual cards, throw-away mail) or
            "clean".
        opened_days: days over which accounts are opened.
        network: "few" (a handful of cloud addresses), "pool" (rotating proxies), "fixed" or "home" (households).
        clients: number of client programs the accounts pretend to use; 0 = those of ordinary people and programs.
        discipline: how items are handed out, one of `work_queues.DISCIPLINES`.
        profile: week of the shifts, "mixed" (each account its own) or "always".
        pace: items of an account on a day of work, on average.
        evenness: spread of the quotas between accounts (standard deviation over mean).
        on_duty: chance that an account works on a day.
        stay: days an account works before it rests for good, as a share of the log; 1 = all of it.
        wording: "fixed", "paraphrase", "oblique", "relay" or "untemplated".
        parameters: "one" set for all, a "few" sets, or "own" ones.
        cover: least and most share of an account's traffic that is not harvested.
        turns: mean turns of a task.
        best: chance that an account asks for the largest model.
        answer: median tokens of an answer.
        channels: whether it works through several channels.
        standby: share of the accounts that wait as replacements for banned ones.
        labs: operations that share the accounts.
    """

    papers: str = "clean"
    opened_days: float = 30.0
    network: str = "fixed"
    clients: int = 0
    discipline: str = "lease"
    profile: str = "always"
    pace: float = 8.0
    evenness: float = 0.15
    on_duty: float = 0.75
    stay: float = 0.7
    jitter: float = 0.5
    wording: str = "fixed"
    templates: int = 2
    skills: int = 2
    parameters: str = "few"
    cover: tuple[float, float] = (0.0, 0.0)
    turns: float = 1.0
    best: float = 0.6
    answer: float = 520.0
    channels: bool = False
    standby: float = 0.0
    labs: int = 1


_CAREFUL = Rung(
    opened_days=110.0, network="home", discipline="bucket", profile="mixed", jitter=0.9, on_duty=0.55, pace=5.0,
    evenness=0.25, stay=0.5, wording="paraphrase", parameters="own", cover=(0.25, 0.55), turns=1.5, templates=3,
)  # fmt: skip

RUNGS = {
    1: Rung(
        "burst", 0.2, "few", 1, "bucket", pace=34.0, evenness=0.05, on_duty=1.0, stay=1.0, jitter=0.2, templates=1,
        skills=1, parameters="one", best=1.0,
    ),
    2: Rung(
        "cards", 1.0, "pool", 1, pace=24.0, evenness=0.08, on_duty=1.0, stay=1.0, jitter=0.3, parameters="one",
        best=1.0,
    ),
    3: Rung(opened_days=9.0, discipline="steal", pace=8.0, turns=1.4, stay=0.5, on_duty=0.65),
    4: Rung(opened_days=30.0, profile="mixed", pace=8.0, jitter=0.7, turns=1.4, stay=0.5, on_duty=0.65),
    5: Rung(
        opened_days=60.0, network="home", discipline="steal", profile="mixed", pace=7.0, jitter=1.3, evenness=0.3,
        on_duty=0.6, turns=1.4, stay=0.55, templates=4, parameters="own",
    ),
    6: _CAREFUL,
    7: replace(_CAREFUL, wording="oblique", skills=3, turns=1.3, discipline="lease"),
    8: replace(_CAREFUL, cover=(0.5, 0.9), labs=3, stay=0.45, pace=2.2, templates=2),
    9: replace(_CAREFUL, wording="relay", cover=(0.05, 0.3), turns=1.9, pace=4.0, answer=420.0),
    10: replace(_CAREFUL, channels=True, discipline="steal", network="home"),
    11: replace(_CAREFUL, standby=0.5, stay=1.0, cover=(0.1, 0.35), discipline="lease"),
    12: replace(
        _CAREFUL, wording="untemplated", discipline="steal", profile="office", pace=4.0, cover=(0.0, 0.1), turns=1.7,
        skills=3,
    ),
}  # fmt: skip
"""Rungs 1 to 12; each keeps the evasions of the one before, except where its entry says otherwise."""
