"""Settings name who gets alerts through pager."""

from stillhunt_pager import PLUGIN

from stillhunt.plugins import AlertSettings


def test_nobody_gets_alerts_without_settings() -> None:
    assert PLUGIN.receivers(AlertSettings()) == []


def test_the_name_of_a_receiver_shows_no_address() -> None:
    (one,) = PLUGIN.receivers(AlertSettings().with_plugins({"pager": {"url": "https://example.com/secret"}}))
    assert "secret" not in one.name
