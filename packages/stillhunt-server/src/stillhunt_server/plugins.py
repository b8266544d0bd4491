"""What plugins for the server need: the types of gateways and of console pages, and what their functions use.

`stillhunt plugin new gateway NAME` writes such a package. The names are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stillhunt._facade import offer_names

if TYPE_CHECKING:
    from stillhunt_server.api.gateway_home import SIGN_UP_PATH, GatewayHome, reply
    from stillhunt_server.api.gateways import GatewayForm, Gateways, RefusedError
    from stillhunt_server.api.questions import GatewayQuestion
    from stillhunt_server.console.answers import render
    from stillhunt_server.console.context import Console, PageRequest
    from stillhunt_server.console.investigations import narrative_of
    from stillhunt_server.console.messages import done_url
    from stillhunt_server.console.navigation import ConsolePage, MenuEntry, PageRoute
    from stillhunt_server.console.rendering import campaign_url
    from stillhunt_server.heavy_work import HEAVY_WORK
else:
    __all__, __getattr__ = offer_names(__file__, __name__)
