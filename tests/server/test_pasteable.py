"""What `serve` prints to be pasted can be pasted."""

from __future__ import annotations

import io
import shlex
import socket
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from stillhunt.cli.live_screen import LiveScreen, Screen
from stillhunt_server.commands.pasteable import (
    PASTE_COLLECTOR,
    PASTE_CURL,
    PASTE_LITELLM,
    pasteable_lines,
    reachable,
)
from stillhunt_server.receiving.receiver import INLETS
from stillhunt_server.receiving.traffic import Traffic

TOKEN = "stillhunt_a-b_c"  # noqa: S105 - it opens nothing
DATA = Path("/srv/still hunt")


def test_lines_for_a_file_are_yaml_that_joins_with_a_file() -> None:
    for text in (PASTE_LITELLM, PASTE_COLLECTOR):
        joined = f"before: 1\n{text.format(address='127.0.0.1:8686', token=TOKEN)}\nafter: 2\n"
        assert {"before", "after"} < yaml.safe_load(joined).keys()
    litellm = yaml.safe_load(PASTE_LITELLM.format(address="127.0.0.1:8686", token=TOKEN))
    callback = litellm["callback_settings"]["stillhunt"]
    assert callback["headers"]["Authorization"] == f"Bearer {TOKEN}"
    # Without retry_delay LiteLLM makes all its tries at once, and then drops the batch.
    assert sum(callback["retry_delay"] * 2**number for number in range(callback["max_retries"])) > 240


def test_the_command_names_an_inlet() -> None:
    command = PASTE_CURL.format(address="127.0.0.1:8686", token=TOKEN).splitlines()[-1]
    url = shlex.split(command)[-1]
    assert url.removeprefix("http://127.0.0.1:8686") in INLETS


@pytest.mark.parametrize("listen", ["0.0.0.0:8686", "[::]:8686", ":8686"])
def test_a_server_on_all_interfaces_is_named_by_its_host(listen: str) -> None:
    assert reachable(listen) == f"{socket.gethostname()}:8686"


@pytest.mark.parametrize("listen", ["127.0.0.1:8686", "[::1]:1", "10.0.0.7:80"])
def test_another_address_stays_as_it_is(listen: str) -> None:
    assert reachable(listen) == listen


def test_a_broker_that_fails_is_on_the_screen() -> None:
    written, traffic = io.StringIO(), Traffic()
    traffic.problems["nats"] = "NATS: nats: no servers available for connection"
    screen = LiveScreen(Console(file=written, width=120), traffic)
    parts = frozenset(("ingest", "web"))
    screen.started("127.0.0.1:8686", DATA, parts, pasteable_lines("127.0.0.1:8686", DATA, TOKEN, parts))
    screen._console.print(screen)
    shown = written.getvalue()
    assert TOKEN in shown
    assert "stillhunt serve --data '/srv/still hunt' --logs FOLDER" in shown
    assert "nats: NATS: nats: no servers available for connection" in shown


@pytest.mark.parametrize("kind", [Screen, LiveScreen])
@pytest.mark.parametrize("parts", [("web",), ("hunt",), ("hunt", "web")])
def test_a_process_that_does_not_receive_tells_nobody_to_send_to_it(kind: type[Screen], parts: tuple[str, ...]) -> None:
    written = io.StringIO()
    console = Console(file=written, width=200)
    screen = LiveScreen(console, None) if kind is LiveScreen else Screen(console, quiet=False)
    for token in (TOKEN, ""):
        lines = pasteable_lines("127.0.0.1:8686", DATA, token, frozenset(parts))
        screen.started("127.0.0.1:8686", DATA, frozenset(parts), lines)
    shown = written.getvalue()
    assert "listening on http://127.0.0.1:8686" in shown
    assert f"token, shown only now: {TOKEN}" in shown
    assert "ingest" not in shown
    assert "TOKEN is" not in shown
