"""What every way out has in common."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stillhunt.base.config_alerts import AlertKind, AlertSettings


class DeliveryError(Exception):
    """An alert did not reach its receiver; the text says why, without secrets."""


@dataclass(frozen=True)
class Due:
    """An alert that waits for one receiver."""

    alert_id: str
    at: int  # microseconds since 1970
    body: Mapping[str, Any]  # what the alert says, as JSON; see docs/howto/alerts.md
    tries: int


class AlertReceiver(Protocol):
    """Somebody who gets alerts."""

    @property
    def name(self) -> str:
        """Name in the outbox, without secrets."""

    @property
    def kinds(self) -> tuple[AlertKind, ...]:
        """Kinds of alerts that it gets; none means all."""

    def deliver(self, due: Due, now: float) -> str:
        """Send one alert; `now` is in seconds since 1970.

        Returns what was not perfect; empty where all was well. Raises DeliveryError: it was not taken.
        """


@dataclass(frozen=True)
class AlertChannel:
    """A way out for alerts."""

    name: str  # as in the settings: `[plugins.NAME]` for a channel of a plugin
    about: str  # what it is, for people, as a noun phrase
    # whom the settings name; nobody where they name none. A plugin finds its own by `AlertSettings.of_plugin`
    receivers: Callable[[AlertSettings], Sequence[AlertReceiver]]


def shown_name(channel: str, shown: str, address: str) -> str:
    """Name of a receiver in the outbox: a part of its address that may be seen, and a digest of the whole."""
    digest = hashlib.sha256(address.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{channel}:{shown[:64]}:{digest[:8]}"
