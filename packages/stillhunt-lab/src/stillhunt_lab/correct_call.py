"""When a group that a method names counts as a true campaign: one rule for the benchmark and the drill."""

from __future__ import annotations

MIN_ACCOUNTS = 5
"""Fewer accounts are no campaign."""
MIN_PURITY = 0.9
"""Share of the group's accounts that must belong to the true campaign."""


def is_correct_call(accounts: int, from_campaign: int) -> bool:
    """Whether a group that a method would act on is a true campaign.

    Args:
        from_campaign: how many of them belong to one true campaign.
    """
    return accounts >= MIN_ACCOUNTS and from_campaign >= MIN_PURITY * accounts
