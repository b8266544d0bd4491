"""Everybody who gets alerts: through the channels that are built in, and those of plugins."""

from collections.abc import Sequence
from functools import cache

from stillhunt.base.config_alerts import AlertKind, AlertSettings
from stillhunt.base.plugin_groups import ALERT_CHANNELS, load_plugins, note_failure
from stillhunt.watch.alerts.lines import FILES
from stillhunt.watch.alerts.mail import EMAIL
from stillhunt.watch.alerts.sending import AlertChannel, AlertReceiver
from stillhunt.watch.alerts.webhook import WEBHOOKS

BUILT_IN_CHANNELS: tuple[AlertChannel, ...] = (WEBHOOKS, EMAIL, FILES)


@cache
def all_channels() -> tuple[AlertChannel, ...]:
    """The channels that are built in, and those of plugins."""
    return BUILT_IN_CHANNELS + load_plugins(ALERT_CHANNELS, AlertChannel, (one.name for one in BUILT_IN_CHANNELS))


def receivers_with(settings: AlertSettings) -> list[AlertReceiver]:
    """Everybody who gets alerts."""
    every = [receiver for channel in all_channels() for receiver in _receivers_through(channel, settings)]
    return list({one.name: one for one in every}.values())


def receivers_of(settings: AlertSettings) -> dict[str, tuple[AlertKind, ...]]:
    """Receiver -> kinds of alerts that it gets; none means all."""
    return {one.name: one.kinds for one in receivers_with(settings)}


def _receivers_through(channel: AlertChannel, settings: AlertSettings) -> Sequence[AlertReceiver]:
    if channel in BUILT_IN_CHANNELS:
        return channel.receivers(settings)
    try:
        return [
            one for one in channel.receivers(settings) if isinstance(one.name, str) and isinstance(one.kinds, tuple)
        ]
    except Exception as error:  # whatever somebody else's code does, the others get their alerts
        note_failure(ALERT_CHANNELS, channel.name, error)
        return ()
