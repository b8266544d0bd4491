"""Alerts to pager: its settings stand in [plugins.pager] of stillhunt.toml."""

import httpx

from stillhunt.plugins import AlertChannel, AlertSettings, DeliveryError, Due, shown_name


class Receiver:
    """One address of pager."""

    def __init__(self, url: str, kinds: tuple[str, ...] = ()) -> None:
        self.name, self.kinds = shown_name("pager", "", url), kinds
        self._url = url

    def deliver(self, due: Due, now: float) -> str:
        """Post one alert; an error without the address, which may be secret."""
        del now
        body = {"id": due.alert_id, "text": due.body["text"]}
        try:
            httpx.post(self._url, json=body, timeout=10).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryError(f"no answer ({type(error).__name__})") from None
        return ""


def receivers_of(settings: AlertSettings) -> list[Receiver]:
    """Whom the settings name."""
    own = settings.of_plugin("pager")
    return [Receiver(own["url"], tuple(own.get("kinds", ())))] if own else []


PLUGIN = AlertChannel("pager", "messages to pager", receivers_of)
