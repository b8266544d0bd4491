"""What plugins for the server need: the types of gateways and of console pages, and what their functions use.

`stillhunt plugin new gateway NAME` writes such a package. The names are loaded when they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stillhunt_server.api.gateways import GatewayForm, Gateways, RefusedError, reply
    from stillhunt_server.api.questions import GatewayQuestion
    from stillhunt_server.console.case_forms import narrative_of
    from stillhunt_server.console.context import case_of, console_of, look
    from stillhunt_server.console.navigation import ConsolePage, MenuEntry
    from stillhunt_server.console.rendering import campaign_url, render

_HOMES = {
    "stillhunt_server.api.gateways": "GatewayForm Gateways RefusedError reply",
    "stillhunt_server.api.questions": "GatewayQuestion",
    "stillhunt_server.console.case_forms": "narrative_of",
    "stillhunt_server.console.context": "case_of console_of look",
    "stillhunt_server.console.navigation": "ConsolePage MenuEntry",
    "stillhunt_server.console.rendering": "campaign_url render",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "ConsolePage",
    "GatewayForm",
    "GatewayQuestion",
    "Gateways",
    "MenuEntry",
    "RefusedError",
    "campaign_url",
    "case_of",
    "console_of",
    "look",
    "narrative_of",
    "render",
    "reply",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)
