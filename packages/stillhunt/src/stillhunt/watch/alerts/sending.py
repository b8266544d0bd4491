"""What every way out has in common."""

from __future__ import annotations

from typing import Protocol

from stillhunt.watch.alerts.outbox import Due


class DeliveryError(Exception):
    """An alert did not reach its receiver; the text says why, without secrets."""


class AlertReceiver(Protocol):
    """Somebody who gets alerts."""

    @property
    def name(self) -> str:
        """Name in the outbox."""

    def deliver(self, due: Due, now: float) -> str:
        """Send one alert; `now` is in seconds since 1970.

        Returns:
            What was not perfect; empty where all was well.

        Raises:
            DeliveryError: it was not taken.
        """
